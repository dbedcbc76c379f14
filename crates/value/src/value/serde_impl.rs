//! serde's traits for [`Value`] and [`Bytes`]: to and from JSON, and through
//! our own conversion as a field of other types.

use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Bytes, Map, MapKey, Value};
use crate::reference::{self, MaybeKey};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Str(value) => serializer.serialize_str(value),
            Value::Bytes(value) => serializer.serialize_bytes(value),
            Value::List(value) => value.serialize(serializer),
            Value::Map(value) => {
                let mut map = serializer.serialize_map(Some(value.len()))?;
                for (key, value) in value {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            Value::Func(function) => function.serialize(serializer),
            Value::Object(object) => object.serialize(serializer),
            Value::Buffer(buffer) => buffer.serialize(serializer),
        }
    }
}

impl Serialize for MapKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            MapKey::Int(int) => serializer.serialize_i64(*int),
            MapKey::Str(text) => serializer.serialize_str(text),
        }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for MapKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyVisitor)
    }
}

impl<'de> Deserialize<'de> for MaybeKey<MapKey> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MaybeKeyVisitor)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(BytesVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        let int = i64::try_from(value);
        int.map(Value::Int).map_err(|_| E::custom(format_args!("{value} is out of range for int")))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Str(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::Str(value))
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<MaybeKey<MapKey>>()? {
            let key = match key {
                MaybeKey::Key(key) => key,
                MaybeKey::Reference => return reference::read(&mut access).map(Value::from),
            };
            let value = access.next_value()?;
            match map.entry(key) {
                Entry::Vacant(place) => place.insert(value),
                Entry::Occupied(first) => {
                    let key = first.key();
                    return Err(Error::custom(format!("the key `{key}` stands twice")));
                }
            };
        }
        Ok(Value::Map(map))
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = MapKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is text or an integer")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<MapKey, E> {
        Ok(MapKey::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<MapKey, E> {
        let int = i64::try_from(value);
        int.map(MapKey::Int).map_err(|_| E::custom(format_args!("{value} is out of range for int")))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<MapKey, E> {
        Ok(MapKey::Str(value.to_owned()))
    }
}

struct MaybeKeyVisitor;

impl Visitor<'_> for MaybeKeyVisitor {
    type Value = MaybeKey<MapKey>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        KeyVisitor.expecting(f)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<MaybeKey<MapKey>, E> {
        KeyVisitor.visit_i64(value).map(MaybeKey::Key)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<MaybeKey<MapKey>, E> {
        KeyVisitor.visit_u64(value).map(MaybeKey::Key)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<MaybeKey<MapKey>, E> {
        KeyVisitor.visit_str(value).map(MaybeKey::Key)
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<MaybeKey<MapKey>, E> {
        match reference::is_key(value) {
            true => Ok(MaybeKey::Reference),
            false => Err(E::invalid_type(Unexpected::Bytes(value), &self)),
        }
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(value.to_owned()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Bytes, E> {
        Ok(Bytes(value.as_bytes().to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(Bytes(bytes))
    }
}
