//! What is known of a plugin before it has run: where it is from, and who calls it how.

use std::path::PathBuf;

use semver::Version;

use super::check_name;
use crate::error::{Error, ErrorKind, Result};

/// Where a plugin is from, and the names that it has from outside.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Its file; of one from memory, its name in place of a folder's.
    pub(crate) path: PathBuf,
    /// The name that the host gives it, whatever others say.
    pub(crate) given: Option<String>,
    /// What its path says, where nobody says anything.
    pub(crate) path_name: String,
    pub(crate) path_version: Option<Version>,
}

impl Origin {
    /// Its name as far as it is known before it has run.
    pub(crate) fn name(&self) -> &str {
        self.given.as_deref().unwrap_or(&self.path_name)
    }

    /// Its name, now that it is known what it says itself.
    ///
    /// # Errors
    /// The name is none.
    pub(crate) fn settle_name(&self, own: Option<String>) -> Result<String> {
        let name = self.given.clone().or(own).unwrap_or_else(|| self.path_name.clone());
        check_name(&name).map_err(|fault| Error::new(ErrorKind::Load, fault))?;
        Ok(name)
    }

    /// Its version, now that it is known what it says itself.
    pub(crate) fn settle_version(&self, own: Option<Version>) -> Version {
        own.or_else(|| self.path_version.clone()).unwrap_or(Version::new(0, 0, 0))
    }
}
