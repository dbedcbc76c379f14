//! From checked bytes to a plugin.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use semver::Version;
use twinplug_abi::{self as abi, Call};
use twinplug_value::raw::{
    Arena, Entry, Failed, Foreign, Note, RawArgs, RawSink, RawSource, Returned, use_hosting,
};
use twinplug_value::{ConvertError, ExportType, Reference, Value, from_view, to_sink};

use super::context::Context;
use super::image::Image;
use super::images::Images;
use super::leaf;
use super::preflight::Checked;
use super::services::SERVICES;
use super::serving::SERVING;
use super::subscriptions::Held;
use super::table::{Entries, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{
    Descriptor, FuncTarget, HostContext, NativeFrame, Origin, Plugin, PluginKind, Subscriber,
    Symbol, Track, ValueFunc, ValueVar, VarTarget, raised, sealed,
};

/// How long an unload waits for calls that run.
const PATIENCE: Duration = Duration::from_secs(1);

/// A shared library, loaded.
pub(crate) struct NativePlugin {
    descriptor: Arc<Descriptor>,
    symbols: HashMap<String, Symbol, RandomState>,
    /// Counts its calls, if it matters whether one runs: it has state, or goes.
    track: Option<Arc<Track>>,
    on_unload: Option<abi::Function>,
    /// `None` once it was retired.
    image: Mutex<Option<Arc<Image>>>,
}

/// Maps the checked file, reads its table, runs its init and its `on_load`.
pub(crate) fn load(
    origin: &Origin,
    checked: &Checked,
    host: Weak<HostContext>,
    images: &Images,
) -> Result<NativePlugin> {
    let name = origin.settle_name(Some(checked.name.clone()))?;
    let version = origin.settle_version(Some(checked.version.clone()))?;
    let context = Context::new(&name, &origin.requires, host);
    // Given up after the image, whatever becomes of it.
    let place = images.reserve()?;
    use_hosting(&SERVING);
    let image = Image::map(&origin.path, checked, context, &place)?;
    let loaded = start(origin, checked, &image, name, version);
    if loaded.is_err() {
        // What init has handed out answers that it is gone.
        image.retire();
    }
    loaded
}

/// What follows once the image is there.
fn start(
    origin: &Origin,
    checked: &Checked,
    image: &Arc<Image>,
    name: String,
    version: Version,
) -> Result<NativePlugin> {
    // SAFETY: the image was mapped from the checked bytes, and lives while `table` does.
    let table = unsafe { Table::read(image.table())? };
    // SAFETY: as above; that the table follows the ABI is what its symbol's name
    // promises.
    let mut exports = unsafe { table.exports(checked)? };
    if let Some(init) = table.plugin.init {
        exports.extend(registered(image, &table, init, &exports)?);
    }
    let track = is_tracked(checked, &table, &exports).then(|| Arc::new(Track::new()));
    if let Some(track) = &track {
        image.context().set_track(track);
    }
    exports.retain(|entries| !entries.private);
    let descriptor = Descriptor {
        name: name.clone(),
        version,
        kind: PluginKind::Native,
        exports: exports.iter().map(|entries| entries.export.clone()).collect(),
        requires: origin.requires.clone(),
    };
    if let Some(on_load) = table.plugin.on_load {
        let arena = Arena::new();
        let mut config = RawSink::new(&arena);
        to_sink(&Value::Map(origin.config.clone()), &mut config)?;
        let loaded = call_hook(image.context(), "on_load", on_load, config.values());
        loaded.map_err(|error| error.context("its on_load failed").with_kind(ErrorKind::Load))?;
    }
    image.loaded(checked.unload);
    let symbol = |entries| symbol(&name, entries, image, track.as_ref());
    Ok(NativePlugin {
        descriptor: Arc::new(descriptor),
        symbols: exports.into_iter().map(symbol).collect(),
        track,
        on_unload: table.plugin.on_unload,
        image: Mutex::new(Some(Arc::clone(image))),
    })
}

/// Whether it must be known when a call runs: a reload carries state when none does, and
/// an image is unmapped.
fn is_tracked(checked: &Checked, table: &Table, exports: &[Entries]) -> bool {
    let plugin = &table.plugin;
    let hooks = [
        plugin.on_load,
        plugin.on_save,
        plugin.on_restore,
        plugin.on_pause,
        plugin.on_resume,
        plugin.on_unload,
    ];
    let is_var = |entries: &Entries| matches!(entries.export.ty, ExportType::Var(_));
    checked.unload || hooks.iter().any(Option::is_some) || exports.iter().any(is_var)
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

/// The symbol of an export.
fn symbol(
    plugin: &str,
    entries: Entries,
    image: &Arc<Image>,
    track: Option<&Arc<Track>>,
) -> (String, Symbol) {
    let name = entries.export.name.clone();
    let ty = entries.export.ty.clone();
    let (direct, is_leaf) = (entries.direct, entries.leaf);
    let count = match &ty {
        ExportType::Func(signature) => signature.params.len(),
        ExportType::Var(_) => 1,
    };
    let unchecked = entries.checks.then_some(count);
    let native = Arc::new(NativeSymbol { entries, unchecked, image: Arc::clone(image) });
    let track = track.cloned();
    let symbol = match ty {
        ExportType::Func(signature) => {
            let direct = match direct {
                // SAFETY: that its type follows from the signature, and that it may be
                // called from any thread, is the ABI's; the target holds `native`, and
                // that the image.
                Some(direct) => unsafe { Entry::new(direct, &signature) },
                None => Entry::NONE,
            };
            let target = FuncTarget::values(native, direct);
            let target = if is_leaf { target.leaf() } else { target };
            Symbol::of_func(plugin, &name, signature, target, track)
        }
        ExportType::Var(ty) => Symbol::of_var(plugin, &name, ty, VarTarget::Values(native), track),
    };
    (name, symbol)
}

impl Plugin for NativePlugin {
    fn descriptor(&self) -> Arc<Descriptor> {
        Arc::clone(&self.descriptor)
    }

    fn lookup(&self, name: &str) -> Result<Symbol> {
        self.symbols.get(name).cloned().ok_or_else(|| {
            let known = self.descriptor.exports.iter().map(|export| export.name.as_str());
            Symbol::missing(&self.descriptor.name, name, known)
        })
    }
}

impl sealed::Implemented for NativePlugin {
    fn has(&self, name: &str) -> bool {
        self.symbols.contains_key(name)
    }

    fn subscribers(&self, event: &str) -> Vec<Subscriber> {
        let Some(image) = self.image.lock().clone() else { return Vec::new() };
        // SAFETY: each is held with the image, and dropped before it.
        let handlers = unsafe { image.context().subscriptions.to(event) };
        let plugin = &self.descriptor.name;
        let told = handlers.into_iter().map(|handler| Told {
            handler,
            track: self.track.clone(),
            image: Arc::clone(&image),
        });
        told.map(|told| Subscriber::new(plugin, event, move |args| told.tell(args))).collect()
    }

    fn retire(&self) -> Result<()> {
        let Some(image) = self.image.lock().take() else { return Ok(()) };
        self.symbols.values().for_each(Symbol::retire);
        // Calls that wait come back, so that nobody waits for them.
        image.context().close();
        // SAFETY: the image is held until this returns.
        let handlers = unsafe { image.context().subscriptions.end() };
        let plugin = &self.descriptor.name;
        if self.track.as_ref().is_some_and(|track| !track.wait(PATIENCE)) {
            tracing::warn!(plugin, "calls of it still run");
        }
        if let Some(on_unload) = self.on_unload
            && let Err(error) = call_hook(image.context(), "on_unload", on_unload, &[])
        {
            tracing::warn!(plugin, %error, "its on_unload failed");
        }
        drop(handlers);
        image.retire();
        self.symbols.values().for_each(Symbol::free_retired);
        Ok(())
    }
}

/// A handler of an event, which is told of it; dropped before the image that it is in.
struct Told {
    handler: Held,
    track: Option<Arc<Track>>,
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
            let mut result = Returned::new();
            let entry = (handler.entry, handler.data);
            let frame = || NativeFrame::function(&context.plugin, &handler.event);
            call(context, entry, values.values(), &mut result, frame)?;
            let view = result.view().written_by(&**context);
            Ok(Some(from_view(view).map_err(|error: ConvertError| error.of("result"))?))
        };
        match &self.track {
            Some(track) => track.count(tell),
            None => tell(),
        }
    }
}

/// A function or a variable, with the image that its entries are in.
struct NativeSymbol {
    entries: Entries,
    /// So many arguments need no further look.
    unchecked: Option<usize>,
    image: Arc<Image>,
}

impl NativeSymbol {
    #[inline(always)]
    fn call(
        &self,
        entry: Option<abi::Function>,
        args: &[abi::Value],
        result: &mut Returned,
    ) -> Result<()> {
        let Some(entry) = entry else {
            return Err(Error::new(ErrorKind::Symbol, "it has no such entry"));
        };
        let (context, data) = (self.image.context(), self.entries.data);
        call(context, (entry, data), args, result, || self.frame())
    }

    /// As tracebacks show a call of it.
    fn frame(&self) -> NativeFrame<'_> {
        let (plugin, export) = (&self.image.context().plugin, &self.entries.export);
        match export.ty {
            ExportType::Func(_) => NativeFrame::function(plugin, &export.name),
            ExportType::Var(_) => NativeFrame::variable(plugin, &export.name),
        }
    }

    /// Whether the arguments are of the declared types. Code in C reads them by
    /// those; that their schemas say so is no proof.
    #[inline(always)]
    fn check(&self, args: &[abi::Value]) -> Result<(), ConvertError> {
        if self.unchecked == Some(args.len()) {
            return Ok(());
        }
        self.look_at(args)
    }

    #[inline(never)]
    fn look_at(&self, args: &[abi::Value]) -> Result<(), ConvertError> {
        match &self.entries.export.ty {
            ExportType::Func(signature) => signature.check_count(args.len())?,
            ExportType::Var(_) if args.len() != 1 => {
                return Err(ConvertError::new(format!("expected 1 value, got {}", args.len())));
            }
            ExportType::Var(_) => {}
        }
        if self.entries.checks { Ok(()) } else { self.check_types(args) }
    }

    fn check_types(&self, args: &[abi::Value]) -> Result<(), ConvertError> {
        args.iter().enumerate().try_for_each(|(index, arg)| {
            // SAFETY: a `RawSink` wrote it; what it points to lies in an arena that
            // outlives this call.
            let mut source = unsafe { RawSource::new(*arg) };
            match &self.entries.export.ty {
                ExportType::Func(signature) => signature.argument_holds(index, &mut source),
                ExportType::Var(ty) => {
                    let name = &self.entries.export.name;
                    ty.holds(&mut source).map_err(|error| error.at_field(name))
                }
            }
        })
    }
}

impl Foreign for NativeSymbol {
    fn adopt(&self, theirs: Reference) -> Result<Reference, ConvertError> {
        self.image.context().adopt(theirs)
    }

    fn own(&self, ours: &Reference) -> Option<Reference> {
        self.image.context().own(ours)
    }
}

impl ValueFunc for NativeSymbol {
    // Several results are one list, which is how a tuple is read in any case.
    fn call(&self, args: RawArgs<'_>, result: &mut Returned) -> Result<()> {
        self.check(args.values())?;
        let _leaf = self.entries.leaf.then(leaf::enter);
        self.call(self.entries.call, args.values(), result)
    }
}

impl ValueVar for NativeSymbol {
    fn get(&self, result: &mut Returned) -> Result<()> {
        self.call(self.entries.get, &[], result)
    }

    fn set(&self, value: RawArgs<'_>) -> Result<()> {
        self.check(value.values())?;
        self.call(self.entries.set, value.values(), &mut Returned::new())
    }
}

/// Calls an init or a hook, which gives nothing.
fn call_hook(
    context: &Arc<Context>,
    name: &str,
    hook: abi::Function,
    args: &[abi::Value],
) -> Result<()> {
    let no_data = std::ptr::null_mut();
    let frame = || NativeFrame::function(&context.plugin, name);
    call(context, (hook, no_data), args, &mut Returned::new(), frame)
}

/// Calls an entry of a plugin with its data. The arena that it writes its result to is
/// another one than the arguments', which it reads meanwhile.
#[inline(always)]
fn call<'n>(
    context: &Arc<Context>,
    (entry, data): (abi::Function, *mut c_void),
    args: &[abi::Value],
    result: &mut Returned,
    frame: impl FnOnce() -> NativeFrame<'n>,
) -> Result<()> {
    let count = u32::try_from(args.len())
        .map_err(|_| Error::new(ErrorKind::Type, "more arguments than a call can have"))?;
    // SAFETY: the entry follows the ABI, by the plugin's promise.
    let (place, arena) = unsafe { result.place() };
    let call = Call {
        size: size_of::<Call>() as u32,
        count,
        args: args.as_ptr(),
        result: place,
        arena,
        data,
        host: &raw const SERVICES,
        context: context.as_raw(),
    };
    // What only an error needs lies beside the call, and so in no register meanwhile.
    let mut running = (call, frame);
    Note::erase();
    // SAFETY: an entry of an image that the caller holds, with a call as the ABI
    // says: all that it points to lives until the entry has returned.
    match unsafe { entry(&raw mut running.0) } {
        abi::OK => Ok(()),
        status => Err(failed(status, result, context, &running.1())),
    }
}

#[cold]
#[inline(never)]
pub(super) fn failed(
    status: abi::Status,
    result: &Returned,
    context: &Context,
    frame: &NativeFrame<'_>,
) -> Error {
    let told = from_view(result.view().written_by(context)).unwrap_or_default();
    let (text, payload) = match told {
        Value::Str(text) => (Some(text), None),
        Value::Null => (None, None),
        other => (Some("an error without a message".to_owned()), Some(other)),
    };
    let error = raised(&Failed { status, text }, frame);
    match payload {
        Some(payload) => error.with_payload(payload),
        None => error,
    }
}
