//! How a variable of a script is written.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};

use super::{Border, Reference, StackSink, Written, bytes, places};
use crate::error::{Error, ErrorKind, Result};
use crate::lua::raw::Walk;
use crate::lua::tags::{self, Tag};
use crate::plugin::Write;

/// A variable whose table is on the stack of a coroutine, and its value on top. The coroutine does
/// not run, is of a VM that is entered, and has room for a C function's 20 values, of which
/// these may be two.
pub(super) struct Place<'b> {
    pub(super) border: &'b Border,
    pub(super) coroutine: *mut lua_State,
    /// Where the table is that holds it, and its name there.
    pub(super) table: c_int,
    pub(super) name: Reference,
    /// Where its value is.
    pub(super) old: c_int,
}

impl Place<'_> {
    /// Writes the variable. A table goes into the one that is there, so that a local which holds
    /// it sees the change; keys that the new one has not are removed.
    ///
    /// # Safety
    /// The place is as its type says, as for all of these; above it there is nothing yet.
    #[inline]
    pub(super) unsafe fn write(&self, write: Write<'_>) -> Result<()> {
        let Place { border, coroutine, old, .. } = *self;
        // SAFETY: as the caller says. Everything is written before anything is changed, so that
        // what cannot be written changes nothing.
        unsafe {
            if ffi::lua_type(coroutine, old) != ffi::LUA_TTABLE {
                let mut sink = StackSink::new(border, coroutine);
                write(&mut sink)?;
                sink.finish()?;
                return self.set();
            }
            let uses = border.uses();
            let mut sink = StackSink::spreading(border, coroutine);
            write(&mut sink)?;
            let written = sink.outermost()?;
            if border.uses() != uses && !self.is_still() {
                let message = "it was replaced while its value was written";
                return Err(Error::new(ErrorKind::Call, message));
            }
            let tag = match written {
                Written::Fields(names) => {
                    self.put_fields(names)?;
                    None
                }
                Written::Entries(entries) => {
                    let first = ffi::lua_type(coroutine, old + 1);
                    self.put_entries(entries)?;
                    let is_list = entries > 0 && first == ffi::LUA_TNUMBER;
                    is_list.then_some(Tag::Map)
                }
                Written::Value if ffi::lua_type(coroutine, old + 1) == ffi::LUA_TTABLE => {
                    let tag = tags::read(coroutine, old + 1);
                    self.put_table()?;
                    tag
                }
                Written::Value => return self.set(),
            };
            Ok(border.retag(coroutine, old, tag)?)
        }
    }

    /// Whether the variable still has the value that it had.
    #[cold]
    unsafe fn is_still(&self) -> bool {
        let coroutine = self.coroutine;
        // SAFETY: as the caller says; what it pushes goes.
        unsafe {
            self.name.push(coroutine);
            ffi::lua_rawget(coroutine, self.table);
            let is_still = ffi::lua_rawequal(coroutine, -1, self.old) != 0;
            ffi::lua_settop(coroutine, -2);
            is_still
        }
    }

    /// Sets the variable to the value on top of the stack, above the old one.
    unsafe fn set(&self) -> Result<()> {
        let coroutine = self.coroutine;
        // SAFETY: as the caller says; the name is a key.
        unsafe {
            may_write(coroutine, self.table)?;
            self.name.push(coroutine);
            ffi::lua_pushvalue(coroutine, self.old + 1);
            Ok(self.border.set_in_any(coroutine, self.table)?)
        }
    }

    /// Makes the old table one of just the fields on top of the stack, keys and values above it.
    #[inline]
    unsafe fn put_fields(&self, names: &[&'static str]) -> Result<()> {
        let Place { border, coroutine, old, .. } = *self;
        let fields = names.len() as c_int;
        // SAFETY: as the caller says. A struct has each name once, so that it may begin with the
        // last: each takes what is on top.
        unsafe {
            if !border.has_plenty() {
                return self.put_entries(fields);
            }
            may_write(coroutine, old)?;
            for _ in names {
                ffi::lua_rawset(coroutine, old);
            }
            if count(coroutine, old) != fields {
                remove_others(coroutine, old, |key| {
                    ffi::lua_type(coroutine, key) == ffi::LUA_TSTRING
                        && names.iter().any(|name| name.as_bytes() == bytes(coroutine, key))
                });
            }
        }
        Ok(())
    }

    /// Makes the old table one of just the entries on top of the stack, so many keys and values
    /// above it.
    #[inline(never)]
    unsafe fn put_entries(&self, entries: c_int) -> Result<()> {
        let Place { border, coroutine, old, .. } = *self;
        let keys = || (old + 1..=old + 2 * entries).step_by(2);
        // SAFETY: as the caller says. Where there is not plenty of memory each key has its place
        // before the first value changes.
        unsafe {
            may_write(coroutine, old)?;
            if !border.has_plenty() {
                let placed = keys().try_for_each(|key| places::add(border, coroutine, old, key));
                placed
                    .inspect_err(|_| keys().for_each(|key| places::remove(coroutine, old, key)))?;
            }
            for key in keys() {
                ffi::lua_pushvalue(coroutine, key);
                ffi::lua_pushvalue(coroutine, key + 1);
                ffi::lua_rawset(coroutine, old);
            }
            if count(coroutine, old) != entries {
                remove_others(coroutine, old, |key| {
                    keys().any(|kept| ffi::lua_rawequal(coroutine, key, kept) != 0)
                });
            }
        }
        Ok(())
    }

    /// Makes the old table one of just what is in the new one, on top of the stack.
    unsafe fn put_table(&self) -> Result<()> {
        let Place { border, coroutine, old, .. } = *self;
        let new = old + 1;
        // SAFETY: as the caller says, and as in `put_entries`. The keys that `lua_next` is given
        // are the new table's, which nobody else knows.
        unsafe {
            may_write(coroutine, old)?;
            if !border.has_plenty() {
                places::add_all(border, coroutine, old, new)?;
            }
            let mut entries = 0;
            ffi::lua_pushnil(coroutine);
            while ffi::lua_next(coroutine, new) != 0 {
                // Above the new table: key, key, value.
                ffi::lua_pushvalue(coroutine, -2);
                ffi::lua_insert(coroutine, -2);
                ffi::lua_rawset(coroutine, old);
                entries += 1;
            }
            if count(coroutine, old) != entries {
                remove_others(coroutine, old, |key| {
                    ffi::lua_pushvalue(coroutine, key);
                    ffi::lua_rawget(coroutine, new);
                    let is_kept = ffi::lua_type(coroutine, -1) != ffi::LUA_TNIL;
                    ffi::lua_settop(coroutine, -2);
                    is_kept
                });
            }
        }
        Ok(())
    }
}

/// How many entries a table has.
///
/// # Safety
/// The VM is entered, and the coroutine does not run, has the table there, and room for two
/// values.
#[inline]
unsafe fn count(coroutine: *mut lua_State, table: c_int) -> c_int {
    let mut count = 0;
    // SAFETY: as the caller says.
    unsafe {
        let mut entries = Walk::of(coroutine, table);
        while entries.next() {
            count += 1;
        }
    }
    count
}

/// Removes from a table all but the entries that are kept, by the places of their keys.
///
/// # Safety
/// As `count`, with room for five values; the table may be written to.
#[cold]
unsafe fn remove_others(coroutine: *mut lua_State, table: c_int, is_kept: impl Fn(c_int) -> bool) {
    // SAFETY: as the caller says. Giving an entry nil takes no memory.
    unsafe {
        let mut entries = Walk::of(coroutine, table);
        while entries.next() {
            let key = entries.key();
            ffi::lua_settop(coroutine, key);
            if !is_kept(key) {
                ffi::lua_pushvalue(coroutine, key);
                ffi::lua_pushnil(coroutine);
                ffi::lua_rawset(coroutine, table);
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
