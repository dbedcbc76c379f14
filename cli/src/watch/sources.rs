//! Source folders of native plugins, which are built when a file in them was saved.
//!
//! They are looked at a few times a second: compilers take longer than that. What lies outside
//! of a folder, as the crates that it depends on, is not looked at.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use twinplug_build::BuildError;

use crate::source;

/// How often they are looked at, and how long nothing may have changed in one.
const PAUSE: Duration = Duration::from_millis(200);

/// What builds leave in a source folder.
const LEFT_BY_BUILDS: [&str; 2] = ["target", "zig-out"];

/// Where source folders are, and those that were found.
pub(crate) struct Sources {
    path: PathBuf,
    found: HashMap<PathBuf, Seen>,
}

/// The files of a folder, as a hash of their paths, times and lengths.
#[derive(Default)]
struct Seen {
    now: u64,
    /// As they were when they were built.
    built: Option<u64>,
}

/// A source folder that was built.
pub(crate) struct Built {
    pub(super) folder: PathBuf,
    pub(crate) library: Result<PathBuf, BuildError>,
}

impl Sources {
    /// Those at a path: that folder, or the folders in it. None where there can be none.
    pub(crate) fn at(path: &Path) -> Option<Sources> {
        let may_have = path.is_dir() && !source::is_plugin(path);
        may_have.then(|| Sources { path: path.to_owned(), found: HashMap::new() })
    }

    /// Builds all that is there.
    pub(crate) fn build(&mut self) -> Vec<Built> {
        let folders = self.folders();
        for folder in &folders {
            let now = files(folder);
            self.found.insert(folder.clone(), Seen { now, built: Some(now) });
        }
        let build = |folder: PathBuf| {
            let library = source::built(&folder);
            Built { folder, library }
        };
        folders.into_iter().map(build).collect()
    }

    /// Builds what changes or is new, and tells it, until `told` says that nobody listens.
    pub(super) fn watch(mut self, told: impl Fn(Built) -> bool) {
        loop {
            thread::sleep(PAUSE);
            for folder in self.changed() {
                let library = source::built_meanwhile(&folder);
                if !told(Built { folder, library }) {
                    return;
                }
            }
        }
    }

    /// Those that have changed since they were built, and not since they were looked at last.
    fn changed(&mut self) -> Vec<PathBuf> {
        let mut folders = self.folders();
        folders.retain(|folder| {
            let now = files(folder);
            let seen = self.found.entry(folder.clone()).or_default();
            let is_changed = seen.now == now && seen.built != Some(now);
            seen.now = now;
            if is_changed {
                seen.built = Some(now);
            }
            is_changed
        });
        folders
    }

    fn folders(&self) -> Vec<PathBuf> {
        match source::is_source(&self.path) {
            true => vec![self.path.clone()],
            false => source::sources_in(&self.path),
        }
    }
}

fn files(folder: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash(folder, &mut hasher);
    hasher.finish()
}

fn hash(folder: &Path, hasher: &mut DefaultHasher) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut entries: Vec<_> = entries.map(|entry| (entry.file_name(), entry)).collect();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, entry) in entries {
        let is_left = LEFT_BY_BUILDS.iter().any(|left| name == *left);
        let Ok(metadata) = entry.metadata() else { continue };
        if is_left || name.to_string_lossy().starts_with('.') {
            continue;
        }
        if metadata.is_dir() {
            hash(&entry.path(), hasher);
        } else {
            (name, metadata.modified().ok(), metadata.len()).hash(hasher);
        }
    }
}
