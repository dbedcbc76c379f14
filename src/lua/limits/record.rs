//! What each thread shows of the Lua calls that run on it: for the watchdog, which looks
//! at it from outside, and for a signal's handler on the thread itself.
//!
//! Invariants: a record is never freed, and one thread's until that ends; only that thread
//! writes it, but for `over`, which the watchdog sets. A call costs a few plain stores.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use mlua::ffi::lua_State;

use super::arming::{self, Arming};
use super::frame::{Frame, Shown, nanos};
use super::place::Place;
use super::{signal, watchdog};
use crate::error::{Error, Limit, Result};
use crate::plugin::{MAX_NESTED, Turn, deadline, too_deep};

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
    /// Whether a signal is on its way.
    told: AtomicBool,
    frames: [Frame; MAX_NESTED],
    own: Own,
}

/// What the thread alone looks at.
#[derive(Default)]
struct Own {
    /// The number that the last frame got.
    last: Cell<u64>,
    /// The signals that this thread lets through, a bit each.
    unblocked: Cell<u64>,
    /// The memory limit of the VM that this thread is in, and whether it was hit.
    memory: Cell<Option<Limit>>,
    /// That VM.
    vm: Cell<usize>,
    exhausted: Cell<bool>,
    /// How many `coroutine.close` run.
    closing: Cell<usize>,
    /// Why the innermost call was stopped, and where.
    stopped: RefCell<Option<Stopped>>,
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
            record.thread.store(0, Ordering::Relaxed);
            record.taken.store(false, Ordering::Release);
        }
    }
}

/// This thread's record.
#[inline]
fn record() -> &'static Record {
    RECORD.get().unwrap_or_else(take)
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
        told: AtomicBool::new(false),
        frames: std::array::from_fn(|_| Frame::default()),
        own: Own::default(),
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

/// A call of this thread, from its begin to its end; its waits are within.
pub(in crate::lua) struct Running {
    record: &'static Record,
    number: u64,
    _thread: PhantomData<*const ()>,
}

impl Running {
    /// # Errors
    /// Too many are nested.
    #[inline]
    pub(in crate::lua) fn begin(time: Option<Duration>, arming: &Arming) -> Result<Running> {
        let record = record();
        let depth = record.depth.load(Ordering::Relaxed);
        let Some(frame) = record.frames.get(depth) else { return Err(too_deep()) };
        let number = record.own.last.get() + 1;
        record.own.last.set(number);
        frame.time.store(nanos(time), Ordering::Relaxed);
        let until = match deadline() {
            None => 0,
            Some(deadline) => arming.for_deadline(deadline)?,
        };
        frame.until.store(until, Ordering::Relaxed);
        frame.state.store(ptr::null_mut(), Ordering::Relaxed);
        frame.signal.store(arming.signal(), Ordering::Relaxed);
        frame.switch.store(arming.switch(), Ordering::Relaxed);
        frame.number.store(number, Ordering::Release);
        record.let_through(arming.signal());
        record.depth.store(depth + 1, Ordering::Release);
        Ok(Running { record, number, _thread: PhantomData })
    }

    /// Runs Lua on a coroutine.
    #[inline]
    pub(in crate::lua) fn run<R>(&self, state: *mut lua_State, run: impl FnOnce() -> R) -> R {
        let frame = self.frame();
        frame.base.store(state, Ordering::Relaxed);
        frame.state.store(state, Ordering::Relaxed);
        poll(state);
        let _inside = Section::new(self.record, true);
        let result = run();
        // From here on nothing keeps it alive.
        frame.state.store(ptr::null_mut(), Ordering::Relaxed);
        result
    }

    /// Why it was stopped, once.
    pub(in crate::lua) fn stopped(&self) -> Option<Stopped> {
        self.record.own.stopped.take()
    }

    fn frame(&self) -> &'static Frame {
        // Within bounds: `begin` found it.
        &self.record.frames[self.record.depth.load(Ordering::Relaxed) - 1]
    }
}

impl Drop for Running {
    #[inline]
    fn drop(&mut self) {
        let depth = self.record.depth.load(Ordering::Relaxed);
        self.record.depth.store(depth - 1, Ordering::Release);
        if self.record.over.load(Ordering::Relaxed) == self.number {
            self.record.over.store(0, Ordering::Relaxed);
            self.record.is_heard();
        }
    }
}

/// A part of a call that runs Lua, or does not.
pub(in crate::lua) struct Section {
    record: &'static Record,
    before: bool,
    _thread: PhantomData<*const ()>,
}

impl Section {
    fn new(record: &'static Record, in_lua: bool) -> Section {
        let before = record.in_lua.load(Ordering::Relaxed);
        record.show(in_lua);
        Section { record, before, _thread: PhantomData }
    }

    /// Code of the host, whose time is not the plugin's.
    pub(in crate::lua) fn of_host() -> Section {
        Section::new(record(), false)
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        self.record.show(self.before);
        // Who was over while the host ran need not wait to be found in Lua again.
        if self.before && self.record.due().is_some() {
            self.record.arm();
        }
    }
}

/// The host's code runs within a call, and its time is not the plugin's.
pub(in crate::lua) const HOSTS_TURN: Turn = Turn {
    begin: || {
        let record = record();
        let before = record.is_in_lua();
        record.show(false);
        before
    },
    end: |before| drop(Section { record: record(), before, _thread: PhantomData }),
};

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
        frame.signal.load(Ordering::Relaxed) == 0 && record.calls().any(|call| call.is_limited())
    })
}

/// A `coroutine.close` begins or ends.
#[cfg(any(feature = "lua54", feature = "lua55"))]
pub(super) fn closing(change: isize) {
    let closing = &record().own.closing;
    closing.set(closing.get().saturating_add_signed(change));
}

/// Whether a `coroutine.close` runs: within it nothing can yield, whatever Lua says.
pub(super) fn is_closing() -> bool {
    record().own.closing.get() > 0
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
    }
    true
}

/// The memory of the VM that this thread is in; set aside while it is in another.
pub(in crate::lua) struct Memory {
    outer: (Option<Limit>, usize, bool),
    _thread: PhantomData<*const ()>,
}

impl Memory {
    /// The thread enters a VM, of that address.
    pub(in crate::lua) fn enter(vm: usize) -> Memory {
        let own = &record().own;
        let outer = (own.memory.replace(None), own.vm.replace(vm), own.exhausted.replace(false));
        Memory { outer, _thread: PhantomData }
    }

    /// The VM that this thread is in is held to this limit.
    pub(in crate::lua) fn hold(limit: Option<Limit>) {
        record().own.memory.set(limit);
    }

    /// What the VM that this thread is in may take, in bytes.
    pub(in crate::lua) fn allowed() -> Option<usize> {
        match record().own.memory.get() {
            Some(Limit::Memory(bytes) | Limit::MemoryTotal(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// What the VM that this thread is in was allowed, and has used up.
    pub(in crate::lua) fn hit() -> Option<Limit> {
        record().exhausted()
    }

    /// Lua has said that there is no memory.
    pub(in crate::lua) fn run_out() {
        record().own.exhausted.set(true);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let own = &record().own;
        let (memory, vm, exhausted) = self.outer;
        own.memory.set(memory);
        let inner = own.vm.replace(vm);
        // A plugin that has come back to itself has one memory.
        own.exhausted.set(exhausted || inner == vm && own.exhausted.get());
    }
}

impl Record {
    /// Whether Lua runs from here on; a watchdog that sleeps is told.
    #[inline]
    fn show(&self, in_lua: bool) {
        self.in_lua.store(in_lua, Ordering::Release);
        if in_lua {
            watchdog::wake();
        }
    }

    /// Why the innermost call is to be stopped.
    fn due(&self) -> Option<Limit> {
        let over = self.over.load(Ordering::Relaxed);
        if over == 0 {
            return self.exhausted();
        }
        let late = self.frames().find(|frame| frame.number.load(Ordering::Relaxed) == over);
        self.exhausted().or(late.map(Frame::limit))
    }

    fn exhausted(&self) -> Option<Limit> {
        self.own.memory.get().filter(|_| self.own.exhausted.get())
    }

    fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter().take(self.depth.load(Ordering::Acquire))
    }

    fn innermost(&self) -> Option<&Frame> {
        self.frames().last()
    }

    /// Lets a signal through to this thread.
    #[inline]
    fn let_through(&self, number: i32) {
        let bit = bit(number);
        if number != 0 && self.own.unblocked.get() & bit == 0 {
            signal::unblock(number);
            self.own.unblocked.set(self.own.unblocked.get() | bit);
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
    pub(super) fn is_told(&self) -> bool {
        self.told.swap(true, Ordering::Relaxed)
    }

    /// The signal has arrived, or nobody waits for it.
    pub(super) fn is_heard(&self) {
        self.told.store(false, Ordering::Relaxed);
    }

    /// Runs in the handler of a signal on the record's own thread: the coroutine to stop.
    pub(super) fn to_stop(&self) -> Option<*mut lua_State> {
        let over = self.over.load(Ordering::Relaxed);
        let holds = self.frames().any(|frame| frame.number.load(Ordering::Relaxed) == over);
        let state = self.innermost()?.state.load(Ordering::Relaxed);
        (holds && over != 0 && self.is_in_lua() && !state.is_null()).then_some(state)
    }

    pub(super) fn is_in_lua(&self) -> bool {
        self.in_lua.load(Ordering::Relaxed)
    }

    pub(super) fn thread(&self) -> u32 {
        self.thread.load(Ordering::Relaxed)
    }

    /// The calls that run, the outermost first.
    pub(super) fn calls(&self) -> impl Iterator<Item = Shown> {
        self.frames().map(|frame| {
            let number = frame.number.load(Ordering::Acquire);
            let some = |nanos: u64| (nanos != 0).then(|| Duration::from_nanos(nanos));
            let time = some(frame.time.load(Ordering::Relaxed));
            Shown { number, time, until: some(frame.until.load(Ordering::Relaxed)) }
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
