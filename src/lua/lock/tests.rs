//! The lock keeps others out, whoever is its tenant.

use std::cell::UnsafeCell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{
    CROWDED, FIRST_STREAK, Found, Lock, MANY, NOT_BUSY, Own, Patience, STREAK, Tenure, WAIT,
};
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

/// None of them ever has it twice in a row.
#[test]
fn who_waits_time_and_again_becomes_the_tenant() {
    let guarded = Guarded::new();
    if !barrier::is_asymmetric() {
        return;
    }
    let (begin, end) = (Barrier::new(2), Instant::now() + Duration::from_secs(60));
    let mut rounds = 0;
    thread::scope(|scope| {
        while !is_tenant(&guarded.lock, 2) {
            assert!(Instant::now() < end, "nobody in {rounds} rounds");
            rounds += 1;
            let held = guarded.lock.enter(1, || Patience::Endless).unwrap();
            let other = scope.spawn(|| {
                begin.wait();
                guarded.add(2);
            });
            begin.wait();
            // Mostly the other waits by then.
            (0..10).for_each(|_| thread::yield_now());
            guarded.lock.leave(held);
            other.join().unwrap();
        }
    });
}

#[test]
fn who_waits_seldom_does_not() {
    let own = Own::new();
    own.needed.set(STREAK);
    for round in 0..100 {
        own.begin(1 + round % 2, Found::Owner);
        assert!(!own.gives_tenancy(), "{round}");
        (0..WAIT as usize).for_each(|use_| own.begin(1 + use_ % 2, Found::Nobody));
    }
}

#[test]
fn after_a_tenant_that_was_not_busy_it_takes_more_waits() {
    let own = Own::new();
    own.needed.set(STREAK);
    let waits = || {
        let waits = (1..100).find(|round| {
            own.begin(1 + round % 2, Found::Owner);
            own.gives_tenancy()
        });
        own.streak.set(0);
        waits
    };
    let few = (CROWDED / WAIT) as usize;
    let more = (NOT_BUSY / WAIT) as usize;
    assert_eq!(waits(), Some(few));
    own.begin(1, Found::Somebody);
    assert_eq!(waits(), Some(few));
    for more in [more, 2 * more, 4 * more] {
        own.begin(1, Found::IdleTenant);
        assert!(!own.gives_tenancy());
        assert_eq!(waits(), Some(few + more));
    }
    own.begin(2, Found::BusyTenant);
    assert!(own.gives_tenancy(), "it follows at once");
    own.streak.set(0);
    own.begin(1, Found::IdleTenant);
    assert_eq!(waits(), Some(few + more), "as at first");
}

/// One that never comes is not busy, nor one that soon comes no more, or is never seen inside; one
/// that is in all the time is.
#[test]
fn a_tenant_has_its_turn_while_it_is_busy() {
    let tenure = Tenure { thread: 1, inside: 0.into(), entries: 0.into() };
    assert!(tenure.take_turn(None) == Found::IdleTenant);

    tenure.inside.store(1, Ordering::Relaxed);
    let begin = Barrier::new(2);
    let found = thread::scope(|scope| {
        scope.spawn(|| {
            begin.wait();
            // Not enough for both parts of a turn, whenever that is.
            (1..2 * MANY).for_each(|_| tenure.count());
        });
        begin.wait();
        tenure.take_turn(None)
    });
    assert!(found == Found::IdleTenant);

    let beside_one_that_comes = |inside, look: &dyn Fn() -> bool| {
        tenure.inside.store(inside, Ordering::Relaxed);
        let (before, is_over) = (tenure.entries.load(Ordering::Relaxed), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    tenure.count();
                }
            });
            while tenure.entries.load(Ordering::Relaxed) == before {
                thread::yield_now();
            }
            let seen = look();
            is_over.store(true, Ordering::Relaxed);
            seen
        })
    };
    assert!(beside_one_that_comes(0, &|| {
        (0..10).all(|_| tenure.take_turn(None) == Found::IdleTenant)
    }));
    // Now and then it may be off its core.
    let end = Instant::now() + Duration::from_secs(60);
    let comes_to = |until: &dyn Fn() -> Option<Instant>, expected| loop {
        match tenure.take_turn(until()) {
            found if found == expected => return true,
            _ if Instant::now() > end => return false,
            _ => {}
        }
    };
    assert!(beside_one_that_comes(1, &|| comes_to(&|| None, Found::BusyTenant)));
    assert!(beside_one_that_comes(1, &|| comes_to(&|| Some(Instant::now()), Found::Somebody)));
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
