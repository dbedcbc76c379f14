//! A call of a thread, as its record shows it.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use mlua::ffi::lua_State;

use super::super::arming::Arming;
use super::super::frame::{Frame, moment, nanos};
use super::{Record, Stopped, Thread, poll};
use crate::error::{Error, Limit, Result};
use crate::plugin::{Limits, cancellation, deadline, ends_by_itself, too_deep};

/// A call of this thread, from its begin to its end; its waits are within.
pub(in crate::lua) struct Running {
    record: &'static Record,
    frame: &'static Frame,
    _thread: PhantomData<*const ()>,
}

/// What all calls of a VM show.
pub(in crate::lua) struct Shape {
    arming: Arming,
    /// How long a call may run, in nanoseconds; 0 is for ever.
    time: u64,
    /// The VM's own, in this process, and that of its coroutine of quick calls; not 0.
    number: Cell<u64>,
}

impl Shape {
    /// The shape of one more VM.
    pub(in crate::lua) fn new(arming: Arming, limits: &Limits) -> Shape {
        Shape { arming, time: nanos(limits.time), number: Cell::new(next_number()) }
    }

    /// Quick calls run on another coroutine from here on: no thread has a frame prepared for it.
    pub(in crate::lua) fn renew(&self) {
        self.number.set(next_number());
    }

    /// Whether calls look at their time themselves.
    pub(in crate::lua) fn is_polled(&self) -> bool {
        self.arming.is_polled()
    }
}

fn next_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl Running {
    /// A call begins.
    ///
    /// # Errors
    /// Too many are nested.
    #[inline(always)]
    pub(in crate::lua) fn begin(thread: Thread, shape: &Shape) -> Result<Running> {
        let record = thread.record;
        let end = match ends_by_itself() {
            true => End::default(),
            false => must_end(shape)?,
        };
        let depth = record.depth.load(Ordering::Relaxed);
        let frame = record.frames.get(depth).ok_or_else(too_deep)?;
        frame.prepared_for.store(0, Ordering::Relaxed);
        record.prepare(frame, shape, end);
        Ok(Running::begin_in(record, depth, frame))
    }

    /// As `begin`, of a call without a deadline; `None` if too many are nested. `run_quickly`
    /// runs it, on that coroutine.
    #[inline(always)]
    pub(in crate::lua) fn begin_quickly(
        thread: Thread,
        shape: &Shape,
        coroutine: *mut lua_State,
    ) -> Option<Running> {
        let record = thread.record;
        let depth = record.depth.load(Ordering::Relaxed);
        let frame = record.frames.get(depth)?;
        if frame.prepared_for.load(Ordering::Relaxed) != shape.number.get() {
            record.prepare_quickly(frame, shape, coroutine);
        }
        Some(Running::begin_in(record, depth, frame))
    }

    #[inline(always)]
    fn begin_in(record: &'static Record, depth: usize, frame: &'static Frame) -> Running {
        let number = record.own.last.get() + 1;
        record.own.last.set(number);
        frame.number.store(number, Ordering::Release);
        record.depth.store(depth + 1, Ordering::Release);
        Running { record, frame, _thread: PhantomData }
    }

    /// Runs Lua on the coroutine of quick calls, where nothing of this thread runs Lua outside of
    /// the call, and none looks at its time itself. What the frame shows is left as it is: `end`
    /// follows.
    #[inline(always)]
    pub(in crate::lua) fn run_quickly<R>(
        &self,
        state: *mut lua_State,
        run: impl FnOnce() -> R,
    ) -> R {
        self.frame.state.store(state, Ordering::Relaxed);
        self.record.show(true);
        let result = run();
        self.record.show(false);
        result
    }

    /// Goes on as other calls do, after `run_quickly`.
    pub(in crate::lua) fn show_nothing(&self) {
        self.frame.prepared_for.store(0, Ordering::Relaxed);
        self.frame.state.store(ptr::null_mut(), Ordering::Relaxed);
    }

    #[inline(always)]
    fn end(&self) {
        let depth = self.record.depth.load(Ordering::Relaxed);
        self.record.depth.store(depth - 1, Ordering::Release);
        if self.record.over.load(Ordering::Relaxed) != 0 {
            self.end_over();
        }
    }

    /// The time of some call was over. If it was this one's, nobody is told of it any more.
    #[cold]
    fn end_over(&self) {
        if self.record.over.load(Ordering::Relaxed) == self.frame.number.load(Ordering::Relaxed) {
            self.record.is_over();
        }
    }

    /// Runs Lua on a coroutine. Before and after, the frame shows none: nothing keeps one alive
    /// then.
    #[inline(always)]
    pub(in crate::lua) fn run<R>(&self, state: *mut lua_State, run: impl FnOnce() -> R) -> R {
        self.frame.base.store(state, Ordering::Relaxed);
        self.frame.state.store(state, Ordering::Relaxed);
        if cfg!(not(feature = "luau")) && self.frame.signal.load(Ordering::Relaxed) == 0 {
            poll(state);
        }
        let before = self.record.is_in_lua();
        self.record.show(true);
        let result = run();
        self.record.show(false);
        self.frame.state.store(ptr::null_mut(), Ordering::Relaxed);
        if before {
            self.record.show_again();
        }
        result
    }

    /// Whether a limit has stopped it.
    #[inline(always)]
    pub(in crate::lua) fn is_stopped(&self) -> bool {
        self.record.own.is_stopped.get()
    }

    /// Why it was stopped, once.
    pub(in crate::lua) fn stopped(&self) -> Option<Stopped> {
        self.record.own.is_stopped.set(false);
        self.record.own.stopped.take()
    }
}

/// What ends a call early: when it must have ended, as `moment` counts, in nanoseconds, and the
/// number of what may cancel it; 0 is neither.
#[derive(Clone, Copy, Default)]
struct End {
    until: u64,
    cancellation: u32,
}

/// A call begins that has a deadline, or may be cancelled.
#[cold]
fn must_end(shape: &Shape) -> Result<End> {
    shape.arming.prepare_to_stop()?;
    let cancellation = cancellation();
    if cancellation.as_ref().is_some_and(|cancellation| cancellation.is_cancelled()) {
        return Err(Error::stopped(Limit::Cancelled, None));
    }
    Ok(End {
        until: nanos(deadline().map(|deadline| moment(deadline.at))),
        cancellation: cancellation.map_or(0, |cancellation| cancellation.number()),
    })
}

impl Record {
    /// A call in that frame is of this shape.
    #[inline(always)]
    fn prepare(&self, frame: &Frame, shape: &Shape, end: End) {
        let signal = shape.arming.signal();
        if self.own.let_through.get() != signal {
            self.let_through(signal);
        }
        frame.time.store(shape.time, Ordering::Relaxed);
        frame.until.store(end.until, Ordering::Relaxed);
        frame.cancellation.store(end.cancellation, Ordering::Relaxed);
        frame.signal.store(signal, Ordering::Relaxed);
        frame.switch.store(shape.arming.switch(), Ordering::Relaxed);
    }

    /// As it is for all quick calls of a VM. The signal that is found for a later deadline is not
    /// theirs: they have none, and a VM with a time limit has its signal from the start.
    #[cold]
    fn prepare_quickly(&self, frame: &Frame, shape: &Shape, coroutine: *mut lua_State) {
        self.prepare(frame, shape, End::default());
        frame.base.store(coroutine, Ordering::Relaxed);
        frame.prepared_for.store(shape.number.get(), Ordering::Relaxed);
    }
}

impl Drop for Running {
    #[inline(always)]
    fn drop(&mut self) {
        self.end();
    }
}
