//! What the test host does for a plugin that uses its channels. Nothing waits: a message is
//! there, or never comes.

use std::ffi::c_char;

use twinplug_abi::{self as abi, Status};
use twinplug_value::raw::RawSource;
use twinplug_value::{Type, Value, from_source};

use super::services::{answer, context_of, text};
use crate::Error;

pub(super) static CHANNELS: abi::Channels = abi::Channels {
    size: size_of::<abi::Channels>() as u32,
    reserved: 0,
    // There is always room.
    try_send: channel_send,
    send_timeout,
    try_recv,
    recv_timeout,
    recv_many,
    close,
};

/// What `tp_channel` is.
struct Attached {
    context: *mut abi::Context,
    name: String,
    /// What the plugin expects.
    ty: Type,
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
    // SAFETY: the plugin's, borrowed until we return.
    unsafe {
        answer(arena, result, || {
            let raw = context;
            let (context, name) = (context_of(context, "channel_open")?, text(name, name_length)?);
            let ty: Type = match kind.is_null() {
                true => Type::Any,
                false => text(kind, kind_length)?.parse().map_err(Error::new)?,
            };
            context.channels.check(name, &ty)?;
            let attached = Attached { context: raw, name: name.to_owned(), ty };
            channel.write(Box::into_raw(Box::new(attached)).cast());
            Ok(Value::Null)
        })
    }
}

pub(super) unsafe extern "C" fn channel_send(
    channel: *mut abi::Channel,
    message: *const abi::Value,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: the plugin's, borrowed until we return; the channel was not released.
    unsafe {
        answer(arena, result, || {
            let Attached { context, name, .. } = &*channel.cast::<Attached>();
            let context = context_of(*context, "channel_send")?;
            context.channels.push(name, from_source(&mut RawSource::new(*message))?)?;
            Ok(Value::Null)
        })
    }
}

pub(super) unsafe extern "C" fn channel_recv(
    channel: *mut abi::Channel,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as for `channel_send`.
    unsafe {
        answer(arena, result, || {
            let Attached { context, name, ty } = &*channel.cast::<Attached>();
            let context = context_of(*context, "channel_recv")?;
            Ok(ty.coerce(context.channels.pop(name)?)?)
        })
    }
}

pub(super) unsafe extern "C" fn channel_release(channel: *mut abi::Channel) {
    if !channel.is_null() {
        // SAFETY: made by `channel_open`, and passed for the last time.
        drop(unsafe { Box::from_raw(channel.cast::<Attached>()) });
    }
}

unsafe extern "C" fn send_timeout(
    channel: *mut abi::Channel,
    message: *const abi::Value,
    _: u64,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as for `channel_send`.
    unsafe { channel_send(channel, message, arena, result) }
}

unsafe extern "C" fn try_recv(
    channel: *mut abi::Channel,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as for `channel_send`.
    unsafe {
        answer(arena, result, || {
            let Attached { context, name, ty } = &*channel.cast::<Attached>();
            let context = context_of(*context, "try_recv")?;
            Ok(ty.coerce(context.channels.pop(name).map_err(|error| would_wait(name, error))?)?)
        })
    }
}

unsafe extern "C" fn recv_timeout(
    channel: *mut abi::Channel,
    _: u64,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as for `channel_send`.
    unsafe { try_recv(channel, arena, result) }
}

unsafe extern "C" fn recv_many(
    channel: *mut abi::Channel,
    most: u32,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as for `channel_send`.
    unsafe {
        answer(arena, result, || {
            let Attached { context, name, ty } = &*channel.cast::<Attached>();
            let context = context_of(*context, "recv_many")?;
            let mut messages = Vec::new();
            while messages.len() < most as usize {
                match context.channels.pop(name) {
                    Ok(message) => messages.push(ty.coerce(message)?),
                    Err(error) if messages.is_empty() => return Err(error),
                    Err(_) => break,
                }
            }
            Ok(Value::List(messages))
        })
    }
}

unsafe extern "C" fn close(
    channel: *mut abi::Channel,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: as for `channel_send`.
    unsafe {
        answer(arena, result, || {
            let Attached { context, name, .. } = &*channel.cast::<Attached>();
            context_of(*context, "close")?.channels.close(name)?;
            Ok(Value::Null)
        })
    }
}

/// That there is no message now is no mistake of the test's, where the plugin asks so.
fn would_wait(name: &str, error: Error) -> Error {
    match error.status {
        abi::CANNOT_WAIT => {
            Error { status: abi::WOULD_WAIT, text: format!("channel `{name}` is empty") }
        }
        _ => error,
    }
}
