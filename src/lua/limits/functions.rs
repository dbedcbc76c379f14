//! What the prelude's parts need of the limits, as C functions: they run between any two
//! steps of a script, also in a call that is being stopped.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};

use super::arming;
use super::memory::Memory;
use super::record;

/// The function that the prelude knows by that name.
///
/// Each returns as many values as it has pushed, raises with nothing left to drop, and is
/// called by the prelude with what it expects.
pub(in crate::lua) fn function(name: &[u8]) -> Option<ffi::lua_CFunction> {
    Some(match name {
        b"run_out" => has_run_out,
        b"is_due" => is_due,
        b"can_wait" => can_wait,
        b"is_yieldable" => is_yieldable,
        b"yield_values" => yield_values,
        #[cfg(any(feature = "lua54", feature = "lua55"))]
        b"resume_coroutine" => super::coroutine::resume,
        #[cfg(any(feature = "lua54", feature = "lua55"))]
        b"close_coroutine" => super::coroutine::close,
        _ => return None,
    })
}

/// `run_out()`: the script has caught the error that there is no memory.
unsafe extern "C-unwind" fn has_run_out(state: *mut lua_State) -> c_int {
    run_out(state);
    0
}

/// Memory has run out in the coroutine that runs: it is stopped.
pub(in crate::lua) fn run_out(state: *mut lua_State) {
    Memory::run_out();
    if record::is_due() {
        arming::arm(state);
    }
}

/// `is_due()`: whether the call is being stopped.
unsafe extern "C-unwind" fn is_due(state: *mut lua_State) -> c_int {
    // SAFETY: a C function has room for its result.
    unsafe { ffi::lua_pushboolean(state, c_int::from(record::is_due())) };
    1
}

/// Whether the coroutine that runs a C function with this state can be suspended.
pub(in crate::lua) fn may_wait(state: *mut lua_State) -> bool {
    arming::can_yield(state)
}

/// `can_wait()`: whether the coroutine that calls this can be suspended.
unsafe extern "C-unwind" fn can_wait(state: *mut lua_State) -> c_int {
    let answer = c_int::from(may_wait(state));
    // SAFETY: a C function has room for its result.
    unsafe { ffi::lua_pushboolean(state, answer) };
    1
}

/// `is_yieldable()`: the same, and whether it is one of the script's own.
unsafe extern "C-unwind" fn is_yieldable(state: *mut lua_State) -> c_int {
    let answer = c_int::from(arming::can_yield(state) && !record::is_of_call(state));
    // SAFETY: a C function has room for its result.
    unsafe { ffi::lua_pushboolean(state, answer) };
    1
}

/// `yield(...)`, in a coroutine of the script's own.
unsafe extern "C-unwind" fn yield_values(state: *mut lua_State) -> c_int {
    // SAFETY: a C function may raise and yield; nothing here has to be dropped.
    unsafe {
        if record::is_of_call(state) || record::is_closing() {
            ffi::lua_pushstring(state, c"attempt to yield from outside a coroutine".as_ptr());
            ffi::lua_error(state)
        }
        ffi::lua_yield(state, ffi::lua_gettop(state))
    }
}
