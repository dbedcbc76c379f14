//! Messages on their way while nobody waits: first in, first out.
//!
//! There are two lists, each with a lock of its own: senders put into the one, receivers take
//! from the other, and where theirs is empty they exchange the two. So the two sides meet once
//! for many messages, and not for each.
//!
//! While it is shut it refuses both, and belongs to whoever holds the lock of the queue: so
//! those who wait are found there, in their order. [`shut`](Pipe::shut) passes through both
//! locks: who was there before is done then, and who comes after sees that it is shut.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::Ordering;

use super::lock::{Guard, Lock};
use super::sync::{AtomicBool, AtomicUsize};

pub(super) struct Pipe<T> {
    capacity: usize,
    is_open: AtomicBool,
    sending: Side<T>,
    receiving: Side<T>,
}

/// Why nothing was put in or taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is full, or empty.
    NotReady,
    /// It is the lock's.
    Shut,
}

/// What one side writes. It has cache lines of its own (two: they are fetched in pairs).
#[repr(align(128))]
struct Side<T> {
    lock: Lock<List<T>>,
    /// How many messages were put in, or taken out, so far; stored with the lock held.
    count: AtomicUsize,
}

struct List<T> {
    messages: VecDeque<T>,
    /// What the other side's count was when it was last needed.
    seen: usize,
}

impl<T> Pipe<T> {
    /// A pipe that is shut.
    pub(super) fn new(capacity: usize) -> Self {
        let (sending, receiving) = (Side::new(), Side::new());
        Pipe { capacity, is_open: AtomicBool::new(false), sending, receiving }
    }

    #[inline]
    pub(super) fn push(&self, message: T) -> Result<(), (T, Refusal)> {
        // First without the lock: that of a rendezvous never opens.
        if !self.is_open() {
            return Err((message, Refusal::Shut));
        }
        let mut list = self.sending.lock.lock();
        if !self.is_open() {
            return Err((message, Refusal::Shut));
        }
        let count = self.sending.count.load(Ordering::Relaxed);
        if count.wrapping_sub(list.seen) >= self.capacity {
            list.seen = self.receiving.count.load(Ordering::Acquire);
            if count.wrapping_sub(list.seen) >= self.capacity {
                return Err((message, Refusal::NotReady));
            }
        }
        self.append(list, message);
        Ok(())
    }

    #[inline]
    pub(super) fn pop(&self) -> Result<T, Refusal> {
        if !self.is_open() {
            return Err(Refusal::Shut);
        }
        let list = self.receiving.lock.lock();
        if !self.is_open() {
            return Err(Refusal::Shut);
        }
        self.first(list).ok_or(Refusal::NotReady)
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// With the queue's lock held: nobody else uses the pipe from here on.
    pub(super) fn shut(&self) {
        self.is_open.store(false, Ordering::Relaxed);
        for side in [&self.sending, &self.receiving] {
            drop(side.lock.lock());
        }
    }

    /// With the queue's lock held: all use it again.
    pub(super) fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// As `push`, but for who has shut it, and knows that there is room.
    pub(super) fn push_shut(&self, message: T) {
        self.append(self.sending.lock.lock(), message);
    }

    /// As `pop`, but for who has shut it.
    pub(super) fn pop_shut(&self) -> Option<T> {
        if self.len() == 0 {
            return None;
        }
        self.first(self.receiving.lock.lock())
    }

    /// Puts a message before all others, whether there is room or not; for who has shut it.
    pub(super) fn give_back(&self, message: T) {
        let mut list = self.receiving.lock.lock();
        list.messages.push_front(message);
        let count = self.receiving.count.load(Ordering::Relaxed).wrapping_sub(1);
        self.receiving.count.store(count, Ordering::Release);
        drop(list);
        // Else there would seem to be more room than there is.
        self.sending.lock.lock().seen = count;
    }

    /// How many messages there are; while it is open they may be others already.
    pub(super) fn len(&self) -> usize {
        // In this order: who is read later has gone on.
        let received = self.receiving.count.load(Ordering::Acquire);
        self.sending.count.load(Ordering::Acquire).wrapping_sub(received)
    }

    /// Whether it seems that there is a message, or that it is shut.
    pub(super) fn may_pop(&self) -> bool {
        !self.is_open() || self.len() > 0
    }

    /// Whether it seems that there is room, or that it is shut.
    pub(super) fn may_push(&self) -> bool {
        !self.is_open() || self.len() < self.capacity
    }

    #[inline]
    fn append(&self, mut list: Guard<'_, List<T>>, message: T) {
        list.messages.push_back(message);
        self.sending.add_one();
    }

    #[inline]
    fn first(&self, mut list: Guard<'_, List<T>>) -> Option<T> {
        if list.messages.is_empty() && !self.exchange(&mut list) {
            return None;
        }
        let message = list.messages.pop_front()?;
        self.receiving.add_one();
        Some(message)
    }

    /// Gets the messages that were sent meanwhile, if there are any.
    #[cold]
    #[inline(never)]
    fn exchange(&self, list: &mut List<T>) -> bool {
        let received = self.receiving.count.load(Ordering::Relaxed);
        // The senders' lock is left alone where there is nothing.
        if self.sending.count.load(Ordering::Acquire) == received {
            return false;
        }
        mem::swap(&mut list.messages, &mut self.sending.lock.lock().messages);
        true
    }
}

impl<T> Side<T> {
    fn new() -> Self {
        let list = List { messages: VecDeque::new(), seen: 0 };
        Side { lock: Lock::new(list), count: AtomicUsize::new(0) }
    }

    /// With the lock held.
    #[inline]
    fn add_one(&self) {
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count.wrapping_add(1), Ordering::Release);
    }
}
