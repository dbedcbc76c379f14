//! `--host` and `--mock`, before or after the subcommand: the command stands in for a program, whose
//! plugins are then called, tested and watched without it.

use std::fs;
use std::path::{Path, PathBuf};

use twinplug::{Description, Function, Host, HostBuilder};

use crate::failure::Failure;
use crate::output;

const HEADING: &str = "Standing in for a program";

#[derive(clap::Args)]
pub(crate) struct Standing {
    /// Offer what a program offers its plugins: what its `Host::describe` has written, as JSON
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING)]
    host: Option<PathBuf>,
    /// Run a script that says what functions do, by `host.mock(name, f)`, before plugins are loaded
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING)]
    mock: Option<PathBuf>,
}

/// The host of the script with the stand-ins, which are there as long as it is.
pub(crate) struct Kept {
    _host: Option<Host>,
}

impl Standing {
    /// What is loaded for it.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.mock.iter().map(PathBuf::as_path)
    }

    /// Adds it to a host.
    pub(crate) fn offer(&self, builder: HostBuilder) -> Result<(HostBuilder, Kept), Failure> {
        let described = self.host.as_deref().map(read).transpose()?;
        let builder = match &described {
            Some(description) => builder.described(description),
            None => builder,
        };
        let Some(path) = &self.mock else { return Ok((builder, Kept { _host: None })) };
        let host = builder.clone().mockable().output(output::to_standard_error);
        let host = host.build().map_err(|error| Failure::Usage(error.to_string()))?;
        host.load(path)?;
        let mocks = host.mocks();
        if mocks.is_empty() {
            let message = format!(
                "`{}` gives no stand-in: say `host.mock(\"NAME\", function(..) .. end)` in it",
                path.display()
            );
            return Err(Failure::Unmet(message));
        }
        if let Some(description) = &described {
            mocks.iter().try_for_each(|(name, _)| check(path, name, description))?;
        }
        let with =
            |builder: HostBuilder, (name, mock): (String, Function)| builder.mock(&name, mock);
        Ok((mocks.into_iter().fold(builder, with), Kept { _host: Some(host) }))
    }
}

fn read(path: &Path) -> Result<Description, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::Unmet(format!("cannot read `{}`: {why}", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let description = Description::from_json(&text).map_err(|error| failed(&error))?;
    let here = Host::describe(&Host::builder().build()?).lua;
    if let (Some(theirs), Some(here)) = (&description.lua, &here)
        && theirs != here
    {
        output::note(&format!(
            "`{}` is of a program whose scripts run on `{theirs}`, and here they run on `{here}`",
            path.display()
        ));
    }
    Ok(description)
}

/// A stand-in is for a function that the program has.
fn check(path: &Path, name: &str, description: &Description) -> Result<(), Failure> {
    if description.functions.iter().any(|function| function.name == name) {
        return Ok(());
    }
    let names = description.functions.iter().map(|function| function.name.as_str());
    let all = names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let all = if all.is_empty() { "none".to_owned() } else { all };
    Err(Failure::Unmet(format!(
        "`{}`: the program has no function `{name}`: it has {all}",
        path.display()
    )))
}
