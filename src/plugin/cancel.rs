//! Calls that another thread may cancel: those of futures, which may be dropped.
//!
//! A thread that runs one knows what cancels it. Its waits end with that, and its scripts are
//! stopped as by a limit; what the host's functions and native code do goes on until they return.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use super::chain::{cancellation, set_cancellable};
use crate::channel::{Ends, Life};

/// What cancels the calls of a thread, as long as they run.
pub(crate) struct Cancellation {
    /// Not 0, and of no other that lives: four thousand million later it is used again.
    number: u32,
    life: Life,
    /// What cancels this one as well: of a call that is awaited in another call.
    outer: Option<Arc<Cancellation>>,
}

/// The numbers of those that were cancelled, and may not have ended: for who looks at a thread
/// from outside, and may not follow a pointer of it.
static CANCELLED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

thread_local! {
    static CURRENT: RefCell<Option<Arc<Cancellation>>> = const { RefCell::new(None) };
}

impl Cancellation {
    /// One for what this thread begins, which its own calls' takes along.
    pub(crate) fn new() -> Arc<Cancellation> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
        let outer = cancellation();
        let new = Arc::new(Cancellation { number, life: Life::default(), outer: outer.clone() });
        if let Some(outer) = outer {
            outer.life.add(&(Arc::clone(&new) as _));
        }
        new
    }

    /// Ends the calls, wherever they are.
    pub(crate) fn cancel(&self) {
        // First: who is told by the number why it is stopped finds it so.
        self.life.end();
        CANCELLED.lock().insert(self.number);
    }

    /// The calls have ended.
    pub(crate) fn done(self: &Arc<Self>) {
        if let Some(outer) = &self.outer {
            outer.life.remove(&(Arc::clone(self) as _));
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.life.is_over()
    }

    /// What waits of the calls end with.
    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    #[cfg(feature = "_lua")]
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Runs calls that it cancels. They are not within others of this thread that are so.
    pub(crate) fn run<R>(self: &Arc<Self>, calls: impl FnOnce() -> R) -> R {
        /// Also when a call panics.
        struct Current;
        impl Drop for Current {
            fn drop(&mut self) {
                set_cancellable(false);
                CURRENT.take();
            }
        }
        CURRENT.set(Some(Arc::clone(self)));
        set_cancellable(true);
        let _current = Current;
        calls()
    }
}

impl Ends for Cancellation {
    fn end(&self) {
        self.cancel();
    }
}

impl Drop for Cancellation {
    fn drop(&mut self) {
        if self.is_cancelled() {
            CANCELLED.lock().remove(&self.number);
        }
    }
}

/// What cancels the calls of this thread; to be asked for where something does.
pub(super) fn current() -> Option<Arc<Cancellation>> {
    CURRENT.with_borrow(Option::clone)
}

pub(super) fn is_current_cancelled() -> bool {
    CURRENT.with_borrow(|current| current.as_ref().is_some_and(|it| it.is_cancelled()))
}

/// Whether calls with that number were cancelled, and may not have ended.
#[cfg(feature = "_lua")]
pub(crate) fn was_cancelled(number: u32) -> bool {
    CANCELLED.lock().contains(&number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Limit;
    use crate::plugin::{cancellation, overdue};

    #[test]
    fn only_its_own_calls_are_cancelled() {
        let one = Cancellation::new();
        let other = Cancellation::new();
        one.cancel();
        assert_eq!(one.run(overdue), Some(Limit::Cancelled));
        assert_eq!(other.run(overdue), None);
        assert!(cancellation().is_none());
        let number = one.number;
        assert!(CANCELLED.lock().contains(&number));
        drop(one);
        assert!(!CANCELLED.lock().contains(&number));
    }
}
