//! How a call is run: on a coroutine of the pool, with the lock let go while it waits.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};
use mlua::{Function, MultiValue, Value};

use super::border::Border;
use super::channels;
use super::coroutine::Coroutine;
use super::entry::Entry;
use super::limits::{self, Running, Thread};
use super::raw::{self, Outcome, Reference};
use super::vm::{Answer, Core, GoesOn, Pending, State, Vm, broken, dropped};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{cannot_wait, held, parked};

/// A VM that is entered, with a coroutine of its own for one use.
pub(super) struct Lease<'v> {
    entry: Entry<'v>,
    /// `None` before there is one.
    coroutine: Option<Coroutine>,
    /// Whether another call can run on the coroutine.
    is_reusable: bool,
}

impl<'v> Lease<'v> {
    /// Of a coroutine that is reusable, or in the middle of a call.
    pub(super) fn new(
        entry: Entry<'v>,
        coroutine: Option<Coroutine>,
        is_reusable: Reusable,
    ) -> Self {
        Lease { entry, coroutine, is_reusable: is_reusable == Reusable::Yes }
    }
}

/// Whether another call can run on a coroutine.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Reusable {
    Yes,
    NotYet,
}

/// Uses a VM and a coroutine. Where the VM has no memory left, that is the error.
#[inline(always)]
pub(super) fn with<'v, R>(vm: &'v Vm, used: impl FnOnce(&mut Lease<'v>) -> Result<R>) -> Result<R> {
    let entry = Entry::outside(vm);
    let mut lease = Lease { entry, coroutine: None, is_reusable: true };
    lease.entry.enter()?;
    lease.take_coroutine().map_err(|error| lease.blamed(error))?;
    match used(&mut lease) {
        Ok(result) => {
            lease.give_back();
            lease.entry.leave();
            // Nothing is left of it: its drop would look at that for as long as this took.
            std::mem::forget(lease);
            Ok(result)
        }
        Err(error) => Err(lease.entry.blamed(error)),
    }
}

impl Lease<'_> {
    #[inline(always)]
    fn take_coroutine(&mut self) -> Result<()> {
        let state = self.entry.state();
        let coroutine = state.core.pool.take(&state.lua).map_err(broken)?;
        self.coroutine = Some(coroutine);
        Ok(())
    }

    /// The coroutine, which does not run: while it is used the VM is entered.
    #[inline(always)]
    pub(super) fn coroutine(&self) -> *mut lua_State {
        self.coroutine.map_or(std::ptr::null_mut(), Coroutine::state)
    }

    #[inline(always)]
    pub(super) fn state(&self) -> &State {
        self.entry.state()
    }

    #[inline(always)]
    pub(super) fn border(&self) -> &Border {
        &self.state().core.border
    }

    /// Calls what stands below so many arguments on the coroutine. Then the results are its
    /// stack, as many as this answers.
    #[inline(always)]
    pub(super) fn call(&mut self, arguments: c_int) -> Result<c_int> {
        let running = self.state().begin()?;
        self.is_reusable = false;
        let outcome = self.state().run(&running, self.coroutine(), arguments);
        match outcome {
            Outcome::Finished(count) if !running.is_stopped() => {
                self.is_reusable = true;
                Ok(count)
            }
            _ => self.go_on(&running, outcome),
        }
    }

    /// An error of what was done in the VM.
    pub(super) fn blamed(&self, error: Error) -> Error {
        self.entry.blamed(error)
    }

    /// What comes of a call that has not simply ended.
    #[inline(never)]
    pub(super) fn go_on(&mut self, running: &Running, outcome: Outcome) -> Result<c_int> {
        let vm = self.entry.vm;
        let mut outcome = outcome;
        loop {
            let state = self.state();
            let coroutine = self.coroutine();
            if running.is_stopped() {
                return Err(vm.stopped(running));
            }
            match outcome {
                Outcome::Finished(count) => {
                    self.is_reusable = true;
                    return Ok(count);
                }
                Outcome::Failed(status) => {
                    let error = match &self.coroutine {
                        Some(failed) => vm.failed(state, running, failed, status),
                        None => vm.shared.take_failure(""),
                    };
                    return Err(error);
                }
                Outcome::Yielded(values) => {
                    let pending = vm.pending(state, coroutine, values)?;
                    let arguments = self.wait(pending)?;
                    outcome = self.state().run(running, self.coroutine(), arguments);
                }
            }
        }
    }

    /// Waits with the lock let go, and puts what the call goes on with onto the coroutine.
    #[cold]
    fn wait(&mut self, pending: Pending) -> Result<c_int> {
        let outcome = if held() > 1 {
            Err(cannot_wait("a channel"))
        } else {
            // Said with the lock held: who has it next sees it.
            let visits = &self.entry.vm.pause.visits;
            let visit = matches!(pending, Pending::Visit(_)).then(|| visits.begin());
            self.entry.leave();
            let outcome = match pending {
                Pending::Wait(wait) => parked(wait),
                Pending::Visit(visit) => visit(),
            };
            let entered = self.entry.enter_again();
            drop(visit);
            if let Err(error) = entered {
                match outcome {
                    // The plugin has gone, perhaps: others may have it.
                    Ok(GoesOn::Answer(Answer::Message(message) | Answer::Next(message))) => {
                        message.give_back();
                    }
                    other => dropped(other),
                }
                return Err(error.begun());
            }
            outcome
        };
        // It is not the script's to go on from there.
        if let Err(error) | Ok(GoesOn::Error(error)) = &outcome
            && error.limit().is_some()
        {
            return Err(error.clone());
        }
        resumption(&self.state().core, self.coroutine(), outcome)
    }

    #[inline(always)]
    fn give_back(&mut self) {
        let Some(coroutine) = self.coroutine.take() else { return };
        match self.entry.is_inside() {
            true if self.is_reusable => self.state().core.pool.keep(coroutine),
            true => self.state().core.pool.give_up(coroutine),
            // Its call could not come back from a wait.
            false => self.entry.vm.lose(coroutine),
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.give_back();
        if self.entry.is_inside() {
            self.state().core.recover();
        }
    }
}

/// Pushes what the prelude's `finish` gets: ok, no more waits, the results.
fn resumption(core: &Core, coroutine: *mut lua_State, outcome: Result<GoesOn>) -> Result<c_int> {
    let border = &core.border;
    // SAFETY: the VM is entered, and the coroutine waits. Room is made before anything is
    // pushed, and what was pushed of a message that cannot be written goes again.
    unsafe {
        border.reserve(coroutine, 24)?;
        let top = ffi::lua_gettop(coroutine);
        let written = outcome.and_then(|outcome| push_outcome(core, coroutine, outcome));
        let error = match written {
            Ok(count) => return Ok(count),
            Err(error) => error,
        };
        ffi::lua_settop(coroutine, top);
        ffi::lua_pushboolean(coroutine, 0);
        core.push_thrown(coroutine, &error);
        Ok(2)
    }
}

/// Pushes what a call goes on with, and says how many values that are.
///
/// # Safety
/// The VM is entered, and the coroutine waits, with room for 20 values.
unsafe fn push_outcome(core: &Core, coroutine: *mut lua_State, outcome: GoesOn) -> Result<c_int> {
    let border = &core.border;
    // SAFETY: as the caller says; for more room is made.
    unsafe {
        match outcome {
            GoesOn::Answer(answer) => channels::write(border, coroutine, answer),
            GoesOn::Results(used) => used.push(core, coroutine),
            GoesOn::Returned(returned) => {
                ffi::lua_pushboolean(coroutine, 1);
                ffi::lua_pushboolean(coroutine, 0);
                Ok(core.push_returned(coroutine, returned)? + 2)
            }
            GoesOn::Error(error) => Err(error),
        }
    }
}

impl Core {
    /// Where memory has run out, what the call held of it is there for the next one: not every
    /// flavour collects when it finds none.
    #[inline]
    pub(super) fn recover(&self) {
        if self.memory.hit().is_none() {
            return;
        }
        #[cfg(feature = "luajit")]
        if let Err(error) = self.forget_coroutine() {
            tracing::debug!(%error, "the FFI keeps a coroutine");
        }
        if let Err(error) = self.border.lua().gc_collect() {
            tracing::debug!(%error, "not collected");
        }
    }
}

impl State {
    /// A call begins.
    #[inline(always)]
    fn begin(&self) -> Result<Running> {
        Running::begin(Thread::this(), &self.core.shape)
    }

    /// Runs a coroutine until it has ended or waits.
    #[inline(always)]
    pub(super) fn run(
        &self,
        running: &Running,
        coroutine: *mut lua_State,
        arguments: c_int,
    ) -> Outcome {
        let from = self.core.current.replace(coroutine);
        self.core.border.forget_room();
        let outcome = running.run(coroutine, || {
            // SAFETY: the VM is entered. The coroutine is of the pool, or yielded; whoever
            // calls this has put onto it what it needs.
            unsafe { raw::resume(coroutine, from, arguments) }
        });
        self.core.current.set(from);
        self.core.border.forget_room();
        outcome
    }
}

impl Lease<'_> {
    /// Calls a function that the VM keeps, with values of mlua's; its results go.
    pub(super) fn call_kept(&mut self, function: Reference, arguments: &[Value]) -> Result<()> {
        let coroutine = self.coroutine();
        let count = arguments.len() as c_int;
        let values: MultiValue = arguments.iter().cloned().collect();
        // SAFETY: mlua runs it protected, with the values alone in its frame; the coroutine
        // does not run, and has room for them and the function.
        let moved = unsafe {
            function.push(coroutine);
            let lua = &self.state().lua;
            lua.exec_raw::<()>(values, |state| ffi::lua_xmove(state, coroutine, count))
        };
        moved.map_err(broken)?;
        self.call(count).map(drop)
    }

    /// Calls a function with values of mlua's.
    pub(super) fn call_function(
        &mut self,
        function: &Function,
        arguments: &[Value],
    ) -> Result<Vec<Value>> {
        let coroutine = self.coroutine();
        let count = arguments.len() as c_int;
        let values = std::iter::once(Value::Function(function.clone()));
        let values: MultiValue = values.chain(arguments.iter().cloned()).collect();
        // SAFETY: mlua runs it protected, with the values alone in its frame; the coroutine
        // does not run, and has room for them.
        let moved = unsafe {
            let lua = &self.state().lua;
            lua.exec_raw::<()>(values, |state| ffi::lua_xmove(state, coroutine, count + 1))
        };
        moved.map_err(broken)?;
        let results = self.call(count)?;
        // SAFETY: as above, in the other direction; that there is room may raise.
        let values = unsafe {
            self.state().lua.exec_raw::<MultiValue>((), |state| {
                ffi::luaL_checkstack(state, results, std::ptr::null());
                ffi::lua_xmove(coroutine, state, results);
            })
        };
        Ok(values.map_err(broken)?.into_iter().collect())
    }
}

impl Vm {
    /// Calls a function that must not wait, as nobody would come back to it.
    pub(super) fn run_to_the_end(&self, state: &State, function: Reference) -> Result<()> {
        let running = state.begin()?;
        let coroutine = state.core.pool.take(&state.lua).map_err(broken)?;
        // SAFETY: the lock is held, and the coroutine has finished or is new.
        unsafe { function.push(coroutine.state()) };
        limits::closing(1);
        let outcome = state.run(&running, coroutine.state(), 0);
        limits::closing(-1);
        let error = match outcome {
            _ if running.is_stopped() => Some(self.stopped(&running)),
            Outcome::Finished(_) => None,
            Outcome::Failed(status) => Some(self.failed(state, &running, &coroutine, status)),
            Outcome::Yielded(_) => {
                self.shared.forget_wait();
                Some(cannot_wait("a channel"))
            }
        };
        state.core.pool.give_up(coroutine);
        error.map_or(Ok(()), Err)
    }

    /// The error of a call that a limit has stopped. Its coroutine is in the middle of
    /// something: it is never resumed, and never closed.
    #[cold]
    fn stopped(&self, running: &Running) -> Error {
        // It was about to wait, perhaps.
        self.shared.forget_wait();
        let error = running.stopped().map(limits::Stopped::into_error);
        error.unwrap_or_else(|| Error::new(ErrorKind::Call, "the call is over"))
    }

    /// What a coroutine waits for, which has yielded so many values; they are taken off.
    #[cold]
    fn pending(&self, state: &State, coroutine: *mut lua_State, values: c_int) -> Result<Pending> {
        // SAFETY: the VM is entered, and the coroutine waits; what it has yielded is looked at
        // and goes.
        let is_token = unsafe {
            let is_token = values == 1 && {
                state.token.push(coroutine);
                let is_token = ffi::lua_rawequal(coroutine, -1, -2) != 0;
                ffi::lua_settop(coroutine, -2);
                is_token
            };
            ffi::lua_settop(coroutine, -values - 1);
            is_token
        };
        let pending = self.shared.pending.lock().take();
        // Else the script itself yielded, outside of any coroutine of its own. The call's
        // coroutine is given up, as nothing can resume it.
        pending
            .filter(|_| is_token)
            .ok_or_else(|| Error::new(ErrorKind::Call, "attempt to yield from outside a coroutine"))
    }

    /// The error of a coroutine that has failed, described by Lua on another one while its
    /// stack is still there. Then its variables are closed.
    #[cold]
    fn failed(&self, state: &State, running: &Running, failed: &Coroutine, status: c_int) -> Error {
        if status == ffi::LUA_ERRMEM {
            return self.shared.take_failure("not enough memory");
        }
        let described = self.describe(state, running, failed);
        close(state, running, failed.state());
        match described {
            _ if running.is_stopped() => self.stopped(running),
            Ok(()) => self.shared.take_failure(""),
            Err(text) => self.shared.take_failure(&text),
        }
    }

    /// Runs `report` with the error and the coroutine.
    fn describe(&self, state: &State, running: &Running, failed: &Coroutine) -> Result<(), String> {
        let taken = state.core.pool.take(&state.lua);
        let coroutine = taken.map_err(|error| broken(error).message().to_owned())?;
        let reporter = coroutine.state();
        // SAFETY: the VM is entered, and neither coroutine runs. The error goes to the other
        // one and back, as the stack that it is on may be full.
        let outcome = unsafe {
            state.report.push(reporter);
            failed.reference.push(reporter);
            ffi::lua_xmove(failed.state(), reporter, 1);
            ffi::lua_pushvalue(reporter, -1);
            ffi::lua_xmove(reporter, failed.state(), 1);
            state.run(running, reporter, 2)
        };
        match outcome {
            Outcome::Finished(_) => {
                state.core.pool.keep(coroutine);
                Ok(())
            }
            Outcome::Failed(ffi::LUA_ERRMEM) => {
                state.core.pool.give_up(coroutine);
                Err("not enough memory".to_owned())
            }
            _ => {
                state.core.pool.give_up(coroutine);
                Err("an error whose text failed".to_owned())
            }
        }
    }
}

/// Runs what a coroutine that has failed still has to close.
#[cfg(any(feature = "lua54", feature = "lua55"))]
fn close(state: &State, running: &Running, failed: *mut lua_State) {
    if running.is_stopped() {
        return;
    }
    let from = state.core.current.replace(failed);
    limits::closing(1);
    running.run(failed, || {
        // SAFETY: the VM is entered; the coroutine has failed, and is not resumed any more.
        unsafe { ffi::lua_closethread(failed, from) };
    });
    limits::closing(-1);
    state.core.current.set(from);
}

/// Nothing is closed in these flavours.
#[cfg(any(feature = "luajit", feature = "luau"))]
fn close(_: &State, _: &Running, _: *mut lua_State) {}
