//! The memory that all of a host's VMs may take together.
//!
//! A VM that is entered sets aside up to half of what is left, and gives back what it has
//! not used when it is left: so VMs that run at the same time share it, and never take
//! more than there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlua::Lua;

use crate::error::Limit;
use crate::plugin::{Limits, Total};

/// One VM's part; only with the VM's lock held.
pub(in crate::lua) struct Share {
    total: Option<Arc<Total>>,
    own: Option<usize>,
    /// What is set aside for it: while nobody is in it, what it takes.
    held: AtomicUsize,
    /// How often it is entered, as its own calls may come back to it.
    entered: AtomicUsize,
}

impl Share {
    /// The part of a new VM, which takes nothing yet.
    pub(in crate::lua) fn new(limits: &Limits) -> Share {
        Share { total: limits.total.clone(), own: limits.memory, held: 0.into(), entered: 0.into() }
    }

    /// Whether the VM takes part in a limit of its host's.
    #[inline(always)]
    pub(in crate::lua) fn is_shared(&self) -> bool {
        self.total.is_some()
    }

    /// The VM is entered, and is one that shares: the limit that holds until it is left, and in
    /// bytes what the VM may take.
    pub(in crate::lua) fn enter(&self, lua: &Lua) -> Option<(Limit, usize)> {
        let total = self.total.as_ref()?;
        let mut held = self.held.load(Ordering::Relaxed);
        if self.entered.fetch_add(1, Ordering::Relaxed) == 0 {
            let most = self.own.map_or(usize::MAX, |own| own.saturating_sub(held));
            held += total.set_aside(|left| most.min(left / 2));
            self.held.store(held, Ordering::Relaxed);
            // Zero would be none.
            let set = lua.set_memory_limit(held.max(1));
            debug_assert!(set.is_ok(), "the VM is our own");
        }
        let limit = match self.own {
            Some(own) if own <= held => Limit::Memory(own),
            _ => Limit::MemoryTotal(total.limit),
        };
        Some((limit, held.max(1)))
    }

    /// The VM is left, and its script takes so many bytes beside what the VM does.
    pub(in crate::lua) fn leave(&self, lua: &Lua, beside: usize) {
        if let Some(total) = &self.total
            && self.entered.fetch_sub(1, Ordering::Relaxed) == 1
        {
            let used = lua.used_memory() + beside;
            total.used.fetch_add(used, Ordering::Relaxed);
            total.used.fetch_sub(self.held.swap(used, Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(total) = &self.total {
            total.used.fetch_sub(self.held.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
