//! What happens to plugins over time: which are loaded, in which order, and the references that
//! follow them.

mod batch;
mod event;
mod group;
mod loaded;
mod order;
mod plugin_ref;
mod registry;
mod tied;
#[cfg(feature = "watch")]
#[allow(dead_code, reason = "a host does not use it yet")]
mod watch;

pub(crate) use batch::Batch;
pub(crate) use event::emit;
pub use group::Group;
pub use loaded::{LoadFailure, Loaded, Shadowed};
pub use plugin_ref::PluginRef;
pub(crate) use registry::Registry;
