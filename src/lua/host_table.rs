//! The Rust functions that the prelude builds the `host` table from.
//!
//! Each finishes all that Rust has to do and returns a flag and a value or the
//! error's text; it is the prelude that raises, in plain Lua.

use std::path::PathBuf;
use std::sync::Arc;

use mlua::{AnyUserData, Function, Lua, LuaString, MultiValue, Table, Thread, Value, ffi};

use super::exports::AnyValue;
use super::failure::Failure;
use super::loader::compile;
use super::modules::{Module, Source};
use super::sink::to_lua;
use super::vm::{Core, Shared, broken};
use super::{
    channels, console, host_functions, library, limits, plugins, references, subscriptions, tags,
};
use crate::error::{Error, ErrorKind, Result, near, near_or};
use crate::plugin::{BUILT_INS, LogLevel, MISSING_FUNCTION, contained};

/// The levels of the log, as scripts name them.
const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

/// What the prelude finds under that name in its table, if it is one of these.
pub(super) fn make(core: &Core, name: &[u8]) -> Option<mlua::Result<Value>> {
    let (lua, shared) = (core.border.lua(), &core.shared);
    let function = match name {
        b"any" => lua.create_function(any),
        b"constant" => constant(core),
        b"died" => died(lua, shared),
        b"find" => find_module(core),
        b"forget" => forget(lua, shared),
        b"keep" => keep(lua, shared),
        #[cfg(feature = "luajit")]
        b"leaf" => leaf(core),
        b"call_reference" => call_reference(core),
        #[cfg(feature = "luajit")]
        b"ffi" if core.is_compiled => return Some(core.open_ffi(lua).map(Value::Table)),
        b"mark" => {
            let mark = mlua::LightUserData(references::mark());
            return Some(Ok(Value::LightUserData(mark)));
        }
        b"is_function" if shared.is_console() => console::is_function(core),
        b"is_layer" => return Some(Ok(Value::Boolean(shared.base.is_some()))),
        b"method_names" => lua.create_function(method_names),
        #[cfg(feature = "luau")]
        b"grow_library" => {
            let core = core.handed();
            lua.create_function(move |lua, (name, table): (LuaString, Table)| {
                core.get().library.grow(lua, &name, &table)
            })
        }
        #[cfg(feature = "luau")]
        b"open_library" => {
            let core = core.handed();
            lua.create_function(move |lua, globals: Table| core.get().library.open(lua, &globals))
        }
        #[cfg(feature = "luau")]
        b"close_library" => {
            let core = core.handed();
            lua.create_function(move |lua, globals: Table| core.get().library.close(lua, &globals))
        }
        b"new_buffer" => {
            let core = core.handed();
            lua.create_function(move |lua, asked| {
                Ok(answer(lua, references::new_buffer(core.get(), lua, asked)))
            })
        }
        b"new_object" => {
            let core = core.handed();
            lua.create_function(move |lua, table: Table| {
                Ok(answer(lua, references::new_object(core.get(), lua, &table)))
            })
        }
        b"object" => lua.create_function(object),
        b"tag_list" => tag_list(core),
        b"print" => print(lua, shared),
        #[cfg(feature = "luau-jit")]
        b"put" => put(lua),
        b"register" => register(lua, shared),
        b"state" => state(lua, shared),
        b"returned" => returned(lua, shared),
        b"unknown" => lua.create_function(unknown),
        b"find_plugin" | b"has_plugin" | b"plugin_member" | b"set_plugin_variable" => {
            plugins::function(core, name)
        }
        b"subscribe" | b"unsubscribe" => subscriptions::function(core, name),
        _ => return make_table(core, name).map(|table| table.map(Value::Table)),
    };
    Some(function.map(Value::Function))
}

fn make_table(core: &Core, name: &[u8]) -> Option<mlua::Result<Table>> {
    Some(match name {
        b"channels" => channels::list(core),
        b"constants" => constants(core),
        b"functions" => host_functions::list(core),
        b"levels" => levels(core.border.lua(), &core.shared),
        _ => return None,
    })
}

/// The function that calls what others have made.
fn call_reference(core: &Core) -> mlua::Result<Function> {
    let address = std::ptr::from_ref(core).cast_mut().cast();
    // SAFETY: mlua runs it protected, with room for two values, and nothing to drop. The core
    // stays where it is while the VM lives.
    unsafe {
        core.border.lua().exec_raw((), |state| {
            ffi::lua_pushlightuserdata(state, address);
            library::push(state, references::call_reference, c"call", 1);
        })
    }
}

/// The function that tags a table as a list.
fn tag_list(core: &Core) -> mlua::Result<Function> {
    let border = std::ptr::from_ref(&core.border).cast_mut().cast();
    // SAFETY: as in `call_reference`; the border is in the core.
    unsafe {
        core.border.lua().exec_raw((), |state| {
            ffi::lua_pushlightuserdata(state, border);
            library::push(state, tags::tag_list, c"list", 1);
        })
    }
}

/// The function that sets an entry of a table that is not written to otherwise.
#[cfg(feature = "luau-jit")]
fn put(lua: &Lua) -> mlua::Result<Function> {
    // SAFETY: mlua runs it protected, with room for a value, and nothing to drop.
    unsafe { lua.exec_raw((), |state| library::push(state, super::safe::put, c"put", 0)) }
}

/// The names in what an object says of its methods.
fn method_names(_: &Lua, json: LuaString) -> mlua::Result<Vec<String>> {
    #[derive(twinplug_value::serde::Deserialize)]
    #[serde(crate = "twinplug_value::serde")]
    struct Method {
        name: String,
    }
    let methods: Vec<Method> = serde_json::from_slice(&json.as_bytes()).unwrap_or_default();
    Ok(methods.into_iter().map(|method| method.name).collect())
}

/// The paths of the host's constants: `{"world", "SIZE"}`.
fn constants(core: &Core) -> mlua::Result<Table> {
    let (lua, host) = (core.border.lua(), core.shared.host());
    let names: Vec<String> =
        host.map_or_else(|_| Vec::new(), |host| host.constants.keys().cloned().collect());
    let paths = names.iter().map(|name| lua.create_sequence_from(name.split('.')));
    lua.create_sequence_from(paths.collect::<mlua::Result<Vec<_>>>()?)
}

/// `constant(name)`: its value.
fn constant(core: &Core) -> mlua::Result<Function> {
    let core = core.handed();
    core.get().border.lua().create_function(move |lua, name: LuaString| {
        let name = name.to_string_lossy();
        let value = core.get().shared.host().and_then(|host| {
            let read = to_lua(lua, &core.get().border, &host.constant(&name)?.value);
            read.map_err(|error| error.of(format!("constant `{name}`")).into())
        });
        Ok(answer(lua, value))
    })
}

/// `leaf`, which makes a function of the host's one of which calls are compiled.
#[cfg(feature = "luajit")]
fn leaf(core: &Core) -> mlua::Result<Function> {
    let core = core.handed();
    core.get().border.lua().create_function(move |lua, leaf| {
        let made = super::leaf::of_host(core.get(), lua, leaf).map_err(broken);
        Ok(answer(lua, made.map(|made| made.map_or(Value::Nil, Value::Function))))
    })
}

fn any(lua: &Lua, value: Value) -> mlua::Result<MultiValue> {
    let wrapped = match AnyValue::new(lua, value) {
        Ok(value) => lua.create_any_userdata(value).map(Value::UserData).map_err(broken),
        Err(text) => Err(Error::new(ErrorKind::Type, text)),
    };
    Ok(answer(lua, wrapped))
}

fn print(lua: &Lua, shared: &Arc<Shared>) -> mlua::Result<Function> {
    let state = Arc::clone(shared);
    lua.create_function(move |lua, text: LuaString| {
        let printed = contained(|| {
            let _host = limits::Section::of_host();
            (state.host()?.output)(&state.name(), &text.to_string_lossy());
            Ok(Value::Nil)
        });
        Ok(answer(lua, printed))
    })
}

/// `report`, which takes down the error that a call's coroutine has failed with.
pub(super) fn report(lua: &Lua, shared: &Arc<Shared>) -> mlua::Result<Function> {
    let state = Arc::clone(shared);
    lua.create_function(move |lua, (thread, error): (Thread, Value)| {
        // The error is the limit's, and the script may run no more to describe it.
        if limits::is_due() {
            return Ok(());
        }
        let mut failure = Failure::report(lua, &state, Some(&thread), &error);
        // A module's error passes on what it was: the calls inside its body are over.
        let inner = state.module_failure.lock().take();
        failure = inner.filter(|inner| inner.is_of(&failure)).unwrap_or(failure);
        *state.failure.lock() = Some(failure);
        Ok(())
    })
}

/// `died`, which does so for a coroutine of the script's own.
fn died(lua: &Lua, shared: &Arc<Shared>) -> mlua::Result<Function> {
    let state = Arc::clone(shared);
    lua.create_function(move |lua, (thread, error): (Thread, Value)| {
        state.trails.died(lua, &thread, &error);
        Ok(())
    })
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

/// `find(environment, name)`, with `keep` and `returned` what `require` is made of: the module
/// compiled for these globals, and its path.
fn find_module(core: &Core) -> mlua::Result<Function> {
    let core = core.handed();
    core.get().border.lua().create_function(move |lua, (environment, name): (Table, Value)| {
        let (core, state) = (core.get(), &core.get().shared);
        let found = find(lua, core, &environment, &name).and_then(|(chunk, path)| {
            let path = lua.create_string(path.as_os_str().as_encoded_bytes());
            Ok((chunk, path.map_err(broken)?))
        });
        Ok(match found {
            Ok((chunk, path)) => {
                let flag = Value::Boolean(true);
                MultiValue::from_iter([flag, Value::Function(chunk), Value::String(path)])
            }
            Err(error) => {
                // The script's failure is one of trust, then.
                if error.kind() == ErrorKind::Trust {
                    state.trails.raise(lua, &core.border, &error);
                }
                let mut answer = refused(lua, error.message());
                // One in the module has its own line in front.
                let level = if error.location().is_some() { 0 } else { 2 };
                answer.push_back(Value::Integer(level));
                answer
            }
        })
    })
}

/// `keep`: takes down the error of a module's body where it is raised.
fn keep(lua: &Lua, shared: &Arc<Shared>) -> mlua::Result<Function> {
    let state = Arc::clone(shared);
    lua.create_function(move |lua, error: Value| {
        let failure = Failure::report(lua, &state, None, &error);
        let mut kept = state.module_failure.lock();
        // Of modules that require each other, the innermost has seen all of the calls.
        if !kept.as_ref().is_some_and(|inner| inner.is_of(&failure)) {
            *kept = Some(failure);
        }
        Ok(error)
    })
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
fn find(lua: &Lua, core: &Core, environment: &Table, name: &Value) -> Result<(Function, PathBuf)> {
    let Some(name) = name.as_string() else {
        let message = format!("`require` takes a module's name, got {}", name.type_name());
        return Err(Error::new(ErrorKind::Type, message));
    };
    let Module { source, text } = core.shared.modules.find(&name.to_string_lossy())?;
    let chunk = compile(lua, &source, &text, Some(environment))?;
    core.direct.module_begins(lua, &text).map_err(broken)?;
    core.shared.declared.add_module(&source.chunk, &text);
    Ok((chunk, source.path))
}

/// `forget`, which gives up a wait that cannot be made.
pub(super) fn forget(lua: &Lua, shared: &Arc<Shared>) -> mlua::Result<Function> {
    let state = Arc::clone(shared);
    lua.create_function(move |_, ()| {
        state.forget_wait();
        Ok(())
    })
}

fn register(lua: &Lua, shared: &Arc<Shared>) -> mlua::Result<Function> {
    let state = Arc::clone(shared);
    lua.create_function(move |lua, exports: Value| Ok(answer(lua, export(lua, &state, &exports))))
}

fn state(lua: &Lua, shared: &Arc<Shared>) -> mlua::Result<Function> {
    let shared = Arc::clone(shared);
    lua.create_function(move |lua, fields: Value| {
        Ok(answer(lua, super::state::keep(lua, &shared, fields)))
    })
}

fn export(lua: &Lua, shared: &Shared, exports: &Value) -> Result<Value> {
    let Value::Table(exports) = exports else {
        return Err(Error::new(
            ErrorKind::Type,
            "`host.register` takes a table: `host.register { name = f }`",
        ));
    };
    shared.export(lua, exports).map_err(|text| Error::new(ErrorKind::Symbol, text))?;
    // Who looks for plugins that have a name looks again.
    if let Ok(plugins) = shared.host().and_then(|host| host.plugins()) {
        plugins.changed();
    }
    Ok(Value::Nil)
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
    if (&*path, &*name) == ("host", plugins::BASE_KEY) {
        let what = "is of layers alone: `---@over NAME` in the first comments makes a script one";
        return Ok(format!("`host.base` {what}"));
    }
    let known = known.iter().map(String::as_str);
    // What is built in is as it is.
    let group = path.strip_prefix("host.").and_then(|path| path.split('.').next());
    let next = match group.is_some_and(|group| BUILT_INS.contains(&group)) {
        true => near(&name, known),
        false => near_or(&name, known, MISSING_FUNCTION),
    };
    Ok(format!("`{path}` has no `{name}`{next}"))
}

/// True and a value, if there is one; or false, and what the prelude raises.
fn answer(lua: &Lua, result: Result<Value>) -> MultiValue {
    match result {
        Ok(Value::Nil) => MultiValue::from_iter([Value::Boolean(true)]),
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
