//! Lua plugins: everything that knows mlua. No other room names it.
//!
//! A plugin is one VM. Each use of it takes the plugin's one lock, and every
//! handle of mlua's lives behind that lock (`vm`). Each call runs on a coroutine
//! of a pool; a call that must wait yields to the driver, which lets go of the
//! lock meanwhile (`vm`, `prelude`). Values go straight between Rust types
//! and Lua ones (`sink`, `source`).

mod annotations;
mod border;
mod call;
mod channels;
mod console;
mod coroutine;
mod direct;
mod entry;
mod exports;
mod failure;
mod foundation;
mod globals;
mod head;
mod hooks;
mod host_functions;
mod host_table;
#[cfg(feature = "luajit")]
mod leaf;
mod libraries;
mod library;
mod limits;
mod loader;
mod lock;
mod modules;
mod native_stack;
mod patterns;
mod places;
mod plugins;
mod prelude;
mod quick;
mod raw;
mod references;
#[cfg(feature = "luau")]
mod safe;
mod sink;
mod source;
mod stack;
mod state;
mod subscriptions;
mod symbols;
mod tags;
mod trails;
mod typed;
mod vm;

pub(crate) use host_functions::Entries;
pub(crate) use loader::{Script, check, doubt, head, load, own};
pub(crate) use modules::{Place, Vet};
