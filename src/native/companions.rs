//! The libraries beside plugins, as they were when the system mapped them.
//!
//! It maps each of them once, and gives it to all who need it for as long as anybody does. So a
//! plugin that comes later would go on with one that is not the file's any more: it is refused.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
#[cfg(target_os = "linux")]
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

#[cfg(target_os = "linux")]
use super::image;
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
#[derive(Clone)]
struct Mapped {
    print: u64,
    /// Where the system's loader has it; `None` where it took another one for it.
    image: Option<Loaded>,
}

/// An image, as the system's loader has it: at this address, by this name. Its number in the file
/// system does not tell, as another file gets that once this one is gone.
#[derive(Clone, PartialEq)]
struct Loaded {
    address: usize,
    name: Vec<u8>,
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
    if companions.is_empty() {
        return Ok(());
    }
    let loaded = loaded();
    let is_there = |image: &Option<Loaded>| match (&loaded, image) {
        // Nobody says: what was mapped once may be so still.
        (None, _) => true,
        (Some(loaded), image) => image.as_ref().is_some_and(|image| loaded.contains(image)),
    };
    let mapped = MAPPED.lock();
    let changed = companions.iter().find(|companion| {
        let before = mapped.as_ref().and_then(|all| all.get(&companion.path));
        before.is_some_and(|it| it.print != companion.print && is_there(&it.image))
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
    if companions.is_empty() {
        return;
    }
    let loaded = loaded().unwrap_or_default();
    let file = |image: &Loaded| std::fs::canonicalize(path(&image.name)).ok();
    let files: Vec<_> = loaded.into_iter().map(|image| (file(&image), image)).collect();
    let mut mapped = MAPPED.lock();
    let mapped = mapped.get_or_insert_default();
    for Companion { path, print } in companions {
        let is_there = |image: &Loaded| files.iter().any(|(_, loaded)| loaded == image);
        // The system goes on with the one that it has, whatever is in the file by now.
        if mapped.get(path).is_some_and(|it| it.image.as_ref().is_some_and(is_there)) {
            continue;
        }
        let image = files.iter().find(|(file, _)| file.as_ref() == Some(path));
        let image = image.map(|(_, image)| image.clone());
        mapped.insert(path.clone(), Mapped { print: *print, image });
    }
}

#[cfg(target_os = "linux")]
fn path(name: &[u8]) -> &Path {
    Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name))
}

#[cfg(not(target_os = "linux"))]
fn path(_: &[u8]) -> &Path {
    Path::new("")
}

/// All images of this process.
#[cfg(target_os = "linux")]
fn loaded() -> Option<Vec<Loaded>> {
    let mut loaded = Vec::new();
    image::each(|info| {
        // SAFETY: it is shown.
        let name = unsafe { image::name_of(info) }.to_bytes().to_owned();
        loaded.push(Loaded { address: info.dlpi_addr as usize, name });
        ControlFlow::Continue(())
    });
    Some(loaded)
}

#[cfg(not(target_os = "linux"))]
fn loaded() -> Option<Vec<Loaded>> {
    None
}
