//! [`Reference`]: what is not copied as it crosses, and its way through serde.
//!
//! serde knows no such values. So one is shown to a `Visitor` as a map of one entry, whose key is
//! bytes that are no text (no map that crosses has such a key) and whose value is the number under
//! which a table of the conversion has the reference: what buffers values, as untagged enums do,
//! may keep that for a while. The number is looked up, and never followed. To a `Serializer` it is a newtype struct
//! whose content nobody can write: ours takes the reference in its place, others refuse it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::value::BytesDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
};
use serde::ser::{Serialize, Serializer};

use crate::raw::Number;
use crate::{AnyBuffer, Buffer, ConvertError, Data, Function, Kind, Object, Type};

/// What crosses without being copied.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    /// A function.
    Func(Function),
    /// An object.
    Object(Object),
    /// A buffer.
    Buffer(AnyBuffer),
}

impl Reference {
    /// What kind of value it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Reference::Func(_) => Kind::Func,
            Reference::Object(_) => Kind::Object,
            Reference::Buffer(_) => Kind::Buffer,
        }
    }
}

/// The names of the newtype structs that stand for references.
const NAMES: [(&str, Kind); 3] = [
    ("$twinplug::function", Kind::Func),
    ("$twinplug::object", Kind::Object),
    ("$twinplug::buffer", Kind::Buffer),
];

/// The key of the map that stands for a reference.
const KEY: &[u8] = b"\xff$twinplug::reference";

thread_local! {
    /// What is offered to the serializer that is called now.
    static OFFERED: Cell<Option<Reference>> = const { Cell::new(None) };
    /// How many references have been shown, and are not forgotten yet.
    static SHOWN: Cell<usize> = const { Cell::new(0) };
    static TABLE: RefCell<Vec<(u64, Reference)>> = const { RefCell::new(Vec::new()) };
}

/// The number that was given out last; none is given out twice, to whatever thread.
static LAST: AtomicU64 = AtomicU64::new(0);

/// The references that were shown since are forgotten as a conversion ends.
pub(crate) struct Scope(usize);

impl Scope {
    #[inline]
    pub(crate) fn new() -> Scope {
        Scope(SHOWN.get())
    }

    #[cold]
    fn forget(&self) {
        SHOWN.set(self.0);
        // What they are dropped with may convert as well.
        let forgotten = TABLE.try_with(|table| {
            let mut entries = table.borrow_mut();
            let kept = self.0.min(entries.len());
            entries.split_off(kept)
        });
        drop(forgotten);
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        if SHOWN.get() != self.0 {
            self.forget();
        }
    }
}

/// What a newtype struct of that name expects, if it stands for a reference.
#[inline]
pub(crate) fn expected(name: &'static str) -> Option<Kind> {
    if !name.starts_with('$') {
        return None;
    }
    NAMES.iter().find(|(other, _)| *other == name).map(|(_, kind)| *kind)
}

/// The reference that a newtype struct of that name stands for.
#[inline]
pub(crate) fn offered(name: &'static str) -> Option<Reference> {
    expected(name)?;
    OFFERED.try_with(Cell::take).ok().flatten()
}

fn serialize<S: Serializer>(reference: Reference, serializer: S) -> Result<S::Ok, S::Error> {
    let kind = reference.kind();
    let name = NAMES.iter().find(|(_, other)| *other == kind).map_or("", |(name, _)| name);
    let _ = OFFERED.try_with(|offered| offered.set(Some(reference)));
    let done = serializer.serialize_newtype_struct(name, &Refused(kind));
    let _ = OFFERED.try_with(Cell::take);
    done
}

/// What other serializers find.
struct Refused(Kind);

impl Serialize for Refused {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        let article = if self.0 == Kind::Object { "an" } else { "a" };
        Err(serde::ser::Error::custom(format_args!(
            "{article} {} crosses between a host and its plugins alone, and cannot be written down",
            self.0
        )))
    }
}

/// The map that stands for a reference.
pub(crate) struct Shown(Option<u64>);

impl Shown {
    pub(crate) fn new(reference: Reference) -> Result<Shown, ConvertError> {
        let number = TABLE.try_with(|table| {
            let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            let mut entries = table.borrow_mut();
            entries.push((number, reference));
            SHOWN.set(entries.len());
            number
        });
        number.map(|number| Shown(Some(number))).map_err(|_| ConvertError::new("the thread ends"))
    }
}

impl<'de> MapAccess<'de> for Shown {
    type Error = ConvertError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ConvertError> {
        match self.0 {
            Some(_) => seed.deserialize(BytesDeserializer::new(KEY)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ConvertError> {
        seed.deserialize(self.0.take().unwrap_or_default().into_deserializer())
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.iter().count())
    }
}

/// The key of a map that may stand for a reference.
pub(crate) enum MaybeKey<K> {
    /// It does.
    Reference,
    /// It does not.
    Key(K),
}

/// Whether a key of bytes is that of a reference.
pub(crate) fn is_key(bytes: &[u8]) -> bool {
    bytes == KEY
}

/// The reference whose key was read.
pub(crate) fn read<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Reference, A::Error> {
    let number: u64 = map.next_value()?;
    let found = TABLE.try_with(|table| {
        let entries = table.borrow();
        let found = entries.iter().rev().find(|(other, _)| *other == number);
        found.map(|(_, reference)| reference.clone())
    });
    found.ok().flatten().ok_or_else(|| de::Error::custom("what was referred to is gone"))
}

/// Reads a reference that `take` accepts.
struct ReferenceVisitor<T> {
    expected: &'static Type,
    take: fn(Reference) -> Result<T, Reference>,
}

impl<T> ReferenceVisitor<T> {
    fn deserialize<'de, D: Deserializer<'de>>(self, kind: Kind, from: D) -> Result<T, D::Error> {
        let name = NAMES.iter().find(|(_, other)| *other == kind).map_or("", |(name, _)| name);
        from.deserialize_newtype_struct(name, self)
    }
}

impl<'de, T> Visitor<'de> for ReferenceVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.expected, f)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        from.deserialize_any(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        if !matches!(map.next_key::<IsReference>(), Ok(Some(IsReference))) {
            return Err(de::Error::invalid_type(de::Unexpected::Map, &self));
        }
        (self.take)(read(&mut map)?).map_err(|other| match other {
            Reference::Buffer(buffer) => de::Error::custom(format_args!(
                "expected {}, got buffer<{}>",
                self.expected,
                buffer.element()
            )),
            other => {
                de::Error::custom(format_args!("expected {}, got {}", self.expected, other.kind()))
            }
        })
    }
}

struct IsReference;

impl<'de> Deserialize<'de> for IsReference {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Key;
        impl Visitor<'_> for Key {
            type Value = IsReference;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reference")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<IsReference, E> {
                match is_key(bytes) {
                    true => Ok(IsReference),
                    false => Err(E::invalid_type(de::Unexpected::Bytes(bytes), &self)),
                }
            }
        }
        from.deserialize_any(Key)
    }
}

macro_rules! references {
    ($($ty:ty, $variant:ident;)*) => {$(
        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize(Reference::$variant(self.clone()), serializer)
            }
        }

        impl<'de> Deserialize<'de> for $ty {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let take = |reference| match reference {
                    Reference::$variant(it) => Ok(it),
                    other => Err(other),
                };
                ReferenceVisitor { expected: <$ty>::SCHEMA, take }.deserialize(Kind::$variant, from)
            }
        }
    )*};
}
references! {
    Function, Func;
    Object, Object;
    AnyBuffer, Buffer;
}

impl Data for Function {
    const SCHEMA: &'static Type = &Type::Func;
    const LEAVES_OUT: bool = true;
}

impl Data for Object {
    const SCHEMA: &'static Type = &Type::Object;
    const LEAVES_OUT: bool = true;
}

impl Data for AnyBuffer {
    const SCHEMA: &'static Type = &Type::Buffer(None);
    const LEAVES_OUT: bool = true;
}

impl<T: Number> Serialize for Buffer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(Reference::Buffer(self.clone().into_any()), serializer)
    }
}

impl<'de, T: Number> Deserialize<'de> for Buffer<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let take = |reference| match reference {
            Reference::Buffer(buffer) if buffer.element() == T::ELEMENT => {
                buffer.clone().typed().ok_or(Reference::Buffer(buffer))
            }
            other => Err(other),
        };
        ReferenceVisitor { expected: Self::SCHEMA, take }.deserialize(Kind::Buffer, from)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Number> Data for Buffer<T> {
    const SCHEMA: &'static Type = &Type::Buffer(Some(T::ELEMENT));
    const LEAVES_OUT: bool = true;
}
