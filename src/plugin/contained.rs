//! The embedding's own code, which plugins have caused to run: a panic in it is an error of the
//! plugin's call, and so is an error that it returns, with what is known of that.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use twinplug_value::{CallError, Fault, panic_text};

use crate::error::{Error, ErrorKind, Result};

/// The same of a function that is a value.
pub(crate) fn returned_fault(fault: Fault) -> CallError {
    failed(fault).into()
}

/// The error of a function that returned one. If that is one of ours, alone, in a box or
/// as the source of what is in the box, its inside goes on to the caller.
pub(super) fn failed(fault: Fault) -> Error {
    let (text, error) = fault.into_parts();
    let ours = match error.downcast::<Error>() {
        Ok(error) => Some(*error),
        Err(error) => match error.downcast::<CallError>() {
            Ok(error) => Some(Error::from(*error)),
            Err(error) => boxed(&*error).and_then(ours),
        },
    };
    let failed = Error::new(ErrorKind::Call, text);
    match ours {
        Some(ours) => failed.with_inside_of(&ours).with_source(ours),
        None => failed,
    }
}

/// What is in the boxes that `?` makes.
fn boxed(error: &dyn Any) -> Option<&(dyn std::error::Error + 'static)> {
    type Plain = Box<dyn std::error::Error>;
    type Sent = Box<dyn std::error::Error + Send>;
    type Shared = Box<dyn std::error::Error + Send + Sync>;
    None.or_else(|| Some(&**error.downcast_ref::<Plain>()?))
        .or_else(|| Some(&**error.downcast_ref::<Sent>()? as _))
        .or_else(|| Some(&**error.downcast_ref::<Shared>()? as _))
}

/// The first of our errors in a chain of sources.
fn ours(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.into_iter().find_map(|error| error.downcast_ref::<Error>().cloned())
}

/// Runs code of the embedding that a plugin has caused to run; a panic in it is an
/// error of the plugin's call.
pub(crate) fn contained<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(panic)))
}

/// Wakes whoever waits for that, which is the embedding's code.
pub(crate) fn wake(waker: Waker, waits_for: &str) {
    let woken = contained(|| {
        waker.wake();
        Ok(())
    });
    if let Err(error) = woken {
        tracing::warn!(%error, "a waker of {waits_for}");
    }
}

#[cold]
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Error {
    panicked_with(&panic_text(panic))
}

#[cold]
pub(super) fn panicked_with(text: &str) -> Error {
    Error::new(ErrorKind::Call, format!("panicked: {text}"))
}
