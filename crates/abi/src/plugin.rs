//! What a plugin offers: the exported symbol, its exports, its section.

use std::ffi::{c_char, c_void};

use crate::{Direct, Function};

/// [`Export::symbol`] of a function.
pub const SYMBOL_FUNC: u32 = 1;
/// [`Export::symbol`] of a variable.
pub const SYMBOL_VAR: u32 = 2;
/// [`Export::symbol`] of a variable that is not exported, and carried by reloads
/// (since 1.1).
pub const SYMBOL_STATE: u32 = 3;

/// A flag of [`Export::flags`]: the function calls nothing of the host (since 1.1).
pub const LEAF: u32 = 1;
/// A flag of [`Export::flags`]: its entries look at the tags of their arguments
/// themselves (since 1.1).
pub const CHECKS: u32 = 2;

/// How the section `.twinplug` starts.
pub const MAGIC: [u8; 8] = *b"twinplug";

/// One export.
#[repr(C)]
pub struct Export {
    /// The name, terminated.
    pub name: *const c_char,
    /// The type, terminated, as the header describes.
    pub kind: *const c_char,
    /// One of the `SYMBOL_` constants.
    pub symbol: u32,
    /// [`LEAF`] and [`CHECKS`], or 0.
    pub flags: u32,
    /// Handed to the entries as `call.data`.
    pub data: *mut c_void,
    /// The function.
    pub call: Option<Function>,
    /// Writes the variable's value to the result.
    pub get: Option<Function>,
    /// Takes the variable's value as its one argument.
    pub set: Option<Function>,
    /// The function's direct entry (since 1.1).
    pub direct: Option<Direct>,
}

// SAFETY: an export is never written after it was made; what its pointers lead
// to is static text and, for `data`, only touched by the plugin's own entries,
// which the ABI requires to be callable from any thread.
unsafe impl Sync for Export {}

/// What the exported symbol `twinplug_plugin` is.
#[repr(C)]
pub struct Plugin {
    /// `size_of::<Plugin>()` of the plugin.
    pub size: u32,
    /// The plugin's ABI, major.
    pub abi_major: u16,
    /// The plugin's ABI, minor.
    pub abi_minor: u16,
    /// The start of the section `.twinplug`.
    pub section: *const c_void,
    /// The name, terminated.
    pub name: *const c_char,
    /// The version, terminated.
    pub version: *const c_char,
    /// The exports.
    pub exports: *const Export,
    /// How many.
    pub export_count: u32,
    /// `size_of::<Export>()` of the plugin.
    pub export_size: u32,
    /// Runs once, after loading.
    pub init: Option<Function>,
    /// Hook (since 1.1): takes the configuration.
    pub on_load: Option<Function>,
    /// Hook (since 1.1): its result is kept over a reload.
    pub on_save: Option<Function>,
    /// Hook (since 1.1): takes what `on_save` gave, and the version that gave it.
    pub on_restore: Option<Function>,
    /// Hook (since 1.1): no calls until `on_resume`, or the end.
    pub on_pause: Option<Function>,
    /// Hook (since 1.1).
    pub on_resume: Option<Function>,
    /// Hook (since 1.1).
    pub on_unload: Option<Function>,
}

// SAFETY: a static, constant table; see `Export`.
unsafe impl Sync for Plugin {}

/// How the section `.twinplug` starts; `length` bytes of JSON follow.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SectionHead {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// The plugin's ABI, major.
    pub abi_major: u16,
    /// The plugin's ABI, minor.
    pub abi_minor: u16,
    /// Of the JSON, in bytes.
    pub length: u32,
}
