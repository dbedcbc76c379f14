//! From a path to a plugin. The only room that knows both kinds.
//!
//! A path is first located, then read and checked, then loaded; each step has a
//! type of its own, so that none can be left out.

mod bundle;
mod directory;
mod grants;
mod inspection;
mod loader;
mod lockfile;
mod manifest;
mod search;
mod survey;
mod trust;

#[cfg(feature = "native")]
pub use crate::native::{ImageReport, ImageState};
pub(crate) use bundle::Bundle;
#[cfg(feature = "watch")]
pub(crate) use directory::{Candidate, OF_A_PLUGIN, candidate};
pub(crate) use directory::{candidates, is_folder_of_plugins};
pub use inspection::Inspection;
pub(crate) use loader::{Allowance, Into, Loader, Scripts, Settings, start};
pub use lockfile::Lockfile;
#[cfg(feature = "watch")]
pub(crate) use search::kind;
pub(crate) use search::{Located, cannot_load, locate, name_of};
#[cfg(feature = "watch")]
pub(crate) use survey::survey_of;
pub(crate) use survey::{drop_needed, survey};
pub use trust::Trust;
pub(crate) use trust::Trusted;
