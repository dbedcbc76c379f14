//! Calls of functions and objects as values: what they answer, and what comes of that. Nothing
//! that is known of an error is lost on the way.

use twinplug_value::{CallError, CallFault, Value};

use super::contained::contained;
use crate::error::{Error, ErrorKind, Result, WaitFault};

/// Answers a call of what is the host's or a script's.
#[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "of scripts alone"))]
pub(crate) fn answer_call(run: impl FnOnce() -> Result<()>) -> Result<(), CallError> {
    contained(run).map_err(CallError::from)
}

/// The results of a call where there is room for one: several are a list of them.
pub(crate) fn as_one(mut results: Vec<Value>) -> Value {
    match results.len() {
        0 => Value::Null,
        1 => results.remove(0),
        _ => Value::List(results),
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        CallError::new(call_fault(&error), error.to_string()).with_cause(error)
    }
}

/// What an error is to who has made a call.
pub(crate) fn call_fault(error: &Error) -> CallFault {
    match (error.wait(), error.kind()) {
        (Some(WaitFault::Closed), _) => CallFault::Closed,
        (Some(WaitFault::CannotWait), _) => CallFault::CannotWait,
        (Some(WaitFault::WouldWait), _) => CallFault::WouldWait,
        (None, ErrorKind::NotFound) => CallFault::NotFound,
        (None, ErrorKind::Type) => CallFault::Type,
        (None, ErrorKind::Stale) => CallFault::Stale,
        (None, _) => CallFault::Failed,
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        if let Some(cause) = error.cause::<Error>() {
            return cause.clone();
        }
        let (kind, wait) = match error.fault() {
            CallFault::NotFound => (ErrorKind::NotFound, None),
            CallFault::Type => (ErrorKind::Type, None),
            CallFault::Stale => (ErrorKind::Stale, None),
            CallFault::Closed => (ErrorKind::Channel, Some(WaitFault::Closed)),
            CallFault::CannotWait => (ErrorKind::Channel, Some(WaitFault::CannotWait)),
            CallFault::WouldWait => (ErrorKind::Channel, Some(WaitFault::WouldWait)),
            _ => (ErrorKind::Call, None),
        };
        let ours = Error::new(kind, error.to_string());
        match wait {
            Some(wait) => ours.with_wait(wait),
            None => ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_comes_back_as_it_went() {
        let error = Error::new(ErrorKind::Io, "text").in_plugin("plugin").with_traceback("here");
        let call = CallError::from(error);
        assert_eq!(call.to_string(), "plugin `plugin`: text");
        assert_eq!(call.fault(), CallFault::Failed);
        let back = Error::from(call);
        assert_eq!((back.kind(), back.plugin()), (ErrorKind::Io, Some("plugin")));
        assert_eq!((back.traceback(), back.message()), (Some("here"), "text"));
    }

    #[test]
    fn the_kind_follows_from_the_status() {
        let check = |fault, expected| {
            let error = Error::from(CallError::new(fault, "text"));
            assert_eq!((error.kind(), call_fault(&error)), (expected, fault));
        };
        check(CallFault::Failed, ErrorKind::Call);
        check(CallFault::NotFound, ErrorKind::NotFound);
        check(CallFault::Type, ErrorKind::Type);
        check(CallFault::Stale, ErrorKind::Stale);
        check(CallFault::Closed, ErrorKind::Channel);
        check(CallFault::CannotWait, ErrorKind::Channel);
        check(CallFault::WouldWait, ErrorKind::Channel);
        let panicked = Error::from(CallError::new(CallFault::Panicked, "text"));
        assert_eq!((panicked.kind(), panicked.message()), (ErrorKind::Call, "panicked: text"));
    }
}
