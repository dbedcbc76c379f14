//! [`Stop`]: ends builds from another thread, with all that their tools have begun.
//!
//! Tools that can be stopped have a process group of their own: what cargo or a compiler has begun is
//! reached by that, and nobody else is. They [may](Stop::at_the_terminal) stay in the foreground of the
//! terminal. Where there are no such groups the system tells them itself, as it does at Ctrl-C in a
//! console, and no other tool is run.

use std::io;
#[cfg(unix)]
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

#[cfg(unix)]
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgrp, kill_process, kill_process_group, waitid,
};
#[cfg(unix)]
use rustix::termios::{LocalModes, Termios, tcgetattr, tcgetpgrp};

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
    #[cfg_attr(not(unix), allow(dead_code, reason = "there are no groups"))]
    place: Place,
    state: Mutex<State>,
    stopped: Condvar,
}

/// Where tools are.
#[derive(Clone, Copy, Default, PartialEq)]
enum Place {
    /// In a group of their own.
    #[default]
    Apart,
    /// In this process's group, as long as that is in the foreground of its terminal.
    AtTheTerminal,
}

#[derive(Default)]
struct State {
    is_stopped: bool,
    is_killed: bool,
    /// Those of the tools that run, and were not waited for: their numbers are nobody else's.
    #[cfg(unix)]
    tools: Vec<Known>,
}

/// A tool, as it can be reached.
#[cfg(unix)]
struct Known {
    id: Pid,
    place: Place,
}

impl Stop {
    /// One whose tools are in the foreground of the terminal if this process is: there they can ask, and
    /// the terminal itself tells them, with all that they have begun, of Ctrl-C, which stops the builds. A
    /// stop from elsewhere reaches no more than the tool then.
    #[must_use]
    pub fn at_the_terminal() -> Stop {
        Stop { shared: Arc::new(Shared { place: Place::AtTheTerminal, ..Shared::default() }) }
    }

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

    /// Kills what has not ended since they were [stopped](Stop::stop). From then on no build waits for
    /// others that hold what its tools wrote to.
    pub fn kill(&self) {
        let mut state = self.shared.lock();
        state.is_killed = true;
        #[cfg(unix)]
        state.signal(Signal::KILL);
    }

    /// Whether nothing of them runs any more but what is out of reach.
    pub(crate) fn is_killed(&self) -> bool {
        self.shared.lock().is_killed
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
        for Known { id, place } in &self.tools {
            // All of a group may have ended.
            let _ = match place {
                Place::Apart => kill_process_group(*id, signal),
                Place::AtTheTerminal => kill_process(*id, signal),
            };
        }
    }
}

impl Place {
    /// Where a tool is that begins now.
    #[cfg(unix)]
    fn now(self) -> Place {
        match self {
            Place::AtTheTerminal if is_in_the_foreground() => Place::AtTheTerminal,
            _ => Place::Apart,
        }
    }
}

/// Whether a tool of such builds may write to a terminal itself: in the background that stops it, where
/// its user has had that done (`stty tostop`).
#[cfg(unix)]
pub(crate) fn may_write(stop: Option<&Stop>) -> bool {
    let is_apart = stop.is_some_and(|stop| stop.shared.place.now() == Place::Apart);
    let stops = |terminal: Termios| terminal.local_modes.contains(LocalModes::TOSTOP);
    !(is_apart && tcgetattr(io::stderr()).is_ok_and(stops))
}

#[cfg(not(unix))]
pub(crate) fn may_write(_: Option<&Stop>) -> bool {
    true
}

/// Whether this process may ask at its terminal, and has one.
#[cfg(unix)]
fn is_in_the_foreground() -> bool {
    let terminal = std::fs::File::open("/dev/tty");
    terminal.is_ok_and(|terminal| tcgetpgrp(terminal).is_ok_and(|group| group == getpgrp()))
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
        let place = known.shared.place.now();
        #[cfg(unix)]
        if place == Place::Apart {
            command.process_group(0);
        }
        let child = command.spawn()?;
        #[cfg(unix)]
        state.tools.extend(Pid::from_raw(child.id().cast_signed()).map(|id| Known { id, place }));
        Ok(Tool { child, stop })
    }

    /// What it writes.
    pub(crate) fn output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for its end. Until it is asked how it has ended, its number is its own, and what it has begun
    /// can be stopped.
    pub(crate) fn run_to_end(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.id() {
            let ended = || waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            while ended().is_err_and(|error| error == rustix::io::Errno::INTR) {}
        }
        #[cfg(not(unix))]
        // It is kept, and told once more.
        let _ = self.child.wait();
    }

    /// Waits for its end, and asks how that was.
    pub(crate) fn wait(mut self) -> io::Result<ExitStatus> {
        self.run_to_end();
        #[cfg(unix)]
        if let (Some(stop), Some(id)) = (self.stop, self.id()) {
            let mut state = stop.shared.lock();
            let known = state.tools.iter().position(|tool| tool.id == id);
            let place = known.map(|at| state.tools.swap_remove(at).place);
            let status = self.child.wait()?;
            // Ctrl-C: this process may not have heard of it so far.
            if place == Some(Place::AtTheTerminal) && status.signal() == Some(Signal::INT.as_raw())
            {
                state.is_stopped = true;
                stop.shared.stopped.notify_all();
            }
            return Ok(status);
        }
        self.child.wait()
    }

    #[cfg(unix)]
    fn id(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
mod tests {
    use std::sync::mpsc::{self, Sender};

    use rustix::process::kill_process;

    use super::*;
    use crate::{Audience, Manner, Show};

    /// Somebody who passes on what is written.
    struct Told(Sender<String>);

    impl Audience for Told {
        fn begins(&self, _: &str) {}

        fn writes(&self, text: &[u8]) {
            self.0.send(String::from_utf8_lossy(text).trim().to_owned()).unwrap();
        }

        fn is_coloured(&self) -> bool {
            false
        }
    }

    /// A process in no group that is stopped, and with what the tool writes to; its number is told.
    const LEAVES_ONE: &str = "setsid sleep 300 & echo $! >&2";

    #[test]
    fn what_is_out_of_reach_does_not_hold_up_the_end_of_a_build() {
        for then in ["; wait", ""] {
            let (sender, told) = mpsc::channel();
            let (audience, stop) = (Told(sender), Stop::default());
            let manner = Manner { show: Show::To(&audience), stop: Some(&stop) };
            let mut tool = Command::new("sh");
            tool.args(["-c", &format!("{LEAVES_ONE}{then}")]);
            let left = thread::scope(|scope| {
                let ran = scope.spawn(|| manner.run(&mut tool));
                let left = told.recv().unwrap();
                stop.stop();
                ran.join().unwrap().unwrap();
                left
            });
            let left = Pid::from_raw(left.parse().unwrap()).unwrap();
            kill_process(left, Signal::KILL).expect("it is still there");
        }
    }

    /// The tool itself ends by the interrupt, what it has begun does not.
    #[test]
    fn what_a_tool_leaves_behind_that_was_stopped_is_killed() {
        let (sender, told) = mpsc::channel();
        let (audience, stop) = (Told(sender), Stop::default());
        let manner = Manner { show: Show::To(&audience), stop: Some(&stop) };
        let mut tool = Command::new("sh");
        let own = "(trap '' INT; echo begun >&2; exec sleep 300) & exec sleep 300";
        tool.args(["-c", own]);
        thread::scope(|scope| {
            let ran = scope.spawn(|| manner.run(&mut tool));
            told.recv().unwrap();
            stop.stop();
            // Its standard error is open as long as any of them is there.
            assert!(!ran.join().unwrap().unwrap().status.success());
        });
        assert!(stop.is_killed());
    }
}
