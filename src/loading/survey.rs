//! [`Survey`]: what must be known of many plugins before the first of them is loaded: their
//! names, and whom they require. None of their code runs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use semver::Version;

use super::Located;
#[cfg(feature = "_lua")]
use super::loader::file_name;
#[cfg(feature = "native")]
use super::loader::folder;
use super::search::cannot_load;
use super::trust::read;
use crate::error::Result;
#[cfg(feature = "native")]
use crate::file;
use crate::plugin::{Origin, PluginKind, Requirement};

/// What a located file says of itself.
pub(crate) struct Survey {
    /// A script may still give itself another name.
    pub(crate) name: String,
    /// `None` where only its code can say it.
    pub(crate) version: Option<Version>,
    pub(crate) requires: Vec<Requirement>,
    /// The plugin that it is a layer over.
    pub(crate) over: Option<String>,
    /// The libraries that it needs.
    pub(crate) libraries: Vec<String>,
}

/// Reads what a located file says of itself.
///
/// # Errors
/// It cannot be read, or is none that could be loaded.
pub(crate) fn survey(located: &Located) -> Result<Survey> {
    survey_of(located, read(&located.path)?)
}

/// As `survey`, of a file that holds these bytes.
///
/// # Errors
/// It is none that could be loaded.
pub(crate) fn survey_of(located: &Located, bytes: Vec<u8>) -> Result<Survey> {
    let origin = located.origin(None);
    let survey = match located.kind {
        PluginKind::Lua => of_script(located, origin, &bytes),
        PluginKind::Native => of_library(located, origin, bytes),
    };
    survey.map_err(|error| cannot_load(&located.path, error))
}

/// Removes from what was found in a folder the libraries that a plugin there needs, or such a one:
/// each lies beside it and is no plugin. `failed` is the path of what could not be loaded. Gives
/// what was removed.
pub(crate) fn drop_needed<F>(
    found: &mut Vec<F>,
    needed: impl IntoIterator<Item = String>,
    failed: impl Fn(&F) -> Option<&PathBuf>,
) -> Vec<PathBuf> {
    let mut needed: HashSet<String> = needed.into_iter().collect();
    let mut removed = Vec::new();
    let is_needed = |path: &PathBuf, needed: &HashSet<String>| {
        path.file_name().is_some_and(|name| needed.contains(&*name.to_string_lossy()))
    };
    while let Some(at) =
        found.iter().position(|it| failed(it).is_some_and(|path| is_needed(path, &needed)))
    {
        let library = failed(&found.remove(at)).cloned().unwrap_or_default();
        needed.extend(needed_by(&library));
        removed.push(library);
    }
    removed
}

/// The libraries that a library needs which is no plugin itself.
#[cfg(feature = "native")]
fn needed_by(path: &Path) -> Vec<String> {
    let bytes = file::read(path).unwrap_or_default();
    crate::native::library(&bytes).map_or(Vec::new(), |dependencies| dependencies.needed)
}

#[cfg(not(feature = "native"))]
fn needed_by(_: &Path) -> Vec<String> {
    Vec::new()
}

#[cfg(feature = "_lua")]
fn of_script(located: &Located, mut origin: Origin, text: &[u8]) -> Result<Survey> {
    let head = crate::lua::head(&located.path, &file_name(&located.path), text)?;
    // What it will say counts as little as its path: what is said of it goes before.
    let (own_name, own_version) = crate::lua::own(text);
    origin.path_name = own_name.unwrap_or(origin.path_name);
    origin.path_version = own_version.or(origin.path_version);
    head.tell(&mut origin)?;
    let version = origin.version().cloned();
    let name = origin.name().to_owned();
    let over = origin.over.map(|over| over.plugin);
    Ok(Survey { name, version, requires: origin.requires, over, libraries: Vec::new() })
}

#[cfg(feature = "native")]
fn of_library(located: &Located, origin: Origin, bytes: Vec<u8>) -> Result<Survey> {
    let checked = crate::native::check(bytes, folder(located))?;
    Ok(Survey {
        name: origin.settle_name(Some(checked.name))?,
        version: Some(origin.settle_version(Some(checked.version))?),
        requires: origin.requires,
        over: None,
        libraries: checked.dependencies.needed,
    })
}

/// Loading tells that there is no such kind.
#[cfg(not(all(feature = "_lua", feature = "native")))]
fn unread(origin: Origin) -> Survey {
    let (name, version) = (origin.name().to_owned(), origin.version().cloned());
    Survey { name, version, requires: origin.requires, over: None, libraries: Vec::new() }
}

#[cfg(not(feature = "_lua"))]
fn of_script(_: &Located, origin: Origin, _: &[u8]) -> Result<Survey> {
    Ok(unread(origin))
}

#[cfg(not(feature = "native"))]
fn of_library(_: &Located, origin: Origin, _: Vec<u8>) -> Result<Survey> {
    Ok(unread(origin))
}
