//! [`Channel`]: a plugin's end of a channel of the host.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

use twinplug_abi::{self as abi, Status};
use twinplug_value::raw::RawSink;
use twinplug_value::{Data, write};

use crate::arena::Scratch;
use crate::log::Level;
use crate::{Error, HostRef, Result};

/// A plugin's end of a channel of the host; given back when dropped.
///
/// Waits end when the plugin is unloaded, or the host goes.
///
/// ```
/// # use twinplug_sdk::prelude::*;
/// fn total(host: &HostRef) -> Result<i64> {
///     let numbers = host.channel::<i64>("numbers")?;
///     // Until somebody closes it.
///     Ok(numbers.iter().sum())
/// }
/// ```
#[derive(Debug)]
pub struct Channel<T> {
    host: HostRef,
    raw: NonNull<abi::Channel>,
    message: PhantomData<fn(T) -> T>,
}

// SAFETY: the ABI lets every service of a channel be called from any thread.
unsafe impl<T> Send for Channel<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Channel<T> {}

/// What writes a service's answer.
type Answer = (*mut abi::Arena, *mut abi::Value);

impl HostRef {
    /// Attaches to a channel of the host.
    ///
    /// # Errors
    /// The host has no such channel, or it carries a type that cannot be
    /// converted.
    pub fn channel<T: Data>(&self, name: &str) -> Result<Channel<T>> {
        let ty = T::SCHEMA.to_string();
        let mut channel = std::ptr::null_mut();
        self.ask::<()>(|context, arena, result| {
            // SAFETY: name and type are borrowed until the service returns.
            unsafe {
                (self.services().channel_open)(
                    context,
                    name.as_ptr().cast(),
                    name.len(),
                    ty.as_ptr().cast(),
                    ty.len(),
                    arena,
                    result,
                    &mut channel,
                )
            }
        })?;
        let raw = NonNull::new(channel).ok_or_else(|| Error::new("the host gave no channel"))?;
        Ok(Channel { host: *self, raw, message: PhantomData })
    }
}

impl<T: Data> Channel<T> {
    /// Sends a message; waits until there is room, with capacity 0 until a
    /// receiver has taken it.
    ///
    /// # Errors
    /// The channel was closed, or waiting is not possible here.
    pub fn send(&self, message: &T) -> Result<()> {
        self.send_by(message, |message, (arena, result)| {
            // SAFETY: the channel is ours until dropped; the message is borrowed.
            unsafe {
                (self.host.services().channel_send)(self.raw.as_ptr(), message, arena, result)
            }
        })
    }

    /// Sends a message if that needs no waiting.
    ///
    /// # Errors
    /// There is no room ([`Error::would_wait`]), or the channel was closed.
    pub fn try_send(&self, message: &T) -> Result<()> {
        let more = self.more()?;
        self.send_by(message, |message, (arena, result)| {
            // SAFETY: as for `send`.
            unsafe { (more.try_send)(self.raw.as_ptr(), message, arena, result) }
        })
    }

    /// Sends a message, and waits for at most this long.
    ///
    /// # Errors
    /// As [`send`](Channel::send), or the time has passed ([`Error::would_wait`]).
    pub fn send_timeout(&self, message: &T, timeout: Duration) -> Result<()> {
        let (more, time) = (self.more()?, nanoseconds(timeout));
        self.send_by(message, |message, (arena, result)| {
            // SAFETY: as for `send`.
            unsafe { (more.send_timeout)(self.raw.as_ptr(), message, time, arena, result) }
        })
    }

    /// Waits for a message.
    ///
    /// # Errors
    /// The channel was closed and is empty, or waiting is not possible here.
    pub fn recv(&self) -> Result<T> {
        self.host.ask(|_, arena, result| {
            // SAFETY: the channel is ours until dropped.
            unsafe { (self.host.services().channel_recv)(self.raw.as_ptr(), arena, result) }
        })
    }

    /// Takes a message if there is one.
    ///
    /// # Errors
    /// There is none ([`Error::would_wait`]), or the channel was closed and is empty.
    pub fn try_recv(&self) -> Result<T> {
        let more = self.more()?;
        // SAFETY: as for `recv`.
        self.host
            .ask(|_, arena, result| unsafe { (more.try_recv)(self.raw.as_ptr(), arena, result) })
    }

    /// Waits for a message for at most this long.
    ///
    /// # Errors
    /// As [`recv`](Channel::recv), or the time has passed ([`Error::would_wait`]).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T> {
        let (more, time) = (self.more()?, nanoseconds(timeout));
        // SAFETY: as for `recv`.
        self.host.ask(|_, arena, result| unsafe {
            (more.recv_timeout)(self.raw.as_ptr(), time, arena, result)
        })
    }

    /// Waits for a message, and takes those that are there behind it, up to `most` of them.
    ///
    /// # Errors
    /// As [`recv`](Channel::recv).
    pub fn recv_many(&self, most: usize) -> Result<Vec<T>> {
        let more = self.more()?;
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        // SAFETY: as for `recv`.
        self.host.ask(|_, arena, result| unsafe {
            (more.recv_many)(self.raw.as_ptr(), most, arena, result)
        })
    }

    /// The messages as they come, until the channel is closed and empty; also `for message in
    /// &channel`. Where [`recv`](Channel::recv) would fail for another reason they end as
    /// well, and the host's log has the reason.
    pub fn iter(&self) -> Messages<'_, T> {
        Messages { channel: self }
    }

    /// Closes the channel for all who use it: sending fails from now on, receiving once what
    /// it holds was received. Waits end.
    ///
    /// # Errors
    /// The plugin was unloaded, or its host is gone.
    pub fn close(&self) -> Result<()> {
        let more = self.more()?;
        // SAFETY: as for `recv`.
        self.host.ask(|_, arena, result| unsafe { (more.close)(self.raw.as_ptr(), arena, result) })
    }

    fn send_by(
        &self,
        message: &T,
        send: impl FnOnce(*const abi::Value, Answer) -> Status,
    ) -> Result<()> {
        let memory = Scratch::new(self.host)?;
        let mut sink = RawSink::new(&memory);
        write(message, &mut sink)?;
        let message = sink.last();
        self.host.ask(|_, arena, result| send(&raw const message, (arena, result)))
    }

    /// The services of channels that are asked for by id.
    fn more(&self) -> Result<&'static abi::Channels> {
        let table = self.host.service(abi::SERVICE_CHANNELS).cast::<abi::Channels>();
        // SAFETY: null, or the table of that id, which lives as long as this image.
        unsafe { table.as_ref() }.ok_or_else(|| {
            let text = "the host does not serve this of channels".to_owned();
            Error { status: abi::NOT_FOUND, text }
        })
    }
}

/// More than 500 years are for ever.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The messages of a [`Channel`], until it is closed and empty.
#[derive(Debug)]
pub struct Messages<'c, T> {
    channel: &'c Channel<T>,
}

impl<T: Data> Iterator for Messages<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let received = self.channel.recv().inspect_err(|error| {
            if !error.is_closed() {
                self.channel.host.log(Level::Warn, &format!("a channel's messages end: {error}"));
            }
        });
        received.ok()
    }
}

impl<'c, T: Data> IntoIterator for &'c Channel<T> {
    type Item = T;
    type IntoIter = Messages<'c, T>;

    fn into_iter(self) -> Messages<'c, T> {
        self.iter()
    }
}

impl<T> Drop for Channel<T> {
    fn drop(&mut self) {
        // SAFETY: ours since `channel_open`, given back once.
        unsafe { (self.host.services().channel_release)(self.raw.as_ptr()) }
    }
}
