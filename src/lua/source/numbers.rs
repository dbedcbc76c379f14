//! Lists of numbers, read in one go.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};

use super::{LOOK_EVERY, StackSource, VALUE};
use crate::lua::border::MOST_AHEAD;
use crate::lua::limits;
use crate::lua::raw::{self, LARGEST_WHOLE, NUMBERS_ARE_FLOATS, Number, Walk};

/// The float that a number is, if it is one exactly, as far as that is seen at once.
pub(super) fn float(number: Number) -> Option<f64> {
    match number {
        Number::Int(int) => (int.unsigned_abs() <= LARGEST_WHOLE).then_some(int as f64),
        Number::Float(float) => Some(float),
    }
}

/// The whole number that it is, if it is none that is written as a float.
pub(super) fn int(number: Number) -> Option<i64> {
    match number {
        Number::Int(int) => Some(int),
        Number::Float(_) => None,
    }
}

impl StackSource<'_> {
    /// The current value, where it is a list of numbers that are all some, and has them in their
    /// order; else, and if it may not be read, the cursor is where it was.
    pub(super) fn numbers<N>(&mut self, some: impl Fn(Number) -> Option<N>) -> Option<Vec<N>> {
        if !self.is_table() {
            return None;
        }
        let (state, table) = (self.state, self.index);
        // SAFETY: as `new` says: it is a table.
        let length = unsafe { ffi::lua_rawlen(state, table) } as usize;
        let left = self.left.checked_sub(length.checked_mul(VALUE)?)?;
        // A container is empty where nobody has said that it is a list.
        if length == 0 || limits::is_due() {
            return None;
        }
        let depth = 2 + self.around.len() + usize::from(self.inside.is_some());
        // SAFETY: as `new` says; room for a key and a value is made.
        let numbers = unsafe {
            self.border.deepen(state, depth, 2).ok()?;
            let top = ffi::lua_gettop(state);
            let numbers = in_order(state, table, length, some);
            ffi::lua_settop(state, top);
            numbers?
        };
        self.left = left;
        Some(numbers)
    }
}

/// The numbers of a list of that length, with what it had put there left on the stack; `None` where
/// there are other keys or values, or others come first.
///
/// # Safety
/// `state` is of a VM that is entered, has a table at that index, and room for a key and a value.
unsafe fn in_order<N>(
    state: *mut lua_State,
    table: c_int,
    length: usize,
    some: impl Fn(Number) -> Option<N>,
) -> Option<Vec<N>> {
    let mut numbers = Vec::with_capacity(length.min(MOST_AHEAD));
    // SAFETY: as the caller says; nothing else runs.
    unsafe {
        let mut items = Walk::of(state, table);
        let key = items.key();
        while items.next() {
            // Where there are integers, no other key reads as one.
            let is_next = (!NUMBERS_ARE_FLOATS || ffi::lua_type(state, key) == ffi::LUA_TNUMBER)
                && raw::number(state, key) == Number::Int(numbers.len() as i64 + 1);
            if !is_next || ffi::lua_type(state, key + 1) != ffi::LUA_TNUMBER {
                return None;
            }
            numbers.push(some(raw::number(state, key + 1))?);
            if numbers.len().is_multiple_of(LOOK_EVERY as usize) && limits::is_due() {
                return None;
            }
        }
    }
    (numbers.len() == length).then_some(numbers)
}
