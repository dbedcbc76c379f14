//! [`Object`]: an opaque, counted handle with methods.

use std::ffi::{CStr, c_char};
use std::fmt;
use std::ptr::NonNull;

use twinplug_abi as abi;
use twinplug_value::raw::RawSink;
use twinplug_value::{Args, Data};

use crate::arena::Scratch;
use crate::export::{self, Class};
use crate::{Result, host};

/// A thing with methods, made here, by the host or by another plugin. It is counted: a
/// clone is the same thing.
///
/// ```
/// use std::sync::atomic::{AtomicI64, Ordering};
/// use twinplug_sdk::prelude::*;
///
/// struct Door {
///     locks: AtomicI64,
/// }
///
/// #[object]
/// impl Door {
///     fn lock(&self, by: i64) -> i64 {
///         self.locks.fetch_add(by, Ordering::Relaxed) + by
///     }
/// }
///
/// let door = Object::new(Door { locks: AtomicI64::new(1) });
/// assert_eq!(door.class(), "Door");
/// assert_eq!(door.methods(), r#"[{"name":"lock","type":"(by: int) -> int"}]"#);
/// assert_eq!(door.of::<Door>().unwrap().lock(2), 3);
/// ```
pub struct Object {
    raw: NonNull<abi::Object>,
}

// SAFETY: the ABI says of all that an object's table offers: any thread. Those of our
// own hold a `Class`, which is `Send` and `Sync`.
unsafe impl Send for Object {}
// SAFETY: as above.
unsafe impl Sync for Object {}

impl Object {
    /// An object of a value.
    #[must_use]
    pub fn new<T: Class>(value: T) -> Object {
        Object { raw: export::make(value) }
    }

    /// Takes over one count of an object.
    ///
    /// # Safety
    /// `raw` follows the ABI, and the caller holds a count of it, which is ours from now
    /// on. What made it stays mapped as long as it lives.
    #[must_use]
    pub unsafe fn from_raw(raw: NonNull<abi::Object>) -> Object {
        Object { raw }
    }

    /// The object as the ABI has it, borrowed.
    #[must_use]
    pub fn as_raw(&self) -> NonNull<abi::Object> {
        self.raw
    }

    /// Hands the object out, with its count; [`Object::from_raw`] takes it back.
    #[must_use]
    pub fn into_raw(self) -> NonNull<abi::Object> {
        let raw = self.raw;
        std::mem::forget(self);
        raw
    }

    /// The name of its type.
    #[must_use]
    pub fn class(&self) -> &str {
        // SAFETY: the ABI says that the name is static and terminated.
        unsafe { text(self.kind().name) }
    }

    /// Its methods as JSON: `[{"name": "lock", "type": "(by: int) -> int"}]`.
    #[must_use]
    pub fn methods(&self) -> &str {
        // SAFETY: as for `class`.
        unsafe { text(self.kind().methods) }
    }

    /// The value in it, if it is one of a `T` that this plugin made.
    #[must_use]
    pub fn of<T: Class>(&self) -> Option<&T> {
        // SAFETY: alive as long as `self`, which holds a count.
        unsafe { export::downcast(self.raw) }
    }

    /// Calls a method: `door.call::<i64>("lock", (2,))`. It may be the host's: outside
    /// of a host there is nobody to ask for memory.
    ///
    /// # Errors
    /// There is no such method, the arguments are of other types, the method failed, or
    /// no host has loaded this plugin.
    pub fn call<R: Data>(&self, method: &str, args: impl Args) -> Result<R> {
        let host = host::current().ok_or_else(host::missing)?;
        let memory = Scratch::new(host)?;
        let mut sink = RawSink::new(&memory);
        args.write(&mut sink)?;
        let values = sink.values();
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        host.ask(|_, arena, result| {
            // SAFETY: we hold the object; name and arguments are borrowed until the
            // method returns.
            unsafe {
                (self.kind().call)(
                    self.raw.as_ptr(),
                    method.as_ptr().cast(),
                    method.len(),
                    values.as_ptr(),
                    count,
                    arena,
                    result,
                )
            }
        })
    }

    fn kind(&self) -> &abi::ObjectType {
        // SAFETY: the ABI says that an object's table is there as long as the object,
        // of which we hold a count.
        unsafe { &*self.raw.as_ref().kind }
    }
}

/// # Safety
/// `text` is null, or static and terminated.
unsafe fn text<'t>(text: *const c_char) -> &'t str {
    if text.is_null() {
        return "";
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("")
}

impl Clone for Object {
    fn clone(&self) -> Self {
        // SAFETY: we hold a count; the clone gets the new one.
        unsafe { (self.kind().retain)(self.raw.as_ptr()) };
        Object { raw: self.raw }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: our count, given back once.
        unsafe { (self.kind().release)(self.raw.as_ptr()) }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Object").field(&self.class()).finish()
    }
}

/// The same object, not an equal one.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Object {}
