//! The messages of a channel, one after the other.

use twinplug_value::Data;

use super::Channel;

/// The messages of a [`Channel`], until it is closed and empty.
#[derive(Debug)]
pub struct Messages<'c, T> {
    channel: &'c Channel<T>,
}

/// The messages of a [`Channel`] that it has to itself, until it is closed and empty.
#[derive(Debug)]
pub struct IntoMessages<T> {
    channel: Channel<T>,
}

impl<'c, T> Messages<'c, T> {
    pub(super) fn new(channel: &'c Channel<T>) -> Self {
        Messages { channel }
    }
}

fn next<T: Data + Send + 'static>(channel: &Channel<T>) -> Option<T> {
    channel
        .recv()
        .inspect_err(|error| {
            if !error.is_closed() {
                tracing::warn!(channel = channel.name(), %error, "its messages end early");
            }
        })
        .ok()
}

impl<T: Data + Send + 'static> Iterator for Messages<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        next(self.channel)
    }
}

impl<T: Data + Send + 'static> Iterator for IntoMessages<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        next(&self.channel)
    }
}

impl<'c, T: Data + Send + 'static> IntoIterator for &'c Channel<T> {
    type Item = T;
    type IntoIter = Messages<'c, T>;

    fn into_iter(self) -> Messages<'c, T> {
        self.iter()
    }
}

impl<T: Data + Send + 'static> IntoIterator for Channel<T> {
    type Item = T;
    type IntoIter = IntoMessages<T>;

    fn into_iter(self) -> IntoMessages<T> {
        IntoMessages { channel: self }
    }
}
