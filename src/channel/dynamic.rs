//! [`DynamicChannel`]: the host's end of a channel whatever it carries, for who does not know its type.
//! It has values alone, and neither selects nor awaits.

use std::fmt;
use std::sync::Arc;

use twinplug_value::{Tree, TreeSource, Type, Value};

use super::{AnyChannel, Life, Wait};
use crate::error::{Error, Result};

/// The host's end of a channel, whatever it carries: its messages are [`Value`]s here. Where the type
/// is known, [`Channel`](crate::Channel) does more, and does not convert.
///
/// ```
/// let host = twinplug::Host::builder().channel::<f64>("sizes", 4).build()?;
/// let sizes = host.dynamic_channel("sizes")?;
/// sizes.send(&1.5.into())?;
/// assert_eq!(sizes.recv()?, 1.5.into());
/// let error = sizes.send(&"large".into()).unwrap_err();
/// assert_eq!(error.to_string(), "channel `sizes`: expected float, got string");
/// # Ok::<(), twinplug::Error>(())
/// ```
#[derive(Clone)]
pub struct DynamicChannel {
    channel: Arc<dyn AnyChannel>,
    /// That of the host's end does not end.
    life: Arc<Life>,
}

impl DynamicChannel {
    pub(crate) fn new(channel: Arc<dyn AnyChannel>) -> DynamicChannel {
        DynamicChannel { channel, life: Arc::default() }
    }

    /// The channel's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.channel.name()
    }

    /// The type of its messages.
    #[must_use]
    pub fn ty(&self) -> &Type {
        self.channel.schema()
    }

    /// Sends a message. Waits until there is room; with capacity 0 until a receiver has taken it.
    ///
    /// # Errors
    /// It is not of the channel's type, the channel is closed, or waiting is not possible here.
    pub fn send(&self, message: &Value) -> Result<()> {
        let mut message = TreeSource::new(message);
        let sent = self.channel.send_from(&mut message, Wait::Ever, &self.life)?;
        sent.finish(&*self.channel, |wait| wait())
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// The channel is closed and empty ([`Error::is_closed`]), or waiting is not possible here. A message
    /// that no value can be, as a number out of range, is gone.
    pub fn recv(&self) -> Result<Value> {
        let received = self.channel.receive(Wait::Ever, &self.life)?;
        let message = received.finish(&*self.channel, |wait| wait())?;
        let mut tree = Tree::default();
        let written = message.write(&mut tree);
        written.map_err(|error| Error::from(error.of(format!("channel `{}`", self.name()))))?;
        Ok(tree.into_value())
    }

    /// Closes the channel: sending fails from now on, receiving once what it holds was received. Waits
    /// end.
    pub fn close(&self) {
        self.channel.close();
    }
}

impl fmt::Debug for DynamicChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DynamicChannel").field(&self.name()).finish()
    }
}
