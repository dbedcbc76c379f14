//! The coroutines that calls run on, and the pool that they come from.

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};

use mlua::Lua;
use mlua::ffi::{self, lua_State};

use super::raw::Reference;

/// Finished coroutines that are kept for later calls, beside the first one.
const POOLED: usize = 7;

/// A coroutine of a VM, which keeps it until it is given up, or goes.
#[derive(Clone, Copy)]
pub(super) struct Coroutine {
    state: NonNull<lua_State>,
    pub(super) reference: Reference,
}

// SAFETY: it is a place in a VM, used with the VM's lock held alone; on its way through a wait
// nothing is done with it.
unsafe impl Send for Coroutine {}

/// Finished coroutines, whose stacks are empty.
pub(super) struct Pool {
    /// The VM's own coroutine, which outlives all others.
    main: *mut lua_State,
    /// The one of quick calls, which are never inside of another call: they use it where it
    /// is. It keeps the function that it ran last.
    first: Cell<Option<Coroutine>>,
    kept: Cell<Option<Reference>>,
    more: RefCell<Vec<Coroutine>>,
}

impl Pool {
    /// The pool of the VM whose own coroutine that is.
    pub(super) fn new(main: *mut lua_State) -> Pool {
        let (first, kept) = (Cell::new(None), Cell::new(None));
        Pool { main, first, kept, more: RefCell::default() }
    }

    /// A coroutine that is new or has finished.
    ///
    /// # Errors
    /// There is no memory for one.
    #[inline(always)]
    pub(super) fn take(&self, lua: &Lua) -> mlua::Result<Coroutine> {
        let pooled = self.more.borrow_mut().pop();
        match pooled {
            Some(coroutine) => Ok(coroutine),
            None => Coroutine::new(lua),
        }
    }

    /// Takes back one that has finished, or never ran. With the VM entered.
    #[inline(always)]
    pub(super) fn keep(&self, coroutine: Coroutine) {
        // SAFETY: the VM is entered, and the coroutine does not run.
        unsafe { ffi::lua_settop(coroutine.state(), 0) };
        let mut more = self.more.borrow_mut();
        match more.len() < POOLED {
            true => more.push(coroutine),
            false => self.give_up(coroutine),
        }
    }

    /// The VM forgets a coroutine, which does not run, and may be in the middle of anything.
    /// With the VM entered.
    #[inline(never)]
    pub(super) fn give_up(&self, coroutine: Coroutine) {
        // SAFETY: the VM is entered. The main coroutine has room for two values: whoever works
        // on it does so as a C function, and keeps some of its free slots free. The one that
        // is given up is not touched: to take a value off its stack could run a `__close`.
        unsafe { coroutine.reference.release(self.main) };
    }

    /// The coroutine of quick calls, if there is one.
    #[inline(always)]
    pub(super) fn first(&self) -> Option<Coroutine> {
        self.first.get()
    }

    /// Makes a coroutine that of quick calls.
    #[cold]
    pub(super) fn provide_first(&self, lua: &Lua) {
        if let Ok(coroutine) = self.take(lua) {
            self.first.set(Some(coroutine));
        }
    }

    /// Its stack is empty from here on.
    pub(super) fn forget_kept(&self) {
        self.kept.set(None);
    }

    /// Takes it away: it is in the middle of a call.
    pub(super) fn take_first(&self) -> Option<Coroutine> {
        self.kept.set(None);
        self.first.take()
    }

    /// Pushes a function onto the first coroutine, which has one value on its stack from the
    /// start: the function that it ran last.
    ///
    /// # Safety
    /// The VM is entered, the coroutine is the first one and does not run, and the function is
    /// of that VM.
    #[inline(always)]
    pub(super) unsafe fn push_kept(&self, coroutine: *mut lua_State, function: Reference) {
        if self.kept.get() != Some(function) {
            // SAFETY: as the caller says.
            unsafe { self.keep_function(coroutine, function) };
        }
        // SAFETY: as the caller says; it has room.
        unsafe { ffi::lua_pushvalue(coroutine, 1) };
    }

    /// # Safety
    /// As `push_kept`.
    #[cold]
    unsafe fn keep_function(&self, coroutine: *mut lua_State, function: Reference) {
        // SAFETY: as the caller says.
        unsafe {
            ffi::lua_settop(coroutine, 0);
            function.push(coroutine);
        }
        self.kept.set(Some(function));
    }
}

impl Coroutine {
    #[cold]
    fn new(lua: &Lua) -> mlua::Result<Coroutine> {
        let (mut state, mut reference) = (ptr::null_mut(), None);
        // SAFETY: mlua runs it in a protected call, with room for the coroutine; nothing has
        // to be dropped.
        unsafe {
            lua.exec_raw::<()>((), |main| {
                state = ffi::lua_newthread(main);
                reference = Some(Reference::new(main));
            })?;
        }
        match (NonNull::new(state), reference) {
            (Some(state), Some(reference)) => Ok(Coroutine { state, reference }),
            _ => Err(mlua::Error::CoroutineUnresumable),
        }
    }

    #[inline(always)]
    pub(super) fn state(self) -> *mut lua_State {
        self.state.as_ptr()
    }
}
