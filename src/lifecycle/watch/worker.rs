//! The watcher's thread: takes what the system tells, has files looked at, tells.
//!
//! All state is this thread's alone, so there are no locks, and who is told may do anything.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::backend::{Backend, Means};
use super::file::{Depth, File};
use super::fingerprint::Seen;
use super::folder::{Folder, Judge};
use super::places::Places;
use super::signal::{Signal, What};
use super::ways::{Traveller, Ways};
use super::{Change, Named};

/// What the thread is told.
pub(super) enum Message {
    /// With the turn of the watches in which it was told.
    Signal(Signal, u64),
    Follow(Named, Seen),
    Forget(PathBuf),
    TellAgain(PathBuf),
    FollowFolder(Named, HashSet<OsString>, Judge),
    ForgetFolder(PathBuf),
    /// Runs in turn, to see what is there.
    #[cfg(test)]
    Inspect(Box<dyn FnOnce(&mut Worker) + Send>),
    End,
}

type Told = Box<dyn FnMut(Change) + Send>;

pub(super) struct Worker {
    received: Receiver<Message>,
    told: Told,
    pub(super) ways: Ways,
    /// By the names that users have for them.
    files: HashMap<PathBuf, File>,
    folders: HashMap<PathBuf, Folder>,
    next_poll: Instant,
    pub(super) polls: usize,
    ends: bool,
}

/// How often files are looked at of which nobody tells.
const POLL: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 250 });

/// Every so many times by their bytes, and then watches are tried again.
const DEEP_POLL: usize = 20;

impl Worker {
    pub(super) fn new(
        means: Means,
        messages: Sender<Message>,
        received: Receiver<Message>,
        is_polling: Arc<AtomicBool>,
        told: Told,
    ) -> Self {
        let places = Places::new(Backend::new(means, messages), is_polling);
        Worker {
            received,
            told,
            ways: Ways::new(places),
            files: HashMap::new(),
            folders: HashMap::new(),
            next_poll: Instant::now(),
            polls: 0,
            ends: false,
        }
    }

    pub(super) fn run(mut self) {
        while !self.ends {
            self.wait();
            self.take_all();
            self.poll();
            self.look();
            let turn = self.ways.places.backend.turn();
            self.files.values_mut().for_each(|file| file.watched_in(turn));
        }
    }

    /// Waits for a message, or until something is to be looked at.
    fn wait(&mut self) {
        let message = match self.due() {
            None => self.received.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => self.received.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match message {
            Ok(message) => self.take(message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.ends = true,
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        let polled = self.polls_any().then_some(self.next_poll);
        let files = self.files.values().filter_map(File::due);
        let folders = self.folders.values().filter_map(Folder::due);
        files.chain(folders).chain(polled).min()
    }

    fn polls_any(&self) -> bool {
        self.files.values().any(|file| file.is_polled)
            || self.folders.values().any(|folder| folder.is_polled)
    }

    /// Whether all that is known to have happened has been looked at.
    #[cfg(test)]
    pub(super) fn is_quiet(&self) -> bool {
        self.files.values().all(File::is_quiet)
            && self.folders.values().all(|folder| folder.due().is_none())
    }

    /// Takes all that is there before anything is looked at: what has happened last counts.
    fn take_all(&mut self) {
        while !self.ends
            && let Ok(message) = self.received.try_recv()
        {
            self.take(message);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Signal(Signal::Entry(path, what), turn) => self.entry(&path, what, turn),
            Message::Signal(Signal::Overflow, _) => self.look_at_all(),
            Message::Signal(Signal::Failed(error), _) => {
                tracing::warn!(%error, "watching failed: all files are looked at again");
                self.look_at_all();
            }
            Message::Follow(named, known) => self.follow(named, known),
            Message::Forget(path) => self.forget(&path),
            Message::TellAgain(path) => {
                self.files.get_mut(&path).into_iter().for_each(File::tell_again);
            }
            Message::FollowFolder(named, known, judge) => {
                self.follow_folder(Folder::new(named, known, judge));
            }
            Message::ForgetFolder(path) => self.forget_folder(&path),
            #[cfg(test)]
            Message::Inspect(inspect) => inspect(self),
            Message::End => self.ends = true,
        }
    }

    fn follow(&mut self, named: Named, known: Seen) {
        let path = named.path.clone();
        self.files.entry(path.clone()).or_insert_with(|| File::new(named));
        self.settle(&path);
        if let Some(file) = self.files.get_mut(&path) {
            file.follow(known);
        }
    }

    fn forget(&mut self, path: &Path) {
        let Some(file) = self.files.get_mut(path) else { return };
        file.followers = file.followers.saturating_sub(1);
        if file.followers == 0 {
            self.drop_file(path);
        }
    }

    fn drop_file(&mut self, path: &Path) {
        if let Some(file) = self.files.remove(path) {
            self.ways.leave(&Traveller::File(path.to_owned()), &file.route);
        }
    }

    fn follow_folder(&mut self, folder: Folder) {
        let path = folder.named.path.clone();
        self.forget_folder(&path);
        self.folders.insert(path.clone(), folder);
        self.settle_folder(&path);
    }

    fn forget_folder(&mut self, path: &Path) {
        if let Some(mut folder) = self.folders.remove(path) {
            folder.end(&mut self.ways.places);
            self.ways.leave(&Traveller::Folder(path.to_owned()), &folder.route);
        }
    }

    /// Brings the route of a file up to date.
    fn settle(&mut self, path: &Path) {
        if let Some(file) = self.files.get_mut(path) {
            let who = Traveller::File(path.to_owned());
            file.is_polled = self.ways.settle(&who, &file.named.absolute, &mut file.route);
        }
    }

    /// Brings the route of a folder up to date, and follows what is new in it.
    fn settle_folder(&mut self, path: &Path) {
        let Some(folder) = self.folders.get_mut(path) else { return };
        let who = Traveller::Folder(path.to_owned());
        folder.is_polled = self.ways.settle(&who, &folder.named.absolute, &mut folder.route);
        let news = folder.scan(&mut self.ways.places);
        // Nobody tells of the close of one that was there before the watch.
        let turn = self.ways.places.backend.turn();
        news.into_iter().for_each(|path| self.appears(path, What::Unsure, turn));
    }

    /// A file in a followed folder is news: it is followed until it can be told.
    fn appears(&mut self, path: PathBuf, what: What, turn: u64) {
        if self.files.contains_key(&path) {
            return;
        }
        self.files.insert(path.clone(), File::new(Named::new(&path)));
        self.settle(&path);
        let Some(file) = self.files.get_mut(&path) else { return };
        match file.route.end.clone() {
            Some(end) => file.signal(&end, what, turn),
            None => file.unsure(),
        }
    }

    /// Something has happened to an entry of a watched folder, or to that folder; it was told in
    /// that turn of the watches.
    fn entry(&mut self, path: &Path, what: What, turn: u64) {
        let travellers = self.ways.travellers(path);
        if matches!(what, What::Lost | What::MovedIn | What::Made | What::Unsure) {
            self.ways.places.renew(path);
        }
        for traveller in travellers {
            match traveller {
                Traveller::File(name) => self.file_signal(&name, path, what, turn),
                Traveller::Folder(name) => self.settle_folder(&name),
            }
        }
        let mut news = Vec::new();
        for folder in self.folders.values_mut() {
            news.extend(folder.signal(path, what, &mut self.ways.places));
        }
        news.into_iter().for_each(|path| self.appears(path, what, turn));
    }

    fn file_signal(&mut self, name: &Path, path: &Path, what: What, turn: u64) {
        if let Some(file) = self.files.get_mut(name) {
            file.signal(path, what, turn);
        }
        if matches!(what, What::Lost | What::MovedIn | What::Made | What::Unsure) {
            self.settle(name);
        }
    }

    /// Something was missed, and it is not known what.
    fn look_at_all(&mut self) {
        self.ways.places.renew_all();
        for path in self.files.keys().cloned().collect::<Vec<_>>() {
            self.settle(&path);
        }
        self.files.values_mut().for_each(File::unsure);
        self.folders.values_mut().for_each(Folder::unsure);
        for path in self.folders.keys().cloned().collect::<Vec<_>>() {
            self.settle_folder(&path);
        }
    }

    /// Looks at what nobody tells of, when it is time.
    fn poll(&mut self) {
        if !self.polls_any() || Instant::now() < self.next_poll {
            return;
        }
        self.next_poll = Instant::now() + POLL;
        self.polls += 1;
        let depth = match self.polls.is_multiple_of(DEEP_POLL) {
            true => Depth::Bytes,
            false => Depth::Stamp,
        };
        if depth == Depth::Bytes {
            self.ways.places.retry();
        }
        let files = self.files.iter().filter(|(_, file)| file.is_polled);
        for path in files.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.settle(&path);
            if let Some(file) = self.files.get_mut(&path) {
                file.poll(depth);
            }
        }
        let folders = self.folders.iter().filter(|(_, folder)| folder.is_polled);
        for path in folders.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.settle_folder(&path);
            if let Some(folder) = self.folders.get_mut(&path) {
                folder.poll();
            }
        }
    }

    /// Looks at all that is to be looked at by now, and tells what is complete.
    fn look(&mut self) {
        let now = Instant::now();
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        let files = self.files.iter().filter(|(_, file)| is_due(file.due()));
        for path in files.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.look_at(&path);
        }
        let mut changes = Vec::new();
        for folder in self.folders.values_mut().filter(|folder| is_due(folder.due())) {
            changes.extend(folder.complete(&mut self.ways.places));
        }
        changes.retain(|change| !self.follows_within(&change.path));
        changes.into_iter().for_each(|change| self.tell(change));
    }

    /// Whether somebody knows of a folder already: then the file that is followed is told.
    fn follows_within(&self, folder: &Path) -> bool {
        self.files.keys().any(|path| path.starts_with(folder))
    }

    fn look_at(&mut self, path: &Path) {
        self.settle(path);
        let Some(seen) = self.files.get_mut(path).and_then(File::look) else {
            return self.drop_if_gone(path);
        };
        // Had somebody opened it to write it anew before it was read, this is known now: then
        // what was read is not all, and what comes then is told.
        self.ways.places.backend.flush();
        self.take_all();
        if self.ends {
            return;
        }
        if let Some(file) = self.files.get_mut(path)
            && file.is_quiet()
        {
            let change = file.tell(seen);
            let is_followed = file.followers > 0;
            self.folders.values_mut().for_each(|folder| folder.told(path));
            if !is_followed {
                self.drop_file(path);
            }
            self.tell(change);
        }
    }

    /// What has appeared in a folder, and gone before it could be told, is forgotten.
    fn drop_if_gone(&mut self, path: &Path) {
        let is_over = |file: &File| file.followers == 0 && file.is_quiet();
        if self.files.get(path).is_some_and(is_over) {
            self.drop_file(path);
        }
    }

    /// A panic of who is told ends nothing here: the others are still to be told.
    fn tell(&mut self, change: Change) {
        let path = change.path.clone();
        let told = &mut self.told;
        if catch_unwind(AssertUnwindSafe(move || told(change))).is_err() {
            tracing::error!(path = %path.display(), "who was told of a change has panicked");
        }
    }
}
