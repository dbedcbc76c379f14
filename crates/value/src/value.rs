//! [`Value`]: whatever crosses the border, as a tree of its own.
//!
//! Typed conversions do not go through it; it is for callers that learn the
//! types at run time: the command, dynamic calls, JSON.

mod serde_impl;

use std::collections::BTreeMap;
use std::fmt;

use crate::{
    AnyBuffer, Buffer, ConvertError, Data, Function, Kind, Number, Object, Reference, Tree,
    TreeSource, from_source, to_sink,
};

/// Any value that crosses the border.
///
/// Keeps what Lua and JSON tend to lose: `1` and `1.0`, text and bytes, a list
/// and a map with integer keys are different values.
///
/// ```
/// # use twinplug_value::{Map, Value};
/// let place = Value::from(Map::from([("name".into(), "hall".into()), ("floor".into(), 1.into())]));
/// let Value::Map(fields) = &place else { panic!("{place:?}") };
/// assert_eq!(fields[&"floor".into()], Value::Int(1));
/// ```
///
/// [`Value::of`] and [`Value::to`] bring any [`Data`] there and back.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing: `nil`, `None`, `()`.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text, UTF-8.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Value>),
    /// Values by key.
    Map(Map),
    /// A function.
    Func(Function),
    /// An object.
    Object(Object),
    /// A buffer.
    Buffer(AnyBuffer),
}

/// Values by text or integer key.
pub type Map = BTreeMap<MapKey, Value>;

/// The key of a [`Map`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapKey {
    /// An integer.
    Int(i64),
    /// Text.
    Str(String),
}

/// Bytes, which serde would otherwise take for a list of numbers: a `Vec<u8>` crosses as a
/// `list<int>`, this as `bytes`, and as a string in Lua.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

impl Value {
    /// What kind of value it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_) => Kind::Int,
            Value::Float(_) => Kind::Float,
            Value::Str(_) => Kind::Str,
            Value::Bytes(_) => Kind::Bytes,
            Value::List(_) => Kind::List,
            Value::Map(_) => Kind::Map,
            Value::Func(_) => Kind::Func,
            Value::Object(_) => Kind::Object,
            Value::Buffer(_) => Kind::Buffer,
        }
    }

    /// The value of a Rust type.
    ///
    /// # Errors
    /// A number that is out of range, a map key that is neither text nor integer,
    /// or what the type's own `Serialize` reports.
    ///
    /// ```
    /// # use twinplug_value::Value;
    /// assert_eq!(Value::of(&Some(3))?, Value::Int(3));
    /// # Ok::<(), twinplug_value::ConvertError>(())
    /// ```
    pub fn of<T: serde::Serialize + ?Sized>(value: &T) -> Result<Value, ConvertError> {
        let mut tree = Tree::default();
        to_sink(value, &mut tree)?;
        Ok(tree.into_value())
    }

    /// This value as a Rust type, by the rules of conversion.
    ///
    /// # Errors
    /// The value is of another type; the message names the field.
    ///
    /// ```
    /// # use twinplug_value::Value;
    /// assert_eq!(Value::Float(3.0).to::<i64>()?, 3);
    /// let error = Value::Str("x".into()).to::<Vec<i64>>().unwrap_err();
    /// assert_eq!(error.to_string(), "expected list, got string");
    /// # Ok::<(), twinplug_value::ConvertError>(())
    /// ```
    pub fn to<T: Data>(&self) -> Result<T, ConvertError> {
        from_source(&mut TreeSource::new(self))
    }
}

impl fmt::Display for MapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapKey::Int(int) => int.fmt(f),
            MapKey::Str(text) => text.fmt(f),
        }
    }
}

impl From<&str> for MapKey {
    fn from(text: &str) -> Self {
        MapKey::Str(text.to_owned())
    }
}

impl From<i64> for MapKey {
    fn from(int: i64) -> Self {
        MapKey::Int(int)
    }
}

impl From<()> for Value {
    fn from((): ()) -> Self {
        Value::Null
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.to_owned())
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Value::$variant(value.into())
            }
        }
    )*};
}
from! {
    bool => Bool, i8 => Int, i16 => Int, i32 => Int, i64 => Int, u8 => Int, u16 => Int, u32 => Int,
    f32 => Float, f64 => Float, String => Str, Vec<Value> => List, Map => Map,
    Function => Func, Object => Object, AnyBuffer => Buffer,
}

impl<T: Number> From<Buffer<T>> for Value {
    fn from(buffer: Buffer<T>) -> Self {
        Value::Buffer(buffer.into_any())
    }
}

impl From<Reference> for Value {
    fn from(reference: Reference) -> Self {
        match reference {
            Reference::Func(function) => Value::Func(function),
            Reference::Object(object) => Value::Object(object),
            Reference::Buffer(buffer) => Value::Buffer(buffer),
        }
    }
}
