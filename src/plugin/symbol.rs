//! [`Symbol`]: what a lookup gives, as Go's `plugin.Symbol`.

use std::sync::Arc;

use twinplug_value::{Args, Data, Signature, Type, Value};

use super::handle::{Place, func, var};
use super::{Dynamic, Func, FuncTarget, Track, Var, VarTarget};
use crate::error::{Error, ErrorKind, Result, near};

/// A variable or a function of a plugin, of a type that is known at run time.
#[derive(Clone, Debug)]
pub enum Symbol {
    /// A variable.
    Var(Var<Value>),
    /// A function.
    Func(Func<Dynamic>),
}

impl Symbol {
    /// A function; where `track` is given it counts the function's calls.
    pub(crate) fn of_func(
        plugin: &str,
        name: &str,
        signature: Signature,
        target: FuncTarget,
        track: Option<Arc<Track>>,
    ) -> Self {
        Symbol::Func(func(Place::new(plugin, name), signature, target, track))
    }

    /// A variable; as above.
    pub(crate) fn of_var(
        plugin: &str,
        name: &str,
        ty: Type,
        target: VarTarget,
        track: Option<Arc<Track>>,
    ) -> Self {
        Symbol::Var(var(Place::new(plugin, name), ty, target, track))
    }

    /// The plugin is gone: whatever came from this symbol answers that it is stale.
    #[cfg(feature = "native")]
    pub(crate) fn retire(&self) {
        match self {
            Symbol::Var(var) => var.retire(),
            Symbol::Func(func) => func.retire(),
        }
    }

    /// Lets go of what a retired symbol led to, unless a call of the plugin still runs.
    #[cfg(feature = "native")]
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
            Symbol::Func(func) => func.typed(),
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
            Symbol::Var(var) => var.typed(),
            Symbol::Func(func) => Err(func.no_var()),
        }
    }
}
