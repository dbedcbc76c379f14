//! The plugins that a host has loaded, by name and version.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, ThreadId};

use parking_lot::{Condvar, Mutex};

use super::PluginRef;
use super::feed::{Event, EventKind, Feed};
use super::plugin_ref::Stats;
use super::slot::{Built, Slot, Source};
use super::stack::Rung;
use super::state::Snapshot;
use super::versions::Pins;
#[cfg(feature = "watch")]
use super::watching::Watching;
use crate::error::{Error, ErrorKind, Result};
use crate::file::Reads;
use crate::loading::{self, Bundle, Into, Loader, Located, Trusted};
#[cfg(feature = "luajit")]
use crate::plugin::Followed;
use crate::plugin::{
    Base, Gone, HostContext, Over, Plugin, Plugins, Requirement, cannot_wait, held, sealed,
};

/// The loaded plugins, in load order.
pub(crate) struct Registry {
    pub(crate) loader: Loader,
    pub(super) entries: Mutex<Vec<Entry>>,
    pub(super) pins: Pins,
    /// Whether a newer version that appears is loaded beside the older.
    #[cfg_attr(not(feature = "watch"), allow(dead_code, reason = "of folders that are watched"))]
    pub(super) is_side_by_side: bool,
    measures_calls: bool,
    /// The files that are being loaded, each by one thread: the same file is not
    /// loaded twice, and a body that waits holds up no other file.
    loading: Mutex<Vec<(PathBuf, ThreadId)>>,
    loaded: Condvar,
    pub(crate) feed: Arc<Feed>,
    /// Once anything is watched.
    #[cfg(feature = "watch")]
    pub(crate) watching: Mutex<Option<Arc<Watching>>>,
    /// How often a plugin has come or gone, or registered more exports.
    changes: AtomicU64,
    /// What compiled scripts call of plugins.
    #[cfg(feature = "luajit")]
    followed: Mutex<Vec<Weak<Followed>>>,
}

pub(super) struct Entry {
    /// By its one true name; `None` of one from memory.
    file: Option<PathBuf>,
    /// Whether the host has given it its name.
    is_given: bool,
    pub(super) plugin: PluginRef,
}

/// What a host does with its plugins, unless they say otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Whether a newer version that appears is loaded beside the older one.
    pub(crate) is_side_by_side: bool,
    /// Whether calls are counted.
    pub(crate) measures_calls: bool,
}

/// A file is being loaded on this thread; dropped when that has ended.
pub(super) struct Loading<'r> {
    registry: &'r Registry,
    canonical: &'r Path,
}

impl Registry {
    pub(crate) fn new(loader: Loader, manner: Manner) -> Self {
        Registry {
            loader,
            entries: Mutex::default(),
            pins: Pins::default(),
            is_side_by_side: manner.is_side_by_side,
            measures_calls: manner.measures_calls,
            loading: Mutex::default(),
            loaded: Condvar::new(),
            feed: Arc::default(),
            #[cfg(feature = "watch")]
            watching: Mutex::default(),
            changes: AtomicU64::new(0),
            #[cfg(feature = "luajit")]
            followed: Mutex::default(),
        }
    }

    /// Loads a located file, or gives the plugin that was loaded from it: under the
    /// name that the host gives it, or under its own.
    pub(crate) fn load(
        &self,
        located: &Located,
        given: Option<&str>,
        host: Weak<HostContext>,
    ) -> Result<PluginRef> {
        let reads = Arc::<Reads>::default();
        self.load_as_read(located, given, host, &reads, || {
            reads.note(&located.path);
            self.loader.read(located)
        })
    }

    /// As `load`; `read` gives what is in the file, which was taken down among the `reads`.
    pub(super) fn load_as_read(
        &self,
        located: &Located,
        given: Option<&str>,
        host: Weak<HostContext>,
        reads: &Arc<Reads>,
        read: impl FnOnce() -> Result<Trusted>,
    ) -> Result<PluginRef> {
        let _loading = self.start(&located.canonical)?;
        if let Some(plugin) = self.at(&located.canonical, given) {
            return Ok(plugin);
        }
        let file = read()?;
        let rung = OnceCell::new();
        let into = Into { host, track: None, base: &|over| self.place(over, &rung) };
        let built = self.loader.build(located, given, (file, reads), into)?;
        let plugin = self.begin(Source::file(located, given), built, rung.into_inner())?;
        plugin.slot().tries(reads);
        plugin.slot().serves();
        let file = Some(located.canonical.clone());
        self.insert(Entry { file, is_given: given.is_some(), plugin })
    }

    /// Loads a script from memory. There is no path that would tell it from another one
    /// of its name and version.
    pub(crate) fn load_bundle(
        &self,
        bundle: &Bundle,
        host: Weak<HostContext>,
    ) -> Result<PluginRef> {
        let rung = OnceCell::new();
        let into = Into { host, track: None, base: &|over| self.place(over, &rung) };
        let built = self.loader.build_bundle(bundle, into)?;
        let plugin = self.begin(Source::memory(&bundle.path), built, rung.into_inner())?;
        self.insert(Entry { file: None, is_given: true, plugin })
    }

    /// Finds what a layer lies over, and its place there.
    fn place(&self, over: &Over, rung: &OnceCell<Arc<Rung>>) -> Result<Arc<dyn Base>> {
        let place = self.rung(over)?;
        Ok(rung.get_or_init(|| place).below())
    }

    /// Has a plugin that was built begin to serve; a layer has that place.
    fn begin(
        &self,
        source: Source,
        built: Arc<dyn Plugin>,
        rung: Option<Arc<Rung>>,
    ) -> Result<PluginRef> {
        if let Some(rung) = &rung {
            let checked = rung.base().and_then(|base| base.check_layer(rung, &built));
            if let Err(error) = checked {
                built.retire(Gone::Unloaded)?;
                return Err(loading::cannot_load(&source.path, error));
            }
        }
        // Before its code changes them.
        let initial = Snapshot::of(&*built);
        let plugin = loading::start(&source.path, built)?;
        let counters = self.measures_calls.then(Arc::default);
        let slot = Arc::new(Slot::new(Built { plugin, initial, source }, rung, counters));
        slot.rung.iter().for_each(|rung| rung.take(&slot));
        Ok(PluginRef::of(slot))
    }

    /// Waits until nobody else loads the file.
    pub(super) fn start<'r>(&'r self, canonical: &'r Path) -> Result<Loading<'r>> {
        let here = thread::current().id();
        let mut loading = self.loading.lock();
        while let Some((_, other)) = loading.iter().find(|(path, _)| path == canonical) {
            if *other == here {
                let message =
                    format!("cannot load `{}`: it is being loaded already", canonical.display());
                return Err(Error::new(ErrorKind::Refused, message));
            }
            if held() > 0 {
                return Err(cannot_wait("a plugin that another thread loads"));
            }
            self.loaded.wait(&mut loading);
        }
        loading.push((canonical.to_owned(), here));
        Ok(Loading { registry: self, canonical })
    }

    /// Adds a plugin, unless one of its name and version is there; then it goes again.
    fn insert(&self, entry: Entry) -> Result<PluginRef> {
        let plugin = entry.plugin.clone();
        let same = {
            let mut entries = self.entries.lock();
            let same = entries
                .iter()
                .map(|entry| &entry.plugin)
                .find(|other| other.name() == plugin.name() && other.version() == plugin.version());
            let same = same.filter(|same| !same.is_layer() && !plugin.is_layer()).cloned();
            if same.is_none() {
                entries.push(entry);
            }
            same
        };
        let Some(same) = same else {
            self.lay(&plugin)?;
            self.changed();
            // Whoever is told may edit it.
            #[cfg(feature = "watch")]
            if let Some(watching) = self.watching() {
                watching.follow(&plugin);
            }
            self.feed.tell(&Event::of(EventKind::Loaded, &plugin));
            return Ok(plugin);
        };
        plugin.retire()?;
        let message = format!(
            "cannot load `{}`: `{}` {} is loaded already, from `{}`: unload that one, or give \
             this one another version",
            plugin.path().display(),
            plugin.name(),
            plugin.version(),
            same.path().display(),
        );
        Err(Error::new(ErrorKind::Refused, message))
    }

    /// Changes whenever a plugin has come or gone, or has registered more exports.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Whether it is loaded here.
    pub(crate) fn has(&self, plugin: &PluginRef) -> bool {
        self.entries.lock().iter().any(|entry| entry.plugin.is(plugin))
    }

    /// All that are no layers, in load order.
    pub(crate) fn all(&self) -> Vec<PluginRef> {
        let mut plugins = self.with_layers();
        plugins.retain(|plugin| !plugin.is_layer());
        plugins
    }

    /// What all have done, layers too, in load order.
    pub(crate) fn stats(&self) -> Vec<Stats> {
        self.with_layers().iter().map(PluginRef::stats).collect()
    }

    /// All, in load order.
    pub(crate) fn with_layers(&self) -> Vec<PluginRef> {
        self.entries.lock().iter().map(|entry| entry.plugin.clone()).collect()
    }

    /// Retires a plugin, and forgets it. From the start nobody else finds it; should
    /// it not let itself be retired, it is put back.
    pub(crate) fn unload(&self, plugin: &PluginRef) -> Result<()> {
        if !self.has(plugin) {
            return Err(plugin.unknown());
        }
        // What lies over it goes with it; another thread may be about to do the same.
        self.unload_layers(plugin)?;
        let (place, entry) = {
            let mut entries = self.entries.lock();
            let place = entries.iter().position(|entry| entry.plugin.is(plugin));
            let place = place.ok_or_else(|| plugin.unknown())?;
            self.changed();
            (place, entries.remove(place))
        };
        plugin.lift();
        plugin.retire().inspect_err(|_| {
            plugin.lay_again();
            let mut entries = self.entries.lock();
            let place = place.min(entries.len());
            entries.insert(place, entry);
            self.changed();
        })?;
        plugin.forget_below();
        // What was laid over it meanwhile.
        self.unload_layers(plugin)?;
        #[cfg(feature = "watch")]
        if let Some(watching) = self.watching() {
            watching.forget(plugin);
        }
        let notes = sealed::Implemented::remains(&**plugin.slot()).into_iter().collect();
        self.feed.tell(&Event { notes, ..Event::of(EventKind::Unloaded, plugin) });
        Ok(())
    }

    fn unload_layers(&self, plugin: &PluginRef) -> Result<()> {
        plugin.layers().iter().rev().try_for_each(|layer| match self.unload(layer) {
            Err(error) if self.has(layer) => Err(error),
            _ => Ok(()),
        })
    }

    #[cfg(feature = "watch")]
    pub(crate) fn watching(&self) -> Option<Arc<Watching>> {
        self.watching.lock().clone()
    }

    /// A plugin has come or gone.
    pub(super) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        #[cfg(feature = "luajit")]
        self.followed.lock().retain(|followed| {
            let followed = followed.upgrade();
            followed.as_ref().inspect(|followed| followed.lose()).is_some()
        });
    }

    /// A plugin may be from another file by now.
    pub(super) fn moved(&self, plugin: &PluginRef) {
        let origin = plugin.slot().origin();
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.plugin.is(plugin)) {
            entry.is_given = origin.as_ref().is_none_or(|origin| origin.given.is_some());
            entry.file = origin.map(|origin| origin.canonical);
        }
        drop(entries);
        self.changed();
    }

    /// # Errors
    /// A file was loaded as another plugin.
    pub(super) fn refuse_if_loaded(
        &self,
        plugin: &PluginRef,
        canonical: &Path,
        given: Option<&str>,
    ) -> Result<()> {
        match self.at(canonical, given) {
            Some(other) if !other.is(plugin) => {
                let (path, name, version) = (canonical.display(), other.name(), other.version());
                let message =
                    format!("`{path}` is loaded already, as `{name}` {version}: unload that first");
                Err(Error::new(ErrorKind::Reload, message))
            }
            _ => Ok(()),
        }
    }

    /// What was loaded from a file. A name that the host gives is another plugin, unless
    /// it is the one that the plugin has anyway.
    pub(super) fn at(&self, file: &Path, given: Option<&str>) -> Option<PluginRef> {
        let entries = self.entries.lock();
        // These paths are alike where their bytes are; so looked at they cost a tenth.
        let is_it = |path: &PathBuf| path.as_os_str() == file.as_os_str();
        let mut from_file = entries.iter().filter(|entry| entry.file.as_ref().is_some_and(is_it));
        let entry = from_file.find(|entry| match given {
            Some(name) => entry.plugin.name() == name,
            None => !entry.is_given,
        })?;
        Some(entry.plugin.clone())
    }
}

impl Plugins for Registry {
    fn newest(&self, name: &str) -> Result<Arc<dyn Plugin>> {
        self.newest(name).map(|plugin| plugin.following())
    }

    fn required(&self, requirement: &Requirement) -> Result<Arc<dyn Plugin>> {
        self.required(requirement).map(|plugin| plugin.following())
    }

    fn changes(&self) -> u64 {
        self.changes()
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    #[cfg(feature = "luajit")]
    fn follow(&self, followed: Weak<Followed>) {
        self.followed.lock().push(followed);
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.registry.loading.lock().retain(|(path, _)| path != self.canonical);
        self.registry.loaded.notify_all();
    }
}
