//! Where converted values are read from.

use std::fmt;

use super::ConvertError;
use crate::Reference;

/// A cursor over one value; a kind of plugin implements it over its own memory.
///
/// It stands on a value at first. Entering a container puts it before the first
/// child, `next` onto each child in turn, `leave` back onto the container.
///
/// # Errors
/// A step fails where the value is broken: nested too deeply, or not what its memory says.
pub trait Source {
    /// What the current value is, and it itself where it is no container. Of a container that
    /// may cost a look at all of it.
    fn look(&self) -> Look<'_>;
    /// What the current value is.
    fn kind(&self) -> Kind {
        self.look().kind()
    }
    /// Whether the current value is [`Kind::Null`].
    fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }
    /// The current value, which is a function, an object or a buffer.
    ///
    /// # Errors
    /// It cannot be referred to, or it is none.
    fn reference(&self) -> Result<Reference, ConvertError> {
        Err(ConvertError::new("no reference"))
    }
    /// Whether the current value is a list or a map.
    fn is_container(&self) -> bool {
        matches!(self.kind(), Kind::List | Kind::Map)
    }
    /// Enters the current value as a list; its length, or `None` (and stays)
    /// where it is none.
    fn enter_list(&mut self) -> Result<Option<usize>, ConvertError>;
    /// Enters the current value as a map; its length, 0 where that is not known, or `None`
    /// (and stays) where it is none.
    fn enter_map(&mut self) -> Result<Option<usize>, ConvertError>;
    /// Goes to the next child; false after the last.
    fn next(&mut self) -> Result<bool, ConvertError>;
    /// The key of the current child of a map.
    fn key(&self) -> Key<'_>;
    /// Goes back to the container that was entered last.
    fn leave(&mut self);
    /// Whether the children of the map that was entered are better looked for than gone
    /// through, where one knows what to look for.
    fn is_searched(&self) -> bool {
        false
    }
    /// Of such a map, goes to the child of that name; false if there is none.
    ///
    /// # Errors
    /// It is broken.
    fn find(&mut self, _name: &'static str) -> Result<bool, ConvertError> {
        Ok(false)
    }
    /// Of such a map, how many children there are. Then `next` goes through all of them.
    fn count(&mut self) -> usize {
        0
    }
    /// The current value, where it is a list of numbers that is better read in one go. Without an answer
    /// all is as it was, and the list is read one by one: so is one with a number that is no float
    /// exactly, as far as that is seen at once.
    fn floats(&mut self) -> Option<Vec<f64>> {
        None
    }
    /// The same of whole numbers.
    fn ints(&mut self) -> Option<Vec<i64>> {
        None
    }
    /// What may still be read, where that is limited.
    #[doc(hidden)]
    fn left(&self) -> usize {
        0
    }
    /// What was read since so much was left is read anew.
    #[doc(hidden)]
    fn read_anew(&mut self, _left: usize) {}
}

/// The key of a map's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// An integer.
    Int(i64),
    /// Text.
    Str(&'a str),
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Nothing.
    Null,
    /// A boolean.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// Text.
    Str,
    /// Bytes.
    Bytes,
    /// Values in order.
    List,
    /// Values by key.
    Map,
    /// A function.
    Func,
    /// An object.
    Object,
    /// A buffer.
    Buffer,
    /// What cannot cross, by the name that its owner gives it.
    Other(&'static str),
}

/// A value as it is looked at: what it is, and it itself where it is no container.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Look<'a> {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Str(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Values in order.
    List,
    /// Values by key.
    Map,
    /// A function.
    Func,
    /// An object.
    Object,
    /// A buffer.
    Buffer,
    /// What cannot cross, by the name that its owner gives it.
    Other(&'static str),
}

impl Look<'_> {
    /// What the value is.
    #[inline]
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Look::Null => Kind::Null,
            Look::Bool(_) => Kind::Bool,
            Look::Int(_) => Kind::Int,
            Look::Float(_) => Kind::Float,
            Look::Str(_) => Kind::Str,
            Look::Bytes(_) => Kind::Bytes,
            Look::List => Kind::List,
            Look::Map => Kind::Map,
            Look::Func => Kind::Func,
            Look::Object => Kind::Object,
            Look::Buffer => Kind::Buffer,
            Look::Other(name) => Kind::Other(name),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Null => "null",
            Kind::Bool => "bool",
            Kind::Int => "int",
            Kind::Float => "float",
            Kind::Str => "string",
            Kind::Bytes => "bytes",
            Kind::List => "list",
            Kind::Map => "map",
            Kind::Func => "function",
            Kind::Object => "object",
            Kind::Buffer => "buffer",
            Kind::Other(name) => name,
        })
    }
}
