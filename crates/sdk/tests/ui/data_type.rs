//! `#[data]` over types that do not cross, and beside serde's derives.

use twinplug_sdk::prelude::*;

/// Not `#[data]`.
struct Inner {
    number: i64,
}

#[data]
struct Outer {
    inner: Inner,
    number: i64,
}

#[data]
struct Several {
    inner: Vec<Inner>,
    #[serde(default)]
    text: String,
}

#[data]
struct Newtype(Option<Inner>);

static USED: Var<Option<Newtype>> = Var::with(|| None);

#[plugin]
mod used {
    use super::*;

    #[func]
    fn takes(outer: Outer, several: Vec<Several>) {
        let _ = (outer, several);
    }
}

fn main() {}
