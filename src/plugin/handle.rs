//! [`Func`] and [`Var`]: handles on a plugin's exports, checked once at lookup.

mod calling;
mod dynamic;
mod layered;
mod link;
mod rebind;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use twinplug_value::{Args, ConvertError, Data, Fit, Signature, Type, Value};

pub use self::calling::Calling;
pub(crate) use self::layered::{Layered, Report, fit};
pub(super) use self::link::Place;
pub(crate) use self::link::receive;
use self::link::{FuncLink, Typed, VarLink, call_scalars, get, get_value};
pub(crate) use self::rebind::Casual;
use super::live::{Live, Track};
use super::target::{FuncTarget, General, VarTarget};
use super::within;
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
///
/// It follows the plugin: after a reload it calls the new code, after an unload it is an error of
/// kind [`ErrorKind::Stale`](crate::ErrorKind::Stale).
///
/// ```
/// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
/// # let host = twinplug::Host::builder().build()?;
/// let text = "function Split(x) return math.floor(x), x % 1 end";
/// let split = host.load_source("numbers", text)?.func::<(f64,), (i64, f64)>("Split")?;
/// assert_eq!(split.call((2.5,))?, (2, 0.5));
/// let other = std::thread::spawn({ let split = split.clone(); move || split.call((7.25,)) });
/// assert_eq!(other.join().unwrap()?, (7, 0.25));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "_lua"))] fn main() {}
/// ```
pub struct Func<A, R = Value> {
    link: Arc<FuncLink>,
    fit: Fit,
    types: PhantomData<fn(A) -> R>,
}

/// A variable of a plugin. Cheap to clone, usable from any thread. It follows the plugin as a
/// [`Func`] does.
///
/// ```
/// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
/// # let host = twinplug::Host::builder().build()?;
/// use twinplug::data;
///
/// #[data]
/// #[derive(Debug, PartialEq)]
/// struct Place { name: String, floor: i64 }
///
/// let plugin = host.load_source("guide", "Here = { name = 'hall', floor = 1 }")?;
/// let here = plugin.var::<Place>("Here")?;
/// assert_eq!(here.get()?, Place { name: "hall".into(), floor: 1 });
/// here.set(Place { name: "roof".into(), floor: 7 })?;
/// assert_eq!(here.get()?.name, "roof");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "_lua"))] fn main() {}
/// ```
pub struct Var<T> {
    link: Arc<VarLink>,
    fit: Fit,
    types: PhantomData<fn(T) -> T>,
}

pub(super) fn func(place: Place, target: FuncTarget, track: Option<Arc<Track>>) -> Func<Dynamic> {
    let track = track.filter(|_| target.general.is_of_plugin());
    let link = Arc::new(FuncLink::new(live(target, track), place));
    Func { link, fit: Fit::Convert, types: PhantomData }
}

pub(super) fn var(place: Place, target: VarTarget, track: Option<Arc<Track>>) -> Var<Value> {
    let track = track.filter(|_| target.general.is_of_plugin());
    let link = Arc::new(VarLink::new(live(target, track), place));
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
    // Where it is a part of its caller, arguments and result stay in registers.
    #[inline(always)]
    pub fn call(&self, args: A) -> Result<R> {
        let Some(target) = self.link.target.untracked() else { return self.call_tracked(args) };
        match args.call_direct(&target.direct) {
            Ok(called) => called.map_err(|failed| self.link.failed(failed)),
            Err(args) => self.call_indirect(target, args),
        }
    }

    #[inline(always)]
    fn call_tracked(&self, args: A) -> Result<R> {
        let Some(target) = self.link.target.enter_alone() else {
            return self.call_among_others(args);
        };
        match args.call_direct(&target.direct) {
            Ok(called) => called.map_err(|failed| self.link.failed(failed)),
            Err(args) => self.call_indirect_apart(&target, args),
        }
    }

    /// Where it is called from inside of the plugin, or has just been led elsewhere.
    #[cold]
    #[inline(never)]
    fn call_among_others(&self, args: A) -> Result<R> {
        let target = self.link.target.enter();
        match args.call_direct(&target.direct) {
            Ok(called) => called.map_err(|failed| self.link.failed(failed)),
            Err(args) => self.call_indirect(&target, args),
        }
    }

    /// What is no function of scalars in native code.
    #[inline(always)]
    fn call_indirect(&self, target: &FuncTarget, args: A) -> Result<R> {
        match &target.general {
            General::Memory(function) if self.fit == Fit::Exact => {
                match args.as_scalars(|scalars| call_scalars(&**function, scalars)) {
                    Some(Ok(result)) => Ok(result),
                    Some(Err(error)) => self.link.called_again(target, &Typed(&args), error),
                    None => self.call_general(target, &args),
                }
            }
            _ => self.call_general(target, &args),
        }
    }

    /// The same, not as a part of the caller, for whom the other way is the shorter.
    #[inline(never)]
    fn call_indirect_apart(&self, target: &FuncTarget, args: A) -> Result<R> {
        self.call_indirect(target, args)
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
    /// ([`Host::lend`](crate::Host::lend)) is not there. Inside of another call it has that one's
    /// [deadline](Func::call_within), and is cancelled with it.
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
    /// As [`call`](Func::call), or the system has no thread for it, or it is polled and not ready
    /// where nothing can wait, inside a plain function of the host that a Lua plugin has called: it
    /// is cancelled then.
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
    pub fn signature(&self) -> Signature {
        self.link.target.enter().signature.clone()
    }
}

impl<T: Data> Var<T> {
    /// The value.
    ///
    /// # Errors
    /// It is of another type where that could not be told at lookup, or the
    /// plugin was unloaded.
    pub fn get(&self) -> Result<T> {
        let place = &self.link.place;
        self.link.using(|target| self.get_from(target)).map_err(|error| place.of(error))
    }

    fn get_from(&self, target: &VarTarget) -> Result<T> {
        let here = |error: ConvertError| self.link.place.here(error);
        match target.general.of_itself() {
            General::Memory(var) => {
                let got = get(|got| var.get(got), here)?;
                got.ok_or_else(|| Error::new(ErrorKind::Call, "no value"))
            }
            General::Values(var) => get_value(&**var, here),
            General::Paused(paused) => match paused.through() {
                Some(var) => get_value(&*var, here),
                None => Err(paused.wait()),
            },
            other => Err(other.refusal()),
        }
    }

    /// Sets the value.
    ///
    /// # Errors
    /// It is of another type where that could not be told at lookup, the plugin
    /// refused it, or was unloaded.
    pub fn set(&self, value: T) -> Result<()> {
        let VarLink { place, .. } = &*self.link;
        let set = self.link.using(|target| match (self.fit, &target.general) {
            (Fit::Convert, _) | (_, General::Converted(_)) => Value::of(&value)
                .and_then(|value| target.ty.coerce(value))
                .map_err(|error| place.here(error).into())
                .and_then(|value| self.link.set_in(target, &value)),
            (Fit::Exact, _) => self.link.set_in(target, &value),
        });
        set.map_err(|error| place.of(error))
    }
}

impl<T> Var<T> {
    /// The variable's type, as the plugin declares it.
    #[must_use]
    pub fn ty(&self) -> Type {
        self.link.target.enter().ty.clone()
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
        write!(f, "Func({}{})", self.link.place, self.signature())
    }
}

impl<T> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Var({}: {})", self.link.place, self.ty())
    }
}
