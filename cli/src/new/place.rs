//! [`Place`]: where a new folder goes, and how it gets there: whole, or not at all.

use std::fs::{self, File as Written};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::File;
use crate::failure::Failure;

/// Where a new plugin can be.
pub(super) enum Place<'f> {
    /// A folder that is to be made, in one that is there.
    New { folder: &'f Path, parent: &'f Path },
    /// A folder that is there, and empty.
    Empty(&'f Path),
}

impl<'f> Place<'f> {
    /// # Errors
    /// Something is there, or cannot be.
    pub(super) fn at(folder: &'f Path) -> Result<Self, Failure> {
        if folder.is_dir() {
            let mut entries = fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
            return match entries.next() {
                None => Ok(Place::Empty(folder)),
                Some(_) => Err(refused(folder, "it is there, and not empty", ANOTHER)),
            };
        }
        // A link that leads nowhere is there as well.
        if folder.symlink_metadata().is_ok() {
            return Err(refused(folder, "it is there, and no folder", ANOTHER));
        }
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        if parent.is_dir() {
            return Ok(Place::New { folder, parent });
        }
        let (why, next) = match parent.symlink_metadata() {
            Ok(_) => ("is no folder", ANOTHER),
            Err(_) => ("is not there", "make that folder first"),
        };
        Err(refused(folder, &format!("`{}` {why}", parent.display()), next))
    }

    /// The folder's one true path, of one that is to be made as well.
    pub(super) fn canonical(&self) -> Result<PathBuf, Failure> {
        let canonical = match self {
            Place::New { folder, parent } => parent
                .canonicalize()
                .map(|parent| parent.join(folder.file_name().unwrap_or_default())),
            Place::Empty(folder) => folder.canonicalize(),
        };
        canonical.map_err(|error| failed(self.folder(), &error))
    }

    /// Writes the files.
    ///
    /// # Errors
    /// One cannot be written: then none is there.
    pub(super) fn fill(&self, files: &[File]) -> Result<(), Failure> {
        let filled = match self {
            Place::New { folder, parent } => move_in(folder, parent, files),
            Place::Empty(folder) => write_all(folder, files),
        };
        filled.map_err(|error| failed(self.folder(), &error))
    }

    fn folder(&self) -> &Path {
        match self {
            Place::New { folder, .. } | Place::Empty(folder) => folder,
        }
    }
}

/// Makes the folder beside its place and moves it there: whoever watches plugins sees it whole.
fn move_in(folder: &Path, parent: &Path, files: &[File]) -> io::Result<()> {
    let beside = tempfile::Builder::new().prefix(".twinplug-").tempdir_in(parent);
    // Its error names a path that nobody has asked for.
    let beside = beside.map_err(|error| error.kind())?;
    // One inside of it has the rights that folders have; its own are its owner's alone.
    let made = beside.path().join("made");
    fs::create_dir(&made)?;
    write_all(&made, files)?;
    // Fails where a file, or a folder that is not empty, has come there meanwhile.
    fs::rename(&made, folder)
}

/// Writes all of the files into a folder, or leaves it as it was.
fn write_all(folder: &Path, files: &[File]) -> io::Result<()> {
    let mut made = Vec::new();
    let written = files.iter().try_for_each(|file| write(folder, file, &mut made));
    if written.is_err() {
        // What cannot be removed either stays; the error is the one that counts.
        for path in made.iter().rev() {
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }
    written
}

/// Writes a file that is not there, and notes what it has made for that.
fn write(folder: &Path, file: &File, made: &mut Vec<PathBuf>) -> io::Result<()> {
    let path = folder.join(&file.path);
    if let Some(parent) = path.parent().filter(|parent| *parent != folder) {
        match fs::create_dir(parent) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            done => done.map(|()| made.push(parent.to_owned()))?,
        }
    }
    let mut written = Written::create_new(&path)?;
    made.push(path);
    written.write_all(file.text.as_bytes())
}

const ANOTHER: &str = "choose another name, or another place";

fn refused(folder: &Path, why: &str, next: &str) -> Failure {
    Failure::Unmet(format!("cannot make `{}`: {why}: {next}", folder.display()))
}

fn failed(folder: &Path, error: &io::Error) -> Failure {
    Failure::Unmet(format!("cannot make `{}`: {error}", folder.display()))
}
