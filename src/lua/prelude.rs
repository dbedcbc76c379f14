//! The Lua that every script runs on top of, in parts that run in this order. Each gets
//! the same table: the functions of `host_table`, and what the parts before have added.

use mlua::chunk::ChunkMode;
use mlua::{Lua, Table};

use super::stack::PRELUDE;

const PARTS: [&str; 9] = [
    include_str!("prelude/native_stack.lua"),
    include_str!("prelude/calls.lua"),
    include_str!("prelude/coroutines.lua"),
    include_str!("prelude/library.lua"),
    include_str!("prelude/slow.lua"),
    include_str!("prelude/doors.lua"),
    include_str!("prelude/modules.lua"),
    include_str!("prelude/host.lua"),
    include_str!("prelude/globals.lua"),
];

/// Runs it in a new VM. In messages and tracebacks it is `[twinplug]`.
pub(super) fn run(lua: &Lua, raw: &Table) -> mlua::Result<()> {
    for part in PARTS {
        lua.load(part).set_name(format!("={PRELUDE}")).set_mode(ChunkMode::Text).call::<()>(raw)?;
    }
    Ok(())
}
