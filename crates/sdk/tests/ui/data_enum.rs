//! `#[data]` over enums and generic structs with types that do not cross.

use twinplug_sdk::prelude::*;

/// Not `#[data]`.
struct Inner {
    number: i64,
}

#[data]
enum Choice {
    One(Inner),
    Two { inner: Option<Inner>, number: i64 },
}

#[data]
struct Generic<T> {
    inner: Inner,
    items: Vec<T>,
}

#[data]
struct Described {
    #[data(schema = Inner)]
    #[serde(skip_deserializing)]
    number: i64,
}

fn main() {}
