//! A value in the middle of whose conversion something happens.

use std::cell::RefCell;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use twinplug::{Data, Type, serde};

thread_local! {
    /// What happens in the middle of the next conversion of this thread.
    pub(super) static ACT: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

fn act() {
    if let Some(act) = ACT.take() {
        act();
    }
}

/// `{ a = { 1, 2 }, b = 3 }`, written and read with something happening inside of the list.
#[derive(Debug)]
pub(super) struct Acting;

struct List;

impl Data for Acting {
    const SCHEMA: &'static Type = &Type::Any;
}

impl Serialize for Acting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("a", &List)?;
        map.serialize_entry("b", &3)?;
        map.end()
    }
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        list.serialize_element(&1)?;
        act();
        list.serialize_element(&2)?;
        list.end()
    }
}

impl<'de> Deserialize<'de> for Acting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reads).map(|()| Acting)
    }
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reads).map(|()| List)
    }
}

struct Reads;

impl<'de> Visitor<'de> for Reads {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what `Acting` writes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<String, List>()?.is_some() {}
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        list.next_element::<i64>()?;
        act();
        while list.next_element::<i64>()?.is_some() {}
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
}
