//! Where files have no owners and modes that tell who can change them: every path will do.

use std::fs::Metadata;
use std::path::Path;

use super::{Unsafe, Way};
use crate::file::Content;

/// What is known of a file: nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing;

impl Standing {
    pub(crate) fn of(_: &Metadata) -> Standing {
        Standing
    }
}

impl Way {
    pub(crate) fn to(path: &Path) -> Result<Way, Unsafe> {
        Ok(Way { path: path.to_owned(), shared: Vec::new(), end: None })
    }

    pub(crate) fn admit(&mut self, file: Content) -> Result<Vec<u8>, Unsafe> {
        Ok(file.bytes)
    }

    pub(crate) fn admit_earlier(&mut self, _: &Content) -> Result<(), Unsafe> {
        Ok(())
    }
}
