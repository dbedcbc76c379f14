//! What is known of a VM's memory while a thread is in it.

use std::cell::Cell;
use std::ptr;

use super::record::{self, Thread};
use crate::error::Limit;

/// What is known of a VM's memory, for the thread that has entered it.
pub(in crate::lua) struct Memory {
    /// What has it: what whoever runs in the VM finds that by.
    owner: Cell<*const ()>,
    limit: Cell<Option<Limit>>,
    /// Whether it was hit, by a call that has not ended.
    is_exhausted: Cell<bool>,
}

/// The VM that the thread was in before, if any.
#[derive(Clone, Copy)]
pub(in crate::lua) struct Outer(*const Memory);

impl Outer {
    pub(in crate::lua) const NONE: Outer = Outer(ptr::null());
}

impl Memory {
    /// That of a VM that has no limit yet, and no owner.
    pub(in crate::lua) fn new() -> Memory {
        let owner = Cell::new(ptr::null());
        Memory { owner, limit: Cell::default(), is_exhausted: Cell::default() }
    }

    /// It is the memory of this.
    pub(in crate::lua) fn belongs_to(&self, owner: *const ()) {
        self.owner.set(owner);
    }

    #[inline(always)]
    pub(super) fn owner(&self) -> *const () {
        self.owner.get()
    }

    /// The VM is held to this limit from here on.
    pub(in crate::lua) fn hold(&self, limit: Option<Limit>) {
        self.limit.set(limit);
    }

    /// The thread enters the VM, perhaps once more: a plugin that has come back to itself has
    /// one memory.
    ///
    /// # Safety
    /// It stays where it is until `leave`, which this thread calls next of all that have
    /// entered and not left.
    #[inline(always)]
    pub(in crate::lua) unsafe fn enter(&self, thread: Thread) -> Outer {
        Outer(thread.memory().replace(ptr::from_ref(self)))
    }

    /// Nobody is in the VM yet: what was hit was hit in calls that have ended.
    #[inline(always)]
    pub(in crate::lua) fn begin(&self) {
        self.is_exhausted.set(false);
    }

    /// The thread leaves the VM.
    #[inline(always)]
    pub(in crate::lua) fn leave(thread: Thread, outer: Outer) {
        thread.memory().set(outer.0);
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
