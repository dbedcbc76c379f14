//! The contract that both kinds of plugin keep, and what they may ask of their
//! host. This room knows neither kind.

mod called;
mod callers;
mod cancel;
mod chain;
mod constant;
mod contained;
mod context;
mod descriptor;
#[cfg(feature = "luajit")]
mod followed;
mod gate;
mod handle;
mod hook;
mod host_function;
mod limits;
mod live;
mod loan;
mod log;
mod measured;
mod mocks;
mod origin;
mod passed_on;
mod permission;
pub(crate) mod sealed;
mod subscriber;
mod symbol;
mod target;
#[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "of scripts alone"))]
mod visits;
mod waiting;

use std::pin::Pin;
use std::sync::Arc;

use twinplug_value::raw::{Foreign, RawArgs, Returned};
use twinplug_value::{ConvertError, Data, Plain, ScalarKind, Simple, Sink, Source};

use crate::error::Result;

#[cfg(feature = "_lua")]
pub(crate) use called::answer_call;
pub(crate) use called::as_one;
#[cfg(feature = "native")]
pub(crate) use called::call_fault;
pub(crate) use callers::run as run_elsewhere;
#[cfg(feature = "_lua")]
pub(crate) use cancel::was_cancelled;
pub(crate) use chain::{
    MAX_NESTED, cancellation, cannot_wait, deadline, ends_by_itself, held, hold, hold_first,
    is_cancelled, is_free, overdue, release, release_last, too_deep, undisturbed, within,
};
pub(crate) use constant::Constant;
pub(crate) use contained::{contained, returned_fault, wake};
pub(crate) use context::{
    BUILT_INS, FAKE_CAPACITY, FakeChannels, HostContext, MISSING_FUNCTION, Output, Plugins,
};
pub(crate) use descriptor::check_name;
pub use descriptor::{Descriptor, Export, OnFault, Over, PluginKind, Requirement};
#[cfg(feature = "luajit")]
pub(crate) use followed::Followed;
pub(crate) use gate::Gate;
#[cfg(feature = "_lua")]
pub(crate) use handle::receive;
pub use handle::{Calling, Dynamic, Func, Var};
pub(crate) use handle::{Casual, Layered, Report, fit};
pub(crate) use hook::Hook;
pub(crate) use host_function::{Entries, HostFunction, Turn};
#[cfg(feature = "_lua")]
pub(crate) use host_function::{Invoke, ScalarEntry};
pub use limits::LimitSignal;
pub(crate) use limits::{Limits, Total};
pub(crate) use live::{Live, Running, Track, barrier};
pub(crate) use loan::Lender;
pub(crate) use log::{EVENT, LogLevel, RETURNED};
pub use measured::Calls;
pub(crate) use measured::Counters;
pub(crate) use mocks::Mocks;
pub(crate) use origin::{Origin, Said};
#[cfg(feature = "native")]
pub(crate) use passed_on::Service;
#[cfg(feature = "_lua")]
pub(crate) use passed_on::passes_on;
pub(crate) use passed_on::{NativeFrame, raised};
pub(crate) use permission::{Permission, list as permission_list};
pub(crate) use subscriber::Subscriber;
pub(crate) use symbol::Bound;
pub use symbol::Symbol;
pub(crate) use target::{FuncTarget, Gone, VarTarget};
#[cfg(feature = "_lua")]
pub(crate) use visits::Visits;
pub(crate) use visits::parked;
pub(crate) use waiting::Answer;

/// One load of a plugin, of either kind.
///
/// A [`PluginRef`](crate::PluginRef) gives it as `current()`. The kinds are a
/// closed set: the trait cannot be implemented elsewhere.
pub trait Plugin: Send + Sync + sealed::Implemented {
    /// What the plugin says of itself, with the exports of this moment.
    fn descriptor(&self) -> Arc<Descriptor>;

    /// The symbol of that name.
    ///
    /// # Errors
    /// There is none; the message has the names near to it.
    fn lookup(&self, name: &str) -> Result<Symbol>;
}

/// What a layer lies over, as that layer sees it.
pub(crate) trait Base: Send + Sync {
    /// The symbol of that name, of whoever has it below.
    fn lookup(&self, name: &str) -> Result<Symbol>;
}

/// Writes what goes into a plugin.
pub(crate) type Write<'a> = &'a mut dyn FnMut(&mut dyn Sink) -> Result<(), ConvertError>;
/// Reads what comes out of a plugin.
pub(crate) type Read<'a> = &'a mut dyn FnMut(&mut dyn Source) -> Result<(), ConvertError>;

/// Where a value goes that comes out of a plugin.
pub(crate) struct Got<'a> {
    /// It, if it is a scalar: written in place, as a value that is returned would be copied
    /// out of parts that were just written, which processors are slow at.
    pub(crate) scalar: Option<Plain>,
    /// Whether a float is asked for, which each number may be that is exact as one.
    #[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "of scripts alone"))]
    pub(crate) is_float: bool,
    /// Where it goes if it is text, and that is what is asked for.
    pub(crate) text: Option<&'a mut Option<String>>,
    /// Else what gets it.
    pub(crate) read: Read<'a>,
}

impl<'a> Got<'a> {
    /// For a `T`.
    #[inline(always)]
    pub(crate) fn of<T: Data>(read: Read<'a>) -> Self {
        let is_float = const {
            T::SCALAR.is_some() && matches!(ScalarKind::of(T::SCHEMA), Some(ScalarKind::Float))
        };
        Got { scalar: None, is_float, text: None, read }
    }
}

/// How the results of a function are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Results {
    /// As one value; none is null, more are an error.
    One,
    /// As a list of all.
    All,
}

/// A plugin's function, of a kind that keeps values in memory of its own.
pub(crate) trait RawFunc: Send + Sync {
    /// Calls it with these arguments.
    fn call(&self, args: Write<'_>, results: Results, got: &mut Got<'_>) -> Result<()>;
    /// Calls it with scalars.
    fn call_scalars(&self, args: &[Plain], results: Results, got: &mut Got<'_>) -> Result<()>;
    /// Calls it with scalars and text.
    fn call_simple(&self, args: &[Simple<'_>], results: Results, got: &mut Got<'_>) -> Result<()>;
}

/// A plugin's variable, of a kind that keeps values in memory of its own.
pub(crate) trait RawVar: Send + Sync {
    /// Reads it.
    fn get(&self, got: &mut Got<'_>) -> Result<()>;
    /// Sets it to the one value that is written.
    fn set(&self, value: Write<'_>) -> Result<()>;
    /// Sets it to a scalar.
    fn set_scalar(&self, value: Plain) -> Result<()>;
}

/// A plugin's function, of a kind that takes raw values. The references among them are its own
/// to it, and others to us.
pub(crate) trait ValueFunc: Foreign + Send + Sync {
    /// Calls it; several results are one list.
    fn call(&self, args: RawArgs<'_>, result: Pin<&mut Returned>) -> Result<()>;
}

/// A plugin's variable, of a kind that takes raw values: as [`ValueFunc`].
pub(crate) trait ValueVar: Foreign + Send + Sync {
    /// Reads it.
    fn get(&self, value: Pin<&mut Returned>) -> Result<()>;
    /// Sets the one value that was written.
    fn set(&self, value: RawArgs<'_>) -> Result<()>;
}
