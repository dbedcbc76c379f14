//! A channel of a type that is known when the program runs: it carries values, and takes those of
//! its type alone.

use std::any::Any;
use std::sync::Arc;

use twinplug_value::{Source, TreeSource, Type, Value, from_source};

use super::{AnyChannel, Channel, Life, Message, Progress, Wait};
use crate::error::Result;

/// The host has it as a `Channel<Value>`, whose messages are not looked at.
pub(crate) struct DescribedChannel {
    channel: Channel<Value>,
    ty: Type,
}

impl DescribedChannel {
    pub(crate) fn new(name: &str, ty: Type, capacity: usize) -> DescribedChannel {
        DescribedChannel { channel: Channel::new(name, capacity), ty }
    }
}

impl AnyChannel for DescribedChannel {
    fn name(&self) -> &str {
        self.channel.name()
    }

    fn schema(&self) -> &Type {
        &self.ty
    }

    fn capacity(&self) -> usize {
        self.channel.capacity()
    }

    fn send_from(
        &self,
        message: &mut dyn Source,
        wait: Wait,
        life: &Arc<Life>,
    ) -> Result<Progress<()>> {
        let message = from_source::<Value>(message).and_then(|message| self.ty.coerce(message));
        let message = message.map_err(|error| error.of(format!("channel `{}`", self.name())))?;
        self.channel.send_from(&mut TreeSource::new(&message), wait, life)
    }

    fn receive(&self, wait: Wait, life: &Arc<Life>) -> Result<Progress<Box<dyn Message>>> {
        self.channel.receive(wait, life)
    }

    fn receive_many(&self, most: usize, life: &Arc<Life>) -> Result<Progress<Box<dyn Message>>> {
        self.channel.receive_many(most, life)
    }

    fn close(&self) {
        self.channel.close();
    }

    fn as_any(&self) -> &dyn Any {
        &self.channel
    }
}
