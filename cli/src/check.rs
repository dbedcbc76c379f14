//! `check`: which of many paths could be loaded. Runs none of their code.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use twinplug::serde::Serialize;
use twinplug::{Host, HostBuilder, Inspection};

use crate::colour;
use crate::failure::Failure;
use crate::locking::Locking;
use crate::new::quoted;
use crate::output;
use crate::progress::Files;
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
    let groups = arguments.paths.iter().map(|path| Group::at(path, builder.clone(), locking));
    let groups: Vec<_> = groups.collect();
    let progress = Files::of(groups.iter().map(|group| group.files.len()).sum());
    let mut code = ExitCode::SUCCESS;
    for Group { builder, files } in groups {
        for path in files {
            progress.next(output::one_line(&path.display().to_string()));
            let checked = match &builder {
                Ok(builder) => check(&path, builder, locking, &progress),
                Err(reason) => Err(reason.clone()),
            };
            progress.aside(|| match arguments.json {
                true => output::json(&report(&path, &checked)),
                false => show(&path, &checked),
            })?;
            progress.aside(|| checked.iter().for_each(output::doubts));
            if checked.is_err() {
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// What is at a path: that, or the plugins of a folder.
struct Group {
    /// What they are checked by, or why nothing there is loaded.
    builder: Result<HostBuilder, String>,
    files: Vec<PathBuf>,
}

impl Group {
    fn at(path: &Path, builder: HostBuilder, locking: &Locking) -> Group {
        let builder = locking.lock_at(builder, &[path]);
        let is_folder = builder.is_ok() && source::is_folder_of_plugins(path);
        let listed = is_folder.then(|| Host::list_dir(path).ok()).flatten();
        for source in listed.iter().flat_map(|_| source::sources_in(path)) {
            let source = source.display();
            output::note(&format!(
                "`{source}` is a source folder, and not checked: name it, and it is built"
            ));
        }
        Group { builder, files: listed.unwrap_or_else(|| vec![path.to_owned()]) }
    }
}

fn check(path: &Path, builder: &HostBuilder, locking: &Locking, progress: &Files) -> Checked {
    let file = match source::is_source(path) {
        true => progress.aside(|| source::loadable(path, locking)).map_err(without_path)?,
        false if source::is_without_plugins(path) => {
            sources_alone(path)?;
            path.into()
        }
        false => {
            progress.aside(|| source::tell_tests(path));
            path.into()
        }
    };
    judge(&file, builder.inspect(&file))
}

/// Why it could not be built; the verdict names the path.
fn without_path(failure: Failure) -> String {
    match failure {
        Failure::Build(_, error) => error.to_string(),
        other => other.to_string(),
    }
}

/// A folder in which there are source folders alone is no plugin, and has none that could be checked as
/// it stands: not every build is to be run unasked.
fn sources_alone(folder: &Path) -> Result<(), String> {
    let sources = source::sources_in(folder);
    if sources.is_empty() {
        return Ok(());
    }
    let paths: Vec<_> = sources.iter().map(|source| quoted(&source.to_string_lossy())).collect();
    Err(format!(
        "there are source folders alone in it, which are built if they are named: `twinplug check {}`",
        paths.join(" ")
    ))
}

fn judge(file: &Path, found: twinplug::Result<Inspection>) -> Checked {
    let found = found.map_err(|error| {
        let message = error.to_string();
        // The verdict names the path already.
        let head = format!("cannot load `{}`: ", file.display());
        message.strip_prefix(&head).map(str::to_owned).unwrap_or(message)
    })?;
    match found.unmet.is_empty() {
        true => Ok(found),
        false => Err(found.unmet.join("; ")),
    }
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
