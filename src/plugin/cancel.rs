//! Calls that another thread may cancel: those of futures, which may be dropped.
//!
//! A thread that runs one knows what cancels it. Its waits end with that, and its scripts are
//! stopped as by a limit; what the host's functions and native code do goes on until they return.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::chain::set_cancellable;
use crate::channel::Life;

/// What cancels the calls of a thread, as long as they run.
pub(crate) struct Cancellation {
    /// Never used twice; not 0.
    number: u64,
    life: Life,
}

/// The numbers of those that were cancelled, and may not have ended: for who looks at a thread
/// from outside, and may not follow a pointer of it.
static CANCELLED: Mutex<Vec<u64>> = Mutex::new(Vec::new());

thread_local! {
    static CURRENT: RefCell<Option<Arc<Cancellation>>> = const { RefCell::new(None) };
}

impl Cancellation {
    pub(crate) fn new() -> Arc<Cancellation> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Cancellation { number, life: Life::default() })
    }

    /// Ends the calls, wherever they are.
    pub(crate) fn cancel(&self) {
        CANCELLED.lock().push(self.number);
        self.life.end();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.life.is_over()
    }

    /// What waits of the calls end with.
    pub(crate) fn life(&self) -> &Life {
        &self.life
    }

    #[cfg(feature = "_lua")]
    pub(crate) fn number(&self) -> u64 {
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

impl Drop for Cancellation {
    fn drop(&mut self) {
        if self.is_cancelled() {
            CANCELLED.lock().retain(|number| *number != self.number);
        }
    }
}

/// What cancels the calls of this thread; to be asked for where something does.
pub(super) fn current() -> Option<Arc<Cancellation>> {
    CURRENT.with_borrow(Option::clone)
}

/// Whether calls with that number were cancelled, and may not have ended.
#[cfg(feature = "_lua")]
pub(crate) fn was_cancelled(number: u64) -> bool {
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
