//! The queue under a channel: bounded, closable, capacity 0 is a rendezvous.
//!
//! While nobody waits, messages go through the [`Pipe`], for which nobody needs the lock. Who
//! must wait takes the lock, shuts the pipe, and looks again: from then on all come to the lock,
//! and messages go from hand to hand. A sender that waits leaves its message in its waiter, for
//! a receiver to take; a receiver that waits leaves an empty one, for a sender to fill. So
//! whoever comes second does the work of both, in the order in which they came, and wakes the
//! first. When nobody waits any more the pipe opens again. That of capacity 0 is always shut,
//! and that of a channel that was closed.
//!
//! To go through a waiter takes several times as long as the pipe. So who finds it full or empty
//! looks around for a while before it waits.
//!
//! No message is dropped with a lock held: what that does is its owner's affair, who may use
//! this channel.

use std::sync::Arc;
use std::time::Instant;

use super::held::{Held, State};
use super::life::{Ends, Life};
use super::lock::Lock;
use super::pipe::{Pipe, Refusal};
use super::spin::Spin;
use super::wait::{End, Ticket};
use super::waiter::Waiter;

pub(super) struct Queue<T> {
    pipe: Pipe<T>,
    state: Apart<Lock<State<T>>>,
    capacity: usize,
    send_spin: Apart<Spin>,
    recv_spin: Apart<Spin>,
}

/// With cache lines of its own: those of the lock go from one side to the other with each message,
/// and what is beside them and never changes would go with them.
#[repr(align(128))]
struct Apart<T>(T);

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

/// What one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Send,
    Receive,
}

/// What ends a wait besides.
#[derive(Clone, Copy, Default)]
pub(super) struct Patience<'l> {
    pub(super) until: Option<Instant>,
    /// Those of who waits: its plugin's, and its call's.
    pub(super) lives: [Option<&'l Life>; 2],
}

/// Whether one who begins to wait has looked around before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    InVain,
    NotYet,
}

/// Where there is room for no more, waiters are quicker: they hold a message besides, so that
/// two threads on one core change places less often.
const FEW: usize = 2;

impl<T: Send + 'static> Queue<T> {
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn new(capacity: usize) -> Self {
        let pipe = Pipe::new(capacity);
        if capacity > 0 {
            pipe.open();
        }
        let [send_spin, recv_spin] = [(); 2].map(|()| Apart(Spin::default()));
        let state = Apart(Lock::new(State::default()));
        Queue { pipe, state, capacity, send_spin, recv_spin }
    }

    /// Sends if that is possible without the lock.
    #[inline]
    pub(super) fn send_quickly(&self, message: T) -> Result<(), T> {
        self.pipe.push(message).map_err(|(message, _)| message)
    }

    /// Receives if that is possible without the lock.
    #[inline]
    pub(super) fn recv_quickly(&self) -> Option<T> {
        self.pipe.pop().ok()
    }

    pub(super) fn try_send(&self, message: T) -> Result<(), (T, Outcome)> {
        let message = match self.pipe.push(message) {
            Ok(()) => return Ok(()),
            Err((message, Refusal::NotReady)) => return Err((message, Outcome::Waited)),
            Err((message, Refusal::Shut)) => message,
        };
        match self.hold().put(message) {
            Ok(()) => Ok(()),
            Err((held, message)) => Err((message, held.refused())),
        }
    }

    pub(super) fn try_recv(&self) -> Result<T, Outcome> {
        match self.pipe.pop() {
            Ok(message) => Ok(message),
            Err(Refusal::NotReady) => Err(Outcome::Waited),
            Err(Refusal::Shut) => self.hold().take().map_err(|held| held.refused()),
        }
    }

    /// Takes what there is, up to so many.
    pub(super) fn take_more(&self, messages: &mut Vec<T>, most: usize) {
        while messages.len() < most {
            match self.try_recv() {
                Ok(message) => messages.push(message),
                Err(_) => break,
            }
        }
    }

    /// Sends, or waits with that ticket.
    pub(super) fn start_send(&self, message: T, ticket: impl FnOnce() -> Ticket) -> Step<(), T> {
        match self.send_quickly(message) {
            Ok(()) => Step::Done(()),
            Err(message) => self.join_senders(message, ticket),
        }
    }

    fn join_senders(&self, message: T, ticket: impl FnOnce() -> Ticket) -> Step<(), T> {
        match self.hold().put(message) {
            Ok(()) => Step::Done(()),
            Err((held, message)) if held.is_closed() => {
                drop(held);
                drop(message);
                Step::Closed
            }
            Err((mut held, message)) => {
                let waiter = Waiter::own(ticket(), Some(message));
                held.join(Side::Send, &waiter);
                Step::Waits(waiter)
            }
        }
    }

    /// Receives, or waits with that ticket.
    pub(super) fn start_recv(&self, ticket: impl FnOnce() -> Ticket) -> Step<T, T> {
        match self.recv_quickly() {
            Some(message) => Step::Done(message),
            None => self.join_receivers(ticket),
        }
    }

    fn join_receivers(&self, ticket: impl FnOnce() -> Ticket) -> Step<T, T> {
        match self.hold().take() {
            Ok(message) => Step::Done(message),
            Err(held) if held.is_closed() => Step::Closed,
            Err(mut held) => {
                let waiter = Waiter::own(ticket(), None);
                held.join(Side::Receive, &waiter);
                Step::Waits(waiter)
            }
        }
    }

    /// Sends, waiting as long as there is patience.
    pub(super) fn send(&self, message: T, patience: Patience<'_>) -> Result<(), Outcome> {
        let mut kept = Some(message);
        let looked = self.look_around(Side::Send, patience, || {
            if !self.pipe.may_push() {
                return None;
            }
            Spin::gather(self.capacity / 2, || self.capacity.saturating_sub(self.pipe.len()));
            match self.pipe.push(kept.take()?) {
                Ok(()) => Some(Ok(())),
                Err((message, refusal)) => {
                    kept = Some(message);
                    (refusal == Refusal::Shut).then_some(Err(Looked::NotYet))
                }
            }
        });
        let Err(looked) = looked else { return Ok(()) };
        let Some(message) = kept else { return Ok(()) };
        match self.join_senders(message, Ticket::of_thread) {
            Step::Done(()) => Ok(()),
            Step::Closed => Err(Outcome::Closed),
            Step::Waits(waiter) => {
                self.wait(Side::Send, &waiter, patience, looked);
                self.met(&waiter)
            }
        }
    }

    /// Receives, waiting as long as there is patience.
    pub(super) fn recv(&self, patience: Patience<'_>) -> Result<T, Outcome> {
        let looked = self.look_around(Side::Receive, patience, || {
            if !self.pipe.may_pop() {
                return None;
            }
            Spin::gather(self.capacity / 2, || self.pipe.len());
            match self.pipe.pop() {
                Ok(message) => Some(Ok(message)),
                Err(Refusal::Shut) => Some(Err(Looked::NotYet)),
                Err(Refusal::NotReady) => None,
            }
        });
        let looked = match looked {
            Ok(message) => return Ok(message),
            Err(looked) => looked,
        };
        match self.join_receivers(Ticket::of_thread) {
            Step::Done(message) => Ok(message),
            Step::Closed => Err(Outcome::Closed),
            Step::Waits(waiter) => {
                self.wait(Side::Receive, &waiter, patience, looked);
                self.met(&waiter)?;
                waiter.take().ok_or(Outcome::Closed)
            }
        }
    }

    /// Tries at once, and for a while, until it is done or to be gone on with under the lock.
    fn look_around<D>(
        &self,
        side: Side,
        patience: Patience<'_>,
        mut attempt: impl FnMut() -> Option<Result<D, Looked>>,
    ) -> Result<D, Looked> {
        if let Some(done) = attempt() {
            return done;
        }
        if self.capacity <= FEW {
            return Err(Looked::NotYet);
        }
        let found = self.spin(side).until(patience.until, attempt, Result::is_ok);
        found.unwrap_or(Err(Looked::InVain))
    }

    /// Waits on this thread.
    fn wait(&self, side: Side, waiter: &Arc<Waiter<T>>, patience: Patience<'_>, looked: Looked) {
        let ticket = waiter.ticket();
        let is_rung = || ticket.is_rung().then_some(());
        if looked == Looked::NotYet {
            let spin = self.spin(side);
            if spin.until(patience.until, is_rung, |()| true).is_some() {
                return;
            }
        }
        let ends = || Arc::clone(waiter) as Arc<dyn Ends>;
        let _tied = patience.lives.map(|life| life.map(|life| life.tie(ends())));
        if !ticket.sleep(patience.until) {
            ticket.give_up();
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
        self.hold().give_back(message);
    }

    pub(super) fn close(&self) {
        let waiters = self.hold().close();
        for waiter in waiters {
            waiter.end_by(End::Closed);
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.hold_as_is().is_closed()
    }

    /// How those who wait on that side look around.
    pub(super) fn spin(&self, side: Side) -> &Spin {
        match side {
            Side::Send => &self.send_spin.0,
            Side::Receive => &self.recv_spin.0,
        }
    }

    /// Puts a waiter into a list of those who wait.
    pub(super) fn add(&self, waiter: &Arc<Waiter<T>>, side: Side) {
        self.hold().join(side, waiter);
    }

    /// Whether one who waits there need not, as there is somebody else, or the end.
    pub(super) fn is_ready(&self, side: Side, own: &Ticket) -> bool {
        self.hold().is_ready(side, own)
    }

    /// Takes a waiter out of the lists.
    pub(super) fn forget(&self, waiter: &Arc<Waiter<T>>) {
        self.hold_as_is().forget(waiter);
    }

    fn hold(&self) -> Held<'_, T> {
        let held = self.hold_as_is();
        if self.pipe.is_open() {
            self.pipe.shut();
        }
        held
    }

    /// The lock alone: others may be using the pipe.
    fn hold_as_is(&self) -> Held<'_, T> {
        Held::new(self.state.0.lock(), &self.pipe, self.capacity)
    }
}

impl Side {
    pub(super) fn other(self) -> Side {
        match self {
            Side::Send => Side::Receive,
            Side::Receive => Side::Send,
        }
    }
}
