//! One wait: how it ends, and how who waits comes to know.
//!
//! A wait has one end: whoever claims its ticket first decides which. A receiver that takes
//! a sender's message, a close, a plugin that goes, and the waiter itself, whose time is over,
//! all claim it so. Who waits in several channels at once has one ticket in all of them.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Instant;

use super::sync::{self, AtomicU8, AtomicUsize, Mutex, Thread};
use crate::plugin::wake;

/// How a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A message was passed, in the channel of that number.
    Met(usize),
    /// The channel was closed.
    Closed,
    /// The plugin is gone that the wait belongs to.
    Gone,
    /// Who waits has given it up.
    GivenUp,
}

/// A wait that has not ended, or its end.
pub(super) struct Ticket {
    end: AtomicUsize,
    signal: AtomicU8,
    sleeper: Sleeper,
}

/// Who waits.
enum Sleeper {
    /// Set when it goes to sleep.
    Thread(OnceLock<Thread>),
    Task(Mutex<Option<Waker>>),
}

const OPEN: usize = 0;
const CLOSED: usize = 1;
const GONE: usize = 2;
const GIVEN_UP: usize = 3;
const MET: usize = 4;

/// Looks at the signal now and then.
const AWAKE: u8 = 0;
/// Must be woken.
const ASLEEP: u8 = 1;
/// The wait has ended, and what was passed is in its place.
const RUNG: u8 = 2;

impl Ticket {
    /// Of this thread.
    pub(super) fn of_thread() -> Ticket {
        Ticket::new(AWAKE, Sleeper::Thread(OnceLock::new()))
    }

    /// Of a task that sleeps.
    pub(super) fn of_task(waker: &Waker) -> Ticket {
        Ticket::new(ASLEEP, Sleeper::Task(Mutex::new(Some(waker.clone()))))
    }

    fn new(signal: u8, sleeper: Sleeper) -> Ticket {
        Ticket { end: AtomicUsize::new(OPEN), signal: AtomicU8::new(signal), sleeper }
    }

    /// Decides how it ends, unless that is decided. Who has claimed it lets the waiter know by
    /// [`ring`](Ticket::ring), without any lock.
    pub(super) fn claim(&self, end: End) -> bool {
        let end = match end {
            End::Closed => CLOSED,
            End::Gone => GONE,
            End::GivenUp => GIVEN_UP,
            End::Met(number) => MET + number,
        };
        self.end.compare_exchange(OPEN, end, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    pub(super) fn is_open(&self) -> bool {
        self.end.load(Ordering::Acquire) == OPEN
    }

    /// How it has ended.
    pub(super) fn end(&self) -> Option<End> {
        match self.end.load(Ordering::Acquire) {
            OPEN => None,
            CLOSED => Some(End::Closed),
            GONE => Some(End::Gone),
            GIVEN_UP => Some(End::GivenUp),
            met => Some(End::Met(met - MET)),
        }
    }

    /// Lets the waiter know. A waker is the embedding's code.
    pub(super) fn ring(&self) {
        if self.signal.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            match &self.sleeper {
                Sleeper::Thread(thread) => {
                    if let Some(thread) = thread.get() {
                        thread.unpark();
                    }
                }
                Sleeper::Task(waker) => {
                    let waker = waker.lock().take();
                    if let Some(waker) = waker {
                        wake(waker, "a channel");
                    }
                }
            }
        }
    }

    /// Whether the waiter has been let known: then what was passed is there.
    pub(super) fn is_rung(&self) -> bool {
        self.signal.load(Ordering::Acquire) == RUNG
    }

    /// Sleeps until it is rung, on the thread that it is of; false if the time is over before.
    pub(super) fn sleep(&self, until: Option<Instant>) -> bool {
        if let Sleeper::Thread(thread) = &self.sleeper {
            thread.get_or_init(sync::current);
        }
        // It is asleep already where it sleeps again.
        let _ = self.signal.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire);
        while !self.is_rung() {
            match until {
                None => sync::park(),
                Some(until) => match until.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => sync::park_timeout(left),
                    _ => return false,
                },
            }
        }
        true
    }

    /// Who is woken from now on; of a task.
    pub(super) fn wakes(&self, waker: &Waker) {
        if let Sleeper::Task(place) = &self.sleeper {
            let mut place = place.lock();
            if !place.as_ref().is_some_and(|old| old.will_wake(waker)) {
                let old = place.replace(waker.clone());
                drop(place);
                drop(old);
            }
        }
    }

    /// Gives it up; the end that it has.
    pub(super) fn give_up(&self) -> End {
        if !self.claim(End::GivenUp) {
            // Who was quicker is about to ring.
            while !self.is_rung() {
                sync::yield_now();
            }
        }
        self.end().unwrap_or(End::GivenUp)
    }
}
