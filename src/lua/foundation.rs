//! What lies below the prelude, made in one go when a VM is: the library without what leads
//! out of the sandbox, with guards before what would take long; the globals of scripts; and
//! `raw`, which the prelude's parts get.
//!
//! It runs no Lua but for plugins that were granted something (and on LuaJIT): most of what
//! scripts can ask for is made once they do (`prelude`).

use std::collections::BTreeSet;
use std::ffi::{CStr, c_int};
use std::ptr;

use mlua::ffi::{self, lua_State};
use mlua::{Lua, Table, Value};

use super::globals;
use super::libraries::{DOORS, SEPARATOR};
use super::library;
use super::prelude;
use super::raw::Reference;
use super::vm::Core;
use crate::plugin::Permission;

/// What it is made of, beside the VM.
pub(super) struct Ground<'g> {
    /// Null where there is none, in tests.
    pub(super) core: *const Core,
    pub(super) granted: &'g BTreeSet<Permission>,
    pub(super) guards: Guards,
}

/// Whether there are guards before the library's functions.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Guards {
    Yes,
    No,
}

// Where things are on the stack meanwhile.
const ENVIRONMENT: c_int = 1;
const CONFIG: c_int = 2;
const LIBRARY: c_int = 3;
const RAW: c_int = 4;

/// Whether chunks find what they name as they are loaded (`safe`). Not where they become native code:
/// Luau's compiler takes it that in a safe environment no function of a script runs as a name
/// is looked up, which is not so for names that were not found, and keeps values meanwhile that
/// such a function has changed: it has ended the process.
pub(super) const LOOKS_AHEAD: bool = cfg!(all(feature = "luau", not(feature = "luau-jit")));

/// What is taken out of the library, as the prelude puts its own in its place once it is asked
/// for, and is in `raw` for that.
const REPLACED: [&CStr; 9] = [
    c"collectgarbage",
    c"coroutine",
    c"getmetatable",
    c"load",
    c"loadstring",
    c"pcall",
    c"print",
    c"setmetatable",
    c"xpcall",
];

/// What the prelude uses of the libraries' tables, which scripts can change: library, name,
/// and the name in `raw`.
const USED: [(&CStr, &CStr, &CStr); 7] = [
    (c"coroutine", c"running", c"running"),
    (c"coroutine", c"yield", c"yield"),
    (c"string", c"byte", c"byte"),
    (c"string", c"sub", c"sub"),
    (c"table", c"concat", c"concat"),
    (c"table", c"unpack", c"unpack"),
    // Luau's, which finds the script's line.
    (c"debug", c"info", c"info"),
];

/// What every script has of `os`.
const OS: [&CStr; 4] = [c"clock", c"date", c"difftime", c"time"];

/// Makes it in a new VM. Answers the token that calls yield to wait.
pub(super) fn lay(
    lua: &Lua,
    ground: &Ground<'_>,
    environment: &Table,
    config: &Value,
) -> mlua::Result<Reference> {
    let mut token = None;
    // SAFETY: mlua runs it protected, with the two values in its frame, and nothing to drop.
    // What is pushed at the same time is less than there is room for.
    unsafe {
        lua.exec_raw::<()>((environment, config), |state| {
            ffi::lua_pushglobaltable(state);
            push_raw(state, ground.core);
            token = Some(put_values(state));
            if let Some(core) = ground.core.as_ref() {
                ffi::lua_pushvalue(state, RAW);
                core.border.references.are_made_with(Reference::new(state));
            }
            #[cfg(feature = "luajit")]
            if !ground.core.is_null() {
                prelude::NATIVE_STACK.run(state, RAW);
            }
            keep_originals(state);
            if ground.guards == Guards::Yes {
                library::guard(state, LIBRARY, RAW);
            }
            copy(state, c"string", c"find", c"find_text");
            #[cfg(feature = "luajit")]
            keep_for_leaves(state);
            close_doors(state, ground.granted);
            protect_metatables(state);
            part_globals(state);
            #[cfg(feature = "luajit")]
            prelude::GLOBALS.run(state, RAW);
            if !ground.granted.is_empty() {
                prelude::DOORS.run(state, RAW);
            }
            globals::fill(state, ENVIRONMENT, LIBRARY);
            #[cfg(feature = "luau")]
            if let Some(core) = ground.core.as_ref() {
                core.library.begin(state, LIBRARY, RAW);
            }
            ffi::lua_settop(state, 0);
        })?;
    }
    token.ok_or_else(|| mlua::Error::RuntimeError("no token".to_owned()))
}

// Each of these runs in there, where `lay` has put things on the stack.

unsafe fn push_raw(state: *mut lua_State, core: *const Core) {
    // SAFETY: see above.
    unsafe {
        ffi::lua_createtable(state, 0, 32);
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushlightuserdata(state, core.cast_mut().cast());
        library::push(state, prelude::missing, c"missing", 1);
        ffi::lua_setfield(state, -2, c"__index".as_ptr());
        ffi::lua_setmetatable(state, RAW);
    }
}

/// Puts into `raw` what is there already.
unsafe fn put_values(state: *mut lua_State) -> Reference {
    // SAFETY: see above.
    unsafe {
        for (index, name) in [(ENVIRONMENT, c"environment"), (LIBRARY, c"library")] {
            ffi::lua_pushvalue(state, index);
            ffi::lua_setfield(state, RAW, name.as_ptr());
        }
        if ffi::lua_type(state, CONFIG) != ffi::LUA_TNIL {
            ffi::lua_pushvalue(state, CONFIG);
            ffi::lua_setfield(state, RAW, c"config".as_ptr());
        }
        ffi::lua_pushlightuserdata(state, ptr::null_mut());
        ffi::lua_setfield(state, RAW, c"null".as_ptr());
        ffi::lua_pushthread(state);
        ffi::lua_setfield(state, RAW, c"main".as_ptr());
        let goes_on_in_c = cfg!(any(feature = "lua54", feature = "lua55"));
        ffi::lua_pushboolean(state, goes_on_in_c.into());
        ffi::lua_setfield(state, RAW, c"goes_on_in_c".as_ptr());
        ffi::lua_pushboolean(state, LOOKS_AHEAD.into());
        ffi::lua_setfield(state, RAW, c"looks_ahead".as_ptr());
        ffi::lua_createtable(state, 0, 0);
        ffi::lua_pushvalue(state, -1);
        ffi::lua_setfield(state, RAW, c"token".as_ptr());
        Reference::new(state)
    }
}

/// Puts what the prelude uses of the library into `raw`, and takes out what it replaces.
unsafe fn keep_originals(state: *mut lua_State) {
    // SAFETY: see above.
    unsafe {
        for (library, name, kept) in USED {
            copy(state, library, name, kept);
        }
        // Elsewhere it is made to find the script's line.
        if cfg!(not(feature = "luau")) {
            ffi::lua_getfield(state, LIBRARY, c"error".as_ptr());
            ffi::lua_setfield(state, RAW, c"error".as_ptr());
        }
        for name in REPLACED {
            if ffi::lua_getfield(state, LIBRARY, name.as_ptr()) == ffi::LUA_TNIL {
                ffi::lua_pop(state, 1);
                continue;
            }
            match name == c"print" {
                true => ffi::lua_pop(state, 1),
                false => ffi::lua_setfield(state, RAW, name.as_ptr()),
            }
            remove(state, LIBRARY, name);
        }
    }
}

/// Keeps what calls of leaf functions are made with that are compiled.
#[cfg(feature = "luajit")]
unsafe fn keep_for_leaves(state: *mut lua_State) {
    // SAFETY: see above.
    unsafe {
        // Each VM of a plugin has the library.
        if ffi::lua_getfield(state, LIBRARY, c"bit".as_ptr()) == ffi::LUA_TTABLE {
            ffi::lua_getfield(state, -1, c"tobit".as_ptr());
            ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, super::leaf::TOBIT.as_ptr());
        }
        ffi::lua_settop(state, RAW);
    }
}

/// Copies a function of a library, if there is one, into `raw`.
unsafe fn copy(state: *mut lua_State, library: &CStr, name: &CStr, kept: &CStr) {
    // SAFETY: see above.
    unsafe {
        if ffi::lua_getfield(state, LIBRARY, library.as_ptr()) == ffi::LUA_TTABLE
            && ffi::lua_getfield(state, -1, name.as_ptr()) != ffi::LUA_TNIL
        {
            ffi::lua_setfield(state, RAW, kept.as_ptr());
        }
        ffi::lua_settop(state, RAW);
    }
}

/// Takes away what leads out of the sandbox. What of it a plugin that was granted something
/// gets back is for the prelude's `doors.lua` to say.
unsafe fn close_doors(state: *mut lua_State, granted: &BTreeSet<Permission>) {
    // SAFETY: see above.
    unsafe {
        let doors = RAW + 1;
        ffi::lua_createtable(state, 0, 0);
        for door in DOORS {
            if ffi::lua_getfield(state, LIBRARY, door.as_ptr()) == ffi::LUA_TNIL {
                ffi::lua_pop(state, 1);
                continue;
            }
            ffi::lua_setfield(state, doors, door.as_ptr());
            remove(state, LIBRARY, door);
        }
        if granted.is_empty() {
            leave_os(state, doors);
        } else {
            put_grants(state, granted);
        }
        ffi::lua_settop(state, RAW);
        ffi::lua_getfield(state, LIBRARY, c"string".as_ptr());
        remove(state, RAW + 1, c"dump");
        ffi::lua_settop(state, RAW);
    }
}

/// Of `os`, which is in the table at that index, gives back what every script has.
unsafe fn leave_os(state: *mut lua_State, doors: c_int) {
    // SAFETY: see above.
    unsafe {
        ffi::lua_getfield(state, doors, c"os".as_ptr());
        ffi::lua_createtable(state, 0, OS.len() as c_int);
        for name in OS {
            ffi::lua_getfield(state, -2, name.as_ptr());
            ffi::lua_setfield(state, -2, name.as_ptr());
        }
        ffi::lua_setfield(state, LIBRARY, c"os".as_ptr());
    }
}

/// Puts into `raw` the doors, which are on top of the stack, and which of them a plugin was
/// granted.
unsafe fn put_grants(state: *mut lua_State, granted: &BTreeSet<Permission>) {
    let text = |text: &str| {
        // SAFETY: see above; a text is copied.
        unsafe { ffi::lua_pushlstring(state, text.as_ptr().cast(), text.len()) };
    };
    // SAFETY: see above.
    unsafe {
        ffi::lua_setfield(state, RAW, c"doors".as_ptr());
        ffi::lua_createtable(state, 0, 0);
        for permission in granted {
            text(permission.name());
            ffi::lua_pushboolean(state, 1);
            ffi::lua_rawset(state, -3);
        }
        ffi::lua_setfield(state, RAW, c"granted".as_ptr());
        text(SEPARATOR);
        ffi::lua_setfield(state, RAW, c"separator".as_ptr());
    }
}

/// Strings, and what else a flavour gives a metatable: it serves all of the VM, ours too.
/// Luau's vectors have one that cannot be written to.
unsafe fn protect_metatables(state: *mut lua_State) {
    // SAFETY: see above.
    unsafe {
        ffi::lua_pushstring(state, c"".as_ptr());
        ffi::lua_pushinteger(state, 0);
        ffi::lua_pushboolean(state, 1);
        ffi::lua_getfield(state, LIBRARY, c"tostring".as_ptr());
        ffi::lua_pushthread(state);
        ffi::lua_pushlightuserdata(state, ptr::null_mut());
        for value in RAW + 1..=ffi::lua_gettop(state) {
            if ffi::lua_getmetatable(state, value) != 0 {
                if can_be_written(state) {
                    ffi::lua_pushboolean(state, 0);
                    ffi::lua_setfield(state, -2, c"__metatable".as_ptr());
                }
                ffi::lua_pop(state, 1);
            }
        }
        ffi::lua_settop(state, RAW);
    }
}

#[cfg(feature = "luau")]
unsafe fn can_be_written(state: *mut lua_State) -> bool {
    // SAFETY: see above; the metatable is on top of the stack.
    unsafe { ffi::lua_getreadonly(state, -1) == 0 }
}

#[cfg(not(feature = "luau"))]
unsafe fn can_be_written(_: *mut lua_State) -> bool {
    true
}

/// The globals of a script are a table of its own. What is not in there is in the library,
/// whose table no script gets at, and what is not in there may be made by the prelude.
unsafe fn part_globals(state: *mut lua_State) {
    // SAFETY: see above.
    unsafe {
        ffi::lua_pushvalue(state, ENVIRONMENT);
        ffi::lua_setfield(state, ENVIRONMENT, c"_G".as_ptr());
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushvalue(state, LIBRARY);
        ffi::lua_setfield(state, -2, c"__index".as_ptr());
        ffi::lua_setmetatable(state, ENVIRONMENT);
        remove(state, LIBRARY, c"_G");
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushvalue(state, RAW);
        library::push(state, prelude::missing_global, c"missing", 1);
        ffi::lua_pushvalue(state, -1);
        ffi::lua_setfield(state, RAW, c"lazily".as_ptr());
        ffi::lua_setfield(state, -2, c"__index".as_ptr());
        ffi::lua_setmetatable(state, LIBRARY);
    }
}

unsafe fn remove(state: *mut lua_State, table: c_int, name: &CStr) {
    // SAFETY: see above.
    unsafe {
        ffi::lua_pushnil(state);
        ffi::lua_setfield(state, table, name.as_ptr());
    }
}
