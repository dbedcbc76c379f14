//! Whom a signal concerns: the routes of all that is followed, and the folders watched for them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::places::{Places, State};
use super::route::{Route, Step};

/// The routes in use.
pub(super) struct Ways {
    pub(super) places: Places,
    /// Who goes by an entry.
    travellers: HashMap<PathBuf, Vec<Traveller>>,
}

/// Who has a route.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Traveller {
    File(PathBuf),
    /// It needs to know of the entries of what its route ends at, too.
    Folder(PathBuf),
}

/// Routes that change all the while are looked at as often, and then by the next signal.
const MOST_TURNS: usize = 8;

impl Ways {
    pub(super) fn new(places: Places) -> Self {
        Ways { places, travellers: HashMap::new() }
    }

    /// Who goes by that entry.
    pub(super) fn travellers(&self, path: &Path) -> Vec<Traveller> {
        self.travellers.get(path).cloned().unwrap_or_default()
    }

    /// Brings a route up to date: on return its folders are watched, and it was still the way
    /// after they were. Says whether it has to be looked at time and again.
    pub(super) fn settle(&mut self, who: &Traveller, path: &Path, route: &mut Route) -> bool {
        for _ in 0..MOST_TURNS {
            let now = Route::of(path);
            if now == *route {
                self.complete(route);
                break;
            }
            // The new ones first: what both need stays watched.
            self.enter(who, &now);
            self.leave(who, route);
            *route = now;
        }
        self.is_polled(who, route)
    }

    /// Watches what was gone for a moment when it was to be watched.
    fn complete(&mut self, route: &Route) {
        for step in route.watched() {
            if self.places.state(&step.folder) == State::Absent {
                self.places.renew(&step.folder);
            }
        }
    }

    fn enter(&mut self, who: &Traveller, route: &Route) {
        for step in &route.steps {
            self.travellers.entry(step.path.clone()).or_default().push(who.clone());
        }
        route.watched().for_each(|step| self.places.hold(&step.folder));
        if let Some(end) = end(who, route) {
            self.places.hold(end);
        }
    }

    pub(super) fn leave(&mut self, who: &Traveller, route: &Route) {
        for step in &route.steps {
            let Some(travellers) = self.travellers.get_mut(&step.path) else { continue };
            if let Some(place) = travellers.iter().position(|other| other == who) {
                travellers.swap_remove(place);
            }
            if travellers.is_empty() {
                self.travellers.remove(&step.path);
            }
        }
        route.watched().for_each(|step| self.places.release(&step.folder));
        if let Some(end) = end(who, route) {
            self.places.release(end);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.travellers.is_empty() && self.places.is_empty()
    }

    /// A folder on the way that may be gone by, and not read, is none to poll for.
    fn is_polled(&self, who: &Traveller, route: &Route) -> bool {
        let is_polled = |step: &Step| match self.places.state(&step.folder) {
            State::Polled => true,
            State::Forbidden => step.is_turn,
            State::Watched | State::Absent => false,
        };
        let is_dark =
            |end: &Path| matches!(self.places.state(end), State::Polled | State::Forbidden);
        route.watched().any(is_polled) || end(who, route).is_some_and(is_dark)
    }
}

/// The folder whose entries matter to a folder.
fn end<'r>(who: &Traveller, route: &'r Route) -> Option<&'r Path> {
    match who {
        Traveller::File(_) => None,
        Traveller::Folder(_) => route.end.as_deref(),
    }
}
