//! Which plugins the calls of this thread hold.
//!
//! A Lua plugin runs one call at a time. While its code has called a plain host
//! function, the thread holds it, and nothing that the host function does may
//! wait: two such waits on two threads would end in a deadlock. So everything
//! that waits asks here first.

use std::cell::Cell;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result, WaitFault};

/// Calls into Lua plugins that may be nested on one thread: Lua → host → Lua. Each
/// takes some 10 KiB of stack, and a thread has 2 MiB of it unless it was made
/// otherwise.
pub(crate) const MAX_NESTED: usize = 64;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static DEADLINE: Cell<Option<Deadline>> = const { Cell::new(None) };
}

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
            DEADLINE.set(self.0);
        }
    }
    let outer = DEADLINE.get();
    let before = Before(outer);
    // One that the clock cannot show is none.
    if let Some(at) = Instant::now().checked_add(time)
        && outer.is_none_or(|outer| at < outer.at)
    {
        DEADLINE.set(Some(Deadline { at, time }));
    }
    let result = call();
    drop(before);
    result
}

/// When the calls of this thread must have ended, if they must.
pub(crate) fn deadline() -> Option<Deadline> {
    DEADLINE.get()
}

/// How many plugins' locks the calls of this thread hold, counted as often as
/// they were entered.
pub(crate) fn held() -> usize {
    HELD.get()
}

/// A plugin was entered on this thread; dropped when it is left.
pub(crate) struct Entered {
    /// The count is the thread's.
    _thread: PhantomData<*const ()>,
}

impl Entered {
    /// # Errors
    /// Too many are nested already; one more might exhaust the stack.
    pub(crate) fn new() -> Result<Self> {
        if HELD.get() == MAX_NESTED {
            return Err(too_deep());
        }
        HELD.set(HELD.get() + 1);
        Ok(Entered { _thread: PhantomData })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
    }
}

/// The error of one call too many within another.
pub(crate) fn too_deep() -> Error {
    let message = format!("stack overflow: {MAX_NESTED} calls of Lua plugins are nested");
    Error::new(ErrorKind::Call, message)
}

/// The error of what would have to wait while a plugin is held.
pub(crate) fn cannot_wait(what: impl std::fmt::Display) -> Error {
    let message = format!(
        "cannot wait here for {what}: a Lua plugin's call of a host function is running on this thread"
    );
    Error::new(ErrorKind::Channel, message).with_wait(WaitFault::CannotWait)
}
