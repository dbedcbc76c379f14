//! [`Failure`]: what ends a subcommand, how it is reported, and with which code.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use twinplug_build::BuildError;

use crate::colour;
use crate::excerpt;
use crate::output::{self, Label};

/// What ended a subcommand.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A plugin failed, or was refused.
    Plugin(twinplug::Error),
    /// This source folder could not be built.
    Build(PathBuf, BuildError),
    /// What was asked for did not happen.
    Unmet(String),
    /// Ctrl-C, before there was anything that had to end.
    Interrupted,
    /// The arguments contradict one another.
    Usage(String),
    /// A result could not be written.
    Output(io::Error),
}

impl Failure {
    /// Of a source folder that could not be built, or was not to be any more.
    pub(crate) fn unbuilt(folder: &Path, error: BuildError) -> Failure {
        match error.is_stopped() {
            true => Failure::Interrupted,
            false => Failure::Build(folder.to_owned(), error),
        }
    }

    /// Reports it on standard error, and gives the code to exit with.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Failure::Plugin(error) => {
                complain_of(&error);
                ExitCode::FAILURE
            }
            Failure::Usage(message) => {
                complain(&message);
                ExitCode::from(2)
            }
            Failure::Interrupted => ExitCode::SUCCESS,
            // Whoever reads the results has seen enough: `twinplug check .. | head`.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                ExitCode::SUCCESS
            }
            failure @ (Failure::Build(..) | Failure::Unmet(_) | Failure::Output(_)) => {
                complain(&failure.to_string());
                ExitCode::FAILURE
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Plugin(error) => error.fmt(f),
            Failure::Interrupted => f.write_str("interrupted"),
            Failure::Build(folder, error) => {
                write!(f, "cannot build `{}`: {error}", folder.display())
            }
            Failure::Unmet(message) | Failure::Usage(message) => f.write_str(message),
            Failure::Output(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}

/// Reports a plugin's error, with its traceback.
pub(crate) fn complain_of(error: &twinplug::Error) {
    complain(&error.to_string());
    show(&excerpt::excerpt(error));
    error.traceback().into_iter().flat_map(str::lines).for_each(trace);
}

/// Reports an error with its traceback.
pub(crate) fn report<'t>(message: &str, traceback: impl Iterator<Item = &'t str>) {
    complain(message);
    traceback.for_each(trace);
}

fn complain(message: &str) {
    let mut lines = message.lines();
    output::labelled(Label::Error, lines.next().unwrap_or_default());
    lines.for_each(output::aside);
}

/// Shows an excerpt: a line, and the marks below.
fn show(excerpt: &[String]) {
    if let [line, marks] = excerpt {
        output::aside(line);
        output::aside_headed(colour::BAD, marks, "");
    }
}

fn trace(line: &str) {
    output::aside(&format!("  {line}"));
}

impl From<twinplug::Error> for Failure {
    fn from(error: twinplug::Error) -> Self {
        Failure::Plugin(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}
