//! Several versions of a plugin: which one serves, and how another takes over.

use std::path::Path;
use std::sync::Arc;

use super::Host;
use crate::error::Result;
use crate::lifecycle::PluginRef;

impl Host {
    /// Has what is at `path` take over from a plugin, as a [reload](Host::reload) does: it may be
    /// of the other kind and of any version, and it has the same name. What the plugin has is
    /// carried over, its handles lead to the new code, and the load before is retired.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let text = "Ticks = 0 function Tick() Ticks = Ticks + 1 return Ticks end";
    /// std::fs::write(folder.join("clock_v1.lua"), text)?;
    /// std::fs::write(folder.join("clock_v2.lua"), text.replace("+ 1", "+ 10"))?;
    ///
    /// let host = twinplug::Host::builder().build()?;
    /// let clock = host.load(folder.join("clock_v1.lua"))?;
    /// let tick = clock.func::<(), i64>("Tick")?;
    /// assert_eq!(tick.call(())?, 1);
    ///
    /// host.replace(&clock, folder.join("clock_v2.lua"))?;
    /// assert_eq!((tick.call(())?, clock.version().major), (11, 2));
    /// host.rollback("clock")?;
    /// assert_eq!((tick.call(())?, clock.version().major), (12, 1));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// Other than by a reload, a handle that the new code has nothing for ends: it answers
    /// [`ErrorKind::Stale`](crate::ErrorKind::Stale), and why.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Reload`](crate::ErrorKind::Reload), and the load before serves on: as a
    /// reload; or another plugin is loaded from there, or with that version; or the name is
    /// [pinned](Host::pin) to others.
    pub fn replace(&self, plugin: &PluginRef, path: impl AsRef<Path>) -> Result<()> {
        self.registry.replace(plugin, path.as_ref().to_owned(), Arc::downgrade(&self.context))
    }

    /// All loaded versions of a name, the newest first: semver's precedence, and of equal ones the
    /// last that was loaded.
    #[must_use]
    pub fn versions(&self, name: &str) -> Vec<PluginRef> {
        self.registry.versions(name)
    }

    /// Has only these versions of a name serve, until [`unpin`](Host::unpin): a range as in
    /// `Cargo.toml` (`^1.2`, `=1.2.0`; a pre-release only where it names one). The newest loaded of
    /// them is what [`plugin`](Host::plugin) gives from here on, and what other plugins use; it is
    /// what this gives. Whatever else takes over from it, an edit included, is refused meanwhile,
    /// and a newer version that appears in a folder which is watched waits.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder().build()?;
    /// host.load_source("clock", "---@plugin clock 1.4.0")?;
    /// host.load_source("clock", "---@plugin clock 2.0.0")?;
    /// assert_eq!(host.plugin("clock")?.version().major, 2);
    /// host.pin("clock", "^1.0")?;
    /// assert_eq!(host.plugin("clock")?.version().major, 1);
    /// assert!(host.unpin("clock"));
    /// assert_eq!(host.plugin("clock")?.version().major, 2);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// It is no range, or no such version is loaded; nothing has changed.
    pub fn pin(&self, name: &str, range: &str) -> Result<PluginRef> {
        self.registry.pin(name, range)
    }

    /// What a name is pinned to, by [`pin`](Host::pin) or [`rollback`](Host::rollback).
    #[must_use]
    pub fn pinned(&self, name: &str) -> Option<String> {
        self.registry.pin_of(name)
    }

    /// Has the newest version of a name serve again; whether it was pinned. What has appeared
    /// meanwhile in a folder that is watched, and is newer, takes over, as if it had appeared now: in
    /// the background, or once changes are applied.
    pub fn unpin(&self, name: &str) -> bool {
        self.registry.unpin(name)
    }

    /// Goes back to the next older version of what serves under a name, and pins it: to one that is
    /// loaded beside it, or to the file of one that it has taken over from, which takes over as by
    /// [`replace`](Host::replace). What serves then is what this gives.
    ///
    /// # Errors
    /// There is no older version, its file is another one by now, or it could not take over; nothing
    /// has changed.
    pub fn rollback(&self, name: &str) -> Result<PluginRef> {
        self.registry.rollback(name, Arc::downgrade(&self.context))
    }
}
