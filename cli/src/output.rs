//! What is written, and where: results to standard output, a line each; what
//! plugins print to either stream.
//!
//! Nothing here panics when a stream is closed, as `println!` would.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use anstyle::Style;
use serde_json::value::RawValue;
use twinplug::serde::Serialize;
use twinplug::{Inspection, Value};

use crate::colour;
use crate::verbosity;

/// Writes a value as one line of JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    io::stdout().lock().write_all(&line)
}

/// The value as JSON; what cannot be written, as a function, is a text that says so.
pub(crate) fn raw(value: &Value) -> Box<RawValue> {
    let written = serde_json::value::to_raw_value(value);
    let text = |error: serde_json::Error| serde_json::value::to_raw_value(&error.to_string());
    written.or_else(text).expect("a text can be written")
}

/// Writes one line for people, whatever is in the text: names and messages come
/// from files that nobody has vouched for.
pub(crate) fn line(text: &str) -> io::Result<()> {
    headed(Style::new(), "", text)
}

/// As `line`, of a text whose beginning is in colour.
pub(crate) fn headed(style: Style, head: &str, rest: &str) -> io::Result<()> {
    anstream::stdout().write_all(painted(style, head, rest).as_bytes())
}

/// What a line beside the results is.
#[derive(Clone, Copy)]
pub(crate) enum Label {
    Error,
    Warning,
    Note,
    Info,
    Debug,
    Trace,
}

/// Writes one line for people, beside the results.
pub(crate) fn aside(text: &str) {
    aside_headed(Style::new(), "", text);
}

/// As `aside`, of a text whose beginning is in colour.
pub(crate) fn aside_headed(style: Style, head: &str, rest: &str) {
    let mut line = painted(style, head, rest);
    if anstream::AutoStream::choice(&io::stderr()) == anstream::ColorChoice::Never {
        // Here, as the stream would write what is between the colours piece by piece: where this process
        // ends meanwhile, another one's last word would stand in the middle of a line.
        line = anstream::adapter::strip_str(&line).to_string();
    }
    if !is_diverted(&line) {
        // Without a standard error there is nobody to tell.
        let _ = anstream::stderr().write_all(line.as_bytes());
    }
}

/// Takes lines, or does not.
type Diversion = Box<dyn Fn(&str) -> bool + Send + Sync>;

static DIVERSION: RwLock<Option<Diversion>> = RwLock::new(None);

/// Has something else take what is written beside the results, while it does: a prompt stands where
/// others would write.
pub(crate) fn divert(to: impl Fn(&str) -> bool + Send + Sync + 'static) {
    *DIVERSION.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(to));
}

fn is_diverted(line: &str) -> bool {
    let diversion = DIVERSION.read().unwrap_or_else(PoisonError::into_inner);
    diversion.as_ref().is_some_and(|take| take(line))
}

/// As `aside`, and says what it is.
pub(crate) fn labelled(label: Label, text: &str) {
    let (style, name) = label.shown();
    aside_headed(style, name, &format!(": {text}"));
}

/// Tells people something beside the results.
pub(crate) fn note(text: &str) {
    if !verbosity::is_quiet() {
        labelled(Label::Note, text);
    }
}

/// Tells people of each thing that the author of a script may not have meant.
pub(crate) fn doubts(found: &Inspection) {
    for doubt in found.doubts.iter().filter(|_| !verbosity::is_quiet()) {
        labelled(Label::Warning, &format!("`{}`: {doubt}", found.path.display()));
    }
}

/// Tells people what they may do next, a command a line.
pub(crate) fn next(commands: &[String]) {
    if verbosity::is_quiet() {
        return;
    }
    for (place, command) in commands.iter().enumerate() {
        match place {
            0 => aside_headed(colour::ASIDE, "next", &format!(": {command}")),
            _ => aside(&format!("      {command}")),
        }
    }
}

impl Label {
    fn shown(self) -> (Style, &'static str) {
        match self {
            Label::Error => (colour::BAD, "error"),
            Label::Warning => (colour::DOUBTFUL, "warning"),
            Label::Note => (colour::ASIDE, "note"),
            Label::Info => (colour::GOOD, "info"),
            Label::Debug => (colour::FAINT, "debug"),
            Label::Trace => (colour::FAINT, "trace"),
        }
    }
}

/// A line; its end is written with it, as others write meanwhile.
fn painted(style: Style, head: &str, rest: &str) -> String {
    format!("{style}{}{style:#}{}\n", one_line(head), one_line(rest))
}

/// The text with its control characters escaped, but for tabs.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() && character != '\t' {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line
}

/// Takes what plugins print, where standard output is for results alone.
pub(crate) fn to_standard_error(_: &str, text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Takes what plugins print to standard output, and knows whether its last line is
/// still open, so that a result gets a line of its own.
#[derive(Clone, Default)]
pub(crate) struct Printed {
    open: Arc<AtomicBool>,
}

impl Printed {
    pub(crate) fn print(&self, text: &str) {
        let mut out = io::stdout().lock();
        if let Some(last) = text.bytes().last() {
            self.open.store(last != b'\n', Ordering::Relaxed);
        }
        // A closed standard output is ours to notice, not the plugin's.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Ends the line that a plugin has left open.
    pub(crate) fn end_line(&self) -> io::Result<()> {
        match self.open.swap(false, Ordering::Relaxed) {
            true => writeln!(io::stdout()),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(one_line("a\nb\tc\u{1b}[2J `ü`"), "a\\nb\tc\\u{1b}[2J `ü`");
    }
}
