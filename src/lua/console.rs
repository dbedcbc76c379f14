//! What a console has in which people try what others do, beside what every script has.

use mlua::{Function, Lua, LuaString, Table};

use super::loader::compiled;
use super::vm::{Core, Shared};
use crate::plugin::Symbol;

impl Shared {
    /// Whether the host says that this script is a console.
    pub(super) fn is_console(&self) -> bool {
        self.host().is_ok_and(|host| host.consoles.contains(&*self.name()))
    }
}

/// Whether a plugin has a function of that name, as it is now.
pub(super) fn is_function(core: &Core) -> mlua::Result<Function> {
    let handed = core.handed();
    core.border.lua().create_function(move |_, (plugin, symbol): (LuaString, LuaString)| {
        let shared = &handed.get().shared;
        let plugins = shared.host().and_then(|host| host.plugins());
        let found = plugins.and_then(|plugins| {
            shared.symbol(&*plugins, &plugin.to_string_lossy(), &symbol.to_string_lossy())
        });
        Ok(matches!(found, Ok(Symbol::Func(_))))
    })
}

/// `load(text, name)`, for a Lua that has none (Luau): what is typed has to be compiled.
#[cfg_attr(not(feature = "luau"), allow(dead_code, reason = "elsewhere every script has it"))]
pub(super) fn load(lua: &Lua, environment: &Table) -> mlua::Result<Function> {
    let environment = environment.clone();
    lua.create_function(move |lua, (text, name): (LuaString, Option<LuaString>)| {
        let name = name.as_ref().map_or("=(load)".to_owned(), LuaString::to_string_lossy);
        match compiled(lua, &name, text.as_bytes().to_vec(), Some(&environment)) {
            Ok(function) => Ok((Some(function), None)),
            Err(message) => Ok((None, Some(message))),
        }
    })
}
