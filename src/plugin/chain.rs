//! Which plugins the calls of this thread hold.
//!
//! A Lua plugin runs one call at a time. While its code has called a plain host
//! function, the thread holds it, and nothing that the host function does may
//! wait: two such waits on two threads would end in a deadlock. So everything
//! that waits asks here first.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cancel::{self, Cancellation};
use crate::error::{Error, ErrorKind, Limit, WaitFault};

/// Calls into Lua plugins that may be nested on one thread: Lua → host → Lua. Each
/// takes some 10 KiB of stack, and a thread has 2 MiB of it unless it was made
/// otherwise.
pub(crate) const MAX_NESTED: usize = 64;

thread_local! {
    /// How many plugins are held, in steps of `ONE`, and whether there is a deadline, or another
    /// thread may cancel the calls: one that has to heed none of it learns so at once.
    static CHAIN: Cell<usize> = const { Cell::new(0) };
    static DEADLINE: Cell<Option<Deadline>> = const { Cell::new(None) };
}

const HAS_DEADLINE: usize = 1;
const CANCELLABLE: usize = 2;
const ONE: usize = 4;

/// When the calls of this thread must have ended.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    /// How long that was when it was set.
    pub(crate) time: Duration,
}

/// Runs calls that must end in time: within the time given, and that of an outer one.
pub(crate) fn within<R>(time: Duration, call: impl FnOnce() -> R) -> R {
    /// Sets back what was before, also when a call panics.
    struct Before(Option<Deadline>);
    impl Drop for Before {
        fn drop(&mut self) {
            set(self.0);
        }
    }
    let outer = DEADLINE.get();
    let before = Before(outer);
    // One that the clock cannot show is none.
    if let Some(at) = Instant::now().checked_add(time)
        && outer.is_none_or(|outer| at < outer.at)
    {
        set(Some(Deadline { at, time }));
    }
    let result = call();
    drop(before);
    result
}

/// Runs calls that must have ended by then, of a thread that has no other deadline.
pub(super) fn by<R>(deadline: Option<Deadline>, calls: impl FnOnce() -> R) -> R {
    set(deadline);
    let result = calls();
    set(None);
    result
}

fn set(deadline: Option<Deadline>) {
    DEADLINE.set(deadline);
    set_flag(HAS_DEADLINE, deadline.is_some());
}

/// Whether another thread may cancel the calls of this one from here on.
pub(super) fn set_cancellable(is_so: bool) {
    set_flag(CANCELLABLE, is_so);
}

fn set_flag(flag: usize, is_set: bool) {
    CHAIN.set(CHAIN.get() & !flag | if is_set { flag } else { 0 });
}

/// When the calls of this thread must have ended, if they must.
#[inline(always)]
pub(crate) fn deadline() -> Option<Deadline> {
    if CHAIN.get() & HAS_DEADLINE == 0 { None } else { DEADLINE.get() }
}

/// Whether the calls of this thread have no deadline, and nothing cancels them.
#[inline(always)]
pub(crate) fn ends_by_itself() -> bool {
    CHAIN.get() & (HAS_DEADLINE | CANCELLABLE) == 0
}

/// What cancels the calls of this thread, if anything may.
#[inline(always)]
pub(crate) fn cancellation() -> Option<Arc<Cancellation>> {
    if CHAIN.get() & CANCELLABLE == 0 { None } else { cancel::current() }
}

/// Whether the calls of this thread were cancelled.
pub(crate) fn is_cancelled() -> bool {
    CHAIN.get() & CANCELLABLE != 0 && cancel::is_current_cancelled()
}

/// Runs what is done to its end, also where the calls of this thread were cancelled.
pub(crate) fn undisturbed<R>(run: impl FnOnce() -> R) -> R {
    /// Also when it panics.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            set_cancellable(self.0);
        }
    }
    let _before = Before(CHAIN.get() & CANCELLABLE != 0);
    set_cancellable(false);
    run()
}

/// The limit by which the calls of this thread must have ended, and have not.
pub(crate) fn overdue() -> Option<Limit> {
    if is_cancelled() {
        return Some(Limit::Cancelled);
    }
    let passed = deadline().filter(|deadline| deadline.at <= Instant::now())?;
    Some(Limit::Deadline(passed.time))
}

/// Whether this thread holds no plugin, and nothing ends its calls early.
#[inline(always)]
pub(crate) fn is_free() -> bool {
    CHAIN.get() == 0
}

/// How many plugins' locks the calls of this thread hold, counted as often as
/// they were entered.
#[inline(always)]
pub(crate) fn held() -> usize {
    CHAIN.get() / ONE
}

/// A plugin was entered on this thread; [`release`] when it is left. False if too many are
/// nested already: one more might exhaust the stack.
#[inline(always)]
#[must_use]
pub(crate) fn hold() -> bool {
    // `with`, as `set` is a call of its own.
    CHAIN.with(|chain| {
        let may = chain.get() / ONE < MAX_NESTED;
        if may {
            chain.set(chain.get() + ONE);
        }
        may
    })
}

/// As [`hold`], where [`is_free`].
#[inline(always)]
pub(crate) fn hold_first() {
    CHAIN.with(|chain| chain.set(ONE));
}

/// A plugin that was entered is left.
#[inline(always)]
pub(crate) fn release() {
    CHAIN.with(|chain| chain.set(chain.get() - ONE));
}

/// As [`release`], of the only one that is held.
#[inline(always)]
pub(crate) fn release_last() {
    CHAIN.with(|chain| chain.set(0));
}

/// The error of one call too many within another.
#[cold]
pub(crate) fn too_deep() -> Error {
    let message = format!("stack overflow: {MAX_NESTED} calls of Lua plugins are nested");
    Error::new(ErrorKind::Call, message)
}

/// The error of what would have to wait while a plugin is held.
pub(crate) fn cannot_wait(what: impl std::fmt::Display) -> Error {
    let message = format!(
        "cannot wait here for {what}: a Lua plugin's call of a host function is running on this \
         thread; one that is added by `HostBuilder::blocking_function` may wait"
    );
    Error::new(ErrorKind::Channel, message).with_wait(WaitFault::CannotWait)
}
