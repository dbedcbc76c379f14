//! The queue of channels in every order that its threads can come in:
//! `cargo test --release --manifest-path tests/loom/Cargo.toml`.
//!
//! The files are those of `src/channel`, over loom's atomics, locks and threads. What spins is
//! left out: to loom it would be endless.

#![cfg(test)]
#![allow(dead_code, reason = "what the channels of the host use besides")]

mod channel {
    #[path = "../../../../src/channel/held.rs"]
    pub(crate) mod held;
    #[path = "../../../../src/channel/life.rs"]
    pub(crate) mod life;
    #[path = "../../../../src/channel/queue.rs"]
    pub(crate) mod queue;
    #[path = "../../../../src/channel/pipe.rs"]
    pub(crate) mod pipe;
    #[path = "../../../../src/channel/wait.rs"]
    pub(crate) mod wait;
    #[path = "../../../../src/channel/waiter.rs"]
    pub(crate) mod waiter;

    pub(crate) mod sync {
        //! As `src/channel/sync.rs`.

        use std::time::Duration;

        pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
        pub(crate) use loom::thread::{Thread, current, park, yield_now};

        pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

        impl<T> Mutex<T> {
            pub(crate) fn new(inside: T) -> Self {
                Mutex(loom::sync::Mutex::new(inside))
            }

            pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
                self.0.lock().unwrap()
            }
        }

        pub(crate) fn park_timeout(_: Duration) {
            yield_now();
        }
    }

    pub(crate) mod lock {
        //! A lock in place of the one that spins.

        pub(crate) use super::sync::Mutex as Lock;
        pub(crate) use loom::sync::MutexGuard as Guard;
    }

    pub(crate) mod spin {
        //! Nobody looks around: one look, and who waits does.

        use std::time::Instant;

        #[derive(Default)]
        pub(crate) struct Spin;

        impl Spin {
            pub(crate) fn until<R>(
                &self,
                _: Option<Instant>,
                mut look: impl FnMut() -> Option<R>,
                _: impl Fn(&R) -> bool,
            ) -> Option<R> {
                look()
            }

            pub(crate) fn gather(_: usize, _: impl Fn() -> usize) {}
        }
    }

    mod tests;
}

mod plugin {
    //! What the queue uses of that room.

    pub(crate) fn wake(waker: std::task::Waker, _: &str) {
        waker.wake();
    }
}
