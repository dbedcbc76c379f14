//! `--with`: plugins that are loaded before the one in question, as it requires them.

use std::path::{Path, PathBuf};

use twinplug::{Host, PluginRef};

use crate::failure::Failure;
use crate::locking::Locking;
use crate::source;

#[derive(Clone, clap::Args)]
pub(crate) struct Company {
    /// Load a plugin before, or a folder of plugins: what the plugin requires; a layer after it
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
}

/// They, as they can be loaded: what has to be built is built.
#[derive(Clone)]
pub(crate) struct Ready {
    paths: Vec<PathBuf>,
}

impl Company {
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.with.iter().map(PathBuf::as_path)
    }

    /// Builds what has to be built, once, however many hosts they are loaded into.
    pub(crate) fn ready(&self, locking: &Locking) -> Result<Ready, Failure> {
        let ready = |path| Ok(source::loadable(path, locking)?.into_owned());
        Ok(Ready { paths: self.paths().map(ready).collect::<Result<_, Failure>>()? })
    }

    /// Unloads all that the host has, the last first, before the command's last word.
    pub(crate) fn leave(host: &Host) -> Result<(), Failure> {
        for plugin in host.plugins().into_iter().rev() {
            host.unload(plugin)?;
        }
        host.flush_output();
        Ok(())
    }
}

impl Ready {
    /// Whether there is a native plugin among them.
    pub(crate) fn has_native(&self) -> bool {
        self.paths.iter().any(|path| match source::is_folder_of_plugins(path) {
            true => Host::list_dir(path).iter().flatten().any(|path| source::is_native(path)),
            false => source::is_native(path),
        })
    }

    /// Loads a plugin after those that it may require, and then the layers over it.
    pub(crate) fn load_around(&self, host: &Host, path: &Path) -> Result<PluginRef, Failure> {
        self.around(host, || Ok(host.load(path)?))
    }

    /// Has others loaded, after those that they may require, and then the layers over them.
    pub(crate) fn around<L>(
        &self,
        host: &Host,
        others: impl FnOnce() -> Result<L, Failure>,
    ) -> Result<L, Failure> {
        self.load_required(host)?;
        let loaded = others()?;
        self.load_layers(host)?;
        Ok(loaded)
    }

    /// Loads all but the layers, in the order of the command line; those of a folder as they require
    /// each other.
    pub(crate) fn load_required(&self, host: &Host) -> Result<(), Failure> {
        let mut required = self.paths.iter().filter(|path| !is_layer(path));
        required.try_for_each(|path| load(host, path).map(drop))
    }

    /// Loads the layers, which lie over what is loaded by now.
    pub(crate) fn load_layers(&self, host: &Host) -> Result<Vec<PluginRef>, Failure> {
        let layers = self.paths.iter().filter(|path| is_layer(path));
        let loaded = layers.map(|path| load(host, path)).collect::<Result<Vec<_>, _>>()?;
        Ok(loaded.concat())
    }
}

fn load(host: &Host, path: &Path) -> Result<Vec<PluginRef>, Failure> {
    match source::is_folder_of_plugins(path) {
        true => Ok(host.load_dir(path)?.all()?),
        false => Ok(vec![host.load(path)?]),
    }
}

/// Whether it is a script that lies over another plugin.
fn is_layer(path: &Path) -> bool {
    Host::inspect(path).is_ok_and(|found| found.over.is_some())
}
