//! Handles whose types are known at run time.

use std::marker::PhantomData;
use std::ptr;
#[cfg(feature = "luajit")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "luajit")]
use twinplug_value::Signature;
#[cfg(feature = "luajit")]
use twinplug_value::raw::Entry;
use twinplug_value::{Args, ConvertError, Data, Fit, Sink, Type, Value};

use super::link::{Values, WriteArgs};
use super::{
    Calling, Dynamic, Error, ErrorKind, Func, FuncTarget, General, Result, Var, VarTarget, receive,
};
#[cfg(feature = "luajit")]
use crate::plugin::Followed;
use crate::plugin::target::Gone;
use crate::plugin::{RawFunc, RawVar, Results, ValueFunc, ValueVar, within};

impl Func<Dynamic> {
    /// Calls the function with values, which are brought to its parameters' types.
    ///
    /// # Errors
    /// As a typed call, and where number or types of the arguments are others.
    #[inline(always)]
    pub fn call(&self, args: &[Value]) -> Result<Value> {
        match self.link.target.untracked() {
            Some(target) => self.call_in(target, args),
            None => self.call_tracked(args),
        }
    }

    #[inline(never)]
    fn call_tracked(&self, args: &[Value]) -> Result<Value> {
        match self.link.target.enter_alone() {
            Some(target) => self.call_in(&target, args),
            None => self.call_in(&self.link.target.enter(), args),
        }
    }

    #[inline(always)]
    fn call_in(&self, target: &FuncTarget, args: &[Value]) -> Result<Value> {
        match target.direct.call_values(args) {
            Some(called) => called.map_err(|failed| self.link.failed(failed)),
            None => self.link.call_values(target, args),
        }
    }

    /// Calls the function, and has its result within this time, waits included.
    ///
    /// # Errors
    /// As [`call`](Func::call), and the time has passed.
    pub fn call_within(&self, time: Duration, args: &[Value]) -> Result<Value> {
        within(time, || self.call(args))
    }

    /// Calls the function with values, for `await`, as [`Func::call_async`] with types does.
    ///
    /// # Errors
    /// As [`call`](Func::call), and as there.
    pub fn call_async(&self, args: Vec<Value>) -> Calling<Value> {
        let function = self.clone();
        Calling::new(&self.link, Box::new(move || function.call(&args)))
    }

    /// This function for arguments `A` and a result `R`.
    ///
    /// # Errors
    /// The signature is another one.
    pub fn typed<A: Args, R: Data>(&self) -> Result<Func<A, R>> {
        self.clone().into_typed()
    }

    /// As [`typed`](Func::typed).
    pub(in crate::plugin) fn into_typed<A: Args, R: Data>(self) -> Result<Func<A, R>> {
        let fit = self.hold::<A, R>()?;
        Ok(Func { link: self.link, fit, types: PhantomData })
    }

    /// Takes down that a handle with these types is held.
    fn hold<A: Args, R: Data>(&self) -> Result<Fit> {
        let place = &self.link.place;
        let target = self.link.target.enter();
        let known = target
            .first
            .fit(|(params, result)| ptr::eq(params, A::TYPES) && ptr::eq(result, R::SCHEMA));
        if let Some(fit) = known {
            return Ok(fit);
        }
        let signature = &target.signature;
        let refuse = |error: ConvertError| {
            let message = format!("`{}` is `{signature}`: {error}", place.symbol);
            place.name(Error::new(ErrorKind::Type, message).of_symbol(&place.symbol))
        };
        let fit = signature.accepts_args(A::TYPES).map_err(refuse)?;
        R::SCHEMA.accepts(&signature.result).map_err(|error| refuse(error.of("result")))?;
        self.link.uses.add((A::TYPES, R::SCHEMA), |(params, result)| {
            // The compiler may keep a constant in several places.
            params.len() == A::TYPES.len()
                && params.iter().zip(A::TYPES).all(|(one, other)| is_same(one, other))
                && is_same(result, R::SCHEMA)
        });
        target.first.note((A::TYPES, R::SCHEMA), fit);
        Ok(fit)
    }

    /// Calls the function with values, and gives all of its results.
    ///
    /// # Errors
    /// As [`call`](Func::call).
    pub(crate) fn call_all(&self, args: &[Value]) -> Result<Vec<Value>> {
        let target = self.link.target.enter();
        if target.general.has_all_results() && *target.signature.result == Type::Any {
            drop(target);
            return self.reach_all(args).map_err(|error| self.link.place.at(error));
        }
        let declared = target.signature.result.clone();
        drop(target);
        self.call(args).map(|result| all_results(&declared, result))
    }

    /// As `call_all`; the error does not say what was called, and may say that it has not begun.
    pub(super) fn reach_all(&self, args: &[Value]) -> Result<Vec<Value>> {
        let target = self.link.target.enter();
        let coerced = target.signature.coerce_args(args.to_vec());
        let is_any = *target.signature.result == Type::Any;
        let called = coerced.map_err(Error::from).and_then(|args| match &target.general {
            general if is_any && general.has_all_results() => {
                general.calling(|general| match general {
                    General::Memory(function) => receive(|got| {
                        let mut write = |sink: &mut dyn Sink| Values(&args).write(sink);
                        function.call(&mut write, Results::All, got)
                    }),
                    General::Layered(layered) => layered.call_all(&args),
                    other => Err(other.refusal()),
                })
            }
            _ => {
                let result = self.link.reach(&target, &Values(&args))?;
                Ok(all_results(&target.signature.result, result))
            }
        });
        match called {
            Err(error) if error.has_not_begun() && self.has_moved(&target) => {
                drop(target);
                self.reach_all(args)
            }
            called => called,
        }
    }

    /// As `call_all`, of a function that has promised to call nothing of the host, and so waits for
    /// nothing; `None` of another one.
    #[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "of scripts alone"))]
    pub(crate) fn call_leaf(&self, args: &[Value]) -> Option<Result<Vec<Value>>> {
        // Held to its end: what it leads to is neither paused nor another one by then.
        let target = self.link.target.enter();
        target.is_leaf.then(|| {
            let result = self.link.call_dynamic(&target, args)?;
            Ok(all_results(&target.signature.result, result))
        })
    }

    /// Where in its target the address of the function is, in bytes.
    #[cfg(feature = "luajit")]
    pub(crate) const FUNCTION: usize = std::mem::offset_of!(FuncTarget, direct) + Entry::FUNCTION;

    /// Whether compiled code may call it by its C type, for as long as a handle is held: it
    /// calls nothing of the host, and takes and gives scalars alone.
    #[cfg(feature = "luajit")]
    pub(crate) fn has_c_type(&self) -> bool {
        let live = &self.link.target;
        let target = live.enter();
        target.is_leaf && target.direct.is_some() && !live.is_tracked()
    }

    /// Whether both are handles on the same load of a function.
    #[cfg(feature = "luajit")]
    pub(crate) fn is(&self, other: &Func<Dynamic>) -> bool {
        Arc::ptr_eq(&self.link, &other.link)
    }

    /// Has it lead to the function, which is a leaf: what is replaced of that is kept as long
    /// as the handle.
    ///
    /// Another load may be another sort of function: then compiled code loses it.
    #[cfg(feature = "luajit")]
    pub(crate) fn lead(&self, followed: &Followed, compiled: &Signature) {
        let live = &self.link.target;
        let target = live.enter();
        let has_c_type = target.is_leaf && target.direct.is_some() && !live.is_tracked();
        match has_c_type && target.signature == *compiled {
            true => followed.lead_to(&target),
            false => followed.lose(),
        }
    }

    /// The error of a compiled call that has failed.
    #[cfg(feature = "luajit")]
    pub(crate) fn failed(&self, failed: twinplug_value::raw::Failed) -> Error {
        self.link.failed(failed)
    }

    /// Whether it leads elsewhere by now.
    fn has_moved(&self, target: &FuncTarget) -> bool {
        !ptr::eq(&raw const *self.link.target.enter(), target)
    }

    pub(in crate::plugin) fn no_var(&self) -> Error {
        let (place, signature) = (&self.link.place, self.signature());
        let message =
            format!("`{}` is a function, `{signature}`, and no variable: use `func`", place.symbol);
        place.name(Error::new(ErrorKind::Symbol, message).of_symbol(&place.symbol))
    }

    /// The plugin is gone: calls answer that they are stale.
    pub(in crate::plugin) fn retire(&self, why: Gone) {
        self.lead_nowhere(General::Gone(why));
    }

    /// Calls answer this, and that they are stale.
    pub(in crate::plugin) fn end(&self, why: &str) {
        self.lead_nowhere(General::Ended(why.into()));
    }

    fn lead_nowhere(&self, why: General<dyn RawFunc, dyn ValueFunc>) {
        self.link.target.replace(FuncTarget::nowhere(self.signature(), why));
    }

    /// Lets go of what it led to, unless a call of the plugin still runs.
    pub(in crate::plugin) fn free_retired(&self) {
        self.link.target.free_replaced();
    }
}

impl Var<Value> {
    /// This variable as a `T`.
    ///
    /// # Errors
    /// The type is another one.
    pub fn typed<T: Data>(&self) -> Result<Var<T>> {
        self.clone().into_typed()
    }

    /// As [`typed`](Var::typed).
    pub(in crate::plugin) fn into_typed<T: Data>(self) -> Result<Var<T>> {
        let fit = self.hold::<T>()?;
        Ok(Var { link: self.link, fit, types: PhantomData })
    }

    /// Takes down that a handle with this type is held.
    fn hold<T: Data>(&self) -> Result<Fit> {
        let place = &self.link.place;
        let target = self.link.target.enter();
        let (ty, asked) = (&target.ty, T::SCHEMA);
        if let Some(fit) = target.first.fit(|known| ptr::eq(known, asked)) {
            return Ok(fit);
        }
        let fit = asked.accepts(ty).and_then(|_| ty.accepts(asked)).map_err(|error| {
            let mut message = format!("`{}` is `{ty}`, asked for as `{asked}`", place.symbol);
            if error.has_path() {
                message = format!("{message}: {error}");
            }
            place.name(Error::new(ErrorKind::Type, message).of_symbol(&place.symbol))
        })?;
        self.link.uses.add(asked, |other| is_same(other, asked));
        target.first.note(asked, fit);
        Ok(fit)
    }

    pub(crate) fn no_func(&self) -> Error {
        let (place, ty) = (&self.link.place, self.ty());
        let message =
            format!("`{}` is a variable, `{ty}`, and no function: use `var`", place.symbol);
        place.name(Error::new(ErrorKind::Symbol, message).of_symbol(&place.symbol))
    }

    /// The plugin is gone: uses answer that they are stale.
    pub(in crate::plugin) fn retire(&self, why: Gone) {
        self.lead_nowhere(General::Gone(why));
    }

    /// Uses answer this, and that they are stale.
    pub(in crate::plugin) fn end(&self, why: &str) {
        self.lead_nowhere(General::Ended(why.into()));
    }

    fn lead_nowhere(&self, general: General<dyn RawVar, dyn ValueVar>) {
        self.link.target.replace(VarTarget::new(self.ty(), general));
    }

    /// Lets go of what it led to, unless a call of the plugin still runs.
    pub(in crate::plugin) fn free_retired(&self) {
        self.link.target.free_replaced();
    }
}

/// The results of a function that declares how many it has.
fn all_results(declared: &Type, result: Value) -> Vec<Value> {
    match (declared, result) {
        (Type::Tuple(_), Value::List(items)) => items,
        (Type::Null, Value::Null) => Vec::new(),
        (_, result) => vec![result],
    }
}

fn is_same(one: &Type, other: &Type) -> bool {
    ptr::eq(one, other) || one == other
}
