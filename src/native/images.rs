//! The images that a host has mapped: what became of each, and how many may stay.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::GoRuntimes;
use crate::error::{Error, ErrorKind, Result};

/// The images of a host. Each host counts its own.
pub(crate) struct Images {
    state: Mutex<State>,
    /// How many may be kept of plugins that are gone.
    budget: usize,
    go_runtimes: GoRuntimes,
}

struct State {
    records: Vec<Arc<Record>>,
    /// Loads under way: each may leave an image that is kept.
    loading: usize,
}

/// What is known of one image.
pub(super) struct Record {
    plugin: String,
    path: PathBuf,
    state: Mutex<ImageState>,
    /// Threads that run which its code has begun.
    pub(super) threads: AtomicUsize,
    /// Asks the system whether it still has it.
    asks: Box<dyn Fn() -> bool + Send + Sync>,
}

/// One image of a native plugin that a host has mapped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageReport {
    /// The plugin's name.
    pub plugin: String,
    /// The file that it was copied from.
    pub path: PathBuf,
    /// What became of it.
    pub state: ImageState,
    /// How many threads run that its code has begun. Seen on Linux alone, and there neither those
    /// that its constructors begin, nor those that another library begins for it.
    pub threads: usize,
}

/// What became of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageState {
    /// Its plugin is loaded.
    Serving,
    /// Its plugin is gone, and it is still mapped, for this reason.
    Kept(String),
    /// It is no longer mapped.
    Unmapped,
}

impl Record {
    pub(super) fn set(&self, state: ImageState) {
        let changed = {
            let mut now = self.state.lock();
            let changed = *now != state;
            *now = state.clone();
            changed
        };
        // With the lock let go: who listens is the embedding's code.
        match state {
            _ if !changed => {}
            ImageState::Serving => {}
            ImageState::Unmapped => tracing::info!(plugin = self.plugin, "image unmapped"),
            ImageState::Kept(why) => tracing::info!(plugin = self.plugin, why, "image kept"),
        }
    }

    /// Threads that its code has begun and that run, where there are any.
    pub(super) fn running(&self) -> Option<String> {
        match self.threads.load(Ordering::Relaxed) {
            0 => None,
            1 => Some("a thread that it began still runs".into()),
            more => Some(format!("{more} threads that it began still run")),
        }
    }

    /// Whether the system still has it.
    pub(super) fn is_mapped(&self) -> bool {
        (self.asks)()
    }

    /// What the system kept, it may have let go of since.
    fn ask_again(&self) {
        let kept = matches!(*self.state.lock(), ImageState::Kept(_));
        if kept && !self.is_mapped() {
            self.set(ImageState::Unmapped);
        }
    }
}

impl Images {
    pub(crate) fn new(budget: usize, go_runtimes: GoRuntimes) -> Self {
        Images { state: Mutex::new(State { records: Vec::new(), loading: 0 }), budget, go_runtimes }
    }

    /// Those that are mapped.
    pub(crate) fn reports(&self) -> Vec<ImageReport> {
        let report = |record: &Arc<Record>| ImageReport {
            plugin: record.plugin.clone(),
            path: record.path.clone(),
            state: record.state.lock().clone(),
            threads: record.threads.load(Ordering::Relaxed),
        };
        self.mapped().iter().map(report).collect()
    }

    /// The records of those that are mapped.
    fn mapped(&self) -> Vec<Arc<Record>> {
        // The system has a lock of its own, under which code of plugins runs: none of
        // ours is held while it is asked.
        let records = self.state.lock().records.clone();
        records.iter().for_each(|record| record.ask_again());
        let mut state = self.state.lock();
        state.records.retain(|record| *record.state.lock() != ImageState::Unmapped);
        state.records.clone()
    }

    /// A place for one more image that may have to be kept.
    pub(super) fn reserve(&self) -> Result<Place<'_>> {
        self.mapped();
        let mut state = self.state.lock();
        let is_kept = |record: &&Arc<Record>| matches!(*record.state.lock(), ImageState::Kept(_));
        let kept = state.records.iter().filter(is_kept).count();
        if kept + state.loading < self.budget {
            state.loading += 1;
            return Ok(Place { images: self });
        }
        let loading = match state.loading {
            0 => String::new(),
            loading => format!(", {loading} that are being loaded may come to it"),
        };
        Err(Error::new(
            ErrorKind::Refused,
            format!(
                "{kept} images of native plugins that are gone are still mapped{loading}, and no \
                 more are allowed: let plugins say `unload`, or raise `HostBuilder::kept_images`"
            ),
        ))
    }
}

/// The place of a load that is under way.
pub(super) struct Place<'i> {
    images: &'i Images,
}

impl Place<'_> {
    /// How many Go runtimes the host lets in.
    pub(super) fn go_runtimes(&self) -> GoRuntimes {
        self.images.go_runtimes
    }

    /// The image that takes the place; `is_mapped` asks the system for it.
    pub(super) fn add(
        &self,
        plugin: &str,
        path: &Path,
        is_mapped: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Arc<Record> {
        let record = Arc::new(Record {
            plugin: plugin.to_owned(),
            path: path.to_owned(),
            state: Mutex::new(ImageState::Serving),
            threads: AtomicUsize::new(0),
            asks: Box::new(is_mapped),
        });
        self.images.state.lock().records.push(Arc::clone(&record));
        record
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.images.state.lock().loading -= 1;
    }
}
