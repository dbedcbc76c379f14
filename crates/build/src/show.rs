//! [`Show`]: what is seen of a build while it runs, and where its tools' messages go.
//!
//! It draws nothing itself.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStderr, Command, Output, Stdio};
use std::{fmt, thread};

use crate::Manner;
use crate::stop::Tool;

/// What is seen of a build.
#[derive(Clone, Copy, Default)]
pub enum Show<'a> {
    /// A line that says what is built, on standard error, and there what tools write.
    #[default]
    Plainly,
    /// Nothing, unless it fails: then what the tool has written, on standard error.
    Quietly,
    /// What somebody makes of it. Tools that show how far they are, as cargo and Zig do, are shown
    /// plainly all the same, unless that [takes](Audience::takes_all) what they write as well.
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

    /// Whether it takes what tools write that show on a terminal how far they are: they see none
    /// then.
    fn takes_all(&self) -> bool {
        false
    }
}

impl<'a> Show<'a> {
    /// Of tools that show how far they are.
    pub(crate) fn of_tool_with_progress(self) -> Show<'a> {
        match self {
            Show::To(audience) if !audience.takes_all() => Show::Plainly,
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
}

impl Manner<'_> {
    /// Runs a tool to its end; its standard output is in the answer.
    pub(crate) fn run(self, command: &mut Command) -> io::Result<Output> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(match self.show {
            Show::Plainly => Stdio::inherit(),
            Show::Quietly | Show::To(_) => Stdio::piped(),
        });
        let mut tool = Tool::spawn(command, self.stop)?;
        let (stdout, stderr) = tool.output();
        let mut output = Vec::new();
        let (read, messages) = thread::scope(|scope| {
            let messages = scope.spawn(|| take(stderr, self.show));
            let read =
                stdout.into_iter().try_for_each(|mut it| it.read_to_end(&mut output).map(drop));
            (read, messages.join().expect("taking messages does not panic"))
        });
        let status = tool.wait()?;
        read?;
        if let (Show::Quietly, false) = (self.show, status.success() || self.is_stopped()) {
            let _ = io::stderr().write_all(&messages);
        }
        Ok(Output { status, stdout: output, stderr: messages })
    }
}

/// Takes what a tool writes to its standard error; what nobody is told at once is in the answer.
fn take(messages: Option<ChildStderr>, show: Show<'_>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(messages) = messages else { return kept };
    let mut messages = BufReader::new(messages);
    match show {
        Show::To(audience) => pass_on(messages, audience),
        Show::Plainly | Show::Quietly => drop(messages.read_to_end(&mut kept)),
    }
    kept
}

/// Tells what comes, a line at a time.
fn pass_on(mut messages: impl BufRead, audience: &dyn Audience) {
    let mut line = Vec::new();
    while messages.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        audience.writes(&line);
        line.clear();
    }
}
