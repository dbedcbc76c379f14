//! Typed, bounded channels between the host and its plugins.
//!
//! The queue is `queue`; here are its two faces: typed for the host, and erased
//! for plugins, whose messages are converted straight from and to their memory.

mod queue;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use twinplug_value::{ConvertError, Data, Sink, Source, Type, from_source, to_sink};

use crate::error::{Error, ErrorKind, Limit, Result, WaitFault};
use crate::plugin::{cannot_wait, deadline, held};
use queue::{Outcome, Queue};

/// The host's end of a channel; any number of clones may send and receive, each
/// message goes to one receiver.
///
/// ```
/// let host = twinplug::Host::builder().channel::<i64>("ticks", 1).build()?;
/// let ticks = host.channel::<i64>("ticks")?;
/// ticks.send(7)?;
/// assert_eq!(ticks.recv()?, 7);
/// ticks.close();
/// assert!(ticks.recv().unwrap_err().is_closed());
/// # Ok::<(), twinplug::Error>(())
/// ```
pub struct Channel<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    name: String,
    queue: Queue<T>,
}

impl<T: Data + Send + 'static> Channel<T> {
    pub(crate) fn new(name: &str, capacity: usize) -> Self {
        Channel { inner: Arc::new(Inner { name: name.to_owned(), queue: Queue::new(capacity) }) }
    }

    /// The channel's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Sends a message. Waits until there is room; with capacity 0 until a
    /// receiver has taken it.
    ///
    /// # Errors
    /// The channel is closed, or waiting is not possible here.
    pub fn send(&self, message: T) -> Result<()> {
        match self.inner.queue.try_send(message) {
            Ok(()) => Ok(()),
            Err((_, Outcome::Closed)) => Err(self.inner.closed()),
            Err((message, _)) => {
                self.inner.may_wait()?;
                self.inner.send_until(message, None)
            }
        }
    }

    /// Sends a message if that needs no waiting.
    ///
    /// # Errors
    /// The channel is full or closed.
    pub fn try_send(&self, message: T) -> Result<()> {
        self.inner.queue.try_send(message).map_err(|(_, outcome)| match outcome {
            Outcome::Closed => self.inner.closed(),
            _ => self.inner.error("has no room"),
        })
    }

    /// Sends a message, and waits for at most this long.
    ///
    /// # Errors
    /// As [`Channel::send`], or the time has passed.
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<()> {
        match self.inner.queue.try_send(message) {
            Ok(()) => Ok(()),
            Err((_, Outcome::Closed)) => Err(self.inner.closed()),
            Err((message, _)) => {
                self.inner.may_wait()?;
                self.inner.send_until(message, Instant::now().checked_add(timeout))
            }
        }
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// The channel is closed and empty, or waiting is not possible here.
    pub fn recv(&self) -> Result<T> {
        match self.inner.queue.try_recv() {
            Ok(message) => Ok(message),
            Err(Outcome::Closed) => Err(self.inner.closed()),
            Err(_) => {
                self.inner.may_wait()?;
                self.inner.recv_until(None)
            }
        }
    }

    /// Takes a message if there is one.
    ///
    /// # Errors
    /// There is none, or the channel is closed and empty.
    pub fn try_recv(&self) -> Result<T> {
        self.inner.queue.try_recv().map_err(|outcome| match outcome {
            Outcome::Closed => self.inner.closed(),
            _ => self.inner.error("is empty"),
        })
    }

    /// Waits for a message for at most this long.
    ///
    /// # Errors
    /// As [`Channel::recv`], or the time has passed.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T> {
        match self.inner.queue.try_recv() {
            Ok(message) => Ok(message),
            Err(Outcome::Closed) => Err(self.inner.closed()),
            Err(_) => {
                self.inner.may_wait()?;
                self.inner.recv_until(Instant::now().checked_add(timeout))
            }
        }
    }

    /// Closes the channel: sending fails from now on, receiving once what it holds
    /// was received.
    pub fn close(&self) {
        self.inner.queue.close();
    }
}

impl<T> Inner<T> {
    fn may_wait(&self) -> Result<()> {
        match held() {
            0 => Ok(()),
            _ => Err(cannot_wait(format_args!("channel `{}`", self.name))),
        }
    }

    fn send_until(&self, message: T, until: Option<Instant>) -> Result<()> {
        self.queue.send(message, earlier(until)).map_err(|outcome| self.outcome(outcome))
    }

    fn recv_until(&self, until: Option<Instant>) -> Result<T> {
        self.queue.recv(earlier(until)).map_err(|outcome| self.outcome(outcome))
    }

    fn outcome(&self, outcome: Outcome) -> Error {
        match outcome {
            Outcome::Closed => self.closed(),
            Outcome::Waited => match deadline().filter(|deadline| deadline.at <= Instant::now()) {
                Some(deadline) => {
                    let limit = Limit::Deadline(deadline.time);
                    Error::stopped(limit, Some(&format!("channel `{}`", self.name)))
                }
                None => self.error("timed out"),
            },
        }
    }

    fn closed(&self) -> Error {
        self.error("is closed").with_wait(WaitFault::Closed)
    }

    fn error(&self, what: &str) -> Error {
        Error::new(ErrorKind::Channel, format!("channel `{}` {what}", self.name))
    }
}

/// A wait ends when its call must.
fn earlier(until: Option<Instant>) -> Option<Instant> {
    let deadline = deadline().map(|deadline| deadline.at);
    until.into_iter().chain(deadline).min()
}

impl<T> Clone for Channel<T> {
    fn clone(&self) -> Self {
        Channel { inner: Arc::clone(&self.inner) }
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Channel").field(&self.inner.name).finish()
    }
}

/// A message on its way into a plugin.
pub(crate) trait Message: Send {
    fn write(&self, sink: &mut dyn Sink) -> Result<(), ConvertError>;
}

impl<T: Data + Send> Message for T {
    fn write(&self, sink: &mut dyn Sink) -> Result<(), ConvertError> {
        to_sink(self, sink)
    }
}

/// A step that is done, or that must wait: whoever holds a plugin lets go of it,
/// runs the rest, and comes back.
pub(crate) enum Progress<T> {
    Done(T),
    Waits(Box<dyn FnOnce() -> Result<T> + Send>),
}

impl<T> Progress<T> {
    /// Waits on this thread, where that is possible.
    pub(crate) fn finish(self, channel: &dyn AnyChannel) -> Result<T> {
        match self {
            Progress::Done(done) => Ok(done),
            Progress::Waits(wait) if held() == 0 => wait(),
            Progress::Waits(_) => Err(cannot_wait(format_args!("channel `{}`", channel.name()))),
        }
    }
}

/// A channel as plugins see it, whatever it carries.
pub(crate) trait AnyChannel: Send + Sync {
    fn name(&self) -> &str;
    fn schema(&self) -> &'static Type;
    /// Reads a message from a plugin's memory and sends it.
    fn send_from(&self, message: &mut dyn Source) -> Result<Progress<()>>;
    /// Receives a message.
    fn receive(&self) -> Result<Progress<Box<dyn Message>>>;
    fn close(&self);
    /// The typed channel, for who knows the type.
    fn as_any(&self) -> &dyn std::any::Any;
}

impl<T: Data + Send + 'static> AnyChannel for Channel<T> {
    fn name(&self) -> &str {
        self.name()
    }

    fn schema(&self) -> &'static Type {
        T::SCHEMA
    }

    fn send_from(&self, message: &mut dyn Source) -> Result<Progress<()>> {
        let message = from_source(message)
            .map_err(|error| error.of(format!("channel `{}`", self.inner.name)))?;
        match self.inner.queue.try_send(message) {
            Ok(()) => Ok(Progress::Done(())),
            Err((_, Outcome::Closed)) => Err(self.inner.closed()),
            Err((message, _)) => {
                let inner = Arc::clone(&self.inner);
                Ok(Progress::Waits(Box::new(move || inner.send_until(message, None))))
            }
        }
    }

    fn receive(&self) -> Result<Progress<Box<dyn Message>>> {
        match self.inner.queue.try_recv() {
            Ok(message) => Ok(Progress::Done(Box::new(message))),
            Err(Outcome::Closed) => Err(self.inner.closed()),
            Err(_) => {
                let inner = Arc::clone(&self.inner);
                Ok(Progress::Waits(Box::new(move || Ok(Box::new(inner.recv_until(None)?)))))
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
