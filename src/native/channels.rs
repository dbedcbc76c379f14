//! The host's channels, as native plugins use them: the functions of `tp_host`, and the table of
//! `TP_SERVICE_CHANNELS`.

use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use twinplug_abi::{self as abi, Status};
use twinplug_value::raw::{RawSink, RawSource};
use twinplug_value::{ConvertError, Sink, Tree, Type, panic_text, to_sink};

use super::context::Context;
use super::services::{Failure, answer, context_of, may_call, null, text};
use crate::channel::{AnyChannel, Message, Progress, Wait};
use crate::error::{Error, Result};
use crate::plugin::Service;

/// The service of that name.
pub(super) static CHANNELS: abi::Channels = abi::Channels {
    size: size_of::<abi::Channels>() as u32,
    reserved: 0,
    try_send,
    send_timeout,
    try_recv,
    recv_timeout,
    recv_many,
    close,
};

/// What `tp_channel` is.
struct Attached {
    context: Arc<Context>,
    channel: Arc<dyn AnyChannel>,
    /// What the plugin says that it sends and expects.
    ty: Type,
    /// A list of these.
    list: Type,
}

pub(super) unsafe extern "C" fn channel_open(
    context: *mut abi::Context,
    name: *const c_char,
    name_length: usize,
    kind: *const c_char,
    kind_length: usize,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
    channel: *mut *mut abi::Channel,
) -> Status {
    // SAFETY: all pointers are as the header says, until we return.
    unsafe {
        answer(arena, result, |_| {
            let context = context_of(context)?;
            let host = context.host()?;
            // SAFETY: a context of ours is in an `Arc`; this is one more user of it.
            let context = {
                Arc::increment_strong_count(context);
                Arc::from_raw(context)
            };
            let found = host.channel(text(name, name_length)?)?;
            let ty = match kind.is_null() {
                true => Type::Any,
                false => check_type(&*found, text(kind, kind_length)?)?,
            };
            let channel = channel.as_mut().ok_or_else(|| null("channel"))?;
            let list = match ty {
                Type::Any => Type::Any,
                _ => Type::List(ty.clone().into()),
            };
            let attached = Attached { context, channel: found, ty, list };
            *channel = Box::into_raw(Box::new(attached)).cast();
            Ok(())
        })
    }
}

/// A plugin may send or receive a type that fits in either direction.
fn check_type(channel: &dyn AnyChannel, ty: &str) -> Result<Type, Failure> {
    let theirs: Type = ty.parse().map_err(|error| Failure::new(abi::TYPE, &format!("{error}")))?;
    let ours = channel.schema();
    match (ours.accepts(&theirs), theirs.accepts(ours)) {
        (Err(error), Err(_)) => {
            let mut message =
                format!("channel `{}` carries `{ours}`, and not `{theirs}`", channel.name());
            // The whole of both is there already.
            let reason = error.to_string();
            if !reason.starts_with("expected ") {
                message = format!("{message}: {reason}");
            }
            Err(Failure::new(abi::TYPE, &message))
        }
        _ => Ok(theirs),
    }
}

pub(super) unsafe extern "C" fn channel_send(
    channel: *mut abi::Channel,
    message: *const abi::Value,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: all pointers are as the header says, until we return.
    unsafe { send(channel, message, Wait::Ever, arena, result) }
}

unsafe extern "C" fn try_send(
    channel: *mut abi::Channel,
    message: *const abi::Value,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as above.
    unsafe { send(channel, message, Wait::Never, arena, result) }
}

unsafe extern "C" fn send_timeout(
    channel: *mut abi::Channel,
    message: *const abi::Value,
    nanoseconds: u64,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as above.
    unsafe { send(channel, message, Wait::For(Duration::from_nanos(nanoseconds)), arena, result) }
}

pub(super) unsafe extern "C" fn channel_recv(
    channel: *mut abi::Channel,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as above.
    unsafe { receive(channel, Wait::Ever, arena, result) }
}

unsafe extern "C" fn try_recv(
    channel: *mut abi::Channel,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as above.
    unsafe { receive(channel, Wait::Never, arena, result) }
}

unsafe extern "C" fn recv_timeout(
    channel: *mut abi::Channel,
    nanoseconds: u64,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as above.
    unsafe { receive(channel, Wait::For(Duration::from_nanos(nanoseconds)), arena, result) }
}

unsafe extern "C" fn recv_many(
    channel: *mut abi::Channel,
    most: u32,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as above.
    unsafe {
        answer(arena, result, |sink| {
            let attached = attached(channel)?;
            sink.set_reader(&*attached.context);
            let life = &attached.context.life;
            let got = attached.channel.receive_many(most as usize, life)?;
            attached.write(got, &attached.list, sink)
        })
    }
}

unsafe extern "C" fn close(
    channel: *mut abi::Channel,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as above.
    unsafe {
        answer(arena, result, |_| {
            attached(channel)?.channel.close();
            Ok(())
        })
    }
}

/// # Safety
/// The pointers are as the header says.
unsafe fn send(
    channel: *mut abi::Channel,
    message: *const abi::Value,
    wait: Wait,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as the caller says.
    unsafe {
        answer(arena, result, |_| {
            let Attached { context, channel, .. } = attached(channel)?;
            let message = message.as_ref().ok_or_else(|| null("message"))?;
            // SAFETY: the value follows the ABI by the plugin's promise.
            let mut message = RawSource::new(*message).written_by(&**context);
            let sent = channel.send_from(&mut message, wait, &context.life)?;
            sent.finish(&**channel, |wait| context.parked(wait, drop))?;
            Ok(())
        })
    }
}

/// # Safety
/// The pointers are as the header says.
unsafe fn receive(
    channel: *mut abi::Channel,
    wait: Wait,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as the caller says.
    unsafe {
        answer(arena, result, |sink| {
            let attached = attached(channel)?;
            sink.set_reader(&*attached.context);
            let got = attached.channel.receive(wait, &attached.context.life)?;
            attached.write(got, &attached.ty, sink)
        })
    }
}

impl Attached {
    /// Waits for what is received, and writes it as the type that the plugin expects and
    /// reads it by.
    fn write(
        &self,
        got: Progress<Box<dyn Message>>,
        ty: &Type,
        sink: &mut RawSink<'_>,
    ) -> Result<(), Failure> {
        let give_back = |message: Box<dyn Message>| message.give_back();
        let message = got.finish(&*self.channel, |wait| self.context.parked(wait, give_back))?;
        write_as(&*message, ty, sink).map_err(|error| {
            let channel = format!("channel `{}`", self.channel.name());
            Failure::from(Error::from(error.of(channel)))
        })
    }
}

fn write_as(message: &dyn Message, ty: &Type, sink: &mut dyn Sink) -> Result<(), ConvertError> {
    if *ty == Type::Any {
        return message.write(sink);
    }
    let mut tree = Tree::default();
    message.write(&mut tree)?;
    to_sink(&ty.coerce(tree.into_value())?, sink)
}

pub(super) unsafe extern "C" fn channel_release(channel: *mut abi::Channel) {
    if !channel.is_null() {
        // SAFETY: made by `channel_open`, and passed for the last time.
        let attached = unsafe { Box::from_raw(channel.cast::<Attached>()) };
        let running = Service::begin();
        // The last end may drop messages, whose drop is the embedding's code.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(attached))) {
            // Nobody is left to tell; what it says is let go of without another panic.
            let _ = panic_text(panic);
        }
        running.done();
    }
}

/// # Safety
/// `channel` is null or from `channel_open` and not released while `'a` lasts.
unsafe fn attached<'a>(channel: *mut abi::Channel) -> Result<&'a Attached, Failure> {
    may_call()?;
    // SAFETY: the caller's promise.
    let attached = unsafe { channel.cast::<Attached>().as_ref() }.ok_or_else(|| null("channel"))?;
    attached.context.host()?;
    Ok(attached)
}
