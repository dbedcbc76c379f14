//! What a reload carries: the values of variables and of private state, merged three ways.
//!
//! Between the value that the load before began with, the one that it has now and the one that
//! the new load begins with, whichever side has changed wins: so a score survives an edit, and an
//! edited constant takes effect. Where both have, the edit wins. Maps are merged field by field.

use std::fmt;

use twinplug_value::{Map, MapKey, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Plugin, Symbol};

/// The values of a load at one time.
#[derive(Clone, Default)]
pub(super) struct Snapshot {
    variables: Map,
    state: Vec<Map>,
    unread: Notes,
}

/// What was not carried, and why: a line each.
pub(super) type Notes = Vec<String>;

impl Snapshot {
    /// The values of this moment; what cannot be read is left out.
    pub(super) fn of(plugin: &dyn Plugin) -> Snapshot {
        let mut snapshot = Snapshot::default();
        match plugin.variables() {
            Ok(variables) => variables.into_iter().for_each(|(name, value)| {
                let name = MapKey::Str(name);
                match value {
                    Ok(value) => drop(snapshot.variables.insert(name, value)),
                    Err(error) => note(&mut snapshot.unread, &name, Err(error)),
                }
            }),
            Err(error) => {
                let text = format!("all variables start anew: {}", error.message());
                snapshot.unread.push(text);
            }
        }
        match plugin.state() {
            Ok(state) => snapshot.state = state,
            Err(error) => {
                let text = format!("private state starts anew: {}", error.message());
                snapshot.unread.push(text);
            }
        }
        snapshot
    }

    /// Carries over into a load that has just been built what is to be carried, between its own
    /// initial values and those that `self` began with and has now.
    pub(super) fn carry(
        before: &Snapshot,
        now: &Snapshot,
        next: &dyn Plugin,
        initial: &Snapshot,
    ) -> Notes {
        let mut notes = now.unread.clone();
        let variables = merge(&before.variables, &now.variables, &initial.variables, &mut notes);
        for (name, value) in variables {
            let set = write(next, &name, &value);
            note(&mut notes, &name, set);
        }
        for (index, now) in now.state.iter().enumerate() {
            let tables = Tables { before: &before.state, next: &initial.state, index };
            let next_fields = tables.all();
            for (field, value) in merge(tables.began(), now, &next_fields, &mut notes) {
                let set = carried(&value).and_then(|()| match tables.place(&field) {
                    Some(table) => next.set_state(table, &field, &value),
                    None => Err(Error::new(ErrorKind::Symbol, "there is no private state")),
                });
                note(&mut notes, &field, set);
            }
        }
        notes
    }
}

/// Where the fields of a table of private state go in the new load, whose tables may be others.
struct Tables<'t> {
    before: &'t [Map],
    next: &'t [Map],
    /// Of the table, among those before.
    index: usize,
}

impl Tables<'_> {
    /// What it began with.
    fn began(&self) -> &Map {
        static NONE: Map = Map::new();
        self.before.get(self.index).unwrap_or(&NONE)
    }

    /// The fields that the new load begins with.
    fn all(&self) -> Map {
        self.next.iter().flatten().map(|(field, value)| (field.clone(), value.clone())).collect()
    }

    /// The table that has the field; of one that the program has added, the one that has others of
    /// its table, or is empty at first as that was.
    fn place(&self, field: &MapKey) -> Option<usize> {
        let has = |fields: &Map| fields.contains_key(field);
        let of_field = self.next.iter().position(has);
        let shares = |fields: &Map| self.began().keys().any(|field| fields.contains_key(field));
        let of_table = || self.next.iter().position(shares).or_else(|| self.empty());
        of_field.or_else(of_table).or_else(|| (!self.next.is_empty()).then_some(0))
    }

    /// The table that is as empty at first, and the same among those.
    fn empty(&self) -> Option<usize> {
        let empties = self.before.iter().take(self.index).filter(|fields| fields.is_empty());
        let mut next = self.next.iter().enumerate().filter(|(_, fields)| fields.is_empty());
        self.began().is_empty().then(|| next.nth(empties.count())).flatten().map(|(index, _)| index)
    }
}

fn write(plugin: &dyn Plugin, name: &MapKey, value: &Value) -> Result<()> {
    let MapKey::Str(name) = name else { return Ok(()) };
    carried(value)?;
    match plugin.lookup(name)? {
        Symbol::Var(var) => var.set(value.clone()),
        Symbol::Func(_) => Ok(()),
    }
}

/// Whether a value outlives the load that has it: what that has made does not.
fn carried(value: &Value) -> Result<()> {
    match value {
        Value::Func(_) | Value::Object(_) => {
            let message = "functions and objects are not carried: make them anew in `on_load`";
            Err(Error::new(ErrorKind::Type, message))
        }
        Value::List(items) => items.iter().try_for_each(carried),
        Value::Map(fields) => fields.values().try_for_each(carried),
        _ => Ok(()),
    }
}

fn note(notes: &mut Notes, name: &MapKey, set: Result<()>) {
    if let Err(error) = set {
        notes.push(format!("`{}` starts anew: {}", Key(name), error.message()));
    }
}

/// What is to be set in the new load.
fn merge(before: &Map, now: &Map, next: &Map, notes: &mut Notes) -> Map {
    let mut set = Map::new();
    for (key, value) in now {
        let merged = match (before.get(key), next.get(key)) {
            // The program has added it.
            (None, None) => Some(value.clone()),
            (Some(old), None) => {
                if !same(old, value) {
                    notes.push(format!("`{}` is gone, and its value with it", Key(key)));
                }
                None
            }
            (old, Some(new)) => merged(old, value, new, &Key(key), notes),
        };
        if let Some(merged) = merged {
            set.insert(key.clone(), merged);
        }
    }
    // What the program has taken out stays out, unless the edit has changed it.
    for (key, old) in before {
        if !now.contains_key(key) && next.get(key).is_some_and(|new| same(old, new)) {
            set.insert(key.clone(), Value::Null);
        }
    }
    set
}

/// The value of one of them, if it is another than that of the new load.
fn merged(
    old: Option<&Value>,
    now: &Value,
    new: &Value,
    name: &dyn fmt::Display,
    notes: &mut Notes,
) -> Option<Value> {
    if same(now, new) || old.is_some_and(|old| same(old, now)) {
        return None;
    }
    if old.is_some_and(|old| same(old, new)) {
        return Some(now.clone());
    }
    if let (Some(Value::Map(old)), Value::Map(now), Value::Map(new)) = (old, now, new) {
        return Some(Value::Map(fields(old, now, new, name, notes)));
    }
    notes.push(format!("`{name}` was changed, and edited: the edit holds"));
    None
}

/// Two maps that both sides have changed.
fn fields(old: &Map, now: &Map, new: &Map, name: &dyn fmt::Display, notes: &mut Notes) -> Map {
    let mut merged_map = new.clone();
    for (key, value) in now {
        let path = format!("{name}.{}", Key(key));
        match (old.get(key), new.get(key)) {
            (None, None) => drop(merged_map.insert(key.clone(), value.clone())),
            (Some(_), None) => {}
            (old, Some(new)) => {
                if let Some(value) = merged(old, value, new, &path, notes) {
                    merged_map.insert(key.clone(), value);
                }
            }
        }
    }
    for (key, old) in old {
        if !now.contains_key(key) && new.get(key).is_some_and(|new| same(old, new)) {
            merged_map.remove(key);
        }
    }
    merged_map
}

/// Whether a value has not changed; NaN is what it was.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Float(one), Value::Float(other)) => one.to_bits() == other.to_bits(),
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|((one_key, one), (other_key, other))| {
                    one_key == other_key && same(one, other)
                })
        }
        _ => one == other,
    }
}

struct Key<'k>(&'k MapKey);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            MapKey::Int(key) => key.fmt(f),
            MapKey::Str(key) => key.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &str) -> Map {
        match serde_json::from_str(fields).unwrap() {
            Value::Map(map) => map,
            other => panic!("{other:?}"),
        }
    }

    /// What the new load has in the end.
    #[track_caller]
    fn check(before: &str, now: &str, next: &str, expected: &str, said: &[&str]) {
        let mut notes = Notes::new();
        let mut result = map(next);
        for (key, value) in merge(&map(before), &map(now), &map(next), &mut notes) {
            match value {
                Value::Null => drop(result.remove(&key)),
                value => drop(result.insert(key, value)),
            }
        }
        assert_eq!(result, map(expected));
        assert_eq!(notes, said);
    }

    #[test]
    fn whichever_side_has_changed_wins() {
        check(r#"{"a": 0}"#, r#"{"a": 7}"#, r#"{"a": 0}"#, r#"{"a": 7}"#, &[]);
        check(r#"{"a": 0}"#, r#"{"a": 0}"#, r#"{"a": 1}"#, r#"{"a": 1}"#, &[]);
        check(r#"{"a": 0}"#, r#"{"a": 1}"#, r#"{"a": 1}"#, r#"{"a": 1}"#, &[]);
        let both = "`a` was changed, and edited: the edit holds";
        check(r#"{"a": 0}"#, r#"{"a": 7}"#, r#"{"a": 1}"#, r#"{"a": 1}"#, &[both]);
        check("{}", r#"{"a": 7}"#, r#"{"a": 1}"#, r#"{"a": 1}"#, &[both]);
        // 1 and 1.0 are not the same.
        check(r#"{"a": 1}"#, r#"{"a": 1}"#, r#"{"a": 1.0}"#, r#"{"a": 1.0}"#, &[]);
    }

    #[test]
    fn maps_are_merged_field_by_field_and_lists_as_a_whole() {
        check(
            r#"{"p": {"x": 0, "y": 0, "name": "a"}}"#,
            r#"{"p": {"x": 5, "y": 0, "name": "a"}}"#,
            r#"{"p": {"x": 0, "y": 0, "name": "b", "z": 1}}"#,
            r#"{"p": {"x": 5, "y": 0, "name": "b", "z": 1}}"#,
            &[],
        );
        check(
            r#"{"p": {"in": {"x": 0}}, "l": [1]}"#,
            r#"{"p": {"in": {"x": 1}}, "l": [1, 2]}"#,
            r#"{"p": {"in": {"x": 2}}, "l": [1, 3]}"#,
            r#"{"p": {"in": {"x": 2}}, "l": [1, 3]}"#,
            &[
                "`l` was changed, and edited: the edit holds",
                "`p.in.x` was changed, and edited: the edit holds",
            ],
        );
    }

    #[test]
    fn what_was_added_or_taken_out_stays_so() {
        check("{}", r#"{"seen": true}"#, "{}", r#"{"seen": true}"#, &[]);
        check(r#"{"a": 0, "b": 0}"#, r#"{"b": 0}"#, r#"{"a": 0, "b": 0}"#, r#"{"b": 0}"#, &[]);
        check(r#"{"a": 0}"#, "{}", r#"{"a": 1}"#, r#"{"a": 1}"#, &[]);
        let gone = "`a` is gone, and its value with it";
        check(r#"{"a": 0}"#, r#"{"a": 7}"#, "{}", "{}", &[gone]);
        check(r#"{"a": 0}"#, r#"{"a": 0}"#, "{}", "{}", &[]);
    }
}
