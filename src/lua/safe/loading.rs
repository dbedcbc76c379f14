//! What a chunk finds as it is loaded, and keeps: nothing that may be another value later.

use std::ffi::c_int;

use mlua::Lua;
use mlua::ffi::{self, lua_State};

use super::{LOOKS_AHEAD, Library, RAW, SELF, each};

/// A chunk is being loaded, while this lives.
pub(in crate::lua) struct Loading<'l>(&'l Lua);

impl<'l> Loading<'l> {
    pub(in crate::lua) fn begin(lua: &'l Lua) -> mlua::Result<Self> {
        let loading = Loading(lua);
        if LOOKS_AHEAD {
            loading.show(Shown::Steady)?;
        }
        Ok(loading)
    }

    /// Has the prelude hide, or show again, what may be another value later.
    fn show(&self, shown: Shown) -> mlua::Result<()> {
        // SAFETY: mlua runs it protected, and there is nothing to drop. What is in the registry
        // was put there by `begin`, and lives as long as the VM.
        unsafe {
            self.0.exec_raw((), |state| {
                ffi::lua_pushglobaltable(state);
                if ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, RAW.as_ptr()) == ffi::LUA_TTABLE
                {
                    ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, SELF.as_ptr());
                    let library = ffi::lua_touserdata(state, 3).cast::<Library>();
                    let is_safe = shown == Shown::All
                        || library.as_ref().is_some_and(|library| library.look_ahead(state, 1));
                    ffi::lua_setsafeenv(state, 1, is_safe.into());
                    ffi::lua_pushboolean(state, (shown == Shown::Steady).into());
                    ffi::lua_rawsetfield(state, 2, c"is_loading".as_ptr());
                    show(state, 2, shown);
                }
                ffi::lua_settop(state, 0);
            })
        }
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        if LOOKS_AHEAD {
            // No limit is in the way of this; what was in a table a moment ago finds its place.
            let limit = self.0.set_memory_limit(0);
            let _ = self.show(Shown::All);
            let _ = limit.map(|limit| self.0.set_memory_limit(limit));
        }
    }
}

/// What of the `host` table a chunk can find that is loaded.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    /// What stays as it is: one is being loaded.
    Steady,
    All,
}

/// Takes out of the `host` table what a chunk that is loaded must not find (`host.lua`), or puts
/// it back. In C, where no limit cuts it off.
///
/// # Safety
/// As `Library::begin`, of the prelude's table.
unsafe fn show(state: *mut lua_State, raw: c_int, shown: Shown) {
    // SAFETY: as the caller says. An entry is a table, a name, and a value.
    unsafe {
        if ffi::lua_rawgetfield(state, raw, c"hidden".as_ptr()) == ffi::LUA_TTABLE {
            let hidden = ffi::lua_gettop(state);
            each(state, hidden, |_, entry| {
                ffi::lua_rawgeti(state, entry, 1);
                ffi::lua_rawgeti(state, entry, 2);
                match shown {
                    Shown::Steady => ffi::lua_pushnil(state),
                    Shown::All => {
                        ffi::lua_rawgeti(state, entry, 3);
                    }
                }
                ffi::lua_rawset(state, entry + 1);
            });
        }
        ffi::lua_pop(state, 1);
    }
}
