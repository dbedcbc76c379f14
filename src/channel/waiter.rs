//! One who waits in a channel, and the message that is passed.

use std::sync::Arc;

use super::life::Ends;
use super::lock::Lock;
use super::wait::{End, Ticket};

pub(super) struct Waiter<T> {
    ticket: Whose,
    message: Lock<Option<T>>,
}

/// A waiter's own ticket, or that of one who waits in several channels, with this one's number.
enum Whose {
    Own(Ticket),
    Shared(Arc<Ticket>, usize),
}

impl<T> Waiter<T> {
    pub(super) fn own(ticket: Ticket, message: Option<T>) -> Arc<Self> {
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

    /// Decides that a message is passed, unless it has ended otherwise.
    pub(super) fn claim(&self) -> bool {
        let number = match &self.ticket {
            Whose::Own(_) => 0,
            Whose::Shared(_, number) => *number,
        };
        self.ticket().claim(End::Met(number))
    }

    pub(super) fn end_by(&self, end: End) {
        if self.ticket().claim(end) {
            self.ticket().ring();
        }
    }

    /// Fills it, and wakes its receiver; by who has claimed it, without a lock.
    pub(super) fn pass(&self, message: T) {
        *self.message.lock() = Some(message);
        self.ticket().ring();
    }
}

impl<T: Send> Ends for Waiter<T> {
    fn end(&self) {
        self.end_by(End::Gone);
    }
}
