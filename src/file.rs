//! Reads whole files, and waits for nobody: a pipe or a device that a path leads to is
//! told, and not read.
//!
//! It is the opened file that is looked at, so that what a path led to before is of no
//! matter.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::Mutex;

/// Larger files are not read.
const MAX_SIZE: u64 = 1 << 30;

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

/// The bytes of a regular file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Unread> {
    let file = open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    // Where there is no room for so much, reading fails for what it finds.
    let _ = bytes.try_reserve_exact(size.min(MAX_SIZE) as usize + 1);
    // A file that grows meanwhile is cut off there, and refused as that.
    file.take(size.min(MAX_SIZE + 1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_SIZE {
        true => Err(Unread::Unfit("larger than 1 GiB")),
        false => Ok(bytes),
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
