//! Edits while the program runs: plugins are reloaded, folders watched, and events tell of it.
//!
//! How that is done is `lifecycle`'s.

#[cfg(feature = "watch")]
use std::path::Path;
use std::sync::Arc;

use super::Host;
use crate::error::Result;
#[cfg(feature = "watch")]
use crate::error::{Error, ErrorKind};
#[cfg(feature = "watch")]
use crate::lifecycle::Watching;
use crate::lifecycle::{Events, PluginRef};

impl Host {
    /// Loads a plugin anew from its file, while it serves: its code is what the file holds now, and
    /// its handles lead there. Either the whole of it takes over, or nothing has changed.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("clock.lua");
    /// let host = twinplug::Host::builder().build()?;
    /// std::fs::write(&path, "Ticks = 0 function Tick() Ticks = Ticks + 1 return 'tick' end").unwrap();
    /// let clock = host.load(&path)?;
    /// let tick = clock.func::<(), String>("Tick")?;
    /// assert_eq!(tick.call(())?, "tick");
    ///
    /// std::fs::write(&path, "Ticks = 0 function Tick() Ticks = Ticks + 1 return 'tock' end").unwrap();
    /// host.reload(&clock)?;
    /// assert_eq!(tick.call(())?, "tock");                  // the handle leads to the new code
    /// assert_eq!(clock.var::<i64>("Ticks")?.get()?, 2);    // and the value was carried
    ///
    /// std::fs::write(&path, "function Tick( return 'no' end").unwrap();
    /// assert!(host.reload(&clock).is_err());               // a broken edit changes nothing
    /// assert_eq!(tick.call(())?, "tock");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// The next load is built beside the one that serves, which is then paused: calls that run end,
    /// new ones wait. `on_pause` and `on_save` of the one before are called; values of variables and
    /// of private state are carried; then come `on_restore` and `on_load` of the next. Only when all
    /// of it has succeeded do calls go to the new code, and the load before is retired, with
    /// `on_unload`. A call of it that waits for something ends with [`ErrorKind::Retired`](crate::ErrorKind::Retired).
    ///
    /// From inside of the plugin (in a function of the host that it has called, in a hook) it is done
    /// on another thread once that has ended: then [`events`](Host::events) tell what comes of it.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Reload`](crate::ErrorKind::Reload): the file cannot be loaded, its code or a hook has failed or
    /// takes too long, an export is gone or has another type for which a handle is held, or calls
    /// that run do not end. The load before serves on.
    pub fn reload(&self, plugin: &PluginRef) -> Result<()> {
        self.registry.reload(plugin, Arc::downgrade(&self.context))
    }

    /// Watches a folder of plugins, or a plugin's own file or folder: plugins that were loaded from
    /// there are [reloaded](Host::reload) as their files change, the parts that they `require` and
    /// their manifests included, and plugins that appear in the folder are loaded. An edit that
    /// fails changes nothing, and is not tried again before the next one. So it is with what cannot
    /// be loaded from there, be it by [`load`](Host::load) or [`load_dir`](Host::load_dir) from now
    /// on: it is loaded once an edit has mended it. [`events`](Host::events) has what happens.
    ///
    /// Each save counts once, when the file is complete, however the editor writes it; what is only
    /// touched has not changed. A plugin whose file is gone serves on.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let folder = folder.path();
    /// use twinplug::{EventKind, Host};
    ///
    /// let path = folder.join("clock.lua");
    /// std::fs::write(&path, "function Name() return 'clock' end").unwrap();
    /// let host = Host::builder().build()?;
    /// host.load_dir(folder)?.all()?;
    /// let name = host.plugin("clock")?.func::<(), String>("Name")?;
    ///
    /// let mut events = host.events();
    /// host.watch(folder)?;
    /// std::fs::write(&path, "function Name() return 'watch' end").unwrap();
    /// let edit = events.find(|event| event.kind == EventKind::Reloaded).expect("an edit");
    /// assert_eq!((edit.plugin.as_str(), name.call(())?.as_str()), ("clock", "watch"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// There is no such path, or no thread for it.
    #[cfg(feature = "watch")]
    pub fn watch(&self, path: impl AsRef<Path>) -> Result<()> {
        let watching = {
            let mut watching = self.registry.watching.lock();
            match &*watching {
                Some(watching) => Arc::clone(watching),
                None => {
                    let new = Watching::new(self.reload, &self.registry, &self.context)?;
                    Arc::clone(watching.insert(new))
                }
            }
        };
        watching.add(path.as_ref())
    }

    /// Watches a path no more that was given to [`watch`](Host::watch).
    ///
    /// # Errors
    /// It is not watched.
    #[cfg(feature = "watch")]
    pub fn unwatch(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        match self.registry.watching() {
            Some(watching) => watching.remove(path),
            None => {
                let message = format!("`{}` is not watched", path.display());
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }

    /// Reloads what has changed since the last time, on this thread, of a host that does so on
    /// demand ([`Reload::OnApply`](crate::Reload::OnApply)); how many plugins that were, also of
    /// those that were not reloaded as the edit has failed.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("game.lua");
    /// # std::fs::write(&path, "function Update() return 'slow' end").unwrap();
    /// use twinplug::{Host, Reload};
    ///
    /// let host = Host::builder().reload(Reload::OnApply).build()?;
    /// let update = host.load(&path)?.func::<(), String>("Update")?;
    /// host.watch(&path)?;
    /// std::fs::write(&path, "function Update() return 'quick' end").unwrap();
    /// assert_eq!(update.call(())?, "slow");
    /// while update.call(())? == "slow" {
    ///     host.apply_changes();                      // between two frames, say
    /// }
    /// assert_eq!(update.call(())?, "quick");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[cfg(feature = "watch")]
    pub fn apply_changes(&self) -> usize {
        self.registry.watching().map_or(0, |watching| watching.apply())
    }

    /// What happens to plugins from here on: loads, reloads, edits that were rejected. What comes
    /// before is not told: ask for it before what is to be seen.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder().build()?;
    /// let events = host.events();
    /// let clock = host.load_source("clock", "---@plugin clock 1.2.0")?;
    /// host.unload(clock)?;
    /// drop(host);                                     // which ends them
    /// let told: Vec<_> = events.map(|event| format!("{} {}", event.kind, event.plugin)).collect();
    /// assert_eq!(told, ["loaded clock", "unloaded clock"]);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn events(&self) -> Events {
        self.registry.feed.subscribe()
    }
}
