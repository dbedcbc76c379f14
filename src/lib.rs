//! One loader, two kinds of plugin.
mod channel;
mod error;
mod host;
mod lifecycle;
mod loading;
#[cfg(feature = "lua54")]
mod lua;
#[cfg(feature = "native")]
mod native;
mod plugin;

pub use channel::Channel;
pub use error::{Error, ErrorKind, Result};
pub use host::{Host, HostBuilder};
pub use lifecycle::PluginRef;
pub use loading::Inspection;
pub use plugin::{Descriptor, Dynamic, Export, Func, Plugin, PluginKind, Symbol, Var};
pub use semver::Version;
pub use serde;
pub use twinplug_macros::data_for_host as data;
pub use twinplug_value::{
    Args, Bytes, Callable, ConvertError, Data, ExportType, Map, MapKey, Outcome, Signature, Type,
    Value,
};

#[doc(hidden)]
pub mod __private {
    pub use twinplug_value::{Data, Field, Shared, Struct, Type, serde};
}
