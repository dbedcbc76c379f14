//! [`Batch`]: the plugins of one or more directories, or of a list of paths, gathered and then
//! loaded.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::order::{Failed, Member, Order, State};
use super::{LoadFailure, Loaded, PluginRef, Registry, Shadowed};
use crate::error::{Error, Result};
use crate::loading::{self, Located};
use crate::plugin::Requirement;

/// Plugins that are to be loaded.
#[derive(Default)]
pub(crate) struct Batch {
    members: Vec<Member>,
    /// Where each name was found first, and in which directory; of a layer with what that lies over.
    names: HashMap<(String, Option<String>), (usize, PathBuf)>,
    /// The files that were met.
    files: HashSet<PathBuf>,
    directories: usize,
    unlisted: Vec<LoadFailure>,
    shadowed: Vec<Shadowed>,
}

impl Batch {
    /// Adds what is in a directory. A name that an earlier one has is passed over.
    ///
    /// # Errors
    /// It cannot be listed.
    pub(crate) fn add(&mut self, directory: &Path) -> Result<()> {
        self.directories += 1;
        self.gather(loading::candidates(directory)?);
        Ok(())
    }

    /// Adds a plugin, or the plugins of a folder. It is passed over for nothing that was added so.
    pub(crate) fn add_path(&mut self, path: &Path) {
        let listed = match loading::is_folder_of_plugins(path) {
            true => loading::candidates(path),
            false => Ok(Vec::new()),
        };
        match listed {
            Ok(paths) if paths.is_empty() => {
                let found = self.look_at(path.to_owned(), &mut HashSet::new());
                self.members.extend(found);
            }
            Ok(paths) => self.gather(paths),
            Err(error) => self.note(path, error),
        }
    }

    /// Adds what is in one folder.
    fn gather(&mut self, paths: Vec<PathBuf>) {
        let mut libraries = HashSet::new();
        let mut found: Vec<_> =
            paths.into_iter().filter_map(|path| self.look_at(path, &mut libraries)).collect();
        let dropped = loading::drop_needed(&mut found, libraries, |member| match member.state {
            State::Failed(_) => Some(&member.path),
            _ => None,
        });
        for library in dropped {
            self.names.retain(|_, (_, by)| *by != library);
        }
        self.members.append(&mut found);
    }

    /// Notes a directory that could not be listed.
    pub(crate) fn note(&mut self, directory: &Path, error: Error) {
        self.unlisted.push(LoadFailure { path: directory.to_owned(), error });
    }

    /// What is at a path, and which libraries it needs; nothing where it is passed over.
    fn look_at(&mut self, path: PathBuf, libraries: &mut HashSet<String>) -> Option<Member> {
        let located = loading::locate(&path);
        if let Ok(located) = &located
            && !self.files.insert(located.canonical.clone())
        {
            // A link to what was met before.
            return None;
        }
        let found = located.and_then(|located| Ok((loading::survey(&located)?, located)));
        let name = match &found {
            Ok((survey, _)) => survey.name.clone(),
            Err(_) => loading::name_of(&path),
        };
        let over = found.as_ref().ok().and_then(|(survey, _)| survey.over.clone());
        let here = (self.directories, path.clone());
        let (directory, by) = self.names.entry((name.clone(), over.clone())).or_insert(here);
        if *directory != self.directories {
            self.shadowed.push(Shadowed { path, name, by: by.clone() });
            return None;
        }
        Some(match found {
            Ok((survey, located)) => {
                libraries.extend(survey.libraries);
                let (version, mut requires) = (survey.version, survey.requires);
                // What it lies over comes before it.
                let base = over.as_ref().filter(|over| requires.iter().all(|it| it.name != **over));
                requires.extend(base.map(Requirement::any));
                let state = State::Waits(Box::new(located));
                Member { path, name, version, requires, over, state }
            }
            Err(error) => {
                let state = State::Failed(Failed::by_itself(&name, error));
                Member { path, name, version: None, requires: Vec::new(), over: None, state }
            }
        })
    }

    /// Loads them; `load` does it with one.
    pub(crate) fn load(
        self,
        registry: &Registry,
        load: impl Fn(&Located) -> Result<PluginRef>,
    ) -> Loaded {
        let Batch { members, unlisted, shadowed, directories, .. } = self;
        let remedy = match directories {
            0 => "load it as well",
            _ => "put it into the folder, or load it before",
        };
        let mut order = Order::new(members, registry, remedy);
        let mut plugins = Vec::new();
        while let Some((index, located)) = order.next() {
            let loaded = load(&located);
            if let Ok(plugin) = &loaded {
                plugins.push(plugin.clone());
            }
            order.settle(index, &loaded);
        }
        let failures = order.members.into_iter().filter_map(|member| match member.state {
            State::Failed(failed) => Some(LoadFailure { path: member.path, error: failed.error }),
            _ => None,
        });
        Loaded { plugins, failures: unlisted.into_iter().chain(failures).collect(), shadowed }
    }
}
