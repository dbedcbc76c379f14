//! What the test host does for a plugin: the table of services, as the header says.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use twinplug_abi::{self as abi, Call, Export, Status};
use twinplug_value::raw::services::{
    alloc, arena_free, arena_hold, arena_mark, arena_reset, arena_rewind,
};
use twinplug_value::raw::{Arena, RawSink, RawSource};
use twinplug_value::{Signature, Value, from_source, panic_text, to_sink};

use super::channel::Channels;
use super::channel_services::{
    CHANNELS, channel_open, channel_recv, channel_release, channel_send,
};
use super::events::{CONSTANTS, EVENTS, Subscriptions};
use super::plugins::{Other, PLUGINS};
use crate::log::Level;
use crate::{Error, Result};

pub(super) static SERVICES: abi::Host = abi::Host {
    size: size_of::<abi::Host>() as u32,
    abi_major: abi::ABI_MAJOR,
    abi_minor: abi::ABI_MINOR,
    alloc,
    arena_new,
    arena_reset,
    arena_free,
    print,
    register_export,
    call,
    channel_open,
    channel_send,
    channel_recv,
    channel_release,
    arena_mark,
    arena_rewind,
    service,
    arena_hold,
};

/// Its places lie apart, so that a tool that looks for overruns finds them.
unsafe extern "C" fn arena_new() -> *mut abi::Arena {
    Box::into_raw(Box::new(Arena::scattered().boxed())).cast()
}

static LOG: abi::Log =
    abi::Log { size: size_of::<abi::Log>() as u32, reserved: 0, write: log_write };

/// What `tp_context` is. One for each load, never freed: the plugin may use it as long
/// as its image is mapped, which here is as long as the process.
#[derive(Default)]
pub(super) struct Context {
    pub(super) functions: HashMap<String, Function>,
    pub(super) constants: HashMap<String, Value>,
    pub(super) plugins: HashMap<String, Other>,
    pub(super) subscriptions: Subscriptions,
    pub(super) channels: Channels,
    pub(super) output: Mutex<String>,
    pub(super) log: Mutex<Vec<(Level, String)>>,
    /// What init registers; `None` when it does not run.
    registering: Mutex<Option<Vec<Registered>>>,
    retired: AtomicBool,
    /// What a leaf function has asked for.
    pub(super) breach: Mutex<Option<&'static str>>,
}

/// A function of the host.
pub(super) struct Function {
    signature: Signature,
    export: Export,
}

/// An export that was registered.
pub(super) struct Registered {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) export: Export,
}

// SAFETY: the entries may be called from any thread with their `data`, which is all that
// is done with the pointer. (Of `Function`: a leaked closure that is `Sync`.)
unsafe impl Send for Registered {}
// SAFETY: as above.
unsafe impl Send for Function {}

thread_local! {
    /// Whether a leaf function runs on this thread.
    static IN_LEAF: Cell<bool> = const { Cell::new(false) };
}

impl Function {
    pub(super) fn new(signature: Signature, export: Export) -> Self {
        Function { signature, export }
    }
}

impl Context {
    pub(super) fn as_raw(&'static self) -> *mut abi::Context {
        (&raw const *self).cast_mut().cast()
    }

    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub(super) fn start_registering(&self) {
        *lock(&self.registering) = Some(Vec::new());
    }

    pub(super) fn end_registering(&self) -> Vec<Registered> {
        lock(&self.registering).take().unwrap_or_default()
    }

    /// Runs a function that promised to ask for nothing.
    pub(super) fn in_leaf<R>(run: impl FnOnce() -> R) -> R {
        let before = IN_LEAF.replace(true);
        let result = run();
        IN_LEAF.set(before);
        result
    }

    /// Refuses a service to a plugin that is gone, and to a leaf function.
    fn serve(&self, service: &'static str) -> Result<()> {
        if self.retired.load(Ordering::Acquire) {
            let text = "the test that loaded the plugin is over".into();
            return Err(Error { status: abi::RETIRED, text });
        }
        if IN_LEAF.get() {
            *lock(&self.breach) = Some(service);
            let text = format!("a leaf function asked the host for `{service}`");
            return Err(Error { status: abi::WRONG_STATE, text });
        }
        Ok(())
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What panicked in between has left whole values.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn print(
    context: *mut abi::Context,
    data: *const c_char,
    length: usize,
) -> Status {
    // SAFETY: the plugin's, borrowed until we return.
    unsafe {
        answer(ptr::null_mut(), ptr::null_mut(), || {
            let (context, text) = (context_of(context, "print")?, text(data, length)?);
            lock(&context.output).push_str(text);
            Ok(Value::Null)
        })
    }
}

unsafe extern "C" fn log_write(
    context: *mut abi::Context,
    level: u32,
    data: *const c_char,
    length: usize,
) -> Status {
    // SAFETY: as for `print`.
    unsafe {
        answer(ptr::null_mut(), ptr::null_mut(), || {
            let (context, text) = (context_of(context, "log")?, text(data, length)?);
            let level = Level::of(level)
                .ok_or_else(|| Error { status: abi::TYPE, text: "no such level".into() })?;
            lock(&context.log).push((level, text.to_owned()));
            Ok(Value::Null)
        })
    }
}

unsafe extern "C" fn register_export(
    context: *mut abi::Context,
    export: *const Export,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: the plugin's, borrowed until we return; name and type are terminated.
    unsafe {
        answer(arena, result, || {
            let context = context_of(context, "register_export")?;
            let export = export.as_ref().ok_or_else(|| Error::new("`export` is null"))?;
            let (name, ty) = (terminated(export.name)?, terminated(export.kind)?);
            let mut registering = lock(&context.registering);
            let Some(list) = registering.as_mut() else {
                let text = "an export is registered in init, which is over".into();
                return Err(Error { status: abi::WRONG_STATE, text });
            };
            if list.iter().any(|other| other.name == name) {
                return Err(Error::new(format!("`{name}` is exported twice")));
            }
            list.push(Registered { name, ty, export: ptr::read(export) });
            Ok(Value::Null)
        })
    }
}

unsafe extern "C" fn call(
    context: *mut abi::Context,
    name: *const c_char,
    name_length: usize,
    args: *const abi::Value,
    count: u32,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: the plugin's, borrowed until we return.
    unsafe {
        call_function(context, (args, count), (arena, result), || {
            let (context, name) = (context_of(context, "call")?, text(name, name_length)?);
            context.functions.get(name).ok_or_else(|| Error {
                status: abi::NOT_FOUND,
                text: format!("the host has no function `{name}`"),
            })
        })
    }
}

/// Calls the function that is found.
///
/// # Safety
/// All is the plugin's, as the header says, until it returns.
pub(super) unsafe fn call_function<'f>(
    context: *mut abi::Context,
    (args, count): (*const abi::Value, u32),
    (arena, result): (*mut abi::Arena, *mut abi::Value),
    found: impl FnOnce() -> Result<&'f Function>,
) -> Status {
    let mut called = abi::OK;
    // SAFETY: as the caller says.
    let answered = unsafe {
        answer(arena, result, || {
            let function = found()?;
            function.signature.check_count(count as usize)?;
            let mut answer = abi::Value::NULL;
            let mut call = Call {
                size: size_of::<Call>() as u32,
                count,
                args,
                result: &raw mut answer,
                arena,
                data: function.export.data,
                host: &raw const SERVICES,
                context,
            };
            called = match function.export.call {
                Some(entry) => entry(&raw mut call),
                None => abi::ERROR,
            };
            Ok(from_source(&mut RawSource::new(answer))?)
        })
    };
    if answered == abi::OK { called } else { answered }
}

unsafe extern "C" fn service(_: *mut abi::Context, id: u32) -> *const c_void {
    match id {
        abi::SERVICE_LOG => (&raw const LOG).cast(),
        abi::SERVICE_CHANNELS => (&raw const CHANNELS).cast(),
        abi::SERVICE_CONSTANTS => (&raw const CONSTANTS).cast(),
        abi::SERVICE_EVENTS => (&raw const EVENTS).cast(),
        abi::SERVICE_PLUGINS => (&raw const PLUGINS).cast(),
        _ => ptr::null(),
    }
}

/// Runs a service; writes its result, or the text of what went wrong.
///
/// # Safety
/// `arena` is null or an arena of ours that this thread may use; `result` is null or a
/// place for a value.
pub(super) unsafe fn answer(
    arena: *mut abi::Arena,
    result: *mut abi::Value,
    service: impl FnOnce() -> Result<Value>,
) -> Status {
    let ran = catch_unwind(AssertUnwindSafe(service));
    let (status, value) = match ran {
        Ok(Ok(value)) => (abi::OK, value),
        Ok(Err(error)) => (error.status, Value::Str(error.text)),
        Err(panic) => (abi::PANIC, Value::Str(panic_text(panic))),
    };
    // SAFETY: the caller's promise.
    if let Some(memory) = unsafe { arena.cast::<Arena>().as_ref() }
        && !result.is_null()
    {
        let mut sink = RawSink::new(memory);
        match to_sink(&value, &mut sink) {
            // SAFETY: the caller's promise.
            Ok(()) => unsafe { result.write(sink.last()) },
            Err(_) => return abi::NO_MEMORY,
        }
    }
    status
}

/// # Safety
/// `context` is null or what the plugin got from us.
pub(super) unsafe fn context_of(
    context: *mut abi::Context,
    service: &'static str,
) -> Result<&'static Context> {
    // SAFETY: contexts are leaked.
    let context = unsafe { context.cast::<Context>().as_ref() };
    let context = context.ok_or_else(|| Error::new("`context` is null"))?;
    context.serve(service)?;
    Ok(context)
}

/// # Safety
/// `text` is null or readable for `length` bytes while `'t` lasts.
pub(super) unsafe fn text<'t>(text: *const c_char, length: usize) -> Result<&'t str> {
    let bytes = match length {
        0 => &[],
        _ if text.is_null() => return Err(Error::new("`text` is null")),
        // No slice may be longer; a negative length of C's is.
        length if length > isize::MAX as usize => {
            return Err(Error::new(format!("a text of {length} bytes is longer than any memory")));
        }
        // SAFETY: the caller's promise.
        length => unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) },
    };
    std::str::from_utf8(bytes)
        .map_err(|_| Error { status: abi::TYPE, text: "text that is not UTF-8".into() })
}

/// # Safety
/// `text` is null, or terminated and readable.
pub(super) unsafe fn terminated(text: *const c_char) -> Result<String> {
    if text.is_null() {
        return Err(Error::new("a name is null"));
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map(str::to_owned).map_err(|_| Error::new("a name is not UTF-8"))
}
