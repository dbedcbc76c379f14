//! Where errors were before they came to a call's handler: in another plugin behind a
//! host function, in a coroutine that has died of them. Their stacks are gone by then.
//!
//! An error of Lua's is a value, and has no place for that: what is known of the latest
//! is kept here, and found again by the value. What cannot be told from an error that
//! was raised anew is not found: no traceback at all is better than a wrong one.

use std::collections::VecDeque;

use mlua::{Lua, Table, Thread, Value};
use parking_lot::Mutex;

use super::border::Border;
use super::failure::own_message;
use super::sink::to_lua;
use super::stack::Stack;
use crate::error::Error;
use crate::plugin::passes_on;

/// So many errors are remembered: those that are on their way, and what a script keeps
/// for a while before it raises it again.
const KEPT: usize = 8;

/// The latest errors, the newest first. It holds handles of mlua's: only with the VM's
/// lock held.
#[derive(Default)]
pub(super) struct Trails(Mutex<VecDeque<Trail>>);

/// The way of one error.
#[derive(Clone)]
pub(super) struct Trail {
    error: Thrown,
    /// The calls that it has left.
    pub(super) traceback: String,
    /// The error of the host function that it came from.
    pub(super) cause: Option<Error>,
}

/// What was raised.
#[derive(Clone)]
enum Thrown {
    /// The text of a host function's error, behind the script's line.
    Text(String),
    /// A table that was made for this error.
    Table(Table),
    /// What a coroutine died of: it may be anything, and the same may be raised again.
    Any(Value),
}

impl Trails {
    /// Remembers the error of a host function, which is raised next. Where a plugin has
    /// thrown a table, a copy of it is raised, else the error's text.
    pub(super) fn raise(&self, lua: &Lua, border: &Border, error: &Error) -> Option<Table> {
        let thrown = match error.payload() {
            Some(payload @ (twinplug_value::Value::Map(_) | twinplug_value::Value::List(_))) => {
                copy(lua, border, payload, error.message())
            }
            _ => None,
        };
        let key = match &thrown {
            Some(table) => Thrown::Table(table.clone()),
            None => Thrown::Text(error.message().to_owned()),
        };
        let traceback = error.traceback().unwrap_or_default().to_owned();
        self.keep(Trail { error: key, traceback, cause: Some(error.clone()) });
        thrown
    }

    /// Remembers what a coroutine has died of.
    pub(super) fn died(&self, lua: &Lua, thread: &Thread, error: &Value) {
        // Not of it, but long before: whoever resumes it is told so.
        let is_dead =
            |text: &str| text.starts_with("cannot resume ") && text.ends_with(" coroutine");
        if error.as_string().is_some_and(|text| is_dead(&text.to_string_lossy())) {
            return;
        }
        let stack = Stack::of(lua, thread);
        let inner = self.of(error, &stack);
        if stack.is_empty() && inner.is_none() {
            return;
        }
        let thrown = match &inner {
            Some(Trail { error: Thrown::Table(table), .. }) => Thrown::Table(table.clone()),
            _ => Thrown::Any(error.clone()),
        };
        let traceback = stack.after(inner.as_ref().map_or("", |inner| &inner.traceback));
        self.keep(Trail { error: thrown, traceback, cause: inner.and_then(|inner| inner.cause) });
    }

    /// The way of an error that has come to a stack's innermost call.
    pub(super) fn of(&self, error: &Value, stack: &Stack) -> Option<Trail> {
        self.0.lock().iter().find(|trail| trail.error.is(error, stack)).cloned()
    }

    /// Lets go of what lives in the VM.
    pub(super) fn clear(&self) {
        let trails = std::mem::take(&mut *self.0.lock());
        drop(trails);
    }

    fn keep(&self, trail: Trail) {
        let oldest = {
            let mut trails = self.0.lock();
            trails.push_front(trail);
            if trails.len() > KEPT { trails.pop_back() } else { None }
        };
        drop(oldest);
    }
}

impl Thrown {
    fn is(&self, error: &Value, stack: &Stack) -> bool {
        match (self, error) {
            (Thrown::Text(text), Value::String(error)) => passes_on(&error.to_string_lossy(), text),
            (Thrown::Table(table), Value::Table(error)) => table == error,
            (Thrown::Any(Value::String(text)), Value::String(error)) => {
                let text = text.to_string_lossy();
                passes_on(&error.to_string_lossy(), &text)
                    && (stack.is_raised_by_us() || is_raised_again(&text, stack))
            }
            (Thrown::Any(value), error) => value == error && stack.is_raised_by_us(),
            _ => false,
        }
    }
}

/// Whether a script has caught an error and raises it again, and not a like one anew: it
/// says a place that is none of the stack's.
fn is_raised_again(text: &str, stack: &Stack) -> bool {
    let mut parts = text.splitn(3, ':').skip(1);
    let line = parts.next().is_some_and(|line| line.parse::<u32>().is_ok());
    line && parts.next().is_some() && !stack.is_at(text)
}

/// A table like the one that was thrown in another VM, which prints as its error does.
fn copy(lua: &Lua, border: &Border, payload: &twinplug_value::Value, text: &str) -> Option<Table> {
    let Value::Table(thrown) = to_lua(lua, border, payload).ok()? else { return None };
    let (text, original) = (text.to_owned(), own_message(&thrown));
    let print = lua.create_function(move |_, thrown: Table| {
        let now = own_message(&thrown);
        Ok(if now == original { text.clone() } else { now.unwrap_or_default() })
    });
    let metatable = lua.create_table_from([("__tostring", print.ok()?)]).ok()?;
    thrown.set_metatable(Some(metatable)).ok()?;
    Some(thrown)
}
