//! What the system tells of files, in the watcher's own words.

use std::path::PathBuf;

use notify::event::{
    AccessKind, AccessMode, CreateKind, EventKind, Flag, MetadataKind, ModifyKind, RenameMode,
};

/// One thing that the system has told.
#[derive(Debug)]
pub(super) enum Signal {
    /// Of an entry of a watched folder, or of that folder itself.
    Entry(PathBuf, What),
    /// There was more to tell than there was room for.
    Overflow,
    Failed(notify::Error),
}

/// What has happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    /// Who wrote it has closed it.
    Written,
    /// Its bytes have changed, and who changes them may be at it still.
    Modified,
    /// It was made; its bytes may come later.
    Made,
    /// It has this name from now on, with all its bytes.
    MovedIn,
    /// It is gone, or has another name.
    Lost,
    /// Who may read it, or its time.
    Attributes,
    /// Something.
    Unsure,
}

/// Whether the system says that a file which was written is closed.
pub(super) const TELLS_CLOSES: bool = cfg!(any(target_os = "linux", target_os = "android"));

impl Signal {
    /// What of an event matters, a signal a path.
    pub(super) fn all(event: notify::Result<notify::Event>) -> Vec<Signal> {
        match event {
            Err(error) => vec![Signal::Failed(error)],
            Ok(event) if event.flag() == Some(Flag::Rescan) => vec![Signal::Overflow],
            Ok(event) => match What::of(event.kind) {
                Some(what) => {
                    event.paths.into_iter().map(|path| Signal::Entry(path, what)).collect()
                }
                None => Vec::new(),
            },
        }
    }
}

impl What {
    /// `None` for what changes nothing: a file was read. The two sides of a rename that come
    /// as one are told one by one as well, but for where the system has no more to say.
    fn of(kind: EventKind) -> Option<What> {
        match kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(What::Written),
            EventKind::Access(_) => None,
            EventKind::Create(CreateKind::Any | CreateKind::Other) => Some(What::Unsure),
            EventKind::Create(_) => Some(What::Made),
            EventKind::Remove(_) => Some(What::Lost),
            EventKind::Modify(ModifyKind::Data(_)) => Some(What::Modified),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(What::MovedIn),
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Some(What::Lost),
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => None,
            EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime)) => None,
            EventKind::Modify(ModifyKind::Metadata(_)) => Some(What::Attributes),
            EventKind::Modify(_) | EventKind::Any | EventKind::Other => Some(What::Unsure),
        }
    }
}
