//! A plugin without state, and the same functions as people export them by hand.

mod by_hand;

use twinplug_sdk::prelude::*;

/// The tutorial's message.
#[data]
#[derive(Clone, Debug)]
pub struct PluginData {
    name: String,
    age: i64,
    tel: String,
}

impl PluginData {
    /// What the function does, whichever way its argument came.
    fn older(mut self) -> Self {
        self.age = self.age.wrapping_mul(4).wrapping_add(1);
        self
    }
}

#[plugin(name = "adder")]
mod adder {
    use super::*;

    #[func]
    fn add(a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }

    /// What compiled code of LuaJIT calls directly.
    #[func(leaf)]
    fn leaf_add(a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }

    #[func]
    fn older(data: PluginData) -> PluginData {
        data.older()
    }
}
