//! [`Stop`]: ends builds from another thread, with all that their tools have begun.
//!
//! Tools that can be stopped have a process group of their own: what cargo or a compiler has begun is
//! reached by that, and nobody else is. Where there are no such groups the system tells them itself,
//! as it does at Ctrl-C in a console, and no other tool is run.

use std::io;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

#[cfg(unix)]
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// How long a tool has to end by itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// Ends the builds that were given it, those that run and those that begin later. Its clones are
/// one.
#[derive(Clone, Default)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Default)]
struct State {
    is_stopped: bool,
    /// Those of the tools that run, and were not waited for: their numbers are nobody else's.
    #[cfg(unix)]
    groups: Vec<Pid>,
}

impl Stop {
    /// Stops them: each tool is interrupted, as by Ctrl-C, and killed if it has not ended a second
    /// later.
    pub fn stop(&self) {
        let mut state = self.shared.lock();
        state.is_stopped = true;
        self.shared.stopped.notify_all();
        #[cfg(unix)]
        state.signal(Signal::INT);
        drop(state);
        let later = self.clone();
        thread::spawn(move || {
            thread::sleep(PATIENCE);
            later.kill();
        });
    }

    /// Kills what has not ended since they were [stopped](Stop::stop).
    pub fn kill(&self) {
        #[cfg(unix)]
        self.shared.lock().signal(Signal::KILL);
    }

    /// Whether they were.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.shared.lock().is_stopped
    }

    /// Waits so long, or until they are stopped; whether they are.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let Shared { stopped, .. } = &*self.shared;
        let waits = stopped.wait_timeout_while(self.shared.lock(), time, |it| !it.is_stopped);
        waits.unwrap_or_else(PoisonError::into_inner).0.is_stopped
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    #[cfg(unix)]
    fn signal(&mut self, signal: Signal) {
        for group in &self.groups {
            // All of a group may have ended.
            let _ = kill_process_group(*group, signal);
        }
    }
}

/// A tool that runs.
pub(crate) struct Tool<'s> {
    child: Child,
    #[cfg_attr(not(unix), allow(dead_code, reason = "the system tells it itself"))]
    stop: Option<&'s Stop>,
}

impl<'s> Tool<'s> {
    /// Runs it, unless builds were stopped.
    pub(crate) fn spawn(command: &mut Command, stop: Option<&'s Stop>) -> io::Result<Tool<'s>> {
        let Some(known) = stop else { return Ok(Tool { child: command.spawn()?, stop }) };
        // Held while it begins: who stops builds finds it, or it does not begin.
        #[cfg_attr(not(unix), allow(unused_mut, reason = "nothing is taken down"))]
        let mut state = known.shared.lock();
        if state.is_stopped {
            return Err(io::ErrorKind::Interrupted.into());
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command.spawn()?;
        #[cfg(unix)]
        state.groups.extend(Pid::from_raw(child.id().cast_signed()));
        Ok(Tool { child, stop })
    }

    /// What it writes.
    pub(crate) fn output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> io::Result<ExitStatus> {
        #[cfg(unix)]
        if let (Some(stop), Some(id)) = (self.stop, Pid::from_raw(self.child.id().cast_signed())) {
            // Its number is its own until it is asked how it has ended.
            let ended = || waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            while ended().is_err_and(|error| error == rustix::io::Errno::INTR) {}
            let mut state = stop.shared.lock();
            state.groups.retain(|group| *group != id);
            return self.child.wait();
        }
        self.child.wait()
    }
}
