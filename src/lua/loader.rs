//! From a script's text to a plugin.

use std::path::Path;
use std::sync::{Arc, Weak};

use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaOptions, StdLib, Table, Value};
use semver::Version;
use twinplug_value::{ExportType, Map, MapKey, Signature, Sink, Type, Value as DataValue, to_sink};

use super::annotations;
use super::call::{Lease, with};
use super::exports::{Declared, Home};
use super::failure::located;
use super::globals;
use super::head::Head;
use super::limits;
use super::modules::{Modules, Place, Source, Vet};
use super::subscriptions;
use super::symbols::{LuaFunc, LuaVar};
#[cfg(feature = "luau")]
use super::vm::State;
use super::vm::{Vm, broken};
use crate::error::{Error, ErrorKind, Result};
use crate::file::Reads;
use crate::plugin::{
    Base, Bound, Descriptor, FuncTarget, Gate, Gone, Hook, HostContext, Limits, Origin, Over,
    Plugin, PluginKind, RawFunc, Results, Subscriber, Symbol, Track, VarTarget, receive, sealed,
};

/// A script, loaded.
pub(crate) struct LuaPlugin {
    name: String,
    version: Version,
    over: Option<Over>,
    hooks: Vec<&'static str>,
    vm: Arc<Vm>,
}

/// A script's text, and what goes with it.
pub(crate) struct Script<'t> {
    /// What Lua's messages call it.
    pub(crate) chunk: String,
    pub(crate) text: &'t [u8],
    /// Where its modules are.
    pub(crate) places: Vec<Place>,
    /// What says whether a module may be loaded, if any may not.
    pub(crate) vet: Option<Arc<Vet>>,
    pub(crate) limits: Limits,
    /// Where is noted which files are read.
    pub(crate) reads: Arc<Reads>,
}

impl Script<'_> {
    /// What its first comments say.
    ///
    /// # Errors
    /// They are wrong.
    pub(crate) fn head(&self, path: &Path) -> Result<Head> {
        head(path, &self.chunk, self.text)
    }
}

/// What the author of a script may not have meant, as far as its text shows.
pub(crate) fn doubt(text: &[u8]) -> Option<String> {
    let table = annotations::unreturned(text)?;
    Some(format!("it exports nothing: does it end with `return {table}`?"))
}

/// The name and the version that a script's body will probably say.
pub(crate) fn own(text: &[u8]) -> (Option<String>, Option<Version>) {
    let [name, version] = annotations::own(text);
    (name, version.and_then(|version| Version::parse(&version).ok()))
}

/// Compiles a script without running it, and reads its first comments.
pub(crate) fn check(path: &Path, chunk: &str, text: &[u8]) -> Result<Head> {
    let lua = Lua::new_with(StdLib::NONE, LuaOptions::new()).map_err(broken)?;
    let source = Source { chunk: chunk.to_owned(), path: path.to_owned() };
    compile(&lua, &source, text, None)?;
    head(path, chunk, text)
}

/// What a script's first comments say.
///
/// # Errors
/// One of them is wrong.
pub(crate) fn head(path: &Path, chunk: &str, text: &[u8]) -> Result<Head> {
    Head::read(text).map_err(|bad| {
        Error::new(ErrorKind::Load, format!("{chunk}:{}: {}", bad.line, bad.message))
            .with_location(path, bad.line)
    })
}

/// Runs a script's body and takes down what it exports; `start` follows. The origin has heard the first
/// comments, and what they require is loaded; `base` is what it is a layer over.
pub(crate) fn load(
    origin: &Origin,
    script: Script<'_>,
    context: Weak<HostContext>,
    base: Option<Arc<dyn Base>>,
) -> Result<LuaPlugin> {
    let Script { chunk, text, places, vet, limits, reads } = script;
    let declared = Declared::new(chunk.clone(), text);
    let source = Source { chunk, path: origin.path.clone() };
    let modules = Modules::new(source.clone(), places, vet, reads);
    let vm = Arc::new(Vm::new(origin, modules, declared, limits, (context, base))?);
    with(&vm, |lease| {
        lease.state().core.border.references.belong_to(Arc::downgrade(&vm));
        Ok(())
    })?;
    let ((name, version), hooks) = with(&vm, |lease| {
        let said = run(&vm, lease, origin, &source, text)?;
        let hooks = Hook::names(|hook| lease.state().hooks.get(hook).is_some());
        // Who asks while it is busy gets this.
        vm.note_memory(lease.state());
        Ok((said, hooks))
    })?;
    let exports_nothing = hooks.is_empty() && vm.shared.exports.lock().list.is_empty();
    if let Some(doubt) = exports_nothing.then(|| doubt(text)).flatten() {
        tracing::warn!(script = &*source.chunk, "{doubt}");
    }
    Ok(LuaPlugin { name, version, over: origin.over.clone(), hooks, vm })
}

/// Runs the body; says what the plugin is.
fn run(
    vm: &Vm,
    lease: &mut Lease<'_>,
    origin: &Origin,
    source: &Source,
    text: &[u8],
) -> Result<(String, Version)> {
    let body = compile(&lease.state().lua, source, text, Some(&lease.state().environment))?;
    globals::make_named(&lease.state().lua, text).map_err(broken)?;
    let results = lease.call_function(&body, &[]);
    let module = module(lease, results.map_err(|error| vm.located(error).in_load())?)?;
    let name = origin.settle_name(text_field(&module, "_NAME")?)?;
    let version = origin.settle_version(own_version(&module)?)?;
    vm.shared.set_name(&name);
    let lua = lease.state().lua.clone();
    vm.shared.export(&lua, &module).map_err(|text| Error::new(ErrorKind::Load, text))?;
    lease.state().hooks.find(&lua, &module)?;
    lease.state().core.direct.body_ended(&lua, text).map_err(broken)?;
    #[cfg(feature = "luau")]
    if !vm.shared.is_console() {
        let State { core, environment, .. } = lease.state();
        core.library.end(&lua, environment).map_err(broken)?;
    }
    // Handles go while the lock is held.
    drop((module, body, lua));
    Ok((name, version))
}

impl LuaPlugin {
    /// A hook, if the script has it.
    fn find_hook(&self, hook: Hook) -> Result<Option<LuaFunc>> {
        let found = with(&self.vm, |lease| Ok(lease.state().hooks.get(hook)))?;
        let any = || Signature::ANY.result;
        Ok(found.map(|function| LuaFunc::new(Arc::clone(&self.vm), function, any())))
    }
}

/// What the body returned; a script that returns nothing exports its globals.
fn module(lease: &Lease<'_>, results: Vec<Value>) -> Result<Table> {
    match results.into_iter().next() {
        None | Some(Value::Nil) => Ok(lease.state().environment.clone()),
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

fn own_version(module: &Table) -> Result<Option<Version>> {
    let Some(text) = text_field(module, "_VERSION")? else { return Ok(None) };
    Version::parse(&text).map(Some).map_err(|error| {
        let message = format!("`_VERSION = {text:?}` is no version like \"1.2.0\": {error}");
        Error::new(ErrorKind::Load, message)
    })
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

/// A value's type, as Lua calls it.
pub(super) fn described(value: &Value) -> String {
    match value {
        Value::Integer(_) | Value::Number(_) => "a number".to_owned(),
        other => format!("a {}", other.type_name()),
    }
}

/// What a file is that cannot be a script: said here, as Lua would call it unexpected
/// symbols.
fn no_script(text: &[u8]) -> Option<String> {
    match text {
        [0x7f, b'E', b'L', b'F', ..] => {
            let ending = std::env::consts::DLL_SUFFIX;
            Some(format!("a shared library, and no script: name it `{ending}`"))
        }
        [0x1b, b'L', b'u', b'a', ..] | [0x1b, b'L', b'J', ..] => {
            Some("bytecode, and no script: give the source, as bytecode is not loaded".to_owned())
        }
        _ => None,
    }
}

/// Compiles the text of a file, which Lua's messages then name, for these globals.
pub(super) fn compile(
    lua: &Lua,
    source: &Source,
    text: &[u8],
    globals: Option<&Table>,
) -> Result<Function> {
    if let Some(what) = no_script(text) {
        return Err(Error::new(ErrorKind::Refused, what));
    }
    let wrong = |message: String| {
        located(Error::new(ErrorKind::Load, message), std::slice::from_ref(source))
    };
    let name = format!("@{}", source.chunk);
    compiled(lua, &name, without_head(text), globals).map_err(wrong)
}

/// The function that a text is, or what the compiler says.
pub(super) fn compiled(
    lua: &Lua,
    name: &str,
    text: Vec<u8>,
    globals: Option<&Table>,
) -> Result<Function, String> {
    let chunk = lua.load(text).set_name(name).set_mode(ChunkMode::Text);
    let chunk = match globals {
        Some(globals) => chunk.set_environment(globals.clone()),
        None => chunk,
    };
    #[cfg(feature = "luau")]
    let loading = globals.map(|_| super::safe::Loading::begin(lua)).transpose();
    #[cfg(feature = "luau")]
    let function = loading.and_then(|_loading| chunk.into_function());
    #[cfg(not(feature = "luau"))]
    let function = chunk.into_function();
    function.map_err(|error| {
        limits::note(&error);
        match error {
            mlua::Error::SyntaxError { message, .. } => message,
            other => other.to_string(),
        }
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

impl Plugin for LuaPlugin {
    fn descriptor(&self) -> Arc<Descriptor> {
        let exports = self.vm.shared.exports.lock();
        Arc::new(Descriptor {
            name: self.name.clone(),
            version: self.version.clone(),
            kind: PluginKind::Lua,
            exports: exports.list.clone(),
            hooks: self.hooks.clone(),
            requires: self.vm.shared.requires.clone(),
            over: self.over.clone(),
        })
    }

    fn lookup(&self, name: &str) -> Result<Symbol> {
        Ok(Symbol::new(&self.name, name, sealed::Implemented::bind(self, name)?, None))
    }
}

impl sealed::Implemented for LuaPlugin {
    fn bind(&self, name: &str) -> Result<Bound> {
        let exports = self.vm.shared.exports.lock();
        let Some(index) = exports.position(name) else {
            let known = exports.list.iter().map(|export| export.name.as_str());
            return Err(Symbol::missing(&self.name, name, known));
        };
        let vm = Arc::clone(&self.vm);
        match (&exports.list[index].ty, exports.home(index)) {
            (ExportType::Func(signature), Some(Home::Func(function))) => {
                let raw = Box::new(LuaFunc::new(vm, function, signature.result.clone()));
                Ok(Bound::Func(FuncTarget::memory(raw, signature.clone())))
            }
            (ExportType::Var(ty), Some(Home::Var(table, key))) => {
                let annotated = exports.is_annotated(index);
                let declared = if annotated { ty.clone() } else { Type::Any };
                let raw = Box::new(LuaVar::new(vm, (table, key), name, declared));
                Ok(Bound::Var(VarTarget::memory(raw, ty.clone())))
            }
            _ => Err(self.vm.gone().at_symbol(name).in_plugin(&self.name)),
        }
    }

    fn track(&self) -> Option<Arc<Track>> {
        None
    }

    fn start(&self) -> Result<()> {
        with(&self.vm, |lease| {
            if let Some(on_load) = lease.state().hooks.get(Hook::Load) {
                let config = lease.state().config.clone();
                let called = lease.call_kept(on_load, &[config]);
                called.map_err(|error| {
                    self.vm.located(error).context("its on_load failed").in_load()
                })?;
            }
            lease.state().hooks.start();
            Ok(())
        })
    }

    fn pause(&self, gate: &Arc<Gate>) -> Result<()> {
        self.vm.pause(gate)
    }

    fn resume(&self) {
        self.vm.resume();
    }

    fn variables(&self) -> Result<Vec<(String, Result<DataValue>)>> {
        let all: Vec<LuaVar> = {
            let exports = self.vm.shared.exports.lock();
            let homes = exports.list.iter().enumerate().filter_map(|(index, export)| {
                let Some(Home::Var(table, key)) = exports.home(index) else { return None };
                let vm = Arc::clone(&self.vm);
                Some(LuaVar::new(vm, (table, key), &export.name, Type::Any))
            });
            homes.collect()
        };
        // The VM is entered once for all.
        with(&self.vm, |lease| {
            let read =
                |var: &LuaVar| (var.name().to_owned(), receive(|got| var.get_in(lease, got)));
            Ok(all.iter().map(read).collect())
        })
    }

    fn state(&self) -> Result<Vec<Map>> {
        let tables = with(&self.vm, |_| Ok(self.vm.shared.states.lock().clone()))?;
        tables.iter().map(|table| table.fields(&self.vm)).collect()
    }

    fn set_state(&self, table: usize, field: &MapKey, value: &DataValue) -> Result<()> {
        with(&self.vm, |lease| {
            let state = lease.state();
            let table = self.vm.shared.states.lock().get(table).cloned();
            let none = || Error::new(ErrorKind::Symbol, "it has no such `host.state`");
            table.ok_or_else(none)?.set(&state.lua, &state.core.border, field, value)
        })
    }

    fn hook(&self, hook: Hook, args: &[DataValue]) -> Result<Option<DataValue>> {
        let Some(function) = self.find_hook(hook)? else { return Ok(None) };
        let mut write = |sink: &mut dyn Sink| args.iter().try_for_each(|arg| to_sink(arg, sink));
        let called = receive(|got| function.call(&mut write, Results::One, got));
        called.map(Some).map_err(|error| error.context(format_args!("its {} failed", hook.name())))
    }

    fn is_out_here(&self) -> bool {
        self.vm.pause.visits.are_of_this_thread()
    }

    fn memory(&self) -> Option<usize> {
        Some(self.vm.memory())
    }

    fn has(&self, name: &str) -> bool {
        self.vm.shared.exports.lock().position(name).is_some()
    }

    fn subscribers(&self, event: &str) -> Vec<Subscriber> {
        subscriptions::subscribers(&self.vm, event)
    }

    fn remains(&self) -> Option<String> {
        None
    }

    fn retire(&self, why: Gone) -> Result<()> {
        self.vm.retire(why)
    }
}
