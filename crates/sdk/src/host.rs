//! [`HostRef`]: what a plugin may ask of its host.

mod channel;
mod event;
mod plugin;

use std::ffi::{CString, c_char, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use twinplug_abi::{self as abi, Status};
use twinplug_value::raw::{self, RawSink, RawSource};
use twinplug_value::{Args, Callable, Data, Params, from_source};

use crate::arena::Scratch;
use crate::log::Level;
use crate::{Error, Result, export, testing};
pub use channel::{Channel, Messages};
pub use event::Subscription;
pub use plugin::PluginRef;

/// The host that loaded this plugin. Valid on every thread, as long as the
/// plugin's image is mapped: also after the plugin was unloaded or the host is
/// gone, when everything answers an error that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostRef {
    services: NonNull<abi::Host>,
    context: NonNull<abi::Context>,
}

// SAFETY: the ABI promises services and context for as long as the image is
// mapped, which is as long as this code can run, callable from any thread.
unsafe impl Send for HostRef {}
// SAFETY: as above.
unsafe impl Sync for HostRef {}

/// This image's host; what it points to is never freed. A host loads an image once;
/// test hosts come one after the other.
static CURRENT: AtomicPtr<HostRef> = AtomicPtr::new(ptr::null_mut());

/// The host, once it has called init.
#[inline]
pub(crate) fn current() -> Option<HostRef> {
    // SAFETY: null, or leaked by `set_current`.
    unsafe { CURRENT.load(Ordering::Acquire).as_ref() }.copied()
}

/// Forgets the host: a test's, which ends.
pub(crate) fn forget_current() {
    CURRENT.store(ptr::null_mut(), Ordering::Release);
}

impl HostRef {
    /// The host of a call; `None` if the call has null pointers.
    pub(crate) fn of(call: &abi::Call) -> Option<HostRef> {
        Some(HostRef {
            services: NonNull::new(call.host.cast_mut())?,
            context: NonNull::new(call.context)?,
        })
    }

    pub(crate) fn set_current(self) {
        if current() != Some(self) {
            // A test's arenas are this image's own, as they are without a host.
            if !testing::is_ours(self.services) {
                // SAFETY: the ABI promises the services for as long as the image is mapped; what
                // the plugin's code makes before init has none of a host's arenas.
                unsafe { raw::use_host(self.services) };
            }
            CURRENT.store(Box::into_raw(Box::new(self)), Ordering::Release);
        }
    }

    pub(crate) fn services(&self) -> &abi::Host {
        // SAFETY: valid and immutable as long as this image is mapped.
        unsafe { self.services.as_ref() }
    }

    /// Adds a function to the plugin's exports. Only in `#[init]`.
    ///
    /// # Errors
    /// The name is taken, or init is over.
    pub fn register<P: Params, F: Callable<P>>(&self, name: &str, function: F) -> Result<()> {
        let ty = terminated(&F::signature().to_string())?;
        let name = terminated(name)?;
        let mut export = export::closure(function);
        (export.name, export.kind) = (name.as_ptr(), ty.as_ptr());
        let mut is_taken = false;
        let answer = self.ask(|context, arena, result| {
            // SAFETY: the export lives until the service returns, which copies name
            // and type; `data` is leaked, so that it lives as long as the image.
            let status =
                unsafe { (self.services().register_export)(context, &export, arena, result) };
            is_taken = status == abi::OK;
            status
        });
        if !is_taken {
            // SAFETY: the box that `closure` has leaked; a host that was not asked, or has
            // refused the export, has not kept it.
            drop(unsafe { Box::from_raw(export.data.cast::<F>()) });
        }
        answer
    }

    /// Calls a function of the host: `host.call::<f64>("scale", (2.0, 3.0))`.
    ///
    /// # Errors
    /// The host has no such function, the arguments are of other types, or the
    /// function failed.
    pub fn call<R: Data>(&self, name: &str, args: impl Args) -> Result<R> {
        let memory = Scratch::new(*self)?;
        let mut sink = RawSink::new(&memory);
        args.write(&mut sink)?;
        let values = sink.values();
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        self.ask(|context, arena, result| {
            // SAFETY: name and arguments are borrowed until the service returns.
            unsafe {
                (self.services().call)(
                    context,
                    name.as_ptr().cast(),
                    name.len(),
                    values.as_ptr(),
                    count,
                    arena,
                    result,
                )
            }
        })
    }

    /// A constant of the host: `host.constant::<i64>("LIMIT")`.
    ///
    /// ```
    /// # use twinplug_sdk::prelude::*;
    /// fn fits(host: &HostRef, size: i64) -> Result<bool> {
    ///     Ok(size <= host.constant("world.SIZE")?)
    /// }
    /// ```
    ///
    /// # Errors
    /// The host has no such constant, or it is of another type.
    pub fn constant<T: Data>(&self, name: &str) -> Result<T> {
        let table = self.service(abi::SERVICE_CONSTANTS).cast::<abi::Constants>();
        // SAFETY: null, or the table of that id, which lives as long as this image.
        let table = unsafe { table.as_ref() };
        let table = table.ok_or_else(|| Error::new("the host has no constants"))?;
        self.ask(|context, arena, result| {
            // SAFETY: the name is borrowed until the service returns.
            unsafe { (table.read)(context, name.as_ptr().cast(), name.len(), arena, result) }
        })
    }

    pub(crate) fn print(self, text: &str) {
        let data = text.as_ptr().cast::<c_char>();
        // SAFETY: the text is borrowed until the service returns. An answer other
        // than OK means that the host is gone, and nobody is left to print to.
        let _ = unsafe { (self.services().print)(self.context.as_ptr(), data, text.len()) };
    }

    /// Writes a message to the host's log. [`crate::log`] has macros that format.
    pub fn log(&self, level: Level, text: &str) {
        let table = self.service(abi::SERVICE_LOG).cast::<abi::Log>();
        // SAFETY: null, or the table of that id, which lives as long as this image.
        let Some(table) = (unsafe { table.as_ref() }) else { return };
        let data = text.as_ptr().cast::<c_char>();
        // SAFETY: as for `print`.
        let _ = unsafe { (table.write)(self.context.as_ptr(), level as u32, data, text.len()) };
    }

    /// The table of further services of that id, or null.
    pub(crate) fn service(self, id: u32) -> *const c_void {
        // SAFETY: services and context are valid as long as this image is mapped.
        unsafe { (self.services().service)(self.context.as_ptr(), id) }
    }

    /// Asks a service and reads its answer.
    pub(crate) fn ask<R: Data>(
        self,
        service: impl FnOnce(*mut abi::Context, *mut abi::Arena, *mut abi::Value) -> Status,
    ) -> Result<R> {
        let memory = Scratch::new(self)?;
        let mut result = abi::Value::NULL;
        let status = service(self.context.as_ptr(), memory.raw(), &mut result);
        // SAFETY: what the service wrote lies in `memory`, which outlives the reading.
        let mut source = unsafe { RawSource::new(result) };
        if status == abi::OK {
            Ok(from_source(&mut source)?)
        } else {
            let text = from_source(&mut source).unwrap_or_else(|_| format!("status {status}"));
            Err(Error { status, text })
        }
    }
}

fn terminated(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(format!("{text:?} holds a NUL")))
}
