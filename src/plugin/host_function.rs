//! [`HostFunction`]: a function of the host that plugins call, in whatever way it does its work.

mod scalars;

use std::marker::PhantomData;
use std::sync::Arc;

use twinplug_value::raw::LeafEntry;
#[cfg(feature = "luajit")]
use twinplug_value::raw::LeafFailed;
use twinplug_value::{
    AsyncCallable, Callable, CallableWith, Data, LeafFunction, Outcome, Params, Signature, Sink,
    Source, Type, write,
};

#[cfg(feature = "luajit")]
use super::contained::panicked_with;
use super::contained::{contained, failed};
use super::waiting::{self, Answer, Begin, Work};
use super::{Lender, cannot_wait, held};
use crate::channel::Life;
use crate::error::{Error, ErrorKind, Result};
pub(crate) use scalars::{Entries, ScalarEntry};

/// A function of the host that plugins call. A clone does the same.
#[derive(Clone)]
pub(crate) struct HostFunction {
    name: String,
    pub(crate) signature: Signature,
    /// How compiled code may call it; of leaf functions alone.
    pub(crate) leaf: Option<HostLeaf>,
    /// What plugins do better than to call it.
    pub(crate) advice: Option<String>,
    pub(super) body: Body,
    /// How scripts call it, if it is of scalars.
    #[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "of scripts alone"))]
    pub(crate) scalars: Option<ScalarEntry>,
}

/// What a function does.
#[derive(Clone)]
pub(super) enum Body {
    /// With its caller held.
    Plain(Arc<Run>),
    /// With its caller let go, as it waits.
    Waits(Arc<Begin>),
}

/// A leaf function of the host, for code that calls it by its C type: what is called, as
/// [`LeafEntry`] says, and with which closure. Both are there as long as the [`HostFunction`].
#[cfg_attr(not(feature = "luajit"), allow(dead_code, reason = "of compiled scripts alone"))]
#[derive(Clone)]
pub(crate) struct HostLeaf {
    pub(crate) entry: usize,
    pub(crate) closure: usize,
    pub(crate) params: &'static [&'static Type],
    pub(crate) result: &'static Type,
}

pub(super) type Run = dyn Fn(&mut dyn Source, &mut dyn Sink, &Turn) -> Result<()> + Send + Sync;

/// What a kind of plugin does while the embedding's own code runs, and not a conversion:
/// `begin` before, whose answer `end` gets after.
pub(crate) struct Turn {
    pub(crate) begin: fn() -> bool,
    pub(crate) end: fn(bool),
}

impl Turn {
    /// Nothing.
    #[cfg_attr(not(feature = "native"), allow(dead_code, reason = "native code has no limits"))]
    pub(crate) const NONE: Turn = Turn { begin: || false, end: |_| {} };

    pub(super) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        /// Ends it, also when the code panics.
        struct End(fn(bool), bool);
        impl Drop for End {
            fn drop(&mut self) {
                (self.0)(self.1);
            }
        }
        let _end = End(self.end, (self.begin)());
        run()
    }
}

impl HostFunction {
    /// One that scripts call by entries of `E`, as those below.
    pub(crate) fn new<E: Entries, P: Params, F: Callable<P>>(name: &str, function: F) -> Self {
        HostFunction::plain::<E, P, F>(name, Arc::new(function))
    }

    /// One that calls nothing of the host, and does not wait.
    pub(crate) fn leaf<E: Entries, P: Params, F: LeafFunction<P>>(name: &str, function: F) -> Self {
        let (function, entry) = (Arc::new(function), F::entry());
        let leaf = HostLeaf::new(&function, &entry);
        HostFunction { leaf: Some(leaf), ..HostFunction::plain::<E, P, F>(name, function) }
    }

    fn plain<E: Entries, P: Params, F: Callable<P>>(name: &str, function: Arc<F>) -> Self {
        HostFunction::of::<E, P, _>(name, F::signature(), Given(function))
    }

    /// One to which a `T` is lent.
    pub(crate) fn lent<E, T, P, F>(name: &str, lender: Lender, function: F) -> Self
    where
        E: Entries,
        T: 'static,
        P: Params,
        F: CallableWith<T, P>,
    {
        let function = Lent { lender, function: Arc::new(function), lends: PhantomData };
        HostFunction::of::<E, P, _>(name, F::signature(), function)
    }

    /// One that may wait.
    pub(crate) fn blocking<P, F>(name: &str, function: F) -> Self
    where
        P: Params + Send + 'static,
        F: Callable<P, Outcome: Outcome<Value: 'static>>,
    {
        HostFunction::waiting(name, F::signature(), waiting::blocking(function))
    }

    /// One that answers with a future.
    pub(crate) fn asynchronous<P, F>(name: &str, function: F) -> Self
    where
        P: Params + Send + 'static,
        F: AsyncCallable<P, Outcome: Outcome<Value: 'static>>,
    {
        HostFunction::waiting(name, F::signature(), waiting::asynchronous(function))
    }

    fn waiting(name: &str, signature: Signature, begin: Arc<Begin>) -> Self {
        HostFunction::with_body(name, signature, Body::Waits(begin))
    }

    pub(super) fn with_body(name: &str, signature: Signature, body: Body) -> Self {
        let name = name.to_owned();
        HostFunction { name, signature, leaf: None, advice: None, body, scalars: None }
    }

    fn of<E, P, F>(name: &str, signature: Signature, function: F) -> Self
    where
        E: Entries,
        P: Params,
        F: Invoke<P>,
    {
        let scalars = ScalarEntry::new::<E, P, F>(&function);
        let run = move |args: &mut dyn Source, result: &mut dyn Sink, turn: &Turn| {
            let params = P::read(args)?;
            let value = turn.within(|| function.invoke(params))?;
            write(&value, result).map_err(|error| error.of("result").into())
        };
        let body = Body::Plain(Arc::new(run));
        HostFunction { scalars, ..HostFunction::with_body(name, signature, body) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it may wait, with its caller let go: [`begin`](HostFunction::begin) and
    /// [`finish`](HostFunction::finish) call it then.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.body, Body::Waits(_))
    }

    /// Calls it: `args` stands on the list of the arguments, `result` takes one
    /// value. A panic is the caller's error. One that waits does so here, with `life` its
    /// caller's.
    pub(crate) fn call(
        &self,
        count: usize,
        args: &mut dyn Source,
        result: &mut dyn Sink,
        turn: &Turn,
        life: &Life,
    ) -> Result<()> {
        match &self.body {
            Body::Plain(run) => {
                let checked = self.signature.check_count(count).map_err(Error::from);
                let called = checked.and_then(|()| contained(|| run(args, result, turn)));
                called.map_err(|error| self.at(error))
            }
            Body::Waits(_) if held() > 0 => Err(self.cannot_wait()),
            Body::Waits(_) => {
                let work = self.begin(count, args)?;
                self.write(self.finish(work, life)?, result)
            }
        }
    }

    /// Reads the arguments of one that waits.
    pub(crate) fn begin(&self, count: usize, args: &mut dyn Source) -> Result<Work> {
        let checked = self.signature.check_count(count).map_err(Error::from);
        let begun = checked.and_then(|()| match &self.body {
            Body::Waits(begin) => contained(|| begin(args)),
            Body::Plain(_) => Err(Error::new(ErrorKind::Call, "it does not wait")),
        });
        begun.map_err(|error| self.at(error))
    }

    /// Runs one that waits, on behalf of a plugin with that life.
    pub(crate) fn finish(&self, work: Work, life: &Life) -> Result<Answer> {
        work.run(life).map_err(|error| self.at(error))
    }

    /// Writes what one that waits has returned.
    pub(crate) fn write(&self, answer: Answer, result: &mut dyn Sink) -> Result<()> {
        answer.write(result).map_err(|error| self.at(error))
    }

    /// The error of one that would have to wait where that is not possible.
    #[cold]
    pub(crate) fn cannot_wait(&self) -> Error {
        cannot_wait(format_args!("host function `{}`", self.name))
    }

    /// The error of a compiled call that has failed.
    #[cfg(feature = "luajit")]
    pub(crate) fn failed(&self, why: Option<LeafFailed>) -> Error {
        self.at(match why {
            Some(LeafFailed::Returned(fault)) => failed(fault),
            Some(LeafFailed::Panicked(text)) => panicked_with(&text),
            Some(LeafFailed::Wide(_)) | None => Error::new(ErrorKind::Type, "no scalar"),
        })
    }

    /// Tells that a plugin uses it, if it is deprecated. Whoever listens is the embedding's code.
    #[cold]
    pub(crate) fn warn(&self, plugin: &str) {
        let (Some(advice), function) = (&self.advice, &self.name) else { return };
        let _ = contained(|| {
            tracing::warn!(plugin, "it uses the deprecated host function `{function}`: {advice}");
            Ok(())
        });
    }

    /// An error of it.
    #[cold]
    pub(crate) fn at(&self, error: Error) -> Error {
        error
            .context(format_args!("host function `{}`", self.name))
            .through(format_args!("[host]: in function '{}'", self.name))
    }
}

/// A function, however it gets what it works on. Its clones share it.
pub(crate) trait Invoke<P>: Clone + Send + Sync + 'static {
    type Value: Data;
    fn invoke(&self, params: P) -> Result<Self::Value>;
}

struct Given<F>(Arc<F>);

impl<P: Params, F: Callable<P>> Invoke<P> for Given<F> {
    type Value = <F::Outcome as Outcome>::Value;

    #[inline(always)]
    fn invoke(&self, params: P) -> Result<Self::Value> {
        self.0.invoke(params).outcome().map_err(failed)
    }
}

/// One to which a `T` is lent.
struct Lent<T, F> {
    lender: Lender,
    function: Arc<F>,
    lends: PhantomData<fn(T)>,
}

impl<T: 'static, P: Params, F: CallableWith<T, P>> Invoke<P> for Lent<T, F> {
    type Value = <F::Outcome as Outcome>::Value;

    fn invoke(&self, params: P) -> Result<Self::Value> {
        let outcome = self.lender.borrow(|lent| self.function.invoke(lent, params))?;
        outcome.outcome().map_err(failed)
    }
}

impl<F> Clone for Given<F> {
    fn clone(&self) -> Self {
        Given(Arc::clone(&self.0))
    }
}

impl<T, F> Clone for Lent<T, F> {
    fn clone(&self) -> Self {
        let (lender, function) = (self.lender.clone(), Arc::clone(&self.function));
        Lent { lender, function, lends: PhantomData }
    }
}

impl HostLeaf {
    /// The function keeps the closure where it is, in an `Arc` of its own.
    fn new<F>(closure: &Arc<F>, entry: &LeafEntry<F>) -> HostLeaf {
        HostLeaf {
            entry: entry.address(),
            closure: Arc::as_ptr(closure).expose_provenance(),
            params: entry.params(),
            result: entry.result(),
        }
    }
}
