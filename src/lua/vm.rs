//! One VM behind one lock.
//!
//! Invariants: Lua runs and is looked at with the lock held alone; no wait is made
//! with it held; the VM is dropped under it, and never inside of its own call.

mod lost;
mod pause;
mod shared;

use std::cell::{Cell, UnsafeCell};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use mlua::ffi::lua_State;
use mlua::{Lua, Table, Value};
use twinplug_value::raw::LeafPlace;

use super::border::{Border, refer};
use super::channels::Channels;
use super::coroutine::Pool;
use super::direct::Direct;
use super::entry::Entry;
use super::exports::Declared;
use super::failure::located;
use super::foundation::{Ground, Guards};
use super::hooks::Hooks;
use super::host_functions::{HostFunctions, Returned};
use super::limits::{self, Arming, Memory, Outer, Shape, Share, Thread};
use super::lock::Lock;
use super::modules::Modules;
use super::plugins::{Links, Used};
use super::raw::Reference;
use super::sink::to_lua;
use super::{foundation, globals, host_table, libraries};
use crate::channel::Message;
use crate::error::{Error, ErrorKind, Limit, Result};
use crate::plugin::{
    Base, Gone, HostContext, Limits, Origin, barrier, contained, undisturbed, within,
};
pub(super) use pause::Pause;
pub(super) use shared::Shared;

/// A VM.
pub(super) struct Vm {
    pub(super) lock: Lock,
    /// `None` once the plugin was retired.
    state: UnsafeCell<Option<Box<State>>>,
    /// What was retired inside of its own call, until that has ended.
    retired: UnsafeCell<Option<Box<State>>>,
    pub(super) shared: Arc<Shared>,
    /// Whether coroutines were lost: what a call can afford to ask.
    has_lost: AtomicBool,
    /// Whether another load has taken over, once it was retired.
    was_replaced: AtomicBool,
    /// Who keeps others out while another load takes over.
    pub(super) pause: Pause,
    /// How many bytes it held when somebody asked.
    held: AtomicUsize,
    /// The inside, for quick calls; null while something else has to be done as the VM is
    /// entered, and once it was retired.
    quick: AtomicPtr<Core>,
}

// SAFETY: what is not `Sync` is the two states, and what they lead to (handles of mlua's, cells,
// pointers into the VM). All of it is used by the thread that holds `lock` alone, or by who owns
// the whole `Vm` as it is dropped. No handle of mlua's is anywhere but in `State`, in `Shared`
// (`trails` alone, which `keep` and `clear` change with the lock held) and in functions that
// the VM itself keeps; errors, payloads and what a call waits for hold none. So mlua's counts,
// which without its `send` are no atomics, change with the lock held alone as well. Lua itself
// does not care which thread runs it, as long as it is one at a time; the lock orders them.
unsafe impl Send for Vm {}
// SAFETY: as above.
unsafe impl Sync for Vm {}

/// What lives in Lua; only with the lock held.
pub(super) struct State {
    pub(super) share: Share,
    /// What a call yields to wait, and what describes its error.
    pub(super) token: Reference,
    pub(super) report: Reference,
    /// Where the script's globals go.
    pub(super) environment: Table,
    /// What `host.config` is.
    pub(super) config: Value,
    pub(super) hooks: Hooks,
    pub(super) lua: Lua,
    /// After the VM: functions of it may still look at this while it goes.
    pub(super) core: Box<Core>,
    /// Last: until all of it has gone, whoever drops it is inside.
    leaving: Leaving,
}

/// The VM that the thread was in before which drops another one.
struct Leaving(Cell<Option<Outer>>);

/// What calls use all the time, and C functions of a VM point to; it stays where it is until
/// the VM has gone.
pub(super) struct Core {
    /// Before the VM: it goes first.
    pub(super) shape: Shape,
    /// Whether nothing is to be done for a limit as the VM is entered, or a call begins.
    is_quick: bool,
    pub(super) pool: Pool,
    pub(super) border: Border,
    pub(super) memory: Memory,
    /// Whether the VM goes once the last one has left it.
    pub(super) is_retired: Cell<bool>,
    /// The coroutine that calls are made from: that of the innermost function of the host, or of
    /// the innermost call; or the one that is on outside of all calls. Null once the VM goes.
    pub(super) current: Cell<*mut lua_State>,
    pub(super) shared: Arc<Shared>,
    pub(super) channels: Channels,
    pub(super) functions: HostFunctions,
    pub(super) links: Links,
    pub(super) direct: Direct,
    /// Whether a leaf function runs that a script has called: nobody enters the VM meanwhile.
    pub(super) leaf: LeafPlace,
    #[cfg(feature = "luau")]
    pub(super) library: super::safe::Library,
    /// Whether scripts are compiled, and what compiled calls of leaf functions use.
    #[cfg(feature = "luajit")]
    pub(super) is_compiled: bool,
    #[cfg(feature = "luajit")]
    pub(super) compiled: super::leaf::Compiled,
}

/// How long who only asks waits for a VM.
const BRIEFLY: Duration = Duration::from_millis(1);

/// A wait, made with the plugin let go; its error is that of the wait itself.
pub(super) enum Pending {
    /// It waits for who knows how long.
    Wait(Waits),
    /// It uses another plugin.
    Visit(Waits),
}

pub(super) type Waits = Box<dyn FnOnce() -> Result<GoesOn> + Send>;

/// What a call goes on with once it has waited.
pub(super) enum GoesOn {
    /// For a channel.
    Answer(Answer),
    /// For another plugin: what came of it.
    Results(Used),
    /// For a function of the host.
    Returned(Returned),
    /// Its error.
    Error(Error),
}

/// What a step with a channel gives a script.
pub(super) enum Answer {
    Nothing,
    /// It was sent.
    Yes,
    /// It was not, and why.
    No(&'static str),
    Message(Box<dyn Message>),
    /// One in a loop, which nil would end: `host.null` in its place.
    Next(Box<dyn Message>),
    /// There is no message, and why.
    Missing(&'static str),
}

impl Vm {
    /// A VM with the prelude run, and nothing of the plugin yet.
    pub(super) fn new(
        origin: &Origin,
        modules: Modules,
        declared: Declared,
        limits: Limits,
        around: (Weak<HostContext>, Option<Arc<dyn Base>>),
    ) -> Result<Vm> {
        #[allow(
            clippy::arc_with_non_send_sync,
            reason = "it goes where its VM goes, and nowhere else"
        )]
        let shared = Arc::new(Shared::new(origin, modules, declared, around));
        let state = State::new(&shared, origin, &limits)?;
        let quick = AtomicPtr::new(state.core.for_quick_calls());
        let (state, retired) = (UnsafeCell::new(Some(state)), UnsafeCell::new(None));
        let has_lost = AtomicBool::new(false);
        let (was_replaced, pause) = (AtomicBool::new(false), Pause::default());
        let (lock, held) = (Lock::new(), AtomicUsize::new(0));
        Ok(Vm { lock, state, retired, shared, has_lost, was_replaced, pause, held, quick })
    }

    /// Runs the plugin's `on_unload` and drops the VM, once the calls that run in it have
    /// ended. From the start nobody else comes in.
    pub(super) fn retire(&self, why: Gone) -> Result<()> {
        // Whoever does so in a call that is cancelled: it would not be done later.
        undisturbed(|| limits::shielded(|| self.retire_now(why)))
    }

    fn retire_now(&self, why: Gone) -> Result<()> {
        let mut entry = Entry::outside(self);
        match entry.enter() {
            // It has gone already.
            Err(error) if error.has_not_begun() => return Ok(()),
            entered => entered?,
        }
        self.was_replaced.store(why == Gone::Replaced, Ordering::Release);
        // From here on nobody else comes in.
        entry.state().core.is_retired.set(true);
        self.quick.store(ptr::null_mut(), Ordering::SeqCst);
        // SAFETY: the lock is held. The box moves, and not what is in it: whoever is inside,
        // this thread alone, may go on, and the last of them drops it.
        unsafe { *self.retired.get() = (*self.state.get()).take() };
        self.pause.end();
        // Who waits wakes up, and finds it gone.
        self.shared.life.end();
        if let Some(on_unload) = entry.state().hooks.take_last()
            && let Err(error) = self.run_to_the_end(entry.state(), on_unload)
        {
            let error = self.located(entry.blamed(error));
            tracing::warn!(plugin = &*self.shared.name(), %error, "its on_unload failed");
        }
        self.shared.exports.lock().retire();
        self.shared.states.lock().clear();
        self.shared.subscriptions.clear();
        self.shared.trails.clear();
        self.shared.lost.lock().clear();
        Ok(())
    }

    /// The VM's inside, unless it was retired.
    ///
    /// # Safety
    /// The lock is held for as long as the answer is used: a VM that is retired meanwhile stays
    /// until the last one leaves.
    #[inline(always)]
    pub(super) unsafe fn state(&self) -> Option<&State> {
        // SAFETY: as the caller says: nobody changes it meanwhile.
        unsafe { (*self.state.get()).as_deref() }
    }

    /// The VM's inside, also of one that was retired while it was entered.
    ///
    /// # Safety
    /// As `state`, and entered before that.
    pub(super) unsafe fn inside(&self) -> Option<&State> {
        // SAFETY: as the caller says: who retires it puts it there, and the last one who leaves
        // takes it.
        unsafe { self.state().or((*self.retired.get()).as_deref()) }
    }

    /// The inside, where nothing stands against a quick call.
    ///
    /// # Safety
    /// As `state`.
    #[inline(always)]
    pub(super) unsafe fn quick(&self) -> Option<&Core> {
        // SAFETY: null, or the core of `state`, until that is taken out; as the caller says.
        unsafe { self.quick.load(Ordering::Relaxed).as_ref() }
    }

    /// The last one has left a VM that was retired. With the lock held.
    #[cold]
    pub(super) fn drop_retired(&self) {
        // SAFETY: the lock is held, and nobody is inside.
        let retired = unsafe { (*self.retired.get()).take() };
        drop(retired);
    }

    /// The error of whatever uses it once it was retired.
    #[cold]
    pub(super) fn gone(&self) -> Error {
        match self.was_replaced.load(Ordering::Acquire) {
            true => Gone::Replaced.error(),
            false => Gone::Unloaded.error(),
        }
    }

    /// How many bytes it holds; where it is busy, how many that were the last time.
    pub(super) fn memory(&self) -> usize {
        let mut entry = Entry::outside(self);
        if let Ok(()) = within(BRIEFLY, || entry.enter()) {
            self.note_memory(entry.state());
        }
        self.held.load(Ordering::Relaxed)
    }

    /// Notes how many bytes it holds. With the lock held.
    pub(super) fn note_memory(&self, state: &State) {
        self.held.store(state.lua.used_memory(), Ordering::Relaxed);
    }

    /// Nobody calls it quickly until `let_quick_calls_in`. With the lock held.
    pub(super) fn keep_quick_calls_out(&self) {
        self.quick.store(ptr::null_mut(), Ordering::SeqCst);
    }

    /// Quick calls come in again, unless it is paused.
    pub(super) fn let_quick_calls_in(&self, state: &State) {
        if !self.pause.is_on() {
            self.quick.store(state.core.for_quick_calls(), Ordering::SeqCst);
        }
    }

    /// Says where in the plugin's files an error was raised.
    pub(super) fn located(&self, error: Error) -> Error {
        located(error, &self.shared.modules.sources())
    }
}

impl State {
    fn new(shared: &Arc<Shared>, origin: &Origin, limits: &Limits) -> Result<Box<State>> {
        let lua = libraries::open(&origin.permissions, limits)?;
        barrier::prepare();
        let arming = Arming::prepare(main_state(&lua).map_err(broken)?, limits)?;
        let shape = Shape::new(arming, limits);
        let core = Core::new(&lua, shared, shape, origin, limits).map_err(broken)?;
        let config = to_lua(&lua, &core.border, &origin.config)?;
        let state = Self::prepare(lua, core, config, origin, limits).map_err(broken)?;
        // What runs before it is ours.
        state.lua.set_memory_limit(limits.memory.unwrap_or(0)).map_err(broken)?;
        state.core.memory.hold(limits.memory.map(Limit::Memory));
        state.core.border.hold(limits.memory);
        let state = Box::new(state);
        state.core.memory.belongs_to(ptr::from_ref(&*state.core).cast());
        Ok(state)
    }

    /// Takes its share of what all VMs of the host may take.
    pub(super) fn take_share(&self) {
        if let Some((limit, bytes)) = self.share.enter(&self.lua) {
            self.core.memory.hold(Some(limit));
            self.core.border.hold(Some(bytes));
        }
    }

    /// Makes what scripts run on top of.
    fn prepare(
        lua: Lua,
        core: Box<Core>,
        config: Value,
        origin: &Origin,
        limits: &Limits,
    ) -> mlua::Result<State> {
        let environment = lua.create_table_with_capacity(0, globals::ROOM)?;
        // Where LuaJIT compiles, nothing can be stopped, and functions of ours are in its way.
        let guards = match limits.time.is_some() || !cfg!(feature = "luajit") {
            true => Guards::Yes,
            false => Guards::No,
        };
        let ground = Ground { core: &raw const *core, granted: &origin.permissions, guards };
        let token = foundation::lay(&lua, &ground, &environment, &config)?;
        // Only of one that the host has named so, and not of a script that says it of itself.
        #[cfg(feature = "luau")]
        if origin.given.is_some() && core.shared.is_console() {
            lua.globals().raw_set("load", super::console::load(&lua, &environment)?)?;
        }
        let report = refer(&lua, host_table::report(&lua, &core.shared)?)?;
        // mlua keeps what it raises an error with, from the first of its functions that has ended
        // on: a later one that finds no memory can say so.
        host_table::forget(&lua, &core.shared)?.call::<()>(())?;
        Ok(State {
            share: Share::new(limits),
            token,
            report,
            environment,
            config,
            hooks: Hooks::default(),
            lua,
            core,
            leaving: Leaving(Cell::new(None)),
        })
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.core.shared.core.store(ptr::null_mut(), Ordering::Relaxed);
        // Whatever of the script still runs while the VM goes finds it gone.
        self.core.current.set(ptr::null_mut());
        self.core.memory.begin();
        // SAFETY: the core stays where it is until it is dropped, in this thread, and nobody looks
        // at its memory between that and `leaving`, which comes next.
        self.leaving.0.set(Some(unsafe { self.core.memory.enter(Thread::this()) }));
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(outer) = self.0.take() {
            Memory::leave(Thread::this(), outer);
        }
    }
}

impl Core {
    fn new(
        lua: &Lua,
        shared: &Arc<Shared>,
        shape: Shape,
        origin: &Origin,
        limits: &Limits,
    ) -> mlua::Result<Box<Core>> {
        let core = Box::new(Core {
            is_quick: limits.total.is_none() && !shape.is_polled(),
            shape,
            pool: Pool::new(main_state(lua)?),
            border: Border::new(lua)?,
            memory: Memory::new(),
            is_retired: Cell::new(false),
            current: Cell::new(main_state(lua)?),
            shared: Arc::clone(shared),
            channels: Channels::default(),
            functions: HostFunctions::of(shared, &origin.permissions),
            links: Links::default(),
            direct: Direct::default(),
            leaf: LeafPlace::default(),
            #[cfg(feature = "luau")]
            library: super::safe::Library::new(),
            #[cfg(feature = "luajit")]
            is_compiled: limits.time.is_none(),
            #[cfg(feature = "luajit")]
            compiled: super::leaf::Compiled::default(),
        });
        shared.core.store(ptr::from_ref(&*core).cast_mut(), Ordering::Relaxed);
        Ok(core)
    }

    /// What quick calls find the VM by; null where it takes none.
    fn for_quick_calls(&self) -> *mut Core {
        match self.is_quick {
            true => ptr::from_ref(self).cast_mut(),
            false => ptr::null_mut(),
        }
    }
}

/// The coroutine that a VM is on outside of all calls.
pub(super) fn main_state(lua: &Lua) -> mlua::Result<*mut lua_State> {
    let mut main = ptr::null_mut();
    // SAFETY: only the pointer is taken.
    unsafe { lua.exec_raw::<()>((), |state| main = state)? };
    Ok(main)
}

/// Drops what is the embedding's. Nobody is there to be told of a panic.
pub(super) fn dropped<T>(value: T) {
    if let Err(error) = contained(|| {
        drop(value);
        Ok(())
    }) {
        tracing::warn!(%error, "a message was dropped");
    }
}

/// An error of Lua's where no script has run.
pub(super) fn broken(error: mlua::Error) -> Error {
    limits::note(&error);
    Error::new(ErrorKind::Load, error.to_string())
}

// What the invariants at the head rest on: a VM goes from thread to thread.
const _: () = {
    const fn crosses_threads<T: Send + Sync>() {}
    crosses_threads::<Vm>();
};
