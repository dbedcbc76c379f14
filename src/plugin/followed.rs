//! [`Followed`]: where compiled code finds the function of another plugin, by one load and
//! without a question. Whenever plugins come or go it loses it, and must look it up.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use twinplug_value::Signature;

use super::target::{FuncTarget, General, Gone};

/// The place of a function's target; what calls by it must hold a handle on the function.
pub(crate) struct Followed(AtomicPtr<FuncTarget>);

static GONE: FuncTarget = FuncTarget::nowhere(Signature::ANY, General::Gone(Gone::Unloaded));

impl Followed {
    /// One that leads to no function.
    pub(crate) fn new() -> Followed {
        Followed(AtomicPtr::new(ptr::from_ref(&GONE).cast_mut()))
    }

    /// Loses the function: a call of it answers `Entry::GONE`.
    pub(crate) fn lose(&self) {
        self.lead_to(&GONE);
    }

    /// Whoever has looked the function up asks after this whether plugins have come or gone
    /// since, and then loses it: they lose it after they have counted that.
    pub(super) fn lead_to(&self, target: &FuncTarget) {
        self.0.store(ptr::from_ref(target).cast_mut(), Ordering::SeqCst);
    }

    /// The address of the place.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }
}
