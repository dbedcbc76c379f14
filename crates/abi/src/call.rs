//! One call of the host into a plugin.

use std::ffi::c_void;
use std::marker::{PhantomData, PhantomPinned};

use crate::{Host, Status, Value};

/// Memory that results are written to; opaque.
#[repr(C)]
pub struct Arena {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// A plugin's place at its host; opaque.
#[repr(C)]
pub struct Context {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// One call of the host into the plugin.
#[repr(C)]
pub struct Call {
    /// `size_of::<Call>()` of the host.
    pub size: u32,
    /// How many arguments.
    pub count: u32,
    /// The arguments, borrowed until the function returns.
    pub args: *const Value,
    /// Where the result goes, or the error's text; null at first.
    pub result: *mut Value,
    /// Where what the result points to is allocated.
    pub arena: *mut Arena,
    /// `data` of the export that is called.
    pub data: *mut c_void,
    /// The services.
    pub host: *const Host,
    /// Whom they serve.
    pub context: *mut Context,
}

/// The type of every entry of a plugin.
pub type Function = unsafe extern "C" fn(call: *mut Call) -> Status;
