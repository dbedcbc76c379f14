//! Messages for the host's log: `log::info!("{count} guests")`.
//!
//! ```
//! use twinplug_sdk::log;
//!
//! log::warn!("{} of {} seats are taken", 3, 4);
//! ```
//!
//! Import the module, as the names of the macros are other crates' too; the prelude
//! leaves it out. Before a host has loaded the plugin, as in a test of the author's
//! own, messages go to standard error.

use std::fmt;

use twinplug_abi as abi;

use crate::host;

#[doc(inline)]
pub use crate::{
    __log_debug as debug, __log_error as error, __log_info as info, __log_trace as trace,
    __log_warn as warn,
};

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Level {
    /// Something failed.
    Error = abi::LOG_ERROR,
    /// Something is not as it should be.
    Warn = abi::LOG_WARN,
    /// What happens.
    Info = abi::LOG_INFO,
    /// For who looks for a fault.
    Debug = abi::LOG_DEBUG,
    /// Each step.
    Trace = abi::LOG_TRACE,
}

impl Level {
    /// The level of that number in the ABI.
    pub(crate) fn of(number: u32) -> Option<Level> {
        [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace]
            .into_iter()
            .find(|level| *level as u32 == number)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        })
    }
}

/// What the macros call.
#[doc(hidden)]
pub fn write(level: Level, text: fmt::Arguments<'_>) {
    match (host::current(), text.as_str()) {
        (Some(host), Some(text)) => host.log(level, text),
        (Some(host), None) => host.log(level, &text.to_string()),
        (None, _) => {
            use std::io::Write;
            // Nobody is left to tell if standard error is gone.
            let _ = writeln!(std::io::stderr(), "{level}: {text}");
        }
    }
}

/// A message of level error, as `std::format!` formats.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($arg:tt)+) => {
        $crate::log::write($crate::log::Level::Error, ::core::format_args!($($arg)+))
    };
}

/// A message of level warn, as `std::format!` formats.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($arg:tt)+) => {
        $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($arg)+))
    };
}

/// A message of level info, as `std::format!` formats.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($arg:tt)+) => {
        $crate::log::write($crate::log::Level::Info, ::core::format_args!($($arg)+))
    };
}

/// A message of level debug, as `std::format!` formats.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($arg:tt)+) => {
        $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($arg)+))
    };
}

/// A message of level trace, as `std::format!` formats.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace {
    ($($arg:tt)+) => {
        $crate::log::write($crate::log::Level::Trace, ::core::format_args!($($arg)+))
    };
}
