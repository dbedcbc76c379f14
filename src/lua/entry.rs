//! How a VM is entered and left.

use mlua::Lua;

use super::limits::{Memory, Outer, Thread};
use super::lock::{Patience, Tenure, Way};
use super::native_stack;
use super::vm::{Core, State, Vm};
use crate::error::{Error, Limit, Result};
use crate::plugin::{
    cannot_wait, deadline, held, hold, hold_first, is_cancelled, is_free, overdue, release,
    release_last, too_deep,
};

/// The VM, entered: its lock is held. While a call waits it is let go.
pub(super) struct Entry<'v> {
    pub(super) vm: &'v Vm,
    /// `None` outside.
    state: Option<&'v State>,
    way: Way<'v>,
    outer: Outer,
}

/// A VM that was entered in the quickest way there is: by the tenant of its lock, which holds
/// no other plugin and has no deadline. It is left by hand.
#[derive(Clone, Copy)]
pub(super) struct QuickEntry<'v> {
    pub(super) vm: &'v Vm,
    pub(super) core: &'v Core,
    pub(super) thread: Thread,
    tenure: &'v Tenure,
}

impl<'v> QuickEntry<'v> {
    /// Enters, if all of that is so, and nothing else has to be done on the way.
    #[inline(always)]
    pub(super) fn new(vm: &'v Vm) -> Option<QuickEntry<'v>> {
        if !is_free() || !native_stack::has_room_for_a_call() {
            return None;
        }
        let thread = Thread::this();
        // Who holds no plugin is not inside.
        let tenure = vm.lock.enter_first(thread.number())?;
        // SAFETY: the lock is held.
        let Some(core) = (unsafe { vm.quick() }) else {
            vm.lock.leave_last(tenure);
            return None;
        };
        hold_first();
        core.memory.begin();
        // SAFETY: it stays where it is until `leave`. Who holds no plugin is in no VM.
        unsafe { core.memory.enter(thread) };
        Some(QuickEntry { vm, core, thread, tenure })
    }

    /// The entry of this thread, which is in the VM by one, and has not left.
    #[inline(always)]
    pub(super) fn again(vm: &'v Vm, core: &'v Core) -> QuickEntry<'v> {
        QuickEntry { vm, core, thread: Thread::this(), tenure: vm.lock.tenant() }
    }

    /// Lets the VM go.
    #[inline(always)]
    pub(super) fn leave(self) {
        Memory::leave(self.thread, Outer::NONE);
        if self.core.is_retired.get() {
            self.vm.drop_retired();
        }
        release_last();
        self.vm.lock.leave_last(self.tenure);
    }

    pub(super) fn lua(&self) -> &'v Lua {
        self.core.border.lua()
    }

    /// As [`Entry::blamed`].
    pub(super) fn blamed(&self, error: Error) -> Error {
        blamed(self.core, error)
    }

    /// As others have it.
    #[cold]
    pub(super) fn into_entry(self) -> Entry<'v> {
        let QuickEntry { vm, tenure, .. } = self;
        // SAFETY: the lock is held.
        let state = unsafe { vm.inside() };
        Entry { vm, state, way: Way::Tenure(tenure), outer: Outer::NONE }
    }
}

impl<'v> Entry<'v> {
    /// Of a VM that is not entered yet.
    #[inline(always)]
    pub(super) fn outside(vm: &'v Vm) -> Entry<'v> {
        Entry { vm, state: None, way: Way::Mutex, outer: Outer::NONE }
    }

    /// Takes the lock. Where this thread holds a plugin already it does not wait.
    #[inline(always)]
    pub(super) fn enter(&mut self) -> Result<()> {
        self.enter_as(Coming::First)
    }

    /// Takes the lock again, of a call that has let it go.
    #[inline(never)]
    pub(super) fn enter_again(&mut self) -> Result<()> {
        self.enter_as(Coming::Back)
    }

    #[inline(always)]
    fn enter_as(&mut self, coming: Coming) -> Result<()> {
        native_stack::check()?;
        let vm = self.vm;
        let thread = Thread::this();
        let Some(mut way) = vm.lock.enter(thread.number(), patience) else {
            return Err(busy(vm));
        };
        if vm.pause.keeps_out(thread) {
            way = wait_until_resumed(vm, thread, way, coming)?;
        }
        // SAFETY: the lock is held.
        let Some(state) = (unsafe { vm.state() }) else {
            return Err(refuse(vm, way, vm.gone().not_begun()));
        };
        if !hold() {
            return Err(refuse(vm, way, too_deep()));
        }
        if state.core.leaf.runs() {
            return Err(refuse_inside_of_leaf(vm, way));
        }
        vm.drop_lost(state);
        state.core.border.enter();
        if vm.lock.depth(&way) == 1 {
            state.core.memory.begin();
        }
        // SAFETY: it stays where it is until `leave`; entries nest.
        self.outer = unsafe { state.core.memory.enter(thread) };
        if state.share.is_shared() {
            state.take_share();
        }
        self.way = way;
        self.state = Some(state);
        Ok(())
    }

    /// Lets the VM go. One whose last user this is goes under its own lock.
    #[inline(always)]
    pub(super) fn leave(&mut self) {
        let Some(state) = self.state.take() else { return };
        // Who was in the VM before finds less room than it knew of.
        state.core.border.forget_room();
        if state.share.is_shared() {
            state.share.leave(&state.lua, state.core.border.references.taken());
        }
        let outer = std::mem::replace(&mut self.outer, Outer::NONE);
        Memory::leave(Thread::this(), outer);
        if state.core.is_retired.get() && self.vm.lock.depth(&self.way) == 1 {
            self.vm.drop_retired();
        }
        release();
        self.vm.lock.leave(std::mem::replace(&mut self.way, Way::Mutex));
    }

    /// The VM's inside.
    ///
    /// # Panics
    /// While a call waits, which nobody sees.
    #[inline(always)]
    pub(super) fn state(&self) -> &'v State {
        match self.state {
            Some(state) => state,
            None => not_entered(),
        }
    }

    /// Whether the VM is entered.
    #[inline(always)]
    pub(super) fn is_inside(&self) -> bool {
        self.state.is_some()
    }

    /// An error of what was done in the VM: where it has no memory left, that is the error.
    #[cold]
    pub(super) fn blamed(&self, error: Error) -> Error {
        match self.state {
            Some(state) => blamed(&state.core, error),
            None => error,
        }
    }
}

#[cold]
fn blamed(core: &Core, error: Error) -> Error {
    match core.memory.hit() {
        Some(limit) if error.limit().is_none() => Error::stopped(limit, None),
        _ => error,
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cold]
fn not_entered() -> ! {
    unreachable!("a call that waits is entered again before anybody looks")
}

/// Who comes into a VM.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coming {
    /// A call that begins.
    First,
    /// One that was there before.
    Back,
}

/// How long this thread waits for a VM. A call that is cancelled meanwhile waits on, and keeps its
/// turn, but is refused then.
fn patience() -> Patience {
    match deadline() {
        _ if held() > 0 || is_cancelled() => Patience::None,
        None => Patience::Endless,
        Some(deadline) => Patience::Until(deadline.at),
    }
}

/// Another load of the plugin is about to take over: whoever is inside already goes on, others
/// wait until it has, or has not.
#[cold]
fn wait_until_resumed<'v>(
    vm: &'v Vm,
    thread: Thread,
    way: Way<'v>,
    coming: Coming,
) -> Result<Way<'v>> {
    let mut way = way;
    // A call that was there before comes back, and so does what such a one has led to.
    let is_back = || coming == Coming::Back || vm.pause.visits.are_of_this_thread();
    let comes_back = || vm.pause.lets_back() && is_back();
    while vm.pause.keeps_out(thread) && !comes_back() && vm.lock.depth(&way) == 1 {
        vm.lock.leave(way);
        vm.pause.wait(&vm.shared.name())?;
        way = vm.lock.enter(thread.number(), patience).ok_or_else(|| busy(vm))?;
    }
    Ok(way)
}

/// The lock is left again, as the VM cannot be entered.
#[cold]
fn refuse(vm: &Vm, way: Way<'_>, why: Error) -> Error {
    vm.lock.leave(way);
    why
}

/// The error of a lock that was not to be had.
#[cold]
fn busy(vm: &Vm) -> Error {
    let deadline = || deadline().map(|deadline| Limit::Deadline(deadline.time));
    match overdue().or_else(deadline).filter(|_| held() == 0) {
        Some(limit) => {
            let what = format!("waiting for plugin `{}`", vm.shared.name());
            Error::stopped(limit, Some(&what))
        }
        None => cannot_wait(format_args!("plugin `{}`, which is busy", vm.shared.name())),
    }
}

/// The lock is left again: a leaf function runs, which has promised to call nothing. To come back
/// out of a compiled call of one would end the process.
#[cold]
fn refuse_inside_of_leaf(vm: &Vm, way: Way<'_>) -> Error {
    release();
    vm.lock.leave(way);
    let message = format!(
        "cannot use plugin `{}` here: it runs a leaf function, which calls nothing",
        vm.shared.name()
    );
    Error::new(crate::error::ErrorKind::Call, message)
}
