//! A reload: another load of a plugin is built beside the one that serves, and takes over from
//! it, or nothing has changed.
//!
//! The order is that of the steps in [`Registry::reload`]. Whatever fails, the load before serves
//! as it did, and nothing is left of the other.

use std::sync::{Arc, Weak, mpsc};
use std::time::{Duration, Instant};

use twinplug_value::Value;

use super::feed::{Event, EventKind};
use super::slot::{Slot, making_a_load};
use super::state::{Notes, Snapshot};
use super::{PluginRef, Registry};
use crate::error::{Error, ErrorKind, Limit, Result};
use crate::file::Reads;
use crate::loading;
use crate::plugin::{
    Gate, Gone, Hook, HostContext, Plugin, PluginKind, contained, run_elsewhere, within,
};

/// How long the calls that run may take to end, and each hook.
const PATIENCE: Duration = Duration::from_secs(5);

impl Registry {
    /// Loads a plugin anew from where it was loaded from; later, on another thread, where this one
    /// is inside of it: then what comes of it is told, and not answered.
    ///
    /// # Errors
    /// It was not, for whatever reason: the load before serves on.
    pub(crate) fn reload(
        self: &Arc<Self>,
        plugin: &PluginRef,
        host: Weak<HostContext>,
    ) -> Result<()> {
        if !plugin.slot().is_inside() {
            return self.reload_now(plugin, host);
        }
        let (registry, plugin) = (Arc::downgrade(self), plugin.clone());
        run_elsewhere(Box::new(move || {
            // It is told, and in the log.
            let _ = registry.upgrade().map(|registry| registry.reload_now(&plugin, host));
        }))
    }

    fn reload_now(&self, plugin: &PluginRef, host: Weak<HostContext>) -> Result<()> {
        let reloaded = self.reload_untold(plugin, host)?;
        #[cfg(feature = "watch")]
        if let Some(watching) = self.watching() {
            watching.follow_again(plugin);
        }
        self.tell_of(plugin, &reloaded)
    }

    /// As `reload_now`; what comes of it is told by `tell_of`.
    ///
    /// # Errors
    /// Nothing has come of it.
    pub(super) fn reload_untold(
        &self,
        plugin: &PluginRef,
        host: Weak<HostContext>,
    ) -> Result<Event> {
        let begun = Instant::now();
        let slot = plugin.slot();
        slot.reloading(|| {
            if !self.has(plugin) {
                return Err(plugin.unknown());
            }
            let done = self.build_beside(plugin, host).and_then(|next| hand_over(slot, next));
            let error = done.as_ref().err().map(|error| rejected(plugin, error));
            slot.rejected.lock().clone_from(&error);
            let kind = if error.is_some() { EventKind::Rejected } else { EventKind::Reloaded };
            if error.is_none() {
                slot.serves();
                self.changed();
            }
            let (time, notes) = (Some(begun.elapsed()), done.unwrap_or_default());
            Ok(Event { time, notes, error, ..Event::of(kind, plugin) })
        })
    }

    /// Tells all of a reload.
    ///
    /// # Errors
    /// The reload's own.
    pub(super) fn tell_of(&self, plugin: &PluginRef, reloaded: &Event) -> Result<()> {
        self.feed.tell(reloaded);
        if let Some(error) = &reloaded.error {
            tracing::warn!(plugin = plugin.name(), %error, "not reloaded");
            return Err(error.clone());
        }
        for note in &reloaded.notes {
            tracing::warn!(plugin = plugin.name(), "{note}");
        }
        tracing::info!(plugin = plugin.name(), version = %reloaded.version, "reloaded");
        Ok(())
    }

    /// Builds the next load, while the one before serves.
    fn build_beside(&self, plugin: &PluginRef, host: Weak<HostContext>) -> Result<Arc<dyn Plugin>> {
        let slot = plugin.slot();
        let Some(source) = &slot.source else {
            let message = "it is from memory: there is no file to load it from anew";
            return Err(Error::new(ErrorKind::Reload, message));
        };
        let reads = Arc::<Reads>::default();
        slot.tries(&reads);
        reads.note(&source.manifest);
        let located = loading::locate(&source.asked)?;
        reads.note(&located.path);
        let bytes = loading::read(&located.path)?;
        #[cfg(feature = "watch")]
        slot.reads(&bytes);
        let given = source.given.as_deref();
        let next = self.loader.build(&located, given, (bytes, &reads), host, slot.track())?;
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
        let version = &next.descriptor().version;
        if self
            .all()
            .iter()
            .any(|it| it.name() == name && it.version() == *version && !it.is(plugin))
        {
            discard(&*next);
            let message = format!("`{name}` {version} is loaded already: give it another version");
            return Err(Error::new(ErrorKind::Reload, message));
        }
        Ok(next)
    }
}

/// Has the next load take over; what was not carried.
fn hand_over(slot: &Slot, next: Arc<dyn Plugin>) -> Result<Notes> {
    let before = slot.generation.load_full();
    let initial = Snapshot::of(&*next);
    let handing = Handing { slot, before: Arc::clone(&before.plugin), gate: Arc::default() };
    // Asked first, as a pause is felt.
    let done = slot.check(&*next).and_then(|()| {
        handing.pause_and(|| {
            let notes = handing.carry(&before.initial, &next, &initial)?;
            in_time(&next, |next| next.start())?;
            slot.take_over(Arc::clone(&next), initial)?;
            Ok(notes)
        })
    });
    if done.is_ok() {
        handing.retire();
    }
    // Whoever waits finds one of them.
    handing.gate.open();
    if done.is_err() {
        discard(&*next);
    }
    slot.let_go();
    done
}

/// A load, and who is to take over from it.
struct Handing<'h> {
    slot: &'h Slot,
    before: Arc<dyn Plugin>,
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
        self.slot.let_go();
        // Conversions are the embedding's code.
        let done = contained(|| {
            self.hook(&self.before, Hook::Pause, Vec::new())?;
            then()
        });
        if done.is_err() {
            if let Err(error) = self.hook(&self.before, Hook::Resume, Vec::new()) {
                tracing::warn!(plugin = self.slot.name, %error, "after a reload that failed");
            }
            self.before.resume();
            self.slot.resume();
        }
        done
    }

    /// Carries over what the load before has.
    fn carry(&self, began: &Snapshot, next: &Arc<dyn Plugin>, initial: &Snapshot) -> Result<Notes> {
        let saved = self.hook(&self.before, Hook::Save, Vec::new())?;
        let notes = Snapshot::carry(began, &Snapshot::of(&*self.before), &**next, initial);
        if let Some(saved) = saved {
            let version = self.before.descriptor().version.to_string();
            self.hook(next, Hook::Restore, vec![saved, Value::Str(version)])?;
        }
        Ok(notes)
    }

    fn hook(&self, of: &Arc<dyn Plugin>, hook: Hook, args: Vec<Value>) -> Result<Option<Value>> {
        in_time(of, move |of| of.hook(hook, &args))
    }

    /// The load before goes.
    fn retire(&self) {
        self.gate.forget();
        if let Err(error) = self.before.retire(Gone::Replaced) {
            tracing::warn!(plugin = self.slot.name, %error, "the load before has not gone");
            // Whoever is in it goes on there.
            self.before.resume();
        }
    }
}

/// Has a load do something, for which it has so much time. What native code does is not stopped:
/// it has a thread of its own, which stays in it.
fn in_time<R: Send + 'static>(
    load: &Arc<dyn Plugin>,
    work: impl FnOnce(&dyn Plugin) -> Result<R> + Send + 'static,
) -> Result<R> {
    if load.descriptor().kind == PluginKind::Lua {
        return within(PATIENCE, || work(&**load));
    }
    let (send, done) = mpsc::channel();
    let load = Arc::clone(load);
    run_elsewhere(Box::new(move || {
        let worked = contained(|| making_a_load(|| within(PATIENCE, || work(&*load))));
        // Whoever waited for it may have gone.
        let _ = send.send(worked);
    }))?;
    let late = |_| Err(Error::stopped(Limit::Deadline(PATIENCE), Some("native code")));
    done.recv_timeout(PATIENCE).unwrap_or_else(late)
}

/// Nothing is left of a load that does not take over.
fn discard(next: &dyn Plugin) {
    if let Err(error) = next.retire(Gone::Replaced) {
        tracing::warn!(plugin = next.descriptor().name, %error, "a load that failed has not gone");
    }
}

/// The error of a reload, with what it knows of where it failed.
fn rejected(plugin: &PluginRef, error: &Error) -> Error {
    let number = plugin.slot().generation.load().number;
    let message = format!("not reloaded, load {number} serves on: {}", error.message());
    let rejected = Error::new(ErrorKind::Reload, message).with_inside_of(error);
    let rejected = match error.limit() {
        Some(limit) => rejected.with_limit(limit),
        None => rejected,
    };
    rejected.with_source(error.clone()).in_plugin(plugin.name())
}
