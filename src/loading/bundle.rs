//! Scripts from memory: one text, or the files of a plugin's folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::manifest::{self, Manifest, Of};
use super::search::cannot_load;
use crate::error::{Error, ErrorKind, Result, near};
use crate::plugin::{Origin, check_name};

/// A script, and the files that it may require.
pub(crate) struct Bundle {
    name: String,
    /// What messages call the script.
    pub(crate) chunk: String,
    pub(crate) path: PathBuf,
    pub(crate) text: Vec<u8>,
    /// By their path in the folder, with `/`.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) manifest: Manifest,
}

impl Bundle {
    /// One text without further files.
    pub(crate) fn source(name: &str, text: &[u8]) -> Result<Bundle> {
        check(name)?;
        Ok(Bundle {
            name: name.to_owned(),
            chunk: name.to_owned(),
            path: name.into(),
            text: text.to_owned(),
            files: BTreeMap::new(),
            manifest: Manifest::default(),
        })
    }

    /// The files of a folder.
    pub(crate) fn files(name: &str, files: BTreeMap<String, Vec<u8>>) -> Result<Bundle> {
        check(name)?;
        let folder = PathBuf::from(name);
        let manifest = match files.get(manifest::FILE) {
            Some(text) => Manifest::parse(&folder.join(manifest::FILE), text, Of::Folder)
                .map_err(|error| cannot_load(&folder, error))?,
            None => Manifest::default(),
        };
        let entry = manifest.entry.as_deref().unwrap_or("init.lua");
        let Some(text) = files.get(entry) else {
            let near = near(entry, files.keys().map(String::as_str));
            let message = format!("cannot load `{name}`: no `{entry}` among its files{near}");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        Ok(Bundle {
            name: name.to_owned(),
            chunk: entry.to_owned(),
            path: folder.join(entry),
            text: text.clone(),
            files,
            manifest,
        })
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin {
            path: self.path.clone(),
            given: Some(self.name.clone()),
            path_name: self.name.clone(),
            path_version: None,
            said: vec![self.manifest.said()],
            config: self.manifest.config.clone(),
            permissions: self.manifest.permissions.clone(),
            requires: self.manifest.requires.clone(),
            over: self.manifest.over(),
            on_fault: self.manifest.on_fault,
        }
    }

    /// The folder that its files would be in.
    pub(crate) fn folder(&self) -> PathBuf {
        self.name.as_str().into()
    }
}

fn check(name: &str) -> Result<()> {
    check_name(name).map_err(|fault| {
        Error::new(ErrorKind::Refused, format!("cannot load a plugin from memory: {fault}"))
    })
}
