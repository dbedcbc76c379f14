//! What is watched and serves no plugin: what could not be loaded, and versions that others have
//! taken over from, or that a pin holds up. It is tried again as its files change.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Watching;
use crate::error::Error;
use crate::lifecycle::PluginRef;
use crate::lifecycle::feed::Event;
use crate::lifecycle::watch::Fingerprint;
use crate::loading;

pub(super) struct Apart {
    pub(super) why: Why,
    pub(super) files: HashSet<PathBuf>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// It could not be loaded, or not take over.
    Failed,
    /// Another one has taken over from it.
    Older,
    /// It is newer than what serves under that name, which is pinned.
    Held(String),
}

impl Watching {
    /// What a plugin is loaded from serves.
    pub(super) fn no_more_apart(&self, plugin: &PluginRef) {
        let asked = plugin.slot().origin().map(|origin| origin.asked);
        let apart = asked.and_then(|asked| self.followed.lock().apart.remove(&asked));
        self.forget_files(apart.map(|apart| apart.files).unwrap_or_default());
    }

    /// Whether a plugin is loaded from there.
    pub(super) fn serves(&self, path: &Path) -> bool {
        let followed = self.followed.lock();
        let is_it = |plugin: &PluginRef| plugin.slot().origin().is_some_and(|it| it.asked == path);
        followed.plugins.iter().any(|(plugin, _)| is_it(plugin))
    }

    /// What does not serve, and is not where is watched any more.
    pub(super) fn forget_apart(&self) {
        let apart: Vec<PathBuf> = self.followed.lock().apart.keys().cloned().collect();
        for path in apart.iter().filter(|path| !self.is_below(path)) {
            let apart = self.followed.lock().apart.remove(path);
            self.forget_files(apart.map(|apart| apart.files).unwrap_or_default());
        }
    }

    /// What a pin of that name has held up is looked at again, as if it had changed just now.
    pub(crate) fn try_held(&self, name: &str) {
        let files: Vec<PathBuf> = {
            let followed = self.followed.lock();
            let is_held = |apart: &&Apart| apart.why == Why::Held(name.to_owned());
            let held = followed.apart.values().filter(is_held);
            let held = held.filter_map(|apart| apart.files.iter().find(|file| file.exists()));
            // An edit of what serves, too.
            let edited = followed.plugins.iter().map(|(plugin, _)| plugin);
            let edited = edited.filter(|it| it.name() == name && it.status().rejected.is_some());
            held.cloned().chain(edited.map(PluginRef::path)).collect()
        };
        files.iter().for_each(|file| self.ask(|watcher| watcher.tell_again(file)));
    }

    /// What a plugin has taken over from is looked at again, as if it had changed just now: its own
    /// file may have got that name.
    pub(super) fn try_older(&self, plugin: &PluginRef) {
        let files: Vec<PathBuf> = {
            let followed = self.followed.lock();
            let older = plugin.slot().superseded().into_iter();
            let older = older.filter_map(|(_, path)| followed.apart.get(&path));
            older.flat_map(|apart| apart.files.iter().find(|file| file.exists()).cloned()).collect()
        };
        files.iter().for_each(|file| self.ask(|watcher| watcher.tell_again(file)));
    }

    /// What does not serve and is made of that file, which may be all of it; and whether it is
    /// another version of what does.
    pub(super) fn apart(&self, file: &Path) -> (PathBuf, bool) {
        let followed = self.followed.lock();
        let mut apart = followed.apart.iter();
        let found = apart.find(|(path, apart)| *path == file || apart.files.contains(file));
        match found {
            Some((path, apart)) => (path.clone(), apart.why != Why::Failed),
            None => (file.to_owned(), false),
        }
    }

    /// Follows what could mend it, and tells; `known` is what its file held.
    pub(super) fn not_loaded(&self, path: &Path, known: Option<Fingerprint>, error: &Error) {
        self.set_apart(path, Why::Failed, mending(path, error), known);
        if let Some(registry) = self.registry.upgrade() {
            registry.feed.tell(&Event::not_loaded(path, error.clone()));
        }
    }

    /// Follows what does not serve, and could by another edit of these files.
    pub(super) fn set_apart(
        &self,
        path: &Path,
        why: Why,
        files: HashSet<PathBuf>,
        known: Option<Fingerprint>,
    ) {
        let before = {
            let apart = Apart { why, files: files.clone() };
            self.followed.lock().apart.insert(path.to_owned(), apart)
        };
        let before = before.map(|apart| apart.files).unwrap_or_default();
        for file in files.difference(&before) {
            let known = known.filter(|_| file == path);
            self.ask(|watcher| watcher.follow(file, known));
        }
        before.difference(&files).for_each(|file| self.ask(|watcher| watcher.forget(file)));
    }
}

/// The files that say what is at a path, and what it needs.
pub(super) fn files_of(path: &Path) -> HashSet<PathBuf> {
    match loading::locate(path) {
        Ok(located) => [located.manifest_path(), located.path].into(),
        Err(_) if path.is_dir() => loading::OF_A_PLUGIN.map(|file| path.join(file)).into(),
        Err(_) => [path.to_owned()].into(),
    }
}

/// The files that could mend a plugin which could not be loaded: its own, its manifest, and where
/// it has failed.
pub(super) fn mending(path: &Path, error: &Error) -> HashSet<PathBuf> {
    let mut files = files_of(path);
    files.extend(error.location().map(|(place, _)| place.to_owned()));
    files
}
