//! The coroutines that calls run on, and the pool that they come from.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::ptr::{self, NonNull};

use mlua::Lua;
use mlua::ffi::{self, lua_State};

use super::raw::Reference;

/// Finished coroutines that are kept for later calls, beside the first one.
const POOLED: usize = 7;

/// What the coroutine of quick calls keeps at the bottom of its stack: the function that it ran
/// last, and the tables and names of some variables, a pair each. A value is copied from there by
/// half of the instructions that it takes out of the Lua registry.
const FUNCTION: c_int = 1;
const VARIABLES: usize = 8;
const KEPT: c_int = FUNCTION + 2 * VARIABLES as c_int;

/// Above that there are fewer scalars of earlier uses.
const MOST_LEFT: c_int = 8;

/// Room on its stack above all of these: as a C function has it. What needs more makes it.
const FREE: c_int = 20;

/// LuaJIT's collector takes of a stack what is not in use; so much it leaves.
const _: () = assert!(KEPT + MOST_LEFT + FREE <= 45);

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
    /// is. It keeps what was used last.
    first: Cell<Option<Coroutine>>,
    function: Cell<Reference>,
    variables: [Cell<(Reference, Reference)>; VARIABLES],
    /// How many values are on its stack below a call: what it keeps, and above that scalars of
    /// earlier uses, as taking them off costs as much as all else in some. Or none at all.
    below: Cell<c_int>,
    more: RefCell<Vec<Coroutine>>,
}

impl Pool {
    /// The pool of the VM whose own coroutine that is.
    pub(super) fn new(main: *mut lua_State) -> Pool {
        Pool {
            main,
            first: Cell::new(None),
            function: Cell::new(Reference::NONE),
            variables: [const { Cell::new((Reference::NONE, Reference::NONE)) }; VARIABLES],
            below: Cell::new(0),
            more: RefCell::default(),
        }
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

    /// Makes a coroutine that of quick calls, if there is memory for it. With the VM entered.
    #[cold]
    pub(super) fn provide_first(&self, lua: &Lua) {
        let Ok(coroutine) = self.take(lua) else { return };
        // SAFETY: the VM is entered, and the coroutine does not run. No flavour raises here.
        match unsafe { ffi::lua_checkstack(coroutine.state(), KEPT + MOST_LEFT + FREE) } {
            0 => self.keep(coroutine),
            _ => self.first.set(Some(coroutine)),
        }
    }

    /// Empties its stack.
    ///
    /// # Safety
    /// The VM is entered, and the coroutine does not run.
    #[inline]
    pub(super) unsafe fn clear_first(&self) {
        self.forget_kept();
        self.below.set(0);
        if let Some(coroutine) = self.first.get() {
            // SAFETY: as the caller says.
            unsafe { ffi::lua_settop(coroutine.state(), 0) };
        }
    }

    /// Takes it away, as it is in the middle of a call; and says how many values are on its
    /// stack below that.
    pub(super) fn take_first(&self) -> (Option<Coroutine>, c_int) {
        self.forget_kept();
        (self.first.take(), self.below.take())
    }

    #[cold]
    fn forget_kept(&self) {
        self.function.set(Reference::NONE);
        self.variables.iter().for_each(|pair| pair.set((Reference::NONE, Reference::NONE)));
    }

    /// How many values are on its stack below a call.
    #[inline(always)]
    pub(super) fn below(&self) -> c_int {
        self.below.get()
    }

    /// A use of it has ended, and has left one value more, a scalar, which has been read.
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
        // SAFETY: as the caller says.
        unsafe { self.cut_to_kept(coroutine) };
    }

    /// Pushes a function onto the first coroutine, which keeps the one that it ran last.
    ///
    /// # Safety
    /// The VM is entered, the coroutine is the first one and does not run, and the function is
    /// of that VM, which keeps it to its end.
    #[inline(always)]
    pub(super) unsafe fn push_function(&self, coroutine: *mut lua_State, function: Reference) {
        if self.function.get() != function {
            // SAFETY: as the caller says.
            unsafe { self.keep_function(coroutine, function) };
        }
        // SAFETY: as the caller says; it has room.
        unsafe { ffi::lua_pushvalue(coroutine, FUNCTION) };
    }

    /// Pushes the name of a variable onto the first coroutine, and says where the table is that
    /// holds it: it keeps both, of one variable at each of its places. (Where those that are used in
    /// turn share places, each use keeps another one, which is slower than if it kept none.)
    ///
    /// # Safety
    /// As `push_function`, of both.
    #[inline(always)]
    pub(super) unsafe fn push_name(
        &self,
        coroutine: *mut lua_State,
        (table, name): (Reference, Reference),
    ) -> c_int {
        // References that are made one after the other are kept side by side.
        let index = table.number() / 2 % VARIABLES;
        if self.variables[index].get() != (table, name) {
            // SAFETY: as the caller says.
            unsafe { self.keep_variable(coroutine, index, (table, name)) };
        }
        let place = FUNCTION + 1 + 2 * index as c_int;
        // SAFETY: as the caller says; it has room.
        unsafe { ffi::lua_pushvalue(coroutine, place + 1) };
        place
    }

    /// # Safety
    /// As `push_function`.
    #[cold]
    unsafe fn keep_function(&self, coroutine: *mut lua_State, function: Reference) {
        // SAFETY: as the caller says.
        unsafe {
            if self.below.get() < KEPT {
                self.cut_to_kept(coroutine);
            }
            function.push(coroutine);
            ffi::lua_replace(coroutine, FUNCTION);
        }
        self.function.set(function);
    }

    /// # Safety
    /// As `push_name`.
    #[cold]
    unsafe fn keep_variable(
        &self,
        coroutine: *mut lua_State,
        index: usize,
        (table, name): (Reference, Reference),
    ) {
        let place = FUNCTION + 1 + 2 * index as c_int;
        // SAFETY: as the caller says.
        unsafe {
            if self.below.get() < KEPT {
                self.cut_to_kept(coroutine);
            }
            table.push(coroutine);
            ffi::lua_replace(coroutine, place);
            name.push(coroutine);
            ffi::lua_replace(coroutine, place + 1);
        }
        self.variables[index].set((table, name));
    }

    /// Leaves on the stack of the first coroutine what it keeps; what is not kept yet is nil.
    ///
    /// # Safety
    /// As `clear_first`.
    #[inline]
    unsafe fn cut_to_kept(&self, coroutine: *mut lua_State) {
        self.below.set(KEPT);
        // SAFETY: as the caller says; `provide_first` has made room, of which so much stays.
        unsafe { ffi::lua_settop(coroutine, KEPT) };
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
