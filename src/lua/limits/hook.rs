//! How a script is stopped in Lua 5.4, 5.5 and LuaJIT: by a count hook.
//!
//! None is set while there is time: it would halve the speed of every script. A signal sets
//! it in the middle of the script, and from then on Lua asks before each instruction. Where
//! there may be no signals it is set from the start, and asks now and then.
//!
//! The hook yields where that is possible: nothing of the script can hold up a coroutine
//! that is never resumed. Where a C function stands between it raises, again and again,
//! until that has returned.

use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, Ordering};

use mlua::ffi::{self, lua_Debug, lua_State};
use parking_lot::Mutex;

use super::place::Place;
use super::record::{self, Record};
use super::{signal, watchdog};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{LimitSignal, Limits};

/// Instructions between two looks where there are no signals.
const POLLED_EVERY: c_int = 1000;

/// The signal of those that did not choose one; 0 until there is one.
static AUTOMATIC: AtomicI32 = AtomicI32::new(0);

/// How a VM is stopped from another thread.
pub(in crate::lua) enum Arming {
    Automatic,
    Signal(i32),
    Polled,
}

impl Arming {
    /// Prepares a VM, of which nothing has run yet.
    ///
    /// # Errors
    /// The host's signal is none, or the system refuses it.
    pub(in crate::lua) fn prepare(state: *mut lua_State, limits: &Limits) -> Result<Arming> {
        if limits.time.is_some() {
            watchdog::start()?;
        }
        let arming = Arming::choose(limits)?;
        if let Arming::Polled = arming {
            set(state, POLLED_EVERY);
        }
        Ok(arming)
    }

    fn choose(limits: &Limits) -> Result<Arming> {
        match limits.signal {
            LimitSignal::Number(number) => use_signal(number),
            LimitSignal::Automatic if limits.time.is_none() || find_signal() => {
                Ok(Arming::Automatic)
            }
            LimitSignal::Automatic | LimitSignal::Off => Ok(match limits.time {
                Some(_) => Arming::Polled,
                // In a call that another plugin's limit holds for, it is as it is.
                None => Arming::Signal(0),
            }),
        }
    }

    /// A call begins that has a deadline, or may be cancelled.
    pub(super) fn prepare_to_stop(&self) -> Result<()> {
        watchdog::start()?;
        if let Arming::Automatic = self {
            find_signal();
        }
        Ok(())
    }

    /// Whether calls look at their time themselves.
    pub(in crate::lua) fn is_polled(&self) -> bool {
        matches!(self, Arming::Polled)
    }

    #[inline(always)]
    pub(super) fn signal(&self) -> i32 {
        match self {
            Arming::Automatic => AUTOMATIC.load(Ordering::Relaxed),
            Arming::Signal(number) => *number,
            Arming::Polled => 0,
        }
    }

    #[inline(always)]
    #[allow(clippy::unused_self, reason = "Luau's has one")]
    pub(super) fn switch(&self) -> usize {
        0
    }
}

/// The signal that the host has chosen.
fn use_signal(number: i32) -> Result<Arming> {
    let refused = |why: &dyn std::fmt::Display| {
        let message = format!("time limits cannot use signal {number}: {why}");
        Error::new(ErrorKind::Refused, message)
    };
    if !signal::is_usable(number) {
        return Err(refused(&"choose a real-time signal, SIGUSR1, SIGUSR2, SIGURG or SIGIO"));
    }
    signal::install(number).map_err(|error| refused(&error).with_source(error))?;
    Ok(Arming::Signal(number))
}

/// Finds the signal of those that did not choose one.
fn find_signal() -> bool {
    static FINDING: Mutex<()> = Mutex::new(());
    if AUTOMATIC.load(Ordering::Relaxed) != 0 {
        return true;
    }
    let _one = FINDING.lock();
    if AUTOMATIC.load(Ordering::Relaxed) != 0 {
        return true;
    }
    let found = signal::free().filter(|number| signal::install(*number).is_ok());
    match found {
        Some(number) => AUTOMATIC.store(number, Ordering::Relaxed),
        None => tracing::warn!("no signal is free: time limits make scripts slower"),
    }
    found.is_some()
}

/// Lets a coroutine look now and then whether its call is over.
pub(super) fn poll(state: *mut lua_State) {
    set(state, POLLED_EVERY);
}

/// Tells the thread of a call whose time is over.
pub(super) fn tell(record: &'static Record) {
    if let Some((number, _)) = record.way()
        && number != 0
    {
        signal::send(record, number);
    }
}

/// Stops the coroutine before its next instruction. Also in a signal's handler.
pub(in crate::lua) fn arm(state: *mut lua_State) {
    set(state, 1);
}

fn set(state: *mut lua_State, every: c_int) {
    // SAFETY: the VM is entered on this thread, and the coroutine is one that runs, or is
    // about to. It may be called at any time, from a signal's handler too (lua_sethook in
    // the manual; the program `lua` does so).
    unsafe { ffi::lua_sethook(state, Some(hook), ffi::LUA_MASKCOUNT, every) };
}

unsafe extern "C-unwind" fn hook(state: *mut lua_State, _: *mut lua_Debug) {
    // All that has to be dropped is, before one of these leaves this frame for good.
    match verdict(state) {
        Verdict::GoOn => {}
        // SAFETY: in a count hook a coroutine may yield without values, if it can at all.
        Verdict::Yield => unsafe {
            ffi::lua_yield(state, 0);
        },
        // SAFETY: a hook may raise; there is always room for an error's value.
        Verdict::Raise => unsafe {
            ffi::lua_pushnil(state);
            ffi::lua_error(state);
        },
    }
}

enum Verdict {
    GoOn,
    Yield,
    Raise,
}

fn verdict(state: *mut lua_State) -> Verdict {
    if !record::stop(|| Place::of(state)) {
        // A coroutine made by one that was stopped, or a signal that came late.
        if !record::is_polled() {
            // SAFETY: as in `set`.
            unsafe { ffi::lua_sethook(state, None, 0, 0) };
        }
        return Verdict::GoOn;
    }
    arm(state);
    match can_yield(state) {
        true => Verdict::Yield,
        false => Verdict::Raise,
    }
}

#[cfg(not(feature = "luajit"))]
use mlua::ffi::lua_isyieldable;

#[cfg(feature = "luajit")]
unsafe extern "C-unwind" {
    /// LuaJIT 2.1 has it; mlua does not declare it.
    fn lua_isyieldable(state: *mut lua_State) -> c_int;
}

/// Whether what runs can be suspended.
pub(super) fn can_yield(state: *mut lua_State) -> bool {
    // SAFETY: asks only, of the coroutine that runs.
    unsafe { lua_isyieldable(state) != 0 && !record::is_closing() }
}
