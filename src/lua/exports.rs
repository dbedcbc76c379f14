//! What a script exports, and of what types.

use mlua::{Function, Lua, Table, Value};
use parking_lot::Mutex;
use twinplug_value::{ExportType, Field, Shared, Signature, Struct, Type};

use super::annotations::Annotations;
use super::border::refer;
use super::globals;
use super::raw::Reference;
use super::references;
use crate::plugin::{Export, check_name};

/// Names that the host calls itself.
const HOOKS: [&str; 6] = ["on_load", "on_save", "on_restore", "on_pause", "on_resume", "on_unload"];

/// Deeper tables are `any`: the type of a variable is what one sees in it.
const MAX_DEPTH: usize = 8;

/// The exports of a plugin, in the order in which they came.
#[derive(Default)]
pub(super) struct Exports {
    pub(super) list: Vec<Export>,
    /// Whether each of the list has its type from an annotation.
    annotated: Vec<bool>,
    /// Where each of the list is.
    homes: Vec<Home>,
}

/// An export that was found in a table.
pub(super) struct Found {
    export: Export,
    place: Place,
    annotated: bool,
}

/// Where an export was found.
enum Place {
    Func(Function),
    /// The table that holds the variable.
    Var(Table),
}

/// Where an export is, as the VM keeps it.
#[derive(Clone, Copy)]
pub(super) enum Home {
    Func(Reference),
    /// The table that holds the variable, and its name.
    Var(Reference, Reference),
}

impl Exports {
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.list.iter().position(|export| export.name == name)
    }

    /// Where the export of that index is.
    pub(super) fn home(&self, index: usize) -> Option<Home> {
        self.homes.get(index).copied()
    }

    /// Whether the export of that index has its type from an annotation.
    pub(super) fn is_annotated(&self, index: usize) -> bool {
        self.annotated.get(index).is_some_and(|&annotated| annotated)
    }

    /// The VM goes; the list stays.
    pub(super) fn retire(&mut self) {
        self.homes.clear();
    }

    /// Adds exports that were found in a table: all, or none.
    ///
    /// # Errors
    /// One that is there already, or there is no memory.
    pub(super) fn add(&mut self, lua: &Lua, found: Vec<Found>) -> Result<(), String> {
        if let Some(twice) = found.iter().find(|it| self.position(&it.export.name).is_some()) {
            return Err(format!("`{}` is exported twice", twice.export.name));
        }
        let homes = found.iter().map(|it| it.place.kept(lua, &it.export.name));
        let homes = homes.collect::<mlua::Result<Vec<_>>>().map_err(|error| error.to_string())?;
        self.homes.extend(homes);
        for Found { export, annotated, .. } in found {
            self.list.push(export);
            self.annotated.push(annotated);
        }
        Ok(())
    }

    /// What a table exports: its functions, and variables that can cross. Not with
    /// the exports locked: Lua may run.
    ///
    /// # Errors
    /// What Lua reports.
    pub(super) fn find(lua: &Lua, table: &Table, script: &Declared) -> Result<Vec<Found>, String> {
        let (mut found, mut left_out) = (Vec::new(), Vec::new());
        let own = globals::own(lua, table).map_err(|error| error.to_string())?;
        for pair in own.as_ref().unwrap_or(table).pairs::<Value, Value>() {
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
            match script.export(lua, &name, value, table) {
                Some(export) => found.push(export),
                None => left_out.push((name.to_owned(), kind)),
            }
        }
        // A table's order is by chance; by name it is the same each time.
        found.sort_by(|a, b| a.export.name.cmp(&b.export.name));
        left_out.sort_unstable();
        for (name, kind) in left_out {
            tracing::info!(
                script = &*script.chunk,
                "`{name}` is not exported: a {kind} like this cannot cross"
            );
        }
        Ok(found)
    }
}

impl Place {
    fn kept(&self, lua: &Lua, name: &str) -> mlua::Result<Home> {
        Ok(match self {
            Place::Func(function) => Home::Func(refer(lua, function)?),
            Place::Var(table) => Home::Var(refer(lua, table)?, refer(lua, name)?),
        })
    }
}

/// What `host.any` gives: the initial value of a variable of any type.
pub(super) struct AnyValue(Value);

impl AnyValue {
    /// # Errors
    /// It cannot cross.
    pub(super) fn new(lua: &Lua, value: Value) -> Result<AnyValue, String> {
        match type_of(lua, &value, 0) {
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

/// What a script and its modules declare.
pub(super) struct Declared {
    /// What Lua calls the script.
    pub(super) chunk: String,
    annotations: Annotations,
    modules: Mutex<Vec<DeclaredModule>>,
}

/// What a module declares.
struct DeclaredModule {
    chunk: String,
    annotations: Annotations,
    /// The table that it has returned; compared, and never followed. The prelude keeps it
    /// as long as the VM lives.
    returned: Option<usize>,
}

impl Declared {
    /// Reads a script.
    pub(super) fn new(chunk: String, text: &[u8]) -> Declared {
        let annotations = Annotations::read(text);
        Declared { chunk, annotations, modules: Mutex::default() }
    }

    /// Reads a module, before it runs.
    pub(super) fn add_module(&self, chunk: &str, text: &[u8]) {
        let annotations = Annotations::read(text);
        let mut modules = self.modules.lock();
        // One that has failed is read anew.
        modules.retain(|module| module.chunk != chunk);
        if !annotations.is_empty() {
            modules.push(DeclaredModule { chunk: chunk.to_owned(), annotations, returned: None });
        }
    }

    /// A module has returned this table.
    pub(super) fn returned(&self, chunk: &str, table: &Table) {
        let mut modules = self.modules.lock();
        if let Some(module) = modules.iter_mut().find(|module| module.chunk == chunk) {
            module.returned = Some(table.to_pointer() as usize);
        }
    }

    fn export(&self, lua: &Lua, name: &str, value: Value, table: &Table) -> Option<Found> {
        let variable = |seen: Type| {
            let declared = self.variable(name, table);
            let annotated = declared.is_some();
            let ty = ExportType::Var(declared.unwrap_or(seen));
            Found { export: Export::new(name, ty), place: Place::Var(table.clone()), annotated }
        };
        if unwrapped(name, &value, table).is_some() {
            return Some(variable(Type::Any));
        }
        match value {
            Value::Function(function) => {
                let signature = self.signature(name, &function);
                let annotated = signature.is_some();
                let ty = ExportType::Func(signature.unwrap_or(Signature::ANY));
                Some(Found {
                    export: Export::new(name, ty),
                    place: Place::Func(function),
                    annotated,
                })
            }
            value => type_of(lua, &value, 0).map(variable),
        }
    }

    /// The declared type of a variable in a table: the script's, or one that a module has
    /// returned.
    fn variable(&self, name: &str, table: &Table) -> Option<Type> {
        let table = table.to_pointer() as usize;
        let modules = self.modules.lock();
        match modules.iter().find(|module| module.returned == Some(table)) {
            Some(module) => module.annotations.variable(name),
            None => self.annotations.variable(name),
        }
    }

    /// The declared signature of a function, from the file that it is defined in.
    fn signature(&self, name: &str, function: &Function) -> Option<Signature> {
        let modules = self.modules.lock();
        if self.annotations.is_empty() && modules.is_empty() {
            return None;
        }
        let info = function.info();
        let source = info.source?;
        let chunk = source.strip_prefix('@')?;
        let line = u32::try_from(info.line_defined?).ok()?;
        let annotations = match chunk == self.chunk {
            true => &self.annotations,
            false => &modules.iter().find(|module| module.chunk == chunk)?.annotations,
        };
        annotations.signature(line, name)
    }
}

/// The hook that a name is one slip away from.
fn near_hook(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    // Most names are told apart by their length.
    let length = lower.chars().count();
    let near = HOOKS.into_iter().filter(|hook| hook.len().abs_diff(length) <= 1);
    near.clone().find(|hook| strsim::damerau_levenshtein(&lower, hook) <= 1)
}

/// The type of a variable with this initial value; `None` if it cannot cross.
fn type_of(lua: &Lua, value: &Value, depth: usize) -> Option<Type> {
    Some(match value {
        Value::Boolean(_) => Type::Bool,
        Value::Integer(_) | Value::Number(_) => Type::Number,
        Value::String(text) if text.to_str().is_ok() => Type::Str,
        Value::String(_) => Type::Bytes,
        Value::Table(_) if depth == MAX_DEPTH => Type::Any,
        Value::Table(table) => table_type(lua, table, depth)?,
        Value::Nil => Type::Any,
        null if *null == Value::NULL => Type::Any,
        Value::UserData(_) => references::type_of(lua, value)?,
        _ => return None,
    })
}

/// The length of a table whose keys are exactly 1 to n, or `None`.
fn sequence(table: &Table) -> Option<usize> {
    let length = table.raw_len();
    let mut entries = 0;
    let counted = table.for_each(|key: Value, _: Value| match key {
        Value::Integer(int) if int >= 1 && int as u64 <= length as u64 => {
            entries += 1;
            Ok(())
        }
        _ => Err(mlua::Error::RuntimeError(String::new())),
    });
    (counted.is_ok() && entries == length).then_some(length)
}

/// A sequence is a list, text keys are fields; an empty table may become either.
fn table_type(lua: &Lua, table: &Table, depth: usize) -> Option<Type> {
    match sequence(table) {
        Some(0) => return Some(Type::Any),
        Some(_) => return list_type(lua, table, depth),
        None => {}
    }
    let mut fields = Vec::new();
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair.ok()?;
        match key {
            Value::String(key) => {
                let name = key.to_str().ok()?;
                let ty = type_of(lua, &value, depth + 1)?;
                fields.push(Field::new(&*name, ty));
            }
            Value::Integer(_) => return Some(Type::Map(Shared::Static(&Type::Any))),
            _ => return None,
        }
    }
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    Some(Type::Struct(Struct::new("", fields)))
}

fn list_type(lua: &Lua, table: &Table, depth: usize) -> Option<Type> {
    let mut item: Option<Type> = None;
    for value in table.sequence_values::<Value>() {
        let ty = type_of(lua, &value.ok()?, depth + 1)?;
        item = Some(match item {
            None => ty,
            Some(item) if item == ty => item,
            Some(_) => Type::Any,
        });
    }
    Some(Type::List(item.unwrap_or(Type::Any).into()))
}
