//! Which plugins the calls of this thread hold.
//!
//! A Lua plugin runs one call at a time. While its code has called a plain host
//! function, the thread holds it, and nothing that the host function does may
//! wait: two such waits on two threads would end in a deadlock. So everything
//! that waits asks here first.

use std::cell::Cell;
use std::marker::PhantomData;

use crate::error::{Error, ErrorKind, Result, WaitFault};

/// Calls into Lua plugins that may be nested on one thread: Lua → host → Lua. Each
/// takes some 10 KiB of stack, and a thread has 2 MiB of it unless it was made
/// otherwise.
pub(crate) const MAX_NESTED: usize = 64;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
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
