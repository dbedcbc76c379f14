//! The quickest way of a small call: what nearly all calls are is measured in tens of
//! instructions here, and all else goes the general way (`call`), from the start or from where
//! it turns out to be something else.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};

use super::border::Border;
use super::call::{Lease, Reusable};
use super::entry::QuickEntry;
use super::limits::Running;
use super::raw::{Outcome, Reference};
use super::vm::Vm;
use crate::error::Result;

/// A use of a VM in the quickest way there is: on the pool's first coroutine, which stays where
/// it is. A call on it is what `with` and [`Lease::call`] do, with nothing written down that
/// only others need; where it does not simply end it goes on as one of those.
pub(super) struct Quick<'v> {
    entry: QuickEntry<'v>,
    coroutine: *mut lua_State,
}

/// What came of a quick call that has not simply ended.
pub(super) struct Unfinished {
    running: Running,
    outcome: Outcome,
}

impl<'v> Quick<'v> {
    /// Begins one, unless something stands against it; then nothing has been done.
    #[inline(always)]
    pub(super) fn begin(vm: &'v Vm) -> Option<Quick<'v>> {
        let entry = QuickEntry::new(vm)?;
        let Some(coroutine) = entry.state.pool.first() else {
            entry.state.pool.provide_first(&entry.state.lua);
            entry.leave();
            return None;
        };
        Some(Quick { entry, coroutine: coroutine.state() })
    }

    /// The coroutine; it has one value on its stack, or none.
    #[inline(always)]
    pub(super) fn coroutine(&self) -> *mut lua_State {
        self.coroutine
    }

    #[inline(always)]
    pub(super) fn border(&self) -> &'v Border {
        &self.entry.state.core.border
    }

    /// Pushes the function that is called next.
    #[inline(always)]
    pub(super) fn push(&self, function: Reference) {
        // SAFETY: the VM is entered, and the coroutine does not run.
        unsafe { self.entry.state.pool.push_kept(self.coroutine, function) };
    }

    /// Begins a call; `None` where too many are nested.
    #[inline(always)]
    pub(super) fn start(&self) -> Option<Running> {
        let state = self.entry.state;
        Running::begin(self.entry.thread, state.time, &state.arming).ok()
    }

    /// Calls what stands below so many arguments. Where that simply ends, so many results are
    /// on the coroutine's stack, above the function that it keeps.
    #[inline(always)]
    pub(super) fn call(&self, running: Running, arguments: c_int) -> Result<c_int, Unfinished> {
        let outcome = self.entry.state.run(&running, self.coroutine, arguments);
        match outcome {
            Outcome::Finished(count) if !running.is_stopped() => Ok(count - 1),
            _ => Err(Unfinished { running, outcome }),
        }
    }

    /// Ends it; so many values stay on the coroutine's stack.
    #[inline(always)]
    pub(super) fn end(self, kept: c_int) {
        // SAFETY: the VM is entered, and the coroutine does not run.
        unsafe { ffi::lua_settop(self.coroutine, kept) };
        self.entry.leave();
    }

    /// Ends it, with so many values more on the coroutine's stack than there were.
    #[inline(always)]
    pub(super) fn pop(self, values: c_int) {
        self.end(-values - 1);
    }

    /// Ends it, with what is not known on the coroutine's stack.
    #[cold]
    pub(super) fn clear(self) {
        self.entry.state.pool.forget_kept();
        self.end(0);
    }

    /// Goes on as any other use does: with a coroutine of its own, and a call's results on it.
    #[cold]
    pub(super) fn into_lease(self) -> Lease<'v> {
        let coroutine = self.entry.state.pool.take_first();
        // SAFETY: the VM is entered, and the coroutine does not run; the function is below
        // all that is on its stack.
        unsafe { ffi::lua_remove(self.coroutine, 1) };
        Lease::new(self.entry.into_entry(), coroutine, Reusable::Yes)
    }

    /// Goes on as any other call does, until its results are there.
    #[cold]
    pub(super) fn go_on(self, unfinished: Unfinished) -> Result<(Lease<'v>, c_int)> {
        let Unfinished { running, outcome } = unfinished;
        let coroutine = self.entry.state.pool.take_first();
        let mut lease = Lease::new(self.entry.into_entry(), coroutine, Reusable::NotYet);
        let count = lease.go_on(&running, outcome).map_err(|error| lease.blamed(error))?;
        // SAFETY: the VM is entered, and the coroutine has finished; the function is below its
        // results.
        unsafe { ffi::lua_remove(lease.coroutine(), 1) };
        Ok((lease, count - 1))
    }
}
