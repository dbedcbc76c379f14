//! Constants of the host, and its events: the tables of `TP_SERVICE_CONSTANTS` and
//! `TP_SERVICE_EVENTS`.
//!
//! A handler's `release` is code of the plugin. It runs while somebody holds the image: the plugin
//! that ends a subscription, the host that tells an event, or that retires the plugin.

use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use twinplug_abi::{self as abi, Status};
use twinplug_value::to_sink;

use super::services::{answer, context_of, null, text};
use crate::error::Error;

/// The service of that name.
pub(super) static CONSTANTS: abi::Constants =
    abi::Constants { size: size_of::<abi::Constants>() as u32, reserved: 0, read };

/// The service of that name.
pub(super) static EVENTS: abi::Events =
    abi::Events { size: size_of::<abi::Events>() as u32, reserved: 0, on, off };

/// What one load of a plugin subscribes to, in the order in which it does.
#[derive(Default)]
pub(super) struct Subscriptions(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    last: i64,
    list: Vec<Arc<Handler>>,
    /// Whether the plugin has gone.
    is_over: bool,
}

/// A handler, and what it is called with.
pub(super) struct Handler {
    number: i64,
    pub(super) event: String,
    pub(super) entry: abi::Function,
    pub(super) data: *mut c_void,
    release: Option<abi::Release>,
    is_over: AtomicBool,
}

// SAFETY: the ABI has entries and `release` called from any thread with this `data`; here it is
// handed to them, and not followed.
unsafe impl Send for Handler {}
// SAFETY: as above.
unsafe impl Sync for Handler {}

/// A handler that is held together with its image; the last one of an ended subscription gives
/// up what the handler was called with.
pub(super) struct Held(Option<Arc<Handler>>);

impl Held {
    /// # Safety
    /// The image that the handler is of is mapped until this is dropped.
    unsafe fn new(handler: Arc<Handler>) -> Held {
        Held(Some(handler))
    }

    /// The handler, unless its subscription has ended.
    pub(super) fn get(&self) -> Option<&Handler> {
        self.0.as_deref().filter(|handler| !handler.is_over.load(Ordering::SeqCst))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The list has it until the subscription ends.
        if let Some(handler) = self.0.take().and_then(Arc::into_inner)
            && let Some(release) = handler.release
        {
            // SAFETY: the image is mapped, as `new` was promised, and this was the last one who
            // could call the handler.
            unsafe { release(handler.data) }
        }
    }
}

impl Subscriptions {
    /// Those who have subscribed to an event.
    ///
    /// # Safety
    /// The plugin's image is mapped until all of them are dropped.
    pub(super) unsafe fn to(&self, event: &str) -> Vec<Held> {
        let inner = self.0.lock();
        let handlers = inner.list.iter().filter(|handler| handler.event == event);
        // SAFETY: as the caller says.
        handlers.map(|handler| unsafe { Held::new(Arc::clone(handler)) }).collect()
    }

    /// The plugin goes: nothing is told any more, and nothing added. What is given is dropped when
    /// none of it runs.
    ///
    /// # Safety
    /// As `to`.
    pub(super) unsafe fn end(&self) -> Vec<Held> {
        let list = {
            let mut inner = self.0.lock();
            inner.is_over = true;
            std::mem::take(&mut inner.list)
        };
        list.iter().for_each(|handler| handler.is_over.store(true, Ordering::SeqCst));
        // SAFETY: as the caller says.
        list.into_iter().map(|handler| unsafe { Held::new(handler) }).collect()
    }

    /// Adds one; its number, or `None` where the plugin has gone.
    fn add(&self, mut handler: Handler) -> Option<i64> {
        let mut inner = self.0.lock();
        if inner.is_over {
            return None;
        }
        inner.last += 1;
        handler.number = inner.last;
        inner.list.push(Arc::new(handler));
        Some(inner.last)
    }

    fn remove(&self, number: i64) -> Option<Arc<Handler>> {
        let mut inner = self.0.lock();
        let place = inner.list.iter().position(|handler| handler.number == number)?;
        Some(inner.list.remove(place))
    }
}

unsafe extern "C" fn read(
    context: *mut abi::Context,
    name: *const c_char,
    name_length: usize,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: all pointers are as the header says, until we return.
    unsafe {
        answer(arena, result, |sink| {
            let host = context_of(context)?.host()?;
            let name = text(name, name_length)?;
            let written = to_sink(&host.constant(name)?.value, sink);
            written.map_err(|error| Error::from(error.of(format!("constant `{name}`"))))?;
            Ok(())
        })
    }
}

unsafe extern "C" fn on(
    context: *mut abi::Context,
    event: *const c_char,
    event_length: usize,
    handler: Option<abi::Function>,
    data: *mut c_void,
    release: Option<abi::Release>,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: all pointers are as the header says, until we return.
    unsafe {
        answer(arena, result, |sink| {
            let context = context_of(context)?;
            context.host()?;
            let event = text(event, event_length)?.to_owned();
            let entry = handler.ok_or_else(|| null("handler"))?;
            let is_over = AtomicBool::new(false);
            let handler = Handler { number: 0, event, entry, data, release, is_over };
            let gone = || Error::new(crate::error::ErrorKind::Stale, "the plugin was unloaded");
            let number = context.subscriptions.add(handler).ok_or_else(gone)?;
            to_sink(&number, sink).map_err(Error::from)?;
            Ok(())
        })
    }
}

unsafe extern "C" fn off(
    context: *mut abi::Context,
    number: i64,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: all pointers are as the header says, until we return.
    unsafe {
        answer(arena, result, |_| {
            let context = context_of(context)?;
            context.host()?;
            if let Some(handler) = context.subscriptions.remove(number) {
                handler.is_over.store(true, Ordering::SeqCst);
                // SAFETY: code of the image runs, as it has called this.
                drop(Held::new(handler));
            }
            Ok(())
        })
    }
}
