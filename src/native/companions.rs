//! The libraries beside plugins, as they were when the system mapped them.
//!
//! It maps each of them once, and gives it to all who need it for as long as anybody does. So a
//! plugin that comes later would go on with one that is not the file's any more: it is refused.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::error::{Error, ErrorKind, Result};

/// A library beside a plugin that the plugin needs.
#[derive(Clone, Debug)]
pub(super) struct Companion {
    /// By its one true name.
    path: PathBuf,
    /// What its bytes come to.
    print: u64,
}

/// What was in them when they were mapped: the system's loader is one for the process, and so is
/// this.
static MAPPED: Mutex<Option<HashMap<PathBuf, Mapped>>> = Mutex::new(None);

/// What one was.
#[derive(Clone, Copy)]
struct Mapped {
    print: u64,
    /// The number that the file system has for it, wherever it is led to by then.
    number: Option<u64>,
}

impl Companion {
    pub(super) fn new(path: PathBuf, bytes: &[u8]) -> Companion {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Companion { path, print: hasher.finish() }
    }
}

/// # Errors
/// One of them is mapped, and was another one then.
pub(super) fn check(companions: &[Companion]) -> Result<()> {
    let changed = companions.iter().find(|companion| {
        let mapped = MAPPED.lock().as_ref().and_then(|it| it.get(&companion.path).copied());
        mapped
            .is_some_and(|it| it.print != companion.print && is_mapped(&companion.path, it.number))
    });
    let Some(Companion { path, .. }) = changed else { return Ok(()) };
    let message = format!(
        "it needs `{}`, which has changed since a plugin was loaded with it, and the system goes on \
         with what that was: start the program anew, or give the changed one another name",
        path.display()
    );
    Err(Error::new(ErrorKind::Refused, message))
}

/// They are mapped from here on.
pub(super) fn are_mapped(companions: &[Companion]) {
    let mut mapped = MAPPED.lock();
    let mapped = mapped.get_or_insert_default();
    for Companion { path, print } in companions {
        // One that is there anew may be mapped no more than its name: then the one before is.
        if mapped.get(path).is_none_or(|it| it.print != *print) {
            mapped.insert(path.clone(), Mapped { print: *print, number: number(path) });
        }
    }
}

#[cfg(unix)]
fn number(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| std::os::unix::fs::MetadataExt::ino(&metadata))
}

#[cfg(not(unix))]
fn number(_: &Path) -> Option<u64> {
    None
}

/// Whether the system has a file of that name or number mapped, be it the one that is there or one
/// before.
#[cfg(target_os = "linux")]
fn is_mapped(path: &Path, number: Option<u64>) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(maps) = std::fs::read("/proc/self/maps") else { return true };
    let path = path.as_os_str().as_bytes();
    let number = number.map(|number| number.to_string());
    maps.split(|byte| *byte == b'\n').any(|line| {
        // Addresses, permissions, offset, device, number, path.
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        if number.as_ref().is_some_and(|number| words.nth(4) == Some(number.as_bytes())) {
            return true;
        }
        let line = line.strip_suffix(b" (deleted)").unwrap_or(line);
        line.ends_with(path) && line[..line.len() - path.len()].ends_with(b" ")
    })
}

/// Nobody says: what was mapped once may be so still.
#[cfg(not(target_os = "linux"))]
fn is_mapped(_: &Path, _: Option<u64>) -> bool {
    true
}
