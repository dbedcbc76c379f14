//! What is known of a plugin before it has run: where it is from, and who calls it how.

use std::fmt::Display;
use std::path::PathBuf;

use semver::Version;
use twinplug_value::Map;

use super::check_name;
use crate::error::{Error, ErrorKind, Result};

/// Where a plugin is from, and the names that it has from outside.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Its file; of one from memory, its name in place of a folder's.
    pub(crate) path: PathBuf,
    /// The name that the host gives it, whatever others say.
    pub(crate) given: Option<String>,
    /// What its manifest says; the plugin may not say otherwise.
    pub(crate) manifest_name: Option<String>,
    pub(crate) manifest_version: Option<Version>,
    /// What its path says, where nobody says anything.
    pub(crate) path_name: String,
    pub(crate) path_version: Option<Version>,
    /// Its configuration.
    pub(crate) config: Map,
}

impl Origin {
    /// Its name as far as it is known before it has run.
    pub(crate) fn name(&self) -> &str {
        self.given.as_ref().or(self.manifest_name.as_ref()).unwrap_or(&self.path_name)
    }

    /// Its version as far as it is known before it has run.
    pub(crate) fn version(&self) -> Option<&Version> {
        self.manifest_version.as_ref().or(self.path_version.as_ref())
    }

    /// Its name, now that it is known what it says itself.
    ///
    /// # Errors
    /// The manifest says another one, or it is none.
    pub(crate) fn settle_name(&self, own: Option<String>) -> Result<String> {
        agree("name", self.manifest_name.as_ref(), own.as_ref())?;
        let own = own.filter(|_| self.given.is_none());
        let name = own.unwrap_or_else(|| self.name().to_owned());
        check_name(&name).map_err(|fault| Error::new(ErrorKind::Load, fault))?;
        Ok(name)
    }

    /// Its version, now that it is known what it says itself.
    ///
    /// # Errors
    /// The manifest says another one.
    pub(crate) fn settle_version(&self, own: Option<Version>) -> Result<Version> {
        agree("version", self.manifest_version.as_ref(), own.as_ref())?;
        let known = own.or_else(|| self.version().cloned());
        Ok(known.unwrap_or(Version::new(0, 0, 0)))
    }
}

fn agree<T: Display + PartialEq>(what: &str, manifest: Option<&T>, own: Option<&T>) -> Result<()> {
    match (manifest, own) {
        (Some(manifest), Some(own)) if manifest != own => {
            let message = format!(
                "its manifest gives it the {what} `{manifest}`, and it gives itself `{own}`: let \
                 them agree, or leave one of them out"
            );
            Err(Error::new(ErrorKind::Refused, message))
        }
        _ => Ok(()),
    }
}
