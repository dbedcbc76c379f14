//! Reloads plugins as their files change: what the host watches, and what becomes of a change.

mod apart;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

use self::apart::{Apart, Why, files_of, mending};
use super::feed::{Event, EventKind};
use super::reload::{Newcomer, Next};
use super::versions::Arrival;
use super::watch::{Change, ChangeKind, Fingerprint, Means, Verdict, Watcher};
use super::{PluginRef, Registry};
use crate::error::{Error, ErrorKind, Result};
use crate::file::Reads;
use crate::loading::{self, Candidate};
use crate::plugin::{EVENT, HostContext, held};

/// When plugins are reloaded whose files have changed
/// ([`HostBuilder::reload`](crate::HostBuilder::reload)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reload {
    /// At once, on a thread of the host's.
    #[default]
    Background,
    /// When the program says so, on the thread that does:
    /// [`Host::apply_changes`](crate::Host::apply_changes).
    OnApply,
}

/// What a host watches.
pub(crate) struct Watching {
    /// `None` once the host goes.
    watcher: Mutex<Option<Watcher>>,
    mode: Reload,
    registry: Weak<Registry>,
    host: Weak<HostContext>,
    roots: Mutex<Vec<PathBuf>>,
    followed: Mutex<Followed>,
    /// What was told, and not done yet.
    noted: Mutex<Vec<Change>>,
}

#[derive(Default)]
struct Followed {
    /// Of each plugin that is watched the files that it was made of.
    plugins: Vec<(PluginRef, HashSet<PathBuf>)>,
    /// What is no plugin that serves, and the files that could change that.
    apart: HashMap<PathBuf, Apart>,
}

impl Watching {
    /// # Errors
    /// There can be no thread.
    pub(crate) fn new(
        mode: Reload,
        registry: &Arc<Registry>,
        host: &Arc<HostContext>,
    ) -> Result<Arc<Watching>> {
        let this = Arc::<OnceLock<Weak<Watching>>>::default();
        let told = {
            let this = Arc::clone(&this);
            move |change| {
                if let Some(watching) = this.get().and_then(Weak::upgrade) {
                    watching.told(change);
                }
            }
        };
        let watching = Arc::new(Watching {
            watcher: Mutex::new(Some(Watcher::new(Means::System, told)?)),
            mode,
            registry: Arc::downgrade(registry),
            host: Arc::downgrade(host),
            roots: Mutex::default(),
            followed: Mutex::default(),
            noted: Mutex::default(),
        });
        let _ = this.set(Arc::downgrade(&watching));
        Ok(watching)
    }

    /// Ends it: nothing is loaded any more once this has returned, unless that is asked for by what
    /// is loaded just now.
    pub(crate) fn end(&self) {
        let watcher = self.watcher.lock().take();
        drop(watcher);
    }

    /// Asks the watcher for something, which waits for nothing.
    fn ask(&self, ask: impl FnOnce(&Watcher)) {
        if let Some(watcher) = &*self.watcher.lock() {
            ask(watcher);
        }
    }

    /// Watches a folder, or a plugin's file.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn add(&self, path: &Path) -> Result<()> {
        let root = path.canonicalize().map_err(|error| Error::io("watch", path, error))?;
        if self.roots.lock().contains(&root) {
            return Ok(());
        }
        if root.is_dir() && loading::candidate(&root) != Candidate::Plugin {
            let known = loading::candidates(path)?;
            let verdict = |entry: &Path| match loading::candidate(entry) {
                Candidate::Plugin => Verdict::Wanted,
                Candidate::Maybe => Verdict::Maybe,
                Candidate::No => Verdict::Ignored,
            };
            self.ask(|watcher| watcher.follow_folder(path, &known, verdict));
        }
        self.roots.lock().push(root);
        let Some(registry) = self.registry.upgrade() else { return Ok(()) };
        registry.with_layers().iter().for_each(|plugin| self.follow_again(plugin));
        Ok(())
    }

    /// Watches it no more.
    ///
    /// # Errors
    /// It is not watched.
    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        let root = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut roots = self.roots.lock();
        let place = roots.iter().position(|other| *other == root).ok_or_else(|| {
            let message = format!("`{}` is not watched", path.display());
            Error::new(ErrorKind::NotFound, message)
        })?;
        roots.remove(place);
        drop(roots);
        self.ask(|watcher| watcher.forget_folder(path));
        let plugins: Vec<PluginRef> =
            self.followed.lock().plugins.iter().map(|(plugin, _)| plugin.clone()).collect();
        plugins.iter().filter(|plugin| !self.is_watched(plugin)).for_each(|it| self.forget(it));
        self.forget_apart();
        Ok(())
    }

    /// A plugin was loaded: if it is from where is watched, its files are followed from here on.
    pub(crate) fn follow(&self, plugin: &PluginRef) {
        if self.is_watched(plugin) {
            self.follow_files(plugin);
            self.no_more_apart(plugin);
        }
    }

    /// What is where is watched could not be loaded: it is tried again when it is edited.
    pub(crate) fn failed(&self, path: &Path, error: &Error) {
        if path.exists() && self.is_below(path) {
            self.not_loaded(path, None, error);
        }
    }

    /// A plugin was reloaded, or not: it may be made of other files, and from elsewhere.
    pub(crate) fn follow_again(&self, plugin: &PluginRef) {
        match self.is_watched(plugin) {
            true => self.follow(plugin),
            false => self.forget(plugin),
        }
        let Some(registry) = self.registry.upgrade() else { return };
        let is_pinned = registry.pin_of(plugin.name()).is_some();
        for (version, path) in plugin.slot().superseded() {
            let is_newer = version.cmp_precedence(&plugin.version()).is_gt();
            let why = match is_pinned && is_newer {
                true => Why::Held(plugin.name().to_owned()),
                false => Why::Older,
            };
            if self.is_below(&path) && !self.serves(&path) {
                let known = self.followed.lock().apart.get(&path).map(|apart| apart.why.clone());
                if known.is_none_or(|known| known != Why::Failed && known != why) {
                    self.set_apart(&path, why, files_of(&path), None);
                }
            }
        }
    }

    /// A plugin was unloaded.
    pub(crate) fn forget(&self, plugin: &PluginRef) {
        let mut followed = self.followed.lock();
        let place = followed.plugins.iter().position(|(other, _)| other.is(plugin));
        let files = place.map(|place| followed.plugins.swap_remove(place).1);
        drop(followed);
        self.forget_files(files.unwrap_or_default());
        // Nor does anybody go back to what it has taken over from.
        for (_, path) in plugin.slot().superseded() {
            let apart = {
                let mut followed = self.followed.lock();
                let is_its = followed.apart.get(&path).is_some_and(|it| it.why != Why::Failed);
                if is_its { followed.apart.remove(&path) } else { None }
            };
            self.forget_files(apart.map(|apart| apart.files).unwrap_or_default());
        }
    }

    fn forget_files(&self, files: HashSet<PathBuf>) {
        files.iter().for_each(|file| self.ask(|watcher| watcher.forget(file)));
    }

    /// Does what was noted; how many plugins that has concerned.
    pub(crate) fn apply(&self) -> usize {
        // Inside of a plugin it is done the next time.
        if held() > 0 {
            return 0;
        }
        let noted = std::mem::take(&mut *self.noted.lock());
        self.act(&noted)
    }

    fn is_watched(&self, plugin: &PluginRef) -> bool {
        plugin.slot().origin().is_some() && self.is_below(&plugin.path())
    }

    /// Whether it is in a folder that is watched, or such a path itself.
    fn is_below(&self, path: &Path) -> bool {
        let Ok(path) = std::path::absolute(path) else { return false };
        let canonical = path.canonicalize().unwrap_or_else(|_| path.clone());
        // A link in a folder that is watched leads elsewhere.
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        self.roots.lock().iter().any(|root| {
            canonical.starts_with(root) || folder.as_ref().is_some_and(|it| it.starts_with(root))
        })
    }

    /// Follows the files that a plugin is made of now, and no others.
    fn follow_files(&self, plugin: &PluginRef) {
        let files: HashSet<PathBuf> = plugin.slot().files().into_iter().collect();
        let mut followed = self.followed.lock();
        let place = followed.plugins.iter().position(|(other, _)| other.is(plugin));
        let before = place.map(|place| followed.plugins.swap_remove(place).1).unwrap_or_default();
        followed.plugins.push((plugin.clone(), files.clone()));
        drop(followed);
        for file in files.difference(&before) {
            self.ask(|watcher| watcher.follow(file, None));
        }
        before.difference(&files).for_each(|file| self.ask(|watcher| watcher.forget(file)));
        // It was unloaded meanwhile, perhaps, and forgotten.
        if self.registry.upgrade().is_some_and(|registry| !registry.has(plugin)) {
            return self.forget(plugin);
        }
        // What was edited after it was read, and before it was followed, or is just being written.
        for file in plugin.slot().changed() {
            if !before.contains(&file) {
                self.ask(|watcher| watcher.tell_again(&file));
            }
        }
    }

    fn told(&self, change: Change) {
        match self.mode {
            Reload::OnApply => self.noted.lock().push(change),
            Reload::Background => drop(self.act(&[change])),
        }
    }

    /// Reloads each plugin once of which a file is among these.
    fn act(&self, changes: &[Change]) -> usize {
        let mut done: Vec<PluginRef> = Vec::new();
        // The last change of a file is what counts.
        for (index, change) in changes.iter().enumerate() {
            let is_last = changes[index + 1..].iter().all(|later| later.path != change.path);
            if !is_last {
                continue;
            }
            let users: Vec<PluginRef> = {
                let followed = self.followed.lock();
                let uses = |(_, files): &&(_, HashSet<PathBuf>)| files.contains(&change.path);
                followed.plugins.iter().filter(uses).map(|(plugin, _)| plugin.clone()).collect()
            };
            if users.is_empty() {
                done.extend(self.load(change));
            }
            for plugin in users {
                if !done.iter().any(|other| other.is(&plugin)) && self.reload(&plugin, change) {
                    done.push(plugin);
                }
            }
        }
        done.len()
    }

    /// A change of a plugin's file; whether that has led to anything.
    fn reload(&self, plugin: &PluginRef, change: &Change) -> bool {
        let Some(registry) = self.registry.upgrade() else { return false };
        let is_own = change.path == plugin.path();
        match change.kind {
            // Without one of its parts it is what it was.
            ChangeKind::Gone if !is_own => return false,
            ChangeKind::Gone if plugin.is_layer() => {
                self.lift(&registry, plugin);
                return false;
            }
            ChangeKind::Gone => {
                plugin.slot().set_gone(true);
                registry.feed.tell(&Event::of(EventKind::Gone, plugin));
                tracing::warn!(target: EVENT, plugin = plugin.name(), "its file is gone, and it serves on");
                self.try_older(plugin);
                return false;
            }
            ChangeKind::Back if is_own => {
                plugin.slot().set_gone(false);
                registry.feed.tell(&Event::of(EventKind::Back, plugin));
            }
            // One of its parts that is there again as it was read, with its own file maybe, whose
            // reload is enough.
            ChangeKind::Back if !plugin.slot().changed().contains(&change.path) => return false,
            _ => {}
        }
        if plugin.slot().is_inside() {
            // It is done the next time.
            self.noted.lock().push(change.clone());
            return false;
        }
        let Ok(reloaded) = registry.reload_untold(plugin, &Next::Again, Weak::clone(&self.host))
        else {
            return false;
        };
        // Whoever is told may edit what it was made of.
        self.follow_again(plugin);
        // What was read may not be what was told: then the next save had begun.
        let read = plugin.slot().read_last().filter(|_| is_own);
        if read.is_some() && change.fingerprint.is_some() && read != change.fingerprint {
            self.ask(|watcher| watcher.tell_again(&change.path));
        }
        // The log has it, and the feed.
        let _ = registry.tell_of(plugin, &reloaded);
        true
    }

    /// The file of a layer is gone: so is the layer, until the file is there again.
    fn lift(&self, registry: &Registry, layer: &PluginRef) {
        let Some(origin) = layer.slot().origin() else { return };
        // Whoever is told that it is gone may write it anew.
        self.set_apart(&origin.asked, Why::Failed, files_of(&origin.asked), None);
        if let Err(error) = registry.unload(layer) {
            tracing::warn!(plugin = layer.name(), %error, "its file is gone, and it serves on");
            self.no_more_apart(layer);
        }
    }

    /// Something is new in a folder that is watched, or was edited that does not serve.
    fn load(&self, change: &Change) -> Option<PluginRef> {
        let registry = self.registry.upgrade()?;
        if change.kind == ChangeKind::Gone {
            return None;
        }
        let (path, waits) = self.apart(&change.path);
        // What was seen just before the end of a watch is told after it.
        if !self.is_below(&path) {
            return None;
        }
        let reads = Arc::<Reads>::default();
        let loaded = loading::locate(&path).and_then(|located| {
            // What comes after this is seen to have changed.
            reads.note(&located.manifest_path());
            reads.note(&located.path);
            let located = loading::locate(&path)?;
            let file = registry.loader.read(&located)?;
            let told = change.fingerprint.filter(|_| located.path == change.path);
            if told.is_some_and(|told| told != Fingerprint::of(&file.bytes)) {
                // The next save has begun: it is told by itself.
                let why = if waits { Why::Older } else { Why::Failed };
                self.set_apart(&path, why, files_of(&path), change.fingerprint);
                return Ok(None);
            }
            match registry.arrival(&located, &file.bytes) {
                Arrival::Newer(older, version) => {
                    let (path, reads) = (path.clone(), Arc::clone(&reads));
                    let file = Arc::new(file);
                    let next = Next::Newer(Newcomer { path, version, file, reads });
                    Ok(self.take_over(&registry, &older, &next, change))
                }
                Arrival::Held(name) => {
                    tracing::info!(path = %path.display(), "a newer version, and others are pinned");
                    let why = Why::Held(name.clone());
                    self.set_apart(&path, why, files_of(&path), change.fingerprint);
                    // Or not any more.
                    if registry.pin_of(&name).is_none() {
                        self.try_held(&name);
                    }
                    Ok(None)
                }
                Arrival::Older if waits => Ok(None),
                Arrival::Older | Arrival::Beside => {
                    let host = Weak::clone(&self.host);
                    registry.load_as_read(&located, None, host, &reads, || Ok(file)).map(Some)
                }
            }
        });
        loaded.unwrap_or_else(|error| {
            tracing::warn!(target: EVENT, path = %path.display(), %error, "not loaded");
            self.not_loaded(&path, change.fingerprint, &error);
            None
        })
    }

    /// A newer version takes over from a plugin; that, if anything has come of it.
    fn take_over(
        &self,
        registry: &Registry,
        older: &PluginRef,
        next: &Next,
        change: &Change,
    ) -> Option<PluginRef> {
        if older.slot().is_inside() {
            // It is done the next time.
            self.noted.lock().push(change.clone());
            return None;
        }
        let reloaded = match registry.reload_untold(older, next, Weak::clone(&self.host)) {
            Ok(reloaded) => reloaded,
            // Others have come, or it has gone, since it was looked at.
            Err(error) if matches!(error.kind(), ErrorKind::Stale | ErrorKind::Reload) => {
                return self.load(change);
            }
            // This thread is loading that very file.
            Err(error) => {
                tracing::warn!(plugin = older.name(), %error, "a newer version was not looked at");
                return None;
            }
        };
        self.follow_again(older);
        if let (Some(error), Some(path)) = (&reloaded.event.error, next.asked()) {
            self.set_apart(path, Why::Failed, mending(path, error), change.fingerprint);
        }
        // The log has it, and the feed.
        let _ = registry.tell_of(older, &reloaded);
        Some(older.clone())
    }
}
