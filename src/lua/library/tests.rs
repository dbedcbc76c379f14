//! The guards of the library: what they let pass is what it was, and what they stop ends.

mod behaviour;

use std::collections::BTreeSet;
use std::ptr;

use mlua::{Function, Lua, LuaOptions, StdLib, Value};

use crate::lua::foundation::{self, Ground, Guards};

/// A VM with the guards, and of the prelude what needs no host.
pub(in crate::lua) fn guarded() -> Lua {
    let lua = original();
    let granted = BTreeSet::new();
    let ground = Ground { core: ptr::null(), granted: &granted, guards: Guards::Yes };
    // Its environment is that of code which `load` makes.
    let environment = lua.create_table().unwrap();
    foundation::lay(&lua, &ground, &environment, &Value::Nil).unwrap();
    lua
}

/// A VM as Lua has made it, with the libraries of a plugin's.
pub(in crate::lua) fn original() -> Lua {
    let libraries = StdLib::MATH | StdLib::OS | StdLib::STRING | StdLib::TABLE;
    #[cfg(feature = "luajit")]
    let libraries = libraries | StdLib::JIT;
    // The prelude looks for the script's line with it, and takes it away.
    #[cfg(feature = "luau")]
    let libraries = libraries | StdLib::DEBUG;
    #[cfg(not(feature = "luajit"))]
    let libraries = libraries | StdLib::COROUTINE | StdLib::UTF8;
    Lua::new_with(libraries, LuaOptions::new()).unwrap()
}

/// Runs the same script in a VM of each kind, and says what the two results are.
fn both(script: &str) -> [String; 2] {
    [guarded(), original()].map(|lua| shown(&lua, script))
}

/// What a script gives, or its error, as text.
pub(in crate::lua) fn shown(lua: &Lua, script: &str) -> String {
    let show = include_str!("tests/show.lua");
    let show: Function = lua.load(show).call(()).unwrap();
    let chunk = lua.load(script).set_name("=row").into_function();
    match chunk {
        Ok(chunk) => show.call(chunk).unwrap(),
        Err(error) => error.to_string(),
    }
}
