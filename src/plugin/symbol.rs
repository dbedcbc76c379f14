//! [`Symbol`]: what a lookup gives, as Go's `plugin.Symbol`.

use std::sync::Arc;

use twinplug_value::{Args, Data, Signature, Value};

use super::handle::{Layered, Place, func, var};
use super::{Counters, Dynamic, Func, FuncTarget, Gate, Gone, Track, Var, VarTarget};
use crate::error::{Error, ErrorKind, Result, near};

/// A variable or a function of a plugin, of a type that is known at run time:
/// [`PluginRef::lookup`](crate::PluginRef::lookup) gives it. [`Func<Dynamic>`](crate::Func) takes
/// and gives [`Value`]s, as does a `Var<Value>`.
#[derive(Clone, Debug)]
pub enum Symbol {
    /// A variable.
    Var(Var<Value>),
    /// A function.
    Func(Func<Dynamic>),
}

/// Where an export of one load is.
pub enum Bound {
    Func(FuncTarget),
    Var(VarTarget),
}

impl Bound {
    /// A layer's function, in the place of one of that signature.
    pub(crate) fn layered(layered: Layered, signature: Signature) -> Bound {
        Bound::Func(FuncTarget::layered(layered, signature))
    }

    /// The same; calls of a function are counted there.
    pub(crate) fn measured(self, counters: &Arc<Counters>) -> Bound {
        match self {
            Bound::Func(target) => Bound::Func(target.measured(counters)),
            var @ Bound::Var(_) => var,
        }
    }

    /// Whether it is a layer's.
    pub(crate) fn is_layered(&self) -> bool {
        matches!(self, Bound::Func(target) if target.is_layered())
    }

    /// The same, for whoever waits at the gate meanwhile.
    pub(crate) fn paused(self, gate: &Arc<Gate>, plugin: &str, track: &Arc<Track>) -> Bound {
        match self {
            Bound::Func(target) => Bound::Func(target.paused(gate, plugin, track)),
            Bound::Var(target) => Bound::Var(target.paused(gate, plugin, track)),
        }
    }
}

impl Symbol {
    /// What leads there; where `track` is given it counts the uses.
    pub(crate) fn new(plugin: &str, name: &str, bound: Bound, track: Option<Arc<Track>>) -> Self {
        let place = Place::new(plugin, name);
        match bound {
            Bound::Func(target) => Symbol::Func(func(place, target, track)),
            Bound::Var(target) => Symbol::Var(var(place, target, track)),
        }
    }

    /// Whatever came from this symbol leads nowhere any more.
    pub(crate) fn retire(&self, why: Gone) {
        match self {
            Symbol::Var(var) => var.retire(why),
            Symbol::Func(func) => func.retire(why),
        }
    }

    /// Whatever came from this symbol leads nowhere any more, and says this.
    pub(crate) fn end(&self, why: &str) {
        match self {
            Symbol::Var(var) => var.end(why),
            Symbol::Func(func) => func.end(why),
        }
    }

    /// The export's name.
    #[cfg(feature = "native")]
    pub(crate) fn name(&self) -> &str {
        match self {
            Symbol::Var(var) => var.name(),
            Symbol::Func(func) => func.name(),
        }
    }

    /// Whether anybody holds what came from this symbol.
    pub(crate) fn is_held(&self) -> bool {
        match self {
            Symbol::Var(var) => var.is_held(),
            Symbol::Func(func) => func.is_held(),
        }
    }

    /// Whether whatever came from this symbol can go on there.
    ///
    /// # Errors
    /// Not, and why.
    pub(crate) fn goes_on(&self, bound: &Bound) -> Result<(), String> {
        match (self, bound) {
            (Symbol::Func(func), Bound::Func(target)) => {
                func.goes_on(&target.signature).map(drop).map_err(|error| {
                    format!("is `{}`, was `{}`: {error}", target.signature, func.signature())
                })
            }
            (Symbol::Var(var), Bound::Var(target)) => var
                .goes_on(&target.ty)
                .map(drop)
                .map_err(|error| format!("is `{}`, was `{}`: {error}", target.ty, var.ty())),
            (Symbol::Func(_), Bound::Var(_)) => Err("is a variable, was a function".to_owned()),
            (Symbol::Var(_), Bound::Func(_)) => Err("is a function, was a variable".to_owned()),
        }
    }

    /// Whether a layer's function is what it leads to.
    pub(crate) fn is_layered(&self) -> bool {
        matches!(self, Symbol::Func(func) if func.is_layered())
    }

    /// Whether it leads nowhere since [`Symbol::end`].
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self, Symbol::Func(func) if func.has_ended())
    }

    /// Whether it leads there already, to a layer's function.
    pub(crate) fn leads_to(&self, bound: &Bound) -> bool {
        matches!((self, bound), (Symbol::Func(func), Bound::Func(target)) if func.leads_to(target))
    }

    /// Whatever came from this symbol waits at the gate, but what comes from inside the plugin.
    pub(crate) fn pause(&self, gate: &Arc<Gate>, track: &Arc<Track>) {
        match self {
            Symbol::Var(var) => var.pause(gate, track),
            Symbol::Func(func) => func.pause(gate, track),
        }
    }

    /// Whatever came from this symbol leads there from now on, where it goes on.
    pub(crate) fn lead_to(&self, bound: Bound, track: Option<&Arc<Track>>) {
        match (self, bound) {
            (Symbol::Func(func), Bound::Func(target)) => func.lead_to(target, track),
            (Symbol::Var(var), Bound::Var(target)) => var.lead_to(target, track),
            _ => self.retire(Gone::Replaced),
        }
    }

    /// Lets go of what a retired symbol led to, unless a call of the plugin still runs.
    pub(crate) fn free_retired(&self) {
        match self {
            Symbol::Var(var) => var.free_retired(),
            Symbol::Func(func) => func.free_retired(),
        }
    }

    /// The error of a lookup that found nothing.
    pub(crate) fn missing<'n>(
        plugin: &str,
        name: &str,
        known: impl Iterator<Item = &'n str>,
    ) -> Error {
        let message = format!("no symbol `{name}`{}", near(name, known));
        Error::new(ErrorKind::Symbol, message).of_symbol(name).in_plugin(plugin)
    }

    /// This function, for arguments `A` and a result `R`.
    ///
    /// # Errors
    /// It is a variable, or its signature is another one.
    pub fn into_func<A: Args, R: Data>(self) -> Result<Func<A, R>> {
        match self {
            Symbol::Func(func) => func.into_typed(),
            Symbol::Var(var) => Err(var.no_func()),
        }
    }

    /// This function, for arguments whose types are known at run time.
    ///
    /// # Errors
    /// It is a variable.
    pub fn into_dynamic(self) -> Result<Func<Dynamic>> {
        match self {
            Symbol::Func(func) => Ok(func),
            Symbol::Var(var) => Err(var.no_func()),
        }
    }

    /// This variable, as a `T`.
    ///
    /// # Errors
    /// It is a function, or its type is another one.
    pub fn into_var<T: Data>(self) -> Result<Var<T>> {
        match self {
            Symbol::Var(var) => var.into_typed(),
            Symbol::Func(func) => Err(func.no_var()),
        }
    }
}
