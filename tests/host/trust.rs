//! What is not loaded, as others could change it, or as it is not what was pinned.

#[cfg(all(unix, feature = "native"))]
mod directory;
#[cfg(feature = "_lua")]
mod lockfiles;
mod pinned;
#[cfg(all(unix, feature = "_lua", feature = "native"))]
mod swaps;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use twinplug::{ErrorKind, Host, Lockfile, Trust};

/// A folder that nobody else can look into, with files in it.
pub(crate) struct Yard {
    folder: TempDir,
}

impl Yard {
    pub(crate) fn new() -> Yard {
        Yard { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Copies a plugin's file there.
    pub(crate) fn copy(&self, from: &Path, name: &str) -> PathBuf {
        self.write(name, fs::read(from).unwrap())
    }

    /// A message with `@` where the folder is.
    pub(crate) fn told(&self, message: &str) -> String {
        message.replace(&self.folder.path().display().to_string(), "@")
    }

    /// Pins what is in a folder, and gives a host that loads nothing else.
    pub(crate) fn pinned(&self, name: &str) -> Host {
        Lockfile::of_dir(self.path(name)).unwrap().write().unwrap();
        host(self.lock(name).unwrap())
    }

    pub(crate) fn lock(&self, name: &str) -> twinplug::Result<Lockfile> {
        Lockfile::read(self.path(name).join(Lockfile::NAME))
    }

    /// The whole message of an error, which is one of trust.
    #[track_caller]
    pub(crate) fn distrusted<T: std::fmt::Debug>(&self, result: twinplug::Result<T>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Trust, "{error}");
        self.told(&error.to_string())
    }
}

/// A host that loads what is pinned.
pub(crate) fn host(lock: Lockfile) -> Host {
    Host::builder().trust(Trust::Pinned(lock)).build().unwrap()
}
