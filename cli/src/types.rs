//! `types`: what editors have to know to complete and check scripts, as files of
//! annotations, and the `.luarc.json` by which LuaLS finds them.

mod luarc;

use std::path::{Component, MAIN_SEPARATOR, Path, PathBuf};
use std::process::ExitCode;

use twinplug::{Definitions, Host, HostBuilder};

use crate::failure::Failure;
use crate::granting::Granting;
use crate::locking::Locking;
use crate::output;
use crate::source;
use luarc::Setting;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugins to define, source folders of native ones, or folders of either; they are loaded
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The folder that the definitions are written to
    #[arg(short, long, value_name = "DIR", default_value = "types")]
    output: PathBuf,
    #[command(flatten)]
    granting: Granting,
}

impl Arguments {
    /// What is loaded.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        self.paths.iter().map(PathBuf::as_path).collect()
    }
}

pub(crate) fn run(
    arguments: &Arguments,
    builder: HostBuilder,
    locking: &Locking,
) -> Result<ExitCode, Failure> {
    let folder = &arguments.output;
    let found = source::found(&arguments.paths, locking)?;
    if found.paths.is_empty() && !found.is_complete {
        return Ok(ExitCode::FAILURE);
    }
    let definitions = definitions(&found.paths, arguments.granting.grant(builder))?;
    definitions.write_to(folder)?;
    let merged = luarc::merge(&settings(folder))?;

    merged.notes.iter().for_each(|note| output::note(note));
    for (name, _) in definitions.files() {
        output::line(&folder.join(name).display().to_string())?;
    }
    if merged.is_written {
        output::line(luarc::FILE)?;
    }
    Ok(if found.is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Loads the plugins, and asks the host that then is.
fn definitions(paths: &[PathBuf], builder: HostBuilder) -> Result<Definitions, Failure> {
    let builder = builder.output(output::to_standard_error);
    let host = builder.build().map_err(|error| Failure::Usage(error.to_string()))?;
    host.load_all(paths).all()?;
    let definitions = host.definitions();
    unload(&host)?;
    Ok(definitions)
}

fn unload(host: &Host) -> twinplug::Result<()> {
    let unloaded = host.plugins().into_iter().rev().try_for_each(|plugin| host.unload(plugin));
    host.flush_output();
    unloaded
}

/// What LuaLS has to know to use the definitions in that folder.
fn settings(folder: &Path) -> Vec<Setting> {
    let version = VERSION.map(|text| Setting::Text { name: "runtime.version", text });
    // What is in the folder itself is read anyway; as a library all in it would be one.
    let is_here = folder.components().all(|part| part == Component::CurDir);
    let path = folder.to_string_lossy().replace(MAIN_SEPARATOR, "/");
    let library = (!is_here).then_some(Setting::Path { name: "workspace.library", path });
    version.into_iter().chain(library).collect()
}

/// What LuaLS calls the Lua that scripts run on; it knows no Luau.
const VERSION: Option<&str> = match () {
    () if cfg!(feature = "lua55") => Some("Lua 5.5"),
    () if cfg!(feature = "luajit") => Some("LuaJIT"),
    () if cfg!(any(feature = "luau", feature = "luau-jit")) => None,
    () => Some("Lua 5.4"),
};
