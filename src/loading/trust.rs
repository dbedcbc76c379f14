//! [`Trust`]: which files a host loads, and how a file is read so that what was checked is what
//! is loaded.
//!
//! It asks whose a file is and what is in it. What a plugin may do once it is loaded is not its
//! affair.

use std::path::{Path, PathBuf};
#[cfg(feature = "_lua")]
use std::sync::Arc;

use super::search::cannot_load;
use super::{Inspection, Located, Lockfile};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Most, Unread, Unsafe, Way};
#[cfg(feature = "_lua")]
use crate::lua::Vet;
use crate::plugin::PluginKind;

/// Which files a host loads ([`HostBuilder::trust`](crate::HostBuilder::trust)).
///
/// ```
/// # #[cfg(feature = "_lua")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use twinplug::{ErrorKind, Host, Lockfile, Trust};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let clock = folder.join("clock.lua");
/// std::fs::write(&clock, "function Now() return 7 end")?;
/// Lockfile::of_dir(folder)?.write()?;                     // as `twinplug lock` does
///
/// let lock = Lockfile::read(folder.join("twinplug.lock"))?;
/// let host = Host::builder().trust(Trust::Pinned(lock)).build()?;
/// let plugin = host.load(&clock)?;
/// assert_eq!(plugin.call("Now", ())?, 7.into());
///
/// std::fs::write(&clock, "function Now() return 8 end")?;
/// assert!(host.reload(&plugin).is_err());                 // it is not what was pinned,
/// assert_eq!(plugin.call("Now", ())?, 7.into());          // and what was pinned serves on
/// host.unload(plugin)?;
/// assert_eq!(host.load(&clock).unwrap_err().kind(), ErrorKind::Trust);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "_lua"))] fn main() {}
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Trust {
    /// Native code that nobody but this user and root can change. Its file, its manifest, the
    /// libraries beside it that it needs, the folders that lead to each of them, and links on the
    /// way belong to one of the two, and are not writable by anybody. A folder like `/tmp`, which
    /// is sticky, may be above them, and not be theirs. What their group can write is a warning in
    /// the log. Other than on Unix nothing is looked at.
    ///
    /// Scripts are not looked at: they have the sandbox. One that was granted more than that, as
    /// `ffi`, is as native code, and is to be pinned where it matters.
    #[default]
    Directory,
    /// Files that are pinned, of either kind: the plugin's own, its manifest, and what a script
    /// requires, from [`lua_path`](crate::HostBuilder::lua_path) too. The bytes that are loaded are
    /// those whose SHA-256 was compared. Whose they are, and who else can write there, is of no
    /// matter; the libraries that a native plugin needs are not pinned, but looked at as by
    /// [`Directory`](Trust::Directory).
    ///
    /// Scripts from memory ([`load_source`](crate::Host::load_source),
    /// [`load_files`](crate::Host::load_files)) are the host's own, and need not be pinned; what
    /// they require from files must be.
    Pinned(Lockfile),
}

/// What is in a located file that may be loaded.
#[derive(Clone)]
pub(crate) struct Trusted {
    pub(crate) bytes: Vec<u8>,
    /// What a group can change of it, and of what leads to it.
    pub(super) shared: Vec<PathBuf>,
}

impl Trust {
    /// What the file at a path says of itself, if it is trusted. Of a script all that is pinned
    /// and that it could require is compared as well.
    ///
    /// # Errors
    /// There is no such file, it is no plugin that could be loaded, or it is not trusted.
    pub(crate) fn inspect(&self, path: &Path) -> Result<Inspection> {
        let located = super::locate(path)?;
        let trusted = self.read(&located)?;
        if let (Trust::Pinned(lock), PluginKind::Lua) = (self, located.kind) {
            let checked = lock.check_below(&located.modules());
            checked.map_err(|why| cannot_load(&located.path, refused(why)))?;
        }
        super::loader::inspect(&located, trusted)
    }

    /// Reads a located file.
    ///
    /// # Errors
    /// It cannot be read, or is not trusted.
    pub(crate) fn read(&self, located: &Located) -> Result<Trusted> {
        match (self, located.kind) {
            (Trust::Pinned(lock), _) => read_pinned(lock, located),
            (Trust::Directory, PluginKind::Native) => read_guarded(located),
            (Trust::Directory, PluginKind::Lua) => read(&located.path).map(Trusted::from),
        }
    }

    /// What says whether a script may require a file, if that is to be asked.
    #[cfg(feature = "_lua")]
    pub(super) fn vet(&self) -> Option<Arc<Vet>> {
        let Trust::Pinned(lock) = self else { return None };
        let lock = lock.clone();
        Some(Arc::new(move |path: &Path, text: Option<&[u8]>| {
            let checked = match text {
                Some(text) => lock.check(path, text),
                None => lock.check_missing(path),
            };
            checked.map_err(|why| cannot_load(path, refused(format!("it {why}"))))
        }))
    }
}

impl From<Vec<u8>> for Trusted {
    fn from(bytes: Vec<u8>) -> Self {
        Trusted { bytes, shared: Vec::new() }
    }
}

/// Reads a native plugin that nobody else can change.
fn read_guarded(located: &Located) -> Result<Trusted> {
    let path = &located.path;
    let distrusted = |fault: Unsafe| cannot_load(path, refused(fault.to_string()));
    let mut way = Way::to(path).map_err(distrusted)?;
    let content = file::read_most(path, Most::OF_CODE).map_err(|fault| unread(path, fault))?;
    let bytes = way.admit(content).map_err(distrusted)?;
    let mut shared = way.shared;
    // It says which file is the plugin, and whether its image may be unmapped.
    if let Some(manifest) = &located.manifest_file {
        let mut way = Way::to(&located.manifest_path()).map_err(distrusted)?;
        way.admit_earlier(manifest).map_err(distrusted)?;
        shared.extend(way.shared);
    }
    Ok(Trusted { bytes, shared })
}

fn read_pinned(lock: &Lockfile, located: &Located) -> Result<Trusted> {
    let bytes = read(&located.path)?;
    let manifest = located.manifest_path();
    let checked = lock.check(&located.path, &bytes).map_err(|why| format!("it {why}"));
    let checked = checked.and_then(|()| {
        let checked = match &located.manifest_file {
            Some(content) => lock.check(&manifest, &content.bytes),
            None => lock.check_missing(&manifest),
        };
        checked.map_err(|why| format!("its manifest `{}` {why}", manifest.display()))
    });
    match checked {
        Ok(()) => Ok(Trusted::from(bytes)),
        Err(why) => Err(cannot_load(&located.path, refused(why))),
    }
}

/// Reads a file that nothing is to be said against.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    file::read(path).map_err(|fault| unread(path, fault))
}

fn unread(path: &Path, fault: Unread) -> Error {
    match fault {
        Unread::Io(error) => Error::io("read", path, error),
        Unread::Unfit(what) => {
            cannot_load(path, Error::new(ErrorKind::Refused, format!("it is {what}")))
        }
    }
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::Trust, why)
}
