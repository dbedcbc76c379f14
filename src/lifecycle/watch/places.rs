//! The folders that are watched: each once, however many need it, and anew where it was
//! removed or renamed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::backend::{Backend, Refusal};
use super::fingerprint::Identity;
use super::route::WATCHES_THE_WAY;

/// The watched folders, by their one true names.
pub(super) struct Places {
    pub(super) backend: Backend,
    places: HashMap<PathBuf, Place>,
    /// What [`Watcher::is_polling`](super::Watcher::is_polling) answers.
    is_polling: Arc<AtomicBool>,
    has_warned: bool,
}

struct Place {
    needed: usize,
    state: State,
    /// Which folder it was when it was looked at last.
    identity: Option<Identity>,
}

/// Whether the system tells of a folder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Watched,
    Absent,
    /// It may not be read.
    Forbidden,
    /// It has to be looked at time and again.
    Polled,
}

impl Places {
    pub(super) fn new(backend: Backend, is_polling: Arc<AtomicBool>) -> Self {
        Places { backend, places: HashMap::new(), is_polling, has_warned: false }
    }

    /// Somebody needs to know of a folder's entries.
    pub(super) fn hold(&mut self, folder: &Path) {
        let identity = identity(folder);
        if let Some(place) = self.places.get_mut(folder) {
            place.needed += 1;
            if place.state != State::Absent && place.identity == identity {
                return;
            }
            self.backend.unwatch(folder);
        } else {
            let place = Place { needed: 1, state: State::Absent, identity: None };
            self.places.insert(folder.to_owned(), place);
        }
        self.start(folder);
    }

    /// Somebody needs it no more.
    pub(super) fn release(&mut self, folder: &Path) {
        let Some(place) = self.places.get_mut(folder) else { return };
        place.needed -= 1;
        if place.needed == 0 {
            self.places.remove(folder);
            self.backend.unwatch(folder);
        }
    }

    pub(super) fn state(&self, folder: &Path) -> State {
        self.places.get(folder).map_or(State::Absent, |place| place.state)
    }

    /// Watches anew what lies there: a watch stays with its folder, and not with the name, and
    /// notify forgets all watches below a folder that is gone.
    pub(super) fn renew(&mut self, top: &Path) {
        if WATCHES_THE_WAY && !self.places.contains_key(top) {
            // Nor is any below it: this is a file.
            return;
        }
        self.renew_where(|path, _| path.starts_with(top));
    }

    /// Tries again what could not be watched.
    pub(super) fn retry(&mut self) {
        self.renew_where(|_, state| state == State::Polled);
        let is_polling = self.places.values().any(|place| place.state == State::Polled);
        self.is_polling.store(is_polling, Ordering::Relaxed);
    }

    pub(super) fn renew_all(&mut self) {
        self.renew_where(|_, _| true);
    }

    fn renew_where(&mut self, is_meant: impl Fn(&Path, State) -> bool) {
        let meant = self.places.iter().filter(|(path, place)| is_meant(path, place.state));
        let mut meant: Vec<PathBuf> = meant.map(|(path, _)| path.clone()).collect();
        // From the top, so that nothing is missed between a folder and those in it.
        meant.sort();
        meant.iter().for_each(|folder| self.backend.unwatch(folder));
        meant.iter().for_each(|folder| self.start(folder));
    }

    /// Watches a folder that is not watched under this name.
    fn start(&mut self, folder: &Path) {
        let identity = identity(folder);
        let twin = self.twin(folder, identity);
        if let Some(twin) = &twin {
            self.backend.unwatch(twin);
        }
        let state = self.watch(folder);
        if let Some(place) = self.places.get_mut(folder) {
            (place.state, place.identity) = (state, identity);
        }
        if let Some(twin) = twin
            && let Some(place) = self.places.get_mut(&twin)
        {
            // A folder that is mounted twice can be watched under one of its names alone.
            (place.state, place.identity) = (State::Polled, None);
        }
    }

    /// Another name that the folder is watched under: it had that name before. The system
    /// keeps one watch a folder, which would end under both with the old one.
    fn twin(&self, folder: &Path, identity: Option<Identity>) -> Option<PathBuf> {
        let identity = Some(identity?);
        let is_twin = |(path, place): &(&PathBuf, &Place)| {
            *path != folder && place.state == State::Watched && place.identity == identity
        };
        self.places.iter().find(is_twin).map(|(path, _)| path.clone())
    }

    fn watch(&mut self, folder: &Path) -> State {
        let refusal = match self.backend.watch(folder) {
            Ok(()) => return State::Watched,
            Err(Refusal::Absent) => return State::Absent,
            Err(Refusal::Forbidden) => return State::Forbidden,
            Err(refusal) => refusal,
        };
        self.is_polling.store(true, Ordering::Relaxed);
        let is_first = !std::mem::replace(&mut self.has_warned, true);
        let path = folder.display();
        match refusal {
            Refusal::Exhausted if is_first => tracing::warn!(
                %path,
                "the system has no watches left: files are polled, which sees changes later; \
                 raise `fs.inotify.max_user_watches`"
            ),
            Refusal::Failed(error) if is_first => tracing::warn!(
                %path,
                %error,
                "the system cannot watch: files are polled, which sees changes later; where there \
                 are too many watchers, raise `fs.inotify.max_user_instances`"
            ),
            _ => {}
        }
        State::Polled
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

fn identity(folder: &Path) -> Option<Identity> {
    folder.metadata().ok().and_then(|metadata| Identity::of(&metadata))
}
