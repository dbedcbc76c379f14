//! `host` where a script does no more with it than to name what is in it: then it is the table of
//! its members.
//!
//! Elsewhere it is a userdata that nobody can write to, and Lua goes through its metatable for
//! each `host.scale`, which takes a sixth of a call of such a function. A text that only reads
//! members by name (`annotations::members`) cannot tell one from the other. So a script whose
//! texts are all like that gets the table once its body has ended; and before a module runs
//! that may do more, `host` is what it was.
//!
//! What a text's reader does not know of a Lua's syntax harms nobody: the table is the VM's own,
//! and Luau, whose scripts may be anybody's, refuses to write to it. Not where chunks find what they
//! name as they are loaded (`safe`).

use std::cell::Cell;
use std::ffi::CStr;

use mlua::Lua;
use mlua::ffi;

use super::annotations::reads_members_alone;
use super::foundation::LOOKS_AHEAD;
use super::globals::GLOBALS;

const HOST: &CStr = c"host";

/// What a VM's script finds as `host`.
#[derive(Default)]
pub(super) struct Direct {
    /// Whether a module may do more with it than to name its members.
    is_seen: Cell<bool>,
    is_given: Cell<bool>,
}

/// What is in a script's globals.
#[derive(Clone, Copy, PartialEq)]
enum As {
    Members,
    Sealed,
}

impl Direct {
    /// A script's own body has ended, which this is the text of, and what it exports is known.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn body_ended(&self, lua: &Lua, text: &[u8]) -> mlua::Result<()> {
        if !LOOKS_AHEAD && !self.is_seen.get() && reads_members_alone(text, "host") {
            self.is_given.set(put(lua, As::Members)?);
        }
        Ok(())
    }

    /// A module with that text is about to run.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn module_begins(&self, lua: &Lua, text: &[u8]) -> mlua::Result<()> {
        if !LOOKS_AHEAD && !self.is_seen.get() && !reads_members_alone(text, "host") {
            if self.is_given.get() {
                put(lua, As::Sealed)?;
            }
            self.is_seen.set(true);
        }
        Ok(())
    }
}

/// Puts it into a script's globals in the place of what is there; says whether anything was.
fn put(lua: &Lua, what: As) -> mlua::Result<bool> {
    let mut was_there = false;
    // SAFETY: mlua runs it protected, with room for some values, and there is nothing to drop.
    // The foundation has put the globals into the registry. Where they have a `host`, which no
    // text that only reads its members has put there, the prelude has made it: it is in the
    // library, a userdata with the table of its members in its metatable.
    unsafe {
        lua.exec_raw::<()>((), |state| {
            ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, GLOBALS.as_ptr());
            ffi::lua_pushstring(state, HOST.as_ptr());
            ffi::lua_pushvalue(state, -1);
            ffi::lua_rawget(state, 1);
            was_there = ffi::lua_type(state, -1) != ffi::LUA_TNIL;
            if was_there {
                ffi::lua_pushglobaltable(state);
                ffi::lua_getfield(state, -1, HOST.as_ptr());
                if what == As::Members && ffi::lua_getmetatable(state, -1) != 0 {
                    ffi::lua_getfield(state, -1, c"__index".as_ptr());
                    #[cfg(feature = "luau")]
                    ffi::lua_setreadonly(state, -1, 1);
                }
                ffi::lua_replace(state, 3);
                ffi::lua_settop(state, 3);
                ffi::lua_rawset(state, 1);
            }
            ffi::lua_settop(state, 0);
        })?;
    }
    Ok(was_there)
}

#[cfg(test)]
#[cfg(not(all(feature = "luau", not(feature = "luau-jit"))))]
mod tests {
    use mlua::Table;

    use super::*;

    /// A VM with a `host`, and a script's globals.
    fn made() -> (Lua, Table) {
        let lua = Lua::new();
        let globals = lua.create_table().unwrap();
        lua.set_named_registry_value(GLOBALS.to_str().unwrap(), &globals).unwrap();
        let metatable: Table = lua.load("return { __index = { triple = 3 } }").eval().unwrap();
        // SAFETY: mlua runs it protected, with the metatable in its frame.
        let host: mlua::AnyUserData = unsafe {
            let made = lua.exec_raw(metatable, |state| {
                ffi::lua_newuserdata(state, 0);
                ffi::lua_insert(state, -2);
                ffi::lua_setmetatable(state, -2);
            });
            made.unwrap()
        };
        lua.globals().raw_set("host", host).unwrap();
        (lua, globals)
    }

    fn found(globals: &Table) -> &'static str {
        globals.raw_get::<mlua::Value>("host").unwrap().type_name()
    }

    #[test]
    fn it_is_the_members_until_somebody_does_more() {
        let (lua, globals) = made();
        globals.raw_set("host", lua.globals().raw_get::<mlua::Value>("host").unwrap()).unwrap();
        let direct = Direct::default();
        direct.body_ended(&lua, b"return host.triple").unwrap();
        assert_eq!(found(&globals), "table");
        assert_eq!(globals.get::<Table>("host").unwrap().get::<i64>("triple").unwrap(), 3);
        direct.module_begins(&lua, b"host.triple()").unwrap();
        assert_eq!(found(&globals), "table");
        direct.module_begins(&lua, b"host.triple = 1").unwrap();
        assert_eq!(found(&globals), "userdata");
        direct.body_ended(&lua, b"return host.triple").unwrap();
        assert_eq!(found(&globals), "userdata");
    }

    #[test]
    fn it_is_not_where_a_text_does_more() {
        let (lua, globals) = made();
        // Nor is it put where it was not.
        Direct::default().body_ended(&lua, b"return host.triple").unwrap();
        assert_eq!(found(&globals), "nil");
        globals.raw_set("host", lua.globals().raw_get::<mlua::Value>("host").unwrap()).unwrap();
        let direct = Direct::default();
        direct.body_ended(&lua, b"local h = host").unwrap();
        assert_eq!(found(&globals), "userdata");
        direct.module_begins(&lua, b"local h = host").unwrap();
        direct.body_ended(&lua, b"host.triple()").unwrap();
        assert_eq!(found(&globals), "userdata");
    }
}
