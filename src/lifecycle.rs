//! What happens to plugins over time: which are loaded, in which order, and the references that
//! follow them.

mod batch;
mod event;
mod feed;
mod group;
mod loaded;
mod order;
mod plugin_ref;
mod registry;
mod reload;
mod slot;
mod stack;
mod state;
mod tied;
mod versions;
#[cfg(feature = "watch")]
mod watch;
#[cfg(feature = "watch")]
mod watching;

pub(crate) use batch::Batch;
pub(crate) use event::emit;
pub use feed::{Event, EventKind, Events};
pub use group::Group;
pub use loaded::{LoadFailure, Loaded, Shadowed};
pub use plugin_ref::{PluginRef, Stats, Status};
pub(crate) use registry::{Manner, Registry};
#[cfg(feature = "watch")]
pub use watching::Reload;
#[cfg(feature = "watch")]
pub(crate) use watching::Watching;
