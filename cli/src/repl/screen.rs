//! [`Screen`]: what is shown to people while it may be that they type.
//!
//! Results go to standard output and events to standard error, but for what comes while a prompt
//! is shown: that is printed above it.

use std::io::{self, Write};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::output::{self, Printed};

#[derive(Default)]
pub(super) struct Screen {
    printed: Printed,
    above: Mutex<Above>,
}

/// What prints above a prompt, and whether there is one.
#[derive(Default)]
struct Above {
    printer: Option<Sender<String>>,
    is_at_prompt: bool,
}

impl Screen {
    /// Has this print what comes while a prompt is shown.
    pub(super) fn shows_above(&self, printer: Sender<String>) {
        self.above().printer = Some(printer);
    }

    /// Runs what shows a prompt, on a line of its own.
    pub(super) fn at_prompt<R>(&self, prompt: impl FnOnce() -> R) -> R {
        self.end_line();
        self.above().is_at_prompt = true;
        let result = prompt();
        self.above().is_at_prompt = false;
        result
    }

    /// Ends the line that a plugin has left open, where no result follows.
    pub(super) fn end_line(&self) {
        // A closed standard output is noticed by the next result.
        let _ = self.printed.end_line();
    }

    /// Leaves the line that the terminal itself has written to.
    pub(super) fn next_line(&self) {
        let _ = io::stderr().write_all(b"\n");
    }

    /// What a plugin prints.
    pub(super) fn print(&self, text: &str) {
        if !self.above().print(text) {
            self.printed.print(text);
        }
    }

    /// Prints it above the prompt, if there is one.
    pub(super) fn print_above(&self, text: &str) -> bool {
        self.above().print(text)
    }

    /// A result, on lines of its own.
    pub(super) fn show(&self, text: &str) -> io::Result<()> {
        self.printed.end_line()?;
        writeln!(io::stdout(), "{text}")
    }

    /// The same, of a line in which control characters are escaped.
    pub(super) fn show_line(&self, line: &str) -> io::Result<()> {
        self.printed.end_line()?;
        output::line(line)
    }

    /// What has happened, a line each.
    pub(super) fn tell(&self, lines: &[String]) {
        let lines: Vec<_> = lines.iter().map(|line| output::one_line(line)).collect();
        let text = lines.join("\n") + "\n";
        if !self.above().print(&text) {
            self.end_line();
            // Without a standard error there is nobody to tell.
            let _ = io::stderr().write_all(text.as_bytes());
        }
    }

    fn above(&self) -> MutexGuard<'_, Above> {
        self.above.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Above {
    /// Prints it, if there is a prompt.
    fn print(&self, text: &str) -> bool {
        let printer = self.printer.as_ref().filter(|_| self.is_at_prompt);
        printer.is_some_and(|printer| printer.send(text.to_owned()).is_ok())
    }
}
