//! What a VM has to drop, and whoever enters it next does.

use std::ptr;
use std::sync::atomic::Ordering;

use super::{State, Vm};
use crate::lua::border::Border;
use crate::lua::coroutine::Coroutine;
use crate::lua::raw::Reference;

impl Vm {
    /// Only with the VM's lock held.
    #[inline(always)]
    pub(in crate::lua) fn drop_lost(&self, state: &State) {
        // One that is missed is found the next time.
        if self.has_lost.load(Ordering::Acquire) {
            self.has_lost.store(false, Ordering::Release);
            // Before the list is taken: what comes after that stands against quick calls again.
            self.let_quick_calls_in(state);
            let lost = std::mem::take(&mut *self.shared.lost.lock());
            lost.into_iter().for_each(|coroutine| state.core.pool.give_up(coroutine));
            self.release_kept(&state.core.border);
            state.core.border.references.drop_freed();
        }
    }

    /// A value that was kept for somebody outside is used no more: whoever enters next releases
    /// it. Without the VM's lock.
    pub(in crate::lua) fn release_later(&self, value: Reference) {
        self.shared.released.lock().push(value);
        self.has_something_to_drop();
    }

    /// Whoever enters next looks what is to be dropped.
    pub(in crate::lua) fn has_something_to_drop(&self) {
        self.has_lost.store(true, Ordering::Release);
        self.quick.store(ptr::null_mut(), Ordering::SeqCst);
    }

    /// Releases what was kept for somebody outside, and is used no more. With the VM entered.
    pub(in crate::lua) fn release_kept(&self, border: &Border) {
        let released = std::mem::take(&mut *self.shared.released.lock());
        // SAFETY: the VM is entered; each was kept once.
        released.into_iter().for_each(|value| unsafe { value.release(border.main()) });
    }

    /// A coroutine is lost: whoever enters next gives it up. Without the VM's lock.
    #[cold]
    pub(in crate::lua) fn lose(&self, coroutine: Coroutine) {
        self.shared.lost.lock().push(coroutine);
        self.has_something_to_drop();
    }
}
