//! For authors of native Twinplug plugins in Rust.
//!
//! A plugin is a crate of type `cdylib` with one module under `#[plugin]`:
//!
//! ```
//! use twinplug_sdk::prelude::*;
//!
//! #[plugin(name = "counter", version = "1.0.0")]
//! mod counter {
//!     use super::*;
//!
//!     #[var(name = "Count")]
//!     static COUNT: Var<i64> = Var::new(0);
//!
//!     #[func]
//!     fn add(by: i64) -> Result<i64> {
//!         if by < 0 {
//!             return Err(Error::new("cannot count down"));
//!         }
//!         Ok(COUNT.update(|count| *count += by))
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! | in the module | |
//! |---|---|
//! | `#[var]`, `#[state]` | on a `static` of type [`Var<T>`](Var): a variable that the host reads and sets; a private one, which a reload carries |
//! | `#[func]` | on a function: up to 8 parameters by value or by `&`, `&HostRef` before them if it wants the host; it returns what crosses, or a `Result` of it |
//! | `#[func(leaf)]` | promises that the function calls nothing of the host and waits for nothing |
//! | `#[init]` | `fn()`: runs once, when the plugin is loaded |
//! | `#[on_load]` | `fn(config: T)` or `fn()` |
//! | `#[on_save]`, `#[on_restore]` | `fn() -> T`, `fn(value: T, old_version: &str)`: what a reload keeps |
//! | `#[on_pause]`, `#[on_resume]`, `#[on_unload]` | `fn()` |
//!
//! Init and hooks may take `&HostRef` first, and return a `Result`. `print!` and `println!`
//! in the module go to the host's output, the macros of [`log`] to its log. [`macro@data`]
//! makes a struct or an enum cross, [`macro@object`] gives values methods. [`testing`] runs
//! a plugin in its author's tests.
//!
//! [`Function`], [`Object`] and [`Buffer`] cross without being copied, in both directions: whoever
//! gets one keeps it as long as it likes and uses it from any thread, and each use goes to who made
//! it. One of this plugin's comes back as itself, so that [`Object::of`] works; one of another plugin
//! is used through the host, which answers an error once that plugin is gone.
//!
//! ```
//! use std::sync::atomic::{AtomicI64, Ordering};
//! use twinplug_sdk::prelude::*;
//! use twinplug_sdk::testing::Host;
//!
//! pub struct Door { locks: AtomicI64 }
//!
//! #[object]
//! impl Door {
//!     fn lock(&self, by: i64) -> i64 { self.locks.fetch_add(by, Ordering::Relaxed) + by }
//! }
//!
//! #[plugin(name = "doors", version = "1.0.0")]
//! mod doors {
//!     use super::*;
//!
//!     #[func]
//!     fn door() -> Object { Object::new(Door { locks: AtomicI64::new(0) }) }
//!
//!     #[func]
//!     fn twice(function: Function, x: f64) -> Result<f64> {
//!         Ok(function.call::<f64>((function.call::<f64>((x,))?,))?)
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let plugin = Host::new().load(&doors::twinplug_plugin)?;
//! let door: Object = plugin.call("door", ())?;
//! assert_eq!(door.call::<i64>("lock", (2,))?, 2);
//! assert_eq!(plugin.call::<f64>("twice", (Function::new(|x: f64| x * 3.0), 2.0))?, 18.0);
//! # Ok(())
//! # }
//! ```
//!
//! A function whose parameters are all `i64`, `f64` or `bool` (at most 6), and whose
//! result is one of these or nothing, or a `Result` of it, has a direct entry besides the
//! general one: hosts call it as they call a function in C.
//!
//! What the macro writes can be written by hand over [`export`], which shows it.
//!
//! This crate knows the ABI and no host.

#[cfg(test)]
extern crate self as twinplug_sdk;

mod arena;
mod error;
pub mod export;
mod host;
pub mod log;
mod print;
pub mod testing;
mod var;

pub use error::{Error, Result};
pub use host::{Channel, HostRef, Messages, PluginRef, Subscription};
pub use twinplug_macros::{data_for_sdk as data, object_for_sdk as object, plugin};
pub use twinplug_value::{
    AnyBuffer, Buffer, Bytes, CallError, Data, Element, Function, Map, MapKey, Number, Object,
    Serde, Value,
};
pub use var::Var;

/// What a plugin's source imports with one line.
pub mod prelude {
    pub use crate::{
        AnyBuffer, Buffer, Bytes, Channel, Data, Error, Function, HostRef, Map, MapKey, Object,
        PluginRef, Result, Serde, Value, Var, data, object, plugin,
    };
}

#[doc(hidden)]
pub mod __private {
    pub use crate::export::Caller;
    pub use crate::print::print;
    pub use twinplug_value::raw::{Class, ClassTable};
    pub use twinplug_value::{
        Allocate, Choice, ConvertError, Data, Described, Field, Link, Raw, RawFields, RawWriter,
        Shared, Sink, Straight, StraightFields, Struct, Type, Undescribed, View, are_structs,
        serde,
    };
}
