//! The globals of a script: a table of its own, in which it finds the library at once.
//!
//! Behind that table is the library's own, which no script gets at, and in which what is made
//! once somebody asks for it appears (`prelude`). To find a name there takes a loop that calls
//! the library a quarter longer. So what the library has is in the script's table as well, and
//! of what is not made yet, what the script's own file names is made before it runs: were it put
//! there later, it would come up in the middle of a loop over `_G`. Elsewhere named, as by
//! `_G["pr" .. "int"]` or in a module, it is found behind.
//!
//! Not where chunks find what they name as they are loaded (`safe`): there the table has what
//! the script puts into it.

use std::ffi::{CStr, c_int};

use mlua::ffi::{self, lua_State};
use mlua::{Lua, Table};

use super::foundation::LOOKS_AHEAD;
use super::prelude;

/// Where the table is found in the Lua registry.
pub(super) const GLOBALS: &CStr = c"twinplug.globals";

/// So many names there is room for at first: the library's, and a few of the script's.
pub(super) const ROOM: usize = if LOOKS_AHEAD { 0 } else { 32 };

/// What the library says of itself; a plugin says its own version by that name.
const VERSION: &CStr = c"_VERSION";

/// Puts what the library of a new VM has into a script's globals, unless chunks look ahead. May
/// raise.
///
/// # Safety
/// `state` runs a C function, has the two tables at these places, and room for four values.
pub(super) unsafe fn fill(state: *mut lua_State, globals: c_int, library: c_int) {
    // SAFETY: as the caller says. The library's table does not change meanwhile.
    unsafe {
        ffi::lua_pushvalue(state, globals);
        ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, GLOBALS.as_ptr());
        if LOOKS_AHEAD {
            return;
        }
        ffi::lua_pushnil(state);
        while ffi::lua_next(state, library) != 0 {
            ffi::lua_pushvalue(state, -2);
            ffi::lua_insert(state, -2);
            ffi::lua_rawset(state, globals);
        }
        ffi::lua_pushnil(state);
        ffi::lua_setfield(state, globals, VERSION.as_ptr());
    }
}

/// Makes what a script names of what there is once somebody asks for it, and puts it into its
/// globals. Before the script runs.
///
/// # Errors
/// There is no memory.
pub(super) fn make_named(lua: &Lua, text: &[u8]) -> mlua::Result<()> {
    if LOOKS_AHEAD {
        return Ok(());
    }
    let mut names = Vec::new();
    for name in words(text).filter_map(prelude::lazy) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        // SAFETY: mlua runs it protected, with room for some values, and there is nothing to drop.
        // `fill` has put the table into the registry.
        unsafe {
            lua.exec_raw::<()>((), |state| {
                ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, GLOBALS.as_ptr());
                ffi::lua_pushstring(state, name.as_ptr());
                if ffi::lua_rawget(state, 1) == ffi::LUA_TNIL {
                    ffi::lua_pushglobaltable(state);
                    ffi::lua_pushstring(state, name.as_ptr());
                    ffi::lua_getfield(state, -2, name.as_ptr());
                    ffi::lua_rawset(state, 1);
                }
                ffi::lua_settop(state, 0);
            })?;
        }
    }
    Ok(())
}

/// What a script has put into its globals itself, in a new table; `None` of any other table.
///
/// # Errors
/// What Lua reports.
pub(super) fn own(lua: &Lua, table: &Table) -> mlua::Result<Option<Table>> {
    // SAFETY: mlua runs it protected, with the table in its frame, room for some values, and
    // nothing to drop. Neither of the tables changes while it goes through one.
    unsafe {
        lua.exec_raw(table, |state| {
            ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, GLOBALS.as_ptr());
            if ffi::lua_rawequal(state, 1, 2) == 0 {
                ffi::lua_settop(state, 0);
                ffi::lua_pushnil(state);
                return;
            }
            ffi::lua_pushglobaltable(state);
            ffi::lua_createtable(state, 0, 0);
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, 2) != 0 {
                ffi::lua_pushvalue(state, 5);
                ffi::lua_rawget(state, 3);
                if ffi::lua_rawequal(state, -1, 6) == 0 {
                    ffi::lua_pushvalue(state, 5);
                    ffi::lua_pushvalue(state, 6);
                    ffi::lua_rawset(state, 4);
                }
                ffi::lua_settop(state, 5);
            }
            ffi::lua_replace(state, 1);
            ffi::lua_settop(state, 1);
        })
    }
}

/// What may be names in a text, those in strings and comments as well.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
}
