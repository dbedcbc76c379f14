//! Calls of functions and objects as values: what they answer, and what comes of that.
//!
//! An answer carries its text alone. What else is known of an error is kept, as of one that
//! native code passes on, and found again by who gets it.

use twinplug_value::{CallError, CallFault};

use super::context::contained;
use super::passed_on::{Service, found};
use crate::error::{Error, ErrorKind, Result, WaitFault};

/// Answers a call of what is the host's or a script's.
#[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "of scripts alone, for now"))]
pub(crate) fn answer_call(run: impl FnOnce() -> Result<()>) -> Result<(), CallError> {
    let running = Service::begin();
    let Err(error) = contained(run) else {
        running.done();
        return Ok(());
    };
    let fault = match (error.wait(), error.kind()) {
        (Some(WaitFault::CannotWait), _) => CallFault::CannotWait,
        (_, ErrorKind::NotFound) => CallFault::NotFound,
        (_, ErrorKind::Type) => CallFault::Type,
        (_, ErrorKind::Stale) => CallFault::Stale,
        _ => CallFault::Failed,
    };
    let text = error.to_string();
    running.failed(text.clone(), error);
    Err(CallError::new(fault, text))
}

/// The error of a call.
#[cold]
pub(crate) fn call_failed(error: CallError) -> Error {
    let text = error.to_string();
    if let Some(inner) = found(&text) {
        return inner;
    }
    let kind = match error.fault() {
        CallFault::Stale => ErrorKind::Stale,
        CallFault::NotFound => ErrorKind::NotFound,
        CallFault::Type => ErrorKind::Type,
        _ => ErrorKind::Call,
    };
    Error::new(kind, text)
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        call_failed(error)
    }
}
