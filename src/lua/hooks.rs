//! The functions of a script that the host calls by itself.

use std::cell::Cell;

use mlua::{Function, Lua, Table, Value};

use super::border::refer;
use super::loader::described;
use super::raw::Reference;
use super::vm::broken;
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::Hook;

/// Where they are. Whoever looks has the VM entered.
#[derive(Default)]
pub(super) struct Hooks {
    all: [Cell<Option<Reference>>; Hook::ALL.len()],
    /// Whether `on_load` has ended: else nothing is to be unloaded.
    is_started: Cell<bool>,
}

impl Hooks {
    /// Takes down those that the script's table has.
    ///
    /// # Errors
    /// One is no function.
    pub(super) fn find(&self, lua: &Lua, module: &Table) -> Result<()> {
        for hook in Hook::ALL {
            if let Some(function) = function(module, hook.name())? {
                self.all[hook as usize].set(Some(refer(lua, function).map_err(broken)?));
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, hook: Hook) -> Option<Reference> {
        self.all[hook as usize].get()
    }

    pub(super) fn start(&self) {
        self.is_started.set(true);
    }

    /// What is to be run before the VM goes, once.
    pub(super) fn take_last(&self) -> Option<Reference> {
        let is_started = self.is_started.replace(false);
        self.get(Hook::Unload).filter(|_| is_started)
    }
}

/// A function that the host calls, if the script has it.
fn function(module: &Table, name: &str) -> Result<Option<Function>> {
    match module.raw_get::<Value>(name).map_err(broken)? {
        Value::Nil => Ok(None),
        Value::Function(function) => Ok(Some(function)),
        other => Err(Error::new(
            ErrorKind::Load,
            format!("`{name}` is {}, and no function", described(&other)),
        )),
    }
}
