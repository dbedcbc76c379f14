//! `--locked`, before or after the subcommand: only what a lock file pins is loaded.
//!
//! Which lock file that is follows from where a plugin lies. One in the plugin's own folder does
//! not count: nothing vouches for itself.

use std::path::{Path, PathBuf};

use twinplug::{HostBuilder, Lockfile, Trust};

use crate::failure::Failure;
use crate::source;

#[derive(Clone, clap::Args)]
pub(crate) struct Locking {
    /// Load only what is pinned by `twinplug.lock`, in the folder of the plugins or the nearest above
    #[arg(long, global = true)]
    locked: bool,
}

impl Locking {
    /// Has a host load what the lock files of these paths pin, and nothing else, if it is given.
    pub(crate) fn lock(
        &self,
        builder: HostBuilder,
        paths: &[&Path],
    ) -> Result<HostBuilder, Failure> {
        self.lock_at(builder, paths).map_err(Failure::Unmet)
    }

    /// As `lock`.
    ///
    /// # Errors
    /// What is at a path can have no lock file, or has none that can be read.
    pub(crate) fn lock_at(
        &self,
        builder: HostBuilder,
        paths: &[&Path],
    ) -> Result<HostBuilder, String> {
        if !self.locked {
            return Ok(builder);
        }
        let mut files: Vec<PathBuf> = Vec::new();
        for path in paths {
            let file = lock_of(path)?;
            if !files.contains(&file) {
                files.push(file);
            }
        }
        let mut locks = files.iter().map(Lockfile::read);
        let lock = locks.try_fold(Lockfile::default(), |lock, other| Ok(lock.and(other?)));
        let lock = lock.map_err(|error: twinplug::Error| error.to_string())?;
        Ok(builder.trust(Trust::Pinned(lock)))
    }

    /// # Errors
    /// It would be built, and no lock file pins what comes of that.
    pub(crate) fn check_source(&self, path: &Path) -> Result<(), Failure> {
        match self.locked {
            true => refuse_source(path).map_err(Failure::Unmet),
            false => Ok(()),
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.locked
    }
}

fn refuse_source(path: &Path) -> Result<(), String> {
    match source::is_source(path) {
        false => Ok(()),
        true => Err(format!(
            "`{}` is a source folder, and what is built from it is pinned by no lock file: build it \
             without `--locked`, lock the folder that its library is in by `twinplug lock {}`, and \
             give the library",
            path.display(),
            source::BUILT
        )),
    }
}

/// The lock file that pins what is at a path.
fn lock_of(path: &Path) -> Result<PathBuf, String> {
    refuse_source(path)?;
    let folder = folder_around(path);
    let is_there = |folder: &Path| folder.join(Lockfile::NAME).symlink_metadata().is_ok();
    if is_there(&folder) {
        return Ok(folder.join(Lockfile::NAME));
    }
    let absolute = std::path::absolute(&folder).unwrap_or_else(|_| folder.clone());
    let above = absolute.ancestors().skip(1).find(|folder| is_there(folder));
    above.map(|folder| folder.join(Lockfile::NAME)).ok_or_else(|| {
        format!(
            "`--locked`, and there is no `{}` in `{1}` or in a folder above it: `twinplug lock {1}` \
             makes one",
            Lockfile::NAME,
            folder.display()
        )
    })
}

/// The folder that the plugin at a path is in; or the path, where that is a folder of plugins.
fn folder_around(path: &Path) -> PathBuf {
    let mut folder = path.to_owned();
    while !folder.is_dir() || source::is_plugin(&folder) {
        // `.` and `..` do not say what they are in.
        if folder.file_name().is_none() {
            folder = folder.canonicalize().unwrap_or(folder);
        }
        match folder.parent() {
            Some(parent) if parent.as_os_str().is_empty() => folder = PathBuf::from("."),
            Some(parent) => folder = parent.to_owned(),
            None => break,
        }
    }
    folder
}
