//! What plugins write to the host's log: events of `tracing`, alike for both kinds. And which of
//! the host's own are told elsewhere too.

/// The target of what is logged, and given to the caller as an error too.
pub(crate) const RETURNED: &str = "twinplug::returned";

/// The target of what is logged, and told by [`Host::events`](crate::Host::events) too.
pub(crate) const EVENT: &str = "twinplug::event";

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// Writes a plugin's message. It runs code of the embedding, which listens.
    pub(crate) fn write(self, plugin: &str, text: &str) {
        match self {
            LogLevel::Error => tracing::error!(plugin, "{text}"),
            LogLevel::Warn => tracing::warn!(plugin, "{text}"),
            LogLevel::Info => tracing::info!(plugin, "{text}"),
            LogLevel::Debug => tracing::debug!(plugin, "{text}"),
            LogLevel::Trace => tracing::trace!(plugin, "{text}"),
        }
    }
}
