//! `coroutine.resume` and `close` for Lua 5.4 and 5.5, where a hook is a coroutine's and
//! not its VM's: it must be known at each moment which of them runs.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};

use super::{arming, record};

/// `resume(co, ...)`: as `coroutine.resume`, of a coroutine.
pub(super) unsafe extern "C-unwind" fn resume(state: *mut lua_State) -> c_int {
    // SAFETY: the prelude passes a coroutine first, which stays on this one's stack until it
    // has been resumed. Nothing raises between the two switches, and nothing in this frame
    // has to be dropped.
    unsafe {
        let co = ffi::lua_tothread(state, 1);
        let count = ffi::lua_gettop(state) - 1;
        if ffi::lua_checkstack(co, count) == 0 {
            return failed(state, c"too many arguments to resume");
        }
        ffi::lua_xmove(state, co, count);
        let mut results = 0;
        record::switch_to(co);
        record::poll(co);
        let status = ffi::lua_resume(co, state, count, &raw mut results);
        back(state);
        if status != ffi::LUA_OK && status != ffi::LUA_YIELD {
            ffi::lua_pushboolean(state, 0);
            ffi::lua_xmove(co, state, 1);
            return 2;
        }
        if ffi::lua_checkstack(state, results + 1) == 0 {
            ffi::lua_settop(co, -results - 1);
            return failed(state, c"too many results to resume");
        }
        ffi::lua_pushboolean(state, 1);
        ffi::lua_xmove(co, state, results);
        results + 1
    }
}

/// `close(co)`: as `coroutine.close`, of one that is suspended or dead.
pub(super) unsafe extern "C-unwind" fn close(state: *mut lua_State) -> c_int {
    // SAFETY: as in `resume`; what runs in `co` are its `__close` metamethods.
    unsafe {
        let co = ffi::lua_tothread(state, 1);
        record::closing(1);
        record::switch_to(co);
        record::poll(co);
        let status = ffi::lua_closethread(co, state);
        back(state);
        record::closing(-1);
        ffi::lua_pushboolean(state, c_int::from(status == ffi::LUA_OK));
        if status == ffi::LUA_OK {
            return 1;
        }
        ffi::lua_xmove(co, state, 1);
        2
    }
}

/// This one runs again. It is stopped with the one that it had resumed.
fn back(state: *mut lua_State) {
    record::switch_to(state);
    if record::is_due() {
        arming::arm(state);
    }
}

/// # Safety
/// `state` is that of the C function that returns this.
unsafe fn failed(state: *mut lua_State, message: &std::ffi::CStr) -> c_int {
    // SAFETY: as the caller says: it has room for its results.
    unsafe {
        ffi::lua_pushboolean(state, 0);
        ffi::lua_pushstring(state, message.as_ptr());
    }
    2
}
