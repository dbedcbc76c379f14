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
//! # What is where
//!
//! | to | there is |
//! |---|---|
//! | load a file, a folder of plugins, a text | [`Host::load`], [`Host::load_dir`], [`Host::load_source`] |
//! | call functions; read and set variables | [`PluginRef::func`], [`PluginRef::var`]; with types that are known at run time [`PluginRef::lookup`] |
//! | call a function of all plugins | [`Host::group`] |
//! | have threads and tasks call | [`Func`] is `Send` and `Sync`; [`Func::call_within`], [`Func::call_async`] |
//! | offer plugins functions, constants, channels | [`HostBuilder::function`], [`constant`](HostBuilder::constant), [`channel`](HostBuilder::channel) |
//! | offer functions that wait, or borrow | [`HostBuilder::blocking_function`], [`async_function`](HostBuilder::async_function), [`function_with`](HostBuilder::function_with) |
//! | tell plugins of an event | [`Host::emit`] |
//! | send and receive messages | [`Channel`], of several at once [`Select`] |
//! | have edits take effect | [`Host::watch`], [`Host::reload`], [`Host::events`] |
//! | have several versions | [`Host::versions`], [`replace`](Host::replace), [`rollback`](Host::rollback), [`pin`](Host::pin) |
//! | hold scripts to limits, and grant them more than the sandbox | [`HostBuilder::time_limit`], [`memory_limit`](HostBuilder::memory_limit), [`allow`](HostBuilder::allow) |
//! | load native code that nobody else could have changed, or nothing but what is pinned | [`HostBuilder::trust`], [`Lockfile`] |
//! | know what goes on | [`Host::plugins`], [`Host::stats`], [`PluginRef::status`] |
//! | look at a file, and run none of it | [`Host::inspect`] |
//! | complete and check scripts in an editor | [`Host::definitions`] |
//! | call and test plugins without the program | [`Host::describe`], [`HostBuilder::mockable`] |
//!
//! How plugins are written, in Lua and in other languages, is in the pages `docs/lua-plugins.md` and
//! `docs/native-plugins.md`; `docs/reload.md` says what an edit does, `docs/limits.md` what cannot be done.
//!
//! # Functions, objects and buffers
//!
//! [`Function`], [`Object`] and [`Buffer`] are values that are not copied: host, scripts and native
//! plugins make them, keep those of others and use them, from any thread. A type of the host's is
//! an object by [`object`](macro@object) on its methods.
//!
//! ```
//! # #[cfg(feature = "native")] fn main() -> twinplug::Result<()> {
//! use std::sync::atomic::{AtomicI64, Ordering};
//! use twinplug::{Buffer, Function, Host, Object, object};
//!
//! struct Lamp { level: AtomicI64 }
//!
//! #[object]
//! impl Lamp {
//!     fn turn(&self, by: i64) -> i64 { self.level.fetch_add(by, Ordering::Relaxed) + by }
//! }
//!
//! let host = Host::builder().build()?;
//! # twinplug_build::build("tests/fixtures/keeper".as_ref(), "target/plugins".as_ref()).unwrap();
//! let keeper = host.load("target/plugins/libkeeper.so")?;
//!
//! // The plugin uses a function and an object of the host,
//! let apply = keeper.func::<(Function, Vec<i64>), i64>("Apply")?;
//! assert_eq!(apply.call((Function::new(|x: i64| x * 2), vec![21]))?, 42);
//! let lamp = Object::new(Lamp { level: AtomicI64::new(0) });
//! let use_method = keeper.func::<(Object, &str, Vec<i64>), i64>("Use")?;
//! assert_eq!(use_method.call((lamp.clone(), "turn", vec![3]))?, 3);
//! assert_eq!(lamp.of::<Lamp>().map(|lamp| lamp.turn(1)), Some(4));
//!
//! // and the host those of the plugin.
//! let add = keeper.func::<(i64,), Function>("Adder")?.call((40,))?;
//! assert_eq!(add.call::<i64>((2,))?, 42);
//! let numbers = keeper.func::<(i64,), Buffer<f64>>("Numbers")?.call((3,))?;
//! assert_eq!(numbers.to_vec(), [0.0, 1.0, 2.0]);
//!
//! host.unload(keeper)?;
//! let gone = add.call::<i64>((2,)).unwrap_err();
//! assert_eq!(gone.to_string(), "plugin `keeper`: the plugin was unloaded");
//! assert_eq!(numbers.get(2), Some(2.0), "the memory stays as long as it is held");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "native"))] fn main() {}
//! ```
//!
//! The library prints nothing of its own: it reports through [`tracing`](https://docs.rs/tracing). Warnings of what is an error
//! too, for whoever has asked for it, have the target `twinplug::returned`; of what [`Host::events`] tells as well,
//! `twinplug::event`. Before the code of a native plugin runs for the first time, in each of its loads, that is said
//! with the target `twinplug::native::begins`, level debug, and the field `plugin`.
//!
//! # Cargo features
//!
//! - `lua54` (default), `lua55`, `luajit`, `luau`, `luau-jit`: Lua plugins, and by which Lua they are run,
//!   which is built from source. At most one of them, which mlua's build checks (`lua54` is on by default: another one needs
//!   `default-features = false`); `luau-jit` is Luau with its compiler to native
//!   code. `luajit` and `luau` need `panic = "unwind"`.
//! - `native` (default): native plugins.
//! - `watch` (default): sees files change.

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

pub use channel::{Channel, DynamicChannel, IntoMessages, Messages, Receiving, Select, Sending};
pub use definitions::Definitions;
pub use error::{Error, ErrorKind, Limit, Result};
pub use host::{
    ChannelDescription, ConstantDescription, Description, FunctionDescription, Host, HostBuilder,
};
#[cfg(feature = "watch")]
pub use lifecycle::Reload;
pub use lifecycle::{
    Event, EventKind, Events, Group, LoadFailure, Loaded, PluginRef, Shadowed, Stats, Status,
};
#[cfg(feature = "native")]
pub use loading::{ImageReport, ImageState};
pub use loading::{Inspection, Lockfile, Trust};
pub use plugin::{
    Calling, Calls, Descriptor, Dynamic, Export, Func, LimitSignal, OnFault, Over, Plugin,
    PluginKind, Requirement, Symbol, Var,
};
pub use semver::{Version, VersionReq};
pub use serde;
/// Makes a struct or an enum of yours cross between host and plugins.
///
/// ```
/// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
/// use twinplug::{Host, data};
///
/// #[data]
/// enum Order { Buy { item: String, count: i64 }, Cancel }
///
/// let host = Host::builder().build()?;
/// let text = "function Count(order) return order == 'Cancel' and 0 or order.Buy.count end";
/// let count = host.load_source("shop", text)?.func::<(Order,), i64>("Count")?;
/// assert_eq!(count.call((Order::Buy { item: "tea".into(), count: 3 },))?, 3);
/// assert_eq!(count.call((Order::Cancel,))?, 0);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "_lua"))] fn main() {}
/// ```
///
pub use twinplug_macros::data_for_host as data;
/// Makes the values of a type of yours objects, whose methods plugins call.
///
/// ```
/// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
/// use std::sync::atomic::{AtomicI64, Ordering};
/// use twinplug::{Host, Object, object};
///
/// struct Lamp { level: AtomicI64 }
///
/// #[object]
/// impl Lamp {
///     fn turn(&self, by: i64) -> i64 { self.level.fetch_add(by, Ordering::Relaxed) + by }
/// }
///
/// let host = Host::builder().build()?;
/// let brighten = host.load_source("house", "function Brighten(lamp) return (lamp:turn(2)) end")?;
/// let lamp = Object::new(Lamp { level: AtomicI64::new(1) });
/// assert_eq!(brighten.func::<(Object,), i64>("Brighten")?.call((lamp,))?, 3);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "_lua"))] fn main() {}
/// ```
///
pub use twinplug_macros::object_for_host as object;
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
        Allocate, Choice, ConvertError, Data, Described, Field, Link, Raw, RawFields, RawWriter,
        Shared, Sink, Straight, StraightFields, Struct, Type, Undescribed, View, are_structs,
        serde,
    };
}
