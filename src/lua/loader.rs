//! From a script's text to a plugin.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaOptions, StdLib, Table, Value};
use semver::Version;
use twinplug_value::{ExportType, Type, TypeRef};

use super::annotations::Annotations;
use super::exports::{Declared, Home};
use super::failure::located;
use super::head::Head;
use super::sink::LuaSink;
use super::typed::{read_results, read_variable};
use super::vm::{Entry, Vm, broken, stale};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{
    Descriptor, FuncTarget, HostContext, Plugin, PluginKind, RawFunc, RawVar, Read, Requirement,
    Results, Symbol, VarTarget, Write, check_name, sealed,
};

/// A script, loaded.
pub(crate) struct LuaPlugin {
    name: String,
    version: Version,
    requires: Vec<Requirement>,
    script: Script,
}

/// The VM and where its code is from; shared by the plugin and its handles.
#[derive(Clone)]
struct Script {
    vm: Arc<Vm>,
    path: Arc<Path>,
    /// What Lua calls the file in its messages.
    chunk: Arc<str>,
}

/// What is known of a plugin before it has run.
pub(crate) struct Origin {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) version: Option<Version>,
}

/// Compiles a script without running it, and reads its first comments.
pub(crate) fn check(path: &Path, text: &[u8]) -> Result<Head> {
    let lua = Lua::new_with(StdLib::NONE, LuaOptions::new()).map_err(broken)?;
    let chunk = chunk_name(path);
    compile(&lua, &chunk, path, text)?;
    head(&chunk, path, text)
}

fn head(chunk: &str, path: &Path, text: &[u8]) -> Result<Head> {
    Head::read(text).map_err(|bad| {
        Error::new(ErrorKind::Load, format!("{chunk}:{}: {}", bad.line, bad.message))
            .with_location(path, bad.line)
    })
}

/// Runs a script's body and takes down what it exports.
pub(crate) fn load(origin: Origin, text: &[u8], context: Weak<HostContext>) -> Result<LuaPlugin> {
    let Origin { path, name, version } = origin;
    let chunk = chunk_name(&path);
    let head = head(&chunk, &path, text)?;
    if let Some(over) = &head.over {
        return Err(Error::new(ErrorKind::Refused, over.refusal()).with_location(&path, over.line));
    }
    let vm = Arc::new(Vm::new(head.plugin.as_ref().map_or(&name, |said| &said.name), context)?);
    let annotations = Annotations::read(text);
    let declared = Declared { chunk: chunk.clone(), annotations };
    vm.shared.declared.get_or_init(|| declared);
    let script = Script { vm, chunk: chunk.into(), path: path.into() };
    let vm = &script.vm;
    let entry = vm.enter()?;
    let body = compile(&entry.state.lua, &script.chunk, &script.path, text)?;
    body.set_environment(entry.state.environment.clone()).map_err(broken)?;
    let (entry, results) = vm
        .call(entry, body, Vec::new())
        .map_err(|error| located(error, &script.chunk, &script.path).with_kind(ErrorKind::Load))?;
    let module = module(&entry, results)?;
    let said = Said { name: text_field(&module, "_NAME")?, version: version_field(&module)? };
    said.agrees_with(&head, &script)?;
    let (name, version) = match head.plugin {
        Some(plugin) => (plugin.name, plugin.version),
        None => {
            (said.name.unwrap_or(name), said.version.or(version).unwrap_or(Version::new(0, 0, 0)))
        }
    };
    check_name(&name).map_err(|fault| Error::new(ErrorKind::Load, fault))?;
    vm.shared.set_name(&name);
    vm.shared.export(&module).map_err(|text| Error::new(ErrorKind::Load, text))?;
    // The handle goes while the lock is still held.
    drop(module);
    drop(entry);
    Ok(LuaPlugin { name, version, requires: head.requires, script })
}

/// What the body says of the plugin, `_NAME` and `_VERSION`.
struct Said {
    name: Option<String>,
    version: Option<Version>,
}

impl Said {
    /// # Errors
    /// The first comments say another thing.
    fn agrees_with(&self, head: &Head, script: &Script) -> Result<()> {
        let Some(plugin) = &head.plugin else { return Ok(()) };
        let differs = |field: &str, head: &dyn Display, said: &dyn Display| {
            let Script { chunk, path, .. } = script;
            let message = format!(
                "{chunk}:{}: `---@plugin` says `{head}`, and `{field}` says `{said}`: they must agree",
                plugin.line
            );
            Err(Error::new(ErrorKind::Load, message).with_location(path, plugin.line))
        };
        match self {
            Said { name: Some(name), .. } if *name != plugin.name => {
                differs("_NAME", &plugin.name, name)
            }
            Said { version: Some(version), .. } if *version != plugin.version => {
                differs("_VERSION", &plugin.version, version)
            }
            _ => Ok(()),
        }
    }
}

/// What the body returned; a script that returns nothing exports its globals.
fn module(entry: &Entry<'_>, results: Vec<Value>) -> Result<Table> {
    match results.into_iter().next() {
        None | Some(Value::Nil) => Ok(entry.state.environment.clone()),
        Some(Value::Table(module)) => Ok(module),
        Some(other) => Err(Error::new(
            ErrorKind::Load,
            format!(
                "the script returns {}, and no table of exports: end it with `return M`",
                described(&other)
            ),
        )),
    }
}

fn text_field(module: &Table, name: &str) -> Result<Option<String>> {
    match module.raw_get::<Value>(name).map_err(broken)? {
        Value::Nil => Ok(None),
        Value::String(text) => Ok(Some(text.to_string_lossy())),
        other => Err(Error::new(
            ErrorKind::Load,
            format!("`{name}` is {}, and no text", described(&other)),
        )),
    }
}

fn version_field(module: &Table) -> Result<Option<Version>> {
    let Some(text) = text_field(module, "_VERSION")? else { return Ok(None) };
    let version = Version::parse(&text).map_err(|error| {
        let message = format!("`_VERSION = {text:?}` is no version like \"1.2.0\": {error}");
        Error::new(ErrorKind::Load, message)
    })?;
    Ok(Some(version))
}

/// A value's type, as Lua calls it.
fn described(value: &Value) -> String {
    match value {
        Value::Integer(_) | Value::Number(_) => "a number".to_owned(),
        other => format!("a {}", other.type_name()),
    }
}

fn compile(lua: &Lua, chunk: &str, path: &Path, text: &[u8]) -> Result<Function> {
    let compiled = lua
        .load(without_head(text))
        .set_name(format!("@{chunk}"))
        .set_mode(ChunkMode::Text)
        .into_function();
    compiled.map_err(|error| {
        let message = match &error {
            mlua::Error::SyntaxError { message, .. } => message.clone(),
            other => other.to_string(),
        };
        located(Error::new(ErrorKind::Load, message).with_source(error), chunk, path)
    })
}

/// The text without a byte order mark; a `#!` line becomes a comment, so that
/// lines keep their numbers.
fn without_head(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match text.first() {
        Some(b'#') => [b"--", text].concat(),
        _ => text.to_vec(),
    }
}

fn chunk_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "script".into(), |name| name.to_string_lossy().into_owned())
}

impl Plugin for LuaPlugin {
    fn descriptor(&self) -> Arc<Descriptor> {
        let exports = self.script.vm.shared.exports.lock();
        Arc::new(Descriptor {
            name: self.name.clone(),
            version: self.version.clone(),
            kind: PluginKind::Lua,
            exports: exports.list.clone(),
            requires: self.requires.clone(),
        })
    }

    fn lookup(&self, name: &str) -> Result<Symbol> {
        let exports = self.script.vm.shared.exports.lock();
        let Some(index) = exports.position(name) else {
            let known = exports.list.iter().map(|export| export.name.as_str());
            return Err(Symbol::missing(&self.name, name, known));
        };
        let script = self.script.clone();
        Ok(match &exports.list[index].ty {
            ExportType::Func(signature) => {
                let raw = Arc::new(LuaFunc { script, index, result: signature.result.clone() });
                let target = FuncTarget::memory(raw);
                Symbol::of_func(&self.name, name, signature.clone(), target, None)
            }
            ExportType::Var(ty) => {
                let annotated = script.declares(name);
                let declared = if annotated { ty.clone() } else { Type::Any };
                let raw = Arc::new(LuaVar { script, index, name: name.to_owned(), declared });
                Symbol::of_var(&self.name, name, ty.clone(), VarTarget::Memory(raw), None)
            }
        })
    }
}

impl sealed::Implemented for LuaPlugin {
    fn retire(&self) -> Result<()> {
        self.script.vm.retire()
    }
}

struct LuaFunc {
    script: Script,
    index: usize,
    /// What the annotations say, else any.
    result: TypeRef,
}

impl RawFunc for LuaFunc {
    fn call(&self, args: Write<'_>, results: Results, read: Read<'_>) -> Result<()> {
        let Script { vm, chunk, path } = &self.script;
        let entry = vm.enter()?;
        let mut sink = LuaSink::new(&entry.state.lua);
        args(&mut sink)?;
        let values = sink.values;
        let Some(Home::Func(function)) = vm.shared.exports.lock().home(self.index) else {
            return Err(stale());
        };
        let (_entry, values) =
            vm.call(entry, function, values).map_err(|error| located(error, chunk, path))?;
        read_results(values, &self.result, results, read)
    }
}

struct LuaVar {
    script: Script,
    index: usize,
    name: String,
    /// What the annotations say, else any: of a variable without them, each reader
    /// checks what it gets.
    declared: Type,
}

impl RawVar for LuaVar {
    fn get(&self, read: Read<'_>) -> Result<()> {
        let _entry = self.script.vm.enter()?;
        let value = self.home()?.raw_get(self.name.as_str()).map_err(broken)?;
        read_variable(&value, &self.declared, &self.name, read)
    }

    fn set(&self, write: Write<'_>) -> Result<()> {
        let entry = self.script.vm.enter()?;
        let mut sink = LuaSink::new(&entry.state.lua);
        write(&mut sink)?;
        store(&self.home()?, &self.name, sink.last()).map_err(broken)
    }
}

impl Script {
    /// Whether an annotation says the variable's type.
    fn declares(&self, name: &str) -> bool {
        let declared = self.vm.shared.declared.get();
        declared.is_some_and(|declared| declared.annotations.declares(name))
    }
}

impl LuaVar {
    /// The table that holds the variable; only with the VM entered.
    fn home(&self) -> Result<Table> {
        match self.script.vm.shared.exports.lock().home(self.index) {
            Some(Home::Var(table)) => Ok(table),
            _ => Err(stale()),
        }
    }
}

/// Sets a variable. A table goes into the one that is there, so that a local
/// which holds it sees the change; keys that the new one has not are removed.
fn store(home: &Table, name: &str, value: Value) -> mlua::Result<()> {
    let (Value::Table(new), Value::Table(old)) = (&value, home.raw_get(name)?) else {
        return home.raw_set(name, value);
    };
    let mut gone = Vec::new();
    old.for_each(|key: Value, _: Value| {
        gone.push(key);
        Ok(())
    })?;
    for key in gone {
        old.raw_set(key, Value::Nil)?;
    }
    new.for_each(|key: Value, value: Value| old.raw_set(key, value))
}
