//! A call of a thread, as its record shows it.

use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::Ordering;

use mlua::ffi::lua_State;

use super::super::arming::Arming;
use super::super::frame::Frame;
use super::{Record, Stopped, Thread, poll};
use crate::error::Result;
use crate::plugin::{deadline, too_deep};

/// A call of this thread, from its begin to its end; its waits are within.
pub(in crate::lua) struct Running {
    record: &'static Record,
    frame: &'static Frame,
    number: u64,
    _thread: PhantomData<*const ()>,
}

impl Running {
    /// A call begins that may run so many nanoseconds; 0 is for ever.
    ///
    /// # Errors
    /// Too many are nested.
    #[inline(always)]
    pub(in crate::lua) fn begin(thread: Thread, time: u64, arming: &Arming) -> Result<Running> {
        let until = match deadline() {
            None => 0,
            Some(deadline) => arming.for_deadline(deadline)?,
        };
        Running::begin_until(thread, time, until, arming).ok_or_else(too_deep)
    }

    /// As `begin`, of a call without a deadline; `None` if too many are nested.
    #[inline(always)]
    pub(in crate::lua) fn begin_quickly(
        thread: Thread,
        time: u64,
        arming: &Arming,
    ) -> Option<Running> {
        Running::begin_until(thread, time, 0, arming)
    }

    #[inline(always)]
    fn begin_until(thread: Thread, time: u64, until: u64, arming: &Arming) -> Option<Running> {
        let record = thread.record;
        let depth = record.depth.load(Ordering::Relaxed);
        let frame = record.frames.get(depth)?;
        let number = record.own.last.get() + 1;
        record.own.last.set(number);
        let signal = arming.signal();
        if record.own.let_through.get() != signal {
            record.let_through(signal);
        }
        frame.time.store(time, Ordering::Relaxed);
        frame.until.store(until, Ordering::Relaxed);
        frame.signal.store(signal, Ordering::Relaxed);
        frame.switch.store(arming.switch(), Ordering::Relaxed);
        frame.number.store(number, Ordering::Release);
        record.depth.store(depth + 1, Ordering::Release);
        Some(Running { record, frame, number, _thread: PhantomData })
    }

    /// Runs Lua on a coroutine, where nothing of this thread runs Lua outside of the call, and
    /// none looks at its time itself. What the frame shows is left as it is: `end` follows.
    #[inline(always)]
    pub(in crate::lua) fn run_quickly<R>(
        &self,
        state: *mut lua_State,
        run: impl FnOnce() -> R,
    ) -> R {
        self.frame.base.store(state, Ordering::Relaxed);
        self.frame.state.store(state, Ordering::Relaxed);
        self.record.show(true);
        let result = run();
        self.record.show(false);
        result
    }

    /// Goes on as other calls do, after `run_quickly`.
    pub(in crate::lua) fn show_nothing(&self) {
        self.frame.state.store(ptr::null_mut(), Ordering::Relaxed);
    }

    #[inline(always)]
    fn end(&self) {
        let depth = self.record.depth.load(Ordering::Relaxed);
        self.record.depth.store(depth - 1, Ordering::Release);
        if self.record.over.load(Ordering::Relaxed) == self.number {
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

impl Drop for Running {
    #[inline(always)]
    fn drop(&mut self) {
        self.end();
    }
}
