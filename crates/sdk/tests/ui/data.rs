//! `#[data]`. Other code that uses the types is not to blame.

use twinplug_sdk::prelude::*;

#[data]
union Union {
    number: i64,
    text: [u8; 8],
}

#[data]
struct Borrowed<'a> {
    #[serde(rename = "x")]
    text: &'a str,
}

#[data]
#[derive(Clone)]
struct Static {
    text: &'static str,
}

#[data]
struct Slice {
    items: Box<[i64]>,
}

#[data]
enum Choice {
    Number(i64),
    Function { call: fn() },
}

#[data(rename_all = "camelCase")]
struct Keys {
    number: i64,
}

#[data]
struct Field {
    #[data(rename = "n")]
    number: i64,
}

#[data]
enum Twice {
    One(#[data(schema = i64)] #[data(schema = String)] i64),
}

#[data]
fn function() {}

static STATIC: Var<Vec<Static>> = Var::default();

fn main() {
    function();
    let _ = (STATIC.get(), Keys { number: 1 }.number);
}
