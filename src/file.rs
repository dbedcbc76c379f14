//! Reads whole files, and waits for nobody: a pipe or a device that a path leads to is
//! told, and not read.
//!
//! It is the opened file that is looked at, so that what a path led to before is of no
//! matter.

mod way;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::Mutex;

pub(crate) use way::{Standing, Unsafe, Way};

/// How much of a file is read at most.
#[derive(Clone, Copy)]
pub(crate) struct Most {
    bytes: u64,
    /// What a file is that has more.
    over: &'static str,
}

impl Most {
    /// Of what is loaded.
    pub(crate) const OF_CODE: Most = Most { bytes: 1 << 30, over: "larger than 1 GiB" };
    /// Of a manifest.
    pub(crate) const OF_A_MANIFEST: Most = Most { bytes: 1 << 20, over: "larger than 1 MiB" };
    /// Of a lock file: a hundred thousand paths.
    pub(crate) const OF_A_LOCK: Most = Most { bytes: 16 << 20, over: "larger than 16 MiB" };
}

/// When a file was written last, and its length; `None` if there is none.
type Stamp = Option<(SystemTime, u64)>;

/// The files that were read for one load of a plugin, as they were before that.
#[derive(Default)]
pub(crate) struct Reads(Mutex<Vec<(PathBuf, Stamp)>>);

impl Reads {
    /// A file is about to be read.
    pub(crate) fn note(&self, path: &Path) {
        let stamp = stamp(path);
        self.0.lock().push((path.to_owned(), stamp));
    }

    /// The files.
    #[cfg(feature = "watch")]
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.0.lock().iter().map(|(path, _)| path.clone()).collect()
    }

    /// Those that are others than they were.
    #[cfg(feature = "watch")]
    pub(crate) fn changed(&self) -> Vec<PathBuf> {
        let reads = self.0.lock().clone();
        reads.into_iter().filter(|(path, before)| stamp(path) != *before).map(|it| it.0).collect()
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    Io(io::Error),
    /// What is wrong with it, in words that follow "it is".
    Unfit(&'static str),
}

/// What is in a file, and whose that is: both of the file that was opened.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) standing: Standing,
}

/// The bytes of a regular file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Unread> {
    read_most(path, Most::OF_CODE).map(|content| content.bytes)
}

/// What is in a regular file, which is not larger than that.
pub(crate) fn read_most(path: &Path, most: Most) -> Result<Content, Unread> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    // Where there is no room for so much, reading fails for what it finds.
    let _ = bytes.try_reserve_exact(metadata.len().min(most.bytes) as usize + 1);
    // A file that grows meanwhile is cut off there, and refused as that.
    file.take(metadata.len().min(most.bytes + 1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most.bytes {
        true => Err(Unread::Unfit(most.over)),
        false => Ok(Content { bytes, standing: Standing::of(&metadata) }),
    }
}

/// Opens a regular file, without waiting for another end where it is a pipe.
fn open(path: &Path) -> Result<File, Unread> {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NONBLOCK | libc::O_NOCTTY,
    );
    let file = options.read(true).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(Unread::Unfit("no regular file")),
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Unread::Io(error)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// As where a pipe is put in the place of a file that was looked at just before.
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.so");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (send, receive) = mpsc::channel();
        thread::spawn(move || send.send(read(&pipe)));
        let answer = receive.recv_timeout(Duration::from_secs(20)).expect("it waits");
        assert!(matches!(answer, Err(Unread::Unfit("no regular file"))), "{answer:?}");
    }

    #[test]
    fn what_is_no_regular_file_is_told() {
        for path in ["/dev/null", "/"] {
            let answer = read(Path::new(path));
            assert!(matches!(answer, Err(Unread::Unfit("no regular file"))), "{answer:?}");
        }
        assert!(matches!(read(Path::new("/nowhere/at/all")), Err(Unread::Io(_))));
    }
}
