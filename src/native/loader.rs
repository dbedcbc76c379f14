//! From checked bytes to a plugin.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use parking_lot::{Mutex, RwLock};
use semver::Version;
use twinplug_abi::{self as abi};
use twinplug_value::raw::{Arena, RawArgs, RawSink, Returned, use_hosting};
use twinplug_value::{ConvertError, ExportType, Map, MapKey, Value, from_view, to_sink};

use super::context::Context;
use super::image::Image;
use super::images::{Images, Record};
use super::preflight::Checked;
use super::serving::SERVING;
use super::subscriptions::Held;
use super::symbol::{NativeSymbol, call};
use super::table::{Entries, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{
    Bound, Descriptor, Gate, Gone, Hook, HostContext, NativeFrame, Origin, Plugin, PluginKind,
    Subscriber, Symbol, Track, ValueVar, deadline, sealed,
};

/// How long an unload waits for calls that run.
const PATIENCE: Duration = Duration::from_secs(1);

/// A shared library, loaded.
pub(crate) struct NativePlugin {
    descriptor: Arc<Descriptor>,
    /// Its exports; private ones, which nobody looks up, too.
    exports: RwLock<HashMap<String, Arc<NativeSymbol>, RandomState>>,
    /// What was looked up of this load.
    found: Mutex<Vec<Symbol>>,
    /// Counts its calls, if it matters whether one runs: it has state, or goes.
    track: Option<Arc<Track>>,
    hooks: [Option<abi::Function>; Hook::ALL.len()],
    /// What `on_load` gets.
    config: Value,
    /// Whether the image goes with it.
    unload: bool,
    /// Whether `on_load` has ended: else nothing is to be unloaded.
    is_started: AtomicBool,
    /// `None` once it was retired.
    image: Mutex<Option<Arc<Image>>>,
    /// What is known of it, also then.
    record: Arc<Record>,
}

/// Maps the checked file, reads its table, runs its init; `start` follows. The calls of a plugin
/// that takes over from another are counted by the track of that, if they are.
pub(crate) fn load(
    origin: &Origin,
    checked: &Checked,
    host: Weak<HostContext>,
    images: &Images,
    track: Option<Arc<Track>>,
) -> Result<NativePlugin> {
    let name = origin.settle_name(Some(checked.name.clone()))?;
    let version = origin.settle_version(Some(checked.version.clone()))?;
    let context = Context::new(&name, &origin.requires, host);
    // Given up after the image, whatever becomes of it.
    let place = images.reserve()?;
    use_hosting(&SERVING);
    let image = Image::map(&origin.path, checked, context, &place)?;
    let loaded = build(origin, checked, &image, (name, version), track);
    if loaded.is_err() {
        // What init has handed out answers that it is gone.
        image.retire();
    }
    loaded
}

/// What follows once the image is there.
fn build(
    origin: &Origin,
    checked: &Checked,
    image: &Arc<Image>,
    (name, version): (String, Version),
    track: Option<Arc<Track>>,
) -> Result<NativePlugin> {
    // SAFETY: the image was mapped from the checked bytes, and lives while `table` does.
    let table = unsafe { Table::read(image.table())? };
    // SAFETY: as above; that the table follows the ABI is what its symbol's name
    // promises.
    let mut exports = unsafe { table.exports(checked)? };
    if let Some(init) = table.plugin.init {
        exports.extend(registered(image, &table, init, &exports)?);
    }
    let track = is_tracked(checked, &table, &exports)
        .then(|| track.unwrap_or_else(|| Arc::new(Track::new())));
    if let Some(track) = &track {
        image.context().set_track(track);
    }
    let descriptor = Descriptor {
        name: name.clone(),
        version,
        kind: PluginKind::Native,
        exports: public(&exports).map(|entries| entries.export.clone()).collect(),
        hooks: Hook::names(|hook| table.hook(hook).is_some()),
        requires: origin.requires.clone(),
        over: None,
    };
    image.loaded(checked.unload);
    let symbol = |entries: Entries| {
        (entries.export.name.clone(), Arc::new(NativeSymbol::new(entries, image)))
    };
    Ok(NativePlugin {
        descriptor: Arc::new(descriptor),
        exports: RwLock::new(exports.into_iter().map(symbol).collect()),
        found: Mutex::default(),
        track,
        hooks: Hook::ALL.map(|hook| table.hook(hook)),
        config: Value::Map(origin.config.clone()),
        unload: checked.unload,
        is_started: AtomicBool::new(false),
        image: Mutex::new(Some(Arc::clone(image))),
        record: Arc::clone(image.record()),
    })
}

fn public(exports: &[Entries]) -> impl Iterator<Item = &Entries> {
    exports.iter().filter(|entries| !entries.private)
}

/// Whether it must be known when a call runs: a reload carries state when none does, and
/// an image is unmapped.
fn is_tracked(checked: &Checked, table: &Table, exports: &[Entries]) -> bool {
    let is_var = |entries: &Entries| matches!(entries.export.ty, ExportType::Var(_));
    let has_hook = Hook::ALL.into_iter().any(|hook| table.hook(hook).is_some());
    checked.unload || has_hook || exports.iter().any(is_var)
}

/// Runs init; what it has registered.
fn registered(
    image: &Image,
    table: &Table,
    init: abi::Function,
    exports: &[Entries],
) -> Result<Vec<Entries>> {
    let context = image.context();
    tracing::debug!(plugin = context.plugin, "runs its init");
    context.start_registering(table.registered_size());
    let done = call_hook(context, "init", init, &[]);
    let registered = context.end_registering();
    done.map_err(|error| error.context("its init failed").with_kind(ErrorKind::Load))?;
    let twice = registered
        .iter()
        .map(|entries| &entries.export.name)
        .find(|name| exports.iter().any(|other| other.export.name == **name));
    match twice {
        None => Ok(registered),
        Some(name) => {
            let message = format!("its init registered `{name}`, which is exported already");
            Err(Error::new(ErrorKind::Load, message))
        }
    }
}

impl Plugin for NativePlugin {
    fn descriptor(&self) -> Arc<Descriptor> {
        Arc::clone(&self.descriptor)
    }

    fn lookup(&self, name: &str) -> Result<Symbol> {
        let bound = sealed::Implemented::bind(self, name)?;
        let symbol = Symbol::new(&self.descriptor.name, name, bound, self.track.clone());
        let mut found = self.found.lock();
        // Under the lock: what retires it comes before, or finds this.
        match (&*self.image.lock(), &self.track) {
            (None, _) => symbol.retire(Gone::Unloaded),
            (Some(image), Some(track)) => {
                image.context().gate().iter().for_each(|gate| symbol.pause(gate, track));
            }
            _ => {}
        }
        found.retain(Symbol::is_held);
        found.push(symbol.clone());
        Ok(symbol)
    }
}

impl sealed::Implemented for NativePlugin {
    fn bind(&self, name: &str) -> Result<Bound> {
        let exports = self.exports.read();
        let public = exports.get(name).filter(|symbol| !symbol.entries.private);
        let symbol = public.ok_or_else(|| {
            let known = self.descriptor.exports.iter().map(|export| export.name.as_str());
            Symbol::missing(&self.descriptor.name, name, known)
        })?;
        Ok(symbol.bound())
    }

    fn start(&self) -> Result<()> {
        let Some(image) = self.image.lock().clone() else { return Err(Gone::Unloaded.error()) };
        image.begins();
        let called = self.hook(Hook::Load, std::slice::from_ref(&self.config));
        called.map_err(|error| error.with_kind(ErrorKind::Load))?;
        image.loaded(self.unload);
        self.is_started.store(true, Ordering::Release);
        Ok(())
    }

    fn pause(&self, gate: &Arc<Gate>) -> Result<()> {
        let Some(image) = self.image.lock().clone() else { return Err(Gone::Unloaded.error()) };
        let Some(track) = &self.track else { return Ok(()) };
        image.context().pause(Some(gate));
        self.found.lock().iter().for_each(|symbol| symbol.pause(gate, track));
        let left = deadline().map(|deadline| deadline.at.saturating_duration_since(Instant::now()));
        if track.drain(left.unwrap_or(PATIENCE)) {
            self.found.lock().iter().for_each(Symbol::free_retired);
            return Ok(());
        }
        self.resume();
        Err(Error::new(ErrorKind::Reload, "its calls have not ended in time"))
    }

    fn resume(&self) {
        if let Some(image) = self.image.lock().clone() {
            image.context().pause(None);
        }
        for symbol in &*self.found.lock() {
            if let Ok(bound) = sealed::Implemented::bind(self, symbol.name()) {
                symbol.lead_to(bound, self.track.as_ref());
            }
        }
    }

    fn variables(&self) -> Result<Vec<(String, Result<Value>)>> {
        let exports = self.descriptor.exports.iter();
        let variables = exports.filter(|export| matches!(export.ty, ExportType::Var(_)));
        // Past the gate: it is asked for while it is paused.
        let here = |name: &str| -> Result<Symbol> {
            let bound = sealed::Implemented::bind(self, name)?;
            Ok(Symbol::new(&self.descriptor.name, name, bound, self.track.clone()))
        };
        let read = |name: &str| match here(name)? {
            Symbol::Var(var) => var.get(),
            Symbol::Func(_) => Ok(Value::Null),
        };
        Ok(variables.map(|export| (export.name.clone(), read(&export.name))).collect())
    }

    fn state(&self) -> Result<Vec<Map>> {
        let exports = self.exports.read();
        let private = exports.values().filter(|symbol| symbol.entries.private);
        // Its code is called without the lock.
        let private: Vec<_> = private.cloned().collect();
        drop(exports);
        let fields = private.iter().map(|symbol| {
            let mut value = pin!(Returned::new());
            ValueVar::get(&**symbol, value.as_mut())?;
            let context = symbol.image.context();
            let name = symbol.entries.export.name.clone();
            let value = from_view(value.view().written_by(&**context))
                .map_err(|error: ConvertError| error.at_field(&name))?;
            Ok((MapKey::Str(name), value))
        });
        Ok(vec![fields.collect::<Result<Map>>()?])
    }

    fn set_state(&self, _: usize, field: &MapKey, value: &Value) -> Result<()> {
        let symbol = match field {
            MapKey::Str(name) => self.exports.read().get(name).cloned(),
            MapKey::Int(_) => None,
        };
        let symbol = symbol.filter(|symbol| symbol.entries.private);
        let Some(symbol) = symbol else {
            return Err(Error::new(ErrorKind::Symbol, "it has no such state"));
        };
        let ExportType::Var(ty) = &symbol.entries.export.ty else { return Ok(()) };
        let arena = Arena::new();
        let mut sink = RawSink::new(&arena);
        sink.set_reader(&*symbol);
        to_sink(&ty.coerce(value.clone())?, &mut sink)?;
        ValueVar::set(&*symbol, RawArgs::written(&sink))
    }

    fn hook(&self, hook: Hook, args: &[Value]) -> Result<Option<Value>> {
        let Some(function) = self.hooks[hook as usize] else { return Ok(None) };
        let Some(image) = self.image.lock().clone() else { return Err(Gone::Unloaded.error()) };
        // It is inside of the plugin, and so are its calls of that.
        let call = || call_hook(image.context(), hook.name(), function, args);
        let called = match &self.track {
            Some(track) => track.count(call),
            None => call(),
        };
        called.map(Some).map_err(|error| error.context(format_args!("its {} failed", hook.name())))
    }

    fn track(&self) -> Option<Arc<Track>> {
        self.track.clone()
    }

    /// Its calls are counted all the while.
    fn is_out_here(&self) -> bool {
        false
    }

    fn remains(&self) -> Option<String> {
        self.record.running()
    }

    /// It takes memory where it likes.
    fn memory(&self) -> Option<usize> {
        None
    }

    fn has(&self, name: &str) -> bool {
        self.exports.read().get(name).is_some_and(|symbol| !symbol.entries.private)
    }

    fn subscribers(&self, event: &str) -> Vec<Subscriber> {
        let Some(image) = self.image.lock().clone() else { return Vec::new() };
        // SAFETY: each is held with the image, and dropped before it.
        let handlers = unsafe { image.context().subscriptions.to(event) };
        let plugin = &self.descriptor.name;
        let told = handlers.into_iter().map(|handler| Told { handler, image: Arc::clone(&image) });
        told.map(|told| Subscriber::new(plugin, event, move |args| told.tell(args))).collect()
    }

    fn retire(&self, why: Gone) -> Result<()> {
        let Some(image) = self.image.lock().take() else { return Ok(()) };
        let found = std::mem::take(&mut *self.found.lock());
        found.iter().for_each(|symbol| symbol.retire(why));
        // Calls that wait come back, so that nobody waits for them.
        image.context().close(why);
        image.context().pause(None);
        // SAFETY: the image is held until this returns.
        let handlers = unsafe { image.context().subscriptions.end() };
        let plugin = &self.descriptor.name;
        // What has paused it has waited; others enter the load that has taken over.
        if why == Gone::Unloaded && self.track.as_ref().is_some_and(|it| !it.wait(PATIENCE)) {
            tracing::warn!(plugin, "calls of it still run");
        }
        if let Some(on_unload) = self.hooks[Hook::Unload as usize]
            && self.is_started.load(Ordering::Acquire)
            && let Err(error) = call_hook(image.context(), "on_unload", on_unload, &[])
        {
            tracing::warn!(plugin, %error, "its on_unload failed");
        }
        drop(handlers);
        // Each holds the image.
        let exports = std::mem::take(&mut *self.exports.write());
        drop(exports);
        image.retire();
        if let Some(threads) = self.record.running() {
            tracing::warn!(plugin, "{threads}");
        }
        found.iter().for_each(Symbol::free_retired);
        Ok(())
    }
}

/// A handler of an event, which is told of it; dropped before the image that it is in.
struct Told {
    handler: Held,
    image: Arc<Image>,
}

impl Told {
    /// Calls it; `None` where its subscription has ended.
    fn tell(&self, args: &[Value]) -> Result<Option<Value>> {
        let tell = || {
            // Once it is counted: who ends it after that waits for it.
            let Some(handler) = self.handler.get() else { return Ok(None) };
            let arena = Arena::new();
            let context = self.image.context();
            let mut values = RawSink::new(&arena);
            values.set_reader(&**context);
            args.iter().try_for_each(|arg| to_sink(arg, &mut values))?;
            let mut result = pin!(Returned::new());
            let entry = (handler.entry, handler.data);
            let frame = || NativeFrame::function(&context.plugin, &handler.event);
            call(context, entry, values.values(), result.as_mut(), frame)?;
            let view = result.view().written_by(&**context);
            Ok(Some(from_view(view).map_err(|error: ConvertError| error.of("result"))?))
        };
        match self.image.context().begin_call() {
            Ok(_running) => tell(),
            Err(error) if error.kind() == ErrorKind::Stale => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Calls an init or a hook; what it gives.
fn call_hook(
    context: &Arc<Context>,
    name: &str,
    hook: abi::Function,
    args: &[Value],
) -> Result<Value> {
    let no_data = std::ptr::null_mut();
    let frame = || NativeFrame::function(&context.plugin, name);
    let arena = Arena::new();
    let mut values = RawSink::new(&arena);
    values.set_reader(&**context);
    args.iter().try_for_each(|arg| to_sink(arg, &mut values))?;
    let mut result = pin!(Returned::new());
    call(context, (hook, no_data), values.values(), result.as_mut(), frame)?;
    let view = result.view().written_by(&**context);
    from_view(view).map_err(|error: ConvertError| error.of("result").into())
}
