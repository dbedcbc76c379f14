//! The coroutines that calls run on, and the pool that they come from.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::ptr::{self, NonNull};

use mlua::Lua;
use mlua::ffi::{self, lua_State};

use super::raw::Reference;

/// Finished coroutines that are kept for later calls, beside the first one.
const POOLED: usize = 7;

/// What the coroutine of quick calls keeps: a function.
const KEPT: c_int = 1;

/// Results of earlier calls that may be on its stack, which has room for 20 values.
const MOST_LEFT: c_int = 8;

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
    kept: Cell<Reference>,
    /// How many values are on its stack below a call: what it keeps, and above that results of
    /// earlier calls, as taking them off costs as much as they do in some calls.
    below: Cell<c_int>,
    more: RefCell<Vec<Coroutine>>,
}

impl Pool {
    /// The pool of the VM whose own coroutine that is.
    pub(super) fn new(main: *mut lua_State) -> Pool {
        let (first, kept) = (Cell::new(None), Cell::new(Reference::NONE));
        Pool { main, first, kept, below: Cell::new(0), more: RefCell::default() }
    }

    /// The VM's own coroutine.
    #[inline(always)]
    pub(super) fn main(&self) -> *mut lua_State {
        self.main
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

    /// The coroutine of quick calls; null where there is none.
    #[inline(always)]
    pub(super) fn first(&self) -> *mut lua_State {
        self.first.get().map_or(ptr::null_mut(), Coroutine::state)
    }

    /// Makes a coroutine that of quick calls.
    #[cold]
    pub(super) fn provide_first(&self, lua: &Lua) {
        if let Ok(coroutine) = self.take(lua) {
            self.first.set(Some(coroutine));
        }
    }

    /// Empties its stack.
    ///
    /// # Safety
    /// The VM is entered, and the coroutine does not run.
    #[inline]
    pub(super) unsafe fn clear_first(&self) {
        self.kept.set(Reference::NONE);
        self.below.set(0);
        if let Some(coroutine) = self.first.get() {
            // SAFETY: as the caller says.
            unsafe { ffi::lua_settop(coroutine.state(), 0) };
        }
    }

    /// Takes it away, as it is in the middle of a call; and says how many values are on its
    /// stack below that.
    pub(super) fn take_first(&self) -> (Option<Coroutine>, c_int) {
        self.kept.set(Reference::NONE);
        (self.first.take(), self.below.take())
    }

    /// How many values are on its stack below a call.
    #[inline(always)]
    pub(super) fn below(&self) -> c_int {
        self.below.get()
    }

    /// A call on it has ended, and its one result, a scalar, has been read.
    ///
    /// # Safety
    /// As `clear_first`.
    #[inline(always)]
    pub(super) unsafe fn leave_result(&self, coroutine: *mut lua_State) {
        let below = self.below.get() + 1;
        if below < KEPT + MOST_LEFT {
            self.below.set(below);
            return;
        }
        self.below.set(KEPT);
        // SAFETY: as the caller says.
        unsafe { ffi::lua_settop(coroutine, KEPT) };
    }

    /// Pushes a function onto the first coroutine, which has one value on its stack from the
    /// start: the function that it ran last.
    ///
    /// # Safety
    /// The VM is entered, the coroutine is the first one and does not run, and the function is
    /// of that VM.
    #[inline(always)]
    pub(super) unsafe fn push_kept(&self, coroutine: *mut lua_State, function: Reference) {
        if self.kept.get() != function {
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
        self.below.set(KEPT);
        self.kept.set(function);
    }
}

impl Coroutine {
    #[cold]
    fn new(lua: &Lua) -> mlua::Result<Coroutine> {
        match Coroutine::make(lua) {
            // What a stopped call has held may not be collected yet.
            Err(mlua::Error::MemoryError(_)) => {
                lua.gc_collect()?;
                Coroutine::make(lua)
            }
            made => made,
        }
    }

    fn make(lua: &Lua) -> mlua::Result<Coroutine> {
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
