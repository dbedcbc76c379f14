//! What a script exports, and of what types.

use mlua::{Function, Table, Value};
use twinplug_value::{ExportType, Field, Shared, Signature, Struct, Type};

use super::annotations::Annotations;
use super::source::sequence;
use crate::plugin::{Export, check_name};

/// Names that the host calls itself.
const HOOKS: [&str; 6] = ["on_load", "on_save", "on_restore", "on_pause", "on_resume", "on_unload"];

/// Deeper tables are `any`: the type of a variable is what one sees in it.
const MAX_DEPTH: usize = 8;

/// The exports of a plugin, in the order in which they came.
#[derive(Default)]
pub(super) struct Exports {
    pub(super) list: Vec<Export>,
    /// Where each of the list is. Handles of mlua's: only with the VM's lock held.
    homes: Vec<Home>,
}

/// Where an export is.
#[derive(Clone)]
pub(super) enum Home {
    Func(Function),
    /// The table that holds the variable.
    Var(Table),
}

impl Exports {
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.list.iter().position(|export| export.name == name)
    }

    /// Where the export of that index is.
    pub(super) fn home(&self, index: usize) -> Option<Home> {
        self.homes.get(index).cloned()
    }

    /// Lets go of what lives in the VM; the list stays.
    pub(super) fn retire(&mut self) -> Vec<Home> {
        std::mem::take(&mut self.homes)
    }

    /// Adds exports that were found in a table: all, or none.
    ///
    /// # Errors
    /// One that is there already.
    pub(super) fn add(&mut self, found: Vec<(Export, Home)>) -> Result<(), String> {
        if let Some((export, _)) = found.iter().find(|(e, _)| self.position(&e.name).is_some()) {
            return Err(format!("`{}` is exported twice", export.name));
        }
        for (export, home) in found {
            self.list.push(export);
            self.homes.push(home);
        }
        Ok(())
    }

    /// What a table exports: its functions, and variables that can cross. Not with
    /// the exports locked: Lua may run.
    ///
    /// # Errors
    /// What Lua reports.
    pub(super) fn find(table: &Table, script: &Declared) -> Result<Vec<(Export, Home)>, String> {
        let mut found = Vec::new();
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|error| error.to_string())?;
            let Value::String(key) = key else { continue };
            let Ok(name) = key.to_str() else { continue };
            if name.starts_with('_') || HOOKS.contains(&&*name) || check_name(&name).is_err() {
                continue;
            }
            if let Value::Function(_) = value
                && let Some(hook) = near_hook(&name)
            {
                tracing::warn!(
                    script = &*script.chunk,
                    "`{name}` is exported, and is no hook; near: `{hook}`"
                );
            }
            let kind = value.type_name();
            match script.export(&name, value, table) {
                Some(export) => found.push(export),
                None => tracing::debug!(
                    script = &*script.chunk,
                    "`{name}` is not exported: a {kind} like this cannot cross"
                ),
            }
        }
        // A table's order is by chance; by name it is the same each time.
        found.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(found)
    }
}

/// What `host.any` gives: the initial value of a variable of any type.
pub(super) struct AnyValue(Value);

impl AnyValue {
    /// # Errors
    /// It cannot cross.
    pub(super) fn new(value: Value) -> Result<AnyValue, String> {
        match type_of(&value, 0) {
            Some(_) => Ok(AnyValue(value)),
            None => Err(format!(
                "`host.any` takes a value that can cross to the host, got {}",
                value.type_name()
            )),
        }
    }
}

/// The value in place of what `host.any` gave for it.
fn unwrapped(name: &str, value: &Value, table: &Table) -> Option<()> {
    let any = value.as_userdata()?.borrow::<AnyValue>().ok()?;
    table.raw_set(name, any.0.clone()).ok()
}

/// What a script declares, and what Lua calls the script.
pub(super) struct Declared {
    pub(super) chunk: String,
    pub(super) annotations: Annotations,
}

impl Declared {
    fn export(&self, name: &str, value: Value, table: &Table) -> Option<(Export, Home)> {
        if unwrapped(name, &value, table).is_some() {
            let ty = self.annotations.variable(name).unwrap_or(Type::Any);
            return Some((Export::new(name, ExportType::Var(ty)), Home::Var(table.clone())));
        }
        match value {
            Value::Function(function) => {
                let signature = self.signature(name, &function).unwrap_or(Signature::ANY);
                Some((Export::new(name, ExportType::Func(signature)), Home::Func(function)))
            }
            value => {
                let seen = type_of(&value, 0)?;
                let ty = self.annotations.variable(name).unwrap_or(seen);
                Some((Export::new(name, ExportType::Var(ty)), Home::Var(table.clone())))
            }
        }
    }

    fn signature(&self, name: &str, function: &Function) -> Option<Signature> {
        if self.annotations.is_empty() {
            return None;
        }
        let info = function.info();
        let here = info.source?.strip_prefix('@').is_some_and(|chunk| chunk == self.chunk);
        let line = u32::try_from(info.line_defined?).ok()?;
        self.annotations.signature(line, name).filter(|_| here)
    }
}

/// The hook that a name is one slip away from.
fn near_hook(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    HOOKS.into_iter().find(|hook| strsim::damerau_levenshtein(&lower, hook) <= 1)
}

/// The type of a variable with this initial value; `None` if it cannot cross.
fn type_of(value: &Value, depth: usize) -> Option<Type> {
    Some(match value {
        Value::Boolean(_) => Type::Bool,
        Value::Integer(_) | Value::Number(_) => Type::Number,
        Value::String(text) if text.to_str().is_ok() => Type::Str,
        Value::String(_) => Type::Bytes,
        Value::Table(_) if depth == MAX_DEPTH => Type::Any,
        Value::Table(table) => table_type(table, depth)?,
        Value::Nil => Type::Any,
        null if *null == Value::NULL => Type::Any,
        _ => return None,
    })
}

/// A sequence is a list, text keys are fields; an empty table may become either.
fn table_type(table: &Table, depth: usize) -> Option<Type> {
    match sequence(table) {
        Some(0) => return Some(Type::Any),
        Some(_) => return list_type(table, depth),
        None => {}
    }
    let mut fields = Vec::new();
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair.ok()?;
        match key {
            Value::String(key) => {
                let name = key.to_str().ok()?;
                let ty = type_of(&value, depth + 1)?.into();
                fields.push(Field { name: Shared::from(&*name), ty, optional: false });
            }
            Value::Integer(_) => return Some(Type::Map(Shared::Static(&Type::Any))),
            _ => return None,
        }
    }
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    Some(Type::Struct(Struct { name: Shared::Static(""), fields: fields.into() }))
}

fn list_type(table: &Table, depth: usize) -> Option<Type> {
    let mut item: Option<Type> = None;
    for value in table.sequence_values::<Value>() {
        let ty = type_of(&value.ok()?, depth + 1)?;
        item = Some(match item {
            None => ty,
            Some(item) if item == ty => item,
            Some(_) => Type::Any,
        });
    }
    Some(Type::List(item.unwrap_or(Type::Any).into()))
}
