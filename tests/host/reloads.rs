//! `Host::reload`: another load takes over as a whole, or nothing has changed.

#[cfg(feature = "_lua")]
mod failing;
#[cfg(feature = "native")]
mod hazards;
#[cfg(all(feature = "watch", target_os = "linux"))]
mod lasting;
#[cfg(feature = "native")]
mod native;
#[cfg(feature = "_lua")]
mod scripts;
#[cfg(feature = "_lua")]
mod states;
#[cfg(all(feature = "native", target_os = "linux"))]
mod threads;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use twinplug::{Error, EventKind, Events, Host, HostBuilder, PluginRef};

/// A script in a folder, loaded, and what it has noted by `host.note`.
pub(crate) struct Edited {
    pub(crate) host: Host,
    pub(crate) plugin: PluginRef,
    pub(crate) events: Events,
    path: PathBuf,
    notes: Arc<Mutex<Vec<String>>>,
    _folder: TempDir,
}

impl Edited {
    pub(crate) fn new(text: &str) -> Edited {
        Edited::with(text, |builder| builder)
    }

    pub(crate) fn with(text: &str, offer: impl FnOnce(HostBuilder) -> HostBuilder) -> Edited {
        let notes = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&notes);
        let note = move |note: String| noted.lock().unwrap().push(note);
        let host = offer(Host::builder().function("note", note)).build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.lua");
        std::fs::write(&path, text).unwrap();
        let events = host.events();
        let plugin = host.load(&path).unwrap();
        assert_eq!(events.try_recv().unwrap().kind, EventKind::Loaded);
        Edited { host, plugin, events, path, notes, _folder: folder }
    }

    pub(crate) fn edit(&self, text: &str) -> Result<(), Error> {
        std::fs::write(&self.path, text).unwrap();
        self.host.reload(&self.plugin)
    }

    /// What was noted since the last time.
    pub(crate) fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }

    pub(crate) fn get(&self, name: &str) -> i64 {
        self.plugin.var::<i64>(name).unwrap().get().unwrap()
    }

    /// The error's text, without the folder that it is in.
    pub(crate) fn text(&self, error: &Error) -> String {
        let folder = self.path.parent().unwrap().display().to_string();
        error.to_string().replace(&folder, "DIR")
    }
}
