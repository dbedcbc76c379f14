//! The Rust functions that the prelude builds the `host` table from.
//!
//! Each finishes all that Rust has to do and returns a flag and a value or the
//! error's text; it is the prelude that raises, in plain Lua.

use std::path::PathBuf;
use std::sync::Arc;

use mlua::{
    AnyUserData, Function, Lua, LuaString, MultiValue, Table, Thread, Value, Variadic, ffi,
};
use twinplug_value::Type;

use super::exports::AnyValue;
use super::failure::Failure;
use super::loader::compile;
use super::modules::{Module, Source};
use super::sink::LuaSink;
use super::source::LuaSource;
use super::vm::{Pending, Shared, broken};
use super::{library, limits};
use crate::channel::{AnyChannel, Message, Progress};
use crate::error::{Error, ErrorKind, Result, near};
use crate::plugin::{HostFunction, LogLevel, contained};

/// A channel, as the prelude keeps it; scripts never see it.
struct ChannelEnd(Arc<dyn AnyChannel>);

/// The levels of the log, as scripts name them.
const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

/// The table that the prelude gets.
pub(super) fn raw(
    lua: &Lua,
    shared: &Arc<Shared>,
    environment: &Table,
    config: &Value,
) -> mlua::Result<Table> {
    let raw = lua.create_table()?;
    raw.raw_set("config", config)?;
    raw.raw_set("null", Value::NULL)?;
    raw.raw_set("environment", environment)?;
    raw.raw_set("functions", functions(lua, shared)?)?;
    raw.raw_set("unknown", lua.create_function(unknown)?)?;
    raw.raw_set("object", lua.create_function(object)?)?;
    library::provide(lua, &raw)?;
    let state = Arc::clone(shared);
    raw.raw_set(
        "report",
        lua.create_function(move |lua, error: Value| {
            // The error is the limit's, and the script may run no more to describe it.
            if limits::is_due() {
                return Ok(String::new());
            }
            let mut failure = Failure::report(lua, &state.trails, &error);
            // A module's error passes on what it was: the calls inside its body are over.
            let inner = state.module_failure.lock().take();
            failure = inner.filter(|inner| inner.is_of(&failure)).unwrap_or(failure);
            let message = failure.message().to_owned();
            *state.failure.lock() = Some(failure);
            Ok(message)
        })?,
    )?;
    let state = Arc::clone(shared);
    let died = lua.create_function(move |lua, (thread, error): (Thread, Value)| {
        state.trails.died(lua, &thread, &error);
        Ok(())
    })?;
    raw.raw_set("died", died)?;
    let state = Arc::clone(shared);
    raw.raw_set(
        "print",
        lua.create_function(move |lua, text: LuaString| {
            let printed = contained(|| {
                let _host = limits::Section::of_host();
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
    let any = lua.create_function(|lua, value: Value| {
        let wrapped = match AnyValue::new(value) {
            Ok(value) => lua.create_any_userdata(value).map(Value::UserData).map_err(broken),
            Err(text) => Err(Error::new(ErrorKind::Type, text)),
        };
        Ok(answer(lua, wrapped))
    });
    raw.raw_set("any", any?)?;
    raw.raw_set("levels", levels(lua, shared)?)?;
    channels(lua, shared, &raw)?;
    modules(lua, shared, environment, &raw)?;
    Ok(raw)
}

/// A function for each level of the log, by its name.
fn levels(lua: &Lua, shared: &Arc<Shared>) -> mlua::Result<Table> {
    let levels = lua.create_table()?;
    for (name, level) in LEVELS {
        let state = Arc::clone(shared);
        let write = lua.create_function(move |lua, text: LuaString| {
            let written = contained(|| {
                state.host()?;
                level.write(&state.name(), &text.to_string_lossy());
                Ok(Value::Nil)
            });
            Ok(answer(lua, written))
        })?;
        levels.raw_set(name, write)?;
    }
    Ok(levels)
}

/// `find`, `keep` and `returned`, which `require` is made of.
fn modules(lua: &Lua, shared: &Arc<Shared>, environment: &Table, raw: &Table) -> mlua::Result<()> {
    let (state, environment) = (Arc::clone(shared), environment.clone());
    raw.raw_set(
        "find",
        lua.create_function(move |lua, name: Value| {
            let found = find(lua, &state, &environment, &name).and_then(|(chunk, path)| {
                let path = lua.create_string(path.as_os_str().as_encoded_bytes());
                Ok((chunk, path.map_err(broken)?))
            });
            Ok(match found {
                Ok((chunk, path)) => {
                    let flag = Value::Boolean(true);
                    MultiValue::from_iter([flag, Value::Function(chunk), Value::String(path)])
                }
                Err(error) => {
                    let mut answer = refused(lua, error.message());
                    // One in the module has its own line in front.
                    let level = if error.location().is_some() { 0 } else { 2 };
                    answer.push_back(Value::Integer(level));
                    answer
                }
            })
        })?,
    )?;
    let state = Arc::clone(shared);
    let keep = lua.create_function(move |lua, error: Value| {
        let failure = Failure::report(lua, &state.trails, &error);
        let mut kept = state.module_failure.lock();
        // Of modules that require each other, the innermost has seen all of the calls.
        if !kept.as_ref().is_some_and(|inner| inner.is_of(&failure)) {
            *kept = Some(failure);
        }
        Ok(error)
    })?;
    raw.raw_set("keep", keep)?;
    raw.raw_set("returned", returned(lua, shared)?)
}

/// `returned`: tells what the body of the module in that file has returned.
fn returned(lua: &Lua, shared: &Arc<Shared>) -> mlua::Result<Function> {
    let state = Arc::clone(shared);
    lua.create_function(move |_, (path, value): (LuaString, Value)| {
        let sources = state.modules.sources();
        let is_it =
            |source: &&Source| source.path.as_os_str().as_encoded_bytes() == &*path.as_bytes();
        if let (Some(source), Value::Table(table)) = (sources.iter().find(is_it), &value) {
            state.declared.returned(&source.chunk, table);
        }
        Ok(())
    })
}

/// The module of that name, compiled, and its path.
fn find(
    lua: &Lua,
    shared: &Shared,
    environment: &Table,
    name: &Value,
) -> Result<(Function, PathBuf)> {
    let Some(name) = name.as_string() else {
        let message = format!("`require` takes a module's name, got {}", name.type_name());
        return Err(Error::new(ErrorKind::Type, message));
    };
    let Module { source, text } = shared.modules.find(&name.to_string_lossy())?;
    let chunk = compile(lua, &source, &text)?;
    shared.declared.add_module(&source.chunk, &text);
    chunk.set_environment(environment.clone()).map_err(broken)?;
    Ok((chunk, source.path))
}

/// `channel`, `send`, `recv`, `close`, `forget`.
fn channels(lua: &Lua, shared: &Arc<Shared>, raw: &Table) -> mlua::Result<()> {
    let state = Arc::clone(shared);
    raw.raw_set(
        "channel",
        lua.create_function(move |lua, name: Value| {
            let found = attach(&state, &name);
            let found = found.and_then(|channel| {
                let end = lua.create_any_userdata(ChannelEnd(channel));
                end.map(Value::UserData).map_err(broken)
            });
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
                Err(error) => {
                    let thrown = state.trails.raise(lua, &error);
                    let mut answer = refused(lua, error.message());
                    answer.extend(thrown.map(Value::Table));
                    answer
                }
            })
        })?;
        list.push(lua.create_sequence_from([Value::Table(path), Value::Function(function)])?)?;
    }
    Ok(list)
}

fn call(lua: &Lua, function: &HostFunction, args: Vec<Value>) -> Result<Vec<Value>> {
    let count = args.len();
    let mut result = LuaSink::new(lua);
    function.call(count, &mut LuaSource::list(args), &mut result, &limits::HOSTS_TURN)?;
    let result = result.last();
    match (&*function.signature.result, &result) {
        // A tuple is as many results.
        (Type::Tuple(items), Value::Table(list)) => {
            let item = |index| list.raw_get(index).map_err(broken);
            (1..=items.len()).map(item).collect()
        }
        _ => Ok(vec![result]),
    }
}

/// A userdata that is nothing but its metatable.
fn object(lua: &Lua, metatable: Table) -> mlua::Result<AnyUserData> {
    // SAFETY: mlua runs it protected, with room for three values, and the metatable alone
    // in its frame. The userdata holds no memory, so mlua, which knows its own userdata by
    // their metatables, has nothing to look at in it.
    unsafe {
        lua.exec_raw(metatable, |state| {
            ffi::lua_newuserdata(state, 0);
            ffi::lua_insert(state, -2);
            ffi::lua_setmetatable(state, -2);
        })
    }
}

/// The message for a name that the `host` table, or a group in it, does not have.
fn unknown(_: &Lua, (path, name, members): (String, LuaString, Table)) -> mlua::Result<String> {
    // A name that a script has made up may be any bytes.
    let name = name.to_string_lossy();
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
    let text = lua.create_string(message).inspect_err(limits::note);
    limits::stop_if_due(lua);
    let text = text.map_or(Value::Nil, Value::String);
    MultiValue::from_iter([Value::Boolean(false), text])
}
