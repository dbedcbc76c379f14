//! Where a plugin is: the places that a path may mean, and what its file name says.

use std::path::{Path, PathBuf};

use semver::Version;

use super::directory::candidates;
use super::manifest::{self, Manifest, Of};
use crate::error::{Error, ErrorKind, Result};
use crate::file::Content;
use crate::plugin::{Origin, PluginKind};

/// A plugin's file that was found.
pub(crate) struct Located {
    /// As it was asked for.
    pub(crate) asked: PathBuf,
    /// What that stands for.
    pub(crate) path: PathBuf,
    /// The same file by its one true name.
    pub(crate) canonical: PathBuf,
    pub(crate) kind: PluginKind,
    /// The name and version that the path says, for plugins that say none.
    pub(crate) name: String,
    pub(crate) version: Option<Version>,
    /// The plugin's folder, if it has one.
    folder: Option<PathBuf>,
    pub(crate) manifest: Manifest,
    /// What was read of its manifest, if it has one.
    pub(super) manifest_file: Option<Content>,
}

impl Located {
    /// What is known of the plugin; `given` is the name that the host gives it.
    pub(crate) fn origin(&self, given: Option<&str>) -> Origin {
        Origin {
            path: self.path.clone(),
            given: given.map(str::to_owned),
            path_name: self.name.clone(),
            path_version: self.version.clone(),
            said: vec![self.manifest.said()],
            config: self.manifest.config.clone(),
            permissions: self.manifest.permissions.clone(),
            requires: self.manifest.requires.clone(),
            over: self.manifest.over(),
            on_fault: self.manifest.on_fault,
        }
    }

    /// The folder that a script's modules are in: its own, of a plugin's folder; of a
    /// lone one that of its name beside it.
    pub(crate) fn modules(&self) -> PathBuf {
        match &self.folder {
            Some(folder) => folder.clone(),
            None => self.path.with_extension(""),
        }
    }
}

impl Located {
    /// Where its manifest is, if it has one.
    pub(crate) fn manifest_path(&self) -> PathBuf {
        match &self.folder {
            Some(folder) => folder.join(manifest::FILE),
            None => beside(&self.path, self.kind),
        }
    }
}

/// The plugin's folder, of whose `init.lua` this is the path.
fn folder_of(path: &Path) -> Option<&Path> {
    let folder = path.parent().filter(|_| path.ends_with("init.lua"))?;
    Some(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

/// Finds the file that `path` means: itself, the entry of a folder, or without an
/// ending a script or a library of that name; and reads the manifest that goes with it.
pub(crate) fn locate(path: &Path) -> Result<Located> {
    if path.as_os_str().is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "no plugin at an empty path"));
    }
    let mut folder = path.is_dir().then_some(path);
    let (mut manifest, mut manifest_file) = (Manifest::default(), None);
    let tried = match folder {
        Some(folder) => {
            (manifest, manifest_file) = of_folder(folder)?;
            vec![folder.join(manifest.entry.as_deref().unwrap_or("init.lua"))]
        }
        None => places(path),
    };
    let found = tried.iter().find(|place| place.symlink_metadata().is_ok() && !place.is_dir());
    let Some(found) = found else {
        let (what, next) = match path.is_dir() {
            true if manifest.entry.is_none() => ("no plugin in", meant(path)),
            true => ("no plugin in", String::new()),
            false => ("no plugin at", String::new()),
        };
        let list: Vec<_> = tried.iter().map(|place| format!("`{}`", place.display())).collect();
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("{what} `{}`: tried {}{next}", path.display(), list.join(", ")),
        ));
    };
    let kind = kind_of(found)?;
    let canonical = found.canonicalize().map_err(|error| Error::io("read", found, error))?;
    if !canonical.is_file() {
        return Err(refused(found, "it is no regular file"));
    }
    if folder.is_none() {
        folder = folder_of(found);
        (manifest, manifest_file) = match folder {
            Some(folder) => of_folder(folder)?,
            None => of_file(found, kind)?,
        };
    } else if let Some(Ok(folder)) = folder.map(Path::canonicalize)
        && !canonical.starts_with(folder)
    {
        return Err(refused(found, "it leads out of the plugin's folder"));
    }
    let named = match folder {
        Some(folder) if folder.file_name().is_some() => folder,
        // `.` says no name: the true one does.
        Some(_) => canonical.parent().unwrap_or(&canonical),
        None => found,
    };
    let (name, version) = said_by_path(named, kind);
    let folder = folder.map(Path::to_owned);
    let (asked, path) = (path.to_owned(), found.clone());
    Ok(Located { asked, path, canonical, kind, name, version, folder, manifest, manifest_file })
}

fn of_folder(folder: &Path) -> Result<(Manifest, Option<Content>)> {
    let read = Manifest::read(&folder.join(manifest::FILE), Of::Folder);
    read.map_err(|error| cannot_load(folder, error))
}

/// The manifest of a lone file lies beside it: `a.toml`, of `a.lua` as of `liba.so`.
fn of_file(path: &Path, kind: PluginKind) -> Result<(Manifest, Option<Content>)> {
    Manifest::read(&beside(path, kind), Of::LoneFile).map_err(|error| cannot_load(path, error))
}

fn beside(path: &Path, kind: PluginKind) -> PathBuf {
    path.with_file_name(format!("{}.toml", stem(path, kind)))
}

fn refused(path: &Path, why: &str) -> Error {
    cannot_load(path, Error::new(ErrorKind::Refused, why))
}

pub(crate) fn cannot_load(path: &Path, error: Error) -> Error {
    error.context(format_args!("cannot load `{}`", path.display()))
}

/// What a folder without an entry might have been meant for.
fn meant(folder: &Path) -> String {
    match candidates(folder).unwrap_or_default().first() {
        None => SOURCES.to_owned(),
        Some(plugin) => {
            format!("; it is a folder of plugins: name one of them, like `{}`", plugin.display())
        }
    }
}

const SOURCES: &str = "; the command `twinplug` builds a folder of sources, which has a \
    `Cargo.toml`, a `go.mod`, a `build.zig`, or files `*.c`, `*.cpp` or `*.cc`";

fn places(path: &Path) -> Vec<PathBuf> {
    if path.extension().is_some() {
        return vec![path.to_owned()];
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let library = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    vec![path.to_owned(), path.with_extension("lua"), path.with_file_name(library)]
}

/// Scripts end in `.lua`; libraries as the system's do, or with a version behind
/// it: `.so.1`.
fn kind_of(path: &Path) -> Result<PluginKind> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.strip_suffix(".lua") {
        Some(_) => Ok(PluginKind::Lua),
        None if library_stem(&name).is_some() => Ok(PluginKind::Native),
        None => Err(Error::new(
            ErrorKind::Refused,
            format!(
                "cannot load `{}`: its name ends neither in `.lua` nor in `{}`",
                path.display(),
                std::env::consts::DLL_SUFFIX
            ),
        )),
    }
}

/// Whether a file of that name is a library of this system, and not of one that a plugin
/// may come for as well.
pub(super) fn is_library(name: &str) -> bool {
    let foreign: &[&str] = match () {
        () if cfg!(windows) => &[".so", ".dylib"],
        // Bundles are called `.so` there too.
        () if cfg!(target_os = "macos") => &[".dll"],
        () => &[".dll", ".dylib"],
    };
    library_stem(name).is_some() && !foreign.iter().any(|ending| name.ends_with(ending))
}

/// A library's file name without its ending; `None` if it has none of those.
fn library_stem(name: &str) -> Option<&str> {
    let plain = [".so", ".dylib", ".dll"].iter().find_map(|ending| name.strip_suffix(ending));
    plain.or_else(|| {
        let (stem, version) = name.rsplit_once(".so.")?;
        version.chars().all(|c| c.is_ascii_digit() || c == '.').then_some(stem)
    })
}

/// The kind that a path says; likewise.
#[cfg(feature = "watch")]
pub(crate) fn kind(path: &Path) -> PluginKind {
    kind_of(path).unwrap_or(PluginKind::Lua)
}

/// The name that a path says; for a plugin of which nothing else is known.
pub(crate) fn name_of(path: &Path) -> String {
    said_by_path(path, kind_of(path).unwrap_or(PluginKind::Lua)).0
}

/// `libclock_v2.so` is `clock` 2.0.0.
fn said_by_path(path: &Path, kind: PluginKind) -> (String, Option<Version>) {
    let stem = stem(path, kind);
    if let Some((name, major)) = stem.rsplit_once("_v")
        && !name.is_empty()
        && let Ok(major) = major.parse()
    {
        return (name.to_owned(), Some(Version::new(major, 0, 0)));
    }
    (stem, None)
}

/// A file's name without what says its kind; a folder's name.
fn stem(path: &Path, kind: PluginKind) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = match kind {
        _ if path.is_dir() => &name,
        PluginKind::Lua => name.strip_suffix(".lua").unwrap_or(&name),
        PluginKind::Native => {
            let stem = library_stem(&name).unwrap_or(&name);
            stem.strip_prefix("lib").unwrap_or(stem)
        }
    };
    stem.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_a_name_and_maybe_a_version() {
        let check = |path: &str, kind, name: &str, version: Option<u64>| {
            let (found, of) = said_by_path(Path::new(path), kind);
            let version = version.map(|major| Version::new(major, 0, 0));
            assert_eq!((found.as_str(), of), (name, version), "{path}");
        };
        check("x/libclock_v2.so", PluginKind::Native, "clock", Some(2));
        check("libclock.so.1", PluginKind::Native, "clock", None);
        check("libclock.lua", PluginKind::Lua, "libclock", None);
        check("clock_v1.lua", PluginKind::Lua, "clock", Some(1));
        check("a.b.lua", PluginKind::Lua, "a.b", None);
        check("_v1.lua", PluginKind::Lua, "_v1", None);
        check("clock_vx.lua", PluginKind::Lua, "clock_vx", None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn libraries_of_other_systems_are_told() {
        for name in ["liba.so", "a.so.1.2"] {
            assert!(is_library(name), "{name}");
        }
        for name in ["liba.dylib", "a.dll", "a.lua", "a.so.txt", "a"] {
            assert!(!is_library(name), "{name}");
        }
    }

    #[test]
    fn a_name_says_the_kind() {
        let kind = |path: &str| kind_of(Path::new(path)).ok();
        assert_eq!(kind("a.lua"), Some(PluginKind::Lua));
        assert_eq!(kind("a.so"), Some(PluginKind::Native));
        assert_eq!(kind("a.so.1.2"), Some(PluginKind::Native));
        assert_eq!(kind("a.so.lua"), Some(PluginKind::Lua));
        assert_eq!(kind("a.so.txt"), None);
        assert_eq!(kind("a.so.1.bak"), None);
        assert_eq!(kind("so"), None);
        assert_eq!(kind("a.txt"), None);
    }
}
