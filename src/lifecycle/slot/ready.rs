//! The load that serves, as lookups of native plugins find it: without a lock, and without a write
//! that another thread sees.
//!
//! It is no place to keep a load: what it gives is looked at and let go at once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Generation;
use crate::plugin::{Live, PluginKind, Symbol, Track};

/// How long a look may take: as long as its thread does not get its turn.
const LOOK: Duration = Duration::from_millis(200);

/// It; empty until there is a load that was native.
#[derive(Default)]
pub(super) struct Ready(OnceLock<Looks>);

struct Looks {
    load: Live<Arc<Generation>>,
    /// Counts those who look.
    track: Arc<Track>,
}

impl Ready {
    pub(super) fn of(load: &Arc<Generation>) -> Ready {
        let ready = Ready::default();
        ready.put(load);
        ready
    }

    /// The load serves from here on. The one before is let go of as soon as nobody looks at it
    /// (`settle`): what handles share would look held as long as it is there.
    pub(super) fn put(&self, load: &Arc<Generation>) {
        let Some(looks) = self.0.get() else {
            // A script is found by others.
            if load.kind == PluginKind::Native {
                let track = Arc::new(Track::new());
                let load = Live::tracked(Arc::clone(load), Arc::clone(&track));
                let _ = self.0.set(Looks { load, track });
            }
            return;
        };
        looks.load.lead_to(Arc::clone(load), Some(&looks.track));
    }

    /// Lets go of loads that were before. What they hold may be the embedding's to drop.
    pub(super) fn settle(&self) {
        if let Some(looks) = self.0.get() {
            looks.load.free_passed(LOOK);
        }
    }

    /// What is there of that name.
    #[inline]
    pub(super) fn find(&self, name: &str) -> Option<Symbol> {
        let load = &self.0.get()?.load;
        match load.enter_alone() {
            Some(load) => load.links.ready.get(name).cloned(),
            None => load.enter().links.ready.get(name).cloned(),
        }
    }
}
