//! From a PATH of the command to a path that a host loads: the source folder of a
//! native plugin is built, everything else is as it is.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use twinplug::{Host, PluginKind};

use crate::building;
use crate::failure::Failure;
use crate::locking::Locking;
use crate::new::quoted;
use crate::output;

/// Where built plugins go, under the folder where the command runs.
pub(crate) const BUILT: &str = "target/plugins";

/// How a script with tests ends.
pub(crate) const TESTS: &str = "_test.lua";

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

/// Whether it is a native plugin.
pub(crate) fn is_native(path: &Path) -> bool {
    Host::inspect(path).is_ok_and(|found| found.kind == PluginKind::Native)
}

/// Says what is to be done with a script that has the name of one with tests, which is taken for a
/// plugin.
pub(crate) fn tell_tests(path: &Path) {
    if is_test(path) {
        let (path, argument) = (path.display(), quoted(&path.to_string_lossy()));
        output::note(&format!(
            "`{path}` has the name of a script with tests: `twinplug test {argument}` runs them"
        ));
    }
}

/// Whether it is a script with tests, by its name.
pub(crate) fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(TESTS)) && !path.is_dir()
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
        tell_tests(path);
        return Ok(Cow::Borrowed(path));
    }
    locking.refuse_build(path)?;
    match building::built(path) {
        Ok(library) => Ok(Cow::Owned(library.path)),
        Err(error) => Err(Failure::unbuilt(path, error)),
    }
}

/// As `loadable`, where one plugin is wanted: says what a folder of plugins can be given to.
pub(crate) fn loadable_alone<'p>(
    path: &'p Path,
    locking: &Locking,
) -> Result<Cow<'p, Path>, Failure> {
    if !is_plugin(path) && is_folder_of_plugins(path) {
        let argument = quoted(&path.to_string_lossy());
        output::note(&format!(
            "`twinplug run {argument}` takes all plugins of a folder, and so do `repl`, `test`, `check` \
             and `watch`"
        ));
    }
    loadable(path, locking)
}

/// What is to be loaded, once the source folders are built.
pub(crate) struct Found {
    pub(crate) paths: Vec<PathBuf>,
    /// Whether all source folders could be built. Which could not was told.
    pub(crate) is_complete: bool,
}

/// What is to be loaded of these paths: the libraries of source folders, and of those that are in a
/// folder, and all else as it is. A build that fails holds up no other.
///
/// # Errors
/// A source folder that may not be built.
pub(crate) fn found(paths: &[PathBuf], locking: &Locking) -> Result<Found, Failure> {
    let mut found = Found { paths: Vec::new(), is_complete: true };
    for path in paths {
        let sources = sources_at(path, locking);
        let is_all = !sources.is_empty() && is_without_plugins(path);
        for source in sources {
            match loadable(&source, locking) {
                Ok(library) => found.paths.push(library.into_owned()),
                Err(failure @ Failure::Build(..)) => {
                    failure.report();
                    found.is_complete = false;
                }
                Err(failure) => return Err(failure),
            }
        }
        if !is_all {
            tell_tests(path);
            found.paths.push(path.clone());
        }
    }
    Ok(found)
}

/// The source folder at a path, or those in a folder there; with `--locked` none of these, which is
/// told: no lock file pins what they become.
pub(crate) fn sources_at(path: &Path, locking: &Locking) -> Vec<PathBuf> {
    if is_source(path) {
        return vec![path.to_owned()];
    }
    let sources = if is_plugin(path) { Vec::new() } else { sources_in(path) };
    if !locking.is_on() {
        return sources;
    }
    for source in sources {
        let source = source.display();
        output::note(&format!("`{source}` is a source folder: with `--locked` it is not built"));
    }
    Vec::new()
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
