//! `check`: which of many paths could be loaded. Runs none of their code.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use twinplug::serde::Serialize;
use twinplug::{Host, HostBuilder, Inspection};

use crate::colour;
use crate::failure::Failure;
use crate::locking::Locking;
use crate::output;
use crate::source;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugins, the source folders of native ones, or folders of plugins
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// One object a line, for programs
    #[arg(long)]
    json: bool,
}

/// The object of `--json`; its shape is stable.
#[derive(Serialize)]
#[serde(crate = "twinplug::serde")]
struct Report<'c> {
    path: String,
    verdict: &'static str,
    kind: Option<String>,
    name: Option<&'c str>,
    version: Option<String>,
    /// Why it is refused.
    reason: Option<&'c str>,
}

/// What was found, or why it is refused.
type Checked = Result<Inspection, String>;

pub(crate) fn run(
    arguments: &Arguments,
    builder: &HostBuilder,
    locking: &Locking,
) -> Result<ExitCode, Failure> {
    let mut code = ExitCode::SUCCESS;
    let paths = arguments.paths.iter();
    for (path, checked) in paths.flat_map(|path| check(path, builder.clone(), locking)) {
        match arguments.json {
            true => output::json(&report(&path, &checked))?,
            false => show(&path, &checked)?,
        }
        if checked.is_err() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// A verdict on the plugin there, or on each that is there.
fn check(path: &Path, builder: HostBuilder, locking: &Locking) -> Vec<(PathBuf, Checked)> {
    let builder = match locking.lock_at(builder, &[path]) {
        Ok(builder) => builder,
        Err(reason) => return vec![(path.to_owned(), Err(reason))],
    };
    let inspect = |file: &Path| judge(file, builder.inspect(file));
    if source::is_folder_of_plugins(path)
        && let Ok(found) = Host::inspect_dir(path)
    {
        let paths = found.into_iter().map(|(path, _)| path);
        return paths.map(|path| (path.clone(), inspect(&path))).collect();
    }
    let checked = source::loadable(path).map_err(|error| error.to_string());
    vec![(path.to_owned(), checked.and_then(|file| inspect(&file)))]
}

fn judge(file: &Path, found: twinplug::Result<Inspection>) -> Checked {
    found.map_err(|error| {
        let message = error.to_string();
        // The verdict names the path already.
        let head = format!("cannot load `{}`: ", file.display());
        message.strip_prefix(&head).map(str::to_owned).unwrap_or(message)
    })
}

fn report<'c>(path: &Path, checked: &'c Checked) -> Report<'c> {
    let found = checked.as_ref().ok();
    Report {
        path: path.display().to_string(),
        verdict: if found.is_some() { "ok" } else { "refused" },
        kind: found.map(|found| found.kind.to_string()),
        name: found.map(|found| found.name.as_str()),
        version: found.and_then(|found| Some(found.version.as_ref()?.to_string())),
        reason: checked.as_ref().err().map(String::as_str),
    }
}

/// Writes the line for people.
fn show(path: &Path, checked: &Checked) -> io::Result<()> {
    let path = path.display();
    let (style, verdict, rest) = match checked {
        Ok(Inspection { kind, name, version: Some(version), .. }) => {
            (colour::GOOD, "ok", format!("{path} ({kind}, {name} {version})"))
        }
        Ok(Inspection { kind, name, .. }) => {
            (colour::GOOD, "ok", format!("{path} ({kind}, {name})"))
        }
        Err(reason) => (colour::BAD, "refused", format!("{path}: {reason}")),
    };
    output::headed(style, &format!("{verdict:9}"), &rest)
}
