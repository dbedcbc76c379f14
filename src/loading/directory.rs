//! The plugins in a folder of plugins, as far as names tell.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::manifest;
use super::search::is_library;
use crate::error::{Error, ErrorKind, Result};

/// The files that make a folder a plugin's.
pub(crate) const OF_A_PLUGIN: [&str; 2] = [manifest::FILE, "init.lua"];

/// The paths in a folder that could be plugins', sorted by name: scripts, libraries of this
/// system, and folders with a manifest or an `init.lua`.
///
/// # Errors
/// It cannot be listed, or is a plugin's folder itself.
pub(crate) fn candidates(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut makes_a_plugin =
        OF_A_PLUGIN.iter().filter(|file| matches!(has(folder, file), Ok(true)));
    if let Some(file) = makes_a_plugin.next() {
        let message = format!(
            "cannot load the plugins in `{}`: it is a plugin's folder itself, as it has `{file}`: \
             load it with `Host::load`, or name the folder that it is in",
            folder.display()
        );
        return Err(Error::new(ErrorKind::Refused, message));
    }
    let listed = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let listed: io::Result<Vec<PathBuf>> = listed();
    let mut paths = listed.map_err(|error| Error::io("list", folder, error))?;
    paths.retain(|path| is_candidate(path));
    paths.sort();
    Ok(paths)
}

/// Whether it is a folder that plugins may be in, and no plugin's own.
pub(crate) fn is_folder_of_plugins(path: &Path) -> bool {
    path.is_dir() && OF_A_PLUGIN.iter().all(|file| matches!(has(path, file), Ok(false)))
}

fn is_candidate(path: &Path) -> bool {
    candidate(path) == Candidate::Plugin
}

/// What a path in a folder of plugins may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    Plugin,
    /// A folder that has nothing of a plugin so far.
    Maybe,
    No,
}

/// What the path of an entry tells, and of a folder its files' names.
pub(crate) fn candidate(path: &Path) -> Candidate {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_script = || name.ends_with(".lua") && !name.ends_with("_test.lua");
    match path.is_dir() {
        _ if name.starts_with(['_', '.']) => Candidate::No,
        // What cannot be looked at is there: loading tells what is wrong with it.
        true if OF_A_PLUGIN.iter().any(|file| has(path, file).unwrap_or(true)) => Candidate::Plugin,
        true => Candidate::Maybe,
        false if is_library(&name) || is_script() => Candidate::Plugin,
        false => Candidate::No,
    }
}

fn has(folder: &Path, file: &str) -> io::Result<bool> {
    match folder.join(file).symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(false),
            _ => Err(error),
        },
    }
}
