//! [`Loaded`]: what has become of a folder of plugins.

use std::fmt;
use std::path::PathBuf;

use super::PluginRef;
use crate::error::{Error, Result};

/// What [`Host::load_dir`](crate::Host::load_dir) has loaded, and what it has not.
#[derive(Debug, Default)]
#[must_use = "a plugin that was not loaded is told here alone"]
#[non_exhaustive]
pub struct Loaded {
    /// The plugins, in the order in which they were loaded; those too that were loaded
    /// before.
    pub plugins: Vec<PluginRef>,
    /// What was not loaded, and why, in the order of the paths.
    pub failures: Vec<LoadFailure>,
    /// What was passed over for a plugin of the same name in an earlier directory.
    pub shadowed: Vec<Shadowed>,
}

/// A plugin that was not loaded, or a directory that could not be listed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadFailure {
    /// The plugin's file or folder.
    pub path: PathBuf,
    /// Why, with the path. Of a plugin that lacks another one which failed, the message has
    /// the chain that leads there, and [`source`](std::error::Error::source) is that one's
    /// error.
    pub error: Error,
}

/// A plugin that was passed over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Shadowed {
    /// Its file or folder.
    pub path: PathBuf,
    /// The name that both have.
    pub name: String,
    /// The file or folder that has the name in an earlier directory.
    pub by: PathBuf,
}

impl Loaded {
    /// The plugins, if all were loaded.
    ///
    /// # Errors
    /// One was not; of several the message has each, a line each, and the kind is that of the
    /// first.
    pub fn all(self) -> Result<Vec<PluginRef>> {
        let [first, others @ ..] = &self.failures[..] else { return Ok(self.plugins) };
        if others.is_empty() {
            return Err(first.error.clone());
        }
        let count = self.failures.len();
        let lines: String = self.failures.iter().map(|failure| format!("\n  {failure}")).collect();
        let message = format!("{count} plugins were not loaded:{lines}");
        Err(Error::new(first.error.kind(), message).with_source(first.error.clone()))
    }
}

impl fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
