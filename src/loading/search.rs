//! Where a plugin is: the places that a path may mean, and what its file name says.

use std::path::{Path, PathBuf};

use semver::Version;

use crate::error::{Error, ErrorKind, Result};
use crate::plugin::PluginKind;

/// A plugin's file that was found.
pub(crate) struct Located {
    /// As it was asked for, or what that stands for.
    pub(crate) path: PathBuf,
    /// The same file by its one true name.
    pub(crate) canonical: PathBuf,
    pub(crate) kind: PluginKind,
    /// The name and version that the path says, for plugins that say none.
    pub(crate) name: String,
    pub(crate) version: Version,
}

/// Finds the file that `path` means: itself, a folder's `init.lua`, or without an
/// ending a script or a library of that name.
pub(crate) fn locate(path: &Path) -> Result<Located> {
    let tried = places(path);
    let found = tried.iter().find(|place| place.exists() && !place.is_dir());
    let Some(found) = found else {
        let what = if path.is_dir() { "no plugin in" } else { "no plugin at" };
        let list: Vec<_> = tried.iter().map(|place| format!("`{}`", place.display())).collect();
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("{what} `{}`: tried {}", path.display(), list.join(", ")),
        ));
    };
    let kind = kind_of(found)?;
    let canonical = found.canonicalize().map_err(|error| Error::io("read", found, error))?;
    if !canonical.is_file() {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("cannot load `{}`: it is no regular file", found.display()),
        ));
    }
    let named = if path.is_dir() { path } else { found };
    let (name, version) = said_by_path(named, kind);
    Ok(Located { path: found.clone(), canonical, kind, name, version })
}

fn places(path: &Path) -> Vec<PathBuf> {
    if path.is_dir() {
        return vec![path.join("init.lua")];
    }
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
    let library = ["so", "dylib", "dll"]
        .iter()
        .any(|suffix| name.split('.').skip(1).any(|part| part == *suffix));
    match name.ends_with(".lua") {
        true => Ok(PluginKind::Lua),
        false if library => Ok(PluginKind::Native),
        false => Err(Error::new(
            ErrorKind::Refused,
            format!(
                "cannot load `{}`: its name ends neither in `.lua` nor in `{}`",
                path.display(),
                std::env::consts::DLL_SUFFIX
            ),
        )),
    }
}

/// `libclock_v2.so` is `clock` 2.0.0.
fn said_by_path(path: &Path, kind: PluginKind) -> (String, Version) {
    let stem = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = match path.is_dir() {
        true => &stem,
        false => stem.split('.').next().unwrap_or_default(),
    };
    let stem = match kind {
        PluginKind::Native => stem.strip_prefix("lib").unwrap_or(stem),
        PluginKind::Lua => stem,
    };
    if let Some((name, major)) = stem.rsplit_once("_v")
        && !name.is_empty()
        && let Ok(major) = major.parse()
    {
        return (name.to_owned(), Version::new(major, 0, 0));
    }
    (stem.to_owned(), Version::new(0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_a_name_and_maybe_a_version() {
        let check = |path: &str, kind, name: &str, version: &str| {
            let (found, of) = said_by_path(Path::new(path), kind);
            assert_eq!((found.as_str(), of.to_string().as_str()), (name, version), "{path}");
        };
        check("x/libclock_v2.so", PluginKind::Native, "clock", "2.0.0");
        check("libclock.so.1", PluginKind::Native, "clock", "0.0.0");
        check("libclock.lua", PluginKind::Lua, "libclock", "0.0.0");
        check("clock_v1.lua", PluginKind::Lua, "clock", "1.0.0");
        check("_v1.lua", PluginKind::Lua, "_v1", "0.0.0");
        check("clock_vx.lua", PluginKind::Lua, "clock_vx", "0.0.0");
    }

    #[test]
    fn a_name_says_the_kind() {
        let kind = |path: &str| kind_of(Path::new(path)).ok();
        assert_eq!(kind("a.lua"), Some(PluginKind::Lua));
        assert_eq!(kind("a.so"), Some(PluginKind::Native));
        assert_eq!(kind("a.so.1.2"), Some(PluginKind::Native));
        assert_eq!(kind("a.so.lua"), Some(PluginKind::Lua));
        assert_eq!(kind("so"), None);
        assert_eq!(kind("a.txt"), None);
    }
}
