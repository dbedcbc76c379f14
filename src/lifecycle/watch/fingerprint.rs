//! What a file holds, told apart by content, and what the system says of it without reading.

use std::fs::{self, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use crate::file::{self, Unread};

/// The content of a file: equal for equal bytes.
///
/// It serves to see that bytes have changed, and for nothing else: std's keyed hash, whose key
/// nobody outside of this process knows, and the length. That two contents are taken for one has
/// a chance of 2⁻⁶⁴ an edit, and cannot be brought about; what is to be *trusted* has its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    length: usize,
    hash: u64,
}

/// One key a process, so that who loads a file and who watches it mean the same.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl Fingerprint {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Fingerprint { length: bytes.len(), hash: KEY.hash_one(bytes) }
    }
}

/// What was found where a path leads.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    Missing,
    /// It cannot be read, and why.
    Unfit(String),
    Bytes(Fingerprint),
}

impl Seen {
    pub(super) fn at(path: &Path) -> Seen {
        match file::read(path) {
            Ok(bytes) => Seen::Bytes(Fingerprint::of(&bytes)),
            Err(Unread::Io(error)) if is_missing(error.kind()) => Seen::Missing,
            Err(Unread::Io(error)) => Seen::Unfit(error.to_string()),
            Err(Unread::Unfit(why)) => Seen::Unfit(why.to_owned()),
        }
    }

    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Seen::Bytes(fingerprint) => Some(*fingerprint),
            Seen::Missing | Seen::Unfit(_) => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Seen::Bytes(Fingerprint { length: 0, .. }))
    }
}

pub(super) fn is_missing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// What the system says of a file; where it is the same, so is the content, unless the last
/// change was just now, within what clocks of file systems can tell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    identity: Option<Identity>,
    /// When the system has last changed anything of it, which programs cannot set: an edit
    /// that puts the old time of modification back shows here.
    #[cfg(unix)]
    changed: (i64, i64),
}

/// Times of file systems may be this coarse.
const COARSE: Duration = Duration::from_secs(2);

impl Stamp {
    pub(super) fn of(path: &Path) -> Option<Stamp> {
        let metadata = fs::metadata(path).ok()?;
        Some(Stamp {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            identity: Identity::of(&metadata),
            #[cfg(unix)]
            changed: {
                use std::os::unix::fs::MetadataExt;
                (metadata.ctime(), metadata.ctime_nsec())
            },
        })
    }

    /// Whether another change might not show.
    pub(super) fn is_fresh(&self) -> bool {
        let age = self.last().and_then(|last| SystemTime::now().duration_since(last).ok());
        age.is_none_or(|age| age < COARSE)
    }

    #[cfg(unix)]
    fn last(&self) -> Option<SystemTime> {
        let seconds = u64::try_from(self.changed.0).ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[cfg(not(unix))]
    fn last(&self) -> Option<SystemTime> {
        self.modified
    }
}

/// Which file or folder it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    /// `None` where the system does not say.
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Option<Identity> {
        use std::os::unix::fs::MetadataExt;
        Some(Identity(metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Option<Identity> {
        None
    }
}
