//! What the host does for a native plugin: the functions of `tp_host`.
//!
//! Each is called by foreign code, on any thread, and never unwinds: a panic ends
//! as a status. What it points to was promised by the plugin, as the header says.

use std::ffi::{c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use twinplug_abi::{self as abi, Status};
use twinplug_value::raw::services::{
    alloc, arena_free, arena_hold, arena_mark, arena_new, arena_reset, arena_rewind,
};
use twinplug_value::raw::{Allocate, Arena, RawSink, RawSource};
use twinplug_value::{Sink, panic_text};

use super::channels::{CHANNELS, channel_open, channel_recv, channel_release, channel_send};
use super::context::Context;
use super::others::PLUGINS;
use super::subscriptions::{CONSTANTS, EVENTS};
use super::{leaf, table};
use crate::error::{Error, Result};
use crate::plugin::{LogLevel, Service, Turn, call_fault};

/// The services of this host. One table serves all plugins; whom it serves is in
/// the context.
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

/// The service of that name.
static LOG: abi::Log =
    abi::Log { size: size_of::<abi::Log>() as u32, reserved: 0, write: log_write };

unsafe extern "C" fn service(_: *mut abi::Context, id: u32) -> *const c_void {
    match id {
        abi::SERVICE_LOG => (&raw const LOG).cast(),
        abi::SERVICE_CHANNELS => (&raw const CHANNELS).cast(),
        abi::SERVICE_CONSTANTS => (&raw const CONSTANTS).cast(),
        abi::SERVICE_PLUGINS => (&raw const PLUGINS).cast(),
        abi::SERVICE_EVENTS => (&raw const EVENTS).cast(),
        _ => ptr::null(),
    }
}

unsafe extern "C" fn log_write(
    context: *mut abi::Context,
    level: u32,
    text: *const c_char,
    length: usize,
) -> Status {
    let mut ignored = abi::Value::NULL;
    // SAFETY: as `print`.
    unsafe {
        answer(ptr::null_mut(), &raw mut ignored, |_| {
            let context = context_of(context)?;
            context.host()?;
            let text = String::from_utf8_lossy(bytes(text, length)?);
            let level = match level {
                abi::LOG_ERROR => LogLevel::Error,
                abi::LOG_WARN => LogLevel::Warn,
                abi::LOG_INFO => LogLevel::Info,
                abi::LOG_DEBUG => LogLevel::Debug,
                abi::LOG_TRACE => LogLevel::Trace,
                _ => return Err(Failure::new(abi::TYPE, "no such level")),
            };
            level.write(&context.plugin, &text);
            Ok(())
        })
    }
}

unsafe extern "C" fn print(
    context: *mut abi::Context,
    text: *const c_char,
    length: usize,
) -> Status {
    let mut ignored = abi::Value::NULL;
    // SAFETY: context and text are as the header says; the error's text has no
    // place to go, so that the arena is not used.
    unsafe {
        answer(ptr::null_mut(), &raw mut ignored, |_| {
            let context = context_of(context)?;
            let text = bytes(text, length)?;
            (context.host()?.output)(&context.plugin, &String::from_utf8_lossy(text));
            Ok(())
        })
    }
}

unsafe extern "C" fn register_export(
    context: *mut abi::Context,
    export: *const abi::Export,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: all pointers are as the header says, until we return.
    unsafe {
        answer(arena, result, |_| {
            let context = context_of(context)?;
            if export.is_null() {
                return Err(null("export"));
            }
            if !export.is_aligned() {
                return Err(Failure::new(abi::ERROR, "`export` is not aligned"));
            }
            let late = || {
                Failure::new(abi::WRONG_STATE, "exports are registered while init runs, not later")
            };
            let size = context.export_size().ok_or_else(late)?;
            // SAFETY: an export as long as those of the plugin's minor version, by its
            // promise; whole, and zero where that has less.
            let export: abi::Export = table::copy(export, size);
            context.register(table::entries(&export)?).ok_or_else(late)??;
            Ok(())
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
    // SAFETY: all pointers are as the header says, until we return.
    unsafe {
        answer(arena, result, |sink| {
            let context = context_of(context)?;
            let host = context.host()?;
            let function = host.function(text(name, name_length)?)?;
            if function.advice.is_some() {
                context.warn(&function);
            }
            let args = values(args, count)?;
            // SAFETY: the values follow the ABI by the plugin's promise.
            let mut source = RawSource::list(args).map_err(Error::from)?.written_by(context);
            sink.set_reader(context);
            function.call(args.len(), &mut source, sink, &Turn::NONE, &context.life)?;
            Ok(())
        })
    }
}

/// The arguments of a call.
///
/// # Safety
/// `args` is null, or leads to `count` values while `'a` lasts.
pub(super) unsafe fn values<'a>(
    args: *const abi::Value,
    count: u32,
) -> Result<&'a [abi::Value], Failure> {
    match count {
        0 => Ok(&[]),
        _ if args.is_null() => Err(null("args")),
        _ if !args.is_aligned() => Err(Failure::new(abi::ERROR, "`args` is not aligned")),
        // SAFETY: not null, and `count` values by the plugin's promise.
        count => Ok(unsafe { std::slice::from_raw_parts(args, count as usize) }),
    }
}

/// What a service answers in place of OK.
pub(super) struct Failure {
    status: Status,
    text: String,
    /// What the text is all that the plugin gets of.
    error: Option<Error>,
}

impl Failure {
    pub(super) fn new(status: Status, text: &str) -> Self {
        Failure { status, text: text.to_owned(), error: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = call_fault(&error).status();
        Failure { status, text: error.to_string(), error: Some(error) }
    }
}

/// Runs a service; writes its result, or the text of what went wrong.
///
/// # Safety
/// `arena` is null or an arena of ours that this thread may use; `result` is null or
/// a place for a value.
pub(super) unsafe fn answer(
    arena: *mut abi::Arena,
    result: *mut abi::Value,
    service: impl FnOnce(&mut RawSink<'_>) -> Result<(), Failure>,
) -> Status {
    // SAFETY: the caller's promise.
    let arena = unsafe { arena.cast::<Arena>().as_ref() };
    let nothing = Nothing;
    let arena: &dyn Allocate = arena.map_or(&nothing, |arena| arena);
    let running = Service::begin();
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let mut sink = RawSink::new(arena);
        service(&mut sink).map(|()| sink.last())
    }));
    let Failure { status, text, error } = match ran {
        Ok(Ok(value)) => {
            running.done();
            if !result.is_null() {
                // SAFETY: not null, and a place for a value by the caller's promise.
                unsafe { result.write(value) };
            }
            return abi::OK;
        }
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::new(abi::PANIC, &panic_text(panic)),
    };
    let mut sink = RawSink::new(arena);
    if !result.is_null() && sink.str(&text).is_ok() {
        // SAFETY: as above.
        unsafe { result.write(sink.last()) };
    }
    match error {
        Some(error) => running.failed(text, error),
        None => running.done(),
    }
    status
}

/// The arena of who gave none.
struct Nothing;

// SAFETY: it allocates nothing.
unsafe impl Allocate for Nothing {
    fn allocate(&self, _: usize, _: usize) -> Option<ptr::NonNull<u8>> {
        None
    }
}

pub(super) fn null(what: &str) -> Failure {
    Failure::new(abi::ERROR, &format!("`{what}` is a null pointer"))
}

/// Refuses services to a function that has promised to call none.
pub(super) fn may_call() -> Result<(), Failure> {
    match leaf::runs() {
        true => Err(Failure::new(abi::WRONG_STATE, leaf::BROKEN)),
        false => Ok(()),
    }
}

/// # Safety
/// `context` is null or what we gave the plugin, whose image is mapped while `'a`
/// lasts: its code is running.
pub(super) unsafe fn context_of<'a>(context: *mut abi::Context) -> Result<&'a Context, Failure> {
    may_call()?;
    // SAFETY: an image holds its context for as long as it is mapped.
    unsafe { context.cast::<Context>().as_ref() }.ok_or_else(|| null("context"))
}

/// # Safety
/// `text` is null or readable for `length` bytes while `'a` lasts.
unsafe fn bytes<'a>(text: *const c_char, length: usize) -> Result<&'a [u8], Failure> {
    match length {
        0 => Ok(&[]),
        _ if text.is_null() => Err(null("text")),
        _ if isize::try_from(length).is_err() => {
            Err(Failure::new(abi::ERROR, "`length` is longer than memory"))
        }
        // SAFETY: the caller's promise.
        length => Ok(unsafe { std::slice::from_raw_parts(text.cast(), length) }),
    }
}

/// # Safety
/// As `bytes`.
pub(super) unsafe fn text<'a>(text: *const c_char, length: usize) -> Result<&'a str, Failure> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { bytes(text, length)? };
    std::str::from_utf8(bytes).map_err(|_| Failure::new(abi::TYPE, "text that is not UTF-8"))
}
