//! The Rust functions that the prelude builds the `host` table from.
//!
//! Each finishes all that Rust has to do and returns a flag and a value or the
//! error's text; it is the prelude that raises, in plain Lua.

use std::sync::Arc;

use mlua::{AnyUserData, Lua, LuaString, MultiValue, Table, Value, Variadic};
use twinplug_value::Type;

use super::failure::Failure;
use super::sink::LuaSink;
use super::source::LuaSource;
use super::vm::{Pending, Shared};
use crate::channel::{AnyChannel, Message, Progress};
use crate::error::{Error, ErrorKind, Result, near};
use crate::plugin::{HostFunction, contained};

/// A channel, as the prelude keeps it; scripts never see it.
struct ChannelEnd(Arc<dyn AnyChannel>);

/// The table that the prelude gets.
pub(super) fn raw(lua: &Lua, shared: &Arc<Shared>, environment: &Table) -> mlua::Result<Table> {
    let raw = lua.create_table()?;
    raw.raw_set("null", Value::NULL)?;
    raw.raw_set("environment", environment)?;
    raw.raw_set("functions", functions(lua, shared)?)?;
    raw.raw_set("unknown", lua.create_function(unknown)?)?;
    let state = Arc::clone(shared);
    raw.raw_set(
        "report",
        lua.create_function(move |lua, error: Value| {
            let failure = Failure::report(lua, &error);
            let message = failure.message().to_owned();
            *state.failure.lock() = Some(failure);
            Ok(message)
        })?,
    )?;
    let state = Arc::clone(shared);
    raw.raw_set(
        "print",
        lua.create_function(move |lua, text: LuaString| {
            let printed = contained(|| {
                (state.host()?.output)(&state.name(), &text.to_string_lossy());
                Ok(Value::Nil)
            });
            Ok(answer(lua, printed))
        })?,
    )?;
    let state = Arc::clone(shared);
    raw.raw_set(
        "register",
        lua.create_function(move |lua, exports: Value| {
            Ok(answer(lua, register(&state, &exports)))
        })?,
    )?;
    channels(lua, shared, &raw)?;
    Ok(raw)
}

/// `channel`, `send`, `recv`, `close`, `forget`.
fn channels(lua: &Lua, shared: &Arc<Shared>, raw: &Table) -> mlua::Result<()> {
    let state = Arc::clone(shared);
    raw.raw_set(
        "channel",
        lua.create_function(move |lua, name: Value| {
            let found = attach(&state, &name);
            let found = match found {
                Ok(channel) => Ok(Value::UserData(lua.create_any_userdata(ChannelEnd(channel))?)),
                Err(error) => Err(error),
            };
            Ok(answer(lua, found))
        })?,
    )?;
    let state = Arc::clone(shared);
    raw.raw_set(
        "send",
        lua.create_function(move |lua, (channel, message): (AnyUserData, Value)| {
            let channel = channel.borrow::<ChannelEnd>()?;
            let sent = contained(|| channel.0.send_from(&mut LuaSource::new(message)));
            Ok(progress(lua, &state, sent.map(no_message)))
        })?,
    )?;
    let state = Arc::clone(shared);
    raw.raw_set(
        "recv",
        lua.create_function(move |lua, channel: AnyUserData| {
            let received = channel.borrow::<ChannelEnd>()?.0.receive();
            Ok(progress(lua, &state, received.map(a_message)))
        })?,
    )?;
    raw.raw_set(
        "close",
        lua.create_function(move |_, channel: AnyUserData| {
            channel.borrow::<ChannelEnd>()?.0.close();
            Ok(true)
        })?,
    )?;
    let state = Arc::clone(shared);
    let forget = lua.create_function(move |_, ()| {
        // Dropped with the lock let go: a message's drop is the embedding's code.
        let forgotten = state.pending.lock().take();
        drop(forgotten);
        Ok(())
    })?;
    raw.raw_set("forget", forget)
}

fn attach(shared: &Shared, name: &Value) -> Result<Arc<dyn AnyChannel>> {
    let Some(name) = name.as_string().and_then(|name| name.to_str().ok()) else {
        return Err(Error::new(ErrorKind::Type, "`host.channel` takes the channel's name"));
    };
    Ok(Arc::clone(shared.host()?.channel(&name)?))
}

fn register(shared: &Shared, exports: &Value) -> Result<Value> {
    let Value::Table(exports) = exports else {
        return Err(Error::new(
            ErrorKind::Type,
            "`host.register` takes a table: `host.register { name = f }`",
        ));
    };
    shared.export(exports).map(|()| Value::Nil).map_err(|text| Error::new(ErrorKind::Symbol, text))
}

/// The host's functions: a list of their path, `{"world", "spawn"}`, and the function.
fn functions(lua: &Lua, shared: &Arc<Shared>) -> mlua::Result<Table> {
    let list = lua.create_table()?;
    let Some(context) = shared.context.upgrade() else { return Ok(list) };
    for name in context.functions.keys() {
        let path = lua.create_sequence_from(name.split('.'))?;
        let (state, name) = (Arc::clone(shared), name.clone());
        let function = lua.create_function(move |lua, args: Variadic<Value>| {
            let called =
                state.host().and_then(|host| call(lua, host.function(&name)?, args.into()));
            Ok(match called {
                Ok(values) => {
                    MultiValue::from_iter(std::iter::once(Value::Boolean(true)).chain(values))
                }
                Err(error) => refused(lua, error.message()),
            })
        })?;
        list.push(lua.create_sequence_from([Value::Table(path), Value::Function(function)])?)?;
    }
    Ok(list)
}

fn call(lua: &Lua, function: &HostFunction, args: Vec<Value>) -> Result<Vec<Value>> {
    let count = args.len();
    let mut result = LuaSink::new(lua);
    function.call(count, &mut LuaSource::list(args), &mut result)?;
    let result = result.last();
    match (&*function.signature.result, &result) {
        // A tuple is as many results.
        (Type::Tuple(items), Value::Table(list)) => {
            let item = |index| list.raw_get(index).map_err(super::vm::broken);
            (1..=items.len()).map(item).collect()
        }
        _ => Ok(vec![result]),
    }
}

/// The message for a name that the `host` table, or a group in it, does not have.
fn unknown(_: &Lua, (path, name, members): (String, String, Table)) -> mlua::Result<String> {
    let mut known = Vec::new();
    members.for_each(|name: String, _: Value| {
        known.push(name);
        Ok(())
    })?;
    known.sort();
    let near = near(&name, known.iter().map(String::as_str));
    Ok(format!("`{path}` has no `{name}`{near}"))
}

fn no_message(progress: Progress<()>) -> Progress<Option<Box<dyn Message>>> {
    match progress {
        Progress::Done(()) => Progress::Done(None),
        Progress::Waits(wait) => Progress::Waits(Box::new(move || wait().map(|()| None))),
    }
}

fn a_message(progress: Progress<Box<dyn Message>>) -> Progress<Option<Box<dyn Message>>> {
    match progress {
        Progress::Done(message) => Progress::Done(Some(message)),
        Progress::Waits(wait) => Progress::Waits(Box::new(move || wait().map(Some))),
    }
}

/// What the prelude's `finish` gets: ok, whether to wait, the result.
fn progress(
    lua: &Lua,
    shared: &Shared,
    progress: Result<Progress<Option<Box<dyn Message>>>>,
) -> MultiValue {
    let flag = Value::Boolean;
    let done = match progress {
        Err(error) => Err(error),
        Ok(Progress::Waits(wait)) => {
            let pending: Pending = wait;
            let old = shared.pending.lock().replace(pending);
            drop(old);
            return MultiValue::from_iter([flag(true), flag(true)]);
        }
        Ok(Progress::Done(None)) => Ok(Value::Nil),
        Ok(Progress::Done(Some(message))) => {
            let mut sink = LuaSink::new(lua);
            contained(|| Ok(message.write(&mut sink)?)).map(|()| sink.last())
        }
    };
    match done {
        Ok(value) => MultiValue::from_iter([flag(true), flag(false), value]),
        Err(error) => refused(lua, error.message()),
    }
}

fn answer(lua: &Lua, result: Result<Value>) -> MultiValue {
    match result {
        Ok(value) => MultiValue::from_iter([Value::Boolean(true), value]),
        Err(error) => refused(lua, error.message()),
    }
}

/// False and the error's text; false alone if Lua has no memory for it.
pub(super) fn refused(lua: &Lua, message: &str) -> MultiValue {
    let text = lua.create_string(message).map_or(Value::Nil, Value::String);
    MultiValue::from_iter([Value::Boolean(false), text])
}
