//! What a script gives, compared with what its annotations declare, and brought to it.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};
use twinplug_value::raw::text as text_of;
use twinplug_value::{ConvertError, Plain, TreeSource, Type, from_source};

use super::border::Border;
use super::raw;
use super::source::{StackSource, bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Got, Read, Results};

/// Values that a source puts above what it reads, to begin with.
const FOR_READING: c_int = 10;

/// Where values are that are read.
#[derive(Clone, Copy)]
pub(super) struct Stack<'b> {
    border: &'b Border,
    state: *mut lua_State,
    /// How many values are below those that are read.
    below: c_int,
}

impl<'b> Stack<'b> {
    /// The stack of a coroutine.
    ///
    /// # Safety
    /// As [`StackSource::new`], for as long as this is used.
    #[inline(always)]
    pub(super) unsafe fn new(border: &'b Border, state: *mut lua_State) -> Stack<'b> {
        Stack { border, state, below: 0 }
    }

    /// The part of it that is above so many values.
    #[inline(always)]
    pub(super) fn above(self, below: c_int) -> Stack<'b> {
        Stack { below, ..self }
    }

    /// Reads the value at an index, if it is one of these scalars.
    #[inline(always)]
    pub(super) fn read_scalar(self, index: c_int, scalars: Scalars, got: &mut Got<'_>) -> bool {
        if !got.is_float {
            // SAFETY: as `new` says.
            if let Some(int) = unsafe { raw::integer(self.state, index) } {
                got.scalar = Some(Plain::Int(int));
                return scalars.0 & Scalars::INT != 0;
            }
        }
        // SAFETY: as above.
        let ty = unsafe { ffi::lua_type(self.state, index) };
        self.read_scalar_of(index, ty, scalars, got)
    }

    /// The same, where the value's type is known.
    #[inline(always)]
    pub(super) fn read_scalar_of(
        self,
        index: c_int,
        ty: c_int,
        scalars: Scalars,
        got: &mut Got<'_>,
    ) -> bool {
        if ty == ffi::LUA_TNUMBER && got.is_float && scalars.are_numbers() {
            // SAFETY: as `new` says; it is a number.
            got.scalar = unsafe { raw::float(self.state, index) }.map(Plain::Float);
            if got.scalar.is_some() {
                return true;
            }
        }
        // SAFETY: as `new` says.
        let scalar = unsafe { raw::scalar(self.state, index, ty) };
        let Some(scalar) = scalar else { return false };
        got.scalar = Some(scalar);
        scalars.has(scalar)
    }

    /// Reads the results of a function that declares `ty` as its result; there are so many,
    /// and they are all of the stack.
    #[inline]
    pub(super) fn read_results(
        self,
        count: c_int,
        ty: &Type,
        results: Results,
        got: &mut Got<'_>,
    ) -> Result<()> {
        if count == 1
            && results == Results::One
            && self.read_scalar(self.below + 1, Scalars::of(ty), got)
        {
            return Ok(());
        }
        self.read_others(count, ty, results, got)
    }

    /// As `read_results`, where there is not one scalar of that type.
    #[inline(never)]
    pub(super) fn read_others(
        self,
        count: c_int,
        ty: &Type,
        results: Results,
        got: &mut Got<'_>,
    ) -> Result<()> {
        got.scalar = None;
        if count == 1 && results == Results::One && self.read_text(self.below + 1, ty, got) {
            return Ok(());
        }
        let read = &mut *got.read;
        let expected = match (ty, results) {
            (Type::Any, Results::All) => return self.read_all(count, read),
            (Type::Tuple(items), _) => items.len() as c_int,
            _ => 1,
        };
        if count > expected {
            let results = if expected == 1 { "result" } else { "results" };
            let message = format!("expected {expected} {results}, got {count}");
            return Err(Error::new(ErrorKind::Type, message));
        }
        // SAFETY: as `new` says; room is made first, below what is for reading as well: there is
        // some above a single result. What a script leaves out at the end is nil.
        unsafe {
            if count != 1 || expected != 1 {
                self.border.reserve(self.state, expected + FOR_READING)?;
                ffi::lua_settop(self.state, self.below + expected);
            }
        }
        let of_result = |error: ConvertError| error.of("result");
        match ty {
            Type::Tuple(_) => checked(|| self.list(expected), ty, read, of_result),
            _ => checked(|| self.at(self.below + 1), ty, read, of_result),
        }
    }

    fn read_all(self, count: c_int, read: Read<'_>) -> Result<()> {
        // SAFETY: as `new` says. The results may have filled the stack.
        unsafe { self.border.reserve(self.state, FOR_READING)? };
        Ok(read(&mut self.list(count))?)
    }

    /// Reads the value at an index, if it is text, and that is asked for.
    #[inline]
    pub(super) fn read_text(self, index: c_int, ty: &Type, got: &mut Got<'_>) -> bool {
        let Some(text) = &mut got.text else { return false };
        // SAFETY: as `new` says; of a string `bytes` is asked alone, which stays where it is.
        let bytes = unsafe {
            let is_text = matches!(ty, Type::Any | Type::Str)
                && ffi::lua_type(self.state, index) == ffi::LUA_TSTRING;
            is_text.then(|| bytes(self.state, index))
        };
        **text = bytes.and_then(text_of).map(str::to_owned);
        text.is_some()
    }

    /// Reads a variable that is declared as `ty`, and is no scalar of that type.
    #[inline]
    pub(super) fn read_variable(
        self,
        index: c_int,
        ty: &Type,
        name: &str,
        got: &mut Got<'_>,
    ) -> Result<()> {
        got.scalar = None;
        if self.read_text(index, ty, got) {
            return Ok(());
        }
        checked(|| self.at(index), ty, got.read, |error| error.at_field(name))
    }

    fn at(self, index: c_int) -> StackSource<'b> {
        // SAFETY: as `new` says.
        unsafe { StackSource::new(self.border, self.state, index) }
    }

    fn list(self, count: c_int) -> StackSource<'b> {
        // SAFETY: as `new` says.
        unsafe { StackSource::list(self.border, self.state, self.below + 1, count) }
    }
}

/// The scalars that are just of a type, with nothing to convert.
#[derive(Clone, Copy)]
pub(super) struct Scalars(u8);

impl Scalars {
    const INT: u8 = 1;
    const FLOAT: u8 = 2;
    const BOOL: u8 = 4;
    const NULL: u8 = 8;

    pub(super) fn of(ty: &Type) -> Scalars {
        Scalars(match ty {
            Type::Any => Self::INT | Self::FLOAT | Self::BOOL | Self::NULL,
            Type::Number => Self::INT | Self::FLOAT,
            Type::Int => Self::INT,
            Type::Float => Self::FLOAT,
            Type::Bool => Self::BOOL,
            Type::Null | Type::Optional(_) => Self::NULL,
            _ => 0,
        })
    }

    /// Whether any number is of that type.
    #[inline(always)]
    fn are_numbers(self) -> bool {
        self.0 & (Self::INT | Self::FLOAT) == Self::INT | Self::FLOAT
    }

    #[inline(always)]
    pub(super) fn has(self, scalar: Plain) -> bool {
        let scalar = match scalar {
            Plain::Int(_) => Self::INT,
            Plain::Float(_) => Self::FLOAT,
            Plain::Bool(_) => Self::BOOL,
            Plain::Null => Self::NULL,
        };
        self.0 & scalar != 0
    }
}

/// Reads a value that is of the type, or can be brought to it.
fn checked<'b>(
    source: impl Fn() -> StackSource<'b>,
    ty: &Type,
    read: Read<'_>,
    place: impl Fn(ConvertError) -> ConvertError,
) -> Result<()> {
    if matches!(ty, Type::Any) || ty.keeps(&mut source()) {
        return Ok(read(&mut source())?);
    }
    let value = from_source(&mut source()).map_err(&place)?;
    let value = ty.coerce(value).map_err(place)?;
    Ok(read(&mut TreeSource::new(&value))?)
}
