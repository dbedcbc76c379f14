//! The libraries that a plugin needs, looked for as the system's loader does: in its
//! run path, in `LD_LIBRARY_PATH`, in the system's folders (ld.so(8)).
//!
//! For telling beforehand what would be missing; it is the system that finds them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection};

/// The libraries that a file needs, and where it looks for them first.
#[derive(Debug, Default)]
pub(crate) struct Dependencies {
    pub(super) needed: Vec<String>,
    pub(super) run_path: Vec<String>,
}

impl Dependencies {
    /// Where a needed library may be beside the plugin, whose folder is `origin`.
    pub(super) fn beside<'d>(
        &'d self,
        name: &'d str,
        origin: &'d Path,
    ) -> impl Iterator<Item = PathBuf> + 'd {
        let named = after_origin(name).map(|way| origin.join(way));
        // A name with a slash is a path, and is not looked for.
        let folders = self.run_path.iter().filter(|_| !name.contains('/'));
        let found = folders.map(move |folder| match after_origin(folder) {
            Some(way) => origin.join(way).join(name),
            None => Path::new(folder).join(name),
        });
        named.into_iter().chain(found)
    }

    /// The ways that lead from the plugin's folder to where a needed library may be.
    pub(super) fn ways_from_origin(&self) -> impl Iterator<Item = PathBuf> {
        self.needed.iter().flat_map(|name| {
            let named = after_origin(name).map(PathBuf::from);
            let folders = self.run_path.iter().filter(|_| !name.contains('/'));
            let found =
                folders.filter_map(move |folder| Some(Path::new(after_origin(folder)?).join(name)));
            named.into_iter().chain(found)
        })
    }

    /// The needed libraries beside the plugin that bring a Go runtime.
    pub(super) fn with_go(&self, origin: &Path) -> Vec<PathBuf> {
        let place = |name: &String| self.beside(name, origin).find(|place| place.is_file());
        self.needed.iter().filter_map(place).filter(|place| has_go(place)).collect()
    }

    /// What of the needed libraries makes the plugin behave otherwise than it should:
    /// one that is missing, one that brings a Go runtime.
    pub(crate) fn hazards(&self, origin: &Path) -> Vec<String> {
        if !cfg!(target_os = "linux") {
            return Vec::new();
        }
        let system = system_folders();
        let hazard = |name: &String| {
            let beside = self.beside(name, origin).find(|place| place.is_file());
            match beside {
                Some(place) if has_go(&place) => Some(format!(
                    "a Go runtime in `{name}`: it cannot be unloaded, and a process may hold just one"
                )),
                Some(_) => None,
                None if name.contains('/') && Path::new(name).is_file() => None,
                None if system.iter().any(|folder| folder.join(name).is_file()) => None,
                None => Some(format!("needs `{name}`, which is nowhere that the system looks")),
            }
        };
        self.needed.iter().filter_map(hazard).collect()
    }
}

/// What follows `$ORIGIN`, the folder of the file that says it (ld.so(8)).
fn after_origin(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("$ORIGIN").or_else(|| path.strip_prefix("${ORIGIN}"))?;
    match rest.strip_prefix('/') {
        Some(way) => Some(way.trim_start_matches('/')),
        None => rest.is_empty().then_some(""),
    }
}

/// Whether a library holds a Go runtime: its linker leaves a section that says so.
fn has_go(path: &Path) -> bool {
    // It is looked at, and not loaded: a larger one is not read for that.
    if fs::metadata(path).map_or(true, |file| file.len() > 1 << 30) {
        return false;
    }
    let Ok(bytes) = fs::read(path) else { return false };
    object::File::parse(&*bytes).is_ok_and(|file| is_go(&file))
}

pub(super) fn is_go(file: &object::File<'_>) -> bool {
    file.sections().any(|section| section.name() == Ok(".go.buildinfo"))
}

/// `LD_LIBRARY_PATH`, the folders of ld.so.conf, and those that are always looked in.
fn system_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("LD_LIBRARY_PATH")
        .map(|paths| env::split_paths(&paths).collect())
        .unwrap_or_default();
    let mut files = vec![PathBuf::from("/etc/ld.so.conf")];
    if let Ok(more) = fs::read_dir("/etc/ld.so.conf.d") {
        files.extend(more.flatten().map(|entry| entry.path()));
    }
    for file in files {
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        folders.extend(lines.filter(|line| line.starts_with('/')).map(PathBuf::from));
    }
    folders.extend(["/lib", "/usr/lib", "/lib64", "/usr/lib64"].map(PathBuf::from));
    folders
}
