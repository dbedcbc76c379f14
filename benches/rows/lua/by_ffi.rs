//! Lua's C interface by hand, in a VM that mlua has made: no lock, no handles, no Rust
//! between.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua};

use super::by_mlua::ByMlua;
use crate::work::sum;

/// Calls `add` by `lua_pcall`, over and over, on one thread.
pub(crate) fn calls(side: &ByMlua) -> impl FnMut(u64) -> u64 {
    let (lua, add) = (&side.lua, side.adder());
    move |repetitions| {
        let mut total = 0;
        let work = |state| {
            // SAFETY: mlua runs it protected; what may raise here is the reference alone,
            // and nothing is dropped then.
            let add = unsafe { ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX) };
            // SAFETY: `add` is a reference to a function of two integers.
            total = sum(repetitions, |a, b| unsafe { call(state, add, a, b) });
            // SAFETY: made above.
            unsafe { ffi::luaL_unref(state, ffi::LUA_REGISTRYINDEX, add) };
        };
        // SAFETY: the stack is as it was, but for the function, which is taken from it.
        unsafe { lua.exec_raw::<()>(add, work) }.unwrap();
        total
    }
}

/// # Safety
/// The reference is to a function of two integers, and the stack has room for four values.
unsafe fn call(state: *mut lua_State, function: c_int, a: i64, b: i64) -> i64 {
    // SAFETY: the caller's promise.
    unsafe {
        ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, function.into());
        ffi::lua_pushinteger(state, a as ffi::lua_Integer);
        ffi::lua_pushinteger(state, b as ffi::lua_Integer);
        assert_eq!(ffi::lua_pcall(state, 2, 1, 0), ffi::LUA_OK);
        let sum = ffi::lua_tointegerx(state, -1, std::ptr::null_mut());
        ffi::lua_settop(state, -2);
        sum as i64
    }
}

/// A VM whose scripts have LuaJIT's FFI.
#[cfg(all(feature = "luajit", feature = "native"))]
pub(crate) fn with_luajit_ffi() -> Lua {
    // SAFETY: what runs in it are the bench's own scripts, which name functions by their
    // types, and keep the library loaded that has them.
    unsafe { Lua::unsafe_new() }
}

/// `host.scale` as a C function.
pub(crate) fn scale(lua: &Lua) -> Function {
    // SAFETY: `raw_scale` keeps to what a C function of Lua may do.
    unsafe { lua.create_c_function(raw_scale) }.unwrap()
}

unsafe extern "C-unwind" fn raw_scale(state: *mut lua_State) -> c_int {
    // SAFETY: there is room for one value on the stack, and nothing to drop where an
    // argument is no number.
    unsafe {
        let product = ffi::luaL_checknumber(state, 1) * ffi::luaL_checknumber(state, 2);
        ffi::lua_pushnumber(state, product);
    }
    1
}
