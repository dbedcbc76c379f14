//! [`Plain`]: a value that is no more than a word, on its way between two sides that both
//! know it.

use crate::convert::{Children, View};
use crate::raw::{plain_of, scalar_of_plain};
use crate::{Argument, ConvertError, Data, Key, Kind, Look, Type};

/// A scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plain {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
}

/// An argument that is passed on without any code of its type's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Simple<'a> {
    /// A scalar.
    Plain(Plain),
    /// Text.
    Text(&'a str),
}

/// What 64 bits are: an integer, those of a float, or 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarKind {
    /// `i64`.
    Int,
    /// `f64`.
    Float,
    /// `bool`.
    Bool,
}

impl ScalarKind {
    /// That of a type; `None` where it is no scalar's.
    #[must_use]
    pub const fn of(ty: &Type) -> Option<ScalarKind> {
        match ty {
            Type::Int => Some(ScalarKind::Int),
            Type::Float => Some(ScalarKind::Float),
            Type::Bool => Some(ScalarKind::Bool),
            _ => None,
        }
    }

    /// What the bits are.
    #[inline(always)]
    #[must_use]
    pub fn plain(self, bits: u64) -> Plain {
        match self {
            ScalarKind::Int => Plain::Int(bits.cast_signed()),
            ScalarKind::Float => Plain::Float(f64::from_bits(bits)),
            ScalarKind::Bool => Plain::Bool(bits != 0),
        }
    }
}

impl Plain {
    /// Bits of the kind that the type's schema says, as a value of the type; `None` where that is
    /// none of `bool`, `i64`, `f64`.
    #[inline(always)]
    #[must_use]
    pub fn from_bits<T: Data>(bits: u64) -> Option<T> {
        const { ScalarKind::of(T::SCHEMA) }?.plain(bits).of_type()
    }

    /// Its bits: [`ScalarKind::plain`] back; 0 of nothing.
    #[inline(always)]
    #[must_use]
    pub fn to_bits(self) -> u64 {
        match self {
            Plain::Int(int) => int.cast_unsigned(),
            Plain::Float(float) => float.to_bits(),
            Plain::Bool(on) => on.into(),
            Plain::Null => 0,
        }
    }

    /// The value, if its type is a scalar's: `()`, `bool`, `i64`, `f64`.
    #[inline(always)]
    #[must_use]
    pub fn of<T: Argument>(value: &T) -> Option<Plain> {
        plain_of(value)
    }

    /// It as just the type that it is of; `None` where `T` is another one.
    #[inline(always)]
    #[must_use]
    pub fn of_type<T: Data>(self) -> Option<T> {
        scalar_of_plain(self)
    }
}

/// A scalar has no children.
#[derive(Debug)]
pub enum NoChildren {}

impl View for Plain {
    type Children = NoChildren;
    type Again<'v> = Self;

    fn again(&mut self) -> Self {
        *self
    }

    fn look(&self) -> Look<'_> {
        match *self {
            Plain::Null => Look::Null,
            Plain::Bool(on) => Look::Bool(on),
            Plain::Int(int) => Look::Int(int),
            Plain::Float(float) => Look::Float(float),
        }
    }

    fn list(self) -> Result<Result<NoChildren, Kind>, ConvertError> {
        Ok(Err(self.look().kind()))
    }

    fn map(self) -> Result<Result<NoChildren, Kind>, ConvertError> {
        Ok(Err(self.look().kind()))
    }
}

impl Children for NoChildren {
    type Child<'c> = Plain;

    fn length(&self) -> usize {
        match *self {}
    }

    fn advance(&mut self) -> Result<bool, ConvertError> {
        match *self {}
    }

    fn key(&self) -> Key<'_> {
        match *self {}
    }

    fn child(&mut self) -> Plain {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_view;

    #[test]
    fn scalars_are_plain_and_back() {
        fn same<T: Data + PartialEq + std::fmt::Debug>(value: T) {
            assert_eq!(Plain::of(&value).and_then(Plain::of_type::<T>), Some(value));
        }
        same(i64::MIN);
        same(-0.5);
        same(true);
        same(());
        assert_eq!(Plain::of(&1_i32), None);
        assert_eq!(Plain::of(&"text"), None);
        assert_eq!(Plain::Int(1).of_type::<f64>(), None);
    }

    #[test]
    fn bits_are_what_the_type_says() {
        assert_eq!(Plain::from_bits((-7_i64).cast_unsigned()), Some(-7_i64));
        assert_eq!(Plain::from_bits::<i16>(7), None);
        assert_eq!(Plain::from_bits(0.5_f64.to_bits()), Some(0.5_f64));
        assert_eq!(Plain::from_bits(1), Some(true));
        assert_eq!(ScalarKind::Int.plain(Plain::Int(-7).to_bits()), Plain::Int(-7));
        assert_eq!(ScalarKind::Float.plain(Plain::Float(0.5).to_bits()), Plain::Float(0.5));
        assert_eq!(ScalarKind::Bool.plain(Plain::Bool(true).to_bits()), Plain::Bool(true));
        assert_eq!(Plain::from_bits::<String>(1), None);
        assert_eq!(Plain::from_bits::<Option<bool>>(1), None);
    }

    #[test]
    fn other_types_are_converted() {
        assert_eq!(from_view::<f64>(Plain::Int(3)), Ok(3.0));
        assert_eq!(from_view::<u8>(Plain::Float(3.0)), Ok(3));
        assert_eq!(from_view::<Option<i64>>(Plain::Null), Ok(None));
        let error = from_view::<String>(Plain::Bool(true)).unwrap_err();
        assert_eq!(error.to_string(), "expected string, got bool");
    }
}
