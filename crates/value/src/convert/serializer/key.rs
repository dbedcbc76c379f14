//! The keys of maps: text, integers, and nothing else.

use serde::ser::{self, Serialize};

use super::{Done, in_range};
use crate::{ConvertError, Key, Sink};

/// Writes a map's key: text, an integer, or what stands for one.
pub(super) struct KeySerializer<'s, S: ?Sized>(pub(super) &'s mut S);

fn no_key() -> ConvertError {
    ConvertError::new("a map's key must be text or an integer")
}

macro_rules! no_key {
    ($($method:ident($($arg:ty),*) -> $result:ty;)*) => {$(
        fn $method(self, $(_: $arg),*) -> Result<$result, ConvertError> {
            Err(no_key())
        }
    )*};
}

impl<S: Sink + ?Sized> ser::Serializer for KeySerializer<'_, S> {
    type Ok = ();
    type Error = ConvertError;
    type SerializeSeq = ser::Impossible<(), ConvertError>;
    type SerializeTuple = ser::Impossible<(), ConvertError>;
    type SerializeTupleStruct = ser::Impossible<(), ConvertError>;
    type SerializeTupleVariant = ser::Impossible<(), ConvertError>;
    type SerializeMap = ser::Impossible<(), ConvertError>;
    type SerializeStruct = ser::Impossible<(), ConvertError>;
    type SerializeStructVariant = ser::Impossible<(), ConvertError>;

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
        self.0.key(Key::Int(value))
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
    fn serialize_char(self, value: char) -> Done {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Done {
        self.0.key(Key::Str(value))
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Done {
        Err(no_key())
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Done {
        Err(no_key())
    }

    no_key! {
        serialize_bool(bool) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}
