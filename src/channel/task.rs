//! Sending and receiving for `await`: plain futures, which need no runtime.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use twinplug_value::Data;

use super::life::Ends;
use super::queue::{Outcome, Step};
use super::wait::{End, Ticket};
use super::waiter::Waiter;
use super::{Channel, Inner};
use crate::error::{Error, ErrorKind, Result};

/// What [`Channel::send_async`] gives.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sending<T: Data + Send + 'static> {
    channel: Channel<T>,
    /// Until it is polled.
    message: Option<T>,
    parked: Parked<T>,
}

/// What [`Channel::recv_async`] gives.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Receiving<T: Data + Send + 'static> {
    channel: Channel<T>,
    parked: Parked<T>,
}

/// The waiter of a future that was polled, until it is ready.
struct Parked<T>(Option<Arc<Waiter<T>>>);

impl<T: Data + Send + 'static> Sending<T> {
    pub(super) fn new(channel: Channel<T>, message: T) -> Self {
        Sending { channel, message: Some(message), parked: Parked(None) }
    }
}

impl<T: Data + Send + 'static> Receiving<T> {
    pub(super) fn new(channel: Channel<T>) -> Self {
        Receiving { channel, parked: Parked(None) }
    }
}

// Nothing in them is pinned.
impl<T: Data + Send + 'static> Unpin for Sending<T> {}
impl<T: Data + Send + 'static> Unpin for Receiving<T> {}

impl<T: Data + Send + 'static> Future for Sending<T> {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Sending { channel, message, parked } = self.get_mut();
        if parked.0.is_some() {
            return parked.poll(channel, context).map(|done| done.map(drop));
        }
        let Some(message) = message.take() else {
            let text = "a future of `send_async` was polled after it was ready";
            return Poll::Ready(Err(Error::new(ErrorKind::Channel, text)));
        };
        if let Err(error) = channel.check_tie() {
            return Poll::Ready(Err(error));
        }
        let ticket = || Ticket::of_task(context.waker());
        match channel.inner.queue.start_send(message, ticket) {
            Step::Done(()) => Poll::Ready(Ok(())),
            Step::Closed => Poll::Ready(Err(channel.inner.closed())),
            Step::Waits(waiter) => {
                parked.park(channel, waiter);
                Poll::Pending
            }
        }
    }
}

impl<T: Data + Send + 'static> Future for Receiving<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let Receiving { channel, parked } = self.get_mut();
        if parked.0.is_some() {
            let done = parked.poll(channel, context);
            return done.map(|done| done?.ok_or_else(|| channel.inner.closed()));
        }
        let ticket = || Ticket::of_task(context.waker());
        match channel.inner.queue.start_recv(ticket) {
            Step::Done(message) => Poll::Ready(Ok(message)),
            Step::Closed => Poll::Ready(Err(channel.inner.closed())),
            Step::Waits(waiter) => {
                parked.park(channel, waiter);
                Poll::Pending
            }
        }
    }
}

impl<T: Data + Send + 'static> Parked<T> {
    fn park(&mut self, channel: &Channel<T>, waiter: Arc<Waiter<T>>) {
        let wait: Arc<dyn Ends> = Arc::clone(&waiter) as _;
        self.0 = Some(waiter);
        // If that is over, the task is woken at once.
        if let Some(life) = channel.life() {
            life.add(&wait);
        }
    }

    /// What has come of it, once it has ended.
    fn poll(&mut self, channel: &Channel<T>, context: &mut Context<'_>) -> Poll<Result<Option<T>>> {
        let Some(waiter) = &self.0 else { return Poll::Pending };
        // Before it is looked at: a ring after that finds the new one.
        waiter.ticket().wakes(context.waker());
        if !waiter.ticket().is_rung() {
            return Poll::Pending;
        }
        let ended = channel.inner.queue.met(waiter).map(|()| waiter.take());
        self.untie(channel);
        self.0 = None;
        Poll::Ready(ended.map_err(|outcome| failed(channel, outcome)))
    }

    /// The future is dropped: the waiter goes, and what it has received goes back.
    fn give_up(&mut self, channel: &Channel<T>) {
        self.untie(channel);
        let Some(waiter) = self.0.take() else { return };
        let Inner { queue, .. } = &*channel.inner;
        match waiter.ticket().give_up() {
            End::Met(_) => {
                if let Some(message) = waiter.take() {
                    queue.give_back(message);
                }
            }
            _ => queue.forget(&waiter),
        }
    }

    fn untie(&self, channel: &Channel<T>) {
        if let (Some(waiter), Some(life)) = (&self.0, channel.life()) {
            life.remove(&(Arc::clone(waiter) as _));
        }
    }
}

fn failed<T: Data + Send + 'static>(channel: &Channel<T>, outcome: Outcome) -> Error {
    channel.own(channel.inner.outcome(outcome))
}

impl<T: Data + Send + 'static> Drop for Sending<T> {
    fn drop(&mut self) {
        // A message that was not taken goes with the waiter.
        self.parked.give_up(&self.channel);
    }
}

impl<T: Data + Send + 'static> Drop for Receiving<T> {
    fn drop(&mut self) {
        self.parked.give_up(&self.channel);
    }
}

impl<T: Data + Send + 'static> fmt::Debug for Sending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sending").field(&self.channel.name()).finish()
    }
}

impl<T: Data + Send + 'static> fmt::Debug for Receiving<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiving").field(&self.channel.name()).finish()
    }
}
