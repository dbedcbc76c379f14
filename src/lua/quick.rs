//! The quickest way of a small call: what nearly all calls are is measured in tens of
//! instructions here, and all else goes the general way (`call`), from the start or from where
//! it turns out to be something else.

use std::ffi::c_int;
use std::mem::ManuallyDrop;

use mlua::ffi::{self, lua_State};

use super::border::Border;
use super::call::{Lease, Reusable};
use super::entry::QuickEntry;
use super::limits::Running;
use super::raw::{self, Outcome, Reference};
use super::vm::{Core, Vm};
use crate::error::{Error, Result};

/// A use of a VM in the quickest way there is: on the pool's first coroutine, which stays where
/// it is. A call on it is what `with` and [`Lease::call`] do, with nothing written down that
/// only others need; where it does not simply end it goes on as one of those.
#[derive(Clone, Copy)]
pub(super) struct Quick<'v>(QuickEntry<'v>);

/// A quick use, as what seldom comes to it gets it: in two registers, and not in memory, where
/// each call would have to put it.
#[derive(Clone, Copy)]
pub(super) struct Paused<'v> {
    vm: &'v Vm,
    core: &'v Core,
}

/// What came of a quick call that has not simply ended.
pub(super) struct Unfinished {
    running: Running,
    outcome: Outcome,
}

/// A quick call that has begun, and is ended by hand: Lua does not raise here, and what would
/// have to be undone if it did would have to be kept at hand.
pub(super) struct Begun(ManuallyDrop<Running>);

impl Begun {
    #[inline(always)]
    pub(super) fn end(self) {
        drop(ManuallyDrop::into_inner(self.0));
    }

    #[cold]
    fn into_running(self) -> Running {
        self.0.show_nothing();
        ManuallyDrop::into_inner(self.0)
    }
}

impl<'v> Quick<'v> {
    /// Begins one, unless something stands against it; then nothing has been done.
    #[inline(always)]
    pub(super) fn begin(vm: &'v Vm) -> Option<Quick<'v>> {
        let quick = Quick::begin_scalar(vm)?;
        quick.border().forget_room();
        Some(quick)
    }

    /// The same, of one that reads or sets a scalar and does nothing else: after another one of these it
    /// may be known that there is memory.
    #[inline(always)]
    pub(super) fn begin_scalar(vm: &'v Vm) -> Option<Quick<'v>> {
        let quick = Quick(QuickEntry::new(vm)?);
        if quick.coroutine().is_null() {
            quick.pause().give_up();
            return None;
        }
        Some(quick)
    }

    /// As what is seldom done gets it.
    #[inline(always)]
    pub(super) fn pause(self) -> Paused<'v> {
        Paused { vm: self.0.vm, core: self.0.core }
    }

    /// The coroutine; what is on its stack already is its pool's.
    #[inline(always)]
    pub(super) fn coroutine(self) -> *mut lua_State {
        self.0.core.pool.first()
    }

    #[inline(always)]
    pub(super) fn border(self) -> &'v Border {
        &self.0.core.border
    }

    /// Pushes the function that is called next.
    #[inline(always)]
    pub(super) fn push(self, function: Reference) {
        // SAFETY: the VM is entered, and the coroutine does not run.
        unsafe { self.0.core.pool.push_function(self.coroutine(), function) };
    }

    /// Pushes the name of a variable, and says where its table is.
    #[inline(always)]
    pub(super) fn push_name(self, variable: (Reference, Reference)) -> c_int {
        // SAFETY: as above.
        unsafe { self.0.core.pool.push_name(self.coroutine(), variable) }
    }

    /// Begins a call; `None` where too many are nested.
    #[inline(always)]
    pub(super) fn start(self) -> Option<Begun> {
        let shape = &self.0.core.shape;
        let running = Running::begin_quickly(self.0.thread, shape, self.coroutine())?;
        Some(Begun(ManuallyDrop::new(running)))
    }

    /// Calls what stands below so many arguments. Where that simply ends, so many results are
    /// on top of the coroutine's stack.
    #[inline(always)]
    pub(super) fn call(self, begun: Begun, arguments: c_int) -> Result<c_int, Unfinished> {
        let (running, core, coroutine) = (&begun.0, self.0.core, self.coroutine());
        // It is not written down as the one that runs: functions of the host, which others are
        // called from, do so themselves.
        let outcome = running.run_quickly(coroutine, || {
            // SAFETY: the VM is entered, and the coroutine has finished, with what runs and its
            // arguments on its stack.
            unsafe { raw::resume(coroutine, core.pool.main(), arguments) }
        });
        if let Outcome::Finished(count) = outcome
            && !running.is_stopped()
        {
            begun.end();
            return Ok(count - core.pool.below());
        }
        Err(Unfinished { running: begun.into_running(), outcome })
    }

    /// Ends a use that has left one value more on the coroutine's stack, a scalar, which has been read.
    #[inline(always)]
    pub(super) fn end(self) {
        // SAFETY: the VM is entered, and the coroutine does not run.
        unsafe { self.0.core.pool.leave_result(self.coroutine()) };
        self.0.leave();
    }

    /// Ends a use that has left nothing there.
    #[inline(always)]
    pub(super) fn leave(self) {
        self.0.leave();
    }

    /// Empties the coroutine's stack, and so forgets what it keeps.
    #[inline(always)]
    fn empty(self) {
        // SAFETY: as above.
        unsafe { self.0.core.pool.clear_first() };
    }

    /// How many values are on the coroutine's stack below what this use has put there.
    #[inline(always)]
    pub(super) fn below(self) -> c_int {
        self.0.core.pool.below()
    }

    /// Ends a use; what it has put onto the coroutine's stack goes.
    #[inline(always)]
    pub(super) fn cut(self) {
        // SAFETY: as above.
        unsafe { ffi::lua_settop(self.coroutine(), self.below()) };
        self.0.leave();
    }

    /// Ends also where code of the embedding panics.
    #[inline(always)]
    pub(super) fn guard(self) -> Guarded<'v> {
        Guarded(self)
    }
}

impl<'v> Paused<'v> {
    /// As it was.
    #[inline(always)]
    pub(super) fn resume(self) -> Quick<'v> {
        Quick(QuickEntry::again(self.vm, self.core))
    }

    /// Ends a use that has found no coroutine; the next one finds one.
    #[cold]
    fn give_up(self) {
        let entry = self.resume().0;
        entry.core.pool.provide_first(entry.lua());
        self.core.border.forget_room();
        entry.leave();
    }

    /// Ends a use, with what is not known on the coroutine's stack.
    #[cold]
    pub(super) fn clear(self) {
        let quick = self.resume();
        quick.empty();
        self.core.recover();
        self.core.border.forget_room();
        quick.0.leave();
    }

    /// Ends a use with an error of what was done in it.
    #[cold]
    pub(super) fn fail(self, error: Error) -> Result<()> {
        let quick = self.resume();
        let error = quick.0.blamed(error);
        quick.pause().clear();
        Err(error)
    }

    /// Goes on as any other call does, until its results are there.
    #[cold]
    pub(super) fn go_on(self, unfinished: Unfinished) -> Result<(Lease<'v>, c_int)> {
        let Unfinished { running, outcome } = unfinished;
        let (coroutine, below) = self.core.pool.take_first();
        self.core.shape.renew();
        let entry = self.resume().0.into_entry();
        let mut lease = Lease::new(entry, coroutine, Reusable::NotYet);
        let count = lease.go_on(&running, outcome).map_err(|error| lease.blamed(error))?;
        let results = count - below;
        // SAFETY: the VM is entered, and the coroutine has finished.
        unsafe { take_from_below(lease.coroutine(), below, results) };
        Ok((lease, results))
    }
}

/// A quick use in which code of the embedding runs, which may panic.
pub(super) struct Guarded<'v>(Quick<'v>);

impl<'v> Guarded<'v> {
    /// None of that code runs any more, and the use goes on.
    #[inline(always)]
    pub(super) fn release(self) -> Quick<'v> {
        let guarded = ManuallyDrop::new(self);
        guarded.0
    }

    /// Ends it, with what came of that code.
    #[inline]
    pub(super) fn end(self, done: Result<()>) -> Result<()> {
        let quick = self.release();
        match done {
            Ok(()) => {
                quick.cut();
                Ok(())
            }
            Err(error) => quick.pause().fail(error),
        }
    }
}

impl Drop for Guarded<'_> {
    fn drop(&mut self) {
        self.0.pause().clear();
    }
}

/// Takes so many values off the bottom of a stack, from below so many others.
///
/// # Safety
/// The VM is entered, and the coroutine has finished, with just these on its stack.
unsafe fn take_from_below(coroutine: *mut lua_State, values: c_int, others: c_int) {
    // SAFETY: as the caller says. Others may have filled the stack: nothing is pushed.
    unsafe {
        if others > values {
            return (0..values).for_each(|_| ffi::lua_remove(coroutine, 1));
        }
        (1..=others).rev().for_each(|index| ffi::lua_replace(coroutine, index));
        ffi::lua_settop(coroutine, others);
    }
}
