//! How often a plugin's functions are called, and how long that takes: of hosts that ask for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::Result;

/// The calls of one plugin, through all of its loads.
#[derive(Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    errors: AtomicU64,
    nanoseconds: AtomicU64,
}

/// The calls of a plugin's functions: [`Stats::calls`](crate::Stats::calls).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calls {
    /// How many have ended.
    pub count: u64,
    /// How many of them have failed.
    pub errors: u64,
    /// How long they took together, waits and whatever they have called included; of calls at once
    /// each counts.
    pub time: Duration,
}

impl Counters {
    /// Makes a call, and counts it once it has ended, unless it has not begun.
    pub(super) fn measure<R>(&self, call: impl FnOnce() -> Result<R>) -> Result<R> {
        let begun = Instant::now();
        let result = call();
        if !result.as_ref().is_err_and(|error| error.has_not_begun()) {
            let time = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.nanoseconds.fetch_add(time, Ordering::Relaxed);
            self.errors.fetch_add(u64::from(result.is_err()), Ordering::Relaxed);
            self.calls.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    pub(crate) fn calls(&self) -> Calls {
        Calls {
            count: self.calls.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            time: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}
