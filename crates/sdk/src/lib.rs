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
//! What the macro writes can be written by hand over [`export`].
//!
//! This crate knows the ABI and no host.

#[cfg(test)]
extern crate self as twinplug_sdk;

mod arena;
mod error;
pub mod export;
mod host;
pub mod log;
mod object;
mod print;
pub mod testing;
mod var;

pub use error::{Error, Result};
pub use host::{Channel, HostRef};
pub use object::Object;
pub use twinplug_macros::{data_for_sdk as data, object, plugin};
pub use twinplug_value::{Bytes, Data, Map, MapKey, Value};
pub use var::Var;

/// What a plugin's source imports with one line.
pub mod prelude {
    pub use crate::{
        Bytes, Channel, Data, Error, HostRef, Map, MapKey, Object, Result, Value, Var, data,
        object, plugin,
    };
}

#[doc(hidden)]
pub mod __private {
    pub use crate::print::print;
    pub use twinplug_value::{Data, Field, Shared, Struct, Type, serde};
}
