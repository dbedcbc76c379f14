//! A gate that calls of a plugin wait at while another load of it takes over.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::{Track, cannot_wait, deadline, held, overdue};
use crate::error::{Error, ErrorKind};

/// Shut until it opens, once.
#[derive(Default)]
pub struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

/// What a handle leads to meanwhile: `V` is a function or a variable of the load before.
pub(crate) struct Paused<V: ?Sized> {
    gate: Arc<Gate>,
    plugin: Arc<str>,
    /// What a call goes to that comes from inside the plugin.
    through: Arc<V>,
    track: Arc<Track>,
}

impl Gate {
    pub(crate) fn open(&self) {
        *self.is_open.lock() = true;
        self.opened.notify_all();
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

impl<V: ?Sized> Paused<V> {
    pub(super) fn new(gate: &Arc<Gate>, plugin: &str, through: Arc<V>, track: &Arc<Track>) -> Self {
        let (gate, track) = (Arc::clone(gate), Arc::clone(track));
        Paused { gate, plugin: plugin.into(), through, track }
    }

    /// Where a call goes whose own thread is inside the plugin already, which waits for that one
    /// to end.
    pub(super) fn through(&self) -> Option<&V> {
        self.track.is_raised_here().then_some(&*self.through)
    }

    /// Waits; the error is that the call has not begun, or why it does not wait.
    pub(super) fn wait(&self) -> Error {
        match self.gate.wait(&self.plugin) {
            Ok(()) => Error::new(ErrorKind::Retired, "the plugin was reloaded").not_begun(),
            Err(error) => error,
        }
    }
}
