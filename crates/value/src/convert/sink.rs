//! Where converted values are written to.

use super::{ConvertError, Key};
use crate::Reference;

/// Takes one value as a series of events; a kind of plugin implements it over
/// its own memory.
///
/// Each value is one scalar event, or `begin_list`, its items, `end_list`, or
/// `begin_map`, for each entry `key` and its value, `end_map`. The lengths are
/// hints; 0 where none is known. `floats` and `ints` are a list and its items in one event.
///
/// # Errors
/// Each event fails where its value cannot be written: it is out of range, of no type that may
/// stand there, or there is no memory for it. What was begun is given up then.
pub trait Sink {
    /// Null.
    fn null(&mut self) -> Result<(), ConvertError>;
    /// A boolean.
    fn bool(&mut self, value: bool) -> Result<(), ConvertError>;
    /// A whole number.
    fn int(&mut self, value: i64) -> Result<(), ConvertError>;
    /// A number.
    fn float(&mut self, value: f64) -> Result<(), ConvertError>;
    /// Text.
    fn str(&mut self, value: &str) -> Result<(), ConvertError>;
    /// Bytes.
    fn bytes(&mut self, value: &[u8]) -> Result<(), ConvertError>;
    /// A function, an object or a buffer.
    fn reference(&mut self, reference: &Reference) -> Result<(), ConvertError>;
    /// A list starts.
    fn begin_list(&mut self, length: usize) -> Result<(), ConvertError>;
    /// The list ends.
    fn end_list(&mut self) -> Result<(), ConvertError>;
    /// A list of numbers.
    fn floats(&mut self, items: &[f64]) -> Result<(), ConvertError> {
        self.begin_list(items.len())?;
        for (index, &item) in items.iter().enumerate() {
            self.float(item).map_err(|error| error.at_index(index))?;
        }
        self.end_list()
    }
    /// A list of whole numbers.
    fn ints(&mut self, items: &[i64]) -> Result<(), ConvertError> {
        self.begin_list(items.len())?;
        for (index, &item) in items.iter().enumerate() {
            self.int(item).map_err(|error| error.at_index(index))?;
        }
        self.end_list()
    }
    /// A map starts.
    fn begin_map(&mut self, length: usize) -> Result<(), ConvertError>;
    /// The key of the value that follows.
    fn key(&mut self, key: Key<'_>) -> Result<(), ConvertError>;
    /// The key that follows is a struct's field, whose name lives as long as the code
    /// that writes it: a sink need not copy it.
    fn field(&mut self, name: &'static str) -> Result<(), ConvertError> {
        self.key(Key::Str(name))
    }
    /// The map ends.
    fn end_map(&mut self) -> Result<(), ConvertError>;
}
