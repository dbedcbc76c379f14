//! serde's serializer over a [`Sink`].
//!
//! Structs and maps become maps, sequences and tuples lists, `None` null (in a
//! struct: an absent key), a unit variant its name, other variants a map of one
//! entry.

mod key;

use serde::ser::{self, Serialize};

use super::{ConvertError, MAX_DEPTH, Sink, Tree};
use crate::{Value, reference};
use key::KeySerializer;

type Done = Result<(), ConvertError>;

pub(super) struct Serializer<'s, S: ?Sized> {
    sink: &'s mut S,
    depth: usize,
    /// The struct field that the value belongs to; written before the value, so
    /// that `None` can leave it out.
    field: Option<&'static str>,
}

impl<'s, S: Sink + ?Sized> Serializer<'s, S> {
    pub(super) fn new(sink: &'s mut S) -> Self {
        Serializer { sink, depth: 0, field: None }
    }

    /// The sink, standing where the value goes.
    #[inline]
    fn place(self) -> Result<&'s mut S, ConvertError> {
        if let Some(name) = self.field {
            self.sink.field(name)?;
        }
        Ok(self.sink)
    }

    #[inline]
    fn list(self, length: usize) -> Result<Container<'s, S>, ConvertError> {
        let depth = deeper(self.depth)?;
        let sink = self.place()?;
        sink.begin_list(length)?;
        Ok(Container { sink, depth, index: 0, variant: false })
    }

    #[inline]
    fn map(self, length: usize) -> Result<Container<'s, S>, ConvertError> {
        let depth = deeper(self.depth)?;
        let sink = self.place()?;
        sink.begin_map(length)?;
        Ok(Container { sink, depth, index: 0, variant: false })
    }

    /// Opens the map of one entry that a variant with content is.
    fn variant(self, name: &'static str) -> Result<Serializer<'s, S>, ConvertError> {
        let depth = deeper(self.depth)?;
        let sink = self.place()?;
        sink.begin_map(1)?;
        sink.field(name)?;
        Ok(Serializer { sink, depth, field: None })
    }
}

fn deeper(depth: usize) -> Result<usize, ConvertError> {
    if depth == MAX_DEPTH { Err(ConvertError::too_deep()) } else { Ok(depth + 1) }
}

impl<'s, S: Sink + ?Sized> ser::Serializer for Serializer<'s, S> {
    type Ok = ();
    type Error = ConvertError;
    type SerializeSeq = Container<'s, S>;
    type SerializeTuple = Container<'s, S>;
    type SerializeTupleStruct = Container<'s, S>;
    type SerializeTupleVariant = Container<'s, S>;
    type SerializeMap = Container<'s, S>;
    type SerializeStruct = Container<'s, S>;
    type SerializeStructVariant = Container<'s, S>;

    #[inline]
    fn serialize_bool(self, value: bool) -> Done {
        self.place()?.bool(value)
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> Done {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i16(self, value: i16) -> Done {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Done {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Done {
        self.place()?.int(value)
    }

    #[inline]
    fn serialize_i128(self, value: i128) -> Done {
        self.serialize_i64(in_range(value)?)
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Done {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_u16(self, value: u16) -> Done {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_u32(self, value: u32) -> Done {
        self.serialize_i64(value.into())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Done {
        self.serialize_i64(in_range(value)?)
    }

    #[inline]
    fn serialize_u128(self, value: u128) -> Done {
        self.serialize_i64(in_range(value)?)
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Done {
        self.serialize_f64(value.into())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Done {
        self.place()?.float(value)
    }

    #[inline]
    fn serialize_char(self, value: char) -> Done {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Done {
        self.place()?.str(value)
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Done {
        self.place()?.bytes(value)
    }

    #[inline]
    fn serialize_none(self) -> Done {
        if self.field.is_some() { Ok(()) } else { self.sink.null() }
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Done {
        self.place()?.null()
    }

    #[inline]
    fn serialize_unit_struct(self, _name: &'static str) -> Done {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Done {
        match reference::offered(name) {
            Some(reference) => self.place()?.reference(&reference),
            None => value.serialize(self),
        }
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        let Serializer { sink, depth, .. } = self.variant(variant)?;
        let inner = Serializer { sink: &mut *sink, depth, field: None };
        value.serialize(inner).map_err(|error| error.at_field(variant))?;
        sink.end_map()
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Container<'s, S>, ConvertError> {
        self.list(length.unwrap_or(0))
    }

    #[inline]
    fn serialize_tuple(self, length: usize) -> Result<Container<'s, S>, ConvertError> {
        self.list(length)
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        length: usize,
    ) -> Result<Container<'s, S>, ConvertError> {
        self.list(length)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'s, S>, ConvertError> {
        let list = self.variant(variant)?.list(length)?;
        Ok(Container { variant: true, ..list })
    }

    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Container<'s, S>, ConvertError> {
        self.map(length.unwrap_or(0))
    }

    #[inline]
    fn serialize_struct(
        self,
        _: &'static str,
        length: usize,
    ) -> Result<Container<'s, S>, ConvertError> {
        self.map(length)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Container<'s, S>, ConvertError> {
        let map = self.variant(variant)?.map(length)?;
        Ok(Container { variant: true, ..map })
    }
}

fn in_range<T: Copy + std::fmt::Display + TryInto<i64>>(value: T) -> Result<i64, ConvertError> {
    value.try_into().map_err(|_| ConvertError::new(format!("{value} is out of range for int")))
}

/// A list or a map that is being written.
pub(super) struct Container<'s, S: ?Sized> {
    sink: &'s mut S,
    depth: usize,
    index: usize,
    /// Whether the map of one entry around it ends with it.
    variant: bool,
}

impl<S: Sink + ?Sized> Container<'_, S> {
    #[inline]
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        let index = self.index;
        self.index += 1;
        let inner = Serializer { sink: &mut *self.sink, depth: self.depth, field: None };
        value.serialize(inner).map_err(|error| error.at_index(index))
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        let inner = Serializer { sink: &mut *self.sink, depth: self.depth, field: Some(name) };
        value.serialize(inner).map_err(|error| error.at_field(name))
    }

    #[inline]
    fn end_list(self) -> Done {
        self.sink.end_list()?;
        if self.variant { self.sink.end_map() } else { Ok(()) }
    }

    #[inline]
    fn end_map(self) -> Done {
        self.sink.end_map()?;
        if self.variant { self.sink.end_map() } else { Ok(()) }
    }
}

macro_rules! list {
    ($($part:ident: $write:ident),*) => {$(
        impl<S: Sink + ?Sized> ser::$part for Container<'_, S> {
            type Ok = ();
            type Error = ConvertError;
            fn $write<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.item(value)
            }
            fn end(self) -> Done {
                self.end_list()
            }
        }
    )*};
}
list!(SerializeSeq: serialize_element, SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field);

macro_rules! fields {
    ($($part:ident),*) => {$(
        impl<S: Sink + ?Sized> ser::$part for Container<'_, S> {
            type Ok = ();
            type Error = ConvertError;
            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Done {
                self.field(name, value)
            }
            fn end(self) -> Done {
                self.end_map()
            }
        }
    )*};
}
fields!(SerializeStruct, SerializeStructVariant);

impl<S: Sink + ?Sized> ser::SerializeMap for Container<'_, S> {
    type Ok = ();
    type Error = ConvertError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        key.serialize(KeySerializer(&mut *self.sink))
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(Serializer { sink: &mut *self.sink, depth: self.depth, field: None })
    }

    #[inline]
    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Done {
        self.serialize_key(key)?;
        self.serialize_value(value).map_err(|error| at(key, error))
    }

    fn end(self) -> Done {
        self.end_map()
    }
}

/// An error of the value under a key.
#[cold]
fn at<K: Serialize + ?Sized>(key: &K, error: ConvertError) -> ConvertError {
    let mut tree = Tree::default();
    let written = tree.begin_map(1).and_then(|()| key.serialize(KeySerializer(&mut tree)));
    let ended = written.and_then(|()| tree.null()).and_then(|()| tree.end_map());
    match (ended, tree.into_value()) {
        (Ok(()), Value::Map(map)) => match map.keys().next() {
            Some(key) => error.at_key(key),
            None => error,
        },
        _ => error,
    }
}
