//! Which libraries a VM opens: those of the sandbox, and those that a script was granted.
//!
//! What of them a script may reach is for the `foundation` to say, and for the prelude's
//! `doors.lua`.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::path::MAIN_SEPARATOR_STR;

use mlua::{Lua, LuaOptions, StdLib};

use super::vm::broken;
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Limits, Permission};

/// What leads out of the sandbox, in one flavour or another.
pub(super) const DOORS: [&CStr; 14] = [
    c"debug",
    c"dofile",
    c"ffi",
    c"gcinfo",
    c"getfenv",
    c"io",
    c"jit",
    c"loadfile",
    c"module",
    c"newproxy",
    c"os",
    c"package",
    c"require",
    c"setfenv",
];

/// Between the parts of a path.
pub(super) const SEPARATOR: &str = MAIN_SEPARATOR_STR;

/// What the flavour calls itself.
const FLAVOUR: &str = if cfg!(feature = "luajit") {
    "LuaJIT"
} else if cfg!(feature = "luau") {
    "Luau"
} else if cfg!(feature = "lua55") {
    "Lua 5.5"
} else {
    "Lua 5.4"
};

/// A VM with the libraries that go with these permissions.
///
/// # Errors
/// The flavour has not all of them.
pub(super) fn open(granted: &BTreeSet<Permission>, limits: &Limits) -> Result<Lua> {
    let mut libraries = sandbox(limits);
    for &permission in granted {
        libraries |= library(permission).ok_or_else(|| lacks(permission))?;
    }
    let lua = made(libraries, granted).map_err(broken)?;
    #[cfg(feature = "luau")]
    lua.set_compiler(compiler());
    #[cfg(feature = "lua54")]
    put_off_collection(&lua).map_err(broken)?;
    Ok(lua)
}

/// So much a VM may take until its collector begins, in KiB: twice what it takes to begin with, as later
/// cycles begin.
#[cfg(feature = "lua54")]
const FIRST_COLLECTION: std::ffi::c_int = 32;

/// Has the collector begin later. In Lua 5.4 it begins with the VM itself, of which nothing can go
/// yet, and would take a sixth of a small plugin's load for that.
#[cfg(feature = "lua54")]
fn put_off_collection(lua: &Lua) -> mlua::Result<()> {
    // SAFETY: mlua runs it protected. A step of a size adds that to what is due; of less than
    // nothing none is made.
    unsafe {
        lua.exec_raw((), |state| {
            mlua::ffi::lua_gc(state, mlua::ffi::LUA_GCSTEP, -FIRST_COLLECTION);
        })
    }
}

#[cfg(feature = "luau")]
fn compiler() -> mlua::chunk::Compiler {
    // It is looked up, and so makes what shows a script the metatable of its globals, and not
    // ours (`globals.lua`).
    let compiler = mlua::chunk::Compiler::new().add_disabled_builtin("getmetatable");
    // Native code is made of what a script says of its types, too.
    #[cfg(feature = "luau-jit")]
    let compiler = compiler.set_type_info_level(1);
    compiler
}

fn made(libraries: StdLib, granted: &BTreeSet<Permission>) -> mlua::Result<Lua> {
    let options = LuaOptions::new();
    if granted.contains(&Permission::Debug) || granted.contains(&Permission::Ffi) {
        // SAFETY: unsafe are `debug` and `ffi` alone, and no C modules can be loaded, as
        // `package` is never opened. The prelude takes `debug` away before any script
        // runs and hands out what cannot break the VM. `ffi` goes to plugins that the
        // host trusts with its memory: it has granted it by name.
        return Ok(unsafe { Lua::unsafe_new_with(libraries, options) });
    }
    Lua::new_with(libraries, options)
}

/// What every script has; in Lua 5.4 and 5.5 the prelude opens the rest once a script asks for it.
#[cfg_attr(not(feature = "luajit"), allow(unused_variables, reason = "a compiler is LuaJIT's"))]
fn sandbox(limits: &Limits) -> StdLib {
    let libraries = StdLib::OS | StdLib::STRING | StdLib::TABLE;
    // LuaJIT has coroutines in its base library, and no `utf8`. Its compiler is off until
    // `jit` is opened, and what it has compiled cannot be stopped.
    #[cfg(feature = "luajit")]
    let libraries = match limits.time {
        None => libraries | StdLib::BIT | StdLib::MATH | StdLib::JIT,
        Some(_) => libraries | StdLib::BIT | StdLib::MATH,
    };
    #[cfg(feature = "luau")]
    let libraries = libraries | StdLib::COROUTINE | StdLib::MATH | StdLib::UTF8;
    // The prelude looks for the script's line with `debug`.
    #[cfg(feature = "luau")]
    let libraries = libraries | StdLib::BIT | StdLib::BUFFER | StdLib::DEBUG | StdLib::VECTOR;
    libraries
}

/// What is opened for a permission; `None` where the flavour has no such library.
fn library(permission: Permission) -> Option<StdLib> {
    match permission {
        // Plain data, which the prelude makes.
        Permission::Package => Some(StdLib::NONE),
        Permission::Debug => Some(StdLib::DEBUG),
        #[cfg(not(feature = "luau"))]
        Permission::Io => Some(StdLib::IO),
        #[cfg(not(feature = "luau"))]
        Permission::Os => Some(StdLib::OS),
        #[cfg(feature = "luajit")]
        Permission::Ffi => Some(StdLib::FFI),
        #[cfg(feature = "luajit")]
        Permission::Jit => Some(StdLib::JIT),
        #[cfg_attr(feature = "luajit", allow(unreachable_patterns, reason = "it has all"))]
        _ => None,
    }
}

fn lacks(permission: Permission) -> Error {
    let only = match permission {
        Permission::Os => " beyond what every script has",
        _ => "",
    };
    let message = format!(
        "its manifest asks for the permission `{permission}`, and {FLAVOUR}, which this host runs, \
         has no library `{permission}`{only}: take it out of the manifest, or build the host with \
         another Lua"
    );
    Error::new(ErrorKind::Refused, message)
}
