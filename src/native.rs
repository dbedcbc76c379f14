//! Native plugins: everything that knows libloading. No other room names it.
//!
//! A file's bytes are read once and checked (`preflight`); a private copy of just
//! those bytes (`copy`) is mapped (`image`) and counted (`images`), its table read (`table`), its init called with
//! a place at the host (`context`) and the services (`services`). Values go straight
//! between Rust types and the ABI's, in an arena a call (`arena`).

mod arena;
mod context;
mod copy;
mod dependencies;
mod elf;
mod image;
mod images;
mod loader;
mod preflight;
mod services;
mod stdio;
mod table;

pub(crate) use images::Images;
pub use images::{ImageReport, ImageState};
pub(crate) use loader::load;
pub(crate) use preflight::check;
pub(crate) use stdio::flush;
