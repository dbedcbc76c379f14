//! Source folders of native plugins, which are built when a file in them was saved.
//!
//! They are looked at a few times a second: compilers take longer than that. What lies outside
//! of a folder, as the crates that it depends on, is not looked at.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use twinplug_build::Library;

use crate::building::{self, Readers, Unbuilt};
use crate::source;

/// How often they are looked at, and how long nothing may have changed in one.
const PAUSE: Duration = Duration::from_millis(200);

/// What builds leave in a source folder.
const LEFT_BY_BUILDS: [&str; 2] = ["target", "zig-out"];

/// What a build may write as well as an author.
const WRITTEN_BY_BUILDS: &str = "Cargo.lock";

/// Where source folders are, and those that were found.
pub(crate) struct Sources {
    path: PathBuf,
    readers: Readers,
    found: HashMap<PathBuf, Seen>,
}

/// What is known of a folder.
#[derive(Default)]
struct Seen {
    now: Files,
    /// As they were when they were built.
    built: Option<Files>,
    missing: Missing,
}

/// The files of a folder, as hashes of their paths, times and lengths.
#[derive(Clone, Copy, Default, PartialEq)]
struct Files {
    sources: u64,
    /// Of what builds write, as that is after them.
    written: u64,
}

/// Whether a folder is there, and is one of sources.
#[derive(Clone, Copy, Default, PartialEq)]
enum Missing {
    #[default]
    Not,
    /// Others may be putting another one in its place.
    Just,
    /// It was told.
    Told,
}

/// What has become of a source folder.
pub(crate) enum News {
    Built(Built),
    /// It is not there any more, or holds no source.
    Gone(PathBuf),
    /// It is there again, and is built next.
    Back(PathBuf),
}

/// A source folder that was built.
pub(crate) struct Built {
    pub(super) folder: PathBuf,
    pub(crate) library: Result<Library, Unbuilt>,
}

impl Sources {
    /// Those at a path: that folder, or the folders in it. None where there can be none.
    pub(crate) fn at(path: &Path, readers: Readers) -> Option<Sources> {
        let may_have = path.is_dir() && !source::is_plugin(path);
        may_have.then(|| Sources { path: path.to_owned(), readers, found: HashMap::new() })
    }

    /// Builds all that is there.
    pub(crate) fn build(&mut self) -> Vec<Built> {
        let folders = self.folders();
        for folder in &folders {
            let now = Files::of(folder);
            let seen = Seen { now, built: Some(now), missing: Missing::Not };
            self.found.insert(folder.clone(), seen);
        }
        let readers = self.readers;
        let build = |folder| self.built(folder, |folder| building::built_first(folder, readers));
        folders.into_iter().map(build).collect()
    }

    /// Tells what changes or is new, which is built, until `told` says that nobody listens, or no
    /// build begins any more.
    pub(super) fn watch(mut self, told: impl Fn(News) -> bool) {
        let readers = self.readers;
        while !building::wait(PAUSE) {
            if !self.gone().into_iter().map(News::Gone).all(&told) {
                return;
            }
            for (folder, was_missing) in self.changed() {
                let is_heard = was_missing != Missing::Told || told(News::Back(folder.clone()));
                let built = self.built(folder, |it| building::built_meanwhile(it, readers));
                if !is_heard || !told(News::Built(built)) {
                    return;
                }
            }
        }
    }

    fn built(
        &mut self,
        folder: PathBuf,
        build: impl FnOnce(&Path) -> Result<Library, Unbuilt>,
    ) -> Built {
        let library = build(&folder);
        let written = Files::of(&folder).written;
        if let Some(Seen { now, built: Some(built), .. }) = self.found.get_mut(&folder) {
            (now.written, built.written) = (written, written);
        }
        Built { folder, library }
    }

    /// Those that have changed since they were built, and not since they were looked at last; how
    /// each was missing before.
    fn changed(&mut self) -> Vec<(PathBuf, Missing)> {
        let mut changed = Vec::new();
        for folder in self.folders() {
            let now = Files::of(&folder);
            let seen = self.found.entry(folder.clone()).or_default();
            let is_changed = seen.now == now && seen.built != Some(now);
            seen.now = now;
            if is_changed {
                seen.built = Some(now);
                changed.push((folder, std::mem::take(&mut seen.missing)));
            } else if seen.missing == Missing::Just {
                seen.missing = Missing::Not;
            }
        }
        changed
    }

    /// Those that are not there any more, and were not when they were looked at last.
    fn gone(&mut self) -> Vec<PathBuf> {
        let folders = self.folders();
        let missing = self.found.iter_mut().filter(|(folder, _)| !folders.contains(folder));
        let mut gone = Vec::new();
        for (folder, seen) in missing {
            if seen.missing == Missing::Just {
                // As another one it is built anew.
                seen.built = None;
                gone.push(folder.clone());
            }
            seen.missing = if seen.missing == Missing::Not { Missing::Just } else { Missing::Told };
        }
        gone.sort();
        gone
    }

    fn folders(&self) -> Vec<PathBuf> {
        let is_source = source::is_source(&self.path);
        match is_source || self.found.contains_key(&self.path) {
            true => is_source.then(|| self.path.clone()).into_iter().collect(),
            false => source::sources_in(&self.path),
        }
    }
}

impl Files {
    fn of(folder: &Path) -> Files {
        let mut hasher = DefaultHasher::new();
        hash(folder, &mut hasher);
        let written = folder.join(WRITTEN_BY_BUILDS).metadata().ok();
        let mut of_written = DefaultHasher::new();
        written.map(|it| (it.modified().ok(), it.len())).hash(&mut of_written);
        Files { sources: hasher.finish(), written: of_written.finish() }
    }
}

fn hash(folder: &Path, hasher: &mut DefaultHasher) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut entries: Vec<_> = entries.map(|entry| (entry.file_name(), entry)).collect();
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, entry) in entries {
        let is_left = LEFT_BY_BUILDS.iter().any(|left| name == *left);
        let Ok(metadata) = entry.metadata() else { continue };
        if is_left || name == WRITTEN_BY_BUILDS || name.to_string_lossy().starts_with('.') {
            continue;
        }
        if metadata.is_dir() {
            hash(&entry.path(), hasher);
        } else {
            (name, metadata.modified().ok(), metadata.len()).hash(hasher);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_writes_itself_is_no_edit() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("clock")).unwrap();
        fs::write(at("clock/Cargo.toml"), "").unwrap();
        let mut sources = Sources::at(folder.path(), Readers::People).unwrap();
        let edits = |sources: &mut Sources| {
            let looks = [sources.changed(), sources.changed()].concat();
            looks.into_iter().map(|(folder, _)| folder).collect::<Vec<_>>()
        };
        assert_eq!(edits(&mut sources), [at("clock")]);
        sources.built(at("clock"), |folder| {
            fs::write(folder.join(WRITTEN_BY_BUILDS), "locked").unwrap();
            fs::create_dir(folder.join("target")).unwrap();
            Ok(Library { path: folder.join("target/libclock.so"), is_new: true })
        });
        assert_eq!(edits(&mut sources), Vec::<PathBuf>::new());
        fs::write(at("clock/Cargo.lock"), "by its author").unwrap();
        assert_eq!(edits(&mut sources), [at("clock")]);
    }
}
