//! `#[plugin]` itself.

use twinplug_sdk::prelude::*;

#[plugin(version = "1.0")]
mod no_semver {}

#[plugin(name = "")]
mod no_name {}

#[plugin(name = "with\0nul")]
mod nul {}

#[plugin(title = "x")]
mod unknown_key {}

#[plugin(name = "a", name = "b")]
mod twice {}

#[plugin(name)]
mod no_text {}

#[plugin(name = 1)]
mod no_string {}

#[plugin(unload)]
mod no_boolean {}

#[plugin(unload = "yes")]
mod still_no_boolean {}

#[plugin("name")]
mod no_key {}

#[plugin]
fn function() {}

#[plugin]
struct Struct;

fn main() {
    function();
    let _ = Struct;
}
