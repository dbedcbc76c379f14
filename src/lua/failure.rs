//! An error that ended a script: message, place, traceback, payload.

use mlua::{Lua, Value};
use twinplug_value::from_source;

use super::modules::Source;
use super::source::LuaSource;
use crate::error::{Error, ErrorKind};

/// What the error handler of a call saw, with the stack still there.
pub(super) struct Failure {
    /// The coroutine that it was raised on; compared, and never followed.
    thread: usize,
    message: String,
    traceback: String,
    payload: Option<twinplug_value::Value>,
}

impl Failure {
    /// Takes down an error value. Runs as the message handler of the call.
    pub(super) fn report(lua: &Lua, error: &Value) -> Failure {
        Failure {
            thread: lua.current_thread().to_pointer() as usize,
            message: message(error),
            traceback: tidy(&traceback(lua)),
            payload: payload(error),
        }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Whether it is the same error, seen again further out.
    pub(super) fn is_of(&self, outer: &Failure) -> bool {
        self.thread == outer.thread && self.message == outer.message
    }

    pub(super) fn into_error(self) -> Error {
        let mut error = Error::new(ErrorKind::Call, self.message);
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
    if let Value::Table(table) = error
        && table.metatable().is_none()
    {
        return match table.raw_get::<Option<String>>("message") {
            Ok(Some(message)) => message,
            _ => "an error without a message".to_owned(),
        };
    }
    match error {
        Value::Nil => "an error without a message".to_owned(),
        Value::String(text) => text.to_string_lossy(),
        other => other.to_string().unwrap_or_else(|_| "an error without a message".to_owned()),
    }
}

fn payload(error: &Value) -> Option<twinplug_value::Value> {
    match error {
        Value::String(_) | Value::Nil => None,
        other => from_source(&mut LuaSource::new(other.clone())).ok(),
    }
}

/// Of a deeper stack the outer calls are not told: Lua looks for each of them from the
/// inside out, which of the 200,000 calls of an overflow takes a second.
const DEEPEST: usize = 5000;

/// How many of its calls are told.
const INNERMOST: usize = 20;

/// The calls that led here, as Lua puts them.
fn traceback(lua: &Lua) -> String {
    if lua.inspect_stack(DEEPEST, |_| ()).is_none() {
        return lua.traceback(None, 1).map(|text| text.to_string_lossy()).unwrap_or_default();
    }
    let call = |level| {
        lua.inspect_stack(level, |call| {
            let file = call.source().short_src.map(|file| file.into_owned())?;
            Some(format!("\t{file}:{}: in function\n", call.current_line()?))
        })
    };
    (0..INNERMOST).filter_map(|level| call(level)?).chain(["\t...\n".to_owned()]).collect()
}

/// The traceback without its head and without our own frames.
fn tidy(traceback: &str) -> String {
    traceback
        .lines()
        .skip_while(|line| !line.starts_with('\t'))
        .map(str::trim_start)
        .filter(|line| !line.starts_with("[twinplug]"))
        // Lua 5.5 calls it a global.
        .filter(|line| !line.starts_with("[C]: in ") || !line.ends_with(" 'xpcall'"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The file and line that an error's message starts with: `file.lua:12: ..`.
pub(super) fn located(error: Error, sources: &[Source]) -> Error {
    let line = |source: &Source| {
        let rest = error.message().strip_prefix(source.chunk.as_str())?.strip_prefix(':')?;
        rest.split(':').next()?.parse().ok()
    };
    let place = sources.iter().find_map(|source| Some((&source.path, line(source)?)));
    match place {
        Some((path, line)) => error.with_location(path, line),
        None => error,
    }
}
