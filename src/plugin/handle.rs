//! [`Func`] and [`Var`]: handles on a plugin's exports, checked once at lookup.

mod calling;
mod dynamic;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use twinplug_value::raw::{Arena, Failed, RawArgs, RawSink, Returned, Scalars};
use twinplug_value::{
    Args, ConvertError, Data, Fit, Plain, Signature, Sink, Source, Type, Value, from_source,
    from_view, to_sink,
};

pub use self::calling::Calling;
use super::live::{Live, Track};
use super::target::{FuncTarget, General, VarTarget, stale};
use super::{Got, NativeFrame, RawFunc, Results, ValueFunc, raised, within};
use crate::error::{Error, ErrorKind, Result};

/// Stands for arguments whose types are known at run time: `Func<Dynamic>`
/// takes [`Value`]s.
#[derive(Debug)]
pub enum Dynamic {}

/// A function of a plugin. Cheap to clone, callable from any thread.
///
/// `A` is a tuple of up to 8 arguments, `R` the result; a tuple takes as many
/// results. Arguments of `i64`, `f64` and `bool` alone, with such a result, go straight to
/// a native function that offers it, at about the price of a function pointer.
pub struct Func<A, R = Value> {
    link: Arc<FuncLink>,
    fit: Fit,
    types: PhantomData<fn(A) -> R>,
}

/// All handles on one function share it.
struct FuncLink {
    target: Live<FuncTarget>,
    signature: Signature,
    place: Place,
}

/// A variable of a plugin. Cheap to clone, usable from any thread.
pub struct Var<T> {
    link: Arc<VarLink>,
    fit: Fit,
    types: PhantomData<fn(T) -> T>,
}

struct VarLink {
    target: Live<VarTarget>,
    ty: Type,
    place: Place,
}

/// Where a symbol is, for messages.
pub(super) struct Place {
    plugin: String,
    symbol: String,
}

pub(super) fn func(
    place: Place,
    signature: Signature,
    target: FuncTarget,
    track: Option<Arc<Track>>,
) -> Func<Dynamic> {
    let link = Arc::new(FuncLink { target: live(target, track), signature, place });
    Func { link, fit: Fit::Convert, types: PhantomData }
}

pub(super) fn var(
    place: Place,
    ty: Type,
    target: VarTarget,
    track: Option<Arc<Track>>,
) -> Var<Value> {
    let link = Arc::new(VarLink { target: live(target, track), ty, place });
    Var { link, fit: Fit::Convert, types: PhantomData }
}

fn live<T>(target: T, track: Option<Arc<Track>>) -> Live<T> {
    match track {
        Some(track) => Live::tracked(target, track),
        None => Live::new(target),
    }
}

impl<A: Args, R: Data> Func<A, R> {
    /// Calls the function.
    ///
    /// # Errors
    /// The function failed, an argument or the result is of another type where
    /// that could not be told at lookup, or the plugin was unloaded.
    #[inline(always)]
    pub fn call(&self, args: A) -> Result<R> {
        match self.link.target.untracked() {
            Some(target) => self.call_target(target, args),
            None => self.call_tracked(args),
        }
    }

    #[inline(always)]
    fn call_tracked(&self, args: A) -> Result<R> {
        self.call_target(&self.link.target.enter_tracked(), args)
    }

    // Where it is a part of its caller, arguments and result stay in registers.
    #[inline(always)]
    fn call_target(&self, target: &FuncTarget, args: A) -> Result<R> {
        match args.call_direct(&target.direct) {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(failed)) => Err(self.link.failed(failed)),
            Err(args) => match &target.general {
                General::Memory(function) if self.fit == Fit::Exact => {
                    match args.as_scalars(|scalars| call_scalars(&**function, scalars)) {
                        Some(Ok(result)) => Ok(result),
                        Some(Err(error)) => Err(self.link.place.at(error)),
                        None => self.call_general(target, &args),
                    }
                }
                _ => self.call_general(target, &args),
            },
        }
    }

    /// Calls the function, and has its result within this time or the error
    /// [`Limit::Deadline`](crate::Limit::Deadline): waits count, for a channel or a busy
    /// plugin, and end then. A script is stopped as by its time limit; native code and the
    /// host's functions are not, but where they wait for a channel. On LuaJIT a plugin needs
    /// a time limit for it, as compiled code cannot be stopped.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # use std::time::Duration;
    /// # use twinplug::{Host, Limit};
    /// let host = Host::builder().channel::<i64>("in", 0).build()?;
    /// let text = "function Wait() return (host.channel('in'):recv()) end";
    /// let wait = host.load_source("waits", text)?.func::<(), i64>("Wait")?;
    /// let frame = Duration::from_millis(16);
    /// assert_eq!(wait.call_within(frame, ()).unwrap_err().limit(), Some(Limit::Deadline(frame)));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// As [`call`](Func::call), and the time has passed.
    pub fn call_within(&self, time: Duration, args: A) -> Result<R> {
        within(time, || self.call(args))
    }

    /// Calls the function, for `await` on whichever executor. The call runs on a thread that it
    /// has to itself while it lasts: the executor's is free while a script runs, and while it
    /// waits for a channel, another plugin or a function of the host. What is lent
    /// ([`Host::lend`](crate::Host::lend)) is not there.
    ///
    /// It begins when the future is first polled. A future that is dropped before it is ready
    /// cancels its call: waits end, and a script is stopped as by its time limit
    /// ([`Limit::Cancelled`](crate::Limit::Cancelled)); what the host's functions and native
    /// code do is not, nor is what LuaJIT has compiled, and the call ends when they return.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # fn block_on<F: std::future::Future>(future: F) -> F::Output { pollster::block_on(future) }
    /// let host = twinplug::Host::builder().channel::<i64>("in", 1).build()?;
    /// let text = "function Next(by) local n = host.channel('in'):recv() return n + by end";
    /// let next = host.load_source("counts", text)?.func::<(i64,), i64>("Next")?;
    /// let sum = async {
    ///     let calling = next.call_async((1,));
    ///     host.channel::<i64>("in")?.send_async(41).await?;
    ///     calling.await
    /// };
    /// assert_eq!(block_on(sum)?, 42);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// As [`call`](Func::call), or the system has no thread for it, or it is awaited where
    /// nothing can wait: inside a function of the host that a Lua plugin has called.
    pub fn call_async(&self, args: A) -> Calling<R>
    where
        A: Send + 'static,
        R: Send,
    {
        let function = self.clone();
        Calling::new(&self.link, Box::new(move || function.call(args)))
    }

    #[inline(never)]
    fn call_general(&self, target: &FuncTarget, args: &A) -> Result<R> {
        match self.fit {
            Fit::Exact => self.link.call(target, &Typed(args)),
            Fit::Convert => {
                let values = args.to_values().map_err(Error::from);
                let values = values.map_err(|error| self.link.place.name(error))?;
                self.link.call_converted(target, values)
            }
        }
    }
}

impl<A, R> Func<A, R> {
    /// The function's signature, as the plugin declares it.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.link.signature
    }
}

/// Writes the arguments of a call.
trait WriteArgs {
    fn write<S: Sink + ?Sized>(&self, sink: &mut S) -> Result<(), ConvertError>;
}

struct Typed<'a, A>(&'a A);

impl<A: Args> WriteArgs for Typed<'_, A> {
    fn write<S: Sink + ?Sized>(&self, sink: &mut S) -> Result<(), ConvertError> {
        self.0.write(sink)
    }
}

struct Values<'a>(&'a [Value]);

impl WriteArgs for Values<'_> {
    #[inline]
    fn write<S: Sink + ?Sized>(&self, sink: &mut S) -> Result<(), ConvertError> {
        self.0.iter().try_for_each(|arg| to_sink(arg, sink))
    }
}

impl FuncLink {
    fn call<R: Data>(&self, target: &FuncTarget, args: &impl WriteArgs) -> Result<R> {
        let called = match &target.general {
            General::Memory(function) => in_memory(&**function, args),
            General::Values(function) => with_values(&**function, args),
            General::Stale => Err(stale()),
        };
        called.map_err(|error| self.place.at(error))
    }

    #[inline(never)]
    fn call_dynamic(&self, target: &FuncTarget, args: &[Value]) -> Result<Value> {
        let result: Value = match self.signature.takes(args) {
            true => self.call(target, &Values(args))?,
            false => self.call_converted(target, args.to_vec())?,
        };
        self.as_declared(Ok(result))
    }

    /// What a call is that has nothing to convert and nothing to allocate. Where it is a
    /// part of its caller, the value stays in registers.
    #[inline(always)]
    fn call_scalars(&self, function: &dyn ValueFunc, args: &Scalars) -> Result<Value> {
        let mut result = Returned::new();
        if let Err(error) = function.call(args.args(), &mut result) {
            return Err(self.place.at(error));
        }
        if let Some(value) = result.scalar(&self.signature.result) {
            return Ok(value);
        }
        self.declared(function, &result)
    }

    #[inline(never)]
    fn declared(&self, function: &dyn ValueFunc, result: &Returned) -> Result<Value> {
        self.as_declared(from_view(result.view().written_by(function)))
    }

    /// The result of a call with values, as the declared type.
    fn as_declared(&self, result: Result<Value, ConvertError>) -> Result<Value> {
        result
            .and_then(|value| self.signature.result.coerce(value))
            .map_err(|error| self.place.at(error.of("result").into()))
    }

    fn call_converted<R: Data>(&self, target: &FuncTarget, args: Vec<Value>) -> Result<R> {
        let args = self.signature.coerce_args(args).map_err(|error| self.place.at(error.into()))?;
        self.call(target, &Values(&args))
    }

    #[cold]
    fn failed(&self, failed: Failed) -> Error {
        let Place { plugin, symbol } = &self.place;
        self.place.at(raised(&failed, &NativeFrame::function(plugin, symbol)))
    }
}

fn in_memory<R: Data>(function: &dyn RawFunc, args: &impl WriteArgs) -> Result<R> {
    receive(|got| function.call(&mut |sink| args.write(sink), results::<R>(), got))
}

/// As [`in_memory`], with scalars, where it is a part of its caller.
#[inline(always)]
fn call_scalars<R: Data>(function: &dyn RawFunc, scalars: &[Plain]) -> Result<R> {
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
    let mut result = None;
    let mut read = |source: &mut dyn Source| {
        result = Some(from_source(source).map_err(|error| error.of("result"))?);
        Ok(())
    };
    let mut got = Got::by(&mut read);
    call(&mut got)?;
    match got.scalar {
        Some(plain) => of_plain(plain).map_err(|error| error.of("result").into()),
        None => result.ok_or_else(no_result),
    }
}

#[cold]
fn no_result() -> Error {
    Error::new(ErrorKind::Call, "no result")
}

/// A scalar that came out of a plugin, as the type that was asked for.
#[inline(always)]
fn of_plain<T: Data>(plain: Plain) -> Result<T, ConvertError> {
    match plain.of_type() {
        Some(value) => Ok(value),
        None => from_view(plain),
    }
}

fn with_values<R: Data>(function: &dyn ValueFunc, args: &impl WriteArgs) -> Result<R> {
    let memory = Arena::new();
    let mut sink = RawSink::new(&memory);
    sink.set_reader(function);
    args.write(&mut sink)?;
    let mut result = Returned::new();
    function.call(RawArgs::written(&sink), &mut result)?;
    from_view(result.view().written_by(function)).map_err(|error| error.of("result").into())
}

impl<T: Data> Var<T> {
    /// The value.
    ///
    /// # Errors
    /// It is of another type where that could not be told at lookup, or the
    /// plugin was unloaded.
    pub fn get(&self) -> Result<T> {
        let place = &self.link.place;
        let here = |error: ConvertError| error.at_field(&place.symbol);
        let value = match &*self.link.target.enter() {
            General::Memory(var) => {
                let mut value = None;
                let mut read = |source: &mut dyn Source| {
                    value = Some(from_source(source).map_err(here)?);
                    Ok(())
                };
                let mut got = Got::by(&mut read);
                match (var.get(&mut got), got.scalar) {
                    (Ok(()), Some(plain)) => of_plain(plain).map_err(|error| here(error).into()),
                    (Ok(()), None) => value.ok_or_else(|| Error::new(ErrorKind::Call, "no value")),
                    (Err(error), _) => Err(error),
                }
            }
            General::Values(var) => {
                let mut value = Returned::new();
                var.get(&mut value).and_then(|()| {
                    from_view(value.view().written_by(&**var)).map_err(|error| here(error).into())
                })
            }
            General::Stale => Err(stale()),
        };
        value.map_err(|error| place.of(error))
    }

    /// Sets the value.
    ///
    /// # Errors
    /// It is of another type where that could not be told at lookup, the plugin
    /// refused it, or was unloaded.
    pub fn set(&self, value: T) -> Result<()> {
        let VarLink { place, ty, .. } = &*self.link;
        let set = match self.fit {
            Fit::Exact => self.link.set(&value),
            Fit::Convert => Value::of(&value)
                .and_then(|value| ty.coerce(value))
                .map_err(|error| error.at_field(&place.symbol).into())
                .and_then(|value| self.link.set(&value)),
        };
        set.map_err(|error| place.of(error))
    }
}

impl VarLink {
    fn set<T: Data>(&self, value: &T) -> Result<()> {
        let here = |error: ConvertError| error.at_field(&self.place.symbol);
        match &*self.target.enter() {
            General::Memory(var) => match Plain::of(value) {
                Some(plain) => var.set_scalar(plain),
                None => var.set(&mut |sink| to_sink(value, sink).map_err(here)),
            },
            General::Values(var) => {
                let memory = Arena::new();
                let mut sink = RawSink::new(&memory);
                sink.set_reader(&**var);
                to_sink(value, &mut sink).map_err(here)?;
                var.set(RawArgs::written(&sink))
            }
            General::Stale => Err(stale()),
        }
    }
}

impl<T> Var<T> {
    /// The variable's type, as the plugin declares it.
    #[must_use]
    pub fn ty(&self) -> &Type {
        &self.link.ty
    }
}

impl Place {
    pub(super) fn new(plugin: &str, symbol: &str) -> Self {
        Place { plugin: plugin.to_owned(), symbol: symbol.to_owned() }
    }

    /// An error of the symbol, which the message does not name yet.
    fn at(&self, error: Error) -> Error {
        error.at_symbol(&self.symbol).in_plugin(&self.plugin)
    }

    /// An error of the symbol, which the message names where it matters.
    fn of(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Type => error.of_symbol(&self.symbol).in_plugin(&self.plugin),
            _ => self.at(error),
        }
    }

    fn name(&self, error: Error) -> Error {
        error.in_plugin(&self.plugin)
    }
}

impl<A, R> Clone for Func<A, R> {
    fn clone(&self) -> Self {
        Func { link: Arc::clone(&self.link), fit: self.fit, types: PhantomData }
    }
}

impl<T> Clone for Var<T> {
    fn clone(&self) -> Self {
        Var { link: Arc::clone(&self.link), fit: self.fit, types: PhantomData }
    }
}

impl<A, R> fmt::Debug for Func<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FuncLink { place, signature, .. } = &*self.link;
        write!(f, "Func({}.{}{signature})", place.plugin, place.symbol)
    }
}

impl<T> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VarLink { place, ty, .. } = &*self.link;
        write!(f, "Var({}.{}: {ty})", place.plugin, place.symbol)
    }
}
