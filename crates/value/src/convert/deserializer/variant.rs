//! An enum's variant with content: the one entry of a map.

use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};

use super::{Children, ConvertError, Deserializer, Inside, Key, Keys};

/// A variant with content: the one entry of a map.
pub(super) struct Variant<C>(pub(super) Inside<C>);

impl<'de, C: Children> de::EnumAccess<'de> for Variant<C> {
    type Error = ConvertError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        mut self,
        seed: V,
    ) -> Result<(V::Value, Self), ConvertError> {
        if !self.0.advance()? {
            return Err(no_variant(0));
        }
        let variant = match self.0.children.key() {
            Key::Str(text) => seed.deserialize(text.into_deserializer()),
            Key::Int(int) => seed.deserialize(int.to_string().into_deserializer()),
        };
        Ok((variant?, self))
    }
}

impl<C: Children> Variant<C> {
    fn content<T>(
        mut self,
        read: impl FnOnce(Deserializer<C::Child<'_>>) -> Result<T, ConvertError>,
    ) -> Result<T, ConvertError> {
        let content = read(self.0.child()).map_err(|error| error.at(self.0.children.key()));
        let mut entries = 1;
        while self.0.advance()? {
            entries += 1;
        }
        if entries > 1 { Err(no_variant(entries)) } else { content }
    }
}

/// The error of a map that has not just the one entry that a variant is.
#[cold]
fn no_variant(entries: usize) -> ConvertError {
    ConvertError::new(format!("expected a variant, got a map of {entries} entries"))
}

impl<'de, C: Children> de::VariantAccess<'de> for Variant<C> {
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
