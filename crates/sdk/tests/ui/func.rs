//! `#[func]`: what kind of function it is, and its parameters.

use twinplug_sdk::prelude::*;

#[plugin]
mod kinds {
    #[func]
    async fn waits() {}
    #[func]
    unsafe fn promises() {}
    #[func]
    fn generic<T>(value: T) {}
    #[func]
    fn lifetime<'a>(value: &'a str) {}
    #[func]
    fn nine(a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, h: i64, i: i64) {}
    #[func]
    fn method(&self) {}
    #[cfg(unix)]
    #[func]
    fn conditional() {}
}

#[plugin]
mod keys {
    #[func(title = "x")]
    fn unknown() {}
    #[func(leaf = true)]
    fn no_flag() {}
    #[func(leaf, leaf)]
    fn twice() {}
    #[func(name = "")]
    fn no_name() {}
    #[func("name")]
    fn no_key() {}
}

#[plugin]
mod parameters {
    #[func]
    fn pattern((a, b): (i64, i64)) {}
    #[func]
    fn exclusive(text: &mut String) {}
    #[func]
    fn long(text: &'static str) {}
    #[func]
    fn slice(items: &[i64]) {}
    #[func]
    fn nested(text: Option<&str>) {}
    #[func]
    fn deeper(items: Vec<(i64, &i64)>) {}
    #[func]
    fn opaque(text: impl Into<String>) {}
    #[func]
    fn object(item: &dyn Fn()) {}
    #[func]
    fn boxed(item: Box<dyn Fn()>) {}
    #[func]
    fn function(item: fn()) {}
    #[func]
    fn pointer(item: *const i64) {}
}

#[plugin]
mod results {
    #[func]
    fn text() -> &'static str {
        ""
    }
    #[func]
    fn nested() -> Result<Option<&'static str>> {
        Ok(None)
    }
    #[func]
    fn opaque() -> impl Iterator<Item = i64> {
        0..1
    }
    #[func]
    fn slice() -> Box<[i64]> {
        Box::new([])
    }
}

#[plugin]
mod host {
    #[func]
    fn late(number: i64, host: &HostRef) {}
    #[func]
    fn second(host: &HostRef, other: &twinplug_sdk::HostRef) {}
    #[func]
    fn exclusive(host: &mut HostRef) {}
    #[func]
    fn owned(host: HostRef) {}
    #[func(leaf)]
    fn leaf(host: &HostRef) {}
}

fn main() {}
