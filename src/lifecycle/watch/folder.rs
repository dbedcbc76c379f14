//! A folder that is followed: which of its entries are news.
//!
//! A file that is news is followed by the worker until it is complete, as any other. A folder
//! within is complete once nothing has happened in it for a while.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::fingerprint::Stamp;
use super::places::Places;
use super::route::Route;
use super::signal::What;
use super::{Change, ChangeKind, Named};

/// What an entry of a folder is to the one who follows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It is told when it appears.
    Wanted,
    /// It is nothing yet, but what is put into it can make it something.
    Maybe,
    Ignored,
}

pub(super) type Judge = Box<dyn Fn(&Path) -> Verdict + Send>;

pub(super) struct Folder {
    pub(super) named: Named,
    pub(super) route: Route,
    pub(super) is_polled: bool,
    judge: Judge,
    /// What was told, or is no news.
    known: HashSet<OsString>,
    /// The folders within that are not told yet.
    nests: HashMap<OsString, Nest>,
}

/// A folder within, into which something may be put.
struct Nest {
    /// By its one true name.
    path: PathBuf,
    /// When it is complete, if nothing happens in it.
    until: Option<Instant>,
    /// The files in it that are being written.
    open: HashSet<PathBuf>,
    /// What it held when it was looked at last, where nobody tells.
    held: Vec<(PathBuf, Option<Stamp>)>,
}

/// How long nothing may have happened in a folder that is new.
const SETTLED: Duration = Duration::from_millis(100);
const SETTLED_POLLED: Duration = Duration::from_millis(500);

impl Folder {
    pub(super) fn new(named: Named, known: HashSet<OsString>, judge: Judge) -> Self {
        let (route, nests) = (Route::default(), HashMap::new());
        Folder { named, route, is_polled: false, judge, known, nests }
    }

    /// Something has happened to an entry of it, or of a folder within. Gives the file that is
    /// news by that, as the user would name it.
    pub(super) fn signal(
        &mut self,
        path: &Path,
        what: What,
        places: &mut Places,
    ) -> Option<PathBuf> {
        let parent = path.parent()?;
        if self.route.end.as_deref() == Some(parent) {
            return self.entry(path.file_name()?, what, places);
        }
        let nest = self.nests.values_mut().find(|nest| nest.path == parent)?;
        match what {
            What::Modified => nest.open.insert(path.to_owned()),
            _ => nest.open.remove(path),
        };
        nest.until = Some(Instant::now() + SETTLED);
        None
    }

    fn entry(&mut self, name: &OsStr, what: What, places: &mut Places) -> Option<PathBuf> {
        // Some systems say no more than that something has happened.
        let is_gone = || self.named.absolute.join(name).symlink_metadata().is_err();
        if what == What::Lost || is_gone() {
            self.known.remove(name);
            self.leave(name, places);
            return None;
        }
        self.look_at(name, places)
    }

    /// Gives the file, if it is one and news.
    fn look_at(&mut self, name: &OsStr, places: &mut Places) -> Option<PathBuf> {
        let path = self.named.absolute.join(name);
        if self.known.contains(name) || (self.judge)(&path) == Verdict::Ignored {
            return None;
        }
        if path.is_dir() {
            self.nest(name, &path, places);
            return None;
        }
        ((self.judge)(&path) == Verdict::Wanted).then(|| self.named.path.join(name))
    }

    /// A folder within is watched until it is told.
    fn nest(&mut self, name: &OsStr, path: &Path, places: &mut Places) {
        if self.nests.contains_key(name) {
            return;
        }
        let Ok(path) = path.canonicalize() else { return };
        places.hold(&path);
        let until = Some(Instant::now() + SETTLED);
        let held = listed(&path);
        let nest = Nest { path, until, open: HashSet::new(), held };
        self.nests.insert(name.to_owned(), nest);
    }

    fn leave(&mut self, name: &OsStr, places: &mut Places) {
        if let Some(nest) = self.nests.remove(name) {
            places.release(&nest.path);
        }
    }

    /// Looks at all entries; gives the files that are news.
    pub(super) fn scan(&mut self, places: &mut Places) -> Vec<PathBuf> {
        let listed = fs::read_dir(&self.named.absolute).into_iter().flatten();
        let names: HashSet<OsString> =
            listed.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
        self.known.retain(|name| names.contains(name));
        let gone: Vec<_> = self.nests.keys().filter(|name| !names.contains(*name)).collect();
        for name in gone.into_iter().cloned().collect::<Vec<_>>() {
            self.leave(&name, places);
        }
        names.iter().filter_map(|name| self.look_at(name, places)).collect()
    }

    /// Looks into the folders within, where nobody tells.
    pub(super) fn poll(&mut self) {
        for nest in self.nests.values_mut() {
            let held = listed(&nest.path);
            if held != nest.held {
                nest.held = held;
                nest.until = Some(Instant::now() + SETTLED_POLLED);
            }
        }
    }

    /// What happened in the folders within was not told.
    pub(super) fn unsure(&mut self) {
        for nest in self.nests.values_mut() {
            nest.open.clear();
            nest.until = Some(Instant::now() + SETTLED);
        }
    }

    /// A file of it was told.
    pub(super) fn told(&mut self, path: &Path) {
        if path.parent() == Some(&self.named.path)
            && let Some(name) = path.file_name()
        {
            self.known.insert(name.to_owned());
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        let quiet = self.nests.values().filter(|nest| nest.open.is_empty());
        quiet.filter_map(|nest| nest.until).min()
    }

    /// The folders within that are complete by now.
    pub(super) fn complete(&mut self, places: &mut Places) -> Vec<Change> {
        let now = Instant::now();
        let mut due = Vec::new();
        for (name, nest) in &mut self.nests {
            if nest.open.is_empty() && nest.until.is_some_and(|until| until <= now) {
                nest.until = None;
                due.push(name.clone());
            }
        }
        let mut changes = Vec::new();
        for name in due {
            match (self.judge)(&self.named.absolute.join(&name)) {
                Verdict::Wanted => {
                    self.leave(&name, places);
                    let path = self.named.path.join(&name);
                    self.known.insert(name);
                    let kind = ChangeKind::Appeared;
                    changes.push(Change { path, kind, fingerprint: None });
                }
                Verdict::Maybe => {}
                Verdict::Ignored => self.leave(&name, places),
            }
        }
        changes
    }

    /// It is followed no more.
    pub(super) fn end(&mut self, places: &mut Places) {
        for (_, nest) in self.nests.drain() {
            places.release(&nest.path);
        }
    }
}

/// What is in a folder, as far as the system says it.
fn listed(folder: &Path) -> Vec<(PathBuf, Option<Stamp>)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut listed: Vec<_> =
        entries.map(|entry| entry.path()).map(|path| (path.clone(), Stamp::of(&path))).collect();
    listed.sort_by(|(a, _), (b, _)| a.cmp(b));
    listed
}
