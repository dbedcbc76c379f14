//! Types compared: they are the same where their texts are.
//!
//! A schema may lead back to itself, so that going through two of them side by side need
//! not end; their texts do.

use std::{fmt, mem};

use super::{Choice, Struct, Type};

impl PartialEq for Type {
    #[inline]
    fn eq(&self, other: &Type) -> bool {
        self.is_one_scalar_with(other) || self.is_as(other)
    }
}

impl Type {
    /// Whether both are the same of the types that most values are.
    #[inline]
    pub(super) fn is_one_scalar_with(&self, other: &Type) -> bool {
        mem::discriminant(self) == mem::discriminant(other)
            && matches!(self, Type::Int | Type::Float | Type::Bool | Type::Str | Type::Null)
    }

    fn is_as(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Any, Type::Any)
            | (Type::Null, Type::Null)
            | (Type::Bool, Type::Bool)
            | (Type::Int, Type::Int)
            | (Type::Float, Type::Float)
            | (Type::Number, Type::Number)
            | (Type::Str, Type::Str)
            | (Type::Bytes, Type::Bytes)
            | (Type::Func, Type::Func)
            | (Type::Object, Type::Object) => true,
            (Type::Buffer(one), Type::Buffer(two)) => one == two,
            (Type::Optional(one), Type::Optional(two))
            | (Type::List(one), Type::List(two))
            | (Type::Map(one), Type::Map(two)) => one == two,
            (Type::Tuple(one), Type::Tuple(two)) => one == two,
            (Type::Named(one), Type::Named(two)) | (Type::Literal(one), Type::Literal(two)) => {
                one == two
            }
            (Type::Struct(one), Type::Struct(two)) => one == two,
            (Type::Choice(one), Type::Choice(two)) => one == two,
            _ => false,
        }
    }
}

impl PartialEq for Struct {
    fn eq(&self, other: &Struct) -> bool {
        match (self.id, other.id) {
            ("", "") => {
                self.exact == other.exact && self.name == other.name && self.fields == other.fields
            }
            (one, two) => one == two || self.to_string() == other.to_string(),
        }
    }
}

impl PartialEq for Choice {
    fn eq(&self, other: &Choice) -> bool {
        match (self.id, other.id) {
            ("", "") => self.name == other.name && self.variants == other.variants,
            (one, two) => one == two || self.to_string() == other.to_string(),
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
