//! [`Show`]: what is seen of a build while it runs, and where its tools' messages go.
//!
//! It draws nothing itself.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::{fmt, thread};

/// What is seen of a build.
#[derive(Clone, Copy)]
pub enum Show<'a> {
    /// A line that says what is built, on standard error, and there what tools write.
    Plainly,
    /// Nothing, unless it fails: then what the tool has written, on standard error.
    Quietly,
    /// What somebody makes of it. Tools that show how far they are, as cargo and Zig do, are shown
    /// plainly all the same.
    To(&'a dyn Audience),
}

/// Somebody who shows builds.
pub trait Audience: Sync {
    /// One begins; the text says what is built: `plugins/clock (C++)`.
    fn begins(&self, what: &str);

    /// A tool has written this to its standard error, a line or so.
    fn writes(&self, text: &[u8]);

    /// Whether what tools write is to be in colour.
    fn is_coloured(&self) -> bool;
}

impl<'a> Show<'a> {
    /// Of tools that show how far they are.
    pub(crate) fn of_tool_with_progress(self) -> Show<'a> {
        match self {
            Show::To(_) => Show::Plainly,
            other => other,
        }
    }

    pub(crate) fn is_coloured(self) -> bool {
        matches!(self, Show::To(audience) if audience.is_coloured())
    }

    /// Says what is going to be built.
    pub(crate) fn announce(self, folder: &Path, language: impl fmt::Display) {
        let what = format!("{} ({language})", folder.display());
        match self {
            // A closed standard error is no reason not to build.
            Show::Plainly => drop(writeln!(io::stderr(), "   Compiling {what}")),
            Show::Quietly => {}
            Show::To(audience) => audience.begins(&what),
        }
    }

    /// Runs a tool to its end; its standard output is in the answer.
    pub(crate) fn run(self, command: &mut Command) -> io::Result<Output> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(match self {
            Show::Plainly => Stdio::inherit(),
            Show::Quietly | Show::To(_) => Stdio::piped(),
        });
        let mut child = command.spawn()?;
        let audience = match self {
            Show::To(audience) => audience,
            Show::Plainly => return child.wait_with_output(),
            Show::Quietly => {
                let output = child.wait_with_output()?;
                if !output.status.success() {
                    let _ = io::stderr().write_all(&output.stderr);
                }
                return Ok(output);
            }
        };
        let messages = child.stderr.take();
        thread::scope(|scope| {
            scope.spawn(|| {
                messages.into_iter().for_each(|it| pass_on(BufReader::new(it), audience))
            });
            child.wait_with_output()
        })
    }
}

/// Tells what comes, a line at a time.
fn pass_on(mut messages: impl BufRead, audience: &dyn Audience) {
    let mut line = Vec::new();
    while messages.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        audience.writes(&line);
        line.clear();
    }
}
