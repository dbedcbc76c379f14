//! `#[object]`.

use twinplug_sdk::prelude::*;

struct Enemy;

#[object]
impl Enemy {
    fn hit(&mut self, _power: i64) {}
}

struct Kept;

#[object]
impl Kept {
    fn take(self) {}
}

struct Generic<T>(T);

#[object]
impl<T> Generic<T> {
    fn hit(&self) {}
}

#[object]
impl Drop for Kept {
    fn drop(&mut self) {}
}

struct Methods;

#[object]
impl Methods {
    fn text(&self, _text: Option<&str>) {}
}

struct Twice;

#[object]
impl Twice {
    fn hit(&self) {}
    #[method(name = "hit")]
    fn also(&self) {}
}

struct Free;

#[object]
impl Free {
    #[method]
    fn new() {}
}

#[object(title = "x")]
impl Free {}

#[object]
struct NoBlock;

fn main() {}
