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
            let folder = |file: &PathBuf| file.parent().and_then(|it| it.canonicalize().ok());
            if !files.iter().any(|known| folder(known) == folder(&file)) {
                files.push(file);
            }
        }
        let mut locks = files.iter().map(Lockfile::read);
        let lock = locks.try_fold(Lockfile::default(), |lock, other| Ok(lock.and(other?)));
        let lock = lock.map_err(|error: twinplug::Error| error.to_string())?;
        Ok(builder.trust(Trust::Pinned(lock)))
    }

    /// # Errors
    /// This source folder is about to be built, and no lock file pins what comes of that.
    pub(crate) fn refuse_build(&self, folder: &Path) -> Result<(), Failure> {
        match self.locked {
            true => Err(Failure::Unmet(unpinned(folder))),
            false => Ok(()),
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.locked
    }
}

fn unpinned(source: &Path) -> String {
    format!(
        "`{}` is a source folder, and what is built from it is pinned by no lock file: build it \
         without `--locked`, lock the folder that its library is in by `twinplug lock {}`, and give \
         the library",
        source.display(),
        source::BUILT
    )
}

/// The lock file that pins what is at a path.
fn lock_of(path: &Path) -> Result<PathBuf, String> {
    if source::is_source(path) {
        return Err(unpinned(path));
    }
    let folder = folder_around(path);
    // `..` leads out of where a link has led to.
    let one = folder.canonicalize().unwrap_or_else(|_| folder.clone());
    let mut above =
        one.ancestors().filter(|folder| folder.join(Lockfile::NAME).symlink_metadata().is_ok());
    let mut nearest = above.next().ok_or_else(|| {
        format!(
            "`--locked`, and there is no `{}` in `{1}` or in a folder above it: `twinplug lock {1}` \
             makes one",
            Lockfile::NAME,
            folder.display()
        )
    })?;
    // What was a plugin's folder may have come as a folder of plugins, with a lock file of its own.
    for further in above {
        if pins_below(&further.join(Lockfile::NAME), nearest)? {
            nearest = further;
        }
    }
    // By the name that was given, for messages.
    let named = if nearest == one { &folder } else { nearest };
    Ok(named.join(Lockfile::NAME))
}

/// Whether a lock file pins anything in a folder below its own.
///
/// # Errors
/// It cannot be read: what it pins is not for others to say then.
fn pins_below(file: &Path, folder: &Path) -> Result<bool, String> {
    let lock = Lockfile::read(file).map_err(|error| error.to_string())?;
    Ok(lock.files().any(|(path, _)| path.starts_with(folder)))
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
