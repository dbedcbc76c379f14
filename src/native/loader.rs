//! From checked bytes to a plugin.

use std::path::Path;
use std::sync::{Arc, Weak};

use twinplug_abi::{self as abi, Call};
use twinplug_value::raw::{RawSink, RawSource};
use twinplug_value::{ConvertError, ExportType, Value, from_source};

use super::arena::Arena;
use super::context::Context;
use super::image::Image;
use super::images::Images;
use super::preflight::Checked;
use super::services::SERVICES;
use super::table::{Entries, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{
    Descriptor, HostContext, Plugin, PluginKind, RawFunc, RawVar, Read, Results, Symbol, Write,
    sealed,
};

/// A shared library, loaded.
pub(crate) struct NativePlugin {
    descriptor: Arc<Descriptor>,
    exports: Vec<Entries>,
    image: Arc<Image>,
}

/// Maps the checked file, reads its table and runs its init.
pub(crate) fn load(
    path: &Path,
    checked: &Checked,
    host: Weak<HostContext>,
    images: &Images,
) -> Result<NativePlugin> {
    let context = Context::new(&checked.name, host);
    // Given up after the image, whatever becomes of it.
    let place = images.reserve()?;
    let image = Image::map(path, checked, context, &place)?;
    // SAFETY: the image was mapped from the checked bytes, and lives while `table` does.
    let table = unsafe { Table::read(image.table())? };
    // SAFETY: as above; that the table follows the ABI is what its symbol's name
    // promises.
    let mut exports = unsafe { table.exports(checked)? };
    if let Some(init) = table.plugin.init {
        exports.extend(registered(&image, init, &exports)?);
    }
    exports.retain(|entries| !entries.private);
    let descriptor = Descriptor {
        name: checked.name.clone(),
        version: checked.version.clone(),
        kind: PluginKind::Native,
        exports: exports.iter().map(|entries| entries.export.clone()).collect(),
    };
    Ok(NativePlugin { descriptor: Arc::new(descriptor), exports, image: Arc::new(image) })
}

/// Runs init; what it has registered.
fn registered(image: &Image, init: abi::Function, exports: &[Entries]) -> Result<Vec<Entries>> {
    let context = image.context();
    tracing::debug!(plugin = context.plugin, "runs its init");
    context.start_registering();
    let done = call(context, init, std::ptr::null_mut(), &[], &mut |_| Ok(()));
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
        let plugin = &self.descriptor.name;
        let Some(entries) = self.exports.iter().find(|entries| entries.export.name == name) else {
            let known = self.exports.iter().map(|entries| entries.export.name.as_str());
            return Err(Symbol::missing(plugin, name, known));
        };
        let raw =
            Arc::new(NativeSymbol { entries: entries.clone(), image: Arc::clone(&self.image) });
        Ok(match &entries.export.ty {
            ExportType::Func(signature) => Symbol::of_func(plugin, name, signature.clone(), raw),
            ExportType::Var(ty) => Symbol::of_var(plugin, name, ty.clone(), raw),
        })
    }
}

impl sealed::Implemented for NativePlugin {
    fn retire(&self) -> Result<()> {
        self.image.retire();
        Ok(())
    }
}

/// A function or a variable, with the image that its entries are in.
struct NativeSymbol {
    entries: Entries,
    image: Arc<Image>,
}

impl NativeSymbol {
    fn call(
        &self,
        entry: Option<abi::Function>,
        args: &[abi::Value],
        read: Read<'_>,
    ) -> Result<()> {
        match entry {
            Some(entry) => call(self.image.context(), entry, self.entries.data, args, read),
            None => Err(Error::new(ErrorKind::Symbol, "it has no such entry")),
        }
    }

    /// Whether the arguments are of the declared types. Code in C reads them by
    /// those; that their schemas say so is no proof.
    fn check(&self, args: &[abi::Value]) -> Result<(), ConvertError> {
        match &self.entries.export.ty {
            ExportType::Func(signature) => signature.check_count(args.len())?,
            ExportType::Var(_) if args.len() != 1 => {
                return Err(ConvertError::new(format!("expected 1 value, got {}", args.len())));
            }
            ExportType::Var(_) => {}
        }
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

impl RawFunc for NativeSymbol {
    // Several results are one list, which is how a tuple is read in any case.
    fn call(&self, args: Write<'_>, _: Results, read: Read<'_>) -> Result<()> {
        self.image.context().check()?;
        let arguments = Arena::default();
        let mut sink = RawSink::new(&arguments);
        args(&mut sink)?;
        self.check(sink.values())?;
        self.call(self.entries.call, sink.values(), read)
    }
}

impl RawVar for NativeSymbol {
    fn get(&self, read: Read<'_>) -> Result<()> {
        self.image.context().check()?;
        self.call(self.entries.get, &[], read)
    }

    fn set(&self, write: Write<'_>) -> Result<()> {
        self.image.context().check()?;
        let arguments = Arena::default();
        let mut sink = RawSink::new(&arguments);
        write(&mut sink)?;
        self.check(sink.values())?;
        self.call(self.entries.set, sink.values(), &mut |_| Ok(()))
    }
}

/// Calls an entry of a plugin, which writes its result into an arena of its own:
/// the arguments', which it reads meanwhile, is another one.
fn call(
    context: &Arc<Context>,
    entry: abi::Function,
    data: *mut std::ffi::c_void,
    args: &[abi::Value],
    read: Read<'_>,
) -> Result<()> {
    let mut memory = Arena::default();
    let mut result = abi::Value::NULL;
    let count = u32::try_from(args.len())
        .map_err(|_| Error::new(ErrorKind::Type, "more arguments than a call can have"))?;
    let mut call = Call {
        size: size_of::<Call>() as u32,
        count,
        args: args.as_ptr(),
        result: &raw mut result,
        arena: memory.as_raw(),
        data,
        host: &raw const SERVICES,
        context: context.as_raw(),
    };
    // SAFETY: an entry of an image that the caller holds, with a call as the ABI
    // says: all that it points to lives until the entry has returned.
    let status = unsafe { entry(&raw mut call) };
    // SAFETY: the result is static or lies in `memory`, which outlives the reading,
    // by the plugin's promise.
    let mut source = unsafe { RawSource::new(result) };
    match status {
        abi::OK => Ok(read(&mut source)?),
        status => Err(failed(status, from_source(&mut source).unwrap_or_default())),
    }
}

fn failed(status: abi::Status, thrown: Value) -> Error {
    let text = match &thrown {
        Value::Str(text) => text.clone(),
        Value::Null => format!("failed with status {status}"),
        _ => "an error without a message".to_owned(),
    };
    let text = if status == abi::PANIC { format!("panicked: {text}") } else { text };
    let error = Error::new(ErrorKind::Call, text);
    match thrown {
        Value::Str(_) | Value::Null => error,
        payload => error.with_payload(payload),
    }
}
