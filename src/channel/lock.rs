//! The locks of a queue: held for a few nanoseconds at a time, over no foreign code.
//!
//! Letting one go is a store where a lock that can be slept on needs an atomic exchange, which
//! is a third of what a message takes on either side. The price is that nobody is woken: who finds it held
//! tries again, and lets others run meanwhile, in the end for a while at a time, so that a
//! holder of a lower priority gets on.

use std::hint;
use std::thread;
use std::time::Duration;

use spin::mutex::SpinMutex;
pub(super) use spin::mutex::SpinMutexGuard as Guard;

pub(super) struct Lock<T>(SpinMutex<T>);

impl<T> Lock<T> {
    pub(super) fn new(inside: T) -> Self {
        Lock(SpinMutex::new(inside))
    }

    #[inline(always)]
    pub(super) fn lock(&self) -> Guard<'_, T> {
        match self.0.try_lock() {
            Some(guard) => guard,
            None => self.lock_later(),
        }
    }

    #[cold]
    #[inline(never)]
    fn lock_later(&self) -> Guard<'_, T> {
        let mut tries = 0_u32;
        loop {
            match tries {
                0..64 => hint::spin_loop(),
                64..200 => thread::yield_now(),
                _ => thread::sleep(Duration::from_micros(50)),
            }
            // To look takes the line from nobody who holds it; to try does.
            if !self.0.is_locked()
                && let Some(guard) = self.0.try_lock()
            {
                return guard;
            }
            tries += 1;
        }
    }
}
