//! The host's functions, as C functions that scripts call: the arguments are read where they
//! stand, and the result is put beside them.
//!
//! Each does all that Rust has to do, drops what has to be dropped, and raises as its last act.

mod numbered;
mod scalars;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::c_int;
use std::ptr;
use std::sync::Arc;

use mlua::ffi::{self, lua_State};
use mlua::{Function, Table};
use twinplug_value::Type;

use super::limits::{self, HOSTS_TURN, Memory, Section, Thread};
use super::sink::StackSink;
use super::source::StackSource;
use super::vm::{Core, GoesOn, Pending, Shared};
use crate::error::{Error, Result};
use crate::plugin::{HostFunction, Permission, held};
pub(crate) use scalars::Entries;
use scalars::Entry;

/// The functions of a VM's host, by their names.
#[derive(Default)]
pub(super) struct HostFunctions {
    pub(super) all: Vec<Offered>,
    /// Whether they may be known by their number: not where C calls functions of the script back, as
    /// it may with the FFI, whatever VM the thread is in.
    by_number: bool,
}

/// One function, at an address of its own.
pub(super) struct Offered {
    /// The VM's; set before scripts run.
    pub(super) core: Cell<*const Core>,
    name: String,
    pub(super) function: Arc<HostFunction>,
    /// Whether the plugin was told that it is deprecated, if it is.
    is_told: Cell<bool>,
    /// What calls it, and what that gets where it is for this function alone.
    entry: Entry,
    callee: *const (),
}

/// What a C function does after its Rust part.
pub(super) enum Answer {
    Results(c_int),
    /// Raises the text on top of the stack, behind the script's line.
    Text,
    /// Raises the value on top of the stack.
    Value,
    NoMemory,
    Gone,
}

impl HostFunctions {
    /// Those of the host, which has offered all it does.
    pub(super) fn of(shared: &Shared, granted: &BTreeSet<Permission>) -> HostFunctions {
        let Some(context) = shared.context.upgrade() else { return HostFunctions::default() };
        let all = context.all_functions().into_iter();
        let all = all.map(|(name, function)| Offered::new(name, function)).collect();
        HostFunctions { all, by_number: !granted.contains(&Permission::Ffi) }
    }
}

impl Offered {
    fn new(name: String, function: Arc<HostFunction>) -> Offered {
        let (entry, callee) = match &function.scalars {
            Some(scalars) => scalars::entry(scalars),
            None => (call_any as Entry, ptr::null()),
        };
        let is_told = Cell::new(function.advice.is_none());
        Offered { core: Cell::new(ptr::null()), name, function, is_told, entry, callee }
    }

    /// Calls it with the arguments that are the stack.
    ///
    /// # Safety
    /// `state` is that of a C function of it, and `core` that of its VM, which the thread is in.
    #[inline(always)]
    unsafe fn call(&self, state: *mut lua_State, thread: Thread, core: &Core) -> Answer {
        // SAFETY: as the caller says.
        unsafe { (self.entry)(state, thread, core, self) }
    }
}

/// What a function that waits has returned, and which one it is.
pub(super) struct Returned {
    function: Arc<HostFunction>,
    answer: crate::plugin::Answer,
}

/// What the prelude makes the `host` table of: a list of paths, `{"world", "spawn"}`, and
/// functions; with the number of a leaf function of which scripts compile calls; or whether the
/// function answers as the prelude's `finish` takes it.
pub(super) fn list(core: &Core) -> mlua::Result<Table> {
    let lua = core.border.lua();
    let list = lua.create_table()?;
    let by_number = |number| numbered::function(number).filter(|_| core.functions.by_number);
    for (number, offered) in core.functions.all.iter().enumerate() {
        let path = lua.create_sequence_from(offered.name.split('.'))?;
        let entry = lua.create_table()?;
        entry.raw_set(1, path)?;
        let function = match &*offered.function {
            function if function.waits() => closure(core, offered, call_waiting)?,
            function if function.advice.is_some() => closure(core, offered, call_deprecated)?,
            function if function.leaf.is_some() => closure(core, offered, call_leaf)?,
            _ => match by_number(number) {
                Some(function) => numbered::closure(core, function)?,
                None => closure(core, offered, call)?,
            },
        };
        entry.raw_set(2, function)?;
        entry.raw_set("waits", offered.function.waits())?;
        #[cfg(feature = "luajit")]
        if super::leaf::is_compiled(core, offered) {
            entry.raw_set(3, number)?;
        }
        list.push(entry)?;
    }
    Ok(list)
}

/// A C function of one. Core and function stay where they are while the VM lives.
pub(super) fn closure(
    core: &Core,
    offered: &Offered,
    function: ffi::lua_CFunction,
) -> mlua::Result<Function> {
    offered.core.set(core);
    let offered = ptr::from_ref(offered);
    // SAFETY: mlua runs it protected, with room for two values, and nothing to drop.
    unsafe {
        core.border.lua().exec_raw((), |state| {
            ffi::lua_pushlightuserdata(state, offered.cast_mut().cast());
            super::library::push(state, function, c"host function", 1);
        })
    }
}

/// What a C function does that `closure` has made: it answers what `answer` says, or raises it.
///
/// # Safety
/// `state` is that of such a function, which has nothing else to drop.
#[inline(always)]
pub(super) unsafe fn answered(
    state: *mut lua_State,
    answer: impl FnOnce(&Core, &Offered) -> Answer,
) -> c_int {
    // SAFETY: `closure` has put it there; it and its core live as long as the VM that runs
    // this.
    let answer = unsafe {
        let offered = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Offered>();
        answer(&*(*offered).core.get(), &*offered)
    };
    match answer {
        Answer::Results(count) => count,
        // SAFETY: nothing is left to drop.
        other => unsafe { raise(state, other) },
    }
}

/// A function of the host.
unsafe extern "C-unwind" fn call(state: *mut lua_State) -> c_int {
    // SAFETY: `closure` has made it of this, which has nothing to drop.
    unsafe { answered(state, |core, offered| offered.call(state, Thread::this(), core)) }
}

/// A leaf function of the host: nobody enters the VM meanwhile.
unsafe extern "C-unwind" fn call_leaf(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        answered(state, |core, offered| {
            core.leaf.within(|| offered.call(state, Thread::this(), core))
        })
    }
}

/// A function of the host that waits: answers as the prelude's `finish` takes it.
unsafe extern "C-unwind" fn call_waiting(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        answered(state, |core, offered| {
            core.warn(offered);
            core.begin(state, &offered.function)
        })
    }
}

/// A function of the host that is deprecated, and does not wait.
unsafe extern "C-unwind" fn call_deprecated(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        answered(state, |core, offered| {
            core.warn(offered);
            let call = || offered.call(state, Thread::this(), core);
            match offered.function.leaf {
                Some(_) => core.leaf.within(call),
                None => call(),
            }
        })
    }
}

/// Calls a function of anything.
///
/// # Safety
/// As an [`Entry`].
unsafe fn call_any(state: *mut lua_State, _: Thread, core: &Core, offered: &Offered) -> Answer {
    let outer = core.current.replace(state);
    if outer.is_null() {
        core.current.set(outer);
        return Answer::Gone;
    }
    core.end_call(state, offered, outer, None)
}

/// Raises what has been put on the stack for it.
///
/// # Safety
/// `state` is that of the C function that returns this, which has nothing left to drop.
#[cold]
pub(super) unsafe fn raise(state: *mut lua_State, answer: Answer) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        match answer {
            Answer::Results(count) => count,
            Answer::Text => {
                ffi::luaL_where(state, 1);
                ffi::lua_insert(state, -2);
                ffi::lua_concat(state, 2);
                ffi::lua_error(state)
            }
            Answer::Value => ffi::lua_error(state),
            Answer::NoMemory => {
                ffi::lua_pushstring(state, c"not enough memory".as_ptr());
                ffi::lua_error(state)
            }
            Answer::Gone => ffi::luaL_error(state, c"the plugin was unloaded".as_ptr()),
        }
    }
}

/// Whether it is a function of the host that stands at the index.
///
/// # Safety
/// `state` is of a VM that is entered.
pub(super) unsafe fn is_one(state: *mut lua_State, index: c_int) -> bool {
    // SAFETY: as the caller says.
    let Some(function) = (unsafe { ffi::lua_tocfunction(state, index) }) else { return false };
    let is = |one: ffi::lua_CFunction| function as usize == one as usize;
    #[cfg(feature = "luajit")]
    if is(super::leaf::settle_host) {
        return true;
    }
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    if super::channels::is_send(function) {
        return true;
    }
    is(call) || is(call_leaf) || is(call_deprecated) || numbered::is_one(function)
}

impl Core {
    /// Tells that the plugin uses a function that is deprecated, the first time.
    pub(super) fn warn(&self, offered: &Offered) {
        if !offered.is_told.replace(true) {
            let _host = Section::of_host();
            offered.function.warn(&self.shared.name());
        }
    }

    /// Calls a function of anything with the arguments that are the stack, or ends a call that has
    /// failed. `outer` is what `current` was before.
    #[inline(never)]
    fn end_call(
        &self,
        state: *mut lua_State,
        offered: &Offered,
        outer: *mut lua_State,
        failed: Option<Error>,
    ) -> Answer {
        let called = match failed {
            Some(error) => Err(offered.function.at(error)),
            None => self.call_function(state, &offered.function),
        };
        self.current.set(outer);
        match called {
            Ok(count) => Answer::Results(count),
            Err(error) => self.raised(state, &error),
        }
    }

    #[inline(never)]
    fn call_function(&self, state: *mut lua_State, function: &HostFunction) -> Result<c_int> {
        self.border.forget_room();
        // SAFETY: the VM runs this C function, so it is entered, and there is room for 20
        // values above the arguments.
        unsafe {
            let count = ffi::lua_gettop(state);
            let mut arguments = StackSource::list(&self.border, state, 1, count);
            let mut result = StackSink::new(&self.border, state);
            let life = &self.shared.life;
            function.call(count as usize, &mut arguments, &mut result, &HOSTS_TURN, life)?;
            result.finish()?;
            self.results(state, function)
        }
    }

    /// What has been written as the result of a function is as many results of the script's.
    ///
    /// # Safety
    /// It is on top of the stack.
    unsafe fn results(&self, state: *mut lua_State, function: &HostFunction) -> Result<c_int> {
        match &*function.signature.result {
            // A schema may lie, as its trait is a safe one.
            // SAFETY: as the caller says.
            Type::Tuple(items) if unsafe { ffi::lua_type(state, -1) } == ffi::LUA_TTABLE => unsafe {
                self.spread(state, items.len() as c_int)
            },
            _ => Ok(1),
        }
    }

    /// Reads the arguments that are the stack, and has the script's call wait for the function.
    fn begin(&self, state: *mut lua_State, function: &Arc<HostFunction>) -> Answer {
        let outer = self.current.replace(state);
        if outer.is_null() {
            self.current.set(outer);
            return Answer::Gone;
        }
        self.border.forget_room();
        // Whatever it is that the thread holds besides this plugin would stay held.
        let begun = match held() {
            // SAFETY: the VM runs this C function, whose stack are the arguments.
            1 => unsafe {
                let count = ffi::lua_gettop(state);
                let mut arguments = StackSource::list(&self.border, state, 1, count);
                function.begin(count as usize, &mut arguments)
            },
            _ => Err(function.cannot_wait()),
        };
        self.current.set(outer);
        let answered = begun.map(|work| {
            let (function, life) = (Arc::clone(function), Arc::clone(&self.shared.life));
            self.shared.will_wait(Pending::Wait(Box::new(move || {
                Ok(match function.finish(work, &life) {
                    Ok(answer) => GoesOn::Returned(Returned { function, answer }),
                    Err(error) => GoesOn::Error(error),
                })
            })));
        });
        // SAFETY: as above: there is room for two values, and the arguments go.
        unsafe {
            ffi::lua_settop(state, 0);
            ffi::lua_pushboolean(state, c_int::from(answered.is_ok()));
            match answered {
                Ok(()) => ffi::lua_pushboolean(state, 1),
                Err(error) => {
                    self.push_thrown(state, &error);
                }
            }
        }
        Answer::Results(2)
    }

    /// Pushes what a function has returned that the call of a script has waited for; how many
    /// values that are.
    ///
    /// # Safety
    /// `state` is of a coroutine of the VM, which is entered, and has room for some values.
    pub(super) unsafe fn push_returned(
        &self,
        state: *mut lua_State,
        returned: Returned,
    ) -> Result<c_int> {
        let Returned { function, answer } = returned;
        // SAFETY: as the caller says. The list of several results is below them, and goes.
        unsafe {
            let below = ffi::lua_gettop(state);
            let mut sink = StackSink::new(&self.border, state);
            function.write(answer, &mut sink)?;
            sink.finish()?;
            let count = self.results(state, &function)?;
            if ffi::lua_gettop(state) > below + count {
                ffi::lua_remove(state, below + 1);
            }
            Ok(count)
        }
    }

    /// A tuple is as many results.
    ///
    /// # Safety
    /// The list of them is on top of the stack.
    unsafe fn spread(&self, state: *mut lua_State, items: c_int) -> Result<c_int> {
        // SAFETY: as the caller says; room is made first.
        unsafe {
            self.border.reserve(state, items)?;
            let list = ffi::lua_gettop(state);
            (1..=items).for_each(|index| {
                ffi::lua_rawgeti(state, list, index.into());
            });
        }
        Ok(items)
    }

    /// Puts an error on the stack: where a plugin has thrown a table, a copy of it.
    #[cold]
    pub(super) fn raised(&self, state: *mut lua_State, error: &Error) -> Answer {
        // SAFETY: the VM runs the C function with this stack, on which there is room: what was
        // pushed of a result goes first.
        unsafe {
            ffi::lua_settop(state, 0);
            self.push_thrown(state, error)
        }
    }

    /// Pushes what is raised of an error: where a plugin has thrown a table, a copy of it, else
    /// its text; nil where there is no memory for that. Says which.
    ///
    /// # Safety
    /// `state` is of the VM, which is entered, and has room.
    #[cold]
    pub(super) unsafe fn push_thrown(&self, state: *mut lua_State, error: &Error) -> Answer {
        let lua = self.border.lua();
        // Lua has run since it was looked at.
        self.border.forget_room();
        let thrown = self.shared.trails.raise(lua, &self.border, error);
        // SAFETY: as the caller says. mlua moves the table in a protected call.
        unsafe {
            let (is_there, answer) = match thrown {
                Some(table) => {
                    let moved = lua.exec_raw::<()>(table, |from| ffi::lua_xmove(from, state, 1));
                    (moved.is_ok(), Answer::Value)
                }
                None => {
                    let pushed = self.border.push_text(state, error.message().as_bytes());
                    (pushed.is_ok(), Answer::Text)
                }
            };
            if !is_there {
                Memory::run_out();
                ffi::lua_pushnil(state);
            }
            if limits::is_due() {
                limits::arm(state);
            }
            if is_there { answer } else { Answer::NoMemory }
        }
    }
}
