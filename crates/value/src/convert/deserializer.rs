//! serde's deserializer over a [`Source`]: the typed target decides.
//!
//! Whole floats go into ints and exact ints into floats, text into bytes, an
//! empty container into a list or a map. Every step that enters a container
//! leaves it again, also on failure, so that the path can be read off the
//! cursor on the way up.

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::{ConvertError, Key, Kind, MAX_DEPTH, Source, exact, whole};

pub(super) struct Deserializer<'s, S: ?Sized> {
    source: &'s mut S,
    depth: usize,
}

impl<'s, S: Source + ?Sized> Deserializer<'s, S> {
    pub(super) fn new(source: &'s mut S) -> Self {
        Deserializer { source, depth: 0 }
    }

    fn mismatch(&self, expected: &'static str) -> ConvertError {
        ConvertError::expected(&expected, self.source.kind())
    }

    fn int(&self) -> Result<i64, ConvertError> {
        match self.source.kind() {
            Kind::Int => Ok(self.source.int()),
            Kind::Float => whole(self.source.float()),
            _ => Err(self.mismatch("int")),
        }
    }

    fn float(&self) -> Result<f64, ConvertError> {
        match self.source.kind() {
            Kind::Float => Ok(self.source.float()),
            Kind::Int => exact(self.source.int()),
            _ => Err(self.mismatch("float")),
        }
    }

    fn str(&self) -> Result<&str, ConvertError> {
        match self.source.kind() {
            Kind::Str => Ok(self.source.str()),
            _ => Err(self.mismatch("string")),
        }
    }

    /// One level further down, with the children's deserializer.
    fn inside<T>(
        self,
        read: impl FnOnce(Children<'_, S>) -> Result<T, ConvertError>,
        left: usize,
    ) -> Result<T, ConvertError> {
        let result = if self.depth == MAX_DEPTH {
            Err(ConvertError::too_deep())
        } else {
            read(Children { source: &mut *self.source, depth: self.depth + 1, index: 0, left })
        };
        self.source.leave();
        result
    }

    fn list<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        length: Option<usize>,
    ) -> Result<V::Value, ConvertError> {
        let Some(got) = self.source.enter_list()? else {
            return Err(self.mismatch("list"));
        };
        self.inside(
            |children| match length {
                Some(length) if length != got => {
                    Err(ConvertError::new(format!("expected {length} items, got {got}")))
                }
                _ => visitor.visit_seq(Items(children)),
            },
            got,
        )
    }

    fn map<'de, V: Visitor<'de>>(self, visitor: V, keys: Keys) -> Result<V::Value, ConvertError> {
        let Some(length) = self.source.enter_map()? else {
            return Err(self.mismatch("map"));
        };
        self.inside(|children| visitor.visit_map(Entries { children, keys }), length)
    }
}

macro_rules! numbers {
    ($($method:ident: $read:ident => $visit:ident),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
            visitor.$visit(self.$read()?)
        }
    )*};
}

impl<'de, S: Source + ?Sized> de::Deserializer<'de> for Deserializer<'_, S> {
    type Error = ConvertError;

    numbers! {
        deserialize_i8: int => visit_i64,
        deserialize_i16: int => visit_i64,
        deserialize_i32: int => visit_i64,
        deserialize_i64: int => visit_i64,
        deserialize_i128: int => visit_i64,
        deserialize_u8: int => visit_i64,
        deserialize_u16: int => visit_i64,
        deserialize_u32: int => visit_i64,
        deserialize_u64: int => visit_i64,
        deserialize_u128: int => visit_i64,
        deserialize_f32: float => visit_f64,
        deserialize_f64: float => visit_f64,
        deserialize_char: str => visit_str,
        deserialize_str: str => visit_str,
        deserialize_string: str => visit_str,
        deserialize_identifier: str => visit_str,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.source.kind() {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool => visitor.visit_bool(self.source.bool()),
            Kind::Int => visitor.visit_i64(self.source.int()),
            Kind::Float => visitor.visit_f64(self.source.float()),
            Kind::Str => visitor.visit_str(self.source.str()),
            Kind::Bytes => visitor.visit_bytes(self.source.bytes()),
            Kind::List => self.list(visitor, None),
            Kind::Map => self.map(visitor, Keys::AsTheyAre),
            Kind::Other(name) => Err(ConvertError::new(format!("a {name} cannot cross"))),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.source.kind() {
            Kind::Bool => visitor.visit_bool(self.source.bool()),
            _ => Err(self.mismatch("bool")),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.source.kind() {
            Kind::Bytes | Kind::Str => visitor.visit_bytes(self.source.bytes()),
            Kind::List => self.list(visitor, None),
            _ => Err(self.mismatch("bytes")),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.source.kind() {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.source.kind() {
            Kind::Null => visitor.visit_unit(),
            _ => Err(self.mismatch("null")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.list(visitor, None)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.list(visitor, Some(length))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.list(visitor, Some(length))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.map(visitor, Keys::AsTheyAre)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.map(visitor, Keys::Text)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        if self.source.kind() == Kind::Str {
            return visitor.visit_enum(self.source.str().into_deserializer());
        }
        match self.source.enter_map()? {
            None => Err(self.mismatch("a variant")),
            Some(length) => self.inside(
                |children| match length {
                    1 => visitor.visit_enum(Variant(children)),
                    _ => Err(ConvertError::new(format!(
                        "expected a variant, got a map of {length} entries"
                    ))),
                },
                length,
            ),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        visitor.visit_unit()
    }
}

/// The children of the container that the source has entered.
struct Children<'s, S: ?Sized> {
    source: &'s mut S,
    depth: usize,
    index: usize,
    left: usize,
}

impl<S: Source + ?Sized> Children<'_, S> {
    fn next(&mut self) -> Result<bool, ConvertError> {
        self.left = self.left.saturating_sub(1);
        self.source.next()
    }

    fn child(&mut self) -> Deserializer<'_, S> {
        Deserializer { source: &mut *self.source, depth: self.depth }
    }
}

struct Items<'s, S: ?Sized>(Children<'s, S>);

impl<'de, S: Source + ?Sized> de::SeqAccess<'de> for Items<'_, S> {
    type Error = ConvertError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ConvertError> {
        if !self.0.next()? {
            return Ok(None);
        }
        let index = self.0.index;
        self.0.index += 1;
        seed.deserialize(self.0.child()).map(Some).map_err(|error| error.at_index(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.left)
    }
}

/// How integer keys are shown to the target.
#[derive(Clone, Copy)]
enum Keys {
    AsTheyAre,
    /// As text: a struct's visitor would take an integer for a field's index.
    Text,
}

struct Entries<'s, S: ?Sized> {
    children: Children<'s, S>,
    keys: Keys,
}

impl<'de, S: Source + ?Sized> de::MapAccess<'de> for Entries<'_, S> {
    type Error = ConvertError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ConvertError> {
        if !self.children.next()? {
            return Ok(None);
        }
        match (self.children.source.key(), self.keys) {
            (Key::Str(text), _) => seed.deserialize(text.into_deserializer()),
            (Key::Int(int), Keys::AsTheyAre) => seed.deserialize(int.into_deserializer()),
            (Key::Int(int), Keys::Text) => seed.deserialize(int.to_string().into_deserializer()),
        }
        .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ConvertError> {
        let value = seed.deserialize(self.children.child());
        value.map_err(|error| error.at(self.children.source.key()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.children.left)
    }
}

/// A variant with content: the one entry of a map.
struct Variant<'s, S: ?Sized>(Children<'s, S>);

impl<'de, S: Source + ?Sized> de::EnumAccess<'de> for Variant<'_, S> {
    type Error = ConvertError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        mut self,
        seed: V,
    ) -> Result<(V::Value, Self), ConvertError> {
        self.0.next()?;
        let variant = match self.0.source.key() {
            Key::Str(text) => seed.deserialize(text.into_deserializer()),
            Key::Int(int) => seed.deserialize(int.to_string().into_deserializer()),
        };
        Ok((variant?, self))
    }
}

impl<S: Source + ?Sized> Variant<'_, S> {
    fn content<T>(
        mut self,
        read: impl FnOnce(Deserializer<'_, S>) -> Result<T, ConvertError>,
    ) -> Result<T, ConvertError> {
        read(self.0.child()).map_err(|error| error.at(self.0.source.key()))
    }
}

impl<'de, S: Source + ?Sized> de::VariantAccess<'de> for Variant<'_, S> {
    type Error = ConvertError;

    fn unit_variant(self) -> Result<(), ConvertError> {
        self.content(|content| de::Deserialize::deserialize(content))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, ConvertError> {
        self.content(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.content(|content| content.list(visitor, Some(length)))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.content(|content| content.map(visitor, Keys::Text))
    }
}
