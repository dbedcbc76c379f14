//! Sees files change. It knows paths, and not plugins.
//!
//! What is followed is seen by the folders that it is in, and those that links lead through: so
//! it does not matter whether an editor writes a file in place, or puts another one there. A
//! change is told once the file is complete. Where who writes it closes it, or renames it into
//! place, that is at once; a file which is open waits for its close; and where nobody tells of
//! closes, it has to have been the same for a while. What counts are the bytes: a file that is
//! only touched has not changed.
//!
//! Left alone: a file that another name of it (a hard link in a folder which nobody watches) is
//! written through, unless it is polled.

mod backend;
mod file;
mod fingerprint;
mod folder;
mod places;
mod route;
mod signal;
mod ways;
mod worker;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use crate::error::{Error, ErrorKind, Result};

pub(crate) use backend::Means;
pub(crate) use fingerprint::Fingerprint;
use fingerprint::Seen;
pub(crate) use folder::Verdict;
use worker::{Message, Worker};

/// Watches files and folders, on a thread of its own, until it is dropped.
///
/// No call waits for that thread, so that whoever is told may make them.
pub(crate) struct Watcher {
    messages: Sender<Message>,
    thread: Option<JoinHandle<()>>,
    #[cfg_attr(not(test), allow(dead_code, reason = "the log says so"))]
    is_polling: Arc<AtomicBool>,
}

/// A path as it was given, and from the root: that is what it means, wherever the process goes.
#[derive(Clone, Debug)]
struct Named {
    path: PathBuf,
    absolute: PathBuf,
}

/// What has happened to a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// As whoever follows it has named it; of what appeared, below the folder as that was named.
    pub(crate) path: PathBuf,
    pub(crate) kind: ChangeKind,
    /// What it held when it was complete. Whoever reads it then may find another content, which
    /// need not be complete: of that, [`tell_again`](Watcher::tell_again) is asked for.
    pub(crate) fingerprint: Option<Fingerprint>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ChangeKind {
    /// It holds other bytes, or cannot be read any more: then there is no fingerprint.
    Edited,
    /// It is not there any more.
    Gone,
    /// It is there again, maybe as it was.
    Back,
    /// It is there for the first time: in a folder that is followed, or where a file that is
    /// followed was not yet.
    Appeared,
}

impl Watcher {
    /// `told` runs on the watcher's thread, and no lock is held. What takes long there makes
    /// later changes wait, and merge.
    ///
    /// # Errors
    /// There can be no thread.
    pub(crate) fn new(means: Means, told: impl FnMut(Change) + Send + 'static) -> Result<Self> {
        let (messages, received) = mpsc::channel();
        let is_polling = Arc::new(AtomicBool::new(means == Means::Polling));
        let (to_self, polls) = (messages.clone(), Arc::clone(&is_polling));
        let run = move || Worker::new(means, to_self, received, polls, Box::new(told)).run();
        let thread = thread::Builder::new().name("twinplug-watch".to_owned()).spawn(run);
        let thread = thread.map_err(|error| {
            Error::new(ErrorKind::Io, format!("cannot watch files: no thread: {error}"))
        })?;
        Ok(Watcher { messages, thread: Some(thread), is_polling })
    }

    /// Follows a file, from the content that the caller knows; from what is there now if it
    /// knows none. Who follows it twice has to [`forget`](Watcher::forget) it twice.
    pub(crate) fn follow(&self, path: &Path, known: Option<Fingerprint>) {
        let named = Named::new(path);
        // Looked at here: an edit that follows this call is one.
        let known = known.map_or_else(|| Seen::at(&named.absolute), Seen::Bytes);
        self.send(Message::Follow(named, known));
    }

    /// Follows a file no more. A change that is just being told may still come.
    pub(crate) fn forget(&self, path: &Path) {
        self.send(Message::Forget(path.to_owned()));
    }

    /// Tells of a file again, once it is complete: who was told of it has read something else,
    /// as the next save had begun.
    pub(crate) fn tell_again(&self, path: &Path) {
        self.send(Message::TellAgain(path.to_owned()));
    }

    /// Tells what appears in a folder, of which the `known` paths are no news. `verdict` says
    /// of an entry whether it matters; it runs on the watcher's thread.
    pub(crate) fn follow_folder(
        &self,
        folder: &Path,
        known: &[PathBuf],
        verdict: impl Fn(&Path) -> Verdict + Send + 'static,
    ) {
        let names = known.iter().filter_map(|path| path.file_name()).map(ToOwned::to_owned);
        let known = names.collect();
        self.send(Message::FollowFolder(Named::new(folder), known, Box::new(verdict)));
    }

    pub(crate) fn forget_folder(&self, folder: &Path) {
        self.send(Message::ForgetFolder(folder.to_owned()));
    }

    /// Whether anything is looked at time and again, since the system does not tell of it.
    #[cfg(test)]
    pub(crate) fn is_polling(&self) -> bool {
        self.is_polling.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn send(&self, message: Message) {
        // The thread ends with the watcher alone.
        let _ = self.messages.send(message);
    }
}

impl Named {
    fn new(path: &Path) -> Self {
        // An empty path means nothing, and stays it.
        let absolute = std::path::absolute(path).unwrap_or_default();
        Named { path: path.to_owned(), absolute }
    }
}

impl Drop for Watcher {
    /// Ends the thread, and waits for its end, and so for who is being told: no lock that they
    /// want may be held. Where this is that thread, it ends once they are done.
    fn drop(&mut self) {
        self.send(Message::End);
        let Some(thread) = self.thread.take() else { return };
        if thread.thread().id() != thread::current().id() {
            // A panic was told by the thread itself.
            let _ = thread.join();
        }
    }
}
