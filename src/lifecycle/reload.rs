//! A reload: another load of a plugin is built beside the one that serves, and takes over from
//! it, or nothing has changed.
//!
//! The order is that of the steps in [`Registry::reload`]. Whatever fails, the load before serves
//! as it did, and nothing is left of the other.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use twinplug_value::Value;

use super::feed::{Event, EventKind};
use super::slot::{Slot, stamp};
use super::state::{Notes, Snapshot};
use super::{PluginRef, Registry};
use crate::error::{Error, ErrorKind, Result};
use crate::loading;
use crate::plugin::{Gate, Gone, Hook, HostContext, Plugin, cannot_wait, contained, held, within};

/// How long the calls that run may take to end, and each hook.
const PATIENCE: Duration = Duration::from_secs(5);

impl Registry {
    /// Loads a plugin anew from where it was loaded from.
    ///
    /// # Errors
    /// It was not, for whatever reason: the load before serves on.
    pub(crate) fn reload(&self, plugin: &PluginRef, host: Weak<HostContext>) -> Result<()> {
        let begun = Instant::now();
        let slot = plugin.slot();
        let one = match held() {
            0 => slot.reloading.lock(),
            _ => slot.reloading.try_lock().ok_or_else(|| {
                cannot_wait(format_args!("plugin `{}`, which is reloaded", plugin.name()))
            })?,
        };
        if !self.has(plugin) {
            return Err(plugin.unknown());
        }
        let done = self.build_beside(plugin, host).and_then(|next| hand_over(slot, next));
        let told = match done {
            Ok(notes) => {
                *slot.rejected.lock() = None;
                self.changed();
                let reloaded = Event::of(EventKind::Reloaded, plugin);
                Ok(Event { notes, time: Some(begun.elapsed()), ..reloaded })
            }
            Err(error) => {
                let error = rejected(plugin, error);
                *slot.rejected.lock() = Some(error.clone());
                let rejected = Event::of(EventKind::Rejected, plugin);
                let error = Some(error);
                Err(Event { error, time: Some(begun.elapsed()), ..rejected })
            }
        };
        drop(one);
        // Before it is told: who is told of it may edit it at once.
        #[cfg(feature = "watch")]
        if let Some(watching) = self.watching() {
            let error = told.as_ref().err().and_then(|rejected| rejected.error.as_ref());
            watching.follow_anew(plugin, error);
        }
        match told {
            Ok(reloaded) => {
                for note in &reloaded.notes {
                    tracing::warn!(plugin = plugin.name(), "{note}");
                }
                tracing::info!(plugin = plugin.name(), version = %plugin.version(), "reloaded");
                self.feed.tell(&reloaded);
                Ok(())
            }
            Err(rejected) => {
                self.feed.tell(&rejected);
                let error = rejected.error.unwrap_or_else(|| plugin.unknown());
                tracing::warn!(plugin = plugin.name(), %error, "not reloaded");
                Err(error)
            }
        }
    }

    /// Builds the next load, while the one before serves.
    fn build_beside(&self, plugin: &PluginRef, host: Weak<HostContext>) -> Result<Arc<dyn Plugin>> {
        let slot = plugin.slot();
        let Some(source) = &slot.source else {
            let message = "it is from memory: there is no file to load it from anew";
            return Err(Error::new(ErrorKind::Reload, message));
        };
        let located = loading::locate(&source.asked)?;
        slot.see(stamp(&located.path));
        let bytes = loading::read(&located.path)?;
        #[cfg(feature = "watch")]
        slot.reads(&bytes);
        let given = source.given.as_deref();
        let next = self.loader.build(&located, given, bytes, host, &*plugin.current())?;
        let name = &next.descriptor().name;
        if *name != slot.name {
            discard(&*next);
            let message = format!(
                "`{}` says now that it is `{name}`: give it its name back, or load it as another \
                 plugin",
                source.asked.display(),
            );
            return Err(Error::new(ErrorKind::Reload, message));
        }
        Ok(next)
    }
}

/// Has the next load take over; what was not carried.
fn hand_over(slot: &Slot, next: Arc<dyn Plugin>) -> Result<Notes> {
    let before = slot.generation.load_full();
    let initial = Snapshot::of(&*next);
    let handing = Handing { slot, before: &*before.plugin, gate: Arc::default() };
    // Asked first, as a pause is felt.
    let done = slot.check(&*next).and_then(|()| {
        handing.pause_and(|| {
            let notes = handing.carry(&before.initial, &*next, &initial)?;
            within(PATIENCE, || next.start())?;
            slot.take_over(Arc::clone(&next), initial)?;
            Ok(notes)
        })
    });
    match &done {
        Ok(_) => handing.retire(),
        Err(_) => discard(&*next),
    }
    // Whoever waits finds one of them.
    handing.gate.open();
    done
}

/// A load, and who is to take over from it.
struct Handing<'h> {
    slot: &'h Slot,
    before: &'h dyn Plugin,
    gate: Arc<Gate>,
}

impl Handing<'_> {
    /// Does it with the load before paused, which goes on if that fails.
    fn pause_and<R>(&self, then: impl FnOnce() -> Result<R>) -> Result<R> {
        self.slot.pause(&self.gate);
        let paused = within(PATIENCE, || self.before.pause(&self.gate));
        if let Err(error) = paused {
            self.slot.resume();
            return Err(error.context("it cannot be paused"));
        }
        // Conversions are the embedding's code.
        let done = contained(|| {
            self.hook(self.before, Hook::Pause, &[])?;
            then()
        });
        if done.is_err() {
            if let Err(error) = self.hook(self.before, Hook::Resume, &[]) {
                tracing::warn!(plugin = self.slot.name, %error, "after a reload that failed");
            }
            self.before.resume();
            self.slot.resume();
        }
        done
    }

    /// Carries over what the load before has.
    fn carry(&self, began: &Snapshot, next: &dyn Plugin, initial: &Snapshot) -> Result<Notes> {
        let saved = self.hook(self.before, Hook::Save, &[])?;
        let notes = Snapshot::carry(began, &Snapshot::of(self.before), next, initial);
        if let Some(saved) = saved {
            let version = self.before.descriptor().version.to_string();
            self.hook(next, Hook::Restore, &[saved, Value::Str(version)])?;
        }
        Ok(notes)
    }

    fn hook(&self, of: &dyn Plugin, hook: Hook, args: &[Value]) -> Result<Option<Value>> {
        within(PATIENCE, || of.hook(hook, args))
    }

    /// The load before goes.
    fn retire(&self) {
        if let Err(error) = self.before.retire(Gone::Replaced) {
            tracing::warn!(plugin = self.slot.name, %error, "the load before has not gone");
        }
    }
}

/// Nothing is left of a load that does not take over.
fn discard(next: &dyn Plugin) {
    if let Err(error) = next.retire(Gone::Unloaded) {
        tracing::warn!(plugin = next.descriptor().name, %error, "a load that failed has not gone");
    }
}

/// The error of a reload, with what it knows of where it failed.
fn rejected(plugin: &PluginRef, error: Error) -> Error {
    let number = plugin.slot().generation.load().number;
    let message = format!("not reloaded, load {number} serves on: {}", error.message());
    let rejected = Error::new(ErrorKind::Reload, message).with_inside_of(&error);
    let rejected = match error.limit() {
        Some(limit) => rejected.with_limit(limit),
        None => rejected,
    };
    rejected.with_source(error).in_plugin(plugin.name())
}
