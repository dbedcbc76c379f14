//! C's standard output: what native plugins printed past the host.

use std::ffi::{c_int, c_void};

unsafe extern "C" {
    fn fflush(stream: *mut c_void) -> c_int;
}

/// Writes out what C code of this process has printed and C still buffers.
pub(crate) fn flush() {
    // SAFETY: a null stream means all output streams, in C99 7.19.5.2; it may be
    // called from any thread.
    unsafe {
        fflush(std::ptr::null_mut());
    }
}
