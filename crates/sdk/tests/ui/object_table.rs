//! One table for two types of objects of which one is the other's subtype.

#![allow(coherence_leak_check, reason = "the two types are the test")]

use twinplug_sdk::export::{Class, MethodEntry, ObjectType};

struct Keeper<F>(F);

static TABLE: ObjectType<Keeper<for<'a> fn(&'a str)>> = ObjectType::new("Keeper\0", b"[]\0");

impl Class for Keeper<for<'a> fn(&'a str)> {
    const METHODS: &'static [MethodEntry<Self>] = &[];
    fn object_type() -> &'static ObjectType<Self> {
        &TABLE
    }
}

impl Class for Keeper<fn(&'static str)> {
    const METHODS: &'static [MethodEntry<Self>] = &[];
    fn object_type() -> &'static ObjectType<Self> {
        &TABLE
    }
}

fn main() {}
