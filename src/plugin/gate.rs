//! A gate that calls of a plugin wait at while another load of it takes over.

use std::any::Any;
use std::sync::{Arc, Weak};

use parking_lot::{Condvar, Mutex};

use super::{Track, cannot_wait, deadline, held, overdue};
use crate::error::{Error, ErrorKind};

/// Shut until it opens, once.
#[derive(Default)]
pub struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
    /// What goes through meanwhile leads to these.
    kept: Mutex<Vec<Box<dyn Any + Send + Sync>>>,
}

/// What a handle leads to meanwhile: `V` is a function or a variable of the load before.
pub(crate) struct Paused<V: ?Sized> {
    gate: Arc<Gate>,
    plugin: Arc<str>,
    /// What a call goes to that comes from inside the plugin, for as long as the gate keeps it.
    through: Weak<V>,
    track: Arc<Track>,
}

impl Gate {
    pub(crate) fn open(&self) {
        *self.is_open.lock() = true;
        self.opened.notify_all();
        self.forget();
    }

    /// Nothing goes through any more.
    pub(crate) fn forget(&self) {
        let kept = std::mem::take(&mut *self.kept.lock());
        drop(kept);
    }

    /// Waits until it opens, for as long as that takes.
    #[cfg(feature = "native")]
    pub(crate) fn wait_until_open(&self) {
        let mut is_open = self.is_open.lock();
        while !*is_open {
            self.opened.wait(&mut is_open);
        }
    }

    /// Waits until it opens.
    ///
    /// # Errors
    /// The thread holds a plugin, or its call must have ended before.
    pub(crate) fn wait(&self, plugin: &str) -> Result<(), Error> {
        let mut is_open = self.is_open.lock();
        while !*is_open {
            if held() > 0 {
                return Err(cannot_wait(format_args!("plugin `{plugin}`, which is reloaded")));
            }
            if let Some(limit) = overdue() {
                let what = format!("waiting for plugin `{plugin}`, which is reloaded");
                return Err(Error::stopped(limit, Some(&what)));
            }
            // A call that is cancelled meanwhile is refused behind it.
            match deadline() {
                None => self.opened.wait(&mut is_open),
                Some(deadline) => {
                    self.opened.wait_until(&mut is_open, deadline.at);
                }
            }
        }
        Ok(())
    }
}

impl<V: ?Sized + Send + Sync + 'static> Paused<V> {
    pub(super) fn new(gate: &Arc<Gate>, plugin: &str, through: Arc<V>, track: &Arc<Track>) -> Self {
        let (gate, track) = (Arc::clone(gate), Arc::clone(track));
        let weak = Arc::downgrade(&through);
        gate.kept.lock().push(Box::new(through));
        Paused { gate, plugin: plugin.into(), through: weak, track }
    }
}

impl<V: ?Sized> Paused<V> {
    /// Where a call goes whose own thread is inside the plugin already, which waits for that one
    /// to end.
    pub(super) fn through(&self) -> Option<Arc<V>> {
        self.through.upgrade().filter(|_| self.track.is_raised_here())
    }

    /// Waits; the error is that the call has not begun, or why it does not wait.
    pub(super) fn wait(&self) -> Error {
        match self.gate.wait(&self.plugin) {
            Ok(()) => Error::new(ErrorKind::Retired, "the plugin was reloaded").not_begun(),
            Err(error) => error,
        }
    }
}
