//! What methods of channels take besides a message.

use std::ffi::c_int;
use std::time::Duration;

use mlua::ffi::{self, lua_State};

use crate::channel::Wait;
use crate::error::{Error, ErrorKind, Result};

/// The time that an argument says, in seconds.
///
/// # Safety
/// `state` is of a C function that runs.
pub(super) unsafe fn seconds(state: *mut lua_State, index: c_int, method: &str) -> Result<Wait> {
    // SAFETY: as the caller says; a number is only looked at.
    let seconds = unsafe {
        match ffi::lua_type(state, index) {
            ffi::LUA_TNUMBER => Some(ffi::lua_tonumber(state, index)),
            _ => None,
        }
    };
    let seconds = seconds.filter(|seconds| *seconds >= 0.0).ok_or_else(|| {
        let message = format!("`{method}` takes how many seconds to wait, 0 or more");
        Error::new(ErrorKind::Type, message)
    })?;
    // What no clock can show is for ever.
    Ok(Duration::try_from_secs_f64(seconds).map_or(Wait::Ever, Wait::For))
}

/// How many messages the second argument says.
///
/// # Safety
/// As `seconds`.
pub(super) unsafe fn most(state: *mut lua_State) -> Result<usize> {
    // SAFETY: as the caller says; a number is only looked at.
    let most = unsafe {
        match ffi::lua_type(state, 2) {
            ffi::LUA_TNUMBER => Some(ffi::lua_tonumber(state, 2)),
            _ => None,
        }
    };
    most.filter(|most| *most >= 0.0 && most.fract() == 0.0)
        // Any more than there can be is all.
        .map(|most| most as usize)
        .ok_or_else(|| {
            let message = "`recv_many` takes how many messages to receive at most, a whole number";
            Error::new(ErrorKind::Type, message)
        })
}
