//! What the host does for a plugin.

use std::ffi::{c_char, c_void};
use std::marker::{PhantomData, PhantomPinned};

use crate::{Arena, Context, Export, Mark, Status, Value};

/// A plugin's end of a channel; opaque.
#[repr(C)]
pub struct Channel {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// The services. The header says who may call each, when, and who owns what.
#[repr(C)]
pub struct Host {
    /// `size_of::<Host>()` of the host.
    pub size: u32,
    /// The host's ABI, major.
    pub abi_major: u16,
    /// The host's ABI, minor.
    pub abi_minor: u16,
    /// Memory in an arena.
    pub alloc: unsafe extern "C" fn(arena: *mut Arena, size: usize, align: usize) -> *mut c_void,
    /// An arena for a thread of the plugin's own.
    pub arena_new: unsafe extern "C" fn() -> *mut Arena,
    /// Forgets what was allocated.
    pub arena_reset: unsafe extern "C" fn(arena: *mut Arena),
    /// Frees an arena of the plugin's own.
    pub arena_free: unsafe extern "C" fn(arena: *mut Arena),
    /// Text for whoever takes what plugins print.
    pub print:
        unsafe extern "C" fn(context: *mut Context, text: *const c_char, length: usize) -> Status,
    /// Adds an export.
    pub register_export: unsafe extern "C" fn(
        context: *mut Context,
        export: *const Export,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Calls a function of the host.
    pub call: unsafe extern "C" fn(
        context: *mut Context,
        name: *const c_char,
        name_length: usize,
        args: *const Value,
        count: u32,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Attaches to a channel.
    pub channel_open: unsafe extern "C" fn(
        context: *mut Context,
        name: *const c_char,
        name_length: usize,
        kind: *const c_char,
        kind_length: usize,
        arena: *mut Arena,
        result: *mut Value,
        channel: *mut *mut Channel,
    ) -> Status,
    /// Sends a message, waiting for room.
    pub channel_send: unsafe extern "C" fn(
        channel: *mut Channel,
        message: *const Value,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Waits for a message.
    pub channel_recv: unsafe extern "C" fn(
        channel: *mut Channel,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Gives the plugin's end back.
    pub channel_release: unsafe extern "C" fn(channel: *mut Channel),
    /// Remembers how much of an arena is used (since 1.1).
    pub arena_mark: unsafe extern "C" fn(arena: *mut Arena, mark: *mut Mark),
    /// Forgets what was allocated since the mark (since 1.1).
    pub arena_rewind: unsafe extern "C" fn(arena: *mut Arena, mark: *const Mark),
    /// A table of further services, or null (since 1.1).
    pub service: unsafe extern "C" fn(context: *mut Context, id: u32) -> *const c_void,
    /// Leaves one count of a reference to an arena (since 1.1).
    pub arena_hold: unsafe extern "C" fn(arena: *mut Arena, reference: *const Value) -> Status,
}
