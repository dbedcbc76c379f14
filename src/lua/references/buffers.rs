//! The elements of a buffer, as scripts read and write them: `b[1]`, `#b`. Where LuaJIT compiles
//! scripts the prelude does the same in memory, and asks here for what it does not.

use std::ffi::{CStr, c_int};

use mlua::ffi::{self, lua_State};
use mlua::{Lua, LuaString, Value};
use twinplug_value::{AnyBuffer, Element, Reference};

use super::{held, own};
use crate::error::{Error, ErrorKind, Result};
use crate::lua::host_functions::{Answer, raise};
use crate::lua::raw::{self, Number};
use crate::lua::vm::Core;

/// What the prelude finds under these names.
pub(in crate::lua) const FUNCTIONS: [(&[u8], ffi::lua_CFunction); 4] = [
    (b"buffer_get", get),
    (b"buffer_set", set),
    (b"buffer_length", length),
    (b"buffer_parts", parts),
];

/// A new buffer of zeros, whose memory is the script's.
pub(in crate::lua) fn new_buffer(
    core: &Core,
    lua: &Lua,
    (element, length): (LuaString, f64),
) -> Result<Value> {
    let name = element.to_string_lossy();
    let element = Element::ALL.into_iter().find(|element| element.name() == name);
    let element = element.ok_or_else(|| {
        let message = format!("no buffer of `{name}`; there are: `f64`, `f32`, `i64`, `i32`, `u8`");
        Error::new(ErrorKind::Type, message)
    })?;
    if length.is_nan() || length < 0.0 || length.fract() != 0.0 {
        let message = format!("a buffer has a whole number of elements, got {length}");
        return Err(Error::new(ErrorKind::Type, message));
    }
    let bytes = length * element.size() as f64;
    own::make_room(core, lua, bytes)?;
    // As has been compared with what there may be, it is no more than a `usize`.
    let buffer = AnyBuffer::zeroed(element, length as usize).ok_or_else(own::no_memory)?;
    own::value(core, lua, &Reference::Buffer(buffer), bytes as usize)
}

/// # Safety
/// As `held`; the answer is used while the userdata is on the stack.
unsafe fn buffer<'b>(state: *mut lua_State, index: c_int) -> Option<&'b AnyBuffer> {
    // SAFETY: as the caller says; nobody changes what it holds.
    match unsafe { held(state, index).map(|held| &(*held).reference) }? {
        Some(Reference::Buffer(buffer)) => Some(buffer),
        _ => None,
    }
}

/// The index of an element, from 0, if the value is that of one.
///
/// # Safety
/// As `held`.
unsafe fn place(state: *mut lua_State, index: c_int, buffer: &AnyBuffer) -> Option<usize> {
    // SAFETY: as the caller says; the type is asked first.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TNUMBER {
            return None;
        }
        let number = match raw::number(state, index) {
            Number::Int(int) => int,
            Number::Float(float) if float.fract() == 0.0 && float.abs() < 1e15 => float as i64,
            Number::Float(_) => return None,
        };
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        (place < buffer.len()).then_some(place)
    }
}

/// `b[i]`; nil where there is no such element.
unsafe extern "C-unwind" fn get(state: *mut lua_State) -> c_int {
    // SAFETY: a C function has room for 20 values. It raises as its last act.
    unsafe {
        let Some(buffer) = buffer(state, 1) else { return fail(state, c"no buffer") };
        let Some(place) = place(state, 2, buffer) else {
            if ffi::lua_type(state, 2) != ffi::LUA_TNUMBER {
                return fail(state, c"a buffer has numbers for its indices");
            }
            ffi::lua_pushnil(state);
            return 1;
        };
        let any = buffer;
        match any.element() {
            Element::F64 => ffi::lua_pushnumber(state, any.load::<f64>(place)),
            Element::F32 => ffi::lua_pushnumber(state, any.load::<f32>(place).into()),
            Element::I32 => ffi::lua_pushinteger(state, any.load::<i32>(place) as _),
            Element::U8 => ffi::lua_pushinteger(state, any.load::<u8>(place) as _),
            Element::I64 => {
                let int = any.load::<i64>(place);
                if !raw::is_whole(int) {
                    return fail(state, c"an element is out of range: this Lua keeps whole numbers up to 2^53 exactly");
                }
                ffi::lua_pushinteger(state, int as _);
            }
        }
        1
    }
}

/// `b[i] = number`.
unsafe extern "C-unwind" fn set(state: *mut lua_State) -> c_int {
    // SAFETY: as in `get`.
    unsafe {
        let Some(any) = buffer(state, 1) else { return fail(state, c"no buffer") };
        let Some(place) = place(state, 2, any) else {
            return fail(state, c"a buffer has no such index: they go from 1 to its length");
        };
        if ffi::lua_type(state, 3) != ffi::LUA_TNUMBER {
            return fail(state, c"the elements of a buffer are numbers");
        }
        let number = raw::number(state, 3);
        let float = match number {
            Number::Int(int) => int as f64,
            Number::Float(float) => float,
        };
        let whole = match number {
            Number::Int(int) => Some(int),
            Number::Float(float) if float.fract() == 0.0 && float.abs() < 9.2e18 => {
                Some(float as i64)
            }
            Number::Float(_) => None,
        };
        let is_stored = match any.element() {
            Element::F64 => any.store(place, float),
            Element::F32 => any.store(place, float as f32),
            Element::I64 => whole.is_some_and(|int| any.store(place, int)),
            Element::I32 => {
                let int = whole.and_then(|int| i32::try_from(int).ok());
                int.is_some_and(|int| any.store(place, int))
            }
            Element::U8 => {
                let int = whole.and_then(|int| u8::try_from(int).ok());
                int.is_some_and(|int| any.store(place, int))
            }
        };
        match is_stored {
            true => 0,
            false => fail(state, c"the elements of this buffer are whole numbers, and this one is none, or out of range"),
        }
    }
}

/// `#b`.
unsafe extern "C-unwind" fn length(state: *mut lua_State) -> c_int {
    // SAFETY: as in `get`.
    unsafe {
        let length = buffer(state, 1).map_or(0, AnyBuffer::len);
        ffi::lua_pushinteger(state, length as _);
        1
    }
}

/// `buffer_parts(b)`: where its elements are, and how many.
unsafe extern "C-unwind" fn parts(state: *mut lua_State) -> c_int {
    // SAFETY: as in `get`.
    unsafe {
        let Some(buffer) = buffer(state, 1) else { return fail(state, c"no buffer") };
        ffi::lua_pushlightuserdata(state, buffer.as_ptr().cast());
        ffi::lua_pushinteger(state, buffer.len() as _);
        2
    }
}

/// Raises a text, behind the script's line.
///
/// # Safety
/// `state` is that of the C function that returns this, which has nothing left to drop.
#[cold]
unsafe fn fail(state: *mut lua_State, text: &'static CStr) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        ffi::lua_settop(state, 0);
        ffi::lua_pushstring(state, text.as_ptr());
        raise(state, Answer::Text)
    }
}
