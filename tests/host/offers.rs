//! What a host offers beside plain functions: those that wait, what is lent to them, constants, and
//! events.

#[cfg(feature = "_lua")]
mod asynchronous;
#[cfg(feature = "_lua")]
mod blocking;
mod constants;
#[cfg(feature = "_lua")]
mod deprecated;
mod events;
#[cfg(feature = "_lua")]
mod lending;
#[cfg(feature = "_lua")]
mod scalars;
mod twins;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, Weak};

use twinplug::{Host, HostBuilder};

/// A gate that a function of the host waits at: how many have come, and how many may go.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<(usize, usize)>, Condvar)>);

impl Gate {
    /// Comes to it, and waits to be let through.
    pub(crate) fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.0 += 1;
        changed.notify_all();
        while state.1 == 0 {
            state = changed.wait(state).unwrap();
        }
        state.1 -= 1;
    }

    /// Waits until so many have come, in all.
    pub(crate) fn wait_for(&self, count: usize) {
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap();
        drop(changed.wait_while(state, |state| state.0 < count).unwrap());
    }

    /// Lets so many through.
    pub(crate) fn open(&self, count: usize) {
        let (state, changed) = &*self.0;
        state.lock().unwrap().1 += count;
        changed.notify_all();
    }
}

/// A host that its own functions reach.
pub(crate) fn reaching(
    offer: impl FnOnce(HostBuilder, Arc<OnceLock<Weak<Host>>>) -> HostBuilder,
) -> Arc<Host> {
    let cell: Arc<OnceLock<Weak<Host>>> = Arc::default();
    let host = Arc::new(offer(Host::builder(), Arc::clone(&cell)).build().unwrap());
    cell.set(Arc::downgrade(&host)).unwrap();
    host
}

pub(crate) fn of(cell: &OnceLock<Weak<Host>>) -> Arc<Host> {
    cell.get().and_then(Weak::upgrade).expect("set once it is there")
}

/// Counts that it was dropped.
pub(crate) struct Dropped(pub(crate) Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
