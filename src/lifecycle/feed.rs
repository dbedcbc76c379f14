//! What happens to plugins, told to whoever has subscribed: [`Events`].

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use semver::Version;

use super::PluginRef;
use crate::error::Error;
use crate::plugin::PluginKind;

/// So many events a subscription keeps that nobody takes.
const KEPT: usize = 1024;

/// What has become of a plugin.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// What it is.
    pub kind: EventKind,
    /// The plugin's name.
    pub plugin: String,
    /// Its kind, now; of what was [unloaded](EventKind::Unloaded), then.
    pub plugin_kind: PluginKind,
    /// Its version, likewise.
    pub version: Version,
    /// The load that it is about, of those that have served: the first is 1. Of what was
    /// [rejected](EventKind::Rejected) it is the one that serves on, 0 where none does.
    pub generation: u64,
    /// How long it took, where that is known.
    pub time: Option<Duration>,
    /// Why it failed, where it has.
    pub error: Option<Error>,
    /// What a reload has not carried over, and why; what still runs of a load that has gone. A line
    /// each.
    pub notes: Vec<String>,
}

/// What an [`Event`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It was loaded.
    Loaded,
    /// Another load of it has taken over.
    Reloaded,
    /// It was not reloaded: the load before serves on.
    Rejected,
    /// It was unloaded.
    Unloaded,
    /// Its file is gone: it serves on.
    Gone,
    /// Its file is there again: it is reloaded.
    Back,
    /// A load has gone, as another one has taken over.
    Retired,
    /// A function of a layer has failed, and what lies below was called in its place
    /// ([`OnFault::Base`](crate::OnFault::Base)): of each load and function the first time.
    Faulted,
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EventKind::Loaded => "loaded",
            EventKind::Reloaded => "reloaded",
            EventKind::Rejected => "rejected",
            EventKind::Unloaded => "unloaded",
            EventKind::Gone => "gone",
            EventKind::Back => "back",
            EventKind::Retired => "retired",
            EventKind::Faulted => "faulted",
        })
    }
}

impl Event {
    /// One about a plugin as it is now.
    pub(super) fn of(kind: EventKind, plugin: &PluginRef) -> Event {
        let generation = plugin.slot().generation.load();
        Event {
            kind,
            plugin: plugin.name().to_owned(),
            plugin_kind: generation.kind,
            version: generation.version.clone(),
            generation: generation.number,
            time: None,
            error: None,
            notes: Vec::new(),
        }
    }
}

#[cfg(feature = "watch")]
impl Event {
    /// What appeared in a folder that is watched, and was not loaded.
    pub(super) fn not_loaded(path: &std::path::Path, error: Error) -> Event {
        Event {
            kind: EventKind::Rejected,
            plugin: crate::loading::name_of(path),
            plugin_kind: crate::loading::kind(path),
            version: Version::new(0, 0, 0),
            generation: 0,
            time: None,
            error: Some(error),
            notes: Vec::new(),
        }
    }
}

/// Who is told.
#[derive(Default)]
pub(crate) struct Feed {
    subscriptions: Mutex<Vec<Weak<Subscription>>>,
}

/// What [`Host::events`](crate::Host::events) gives: the events from then on, in their order,
/// until the host is dropped. Each subscription has all of them. One that is not looked at keeps
/// the last 1,024, and counts what it has lost.
pub struct Events {
    subscription: Arc<Subscription>,
}

#[derive(Default)]
struct Subscription {
    kept: Mutex<Kept>,
    arrived: Condvar,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Event>,
    missed: u64,
    is_over: bool,
}

impl Feed {
    pub(crate) fn subscribe(&self) -> Events {
        let subscription = Arc::<Subscription>::default();
        self.subscriptions.lock().push(Arc::downgrade(&subscription));
        Events { subscription }
    }

    /// Tells all; what was not looked at for long goes.
    pub(super) fn tell(&self, event: &Event) {
        self.each(|kept| {
            let lost = (kept.events.len() == KEPT).then(|| kept.events.pop_front()).flatten();
            kept.missed += u64::from(lost.is_some());
            kept.events.push_back(event.clone());
            lost
        });
    }

    /// There are no more.
    pub(crate) fn end(&self) {
        self.each(|kept| kept.is_over = true);
    }

    fn each<R>(&self, change: impl Fn(&mut Kept) -> R) {
        let subscriptions: Vec<_> = {
            let mut subscriptions = self.subscriptions.lock();
            subscriptions.retain(|subscription| subscription.strong_count() > 0);
            subscriptions.iter().filter_map(Weak::upgrade).collect()
        };
        for subscription in subscriptions {
            // What it has lost is dropped without the lock.
            let _lost = change(&mut subscription.kept.lock());
            subscription.arrived.notify_all();
        }
    }
}

impl Events {
    /// The next event; waits for it. `None` once the host is gone.
    #[must_use]
    pub fn recv(&self) -> Option<Event> {
        self.wait(None)
    }

    /// The next event, if there is one.
    #[must_use]
    pub fn try_recv(&self) -> Option<Event> {
        self.subscription.kept.lock().events.pop_front()
    }

    /// The next event, if it comes within this time.
    #[must_use]
    pub fn recv_timeout(&self, timeout: Duration) -> Option<Event> {
        self.wait(Instant::now().checked_add(timeout))
    }

    /// How many events were lost because nobody took them.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.subscription.kept.lock().missed
    }

    fn wait(&self, until: Option<Instant>) -> Option<Event> {
        let Subscription { kept, arrived } = &*self.subscription;
        let mut kept = kept.lock();
        loop {
            let event = kept.events.pop_front();
            if event.is_some() || kept.is_over {
                return event;
            }
            match until {
                None => arrived.wait(&mut kept),
                Some(until) => {
                    if arrived.wait_until(&mut kept, until).timed_out() {
                        return kept.events.pop_front();
                    }
                }
            }
        }
    }
}

/// The events as they come, until the host is gone.
impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.recv()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.subscription.kept.lock();
        f.debug_struct("Events")
            .field("waiting", &kept.events.len())
            .field("missed", &kept.missed)
            .finish()
    }
}
