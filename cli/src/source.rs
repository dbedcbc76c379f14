//! From a PATH of the command to a path that a host loads: the source folder of a
//! native plugin is built, everything else is as it is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use twinplug::Host;
use twinplug_build::{BuildError, Show};

use crate::failure::Failure;
use crate::locking::Locking;
use crate::progress;

/// Where built plugins go, under the folder where the command runs.
pub(crate) const BUILT: &str = "target/plugins";

/// Whether it is a folder that plugins are in, and neither a plugin's nor a source folder.
pub(crate) fn is_folder_of_plugins(path: &Path) -> bool {
    path.is_dir()
        && !twinplug_build::is_source(path)
        && Host::list_dir(path).is_ok_and(|found| !found.is_empty())
}

/// Whether it is a folder in which nothing can be loaded as it stands; there may be sources.
pub(crate) fn is_without_plugins(path: &Path) -> bool {
    let has_none = || Host::list_dir(path).is_ok_and(|found| found.is_empty());
    path.is_dir() && !is_plugin(path) && (is_source(path) || has_none())
}

/// The paths as messages name them.
pub(crate) fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    paths.join(", ")
}

/// What to load for `path`.
///
/// # Errors
/// It cannot be built, or may not be: whether it is a source folder is asked once, as plugins that
/// run meanwhile could make it one.
pub(crate) fn loadable<'p>(path: &'p Path, locking: &Locking) -> Result<Cow<'p, Path>, Failure> {
    if !is_source(path) {
        return Ok(Cow::Borrowed(path));
    }
    locking.refuse_build(path)?;
    Ok(Cow::Owned(built(path)?))
}

/// Builds a source folder, and shows the progress on standard error.
pub(crate) fn built(folder: &Path) -> Result<PathBuf, BuildError> {
    progress::building(|show| build(folder, show))
}

/// As `built`, while others write to the terminal.
pub(crate) fn built_meanwhile(folder: &Path) -> Result<PathBuf, BuildError> {
    build(folder, progress::plainly())
}

fn build(folder: &Path, show: Show<'_>) -> Result<PathBuf, BuildError> {
    let out = Path::new(BUILT);
    if let Some(library) = twinplug_build::becomes(folder, out) {
        claim(&library, folder)?;
    }
    let library = twinplug_build::build_shown(folder, out, show)?;
    claim(&library, folder)?;
    Ok(library)
}

/// Two folders that become one file would each be the other: which folder a library is of, in this
/// process.
fn claim(library: &Path, folder: &Path) -> Result<(), BuildError> {
    static FOLDERS: Mutex<BTreeMap<PathBuf, (PathBuf, PathBuf)>> = Mutex::new(BTreeMap::new());
    let canonical = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    let known =
        folders.entry(library.to_owned()).or_insert_with(|| (canonical.clone(), folder.to_owned()));
    // One that was moved away has left its name.
    if known.0 == canonical || !known.0.is_dir() {
        *known = (canonical, folder.to_owned());
        return Ok(());
    }
    Err(BuildError::new(format!(
        "`{}` and `{}` both become `{}`: give one of them another name, or take one at a time",
        known.1.display(),
        folder.display(),
        library.display()
    )))
}

/// Whether it is a source folder. A plugin's folder may have the sources of something else in it.
pub(crate) fn is_source(path: &Path) -> bool {
    !is_plugin(path) && twinplug_build::is_source(path)
}

/// The source folders in a folder, but for those that are hidden or begin with `_`.
pub(crate) fn sources_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with(['.', '_']))
        .map(|entry| entry.path())
        .filter(|path| is_source(path))
        .collect();
    folders.sort();
    folders
}

/// Whether it is a plugin's folder.
pub(crate) fn is_plugin(path: &Path) -> bool {
    ["init.lua", "plugin.toml"].iter().any(|file| path.join(file).is_file())
}
