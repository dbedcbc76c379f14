//! An export of a native plugin, and how its entries are called.

use std::ffi::c_void;
use std::pin::{Pin, pin};
use std::sync::Arc;

use twinplug_abi::{self as abi, Call};
use twinplug_value::raw::{Entry, Failed, Foreign, Note, RawArgs, RawSource, Returned};
use twinplug_value::{ConvertError, ExportType, Reference, Value, from_view};

use super::context::Context;
use super::image::Image;
use super::leaf;
use super::services::SERVICES;
use super::table::Entries;
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Bound, FuncTarget, NativeFrame, ValueFunc, ValueVar, VarTarget, raised};

/// A function or a variable, with the image that its entries are in.
pub(super) struct NativeSymbol {
    pub(super) entries: Entries,
    /// So many arguments need no further look.
    unchecked: Option<usize>,
    pub(super) image: Arc<Image>,
}

impl NativeSymbol {
    pub(super) fn new(entries: Entries, image: &Arc<Image>) -> NativeSymbol {
        let count = match &entries.export.ty {
            ExportType::Func(signature) => signature.params.len(),
            ExportType::Var(_) => 1,
        };
        let unchecked = entries.checks.then_some(count);
        NativeSymbol { entries, unchecked, image: Arc::clone(image) }
    }

    /// Where handles lead.
    pub(super) fn bound(self: &Arc<Self>) -> Bound {
        let entries = &self.entries;
        match &entries.export.ty {
            ExportType::Func(signature) => {
                let direct = match entries.direct {
                    // SAFETY: that its type follows from the signature, and that it may be
                    // called from any thread, is the ABI's; the target holds the symbol, and
                    // that the image.
                    Some(direct) => unsafe { Entry::new(direct, signature) },
                    None => Entry::NONE,
                };
                let target = FuncTarget::values(Arc::clone(self) as _, direct, signature.clone());
                Bound::Func(if entries.leaf { target.leaf() } else { target })
            }
            ExportType::Var(ty) => Bound::Var(VarTarget::values(Arc::clone(self) as _, ty.clone())),
        }
    }

    #[inline(always)]
    fn call(
        &self,
        entry: Option<abi::Function>,
        args: &[abi::Value],
        result: Pin<&mut Returned>,
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
            // SAFETY: a `RawSink` wrote it; what it points to lies in an arena, or was lent, for
            // longer than this call.
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
    fn call(&self, args: RawArgs<'_>, result: Pin<&mut Returned>) -> Result<()> {
        self.check(args.values())?;
        let _leaf = self.entries.leaf.then(leaf::enter);
        self.call(self.entries.call, args.values(), result)
    }
}

impl ValueVar for NativeSymbol {
    fn get(&self, result: Pin<&mut Returned>) -> Result<()> {
        self.call(self.entries.get, &[], result)
    }

    fn set(&self, value: RawArgs<'_>) -> Result<()> {
        self.check(value.values())?;
        self.call(self.entries.set, value.values(), pin!(Returned::new()))
    }
}

/// Calls an entry of a plugin with its data. The arena that it writes its result to has nothing of
/// the arguments, which it reads meanwhile.
#[inline(always)]
pub(super) fn call<'n>(
    context: &Arc<Context>,
    (entry, data): (abi::Function, *mut c_void),
    args: &[abi::Value],
    mut result: Pin<&mut Returned>,
    frame: impl FnOnce() -> NativeFrame<'n>,
) -> Result<()> {
    let count = u32::try_from(args.len())
        .map_err(|_| Error::new(ErrorKind::Type, "more arguments than a call can have"))?;
    // SAFETY: the entry follows the ABI, by the plugin's promise.
    let (place, arena) = unsafe { result.as_mut().place() };
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
        status => Err(failed(status, &result, context, &running.1())),
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
