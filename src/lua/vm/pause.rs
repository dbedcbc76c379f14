//! A VM that is paused: calls that run have ended or wait, and none comes in but those of the
//! thread that has paused it, until another load has taken over, or has not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Vm;
use crate::error::Result;
use crate::lua::entry::Entry;
use crate::lua::limits::Thread;
use crate::plugin::{Gate, Visits};

#[derive(Default)]
pub(in crate::lua) struct Pause {
    /// The number of the thread that comes in; 0 where all do. It changes with the lock held.
    thread: AtomicUsize,
    /// Whether calls that were there before come back meanwhile.
    lets_back: AtomicBool,
    gate: Mutex<Option<Arc<Gate>>>,
    /// The calls that use other plugins.
    pub(in crate::lua) visits: Arc<Visits>,
}

/// How long calls may take to come back that use another plugin.
const AWAY: Duration = Duration::from_secs(1);

impl Pause {
    #[inline(always)]
    pub(in crate::lua) fn is_on(&self) -> bool {
        self.thread.load(Ordering::Relaxed) != 0
    }

    /// Whether that thread stays out. With the lock held.
    #[inline(always)]
    pub(in crate::lua) fn keeps_out(&self, thread: Thread) -> bool {
        self.is_on() && self.thread.load(Ordering::Relaxed) != thread.number()
    }

    /// Whether who was there before comes back in, though it keeps others out.
    pub(in crate::lua) fn lets_back(&self) -> bool {
        self.lets_back.load(Ordering::Relaxed)
    }

    /// All come in again. With the lock held.
    pub(in crate::lua) fn end(&self) {
        self.thread.store(0, Ordering::Relaxed);
        *self.gate.lock() = None;
    }

    /// Waits for its end. Without the lock.
    ///
    /// # Errors
    /// The thread cannot wait, or not for so long.
    pub(in crate::lua) fn wait(&self, plugin: &str) -> Result<()> {
        let gate = self.gate.lock().clone();
        gate.map_or(Ok(()), |gate| gate.wait(plugin))
    }
}

impl Vm {
    /// From here on nobody comes in but this thread.
    ///
    /// # Errors
    /// The calls that run have not ended in the time that this thread has.
    pub(in crate::lua) fn pause(&self, gate: &Arc<Gate>) -> Result<()> {
        let mut entry = Entry::outside(self);
        entry.enter()?;
        *self.pause.gate.lock() = Some(Arc::clone(gate));
        self.pause.thread.store(Thread::this().number(), Ordering::Relaxed);
        self.keep_quick_calls_out();
        self.pause.lets_back.store(true, Ordering::Relaxed);
        let until = Instant::now() + AWAY;
        let mut entered = Ok(());
        while entered.is_ok() && !self.pause.visits.are_back() && Instant::now() < until {
            entry.leave();
            self.pause.visits.wait(until);
            entered = entry.enter();
        }
        self.pause.lets_back.store(false, Ordering::Relaxed);
        if entered.is_err() {
            // Without the lock, and others see it a little later. Quick calls take the longer way.
            self.pause.end();
        }
        entered
    }

    /// All come in again, once they are let through the gate.
    pub(in crate::lua) fn resume(&self) {
        let mut entry = Entry::outside(self);
        // One that was retired is over, and whoever waits shall find that out.
        let entered = entry.enter();
        self.pause.end();
        if entered.is_ok() {
            self.let_quick_calls_in(entry.state());
        }
    }
}
