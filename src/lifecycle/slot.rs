//! One plugin's place: the load that serves now, and all handles on it, which follow it from one
//! load to the next.

mod generation;
mod links;
mod ready;
mod source;

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use semver::Version;
use twinplug_value::{Map, MapKey, Value};

pub(super) use self::generation::{Built, Generation, Handles, Symbols};
use self::ready::Ready;
pub(super) use self::source::{Origin, Source};
use super::stack::{self, Rung};
use crate::channel::Life;
use crate::error::{Error, Result};
use crate::file::Reads;
use crate::plugin::{
    Bound, Counters, Descriptor, Gate, Gone, Hook, Plugin, Subscriber, Symbol, Track, cannot_wait,
    held, sealed, within,
};

pub(super) struct Slot {
    pub(super) name: String,
    pub(super) generation: ArcSwap<Generation>,
    /// The same, for quick looks.
    ready: Ready,
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
    /// The files that it was loaded from before, and in which versions.
    superseded: Mutex<Vec<(Version, PathBuf)>>,
    /// The layers over it, the lowest first. Held while links are made, or are led elsewhere.
    stack: Mutex<Vec<Weak<Rung>>>,
    /// Where calls wait while it is paused.
    gate: Mutex<Option<Arc<Gate>>>,
    /// Whether it is unloaded: no link is led anywhere any more. It changes with the stack held.
    is_over: AtomicBool,
    /// Its own place over another plugin, of a layer.
    pub(super) rung: Option<Arc<Rung>>,
    /// Counts calls, where the host wants that.
    pub(super) counters: Option<Arc<Counters>>,
}

/// The files that were read.
#[derive(Default)]
struct LastReads {
    /// For the load that serves, and for the last that was tried.
    serving: Arc<Reads>,
    last: Arc<Reads>,
    /// For the one that was tried before that.
    before: Arc<Reads>,
    /// What was in its own file then, where that matters.
    #[cfg(feature = "watch")]
    fingerprint: Option<super::watch::Fingerprint>,
}

/// How long calls of a layer that goes may take to come back.
const AWAY: Duration = Duration::from_secs(2);

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

impl Slot {
    /// A plugin that was built; a layer has that place.
    pub(super) fn new(
        built: Built,
        rung: Option<Arc<Rung>>,
        counters: Option<Arc<Counters>>,
    ) -> Slot {
        let name = built.plugin.descriptor().name.clone();
        let track = built.plugin.track().unwrap_or_else(|| Arc::new(Track::new()));
        let generation = Generation::new(1, built, Symbols::default(), |plugin, export| {
            let bound = own(&counters, plugin, export)?;
            Ok(Symbol::new(&name, export, bound, plugin.track()))
        });
        let generation = Arc::new(generation);
        Slot {
            name,
            ready: Ready::of(&generation),
            generation: ArcSwap::new(generation),
            life: Arc::default(),
            track,
            reloading: Mutex::default(),
            rejected: Mutex::default(),
            is_gone: AtomicBool::new(false),
            reads: Mutex::default(),
            superseded: Mutex::default(),
            stack: Mutex::default(),
            gate: Mutex::default(),
            is_over: AtomicBool::new(false),
            rung,
            counters,
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
        held() > 0
            || LOADS.get() > 0
            || self.track.is_raised_here()
            || self.generation.load().plugin.is_out_here()
    }

    /// Another load is tried, for which these files are read.
    pub(super) fn tries(&self, reads: &Arc<Reads>) {
        let mut last = self.reads.lock();
        last.before = std::mem::replace(&mut last.last, Arc::clone(reads));
        #[cfg(feature = "watch")]
        {
            last.fingerprint = None;
        }
    }

    /// The last one that was tried serves.
    pub(super) fn serves(&self) {
        let mut reads = self.reads.lock();
        reads.serving = Arc::clone(&reads.last);
        self.is_gone.store(false, Ordering::Relaxed);
    }

    /// The last one that was tried is of no more concern.
    pub(super) fn gives_up(&self) {
        let mut reads = self.reads.lock();
        reads.last = Arc::clone(&reads.before);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.generation.load().source.path.clone()
    }

    /// What it was loaded from last; `None` of one from memory.
    pub(super) fn origin(&self) -> Option<Origin> {
        self.generation.load().source.origin.clone()
    }

    /// Takes down what may be gone back to.
    fn supersede(&self, before: &Generation, next: &Generation) {
        let mut superseded = self.superseded.lock();
        superseded.retain(|(version, _)| *version != next.version);
        if let (Some(before_origin), Some(origin)) = (&before.source.origin, &next.source.origin)
            && before_origin.canonical != origin.canonical
        {
            superseded.retain(|(version, _)| *version != before.version);
            superseded.push((before.version.clone(), before_origin.asked.clone()));
        }
    }

    /// The files that it was loaded from before, and in which versions.
    pub(super) fn superseded(&self) -> Vec<(Version, PathBuf)> {
        self.superseded.lock().clone()
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
        let Source { path, origin } = &self.generation.load().source;
        files.push(path.clone());
        files.extend(origin.as_ref().map(|origin| origin.manifest.clone()));
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

    /// What counts the uses of the plugin's loads.
    pub(super) fn track(&self) -> &Arc<Track> {
        &self.track
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
        let plugin = Arc::clone(&self.generation.load().plugin);
        // The calls of a layer come back first that are below: those of others are the callers'.
        let gate = Arc::<Gate>::default();
        let is_paused = self.rung.is_some()
            && !self.is_inside()
            && within(AWAY, || plugin.pause(&gate)).is_ok();
        self.end_links();
        let retired = plugin.retire(Gone::Unloaded);
        if retired.is_err() {
            if is_paused {
                plugin.resume();
            }
            self.lead_back();
        }
        gate.open();
        retired.map_err(|error| error.in_plugin(&self.name))?;
        self.let_go();
        self.life.end();
        Ok(())
    }
}

/// Where an export of the plugin itself is.
fn own(counters: &Option<Arc<Counters>>, plugin: &dyn Plugin, name: &str) -> Result<Bound> {
    let bound = plugin.bind(name)?;
    Ok(match counters {
        Some(counters) => bound.measured(counters),
        None => bound,
    })
}

impl Plugin for Slot {
    fn descriptor(&self) -> Arc<Descriptor> {
        let own = self.generation.load().plugin.descriptor();
        let layers = self.layers();
        if layers.is_empty() {
            return own;
        }
        let exports = stack::exports(&own, &layers);
        Arc::new(Descriptor { exports, ..Descriptor::clone(&own) })
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

    fn remains(&self) -> Option<String> {
        self.generation.load_full().plugin.remains()
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

    fn is_out_here(&self) -> bool {
        self.generation.load().plugin.is_out_here()
    }

    fn memory(&self) -> Option<usize> {
        self.generation.load_full().plugin.memory()
    }

    fn has(&self, name: &str) -> bool {
        self.generation.load().plugin.has(name) || self.layers().iter().any(|rung| rung.has(name))
    }

    fn subscribers(&self, event: &str) -> Vec<Subscriber> {
        self.generation.load_full().plugin.subscribers(event)
    }
}
