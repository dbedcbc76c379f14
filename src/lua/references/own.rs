//! What a script makes for others: its memory is the script's.

use mlua::{Lua, Value};
use twinplug_value::Reference;

use super::push_taking;
use crate::error::{Error, ErrorKind, Result};
use crate::lua::limits::Memory;
use crate::lua::vm::{Core, broken};

/// There is no memory for it.
#[cold]
pub(super) fn no_memory() -> Error {
    Memory::run_out();
    Error::new(ErrorKind::Limit, "not enough memory")
}

/// Makes sure that the script may take so many bytes more.
///
/// # Errors
/// It may not.
pub(super) fn make_room(core: &Core, lua: &Lua, bytes: f64) -> Result<()> {
    if !has_room(core, lua, bytes) {
        lua.gc_collect().map_err(broken)?;
        if !has_room(core, lua, bytes) {
            return Err(no_memory());
        }
    }
    Ok(())
}

fn has_room(core: &Core, lua: &Lua, bytes: f64) -> bool {
    let taken = core.border.references.taken() + lua.used_memory();
    let allowed = core.border.allowed().min(isize::MAX as usize);
    taken as f64 + bytes <= allowed as f64
}

/// The value of what takes so many bytes, for which there is room.
pub(super) fn value(core: &Core, lua: &Lua, reference: &Reference, bytes: usize) -> Result<Value> {
    let mut pushed = Ok(());
    // SAFETY: mlua runs it in a protected call, whose frame has room for 20 values, and leaves
    // what is pushed. Nothing raises that could leave Rust's frames.
    let value = unsafe {
        lua.exec_raw::<Value>((), |state| {
            pushed = push_taking(&core.border, state, reference, bytes);
        })
    };
    pushed?;
    value.map_err(broken)
}
