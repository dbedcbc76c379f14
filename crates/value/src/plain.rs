//! [`Plain`]: a value that is no more than a word, on its way between two sides that both
//! know it.

use crate::convert::{Children, View, exact};
use crate::raw::{plain_of, scalar_of_plain};
use crate::{Argument, ConvertError, Data, Key, Kind, Look};

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

impl Plain {
    /// The value, if its type is a scalar's: `()`, `bool`, `i64`, `f64`.
    #[inline(always)]
    #[must_use]
    pub fn of<T: Argument>(value: &T) -> Option<Plain> {
        plain_of(value)
    }

    /// It as a scalar, where that is just its type, or it is a float and this an integer that
    /// it can hold; `None` where it is anything else.
    #[inline(always)]
    #[must_use]
    pub fn brought_to<T: Data>(self) -> Option<T> {
        match self {
            Plain::Int(int) => self.of_type().or_else(|| Plain::Float(exact(int).ok()?).of_type()),
            _ => self.of_type(),
        }
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
        assert_eq!(Plain::Int(1).brought_to(), Some(1.0));
        assert_eq!(Plain::Int(i64::MAX).brought_to::<f64>(), None);
        assert_eq!(Plain::Float(1.0).brought_to::<i64>(), None);
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
