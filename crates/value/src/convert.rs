//! The one conversion between Rust types and whatever memory a plugin keeps its
//! values in: serde on one side, [`Sink`] and [`Source`] on the other.
//!
//! No tree is built in between; [`Tree`] is just one more sink.

mod deserializer;
mod error;
mod number;
mod serializer;
mod sink;
mod source;
mod straight;
mod tree;
mod view;

use serde::Serialize;

use crate::Data;
use crate::reference::Scope;

pub use error::ConvertError;
pub(crate) use number::{exact, whole};
pub use sink::Sink;
pub use source::{Key, Kind, Look, Source};
pub use straight::{Straight, StraightFields, write};
pub(crate) use straight::{by_serde, write_field};
pub use tree::{Tree, TreeSource};
pub use view::{Children, View};

/// Values that are deeper than this are refused, in either direction: it bounds
/// the stack, and ends what contains itself.
pub(crate) const MAX_DEPTH: usize = 128;

/// Writes a Rust value to a sink.
///
/// # Errors
/// A number out of range, a map key that is neither text nor integer, too deep,
/// or what the sink or the type's own `Serialize` reports.
#[inline]
pub fn to_sink<T: Serialize + ?Sized>(
    value: &T,
    sink: &mut (impl Sink + ?Sized),
) -> Result<(), ConvertError> {
    by_serde(value, sink)
}

/// Reads a Rust value from a source.
///
/// # Errors
/// The source's value is of another type; the message names the field.
pub fn from_source<T: Data>(source: &mut (impl Source + ?Sized)) -> Result<T, ConvertError> {
    from_view(source)
}

/// Reads a Rust value from a view.
///
/// # Errors
/// As [`from_source`].
#[inline]
pub fn from_view<T: Data>(view: impl View) -> Result<T, ConvertError> {
    let mut view = view;
    if T::STRAIGHT == Straight::Whole {
        let left = view.left();
        if let Some(value) = T::straight_read(view.again()) {
            return Ok(value);
        }
        view.read_anew(left);
    }
    read_by_serde(view)
}

#[inline]
pub(crate) fn read_by_serde<T: Data>(view: impl View) -> Result<T, ConvertError> {
    let unknown = match T::LEAVES_OUT {
        true => deserializer::Unknown::LeftOut,
        false => deserializer::Unknown::Shown,
    };
    // None of these holds a reference.
    let _scope = (T::STRAIGHT == Straight::No).then(Scope::new);
    T::deserialize(deserializer::Deserializer::new(view, unknown))
}
