//! What a handle's calls go to, as the plugin's kind keeps its values.

use std::sync::{Arc, OnceLock};

use twinplug_value::raw::Entry;
use twinplug_value::{Fit, Signature, Type};

use super::gate::{Gate, Paused};
use super::handle::Layered;
use super::{Counters, RawFunc, RawVar, Track, ValueFunc, ValueVar};
use crate::error::{Error, ErrorKind, Result};

/// Where the calls of a function go.
pub struct FuncTarget {
    /// Taken where the types of a call are just its own.
    pub(super) direct: Entry,
    /// Whether it calls nothing of the host.
    #[cfg_attr(not(feature = "luajit"), allow(dead_code, reason = "of compiled scripts alone"))]
    pub(super) is_leaf: bool,
    pub(super) signature: Signature,
    pub(super) general: General<dyn RawFunc, dyn ValueFunc>,
    pub(super) first: First<(&'static [&'static Type], &'static Type)>,
}

/// Where the uses of a variable go.
pub struct VarTarget {
    pub(super) ty: Type,
    pub(super) general: General<dyn RawVar, dyn ValueVar>,
    pub(super) first: First<&'static Type>,
}

/// The types that a handle was first asked for with, and how they fit: who asks with them again is
/// told without comparing.
pub(super) struct First<T>(OnceLock<(T, Fit)>);

impl<T: Copy> First<T> {
    pub(super) const fn none() -> Self {
        First(OnceLock::new())
    }

    /// How they fit, if these are they.
    #[inline]
    pub(super) fn fit(&self, are_they: impl FnOnce(T) -> bool) -> Option<Fit> {
        self.0.get().filter(|(types, _)| are_they(*types)).map(|(_, fit)| *fit)
    }

    /// Takes them down, if they are the first.
    pub(super) fn note(&self, types: T, fit: Fit) {
        let _ = self.0.set((types, fit));
    }
}

/// How values get there.
pub(crate) enum General<M: ?Sized, V: ?Sized> {
    /// Written into the memory of the plugin's kind.
    Memory(Box<M>),
    /// As raw values.
    Values(Arc<V>),
    /// Of other types than those that handles were checked with: whatever goes there is brought
    /// to them.
    Converted(Box<Self>),
    /// To a layer's function, which leads on.
    Layered(Box<Layered>),
    /// What is counted.
    Measured(Box<Self>, Arc<Counters>),
    /// Nowhere for the moment.
    Paused(Paused<V>),
    Gone(Gone),
    /// Nowhere any more, as what has taken over from the plugin has no place for it; and why.
    Ended(Box<str>),
}

/// Why a handle leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The plugin was unloaded.
    Unloaded,
    /// Another load has taken over.
    Replaced,
}

impl Gone {
    #[cold]
    pub(crate) fn error(self) -> Error {
        match self {
            Gone::Unloaded => Error::new(ErrorKind::Stale, "the plugin was unloaded"),
            Gone::Replaced => Error::new(ErrorKind::Retired, "the plugin was reloaded meanwhile"),
        }
    }
}

impl<M: ?Sized, V: ?Sized> General<M, V> {
    /// Where converted values go.
    pub(super) fn of_itself(&self) -> &Self {
        match self {
            General::Converted(inner) | General::Measured(inner, _) => inner.of_itself(),
            other => other,
        }
    }

    /// Whether all results of a call come out, also where none are declared.
    pub(super) fn has_all_results(&self) -> bool {
        match self {
            General::Measured(inner, _) => inner.has_all_results(),
            other => matches!(other, General::Memory(_) | General::Layered(_)),
        }
    }

    /// Makes a call of what it leads to, which is counted where that is wanted.
    pub(super) fn calling<R>(&self, call: impl FnOnce(&Self) -> Result<R>) -> Result<R> {
        match self {
            General::Measured(inner, counters) => counters.measure(|| call(inner)),
            other => call(other),
        }
    }

    /// Whether its uses are the plugin's, which a reload has to see: not where it leads on, to what
    /// counts its own, or nowhere.
    pub(super) fn is_of_plugin(&self) -> bool {
        matches!(self.of_itself(), General::Memory(_) | General::Values(_))
    }

    /// Why nothing goes there.
    #[cold]
    pub(super) fn refusal(&self) -> Error {
        match self {
            // Where somebody leads the handle elsewhere meanwhile, it goes there.
            General::Gone(gone) => gone.error().not_begun(),
            General::Paused(paused) => paused.wait(),
            General::Ended(why) => Error::new(ErrorKind::Stale, &**why),
            _ => Error::new(ErrorKind::Call, "it is not called so"),
        }
    }
}

impl FuncTarget {
    pub(crate) fn memory(function: Box<dyn RawFunc>, signature: Signature) -> Self {
        FuncTarget {
            direct: Entry::NONE,
            is_leaf: false,
            signature,
            general: General::Memory(function),
            first: First::none(),
        }
    }

    /// `direct` may be called for as long as `function` is held.
    pub(crate) fn values(
        function: Arc<dyn ValueFunc>,
        direct: Entry,
        signature: Signature,
    ) -> Self {
        FuncTarget {
            direct,
            is_leaf: false,
            signature,
            general: General::Values(function),
            first: First::none(),
        }
    }

    /// The same, with its calls counted: each goes the general way.
    pub(super) fn measured(self, counters: &Arc<Counters>) -> Self {
        let general = General::Measured(Box::new(self.general), Arc::clone(counters));
        FuncTarget { direct: Entry::NONE, general, ..self }
    }

    /// A layer's function, in the place of one of that signature.
    pub(crate) fn layered(layered: Layered, signature: Signature) -> Self {
        let general = General::Layered(Box::new(layered));
        FuncTarget::nowhere(signature, general)
    }

    pub(crate) fn signature(&self) -> &Signature {
        &self.signature
    }

    pub(super) fn is_layered(&self) -> bool {
        matches!(self.general.of_itself(), General::Layered(_))
    }

    /// As it is, of a function that calls nothing of the host.
    pub(crate) fn leaf(self) -> Self {
        FuncTarget { is_leaf: true, ..self }
    }

    /// What brings all that goes there to its types.
    pub(super) fn converted(self) -> Self {
        let general = General::Converted(Box::new(self.general));
        FuncTarget { direct: Entry::NONE, general, ..self }
    }

    /// The same, for whoever waits at the gate meanwhile; of the other kind its own lock keeps
    /// calls out.
    pub(super) fn paused(self, gate: &Arc<Gate>, plugin: &str, track: &Arc<Track>) -> Self {
        match self.general.of_itself() {
            General::Values(function) => {
                let paused = Paused::new(gate, plugin, Arc::clone(function), track);
                FuncTarget::nowhere(self.signature, General::Paused(paused))
            }
            _ => self,
        }
    }

    pub(crate) const fn nowhere(
        signature: Signature,
        why: General<dyn RawFunc, dyn ValueFunc>,
    ) -> Self {
        FuncTarget {
            direct: Entry::NONE,
            is_leaf: false,
            signature,
            general: why,
            first: First::none(),
        }
    }
}

impl VarTarget {
    pub(super) const fn new(ty: Type, general: General<dyn RawVar, dyn ValueVar>) -> Self {
        VarTarget { ty, general, first: First::none() }
    }

    pub(crate) fn memory(var: Box<dyn RawVar>, ty: Type) -> Self {
        VarTarget::new(ty, General::Memory(var))
    }

    pub(crate) fn values(var: Arc<dyn ValueVar>, ty: Type) -> Self {
        VarTarget::new(ty, General::Values(var))
    }

    /// As [`FuncTarget::paused`].
    pub(super) fn paused(self, gate: &Arc<Gate>, plugin: &str, track: &Arc<Track>) -> Self {
        match self.general.of_itself() {
            General::Values(var) => {
                let paused = Paused::new(gate, plugin, Arc::clone(var), track);
                VarTarget::new(self.ty, General::Paused(paused))
            }
            _ => self,
        }
    }

    pub(super) fn converted(self) -> Self {
        VarTarget { general: General::Converted(Box::new(self.general)), ..self }
    }
}
