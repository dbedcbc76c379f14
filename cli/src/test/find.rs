//! From a PATH to the files with tests, and the plugin that each is for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use twinplug::{ErrorKind, HostBuilder};

use crate::failure::Failure;
use crate::locking::Locking;
use crate::source::{self, TESTS, is_test};

/// A larger script is read by no test, in bytes.
const LARGEST: u64 = 16 << 20;

/// A script with tests.
pub(super) struct TestFile {
    pub(super) path: PathBuf,
    /// What is in it.
    pub(super) text: Vec<u8>,
    /// The plugin that it is for, built; or why it could not be.
    pub(super) plugin: Result<PathBuf, String>,
}

impl TestFile {
    /// Its name.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The name of the script that it is loaded as.
    pub(super) fn stem(&self) -> String {
        let name = self.name();
        name.strip_suffix(".lua").unwrap_or(&name).to_owned()
    }

    /// What messages call it, as it is loaded from memory.
    pub(super) fn in_session(&self) -> String {
        Path::new(&self.stem()).join(self.name()).display().to_string()
    }
}

/// Finds tests, and the plugins that they are for.
pub(super) struct Finder<'f> {
    /// Says what is a plugin that is loaded.
    builder: &'f HostBuilder,
    locking: &'f Locking,
    /// The plugin that all are for, in place of those that they lie beside, as it can be loaded.
    plugin: Option<Result<PathBuf, String>>,
    /// The plugins that were looked for so far, by their paths: each is built once.
    known: RefCell<HashMap<PathBuf, Result<PathBuf, String>>>,
}

impl<'f> Finder<'f> {
    /// With a plugin that all are for, if there is one.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn new(
        builder: &'f HostBuilder,
        locking: &'f Locking,
        plugin: Option<&Path>,
    ) -> Result<Finder<'f>, Failure> {
        let mut finder = Finder { builder, locking, plugin: None, known: RefCell::default() };
        if let Some(plugin) = plugin {
            let plugin = finder.built(plugin)?;
            if let Ok(file) = &plugin {
                builder.inspect(file)?;
            }
            finder.plugin = Some(plugin);
        }
        Ok(finder)
    }

    /// The tests at a path.
    ///
    /// # Errors
    /// There is none, or no plugin for one.
    pub(super) fn tests(&self, path: &Path) -> Result<Vec<TestFile>, Failure> {
        let files = match path {
            _ if is_test(path) => vec![path.to_owned()],
            _ if path.is_dir() => in_folder(path)?,
            _ => {
                self.builder.inspect(path)?;
                beside(path)
            }
        };
        if files.is_empty() {
            let place = match path.is_dir() {
                true => format!("a file `*{TESTS}` in it"),
                false => format!("`{}` beside it", names(path).join("`, `")),
            };
            let path = path.display();
            return Err(Failure::Unmet(format!("no tests of `{path}`: looked for {place}")));
        }
        let of = |file: PathBuf| {
            let plugin = match &self.plugin {
                Some(plugin) => plugin.clone(),
                None if path.is_file() && !is_test(path) => self.built(path)?,
                None => self.built(&self.tested(&file)?)?,
            };
            Ok(TestFile { text: read(&file)?, path: file, plugin })
        };
        files.into_iter().map(of).collect()
    }

    /// The plugin at a path, built; or why it cannot be, which is no reason not to test others.
    ///
    /// # Errors
    /// It may not be built.
    fn built(&self, path: &Path) -> Result<Result<PathBuf, String>, Failure> {
        if let Some(known) = self.known.borrow().get(path) {
            return Ok(known.clone());
        }
        let built = match source::loadable(path, self.locking) {
            Ok(file) => Ok(file.into_owned()),
            Err(failure @ Failure::Build(..)) => Err(failure.to_string()),
            Err(failure) => return Err(failure),
        };
        self.known.borrow_mut().insert(path.to_owned(), built.clone());
        Ok(built)
    }

    /// The plugin that a file with tests lies beside, or in the folder of.
    fn tested(&self, file: &Path) -> Result<PathBuf, Failure> {
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        if source::is_plugin(folder) || source::is_source(folder) {
            return Ok(folder.to_owned());
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let plugin = folder.join(name.strip_suffix(TESTS).unwrap_or(&name));
        if source::is_plugin(&plugin) || source::is_source(&plugin) {
            return Ok(plugin);
        }
        // A folder of that name may hold the parts of a script.
        let stem = plugin.file_name().unwrap_or_default().to_string_lossy();
        let files = [format!("{stem}.lua"), format!("{DLL_PREFIX}{stem}{DLL_SUFFIX}")];
        let mut files = files.iter().map(|file| plugin.with_file_name(file));
        if let Some(file) = files.find(|file| file.is_file()) {
            // What else is wrong with it is told by the tests.
            return match self.builder.inspect(&file) {
                Err(error) if error.kind() == ErrorKind::Trust => Err(error.into()),
                _ => Ok(file),
            };
        }
        Err(Failure::Unmet(format!(
            "`{}` is a test of nothing: `{}` is no plugin, whether as a script, a library or a folder: \
             say which one is tested with `--plugin PATH`",
            file.display(),
            plugin.display()
        )))
    }
}

/// A script, and no pipe that nobody writes to.
pub(super) fn script(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if found.len() > LARGEST {
        return Err(io::Error::other(format!("it is larger than {} MiB", LARGEST >> 20)));
    }
    fs::read(path)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    script(path)
        .map_err(|error| Failure::Unmet(format!("cannot read `{}`: {error}", path.display())))
}

/// All in a folder, and in the plugins' folders that are in it.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unread = |error: std::io::Error| {
        Failure::Unmet(format!("cannot read `{}`: {error}", folder.display()))
    };
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries: Vec<PathBuf> =
        entries.map_err(unread)?.into_iter().map(|entry| entry.path()).collect();
    entries.sort();
    let is_plugin = source::is_plugin(folder) || source::is_source(folder);
    let mut files = Vec::new();
    for entry in entries {
        if is_test(&entry) {
            files.push(entry);
        } else if !is_plugin && (source::is_plugin(&entry) || source::is_source(&entry)) {
            files.extend(in_folder(&entry)?);
        }
    }
    Ok(files)
}

/// Those of a lone plugin, which have its name.
fn beside(plugin: &Path) -> Vec<PathBuf> {
    let folder = plugin.parent().unwrap_or(Path::new(""));
    names(plugin).iter().map(|name| folder.join(name)).filter(|file| file.is_file()).collect()
}

/// What the tests of a lone plugin may be called.
fn names(plugin: &Path) -> Vec<String> {
    let stem = plugin.file_stem().unwrap_or_default().to_string_lossy();
    let plain =
        stem.strip_prefix("lib").filter(|_| plugin.extension().is_none_or(|it| it != "lua"));
    let plain = plain.unwrap_or(&stem);
    let mut names = vec![format!("{plain}{TESTS}")];
    // One of several versions.
    if let Some((name, version)) = plain.rsplit_once("_v")
        && version.parse::<u32>().is_ok()
    {
        names.push(format!("{name}{TESTS}"));
    }
    names
}
