//! The life of a plugin, as far as waits are concerned: when it ends, they do.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::sync::{AtomicBool, Mutex};

/// What ends when a plugin goes.
pub(crate) struct Life {
    is_over: AtomicBool,
    waits: Mutex<Vec<Arc<dyn Ends>>>,
}

/// A wait that can be ended from outside.
pub(crate) trait Ends: Send + Sync {
    /// The plugin is gone. What has ended already stays as it is.
    fn end(&self);
}

/// A wait that ends with the life; until this is dropped.
pub(super) struct Tied<'l> {
    life: &'l Life,
    wait: Arc<dyn Ends>,
}

impl Default for Life {
    fn default() -> Self {
        Life { is_over: AtomicBool::new(false), waits: Mutex::new(Vec::new()) }
    }
}

impl Life {
    /// The plugin goes: whoever waits on its behalf is woken, and nobody will any more.
    pub(crate) fn end(&self) {
        let waits = {
            let mut waits = self.waits.lock();
            self.is_over.store(true, Ordering::Release);
            std::mem::take(&mut *waits)
        };
        waits.iter().for_each(|wait| wait.end());
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Has a wait end with it, at once if it is over.
    pub(super) fn tie(&self, wait: Arc<dyn Ends>) -> Tied<'_> {
        self.add(&wait);
        Tied { life: self, wait }
    }

    /// As `tie`, until [`remove`](Life::remove).
    pub(crate) fn add(&self, wait: &Arc<dyn Ends>) {
        let mut waits = self.waits.lock();
        if self.is_over() {
            drop(waits);
            wait.end();
        } else {
            waits.push(Arc::clone(wait));
        }
    }

    pub(crate) fn remove(&self, wait: &Arc<dyn Ends>) {
        let mut waits = self.waits.lock();
        let place = waits.iter().position(|other| Arc::ptr_eq(other, wait));
        let removed = place.map(|place| waits.swap_remove(place));
        drop(waits);
        drop(removed);
    }
}

impl Drop for Tied<'_> {
    fn drop(&mut self) {
        self.life.remove(&self.wait);
    }
}
