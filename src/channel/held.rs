//! A channel's queue with its lock held: all messages, and all who wait, in their order.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lock::Guard;
use super::pipe::Pipe;
use super::queue::{Outcome, Side};
use super::wait::Ticket;
use super::waiter::Waiter;

/// The queue, as long as this is not dropped. Then the pipe opens, if nobody waits any more.
///
/// Where the pipe is open, this is those who wait alone: nobody.
pub(super) struct Held<'q, T> {
    state: Guard<'q, State<T>>,
    pipe: &'q Pipe<T>,
    capacity: usize,
}

/// What is behind the lock.
pub(super) struct State<T> {
    senders: VecDeque<Arc<Waiter<T>>>,
    /// Where one waits that waits here alone, there is no message.
    receivers: VecDeque<Arc<Waiter<T>>>,
    closed: bool,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        State { senders: VecDeque::new(), receivers: VecDeque::new(), closed: false }
    }
}

impl<'q, T> Held<'q, T> {
    pub(super) fn new(state: Guard<'q, State<T>>, pipe: &'q Pipe<T>, capacity: usize) -> Self {
        Held { state, pipe, capacity }
    }

    pub(super) fn put(mut self, message: T) -> Result<(), (Self, T)> {
        if self.state.closed {
            return Err((self, message));
        }
        let count = self.pipe.len();
        // What is there comes first: only one who looks at several channels waits beside it.
        if count == 0
            && let Some(receiver) = self.claim_receiver()
        {
            drop(self);
            receiver.pass(message);
        } else if count < self.capacity {
            self.pipe.push_shut(message);
        } else {
            return Err((self, message));
        }
        Ok(())
    }

    pub(super) fn take(mut self) -> Result<T, Self> {
        let Some(message) = self.pipe.pop_shut() else {
            let Some((sender, message)) = self.claim_sender() else { return Err(self) };
            drop(self);
            sender.ticket().ring();
            return Ok(message);
        };
        // There is room for the first of those who wait for it.
        if self.pipe.len() < self.capacity
            && let Some((sender, next)) = self.claim_sender()
        {
            self.pipe.push_shut(next);
            drop(self);
            sender.ticket().ring();
        }
        Ok(message)
    }

    /// Has a message received before all others.
    pub(super) fn give_back(mut self, message: T) {
        match self.claim_receiver() {
            Some(receiver) => {
                drop(self);
                receiver.pass(message);
            }
            None => self.pipe.give_back(message),
        }
    }

    /// From now on it is closed; those whose waits end so.
    pub(super) fn close(mut self) -> Vec<Arc<Waiter<T>>> {
        let State { senders, receivers, closed, .. } = &mut *self.state;
        *closed = true;
        senders.drain(..).chain(receivers.drain(..)).collect()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.closed
    }

    /// Why there is no message, or no room.
    pub(super) fn refused(&self) -> Outcome {
        if self.state.closed { Outcome::Closed } else { Outcome::Waited }
    }

    pub(super) fn join(&mut self, side: Side, waiter: &Arc<Waiter<T>>) {
        self.waiters(side).push_back(Arc::clone(waiter));
    }

    pub(super) fn forget(&mut self, waiter: &Arc<Waiter<T>>) {
        for side in [Side::Send, Side::Receive] {
            let waiters = self.waiters(side);
            if let Some(place) = waiters.iter().position(|other| Arc::ptr_eq(other, waiter)) {
                waiters.remove(place);
            }
        }
    }

    /// Whether one who waits there need not.
    pub(super) fn is_ready(&mut self, side: Side, own: &Ticket) -> bool {
        let is_possible = match side {
            Side::Receive => self.pipe.len() > 0,
            Side::Send => self.pipe.len() < self.capacity,
        };
        let is_other =
            |other: &Arc<Waiter<T>>| !std::ptr::eq(other.ticket(), own) && other.ticket().is_open();
        is_possible || self.state.closed || self.waiters(side.other()).iter().any(is_other)
    }

    fn waiters(&mut self, side: Side) -> &mut VecDeque<Arc<Waiter<T>>> {
        match side {
            Side::Send => &mut self.state.senders,
            Side::Receive => &mut self.state.receivers,
        }
    }

    /// The first receiver that still waits.
    fn claim_receiver(&mut self) -> Option<Arc<Waiter<T>>> {
        // Those whose wait has ended otherwise take themselves out, or are passed over here.
        let receivers = &mut self.state.receivers;
        std::iter::from_fn(|| receivers.pop_front()).find(|receiver| receiver.claim())
    }

    /// The first sender that still waits, and its message.
    fn claim_sender(&mut self) -> Option<(Arc<Waiter<T>>, T)> {
        while let Some(sender) = self.state.senders.pop_front() {
            if sender.claim()
                && let Some(message) = sender.take()
            {
                return Some((sender, message));
            }
        }
        None
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        let State { senders, receivers, closed } = &*self.state;
        let is_idle = senders.is_empty() && receivers.is_empty() && !closed && self.capacity > 0;
        if is_idle && !self.pipe.is_open() {
            self.pipe.open();
        }
    }
}
