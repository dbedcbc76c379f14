//! The tools that build: found, run, and where they are missing, named with what to
//! install.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use crate::{Audience, BuildError, Manner, Show};

/// The program that the variable names, or else the usual one.
pub(crate) fn program(variable: &str, usual: &str) -> OsString {
    env::var_os(variable).filter(|named| !named.is_empty()).unwrap_or_else(|| usual.into())
}

/// Runs a tool; its standard output is returned. `install` says how to get it where it is not
/// there.
pub(crate) fn run(
    command: &mut Command,
    install: &str,
    manner: Manner<'_>,
) -> Result<Vec<u8>, BuildError> {
    let name = command.get_program().to_string_lossy().into_owned();
    run_as(&name, command, install, manner)
}

/// Runs a tool that messages call by another name than its program's.
pub(crate) fn run_as(
    name: &str,
    command: &mut Command,
    install: &str,
    manner: Manner<'_>,
) -> Result<Vec<u8>, BuildError> {
    let output = answer_as(name, command, install, manner)?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(failed(name, &output)),
    }
}

/// Runs a tool, and gives what it has written also where it has failed; only one that was stopped
/// gives nothing.
pub(crate) fn answer_as(
    name: &str,
    command: &mut Command,
    install: &str,
    manner: Manner<'_>,
) -> Result<Output, BuildError> {
    let output = manner.run(command).map_err(|error| match error.kind() {
        _ if manner.is_stopped() => BuildError::stopped(),
        io::ErrorKind::NotFound => {
            BuildError::missing_tool(format!("`{name}` is not there: {install}"))
        }
        _ => BuildError::new(format!("cannot run `{name}`: {error}")),
    })?;
    match !output.status.success() && manner.is_stopped() {
        true => Err(BuildError::stopped()),
        false => Ok(output),
    }
}

/// What a tool has answered to a question.
pub(crate) struct Answer {
    /// Whether it is there, and has not failed.
    pub(crate) is_fine: bool,
    /// Its standard error.
    pub(crate) said: String,
}

/// Asks a tool something before it builds, or after it has failed to: what it says is told to nobody
/// else.
pub(crate) fn ask(command: &mut Command, manner: Manner<'_>) -> Result<Answer, BuildError> {
    let heard = Heard::default();
    let ran = Manner { show: Show::To(&heard), ..manner }.run(command);
    if manner.is_stopped() {
        return Err(BuildError::stopped());
    }
    let said = heard.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let is_fine = ran.is_ok_and(|it| it.status.success());
    Ok(Answer { is_fine, said: String::from_utf8_lossy(&said).into_owned() })
}

#[derive(Default)]
struct Heard(Mutex<Vec<u8>>);

impl Audience for Heard {
    fn begins(&self, _: &str) {}

    fn writes(&self, text: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(text);
    }

    fn is_coloured(&self) -> bool {
        false
    }

    fn takes_all(&self) -> bool {
        true
    }
}

/// The error of a tool that has said itself what is wrong.
pub(crate) fn failed(name: &str, output: &Output) -> BuildError {
    BuildError::of_tool(format!("`{name}` failed ({})", output.status))
}
