//! What is known of a plugin before it has run: where it is from, and who calls it how.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;

use semver::Version;
use twinplug_value::Map;

use super::{OnFault, Over, Permission, Requirement, check_name};
use crate::error::{Error, ErrorKind, Result};

/// Where a plugin is from, and the names that it has from outside.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// Its file; of one from memory, its name in place of a folder's.
    pub(crate) path: PathBuf,
    /// The name that the host gives it, whatever others say.
    pub(crate) given: Option<String>,
    /// What is said of it before its code runs; all of it agrees.
    pub(crate) said: Vec<Said>,
    /// What its path says, where nobody says anything.
    pub(crate) path_name: String,
    pub(crate) path_version: Option<Version>,
    /// Its configuration.
    pub(crate) config: Map,
    /// What its manifest asks for; once its code runs, what it was granted.
    pub(crate) permissions: BTreeSet<Permission>,
    /// The plugins that it needs, a name once.
    pub(crate) requires: Vec<Requirement>,
    /// What it is a layer over.
    pub(crate) over: Option<Over>,
    /// What its manifest says of calls that fail, of a layer.
    pub(crate) on_fault: Option<OnFault>,
}

/// What one of them says that may name a plugin: its manifest, a script's first comments.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Who says it, as messages put it.
    pub(crate) by: String,
    /// In which line of the plugin's own file.
    pub(crate) line: Option<u32>,
    pub(crate) name: Option<String>,
    pub(crate) version: Option<Version>,
}

impl Origin {
    /// Hears one more.
    ///
    /// # Errors
    /// It says another thing than one before.
    #[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "a script's comments alone"))]
    pub(crate) fn hear(&mut self, said: Said) -> Result<()> {
        let by = format!("{} gives it", said.by);
        self.agree("name", self.said_name(), said.name.as_ref(), &by)
            .and_then(|()| self.agree("version", self.said_version(), said.version.as_ref(), &by))
            .map_err(|error| self.at(error, said.line))?;
        self.said.push(said);
        Ok(())
    }

    /// Hears which plugin it needs, of a line of its own file.
    ///
    /// # Errors
    /// Its manifest says another range.
    #[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "a script's comments alone"))]
    pub(crate) fn require(&mut self, requirement: &Requirement, line: u32) -> Result<()> {
        let Requirement { name, range, .. } = requirement;
        match self.requires.iter().find(|other| other.name == *name) {
            None => self.requires.push(requirement.clone()),
            Some(other) if other.range == *range => {}
            Some(other) => {
                let message = format!(
                    "its manifest requires `{name}` {}, and `---@requires` in line {line} {range}: \
                     let them agree, or leave one of them out",
                    other.range
                );
                let error = Error::new(ErrorKind::Refused, message);
                return Err(error.with_location(&self.path, line));
            }
        }
        Ok(())
    }

    /// Hears what it is a layer over, of a line of its own file.
    ///
    /// # Errors
    /// Its manifest says another plugin.
    #[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "a script's comments alone"))]
    pub(crate) fn lie_over(&mut self, plugin: &str, line: u32) -> Result<()> {
        match &self.over {
            Some(over) if over.plugin != plugin => {
                let message = format!(
                    "its manifest says that it is over `{}`, and `---@over` in line {line} `{plugin}`: \
                     let them agree, or leave one of them out",
                    over.plugin
                );
                let error = Error::new(ErrorKind::Refused, message);
                Err(error.with_location(&self.path, line))
            }
            Some(_) => Ok(()),
            None => {
                let (plugin, on_fault) = (plugin.to_owned(), self.on_fault.unwrap_or_default());
                self.over = Some(Over { plugin, on_fault });
                Ok(())
            }
        }
    }

    /// Its name as far as it is known before it has run.
    pub(crate) fn name(&self) -> &str {
        let said = self.said_name().map(|(_, name)| name);
        self.given.as_ref().or(said).unwrap_or(&self.path_name)
    }

    /// Its version as far as it is known before it has run.
    pub(crate) fn version(&self) -> Option<&Version> {
        let said = self.said_version().map(|(_, version)| version);
        said.or(self.path_version.as_ref())
    }

    /// Its name, now that it is known what it says itself.
    ///
    /// # Errors
    /// It was said to be another one, or it is none.
    pub(crate) fn settle_name(&self, own: Option<String>) -> Result<String> {
        self.agree("name", self.said_name(), own.as_ref(), ITSELF)?;
        let own = own.filter(|_| self.given.is_none());
        let name = own.unwrap_or_else(|| self.name().to_owned());
        check_name(&name).map_err(|fault| Error::new(ErrorKind::Load, fault))?;
        Ok(name)
    }

    /// Its version, now that it is known what it says itself.
    ///
    /// # Errors
    /// It was said to be another one.
    pub(crate) fn settle_version(&self, own: Option<Version>) -> Result<Version> {
        self.agree("version", self.said_version(), own.as_ref(), ITSELF)?;
        let known = own.or_else(|| self.version().cloned());
        Ok(known.unwrap_or(Version::new(0, 0, 0)))
    }

    /// The name that is said, and by whom first.
    fn said_name(&self) -> Option<(&Said, &String)> {
        self.said.iter().find_map(|said| Some((said, said.name.as_ref()?)))
    }

    fn said_version(&self) -> Option<(&Said, &Version)> {
        self.said.iter().find_map(|said| Some((said, said.version.as_ref()?)))
    }

    fn agree<T: Display + PartialEq>(
        &self,
        what: &str,
        first: Option<(&Said, &T)>,
        then: Option<&T>,
        by: &str,
    ) -> Result<()> {
        match (first, then) {
            (Some((said, first)), Some(then)) if first != then => {
                let message = format!(
                    "{} gives it the {what} `{first}`, and {by} `{then}`: let them agree, or leave \
                     one of them out",
                    said.by
                );
                Err(self.at(Error::new(ErrorKind::Refused, message), said.line))
            }
            _ => Ok(()),
        }
    }

    fn at(&self, error: Error, line: Option<u32>) -> Error {
        match line {
            Some(line) => error.with_location(&self.path, line),
            None => error,
        }
    }
}

/// How messages put what a plugin's code says.
const ITSELF: &str = "it gives itself";
