//! A future that a thread waits for.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use super::life::{Ends, Life};
use crate::plugin::cancellation;

/// Why a future was dropped before it was ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The plugin is gone that it was waited for on behalf of.
    Gone,
    /// The time is over, or the call was cancelled.
    Late,
}

/// Wakes the thread, from any other one.
struct Signal {
    thread: Thread,
    /// Beside the thread's own token, which a wait inside of the future may take.
    is_woken: AtomicBool,
    is_gone: AtomicBool,
}

impl Signal {
    fn ring(&self) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Sleeps until it is rung; false if the time is over before.
    fn sleep(&self, until: Option<Instant>) -> bool {
        while !self.is_woken.swap(false, Ordering::Acquire) {
            match until {
                None => thread::park(),
                Some(until) => match until.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => thread::park_timeout(left),
                    _ => return false,
                },
            }
        }
        true
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl Ends for Signal {
    fn end(&self) {
        self.is_gone.store(true, Ordering::Release);
        self.ring();
    }
}

/// Runs a future on this thread until it is ready, the life ends, the time is over or the call
/// of this thread is cancelled.
///
/// It is polled here, where the program may have entered a runtime, and nowhere else.
pub(crate) fn block_on<F: Future>(
    future: F,
    life: &Life,
    until: Option<Instant>,
) -> Result<F::Output, Cut> {
    let mut future = pin!(future);
    let signal = Arc::new(Signal {
        thread: thread::current(),
        is_woken: AtomicBool::new(false),
        is_gone: AtomicBool::new(false),
    });
    let _tied = life.tie(Arc::clone(&signal) as _);
    let cancellation = cancellation();
    let _called =
        cancellation.as_ref().map(|cancellation| cancellation.life().tie(Arc::clone(&signal) as _));
    let waker = Waker::from(Arc::clone(&signal));
    let mut context = Context::from_waker(&waker);
    loop {
        if signal.is_gone.load(Ordering::Acquire) {
            return Err(if life.is_over() { Cut::Gone } else { Cut::Late });
        }
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Ok(output);
        }
        // One that wakes itself each time comes to no sleep.
        if until.is_some_and(|until| until <= Instant::now()) || !signal.sleep(until) {
            return Err(Cut::Late);
        }
    }
}
