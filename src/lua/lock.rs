//! The lock of a VM: re-entrant, and for the thread that used it last nearly free.
//!
//! A mutex costs two atomic operations, which is as much as all the rest of a small call. So
//! one thread, the *tenant*, enters and leaves by plain stores to a count that it alone
//! writes. Whoever else wants to enter takes the tenancy away first, orders all threads once
//! (`barrier`), and waits for that count to become zero. That costs some ten microseconds:
//! without a tenant the lock is an ordinary mutex, and a thread becomes one mostly once it has
//! had the mutex many times in a row. Where the system cannot order threads there is none.
//!
//! Of a tenant that goes in and out without a pause, another thread takes the tenancy only
//! after a while, and is the tenant then: what both work on moves between their caches once in
//! a while, and not at each call. Threads that wait for each other's use of the mutex time and
//! again come to that as well, though none of them ever has it many times in a row.
//!
//! It does not know what it guards.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, compiler_fence};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::lock_api::{RawMutex as _, RawMutexTimed as _};
use parking_lot::{Condvar, Mutex, RawMutex};

use crate::plugin::barrier;

/// The bit of the tenure's address that says that its thread may enter by it.
const OPEN: usize = 1;

/// So many times in a row a thread has the mutex before it is the tenant: as much as it costs
/// others to take the tenancy away. The first one has not to wait as long.
const STREAK: usize = 1000;
const FIRST_STREAK: usize = 8;

/// What a wait for the mutex counts (each time that nobody had it takes one off), and how much of
/// that makes the thread that has waited the tenant. (Waits of threads that meet by chance are
/// rare among the times that they do not.)
const WAIT: isize = 16;
const CROWDED: isize = 4 * WAIT;

/// How much more than `CROWDED` it takes once a tenant was not busy: twice as much each time, up to
/// a limit, until one is busy. Threads whose calls are long, or few at a time, wait for each other
/// too, and have nothing of a tenancy, which costs more to take away than a mutex.
const NOT_BUSY: isize = 16 * WAIT;
const MOST_NOT_BUSY: isize = 64 * NOT_BUSY;

/// How long a busy tenant goes on when another thread wants to enter, if it stays busy. (Linux
/// wakes who sleeps 50 microseconds late: together they are some 200.)
const TURN: [Duration; 2] = [Duration::from_micros(50); 2];

/// So often at the least a busy tenant comes in each part of that.
const MANY: usize = 16;

/// Turns of a spin in which a busy tenant is seen to come, and in which it is seen to do so again.
const LOOK: usize = 64;
const LONG_LOOK: usize = 4 * LOOK;
/// And in which it is seen at the least how much of the time it is inside.
const SHORT_LOOK: usize = LOOK / 4;

/// A lock, for threads that say who they are by a number of their own, which is not 0.
pub(super) struct Lock {
    /// The last tenure that was given; it changes with `mutex` held, and nobody inside.
    tenure: AtomicPtr<Tenure>,
    /// Whether a thread waits for the tenant to leave.
    wanted: AtomicBool,
    gate: Mutex<()>,
    left: Condvar,
    mutex: RawMutex,
    /// Who has the mutex.
    owner: AtomicUsize,
    own: Own,
    /// One for each thread that ever was the tenant: a thread may look at one at any time.
    #[allow(clippy::vec_box, reason = "each stays at its address while others are added")]
    tenures: Mutex<Vec<Box<Tenure>>>,
}

/// What whoever has the mutex alone looks at.
struct Own {
    /// How often it has entered.
    depth: Cell<usize>,
    /// Who had it last, and how often in a row.
    last: Cell<usize>,
    streak: Cell<usize>,
    /// How often that must be.
    needed: Cell<usize>,
    /// How much threads have waited for each other of late, and what is taken off that the next
    /// time that a tenant is not busy.
    crowd: Cell<isize>,
    not_busy: Cell<isize>,
}

// SAFETY: `own` is used by the thread that has `mutex` alone.
unsafe impl Sync for Lock {}

/// One thread's way in by plain stores.
#[repr(align(64))]
pub(super) struct Tenure {
    thread: usize,
    /// How often it is inside. Only that thread writes it.
    inside: AtomicUsize,
    /// How often it came in, for others to see whether it does all the time.
    entries: AtomicUsize,
}

/// Nobody's.
static VACANT: Tenure =
    Tenure { thread: 0, inside: AtomicUsize::new(0), entries: AtomicUsize::new(0) };

/// How long a thread waits.
#[derive(Clone, Copy)]
pub(super) enum Patience {
    Endless,
    Until(Instant),
    None,
}

/// How the lock was entered, and so how it is left: by the same thread, once.
pub(super) enum Way<'l> {
    Tenure(&'l Tenure),
    Mutex,
}

impl Lock {
    pub(super) fn new() -> Lock {
        barrier::prepare();
        Lock {
            tenure: AtomicPtr::new(ptr::from_ref(&VACANT).cast_mut()),
            wanted: AtomicBool::new(false),
            gate: Mutex::new(()),
            left: Condvar::new(),
            mutex: RawMutex::INIT,
            owner: AtomicUsize::new(0),
            own: Own::new(),
            tenures: Mutex::default(),
        }
    }

    /// Enters; `None` if that would take longer than the thread has patience, which is asked
    /// where it must wait.
    #[inline(always)]
    pub(super) fn enter(
        &self,
        thread: usize,
        patience: impl FnOnce() -> Patience,
    ) -> Option<Way<'_>> {
        match self.enter_as_tenant(thread) {
            Some(tenure) => Some(Way::Tenure(tenure)),
            None => self.enter_mutex(thread, patience()),
        }
    }

    /// Enters, if the thread is the tenant.
    #[inline(always)]
    pub(super) fn enter_as_tenant(&self, thread: usize) -> Option<&Tenure> {
        let (address, open, tenure) = self.tenure();
        if tenure.thread != thread {
            return None;
        }
        let inside = tenure.inside.load(Ordering::Relaxed);
        // Who is inside stays, whoever wants in meanwhile.
        if inside == 0 && !open {
            return None;
        }
        tenure.inside.store(inside + 1, Ordering::Relaxed);
        light();
        if inside == 0 && self.tenure.load(Ordering::Relaxed) != address {
            self.leave_tenure(tenure);
            return None;
        }
        tenure.count();
        Some(tenure)
    }

    /// Enters, if the thread is the tenant, and is not inside: it knows that.
    #[inline(always)]
    pub(super) fn enter_first(&self, thread: usize) -> Option<&Tenure> {
        let address = self.tenure.load(Ordering::Acquire);
        if address.addr() & OPEN == 0 {
            return None;
        }
        // SAFETY: as in `tenure`, and open.
        let tenure = unsafe { &*address.wrapping_byte_sub(OPEN) };
        if tenure.thread != thread {
            return None;
        }
        tenure.inside.store(1, Ordering::Relaxed);
        light();
        if self.tenure.load(Ordering::Relaxed) != address {
            self.leave_tenure(tenure);
            return None;
        }
        tenure.count();
        Some(tenure)
    }

    /// Leaves it.
    #[inline(always)]
    pub(super) fn leave(&self, way: Way<'_>) {
        match way {
            Way::Tenure(tenure) => self.leave_tenure(tenure),
            Way::Mutex => self.leave_mutex(),
        }
    }

    /// The last tenure, and whether its thread may enter by it.
    #[inline(always)]
    fn tenure(&self) -> (*mut Tenure, bool, &Tenure) {
        let address = self.tenure.load(Ordering::Acquire);
        // SAFETY: `VACANT`, or in a box of `tenures`, which are freed with the lock.
        let tenure = unsafe { &*address.map_addr(|address| address & !OPEN) };
        (address, address.addr() & OPEN != 0, tenure)
    }

    #[inline(always)]
    fn leave_tenure(&self, tenure: &Tenure) {
        let inside = tenure.inside.load(Ordering::Relaxed) - 1;
        match inside {
            0 => self.leave_last(tenure),
            _ => tenure.inside.store(inside, Ordering::Release),
        }
    }

    /// Leaves it, where the tenant is inside once.
    #[inline(always)]
    pub(super) fn leave_last(&self, tenure: &Tenure) {
        tenure.inside.store(0, Ordering::Release);
        light();
        if self.wanted.load(Ordering::Relaxed) {
            self.tell();
        }
    }

    /// The tenant's, for itself: while it is inside nobody else becomes one.
    #[inline(always)]
    pub(super) fn tenant(&self) -> &Tenure {
        self.tenure().2
    }

    /// How often its thread is inside.
    #[inline(always)]
    pub(super) fn depth(&self, way: &Way<'_>) -> usize {
        match way {
            Way::Tenure(tenure) => tenure.inside.load(Ordering::Relaxed),
            Way::Mutex => self.own.depth.get(),
        }
    }

    #[cold]
    fn tell(&self) {
        let _gate = self.gate.lock();
        self.left.notify_all();
    }

    #[inline(never)]
    fn enter_mutex(&self, thread: usize, patience: Patience) -> Option<Way<'_>> {
        if self.owner.load(Ordering::Relaxed) == thread {
            self.own.depth.set(self.own.depth.get() + 1);
            return Some(Way::Mutex);
        }
        let found = self.lock_mutex(patience)?;
        let Some(tenant) = self.evict(patience) else {
            // SAFETY: locked above, by this thread.
            unsafe { self.mutex.unlock() };
            return None;
        };
        self.owner.store(thread, Ordering::Relaxed);
        self.own.begin(thread, if tenant == Found::Nobody { found } else { tenant });
        Some(Way::Mutex)
    }

    /// Locks the mutex, and says whether somebody had it; `None` if it was not to be had in time.
    #[inline(always)]
    fn lock_mutex(&self, patience: Patience) -> Option<Found> {
        if self.mutex.try_lock() {
            return Some(Found::Nobody);
        }
        match patience {
            Patience::Endless => self.mutex.lock(),
            Patience::Until(until) if self.mutex.try_lock_until(until) => {}
            Patience::Until(_) | Patience::None => return None,
        }
        Some(Found::Owner)
    }

    /// Takes the tenancy away, and waits until the tenant has left. Says what tenant there was;
    /// `None` if it has not left in time. With the mutex held.
    fn evict(&self, patience: Patience) -> Option<Found> {
        let (address, open, tenure) = self.tenure();
        if !open && tenure.inside.load(Ordering::Acquire) == 0 {
            return Some(Found::Nobody);
        }
        let found = match (open, patience) {
            (true, Patience::Endless) => tenure.take_turn(None),
            (true, Patience::Until(until)) => tenure.take_turn(Some(until)),
            _ => Found::Somebody,
        };
        let is_patient = !matches!(patience, Patience::None);
        self.wanted.store(is_patient, Ordering::Relaxed);
        self.tenure.store(address.map_addr(|address| address & !OPEN), Ordering::Relaxed);
        if !barrier::heavy() {
            // The system, which once ordered all threads, refuses it now. From here on there is
            // no tenant any more; what this one has written shows long before this.
            thread::sleep(Duration::from_millis(10));
        }
        let has_left = self.wait(tenure, patience);
        self.wanted.store(false, Ordering::Relaxed);
        has_left.then_some(found)
    }

    fn wait(&self, tenure: &Tenure, patience: Patience) -> bool {
        let is_inside = || tenure.inside.load(Ordering::Acquire) != 0;
        let mut gate = self.gate.lock();
        while is_inside() {
            match patience {
                Patience::Endless => self.left.wait(&mut gate),
                Patience::Until(until) => {
                    if self.left.wait_until(&mut gate, until).timed_out() {
                        return !is_inside();
                    }
                }
                Patience::None => return false,
            }
        }
        true
    }

    #[inline(never)]
    fn leave_mutex(&self) {
        let depth = self.own.depth.get() - 1;
        self.own.depth.set(depth);
        if depth > 0 {
            return;
        }
        if self.own.gives_tenancy() {
            self.own.needed.set(STREAK);
            self.give_tenure(self.own.last.get());
        }
        self.owner.store(0, Ordering::Relaxed);
        // SAFETY: this thread has it, as its `Way` says.
        unsafe { self.mutex.unlock() };
    }

    /// Makes a thread the tenant. With the mutex held, and nobody inside.
    #[cold]
    fn give_tenure(&self, thread: usize) {
        self.own.streak.set(0);
        if !barrier::is_asymmetric() {
            return;
        }
        let mut tenures = self.tenures.lock();
        let index = tenures.iter().position(|tenure| tenure.thread == thread);
        let index = index.unwrap_or_else(|| {
            tenures.push(Box::new(Tenure {
                thread,
                inside: AtomicUsize::new(0),
                entries: AtomicUsize::new(0),
            }));
            tenures.len() - 1
        });
        let address = ptr::from_ref(&*tenures[index]).cast_mut();
        self.tenure.store(address.map_addr(|address| address | OPEN), Ordering::Release);
    }
}

/// Whom a thread finds that takes the lock.
#[derive(Clone, Copy, PartialEq)]
enum Found {
    Nobody,
    /// One that had the mutex.
    Owner,
    /// A tenant that comes and goes without a pause, or one that does not.
    BusyTenant,
    IdleTenant,
    /// A tenant of which it is not known.
    Somebody,
}

impl Own {
    fn new() -> Own {
        Own {
            depth: Cell::new(0),
            last: Cell::new(0),
            streak: Cell::new(0),
            needed: Cell::new(FIRST_STREAK),
            crowd: Cell::new(0),
            not_busy: Cell::new(NOT_BUSY),
        }
    }

    /// Whether who has the mutex becomes the tenant.
    fn gives_tenancy(&self) -> bool {
        self.streak.get() >= self.needed.get()
    }

    /// A thread has the mutex.
    fn begin(&self, thread: usize, found: Found) {
        self.depth.set(1);
        let streak = match self.last.replace(thread) == thread {
            true => self.streak.get() + 1,
            false => 1,
        };
        let becomes_tenant = match found {
            // Who has waited for it follows it.
            Found::BusyTenant => {
                self.not_busy.set(NOT_BUSY);
                true
            }
            Found::IdleTenant => {
                let not_busy = self.not_busy.get();
                self.crowd.set(-not_busy);
                self.not_busy.set((2 * not_busy).min(MOST_NOT_BUSY));
                false
            }
            Found::Owner => self.is_crowded(),
            Found::Nobody if self.crowd.get() > 0 => {
                self.crowd.set(self.crowd.get() - 1);
                false
            }
            Found::Nobody | Found::Somebody => false,
        };
        self.streak.set(if becomes_tenant { STREAK } else { streak });
    }

    /// Counts one more that has waited for the mutex; whether that is enough.
    fn is_crowded(&self) -> bool {
        let crowd = self.crowd.get() + WAIT;
        let is_crowded = crowd >= CROWDED;
        self.crowd.set(if is_crowded { 0 } else { crowd });
        is_crowded
    }
}

/// Between what the tenant writes of itself and what it reads of others. Who takes the tenancy,
/// or waits, writes first, and then orders all threads: either the tenant sees that, or is seen.
#[inline(always)]
fn light() {
    compiler_fence(Ordering::SeqCst);
}

impl Tenure {
    #[inline(always)]
    fn count(&self) {
        let entries = self.entries.load(Ordering::Relaxed);
        self.entries.store(entries.wrapping_add(1), Ordering::Relaxed);
    }

    /// Lets a busy tenant go on for a while, and says whether it was busy to the end. Where there is
    /// not that much time left, that is not known.
    fn take_turn(&self, until: Option<Instant>) -> Found {
        if !self.is_busy() {
            return Found::IdleTenant;
        }
        for slice in TURN {
            let before = self.entries.load(Ordering::Relaxed);
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left < slice) {
                return Found::Somebody;
            }
            thread::sleep(slice);
            if self.entries.load(Ordering::Relaxed).wrapping_sub(before) < MANY {
                return Found::IdleTenant;
            }
        }
        Found::BusyTenant
    }

    /// Whether the tenant comes twice within a short while, and is inside for half of that or more.
    fn is_busy(&self) -> bool {
        let before = self.entries.load(Ordering::Relaxed);
        let mut inside = 0;
        for look in 1..=LONG_LOOK {
            std::hint::spin_loop();
            inside += usize::from(self.inside.load(Ordering::Relaxed) != 0);
            match self.entries.load(Ordering::Relaxed).wrapping_sub(before) {
                0 if look == LOOK => return false,
                2.. if look >= SHORT_LOOK => return 2 * inside >= look,
                _ => {}
            }
        }
        false
    }
}
