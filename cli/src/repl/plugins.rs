//! The plugins of a session: loaded, reloaded, unloaded, listed, and their names completed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use twinplug::{ErrorKind, Host, PluginRef};

use super::commands::{COMMANDS, Described, near};
use super::complete::{self, Wanted, What};
use super::session::{Names, Session};
use crate::failure::Failure;
use crate::locking::Locking;
use crate::output;
use crate::source;

pub(super) struct Plugins {
    pub(super) host: Arc<Host>,
    pub(super) session: Session,
    manner: Manner,
    locking: Locking,
    /// Where plugins came from, by their files, of those that were named one by one.
    origins: RefCell<HashMap<PathBuf, Origin>>,
}

/// Whether an edit is live once it is saved.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Manner {
    /// It is, and what cannot be loaded is an event.
    Watched,
    /// Not before it is asked for: lines that were written beforehand do the same each time.
    Still,
}

/// What has become of a command.
pub(super) enum Done {
    Well,
    /// It has failed, and an event tells it.
    Told,
}

/// Where a plugin came from.
struct Origin {
    /// What is watched of it.
    watched: Option<PathBuf>,
    /// The folder that it is built from.
    source: Option<PathBuf>,
}

impl Plugins {
    pub(super) fn new(
        host: Arc<Host>,
        manner: Manner,
        locking: Locking,
    ) -> Result<Plugins, Failure> {
        let session = Session::new(&host)?;
        Ok(Plugins { host, session, manner, locking, origins: RefCell::default() })
    }

    /// Loads the plugin at a path, or those of a folder.
    pub(super) fn load(&self, path: &Path) -> Result<Done, Failure> {
        let has_sources = !source::is_plugin(path) && !source::sources_in(path).is_empty();
        let is_folder = has_sources || source::is_folder_of_plugins(path);
        if is_folder && !source::is_source(path) {
            return self.load_folder(path);
        }
        let file = source::loadable(path, &self.locking)?;
        // Before it is loaded: what fails is then tried again when it is edited.
        let watched = self.watch(&file)?;
        let loaded = self.load_one(path, &file, watched.clone());
        settled(loaded, watched.as_deref())
    }

    /// Loads what is in a folder, each after those of them that it requires.
    fn load_folder(&self, folder: &Path) -> Result<Done, Failure> {
        let mut files = Vec::new();
        let mut is_complete = true;
        for source in source::sources_at(folder, &self.locking) {
            match source::loadable(&source, &self.locking) {
                Ok(library) => files.push((library.into_owned(), source)),
                Err(failure @ Failure::Build(..)) if self.manner == Manner::Watched => {
                    failure.report();
                    is_complete = false;
                }
                Err(failure) => return Err(failure),
            }
        }
        for (library, source) in &files {
            let origin = Origin { watched: self.watch(library)?, source: Some(source.clone()) };
            self.origins.borrow_mut().insert(library.clone(), origin);
        }
        let watched = self.watch(folder)?;
        let has_plugins = !source::is_without_plugins(folder);
        let paths = files.into_iter().map(|(library, _)| library);
        let loaded = self.host.load_all(paths.chain(has_plugins.then(|| folder.to_owned()))).all();
        match settled(loaded.map(drop), watched.as_deref())? {
            Done::Well if is_complete => Ok(Done::Well),
            _ => Ok(Done::Told),
        }
    }

    /// Has what is at a path watched, where it is to be and is there.
    fn watch(&self, path: &Path) -> Result<Option<PathBuf>, Failure> {
        if self.manner != Manner::Watched || !path.exists() {
            return Ok(None);
        }
        self.host.watch(path)?;
        Ok(Some(path.to_owned()))
    }

    fn load_one(
        &self,
        path: &Path,
        file: &Path,
        mut watched: Option<PathBuf>,
    ) -> twinplug::Result<()> {
        let before = self.host.plugins();
        let plugin = self.host.load(file)?;
        if before.contains(&plugin) {
            output::note(&format!("`{}` is loaded already", plugin.name()));
        }
        // It was named without its ending.
        if self.manner == Manner::Watched && watched.is_none() {
            self.host.watch(plugin.path())?;
            watched = Some(plugin.path());
        }
        let source = (file != path).then(|| path.to_owned());
        self.origins.borrow_mut().insert(plugin.path(), Origin { watched, source });
        Ok(())
    }

    /// Loads a plugin anew; its library is built before, where it has a source folder.
    pub(super) fn reload(&self, name: &str) -> Result<Done, Failure> {
        let plugin = self.find(name)?;
        let origins = self.origins.borrow();
        let Some(Origin { watched, source: Some(source) }) = origins.get(&plugin.path()) else {
            return self.reloaded(&plugin);
        };
        // The build alone is not to be a reload.
        if let Some(watched) = watched {
            self.host.unwatch(watched)?;
        }
        let built = source::loadable(source, &self.locking);
        let reloaded = built.and_then(|_| self.reloaded(&plugin));
        if let Some(watched) = watched {
            self.host.watch(watched)?;
        }
        reloaded
    }

    fn reloaded(&self, plugin: &PluginRef) -> Result<Done, Failure> {
        match self.host.reload(plugin) {
            Ok(()) => Ok(Done::Well),
            Err(error) if error.kind() == ErrorKind::Reload => Ok(Done::Told),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn unload(&self, name: &str) -> Result<(), Failure> {
        let plugin = self.find(name)?;
        let origin = self.origins.borrow_mut().remove(&plugin.path());
        if let Some(watched) = origin.and_then(|origin| origin.watched) {
            self.host.unwatch(watched)?;
        }
        Ok(self.host.unload(plugin)?)
    }

    /// The plugin of that name, or the layer.
    fn find(&self, name: &str) -> Result<PluginRef, Failure> {
        if let Ok(plugin) = self.host.plugin(name)
            && !self.session.is(&plugin)
        {
            return Ok(plugin);
        }
        let all = self.all();
        let layer = all.iter().flat_map(PluginRef::layers).find(|layer| layer.name() == name);
        layer.ok_or_else(|| {
            let near = near(name, all.iter().map(PluginRef::name));
            Failure::Unmet(format!("no plugin `{name}`{near}; `.list` shows those that are loaded"))
        })
    }

    /// All but the session's own, in load order.
    fn all(&self) -> Vec<PluginRef> {
        let plugins = self.host.plugins().into_iter();
        plugins.filter(|plugin| !self.session.is(plugin)).collect()
    }

    /// What `.list` shows, a line each: of all, or of the one of that name.
    pub(super) fn list(&self, name: Option<&str>) -> Result<Vec<String>, Failure> {
        let plugins = match name {
            Some(name) => vec![self.find(name)?],
            None => self.all(),
        };
        match plugins.is_empty() {
            true => Ok(vec!["no plugin is loaded: `.load PATH` loads one".to_owned()]),
            false => Ok(plugins.iter().flat_map(described).collect()),
        }
    }

    /// What could be meant by names that a line has asked for and that nothing has, a line each.
    pub(super) fn guesses(&self) -> Vec<String> {
        let unknown = self.session.unknown();
        if unknown.is_empty() {
            return Vec::new();
        }
        let known = self.globals();
        let guess = |name: &String| {
            if let Some(command) = Described::meant(name) {
                return Some(format!("nothing is called `{name}`; `{command}` is a command"));
            }
            let near = near(name, known.iter().map(String::as_str));
            (!near.is_empty()).then(|| format!("nothing is called `{name}`{near}"))
        };
        unknown.iter().filter_map(guess).collect()
    }

    /// What may stand where a text ends, and where it begins.
    pub(super) fn complete(&self, text: &str) -> (usize, Vec<String>) {
        let Some(wanted) = Wanted::of(text) else { return (text.len(), Vec::new()) };
        let names = match &wanted.what {
            What::Command => COMMANDS.iter().map(Described::begun).collect(),
            What::Path => complete::paths(&text[wanted.start..]),
            What::Plugin => self.names(),
            What::Index(quote) => {
                self.names().iter().map(|name| format!("{name}{quote}]")).collect()
            }
            What::Name(path) => match &path[..] {
                [] => self.globals(),
                ["plugins"] => self.identifiers(),
                ["host", group @ ..] => self.offered(group),
                path => self.members(path),
            },
        };
        (wanted.start, wanted.matching(text, names))
    }

    fn names(&self) -> Vec<String> {
        self.all().iter().map(|plugin| plugin.name().to_owned()).collect()
    }

    /// The names that a line finds by themselves.
    fn globals(&self) -> Vec<String> {
        let mut names = self.members(&[]);
        names.extend(self.identifiers());
        names
    }

    /// The names of plugins that can stand behind a dot.
    fn identifiers(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| is_identifier(name)).collect()
    }

    /// What `host` has, or a group in it.
    fn offered(&self, group: &[&str]) -> Vec<String> {
        let mut names = if group.is_empty() { self.members(&["host"]) } else { Vec::new() };
        let description = self.host.describe();
        let functions = description.functions.iter().map(|function| &function.name);
        let all = functions.chain(description.constants.iter().map(|constant| &constant.name));
        names.extend(all.filter_map(|name| {
            let parts: Vec<_> = name.split('.').collect();
            Some((*parts.strip_prefix(group)?.first()?).to_owned())
        }));
        names
    }

    fn members(&self, path: &[&str]) -> Vec<String> {
        match self.session.names(path) {
            Names::Of(names) => names.into_iter().filter(|name| is_identifier(name)).collect(),
            Names::Plugin(name) => match self.host.plugin(&name) {
                Ok(plugin) => {
                    let descriptor = plugin.descriptor();
                    let names = descriptor.exports.iter().map(|export| export.name.clone());
                    names.collect()
                }
                Err(_) => Vec::new(),
            },
        }
    }
}

/// What has become of a load: that of what is watched is an event, also where it has failed.
fn settled(loaded: twinplug::Result<()>, watched: Option<&Path>) -> Result<Done, Failure> {
    match (loaded, watched) {
        (Ok(()), _) => Ok(Done::Well),
        (Err(_), Some(_)) => Ok(Done::Told),
        (Err(error), None) => Err(error.into()),
    }
}

/// A plugin's lines in `.list`: what it is, its exports, the layers over it.
fn described(plugin: &PluginRef) -> Vec<String> {
    let descriptor = plugin.descriptor();
    let (kind, path) = (plugin.kind(), plugin.path());
    let head = format!("{} {} ({kind}, {})", descriptor.name, descriptor.version, path.display());
    let exports = &descriptor.exports;
    let width = exports.iter().map(|export| export.name.chars().count()).max().unwrap_or(0);
    let exports = exports
        .iter()
        .map(|export| format!("  {:4}  {:width$}  {}", export.symbol(), export.name, export.ty));
    let layers = plugin
        .layers()
        .into_iter()
        .map(|layer| format!("  layer {} ({})", layer.name(), layer.path().display()));
    [head].into_iter().chain(exports).chain(layers).collect()
}

/// How a plugin is written whose name is no global.
pub(super) fn written(name: &str) -> Option<String> {
    (!is_identifier(name)).then(|| format!("plugins[{name:?}]"))
}

/// Words that no name can be, in one Lua or another.
const KEYWORDS: [&str; 23] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "global", "goto",
    "if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];

fn is_identifier(name: &str) -> bool {
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    name.chars().all(is_of_name)
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !KEYWORDS.contains(&name)
}
