//! What `require` finds: files in the folders that a plugin may load code from.
//!
//! A script chooses the name, so the name is not believed: it cannot say a path, a
//! link cannot lead out of its folder, and what is no regular file is never opened
//! to wait for it. Running what was found is the prelude's affair.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::{Error, ErrorKind, Result, near};
use crate::file::Reads;
use crate::plugin::Permission;

/// Larger modules are refused unread.
const MAX_SIZE: u64 = 16 << 20;

/// So many entries of a folder are looked at for a near name.
const MOST_LISTED: usize = 1000;

/// Where a script's modules are.
#[derive(Clone)]
pub(crate) enum Place {
    /// The plugin's own: nothing in it leads out.
    Folder(PathBuf),
    /// One that the host names: its links are followed.
    Shelf(PathBuf),
    /// Files in memory, by their path with `/` in a folder that they would be in.
    Memory(PathBuf, BTreeMap<String, Vec<u8>>),
}

/// Says of a file with that text whether it may be loaded, and of a path with nothing there whether
/// that may be so.
pub(crate) type Vet = dyn Fn(&Path, Option<&[u8]>) -> Result<()> + Send + Sync;

/// The places that one plugin's modules are looked for in, and what was found there.
pub(super) struct Modules {
    places: Vec<Place>,
    /// Asked of each file, if there is one to ask.
    vet: Option<Arc<Vet>>,
    /// The plugin's own file first, then what it has required.
    sources: Mutex<Vec<Source>>,
    /// Where is noted what is read.
    reads: Arc<Reads>,
}

/// A file that the plugin's code is from.
#[derive(Clone)]
pub(super) struct Source {
    /// What Lua calls it in its messages.
    pub(super) chunk: String,
    pub(super) path: PathBuf,
}

/// A module that was found.
pub(super) struct Module {
    pub(super) source: Source,
    pub(super) text: Vec<u8>,
}

impl Modules {
    /// For a plugin whose own file is `main`.
    pub(super) fn new(
        main: Source,
        places: Vec<Place>,
        vet: Option<Arc<Vet>>,
        reads: Arc<Reads>,
    ) -> Modules {
        Modules { places, vet, sources: Mutex::new(vec![main]), reads }
    }

    /// The plugin's own file, and those that it has required, in that order.
    pub(super) fn sources(&self) -> Vec<Source> {
        self.sources.lock().clone()
    }

    /// Finds and reads the module of that name, and remembers its file.
    ///
    /// # Errors
    /// The name is none, there is no such module, or its file may not be read or loaded.
    pub(super) fn find(&self, name: &str) -> Result<Module> {
        check_name(name)?;
        let stem = name.replace('.', "/");
        let candidates = [format!("{stem}.lua"), format!("{stem}/init.lua")];
        for place in &self.places {
            for candidate in &candidates {
                if let Place::Folder(_) | Place::Shelf(_) = place
                    && place.path(candidate).is_file()
                {
                    self.reads.note(&place.path(candidate));
                }
                let found = place.read(candidate)?;
                let text = found.as_ref().map(|(_, text)| &**text);
                self.vet(place, candidate, text)?;
                if let Some((path, text)) = found {
                    return Ok(Module { source: self.remember(candidate, path), text });
                }
            }
        }
        Err(self.missing(name, &candidates))
    }

    /// Files from memory are the host's own.
    fn vet(&self, place: &Place, candidate: &str, text: Option<&[u8]>) -> Result<()> {
        match (&self.vet, place) {
            (Some(vet), Place::Folder(_) | Place::Shelf(_)) => vet(&place.path(candidate), text),
            _ => Ok(()),
        }
    }

    /// Adds a file under a name that no other one has in messages.
    fn remember(&self, candidate: &str, path: PathBuf) -> Source {
        let mut sources = self.sources.lock();
        let taken = sources.iter().any(|source| source.chunk == candidate && source.path != path);
        let chunk = if taken { path.display().to_string() } else { candidate.to_owned() };
        let source = Source { chunk, path };
        if !sources.iter().any(|known| known.path == source.path) {
            sources.push(source.clone());
        }
        source
    }

    fn missing(&self, name: &str, candidates: &[String; 2]) -> Error {
        // Whoever makes it has the plugin loaded anew.
        if let Some(own @ Place::Folder(_)) = self.places.first() {
            candidates.iter().for_each(|candidate| self.reads.note(&own.path(candidate)));
        }
        let tried = self.places.iter().flat_map(|place| {
            candidates.iter().map(|candidate| format!("`{}`", place.path(candidate).display()))
        });
        let tried: Vec<_> = tried.collect();
        let known: Vec<_> = self.places.iter().flat_map(|place| place.beside(name)).collect();
        let near = near(name, known.iter().map(String::as_str));
        // One that was granted is not looked for in files.
        let library = Permission::named(name).map_or(String::new(), |_| {
            format!("; the library `{name}` takes `permissions = [\"{name}\"]` in the manifest")
        });
        let message = format!("no module `{name}`: tried {}{near}{library}", tried.join(", "));
        Error::new(ErrorKind::NotFound, message)
    }
}

/// A module's name is plain names with single dots between: it stays in its folder.
fn check_name(name: &str) -> Result<()> {
    let plain = |segment: &str| {
        !segment.is_empty()
            && !segment.contains(['/', '\\', ':'])
            && !segment.contains(char::is_control)
    };
    match name.split('.').all(plain) {
        true => Ok(()),
        false => {
            let message = format!(
                "{name:?} is no module's name: `require` takes names with single dots between, \
                 like `a.b` for `a/b.lua`"
            );
            Err(Error::new(ErrorKind::Refused, message))
        }
    }
}

impl Place {
    /// Where the file would be, for messages.
    fn path(&self, candidate: &str) -> PathBuf {
        match self {
            Place::Folder(folder) | Place::Shelf(folder) | Place::Memory(folder, _) => {
                folder.join(candidate)
            }
        }
    }

    /// The file's path and text; `None` if there is none.
    fn read(&self, candidate: &str) -> Result<Option<(PathBuf, Vec<u8>)>> {
        let path = self.path(candidate);
        let text = match self {
            Place::Folder(folder) => read_below(Some(folder), &path)?,
            Place::Shelf(_) => read_below(None, &path)?,
            Place::Memory(_, files) => files.get(candidate).cloned(),
        };
        let Some(text) = text else { return Ok(None) };
        if text.starts_with(b"\x1b") {
            return Err(refused(&path, "it is bytecode, and only text is loaded"));
        }
        Ok(Some((path, text)))
    }

    /// The names of the modules that are in the same folder as `name` would be.
    fn beside(&self, name: &str) -> Vec<String> {
        let parent = name.rsplit_once('.').map_or("", |(parent, _)| parent);
        let folder = parent.replace('.', "/");
        let files = match self {
            Place::Folder(root) | Place::Shelf(root) => listed(&root.join(folder)),
            Place::Memory(_, files) => {
                let inside = |path: &String| {
                    let rest = path.strip_prefix(&folder)?;
                    let rest = if folder.is_empty() { rest } else { rest.strip_prefix('/')? };
                    Some(rest.split('/').next()?.to_owned())
                };
                files.keys().filter_map(inside).collect()
            }
        };
        let module = |file: String| {
            let stem = file.strip_suffix(".lua").map_or(file.as_str(), |stem| stem);
            if parent.is_empty() { stem.to_owned() } else { format!("{parent}.{stem}") }
        };
        // A folder's own module goes by the folder's name.
        files.into_iter().filter(|file| file != "init.lua").map(module).collect()
    }
}

/// The scripts and folders of a folder.
fn listed(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.take(MOST_LISTED).filter_map(|entry| {
        let path = entry.ok()?.path();
        let is_module = path.extension().is_some_and(|ending| ending == "lua") || path.is_dir();
        if is_module { path.file_name()?.to_str().map(str::to_owned) } else { None }
    });
    entries.collect()
}

/// Reads a file, which is in the folder by its true name too, if there must be one; `None`
/// if there is no file.
fn read_below(folder: Option<&Path>, path: &Path) -> Result<Option<Vec<u8>>> {
    match path.symlink_metadata() {
        Ok(_) => {}
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(Error::io("read", path, error)),
    }
    let canonical = |path: &Path| path.canonicalize().map_err(|e| Error::io("read", path, e));
    let file = canonical(path)?;
    if let Some(folder) = folder
        && !file.starts_with(canonical(folder)?)
    {
        let why = format!("it leads out of `{}`", folder.display());
        return Err(refused(path, &why));
    }
    // Asked before it is opened, as a socket cannot be, and of the file that was opened,
    // as another may have taken its place.
    if !file.is_file() {
        return Err(refused(path, "it is no regular file"));
    }
    let opened = open(&file).and_then(|file| Ok((file.metadata()?.is_file(), file)));
    let (is_file, file) = opened.map_err(|error| Error::io("read", path, error))?;
    if !is_file {
        return Err(refused(path, "it is no regular file"));
    }
    let mut text = Vec::new();
    let read = file.take(MAX_SIZE + 1).read_to_end(&mut text);
    read.map_err(|error| Error::io("read", path, error))?;
    match text.len() as u64 > MAX_SIZE {
        true => Err(refused(path, "it is larger than 16 MiB")),
        false => Ok(Some(text)),
    }
}

/// `a/b.lua` where `a` is a file is absent as well.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Opens a file by its true name, without waiting for whoever writes into a pipe.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOCTTY;
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Opens a file by its true name.
#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<fs::File> {
    fs::File::open(path)
}

fn refused(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("cannot load `{}`: {why}", path.display()))
}
