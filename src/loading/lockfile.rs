//! [`Lockfile`]: the files that may be loaded, and what was in each when it was pinned.
//!
//! It compares bytes that others have read, and does not ask what they are.

mod members;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tempfile::Builder;

use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Most, Unread, Way};

/// What `twinplug.lock` says: which files of its folder may be loaded, and their SHA-256.
/// [`Trust::Pinned`](crate::Trust::Pinned) has a host load no others.
///
/// [`Lockfile::default`] pins nothing.
///
/// It is text, a line a file, and so that `sha256sum -c` reads it. It is read once: what becomes
/// of the file after that is of no matter.
///
/// ```
/// # #[cfg(feature = "_lua")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use twinplug::Lockfile;
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// std::fs::write(folder.join("clock.lua"), "return {}")?;
/// Lockfile::of_dir(folder)?.write()?;
/// let text = std::fs::read_to_string(folder.join(Lockfile::NAME))?;
/// assert_eq!(
///     text.lines().last(),
///     Some("7df8f0cd9e1cd0b204a760783671c0ccca4a3258dc7c51f59e9e2295c6c25315  clock.lua")
/// );
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "_lua"))] fn main() {}
/// ```
#[derive(Clone, Default)]
pub struct Lockfile {
    pages: Vec<Arc<Page>>,
}

/// One lock file.
struct Page {
    /// As whoever asked for it has called it.
    path: PathBuf,
    /// Its folder, by its one true name.
    folder: PathBuf,
    /// By their paths in the folder, with `/`.
    files: Files,
}

type Files = BTreeMap<String, Hash>;

/// The SHA-256 of what is in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hash([u8; 32]);

impl Lockfile {
    /// What it is called in the folder that it is of.
    pub const NAME: &str = "twinplug.lock";

    /// Reads a lock file.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Trust`]: it is not there, others than this user and root can change it,
    /// a line is none of a lock file, or a path stands there twice.
    pub fn read(path: impl AsRef<Path>) -> Result<Lockfile> {
        Page::read(path.as_ref()).map(Lockfile::of)
    }

    /// Reads the text of a lock file for that directory, in which there need be none: one that is
    /// part of the program can be changed by nobody.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use twinplug::{Host, Lockfile, Trust};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let plugins = folder.path();
    /// std::fs::write(plugins.join("clock.lua"), "return {}")?;
    /// // As `include_str!("../plugins/twinplug.lock")` has it.
    /// let text = "# twinplug.lock, version 1\n\
    ///     7df8f0cd9e1cd0b204a760783671c0ccca4a3258dc7c51f59e9e2295c6c25315  clock.lua\n";
    /// let lock = Lockfile::parse(plugins, text)?;
    /// let host = Host::builder().trust(Trust::Pinned(lock)).build()?;
    /// assert_eq!(host.load_dir(plugins)?.all()?[0].name(), "clock");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// As [`read`](Lockfile::read), of the lines; or the directory is not there.
    pub fn parse(directory: impl AsRef<Path>, text: &str) -> Result<Lockfile> {
        let path = directory.as_ref().join(Lockfile::NAME);
        Page::parse(&path, text.as_bytes()).map(Lockfile::of)
    }

    /// Pins the plugins of a directory as they are now: those that
    /// [`Host::load_dir`](crate::Host::load_dir) would look at, each with its manifest and all that
    /// a script could require from its own folder. None of their code runs, and nothing is written.
    ///
    /// # Errors
    /// The directory has no plugins or is one itself; or a plugin cannot be loaded, or leads out of
    /// the directory: of several the message has each, a line each.
    pub fn of_dir(directory: impl AsRef<Path>) -> Result<Lockfile> {
        let directory = directory.as_ref();
        let files = members::of_dir(directory)?;
        let folder = true_name(directory)?;
        Ok(Lockfile::of(Page { path: directory.join(Lockfile::NAME), folder, files }))
    }

    /// Pins what another one does as well. A file that both pin may be what either says.
    #[must_use]
    pub fn and(mut self, other: Lockfile) -> Lockfile {
        self.pages.extend(other.pages);
        self
    }

    /// The files that are pinned, in the order of their paths, and their SHA-256 in hexadecimal.
    pub fn files(&self) -> impl Iterator<Item = (PathBuf, String)> {
        self.pages.iter().flat_map(|page| {
            let path = |name: &String| page.path.with_file_name(name);
            page.files.iter().map(move |(name, hash)| (path(name), hash.to_string()))
        })
    }

    /// Writes it into its folder, in place of the one that is there: the whole of it, or nothing.
    ///
    /// # Errors
    /// A file of that name is there that is no lock file; or the system refuses to write.
    pub fn write(&self) -> Result<()> {
        self.pages.iter().try_for_each(|page| page.write())
    }

    fn of(page: Page) -> Lockfile {
        Lockfile { pages: vec![Arc::new(page)] }
    }

    /// Whether a file may be loaded that holds these bytes.
    ///
    /// # Errors
    /// It may not, in words that follow what the file is called.
    pub(super) fn check(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        let pinned: Vec<_> = self.pinned(path).collect();
        let [(page, expected), ..] = pinned[..] else { return Err(self.lacks()) };
        let found = Hash::of(bytes);
        match pinned.iter().any(|(_, hash)| **hash == found) {
            true => Ok(()),
            false => Err(page.differs(expected, &found)),
        }
    }

    /// Whether a file may be missing.
    ///
    /// # Errors
    /// As `check`.
    pub(super) fn check_missing(&self, path: &Path) -> Result<(), String> {
        match self.pinned(path).next() {
            None => Ok(()),
            Some((page, _)) => Err(page.misses()),
        }
    }

    /// Whether all files below a folder that are pinned are what was pinned.
    ///
    /// # Errors
    /// One is not, in whole words.
    pub(super) fn check_below(&self, folder: &Path) -> Result<(), String> {
        for page in &self.pages {
            let Some(start) = page.name_of(folder).map(|name| name + "/") else { continue };
            for (name, expected) in page.files.iter().filter(|(name, _)| name.starts_with(&start)) {
                let shown = page.path.with_file_name(name);
                page.compare(&page.folder.join(name), expected)
                    .map_err(|why| format!("its part `{}` {why}", shown.display()))?;
            }
        }
        Ok(())
    }

    /// What is pinned of a file.
    fn pinned(&self, path: &Path) -> impl Iterator<Item = (&Page, &Hash)> {
        let pages = self.pages.iter();
        pages.filter_map(move |page| Some((&**page, page.files.get(&page.name_of(path)?)?)))
    }

    fn lacks(&self) -> String {
        if self.pages.is_empty() {
            return "is not pinned: there is no lock file: `twinplug lock DIR` makes one"
                .to_owned();
        }
        let paths: Vec<_> =
            self.pages.iter().map(|page| format!("`{}`", page.path.display())).collect();
        let pin_it = self.pages.first().map(|page| page.pin_it()).unwrap_or_default();
        format!("is not pinned by {}: if you trust it, {pin_it}", paths.join(", nor by "))
    }
}

impl Page {
    fn read(path: &Path) -> Result<Page> {
        let mut way = Way::to(path).map_err(|fault| unreadable(path, &fault))?;
        let content = file::read_most(path, Most::OF_A_LOCK).map_err(|fault| match fault {
            Unread::Io(error) => {
                unreadable(path, &format!("{error}: `twinplug lock DIR` makes one"))
            }
            Unread::Unfit(what) => unreadable(path, &format!("it is {what}")),
        })?;
        let text = way.admit(content).map_err(|fault| unreadable(path, &fault))?;
        for shared in way.shared {
            tracing::warn!(
                "`{}` is writable by its group, who decide what `{}` pins: `chmod g-w` it, unless \
                 all of them may",
                shared.display(),
                path.display()
            );
        }
        Page::parse(path, &text)
    }

    /// What stands in a lock file that is there, or would be.
    fn parse(path: &Path, text: &[u8]) -> Result<Page> {
        let folder = folder_of(path);
        let files = text::parsed(text).map_err(|fault| {
            let folder = folder.display();
            let next = match text::is_lock(text) {
                true => format!("`twinplug lock {folder}` writes it anew"),
                false => format!("once it is removed, `twinplug lock {folder}` makes one"),
            };
            unreadable(path, &format!("line {}: {}: {next}", fault.line, fault.why))
                .with_location(path, fault.line)
        })?;
        Ok(Page { path: path.to_owned(), folder: true_name(&folder)?, files })
    }

    fn write(&self) -> Result<()> {
        let text = text::written(&self.files);
        match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("write", &self.path, error)),
            Ok(metadata) => {
                let there = file::read_most(&self.path, Most::OF_A_LOCK);
                let there = there.ok().filter(|_| metadata.is_file());
                let there = there.filter(|there| text::is_lock(&there.bytes));
                let Some(there) = there else { return Err(self.is_other()) };
                if there.bytes == text.as_bytes() {
                    return Ok(());
                }
            }
        }
        self.replace(&text).map_err(|error| Error::io("write", &self.path, error))
    }

    /// Who reads it meanwhile finds the old one or the new one.
    fn replace(&self, text: &str) -> io::Result<()> {
        let mut builder = Builder::new();
        // As any file that a program makes; temporary ones are private else.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.prefix(".twinplug.lock-").tempfile_in(folder_of(&self.path));
        // Its error names a file that nobody has asked for; what the file's own says is enough.
        let mut file = file.map_err(|error| error.kind())?;
        file.as_file_mut().write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    fn is_other(&self) -> Error {
        let message = format!(
            "cannot write `{}`: it is there, and was not made by twinplug: remove it, or give it \
             another name",
            self.path.display()
        );
        Error::new(ErrorKind::Refused, message)
    }

    /// What the file at a path is called here; `None` of one that is not in the folder.
    ///
    /// Links in the folder are names of their own: where one leads may have been changed.
    fn name_of(&self, path: &Path) -> Option<String> {
        let path = std::path::absolute(path).ok()?;
        let is_here = |folder: &&Path| folder.canonicalize().is_ok_and(|it| it == self.folder);
        let folder = path.ancestors().skip(1).find(is_here)?;
        let mut names = Vec::new();
        for component in path.strip_prefix(folder).ok()?.components() {
            match component {
                Component::Normal(name) => names.push(name.to_str()?),
                _ => return None,
            }
        }
        Some(names.join("/"))
    }

    fn compare(&self, path: &Path, expected: &Hash) -> Result<(), String> {
        match file::read(path) {
            Ok(bytes) if Hash::of(&bytes) == *expected => Ok(()),
            Ok(bytes) => Err(self.differs(expected, &Hash::of(&bytes))),
            Err(Unread::Io(error)) if error.kind() == io::ErrorKind::NotFound => Err(self.misses()),
            Err(Unread::Io(error)) => Err(format!("cannot be read: {error}")),
            Err(Unread::Unfit(what)) => Err(format!("is {what}")),
        }
    }

    fn differs(&self, expected: &Hash, found: &Hash) -> String {
        format!(
            "is not what was pinned: `{}` has the SHA-256 {expected}, and the file has {found}: put \
             it back; or if you trust what is there now, {}",
            self.path.display(),
            self.pin_it()
        )
    }

    fn misses(&self) -> String {
        let (path, pin_it) = (self.path.display(), self.pin_it());
        format!("is pinned by `{path}`, and not there: put it back; or if it may go, {pin_it}")
    }

    /// The next step of who wants it so.
    fn pin_it(&self) -> String {
        format!("pin what is there by `twinplug lock {}`", folder_of(&self.path).display())
    }
}

impl Hash {
    fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Lockfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pages.iter().map(|page| &page.path)).finish()
    }
}

fn unreadable(path: &Path, why: &dyn fmt::Display) -> Error {
    let message = format!("cannot read the lock file `{}`: {why}", path.display());
    Error::new(ErrorKind::Trust, message)
}

/// The folder that a file is in, by a path that can be listed.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn true_name(folder: &Path) -> Result<PathBuf> {
    folder.canonicalize().map_err(|error| Error::io("read", folder, error))
}
