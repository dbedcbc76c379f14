//! One call, as its thread shows it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mlua::ffi::lua_State;

use crate::error::Limit;
use crate::plugin::{deadline, is_cancelled, was_cancelled};

/// One call.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Frame {
    /// The VM whose quick calls find in it what they all show, by its number; 0 for none.
    /// Only the frame's own thread looks at it.
    pub(super) prepared_for: AtomicU64,
    /// Never used twice on one record; 0 is none.
    pub(super) number: AtomicU64,
    /// How long it may run, in nanoseconds; 0 is for ever.
    pub(super) time: AtomicU64,
    /// When it must have ended, waits included, as `moment` counts; 0 is never.
    pub(super) until: AtomicU64,
    /// The coroutine of the call, and the one that runs.
    pub(super) base: AtomicPtr<lua_State>,
    pub(super) state: AtomicPtr<lua_State>,
    /// The number of what may cancel it, or 0.
    pub(super) cancellation: AtomicU32,
    /// The signal that stops its VM, or 0.
    pub(super) signal: AtomicI32,
    /// The switch that stops its VM, by its address, or 0.
    pub(super) switch: AtomicUsize,
}

/// What a thread shows of one call.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    pub(super) number: u64,
    /// How long it may run.
    pub(super) time: Option<Duration>,
    /// When it must have ended, as `moment` counts.
    pub(super) until: Option<Duration>,
    /// Whether it was cancelled.
    pub(super) is_cancelled: bool,
}

impl Shown {
    pub(super) fn is_limited(self) -> bool {
        self.time.is_some() || self.until.is_some()
    }
}

impl Frame {
    /// Whether what may cancel it has.
    pub(super) fn is_cancelled(&self) -> bool {
        let cancellation = self.cancellation.load(Ordering::Relaxed);
        cancellation != 0 && was_cancelled(cancellation)
    }

    /// The limit that it has hit.
    pub(super) fn limit(&self) -> Limit {
        if is_cancelled() {
            return Limit::Cancelled;
        }
        let until = self.until.load(Ordering::Relaxed);
        let late = until != 0 && Duration::from_nanos(until) <= moment(Instant::now());
        match deadline().filter(|_| late) {
            Some(deadline) => Limit::Deadline(deadline.time),
            None => Limit::Time(Duration::from_nanos(self.time.load(Ordering::Relaxed))),
        }
    }
}

/// Instants as numbers: how long after the first one that was asked for.
pub(super) fn moment(instant: Instant) -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    instant.saturating_duration_since(*FIRST.get_or_init(Instant::now))
}

/// 0 stands for none, so that a limit of nothing becomes the least there is.
pub(super) fn nanos(time: Option<Duration>) -> u64 {
    time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1))
}
