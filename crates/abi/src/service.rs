//! Services that are asked for by id (since 1.1).

use std::ffi::c_char;

use crate::{Context, Status};

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
