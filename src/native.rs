//! Native plugins: everything that knows libloading. No other room names it.
//!
//! A file's bytes are read once and checked (`preflight`); a private copy of just
//! those bytes (`copy`) is mapped (`image`) and counted (`images`), unless it brings a second
//! Go runtime (`go_runtime`), its table read (`table`), its init called with
//! a place at the host (`context`) and the services (`services`). Values go straight
//! between Rust types and the ABI's, in an arena a call. What is not copied (functions, objects,
//! buffers) is one of the host's to all but its maker (`adopted`, `makers`), and the host's own is
//! called by plugins as a service is (`serving`). Threads that an image begins hold it (`threads`).

mod adopted;
mod beside;
mod channels;
mod companions;
mod context;
mod copy;
mod dependencies;
mod elf;
mod foreign;
mod go_runtime;
mod image;
mod images;
mod leaf;
mod loader;
mod makers;
mod others;
mod preflight;
mod services;
mod serving;
mod stdio;
mod subscriptions;
mod symbol;
mod table;
#[cfg(target_os = "linux")]
mod threads;

pub(crate) use go_runtime::GoRuntimes;
pub(crate) use images::Images;
pub use images::{ImageReport, ImageState};
pub(crate) use loader::load;
pub(crate) use preflight::{check, library};
pub(crate) use stdio::flush;
