//! What becomes of source folders that are watched: the library of each is loaded the first time, and
//! is a plugin's file like others from then on. What the library's file does not show is told here: a
//! build that has failed, a folder that is gone, and that the next build has mended it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use twinplug::{EventKind, PluginRef};

use super::line::Line;
use super::sources::{Built, News, Sources};
use super::{Happening, Watch};
use crate::building::{self, Unbuilt};
use crate::failure::Failure;
use crate::output;
use crate::source;

/// The library that a source folder was built to.
pub(super) struct Known {
    path: PathBuf,
    /// Whether something was told that the next build mends, whatever comes of it.
    is_amiss: bool,
}

/// The threads that build sources. None of them builds any more once it is dropped.
pub(super) struct Builders {
    threads: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Something has become of a source folder.
    pub(super) fn take(&mut self, news: News) -> Result<(), Failure> {
        match news {
            News::Built(built) => {
                if let Some(library) = self.keep(built)? {
                    // What fails is an event.
                    drop(self.host.load(library));
                }
                Ok(())
            }
            News::Gone(folder) => self.tell_of_folder(&folder, EventKind::Gone),
            News::Back(folder) => self.tell_of_folder(&folder, EventKind::Back),
        }
    }

    /// Has the library of a source folder watched; gives it where it is to be loaded.
    pub(super) fn keep(&mut self, built: Built) -> Result<Option<PathBuf>, Failure> {
        let Built { folder, library } = built;
        let library = match library {
            Ok(library) => library,
            Err(unbuilt) => return self.not_built(&folder, unbuilt).map(|()| None),
        };
        let known = self.libraries.get_mut(&folder).filter(|known| known.path == library.path);
        let Some(known) = known else {
            self.host.watch(&library.path)?;
            let known = Known { path: library.path.clone(), is_amiss: false };
            self.libraries.insert(folder, known);
            return Ok(Some(library.path));
        };
        let was_amiss = std::mem::take(&mut known.is_amiss);
        match (library.is_new, was_amiss) {
            // Whoever watches the file sees it.
            (true, _) => Ok(None),
            (false, true) => self.load_again(&folder, library.path),
            (false, false) => {
                self.note_same(&folder, &library.path);
                Ok(None)
            }
        }
    }

    fn not_built(&mut self, folder: &Path, unbuilt: Unbuilt) -> Result<(), Failure> {
        if unbuilt.error.is_stopped() {
            return Err(Failure::Interrupted);
        }
        let plugin = match self.libraries.get_mut(folder) {
            Some(known) => {
                known.is_amiss = true;
                let path = known.path.clone();
                self.loaded_from(&path)
            }
            None => None,
        };
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        Ok(self.form.tell(&Line::not_built(&name, plugin.as_ref(), &unbuilt.to_string()))?)
    }

    /// A build has mended what was told, and its library is the one from before: that is no edit of
    /// the library's file. A script that is edited to and fro is reloaded as well.
    fn load_again(&self, folder: &Path, library: PathBuf) -> Result<Option<PathBuf>, Failure> {
        match self.loaded_from(&library) {
            // It cannot be loaded a second time, and serves as it is.
            Some(plugin) if source::is_go(folder) => {
                self.form.tell(&Line::about(EventKind::Reloaded, &plugin))?;
                Ok(None)
            }
            Some(plugin) => {
                // What comes of it is an event.
                drop(self.host.reload(&plugin));
                Ok(None)
            }
            None => Ok(Some(library)),
        }
    }

    fn note_same(&self, folder: &Path, library: &Path) {
        let plugin = self.loaded_from(library);
        let is_rejected = plugin.is_none_or(|plugin| plugin.status().rejected.is_some());
        let rejected = if is_rejected { ", which was rejected" } else { "" };
        let folder = folder.display();
        output::note(&format!("`{folder}` is built, and the same as before{rejected}"));
    }

    /// Of a folder whose plugin is loaded.
    fn tell_of_folder(&mut self, folder: &Path, event: EventKind) -> Result<(), Failure> {
        let Some(known) = self.libraries.get_mut(folder) else { return Ok(()) };
        known.is_amiss = true;
        let path = known.path.clone();
        match self.loaded_from(&path) {
            Some(plugin) => Ok(self.form.tell(&Line::about(event, &plugin))?),
            None => Ok(()),
        }
    }

    fn loaded_from(&self, library: &Path) -> Option<PluginRef> {
        self.host.plugins().into_iter().find(|plugin| plugin.path() == library)
    }
}

impl Builders {
    /// What they build goes to `sender`.
    pub(super) fn of(sources: Vec<Sources>, sender: &Sender<Happening>) -> Builders {
        let build = |sources: Sources| {
            let sender = sender.clone();
            thread::spawn(move || {
                sources.watch(|news| sender.send(Happening::Source(news)).is_ok());
            })
        };
        Builders { threads: sources.into_iter().map(build).collect() }
    }
}

impl Drop for Builders {
    fn drop(&mut self) {
        building::stop();
        // A panic was told by the thread itself.
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}
