//! What the functions that scripts call share with the driver.

use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Weak};

use mlua::{Lua, Table};
use parking_lot::Mutex;

use super::{Core, Pending, dropped};
use crate::channel::Life;
use crate::error::{Error, ErrorKind, Result};
use crate::lua::border::Border;
use crate::lua::coroutine::Coroutine;
use crate::lua::exports::{Declared, Exports};
use crate::lua::failure::Failure;
use crate::lua::limits::{self, Memory};
use crate::lua::modules::Modules;
use crate::lua::raw::Reference;
use crate::lua::state::StateTable;
use crate::lua::subscriptions::Subscriptions;
use crate::lua::trails::Trails;
use crate::plugin::{Base, HostContext, Origin, Requirement};

/// One VM's.
pub(in crate::lua) struct Shared {
    /// The plugin's name; until its body has ended, what its path says.
    pub(super) name: Mutex<Arc<str>>,
    pub(in crate::lua) context: Weak<HostContext>,
    /// The plugins that it needs, and in which versions.
    pub(in crate::lua) requires: Vec<Requirement>,
    /// What it is a layer over.
    pub(in crate::lua) base: Option<Arc<dyn Base>>,
    /// What the plugin's waits end with.
    pub(in crate::lua) life: Arc<Life>,
    /// The wait that a call is about to yield for.
    pub(in crate::lua) pending: Mutex<Option<Pending>>,
    /// The error that ended a call.
    pub(in crate::lua) failure: Mutex<Option<Failure>>,
    /// The error that ended a module's body, taken down where it was raised.
    pub(in crate::lua) module_failure: Mutex<Option<Failure>>,
    /// Where the latest errors have been.
    pub(in crate::lua) trails: Trails,
    /// Coroutines of calls that could not come back from a wait.
    pub(in crate::lua) lost: Mutex<Vec<Coroutine>>,
    /// Values that were kept for somebody outside, and are used no more.
    pub(super) released: Mutex<Vec<Reference>>,
    pub(in crate::lua) modules: Modules,
    pub(in crate::lua) exports: Mutex<Exports>,
    /// What `host.state` was called with.
    pub(in crate::lua) states: Mutex<Vec<StateTable>>,
    pub(in crate::lua) subscriptions: Subscriptions,
    pub(in crate::lua) declared: Declared,
    /// The VM's; null before there is one, and once it goes.
    pub(super) core: AtomicPtr<Core>,
}

impl Shared {
    pub(super) fn new(
        origin: &Origin,
        modules: Modules,
        declared: Declared,
        (context, base): (Weak<HostContext>, Option<Arc<dyn Base>>),
    ) -> Shared {
        Shared {
            name: Mutex::new(origin.name().into()),
            context,
            requires: origin.requires.clone(),
            base,
            life: Arc::default(),
            pending: Mutex::new(None),
            failure: Mutex::new(None),
            module_failure: Mutex::new(None),
            trails: Trails::default(),
            lost: Mutex::default(),
            released: Mutex::default(),
            core: AtomicPtr::default(),
            modules,
            exports: Mutex::new(Exports::default()),
            states: Mutex::default(),
            subscriptions: Subscriptions::default(),
            declared,
        }
    }

    pub(in crate::lua) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name.lock())
    }

    pub(in crate::lua) fn set_name(&self, name: &str) {
        *self.name.lock() = name.into();
    }

    /// What conversions go through, for functions of mlua's that the VM runs.
    pub(in crate::lua) fn border(&self) -> Option<&Border> {
        // SAFETY: whoever asks is called by the VM, and so has it entered: it stays, and with
        // it its core, until that has returned.
        unsafe { self.core.load(Ordering::Relaxed).as_ref() }.map(|core| &core.border)
    }

    /// Adds what a table exports.
    pub(in crate::lua) fn export(&self, lua: &Lua, table: &Table) -> Result<(), String> {
        let found = Exports::find(lua, table, &self.declared)?;
        self.exports.lock().add(lua, found)
    }

    /// The host, while there is one.
    pub(in crate::lua) fn host(&self) -> Result<Arc<HostContext>> {
        let gone = || Error::new(ErrorKind::Stale, "the host is gone");
        self.context.upgrade().ok_or_else(gone)
    }

    /// What the call that runs is about to wait for; the prelude yields next.
    pub(in crate::lua) fn will_wait(&self, pending: Pending) {
        let old = self.pending.lock().replace(pending);
        dropped(old);
    }

    /// Gives up a wait that is not made. What it would have sent is the embedding's, and so is
    /// what the drop of that does.
    pub(in crate::lua) fn forget_wait(&self) {
        let forgotten = self.pending.lock().take();
        dropped(forgotten);
    }

    /// The error that ended a call; `otherwise` where it could not be described.
    pub(in crate::lua) fn take_failure(&self, otherwise: &str) -> Error {
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
