//! The lock keeps others out, whoever is its tenant.

use std::cell::UnsafeCell;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::{FIRST_STREAK, Lock, Patience, STREAK};
use crate::plugin::barrier;

/// What a lock guards, in tests: a count that would lose steps.
struct Guarded {
    lock: Lock,
    count: UnsafeCell<u64>,
}

// SAFETY: `count` is used with the lock held alone.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new() -> Guarded {
        Guarded { lock: Lock::new(), count: UnsafeCell::new(0) }
    }

    fn add(&self, thread: usize) {
        let way = self.lock.enter(thread, || Patience::Endless).unwrap();
        // SAFETY: the lock is held.
        unsafe { *self.count.get() += 1 };
        let again = self.lock.enter(thread, || Patience::None);
        self.lock.leave(again.expect("it is re-entrant"));
        self.lock.leave(way);
    }
}

fn is_tenant(lock: &Lock, thread: usize) -> bool {
    let (_, open, tenure) = lock.tenure();
    open && tenure.thread == thread
}

#[test]
fn who_comes_often_becomes_the_tenant_and_others_take_over() {
    let guarded = Guarded::new();
    if !barrier::is_asymmetric() {
        return;
    }
    (0..FIRST_STREAK).for_each(|_| guarded.add(1));
    assert!(is_tenant(&guarded.lock, 1));
    guarded.add(1);
    guarded.add(2);
    assert!(!is_tenant(&guarded.lock, 1) && !is_tenant(&guarded.lock, 2));
    (0..FIRST_STREAK).for_each(|_| guarded.add(2));
    assert!(!is_tenant(&guarded.lock, 2), "not as soon again");
    (0..STREAK).for_each(|_| guarded.add(2));
    assert!(is_tenant(&guarded.lock, 2));
}

#[test]
fn nobody_enters_while_the_tenant_is_inside() {
    let guarded = Guarded::new();
    (0..FIRST_STREAK).for_each(|_| guarded.add(1));
    let inside = guarded.lock.enter(1, || Patience::Endless).unwrap();
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            assert!(guarded.lock.enter(2, || Patience::None).is_none());
            let soon = Patience::Until(Instant::now() + Duration::from_millis(5));
            assert!(guarded.lock.enter(2, || soon).is_none());
        });
        other.join().unwrap();
        let nested = guarded.lock.enter(1, || Patience::None);
        let nested = nested.expect("the tenancy is gone, and its thread is still inside");
        let other = scope.spawn(|| guarded.add(2));
        guarded.lock.leave(nested);
        guarded.lock.leave(inside);
        other.join().unwrap();
    });
    // SAFETY: nobody else is left.
    assert_eq!(unsafe { *guarded.count.get() }, FIRST_STREAK as u64 + 1);
}

#[test]
fn who_has_the_mutex_keeps_others_out() {
    let guarded = Guarded::new();
    let held = guarded.lock.enter(1, || Patience::Endless).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| assert!(guarded.lock.enter(2, || Patience::None).is_none()));
    });
    guarded.lock.leave(held);
    assert!(guarded.lock.enter(2, || Patience::None).is_some());
}

#[test]
fn threads_lose_nothing_whoever_is_the_tenant() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 60;
    let guarded = Guarded::new();
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 1..=THREADS {
            let (guarded, start) = (&guarded, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..ROUNDS {
                    // Long and short runs, so that the tenancy comes and goes.
                    let times = if (round + thread) % 3 == 0 { 2 * STREAK } else { 3 };
                    (0..times).for_each(|_| guarded.add(thread));
                }
            });
        }
    });
    let added: usize = (1..=THREADS)
        .flat_map(|thread| (0..ROUNDS).map(move |round| (round + thread) % 3 == 0))
        .map(|long| if long { 2 * STREAK } else { 3 })
        .sum();
    // SAFETY: the threads are joined.
    assert_eq!(unsafe { *guarded.count.get() }, added as u64);
}
