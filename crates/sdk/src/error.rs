//! What a plugin's functions and the host's services report.

use std::fmt;

use twinplug_abi::{self as abi, Status};
use twinplug_value::{CallError, ConvertError};

/// A failure, with its text.
///
/// One of the host's may have more behind it: a traceback, what another plugin has thrown.
/// None of it is lost where a function returns it with `?`, or with a text of its own and
/// `: ` in front of it:
///
/// ```
/// # use twinplug_sdk::prelude::*;
/// fn level(host: &HostRef, number: i64) -> Result<f64> {
///     host.call("level", (number,)).map_err(|error| Error::new(format!("no level {number}: {error}")))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub(crate) status: Status,
    pub(crate) text: String,
}

/// What a plugin's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of the plugin's own; the host shows its text.
    #[must_use]
    pub fn new(text: impl fmt::Display) -> Self {
        Error { status: abi::ERROR, text: text.to_string() }
    }

    /// Whether the channel was closed: no more messages come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.status == abi::CLOSED
    }

    /// Whether a channel had no message, or no room for one: now, or in the time given.
    #[must_use]
    pub fn would_wait(&self) -> bool {
        self.status == abi::WOULD_WAIT
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Error { status: error.status(), text: error.to_string() }
    }
}

impl From<ConvertError> for Error {
    fn from(error: ConvertError) -> Self {
        Error { status: abi::TYPE, text: error.to_string() }
    }
}
