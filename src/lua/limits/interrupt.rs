//! How a script is stopped in Luau: by its interrupt.
//!
//! None is set while there is time: it would make every script nearly three times slower.
//! The watchdog sets it from its own thread, and from then on Luau asks at each call and
//! at each turn of a loop.
//!
//! The interrupt yields where that is possible: nothing of the script can hold up a
//! coroutine that is never resumed. Where a C function stands between it raises, again and
//! again, until that has returned.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, LazyLock};

use mlua::ffi::{self, lua_State};
use parking_lot::Mutex;

use super::place::Place;
use super::record::{self, Record};
use super::watchdog;
use crate::error::Result;
use crate::plugin::Limits;

type Interrupt = unsafe extern "C-unwind" fn(*mut lua_State, c_int);

/// The VMs there are, by their switch's address.
static SWITCHES: LazyLock<Mutex<HashMap<usize, Arc<Switch>>>> = LazyLock::new(Mutex::default);

/// How a VM is stopped from another thread.
pub(in crate::lua) struct Arming(Arc<Switch>);

/// Where a VM keeps its interrupt. The pointer is the VM's as long as `SWITCHES` has this.
struct Switch(*mut Option<Interrupt>);

// SAFETY: the place is written with `SWITCHES` locked, or by the thread that has entered
// the VM, as one word each time; `Arming` takes it out of there before the VM goes.
unsafe impl Send for Switch {}
// SAFETY: as above.
unsafe impl Sync for Switch {}

impl Arming {
    /// Prepares a VM, of which nothing has run yet. It must go before the VM does.
    pub(in crate::lua) fn prepare(state: *mut lua_State, limits: &Limits) -> Result<Arming> {
        if limits.time.is_some() {
            watchdog::start()?;
        }
        let switch = Arc::new(Switch(place(state)));
        SWITCHES.lock().insert(Arc::as_ptr(&switch).addr(), Arc::clone(&switch));
        Ok(Arming(switch))
    }

    /// A call begins that has a deadline, or may be cancelled.
    #[allow(clippy::unused_self, reason = "the other flavours find a signal")]
    pub(super) fn prepare_to_stop(&self) -> Result<()> {
        watchdog::start()
    }

    /// Whether calls look at their time themselves.
    #[allow(clippy::unused_self, reason = "the other flavours may")]
    pub(in crate::lua) fn is_polled(&self) -> bool {
        false
    }

    #[inline(always)]
    #[allow(clippy::unused_self, reason = "the other flavours have one")]
    pub(super) fn signal(&self) -> i32 {
        0
    }

    #[inline(always)]
    pub(super) fn switch(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl Drop for Arming {
    fn drop(&mut self) {
        SWITCHES.lock().remove(&self.switch());
    }
}

/// Luau needs no signal.
pub(super) fn poll(_: *mut lua_State) {}

/// Tells the VM of a call whose time is over.
pub(super) fn tell(record: &'static Record) {
    let switches = SWITCHES.lock();
    if let Some((_, address)) = record.way()
        && let Some(switch) = switches.get(&address)
    {
        write(switch.0, Some(interrupt));
    }
}

/// Stops the VM at its next step.
pub(in crate::lua) fn arm(state: *mut lua_State) {
    write(place(state), Some(interrupt));
}

/// Where the VM of this coroutine keeps its interrupt.
fn place(state: *mut lua_State) -> *mut Option<Interrupt> {
    // SAFETY: the VM is entered on this thread; its callbacks stand in it until it goes.
    unsafe { &raw mut (*ffi::lua_callbacks(state)).interrupt }
}

fn write(place: *mut Option<Interrupt>, interrupt: Option<Interrupt>) {
    const { assert!(size_of::<Option<Interrupt>>() == size_of::<AtomicPtr<()>>()) };
    let pointer = interrupt.map_or(std::ptr::null_mut(), |interrupt| interrupt as *mut ());
    // SAFETY: a pointer to a function, or null for none, and as aligned; Luau reads it
    // anew each time, and may see the one or the other. The VM is there: `SWITCHES` is
    // locked, or this thread has entered it.
    unsafe { AtomicPtr::from_ptr(place.cast::<*mut ()>()) }.store(pointer, Ordering::Relaxed);
}

unsafe extern "C-unwind" fn interrupt(state: *mut lua_State, collecting: c_int) {
    // While it collects nothing can be stopped.
    if collecting >= 0 {
        return;
    }
    // All that has to be dropped is, before one of these leaves this frame for good.
    match verdict(state) {
        Verdict::GoOn => {}
        // SAFETY: an interrupt may yield without values, if the coroutine can at all.
        Verdict::Yield => unsafe {
            ffi::lua_yield(state, 0);
        },
        // SAFETY: an interrupt may raise, once there is room for the error's value.
        Verdict::Raise => unsafe {
            ffi::lua_rawcheckstack(state, 1);
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
        // It came late: the call has ended.
        write(place(state), None);
        return Verdict::GoOn;
    }
    match can_yield(state) {
        true => Verdict::Yield,
        false => Verdict::Raise,
    }
}

/// Whether what runs can be suspended.
pub(super) fn can_yield(state: *mut lua_State) -> bool {
    // SAFETY: asks only, of the coroutine that runs.
    unsafe { ffi::lua_isyieldable(state) != 0 && !record::is_closing() }
}
