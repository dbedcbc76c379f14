//! What a host does where foreign code uses the references of its image.

use std::sync::OnceLock;

use super::{CallError, Foreign};

/// A host's part in the calls of functions and objects of its image, by code that is not.
pub trait Hosting: Sync {
    /// Takes over the references in the arguments. A call does not say who makes it, so that
    /// each must be told by itself.
    fn foreign(&self) -> &dyn Foreign;

    /// Runs a call, on the thread of who makes it.
    ///
    /// # Errors
    /// The call's, or it may not be made now.
    fn serve(&self, call: &mut dyn FnMut() -> Result<(), CallError>) -> Result<(), CallError>;
}

static HOSTING: OnceLock<&'static dyn Hosting> = OnceLock::new();

/// This image is a host's: foreign code uses its references. The first holds.
pub fn use_hosting(hosting: &'static dyn Hosting) {
    let _ = HOSTING.set(hosting);
}

pub(super) fn hosting() -> Option<&'static dyn Hosting> {
    HOSTING.get().copied()
}
