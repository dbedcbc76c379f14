//! C functions that know by their own number which function of the host they are of. To ask Lua for
//! a value of theirs takes as long as to read two arguments.
//!
//! The VM that such a function is of is the one that its thread is in.

use std::ffi::c_int;

use mlua::Function;
use mlua::ffi::{self, lua_State};

use super::{Answer, Core, raise};
use crate::lua::library;
use crate::lua::limits::Thread;

/// So many there are, in blocks; of a host that offers more functions, the others do without.
const BLOCK: usize = 16;

macro_rules! blocks {
    ($($block:literal)*) => {
        [$([
                nth::<{ 16 * $block + 0 }>, nth::<{ 16 * $block + 1 }>, nth::<{ 16 * $block + 2 }>,
                nth::<{ 16 * $block + 3 }>, nth::<{ 16 * $block + 4 }>, nth::<{ 16 * $block + 5 }>,
                nth::<{ 16 * $block + 6 }>, nth::<{ 16 * $block + 7 }>, nth::<{ 16 * $block + 8 }>,
                nth::<{ 16 * $block + 9 }>, nth::<{ 16 * $block + 10 }>, nth::<{ 16 * $block + 11 }>,
                nth::<{ 16 * $block + 12 }>, nth::<{ 16 * $block + 13 }>, nth::<{ 16 * $block + 14 }>,
                nth::<{ 16 * $block + 15 }>,
        ]),*]
    };
}

static NUMBERED: [[ffi::lua_CFunction; BLOCK]; 8] = blocks!(0 1 2 3 4 5 6 7);

/// The one of that number.
pub(super) fn function(number: usize) -> Option<ffi::lua_CFunction> {
    NUMBERED.as_flattened().get(number).copied()
}

/// Whether it is one of these.
pub(super) fn is_one(function: ffi::lua_CFunction) -> bool {
    NUMBERED.as_flattened().iter().any(|one| *one as usize == function as usize)
}

/// It as a function of scripts.
pub(super) fn closure(core: &Core, function: ffi::lua_CFunction) -> mlua::Result<Function> {
    // SAFETY: mlua runs it protected, with room for a value, and nothing to drop.
    unsafe {
        let lua = core.border.lua();
        lua.exec_raw((), |state| library::push(state, function, c"host function", 0))
    }
}

/// The function of that number of the VM that this thread is in.
unsafe extern "C-unwind" fn nth<const NUMBER: usize>(state: *mut lua_State) -> c_int {
    let thread = Thread::this();
    // SAFETY: a script calls it, or what else its VM runs. A thread runs it in that VM alone, whose memory
    // is the core's own, and stays in it meanwhile. (What C calls back itself has none of these.)
    let core = unsafe { thread.owner().cast::<Core>().as_ref() };
    let offered = core.and_then(|core| Some((core, core.functions.all.get(NUMBER)?)));
    let answer = match offered {
        // SAFETY: it is that of this function, which `list` has made of the same number.
        Some((core, offered)) => unsafe {
            debug_assert!(is_of(state, core), "a function of another VM");
            offered.call(state, thread, core)
        },
        None => Answer::Gone,
    };
    match answer {
        Answer::Results(count) => count,
        // SAFETY: nothing is left to drop.
        other => unsafe { raise(state, other) },
    }
}

/// Whether it is a state of that core's VM, which have one Lua registry.
///
/// # Safety
/// Both are of VMs that this thread is in.
unsafe fn is_of(state: *mut lua_State, core: &Core) -> bool {
    // SAFETY: as the caller says; it is only asked where these are.
    let [one, other] = [state, core.border.main()]
        .map(|state| unsafe { ffi::lua_topointer(state, ffi::LUA_REGISTRYINDEX) });
    one == other
}
