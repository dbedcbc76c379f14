//! Limits on the time and the memory of a script's calls.
//!
//! Nothing is paid for a limit before it is hit. Each thread shows which calls it runs
//! (`record`), one thread of the process looks at them now and then (`watchdog`), and one
//! whose time is over is stopped in the middle of the script: in most flavours by a hook
//! that a signal sets (`hook`, `signal`), in Luau by its interrupt (`interrupt`). Memory
//! is counted by the VM's allocator; what is caught of its error is passed on as the limit
//! that was hit (`functions`, `prelude`).

#[cfg_attr(not(feature = "luau"), path = "limits/hook.rs")]
#[cfg_attr(feature = "luau", path = "limits/interrupt.rs")]
mod arming;
#[cfg(any(feature = "lua54", feature = "lua55"))]
mod coroutine;
mod frame;
mod functions;
mod memory;
mod place;
mod record;
mod section;
#[cfg_attr(not(target_os = "linux"), path = "limits/no_signal.rs")]
#[cfg_attr(feature = "luau", allow(dead_code, reason = "its VMs have a switch"))]
mod signal;
mod total;
mod watchdog;

pub(super) use arming::Arming;
pub(super) use arming::arm;
pub(super) use functions::{function, may_wait, run_out};
pub(super) use memory::{Memory, Outer};
pub(super) use place::{calls, is_deeper, push_function};
pub(super) use record::{Running, Shape, Stopped, Thread, closing, due, is_due, shielded};
pub(super) use section::{HOSTS_TURN, Section};
pub(super) use total::Share;

/// Takes down that memory has run out, if it is that error.
pub(super) fn note(error: &mlua::Error) {
    match error {
        mlua::Error::MemoryError(_) => Memory::run_out(),
        mlua::Error::CallbackError { cause, .. } => note(cause),
        _ => {}
    }
}

/// Stops the script that has called, if memory has run out in what it called.
pub(super) fn stop_if_due(lua: &mlua::Lua) {
    if record::is_due() {
        // SAFETY: the coroutine that has called is one that runs.
        let _ = unsafe { lua.exec_raw::<()>((), arm) };
    }
}
