//! The host's functions and objects where native plugins call them, which they do through a
//! table and not through a service: to the plugin it is the same.

use std::panic::{AssertUnwindSafe, catch_unwind};

use twinplug_value::raw::{Foreign, Hosting};
use twinplug_value::{CallError, CallFault, ConvertError, Reference, panic_text};

use super::adopted::adopted;
use super::{leaf, makers};
use crate::error::Error;
use crate::plugin::Service;

/// All hosts of this process are one in this.
pub(super) static SERVING: Serving = Serving;

pub(super) struct Serving;

impl Hosting for Serving {
    fn foreign(&self) -> &dyn Foreign {
        self
    }

    fn serve(&self, call: &mut dyn FnMut() -> Result<(), CallError>) -> Result<(), CallError> {
        if leaf::runs() {
            return Err(CallError::new(CallFault::WrongState, leaf::BROKEN));
        }
        let running = Service::begin();
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(Ok(())) => {
                running.done();
                Ok(())
            }
            Ok(Err(error)) => {
                running.failed(error.text().to_owned(), Error::from(error.clone()));
                Err(error)
            }
            Err(panic) => {
                running.done();
                Err(CallError::new(CallFault::Panicked, panic_text(panic)))
            }
        }
    }
}

/// Of whoever has made a call.
impl Foreign for Serving {
    fn adopt(&self, theirs: Reference) -> Result<Reference, ConvertError> {
        if theirs.is_of_this_image() {
            return Ok(theirs);
        }
        match makers::of(theirs.maker()) {
            Some(image) => Ok(adopted(theirs, image)),
            None => Err(ConvertError::new(format!("a {} of no loaded plugin", theirs.kind()))),
        }
    }

    fn own(&self, _: &Reference) -> Option<Reference> {
        None
    }
}
