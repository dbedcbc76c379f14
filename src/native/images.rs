//! The images that a host has mapped: what became of each, and how many may stay.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::GoRuntimes;
use crate::error::{Error, ErrorKind, Result};

/// The images of a host. Each host counts its own.
pub(crate) struct Images {
    all: Mutex<All>,
    /// How many may be kept of plugins that are gone.
    budget: usize,
    go_runtimes: GoRuntimes,
}

struct All {
    records: Vec<Arc<Record>>,
    /// Loads under way: each may leave an image that is kept.
    loading: usize,
}

/// What is known of one image.
pub(super) struct Record {
    plugin: String,
    path: PathBuf,
    state: Mutex<State>,
    /// Threads that run which its code has begun.
    pub(super) threads: AtomicUsize,
    /// Asks the system whether it still has it.
    asks: Box<dyn Fn() -> bool + Send + Sync>,
}

/// What has become of one.
#[derive(Clone, PartialEq)]
pub(super) enum State {
    Serving,
    /// It is still mapped, for this reason.
    Kept(String),
    /// The same as long as it is held by others than its plugin.
    Held,
    Unmapped,
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
    /// How many threads run that its code has begun, as far as that is seen: on Linux, on x86-64 and
    /// AArch64 (`docs/limits.md`).
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
    pub(super) fn set(&self, state: State) {
        let changed = {
            let mut now = self.state.lock();
            let changed = *now != state;
            *now = state;
            changed
        };
        // With the lock let go: who listens is the embedding's code.
        match self.report() {
            _ if !changed => {}
            ImageState::Serving => {}
            ImageState::Unmapped => tracing::info!(plugin = self.plugin, "image unmapped"),
            ImageState::Kept(why) => tracing::info!(plugin = self.plugin, why, "image kept"),
        }
    }

    /// What is said of it.
    fn report(&self) -> ImageState {
        match self.state.lock().clone() {
            State::Serving => ImageState::Serving,
            State::Unmapped => ImageState::Unmapped,
            State::Kept(why) => ImageState::Kept(why),
            State::Held => {
                let handles = || "handles or calls of it are still held".to_owned();
                ImageState::Kept(self.running().unwrap_or_else(handles))
            }
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
        let kept = matches!(*self.state.lock(), State::Kept(_));
        if kept && !self.is_mapped() {
            self.set(State::Unmapped);
        }
    }
}

impl Images {
    pub(crate) fn new(budget: usize, go_runtimes: GoRuntimes) -> Self {
        let all = All { records: Vec::new(), loading: 0 };
        Images { all: Mutex::new(all), budget, go_runtimes }
    }

    /// Those that are mapped.
    pub(crate) fn reports(&self) -> Vec<ImageReport> {
        let report = |record: &Arc<Record>| ImageReport {
            plugin: record.plugin.clone(),
            path: record.path.clone(),
            state: record.report(),
            threads: record.threads.load(Ordering::Relaxed),
        };
        self.mapped().iter().map(report).collect()
    }

    /// The records of those that are mapped.
    fn mapped(&self) -> Vec<Arc<Record>> {
        #[cfg(target_os = "linux")]
        super::threads::settle();
        // The system has a lock of its own, under which code of plugins runs: none of
        // ours is held while it is asked.
        let records = self.all.lock().records.clone();
        records.iter().for_each(|record| record.ask_again());
        let mut all = self.all.lock();
        all.records.retain(|record| *record.state.lock() != State::Unmapped);
        all.records.clone()
    }

    /// A place for one more image that may have to be kept.
    pub(super) fn reserve(&self) -> Result<Place<'_>> {
        self.mapped();
        let mut all = self.all.lock();
        let is_kept =
            |record: &&Arc<Record>| matches!(*record.state.lock(), State::Kept(_) | State::Held);
        let kept = all.records.iter().filter(is_kept).count();
        if kept + all.loading < self.budget {
            all.loading += 1;
            return Ok(Place { images: self });
        }
        let loading = match all.loading {
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
            state: Mutex::new(State::Serving),
            threads: AtomicUsize::new(0),
            asks: Box::new(is_mapped),
        });
        self.images.all.lock().records.push(Arc::clone(&record));
        record
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.images.all.lock().loading -= 1;
    }
}
