//! The channels that a host offers its plugins. They are made when the host is: how large and of what
//! type is all that is known before.

use std::sync::Arc;

use twinplug_value::{Data, Value};

use super::{HostBuilder, MakeChannel};
use crate::channel::{AnyChannel, Channel};

impl HostBuilder {
    /// Adds a channel of `T` that holds up to `capacity` messages; with 0 each send
    /// waits for a receive. [`Host::channel`](crate::Host::channel) gives the host's end of it, plugins ask
    /// for it by its name.
    #[must_use]
    pub fn channel<T: Data + Send + 'static>(self, name: &str, capacity: usize) -> Self {
        self.with_channel(name, move |name, least| {
            Arc::new(Channel::<T>::new(name, capacity.max(least)))
        })
    }

    /// Sees to it that there is a channel of that name which holds `least` messages or more: one that the
    /// builder has already is made larger where it has to be, whatever it carries, and where there is none
    /// a channel of values of any type (`Channel<Value>`) is added. So a tool talks to plugins over a
    /// builder that it has not written; [`Host::dynamic_channel`](crate::Host::dynamic_channel) is its end.
    ///
    /// ```
    /// let offered = twinplug::Host::builder().channel::<String>("log", 0);
    /// let host = offered.ensure_channel("log", 2).ensure_channel("data", 1).build()?;
    ///
    /// let log = host.channel::<String>("log")?;           // a channel of texts still
    /// log.try_send("one".to_owned())?;                     // for which there is room now
    /// assert_eq!(host.dynamic_channel("log")?.recv()?, "one".into());
    /// host.dynamic_channel("data")?.send(&7.into())?;
    /// # Ok::<(), twinplug::Error>(())
    /// ```
    #[must_use]
    pub fn ensure_channel(mut self, name: &str, least: usize) -> Self {
        let make: Arc<MakeChannel> = match self.channels.remove(name) {
            Some(make) => Arc::new(move |name, more| make(name, more.max(least))),
            None => {
                Arc::new(move |name, more| Arc::new(Channel::<Value>::new(name, more.max(least))))
            }
        };
        self.channels.insert(name.to_owned(), make);
        self
    }

    pub(in crate::host) fn with_channel(
        mut self,
        name: &str,
        make: impl Fn(&str, usize) -> Arc<dyn AnyChannel> + Send + Sync + 'static,
    ) -> Self {
        if self.channels.insert(name.to_owned(), Arc::new(make)).is_some() {
            self.refuse(format!("channel `{name}` is there twice"));
        }
        self
    }

    /// Makes the channels of a host for tests of plugins: each holds 1,024 messages at least, so that a
    /// plugin which sends waits for nobody, and any other name that is asked for is one as well, of
    /// values of any type (`Channel<Value>`).
    #[must_use]
    pub fn fake_channels(mut self) -> Self {
        self.has_fake_channels = true;
        self
    }
}
