//! From a path to a plugin. The only room that knows both kinds.
//!
//! A path is first located, then read and checked, then loaded; each step has a
//! type of its own, so that none can be left out.

mod inspection;
mod loader;
mod search;

pub use inspection::Inspection;
pub(crate) use loader::{inspect, load};
pub(crate) use search::{Located, locate};
