//! A channel as plugins see it, whatever it carries.

use std::sync::Arc;
use std::time::Duration;

use twinplug_value::{ConvertError, Data, Sink, Source, Type, from_source, to_sink, write};

use super::{Channel, Inner, Life};
use crate::error::{Error, Result};
use crate::plugin::{cannot_wait, held};

/// A message on its way into a plugin, or a list of several.
pub(crate) trait Message: Send {
    fn write(&self, sink: &mut dyn Sink) -> Result<(), ConvertError>;
    /// The plugin is gone that it was for: it goes to the next receiver.
    fn give_back(self: Box<Self>);
}

struct One<T> {
    message: T,
    from: Arc<Inner<T>>,
}

struct Many<T> {
    messages: Vec<T>,
    from: Arc<Inner<T>>,
}

impl<T: Data + Send + 'static> Message for One<T> {
    fn write(&self, sink: &mut dyn Sink) -> Result<(), ConvertError> {
        write(&self.message, sink)
    }

    fn give_back(self: Box<Self>) {
        self.from.queue.give_back(self.message);
    }
}

impl<T: Data + Send + 'static> Message for Many<T> {
    fn write(&self, sink: &mut dyn Sink) -> Result<(), ConvertError> {
        to_sink(&self.messages, sink)
    }

    fn give_back(self: Box<Self>) {
        let Many { messages, from } = *self;
        messages.into_iter().rev().for_each(|message| from.queue.give_back(message));
    }
}

/// How long a step may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Never,
    For(Duration),
    Ever,
}

/// A step that is done, or that must wait: whoever holds a plugin lets go of it,
/// runs the rest, and comes back.
pub(crate) enum Progress<T> {
    Done(T),
    Waits(Box<dyn FnOnce() -> Result<T> + Send>),
}

impl<T> Progress<T> {
    /// Waits on this thread, where that is possible, by way of `waits`.
    pub(crate) fn finish(
        self,
        channel: &dyn AnyChannel,
        waits: impl FnOnce(Box<dyn FnOnce() -> Result<T> + Send>) -> Result<T>,
    ) -> Result<T> {
        match self {
            Progress::Done(done) => Ok(done),
            Progress::Waits(wait) if held() == 0 => waits(wait),
            Progress::Waits(_) => Err(cannot_wait(format_args!("channel `{}`", channel.name()))),
        }
    }
}

/// A channel as plugins see it. Their waits end with their lives; where a step may not wait
/// that long, it is an error that [would wait](Error::would_wait).
pub(crate) trait AnyChannel: Send + Sync {
    fn name(&self) -> &str;
    fn schema(&self) -> &Type;
    /// How many messages it holds.
    fn capacity(&self) -> usize;
    /// Reads a message from a plugin's memory and sends it.
    fn send_from(
        &self,
        message: &mut dyn Source,
        wait: Wait,
        life: &Arc<Life>,
    ) -> Result<Progress<()>>;
    /// Receives a message.
    fn receive(&self, wait: Wait, life: &Arc<Life>) -> Result<Progress<Box<dyn Message>>>;
    /// Receives a list of up to so many, but at least one.
    fn receive_many(&self, most: usize, life: &Arc<Life>) -> Result<Progress<Box<dyn Message>>>;
    fn close(&self);
    /// The typed channel, for who knows the type.
    fn as_any(&self) -> &dyn std::any::Any;
}

impl<T: Data + Send + 'static> AnyChannel for Channel<T> {
    fn name(&self) -> &str {
        self.name()
    }

    fn schema(&self) -> &Type {
        T::SCHEMA
    }

    fn capacity(&self) -> usize {
        self.inner.queue.capacity()
    }

    fn send_from(
        &self,
        message: &mut dyn Source,
        wait: Wait,
        life: &Arc<Life>,
    ) -> Result<Progress<()>> {
        let message = from_source(message)
            .map_err(|error| error.of(format!("channel `{}`", self.inner.name)))?;
        match self.inner.try_send(message) {
            Ok(()) => Ok(Progress::Done(())),
            Err((message, error)) => {
                let timeout = wait.after(error)?;
                let (inner, life) = (Arc::clone(&self.inner), Arc::clone(life));
                let wait = move || inner.send(message, timeout, Some(&life));
                Ok(Progress::Waits(Box::new(wait)))
            }
        }
    }

    fn receive(&self, wait: Wait, life: &Arc<Life>) -> Result<Progress<Box<dyn Message>>> {
        match self.inner.try_recv() {
            Ok(message) => Ok(Progress::Done(self.one(message))),
            Err(error) => {
                let timeout = wait.after(error)?;
                let (channel, life) = (self.clone(), Arc::clone(life));
                Ok(Progress::Waits(Box::new(move || {
                    let message = channel.inner.recv(timeout, Some(&life))?;
                    Ok(channel.one(message))
                })))
            }
        }
    }

    fn receive_many(&self, most: usize, life: &Arc<Life>) -> Result<Progress<Box<dyn Message>>> {
        if most == 0 {
            return Ok(Progress::Done(self.many(Vec::new(), 0)));
        }
        match self.inner.try_recv() {
            Ok(first) => Ok(Progress::Done(self.many(vec![first], most))),
            Err(error) => {
                let timeout = Wait::Ever.after(error)?;
                let (channel, life) = (self.clone(), Arc::clone(life));
                Ok(Progress::Waits(Box::new(move || {
                    let first = channel.inner.recv(timeout, Some(&life))?;
                    Ok(channel.many(vec![first], most))
                })))
            }
        }
    }

    fn close(&self) {
        self.close();
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

impl<T: Data + Send + 'static> Channel<T> {
    fn one(&self, message: T) -> Box<dyn Message> {
        Box::new(One { message, from: Arc::clone(&self.inner) })
    }

    fn many(&self, mut messages: Vec<T>, most: usize) -> Box<dyn Message> {
        self.inner.queue.take_more(&mut messages, most);
        Box::new(Many { messages, from: Arc::clone(&self.inner) })
    }
}

impl Wait {
    /// How long it goes on after this error of a step that did not wait, if it does.
    fn after(self, error: Error) -> Result<Option<Duration>> {
        match self {
            Wait::For(time) if error.would_wait() => Ok(Some(time)),
            Wait::Ever if error.would_wait() => Ok(None),
            _ => Err(error),
        }
    }
}
