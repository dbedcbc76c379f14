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
    /// Loads them, in the order of the command line; those of a folder as they require each
    /// other.
    pub(crate) fn load(&self, host: &Host) -> Result<(), Failure> {
        self.paths.iter().try_for_each(|path| load(host, path))
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
        let (layers, required): (Vec<_>, Vec<_>) =
            self.paths.iter().partition(|path| is_layer(path));
        required.into_iter().try_for_each(|path| load(host, path))?;
        let loaded = others()?;
        layers.into_iter().try_for_each(|path| load(host, path))?;
        Ok(loaded)
    }
}

fn load(host: &Host, path: &Path) -> Result<(), Failure> {
    match source::is_folder_of_plugins(path) {
        true => drop(host.load_dir(path)?.all()?),
        false => drop(host.load(path)?),
    }
    Ok(())
}

/// Whether it is a script that lies over another plugin.
fn is_layer(path: &Path) -> bool {
    Host::inspect(path).is_ok_and(|found| found.over.is_some())
}
