//! Whether a leaf function runs on this thread: it has promised to call nothing of the
//! host, and services hold it to that.

use std::cell::Cell;
use std::marker::PhantomData;

/// What a leaf function is told that calls something of the host.
pub(super) const BROKEN: &str = "a leaf function calls nothing of the host";

thread_local! {
    static RUNS: Cell<bool> = const { Cell::new(false) };
}

/// A leaf function runs; until this is dropped.
pub(super) struct Leaf {
    _thread: PhantomData<*const ()>,
}

pub(super) fn enter() -> Leaf {
    RUNS.set(true);
    Leaf { _thread: PhantomData }
}

pub(super) fn runs() -> bool {
    RUNS.get()
}

impl Drop for Leaf {
    fn drop(&mut self) {
        // No other call is around it: it would have come from a leaf function.
        RUNS.set(false);
    }
}
