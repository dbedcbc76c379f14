//! From a PATH of the command to a path that a host loads: the source folder of a
//! native plugin is built, everything else is as it is.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use twinplug::Host;

use crate::building;
use crate::failure::Failure;
use crate::locking::Locking;

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
    Ok(Cow::Owned(building::built(path)?.path))
}

/// Whether it is a source folder. A plugin's folder may have the sources of something else in it.
pub(crate) fn is_source(path: &Path) -> bool {
    !is_plugin(path) && twinplug_build::is_source(path)
}

/// Whether it is a source folder in Go.
pub(crate) fn is_go(folder: &Path) -> bool {
    folder.join("go.mod").is_file() && !folder.join("Cargo.toml").is_file()
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
