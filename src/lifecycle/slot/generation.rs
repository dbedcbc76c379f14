//! One load of a plugin, and what the handles on it share.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use semver::Version;

use super::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::state::Snapshot;
use crate::plugin::{
    Bound, Descriptor, Gone, OnFault, Plugin, PluginKind, Requirement, Symbol, Track,
};

/// One load.
pub(in crate::lifecycle) struct Generation {
    /// From 1, of those that have served.
    pub(in crate::lifecycle) number: u64,
    pub(in crate::lifecycle) version: Version,
    pub(in crate::lifecycle) kind: PluginKind,
    pub(in crate::lifecycle) requires: Vec<Requirement>,
    /// Whether what lies below is called where it fails, of a layer.
    pub(in crate::lifecycle) falls_back: bool,
    pub(in crate::lifecycle) plugin: Arc<dyn Plugin>,
    /// What it began with.
    pub(in crate::lifecycle) initial: Snapshot,
    pub(in crate::lifecycle) source: Source,
    pub(super) links: Links,
}

/// A load that was built, and does not serve yet.
pub(in crate::lifecycle) struct Built {
    pub(in crate::lifecycle) plugin: Arc<dyn Plugin>,
    /// What it begins with.
    pub(in crate::lifecycle) initial: Snapshot,
    pub(in crate::lifecycle) source: Source,
}

/// What becomes of handles that somebody holds, and that the next load has nothing for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lifecycle) enum Handles {
    /// There must be none: then the load does not take over.
    GoOn,
    /// They end, and say why.
    MayEnd,
}

/// What handles share, an entry for each export that was looked up.
#[derive(Default)]
pub(super) struct Links {
    /// Found without a lock: those of a native plugin, which are all there from the start.
    pub(super) ready: Symbols,
    pub(super) others: Mutex<Symbols>,
}

pub(in crate::lifecycle) type Symbols = HashMap<String, Symbol, RandomState>;

/// The handles on a plugin, and where they will lead in its next load.
pub(super) struct Moves {
    followed: Vec<(String, Symbol, Bound)>,
    /// What leads nowhere, as before.
    ended: Vec<(String, Symbol)>,
    /// What has nothing there, and why, as handles on it say where that is what holds them.
    lost: Vec<(Symbol, Option<String>)>,
}

impl Generation {
    /// Handles lead there already by these links; `link` makes others.
    pub(super) fn new(
        number: u64,
        built: Built,
        links: Symbols,
        link: impl Fn(&dyn Plugin, &str) -> Result<Symbol>,
    ) -> Generation {
        let Built { plugin, initial, source } = built;
        let descriptor = plugin.descriptor();
        let Descriptor { version, kind, requires, exports, over, .. } = &*descriptor;
        let (version, kind, requires) = (version.clone(), *kind, requires.clone());
        let falls_back = over.as_ref().is_some_and(|over| over.on_fault == OnFault::Base);
        let mut links = match kind {
            PluginKind::Lua => Links { ready: Symbols::default(), others: Mutex::new(links) },
            PluginKind::Native => {
                // What only layers have comes and goes.
                let (ready, others) = links.into_iter().partition(|(name, _)| plugin.has(name));
                Links { ready, others: Mutex::new(others) }
            }
        };
        if kind == PluginKind::Native {
            for export in exports {
                if !links.ready.contains_key(&export.name)
                    && let Ok(symbol) = link(&*plugin, &export.name)
                {
                    links.ready.insert(export.name.clone(), symbol);
                }
            }
        }
        Generation { number, version, kind, requires, falls_back, plugin, initial, source, links }
    }
}

impl Links {
    pub(super) fn all(&self) -> Vec<(String, Symbol)> {
        let others = self.others.lock();
        let all = self.ready.iter().chain(others.iter());
        all.map(|(name, symbol)| (name.clone(), symbol.clone())).collect()
    }
}

impl Moves {
    /// Where links lead by what `bind` finds in the next load, which has that version.
    ///
    /// # Errors
    /// A handle is held that cannot go on, and must.
    pub(super) fn find<'l>(
        links: impl Iterator<Item = (&'l String, &'l Symbol)>,
        bind: impl Fn(&str) -> Result<Bound>,
        handles: Handles,
        version: &Version,
    ) -> Result<Moves> {
        let mut moves = Moves { followed: Vec::new(), ended: Vec::new(), lost: Vec::new() };
        for (name, symbol) in links {
            let bound = bind(name).map_err(|_| "is gone".to_owned());
            let bound = bound.and_then(|bound| symbol.goes_on(&bound).map(|()| bound));
            match bound {
                // Also one that nobody holds: it may be looked up just now.
                Ok(bound) => moves.followed.push((name.clone(), symbol.clone(), bound)),
                Err(_) if symbol.has_ended() => moves.ended.push((name.clone(), symbol.clone())),
                Err(why) if symbol.is_held() && handles == Handles::GoOn => {
                    return Err(is_held(name, &why));
                }
                Err(why) => {
                    let why = (handles == Handles::MayEnd).then(|| {
                        format!("the plugin was replaced by {version}, where `{name}` {why}")
                    });
                    moves.lost.push((symbol.clone(), why));
                }
            }
        }
        Ok(moves)
    }

    /// Leads the handles there; those that do.
    pub(super) fn make(self, track: Option<&Arc<Track>>) -> Symbols {
        let mut links = Symbols::default();
        for (name, symbol, bound) in self.followed {
            symbol.lead_to(bound, track);
            links.insert(name, symbol);
        }
        links.extend(self.ended);
        for (symbol, why) in self.lost {
            match why {
                Some(why) => symbol.end(&why),
                // One that is found just now is of the load before.
                None => symbol.retire(Gone::Replaced),
            }
        }
        links
    }
}

/// What to do about an edit that takes away what somebody holds.
pub(super) const KEEP_OR_DROP: &str = "keep it as it was, or drop the handle";

/// The error of an export that somebody holds a handle on.
fn is_held(name: &str, why: &str) -> Error {
    let message = format!("`{name}` {why}, and a handle on it is held: {KEEP_OR_DROP}");
    Error::new(ErrorKind::Reload, message).of_symbol(name)
}
