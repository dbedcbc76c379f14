//! The queue under a channel: bounded, closable, capacity 0 is a rendezvous.
//!
//! One lock, under which messages go from hand to hand. A sender that must wait leaves its
//! message in its waiter, for a receiver to take; a receiver that must wait leaves an empty one,
//! for a sender to fill. So whoever comes second does the work of both, in the order in which
//! they came, and wakes the first.
//!
//! No message is dropped with the lock held: what that does is its owner's affair, who may use
//! this channel.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::life::{Ends, Life};
use super::lock::{Guard, Lock};
use super::spin::Spin;
use super::wait::{End, Ticket};

pub(super) struct Queue<T> {
    state: Lock<State<T>>,
    capacity: usize,
    spin: Spin,
}

struct State<T> {
    messages: VecDeque<T>,
    senders: VecDeque<Arc<Waiter<T>>>,
    /// Where one waits, there is no message.
    receivers: VecDeque<Arc<Waiter<T>>>,
    closed: bool,
}

/// One who waits, and the message that is passed.
pub(super) struct Waiter<T> {
    ticket: Whose,
    message: Lock<Option<T>>,
}

/// A waiter's own ticket, or that of one who waits in several channels, with this one's number.
enum Whose {
    Own(Ticket),
    Shared(Arc<Ticket>, usize),
}

/// Why nothing was sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The channel is closed.
    Closed,
    /// It would have had to wait, or to wait longer.
    Waited,
    /// The plugin is gone that it would have waited for.
    Gone,
}

/// How far one has come without waiting.
pub(super) enum Step<D, T> {
    Done(D),
    Closed,
    /// It waits now.
    Waits(Arc<Waiter<T>>),
}

/// What ends a wait besides.
#[derive(Clone, Copy, Default)]
pub(super) struct Patience<'l> {
    pub(super) until: Option<Instant>,
    pub(super) life: Option<&'l Life>,
}

impl<T: Send + 'static> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let state = State {
            messages: VecDeque::new(),
            senders: VecDeque::new(),
            receivers: VecDeque::new(),
            closed: false,
        };
        Queue { state: Lock::new(state), capacity, spin: Spin::default() }
    }

    pub(super) fn try_send(&self, message: T) -> Result<(), (T, Outcome)> {
        match self.put(self.state.lock(), message) {
            Ok(()) => Ok(()),
            Err((state, message)) => {
                Err((message, if state.closed { Outcome::Closed } else { Outcome::Waited }))
            }
        }
    }

    pub(super) fn try_recv(&self) -> Result<T, Outcome> {
        self.take(self.state.lock())
            .map_err(|state| if state.closed { Outcome::Closed } else { Outcome::Waited })
    }

    /// Takes what there is, up to so many.
    pub(super) fn take_more(&self, messages: &mut Vec<T>, most: usize) {
        while messages.len() < most {
            match self.take(self.state.lock()) {
                Ok(message) => messages.push(message),
                Err(_) => break,
            }
        }
    }

    /// Sends, or waits with that ticket.
    pub(super) fn start_send(&self, message: T, ticket: impl FnOnce() -> Ticket) -> Step<(), T> {
        match self.put(self.state.lock(), message) {
            Ok(()) => Step::Done(()),
            Err((state, message)) if state.closed => {
                drop(state);
                drop(message);
                Step::Closed
            }
            Err((mut state, message)) => {
                let waiter = Waiter::own(ticket(), Some(message));
                state.senders.push_back(Arc::clone(&waiter));
                Step::Waits(waiter)
            }
        }
    }

    /// Receives, or waits with that ticket.
    pub(super) fn start_recv(&self, ticket: impl FnOnce() -> Ticket) -> Step<T, T> {
        match self.take(self.state.lock()) {
            Ok(message) => Step::Done(message),
            Err(state) if state.closed => Step::Closed,
            Err(mut state) => {
                let waiter = Waiter::own(ticket(), None);
                state.receivers.push_back(Arc::clone(&waiter));
                Step::Waits(waiter)
            }
        }
    }

    /// Sends, waiting as long as there is patience.
    pub(super) fn send(&self, message: T, patience: Patience<'_>) -> Result<(), Outcome> {
        match self.start_send(message, Ticket::of_thread) {
            Step::Done(()) => Ok(()),
            Step::Closed => Err(Outcome::Closed),
            Step::Waits(waiter) => {
                self.wait(&waiter, patience);
                self.met(&waiter)
            }
        }
    }

    /// Receives, waiting as long as there is patience.
    pub(super) fn recv(&self, patience: Patience<'_>) -> Result<T, Outcome> {
        match self.start_recv(Ticket::of_thread) {
            Step::Done(message) => Ok(message),
            Step::Closed => Err(Outcome::Closed),
            Step::Waits(waiter) => {
                self.wait(&waiter, patience);
                self.met(&waiter)?;
                waiter.take().ok_or(Outcome::Closed)
            }
        }
    }

    /// Waits on this thread.
    fn wait(&self, waiter: &Arc<Waiter<T>>, patience: Patience<'_>) {
        let ticket = waiter.ticket();
        if !self.spin.until(patience.until, || ticket.is_rung()) {
            let _tied = patience.life.map(|life| life.tie(Arc::clone(waiter) as Arc<dyn Ends>));
            if !ticket.sleep(patience.until) {
                ticket.give_up();
            }
        }
    }

    /// Whether a message was passed, after a wait that has ended; else the waiter is gone.
    pub(super) fn met(&self, waiter: &Arc<Waiter<T>>) -> Result<(), Outcome> {
        let why = match waiter.ticket().end() {
            Some(End::Met(_)) => return Ok(()),
            Some(End::Closed) => Outcome::Closed,
            Some(End::Gone) => Outcome::Gone,
            Some(End::GivenUp) | None => Outcome::Waited,
        };
        self.forget(waiter);
        Err(why)
    }

    /// A receiver that was given a message does not want it any more: it goes to the next one,
    /// before all others.
    pub(super) fn give_back(&self, message: T) {
        let mut state = self.state.lock();
        match state.claim_receiver() {
            Some(receiver) => receiver.pass(message, state),
            None => state.messages.push_front(message),
        }
    }

    pub(super) fn close(&self) {
        let waiters = {
            let mut state = self.state.lock();
            state.closed = true;
            let State { senders, receivers, .. } = &mut *state;
            senders.drain(..).chain(receivers.drain(..)).collect::<Vec<_>>()
        };
        for waiter in waiters {
            waiter.end_by(End::Closed);
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    pub(super) fn spin(&self) -> &Spin {
        &self.spin
    }

    /// Puts a waiter into a list of those who wait.
    pub(super) fn add(&self, waiter: &Arc<Waiter<T>>, side: Side) {
        let mut state = self.state.lock();
        state.waiters(side).push_back(Arc::clone(waiter));
    }

    /// Whether one who waits there need not, as there is somebody else, or the end.
    pub(super) fn is_ready(&self, side: Side, own: &Ticket) -> bool {
        let mut state = self.state.lock();
        let has_room = match side {
            Side::Receive => !state.messages.is_empty(),
            Side::Send => state.messages.len() < self.capacity,
        };
        let is_other =
            |other: &Arc<Waiter<T>>| !std::ptr::eq(other.ticket(), own) && other.ticket().is_open();
        has_room || state.closed || state.waiters(side.other()).iter().any(is_other)
    }

    /// Takes a waiter out of the lists.
    pub(super) fn forget(&self, waiter: &Arc<Waiter<T>>) {
        let mut state = self.state.lock();
        for side in [Side::Send, Side::Receive] {
            let waiters = state.waiters(side);
            if let Some(place) = waiters.iter().position(|other| Arc::ptr_eq(other, waiter)) {
                waiters.remove(place);
            }
        }
    }

    fn put<'q>(
        &self,
        mut state: Guard<'q, State<T>>,
        message: T,
    ) -> Result<(), (Guard<'q, State<T>>, T)> {
        if state.closed {
            return Err((state, message));
        }
        if let Some(receiver) = state.claim_receiver() {
            receiver.pass(message, state);
        } else if state.messages.len() < self.capacity {
            state.messages.push_back(message);
        } else {
            return Err((state, message));
        }
        Ok(())
    }

    fn take<'q>(&self, mut state: Guard<'q, State<T>>) -> Result<T, Guard<'q, State<T>>> {
        let Some(message) = state.messages.pop_front() else {
            let Some((sender, message)) = state.claim_sender() else { return Err(state) };
            drop(state);
            sender.ticket().ring();
            return Ok(message);
        };
        // There is room for the first of those who wait for it.
        if state.messages.len() < self.capacity
            && let Some((sender, next)) = state.claim_sender()
        {
            state.messages.push_back(next);
            drop(state);
            sender.ticket().ring();
        }
        Ok(message)
    }
}

/// What one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Send,
    Receive,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Send => Side::Receive,
            Side::Receive => Side::Send,
        }
    }
}

impl<T> State<T> {
    fn waiters(&mut self, side: Side) -> &mut VecDeque<Arc<Waiter<T>>> {
        match side {
            Side::Send => &mut self.senders,
            Side::Receive => &mut self.receivers,
        }
    }

    /// The first receiver that still waits.
    fn claim_receiver(&mut self) -> Option<Arc<Waiter<T>>> {
        // Those whose wait has ended otherwise take themselves out, or are passed over here.
        std::iter::from_fn(|| self.receivers.pop_front()).find(|receiver| receiver.claim())
    }

    /// The first sender that still waits, and its message.
    fn claim_sender(&mut self) -> Option<(Arc<Waiter<T>>, T)> {
        while let Some(sender) = self.senders.pop_front() {
            if sender.claim() {
                let message = sender.message.lock().take();
                if let Some(message) = message {
                    return Some((sender, message));
                }
            }
        }
        None
    }
}

impl<T> Waiter<T> {
    fn own(ticket: Ticket, message: Option<T>) -> Arc<Self> {
        Arc::new(Waiter { ticket: Whose::Own(ticket), message: Lock::new(message) })
    }

    /// Of one who waits in several channels; this is the one of that number.
    pub(super) fn shared(ticket: &Arc<Ticket>, number: usize, message: Option<T>) -> Arc<Self> {
        let ticket = Whose::Shared(Arc::clone(ticket), number);
        Arc::new(Waiter { ticket, message: Lock::new(message) })
    }

    pub(super) fn ticket(&self) -> &Ticket {
        match &self.ticket {
            Whose::Own(ticket) => ticket,
            Whose::Shared(ticket, _) => ticket,
        }
    }

    pub(super) fn take(&self) -> Option<T> {
        self.message.lock().take()
    }

    fn claim(&self) -> bool {
        let number = match &self.ticket {
            Whose::Own(_) => 0,
            Whose::Shared(_, number) => *number,
        };
        self.ticket().claim(End::Met(number))
    }

    fn end_by(&self, end: End) {
        if self.ticket().claim(end) {
            self.ticket().ring();
        }
    }

    /// Fills it, and wakes its receiver.
    fn pass(&self, message: T, state: Guard<'_, State<T>>) {
        drop(state);
        *self.message.lock() = Some(message);
        self.ticket().ring();
    }
}

impl<T: Send> Ends for Waiter<T> {
    fn end(&self) {
        self.end_by(End::Gone);
    }
}
