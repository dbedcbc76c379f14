//! `--with`: plugins that are loaded before the one in question, as it requires them.

use std::path::PathBuf;

use twinplug::Host;

use crate::failure::Failure;
use crate::source;

#[derive(clap::Args)]
pub(crate) struct Company {
    /// Load a plugin before, or a folder of plugins: what the plugin requires
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
}

impl Company {
    /// Loads them, in the order of the command line; those of a folder as they require each
    /// other.
    pub(crate) fn load(&self, host: &Host) -> Result<(), Failure> {
        for path in &self.with {
            match source::is_folder_of_plugins(path) {
                true => drop(host.load_dir(path)?.all()?),
                false => drop(host.load(source::loadable(path)?)?),
            }
        }
        Ok(())
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
