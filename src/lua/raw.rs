//! Lua's own API where its flavours differ, and the values that a VM keeps for us.
//!
//! What may raise is only called where the caller says why it cannot, or inside a protected
//! call, over frames with nothing to drop: an error is a long jump in some flavours, and an
//! exception of C++ in others.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};
use twinplug_value::{ConvertError, Plain, ScalarKind};

/// Whether this flavour has no integers of their own.
pub(super) const NUMBERS_ARE_FLOATS: bool = cfg!(any(feature = "luajit", feature = "luau"));

/// Floats are exact up to it, and so is every whole number.
pub(super) const LARGEST_WHOLE: u64 = 1 << 53;

/// A value that the VM keeps, by its number in the Lua registry. It goes with the VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference(c_int);

/// A number, as this flavour has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

/// What came of running a coroutine.
pub(super) enum Outcome {
    /// It has ended. Its stack holds its results, so many.
    Finished(c_int),
    /// It waits; so many values are on top of its stack.
    Yielded(c_int),
    /// It has failed; the error is on top of its stack.
    Failed(c_int),
}

impl Reference {
    /// To nothing: it is never pushed.
    pub(super) const NONE: Reference = Reference(c_int::MIN);

    /// One of nothing, for tests that push none.
    #[cfg(test)]
    pub(super) fn numbered(number: c_int) -> Reference {
        Reference(number)
    }

    /// A reference to the value on top of the stack, which is taken from there. May raise.
    ///
    /// # Safety
    /// `state` is of a VM that is entered, and has the value.
    pub(super) unsafe fn new(state: *mut lua_State) -> Reference {
        // SAFETY: as the caller says.
        #[cfg(not(feature = "luau"))]
        unsafe {
            Reference(ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX))
        }
        // SAFETY: as the caller says.
        #[cfg(feature = "luau")]
        unsafe {
            let reference = Reference(ffi::lua_ref(state, -1));
            ffi::lua_pop(state, 1);
            reference
        }
    }

    /// Its number.
    #[inline(always)]
    pub(super) fn number(self) -> usize {
        self.0.unsigned_abs() as usize
    }

    /// Puts the value on the stack. Does not raise.
    ///
    /// # Safety
    /// `state` is of the VM that keeps the value, which is entered, and has room for it.
    #[inline(always)]
    pub(super) unsafe fn push(self, state: *mut lua_State) {
        // SAFETY: as the caller says; the Lua registry is a plain table.
        unsafe { ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, self.0.into()) };
    }

    /// Lets the VM forget the value. Does not raise, as it only changes entries that are there.
    ///
    /// # Safety
    /// As `push`, with room for two values; the reference is not used again.
    pub(super) unsafe fn release(self, state: *mut lua_State) {
        // SAFETY: as the caller says.
        #[cfg(not(feature = "luau"))]
        unsafe {
            ffi::luaL_unref(state, ffi::LUA_REGISTRYINDEX, self.0);
        }
        // SAFETY: as the caller says.
        #[cfg(feature = "luau")]
        unsafe {
            ffi::lua_unref(state, self.0);
        }
    }
}

/// The value at an index, if it is an integer of a flavour that has them.
///
/// # Safety
/// `state` is of a VM that is entered.
#[inline(always)]
pub(super) unsafe fn integer(state: *mut lua_State, index: c_int) -> Option<i64> {
    // SAFETY: as the caller says; an integer is not converted in place.
    unsafe {
        (!NUMBERS_ARE_FLOATS && ffi::lua_isinteger(state, index) != 0)
            .then(|| ffi::lua_tointegerx(state, index, std::ptr::null_mut()) as i64)
    }
}

/// The number at an index.
///
/// # Safety
/// `state` is of a VM that is entered, and has a number there.
#[inline]
pub(super) unsafe fn number(state: *mut lua_State, index: c_int) -> Number {
    // SAFETY: as the caller says.
    match unsafe { integer(state, index) } {
        Some(int) => Number::Int(int),
        // SAFETY: as the caller says.
        None => unsafe { other_number(state, index) },
    }
}

/// The number at an index; [`integer`] has found no integer there.
///
/// # Safety
/// As `number`.
#[inline]
unsafe fn other_number(state: *mut lua_State, index: c_int) -> Number {
    // SAFETY: as the caller says.
    let float = unsafe { ffi::lua_tonumberx(state, index, std::ptr::null_mut()) };
    match whole(float).filter(|_| NUMBERS_ARE_FLOATS) {
        // There is no whole number that is -0.
        Some(int) if int != 0 || float.is_sign_positive() => Number::Int(int),
        _ => Number::Float(float),
    }
}

/// The integer that a float is, where both are exact.
#[inline(always)]
fn whole(float: f64) -> Option<i64> {
    let int = float as i64;
    (int as f64 == float && int.unsigned_abs() <= LARGEST_WHOLE).then_some(int)
}

/// The value at an index, of that type, if it is a scalar.
///
/// # Safety
/// `state` is of a VM that is entered, and has a value of the type there.
#[inline(always)]
pub(super) unsafe fn scalar(state: *mut lua_State, index: c_int, ty: c_int) -> Option<Plain> {
    // SAFETY: as the caller says.
    unsafe {
        match ty {
            ffi::LUA_TNUMBER => Some(match number(state, index) {
                Number::Int(int) => Plain::Int(int),
                Number::Float(float) => Plain::Float(float),
            }),
            ffi::LUA_TBOOLEAN => Some(Plain::Bool(ffi::lua_toboolean(state, index) != 0)),
            ffi::LUA_TNIL => Some(Plain::Null),
            _ => None,
        }
    }
}

/// The bits of the value at an index, if it is just of that kind, or an integer that is exact
/// as a float.
///
/// # Safety
/// `state` is of a VM that is entered.
#[inline(always)]
pub(super) unsafe fn bits(state: *mut lua_State, index: c_int, kind: ScalarKind) -> Option<u64> {
    // SAFETY: as the caller says; a number is not converted in place.
    unsafe {
        if kind == ScalarKind::Int && !NUMBERS_ARE_FLOATS {
            return integer(state, index).map(i64::cast_unsigned);
        }
        let ty = ffi::lua_type(state, index);
        if kind == ScalarKind::Bool {
            let is_bool = ty == ffi::LUA_TBOOLEAN;
            return is_bool.then(|| u64::from(ffi::lua_toboolean(state, index) != 0));
        }
        if ty != ffi::LUA_TNUMBER {
            return None;
        }
        let float = ffi::lua_tonumberx(state, index, std::ptr::null_mut());
        if kind == ScalarKind::Int {
            return whole(float).map(i64::cast_unsigned);
        }
        is_exact(state, index, float).then_some(float.to_bits())
    }
}

/// The number at an index as a float, if it is exact as one.
///
/// # Safety
/// As `number`.
#[inline(always)]
pub(super) unsafe fn float(state: *mut lua_State, index: c_int) -> Option<f64> {
    // SAFETY: as the caller says.
    unsafe {
        let float = ffi::lua_tonumberx(state, index, std::ptr::null_mut());
        is_exact(state, index, float).then_some(float)
    }
}

/// Whether the number at an index is just that float, which is what Lua makes of it.
///
/// # Safety
/// As `number`.
#[inline(always)]
unsafe fn is_exact(state: *mut lua_State, index: c_int, float: f64) -> bool {
    // What is at the limit may have been rounded to it.
    // SAFETY: as the caller says.
    float.abs() < LARGEST_WHOLE as f64 || unsafe { integer(state, index) }.is_none()
}

/// Pushes a scalar. Takes no memory.
///
/// # Safety
/// `state` is of a VM that is entered, and has room for it.
#[inline(always)]
pub(super) unsafe fn push_scalar(state: *mut lua_State, scalar: Plain) -> Result<(), ConvertError> {
    // SAFETY: as the caller says.
    unsafe {
        // One after the other, as what comes mostly is asked for first.
        if let Plain::Int(int) = scalar {
            if !is_whole(int) {
                return Err(not_whole(int));
            }
            ffi::lua_pushinteger(state, int as _);
        } else if let Plain::Float(float) = scalar {
            ffi::lua_pushnumber(state, float);
        } else {
            push_other_scalar(state, scalar);
        }
    }
    Ok(())
}

/// As `push_scalar`, of what is no number.
///
/// # Safety
/// As `push_scalar`.
#[inline(never)]
unsafe fn push_other_scalar(state: *mut lua_State, scalar: Plain) {
    // SAFETY: as the caller says.
    unsafe {
        match scalar {
            Plain::Bool(on) => ffi::lua_pushboolean(state, on.into()),
            _ => ffi::lua_pushnil(state),
        }
    }
}

/// Goes through the entries of a table. Meanwhile it does not change, but for values that become nil.
pub(super) struct Walk {
    state: *mut lua_State,
    table: c_int,
    /// How much is on the stack below keys and values.
    below: c_int,
    /// Where Luau goes on, which then need not look for the last key.
    #[cfg(feature = "luau")]
    place: c_int,
}

impl Walk {
    /// Begins before the first entry.
    ///
    /// # Safety
    /// `state` is of a VM that is entered, has a table at that index, and room for two values; as long as
    /// this is used.
    #[inline]
    pub(super) unsafe fn of(state: *mut lua_State, table: c_int) -> Walk {
        // SAFETY: as the caller says.
        unsafe {
            let below = ffi::lua_gettop(state);
            #[cfg(not(feature = "luau"))]
            ffi::lua_pushnil(state);
            Walk {
                state,
                table,
                below,
                #[cfg(feature = "luau")]
                place: 0,
            }
        }
    }

    /// Where the key of an entry is; its value is above it.
    #[inline]
    pub(super) fn key(&self) -> c_int {
        self.below + 1
    }

    /// Goes to the next entry, whose key and value are then on top of what was there before this began.
    /// At the end, which is false, nothing is.
    ///
    /// # Safety
    /// As `of`. There is the last key, and what was put above it, which goes.
    #[inline]
    pub(super) unsafe fn next(&mut self) -> bool {
        // SAFETY: as the caller says: the key is the table's.
        #[cfg(not(feature = "luau"))]
        unsafe {
            ffi::lua_settop(self.state, self.below + 1);
            ffi::lua_next(self.state, self.table) != 0
        }
        // SAFETY: as the caller says.
        #[cfg(feature = "luau")]
        unsafe {
            ffi::lua_settop(self.state, self.below);
            self.place = ffi::lua_rawiter(self.state, self.table, self.place);
            self.place >= 0
        }
    }
}

/// Whether this flavour has just that integer.
#[inline(always)]
pub(super) fn is_whole(value: i64) -> bool {
    !NUMBERS_ARE_FLOATS || value.unsigned_abs() <= LARGEST_WHOLE
}

/// The error of one that it has not.
#[cold]
pub(super) fn not_whole(value: i64) -> ConvertError {
    ConvertError::new(format!(
        "{value} is out of range: this Lua keeps whole numbers up to 2^53 exactly"
    ))
}

/// Runs a coroutine on; `from` is the one that runs it. Does not raise.
///
/// # Safety
/// Both are of a VM that is entered. `state` is new, finished or yielded, with the function
/// (of a new or finished one) and so many arguments on top of its stack.
#[inline(always)]
pub(super) unsafe fn resume(
    state: *mut lua_State,
    from: *mut lua_State,
    arguments: c_int,
) -> Outcome {
    let mut results = 0;
    // SAFETY: as the caller says. With `from` the depth of calls in C is counted on.
    match unsafe { ffi::lua_resume(state, from, arguments, &raw mut results) } {
        ffi::LUA_OK => Outcome::Finished(results),
        ffi::LUA_YIELD => Outcome::Yielded(results),
        failed => Outcome::Failed(failed),
    }
}
