//! Several versions of one plugin: which of them serves, and going from one to another.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use semver::{Version, VersionReq};

use super::registry::Entry;
use super::reload::Next;
use super::{PluginRef, Registry};
use crate::error::{Error, ErrorKind, Result, near};
use crate::plugin::{HostContext, Requirement};

/// Which versions of a name may serve, of names for which somebody has said that.
#[derive(Default)]
pub(crate) struct Pins(Mutex<HashMap<String, Pin>>);

#[derive(Clone, Debug)]
enum Pin {
    Range(VersionReq),
    /// What a roll back has led to.
    Exactly(Version),
}

/// What becomes of a file that has appeared in a folder which is watched.
#[cfg(feature = "watch")]
pub(super) enum Arrival {
    /// It is loaded, beside what is there.
    Beside,
    /// So is this one, unless it has served before: it is no newer than another one of its name, or
    /// a layer.
    Older,
    /// It takes over from that one, as that version.
    Newer(PluginRef, Version),
    /// It is newer, and that name is pinned to others.
    Held(String),
}

impl Pin {
    fn admits(&self, version: &Version) -> bool {
        match self {
            Pin::Range(range) => range.matches(version),
            Pin::Exactly(only) => only == version,
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pin::Range(range) => range.fmt(f),
            Pin::Exactly(version) => write!(f, "={version}"),
        }
    }
}

impl Pins {
    fn of(&self, name: &str) -> Option<Pin> {
        self.0.lock().get(name).cloned()
    }

    #[cfg(feature = "watch")]
    fn admits(&self, name: &str, version: &Version) -> bool {
        self.of(name).is_none_or(|pin| pin.admits(version))
    }

    fn set(&self, name: &str, pin: Pin) {
        self.0.lock().insert(name.to_owned(), pin);
    }
}

impl Registry {
    /// The newest version of a name, of those that it is pinned to; of equal ones the last that
    /// was loaded.
    pub(crate) fn newest(&self, name: &str) -> Result<PluginRef> {
        let pin = self.pins.of(name);
        let entries = self.entries.lock();
        let found = newest(&entries, |plugin| {
            plugin.name() == name && pin.as_ref().is_none_or(|pin| pin.admits(&plugin.version()))
        });
        found.ok_or_else(|| {
            let message = match pin.map(|pin| pinned(&entries, name, &pin)) {
                Some(Some(message)) => message,
                _ => none(name, &entries),
            };
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// The newest version that a plugin may use which requires this.
    ///
    /// # Errors
    /// None is loaded; the message has the versions that are, or the names near to it.
    pub(crate) fn required(&self, requirement: &Requirement) -> Result<PluginRef> {
        let Requirement { name, range, .. } = requirement;
        let pin = self.pins.of(name);
        let entries = self.entries.lock();
        let found = newest(&entries, |plugin| {
            plugin.meets(requirement)
                && pin.as_ref().is_none_or(|pin| pin.admits(&plugin.version()))
        });
        found.ok_or_else(|| {
            let what = match loaded(&entries, name) {
                None => none(name, &entries),
                Some(versions) => format!("`{name}` is loaded in {versions}"),
            };
            let pin = pin.map(|pin| format!(", and pinned to {pin}")).unwrap_or_default();
            let message = format!("it requires `{name}` {range}, and {what}{pin}");
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// The plugins that require this one, and that another one would not do for now.
    pub(crate) fn dependents(&self, plugin: &PluginRef) -> Vec<PluginRef> {
        let requirement =
            |other: &PluginRef| other.requires().into_iter().find(|it| it.name == plugin.name());
        let follows = |other: &PluginRef| {
            let used = requirement(other).and_then(|it| self.required(&it).ok());
            used.is_some_and(|used| used.is(plugin))
        };
        self.with_layers().into_iter().filter(follows).collect()
    }

    /// What a plugin lacks that has used one of that name, in other words than its own.
    pub(super) fn lacks(&self, user: &PluginRef, name: &str) -> Option<String> {
        let requirement = user.requires().into_iter().find(|it| it.name == name)?;
        let missing = self.required(&requirement).err()?;
        Some(format!("`{}` lacks what it needs: {}", user.name(), missing.message()))
    }

    /// All versions of a name, the newest first.
    pub(crate) fn versions(&self, name: &str) -> Vec<PluginRef> {
        let mut versions = self.all();
        versions.retain(|plugin| plugin.name() == name);
        // Of equal ones the last that was loaded.
        versions.reverse();
        versions.sort_by(|a, b| b.version().cmp_precedence(&a.version()));
        versions
    }

    /// Has only these versions of a name serve; the newest of them.
    ///
    /// # Errors
    /// The range is none, or no such version is loaded: nothing has changed.
    pub(crate) fn pin(&self, name: &str, range: &str) -> Result<PluginRef> {
        let range = VersionReq::parse(range).map_err(|error| {
            let message = format!("`{range}`: no range of versions, like \"^1.2\" or \"=1.2.0\"");
            Error::new(ErrorKind::Refused, format!("{message}: {error}")).in_plugin(name)
        })?;
        let pin = Pin::Range(range);
        let pinned = {
            let entries = self.entries.lock();
            let admitted = |plugin: &PluginRef| pin.admits(&plugin.version());
            newest(&entries, |plugin| plugin.name() == name && admitted(plugin)).ok_or_else(
                || {
                    let message = loaded(&entries, name).map_or_else(
                        || none(name, &entries),
                        |versions| {
                            format!("cannot pin `{name}` to {pin}: it is loaded in {versions}")
                        },
                    );
                    Error::new(ErrorKind::NotFound, message)
                },
            )?
        };
        self.pins.set(name, pin);
        self.changed();
        Ok(pinned)
    }

    /// Has the newest version of a name serve again; whether it was pinned.
    pub(crate) fn unpin(&self, name: &str) -> bool {
        let was_pinned = self.pins.0.lock().remove(name).is_some();
        if was_pinned {
            self.changed();
            #[cfg(feature = "watch")]
            if let Some(watching) = self.watching() {
                watching.try_held(name);
            }
        }
        was_pinned
    }

    /// What a name is pinned to.
    pub(crate) fn pin_of(&self, name: &str) -> Option<String> {
        self.pins.of(name).map(|pin| pin.to_string())
    }

    /// Goes back to the next older version of a name, and pins that.
    ///
    /// # Errors
    /// There is none, or it could not take over: nothing has changed.
    pub(crate) fn rollback(
        self: &Arc<Self>,
        name: &str,
        host: Weak<HostContext>,
    ) -> Result<PluginRef> {
        let serving = self.newest(name)?;
        let version = serving.version();
        let is_older = |other: &Version| other.cmp_precedence(&version).is_lt();
        let beside = self.versions(name).into_iter().find(|it| is_older(&it.version()));
        let mut before = serving.slot().superseded();
        before.retain(|(other, _)| {
            is_older(other)
                && beside.as_ref().is_none_or(|it| it.version().cmp_precedence(other).is_lt())
        });
        match (before.into_iter().max_by(|(a, _), (b, _)| a.cmp_precedence(b)), beside) {
            (Some((version, path)), _) => {
                self.reload_as(&serving, Next::Before(path, version), host)?;
                Ok(serving)
            }
            (None, Some(beside)) => {
                self.pin_exactly(name, beside.version());
                Ok(beside)
            }
            (None, None) => {
                let message = format!(
                    "cannot go back from `{name}` {version}: no older version of it is loaded, and \
                     it has not taken over from one"
                );
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }

    pub(super) fn pin_exactly(&self, name: &str, version: Version) {
        self.pins.set(name, Pin::Exactly(version));
        self.changed();
    }

    /// Has what is at a path take over from a plugin.
    ///
    /// # Errors
    /// As a reload, but for handles.
    pub(crate) fn replace(
        self: &Arc<Self>,
        plugin: &PluginRef,
        path: PathBuf,
        host: Weak<HostContext>,
    ) -> Result<()> {
        self.reload_as(plugin, Next::Replacement(path), host)
    }

    /// Whether a plugin may have that version: no other one of its name has it.
    pub(super) fn check_same(&self, plugin: &PluginRef, version: &Version) -> Result<()> {
        if plugin.is_layer() {
            return Ok(());
        }
        let name = plugin.name();
        let is_it = |it: &PluginRef| it.name() == name && it.version() == *version;
        match self.all().iter().find(|it| is_it(it) && !it.is(plugin)) {
            None => Ok(()),
            Some(other) => {
                let message = format!(
                    "`{name}` {version} is loaded already, from `{}`: give it another version",
                    other.path().display()
                );
                Err(Error::new(ErrorKind::Reload, message))
            }
        }
    }

    /// Whether a plugin's name may go on to that version, if it is what serves.
    pub(super) fn check_pin(&self, plugin: &PluginRef, version: &Version) -> Result<()> {
        let name = plugin.name();
        match self.pins.of(name) {
            Some(pin) if pin.admits(&plugin.version()) && !pin.admits(version) => {
                let message = format!(
                    "`{name}` is pinned to {pin}, and this is {version}: unpin it, or give it a \
                     version of those"
                );
                Err(Error::new(ErrorKind::Reload, message))
            }
            _ => Ok(()),
        }
    }

    /// What becomes of a file that has appeared, and holds these bytes.
    #[cfg(feature = "watch")]
    pub(super) fn arrival(&self, located: &crate::loading::Located, bytes: &[u8]) -> Arrival {
        if self.is_side_by_side || self.at(&located.canonical, None).is_some() {
            return Arrival::Beside;
        }
        let Ok(survey) = crate::loading::survey_of(located, bytes.to_vec()) else {
            return Arrival::Beside;
        };
        if survey.over.is_some() {
            return Arrival::Older;
        }
        let Some(version) = survey.version else { return Arrival::Beside };
        let Ok(serving) = self.newest(&survey.name) else { return Arrival::Beside };
        if !serving.is_older_than(&version) {
            return Arrival::Older;
        }
        if !self.pins.admits(&survey.name, &version) {
            return Arrival::Held(survey.name);
        }
        let does_for = |user: &PluginRef| {
            user.requires().iter().all(|it| it.name != survey.name || it.range.matches(&version))
        };
        match self.dependents(&serving).iter().all(does_for) {
            true => Arrival::Newer(serving, version),
            // Who needs the older one keeps it.
            false => Arrival::Beside,
        }
    }
}

/// Those that are no layers.
fn plugins(entries: &[Entry]) -> impl Iterator<Item = &PluginRef> {
    entries.iter().map(|entry| &entry.plugin).filter(|plugin| !plugin.is_layer())
}

/// The newest of these; of equal versions the last that was loaded.
fn newest(entries: &[Entry], is_it: impl Fn(&PluginRef) -> bool) -> Option<PluginRef> {
    let plugins = plugins(entries).filter(|plugin| is_it(plugin));
    plugins.max_by(|a, b| a.version().cmp_precedence(&b.version())).cloned()
}

/// That none of that name is there, and those near to it.
fn none(name: &str, entries: &[Entry]) -> String {
    let near = near(name, plugins(entries).map(PluginRef::name));
    format!("no plugin `{name}` is loaded{near}")
}

/// The versions of a name that are loaded, and from where.
fn loaded(entries: &[Entry], name: &str) -> Option<String> {
    let plugins = plugins(entries).filter(|it| it.name() == name);
    let versions: Vec<_> =
        plugins.map(|it| format!("{} (`{}`)", it.version(), it.path().display())).collect();
    (!versions.is_empty()).then(|| versions.join(", "))
}

/// That a name is pinned to what is not loaded, if others of it are.
fn pinned(entries: &[Entry], name: &str, pin: &Pin) -> Option<String> {
    let versions = loaded(entries, name)?;
    Some(format!("`{name}` is pinned to {pin}, and loaded in {versions}: unpin it, or load that"))
}
