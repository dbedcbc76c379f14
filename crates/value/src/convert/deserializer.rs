//! serde's deserializer over a [`View`]: the typed target decides.
//!
//! Whole floats go into ints and exact ints into floats, text into bytes, an
//! empty container into a list or a map.

mod variant;

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::view::{Children, View};
use super::{ConvertError, Key, Look, MAX_DEPTH, exact, whole};
use crate::reference::{self, Shown};
use variant::Variant;

pub(super) struct Deserializer<V> {
    view: V,
    depth: usize,
    unknown: Unknown,
}

/// What becomes of entries that are none of a struct's fields.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Unknown {
    /// The struct sees them, and may refuse them.
    Shown,
    /// It leaves them out, so that they are not even looked for.
    LeftOut,
}

impl<V: View> Deserializer<V> {
    #[inline]
    pub(super) fn new(view: V, unknown: Unknown) -> Self {
        Deserializer { view, depth: 0, unknown }
    }

    #[cold]
    fn mismatch(&self, expected: &'static str) -> ConvertError {
        ConvertError::expected(&expected, self.view.look().kind())
    }

    #[inline]
    fn int(&self) -> Result<i64, ConvertError> {
        match self.view.look() {
            Look::Int(int) => Ok(int),
            Look::Float(float) => whole(float),
            _ => Err(self.mismatch("int")),
        }
    }

    #[inline]
    fn float(&self) -> Result<f64, ConvertError> {
        match self.view.look() {
            Look::Float(float) => Ok(float),
            Look::Int(int) => exact(int),
            _ => Err(self.mismatch("float")),
        }
    }

    #[inline]
    fn str(&self) -> Result<&str, ConvertError> {
        match self.view.look() {
            Look::Str(text) => Ok(text),
            _ => Err(self.mismatch("string")),
        }
    }

    /// One level further down.
    #[inline]
    fn inside(
        children: V::Children,
        (depth, unknown): (usize, Unknown),
    ) -> Result<Inside<V::Children>, ConvertError> {
        if depth == MAX_DEPTH {
            return Err(ConvertError::too_deep());
        }
        let left = children.length();
        Ok(Inside { children, depth: depth + 1, unknown, index: 0, left })
    }

    #[inline]
    fn list<'de, T: Visitor<'de>>(
        self,
        visitor: T,
        length: Option<usize>,
    ) -> Result<T::Value, ConvertError> {
        let depth = (self.depth, self.unknown);
        let children = self.view.list()?.map_err(|kind| ConvertError::expected(&"list", kind))?;
        let inside = Self::inside(children, depth)?;
        match length {
            Some(length) if length != inside.left => {
                Err(ConvertError::new(format!("expected {length} items, got {}", inside.left)))
            }
            _ => visitor.visit_seq(Items(inside)),
        }
    }

    #[cold]
    fn reference<'de, T: Visitor<'de>>(self, visitor: T) -> Result<T::Value, ConvertError> {
        visitor.visit_map(Shown::new(self.view.reference()?)?)
    }

    #[inline]
    fn map<'de, T: Visitor<'de>>(self, visitor: T, keys: Keys) -> Result<T::Value, ConvertError> {
        let depth = (self.depth, self.unknown);
        let children = self.view.map()?.map_err(|kind| ConvertError::expected(&"map", kind))?;
        visitor.visit_map(Entries { inside: Self::inside(children, depth)?, keys })
    }
}

/// The error of what has no value: a function, an object, broken text.
#[cold]
fn cannot_cross(name: &str) -> ConvertError {
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    ConvertError::new(format!("{article} {name} cannot cross"))
}

macro_rules! numbers {
    ($($method:ident: $read:ident => $visit:ident),* $(,)?) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
            visitor.$visit(self.$read()?)
        }
    )*};
}

impl<'de, From: View> de::Deserializer<'de> for Deserializer<From> {
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

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.view.look() {
            Look::Null => visitor.visit_unit(),
            Look::Bool(on) => visitor.visit_bool(on),
            Look::Int(int) => visitor.visit_i64(int),
            Look::Float(float) => visitor.visit_f64(float),
            Look::Str(text) => visitor.visit_str(text),
            Look::Bytes(bytes) => visitor.visit_bytes(bytes),
            Look::List => self.list(visitor, None),
            Look::Map => self.map(visitor, Keys::AsTheyAre),
            Look::Func | Look::Object | Look::Buffer => self.reference(visitor),
            Look::Other(name) => Err(cannot_cross(name)),
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.view.look() {
            Look::Bool(on) => visitor.visit_bool(on),
            _ => Err(self.mismatch("bool")),
        }
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.view.look() {
            Look::Bytes(bytes) => visitor.visit_bytes(bytes),
            Look::Str(text) => visitor.visit_bytes(text.as_bytes()),
            Look::List => self.list(visitor, None),
            _ => Err(self.mismatch("bytes")),
        }
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.view.is_null() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.view.look() {
            Look::Null => visitor.visit_unit(),
            _ => Err(self.mismatch("null")),
        }
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        if let Some(expected) = reference::expected(name) {
            let got = self.view.look().kind();
            if got != expected {
                return Err(ConvertError::mismatch(&expected, &got));
            }
        }
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.list(visitor, None)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.list(visitor, Some(length))
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.list(visitor, Some(length))
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.map(visitor, Keys::AsTheyAre)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        let depth = (self.depth, self.unknown);
        let children = self.view.map()?.map_err(|kind| ConvertError::expected(&"map", kind))?;
        let inside = Self::inside(children, depth)?;
        match inside.children.is_searched() {
            true => visitor.visit_map(Fields::new(inside, names)),
            false => visitor.visit_map(Entries { inside, keys: Keys::Text }),
        }
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        if !self.view.is_container()
            && let Look::Str(text) = self.view.look()
        {
            return visitor.visit_enum(text.into_deserializer());
        }
        let depth = (self.depth, self.unknown);
        let children =
            self.view.map()?.map_err(|kind| ConvertError::expected(&"a variant", kind))?;
        visitor.visit_enum(Variant(Self::inside(children, depth)?))
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        visitor.visit_unit()
    }
}

/// The children of a container.
struct Inside<C> {
    children: C,
    depth: usize,
    unknown: Unknown,
    index: usize,
    left: usize,
}

impl<C: Children> Inside<C> {
    #[inline]
    fn advance(&mut self) -> Result<bool, ConvertError> {
        self.left = self.left.saturating_sub(1);
        self.children.advance()
    }

    #[inline]
    fn child(&mut self) -> Deserializer<C::Child<'_>> {
        Deserializer { view: self.children.child(), depth: self.depth, unknown: self.unknown }
    }
}

struct Items<C>(Inside<C>);

impl<'de, C: Children> de::SeqAccess<'de> for Items<C> {
    type Error = ConvertError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ConvertError> {
        if !self.0.advance()? {
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

struct Entries<C> {
    inside: Inside<C>,
    keys: Keys,
}

impl<'de, C: Children> de::MapAccess<'de> for Entries<C> {
    type Error = ConvertError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ConvertError> {
        if !self.inside.advance()? {
            return Ok(None);
        }
        match (self.inside.children.key(), self.keys) {
            (Key::Str(text), _) => seed.deserialize(text.into_deserializer()),
            (Key::Int(int), Keys::AsTheyAre) => seed.deserialize(int.into_deserializer()),
            (Key::Int(int), Keys::Text) => seed.deserialize(int.to_string().into_deserializer()),
        }
        .map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ConvertError> {
        let value = seed.deserialize(self.inside.child());
        value.map_err(|error| error.at(self.inside.children.key()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.inside.left)
    }
}

/// The entries of a map that is searched for a struct's fields: these first, then what else
/// there is, which a struct may refuse.
struct Fields<C> {
    inside: Inside<C>,
    names: &'static [&'static str],
    next: usize,
    found: usize,
    /// How many other entries are left; `None` before they were counted.
    others: Option<usize>,
}

impl<C: Children> Fields<C> {
    #[inline]
    fn new(inside: Inside<C>, names: &'static [&'static str]) -> Self {
        Fields { inside, names, next: 0, found: 0, others: None }
    }

    /// The name of the field that was found last.
    fn name(&self) -> Option<&'static str> {
        self.names.get(self.next.checked_sub(1)?).copied()
    }

    /// Goes to the next entry that is none of the fields.
    #[cold]
    fn advance_to_other(&mut self) -> Result<bool, ConvertError> {
        while self.inside.children.advance()? {
            match self.inside.children.key() {
                Key::Str(key) if self.names.contains(&key) => {}
                _ => return Ok(true),
            }
        }
        Ok(false)
    }
}

impl<'de, C: Children> de::MapAccess<'de> for Fields<C> {
    type Error = ConvertError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ConvertError> {
        while let Some(name) = self.names.get(self.next) {
            self.next += 1;
            if self.inside.children.find(name)? {
                self.found += 1;
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
        }
        let others = match self.others {
            Some(others) => others,
            None if self.inside.unknown == Unknown::LeftOut => 0,
            None => self.inside.children.count() - self.found,
        };
        self.others = Some(others.saturating_sub(1));
        if others == 0 || !self.advance_to_other()? {
            return Ok(None);
        }
        match self.inside.children.key() {
            Key::Str(text) => seed.deserialize(text.into_deserializer()),
            Key::Int(int) => seed.deserialize(int.to_string().into_deserializer()),
        }
        .map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ConvertError> {
        let value = seed.deserialize(self.inside.child());
        value.map_err(|error| match (self.others, self.name()) {
            (None, Some(name)) => error.at_field(name),
            _ => error.at(self.inside.children.key()),
        })
    }
}
