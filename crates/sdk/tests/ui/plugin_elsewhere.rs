//! A module whose content is in another file: the compiler has an error of its own.

use twinplug_sdk::prelude::*;

#[plugin]
mod elsewhere;

fn main() {}
