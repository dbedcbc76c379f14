//! `send` as scripts of Lua 5.4 and 5.5 call it: a C function, which suspends the call where it has
//! to wait, and is gone on with afterwards. Other flavours have one in Lua around another that
//! answers, as nothing goes on in C there.

use std::ffi::c_int;

use mlua::ffi::{self, lua_KContext, lua_State};

use super::{CORE, METATABLE, core};
use crate::channel::{Progress, Wait};
use crate::error::Result;
use crate::lua::host_functions::{Answer, raise};
use crate::lua::library::push;
use crate::lua::limits;
use crate::lua::vm::{self, Core, GoesOn, Pending};

/// Where it finds the token that a call yields which waits, and the text of the error where none
/// can.
const TOKEN: c_int = ffi::lua_upvalueindex(3);
const NO_WAIT: c_int = ffi::lua_upvalueindex(4);

/// `make_send(token, no_wait)`: the function.
pub(super) unsafe extern "C-unwind" fn make_send(state: *mut lua_State) -> c_int {
    // SAFETY: the prelude calls it with two values, and there is room for 20; nothing is dropped
    // where there is no memory.
    unsafe {
        ffi::lua_pushvalue(state, CORE);
        ffi::lua_pushvalue(state, METATABLE);
        ffi::lua_pushvalue(state, 1);
        ffi::lua_pushvalue(state, 2);
        push(state, send, c"channel", 4);
    }
    1
}

/// Whether it is this function.
pub(in crate::lua) fn is_send(function: ffi::lua_CFunction) -> bool {
    function as usize == send as *const () as usize
}

/// `channel:send(message)`
unsafe extern "C-unwind" fn send(state: *mut lua_State) -> c_int {
    // SAFETY: `state` is this function's, which has room for 20 values. All of Rust's is dropped
    // before anything is raised or the call suspended.
    unsafe {
        match core(state).send_or_wait(state) {
            Sent::Done => 0,
            Sent::Waits => {
                let below = ffi::lua_gettop(state) as lua_KContext;
                ffi::lua_pushvalue(state, TOKEN);
                ffi::lua_yieldk(state, 1, below, Some(go_on))
            }
            Sent::Failed(answer) => raise(state, answer),
        }
    }
}

/// The wait has ended; what came of it is above so many values, as the prelude's `finish` takes it.
unsafe extern "C-unwind" fn go_on(state: *mut lua_State, _: c_int, below: lua_KContext) -> c_int {
    let ok = below as c_int + 1;
    // SAFETY: as above. The driver gives an ok, and the error where it is none.
    unsafe {
        if ffi::lua_toboolean(state, ok) != 0 {
            return 0;
        }
        ffi::lua_settop(state, ok + 1);
        match ffi::lua_type(state, ok + 1) {
            ffi::LUA_TSTRING => raise(state, Answer::Text),
            ffi::LUA_TNIL => raise(state, Answer::NoMemory),
            _ => raise(state, Answer::Value),
        }
    }
}

/// What came of sending.
enum Sent {
    Done,
    /// The call is to be suspended.
    Waits,
    /// What is raised is on the stack.
    Failed(Answer),
}

impl Core {
    /// # Safety
    /// `state` is of a C function of channels that runs.
    #[inline(always)]
    unsafe fn send_or_wait(&self, state: *mut lua_State) -> Sent {
        // SAFETY: as the caller says.
        let sent = unsafe { self.begin_to_send(state, Wait::Ever) };
        // What was dropped may have used the VM.
        self.border.forget_room();
        match sent {
            Ok(Progress::Done(())) => Sent::Done,
            // SAFETY: as the caller says.
            Ok(Progress::Waits(wait)) => unsafe { self.wait_to_send(state, wait) },
            Err(error) => Sent::Failed(self.raised(state, &error)),
        }
    }

    #[cold]
    unsafe fn wait_to_send(
        &self,
        state: *mut lua_State,
        wait: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Sent {
        if !limits::may_wait(state) {
            vm::dropped(wait);
            self.border.forget_room();
            // SAFETY: as the caller says.
            unsafe {
                ffi::lua_settop(state, 0);
                ffi::lua_pushvalue(state, NO_WAIT);
            }
            return Sent::Failed(Answer::Text);
        }
        let goes_on = move || wait().map(|()| GoesOn::Answer(vm::Answer::Nothing));
        self.shared.will_wait(Pending::Wait(Box::new(goes_on)));
        Sent::Waits
    }
}
