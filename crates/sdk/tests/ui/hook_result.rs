//! Hooks that return what nobody takes.

use twinplug_sdk::prelude::*;

#[plugin]
mod mistaken {
    use super::*;

    #[init]
    fn init() -> i64 {
        1
    }

    #[on_load]
    fn on_load() -> Result<i64> {
        Ok(1)
    }
}

fn main() {}
