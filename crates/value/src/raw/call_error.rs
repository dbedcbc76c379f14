//! [`CallError`]: why a function or a method has answered no value.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};

use twinplug_abi::{self as abi, Status};

use crate::{ConvertError, Fault};

/// Why a function or a method has answered no value.
#[derive(Clone, Debug)]
pub struct CallError {
    status: Status,
    text: String,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kind of a [`CallError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallFault {
    /// It failed; the text says why.
    Failed,
    /// It panicked.
    Panicked,
    /// There is no method of that name, or what it asked for is not there.
    NotFound,
    /// A value of another type.
    Type,
    /// A channel was closed.
    Closed,
    /// What was called is gone: its plugin was unloaded.
    Stale,
    /// It may not be called now.
    WrongState,
    /// There is no memory.
    NoMemory,
    /// It would have to wait, where that is not possible.
    CannotWait,
    /// It would have had to wait, or to wait longer.
    WouldWait,
}

const STATUSES: [(Status, CallFault); 10] = [
    (abi::ERROR, CallFault::Failed),
    (abi::PANIC, CallFault::Panicked),
    (abi::NOT_FOUND, CallFault::NotFound),
    (abi::TYPE, CallFault::Type),
    (abi::CLOSED, CallFault::Closed),
    (abi::RETIRED, CallFault::Stale),
    (abi::WRONG_STATE, CallFault::WrongState),
    (abi::NO_MEMORY, CallFault::NoMemory),
    (abi::CANNOT_WAIT, CallFault::CannotWait),
    (abi::WOULD_WAIT, CallFault::WouldWait),
];

impl CallFault {
    /// What a status stands for; one that is not known, for a failure.
    #[must_use]
    pub fn of_status(status: Status) -> Self {
        let known = STATUSES.into_iter().find(|(known, _)| *known == status);
        known.map_or(CallFault::Failed, |(_, kind)| kind)
    }

    /// The status that stands for it.
    #[must_use]
    pub fn status(self) -> Status {
        let status = STATUSES.into_iter().find(|(_, kind)| *kind == self);
        status.map_or(abi::ERROR, |(status, _)| status)
    }
}

/// Makes an error of what a function has returned as its own.
pub type OfFault = fn(Fault) -> CallError;

static OF_FAULT: OnceLock<OfFault> = OnceLock::new();

/// How the errors are made of which a host knows more than their text; the first holds.
pub fn use_faults(of_fault: OfFault) {
    let _ = OF_FAULT.set(of_fault);
}

impl CallError {
    /// A failure of that kind.
    #[must_use]
    pub fn new(fault: CallFault, text: impl Into<String>) -> Self {
        CallError::of_status(fault.status(), text)
    }

    /// A failure of that status, never `OK`.
    #[must_use]
    pub fn of_status(status: Status, text: impl Into<String>) -> Self {
        CallError { status, text: text.into(), cause: None }
    }

    /// The same, with all that is known of it.
    #[must_use]
    pub fn with_cause(self, cause: impl Error + Send + Sync + 'static) -> Self {
        CallError { cause: Some(Arc::new(cause)), ..self }
    }

    #[cold]
    pub(super) fn failed(fault: Fault) -> Self {
        match OF_FAULT.get() {
            Some(of_fault) => of_fault(fault),
            None => CallError::new(CallFault::Failed, fault.into_text()),
        }
    }

    /// The status, as the ABI has it.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn fault(&self) -> CallFault {
        CallFault::of_status(self.status)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// The error that it was made of, if it is an `E`.
    #[must_use]
    pub fn cause<E: Error + 'static>(&self) -> Option<&E> {
        self.cause.as_deref()?.downcast_ref()
    }
}

/// Of the same status and text.
impl PartialEq for CallError {
    fn eq(&self, other: &Self) -> bool {
        (self.status, &self.text) == (other.status, &other.text)
    }
}

impl Eq for CallError {}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.status == abi::PANIC {
            f.write_str("panicked: ")?;
        }
        f.write_str(&self.text)
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl From<ConvertError> for CallError {
    fn from(error: ConvertError) -> Self {
        CallError::new(CallFault::Type, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_status() {
        for (status, kind) in STATUSES {
            let error = CallError::new(kind, "text");
            assert_eq!((error.status(), error.fault()), (status, kind));
        }
        assert_eq!(CallFault::of_status(99), CallFault::Failed);
    }
}
