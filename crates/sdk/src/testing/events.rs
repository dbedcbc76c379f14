//! The constants and events of the test host: `TP_SERVICE_CONSTANTS`, `TP_SERVICE_EVENTS`.

use std::ffi::{c_char, c_void};
use std::sync::Mutex;

use twinplug_abi::{self as abi, Function, Status};
use twinplug_value::Value;

use super::services::{answer, context_of, lock, text};
use crate::{Error, Result};

pub(super) static CONSTANTS: abi::Constants =
    abi::Constants { size: size_of::<abi::Constants>() as u32, reserved: 0, read };

pub(super) static EVENTS: abi::Events =
    abi::Events { size: size_of::<abi::Events>() as u32, reserved: 0, on, off };

/// What a plugin has subscribed to.
#[derive(Default)]
pub(super) struct Subscriptions(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    last: i64,
    list: Vec<Handler>,
}

/// A handler of an event.
#[derive(Clone)]
pub(super) struct Handler {
    number: i64,
    event: String,
    pub(super) entry: Function,
    pub(super) data: *mut c_void,
}

// SAFETY: the ABI has entries called from any thread with their `data`, which is all that is done
// with the pointer.
unsafe impl Send for Handler {}

impl Subscriptions {
    /// The handlers of an event, in the order in which they came.
    pub(super) fn to(&self, event: &str) -> Vec<Handler> {
        let inner = lock(&self.0);
        inner.list.iter().filter(|handler| handler.event == event).cloned().collect()
    }

    /// Whether it has not ended meanwhile.
    pub(super) fn has(&self, handler: &Handler) -> bool {
        lock(&self.0).list.iter().any(|other| other.number == handler.number)
    }
}

unsafe extern "C" fn read(
    context: *mut abi::Context,
    name: *const c_char,
    name_length: usize,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: the plugin's, borrowed until we return.
    unsafe {
        answer(arena, result, || {
            let (context, name) = (context_of(context, "constant")?, text(name, name_length)?);
            let found = context.constants.get(name).cloned();
            found.ok_or_else(|| Error {
                status: abi::NOT_FOUND,
                text: format!("the host has no constant `{name}`"),
            })
        })
    }
}

unsafe extern "C" fn on(
    context: *mut abi::Context,
    event: *const c_char,
    event_length: usize,
    handler: Option<Function>,
    data: *mut c_void,
    _: Option<abi::Release>,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: the plugin's, borrowed until we return. What it has given stays: a test that is
    // over calls no handlers.
    unsafe {
        answer(arena, result, || {
            let context = context_of(context, "on")?;
            let event = text(event, event_length)?.to_owned();
            let entry = handler.ok_or_else(|| Error::new("`handler` is null"))?;
            let mut inner = lock(&context.subscriptions.0);
            inner.last += 1;
            let number = inner.last;
            inner.list.push(Handler { number, event, entry, data });
            Ok(Value::Int(number))
        })
    }
}

unsafe extern "C" fn off(
    context: *mut abi::Context,
    number: i64,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as for `on`.
    unsafe {
        answer(arena, result, || -> Result<Value> {
            let context = context_of(context, "off")?;
            lock(&context.subscriptions.0).list.retain(|handler| handler.number != number);
            Ok(Value::Null)
        })
    }
}
