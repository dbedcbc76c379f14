//! The script that a session's lines run in: they are compiled, run and shown there.
//!
//! It is a plugin of its own in the host, which lists leave out; nothing here knows a prompt.

use std::collections::BTreeMap;
use std::time::Duration;

use twinplug::{Error, Func, Host, HostBuilder, PluginRef, Value};

use super::interrupts::{Ended, Interrupts};
use super::text::Ends;
use crate::failure::Failure;

/// What the script is called in the host, where no plugin of a user's is.
const NAME: &str = "[repl]";
/// What its own lines are called in tracebacks.
const FILE: &str = "[repl].lua";
const SCRIPT: &str = include_str!("session.lua");
/// What a text is called in messages.
const INPUT: &str = "input";
/// The host's limit is lower, where it has one. With none, LuaJIT could not be interrupted.
const MANIFEST: &str = "entry = \"[repl].lua\"\n[limits]\ntime = \"365days\"\n";

/// How long a name may take to be completed.
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) struct Session {
    plugin: PluginRef,
    check: Func<(Codes, i64), Option<Vec<String>>>,
    run: Func<(Codes, i64), Value>,
    names: Func<(Vec<String>,), Value>,
    unknown: Func<(), Vec<String>>,
}

/// The ways to read a text, by the names that the script has for them.
type Codes = BTreeMap<String, String>;

/// Whether a text can be run.
pub(super) enum Checked {
    Complete,
    /// More has to follow; why it cannot be run as it is.
    Incomplete(String),
    Wrong(String),
    Interrupted,
}

/// How a text has ended.
pub(super) enum Ran {
    /// What its values are, if there are any.
    Shown(Option<String>),
    Failed(Fault),
    Interrupted,
}

/// Why a text has failed, without what is the session's own of it.
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) traceback: Vec<String>,
    /// What was thrown, where it is more than text, as JSON.
    pub(super) thrown: Option<String>,
}

/// What there is behind a name and a dot.
pub(super) enum Names {
    Of(Vec<String>),
    Plugin(String),
}

impl Session {
    /// What it needs of its host.
    pub(super) fn prepare(builder: HostBuilder) -> HostBuilder {
        // What was tried once may go with an edit.
        builder.console(NAME)
    }

    pub(super) fn new(host: &Host) -> twinplug::Result<Session> {
        let plugin = host.load_files(NAME, [("plugin.toml", MANIFEST), (FILE, SCRIPT)])?;
        Ok(Session {
            check: plugin.func("Check")?,
            run: plugin.func("Run")?,
            names: plugin.func("Names")?,
            unknown: plugin.func("Unknown")?,
            plugin,
        })
    }

    /// Whether it is the session's own script.
    pub(super) fn is(&self, plugin: &PluginRef) -> bool {
        self.plugin == *plugin
    }

    /// Whether an event of that plugin's name is about it.
    pub(super) fn is_called(name: &str) -> bool {
        name == NAME
    }

    /// Whether a text can be run that begins in that line, from 1.
    pub(super) fn check(
        &self,
        text: &str,
        line: usize,
        interrupts: &Interrupts,
    ) -> Result<Checked, Failure> {
        let codes = codes(text);
        match interrupts.call(self.check.call_async((codes, line as i64))) {
            Ended::Interrupted => Ok(Checked::Interrupted),
            Ended::With(messages) => {
                let messages = messages?.unwrap_or_default();
                Ok(judged(text, messages))
            }
        }
    }

    /// Runs a text that is complete.
    pub(super) fn run(&self, text: &str, line: usize, interrupts: &Interrupts) -> Ran {
        let codes = codes(text);
        match interrupts.call(self.run.call_async((codes, line as i64))) {
            Ended::Interrupted => Ran::Interrupted,
            Ended::With(Ok(values)) => Ran::Shown(shown(values)),
            Ended::With(Err(error)) => Ran::Failed(Fault::of(&error)),
        }
    }

    /// The names that the last text has asked for, and that nothing has.
    pub(super) fn unknown(&self) -> Vec<String> {
        self.unknown.call_within(PATIENCE, ()).unwrap_or_default()
    }

    /// What there is behind these names, each of which is in the one before.
    pub(super) fn names(&self, path: &[&str]) -> Names {
        let path = path.iter().map(|&name| name.to_owned()).collect();
        match self.names.call_within(PATIENCE, (path,)) {
            Ok(Value::Str(plugin)) => Names::Plugin(plugin),
            Ok(Value::List(names)) => Names::Of(names.into_iter().filter_map(shown).collect()),
            _ => Names::Of(Vec::new()),
        }
    }
}

/// The ways to read a text.
fn codes(text: &str) -> Codes {
    let (expression, plain) = match text.trim_start().strip_prefix('=') {
        Some(expression) => (expression, None),
        None => (text, Some(text)),
    };
    let returned = format!("return {expression}");
    // All in its last line, or what it calls there would be told a line too late.
    let mut codes = vec![("handed", format!("return (...)({expression})"))];
    codes.extend(plain.map(|plain| ("plain", plain.to_owned())));
    codes.push(("returned", returned));
    codes.into_iter().map(|(name, code)| (name.to_owned(), code)).collect()
}

impl Fault {
    fn of(error: &Error) -> Fault {
        let message = error.to_string();
        let own = format!("plugin `{NAME}`: `Run`: ");
        let message = message.strip_prefix(&own).unwrap_or(&message).to_owned();
        let thrown = error.payload().and_then(|payload| serde_json::to_string(payload).ok());
        let thrown = thrown.filter(|thrown| thrown != "{}");
        let traceback = traceback(&message, error.traceback().unwrap_or_default());
        Fault { message, traceback, thrown }
    }
}

/// The traceback without what is the session's own. That of the text alone is in the message.
fn traceback(message: &str, traceback: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in traceback.lines() {
        match line.starts_with(FILE) {
            // What it has called of the library, as `error`.
            true => drop(lines.pop_if(|last| last.starts_with("[C]: "))),
            false => lines.push(line.to_owned()),
        }
    }
    let Some(place) = lines.last().and_then(|last| place(last)).map(str::to_owned) else {
        return lines;
    };
    lines.pop();
    if !lines.is_empty() || !message.starts_with(&place) {
        lines.push(format!("{place}: in main chunk"));
    }
    lines
}

/// The place of a text's own line in a traceback.
fn place(line: &str) -> Option<&str> {
    let (place, _) = line.split_once(": in ")?;
    place.starts_with(INPUT).then_some(place)
}

fn shown(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Str(text) => Some(text),
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(format!("{other:?}")),
    }
}

/// What the compiler's messages on the ways to read a text mean; none if one of them can be.
fn judged(text: &str, mut messages: Vec<String>) -> Checked {
    if let Some(at) = messages.iter().position(|message| is_at_the_end(text, message)) {
        return Checked::Incomplete(messages.swap_remove(at));
    }
    messages.pop().map_or(Checked::Complete, Checked::Wrong)
}

/// Whether a compiler's message is that the text has ended too early.
fn is_at_the_end(text: &str, message: &str) -> bool {
    // A quote that is not closed in its line is wrong, whatever follows.
    if message.contains("unfinished string") {
        return text.ends_with('\\');
    }
    // Luau tells one thing of each text that is not closed.
    if message.contains("alformed string") {
        return Ends::of(text) == Ends::Long || text.ends_with('\\');
    }
    // Lua 5.4 and 5.5, LuaJIT, Luau.
    let ends = ["near <eof>", "near '<eof>'", "got unfinished comment"];
    ends.iter().any(|end| message.ends_with(end)) || message.contains("got <eof>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_has_ended_too_early_is_incomplete() {
        let check = |text: &str, message: &str, is_incomplete: bool| {
            assert_eq!(is_at_the_end(text, message), is_incomplete, "{text:?}: {message}");
        };
        check("do", "input:1: 'end' expected near <eof>", true);
        check("do", "input:1: 'end' expected near '<eof>'", true);
        check("x =", "input:1: unexpected symbol near <eof>", true);
        check("do", "input:2: 'end' expected (to close 'do' at line 1) near <eof>", true);
        check("[[", "input:1: unfinished long string (starting at line 1) near '<eof>'", true);
        check("'a\\", "input:1: unfinished string near <eof>", true);
        check("do", "input:2: Expected 'end' (to close 'function' at line 1), got <eof>", true);
        let guessed = "got <eof>; did you forget to close 'then' at line 8?";
        check("if a then", guessed, true);
        check("x = [[", "input:1: Malformed string; did you forget to finish it?", true);
        let malformed = "Expected identifier when parsing expression, got malformed string";
        check("'a\\", malformed, true);
        check("--[[", "Expected identifier when parsing expression, got unfinished comment", true);

        check("x = (", "input:1: <eof> expected near '='", false);
        check("end", "input:1: '<eof>' expected near 'end'", false);
        check("end", "input:1: Expected <eof>, got 'end'", false);
        check("'a", "input:1: unfinished string near <eof>", false);
        check("'a\nb", "input:1: unfinished string near ''a'", false);
        check("'a", "input:1: Malformed string; did you forget to finish it?", false);
        check("1 1", "input:1: unexpected symbol near '1'", false);
    }

    #[test]
    fn either_way_to_read_a_text_may_be_incomplete() {
        let judged = |messages: &[&str]| match judged(
            "",
            messages.iter().map(|&message| message.to_owned()).collect(),
        ) {
            Checked::Complete => "complete".to_owned(),
            Checked::Incomplete(why) => format!("incomplete: {why}"),
            Checked::Wrong(why) => format!("wrong: {why}"),
            Checked::Interrupted => "interrupted".to_owned(),
        };
        assert_eq!(judged(&[]), "complete");
        assert_eq!(judged(&["a near <eof>", "b near '1'"]), "incomplete: a near <eof>");
        assert_eq!(judged(&["a near 'x'", "b near <eof>"]), "incomplete: b near <eof>");
        assert_eq!(judged(&["a near 'x'", "b near 'y'"]), "wrong: b near 'y'");
    }

    #[test]
    fn a_traceback_is_without_the_sessions_own_lines() {
        let check = |message: &str, all: &[&str], left: &[&str]| {
            assert_eq!(traceback(message, &all.join("\n")), left);
        };
        let own = "[repl].lua:187: in function <[repl].lua:183>";
        check("input:1: no", &["input:1: in local 'made'", own], &[]);
        check("no", &["input:1: in local 'made'", own], &["input:1: in main chunk"]);
        check(
            "input:1: no",
            &["[C]: in function 'error'", "input:1: in local 'made'", own],
            &["[C]: in function 'error'", "input:1: in main chunk"],
        );
        check(
            "a.lua:2: no",
            &["a.lua:2: in function <a.lua:1>", "input:3: in function <input:1>", own],
            &["a.lua:2: in function <a.lua:1>", "input:3: in main chunk"],
        );
        check(
            "no",
            &["[C]: in function 'error'", own, "input:1: in local 'made'", own],
            &["input:1: in main chunk"],
        );
        check("no", &[], &[]);
    }
}
