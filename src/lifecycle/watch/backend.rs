//! How changes are seen: the system tells, or they are looked for.
//!
//! Only here notify is called. It has a thread of its own, which does nothing but pass on.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use notify::{Config, RecursiveMode, Watcher};

use super::fingerprint::is_missing;
use super::signal::Signal;
use super::worker::Message;

/// By which means changes are seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Means {
    /// The system tells of them; where it cannot, they are looked for.
    System,
    /// They are looked for: on file systems that others write, over a network.
    Polling,
    /// The system has no watches left.
    #[cfg(test)]
    Exhausted,
}

pub(super) enum Backend {
    System {
        /// `None` once it ends.
        watcher: Option<notify::RecommendedWatcher>,
        /// Ends with notify's thread.
        lives: Receiver<Infallible>,
        /// How often a watch has begun or ended: each loses what the one before had not told.
        turns: Arc<AtomicU64>,
    },
    Nothing(Refusal),
}

/// Why a folder is not watched.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is not there.
    Absent,
    /// This user may not read it.
    Forbidden,
    /// There are as many watches as the system allows.
    Exhausted,
    /// Nothing is to be watched.
    Polling,
    Failed(notify::Error),
}

/// How long the end of notify's thread is waited for. It ends at once, unless something is wrong.
const END: Duration = Duration::from_secs(5);

impl Backend {
    pub(super) fn new(means: Means, messages: Sender<Message>) -> Backend {
        match means {
            Means::System => Backend::system(messages),
            Means::Polling => Backend::Nothing(Refusal::Polling),
            #[cfg(test)]
            Means::Exhausted => Backend::Nothing(Refusal::Exhausted),
        }
    }

    fn system(messages: Sender<Message>) -> Backend {
        let (alive, lives) = mpsc::channel();
        let turns = Arc::<AtomicU64>::default();
        let told_in = Arc::clone(&turns);
        let pass_on = move |event| {
            let _held: &Sender<Infallible> = &alive;
            for signal in Signal::all(event) {
                // There is nobody to tell any more where this fails.
                let turn = told_in.load(Ordering::Acquire);
                let _ = messages.send(Message::Signal(signal, turn));
            }
        };
        match notify::recommended_watcher(pass_on) {
            Ok(watcher) => Backend::System { watcher: Some(watcher), lives, turns },
            Err(error) => Backend::Nothing(Refusal::Failed(error)),
        }
    }

    /// Has the system tell of a folder's entries.
    pub(super) fn watch(&mut self, folder: &Path) -> Result<(), Refusal> {
        match self {
            Backend::System { watcher: Some(watcher), turns, .. } => {
                let watched = watcher.watch(folder, RecursiveMode::NonRecursive);
                turns.fetch_add(1, Ordering::Release);
                watched.map_err(refusal)
            }
            Backend::System { watcher: None, .. } => Err(Refusal::Polling),
            Backend::Nothing(Refusal::Exhausted) => Err(Refusal::Exhausted),
            Backend::Nothing(Refusal::Failed(error)) => {
                Err(Refusal::Failed(notify::Error::generic(&error.to_string())))
            }
            Backend::Nothing(_) => Err(Refusal::Polling),
        }
    }

    /// Changes whenever a watch has begun or ended.
    pub(super) fn turn(&self) -> u64 {
        match self {
            Backend::System { turns, .. } => turns.load(Ordering::Acquire),
            Backend::Nothing(_) => 0,
        }
    }

    pub(super) fn unwatch(&mut self, folder: &Path) {
        if let Backend::System { watcher: Some(watcher), turns, .. } = self {
            // Of a folder that is gone the watch went with it.
            let _ = watcher.unwatch(folder);
            turns.fetch_add(1, Ordering::Release);
        }
    }

    /// Comes back once all has been passed on that the system knew before.
    ///
    /// notify's thread sleeps until there is a request or a signal, and takes them in the order
    /// in which they came. This is a request that changes nothing. Where that thread is just
    /// answering another one, it may take this one along, before the signals: then a file may be
    /// told whose next save has begun, and is told again once that is complete.
    pub(super) fn flush(&mut self) {
        if let Backend::System { watcher: Some(watcher), .. } = self {
            let _ = watcher.configure(Config::default());
        }
    }
}

impl Drop for Backend {
    /// Waits until notify's thread has gone.
    fn drop(&mut self) {
        if let Backend::System { watcher, lives, .. } = self {
            drop(watcher.take());
            let _ = lives.recv_timeout(END);
        }
    }
}

fn refusal(error: notify::Error) -> Refusal {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => Refusal::Exhausted,
        notify::ErrorKind::PathNotFound => Refusal::Absent,
        notify::ErrorKind::Io(cause) if is_missing(cause.kind()) => Refusal::Absent,
        notify::ErrorKind::Io(cause) if cause.kind() == ErrorKind::PermissionDenied => {
            Refusal::Forbidden
        }
        _ => Refusal::Failed(error),
    }
}
