//! Services that are asked for by id (since 1.1).

use std::ffi::{c_char, c_void};

use crate::{Arena, Channel, Context, Function, Status, Value};

/// The id of [`Log`].
pub const SERVICE_LOG: u32 = 1;

/// A level of [`Log::write`].
pub const LOG_ERROR: u32 = 1;
/// A level of [`Log::write`].
pub const LOG_WARN: u32 = 2;
/// A level of [`Log::write`].
pub const LOG_INFO: u32 = 3;
/// A level of [`Log::write`].
pub const LOG_DEBUG: u32 = 4;
/// A level of [`Log::write`].
pub const LOG_TRACE: u32 = 5;

/// Messages for whoever listens to the host's log.
#[repr(C)]
pub struct Log {
    /// `size_of::<Log>()` of the host.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Writes one message.
    pub write: unsafe extern "C" fn(
        context: *mut Context,
        level: u32,
        text: *const c_char,
        length: usize,
    ) -> Status,
}

/// The id of [`Channels`].
pub const SERVICE_CHANNELS: u32 = 2;

/// The rest of what a channel can do.
#[repr(C)]
pub struct Channels {
    /// `size_of::<Channels>()` of the host.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Sends a message, if there is room.
    pub try_send: unsafe extern "C" fn(
        channel: *mut Channel,
        message: *const Value,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Sends a message, waiting for so long at most.
    pub send_timeout: unsafe extern "C" fn(
        channel: *mut Channel,
        message: *const Value,
        nanoseconds: u64,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Receives a message, if there is one.
    pub try_recv: unsafe extern "C" fn(
        channel: *mut Channel,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Receives a message, waiting for so long at most.
    pub recv_timeout: unsafe extern "C" fn(
        channel: *mut Channel,
        nanoseconds: u64,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Waits for a message, and takes those behind it, up to so many.
    pub recv_many: unsafe extern "C" fn(
        channel: *mut Channel,
        most: u32,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Closes the channel.
    pub close: unsafe extern "C" fn(
        channel: *mut Channel,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
}

/// The id of [`Constants`].
pub const SERVICE_CONSTANTS: u32 = 3;

/// The constants of the host.
#[repr(C)]
pub struct Constants {
    /// `size_of::<Constants>()` of the host.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Reads one.
    pub read: unsafe extern "C" fn(
        context: *mut Context,
        name: *const c_char,
        name_length: usize,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
}

/// The id of [`Events`].
pub const SERVICE_EVENTS: u32 = 4;

/// Gives up what a handler was called with.
pub type Release = unsafe extern "C" fn(data: *mut c_void);

/// The events of the host.
#[repr(C)]
pub struct Events {
    /// `size_of::<Events>()` of the host.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Subscribes to an event.
    pub on: unsafe extern "C" fn(
        context: *mut Context,
        event: *const c_char,
        event_length: usize,
        handler: Option<Function>,
        data: *mut c_void,
        release: Option<Release>,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Ends a subscription.
    pub off: unsafe extern "C" fn(
        context: *mut Context,
        number: i64,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
}

/// The id of [`Plugins`].
pub const SERVICE_PLUGINS: u32 = 5;

/// The other plugins of the host.
#[repr(C)]
pub struct Plugins {
    /// `size_of::<Plugins>()` of the host.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Whether one of that name is loaded.
    pub has: unsafe extern "C" fn(
        context: *mut Context,
        plugin: *const c_char,
        plugin_length: usize,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Calls a function.
    pub call: unsafe extern "C" fn(
        context: *mut Context,
        plugin: *const c_char,
        plugin_length: usize,
        function: *const c_char,
        function_length: usize,
        args: *const Value,
        count: u32,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Reads a variable.
    pub get: unsafe extern "C" fn(
        context: *mut Context,
        plugin: *const c_char,
        plugin_length: usize,
        variable: *const c_char,
        variable_length: usize,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
    /// Sets a variable.
    pub set: unsafe extern "C" fn(
        context: *mut Context,
        plugin: *const c_char,
        plugin_length: usize,
        variable: *const c_char,
        variable_length: usize,
        value: *const Value,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
}
