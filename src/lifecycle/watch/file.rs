//! A file that is followed: what has been told of it, and when it is to be looked at next.
//!
//! It decides; the worker has it look, and tells.

use std::path::Path;
use std::time::{Duration, Instant};

use super::fingerprint::{Seen, Stamp};
use super::route::Route;
use super::signal::{TELLS_CLOSES, What};
use super::{Change, ChangeKind, Named};

/// How long nothing may have happened to a file of which it is not known whether it is complete.
const SETTLED: Duration = Duration::from_millis(100);

/// How long a file is missing before it is gone: others take its place within this.
const GONE: Duration = Duration::from_millis(200);

/// How long a file that is polled has to be the same: who writes makes shorter pauses.
const SETTLED_POLLED: Duration = Duration::from_millis(if cfg!(test) { 400 } else { 500 });

pub(super) struct File {
    pub(super) named: Named,
    /// How many follow it; nobody does what has just appeared in a folder.
    pub(super) followers: usize,
    pub(super) route: Route,
    pub(super) is_polled: bool,
    /// What the one who is told knows of.
    told: Seen,
    /// Whether it has ever been there.
    was_there: bool,
    /// It is told, whatever is there: two followers know different contents, or one has read
    /// another one than was told.
    owes: bool,
    pending: Pending,
    /// The turn of the watches that has told last of its being open: its close is told in that
    /// one, or was lost.
    open_in: u64,
    stamp: Option<Stamp>,
}

/// When it is looked at next.
#[derive(Debug, PartialEq)]
enum Pending {
    Nothing,
    /// Now: it is complete, and has been since then.
    Look(Instant),
    /// Once who writes it has closed it.
    Close,
    /// Once nothing has happened for a while.
    Settle {
        until: Instant,
        /// What has to be there then, and has been since it was looked at.
        found: Option<Found>,
        /// It was made just now: where it is empty, its bytes are still to come.
        is_new: bool,
    },
}

/// What was there, and what the system said of it. That two looks find the same bytes is not
/// enough: it may have been saved often in between.
type Found = (Seen, Option<Stamp>);

/// What is known of how a file came there.
#[derive(Clone, Copy, PartialEq)]
enum Origin {
    New,
    Unknown,
}

impl File {
    pub(super) fn new(named: Named) -> Self {
        File {
            named,
            followers: 0,
            route: Route::default(),
            is_polled: false,
            told: Seen::Missing,
            was_there: false,
            owes: false,
            pending: Pending::Nothing,
            open_in: 0,
            stamp: None,
        }
    }

    /// It is followed from what the follower knows of it.
    pub(super) fn follow(&mut self, known: Seen) {
        self.followers += 1;
        let now = Seen::at(&self.named.absolute);
        if self.followers > 1 {
            self.owes |= known != self.told;
        } else {
            self.told = known;
        }
        self.was_there |= self.told != Seen::Missing;
        let is_waiting = self.pending != Pending::Nothing;
        if !is_waiting && (self.owes || now != self.told) {
            self.unsure();
        }
    }

    /// It is told again, once it is complete.
    pub(super) fn tell_again(&mut self) {
        self.owes = true;
        if self.is_quiet() {
            self.unsure();
        }
    }

    /// Something has happened to an entry on its way, and was told in that turn of the watches.
    pub(super) fn signal(&mut self, path: &Path, what: What, turn: u64) {
        let is_end = self.route.ends_at(path);
        if what == What::Made || (what == What::Modified && is_end) {
            self.open_in = turn;
        }
        match what {
            What::Written if is_end => self.pending = Pending::Look(Instant::now()),
            What::Modified if is_end && TELLS_CLOSES => self.pending = Pending::Close,
            What::Written | What::Modified if !is_end => {}
            What::MovedIn => self.pending = Pending::Look(Instant::now()),
            What::Made if is_link(path) => self.pending = Pending::Look(Instant::now()),
            What::Made => self.settle(SETTLED, None, Origin::New),
            What::Lost => self.settle(GONE, Some((Seen::Missing, None)), Origin::Unknown),
            What::Attributes if matches!(self.told, Seen::Bytes(_)) => {}
            What::Attributes if self.pending == Pending::Close => {}
            What::Written | What::Modified | What::Attributes | What::Unsure => {
                self.unsure();
            }
        }
    }

    /// The turn of the watches is this one now: a close that is waited for was lost if it was
    /// another one in which the file was open.
    pub(super) fn watched_in(&mut self, turn: u64) {
        if self.pending == Pending::Close && self.open_in != turn {
            self.unsure();
        }
    }

    /// It may have changed, and may be changing.
    pub(super) fn unsure(&mut self) {
        self.settle(SETTLED, None, Origin::Unknown);
    }

    /// It is looked at after a while of quiet, or later where that was so before.
    fn settle(&mut self, time: Duration, found: Option<Found>, origin: Origin) {
        let time = if self.is_polled { SETTLED_POLLED } else { time };
        let (mut until, mut is_new) = (Instant::now() + time, origin == Origin::New);
        if let Pending::Settle { until: before, is_new: was_new, .. } = self.pending {
            until = until.max(before);
            is_new |= was_new;
        }
        self.pending = Pending::Settle { until, found, is_new };
    }

    /// When it is to be looked at.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.pending {
            Pending::Nothing | Pending::Close => None,
            Pending::Look(due) | Pending::Settle { until: due, .. } => Some(*due),
        }
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.pending == Pending::Nothing
    }

    /// Looks at it; gives what is to be told, if nothing happens to it meanwhile.
    pub(super) fn look(&mut self) -> Option<Seen> {
        let pending = std::mem::replace(&mut self.pending, Pending::Nothing);
        let now = self.found();
        let seen = now.0.clone();
        if seen == self.told && !self.owes {
            return None;
        }
        match pending {
            Pending::Nothing | Pending::Close => None,
            Pending::Look(_) => self.complete(now),
            Pending::Settle { is_new: true, .. }
                if seen.is_empty() && TELLS_CLOSES && !self.is_polled =>
            {
                self.pending = Pending::Close;
                None
            }
            Pending::Settle { found, .. } => match found {
                Some(found) if found == now => Some(seen),
                None if TELLS_CLOSES && !self.is_polled && seen != Seen::Missing => Some(seen),
                _ => self.again(now),
            },
        }
    }

    /// A file that was closed is complete. But one that is empty may have been opened anew, to
    /// be written; and what is not there, or cannot be read, may be in the middle of a swap.
    fn complete(&mut self, found: Found) -> Option<Seen> {
        match found.0 {
            Seen::Bytes(_) if !found.0.is_empty() => Some(found.0),
            _ => self.again(found),
        }
    }

    /// It is told once it has been like that for a while.
    fn again(&mut self, found: Found) -> Option<Seen> {
        let until = Instant::now()
            + match found.0 {
                _ if self.is_polled => SETTLED_POLLED,
                Seen::Missing => GONE,
                _ => SETTLED,
            };
        self.pending = Pending::Settle { until, found: Some(found), is_new: false };
        None
    }

    /// Looks whether it has changed, where nobody tells: by what the system says of it, and
    /// now and then by its bytes.
    pub(super) fn poll(&mut self, depth: Depth) {
        if !self.is_quiet() {
            return;
        }
        let stamp = Stamp::of(&self.named.absolute);
        let is_same = stamp == self.stamp && !stamp.as_ref().is_some_and(Stamp::is_fresh);
        self.stamp = stamp;
        if is_same && depth == Depth::Stamp {
            return;
        }
        let found = self.found();
        if found.0 != self.told {
            let _ = self.again(found);
        }
    }

    /// The stamp is taken before the bytes are read, so that what comes between shows.
    fn found(&self) -> Found {
        let stamp = Stamp::of(&self.named.absolute);
        (Seen::at(&self.named.absolute), stamp)
    }

    /// What was seen is told from now on.
    pub(super) fn tell(&mut self, seen: Seen) -> Change {
        let kind = match (&self.told, &seen) {
            (_, Seen::Missing) => ChangeKind::Gone,
            (Seen::Missing, _) if self.was_there => ChangeKind::Back,
            (Seen::Missing, _) => ChangeKind::Appeared,
            _ => ChangeKind::Edited,
        };
        let fingerprint = seen.fingerprint();
        self.was_there = true;
        self.owes = false;
        self.told = seen;
        Change { path: self.named.path.clone(), kind, fingerprint }
    }
}

/// Whether it was made by linking, of either sort, as cargo puts libraries in their place: such a
/// file has all its bytes from the start, and nobody closes it.
fn is_link(path: &Path) -> bool {
    let Ok(metadata) = path.symlink_metadata() else { return false };
    #[cfg(unix)]
    if metadata.is_file() && std::os::unix::fs::MetadataExt::nlink(&metadata) > 1 {
        return true;
    }
    metadata.is_symlink()
}

/// How closely a file is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Depth {
    Stamp,
    Bytes,
}
