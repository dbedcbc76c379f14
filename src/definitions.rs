//! [`Definitions`]: what an editor has to know to complete and check scripts, as files of
//! annotations for LuaLS, made of descriptors and of what the host offers.
//!
//! It runs nothing and asks no plugin: neither Lua nor a library is known here.

mod class;
mod data;
mod function;
mod host;
mod names;
mod shape;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Unread};
use crate::plugin::{Descriptor, HostContext};
use class::Class;
use data::Data;
use host::Offer;
use names::Unique;

/// What an editor has to know of a host and its plugins: files of annotations for
/// [LuaLS](https://luals.github.io), which [`Host::definitions`](crate::Host::definitions)
/// makes. What is the same gives the same text, so that they can be committed.
///
/// `host.lua` is the `host` table that scripts see, with its functions, groups and
/// channels. `plugin-NAME.lua` is a plugin, of either kind: the class of
/// `host.plugin("NAME")`. `data.lua` has the classes of the structs that cross, where
/// there are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definitions {
    files: BTreeMap<String, String>,
}

/// How each file starts: what tells it from one that somebody has written.
const META: &str = "---@meta _\n-- Made by twinplug";

impl Definitions {
    /// Those of a host with these plugins, by their names.
    pub(crate) fn new(context: &HostContext, plugins: &BTreeMap<String, Arc<Descriptor>>) -> Self {
        let mut data = Data::default();
        let mut offer = Offer::new(context, &mut data);
        // All structs are found before the first one has a name.
        let plugins: Vec<_> =
            plugins.values().map(|plugin| PluginFile::new(plugin, &mut offer, &mut data)).collect();
        let names = data.names();
        let mut file_names = Unique::default();
        let mut files = BTreeMap::new();
        for plugin in plugins {
            let name = file_names.take(&plugin.name);
            files.insert(format!("plugin-{name}.lua"), plugin.text(&names));
        }
        files.insert("host.lua".to_owned(), offer.text(&names));
        if let Some(classes) = data.text(&names) {
            files.insert("data.lua".to_owned(), with_head(DATA, &classes));
        }
        Definitions { files }
    }

    /// The files, by name: what they are called, and what is in them.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// What is in the file of that name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(String::as_str)
    }

    /// Writes the files into a folder, which is made if it is not there. What is there
    /// already and the same is not touched; files that were made by this before, and are
    /// not needed any more, go.
    ///
    /// # Errors
    /// A file of such a name is there that was not made by this: then nothing is written.
    /// Or the system refuses to write.
    pub fn write_to(&self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder).map_err(|error| Error::io("make the folder", folder, error))?;
        for (path, text) in self.changed(folder)? {
            fs::write(&path, text).map_err(|error| Error::io("write", &path, error))?;
        }
        self.remove_others(folder).map_err(|error| Error::io("look through", folder, error))
    }

    /// The files that are not there as they are to be, and what is to be in them.
    fn changed(&self, folder: &Path) -> Result<Vec<(PathBuf, &str)>> {
        let mut changed = Vec::new();
        for (name, text) in self.files() {
            let path = folder.join(name);
            match file::read(&path) {
                Ok(there) if there == text.as_bytes() => {}
                Ok(there) if is_made(&there) => changed.push((path, text)),
                Err(Unread::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                    changed.push((path, text));
                }
                Err(Unread::Io(error)) => return Err(Error::io("read", &path, error)),
                Ok(_) | Err(Unread::Unfit(_)) => return Err(refused(&path)),
            }
        }
        Ok(changed)
    }

    /// Removes what was made before and is no file of these.
    fn remove_others(&self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_like_ours = name == "data.lua" || name.starts_with("plugin-");
            if is_like_ours
                && !self.files.contains_key(&*name)
                && file::read(&path).is_ok_and(|text| is_made(&text))
            {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

const DATA: &str = "the structs that cross between this host and its plugins";

/// What a plugin's file says.
struct PluginFile {
    /// The plugin's, in small letters: some systems tell no others.
    name: String,
    head: String,
    class: Class,
}

impl PluginFile {
    fn new(plugin: &Descriptor, offer: &mut Offer, data: &mut Data) -> Self {
        let Descriptor { name, version, exports, .. } = plugin;
        let mut class = Class::new(&offer.add_plugin(name));
        let mut exports: Vec<_> = exports.iter().collect();
        exports.sort_by(|a, b| a.name.cmp(&b.name));
        for export in exports {
            class.add_export(&export.name, &export.ty, data);
        }
        let head = format!("the plugin `{name}` {version}, as other scripts see it");
        PluginFile { name: name.to_lowercase(), head, class }
    }

    fn text(&self, names: &[String]) -> String {
        with_head(&self.head, &self.class.block("local plugin = {}", "plugin", names))
    }
}

fn with_head(head: &str, lines: &[String]) -> String {
    format!("{META}: {head}.\n-- What is changed here is lost.\n\n{}\n", lines.join("\n"))
}

fn is_made(text: &[u8]) -> bool {
    text.starts_with(META.as_bytes())
}

fn refused(path: &Path) -> Error {
    let message = format!(
        "cannot write `{}`: it is there, and was not made by twinplug: remove it, or write to \
         another folder",
        path.display()
    );
    Error::new(ErrorKind::Refused, message)
}
