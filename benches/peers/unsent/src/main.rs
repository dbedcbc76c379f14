//! The rows of scripts by mlua without its feature `send`: figures, a line of JSON each.
//! What depends on Twinplug with a Lua has mlua with `send`, so this is a program of its
//! own, which `benches/peers/unsent.rs` runs.

#![allow(clippy::print_stdout, reason = "the figures")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

mod figures;
mod plugin_data;

#[path = "../../../rows/lua/by_mlua.rs"]
#[allow(dead_code, reason = "what other rows measure")]
mod by_mlua;
#[path = "../../../rows/measure.rs"]
#[allow(dead_code, reason = "there is one side here")]
mod measure;
#[path = "../../../rows/lua/side.rs"]
#[allow(dead_code, reason = "what other rows measure")]
mod side;
#[path = "../../../rows/work.rs"]
#[allow(dead_code, reason = "what other rows measure")]
mod work;

use std::rc::Rc;

use by_mlua::ByMlua;

fn main() {
    let side = ByMlua::new();
    let local = Rc::new(());
    // With `send` a function that holds what is one thread's would not compile.
    side.lua.create_function(move |_, ()| Ok(Rc::strong_count(&local))).unwrap();
    figures::print(&side);
}
