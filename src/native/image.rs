//! A native plugin's image: a private copy of the checked bytes, mapped.
//!
//! The copy lies beside the original for the moment of loading, under a name that
//! is nobody's plugin. So the original can be overwritten at any time, and the
//! same path loaded again is really a new image.

use std::io::Write;
use std::mem::ManuallyDrop;
use std::path::Path;

use libloading::Library;
use tempfile::{Builder, NamedTempFile};
use twinplug_abi as abi;

use crate::error::{Error, ErrorKind, Result};

/// A mapped image. Never unmapped: thread-local destructors of the plugin may
/// still run code of it when its last thread ends.
pub(super) struct Image {
    library: ManuallyDrop<Library>,
}

impl Image {
    /// Maps a copy of `bytes`, which came from `path`.
    pub(super) fn map(path: &Path, bytes: &[u8]) -> Result<Image> {
        let copy = copy(path, bytes).map_err(|error| Error::io("copy", path, error))?;
        // SAFETY: constructors of the image run. The file was preflighted and is a
        // Twinplug plugin; whoever points the host at a native plugin trusts its code.
        let library = unsafe { open(copy.path()) };
        let library = library.map_err(|error| {
            let text =
                error.to_string().replace(&*copy.path().to_string_lossy(), &path.to_string_lossy());
            Error::new(ErrorKind::Load, format!("the system cannot load it: {text}"))
                .with_source(error)
        })?;
        Ok(Image { library: ManuallyDrop::new(library) })
    }

    /// Where the plugin's table is.
    pub(super) fn table(&self) -> Result<*const abi::Plugin> {
        // SAFETY: the type is that of a data symbol: a pointer to it.
        let symbol = unsafe { self.library.get::<*const abi::Plugin>(b"twinplug_plugin\0") };
        let symbol = symbol.map_err(|error| {
            Error::new(ErrorKind::Refused, format!("no symbol `twinplug_plugin`: {error}"))
        })?;
        match symbol.is_null() {
            false => Ok(*symbol),
            true => Err(Error::new(ErrorKind::Refused, "its symbol `twinplug_plugin` is null")),
        }
    }
}

/// A copy beside the original; where that folder cannot be written, in the
/// system's one for temporary files.
fn copy(path: &Path, bytes: &[u8]) -> std::io::Result<NamedTempFile> {
    let suffix = format!("-{}", path.file_name().unwrap_or_default().to_string_lossy());
    let mut builder = Builder::new();
    let builder = builder.prefix(".twinplug-").suffix(&suffix);
    let beside = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut copy =
        builder.tempfile_in(beside.unwrap_or(Path::new("."))).or_else(|_| builder.tempfile())?;
    copy.write_all(bytes)?;
    copy.flush()?;
    Ok(copy)
}

#[cfg(unix)]
unsafe fn open(path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the caller's promise. NOW: a missing import is an error here, and not
    // the end of the process at the first call. LOCAL: plugins do not see each other.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

#[cfg(not(unix))]
unsafe fn open(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: the caller's promise.
    unsafe { Library::new(path) }
}
