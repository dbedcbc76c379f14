//! What happens to plugins over time: which are loaded, and the references that
//! follow them.

mod plugin_ref;
mod registry;
mod tied;

pub use plugin_ref::PluginRef;
pub(crate) use registry::Registry;
