//! The plugins that a host has loaded, by name and version.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, ReentrantMutex};

use super::PluginRef;
use crate::error::{Error, ErrorKind, Result, near};
use crate::loading::{Loader, Located};
use crate::plugin::{HostContext, cannot_wait, held};

/// The loaded plugins, in load order.
pub(crate) struct Registry {
    pub(crate) loader: Loader,
    entries: Mutex<Vec<Entry>>,
    /// Held while a plugin is loaded, so that the same one is not loaded twice.
    /// Re-entrant: a body or an init may call a host function that loads another.
    loading: ReentrantMutex<()>,
}

struct Entry {
    canonical: PathBuf,
    plugin: PluginRef,
}

impl Registry {
    pub(crate) fn new(loader: Loader) -> Self {
        Registry { loader, entries: Mutex::default(), loading: ReentrantMutex::default() }
    }

    /// Loads a located file, or gives the plugin that was loaded from it.
    pub(crate) fn load(&self, located: Located, host: Weak<HostContext>) -> Result<PluginRef> {
        let _loading = match held() {
            0 => self.loading.lock(),
            _ => self
                .loading
                .try_lock()
                .ok_or_else(|| cannot_wait("a plugin that another thread loads"))?,
        };
        if let Some(plugin) = self.at(&located.canonical) {
            return Ok(plugin);
        }
        let loaded = self.loader.load(&located, host)?;
        let plugin = PluginRef::new(located.path, Arc::clone(&loaded));
        let mut entries = self.entries.lock();
        let same = entries.iter().find(|entry| {
            entry.plugin.name() == plugin.name() && entry.plugin.version() == plugin.version()
        });
        if let Some(same) = same {
            let message = format!(
                "cannot load `{}`: `{}` {} is loaded already, from `{}`: unload that one, or give this one another version",
                plugin.path().display(),
                plugin.name(),
                plugin.version(),
                same.plugin.path().display(),
            );
            drop(entries);
            loaded.retire()?;
            return Err(Error::new(ErrorKind::Refused, message));
        }
        entries.push(Entry { canonical: located.canonical, plugin: plugin.clone() });
        Ok(plugin)
    }

    /// The newest version of a name; of equal ones the last that was loaded.
    pub(crate) fn newest(&self, name: &str) -> Result<PluginRef> {
        let entries = self.entries.lock();
        let named =
            entries.iter().map(|entry| &entry.plugin).filter(|plugin| plugin.name() == name);
        named.max_by(|a, b| a.version().cmp_precedence(b.version())).cloned().ok_or_else(|| {
            let near = near(name, entries.iter().map(|entry| entry.plugin.name()));
            Error::new(ErrorKind::NotFound, format!("no plugin `{name}` is loaded{near}"))
        })
    }

    /// All, in load order.
    pub(crate) fn all(&self) -> Vec<PluginRef> {
        self.entries.lock().iter().map(|entry| entry.plugin.clone()).collect()
    }

    /// Retires a plugin, and forgets it.
    pub(crate) fn unload(&self, plugin: &PluginRef) -> Result<()> {
        if !self.entries.lock().iter().any(|entry| entry.plugin.is(plugin)) {
            return Err(plugin.unknown());
        }
        plugin.retire()?;
        self.entries.lock().retain(|entry| !entry.plugin.is(plugin));
        Ok(())
    }

    fn at(&self, canonical: &Path) -> Option<PluginRef> {
        let entries = self.entries.lock();
        let entry = entries.iter().find(|entry| entry.canonical == canonical)?;
        Some(entry.plugin.clone())
    }
}
