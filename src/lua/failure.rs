//! An error that ended a script: message, place, traceback, payload.

use std::path::PathBuf;

use mlua::{Lua, Table, Thread, Value};

use super::modules::Source;
use super::source::from_lua;
use super::stack::Stack;
use super::vm::Shared;
use crate::error::{Error, ErrorKind};

/// What is thrown is kept up to this size, in bytes.
const LARGEST_PAYLOAD: usize = 1 << 20;

/// What was seen of an error with its stack still there.
pub(super) struct Failure {
    /// The coroutine that it was raised on; compared, and never followed.
    thread: usize,
    message: String,
    traceback: String,
    payload: Option<twinplug_value::Value>,
    /// The error of the host function that it came from.
    cause: Option<Error>,
}

impl Failure {
    /// Takes down an error value: of a coroutine that has failed, or where this runs as a
    /// message handler.
    pub(super) fn report(
        lua: &Lua,
        shared: &Shared,
        failed: Option<&Thread>,
        error: &Value,
    ) -> Failure {
        let stack = failed.map_or_else(|| Stack::here(lua), |failed| Stack::of(lua, failed));
        let trail = shared.trails.of(error, &stack);
        let thread = failed.cloned().unwrap_or_else(|| lua.current_thread());
        let cause = trail.as_ref().and_then(|trail| trail.cause.clone());
        Failure {
            thread: thread.to_pointer() as usize,
            message: stack.placed(message(error)),
            payload: payload(lua, shared, error).or_else(|| cause.as_ref()?.payload().cloned()),
            traceback: stack.after(trail.as_ref().map_or("", |trail| &trail.traceback)),
            cause,
        }
    }

    /// Whether it is the same error, seen again further out.
    pub(super) fn is_of(&self, outer: &Failure) -> bool {
        self.thread == outer.thread && self.message == outer.message
    }

    pub(super) fn into_error(self) -> Error {
        let cause = self.cause.as_ref().map(Error::kind);
        let kind = cause.filter(|kind| *kind == ErrorKind::Trust).unwrap_or(ErrorKind::Call);
        let mut error = Error::new(kind, self.message);
        if let Some(cause) = &self.cause {
            error = error.with_inside_of(cause);
        }
        if !self.traceback.is_empty() {
            error = error.with_traceback(self.traceback);
        }
        match self.payload {
            Some(payload) => error.with_payload(payload),
            None => error,
        }
    }
}

/// The text of what was thrown; of a table its `message`, or what it prints as.
fn message(error: &Value) -> String {
    const NONE: &str = "an error without a message";
    match error {
        Value::Nil => NONE.to_owned(),
        // What Lua 5.5 puts in place of nil.
        Value::String(text) if cfg!(feature = "lua55") && text == "<no error object>" => {
            NONE.to_owned()
        }
        Value::String(text) => text.to_string_lossy(),
        Value::Table(table) if table.metatable().is_none() => {
            own_message(table).unwrap_or_else(|| NONE.to_owned())
        }
        other => other.to_string().unwrap_or_else(|failed| match &failed {
            mlua::Error::RuntimeError(text) => {
                let text = text.split("\nstack traceback:").next().unwrap_or_default();
                format!("an error whose text failed: {text}")
            }
            _ => NONE.to_owned(),
        }),
    }
}

/// The `message` of a table that was thrown.
pub(super) fn own_message(thrown: &Table) -> Option<String> {
    thrown.raw_get::<Option<String>>("message").ok().flatten()
}

fn payload(lua: &Lua, shared: &Shared, error: &Value) -> Option<twinplug_value::Value> {
    match error {
        Value::String(_) | Value::Nil => None,
        other => from_lua(lua, shared.border()?, other, LARGEST_PAYLOAD),
    }
}

/// Says where in the plugin's files an error was raised, where nobody nearer has: its
/// message starts with it, `file.lua:12: ..`, or else it is the first of the files in the
/// traceback.
pub(super) fn located(error: Error, sources: &[Source]) -> Error {
    if error.location().is_some() {
        return error;
    }
    let lines = error.traceback().into_iter().flat_map(str::lines);
    match std::iter::once(error.message()).chain(lines).find_map(|text| innermost(text, sources)) {
        Some((path, line)) => error.with_location(&path, line),
        None => error,
    }
}

/// The last of the places that a text starts with: who raises a message again may put
/// one before it.
fn innermost(text: &str, sources: &[Source]) -> Option<(PathBuf, u32)> {
    let (found, rest) = place(text, sources)?;
    innermost(rest.trim_start(), sources).or(Some(found))
}

/// The place that a text starts with, and what follows.
fn place<'t>(text: &'t str, sources: &[Source]) -> Option<((PathBuf, u32), &'t str)> {
    sources.iter().find_map(|source| {
        let rest = text.strip_prefix(source.chunk.as_str())?.strip_prefix(':')?;
        let (line, rest) = rest.split_once(':')?;
        Some(((source.path.clone(), line.parse().ok()?), rest))
    })
}
