//! A plugin that the test host has loaded.

use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use twinplug_abi::{self as abi, Call, Function};
use twinplug_value::raw::{Arena, RawSink, RawSource};
use twinplug_value::{Args, Data, ExportType, Signature, Type, Value, from_source, to_sink};

use super::direct::{self, ScalarArgs};
use super::services::{Context, SERVICES, lock, terminated};
use crate::export::{self, ScalarResult};
use crate::log::Level;
use crate::{Error, Result, host};

/// One plugin at a time: its variables are the process's.
static GATE: Mutex<()> = Mutex::new(());
/// Whose it is.
static HOLDER: Mutex<Option<ThreadId>> = Mutex::new(None);
/// The variables of each table, as they were at its first load.
static INITIAL: Mutex<Vec<(usize, Vec<Value>)>> = Mutex::new(Vec::new());

/// A plugin, loaded by [`super::Host::load`]; it goes when this is dropped.
pub struct Plugin {
    context: &'static Context,
    table: &'static abi::Plugin,
    exports: HashMap<String, Export>,
    /// Given back last.
    _gate: Gate,
}

struct Gate(#[allow(dead_code, reason = "held, not looked at")] MutexGuard<'static, ()>);

/// An export, as the table or init gave it.
struct Export {
    ty: ExportType,
    private: bool,
    leaf: bool,
    data: *mut c_void,
    call: Option<Function>,
    get: Option<Function>,
    set: Option<Function>,
    direct: Option<abi::Direct>,
}

// SAFETY: the ABI lets entries be called from any thread with their `data`; nothing else
// is done with the pointer.
unsafe impl Sync for Export {}
// SAFETY: as above.
unsafe impl Send for Export {}

impl Plugin {
    pub(super) fn load(context: Context, table: &'static export::Plugin) -> Result<Plugin> {
        let (gate, table) = (Gate::enter()?, table.as_raw());
        let context: &'static Context = Box::leak(Box::new(context));
        let mut plugin = Plugin { context, table, exports: HashMap::new(), _gate: gate };
        for index in 0..table.export_count as usize {
            // SAFETY: the table says how many there are, as `export::plugin` has counted.
            let export = unsafe { &*table.exports.add(index) };
            // SAFETY: both are terminated, as `described` has looked.
            let (name, ty) = unsafe { (terminated(export.name)?, terminated(export.kind)?) };
            plugin.add(name, &ty, export)?;
        }
        plugin.reset_variables()?;
        context.start_registering();
        let started = match table.init {
            Some(init) => plugin.enter::<()>(init, std::ptr::null_mut(), &[], &Type::Null),
            None => Ok(()),
        };
        let registered = context.end_registering();
        started.map_err(|error| error.context("its init failed"))?;
        for more in registered {
            plugin.add(more.name, &more.ty, &more.export)?;
        }
        Ok(plugin)
    }

    fn add(&mut self, name: String, ty: &str, export: &abi::Export) -> Result<()> {
        let parsed = match export.symbol {
            abi::SYMBOL_FUNC => ty.parse().map(ExportType::Func),
            _ => ty.parse().map(ExportType::Var),
        };
        let ty = parsed.map_err(|error| Error::new(format!("`{name}`: {error}")))?;
        let abi::Export { data, call, get, set, direct, .. } = *export;
        let private = export.symbol == abi::SYMBOL_STATE;
        let leaf = export.flags & abi::LEAF != 0;
        let export = Export { ty, private, leaf, data, call, get, set, direct };
        match self.exports.insert(name.clone(), export) {
            None => Ok(()),
            Some(_) => Err(Error::new(format!("`{name}` is exported twice"))),
        }
    }

    /// Puts the variables to what they were at the first load of this process.
    fn reset_variables(&self) -> Result<()> {
        let mut names: Vec<&String> = self
            .exports
            .iter()
            .filter(|(_, export)| export.get.is_some())
            .map(|(name, _)| name)
            .collect();
        names.sort();
        let table = &raw const *self.table as usize;
        let mut initial = lock(&INITIAL);
        if let Some((_, values)) = initial.iter().find(|(other, _)| *other == table) {
            return names.iter().zip(values).try_for_each(|(name, value)| {
                self.set_any(name, value.clone())
                    .map_err(|error| error.context(&format!("`{name}` cannot be reset")))
            });
        }
        let values = names.iter().map(|name| self.get_any(name)).collect::<Result<_>>()?;
        initial.push((table, values));
        Ok(())
    }

    /// Calls a function by its general entry: `plugin.call::<i64>("add", (2, 3))`.
    ///
    /// # Errors
    /// There is no such function, the arguments or the result are of other types, the
    /// function failed, or it is a leaf and asked the host for something.
    pub fn call<R: Data>(&self, name: &str, args: impl Args) -> Result<R> {
        let (export, signature) = self.func(name)?;
        let entry = export.call.ok_or_else(|| Error::new(format!("`{name}` has no entry")))?;
        let args = signature.coerce_args(args.to_values()?)?;
        self.watched(name, export, || self.enter(entry, export.data, &args, &signature.result))
    }

    /// Tells the plugin of an event, as its host does: what each handler has returned, in the order
    /// in which they subscribed.
    ///
    /// ```
    /// use twinplug_sdk::prelude::*;
    /// use twinplug_sdk::testing;
    ///
    /// #[plugin(name = "door", version = "1.0.0")]
    /// mod door {
    ///     use super::*;
    ///
    ///     #[init]
    ///     fn init(host: &HostRef) -> Result<()> {
    ///         let greeting: String = host.constant("GREETING")?;
    ///         host.on("knock", move |name: String| format!("{greeting}, {name}"))?;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<()> {
    /// let host = testing::Host::new().constant("GREETING", "Hello");
    /// let plugin = host.load(&door::twinplug_plugin)?;
    /// assert_eq!(plugin.emit("knock", ("Ann",)), [Ok("Hello, Ann".into())]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit(&self, event: &str, args: impl Args) -> Vec<Result<Value>> {
        let args = match args.to_values() {
            Ok(args) => args,
            Err(error) => return vec![Err(error.into())],
        };
        let handlers = self.context.subscriptions.to(event).into_iter();
        // One may end the next one's.
        let told = handlers.filter(|handler| self.context.subscriptions.has(handler));
        told.map(|handler| self.enter(handler.entry, handler.data, &args, &Type::Any)).collect()
    }

    /// Calls a function by its direct entry, which takes `i64`, `f64` and `bool` alone.
    ///
    /// # Errors
    /// As [`Plugin::call`]; or the function has no direct entry, or one of other types.
    pub fn call_direct<R: ScalarResult>(&self, name: &str, args: impl ScalarArgs) -> Result<R> {
        let (export, signature) = self.func(name)?;
        let entry = export.direct.ok_or_else(|| {
            Error::new(format!(
                "`{name}` has no direct entry: it takes or returns more than scalars"
            ))
        })?;
        check_direct::<R, _>(signature, &args)?;
        self.watched(name, export, || {
            // SAFETY: the types are those of the signature, which `Unnamed::direct` has
            // taken from the entry.
            let result = unsafe { direct::call(entry, args) };
            result.map_err(Error::shown)
        })
    }

    /// Calls a function by both entries, one after the other; their results, or their
    /// errors, must be the same.
    ///
    /// # Errors
    /// As [`Plugin::call_direct`], or the entries do not agree.
    pub fn call_both<R: ScalarResult + Debug>(
        &self,
        name: &str,
        args: impl ScalarArgs,
    ) -> Result<R> {
        let general = self.call::<R>(name, args);
        let direct = self.call_direct::<R>(name, args);
        // As text, so that NaN is NaN, and 0.0 is not -0.0.
        let (one, other) = (format!("{general:?}"), format!("{direct:?}"));
        match one == other {
            true => direct,
            false => Err(Error::new(format!(
                "the entries of `{name}` do not agree: the general one gives {one}, the direct \
                 one {other}"
            ))),
        }
    }

    /// The value of a variable, or of a state.
    ///
    /// # Errors
    /// There is no such variable, or it is of another type.
    pub fn get<T: Data>(&self, name: &str) -> Result<T> {
        Ok(self.get_any(name)?.to()?)
    }

    /// Sets a variable, or a state.
    ///
    /// # Errors
    /// As [`Plugin::get`].
    pub fn set<T: Data>(&self, name: &str, value: T) -> Result<()> {
        self.set_any(name, Value::of(&value)?)
    }

    /// Calls the hook of that name with the configuration, a map.
    ///
    /// # Errors
    /// There is no such hook, it takes another type, or it failed.
    pub fn on_load<T: Data>(&self, config: T) -> Result<()> {
        self.hook("on_load", self.table.on_load, &[Value::of(&config)?], &Type::Null)
    }

    /// What the hook of that name keeps over a reload.
    ///
    /// # Errors
    /// As [`Plugin::on_load`].
    pub fn on_save<T: Data>(&self) -> Result<T> {
        self.hook("on_save", self.table.on_save, &[], &Type::Any)
    }

    /// Calls the hook of that name with what `on_save` gave, and the version that gave it.
    ///
    /// # Errors
    /// As [`Plugin::on_load`].
    pub fn on_restore<T: Data>(&self, value: T, old_version: &str) -> Result<()> {
        let args = [Value::of(&value)?, Value::from(old_version)];
        self.hook("on_restore", self.table.on_restore, &args, &Type::Null)
    }

    /// Calls the hook of that name.
    ///
    /// # Errors
    /// As [`Plugin::on_load`].
    pub fn on_pause(&self) -> Result<()> {
        self.hook("on_pause", self.table.on_pause, &[], &Type::Null)
    }

    /// Calls the hook of that name.
    ///
    /// # Errors
    /// As [`Plugin::on_load`].
    pub fn on_resume(&self) -> Result<()> {
        self.hook("on_resume", self.table.on_resume, &[], &Type::Null)
    }

    /// Calls the hook of that name.
    ///
    /// # Errors
    /// As [`Plugin::on_load`].
    pub fn on_unload(&self) -> Result<()> {
        self.hook("on_unload", self.table.on_unload, &[], &Type::Null)
    }

    /// The names and types of the exports, sorted: `("add", "(by: int) -> int")`.
    #[must_use]
    pub fn exports(&self) -> Vec<(String, String)> {
        let public = self.exports.iter().filter(|(_, export)| !export.private);
        let mut exports: Vec<_> =
            public.map(|(name, export)| (name.clone(), export.ty.to_string())).collect();
        exports.sort();
        exports
    }

    /// What the plugin has printed since it was loaded, or since this was asked.
    #[must_use]
    pub fn output(&self) -> String {
        std::mem::take(&mut lock(&self.context.output))
    }

    /// What the plugin has logged since it was loaded, or since this was asked.
    #[must_use]
    pub fn log(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut lock(&self.context.log))
    }

    /// What the plugin has sent to a channel since it was loaded, or since this was
    /// asked.
    ///
    /// # Errors
    /// The host has no such channel, or the messages are of another type.
    pub fn sent<T: Data>(&self, channel: &str) -> Result<Vec<T>> {
        self.context.channels.take(channel)
    }

    /// Puts a message where the plugin receives it.
    ///
    /// # Errors
    /// The host has no such channel, or it carries another type.
    pub fn send<T: Data>(&self, channel: &str, message: &T) -> Result<()> {
        self.context.channels.put(channel, message)
    }

    /// Closes a channel: the plugin receives what is there, and then that it is closed.
    ///
    /// # Errors
    /// The host has no such channel.
    pub fn close(&self, channel: &str) -> Result<()> {
        self.context.channels.close(channel)
    }

    fn export(&self, name: &str) -> Result<&Export> {
        self.exports.get(name).ok_or_else(|| {
            let names: Vec<String> =
                self.exports().into_iter().map(|(name, _)| format!("`{name}`")).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let text = format!("no export `{name}`; there are: {names}");
            Error { status: abi::NOT_FOUND, text }
        })
    }

    fn func(&self, name: &str) -> Result<(&Export, &Signature)> {
        let export = self.export(name)?;
        match &export.ty {
            ExportType::Func(signature) => Ok((export, signature)),
            ExportType::Var(_) => Err(mismatch(format!("`{name}` is a variable"))),
        }
    }

    fn var(&self, name: &str) -> Result<(&Export, &Type)> {
        let export = self.export(name)?;
        match &export.ty {
            ExportType::Var(ty) => Ok((export, ty)),
            ExportType::Func(_) => Err(mismatch(format!("`{name}` is a function"))),
        }
    }

    fn get_any(&self, name: &str) -> Result<Value> {
        let (export, ty) = self.var(name)?;
        let entry = export.get.ok_or_else(|| Error::new(format!("`{name}` has no entry")))?;
        self.enter(entry, export.data, &[], ty)
    }

    fn set_any(&self, name: &str, value: Value) -> Result<()> {
        let (export, ty) = self.var(name)?;
        let entry = export.set.ok_or_else(|| Error::new(format!("`{name}` has no entry")))?;
        let value = ty.coerce(value).map_err(|error| error.at_field(name))?;
        self.enter(entry, export.data, &[value], &Type::Null)
    }

    fn hook<R: Data>(
        &self,
        name: &str,
        entry: Option<Function>,
        args: &[Value],
        result: &Type,
    ) -> Result<R> {
        let entry = entry.ok_or_else(|| Error {
            status: abi::NOT_FOUND,
            text: format!("the plugin has no `{name}`"),
        })?;
        self.enter(entry, std::ptr::null_mut(), args, result)
    }

    /// Runs a call, and reports a leaf function that asked for something.
    fn watched<R>(
        &self,
        name: &str,
        export: &Export,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        if !export.leaf {
            return run();
        }
        let result = Context::in_leaf(run);
        match lock(&self.context.breach).take() {
            None => result,
            Some(service) => Err(Error {
                status: abi::WRONG_STATE,
                text: format!("`{name}` is a leaf, and asked the host for `{service}`"),
            }),
        }
    }

    /// Calls an entry as a host does: arguments and result in an arena each.
    fn enter<R: Data>(
        &self,
        entry: Function,
        data: *mut c_void,
        args: &[Value],
        declared: &Type,
    ) -> Result<R> {
        let (arguments, mut memory) = (Arena::scattered(), Arena::scattered());
        let mut sink = RawSink::new(&arguments);
        args.iter().try_for_each(|arg| to_sink(arg, &mut sink))?;
        let mut result = abi::Value::NULL;
        let mut call = Call {
            size: size_of::<Call>() as u32,
            count: u32::try_from(args.len()).unwrap_or(u32::MAX),
            args: sink.values().as_ptr(),
            result: &raw mut result,
            arena: memory.as_raw(),
            data,
            host: &raw const SERVICES,
            context: self.context.as_raw(),
        };
        // SAFETY: an entry of the table, with a call as the ABI says: all that it points
        // to lives until the entry has returned.
        let status = unsafe { entry(&raw mut call) };
        // SAFETY: what the entry wrote is static or lies in `memory`.
        let source = || unsafe { RawSource::new(result) };
        if status != abi::OK {
            let text = from_source(&mut source());
            let text = text.unwrap_or_else(|_| format!("failed with status {status}"));
            return Err(Error { status, text }.shown());
        }
        declared.holds(&mut source()).map_err(|error| error.of("result"))?;
        Ok(from_source(&mut source()).map_err(|error| error.of("result"))?)
    }
}

/// Whether a direct entry of this signature takes these arguments and gives this result.
fn check_direct<R: ScalarResult, A: ScalarArgs>(signature: &Signature, _: &A) -> Result<()> {
    let declared: Vec<&Type> = signature.params.iter().map(|param| &*param.ty).collect();
    if declared == A::SCALARS && *signature.result == *R::SCHEMA {
        return Ok(());
    }
    let given: Vec<String> = A::SCALARS.iter().map(ToString::to_string).collect();
    let result = match R::SCHEMA {
        Type::Null => String::new(),
        ty => format!(" -> {ty}"),
    };
    Err(mismatch(format!("expected {signature}, got ({}){result}", given.join(", "))))
}

fn mismatch(text: String) -> Error {
    Error { status: abi::TYPE, text }
}

impl Error {
    fn context(mut self, what: &str) -> Self {
        self.text = format!("{what}: {}", self.text);
        self
    }

    /// As a host shows it.
    fn shown(self) -> Self {
        match self.status {
            abi::PANIC => self.context("panicked"),
            _ => self,
        }
    }
}

impl Gate {
    fn enter() -> Result<Gate> {
        let me = std::thread::current().id();
        if *lock(&HOLDER) == Some(me) {
            return Err(Error::new("this test has a plugin loaded already: drop that one first"));
        }
        // A test that failed has let go of it as well.
        let gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
        *lock(&HOLDER) = Some(me);
        Ok(Gate(gate))
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        *lock(&HOLDER) = None;
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.context.retire();
        host::forget_current();
    }
}
