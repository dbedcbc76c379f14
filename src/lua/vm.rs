//! One VM behind one lock, and the driver of its calls.
//!
//! Invariants: Lua runs and is looked at with the lock held alone; no wait is made
//! with it held; the VM is dropped under it, and never inside of its own call.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use mlua::ffi::lua_State;
use mlua::thread::ThreadStatus;
use mlua::{Function, Lua, MultiValue, Table, Thread, Value};
use parking_lot::{Mutex, ReentrantMutex, ReentrantMutexGuard};
use twinplug_value::to_sink;

use super::exports::{Declared, Exports};
use super::failure::{Failure, located};
use super::limits::{self, Arming, Memory, Running, Share};
use super::modules::Modules;
use super::sink::LuaSink;
use super::trails::Trails;
use super::{host_table, libraries, native_stack, prelude};
use crate::channel::Message;
use crate::error::{Error, ErrorKind, Limit, Result};
use crate::plugin::{
    Entered, HostContext, Limits, Origin, barrier, cannot_wait, contained, deadline, held,
};

/// Finished coroutines that are kept for later calls.
const POOLED: usize = 8;

/// A VM. `None` once the plugin was retired.
pub(super) struct Vm {
    limits: Limits,
    state: ReentrantMutex<RefCell<Option<Arc<State>>>>,
    pub(super) shared: Arc<Shared>,
}

/// What lives in Lua; only with the lock held.
pub(super) struct State {
    /// Before the VM: it goes first.
    arming: Arming,
    share: Share,
    pub(super) lua: Lua,
    /// The body of every call's coroutine, and what it yields to wait.
    run: Function,
    token: Value,
    /// Where the script's globals go.
    pub(super) environment: Table,
    /// What `host.config` is.
    pub(super) config: Value,
    threads: Mutex<Vec<Thread>>,
}

/// What the functions that scripts call share with the driver.
pub(super) struct Shared {
    /// The plugin's name; until its body has ended, what its path says.
    name: Mutex<Arc<str>>,
    pub(super) context: Weak<HostContext>,
    /// The wait that a call is about to yield for.
    pub(super) pending: Mutex<Option<Pending>>,
    /// The error that ended a call.
    pub(super) failure: Mutex<Option<Failure>>,
    /// The error that ended a module's body, taken down where it was raised.
    pub(super) module_failure: Mutex<Option<Failure>>,
    /// Where the latest errors have been.
    pub(super) trails: Trails,
    /// Coroutines of calls that could not come back from a wait.
    lost: Mutex<Vec<Thread>>,
    pub(super) modules: Modules,
    pub(super) exports: Mutex<Exports>,
    pub(super) declared: Declared,
    /// The hook; a handle of mlua's, only with the VM's lock held.
    pub(super) on_unload: Mutex<Option<Function>>,
}

/// A wait; answers what the call goes on with.
pub(super) type Pending = Box<dyn FnOnce() -> Result<Option<Box<dyn Message>>> + Send>;

/// The VM, entered: its lock is held. Fields drop in this order, so that a VM
/// whose last user this is goes under its own lock.
pub(super) struct Entry<'v> {
    pub(super) state: Arc<State>,
    _entered: Entered,
    _guard: ReentrantMutexGuard<'v, RefCell<Option<Arc<State>>>>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.state.share.leave(&self.state.lua);
    }
}

impl Vm {
    /// A VM with the prelude run, and nothing of the plugin yet.
    pub(super) fn new(
        origin: &Origin,
        modules: Modules,
        declared: Declared,
        limits: Limits,
        context: Weak<HostContext>,
    ) -> Result<Vm> {
        let shared = Arc::new(Shared {
            name: Mutex::new(origin.name().into()),
            context,
            pending: Mutex::new(None),
            failure: Mutex::new(None),
            module_failure: Mutex::new(None),
            trails: Trails::default(),
            lost: Mutex::new(Vec::new()),
            modules,
            exports: Mutex::new(Exports::default()),
            declared,
            on_unload: Mutex::new(None),
        });
        let state = State::new(&shared, origin, &limits)?;
        let state = ReentrantMutex::new(RefCell::new(Some(Arc::new(state))));
        Ok(Vm { limits, state, shared })
    }

    /// Uses the VM. Where it has no memory left, that is the error.
    pub(super) fn within<R>(&self, use_it: impl FnOnce(Entry<'_>) -> Result<R>) -> Result<R> {
        let _memory = Memory::enter(self.address());
        self.enter().and_then(use_it).map_err(limits::blamed)
    }

    /// Tells it from others.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Takes the lock. Where this thread holds a plugin already it does not wait.
    fn enter(&self) -> Result<Entry<'_>> {
        native_stack::check()?;
        let guard = self.lock()?;
        let state = guard.borrow().clone();
        let Some(state) = state else {
            return Err(stale());
        };
        let entered = Entered::new()?;
        self.shared.drop_lost();
        Memory::hold(state.share.enter(&state.lua));
        Ok(Entry { state, _entered: entered, _guard: guard })
    }

    fn lock(&self) -> Result<ReentrantMutexGuard<'_, RefCell<Option<Arc<State>>>>> {
        match held() {
            0 => match deadline() {
                None => Ok(self.state.lock()),
                Some(deadline) => self.state.try_lock_until(deadline.at).ok_or_else(|| {
                    let what = format!("waiting for plugin `{}`", self.shared.name());
                    Error::stopped(Limit::Deadline(deadline.time), Some(&what))
                }),
            },
            _ => self.state.try_lock().ok_or_else(|| {
                cannot_wait(format_args!("plugin `{}`, which is busy", self.shared.name()))
            }),
        }
    }

    /// Runs the plugin's `on_unload` and drops the VM, once the calls that run in it have
    /// ended. From the start nobody else comes in.
    pub(super) fn retire(&self) -> Result<()> {
        let guard = self.lock()?;
        // What runs while the VM goes runs inside of it: nothing there may wait.
        let entered = Entered::new()?;
        let state = guard.borrow_mut().take();
        let on_unload = self.shared.on_unload.lock().take();
        let memory = Memory::enter(self.address());
        Memory::hold(self.limits.memory.map(Limit::Memory));
        if let (Some(state), Some(on_unload)) = (&state, &on_unload)
            && let Err(error) = self.end(state, on_unload)
        {
            let error = self.located(error);
            tracing::warn!(plugin = &*self.shared.name(), %error, "its on_unload failed");
        }
        let homes = self.shared.exports.lock().retire();
        self.shared.trails.clear();
        self.shared.drop_lost();
        drop((on_unload, homes, state, memory, entered, guard));
        Ok(())
    }

    /// Calls `on_unload`; not on a coroutine: it could be let go of where it waits, and
    /// who would come back to it?
    fn end(&self, state: &State, on_unload: &Function) -> Result<()> {
        let running = Running::begin(self.limits.time, &state.arming)?;
        let main = main_state(&state.lua).map_err(broken)?;
        let ended = running.run(main, || state.run.call(on_unload));
        match running.stopped() {
            Some(stopped) => Err(stopped.into_error()),
            None => self.shared.outcome(ended.map_err(broken)?).map(drop),
        }
    }

    /// Calls a Lua function on a coroutine. The lock is let go while the call
    /// waits, and taken again.
    pub(super) fn call<'v>(
        &'v self,
        mut entry: Entry<'v>,
        function: Function,
        args: Vec<Value>,
    ) -> Result<(Entry<'v>, Vec<Value>)> {
        let running = Running::begin(self.limits.time, &entry.state.arming)?;
        let thread = entry.state.thread().map_err(broken)?;
        let co = coroutine(&thread);
        let mut args =
            MultiValue::from_iter(std::iter::once(Value::Function(function)).chain(args));
        loop {
            let resumed = running.run(co, || thread.resume::<MultiValue>(args));
            let resumed = match running.stopped() {
                // Its coroutine is in the middle of something: it is never resumed, and
                // never closed.
                Some(stopped) => {
                    // It was about to wait, perhaps.
                    let forgotten = self.shared.pending.lock().take();
                    drop(forgotten);
                    Err(stopped.into_error())
                }
                None => resumed.map_err(|error| self.shared.take_failure(&error.to_string())),
            };
            let values = match resumed {
                Ok(values) if thread.status() == ThreadStatus::Resumable => values,
                Ok(values) => {
                    entry.state.keep(thread);
                    let values = self.shared.outcome(values);
                    return match values {
                        Ok(values) => Ok((entry, values)),
                        Err(error) => Err(self.after(&entry, error)),
                    };
                }
                Err(error) => {
                    drop(thread);
                    return Err(self.after(&entry, error));
                }
            };
            let pending = self.shared.pending.lock().take();
            let Some(pending) = pending.filter(|_| values.front() == Some(&entry.state.token))
            else {
                // The script itself yielded, outside of any coroutine of its own. The
                // call's coroutine is given up, as nothing can resume it.
                return Err(Error::new(
                    ErrorKind::Call,
                    "attempt to yield from outside a coroutine",
                ));
            };
            // Nothing of the VM's is looked at while it is let go.
            drop(values);
            let outcome;
            (entry, outcome) = match self.wait(entry, pending) {
                Ok(waited) => waited,
                Err(error) => {
                    // Handles of mlua's go with the lock held alone.
                    self.shared.lost.lock().push(thread);
                    return Err(error);
                }
            };
            // It is not the script's to go on from there.
            if let Err(error) = &outcome
                && error.limit().is_some()
            {
                return Err(error.clone());
            }
            args = resumption(&entry.state.lua, outcome);
        }
    }

    /// Cleans up after a call that has failed: what it held of memory that has run out is
    /// there for the next one.
    fn after(&self, entry: &Entry<'_>, error: Error) -> Error {
        if let Some(Limit::Memory(_) | Limit::MemoryTotal(_)) = error.limit()
            && let Err(error) = entry.state.lua.gc_collect()
        {
            tracing::debug!(plugin = &*self.shared.name(), %error, "not collected");
        }
        error
    }

    /// Says where in the plugin's files an error was raised.
    pub(super) fn located(&self, error: Error) -> Error {
        located(error, &self.shared.modules.sources())
    }

    /// Waits with the lock let go.
    fn wait<'v>(&'v self, entry: Entry<'v>, pending: Pending) -> Result<(Entry<'v>, Waited)> {
        if held() > 1 {
            let error = cannot_wait("a channel");
            return Ok((entry, Err(error)));
        }
        drop(entry);
        let outcome = pending();
        Ok((self.enter()?, outcome))
    }
}

type Waited = Result<Option<Box<dyn Message>>>;

/// What the prelude's `finish` gets: ok, no more waits, the result.
fn resumption(lua: &Lua, outcome: Waited) -> MultiValue {
    let written = outcome.and_then(|message| {
        let mut sink = LuaSink::new(lua);
        match message {
            Some(message) => contained(|| Ok(message.write(&mut sink)?))?,
            None => return Ok(Value::Nil),
        }
        Ok(sink.last())
    });
    match written {
        Ok(value) => MultiValue::from_iter([Value::Boolean(true), Value::Boolean(false), value]),
        Err(error) => host_table::refused(lua, error.message()),
    }
}

/// A coroutine, as Lua knows it; it stays while the handle does.
fn coroutine(thread: &Thread) -> *mut lua_State {
    Value::Thread(thread.clone()).to_pointer().cast_mut().cast()
}

/// The coroutine that a VM is on outside of all calls.
fn main_state(lua: &Lua) -> mlua::Result<*mut lua_State> {
    let mut main = std::ptr::null_mut();
    // SAFETY: only the pointer is taken.
    unsafe { lua.exec_raw::<()>((), |state| main = state)? };
    Ok(main)
}

impl State {
    fn new(shared: &Arc<Shared>, origin: &Origin, limits: &Limits) -> Result<State> {
        let lua = libraries::open(&origin.permissions, limits)?;
        let mut sink = LuaSink::new(&lua);
        to_sink(&origin.config, &mut sink)?;
        let config = sink.last();
        barrier::prepare();
        let arming = Arming::prepare(main_state(&lua).map_err(broken)?, limits)?;
        let state = Self::prepare(lua, arming, shared, config, origin, limits).map_err(broken)?;
        // What runs before it is ours.
        state.lua.set_memory_limit(limits.memory.unwrap_or(0)).map_err(broken)?;
        Ok(state)
    }

    /// Runs the prelude.
    fn prepare(
        lua: Lua,
        arming: Arming,
        shared: &Arc<Shared>,
        config: Value,
        origin: &Origin,
        limits: &Limits,
    ) -> mlua::Result<State> {
        let environment = lua.create_table()?;
        let raw = host_table::raw(&lua, shared, &environment, &config)?;
        limits::add(&lua, &raw, limits)?;
        libraries::hand_over(&lua, &origin.permissions, &raw)?;
        prelude::run(&lua, &raw)?;
        let (run, token) = (raw.raw_get("run")?, raw.raw_get("token")?);
        let threads = Mutex::new(Vec::new());
        Ok(State {
            arming,
            share: Share::new(limits),
            lua,
            run,
            token,
            environment,
            config,
            threads,
        })
    }

    /// A coroutine that runs `run`, from the pool if there is one.
    fn thread(&self) -> mlua::Result<Thread> {
        // The lock is not held while Lua may run.
        let pooled = self.threads.lock().pop();
        match pooled {
            Some(thread) => thread.reset(self.run.clone()).map(|()| thread),
            None => self.lua.create_thread(self.run.clone()),
        }
    }

    fn keep(&self, thread: Thread) {
        let finished = thread.status() == ThreadStatus::Finished;
        let mut threads = self.threads.lock();
        if finished && threads.len() < POOLED {
            threads.push(thread);
        }
    }
}

impl Shared {
    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name.lock())
    }

    pub(super) fn set_name(&self, name: &str) {
        *self.name.lock() = name.into();
    }

    /// Adds what a table exports.
    pub(super) fn export(&self, table: &Table) -> Result<(), String> {
        let found = Exports::find(table, &self.declared)?;
        self.exports.lock().add(found)
    }

    /// The host, while there is one.
    pub(super) fn host(&self) -> Result<Arc<HostContext>> {
        let gone = || Error::new(ErrorKind::Stale, "the host is gone");
        self.context.upgrade().ok_or_else(gone)
    }

    /// Only with the VM's lock held.
    fn drop_lost(&self) {
        let lost = std::mem::take(&mut *self.lost.lock());
        drop(lost);
    }

    /// What `run` returned: `xpcall`'s flag, and the results.
    fn outcome(&self, values: MultiValue) -> Result<Vec<Value>> {
        let mut values = values.into_iter();
        match values.next() {
            Some(Value::Boolean(true)) => Ok(values.collect()),
            _ => {
                let message = values.next().and_then(|value| value.to_string().ok());
                Err(self.take_failure(&message.unwrap_or_default()))
            }
        }
    }

    /// The error that ended a call; `otherwise` where its handler could not run.
    fn take_failure(&self, otherwise: &str) -> Error {
        let failure = self.failure.lock().take();
        if otherwise.starts_with("not enough memory") {
            Memory::run_out();
        }
        // A C function may have ended the call, before the hook could.
        if let Some(limit) = limits::due() {
            return Error::stopped(limit, None);
        }
        match failure {
            Some(failure) => failure.into_error(),
            None => Error::new(ErrorKind::Call, otherwise),
        }
    }
}

/// The error of whatever uses a plugin that is gone.
pub(super) fn stale() -> Error {
    Error::new(ErrorKind::Stale, "the plugin was unloaded")
}

/// An error of Lua's where no script has run.
pub(super) fn broken(error: mlua::Error) -> Error {
    limits::note(&error);
    Error::new(ErrorKind::Load, error.to_string()).with_source(error)
}

// What the invariants at the head rest on: a VM goes from thread to thread.
const _: () = {
    const fn crosses_threads<T: Send + Sync>() {}
    crosses_threads::<Vm>();
};
