//! Ctrl-C: it stops a call or a build, and ends what cannot be stopped when it comes twice. The system's
//! wish that the process end (SIGTERM), and a terminal that goes (SIGHUP), stop them as well, and then
//! end the session as Ctrl-D does.
//!
//! At the prompt of a terminal Ctrl-C is a key, which the line editor reads.

use std::future::Future;
use std::mem;
use std::pin::pin;
use std::process;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use twinplug_build::Stop;

use super::ending::{AT_ONCE, Ending, Stopped};
use crate::building;
use crate::failure::Failure;
use crate::output;

/// How long it takes until somebody wonders why nothing ends.
const PATIENCE: Duration = Duration::from_millis(300);

/// What whoever waits is sent.
enum Happening {
    /// The call may have ended.
    Woken,
    /// What was read.
    Read(Read),
    Interrupt,
}

/// A line, or why there is none.
pub(super) type Read = std::io::Result<Option<Vec<u8>>>;

/// What the session does.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// It shows a prompt.
    Prompt,
    /// It waits for what comes, an interrupt too.
    Waits,
    /// It does what goes on to its end, unless that is a build.
    Busy,
    /// The same, and there was an interrupt then: no build goes on, and the next wait ends with it.
    Asked(Instant),
}

impl Stage {
    /// An interrupt comes that nobody waits for.
    fn ask(&mut self) {
        *self = Stage::Asked(Instant::now());
        building::stop();
    }

    /// The next one; what was asked in this one is over. Gives this one.
    fn goes_on(&mut self, next: Stage) -> Stage {
        building::can_be_stopped(Stop::at_the_terminal());
        mem::replace(self, next)
    }
}

pub(super) struct Interrupts {
    stage: Arc<Mutex<Stage>>,
    ending: Ending,
    sender: Sender<Happening>,
    happenings: Receiver<Happening>,
}

/// How a wait has ended.
pub(super) enum Ended<T> {
    With(T),
    Interrupted,
}

impl Interrupts {
    /// Takes them for this process. `leave` is what a session does last, where the process ends without
    /// it.
    pub(super) fn new(leave: impl FnOnce() + Send + 'static) -> Result<Interrupts, Failure> {
        let (sender, happenings) = mpsc::channel();
        let stage = Arc::new(Mutex::new(Stage::Busy));
        // Whoever is told of one waits until builds can be stopped.
        let begins = lock(&stage);
        let ending = Ending::default();
        let (told, asked, end) = (sender.clone(), Arc::clone(&stage), ending.clone());
        let set = ctrlc::set_handler(move || interrupt(&asked, &told, &end));
        set.map_err(|error| Failure::Unmet(format!("cannot wait for Ctrl-C: {error}")))?;
        let (told, asked) = (sender.clone(), Arc::clone(&stage));
        let set = ending.follow(move || stop(&asked, &told), leave);
        set.map_err(|error| Failure::Unmet(format!("cannot wait for SIGTERM: {error}")))?;
        building::can_be_stopped(Stop::at_the_terminal());
        drop(begins);
        Ok(Interrupts { stage, ending, sender, happenings })
    }

    /// Whether the session is to end.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_asked()
    }

    /// Runs what shows a prompt, unless the session is to end. What else was asked before is not about
    /// what is typed there.
    pub(super) fn at_prompt<R>(&self, prompt: impl FnOnce() -> R) -> Option<R> {
        lock(&self.stage).goes_on(Stage::Prompt);
        // Whoever asks for the end from here on finds the prompt.
        let result = (!self.is_ending()).then(prompt);
        *lock(&self.stage) = Stage::Busy;
        result
    }

    /// A call's result, unless it is interrupted: then it is cancelled.
    pub(super) fn call<F: Future>(&self, call: F) -> Ended<F::Output> {
        let waker = Waker::from(Arc::new(Wakes(self.sender.clone())));
        let mut context = Context::from_waker(&waker);
        let mut call = pin!(call);
        self.wait(|happening| match happening {
            Some(Happening::Interrupt) => Some(Ended::Interrupted),
            _ => match call.as_mut().poll(&mut context) {
                Poll::Ready(result) => Some(Ended::With(result)),
                Poll::Pending => None,
            },
        })
    }

    /// What is read, unless it is interrupted. `read` has it sent, once, by what it is given.
    pub(super) fn read(&self, read: impl FnOnce(Box<dyn FnOnce(Read) + Send>)) -> Ended<Read> {
        let sender = self.sender.clone();
        read(Box::new(move |line| {
            // The session may have ended.
            let _ = sender.send(Happening::Read(line));
        }));
        self.wait(|happening| match happening {
            Some(Happening::Read(line)) => Some(Ended::With(line)),
            Some(Happening::Interrupt) => Some(Ended::Interrupted),
            _ => None,
        })
    }

    /// Asks `ended` at first, and at each happening.
    fn wait<T>(&self, mut ended: impl FnMut(Option<Happening>) -> Option<T>) -> T {
        let is_asked = matches!(lock(&self.stage).goes_on(Stage::Waits), Stage::Asked(_));
        let mut happening = is_asked.then_some(Happening::Interrupt);
        let end = loop {
            if let Some(end) = ended(happening) {
                break end;
            }
            happening = self.happenings.recv().ok();
        };
        let mut stage = lock(&self.stage);
        // One that came as it ended is the next wait's.
        let left = self.happenings.try_iter();
        let left = left.filter(|left| matches!(left, Happening::Interrupt)).count();
        *stage = Stage::Busy;
        if left > 0 {
            stage.ask();
        }
        end
    }
}

struct Wakes(Sender<Happening>);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        // The session may have ended.
        let _ = self.0.send(Happening::Woken);
    }
}

/// Stops what runs or waits; whether that could be a prompt, which ends by itself.
fn stop(stage: &Mutex<Stage>, told: &Sender<Happening>) -> Stopped {
    let mut now = lock(stage);
    match *now {
        Stage::Prompt => return Stopped::Prompt,
        // Nobody hears it once the session has ended.
        Stage::Waits => drop(told.send(Happening::Interrupt)),
        Stage::Busy => now.ask(),
        Stage::Asked(_) => {}
    }
    Stopped::Other
}

/// On the thread that is told of Ctrl-C.
fn interrupt(stage: &Arc<Mutex<Stage>>, told: &Sender<Happening>, ending: &Ending) {
    if ending.is_under_way() {
        exit();
    } else if ending.is_asked() {
        // It is most likely what ends the prompt.
        return;
    }
    let mut now = lock(stage);
    match *now {
        Stage::Prompt => {}
        // Nobody hears it once the session has ended.
        Stage::Waits => drop(told.send(Happening::Interrupt)),
        Stage::Busy => {
            now.ask();
            let (asked, stage) = (*now, Arc::clone(stage));
            // The next one is not to wait for that.
            thread::spawn(move || tell_that_it_goes_on(asked, &stage));
        }
        // Whoever passes signals on may send them twice.
        Stage::Asked(since) if since.elapsed() < AT_ONCE => {}
        Stage::Asked(_) => exit(),
    }
}

fn tell_that_it_goes_on(asked: Stage, stage: &Mutex<Stage>) {
    thread::sleep(PATIENCE);
    if *lock(stage) == asked {
        output::note("this goes on to its end: Ctrl-C once more ends the session at once");
    }
}

/// Ends the process, and waits for nothing.
pub(super) fn exit() -> ! {
    building::kill();
    process::exit(1)
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}
