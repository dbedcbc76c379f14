//! Values of mlua's, read as ours.

use mlua::{Lua, Value, ffi};
use twinplug_value::{ConvertError, from_source};

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
