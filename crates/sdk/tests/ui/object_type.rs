//! An object of a type that has no methods.

use twinplug_sdk::prelude::*;

struct Plain;

fn main() {
    let _ = Object::new(Plain);
}
