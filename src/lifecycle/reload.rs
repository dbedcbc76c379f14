//! A reload: another load of a plugin is built beside the one that serves, and takes over from
//! it, or nothing has changed.
//!
//! The order is that of the steps in [`Registry::reload`]. Whatever fails, the load before serves
//! as it did, and nothing is left of the other.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak, mpsc};
use std::time::{Duration, Instant};

use semver::Version;
use twinplug_value::Value;

use super::feed::{Event, EventKind};
use super::slot::{Built, Handles, Slot, Source, making_a_load};
use super::state::{Notes, Snapshot};
use super::{PluginRef, Registry};
use crate::error::{Error, ErrorKind, Limit, Result};
use crate::file::Reads;
use crate::loading::{self, Into, Trusted};
use crate::plugin::{
    Base, EVENT, Gate, Gone, Hook, HostContext, Over, Plugin, PluginKind, contained, run_elsewhere,
    within,
};

/// How long the calls that run may take to end, and each hook.
const PATIENCE: Duration = Duration::from_secs(5);

/// What takes over from a load.
#[derive(Clone)]
pub(super) enum Next {
    /// Its file, as that is now.
    Again,
    /// Another one: the program says so.
    Replacement(PathBuf),
    /// Another one, which has appeared and is newer, with what is in it.
    #[cfg_attr(not(feature = "watch"), allow(dead_code, reason = "of folders that are watched"))]
    Newer(Newcomer),
    /// One that it was loaded from before, as that version.
    Before(PathBuf, Version),
}

impl Next {
    pub(super) fn asked(&self) -> Option<&PathBuf> {
        match self {
            Next::Again => None,
            Next::Replacement(path) | Next::Before(path, _) => Some(path),
            Next::Newer(newcomer) => Some(&newcomer.path),
        }
    }

    /// What becomes of handles that it has nothing for. Only the program can know that nobody
    /// needs them.
    fn handles(&self) -> Handles {
        match self {
            Next::Again | Next::Newer(..) => Handles::GoOn,
            Next::Replacement(_) | Next::Before(..) => Handles::MayEnd,
        }
    }
}

/// A file that has appeared.
#[derive(Clone)]
pub(super) struct Newcomer {
    pub(super) path: PathBuf,
    /// The version that it says.
    pub(super) version: Version,
    pub(super) file: Arc<Trusted>,
    /// What was taken down before it was read.
    pub(super) reads: Arc<Reads>,
}

/// What has come of a reload.
pub(super) struct Reloaded {
    pub(super) event: Event,
    /// The load that has gone.
    retired: Option<Event>,
}

impl Registry {
    /// Has another load take over from a plugin; later, on another thread, where this one is inside
    /// of it: then what comes of it is told, and not answered.
    ///
    /// # Errors
    /// It was not, for whatever reason: the load before serves on.
    pub(super) fn reload_as(
        self: &Arc<Self>,
        plugin: &PluginRef,
        next: Next,
        host: Weak<HostContext>,
    ) -> Result<()> {
        if !plugin.slot().is_inside() {
            return self.reload_now(plugin, &next, host);
        }
        let (registry, plugin) = (Arc::downgrade(self), plugin.clone());
        run_elsewhere(Box::new(move || {
            let Some(registry) = registry.upgrade() else { return };
            match registry.reload_now(&plugin, &next, host) {
                // What was tried and rejected is told, and in the log.
                Err(error) if error.kind() != ErrorKind::Reload => {
                    tracing::warn!(plugin = plugin.name(), %error, "not reloaded afterwards");
                }
                _ => {}
            }
        }))
    }

    /// Loads a plugin anew from where it was loaded from, as `reload_as`.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn reload(
        self: &Arc<Self>,
        plugin: &PluginRef,
        host: Weak<HostContext>,
    ) -> Result<()> {
        self.reload_as(plugin, Next::Again, host)
    }

    fn reload_now(&self, plugin: &PluginRef, next: &Next, host: Weak<HostContext>) -> Result<()> {
        let reloaded = self.reload_untold(plugin, next, host)?;
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
        next: &Next,
        host: Weak<HostContext>,
    ) -> Result<Reloaded> {
        let begun = Instant::now();
        let slot = plugin.slot();
        // Before the plugin's own lock, as who loads that file may reload the plugin.
        let canonical = next.asked().and_then(|asked| Some(loading::locate(asked).ok()?.canonical));
        let _loading = canonical.as_ref().map(|canonical| self.start(canonical)).transpose()?;
        slot.reloading(|| {
            if !self.has(plugin) {
                return Err(plugin.unknown());
            }
            if let (Next::Newer(newcomer), Some(canonical)) = (next, &canonical) {
                self.check_newer(plugin, newcomer, canonical)?;
            }
            let users = self.dependents(plugin);
            let before = Arc::clone(&slot.generation.load().plugin);
            let retired = Event::of(EventKind::Retired, plugin);
            let built = self.build_beside(plugin, next, host);
            let done = built.and_then(|built| {
                let version = built.plugin.descriptor().version.clone();
                let may = || self.may_be(plugin, next, &version);
                hand_over(slot, built, next.handles(), &may)
            });
            let error = done.as_ref().err().map(|error| rejected(plugin, error));
            slot.rejected.lock().clone_from(&error);
            let kind = if error.is_some() { EventKind::Rejected } else { EventKind::Reloaded };
            let mut notes = done.unwrap_or_default();
            // Whoever mends another file than its own has it take over once more.
            if error.is_some() && !matches!(next, Next::Again) {
                slot.gives_up();
            }
            if error.is_none() {
                slot.serves();
                self.moved(plugin);
                if let Next::Before(_, version) = next {
                    self.pin_exactly(plugin.name(), version.clone());
                }
                notes.extend(users.iter().filter_map(|user| self.lacks(user, plugin.name())));
            }
            let retired = error.is_none().then(|| {
                let notes = before.remains().into_iter().collect();
                Event { notes, ..retired }
            });
            let time = Some(begun.elapsed());
            Ok(Reloaded { event: Event { time, notes, error, ..Event::of(kind, plugin) }, retired })
        })
    }

    /// Tells all of a reload.
    ///
    /// # Errors
    /// The reload's own.
    pub(super) fn tell_of(&self, plugin: &PluginRef, reloaded: &Reloaded) -> Result<()> {
        let Reloaded { event, retired } = reloaded;
        self.feed.tell(event);
        retired.iter().for_each(|retired| self.feed.tell(retired));
        if let Some(error) = &event.error {
            tracing::warn!(target: EVENT, plugin = plugin.name(), %error, "not reloaded");
            return Err(error.clone());
        }
        // Those of what has retired are in the log by now.
        for note in &event.notes {
            tracing::warn!(target: EVENT, plugin = plugin.name(), "{note}");
        }
        tracing::info!(plugin = plugin.name(), version = %event.version, "reloaded");
        Ok(())
    }

    /// Builds the next load, while the one before serves.
    fn build_beside(
        &self,
        plugin: &PluginRef,
        next: &Next,
        host: Weak<HostContext>,
    ) -> Result<Built> {
        let slot = plugin.slot();
        let origin = slot.origin();
        let asked = next.asked().or(origin.as_ref().map(|origin| &origin.asked));
        let asked = asked.ok_or_else(|| {
            let message = "it is from memory: there is no file to load it from anew";
            Error::new(ErrorKind::Reload, message)
        })?;
        let reads = match next {
            Next::Newer(newcomer) => Arc::clone(&newcomer.reads),
            _ => Arc::default(),
        };
        slot.tries(&reads);
        // Before it is read; that of a newcomer was taken down before.
        match (next, &origin) {
            (Next::Again, Some(origin)) => reads.note(&origin.manifest),
            (Next::Newer(_), _) => {}
            _ => reads.note(&loading::locate(asked)?.manifest_path()),
        }
        let located = loading::locate(asked)?;
        let given = origin.as_ref().and_then(|origin| origin.given.as_deref());
        self.refuse_if_loaded(plugin, &located.canonical, given)?;
        let source = Source::file(&located, given);
        let file = match next {
            Next::Newer(newcomer) => Trusted::clone(&newcomer.file),
            _ => {
                reads.note(&located.path);
                self.loader.read(&located)?
            }
        };
        #[cfg(feature = "watch")]
        slot.reads(&file.bytes);
        let base = |over: &Over| place_of(slot, over);
        let into = Into { host, track: Some(slot.track()), base: &base };
        let built = self.loader.build(&located, given, (file, &reads), into)?;
        self.check_built(plugin, next, &*built).inspect_err(|_| discard(&*built))?;
        Ok(Built { initial: Snapshot::of(&*built), plugin: built, source })
    }

    /// Whether a plugin's next load may have that version.
    fn may_be(&self, plugin: &PluginRef, next: &Next, version: &Version) -> Result<()> {
        self.check_same(plugin, version)?;
        match next {
            Next::Before(..) => Ok(()),
            _ => self.check_pin(plugin, version),
        }
    }

    /// Whether what has appeared is still to take over from a plugin: else nothing is tried.
    fn check_newer(&self, plugin: &PluginRef, newcomer: &Newcomer, canonical: &Path) -> Result<()> {
        let is_other = self.at(canonical, None).is_some_and(|other| !other.is(plugin));
        match plugin.is_older_than(&newcomer.version) && !is_other {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Reload, "it is not newer by now")),
        }
    }

    /// Whether what was built may take over from a plugin.
    fn check_built(&self, plugin: &PluginRef, next: &Next, built: &dyn Plugin) -> Result<()> {
        let refuse = |message| Err(Error::new(ErrorKind::Reload, message));
        let descriptor = built.descriptor();
        let (name, version, own) = (&descriptor.name, &descriptor.version, plugin.name());
        if plugin.is_layer() && descriptor.over.is_none() {
            return refuse(format!("`{name}` is a layer no more: unload it, and load it again"));
        }
        match next {
            Next::Again if name != own => refuse(format!(
                "`{}` says now that it is `{name}`: give it its name back, or load it as another \
                 plugin",
                plugin.path().display(),
            )),
            Next::Replacement(path)
            | Next::Newer(Newcomer { path, .. })
            | Next::Before(path, _)
                if name != own =>
            {
                refuse(format!(
                    "`{}` is `{name}`, and only another `{own}` takes over from it: give it that \
                     name, or load it beside",
                    path.display(),
                ))
            }
            Next::Before(path, before) if version != before => refuse(format!(
                "`{}` was {before}, and is {version} by now: there is nothing to go back to",
                path.display(),
            )),
            _ => self.may_be(plugin, next, version),
        }
    }
}

/// What lies below a plugin that is a layer over that.
fn place_of(slot: &Slot, over: &Over) -> Result<Arc<dyn Base>> {
    match &slot.rung {
        Some(rung) if rung.base()?.name == over.plugin => Ok(rung.below()),
        _ => {
            let (name, over) = (&slot.name, &over.plugin);
            let message =
                format!("`{name}` is a layer over `{over}` now: unload it, and load it again");
            Err(Error::new(ErrorKind::Reload, message))
        }
    }
}

/// Has the next load take over; what was not carried.
fn hand_over(
    slot: &Slot,
    next: Built,
    handles: Handles,
    may: &dyn Fn() -> Result<()>,
) -> Result<Notes> {
    let before = slot.generation.load_full();
    let plugin = Arc::clone(&next.plugin);
    let handing = Handing { slot, before: Arc::clone(&before.plugin), gate: Arc::default() };
    // Asked first, as a pause is felt.
    let done = slot.check(&plugin, handles).and_then(|()| {
        handing.pause_and(|| {
            let notes = handing.carry(&before.initial, &plugin, &next.initial)?;
            in_time(&plugin, |next| next.start())?;
            // Others may have come, or have been pinned, since it was asked.
            may()?;
            slot.take_over(next, handles)?;
            Ok(notes)
        })
    });
    if done.is_ok() {
        handing.retire();
    }
    // Whoever waits finds one of them.
    handing.gate.open();
    if done.is_err() {
        discard(&*plugin);
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
