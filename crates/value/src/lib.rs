//! Values that cross the border between a host and its plugins: [`Value`], the
//! types that describe them ([`Type`], [`Signature`]), the trait of Rust types
//! that cross ([`Data`]), and the conversion between all of them.
//!
//! There is one conversion: a serde serializer that writes to a [`Sink`] and a
//! deserializer that reads from a [`Source`]. A kind of plugin brings the two
//! for its own memory (the Lua stack, raw ABI values) and nothing else, so that
//! the rules and the messages are the same for all.
//!
//! This crate knows no host, no plugin and no Lua.

mod args;
mod convert;
mod data;
mod function;
mod leaf;
mod plain;
mod reference;

pub mod raw;
mod types;
mod value;

pub use args::{Args, Argument, MAX_PARAMETERS, Params};
pub use convert::{
    Children, ConvertError, Key, Kind, Look, Sink, Source, Tree, TreeSource, View, from_source,
    from_view, to_sink,
};
#[doc(hidden)]
pub use convert::{Straight, StraightFields, write};
pub use data::{Data, Serde};
#[doc(hidden)]
pub use data::{Described, Undescribed};
pub use function::{AsyncCallable, Callable, CallableWith, Fault, Outcome, panic_text};
pub use leaf::{LeafFunction, LeafParam, LeafResult};
pub use plain::{Plain, ScalarKind, Simple};
#[doc(hidden)]
pub use raw::{Allocate, Link, Raw, RawFields, RawWriter};
pub use raw::{AnyBuffer, Buffer, CallError, CallFault, Element, Function, Number, Object};
pub use reference::Reference;
pub use serde;
pub use twinplug_macros::data_for_value as data;
pub use types::{
    Choice, ExportType, Field, Fit, Param, ParseTypeError, Shared, Signature, Struct, Type, TypeRef,
};
#[doc(hidden)]
pub use types::{LONGEST_TEXT, MOST_LEVELS, are_structs, is_same, is_word};
pub use value::{Bytes, Map, MapKey, Value};
