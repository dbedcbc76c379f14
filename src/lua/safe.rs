//! Luau's quick ways into its library.
//!
//! Luau calls `math.floor` and its like, goes through `pairs`, and finds `string.format`, without
//! looking them up, where the environment of a function is said to be *safe*: the library is as
//! it was, and stays so. Elsewhere a script takes several times as long for them.
//!
//! Of a script that is known once its body has ended. Where it has put nothing in the place of
//! what the library has, its environment becomes safe, and the library's tables are frozen, but
//! for names that they have not: a script may add to them. A module that is required later may do
//! to the library what the body may, until its own body has ended. Where something is found to be
//! replaced, by either or by a global that is set later, everything is looked up from then on.
//!
//! What a name leads to is found as a chunk is loaded, in the library's table, and kept: so what
//! may be another value later is not there meanwhile (`Loading`).
//!
//! With the compiler to native code none of this is done (`LOOKS_AHEAD`).
//!
//! Left alone: what `rawset` writes into the globals once the body has ended; and what a body has
//! replaced, taken into a local, and put back before a module was required, or it ended.

mod loading;

use std::cell::Cell;
use std::ffi::{CStr, c_int};

use mlua::ffi::{self, lua_State};
use mlua::{Lua, Table};

use super::foundation::LOOKS_AHEAD;
use super::library;
use super::prelude;
pub(super) use loading::Loading;

/// What becomes of the library of a VM.
pub(super) struct Library {
    /// Whether nothing of the script's has run.
    is_new: Cell<bool>,
    /// Whether the script's own body has ended.
    is_over: Cell<bool>,
    /// Whether a module's body runs, or has not come to its end.
    is_open: Cell<bool>,
    /// Whether anything of it was replaced.
    is_changed: Cell<bool>,
    /// Whether its tables are frozen, and the environment has become safe.
    is_frozen: Cell<bool>,
}

// Where these are found in the registry: the prelude's table; the `Library`; what its tables held
// when they were made, by their names; and the metatable of its tables while they are frozen.
const RAW: &CStr = c"twinplug.raw";
const SELF: &CStr = c"twinplug.library";
const KEPT: &CStr = c"twinplug.kept";
const FROZEN: &CStr = c"twinplug.frozen";

/// The table of the library's that scripts write to, where they were granted it.
const PACKAGE: &CStr = c"package";

impl Library {
    /// Of a VM whose script has its body before it.
    pub(super) fn new() -> Self {
        let [is_over, is_open, is_changed, is_frozen] = std::array::from_fn(|_| Cell::new(false));
        Library { is_new: Cell::new(true), is_over, is_open, is_changed, is_frozen }
    }

    /// Takes down what is in the library of a new VM. May raise.
    ///
    /// # Safety
    /// `state` runs a C function, has the library's table and the prelude's at these places, and
    /// room for twelve values. `self` stays where it is for as long as the VM lives.
    pub(super) unsafe fn begin(&self, state: *mut lua_State, library: c_int, raw: c_int) {
        if !LOOKS_AHEAD {
            return;
        }
        // SAFETY: as the caller says.
        unsafe {
            ffi::lua_pushvalue(state, raw);
            ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, RAW.as_ptr());
            ffi::lua_pushlightuserdata(state, std::ptr::from_ref(self).cast_mut().cast());
            ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, SELF.as_ptr());
            ffi::lua_createtable(state, 0, 1);
            library::push(state, add, c"library", 0);
            ffi::lua_rawsetfield(state, -2, c"__newindex".as_ptr());
            ffi::lua_setreadonly(state, -1, 1);
            ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, FROZEN.as_ptr());
            ffi::lua_createtable(state, 0, 16);
            let kept = ffi::lua_gettop(state);
            each(state, library, |name, value| {
                let is_package = library::text(state, name) == Some(PACKAGE.to_bytes());
                if ffi::lua_type(state, value) == ffi::LUA_TTABLE && !is_package {
                    ffi::lua_pushvalue(state, name);
                    ffi::lua_clonetable(state, value);
                    ffi::lua_rawset(state, kept);
                }
            });
            ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, KEPT.as_ptr());
            ffi::lua_setsafeenv(state, library, 1);
        }
    }

    /// The prelude has made one more of the library's tables. It is in the library, and kept, on
    /// return; or may be made anew.
    pub(super) fn grow(
        &self,
        lua: &Lua,
        name: &mlua::LuaString,
        table: &Table,
    ) -> mlua::Result<()> {
        // SAFETY: mlua runs it protected, with the two in its frame, and nothing to drop.
        unsafe {
            lua.exec_raw((name, table), |state| {
                let kept = ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, KEPT.as_ptr());
                // Else `begin` will find it.
                if kept == ffi::LUA_TTABLE {
                    ffi::lua_pushvalue(state, 1);
                    ffi::lua_clonetable(state, 2);
                    ffi::lua_rawset(state, 3);
                }
                ffi::lua_pushglobaltable(state);
                ffi::lua_pushvalue(state, 1);
                ffi::lua_pushvalue(state, 2);
                ffi::lua_rawset(state, -3);
                if self.is_frozen.get() {
                    freeze(state, 2);
                }
                ffi::lua_settop(state, 0);
            })
        }
    }

    /// A module's body begins.
    pub(super) fn open(&self, lua: &Lua, environment: &Table) -> mlua::Result<()> {
        // SAFETY: mlua runs it protected, with the environment in its frame, and nothing to drop
        // where Lua may raise.
        unsafe {
            lua.exec_raw::<()>(environment, |state| {
                ffi::lua_pushglobaltable(state);
                if self.is_frozen.replace(false) {
                    ffi::lua_setsafeenv(state, 1, 0);
                    each_kept(state, 2, |_, table| thaw(state, table));
                } else {
                    self.look(state, 1, 2);
                }
                ffi::lua_settop(state, 0);
            })?;
        }
        self.is_open.set(true);
        Ok(())
    }

    /// A module's body has ended, and no other one is left.
    pub(super) fn close(&self, lua: &Lua, environment: &Table) -> mlua::Result<()> {
        self.is_open.set(false);
        self.settle(lua, environment)
    }

    /// The script's own body has ended.
    pub(super) fn end(&self, lua: &Lua, environment: &Table) -> mlua::Result<()> {
        self.is_over.set(true);
        self.settle(lua, environment)
    }

    /// The environment becomes safe, if nothing stands against it.
    fn settle(&self, lua: &Lua, environment: &Table) -> mlua::Result<()> {
        if !LOOKS_AHEAD || !self.is_over.get() || self.is_open.get() {
            return Ok(());
        }
        // SAFETY: as in `open`.
        unsafe {
            lua.exec_raw(environment, |state| {
                ffi::lua_pushglobaltable(state);
                self.look(state, 1, 2);
                if !self.is_changed.get() {
                    watch(state, 1);
                    each_kept(state, 2, |_, table| freeze(state, table));
                    ffi::lua_setsafeenv(state, 1, 1);
                    self.is_frozen.set(true);
                }
                ffi::lua_settop(state, 0);
            })
        }
    }

    /// Looks whether something was replaced.
    ///
    /// # Safety
    /// As `begin`, of the environment and the library's table.
    unsafe fn look(&self, state: *mut lua_State, environment: c_int, library: c_int) {
        // SAFETY: as the caller says.
        unsafe {
            if !has_all(state, library) || takes_places(state, environment, library) {
                self.is_changed.set(true);
            }
        }
    }

    /// Whether a chunk that is loaded may keep what it finds in the library: it holds what it
    /// held and no more, and nothing that scripts write to.
    ///
    /// # Safety
    /// As `begin`.
    unsafe fn look_ahead(&self, state: *mut lua_State, library: c_int) -> bool {
        // SAFETY: as the caller says.
        unsafe {
            let package = ffi::lua_rawgetfield(state, library, PACKAGE.as_ptr());
            ffi::lua_pop(state, 1);
            if self.is_new.replace(false) {
                return package == ffi::LUA_TNIL;
            }
            if !has_all(state, library) {
                self.is_changed.set(true);
                return false;
            }
            package == ffi::LUA_TNIL && !has_more(state, library)
        }
    }
}

/// `spoil(globals)`: one of them has taken the place of a value of the library's.
pub(super) unsafe extern "C-unwind" fn spoil(state: *mut lua_State) -> c_int {
    // SAFETY: the prelude calls it, or `set_global`; the `Library` lives as long as the VM.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::lua_setsafeenv(state, 1, 0);
        ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, SELF.as_ptr());
        if let Some(library) = ffi::lua_touserdata(state, -1).cast::<Library>().as_ref() {
            library.is_changed.set(true);
        }
        ffi::lua_pop(state, 1);
    }
    0
}

/// Has globals that are set later looked at. May raise.
///
/// # Safety
/// As `Library::begin`, of the environment.
unsafe fn watch(state: *mut lua_State, environment: c_int) {
    // SAFETY: as the caller says.
    unsafe {
        if ffi::lua_getmetatable(state, environment) == 0 {
            return;
        }
        // Where the prelude has put one there (`globals.lua`), that one looks.
        if ffi::lua_rawgetfield(state, -1, c"__newindex".as_ptr()) == ffi::LUA_TNIL {
            library::push(state, set_global, c"globals", 0);
            ffi::lua_rawsetfield(state, -3, c"__newindex".as_ptr());
        }
        ffi::lua_pop(state, 2);
    }
}

/// The metamethod of safe globals, which no script sees: `(globals, name, value)`.
unsafe extern "C-unwind" fn set_global(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls it with these three; the globals of whoever runs are the library's table.
    unsafe {
        if let Some(name) = library::text(state, 2) {
            ffi::lua_pushglobaltable(state);
            ffi::lua_pushvalue(state, 2);
            if ffi::lua_rawget(state, 4) != ffi::LUA_TNIL || prelude::lazy(name).is_some() {
                spoil(state);
            }
            ffi::lua_settop(state, 3);
        }
        ffi::lua_rawset(state, 1);
    }
    0
}

/// Whether a global has the name of one of the library's. That it is the same value does not
/// help: the next one would be set without anybody being asked.
///
/// # Safety
/// As `Library::begin`, of the environment and the library's table.
unsafe fn takes_places(state: *mut lua_State, environment: c_int, library: c_int) -> bool {
    let mut takes = false;
    // SAFETY: as the caller says.
    unsafe {
        each(state, environment, |key, _| {
            let Some(name) = library::text(state, key) else { return };
            ffi::lua_pushvalue(state, key);
            takes |=
                ffi::lua_rawget(state, library) != ffi::LUA_TNIL || prelude::lazy(name).is_some();
            ffi::lua_pop(state, 1);
        });
    }
    takes
}

/// Whether the library's tables hold all that they held, and have no metatable of a script's.
///
/// # Safety
/// As `Library::begin`.
unsafe fn has_all(state: *mut lua_State, library: c_int) -> bool {
    let mut differ = false;
    // SAFETY: as the caller says. What is kept was in a table of the library's, or is.
    unsafe {
        each_kept(state, library, |kept, table| {
            if ffi::lua_type(state, table) != ffi::LUA_TTABLE || is_strange(state, table) {
                differ = true;
                return;
            }
            each(state, kept, |key, value| {
                ffi::lua_pushvalue(state, key);
                ffi::lua_rawget(state, table);
                // `math.nan` is not equal to itself.
                let equals = |one, other| ffi::lua_rawequal(state, one, other) != 0;
                differ |= !equals(-1, value) && (equals(-1, -1) || equals(value, value));
            });
        });
    }
    !differ
}

/// Whether those tables hold more than that.
///
/// # Safety
/// As `Library::begin`.
unsafe fn has_more(state: *mut lua_State, library: c_int) -> bool {
    let (mut held, mut holds) = (0, 0);
    // SAFETY: as the caller says; they are tables.
    unsafe {
        each_kept(state, library, |kept, table| {
            each(state, kept, |_, _| held += 1);
            each(state, table, |_, _| holds += 1);
        });
    }
    holds > held
}

/// Whether a table has a metatable that is not ours.
///
/// # Safety
/// As `Library::begin`, of the table.
unsafe fn is_strange(state: *mut lua_State, table: c_int) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        if ffi::lua_getmetatable(state, table) == 0 {
            return false;
        }
        ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, FROZEN.as_ptr());
        let is_strange = ffi::lua_rawequal(state, -1, -2) == 0;
        ffi::lua_pop(state, 2);
        is_strange
    }
}

/// A table of the library takes other names alone from now on. Takes no memory.
///
/// # Safety
/// As `Library::begin`, of the table.
unsafe fn freeze(state: *mut lua_State, table: c_int) {
    // SAFETY: as the caller says.
    unsafe {
        if ffi::lua_getreadonly(state, table) == 0 {
            ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, FROZEN.as_ptr());
            ffi::lua_setmetatable(state, table);
            ffi::lua_setreadonly(state, table, 1);
        }
    }
}

/// A table that was frozen takes anything again. One that is frozen anyway has no metatable.
///
/// # Safety
/// As `freeze`.
unsafe fn thaw(state: *mut lua_State, table: c_int) {
    // SAFETY: as the caller says.
    unsafe {
        if ffi::lua_getmetatable(state, table) != 0 {
            ffi::lua_pop(state, 1);
            ffi::lua_setreadonly(state, table, 0);
            ffi::lua_pushnil(state);
            ffi::lua_setmetatable(state, table);
        }
    }
}

/// The metamethod of the library's frozen tables, and of a script's copies of them: adds a name.
unsafe extern "C-unwind" fn add(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls it with one of these, a key that it has not, and a value; or a script that
    // has got hold of it, with anything. There is room for more.
    unsafe {
        ffi::lua_settop(state, 3);
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::lua_pushvalue(state, 2);
        let is_there =
            ffi::lua_type(state, 2) == ffi::LUA_TNIL || ffi::lua_rawget(state, 1) != ffi::LUA_TNIL;
        if is_there || ffi::lua_getmetatable(state, 1) == 0 || is_strange(state, 1) {
            return library::raise(state, c"attempt to modify a readonly table");
        }
        let is_readonly = ffi::lua_getreadonly(state, 1);
        if is_readonly != 0 && !is_librarys(state, 1) {
            return library::raise(state, c"attempt to modify a readonly table");
        }
        ffi::lua_settop(state, 3);
        set_anyway(state);
    }
    0
}

/// `put(table, key, value)`: as `rawset`, also where the table is frozen.
#[cfg(feature = "luau-jit")]
pub(super) unsafe extern "C-unwind" fn put(state: *mut lua_State) -> c_int {
    // SAFETY: the prelude calls it, with these three.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::lua_settop(state, 3);
        set_anyway(state);
    }
    0
}

/// Sets an entry of a table, which may be frozen, and is afterwards as before. May raise.
///
/// # Safety
/// `state` runs a C function, whose stack are the table, the key and the value, with room for more.
unsafe fn set_anyway(state: *mut lua_State) {
    // SAFETY: as the caller says.
    unsafe {
        let is_readonly = ffi::lua_getreadonly(state, 1);
        library::push(state, set, c"library", 0);
        ffi::lua_insert(state, 1);
        ffi::lua_pushvalue(state, 2);
        ffi::lua_insert(state, 1);
        // The table, `set`, and its three arguments.
        ffi::lua_setreadonly(state, 1, 0);
        let status = ffi::lua_pcall(state, 3, 0, 0);
        ffi::lua_setreadonly(state, 1, is_readonly);
        if status != ffi::LUA_OK {
            ffi::lua_error(state);
        }
    }
}

/// Whether a table is one of the library's, and no copy.
///
/// # Safety
/// As `Library::begin`, of the table.
unsafe fn is_librarys(state: *mut lua_State, table: c_int) -> bool {
    let mut is_it = false;
    // SAFETY: as the caller says; the globals of whoever runs are the library's table.
    unsafe {
        ffi::lua_pushglobaltable(state);
        let library = ffi::lua_gettop(state);
        each_kept(state, library, |_, other| {
            is_it |= ffi::lua_rawequal(state, table, other) != 0;
        });
        ffi::lua_pop(state, 1);
    }
    is_it
}

/// `(table, key, value)`: as `rawset`.
unsafe extern "C-unwind" fn set(state: *mut lua_State) -> c_int {
    // SAFETY: `set_anyway` calls it.
    unsafe { ffi::lua_rawset(state, 1) };
    0
}

/// What the library's tables held, and those tables, by where they are on the stack.
///
/// # Safety
/// As `Library::begin`.
unsafe fn each_kept(state: *mut lua_State, library: c_int, mut f: impl FnMut(c_int, c_int)) {
    // SAFETY: as the caller says.
    unsafe {
        ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, KEPT.as_ptr());
        let all = ffi::lua_gettop(state);
        each(state, all, |name, kept| {
            ffi::lua_pushvalue(state, name);
            ffi::lua_rawget(state, library);
            f(kept, kept + 1);
        });
        ffi::lua_pop(state, 1);
    }
}

/// The entries of a table, by where key and value are on the stack; what is above them goes. The
/// table does not change meanwhile.
///
/// # Safety
/// As `Library::begin`, of the table.
unsafe fn each(state: *mut lua_State, table: c_int, mut f: impl FnMut(c_int, c_int)) {
    // SAFETY: as the caller says.
    unsafe {
        let key = ffi::lua_gettop(state) + 1;
        let mut place = ffi::lua_rawiter(state, table, 0);
        while place >= 0 {
            f(key, key + 1);
            ffi::lua_settop(state, key - 1);
            place = ffi::lua_rawiter(state, table, place);
        }
    }
}
