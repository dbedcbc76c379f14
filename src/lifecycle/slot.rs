//! One plugin's place: the load that serves now, and all handles on it, which follow it from one
//! load to the next.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use semver::Version;
use twinplug_value::{Map, MapKey, Value};

use super::state::Snapshot;
use crate::channel::Life;
use crate::error::{Error, ErrorKind, Result};
use crate::file::Reads;
use crate::plugin::{
    Bound, Descriptor, Gate, Gone, Hook, Plugin, PluginKind, Requirement, Subscriber, Symbol,
    Track, cannot_wait, held, sealed,
};

pub(super) struct Slot {
    pub(super) name: String,
    path: PathBuf,
    /// Where it is loaded from anew; `None` of one from memory.
    pub(super) source: Option<Source>,
    pub(super) generation: ArcSwap<Generation>,
    /// Until it is unloaded: that of a load may end before.
    pub(super) life: Arc<Life>,
    /// Counts the uses of handles on all loads of the plugin; on the first load of a script, and
    /// where it does not matter, nobody counts.
    track: Arc<Track>,
    /// Held while another load is made, and takes over.
    reloading: Mutex<()>,
    /// The error of the last reload, if that failed.
    pub(super) rejected: Mutex<Option<Error>>,
    /// Whether its file is not there any more.
    is_gone: AtomicBool,
    reads: Mutex<LastReads>,
}

/// The files that were read.
#[derive(Default)]
struct LastReads {
    /// For the load that serves, and for the last that was tried.
    serving: Arc<Reads>,
    last: Arc<Reads>,
    /// What was in its own file then, where that matters.
    #[cfg(feature = "watch")]
    fingerprint: Option<super::watch::Fingerprint>,
}

/// What was asked for.
pub(super) struct Source {
    pub(super) asked: PathBuf,
    /// The name that the host has given it.
    pub(super) given: Option<String>,
    /// Where its manifest is, if it has one.
    #[cfg_attr(not(feature = "watch"), allow(dead_code, reason = "it is watched"))]
    pub(super) manifest: PathBuf,
}

thread_local! {
    /// How many loads this thread makes in place of others.
    static LOADS: Cell<usize> = const { Cell::new(0) };
}

/// Does what is part of a reload, on whichever thread: one from within that comes later.
pub(super) fn making_a_load<R>(load: impl FnOnce() -> R) -> R {
    /// Also when it panics.
    struct Loads;
    impl Drop for Loads {
        fn drop(&mut self) {
            LOADS.set(LOADS.get() - 1);
        }
    }
    LOADS.set(LOADS.get() + 1);
    let _loads = Loads;
    load()
}

/// One load.
pub(super) struct Generation {
    /// From 1, of those that have served.
    pub(super) number: u64,
    pub(super) version: Version,
    pub(super) kind: PluginKind,
    pub(super) requires: Vec<Requirement>,
    pub(super) plugin: Arc<dyn Plugin>,
    /// What it began with.
    pub(super) initial: Snapshot,
    links: Links,
}

/// What handles share, an entry for each export that was looked up.
#[derive(Default)]
struct Links {
    /// Found without a lock: those of a native plugin, which are all there from the start.
    ready: Symbols,
    others: Mutex<Symbols>,
}

type Symbols = HashMap<String, Symbol, RandomState>;

/// The handles on a plugin, and where they will lead in its next load.
struct Moves {
    followed: Vec<(String, Symbol, Bound)>,
    /// What nobody holds.
    lost: Vec<Symbol>,
}

impl Slot {
    pub(super) fn new(
        path: PathBuf,
        source: Option<Source>,
        plugin: Arc<dyn Plugin>,
        initial: Snapshot,
    ) -> Slot {
        let name = plugin.descriptor().name.clone();
        let track = plugin.track().unwrap_or_else(|| Arc::new(Track::new()));
        let generation = Generation::new(1, (plugin, initial), &name, Symbols::default());
        Slot {
            name,
            path,
            source,
            generation: ArcSwap::from_pointee(generation),
            life: Arc::default(),
            track,
            reloading: Mutex::default(),
            rejected: Mutex::default(),
            is_gone: AtomicBool::new(false),
            reads: Mutex::default(),
        }
    }

    /// Does it while no other load is made of the plugin; not where this thread
    /// [is inside](Slot::is_inside).
    pub(super) fn reloading<R>(&self, reload: impl FnOnce() -> R) -> R {
        let _one = self.reloading.lock();
        making_a_load(reload)
    }

    /// Whether this thread is in a call of the plugin, or of another one that it holds, or makes
    /// another load of any: a reload from there waits until that has ended.
    pub(super) fn is_inside(&self) -> bool {
        held() > 0 || LOADS.get() > 0 || self.track.is_raised_here()
    }

    /// Another load is tried, for which these files are read.
    pub(super) fn tries(&self, reads: &Arc<Reads>) {
        self.reads.lock().last = Arc::clone(reads);
    }

    /// The last one that was tried serves.
    pub(super) fn serves(&self) {
        let mut reads = self.reads.lock();
        reads.serving = Arc::clone(&reads.last);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What follows that export through the loads of the plugin.
    pub(super) fn find(&self, name: &str) -> Result<Symbol> {
        loop {
            let generation = self.generation.load();
            if let Some(symbol) = generation.links.ready.get(name) {
                return Ok(symbol.clone());
            }
            let mut others = generation.links.others.lock();
            // Under the lock: who leads its handles to another load has not begun, or is done.
            if !Arc::ptr_eq(&generation, &self.generation.load()) {
                continue;
            }
            if let Some(symbol) = others.get(name) {
                return Ok(symbol.clone());
            }
            let symbol = generation.link(&self.name, name)?;
            others.insert(name.to_owned(), symbol.clone());
            return Ok(symbol);
        }
    }

    /// Whether all handles that somebody holds would go on in another load.
    ///
    /// # Errors
    /// One of them would not.
    pub(super) fn check(&self, next: &dyn Plugin) -> Result<()> {
        let generation = self.generation.load();
        let others = generation.links.others.lock();
        generation.links.moves(&others, next).map(drop)
    }

    /// The load takes over: handles that somebody holds lead to it from here on. The one before
    /// is what this gives.
    ///
    /// # Errors
    /// One of them cannot; nothing has changed.
    pub(super) fn take_over(
        &self,
        next: Arc<dyn Plugin>,
        initial: Snapshot,
    ) -> Result<Arc<Generation>> {
        let generation = self.generation.load_full();
        let others = generation.links.others.lock();
        let Moves { followed, lost } = generation.links.moves(&others, &*next)?;
        let is_counted = next.track().is_some() || next.descriptor().kind == PluginKind::Lua;
        let track = is_counted.then(|| Arc::clone(&self.track));
        let mut links = Symbols::default();
        for (name, symbol, bound) in followed {
            symbol.lead_to(bound, track.as_ref());
            links.insert(name, symbol);
        }
        // One that is found just now is of the load before.
        lost.iter().for_each(|symbol| symbol.retire(Gone::Replaced));
        let next = Generation::new(generation.number + 1, (next, initial), &self.name, links);
        self.generation.store(Arc::new(next));
        drop(others);
        Ok(generation)
    }

    /// The files that it is made of, whether they are there or not: what changes when they do.
    /// After a reload that has failed those of that too: whoever mends it edits one of them.
    #[cfg(feature = "watch")]
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let (serving, last) = {
            let reads = self.reads.lock();
            (Arc::clone(&reads.serving), Arc::clone(&reads.last))
        };
        let mut files = serving.files();
        files.extend(last.files());
        files.push(self.path.clone());
        files.extend(self.source.as_ref().map(|source| source.manifest.clone()));
        files
    }

    /// The files that are others than those that were read last.
    #[cfg(feature = "watch")]
    pub(super) fn changed(&self) -> Vec<PathBuf> {
        let last = Arc::clone(&self.reads.lock().last);
        last.changed()
    }

    #[cfg(feature = "watch")]
    pub(super) fn set_gone(&self, is_gone: bool) {
        self.is_gone.store(is_gone, Ordering::Relaxed);
    }

    /// What was read of its file for the last reload.
    #[cfg(feature = "watch")]
    pub(super) fn read_last(&self) -> Option<super::watch::Fingerprint> {
        self.reads.lock().fingerprint
    }

    #[cfg(feature = "watch")]
    pub(super) fn reads(&self, bytes: &[u8]) {
        self.reads.lock().fingerprint = Some(super::watch::Fingerprint::of(bytes));
    }

    /// Calls by handles wait at the gate, of a plugin whose own lock does not keep them out.
    pub(super) fn pause(&self, gate: &Arc<Gate>) {
        let generation = self.generation.load();
        if let Some(track) = generation.plugin.track() {
            generation.links.all().iter().for_each(|(_, symbol)| symbol.pause(gate, &track));
        }
    }

    /// What counts the uses of the plugin's loads.
    pub(super) fn track(&self) -> &Arc<Track> {
        &self.track
    }

    /// Lets go of where they led before, if no call is there any more.
    pub(super) fn let_go(&self) {
        self.generation.load().links.all().iter().for_each(|(_, symbol)| symbol.free_retired());
    }

    /// They lead where they led before.
    pub(super) fn resume(&self) {
        let generation = self.generation.load();
        if generation.plugin.track().is_some() {
            generation.lead_back(&generation.links.all());
        }
    }

    /// Unloads it: handles lead nowhere from here on.
    ///
    /// # Errors
    /// It cannot go; all is as before.
    pub(super) fn retire(&self) -> Result<()> {
        // A reload that is under way ends first; none comes after, as the plugin is not found.
        let _one = match self.is_inside() {
            false => self.reloading.lock(),
            true => self.reloading.try_lock().ok_or_else(|| {
                let error = cannot_wait(format_args!("plugin `{}`, which is reloaded", self.name));
                error.in_plugin(&self.name)
            })?,
        };
        let generation = self.generation.load();
        let links = generation.links.all();
        links.iter().for_each(|(_, symbol)| symbol.retire(Gone::Unloaded));
        if let Err(error) = generation.plugin.retire(Gone::Unloaded) {
            generation.lead_back(&links);
            return Err(error.in_plugin(&self.name));
        }
        links.iter().for_each(|(_, symbol)| symbol.free_retired());
        self.life.end();
        Ok(())
    }
}

impl Generation {
    fn new(
        number: u64,
        (plugin, initial): (Arc<dyn Plugin>, Snapshot),
        name: &str,
        links: Symbols,
    ) -> Generation {
        let descriptor = plugin.descriptor();
        let Descriptor { version, kind, requires, exports, .. } = &*descriptor;
        let (version, kind, requires) = (version.clone(), *kind, requires.clone());
        let mut generation = Generation {
            number,
            version,
            kind,
            requires,
            plugin,
            initial,
            links: Links::default(),
        };
        if kind == PluginKind::Lua {
            generation.links.others = Mutex::new(links);
            return generation;
        }
        generation.links.ready = links;
        for export in exports {
            if !generation.links.ready.contains_key(&export.name)
                && let Ok(symbol) = generation.link(name, &export.name)
            {
                generation.links.ready.insert(export.name.clone(), symbol);
            }
        }
        generation
    }

    /// Handles lead to this load.
    fn lead_back(&self, links: &[(String, Symbol)]) {
        let track = self.plugin.track();
        for (name, symbol) in links {
            if let Ok(bound) = self.plugin.bind(name) {
                symbol.lead_to(bound, track.as_ref());
            }
        }
    }

    fn link(&self, plugin: &str, name: &str) -> Result<Symbol> {
        Ok(Symbol::new(plugin, name, self.plugin.bind(name)?, self.plugin.track()))
    }
}

impl Links {
    fn all(&self) -> Vec<(String, Symbol)> {
        let others = self.others.lock();
        let all = self.ready.iter().chain(others.iter());
        all.map(|(name, symbol)| (name.clone(), symbol.clone())).collect()
    }

    fn moves(&self, others: &Symbols, next: &dyn Plugin) -> Result<Moves> {
        let mut moves = Moves { followed: Vec::new(), lost: Vec::new() };
        for (name, symbol) in self.ready.iter().chain(others) {
            let bound = next.bind(name).map_err(|_| "is gone".to_owned());
            let bound = bound.and_then(|bound| symbol.goes_on(&bound).map(|()| bound));
            match bound {
                // Also one that nobody holds: it may be looked up just now.
                Ok(bound) => moves.followed.push((name.clone(), symbol.clone(), bound)),
                Err(why) if symbol.is_held() => return Err(is_held(name, &why)),
                Err(_) => moves.lost.push(symbol.clone()),
            }
        }
        Ok(moves)
    }
}

/// The error of an export that somebody holds a handle on.
fn is_held(name: &str, why: &str) -> Error {
    let message = format!("`{name}` {why}, and a handle on it is held");
    Error::new(ErrorKind::Reload, message).of_symbol(name)
}

impl Plugin for Slot {
    fn descriptor(&self) -> Arc<Descriptor> {
        self.generation.load().plugin.descriptor()
    }

    fn lookup(&self, name: &str) -> Result<Symbol> {
        self.find(name)
    }
}

/// As the load that serves.
impl sealed::Implemented for Slot {
    fn retire(&self, why: Gone) -> Result<()> {
        self.generation.load_full().plugin.retire(why)
    }

    fn bind(&self, name: &str) -> Result<Bound> {
        self.generation.load_full().plugin.bind(name)
    }

    fn start(&self) -> Result<()> {
        self.generation.load_full().plugin.start()
    }

    fn pause(&self, gate: &Arc<Gate>) -> Result<()> {
        self.generation.load_full().plugin.pause(gate)
    }

    fn resume(&self) {
        self.generation.load_full().plugin.resume();
    }

    fn hook(&self, hook: Hook, args: &[Value]) -> Result<Option<Value>> {
        self.generation.load_full().plugin.hook(hook, args)
    }

    fn variables(&self) -> Result<Vec<(String, Result<Value>)>> {
        self.generation.load_full().plugin.variables()
    }

    fn state(&self) -> Result<Vec<Map>> {
        self.generation.load_full().plugin.state()
    }

    fn set_state(&self, table: usize, field: &MapKey, value: &Value) -> Result<()> {
        self.generation.load_full().plugin.set_state(table, field, value)
    }

    fn track(&self) -> Option<Arc<Track>> {
        self.generation.load_full().plugin.track()
    }

    fn has(&self, name: &str) -> bool {
        self.generation.load().plugin.has(name)
    }

    fn subscribers(&self, event: &str) -> Vec<Subscriber> {
        self.generation.load_full().plugin.subscribers(event)
    }
}
