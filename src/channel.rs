//! Typed, bounded channels between the host and its plugins.
//!
//! The queue is `queue`; here is its typed face for the host, in `erased` the one for plugins,
//! whose messages are converted straight from and to their memory. In `described` is one whose type
//! is known when the program runs, in `dynamic` the host's end for who does not know the type.

mod described;
mod dynamic;
mod erased;
mod future;
mod held;
mod life;
mod lock;
mod messages;
mod pipe;
mod queue;
mod select;
mod spin;
mod sync;
mod task;
mod wait;
mod waiter;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use twinplug_value::Data;

use crate::error::{Error, ErrorKind, Limit, Result, WaitFault};
use crate::plugin::{cancellation, cannot_wait, deadline, held, is_cancelled, overdue};
pub(crate) use described::DescribedChannel;
pub use dynamic::DynamicChannel;
pub(crate) use erased::{AnyChannel, Message, Progress, Wait};
pub(crate) use future::{Cut, block_on};
pub(crate) use life::{Ends, Life};
pub use messages::{IntoMessages, Messages};
use queue::{Outcome, Patience, Queue};
pub use select::Select;
pub use task::{Receiving, Sending};

/// The host's end of a channel; any number of clones may send and receive, each
/// message goes to one receiver.
///
/// ```
/// let host = twinplug::Host::builder().channel::<i64>("ticks", 4).build()?;
/// let ticks = host.channel::<i64>("ticks")?;
/// for tick in 1..=4 {
///     ticks.send(tick)?;
/// }
/// assert!(ticks.try_send(5).unwrap_err().would_wait());
/// assert_eq!(ticks.recv()?, 1);
/// assert_eq!(ticks.recv_many(2)?, [2, 3]);
/// ticks.close();
/// // What it still holds comes before the end.
/// assert_eq!(ticks.iter().collect::<Vec<_>>(), [4]);
/// assert!(ticks.recv().unwrap_err().is_closed());
/// # Ok::<(), twinplug::Error>(())
/// ```
pub struct Channel<T> {
    inner: Arc<Inner<T>>,
    tie: Option<Tie>,
}

struct Inner<T> {
    name: String,
    queue: Queue<T>,
}

/// The plugin that a handle goes with.
#[derive(Clone)]
struct Tie {
    plugin: Arc<str>,
    life: Arc<Life>,
}

impl<T: Data + Send + 'static> Channel<T> {
    pub(crate) fn new(name: &str, capacity: usize) -> Self {
        let inner = Inner { name: name.to_owned(), queue: Queue::new(capacity) };
        Channel { inner: Arc::new(inner), tie: None }
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
        self.send_until(message, None)
    }

    /// Sends a message if that needs no waiting.
    ///
    /// # Errors
    /// The channel is full ([`Error::would_wait`]) or closed.
    pub fn try_send(&self, message: T) -> Result<()> {
        self.check_tie()?;
        self.inner.try_send(message).map_err(|(_, error)| error)
    }

    /// Sends a message, and waits for at most this long.
    ///
    /// # Errors
    /// As [`Channel::send`], or the time has passed ([`Error::would_wait`]).
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<()> {
        self.send_until(message, Some(timeout))
    }

    #[inline]
    fn send_until(&self, message: T, timeout: Option<Duration>) -> Result<()> {
        self.check_tie()?;
        match self.inner.queue.send_quickly(message) {
            Ok(()) => Ok(()),
            Err(message) => self.send_slowly(message, timeout),
        }
    }

    #[inline(never)]
    fn send_slowly(&self, message: T, timeout: Option<Duration>) -> Result<()> {
        match held() {
            0 => self.inner.send(message, timeout, self.life()).map_err(|error| self.own(error)),
            _ => self.inner.try_send(message).map_err(|(_, error)| self.inner.not_here(error)),
        }
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// The channel is closed and empty, or waiting is not possible here.
    pub fn recv(&self) -> Result<T> {
        self.recv_until(None)
    }

    /// Takes a message if there is one.
    ///
    /// # Errors
    /// There is none ([`Error::would_wait`]), or the channel is closed and empty.
    pub fn try_recv(&self) -> Result<T> {
        let received = self.inner.try_recv();
        received.or_else(|error| self.check_tie().and(Err(error)))
    }

    /// Waits for a message for at most this long.
    ///
    /// # Errors
    /// As [`Channel::recv`], or the time has passed ([`Error::would_wait`]).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T> {
        self.recv_until(Some(timeout))
    }

    #[inline]
    fn recv_until(&self, timeout: Option<Duration>) -> Result<T> {
        match self.inner.queue.recv_quickly() {
            Some(message) => Ok(message),
            None => self.recv_slowly(timeout),
        }
    }

    #[inline(never)]
    fn recv_slowly(&self, timeout: Option<Duration>) -> Result<T> {
        match held() {
            0 => self.inner.recv(timeout, self.life()).map_err(|error| self.own(error)),
            _ => self.try_recv().map_err(|error| self.inner.not_here(error)),
        }
    }

    /// Waits for a message, and takes those that are there behind it, up to `most` of them.
    ///
    /// # Errors
    /// As [`Channel::recv`].
    pub fn recv_many(&self, most: usize) -> Result<Vec<T>> {
        let mut messages = Vec::new();
        if most > 0 {
            messages.push(self.recv()?);
            self.inner.queue.take_more(&mut messages, most);
        }
        Ok(messages)
    }

    /// The messages as they come, until the channel is closed and empty; also `for message in
    /// &channel`. Where [`recv`](Channel::recv) would fail for another reason (waiting is not
    /// possible here, a deadline is over) they end as well, and the log has the reason.
    pub fn iter(&self) -> Messages<'_, T> {
        Messages::new(self)
    }

    /// Sends a message, for `await` on whichever executor.
    ///
    /// A future that is dropped before it is ready has not sent its message. The channel keeps
    /// the order in which futures were first polled.
    ///
    /// # Errors
    /// The channel is closed.
    pub fn send_async(&self, message: T) -> Sending<T> {
        Sending::new(self.clone(), message)
    }

    /// Waits for a message, for `await` on whichever executor.
    ///
    /// ```
    /// # fn block_on<F: std::future::Future>(future: F) -> F::Output { pollster::block_on(future) }
    /// let host = twinplug::Host::builder().channel::<String>("words", 0).build()?;
    /// let words = host.channel::<String>("words")?;
    /// let said = words.clone();
    /// let sender = std::thread::spawn(move || said.send("hello".to_owned()));
    /// assert_eq!(block_on(words.recv_async())?, "hello");
    /// # sender.join().unwrap()?;
    /// # Ok::<(), twinplug::Error>(())
    /// ```
    ///
    /// No message is lost with a future that is dropped: one that it was given already goes to
    /// the next receiver.
    ///
    /// # Errors
    /// The channel is closed and empty.
    pub fn recv_async(&self) -> Receiving<T> {
        Receiving::new(self.clone())
    }

    /// The same channel, for as long as that life lasts.
    pub(crate) fn tied(&self, plugin: &str, life: &Arc<Life>) -> Channel<T> {
        let tie = Tie { plugin: plugin.into(), life: Arc::clone(life) };
        Channel { inner: Arc::clone(&self.inner), tie: Some(tie) }
    }

    /// Closes the channel: sending fails from now on, receiving once what it holds
    /// was received. Waits end.
    pub fn close(&self) {
        self.inner.queue.close();
    }

    /// Whether it was closed, by either side; it may hold messages still.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.queue.is_closed()
    }

    fn life(&self) -> Option<&Life> {
        self.tie.as_ref().map(|tie| &*tie.life)
    }

    /// Refuses to go on where the plugin is gone.
    fn check_tie(&self) -> Result<()> {
        match &self.tie {
            Some(tie) if tie.life.is_over() => Err(self.untied(tie)),
            _ => Ok(()),
        }
    }

    /// An error of a wait, which says whose end it was.
    fn own(&self, error: Error) -> Error {
        match &self.tie {
            Some(tie) if error.kind() == ErrorKind::Stale => self.untied(tie),
            _ => error,
        }
    }

    fn untied(&self, tie: &Tie) -> Error {
        let (name, plugin) = (self.name(), &tie.plugin);
        let message = format!("channel `{name}` is tied to plugin `{plugin}`, which was unloaded");
        Error::new(ErrorKind::Stale, message).with_wait(WaitFault::Closed)
    }
}

impl<T: Send + 'static> Inner<T> {
    fn try_send(&self, message: T) -> Result<(), (T, Error)> {
        self.queue.try_send(message).map_err(|(message, outcome)| match outcome {
            Outcome::Closed => (message, self.closed()),
            _ => (message, self.would_wait("has no room")),
        })
    }

    fn try_recv(&self) -> Result<T> {
        self.queue.try_recv().map_err(|outcome| match outcome {
            Outcome::Closed => self.closed(),
            _ => self.would_wait("is empty"),
        })
    }

    fn send(&self, message: T, timeout: Option<Duration>, life: Option<&Life>) -> Result<()> {
        let cancellation = cancellation();
        let call = cancellation.as_ref().map(|cancellation| cancellation.life());
        let patience = Patience { until: until(timeout), lives: [life, call] };
        self.queue.send(message, patience).map_err(|outcome| self.outcome(outcome))
    }

    fn recv(&self, timeout: Option<Duration>, life: Option<&Life>) -> Result<T> {
        let cancellation = cancellation();
        let call = cancellation.as_ref().map(|cancellation| cancellation.life());
        let patience = Patience { until: until(timeout), lives: [life, call] };
        self.queue.recv(patience).map_err(|outcome| self.outcome(outcome))
    }

    fn outcome(&self, outcome: Outcome) -> Error {
        match outcome {
            Outcome::Closed => self.closed(),
            Outcome::Gone => cancelled(format_args!("channel `{}`", self.name))
                .unwrap_or_else(|| Error::new(ErrorKind::Stale, "the plugin was unloaded")),
            Outcome::Waited => late(format_args!("channel `{}`", self.name)),
        }
    }

    /// The error of what would wait, where that is not possible.
    fn not_here(&self, error: Error) -> Error {
        match error.would_wait() {
            true => cannot_wait(format_args!("channel `{}`", self.name)),
            false => error,
        }
    }

    fn closed(&self) -> Error {
        self.error("is closed").with_wait(WaitFault::Closed)
    }

    fn would_wait(&self, what: &str) -> Error {
        self.error(what).with_wait(WaitFault::WouldWait)
    }

    fn error(&self, what: &str) -> Error {
        Error::new(ErrorKind::Channel, format!("channel `{}` {what}", self.name))
    }
}

/// When a wait ends that may last so long: at the latest when its call must.
fn until(timeout: Option<Duration>) -> Option<Instant> {
    // One that the clock cannot show is none.
    let own = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let deadline = deadline().map(|deadline| deadline.at);
    own.into_iter().chain(deadline).min()
}

/// The error of a wait whose time is over.
fn late(what: impl fmt::Display) -> Error {
    match overdue() {
        Some(limit) => Error::stopped(limit, Some(&what.to_string())),
        None => Error::new(ErrorKind::Channel, format!("{what} timed out"))
            .with_wait(WaitFault::WouldWait),
    }
}

/// The error of a wait that has ended because its call was cancelled, if it was.
fn cancelled(what: impl fmt::Display) -> Option<Error> {
    is_cancelled().then(|| Error::stopped(Limit::Cancelled, Some(&what.to_string())))
}

impl<T> Clone for Channel<T> {
    fn clone(&self) -> Self {
        Channel { inner: Arc::clone(&self.inner), tie: self.tie.clone() }
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Channel").field(&self.inner.name).finish()
    }
}
