//! Values of mlua's, read as ours.

use std::ffi::c_int;

use mlua::ffi::lua_State;
use mlua::{Lua, Value, ffi};
use twinplug_value::{ConvertError, Source, from_source};

use super::{Border, StackSource};

/// The value of a value of mlua's, of which no more than this is read; `None` if it cannot
/// cross.
pub(in crate::lua) fn from_lua(
    lua: &Lua,
    border: &Border,
    value: &Value,
    bytes: usize,
) -> Option<twinplug_value::Value> {
    let mut read = None;
    // SAFETY: mlua runs it in a protected call, whose frame has room for 20 values, with the
    // value alone in it. The source raises nothing that could leave Rust's frames.
    let ran = unsafe {
        lua.exec_raw::<()>(value, |state| {
            let mut source = StackSource::new(border, state, 1).at_most(bytes);
            read = from_source(&mut source).ok();
            ffi::lua_settop(state, 0);
        })
    };
    ran.ok().and(read)
}

/// The value of a value of mlua's.
///
/// # Errors
/// It cannot cross.
pub(in crate::lua) fn read_lua(
    lua: &Lua,
    border: &Border,
    value: &Value,
) -> Result<twinplug_value::Value, ConvertError> {
    let mut read = Err(ConvertError::new("not enough memory"));
    // SAFETY: as in `from_lua`.
    let ran = unsafe {
        lua.exec_raw::<()>(value, |state| {
            read = from_source(&mut StackSource::new(border, state, 1));
            ffi::lua_settop(state, 0);
        })
    };
    ran.map_err(|error| ConvertError::new(error.to_string()))?;
    read
}

/// Arguments, so many from that index on. What is read of all of them together is held to what
/// the VM may take.
///
/// # Safety
/// As [`StackSource::list`].
///
/// # Errors
/// One cannot cross; the error says which.
pub(in crate::lua) unsafe fn read_arguments(
    border: &Border,
    state: *mut lua_State,
    first: c_int,
    count: c_int,
) -> Result<Vec<twinplug_value::Value>, ConvertError> {
    // SAFETY: as the caller says.
    let mut source = unsafe { StackSource::list(border, state, first, count) };
    let mut arguments = Vec::new();
    source.enter_list()?;
    loop {
        let read = match source.next() {
            Ok(false) => return Ok(arguments),
            Ok(true) => from_source(&mut source),
            Err(error) => Err(error),
        };
        let number = arguments.len() + 1;
        arguments.push(read.map_err(|error| error.of(format!("argument {number}")))?);
    }
}
