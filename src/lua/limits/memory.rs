//! What is known of a VM's memory while a thread is in it.

use std::cell::Cell;
use std::ptr;

use super::record::{self, Thread};
use crate::error::Limit;

/// What is known of a VM's memory, for the thread that has entered it.
#[derive(Default)]
pub(in crate::lua) struct Memory {
    limit: Cell<Option<Limit>>,
    /// Whether it was hit, by a call that has not ended.
    is_exhausted: Cell<bool>,
    /// How often the VM is entered: a plugin that has come back to itself has one memory.
    entered: Cell<usize>,
}

/// The VM that the thread was in before, if any.
#[derive(Clone, Copy)]
pub(in crate::lua) struct Outer(*const Memory);

impl Outer {
    pub(in crate::lua) const NONE: Outer = Outer(ptr::null());
}

impl Memory {
    /// The VM is held to this limit from here on.
    pub(in crate::lua) fn hold(&self, limit: Option<Limit>) {
        self.limit.set(limit);
    }

    /// The thread enters the VM.
    ///
    /// # Safety
    /// It stays where it is until `leave`, which this thread calls next of all that have
    /// entered and not left.
    #[inline(always)]
    pub(in crate::lua) unsafe fn enter(&self, thread: Thread) -> Outer {
        let entered = self.entered.get();
        self.entered.set(entered + 1);
        if entered == 0 {
            self.is_exhausted.set(false);
        }
        Outer(thread.memory().replace(ptr::from_ref(self)))
    }

    /// The thread enters the VM, and is in none; nor is anybody else in this one.
    ///
    /// # Safety
    /// As `enter`; `leave_quickly` follows.
    #[inline(always)]
    pub(in crate::lua) unsafe fn enter_quickly(&self, thread: Thread) {
        self.entered.set(1);
        self.is_exhausted.set(false);
        thread.memory().set(ptr::from_ref(self));
    }

    /// The thread leaves the VM that it entered so.
    #[inline(always)]
    pub(in crate::lua) fn leave_quickly(&self, thread: Thread) {
        self.entered.set(0);
        thread.memory().set(ptr::null());
    }

    /// The thread leaves the VM; says how often it is still in it.
    #[inline(always)]
    pub(in crate::lua) fn leave(&self, thread: Thread, outer: Outer) -> usize {
        let entered = self.entered.get() - 1;
        self.entered.set(entered);
        thread.memory().set(outer.0);
        entered
    }

    /// What the VM was allowed, and has used up.
    #[inline]
    pub(in crate::lua) fn hit(&self) -> Option<Limit> {
        if self.is_exhausted.get() { self.limit.get() } else { None }
    }

    /// Lua has said that there is no memory.
    pub(in crate::lua) fn run_out() {
        if let Some(memory) = record::memory() {
            memory.is_exhausted.set(true);
        }
    }
}
