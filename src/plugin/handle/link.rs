//! What all handles on one export share: where it leads to now, and its place for messages.

use std::fmt;
use std::pin::pin;
use std::ptr;

use twinplug_value::raw::{Allocate, Failed, RawArgs, RawSink, Returned, Room, Scalars};
use twinplug_value::{
    Args, ConvertError, Data, Plain, Simple, Sink, Source, Type, Value, from_source, from_view,
    to_sink, write,
};

use super::rebind::{Casuals, Uses};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::live::Live;
use crate::plugin::target::{FuncTarget, General, VarTarget};
use crate::plugin::{Got, NativeFrame, RawFunc, Results, ValueFunc, ValueVar, raised};

/// All handles on one function share it.
pub(super) struct FuncLink {
    pub(super) target: Live<FuncTarget>,
    pub(super) place: Place,
    /// As what it is held.
    pub(super) uses: Uses<(&'static [&'static Type], &'static Type)>,
    /// How many handles do without it, should a reload take it away.
    pub(super) casuals: Casuals,
}

/// All handles on one variable share it.
pub(super) struct VarLink {
    pub(super) target: Live<VarTarget>,
    pub(super) place: Place,
    pub(super) uses: Uses<&'static Type>,
}

/// Where a symbol is, for messages.
pub(in crate::plugin) struct Place {
    pub(super) plugin: String,
    pub(super) symbol: String,
}

/// Writes the arguments of a call.
pub(super) trait WriteArgs {
    fn write<S: Sink + ?Sized>(&self, sink: &mut S) -> Result<(), ConvertError>;
    /// As raw values, which may point to them.
    fn lend<'a, M: Allocate + ?Sized>(
        &'a self,
        sink: &mut RawSink<'a, M>,
    ) -> Result<(), ConvertError> {
        self.write(sink)
    }
    /// As scalars and text, if they are all written as such.
    fn as_simple<O>(&self, _: impl FnOnce(&[Simple<'_>]) -> O) -> Option<O> {
        None
    }
    fn to_values(&self) -> Result<Vec<Value>, ConvertError>;
}

pub(super) struct Typed<'a, A>(pub(super) &'a A);

impl<A: Args> WriteArgs for Typed<'_, A> {
    fn write<S: Sink + ?Sized>(&self, sink: &mut S) -> Result<(), ConvertError> {
        self.0.write(sink)
    }

    fn lend<'a, M: Allocate + ?Sized>(
        &'a self,
        sink: &mut RawSink<'a, M>,
    ) -> Result<(), ConvertError> {
        self.0.lend(sink)
    }

    #[inline(always)]
    fn as_simple<O>(&self, used: impl FnOnce(&[Simple<'_>]) -> O) -> Option<O> {
        self.0.as_simple(used)
    }

    fn to_values(&self) -> Result<Vec<Value>, ConvertError> {
        self.0.to_values()
    }
}

pub(super) struct Values<'a>(pub(super) &'a [Value]);

impl WriteArgs for Values<'_> {
    #[inline]
    fn write<S: Sink + ?Sized>(&self, sink: &mut S) -> Result<(), ConvertError> {
        self.0.iter().try_for_each(|arg| to_sink(arg, sink))
    }

    fn to_values(&self) -> Result<Vec<Value>, ConvertError> {
        Ok(self.0.to_vec())
    }
}

impl FuncLink {
    pub(super) fn new(target: Live<FuncTarget>, place: Place) -> Self {
        FuncLink { target, place, uses: Uses::default(), casuals: Casuals::default() }
    }

    pub(super) fn call<R: Data>(&self, target: &FuncTarget, args: &impl WriteArgs) -> Result<R> {
        match attempt(target, args) {
            Ok(result) => Ok(result),
            Err(error) => self.called_again(target, args, error),
        }
    }

    /// As `call`; the error does not say what was called, and may say that it has not begun.
    pub(super) fn reach<R: Data>(&self, target: &FuncTarget, args: &impl WriteArgs) -> Result<R> {
        attempt(target, args).or_else(|error| self.again(target, args, error))
    }

    #[cold]
    pub(super) fn called_again<R: Data>(
        &self,
        target: &FuncTarget,
        args: &impl WriteArgs,
        error: Error,
    ) -> Result<R> {
        self.again(target, args, error).map_err(|error| self.place.at(error))
    }

    /// What comes of a call that has failed. Where it had not begun, as another load had taken
    /// over before that, it goes there; no call is lost to a reload, and none is made twice.
    fn again<R: Data>(
        &self,
        target: &FuncTarget,
        args: &impl WriteArgs,
        error: Error,
    ) -> Result<R> {
        let (mut error, mut before) = (error, ptr::from_ref(target));
        // Held while its address is compared.
        let mut held;
        while error.has_not_begun() {
            let now = self.target.enter();
            if ptr::eq(&raw const *now, before) {
                break;
            }
            match attempt(&now, args) {
                Ok(result) => return Ok(result),
                Err(next) => error = next,
            }
            before = &raw const *now;
            held = now;
            let _ = &held;
        }
        Err(error)
    }

    /// A call with values that its direct entry does not take.
    #[inline(never)]
    pub(super) fn call_values(&self, target: &FuncTarget, args: &[Value]) -> Result<Value> {
        if let General::Values(function) = &target.general
            && let Some(scalars) = Scalars::of(args, &target.signature)
        {
            return self.call_scalars(target, &**function, &scalars);
        }
        self.call_dynamic(target, args)
    }

    #[inline(never)]
    pub(super) fn call_dynamic(&self, target: &FuncTarget, args: &[Value]) -> Result<Value> {
        let result: Value = match target.signature.takes(args) {
            true => self.call(target, &Values(args))?,
            false => self.call_converted(target, args.to_vec())?,
        };
        self.as_declared(target, Ok(result))
    }

    /// What a call is that has nothing to convert and nothing to allocate. Where it is a
    /// part of its caller, the value stays in registers.
    #[inline(always)]
    pub(super) fn call_scalars(
        &self,
        target: &FuncTarget,
        function: &dyn ValueFunc,
        args: &Scalars,
    ) -> Result<Value> {
        let mut result = pin!(Returned::new());
        if let Err(error) = function.call(args.args(), result.as_mut()) {
            return Err(self.place.at(error));
        }
        if let Some(value) = result.scalar(&target.signature.result) {
            return Ok(value);
        }
        self.declared(target, function, &result)
    }

    #[inline(never)]
    fn declared(
        &self,
        target: &FuncTarget,
        function: &dyn ValueFunc,
        result: &Returned,
    ) -> Result<Value> {
        self.as_declared(target, from_view(result.view().written_by(function)))
    }

    /// The result of a call with values, as the declared type.
    fn as_declared(
        &self,
        target: &FuncTarget,
        result: Result<Value, ConvertError>,
    ) -> Result<Value> {
        result
            .and_then(|value| target.signature.result.coerce(value))
            .map_err(|error| self.place.at(error.of("result").into()))
    }

    pub(super) fn call_converted<R: Data>(
        &self,
        target: &FuncTarget,
        args: Vec<Value>,
    ) -> Result<R> {
        let args = target.signature.coerce_args(args);
        let args = args.map_err(|error| self.place.at(error.into()))?;
        self.call(target, &Values(&args))
    }

    #[cold]
    pub(super) fn failed(&self, failed: Failed) -> Error {
        let Place { plugin, symbol } = &self.place;
        self.place.at(raised(&failed, &NativeFrame::function(plugin, symbol)))
    }
}

/// One call, of the load that the target leads to.
fn attempt<R: Data>(target: &FuncTarget, args: &impl WriteArgs) -> Result<R> {
    match &target.general {
        General::Memory(function) => in_memory(&**function, args),
        General::Values(function) => with_values(&**function, args),
        General::Converted(inner) => converted(target, inner, args),
        General::Measured(..) => target.general.calling(|general| plainly(general, args)),
        General::Layered(layered) => layered.call(args),
        General::Paused(paused) => match paused.through() {
            Some(function) => with_values(&*function, args),
            None => Err(paused.wait()),
        },
        other => Err(other.refusal()),
    }
}

/// Where the types are others than those that the arguments were checked with.
#[cold]
fn converted<R: Data>(
    target: &FuncTarget,
    inner: &General<dyn RawFunc, dyn ValueFunc>,
    args: &impl WriteArgs,
) -> Result<R> {
    let args = target.signature.coerce_args(args.to_values()?)?;
    inner.calling(|general| plainly(general, &Values(&args)))
}

/// One call, of what has been looked at: it is neither counted nor converted any more.
fn plainly<R: Data>(
    general: &General<dyn RawFunc, dyn ValueFunc>,
    args: &impl WriteArgs,
) -> Result<R> {
    match general {
        General::Memory(function) => in_memory(&**function, args),
        General::Values(function) => with_values(&**function, args),
        General::Layered(layered) => layered.call(args),
        other => Err(other.refusal()),
    }
}

fn in_memory<R: Data>(function: &dyn RawFunc, args: &impl WriteArgs) -> Result<R> {
    let simple =
        args.as_simple(|args| receive(|got| function.call_simple(args, results::<R>(), got)));
    match simple {
        Some(called) => called,
        None => receive(|got| function.call(&mut |sink| args.write(sink), results::<R>(), got)),
    }
}

/// As [`in_memory`], with scalars, where it is a part of its caller.
#[inline(always)]
pub(super) fn call_scalars<R: Data>(function: &dyn RawFunc, scalars: &[Plain]) -> Result<R> {
    receive(|got| function.call_scalars(scalars, results::<R>(), got))
}

/// How the results of a function are read as an `R`.
#[inline(always)]
fn results<R: Data>() -> Results {
    match R::SCHEMA {
        Type::Tuple(_) => Results::All,
        _ => Results::One,
    }
}

/// What a call gives, as an `R`.
#[inline(always)]
pub(crate) fn receive<R: Data>(call: impl FnOnce(&mut Got<'_>) -> Result<()>) -> Result<R> {
    get(call, |error| error.of("result"))?.ok_or_else(no_result)
}

/// What a plugin gives, if it gives something; of what cannot be read `here` says where it is.
#[inline]
pub(super) fn get<T: Data>(
    ask: impl FnOnce(&mut Got<'_>) -> Result<()>,
    here: impl Fn(ConvertError) -> ConvertError,
) -> Result<Option<T>> {
    let (mut value, mut text) = (None, None);
    let mut read = |source: &mut dyn Source| {
        value = Some(from_source(source).map_err(&here)?);
        Ok(())
    };
    let mut got = Got::of::<T>(&mut read);
    if T::OF_TEXT.is_some() {
        got.text = Some(&mut text);
    }
    ask(&mut got)?;
    if let Some(plain) = got.scalar {
        return of_plain(plain).map(Some).map_err(|error| here(error).into());
    }
    let text = T::OF_TEXT.zip(text).map(|(of_text, text)| of_text(text));
    Ok(text.or(value))
}

#[cold]
fn no_result() -> Error {
    Error::new(ErrorKind::Call, "no result")
}

/// A scalar that came out of a plugin, as the type that was asked for.
#[inline(always)]
pub(super) fn of_plain<T: Data>(plain: Plain) -> Result<T, ConvertError> {
    match plain.of_type() {
        Some(value) => Ok(value),
        None => from_view(plain),
    }
}

/// Apart, as `set_value`.
#[inline(never)]
fn with_values<R: Data>(function: &dyn ValueFunc, args: &impl WriteArgs) -> Result<R> {
    let memory = Room::new();
    let mut sink = RawSink::new(&memory);
    sink.set_reader(function);
    args.lend(&mut sink)?;
    let mut result = pin!(Returned::new());
    function.call(RawArgs::written(&sink), result.as_mut())?;
    from_view(result.view().written_by(function)).map_err(|error| error.of("result").into())
}

impl VarLink {
    pub(super) fn new(target: Live<VarTarget>, place: Place) -> Self {
        VarLink { target, place, uses: Uses::default() }
    }

    /// Uses it; where that had not begun, as another load had taken over before that, it is
    /// that one's that is used.
    pub(super) fn using<R>(&self, mut used: impl FnMut(&VarTarget) -> Result<R>) -> Result<R> {
        let mut target = self.target.enter();
        loop {
            let error = match used(&target) {
                Err(error) if error.has_not_begun() => error,
                done => return done,
            };
            let now = self.target.enter();
            if ptr::eq(&raw const *now, &raw const *target) {
                return Err(error);
            }
            target = now;
        }
    }

    /// Sets it to a value of its type.
    pub(super) fn set_in<T: Data>(&self, target: &VarTarget, value: &T) -> Result<()> {
        let here = |error: ConvertError| self.place.here(error);
        match target.general.of_itself() {
            General::Memory(var) => match Plain::of(value) {
                Some(plain) => var.set_scalar(plain),
                None => var.set(&mut |sink| write(value, sink).map_err(here)),
            },
            General::Values(var) => set_value(&**var, value, here),
            General::Paused(paused) => match paused.through() {
                Some(var) => set_value(&*var, value, here),
                None => Err(paused.wait()),
            },
            other => Err(other.refusal()),
        }
    }
}

/// Apart, so that other kinds need not make room for the arguments.
#[inline(never)]
fn set_value<T: Data>(
    var: &dyn ValueVar,
    value: &T,
    here: impl Fn(ConvertError) -> ConvertError,
) -> Result<()> {
    let memory = Room::new();
    let mut sink = RawSink::new(&memory);
    sink.set_reader(var);
    sink.lend(value).map_err(here)?;
    var.set(RawArgs::written(&sink))
}

/// The value of a variable. Apart, as `set_value`.
#[inline(never)]
pub(super) fn get_value<T: Data>(
    var: &dyn ValueVar,
    here: impl Fn(ConvertError) -> ConvertError,
) -> Result<T> {
    let mut value = pin!(Returned::new());
    var.get(value.as_mut())?;
    from_view(value.view().written_by(var)).map_err(|error| here(error).into())
}

impl Place {
    pub(in crate::plugin) fn new(plugin: &str, symbol: &str) -> Self {
        Place { plugin: plugin.to_owned(), symbol: symbol.to_owned() }
    }

    /// An error of the symbol, which the message does not name yet.
    pub(super) fn at(&self, error: Error) -> Error {
        error.at_symbol(&self.symbol).in_plugin(&self.plugin)
    }

    /// An error of the symbol, which the message names where it matters.
    pub(super) fn of(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Type => error.of_symbol(&self.symbol).in_plugin(&self.plugin),
            _ => self.at(error),
        }
    }

    /// An error of the symbol's value.
    pub(super) fn here(&self, error: ConvertError) -> ConvertError {
        error.at_field(&self.symbol)
    }

    pub(super) fn name(&self, error: Error) -> Error {
        error.in_plugin(&self.plugin)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.plugin, self.symbol)
    }
}
