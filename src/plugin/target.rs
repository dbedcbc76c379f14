//! What a handle's calls go to, as the plugin's kind keeps its values.

use std::sync::Arc;

use twinplug_value::raw::Entry;

use super::{RawFunc, RawVar, ValueFunc, ValueVar};
use crate::error::{Error, ErrorKind};

/// Where the calls of a function go.
pub(crate) struct FuncTarget {
    /// Taken where the types of a call are just its own.
    pub(super) direct: Entry,
    /// Whether it calls nothing of the host.
    #[cfg_attr(not(feature = "luajit"), allow(dead_code, reason = "of compiled scripts alone"))]
    pub(super) is_leaf: bool,
    pub(super) general: General<dyn RawFunc, dyn ValueFunc>,
}

/// Where the uses of a variable go.
pub(crate) type VarTarget = General<dyn RawVar, dyn ValueVar>;

/// How values get there.
pub(crate) enum General<M: ?Sized, V: ?Sized> {
    /// Written into the memory of the plugin's kind.
    Memory(Box<M>),
    /// As raw values.
    Values(Arc<V>),
    /// The plugin was unloaded.
    Stale,
}

impl FuncTarget {
    pub(crate) fn memory(function: Box<dyn RawFunc>) -> Self {
        FuncTarget { direct: Entry::NONE, is_leaf: false, general: General::Memory(function) }
    }

    /// `direct` may be called for as long as `function` is held.
    pub(crate) fn values(function: Arc<dyn ValueFunc>, direct: Entry) -> Self {
        FuncTarget { direct, is_leaf: false, general: General::Values(function) }
    }

    /// As it is, of a function that calls nothing of the host.
    pub(crate) fn leaf(self) -> Self {
        FuncTarget { is_leaf: true, ..self }
    }

    pub(crate) const fn stale() -> Self {
        FuncTarget { direct: Entry::NONE, is_leaf: false, general: General::Stale }
    }
}

/// The error of a handle whose plugin was unloaded.
pub(crate) fn stale() -> Error {
    Error::new(ErrorKind::Stale, "the plugin was unloaded")
}
