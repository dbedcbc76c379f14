//! The queue under a channel: bounded, closable, capacity 0 is a rendezvous.
//!
//! One lock and two conditions. A sender that must see its message taken (capacity
//! 0) puts it in the queue with a ticket and waits until the ticket is gone.

use std::collections::VecDeque;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    capacity: usize,
    /// A message came, or the end.
    filled: Condvar,
    /// A message was taken, or the end.
    taken: Condvar,
}

struct State<T> {
    messages: VecDeque<(u64, T)>,
    next_ticket: u64,
    /// Receivers that are waiting; with capacity 0 each is room for a message.
    receivers: usize,
    closed: bool,
}

/// Why nothing was sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The channel is closed.
    Closed,
    /// It would have had to wait, or to wait longer.
    Waited,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let state =
            State { messages: VecDeque::new(), next_ticket: 0, receivers: 0, closed: false };
        Queue { state: Mutex::new(state), capacity, filled: Condvar::new(), taken: Condvar::new() }
    }

    pub(super) fn try_send(&self, message: T) -> Result<(), (T, Outcome)> {
        let mut state = self.state.lock();
        if state.closed {
            return Err((message, Outcome::Closed));
        }
        let room = if self.capacity == 0 { state.receivers } else { self.capacity };
        if state.messages.len() >= room {
            return Err((message, Outcome::Waited));
        }
        self.put(&mut state, message);
        Ok(())
    }

    /// Sends, waiting until `until` at most; without it for ever.
    pub(super) fn send(&self, message: T, until: Option<Instant>) -> Result<(), Outcome> {
        let mut state = self.state.lock();
        while self.capacity > 0 && state.messages.len() >= self.capacity && !state.closed {
            wait(&self.taken, &mut state, until)?;
        }
        if state.closed {
            return Err(Outcome::Closed);
        }
        let ticket = self.put(&mut state, message);
        if self.capacity > 0 {
            return Ok(());
        }
        let mut waited = Ok(());
        loop {
            let place = state.messages.binary_search_by_key(&ticket, |(ticket, _)| *ticket);
            let Ok(place) = place else {
                return Ok(());
            };
            if state.closed {
                waited = Err(Outcome::Closed);
            }
            if waited.is_err() {
                // Dropped with the lock let go: a message's drop is its owner's code, which
                // may use this channel.
                let unsent = state.messages.remove(place);
                drop(state);
                drop(unsent);
                return waited;
            }
            waited = wait(&self.taken, &mut state, until);
        }
    }

    pub(super) fn try_recv(&self) -> Result<T, Outcome> {
        let mut state = self.state.lock();
        self.take(&mut state).ok_or(match state.closed {
            true => Outcome::Closed,
            false => Outcome::Waited,
        })
    }

    /// Receives, waiting until `until` at most; without it for ever.
    pub(super) fn recv(&self, until: Option<Instant>) -> Result<T, Outcome> {
        let mut state = self.state.lock();
        loop {
            if let Some(message) = self.take(&mut state) {
                return Ok(message);
            }
            if state.closed {
                return Err(Outcome::Closed);
            }
            state.receivers += 1;
            let waited = wait(&self.filled, &mut state, until);
            state.receivers -= 1;
            if let Err(outcome) = waited {
                return self.take(&mut state).ok_or(outcome);
            }
        }
    }

    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_all();
        self.taken.notify_all();
    }

    fn put(&self, state: &mut State<T>, message: T) -> u64 {
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.messages.push_back((ticket, message));
        self.filled.notify_one();
        ticket
    }

    fn take(&self, state: &mut State<T>) -> Option<T> {
        let (_, message) = state.messages.pop_front()?;
        // With capacity 0 each waiting sender looks for its own ticket.
        match self.capacity {
            0 => self.taken.notify_all(),
            _ => usize::from(self.taken.notify_one()),
        };
        Some(message)
    }
}

fn wait<T>(
    condition: &Condvar,
    state: &mut MutexGuard<'_, State<T>>,
    until: Option<Instant>,
) -> Result<(), Outcome> {
    match until {
        None => condition.wait(state),
        Some(until) => {
            if condition.wait_until(state, until).timed_out() {
                return Err(Outcome::Waited);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_millis(5))
    }

    #[test]
    fn capacity_bounds_what_is_queued_and_the_end_comes_after_the_rest() {
        let queue = Queue::new(2);
        assert_eq!(queue.try_send(1), Ok(()));
        assert_eq!(queue.try_send(2), Ok(()));
        assert_eq!(queue.try_send(3), Err((3, Outcome::Waited)));
        assert_eq!(queue.send(3, soon()), Err(Outcome::Waited));
        queue.close();
        assert_eq!(queue.send(3, None), Err(Outcome::Closed));
        assert_eq!(queue.recv(None), Ok(1));
        assert_eq!(queue.try_recv(), Ok(2));
        assert_eq!(queue.recv(None), Err(Outcome::Closed));
    }

    #[test]
    fn capacity_zero_meets() {
        let queue = Arc::new(Queue::new(0));
        assert_eq!(queue.try_send(1), Err((1, Outcome::Waited)));
        assert_eq!(queue.send(1, soon()), Err(Outcome::Waited));
        assert_eq!(queue.try_recv(), Err(Outcome::Waited), "what timed out is not received");
        let sender = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.send(2, None)
        });
        assert_eq!(queue.recv(None), Ok(2));
        assert_eq!(sender.join().unwrap(), Ok(()));
    }

    #[test]
    fn a_message_is_dropped_with_the_queue_let_go() {
        struct Looks(Arc<Queue<Looks>>);
        impl Drop for Looks {
            fn drop(&mut self) {
                assert!(self.0.try_recv().is_err());
            }
        }
        let queue = Arc::new(Queue::new(0));
        assert_eq!(queue.send(Looks(Arc::clone(&queue)), soon()), Err(Outcome::Waited));
    }

    #[test]
    fn close_ends_every_wait() {
        for capacity in [0, 1] {
            let queue = Arc::new(Queue::<usize>::new(capacity));
            let receiver = thread::spawn({
                let queue = Arc::clone(&queue);
                move || queue.recv(None)
            });
            queue.close();
            assert_eq!(receiver.join().unwrap(), Err(Outcome::Closed));
            let queue = Arc::new(Queue::new(capacity));
            for message in 0..capacity {
                queue.try_send(message).unwrap();
            }
            let sender = thread::spawn({
                let queue = Arc::clone(&queue);
                move || queue.send(9, None)
            });
            while queue.state.lock().next_ticket == capacity as u64 && capacity == 0 {
                thread::yield_now();
            }
            queue.close();
            assert_eq!(sender.join().unwrap(), Err(Outcome::Closed));
        }
    }

    #[test]
    fn every_message_arrives_once() {
        for capacity in [0, 1, 7] {
            let queue = Arc::new(Queue::new(capacity));
            let sum = Arc::new(AtomicU64::new(0));
            let receivers: Vec<_> = (0..3)
                .map(|_| {
                    let (queue, sum) = (Arc::clone(&queue), Arc::clone(&sum));
                    thread::spawn(move || {
                        while let Ok(message) = queue.recv(None) {
                            sum.fetch_add(message, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            let senders: Vec<_> = (0..3)
                .map(|_| {
                    let queue = Arc::clone(&queue);
                    thread::spawn(move || (1..=1000).for_each(|n| queue.send(n, None).unwrap()))
                })
                .collect();
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            queue.close();
            receivers.into_iter().for_each(|receiver| receiver.join().unwrap());
            assert_eq!(sum.load(Ordering::Relaxed), 3 * 500_500, "capacity {capacity}");
        }
    }
}
