//! One loader, two kinds of plugin. A program embeds this library; a plugin is a
//! **Lua script** or a **native shared library**, and the program cannot tell which:
//! both offer variables, functions and typed message channels.
//!
//! A whole program. The same lines drive a script and a library:
//!
//! ```
//! # #[cfg(all(feature = "_lua", feature = "native"))] mod program {
//! use twinplug::{data, Host};
//!
//! #[data]
//! #[derive(Clone, Debug, Default, PartialEq)]
//! struct PluginData { name: String, age: i64, tel: String }
//!
//! # pub
//! fn main() -> twinplug::Result<()> {
//! #   twinplug_build::build("native-plugins/testplugin".as_ref(), "target/plugins".as_ref()).unwrap();
//!     let host = Host::builder()
//!         .channel::<PluginData>("data", 0)                  // capacity 0: send meets recv, as Go's make(chan T)
//!         .function("scale", |x: f64, by: f64| x * by)       // plugins see host.scale(x, by)
//!         .build()?;
//!
//!     for path in ["lua-plugins/testplugin.lua", "target/plugins/libtestplugin.so"] {
//!         let plugin = host.load(path)?;
//!         plugin.var::<i64>("Value")?.set(7)?;
//!         plugin.func::<(), ()>("Plugin_fun")?.call(())?;
//!         plugin.var("Pd")?.set(PluginData { name: "PluginTest".into(), age: 11, tel: "15396656998".into() })?;
//!
//!         let complex = plugin.func::<(), ()>("ComplexType")?;
//!         let worker = std::thread::spawn(move || complex.call(()));
//!         println!("{}", host.channel::<PluginData>("data")?.recv()?.age);      // 44
//! #       assert_eq!(plugin.var::<PluginData>("Pd")?.get()?.age, 44);
//!         worker.join().unwrap()?;
//!         host.unload(plugin)?;
//!     }
//!     Ok(())
//! }
//! # }
//! # fn main() {
//! # #[cfg(all(feature = "_lua", feature = "native"))]
//! # program::main().unwrap();
//! # }
//! ```
//!
//! [`Host`] is the way in; [`PluginRef`], [`Func`], [`Var`], [`Group`] and [`Channel`] are what
//! it gives; [`data`](macro@data) makes a type of yours cross the border. All may be
//! used from any thread. Errors are of one type, [`Error`].
//!
//! The library prints nothing of its own: it reports through [`tracing`](https://docs.rs/tracing).
//!
//! # Cargo features
//!
//! - `lua54` (default), `lua55`, `luajit`, `luau`, `luau-jit`: Lua plugins, and by which Lua they are run,
//!   which is built from source. At most one of them, which mlua's build checks (`lua54` is on by default: another one needs
//!   `default-features = false`); `luau-jit` is Luau with its compiler to native
//!   code. `luajit` and `luau` need `panic = "unwind"`.
//! - `native` (default): native plugins.

#![cfg_attr(
    not(all(feature = "_lua", feature = "native")),
    allow(dead_code, unused_imports, reason = "what the kind needs that is left out")
)]

#[cfg(not(any(feature = "_lua", feature = "native")))]
compile_error!(
    "twinplug without plugins: switch on the feature `lua54` (Lua plugins), `native` (shared libraries), or both"
);

#[cfg(all(panic = "abort", any(feature = "luajit", feature = "luau")))]
compile_error!(
    "an error of LuaJIT or Luau is an exception: they need `panic = \"unwind\"` in the profile"
);

mod definitions;
mod host;
mod lifecycle;
mod loading;
#[cfg(feature = "_lua")]
mod lua;
#[cfg(feature = "native")]
mod native;
mod plugin;

mod channel;
mod error;
mod file;

pub use channel::{Channel, IntoMessages, Messages, Receiving, Select, Sending};
pub use definitions::Definitions;
pub use error::{Error, ErrorKind, Limit, Result};
pub use host::{Host, HostBuilder};
pub use lifecycle::{Group, LoadFailure, Loaded, PluginRef, Shadowed};
pub use loading::Inspection;
#[cfg(feature = "native")]
pub use loading::{ImageReport, ImageState};
pub use plugin::{
    Descriptor, Dynamic, Export, Func, LimitSignal, Plugin, PluginKind, Requirement, Symbol, Var,
};
pub use semver::{Version, VersionReq};
pub use serde;
pub use twinplug_macros::{data_for_host as data, object_for_host as object};
pub use twinplug_value::{
    AnyBuffer, Args, Argument, AsyncCallable, Buffer, Bytes, CallError, CallFault, Callable,
    CallableWith, Choice, ConvertError, Data, Element, ExportType, Field, Function, LeafFunction,
    LeafParam, LeafResult, Map, MapKey, Number, Object, Outcome, Param, Params, ParseTypeError,
    Reference, Serde, Signature, Sink, Source, Struct, Type, Value,
};

#[doc(hidden)]
pub mod __private {
    pub use twinplug_value::raw::{Class, ClassTable};
    pub use twinplug_value::{
        Choice, Data, Described, Field, Link, Shared, Struct, Type, Undescribed, are_structs, serde,
    };
}
