//! A part that is cut off is made the next time: at whichever of its steps that was.

use std::cell::Cell;

use mlua::Lua;
use mlua::ffi::{self, lua_State};

use crate::lua::library::tests::{guarded, shown};

/// Asks for what needs no host.
const ASKS: &str = "
    local asked = { coroutine, pcall, setmetatable, load or collectgarbage, require }
    return asked";

/// Uses it.
const USES: &str = "
    local ok, message = pcall(error, 'caught', 0)
    local created = coroutine.create(print)
    local object = setmetatable({}, { __index = { inner = 3 } })
    return ok, message, type(coroutine.wrap(print)), coroutine.status(created), object.inner, getmetatable(object).__index.inner,
      load == nil or load('return 4')(), collectgarbage('count') > 0, require('string') == string";

const USED: [&str; 2] = [
    "boolean true, boolean false, string caught, string function, string suspended, number 3, number 3, ",
    "boolean true, boolean true",
];

thread_local! {
    /// After so many steps it is cut off.
    static LEFT: Cell<i32> = const { Cell::new(0) };
}

/// As limits do it, a script is stopped: again and again, until it has ended.
unsafe extern "C-unwind" fn stop(state: *mut lua_State) {
    LEFT.set(LEFT.get() - 1);
    if LEFT.get() < 0 {
        // SAFETY: a hook, or an interrupt, may raise; there is room for the error's value.
        unsafe {
            ffi::lua_pushnil(state);
            ffi::lua_error(state)
        }
    }
}

#[cfg(not(feature = "luau"))]
unsafe extern "C-unwind" fn hook(state: *mut lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: Lua gives the state that it runs.
    unsafe { stop(state) }
}

#[cfg(not(feature = "luau"))]
fn look(lua: &Lua, steps: Option<i32>) {
    LEFT.set(steps.unwrap_or(0));
    let (hook, mask) = match steps {
        Some(_) => (Some(hook as _), ffi::LUA_MASKCOUNT),
        None => (None, 0),
    };
    // SAFETY: it may be set at any time.
    let set = |state| unsafe {
        ffi::lua_sethook(state, hook, mask, 1);
    };
    // SAFETY: as above.
    unsafe { lua.exec_raw::<()>((), set) }.unwrap();
}

#[cfg(feature = "luau")]
unsafe extern "C-unwind" fn interrupt(state: *mut lua_State, collecting: std::ffi::c_int) {
    if collecting < 0 {
        // SAFETY: Luau gives the state that it runs; room is made.
        unsafe {
            ffi::lua_rawcheckstack(state, 1);
            stop(state)
        }
    }
}

#[cfg(feature = "luau")]
fn look(lua: &Lua, steps: Option<i32>) {
    LEFT.set(steps.unwrap_or(0));
    let set = |state| {
        // SAFETY: the VM's callbacks stand there as long as it does.
        unsafe { (*ffi::lua_callbacks(state)).interrupt = steps.map(|_| interrupt as _) }
    };
    // SAFETY: as above.
    unsafe { lua.exec_raw::<()>((), set) }.unwrap();
}

#[test]
fn what_is_cut_off_is_made_the_next_time() {
    let loaded = if cfg!(feature = "luau") { "boolean true, " } else { "number 4, " };
    let expected = [USED[0], loaded, USED[1]].concat();
    let mut steps = 0;
    loop {
        let lua = guarded();
        let asks = lua.load(ASKS).into_function().unwrap();
        look(&lua, Some(steps));
        let is_through = asks.call::<()>(()).is_ok();
        look(&lua, None);
        assert_eq!(shown(&lua, USES), expected, "{steps}");
        if is_through {
            break;
        }
        steps += 1;
    }
    assert!(steps > 20, "{steps}");
}
