//! [`Show`]: what is seen of a build while it runs, and where its tools' messages go.
//!
//! It draws nothing itself.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;
use std::{fmt, thread};

use crate::Manner;
use crate::stop::{Tool, may_write};

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

/// What happens to a tool that runs.
enum Happening {
    /// Of its standard output.
    Output(Vec<u8>),
    /// Of its standard error, a line.
    Message(Vec<u8>),
    /// There is no more of one of them.
    Closed(io::Result<()>),
    /// It has come to its end.
    Ended,
}

/// How often it is asked whether a tool was killed that has ended, while others hold what it wrote to.
const LOOK: Duration = Duration::from_millis(100);

impl Manner<'_> {
    /// Runs a tool to its end; its standard output is in the answer.
    pub(crate) fn run(self, command: &mut Command) -> io::Result<Output> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(match self.show {
            Show::Plainly if may_write(self.stop) => Stdio::inherit(),
            Show::Plainly | Show::Quietly | Show::To(_) => Stdio::piped(),
        });
        let mut tool = Tool::spawn(command, self.stop)?;
        let (stdout, stderr) = tool.output();
        let open = usize::from(stdout.is_some()) + usize::from(stderr.is_some());
        let (sender, happenings) = mpsc::channel();
        stdout.into_iter().for_each(|it| read(it, Happening::Output, &sender));
        stderr.into_iter().for_each(|it| read(it, Happening::Message, &sender));
        let (stdout, stderr) = thread::scope(|scope| {
            scope.spawn(|| {
                tool.run_to_end();
                // Whoever listens may have given up.
                let _ = sender.send(Happening::Ended);
            });
            self.follow(&happenings, open)
        })?;
        let status = tool.wait()?;
        if let (Show::Quietly, false) = (self.show, status.success() || self.is_stopped()) {
            let _ = io::stderr().write_all(&stderr);
        }
        Ok(Output { status, stdout, stderr })
    }

    /// Tells what a tool writes until it has ended, and so many streams of it are closed. What nobody is
    /// told at once is in the answer.
    fn follow(self, all: &Receiver<Happening>, open: usize) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let (mut output, mut messages) = (Vec::new(), Vec::new());
        let (mut open, mut has_ended) = (open, false);
        // A process that was begun outside of the tool's group may hold them as long as it likes.
        while !has_ended || open > 0 && !self.is_killed() {
            match (next(all, has_ended), self.show) {
                (Some(Happening::Output(text)), _) => output.extend(text),
                (Some(Happening::Message(line)), Show::To(audience)) => audience.writes(&line),
                // Without a standard error there is nobody to tell.
                (Some(Happening::Message(line)), Show::Plainly) => {
                    let _ = io::stderr().write_all(&line);
                }
                (Some(Happening::Message(line)), _) => messages.extend(line),
                (Some(Happening::Closed(read)), _) => {
                    read?;
                    open -= 1;
                }
                (Some(Happening::Ended), _) => has_ended = true,
                (None, _) => {}
            }
        }
        Ok((output, messages))
    }
}

/// What happens next; nothing, if there is somebody to look after before.
fn next(all: &Receiver<Happening>, has_ended: bool) -> Option<Happening> {
    match has_ended {
        true => all.recv_timeout(LOOK).ok(),
        false => all.recv().ok(),
    }
}

/// Reads all that a tool writes, on a thread of its own, which nobody waits for.
fn read(
    from: impl Read + Send + 'static,
    happening: fn(Vec<u8>) -> Happening,
    sender: &Sender<Happening>,
) {
    let sender = sender.clone();
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            let (told, is_over) = match from.read_until(b'\n', &mut line) {
                Ok(0) => (Happening::Closed(Ok(())), true),
                Ok(_) => (happening(line), false),
                Err(error) => (Happening::Closed(Err(error)), true),
            };
            if sender.send(told).is_err() || is_over {
                break;
            }
        }
    });
}
