//! Closures that the host cannot call.

use twinplug_sdk::prelude::*;

/// Not `#[data]`.
pub struct Plain;

#[plugin]
mod mistaken {
    use super::*;

    #[init]
    fn init(host: &HostRef) -> Result<()> {
        host.register("plain", |_: Plain| 1)?;
        host.register("lends", |text: &str| text.len() as i64)?;
        host.register("number", 7)
    }
}

fn main() {}
