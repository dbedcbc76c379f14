//! The files that belong to the plugins of a folder: what a lock file pins.
//!
//! Nothing outside of the folder is read: what leads out is told, and not pinned.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::text::is_name;
use super::{Files, Hash, folder_of, true_name};
use crate::error::{Error, ErrorKind, Result};
use crate::loading::survey::drop_needed;
use crate::loading::trust::read;
use crate::loading::{Located, candidates, locate, survey};
use crate::plugin::PluginKind;

/// So many parts a plugin may have, and folders that they are in, each counted by all of its names:
/// a few folders with links to one another are more than can ever be visited.
const MOST_PARTS: usize = 10_000;

/// What is pinned of a folder.
struct Members<'d> {
    directory: &'d Path,
    true_name: PathBuf,
    files: Files,
}

/// # Errors
/// There is no plugin, or one could not be loaded or leads out.
pub(super) fn of_dir(directory: &Path) -> Result<Files> {
    refuse_file(directory)?;
    let mut members = Members { directory, true_name: true_name(directory)?, files: Files::new() };
    let mut failures = Vec::new();
    let plugins = plugins(directory)?;
    if plugins.is_empty() {
        let message = format!(
            "cannot lock `{0}`: there are no plugins in it: name the folder that they are in",
            directory.display()
        );
        return Err(Error::new(ErrorKind::NotFound, message));
    }
    for plugin in plugins {
        let added = plugin.and_then(|located| members.add_plugin(&located));
        failures.extend(added.err());
    }
    match &failures[..] {
        [] => Ok(members.files),
        [only] => Err(only.clone()),
        [first, ..] => {
            let lines: String = failures.iter().map(|failure| format!("\n  {failure}")).collect();
            let message = format!("{} plugins cannot be locked:{lines}", failures.len());
            Err(Error::new(first.kind(), message).with_source(first.clone()))
        }
    }
}

/// What a plugin needs is in its folder, and so is the lock file.
fn refuse_file(path: &Path) -> Result<()> {
    if !path.exists() || path.is_dir() {
        return Ok(());
    }
    let message = format!(
        "cannot lock `{}`: it is no folder, and a folder is locked with all that is in it: name the \
         folder that it is in, `{}`",
        path.display(),
        folder_of(path).display()
    );
    Err(Error::new(ErrorKind::Refused, message))
}

/// The plugins of a folder, as those see them who load it.
fn plugins(directory: &Path) -> Result<Vec<Result<Located>>> {
    let mut libraries = Vec::new();
    let look = |path: PathBuf| {
        let located = locate(&path).and_then(|located| {
            libraries.extend(survey(&located)?.libraries);
            Ok(located)
        });
        (path, located)
    };
    let mut found: Vec<_> = candidates(directory)?.into_iter().map(look).collect();
    drop_needed(&mut found, libraries, |(path, located)| located.is_err().then_some(path));
    Ok(found.into_iter().map(|(_, located)| located).collect())
}

impl Members<'_> {
    fn add_plugin(&mut self, located: &Located) -> Result<()> {
        self.add(&located.path)?;
        if located.manifest_file.is_some() {
            self.add(&located.manifest_path())?;
        }
        match (located.kind, located.modules().canonicalize()) {
            (PluginKind::Lua, Ok(own)) if own.is_dir() => {
                let mut left = MOST_PARTS;
                self.add_parts(&located.modules(), &[own], &mut left)
            }
            _ => Ok(()),
        }
    }

    /// All in a folder that `require` finds by some name. Links may lead around in the folder: the
    /// true names of those that have led here are not entered again.
    fn add_parts(&mut self, folder: &Path, way: &[PathBuf], left: &mut usize) -> Result<()> {
        let unlisted = |error| Error::io("list", folder, error);
        for entry in fs::read_dir(folder).map_err(unlisted)? {
            let path = entry.map_err(unlisted)?.path();
            let Ok(one) = path.canonicalize() else { continue };
            // As `require` does with what leads out.
            if !one.starts_with(&way[0]) {
                continue;
            }
            if one.is_dir() && path.file_name().is_some_and(is_step) && !way.contains(&one) {
                *left = left.checked_sub(1).ok_or_else(|| self.too_many(&way[0]))?;
                self.add_parts(&path, &[way, &[one]].concat(), left)?;
            } else if one.is_file() && is_part(&path) {
                *left = left.checked_sub(1).ok_or_else(|| self.too_many(&way[0]))?;
                self.add(&path)?;
            }
        }
        Ok(())
    }

    fn too_many(&self, one: &Path) -> Error {
        let folder = one.strip_prefix(&self.true_name).map(|below| self.directory.join(below));
        let folder = folder.unwrap_or_else(|_| one.to_owned());
        let message = format!(
            "cannot lock `{}`: more than {MOST_PARTS} files and folders are in it, each counted by all \
             names that links give it: remove links between its folders, or files that are no parts of \
             the plugin",
            folder.display()
        );
        Error::new(ErrorKind::Refused, message)
    }

    fn add(&mut self, path: &Path) -> Result<()> {
        let refused = |why: &str| {
            let message = format!("cannot lock `{}`: {why}", path.display());
            Error::new(ErrorKind::Refused, message)
        };
        if !true_name(path)?.starts_with(&self.true_name) {
            let why = format!("it leads out of `{}`: put a copy there", self.directory.display());
            return Err(refused(&why));
        }
        let name = path.strip_prefix(self.directory).ok().and_then(Path::to_str);
        let name = name.map(|name| name.replace(std::path::MAIN_SEPARATOR, "/"));
        let Some(name) = name.filter(|name| is_name(name)) else {
            return Err(refused("a lock file has no way to write its name: give it a plainer one"));
        };
        self.files.insert(name, Hash::of(&read(path)?));
        Ok(())
    }
}

fn is_part(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "lua") && path.file_stem().is_some_and(is_step)
}

/// Whether a module's name may have it between its dots.
fn is_step(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        !name.contains(['.', '/', '\\', ':']) && !name.contains(char::is_control)
    })
}
