//! The private copy of a plugin's checked bytes: what the system maps, and who removes
//! it when its process could not.
//!
//! It is held locked while it is there. So a copy whose lock can be had is one that a
//! killed process left behind, whatever the processes' numbers are: those of another
//! container, or of another machine that shares the folder, mean nothing here.

use std::fs::{self, File};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use libloading::Library;
use tempfile::{Builder, NamedTempFile, TempDir};

use super::dependencies::Dependencies;
use super::image::open;
use crate::file::Way;

/// What private copies are called, and folders of them.
const PREFIX: &str = ".twinplug-image-";

/// A copy, removed when it is dropped.
pub(super) struct Copy {
    path: PathBuf,
    /// The dependencies that were mapped for it. They stay mapped, unless the plugin
    /// holds them too.
    dependencies: Vec<ManuallyDrop<Library>>,
    /// What is removed, before the lock is given up.
    _place: Place,
    _lock: Option<File>,
}

/// Where a copy lies.
enum Place {
    /// Beside the original, where `$ORIGIN` is the same.
    Beside { _file: NamedTempFile },
    /// Where temporary files go, in a folder of its own, with links to what the plugin
    /// expects beside itself.
    Apart { _folder: TempDir },
}

impl Copy {
    /// Writes the bytes beside the original; where that folder cannot be written, or others
    /// can put another file in the copy's place, among the temporary files.
    pub(super) fn new(original: &Path, bytes: &[u8], needs: &Dependencies) -> io::Result<Copy> {
        let beside = original.parent().filter(|folder| !folder.as_os_str().is_empty());
        let beside = beside.unwrap_or(Path::new("."));
        let name = original.file_name().unwrap_or_default().to_string_lossy();
        let copy = match Way::to(original) {
            Ok(_) => Copy::beside(beside, &name, bytes)?,
            Err(_) => None,
        };
        match copy {
            Some(copy) => Ok(copy),
            None => Copy::apart(beside, &name, bytes, needs),
        }
    }

    /// `None` where no file can be made in the folder.
    fn beside(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<Option<Copy>> {
        // A part of the name, for who looks at maps and backtraces; the whole might be
        // too long with what is put in front.
        let start = name.char_indices().rev().nth(63).map_or(0, |(start, _)| start);
        let suffix = format!("-{}", &name[start..]);
        let mut builder = Builder::new();
        let builder = builder.prefix(PREFIX).suffix(&suffix);
        loop {
            let Ok(mut file) = builder.tempfile_in(folder) else { return Ok(None) };
            let Held::Here(lock) = hold(file.path())? else { continue };
            sweep(folder);
            file.write_all(bytes)?;
            file.flush()?;
            return Ok(Some(Copy {
                path: file.path().to_owned(),
                dependencies: Vec::new(),
                _place: Place::Beside { _file: file },
                _lock: lock,
            }));
        }
    }

    fn apart(origin: &Path, name: &str, bytes: &[u8], needs: &Dependencies) -> io::Result<Copy> {
        let (folder, lock) = loop {
            let folder = private_folder()?;
            if let Held::Here(lock) = hold(folder.path())? {
                break (folder, lock);
            }
        };
        if let Some(parent) = folder.path().parent() {
            sweep(parent);
        }
        let place = link(folder.path(), &std::path::absolute(origin)?, needs)?;
        let path = place.join(name);
        Way::to(&path).map_err(io::Error::other)?;
        fs::write(&path, bytes)?;
        let dependencies = open_dependencies(origin, needs);
        Ok(Copy { path, dependencies, _place: Place::Apart { _folder: folder }, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The plugin was mapped: what it needs is held by it from now on.
    pub(super) fn mapped(&mut self) {
        for mut library in self.dependencies.drain(..) {
            // SAFETY: it is dropped once, as it leaves the list. The plugin's image holds
            // the library for as long as its code may run.
            unsafe { ManuallyDrop::drop(&mut library) };
        }
    }
}

/// A folder among the temporary files that nobody else can look into.
fn private_folder() -> io::Result<TempDir> {
    let mut builder = Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.prefix(PREFIX).tempdir()
}

/// Puts links to the libraries that are found relative to `$ORIGIN` where they are
/// found relative to the folder that is returned, which lies in `root`.
fn link(root: &Path, origin: &Path, needs: &Dependencies) -> io::Result<PathBuf> {
    let expected: Vec<_> = needs.ways_from_origin().collect();
    // So deep that no way up leads out of `root`.
    let up = |way: &PathBuf| way.components().filter(|part| part.as_os_str() == "..").count();
    let depth = expected.iter().map(up).max().unwrap_or(0);
    let folder = (0..depth).fold(root.to_owned(), |folder, _| folder.join("in"));
    fs::create_dir_all(&folder)?;
    for way in expected {
        let (there, here) = (origin.join(&way), folder.join(&way));
        if !there.is_file() || fs::symlink_metadata(&here).is_ok() {
            continue;
        }
        fs::create_dir_all(here.parent().unwrap_or(&folder))?;
        link_file(&there, &here)?;
    }
    Ok(folder)
}

#[cfg(unix)]
fn link_file(there: &Path, here: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(there, here)
}

#[cfg(not(unix))]
fn link_file(there: &Path, here: &Path) -> io::Result<()> {
    fs::copy(there, here).map(drop)
}

/// Maps the dependencies from where they are, so that they find their own: the system's
/// loader knows a library that it has when it comes to the link. One that cannot be
/// mapped is the plugin's error, with its name.
fn open_dependencies(origin: &Path, needs: &Dependencies) -> Vec<ManuallyDrop<Library>> {
    let open_first = |name: &String| {
        let mut places = needs.beside(name, origin).filter(|place| place.is_file());
        // SAFETY: constructors of a library run that the plugin, which is trusted, would
        // have had run in the same way.
        places.find_map(|place| unsafe { open(&place) }.ok()).map(ManuallyDrop::new)
    };
    needs.needed.iter().filter_map(open_first).collect()
}

/// Whether a copy is ours.
enum Held {
    /// With its lock, where this file system has locks.
    Here(Option<File>),
    /// Another process took it for litter before it was locked.
    Gone,
}

/// Locks a copy that was just made. Until then it looks as one that was left behind:
/// who removes those holds the lock while it does, and so has it removed for good when
/// the lock comes here.
#[cfg(unix)]
fn hold(path: &Path) -> io::Result<Held> {
    let file = match open_entry(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Held::Gone),
        Err(error) => return Err(error),
    };
    // Where there are no locks, nobody can take this one either.
    if file.lock().is_err() {
        return Ok(Held::Here(None));
    }
    Ok(if is_still(path, &file) { Held::Here(Some(file)) } else { Held::Gone })
}

/// An open file cannot be removed there, which is lock enough.
#[cfg(not(unix))]
fn hold(_: &Path) -> io::Result<Held> {
    Ok(Held::Here(None))
}

/// Removes copies that a process left behind which was ended while it loaded one.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            // Another process may have been quicker, or it is another user's.
            let _ = remove(&entry.path());
        }
    }
}

/// Removes a copy, if its lock can be had.
#[cfg(unix)]
fn remove(path: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(path)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Ok(());
    }
    let file = open_entry(path)?;
    if file.try_lock().is_err() || !is_still(path, &file) {
        return Ok(());
    }
    if kind.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

#[cfg(not(unix))]
fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Opens a file or a folder to lock it; a link or a pipe that was put there meanwhile is
/// not followed, nor waited for.
#[cfg(unix)]
fn open_entry(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Whether the path still leads to the file that is open.
#[cfg(unix)]
fn is_still(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(there), Ok(here)) = (fs::symlink_metadata(path), file.metadata()) else {
        return false;
    };
    (there.dev(), there.ino()) == (here.dev(), here.ino())
}
