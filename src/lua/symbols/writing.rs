//! How a variable of a script is written.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};

use super::{Border, NAME, OLD, StackSink, TABLE, Written, places};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::Write;

/// Writes a variable, whose table, name and old value are on the stack. A table goes into the
/// one that is there, so that a local which holds it sees the change; keys that the new one
/// has not are removed.
///
/// # Safety
/// As `push_scalars`.
pub(super) unsafe fn write_variable(
    border: &Border,
    coroutine: *mut lua_State,
    write: Write<'_>,
) -> Result<()> {
    // SAFETY: as the caller says. Everything is written before anything is changed, so that
    // what cannot be written changes nothing.
    unsafe {
        let uses = border.uses();
        if ffi::lua_type(coroutine, OLD) != ffi::LUA_TTABLE {
            let mut sink = StackSink::new(border, coroutine);
            write(&mut sink)?;
            ffi::lua_remove(coroutine, OLD);
            return set(border, coroutine, TABLE);
        }
        let mut sink = StackSink::spreading(border, coroutine);
        write(&mut sink)?;
        if border.uses() != uses && !is_still(coroutine, OLD) {
            return Err(Error::new(ErrorKind::Call, "it was replaced while its value was written"));
        }
        match sink.outermost() {
            Written::Entries(entries) => put_entries(border, coroutine, entries),
            Written::Value if ffi::lua_type(coroutine, OLD + 1) == ffi::LUA_TTABLE => {
                put_table(border, coroutine)
            }
            Written::Value => {
                ffi::lua_remove(coroutine, OLD);
                set(border, coroutine, TABLE)
            }
        }
    }
}

/// Whether the variable still has the value at an index.
///
/// # Safety
/// As `push_scalars`.
#[cold]
unsafe fn is_still(coroutine: *mut lua_State, value: c_int) -> bool {
    // SAFETY: as the caller says; what it pushes goes.
    unsafe {
        ffi::lua_pushvalue(coroutine, NAME);
        ffi::lua_rawget(coroutine, TABLE);
        let is_still = ffi::lua_rawequal(coroutine, -1, value) != 0;
        ffi::lua_settop(coroutine, -2);
        is_still
    }
}

/// Sets the field of the table at `table` whose name and value are on top of the stack.
///
/// # Safety
/// As `push_scalars`; the name is a key.
unsafe fn set(border: &Border, coroutine: *mut lua_State, table: c_int) -> Result<()> {
    // SAFETY: as the caller says.
    unsafe {
        may_write(coroutine, table)?;
        ffi::lua_pushvalue(coroutine, table);
        ffi::lua_insert(coroutine, -3);
        Ok(border.set_in_any(coroutine)?)
    }
}

/// Makes the old table one of just the entries on top of the stack.
///
/// # Safety
/// As `push_scalars`: so many keys and values are there, above the old table.
unsafe fn put_entries(border: &Border, coroutine: *mut lua_State, entries: c_int) -> Result<()> {
    let (first, last) = (OLD + 1, OLD + 2 * entries);
    // SAFETY: as the caller says. Where there is not plenty of memory each key has its place
    // before the first value changes.
    unsafe {
        may_write(coroutine, OLD)?;
        ffi::lua_pushvalue(coroutine, OLD);
        if !border.has_plenty() {
            let keys = || (first..last).step_by(2);
            let placed = keys().try_for_each(|key| places::add(border, coroutine, OLD, key));
            placed.inspect_err(|_| keys().for_each(|key| places::remove(coroutine, OLD, key)))?;
        }
        for key in (first..last).step_by(2) {
            ffi::lua_pushvalue(coroutine, key);
            ffi::lua_pushvalue(coroutine, key + 1);
            ffi::lua_rawset(coroutine, -3);
        }
        remove_others(coroutine, entries, |key| {
            (first..last).step_by(2).any(|kept| ffi::lua_rawequal(coroutine, key, kept) != 0)
        });
    }
    Ok(())
}

/// Makes the old table one of just what is in the new one, on top of the stack.
///
/// # Safety
/// As `push_scalars`.
unsafe fn put_table(border: &Border, coroutine: *mut lua_State) -> Result<()> {
    let new = OLD + 1;
    // SAFETY: as the caller says, and as in `put_entries`. The keys that `lua_next` is given
    // are the new table's, which nobody else knows.
    unsafe {
        may_write(coroutine, OLD)?;
        let mut entries = 0;
        ffi::lua_pushvalue(coroutine, OLD);
        if !border.has_plenty() {
            places::add_all(border, coroutine, OLD, new)?;
        }
        ffi::lua_pushnil(coroutine);
        while ffi::lua_next(coroutine, new) != 0 {
            // Above the old table: key, key, value.
            ffi::lua_pushvalue(coroutine, -2);
            ffi::lua_insert(coroutine, -2);
            ffi::lua_rawset(coroutine, new + 1);
            entries += 1;
        }
        remove_others(coroutine, entries, |key| {
            ffi::lua_pushvalue(coroutine, key);
            ffi::lua_rawget(coroutine, new);
            let is_kept = ffi::lua_type(coroutine, -1) != ffi::LUA_TNIL;
            ffi::lua_settop(coroutine, -2);
            is_kept
        });
    }
    Ok(())
}

/// Removes from the old table all but the entries that are kept, of which it has so many. It
/// is on top of the stack.
///
/// # Safety
/// As `push_scalars`, with room for five values.
unsafe fn remove_others(coroutine: *mut lua_State, kept: c_int, is_kept: impl Fn(c_int) -> bool) {
    // SAFETY: as the caller says. The keys are the table's own, and giving an entry nil while
    // it is gone through is allowed; it takes no memory.
    unsafe {
        let mut there = 0;
        ffi::lua_pushnil(coroutine);
        while ffi::lua_next(coroutine, OLD) != 0 {
            there += 1;
            ffi::lua_settop(coroutine, -2);
        }
        if there == kept {
            return;
        }
        ffi::lua_pushnil(coroutine);
        while ffi::lua_next(coroutine, OLD) != 0 {
            ffi::lua_settop(coroutine, -2);
            let key = ffi::lua_gettop(coroutine);
            if !is_kept(key) {
                ffi::lua_pushvalue(coroutine, key);
                ffi::lua_pushnil(coroutine);
                ffi::lua_rawset(coroutine, OLD);
            }
        }
    }
}

/// Luau's tables may be frozen.
///
/// # Safety
/// There is a table at the index.
#[cfg(feature = "luau")]
pub(super) unsafe fn may_write(coroutine: *mut lua_State, index: c_int) -> Result<()> {
    // SAFETY: as the caller says.
    match unsafe { ffi::lua_getreadonly(coroutine, index) } {
        0 => Ok(()),
        _ => Err(Error::new(ErrorKind::Call, "attempt to modify a readonly table")),
    }
}

/// # Safety
/// None: nothing is frozen in this flavour.
#[cfg(not(feature = "luau"))]
#[allow(clippy::unnecessary_wraps, reason = "Luau refuses")]
pub(super) unsafe fn may_write(_: *mut lua_State, _: c_int) -> Result<()> {
    Ok(())
}
