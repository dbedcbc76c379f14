//! [`Func`] and [`Var`]: handles on a plugin's exports, checked once at lookup.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use twinplug_value::{Args, ConvertError, Data, Fit, Signature, Type, Value, from_source, to_sink};

use super::{RawFunc, RawVar, Results};
use crate::error::{Error, ErrorKind, Result};

/// Stands for arguments whose types are known at run time: `Func<Dynamic>`
/// takes [`Value`]s.
#[derive(Debug)]
pub enum Dynamic {}

/// A function of a plugin. Cheap to clone, callable from any thread.
///
/// `A` is a tuple of up to 8 arguments, `R` the result; a tuple takes as many
/// results.
pub struct Func<A, R = Value> {
    inner: Arc<FuncInner>,
    fit: Fit,
    types: PhantomData<fn(A) -> R>,
}

struct FuncInner {
    place: Place,
    signature: Signature,
    raw: Arc<dyn RawFunc>,
}

/// A variable of a plugin. Cheap to clone, usable from any thread.
pub struct Var<T> {
    inner: Arc<VarInner>,
    fit: Fit,
    types: PhantomData<fn(T) -> T>,
}

struct VarInner {
    place: Place,
    ty: Type,
    raw: Arc<dyn RawVar>,
}

/// Where a symbol is, for messages.
pub(super) struct Place {
    plugin: String,
    symbol: String,
}

pub(super) fn func(place: Place, signature: Signature, raw: Arc<dyn RawFunc>) -> Func<Dynamic> {
    let inner = Arc::new(FuncInner { place, signature, raw });
    Func { inner, fit: Fit::Convert, types: PhantomData }
}

pub(super) fn var(place: Place, ty: Type, raw: Arc<dyn RawVar>) -> Var<Value> {
    Var { inner: Arc::new(VarInner { place, ty, raw }), fit: Fit::Convert, types: PhantomData }
}

impl<A: Args, R: Data> Func<A, R> {
    /// Calls the function.
    ///
    /// # Errors
    /// The function failed, an argument or the result is of another type where
    /// that could not be told at lookup, or the plugin was unloaded.
    pub fn call(&self, args: A) -> Result<R> {
        match self.fit {
            Fit::Exact => self.inner.call(|sink| args.write(sink)),
            Fit::Convert => {
                let values = args.to_values().map_err(Error::from);
                self.inner.call_values(values.map_err(|error| self.inner.place.name(error))?)
            }
        }
    }
}

impl Func<Dynamic> {
    /// Calls the function with values, which are brought to its parameters' types.
    ///
    /// # Errors
    /// As a typed call, and where number or types of the arguments are others.
    pub fn call(&self, args: &[Value]) -> Result<Value> {
        self.inner.call_values(args.to_vec())
    }

    /// This function for arguments `A` and a result `R`.
    ///
    /// # Errors
    /// The signature is another one.
    pub fn typed<A: Args, R: Data>(&self) -> Result<Func<A, R>> {
        let FuncInner { place, signature, .. } = &*self.inner;
        let refuse = |error: ConvertError| {
            let message = format!("`{}` is `{signature}`: {error}", place.symbol);
            place.name(Error::new(ErrorKind::Type, message).of_symbol(&place.symbol))
        };
        let fit = signature.accepts_args(A::TYPES).map_err(refuse)?;
        R::SCHEMA.accepts(&signature.result).map_err(|error| refuse(error.of("result")))?;
        Ok(Func { inner: Arc::clone(&self.inner), fit, types: PhantomData })
    }

    pub(super) fn no_var(&self) -> Error {
        let FuncInner { place, signature, .. } = &*self.inner;
        let message =
            format!("`{}` is a function, `{signature}`, and no variable: use `func`", place.symbol);
        place.name(Error::new(ErrorKind::Symbol, message).of_symbol(&place.symbol))
    }
}

impl<A, R> Func<A, R> {
    /// The function's signature, as the plugin declares it.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.inner.signature
    }
}

impl FuncInner {
    fn call<R: Data>(
        &self,
        mut args: impl FnMut(&mut dyn twinplug_value::Sink) -> Result<(), ConvertError>,
    ) -> Result<R> {
        let mut result = None;
        let results = match R::SCHEMA {
            Type::Tuple(_) => Results::All,
            _ => Results::One,
        };
        let called = self.raw.call(&mut args, results, &mut |source| {
            result = Some(from_source(source).map_err(|error| error.of("result"))?);
            Ok(())
        });
        match (called, result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => Err(self.place.at(Error::new(ErrorKind::Call, "no result"))),
            (Err(error), _) => Err(self.place.at(error)),
        }
    }

    fn call_values<R: Data>(&self, args: Vec<Value>) -> Result<R> {
        let args = self.signature.coerce_args(args).map_err(|error| self.place.at(error.into()))?;
        self.call(|sink| args.iter().try_for_each(|arg| to_sink(arg, sink)))
    }
}

impl<T: Data> Var<T> {
    /// The value.
    ///
    /// # Errors
    /// It is of another type where that could not be told at lookup, or the
    /// plugin was unloaded.
    pub fn get(&self) -> Result<T> {
        let VarInner { place, raw, .. } = &*self.inner;
        let mut value = None;
        let got = raw.get(&mut |source| {
            let read = from_source(source).map_err(|error| error.at_field(&place.symbol))?;
            value = Some(read);
            Ok(())
        });
        match (got, value) {
            (Ok(()), Some(value)) => Ok(value),
            (Ok(()), None) => Err(place.of(Error::new(ErrorKind::Call, "no value"))),
            (Err(error), _) => Err(place.of(error)),
        }
    }

    /// Sets the value.
    ///
    /// # Errors
    /// It is of another type where that could not be told at lookup, the plugin
    /// refused it, or was unloaded.
    pub fn set(&self, value: T) -> Result<()> {
        let VarInner { place, ty, raw } = &*self.inner;
        let here = |error: ConvertError| error.at_field(&place.symbol);
        let set = match self.fit {
            Fit::Exact => raw.set(&mut |sink| to_sink(&value, sink).map_err(here)),
            Fit::Convert => Value::of(&value)
                .and_then(|value| ty.coerce(value))
                .map_err(|error| here(error).into())
                .and_then(|value| raw.set(&mut |sink| to_sink(&value, sink).map_err(here))),
        };
        set.map_err(|error| place.of(error))
    }
}

impl<T> Var<T> {
    /// The variable's type, as the plugin declares it.
    #[must_use]
    pub fn ty(&self) -> &Type {
        &self.inner.ty
    }
}

impl Var<Value> {
    /// This variable as a `T`.
    ///
    /// # Errors
    /// The type is another one.
    pub fn typed<T: Data>(&self) -> Result<Var<T>> {
        let VarInner { place, ty, .. } = &*self.inner;
        let asked = T::SCHEMA;
        let fit = asked.accepts(ty).and_then(|_| ty.accepts(asked)).map_err(|error| {
            let mut message = format!("`{}` is `{ty}`, asked for as `{asked}`", place.symbol);
            if error.has_path() {
                message = format!("{message}: {error}");
            }
            place.name(Error::new(ErrorKind::Type, message).of_symbol(&place.symbol))
        })?;
        Ok(Var { inner: Arc::clone(&self.inner), fit, types: PhantomData })
    }

    pub(super) fn no_func(&self) -> Error {
        let VarInner { place, ty, .. } = &*self.inner;
        let message =
            format!("`{}` is a variable, `{ty}`, and no function: use `var`", place.symbol);
        place.name(Error::new(ErrorKind::Symbol, message).of_symbol(&place.symbol))
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
        Func { inner: Arc::clone(&self.inner), fit: self.fit, types: PhantomData }
    }
}

impl<T> Clone for Var<T> {
    fn clone(&self) -> Self {
        Var { inner: Arc::clone(&self.inner), fit: self.fit, types: PhantomData }
    }
}

impl<A, R> fmt::Debug for Func<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FuncInner { place, signature, .. } = &*self.inner;
        write!(f, "Func({}.{}{signature})", place.plugin, place.symbol)
    }
}

impl<T> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VarInner { place, ty, .. } = &*self.inner;
        write!(f, "Var({}.{}: {ty})", place.plugin, place.symbol)
    }
}
