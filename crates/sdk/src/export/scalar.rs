//! One raw value read or written: scalars straight from and to its payload, all
//! else by the conversion of `twinplug_value`.
//!
//! The short way is serde too, with a serializer and a deserializer that know
//! scalars alone and give up without a word on anything else; the long way then
//! does it, or says what is wrong. So both have the same rules, and the compiler
//! sees through the short one: for an `i64` a tag is compared and 8 bytes are copied.

use std::fmt;

use twinplug_abi::{self as abi, Payload, Value};
use twinplug_value::raw::{Allocate, RawSink, RawSource};
use twinplug_value::serde::de::{self, Deserializer, Visitor};
use twinplug_value::serde::forward_to_deserialize_any;
use twinplug_value::serde::ser::{self, Impossible, Serialize, Serializer};
use twinplug_value::{ConvertError, Data, Type, from_source, to_sink};

/// Reads a value.
///
/// # Safety
/// The value and all that it points to follow the ABI until this returns.
#[inline(always)]
pub(super) unsafe fn read<T: Data>(value: &Value) -> Result<T, ConvertError> {
    if is_scalar(T::SCHEMA)
        && let Ok(scalar) = T::deserialize(Scalar(value))
    {
        return Ok(scalar);
    }
    // SAFETY: the caller's promise.
    unsafe { read_any(value) }
}

/// # Safety
/// As [`read`].
#[inline(never)]
unsafe fn read_any<T: Data>(value: &Value) -> Result<T, ConvertError> {
    // SAFETY: the caller's promise.
    let mut source = unsafe { RawSource::new(*value) };
    from_source(&mut source)
}

/// Writes a value; what it points to is allocated in `arena`.
#[inline(always)]
pub(super) fn write<T: Data>(value: &T, arena: &impl Allocate) -> Result<Value, ConvertError> {
    if is_scalar(T::SCHEMA)
        && let Ok(scalar) = value.serialize(Raw)
    {
        return Ok(scalar);
    }
    write_any(value, arena)
}

#[inline(never)]
fn write_any<T: Data>(value: &T, arena: &impl Allocate) -> Result<Value, ConvertError> {
    let mut sink = RawSink::new(arena);
    to_sink(value, &mut sink)?;
    Ok(sink.last())
}

/// A schema may be wrong, which costs the short way in vain and nothing else.
const fn is_scalar(ty: &Type) -> bool {
    matches!(ty, Type::Null | Type::Bool | Type::Int | Type::Float)
}

/// The short way is none: take the long one.
#[derive(Debug)]
struct NoScalar;

impl fmt::Display for NoScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no scalar")
    }
}

impl std::error::Error for NoScalar {}

impl de::Error for NoScalar {
    fn custom<T: fmt::Display>(_: T) -> Self {
        NoScalar
    }
}

impl ser::Error for NoScalar {
    fn custom<T: fmt::Display>(_: T) -> Self {
        NoScalar
    }
}

/// Reads a scalar of the very tag that is asked for.
struct Scalar<'v>(&'v Value);

impl Scalar<'_> {
    #[inline]
    fn int<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoScalar> {
        match self.0.tag {
            // SAFETY: of an INT, the payload is an integer.
            abi::TAG_INT => visitor.visit_i64(unsafe { self.0.payload.integer }),
            _ => Err(NoScalar),
        }
    }

    #[inline]
    fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoScalar> {
        match self.0.tag {
            // SAFETY: of a FLOAT, the payload is a number.
            abi::TAG_FLOAT => visitor.visit_f64(unsafe { self.0.payload.number }),
            _ => Err(NoScalar),
        }
    }
}

macro_rules! read {
    ($($method:ident => $way:ident),* $(,)?) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoScalar> {
            self.$way(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Scalar<'_> {
    type Error = NoScalar;

    read! {
        deserialize_i8 => int, deserialize_i16 => int, deserialize_i32 => int,
        deserialize_i64 => int, deserialize_u8 => int, deserialize_u16 => int,
        deserialize_u32 => int, deserialize_u64 => int,
        deserialize_f32 => float, deserialize_f64 => float,
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoScalar> {
        match self.0.tag {
            // SAFETY: of a BOOL, the payload is a byte.
            abi::TAG_BOOL => visitor.visit_bool(unsafe { self.0.payload.boolean } != 0),
            _ => Err(NoScalar),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NoScalar> {
        match self.0.tag {
            abi::TAG_NULL => visitor.visit_unit(),
            _ => Err(NoScalar),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NoScalar> {
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NoScalar> {
        Err(NoScalar)
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf option unit_struct seq tuple tuple_struct
        map struct enum identifier ignored_any
    }
}

/// Makes a value of a scalar.
struct Raw;

fn raw(tag: u32, payload: Payload) -> Value {
    Value { tag, length: 0, payload }
}

macro_rules! write {
    ($($method:ident($type:ty)),* $(,)?) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<Value, NoScalar> {
            self.serialize_i64(value.into())
        }
    )*};
}

macro_rules! give_up {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {$(
        #[inline]
        fn $method(self $(, _: $type)*) -> Result<$ok, NoScalar> {
            Err(NoScalar)
        }
    )*};
}

impl Serializer for Raw {
    type Ok = Value;
    type Error = NoScalar;
    type SerializeSeq = Impossible<Value, NoScalar>;
    type SerializeTuple = Impossible<Value, NoScalar>;
    type SerializeTupleStruct = Impossible<Value, NoScalar>;
    type SerializeTupleVariant = Impossible<Value, NoScalar>;
    type SerializeMap = Impossible<Value, NoScalar>;
    type SerializeStruct = Impossible<Value, NoScalar>;
    type SerializeStructVariant = Impossible<Value, NoScalar>;

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<Value, NoScalar> {
        // The whole payload is written, so that no byte of it is indeterminate.
        let mut payload = Payload { integer: 0 };
        payload.boolean = value.into();
        Ok(raw(abi::TAG_BOOL, payload))
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<Value, NoScalar> {
        Ok(raw(abi::TAG_INT, Payload { integer: value }))
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<Value, NoScalar> {
        i64::try_from(value).map_err(|_| NoScalar).and_then(|value| self.serialize_i64(value))
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<Value, NoScalar> {
        Ok(raw(abi::TAG_FLOAT, Payload { number: value }))
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<Value, NoScalar> {
        self.serialize_f64(value.into())
    }

    #[inline]
    fn serialize_unit(self) -> Result<Value, NoScalar> {
        Ok(Value::NULL)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, NoScalar> {
        value.serialize(self)
    }

    write! {
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_u8(u8),
        serialize_u16(u16), serialize_u32(u32),
    }

    give_up! {
        serialize_char(char) -> Value;
        serialize_str(&str) -> Value;
        serialize_bytes(&[u8]) -> Value;
        serialize_none() -> Value;
        serialize_unit_struct(&'static str) -> Value;
        serialize_unit_variant(&'static str, u32, &'static str) -> Value;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Value, NoScalar> {
        Err(NoScalar)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Value, NoScalar> {
        Err(NoScalar)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;
    use crate::data;

    /// Allocates nothing: what needs memory fails.
    struct NoMemory;

    // SAFETY: it allocates nothing.
    unsafe impl Allocate for NoMemory {
        fn allocate(&self, _: usize, _: usize) -> Option<std::ptr::NonNull<u8>> {
            None
        }
    }

    #[data]
    #[derive(Clone, Debug, PartialEq)]
    struct Id(i32);

    #[data]
    #[derive(Debug, PartialEq)]
    struct Unit;

    /// Says that it is an int, and is text.
    #[derive(twinplug_value::serde::Serialize, twinplug_value::serde::Deserialize)]
    #[serde(crate = "twinplug_value::serde")]
    struct Liar(String);

    impl Data for Liar {
        const SCHEMA: &'static Type = &Type::Int;
    }

    #[track_caller]
    fn same<T: Data + Debug + PartialEq>(value: T) {
        let short = write(&value, &NoMemory).unwrap();
        let long = write_any(&value, &NoMemory).unwrap();
        assert_eq!(short.tag, long.tag);
        assert_eq!(short.length, 0);
        // SAFETY: all eight bytes of a payload are written, of both.
        unsafe { assert_eq!(short.payload.integer, long.payload.integer) };
        // SAFETY: a scalar points to nothing.
        unsafe {
            assert_eq!(read::<T>(&short).unwrap(), value);
            assert_eq!(read_any::<T>(&short).unwrap(), value);
        }
    }

    #[test]
    fn scalars_cross_as_by_the_long_way() {
        same(());
        same(Unit);
        same(true);
        same(false);
        same(i8::MIN);
        same(u8::MAX);
        same(i16::MIN);
        same(u16::MAX);
        same(i32::MIN);
        same(u32::MAX);
        same(i64::MIN);
        same(i64::MAX);
        same(i64::MAX as u64);
        same(isize::MIN);
        same(usize::MIN);
        same(0.1f64);
        same(-0.0f64);
        same(f64::INFINITY);
        same(0.1f32);
        same(f32::MAX);
        same(Id(-7));
    }

    #[test]
    fn what_is_no_such_scalar_takes_the_long_way() {
        #[track_caller]
        fn check<T: Data + Debug>(value: Value, expected: &str) {
            // SAFETY: scalars point to nothing.
            let read = unsafe { read::<T>(&value) };
            let text = read.map_or_else(|error| error.to_string(), |value| format!("{value:?}"));
            assert_eq!(text, expected);
        }
        let int = |value: i64| write(&value, &NoMemory).unwrap();
        check::<f64>(int(3), "3.0");
        check::<i64>(write(&3.0, &NoMemory).unwrap(), "3");
        check::<i64>(write(&0.5, &NoMemory).unwrap(), "0.5 is no whole number");
        check::<Id>(int(1i64 << 40), "expected i32, got integer `1099511627776`");
        check::<u64>(int(-1), "expected u64, got integer `-1`");
        check::<bool>(int(1), "expected bool, got int");
        check::<()>(int(1), "expected null, got int");
        check::<i64>(Value::NULL, "expected int, got null");
        check::<Option<i64>>(int(4), "Some(4)");
        let error = write(&u64::MAX, &NoMemory).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "18446744073709551615 is out of range for int");
        let error = write(&Liar("x".into()), &NoMemory).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "out of memory");
    }
}
