//! How far something is: a build that runs, or which of many files it is. It stands in the last line
//! of a terminal, and goes when it is over; elsewhere, and with `-q`, there is nothing of it.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use twinplug_build::{Audience, Show};

use crate::verbosity;

/// From so many files on it is told how far it is.
const MANY: usize = 10;

/// How often it moves.
const TICK: Duration = Duration::from_millis(100);

/// Runs a build, and shows it.
pub(crate) fn building<R>(build: impl FnOnce(Show<'_>) -> R) -> R {
    match is_shown() {
        true => build(Show::To(&Building::default())),
        false => build(plainly()),
    }
}

/// How a build is shown while others write to the terminal.
pub(crate) fn plainly() -> Show<'static> {
    if verbosity::is_quiet() { Show::Quietly } else { Show::Plainly }
}

fn is_shown() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !is_dumb && !verbosity::is_quiet()
}

/// A build that runs.
#[derive(Default)]
struct Building {
    spinner: Mutex<Option<ProgressBar>>,
}

impl Building {
    fn with_spinner(&self, change: impl FnOnce(&mut Option<ProgressBar>)) {
        change(&mut self.spinner.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Audience for Building {
    fn begins(&self, what: &str) {
        // Without a standard error there is nobody to tell.
        let _ = writeln!(io::stderr(), "   Compiling {what}");
        let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
        spinner.set_style(style(" {spinner} {msg}, {elapsed}"));
        spinner.enable_steady_tick(TICK);
        self.with_spinner(|kept| *kept = Some(spinner));
    }

    fn writes(&self, text: &[u8]) {
        let write = || drop(io::stderr().write_all(text));
        self.with_spinner(|spinner| match spinner {
            Some(spinner) => spinner.suspend(write),
            None => write(),
        });
    }

    fn is_coloured(&self) -> bool {
        anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        self.with_spinner(|spinner| spinner.iter().for_each(ProgressBar::finish_and_clear));
    }
}

/// Many files, one after the other.
pub(crate) struct Files {
    bar: ProgressBar,
}

impl Files {
    pub(crate) fn of(count: usize) -> Files {
        if count < MANY || !is_shown() {
            return Files { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new(count as u64);
        bar.set_style(style("{bar:20} {pos}/{len} {wide_msg}"));
        Files { bar }
    }

    /// The next one begins.
    pub(crate) fn next(&self, name: impl Into<Cow<'static, str>>) {
        self.bar.set_message(name);
        self.bar.inc(1);
    }

    /// Has others write to the terminal.
    pub(crate) fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is one of ours")
}
