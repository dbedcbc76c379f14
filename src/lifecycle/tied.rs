//! Channels that end with a plugin.

use twinplug_value::Data;

use super::PluginRef;
use crate::channel::Channel;

impl<T: Data + Send + 'static> Channel<T> {
    /// A handle on the same channel that ends with the plugin too: once it is unloaded, waits
    /// end, sending fails, and receiving does once the channel is empty, with an error that
    /// [is closed](crate::Error::is_closed). Other handles go on.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder().channel::<i64>("answers", 0).build()?;
    /// let plugin = host.load_source("shy", "")?;
    /// let answers = host.channel::<i64>("answers")?.tied_to(&plugin);
    /// let waiter = std::thread::spawn(move || answers.recv());
    /// host.unload(plugin)?;
    /// let error = waiter.join().unwrap().unwrap_err();
    /// assert!(error.is_closed());
    /// assert_eq!(error.to_string(), "channel `answers` is tied to plugin `shy`, which was unloaded");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn tied_to(&self, plugin: &PluginRef) -> Channel<T> {
        self.tied(plugin.name(), plugin.life())
    }
}
