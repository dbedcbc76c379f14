//! The keys of tables, and how long those are that are sequences.

use std::ffi::{CStr, c_int};

use mlua::ffi::{self, lua_State};
use twinplug_value::{ConvertError, Key, raw::text};

use crate::lua::raw::{self, Number, Walk};

/// Whether the key at an index is one that crosses.
///
/// # Safety
/// `state` is of a VM that is entered, and has a key there.
pub(super) unsafe fn check_key(state: *mut lua_State, index: c_int) -> Result<(), ConvertError> {
    // SAFETY: as the caller says; the type is asked first. A type's name lives as the program.
    unsafe {
        match ffi::lua_type(state, index) {
            ffi::LUA_TSTRING => match text(bytes(state, index)) {
                Some(_) => Ok(()),
                None => Err(ConvertError::new("a map's key is not UTF-8")),
            },
            ffi::LUA_TNUMBER if matches!(raw::number(state, index), Number::Int(_)) => Ok(()),
            ty => {
                let name = CStr::from_ptr(ffi::lua_typename(state, ty));
                Err(ConvertError::new(format!(
                    "a map's key must be text or an integer, got {}",
                    name.to_string_lossy()
                )))
            }
        }
    }
}

/// The key at an index, which `check_key` has accepted.
///
/// # Safety
/// As `check_key`; the key stays while the answer is used.
pub(super) unsafe fn key<'k>(state: *mut lua_State, index: c_int) -> Key<'k> {
    // SAFETY: as the caller says.
    unsafe {
        match ffi::lua_type(state, index) {
            // It was found to be UTF-8, and strings do not change.
            ffi::LUA_TSTRING => Key::Str(std::str::from_utf8_unchecked(bytes(state, index))),
            _ => match raw::number(state, index) {
                Number::Int(int) => Key::Int(int),
                Number::Float(_) => Key::Int(0),
            },
        }
    }
}

/// The string at an index.
///
/// # Safety
/// There is a string at the index, which stays while the answer is used.
pub(in crate::lua) unsafe fn bytes<'k>(state: *mut lua_State, index: c_int) -> &'k [u8] {
    let mut length = 0;
    // SAFETY: as the caller says.
    unsafe {
        let text = ffi::lua_tolstring(state, index, &raw mut length);
        std::slice::from_raw_parts(text.cast(), length)
    }
}

/// The length of a table whose keys are exactly 1 to n, or `None`.
///
/// # Safety
/// There is a table at the index, and room for two values.
pub(super) unsafe fn sequence(state: *mut lua_State, index: c_int) -> Option<usize> {
    let mut entries = 0;
    // SAFETY: as the caller says; nothing else runs.
    unsafe {
        let length = ffi::lua_rawlen(state, index) as usize;
        let mut items = Walk::of(state, index);
        let key = items.key();
        while items.next() {
            let is_item = ffi::lua_type(state, key) == ffi::LUA_TNUMBER
                && matches!(raw::number(state, key), Number::Int(int) if (1..=length as i64).contains(&int));
            if !is_item {
                ffi::lua_settop(state, key - 1);
                return None;
            }
            entries += 1;
        }
        (entries == length).then_some(length)
    }
}
