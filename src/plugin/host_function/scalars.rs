//! Functions of scalars as scripts call them: by code that is made for each of them alone, which
//! reads just its parameters, and calls it without asking which one it is.
//!
//! What that code looks like is known to the kind of plugin that makes it (`Entries`).

use std::any::Any;
use std::sync::Arc;

use twinplug_value::{Data, Params};

use super::Invoke;

/// A kind of plugin that makes such code.
pub(crate) trait Entries {
    /// The address of the code that calls an `F`, if there is any.
    fn entry<P: Params, F: Invoke<P>>() -> Option<usize>;
}

/// No kind does.
#[cfg(not(feature = "_lua"))]
impl Entries for () {
    fn entry<P: Params, F: Invoke<P>>() -> Option<usize> {
        None
    }
}

/// The code that was made for a function, and that function.
#[derive(Clone)]
#[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "of scripts alone"))]
pub(crate) struct ScalarEntry {
    address: usize,
    function: Arc<dyn Any + Send + Sync>,
}

#[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "of scripts alone"))]
impl ScalarEntry {
    /// `None` where a parameter or the result is no scalar: whatever is converted otherwise may run
    /// code of the embedding.
    pub(super) fn new<E: Entries, P: Params, F: Invoke<P>>(function: &F) -> Option<ScalarEntry> {
        F::Value::SCALAR?;
        P::from_bits(|_, _| Some(0))?;
        let address = E::entry::<P, F>()?;
        Some(ScalarEntry { address, function: Arc::new(function.clone()) })
    }

    /// What [`Entries::entry`] gave of the `F`.
    pub(crate) fn address(&self) -> usize {
        self.address
    }

    /// The `F`, which is there as long as this, or a clone of it.
    pub(crate) fn function(&self) -> *const () {
        Arc::as_ptr(&self.function).cast()
    }
}
