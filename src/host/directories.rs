//! `Host::load_dir` and its sisters: all plugins of a directory, or of a list of paths.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Host, report};
use crate::error::{ErrorKind, Result};
use crate::lifecycle::{Batch, Loaded};
use crate::loading::{self, Inspection};

impl Host {
    /// Loads the plugins of a directory: scripts, libraries, and folders with a `plugin.toml`
    /// or an `init.lua`, but none whose name starts with `_` or `.` or ends in `_test.lua`.
    /// Each comes after those that it requires; among those that could be next it is the first
    /// by its file's name. One that fails does not hold up the others.
    ///
    /// Loaded again, the directory gives the plugins that are there, those that were added, and
    /// has another try at those that failed.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// std::fs::write(folder.join("alarm.lua"), "---@requires clock ^1.0\nreturn {}")?;
    /// std::fs::write(folder.join("clock.lua"), "---@plugin clock 1.4.0\nreturn {}")?;
    /// std::fs::write(folder.join("broken.lua"), "---@requires calendar *\nreturn {}")?;
    ///
    /// let host = twinplug::Host::builder().build()?;
    /// let loaded = host.load_dir(folder)?;
    /// let names: Vec<_> = loaded.plugins.iter().map(|plugin| plugin.name()).collect();
    /// assert_eq!(names, ["clock", "alarm"]);
    /// let failure = loaded.failures[0].to_string();
    /// assert!(failure.ends_with(
    ///     "broken.lua`: it requires `calendar` *, and no plugin `calendar` is loaded: put it into \
    ///      the folder, or load it before"
    /// ));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// The directory cannot be listed, or is a plugin's folder itself. What becomes of each
    /// plugin is in the answer; [`Loaded::all`] makes an error of the failures.
    pub fn load_dir(&self, directory: impl AsRef<Path>) -> Result<Loaded> {
        let mut batch = Batch::default();
        batch.add(directory.as_ref())?;
        Ok(self.load_batch(batch))
    }

    /// Loads the plugins of several directories, as if they were one, but for names that are
    /// in more than one of them: the first directory that has a name wins, whatever the
    /// versions. So a user's plugins go before those of the system. Which ones were passed over
    /// is in the answer. A directory that is not there has nothing in it.
    ///
    /// A name that a script's code makes up (`_NAME = "a" .. 1`) is not known before that
    /// runs: until then the script is called as its file is.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let (user, system) = (folder.path().join("user"), folder.path().join("system"));
    /// # std::fs::create_dir(&user)?;
    /// # std::fs::create_dir(&system)?;
    /// std::fs::write(user.join("clock.lua"), "Whose = 'user'")?;
    /// std::fs::write(system.join("clock.lua"), "Whose = 'system'")?;
    ///
    /// let host = twinplug::Host::builder().build()?;
    /// let loaded = host.load_dirs([&user, &system]);
    /// assert_eq!(host.plugin("clock")?.var::<String>("Whose")?.get()?, "user");
    /// assert_eq!(loaded.shadowed[0].path, system.join("clock.lua"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    pub fn load_dirs<D: AsRef<Path>>(&self, directories: impl IntoIterator<Item = D>) -> Loaded {
        let mut batch = Batch::default();
        for directory in directories {
            let directory = directory.as_ref();
            match batch.add(directory) {
                Err(error) if error.kind() != ErrorKind::NotFound => batch.note(directory, error),
                _ => {}
            }
        }
        self.load_batch(batch)
    }

    /// Loads what is at these paths, each plugin after those of them that it requires: what
    /// [`load`](Host::load) takes, and folders of plugins as [`load_dir`](Host::load_dir) does. Among
    /// those that could be next it is the first of the list. One that fails does not hold up the
    /// others.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let (alarm, shared) = (folder.path().join("alarm.lua"), folder.path().join("shared"));
    /// # std::fs::create_dir(&shared)?;
    /// std::fs::write(&alarm, "---@requires clock ^1.0\nreturn {}")?;
    /// std::fs::write(shared.join("clock.lua"), "---@plugin clock 1.4.0\nreturn {}")?;
    ///
    /// let host = twinplug::Host::builder().build()?;
    /// let plugins = host.load_all([&alarm, &shared]).all()?;
    /// let names: Vec<_> = plugins.iter().map(|plugin| plugin.name()).collect();
    /// assert_eq!(names, ["clock", "alarm"]);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// What is there twice is loaded once. Unlike with [`load_dirs`](Host::load_dirs), nothing is
    /// passed over for another one of its name: of those with one version the second is refused.
    pub fn load_all<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> Loaded {
        let mut batch = Batch::default();
        for path in paths {
            batch.add_path(path.as_ref());
        }
        self.load_batch(batch)
    }

    fn load_batch(&self, batch: Batch) -> Loaded {
        let loaded = batch.load(&self.registry, |located| {
            let plugin = self.registry.load(located, None, Arc::downgrade(&self.context))?;
            report(&located.path, Ok(plugin))
        });
        for failure in &loaded.failures {
            let failed = report(&failure.path, Err(failure.error.clone()));
            self.note_failure(&failure.path, &failed);
        }
        for shadowed in &loaded.shadowed {
            let (path, by) = (shadowed.path.display(), shadowed.by.display());
            tracing::info!(plugin = shadowed.name, %path, %by, "shadowed");
        }
        loaded
    }

    /// The plugins of a directory, as far as names tell: the paths that [`load_dir`](Host::load_dir)
    /// would look at, in the order of their names.
    ///
    /// # Errors
    /// The directory cannot be listed, or is a plugin's folder itself.
    pub fn list_dir(directory: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        loading::candidates(directory.as_ref())
    }

    /// What each plugin of a directory says of itself, as [`inspect`](Host::inspect) tells it of
    /// one; of those that [`load_dir`](Host::load_dir) would look at, in the order of their
    /// names.
    ///
    /// # Errors
    /// The directory cannot be listed, or is a plugin's folder itself.
    pub fn inspect_dir(directory: impl AsRef<Path>) -> Result<Vec<(PathBuf, Result<Inspection>)>> {
        let paths = Host::list_dir(directory)?.into_iter();
        Ok(paths.map(|path| (path.clone(), Host::inspect(path))).collect())
    }
}
