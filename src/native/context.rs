//! A plugin's place at its host: what `tp_context` is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use twinplug_abi as abi;

use super::image::Image;
use super::subscriptions::Subscriptions;
use super::table::Entries;
use crate::channel::Life;
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Gate, Gone, HostContext, HostFunction, Requirement, Running, Track, parked};

/// One for each load. The image holds it for as long as it is mapped, which is what
/// the ABI promises the plugin.
pub(super) struct Context {
    pub(super) plugin: String,
    /// The plugins that it needs, and in which versions.
    pub(super) requires: Vec<Requirement>,
    host: Weak<HostContext>,
    retired: AtomicBool,
    /// Whether no call of a function or an object of the plugin begins any more.
    closed: AtomicBool,
    /// The image, while it is there: what the plugin hands out keeps it.
    image: OnceLock<Weak<Image>>,
    /// Counts the plugin's calls, if it matters whether one runs.
    track: OnceLock<Arc<Track>>,
    is_paused: AtomicBool,
    /// Whether another load has taken over, once it is closed.
    was_replaced: AtomicBool,
    gate: Mutex<Option<Arc<Gate>>>,
    /// What the plugin's waits end with.
    pub(super) life: Arc<Life>,
    pub(super) subscriptions: Subscriptions,
    /// The deprecated functions that it has called, by where they are.
    warned: Mutex<Vec<usize>>,
    /// What init registers; `None` when it does not run.
    registering: Mutex<Option<Registering>>,
}

/// What init registers.
struct Registering {
    /// How long an export is in the plugin's minor version.
    export_size: usize,
    entries: Vec<Entries>,
}

impl Context {
    pub(super) fn new(
        plugin: &str,
        requires: &[Requirement],
        host: Weak<HostContext>,
    ) -> Arc<Context> {
        Arc::new(Context {
            plugin: plugin.to_owned(),
            requires: requires.to_vec(),
            host,
            retired: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            image: OnceLock::new(),
            track: OnceLock::new(),
            is_paused: AtomicBool::new(false),
            was_replaced: AtomicBool::new(false),
            gate: Mutex::default(),
            life: Arc::default(),
            subscriptions: Subscriptions::default(),
            warned: Mutex::default(),
            registering: Mutex::new(None),
        })
    }

    /// As plugins hold it.
    pub(super) fn as_raw(self: &Arc<Self>) -> *mut abi::Context {
        Arc::as_ptr(self).cast_mut().cast()
    }

    /// The host, while there is one and the plugin is not retired.
    pub(super) fn host(&self) -> Result<Arc<HostContext>> {
        self.check()?;
        let gone = || Error::new(ErrorKind::Stale, "the host is gone");
        self.host.upgrade().ok_or_else(gone)
    }

    /// Refuses what a retired plugin does, or what is done with it.
    pub(super) fn check(&self) -> Result<()> {
        match self.retired.load(Ordering::Acquire) {
            true => Err(unloaded()),
            false => Ok(()),
        }
    }

    /// Calls of what the plugin has handed out are over, and so are its waits. Those that have
    /// begun are counted by the track.
    pub(super) fn close(&self, why: Gone) {
        self.was_replaced.store(why == Gone::Replaced, Ordering::Release);
        self.closed.store(true, Ordering::Release);
        self.life.end();
    }

    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
        if !self.closed.load(Ordering::Acquire) {
            self.close(Gone::Unloaded);
        }
    }

    /// Begins a call of what the plugin has handed out, as long as the answer is held.
    pub(super) fn begin_call(&self) -> Result<Option<Running<'_>>> {
        // Raised first: who closes it and then waits sees the call, or this sees that it is
        // closed.
        let track = self.track.get();
        let is_inside = track.is_some_and(|track| track.is_raised_here());
        let running = track.map(|track| track.raise());
        while !is_inside && self.is_paused.load(Ordering::Relaxed) {
            let gate = self.gate.lock().clone();
            if let (Some(gate), Some(track)) = (gate, track) {
                track.park(|| gate.wait(&self.plugin))?;
            }
        }
        match self.closed.load(Ordering::Acquire) {
            true => Err(unloaded()),
            false => Ok(running),
        }
    }

    /// Waits in it on behalf of the plugin's calls on this thread. While another load takes over
    /// they do not come back from that; once it has, their wait has failed, and what they have got
    /// is given back.
    pub(super) fn parked<T>(
        &self,
        wait: impl FnOnce() -> Result<T>,
        give_back: impl FnOnce(T),
    ) -> Result<T> {
        let Some(track) = self.track.get() else {
            return self.replaced(parked(wait), give_back);
        };
        let done = track.park(|| parked(wait));
        // It shows that it goes on before it looks; who pauses it looks after it has said so.
        while self.is_paused.load(Ordering::Relaxed) {
            let gate = self.gate.lock().clone();
            gate.into_iter().for_each(|gate| track.park(|| gate.wait_until_open()));
        }
        self.replaced(done, give_back)
    }

    fn replaced<T>(&self, done: Result<T>, give_back: impl FnOnce(T)) -> Result<T> {
        if !self.was_replaced() {
            return done;
        }
        done.map(give_back).ok();
        Err(Gone::Replaced.error())
    }

    fn was_replaced(&self) -> bool {
        self.was_replaced.load(Ordering::Acquire)
    }

    /// Where calls wait while the plugin is paused.
    pub(super) fn gate(&self) -> Option<Arc<Gate>> {
        self.gate.lock().clone()
    }

    /// What waits of the plugin stays at the gate; `None` lets it go.
    pub(super) fn pause(&self, gate: Option<&Arc<Gate>>) {
        *self.gate.lock() = gate.cloned();
        self.is_paused.store(gate.is_some(), Ordering::Relaxed);
    }

    /// Where the plugin's calls are counted.
    pub(super) fn set_track(&self, track: &Arc<Track>) {
        let _ = self.track.set(Arc::clone(track));
    }

    /// It is the place of that image.
    pub(super) fn set_image(&self, image: &Arc<Image>) {
        let _ = self.image.set(Arc::downgrade(image));
    }

    /// The image, unless nobody holds it any more.
    pub(super) fn image(&self) -> Option<Arc<Image>> {
        self.image.get()?.upgrade()
    }

    /// Tells that the plugin uses a function that is deprecated, the first time.
    #[cold]
    pub(super) fn warn(&self, function: &Arc<HostFunction>) {
        let place = Arc::as_ptr(function).addr();
        let mut warned = self.warned.lock();
        if !warned.contains(&place) {
            warned.push(place);
            // Whoever is told may do anything.
            drop(warned);
            function.warn(&self.plugin);
        }
    }

    /// Init runs, of a plugin whose exports are so long.
    pub(super) fn start_registering(&self, export_size: usize) {
        *self.registering.lock() = Some(Registering { export_size, entries: Vec::new() });
    }

    /// How long an export is that the plugin registers; `None` where init does not run.
    pub(super) fn export_size(&self) -> Option<usize> {
        self.registering.lock().as_ref().map(|registering| registering.export_size)
    }

    /// What was registered; from now on nothing can be.
    pub(super) fn end_registering(&self) -> Vec<Entries> {
        self.registering.lock().take().map_or_else(Vec::new, |registering| registering.entries)
    }

    /// Adds an export; `None` where init does not run.
    pub(super) fn register(&self, entries: Entries) -> Option<Result<()>> {
        let mut registering = self.registering.lock();
        let list = &mut registering.as_mut()?.entries;
        if list.iter().any(|other| other.export.name == entries.export.name) {
            let message = format!("`{}` is exported twice", entries.export.name);
            return Some(Err(Error::new(ErrorKind::Symbol, message)));
        }
        list.push(entries);
        Some(Ok(()))
    }
}

/// The error of what belongs to a plugin that is gone.
pub(super) fn unloaded() -> Error {
    Error::new(ErrorKind::Stale, "the plugin was unloaded")
}
