//! What each thread shows of the Lua calls that run on it: for the watchdog, which looks
//! at it from outside, and for a signal's handler on the thread itself.
//!
//! Invariants: a record is never freed, and one thread's until that ends; only that thread
//! writes it, but for `over`, which the watchdog sets. A call costs a few plain stores.

mod running;

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use mlua::ffi::lua_State;

use super::arming;
use super::frame::{Frame, Shown};
use super::memory::Memory;
use super::place::Place;
use super::{signal, watchdog};
use crate::error::{Error, Limit};
use crate::plugin::{MAX_NESTED, ends_by_itself};
pub(in crate::lua) use running::{Running, Shape};

/// One thread's calls.
#[repr(align(128))]
pub(super) struct Record {
    next: AtomicPtr<Record>,
    taken: AtomicBool,
    /// The thread, as the system numbers it.
    thread: AtomicU32,
    /// How many of the frames are calls that have not ended.
    depth: AtomicUsize,
    /// Whether the innermost of them runs Lua: no host function, and no wait.
    in_lua: AtomicBool,
    /// The number of the call whose time is over, or 0.
    over: AtomicU64,
    /// So many of the outermost calls are not cancelled as long as what runs within them is to run to
    /// its end.
    shielded: AtomicUsize,
    /// Whether a signal is on its way.
    told: AtomicBool,
    frames: [Frame; MAX_NESTED],
    own: Own,
}

/// What the thread alone looks at.
struct Own {
    /// The number that the last frame got.
    last: Cell<u64>,
    /// The signals that this thread lets through, a bit each, and the last one of them.
    unblocked: Cell<u64>,
    let_through: Cell<i32>,
    /// The memory of the VM that this thread is in; null in none.
    memory: Cell<*const Memory>,
    /// How many things run that must not yield.
    closing: Cell<usize>,
    /// Why the innermost call was stopped, and where; the flag is what each call asks.
    stopped: RefCell<Option<Stopped>>,
    is_stopped: Cell<bool>,
}

impl Own {
    fn new() -> Own {
        Own {
            last: Cell::new(0),
            unblocked: Cell::new(0),
            let_through: Cell::new(0),
            memory: Cell::new(ptr::null()),
            closing: Cell::new(0),
            stopped: RefCell::new(None),
            is_stopped: Cell::new(false),
        }
    }
}

/// A call that a limit has stopped.
pub(in crate::lua) struct Stopped {
    limit: Limit,
    place: Place,
}

impl Stopped {
    pub(in crate::lua) fn into_error(self) -> Error {
        let error = Error::stopped(self.limit, self.place.line.as_deref());
        match self.place.calls.is_empty() {
            true => error,
            false => error.with_traceback(self.place.calls),
        }
    }
}

// SAFETY: all but `own` are atomics. `own` is used by the thread that has taken the record
// alone: others get at records by `all`, and use what is for them.
unsafe impl Sync for Record {}

static FIRST: AtomicPtr<Record> = AtomicPtr::new(ptr::null_mut());

thread_local! {
    /// Without a destructor, so that it can be read until the thread has gone.
    static RECORD: Cell<Option<&'static Record>> = const { Cell::new(None) };
    static LEASE: Lease = const { Lease(Cell::new(None)) };
}

/// Gives a thread's record back when it ends.
struct Lease(Cell<Option<&'static Record>>);

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(record) = self.0.take() {
            RECORD.set(None);
            record.own.unblocked.set(0);
            record.own.let_through.set(0);
            // The next thread lets signals through itself.
            record.frames.iter().for_each(|frame| frame.prepared_for.store(0, Ordering::Relaxed));
            record.thread.store(0, Ordering::Relaxed);
            record.taken.store(false, Ordering::Release);
        }
    }
}

/// This thread's record.
#[inline(always)]
pub(super) fn record() -> &'static Record {
    RECORD.get().unwrap_or_else(take)
}

/// A thread, which others know by its record.
#[derive(Clone, Copy)]
pub(in crate::lua) struct Thread {
    record: &'static Record,
    _thread: PhantomData<*const ()>,
}

impl Thread {
    /// This one.
    #[inline(always)]
    pub(in crate::lua) fn this() -> Thread {
        Thread { record: record(), _thread: PhantomData }
    }

    /// A number of its own, as long as it lives; not 0.
    #[inline(always)]
    pub(in crate::lua) fn number(self) -> usize {
        ptr::from_ref(self.record).addr()
    }

    /// What has the memory of the VM that it is in; null in none.
    #[inline(always)]
    pub(in crate::lua) fn owner(self) -> *const () {
        self.record.memory().map_or(ptr::null(), Memory::owner)
    }

    pub(super) fn record(self) -> &'static Record {
        self.record
    }

    /// The memory of the VM that it is in; null in none.
    #[inline(always)]
    pub(super) fn memory(self) -> &'static Cell<*const Memory> {
        &self.record.own.memory
    }
}

/// The memory of the VM that this thread is in.
pub(super) fn memory() -> Option<&'static Memory> {
    record().memory()
}

/// Takes a record that no thread has, or makes one.
#[cold]
fn take() -> &'static Record {
    let free = all().find(|record| {
        let taken = &record.taken;
        taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    });
    let record = free.unwrap_or_else(make);
    record.thread.store(signal::this_thread(), Ordering::Relaxed);
    // Where the thread is ending already, the record stays taken: nobody gives it back.
    let _ = LEASE.try_with(|lease| lease.0.set(Some(record)));
    RECORD.set(Some(record));
    record
}

fn make() -> &'static Record {
    let record: &'static Record = Box::leak(Box::new(Record {
        next: AtomicPtr::default(),
        taken: AtomicBool::new(true),
        thread: AtomicU32::new(0),
        depth: AtomicUsize::new(0),
        in_lua: AtomicBool::new(false),
        over: AtomicU64::new(0),
        shielded: AtomicUsize::new(0),
        told: AtomicBool::new(false),
        frames: std::array::from_fn(|_| Frame::default()),
        own: Own::new(),
    }));
    let mut first = FIRST.load(Ordering::Relaxed);
    loop {
        record.next.store(first, Ordering::Relaxed);
        let pointer = ptr::from_ref(record).cast_mut();
        match FIRST.compare_exchange_weak(first, pointer, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return record,
            Err(now) => first = now,
        }
    }
}

/// All records there are. May be called from a signal's handler.
pub(super) fn all() -> impl Iterator<Item = &'static Record> {
    // SAFETY: null, or a record, which was leaked before it was put here.
    let at = |pointer: &AtomicPtr<Record>| unsafe { pointer.load(Ordering::Acquire).as_ref() };
    std::iter::successors(at(&FIRST), move |record| at(&record.next))
}

/// A coroutine is about to run: where no signal can stop it, it looks itself.
#[inline]
pub(super) fn poll(state: *mut lua_State) {
    if cfg!(not(feature = "luau")) && is_polled() {
        arming::poll(state);
    }
}

/// Another coroutine runs now in the innermost call of this thread.
#[cfg(any(feature = "lua54", feature = "lua55"))]
pub(super) fn switch_to(state: *mut lua_State) {
    let record = record();
    if let Some(frame) = record.innermost() {
        frame.state.store(state, Ordering::Relaxed);
    }
}

/// Whether it is the coroutine of a call, and none that a script has made.
pub(super) fn is_of_call(state: *mut lua_State) -> bool {
    let innermost = record().innermost();
    innermost.is_none_or(|frame| frame.base.load(Ordering::Relaxed) == state)
}

/// Whether the innermost call's VM looks at its time itself; outside of calls it may.
#[inline]
pub(super) fn is_polled() -> bool {
    let record = record();
    record.innermost().is_none_or(|frame| {
        frame.signal.load(Ordering::Relaxed) == 0
            && (!ends_by_itself() || record.calls().any(|call| call.is_limited()))
    })
}

/// A `coroutine.close` begins or ends, or what else must not yield.
pub(in crate::lua) fn closing(change: isize) {
    let closing = &record().own.closing;
    closing.set(closing.get().saturating_add_signed(change));
}

/// Whether such a thing runs: within it nothing can yield, whatever Lua says.
pub(super) fn is_closing() -> bool {
    record().own.closing.get() > 0
}

/// Runs what is done to its end, also where calls of this thread around it were cancelled.
pub(in crate::lua) fn shielded<R>(run: impl FnOnce() -> R) -> R {
    /// Also when it panics.
    struct Before(&'static Record, usize);
    impl Drop for Before {
        fn drop(&mut self) {
            self.0.shielded.store(self.1, Ordering::Relaxed);
        }
    }
    let record = record();
    let depth = record.depth.load(Ordering::Relaxed);
    let _before = Before(record, record.shielded.swap(depth, Ordering::Relaxed));
    run()
}

/// Whether the innermost call is to be stopped.
pub(in crate::lua) fn is_due() -> bool {
    due().is_some()
}

/// The limit that the innermost call has hit.
pub(in crate::lua) fn due() -> Option<Limit> {
    record().due()
}

/// Takes down that the innermost call is being stopped; false if there is no cause.
pub(super) fn stop(place: impl FnOnce() -> Place) -> bool {
    let record = record();
    let Some(limit) = record.due() else { return false };
    let mut stopped = record.own.stopped.borrow_mut();
    if stopped.is_none() {
        *stopped = Some(Stopped { limit, place: place() });
        record.own.is_stopped.set(true);
    }
    true
}

impl Record {
    /// Whether Lua runs from here on; a watchdog that sleeps is told.
    #[inline(always)]
    pub(super) fn show(&self, in_lua: bool) {
        self.in_lua.store(in_lua, Ordering::Release);
        if in_lua {
            watchdog::wake();
        }
    }

    /// The call whose time was over has ended.
    #[cold]
    fn is_over(&self) {
        self.over.store(0, Ordering::Relaxed);
        self.is_heard();
    }

    /// Lua runs again.
    #[inline]
    pub(super) fn show_again(&self) {
        self.show(true);
        // Who was over while the host ran need not wait to be found in Lua again.
        if self.over.load(Ordering::Relaxed) != 0 || self.exhausted().is_some() {
            self.arm_if_due();
        }
    }

    /// Why the innermost call is to be stopped.
    fn due(&self) -> Option<Limit> {
        let over = self.over.load(Ordering::Relaxed);
        if over == 0 {
            return self.exhausted();
        }
        let shielded = self.shielded.load(Ordering::Relaxed);
        let is_late = |(_, frame): &(usize, &Frame)| frame.number.load(Ordering::Relaxed) == over;
        let late = self.frames().enumerate().find(is_late);
        // It may have been said just before.
        let late = late.filter(|(depth, frame)| *depth >= shielded || !frame.is_cancelled());
        self.exhausted().or(late.map(|(_, frame)| frame.limit()))
    }

    fn exhausted(&self) -> Option<Limit> {
        self.memory()?.hit()
    }

    /// Of the record's own thread.
    #[inline]
    fn memory(&self) -> Option<&Memory> {
        // SAFETY: null, or of a VM that the thread has entered and not left; it stays where it
        // is until then.
        unsafe { self.own.memory.get().as_ref() }
    }

    fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter().take(self.depth.load(Ordering::Acquire))
    }

    fn innermost(&self) -> Option<&Frame> {
        self.frames().last()
    }

    /// Lets a signal through to this thread.
    #[cold]
    fn let_through(&self, number: i32) {
        self.own.let_through.set(number);
        let bit = bit(number);
        if number != 0 && self.own.unblocked.get() & bit == 0 {
            signal::unblock(number);
            self.own.unblocked.set(self.own.unblocked.get() | bit);
        }
    }

    #[cold]
    fn arm_if_due(&self) {
        if self.due().is_some() {
            self.arm();
        }
    }

    /// Stops the innermost call at its next step; on the record's own thread.
    #[cold]
    fn arm(&self) {
        let state = self.innermost().map(|frame| frame.state.load(Ordering::Relaxed));
        if let Some(state) = state.filter(|state| !state.is_null()) {
            arming::arm(state);
        }
    }

    /// Whether a signal that was sent has not arrived yet; from now on one has been.
    #[cfg_attr(feature = "luau", allow(dead_code, reason = "no signal is sent"))]
    pub(super) fn is_told(&self) -> bool {
        self.told.swap(true, Ordering::Relaxed)
    }

    /// The signal has arrived, or nobody waits for it.
    pub(super) fn is_heard(&self) {
        self.told.store(false, Ordering::Relaxed);
    }

    /// Runs in the handler of a signal on the record's own thread: the coroutine to stop.
    #[cfg_attr(feature = "luau", allow(dead_code, reason = "no signal is sent"))]
    pub(super) fn to_stop(&self) -> Option<*mut lua_State> {
        let over = self.over.load(Ordering::Relaxed);
        let holds = self.frames().any(|frame| frame.number.load(Ordering::Relaxed) == over);
        let state = self.innermost()?.state.load(Ordering::Relaxed);
        (holds && over != 0 && self.is_in_lua() && !state.is_null()).then_some(state)
    }

    #[inline(always)]
    pub(super) fn is_in_lua(&self) -> bool {
        self.in_lua.load(Ordering::Relaxed)
    }

    #[cfg_attr(feature = "luau", allow(dead_code, reason = "no signal is sent"))]
    pub(super) fn thread(&self) -> u32 {
        self.thread.load(Ordering::Relaxed)
    }

    /// The calls that run, the outermost first.
    pub(super) fn calls(&self) -> impl Iterator<Item = Shown> {
        let shielded = self.shielded.load(Ordering::Relaxed);
        self.frames().enumerate().map(move |(depth, frame)| {
            let number = frame.number.load(Ordering::Acquire);
            let some = |nanos: u64| (nanos != 0).then(|| Duration::from_nanos(nanos));
            let time = some(frame.time.load(Ordering::Relaxed));
            // Of the call with that number, as it was written before that.
            let is_cancelled = depth >= shielded && frame.is_cancelled();
            Shown { number, time, until: some(frame.until.load(Ordering::Relaxed)), is_cancelled }
        })
    }

    /// How the innermost call's VM is told: a signal's number, a switch's address.
    pub(super) fn way(&self) -> Option<(i32, usize)> {
        let frame = self.innermost()?;
        Some((frame.signal.load(Ordering::Relaxed), frame.switch.load(Ordering::Relaxed)))
    }

    /// The watchdog says whose time is over.
    pub(super) fn set_over(&self, number: u64) {
        self.over.store(number, Ordering::Relaxed);
    }
}

/// Signals are numbered from 1 to 64; the last one is the one that is mostly used.
#[inline]
fn bit(number: i32) -> u64 {
    1u64.checked_shl((number - 1) as u32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_has_a_bit_of_its_own() {
        let bits = (1..=64).fold(0, |bits, number| {
            assert_eq!(bits & bit(number), 0, "signal {number}");
            bits | bit(number)
        });
        assert_eq!(bits, u64::MAX);
    }
}
