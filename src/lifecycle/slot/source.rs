//! Where a load of a plugin is from, and which files were read for it.

use std::path::{Path, PathBuf};

use crate::loading::Located;

/// Where one load is from.
pub(in crate::lifecycle) struct Source {
    /// Its file; of one from memory, the name that it was given.
    pub(in crate::lifecycle) path: PathBuf,
    /// What it can be loaded anew from; `None` of one from memory.
    pub(in crate::lifecycle) origin: Option<Origin>,
}

/// What was asked for, and where that has led.
#[derive(Clone)]
pub(in crate::lifecycle) struct Origin {
    pub(in crate::lifecycle) asked: PathBuf,
    /// The name that the host has given it.
    pub(in crate::lifecycle) given: Option<String>,
    /// Its file by its one true name.
    pub(in crate::lifecycle) canonical: PathBuf,
    /// Where its manifest is, if it has one.
    pub(in crate::lifecycle) manifest: PathBuf,
}

impl Source {
    /// A file, which has the name that the host gives it, if it does.
    pub(in crate::lifecycle) fn file(located: &Located, given: Option<&str>) -> Source {
        let origin = Origin {
            asked: located.asked.clone(),
            given: given.map(str::to_owned),
            canonical: located.canonical.clone(),
            manifest: located.manifest_path(),
        };
        Source { path: located.path.clone(), origin: Some(origin) }
    }

    pub(in crate::lifecycle) fn memory(name: &Path) -> Source {
        Source { path: name.to_owned(), origin: None }
    }
}
