//! `#[data]` beside serde's own derives.

use twinplug_sdk::prelude::*;

#[data]
#[derive(Clone, Serialize)]
struct Written {
    #[serde(rename = "n")]
    number: i64,
}

#[data]
#[derive(serde::Deserialize, Debug)]
enum Read {
    One,
}

fn main() {}
