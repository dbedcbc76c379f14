//! Scripts from memory: one text, or the files of a plugin's folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result, near};
use crate::plugin::{Origin, check_name};

/// The file that a folder's plugin starts in.
const ENTRY: &str = "init.lua";

/// A script, and the files that it may require.
pub(crate) struct Bundle {
    name: String,
    /// What messages call the script.
    pub(crate) chunk: String,
    pub(crate) path: PathBuf,
    pub(crate) text: Vec<u8>,
    /// By their path in the folder, with `/`.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
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
        })
    }

    /// The files of a folder.
    pub(crate) fn files(name: &str, files: BTreeMap<String, Vec<u8>>) -> Result<Bundle> {
        check(name)?;
        let Some(text) = files.get(ENTRY) else {
            let near = near(ENTRY, files.keys().map(String::as_str));
            let message = format!("cannot load `{name}`: no `{ENTRY}` among its files{near}");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let (name, text) = (name.to_owned(), text.clone());
        Ok(Bundle {
            path: PathBuf::from(&name).join(ENTRY),
            chunk: ENTRY.into(),
            name,
            text,
            files,
        })
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin {
            path: self.path.clone(),
            given: Some(self.name.clone()),
            path_name: self.name.clone(),
            path_version: None,
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
