//! Places of entries in a table, made before the first of its entries changes: so that a table
//! is written whole, or stays as it was where memory runs out.

use std::ffi::{c_int, c_void};
use std::ptr;

use mlua::ffi::{self, lua_State};
use twinplug_value::ConvertError;

use super::border::Border;

/// What stands for a value that is about to be set: an address that no script has.
static PLACE: u8 = 0;

/// Gives the key at an index a place in a table, if it has none: to set it takes no memory then.
///
/// # Safety
/// The VM is entered, the coroutine does not run, has the table at `table`, and room for three
/// values and a protected call. The table may be written to.
pub(super) unsafe fn add(
    border: &Border,
    coroutine: *mut lua_State,
    table: c_int,
    key: c_int,
) -> Result<(), ConvertError> {
    // SAFETY: as the caller says.
    unsafe {
        let top = ffi::lua_gettop(coroutine);
        ffi::lua_pushvalue(coroutine, key);
        ffi::lua_rawget(coroutine, table);
        let is_there = ffi::lua_type(coroutine, -1) != ffi::LUA_TNIL;
        ffi::lua_settop(coroutine, top);
        if is_there {
            return Ok(());
        }
        ffi::lua_pushvalue(coroutine, key);
        ffi::lua_pushlightuserdata(coroutine, place());
        let added = border.set_in_any(coroutine, table);
        ffi::lua_settop(coroutine, top);
        added
    }
}

/// Takes the place of a key away again, if it is one of those that were added.
///
/// # Safety
/// As `add`.
pub(super) unsafe fn remove(coroutine: *mut lua_State, table: c_int, key: c_int) {
    // SAFETY: as the caller says; to take an entry away takes no memory.
    unsafe {
        ffi::lua_pushvalue(coroutine, key);
        ffi::lua_rawget(coroutine, table);
        let is_one = ffi::lua_touserdata(coroutine, -1) == place();
        ffi::lua_settop(coroutine, -2);
        if is_one {
            ffi::lua_pushvalue(coroutine, key);
            ffi::lua_pushnil(coroutine);
            ffi::lua_rawset(coroutine, table);
        }
    }
}

/// Adds a place for each key of another table: for all, or for none.
///
/// # Safety
/// As `add`, with room for another two values; the other table is at `other`.
pub(super) unsafe fn add_all(
    border: &Border,
    coroutine: *mut lua_State,
    table: c_int,
    other: c_int,
) -> Result<(), ConvertError> {
    // SAFETY: as the caller says.
    unsafe {
        let added = each_key(coroutine, other, |key| add(border, coroutine, table, key));
        if added.is_err() {
            each_key(coroutine, other, |key| {
                remove(coroutine, table, key);
                Ok(())
            })?;
        }
        added
    }
}

/// Does something with each key of a table, until that fails.
///
/// # Safety
/// As `add_all`; the table is not changed meanwhile.
unsafe fn each_key(
    coroutine: *mut lua_State,
    table: c_int,
    mut done: impl FnMut(c_int) -> Result<(), ConvertError>,
) -> Result<(), ConvertError> {
    // SAFETY: as the caller says.
    unsafe {
        let top = ffi::lua_gettop(coroutine);
        ffi::lua_pushnil(coroutine);
        while ffi::lua_next(coroutine, table) != 0 {
            ffi::lua_settop(coroutine, top + 1);
            if let Err(error) = done(top + 1) {
                ffi::lua_settop(coroutine, top);
                return Err(error);
            }
        }
    }
    Ok(())
}

fn place() -> *mut c_void {
    ptr::from_ref(&PLACE).cast_mut().cast()
}
