//! One call of the host into a plugin.

use std::ffi::{c_char, c_void};
use std::marker::{PhantomData, PhantomPinned};

use crate::{Host, Status, Value};

/// Memory that results are written to; opaque.
#[repr(C)]
pub struct Arena {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// A place in an [`Arena`] (since 1.1); its content is the host's affair.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Mark {
    /// Which chunk.
    pub chunk: usize,
    /// How much of it.
    pub used: usize,
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

/// Where a direct entry leaves the text of its error (since 1.1). Made by the host,
/// valid until the entry returns.
#[repr(C)]
pub struct Fault {
    /// The text; null at first.
    pub text: *const c_char,
    /// In bytes.
    pub length: usize,
    /// Copies text that does not outlive the call, and points `text` at the copy.
    pub keep: unsafe extern "C" fn(fault: *mut Fault, text: *const c_char, length: usize),
    /// The host's affair.
    pub kept: *mut c_void,
}

/// A direct entry (since 1.1), stored as this type and cast back to the one that
/// follows from its export's signature before it is called.
pub type Direct = unsafe extern "C" fn() -> Status;
