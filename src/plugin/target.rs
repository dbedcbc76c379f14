//! What a handle's calls go to, as the plugin's kind keeps its values.

use std::sync::Arc;

use twinplug_value::raw::Entry;
use twinplug_value::{Signature, Type};

use super::gate::Paused;
use super::{RawFunc, RawVar, ValueFunc, ValueVar};
use crate::error::{Error, ErrorKind};

/// Where the calls of a function go.
pub struct FuncTarget {
    /// Taken where the types of a call are just its own.
    pub(super) direct: Entry,
    /// Whether it calls nothing of the host.
    #[cfg_attr(not(feature = "luajit"), allow(dead_code, reason = "of compiled scripts alone"))]
    pub(super) is_leaf: bool,
    pub(super) signature: Signature,
    pub(super) general: General<dyn RawFunc, dyn ValueFunc>,
}

/// Where the uses of a variable go.
pub struct VarTarget {
    pub(super) ty: Type,
    pub(super) general: General<dyn RawVar, dyn ValueVar>,
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
            General::Converted(inner) => inner,
            other => other,
        }
    }

    /// Why nothing goes there.
    #[cold]
    pub(super) fn refusal(&self) -> Error {
        match self {
            General::Gone(gone) => gone.error(),
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
        }
    }

    /// `direct` may be called for as long as `function` is held.
    pub(crate) fn values(
        function: Arc<dyn ValueFunc>,
        direct: Entry,
        signature: Signature,
    ) -> Self {
        FuncTarget { direct, is_leaf: false, signature, general: General::Values(function) }
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

    pub(crate) const fn nowhere(
        signature: Signature,
        why: General<dyn RawFunc, dyn ValueFunc>,
    ) -> Self {
        FuncTarget { direct: Entry::NONE, is_leaf: false, signature, general: why }
    }
}

impl VarTarget {
    pub(crate) fn memory(var: Box<dyn RawVar>, ty: Type) -> Self {
        VarTarget { ty, general: General::Memory(var) }
    }

    pub(crate) fn values(var: Arc<dyn ValueVar>, ty: Type) -> Self {
        VarTarget { ty, general: General::Values(var) }
    }

    pub(super) fn converted(self) -> Self {
        VarTarget { general: General::Converted(Box::new(self.general)), ..self }
    }
}
