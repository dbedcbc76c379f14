//! `host.state`: what a script keeps to itself, and a reload carries.

use std::collections::BTreeSet;
use std::sync::Arc;

use mlua::{Lua, Table, Value};
use twinplug_value::{Map, MapKey, Type, Value as DataValue};

use super::border::{Border, refer};
use super::raw::Reference;
use super::sink::to_lua;
use super::symbols::LuaVar;
use super::vm::{Shared, Vm, broken};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{RawVar, receive};

/// A table that was given to it. Whoever looks has the VM entered.
#[derive(Clone)]
pub(super) struct StateTable {
    table: Reference,
    /// A table that has it under a name, from which it is read as a variable is.
    holder: Reference,
    name: Reference,
    /// The fields that it had then.
    fields: BTreeSet<MapKey>,
}

/// `host.state(fields)`: from here on they are state, and the table is what this gives.
pub(super) fn keep(lua: &Lua, shared: &Shared, given: Value) -> Result<Value> {
    let Value::Table(table) = &given else {
        let message = format!(
            "`host.state` takes a table: `host.state {{ score = 0 }}`, got {}",
            given.type_name()
        );
        return Err(Error::new(ErrorKind::Type, message));
    };
    let fields = fields(table)?;
    let twice = {
        let states = shared.states.lock();
        fields.iter().find(|field| states.iter().any(|state| state.has(field))).cloned()
    };
    if let Some(twice) = twice {
        let message = format!("`{}` is in the table of another `host.state`", shown(&twice));
        return Err(Error::new(ErrorKind::Symbol, message));
    }
    let holder = lua.create_table().map_err(broken)?;
    holder.raw_set(NAME, table).map_err(broken)?;
    let state = StateTable {
        table: refer(lua, table).map_err(broken)?,
        holder: refer(lua, holder).map_err(broken)?,
        name: refer(lua, NAME).map_err(broken)?,
        fields,
    };
    shared.states.lock().push(state);
    Ok(given)
}

const NAME: &str = "host.state";

impl StateTable {
    /// Whether it had the field from the start.
    pub(super) fn has(&self, field: &MapKey) -> bool {
        self.fields.contains(field)
    }

    /// The fields that it has now.
    pub(super) fn fields(&self, vm: &Arc<Vm>) -> Result<Map> {
        let place = (self.holder, self.name);
        let variable = LuaVar::new(Arc::clone(vm), place, NAME, Type::Any);
        let value: DataValue = receive(|got| variable.get(got))?;
        Ok(match value {
            DataValue::Map(fields) => fields,
            // Its keys are 1 to n.
            DataValue::List(items) => (1..).map(MapKey::Int).zip(items).collect(),
            _ => Map::new(),
        })
    }

    /// Sets a field; null takes it out.
    pub(super) fn set(
        &self,
        lua: &Lua,
        border: &Border,
        field: &MapKey,
        value: &DataValue,
    ) -> Result<()> {
        // SAFETY: the VM is entered, as `lua` is used; the table is pushed, and nothing else.
        let table: Table =
            unsafe { lua.exec_raw((), |state| self.table.push(state)).map_err(broken)? };
        let value = match value {
            DataValue::Null => Value::Nil,
            value => to_lua(lua, border, value)?,
        };
        let set = match field {
            MapKey::Int(field) => table.raw_set(*field, value),
            MapKey::Str(field) => table.raw_set(field.as_str(), value),
        };
        set.map_err(broken)
    }
}

/// The keys of a table, which can cross.
fn fields(table: &Table) -> Result<BTreeSet<MapKey>> {
    let mut fields = BTreeSet::new();
    for pair in table.pairs::<Value, Value>() {
        let (key, _) = pair.map_err(broken)?;
        fields.insert(match key {
            Value::Integer(key) => MapKey::Int(key),
            Value::Number(key) if key.fract() == 0.0 => MapKey::Int(key as i64),
            Value::String(key) => MapKey::Str(key.to_string_lossy()),
            other => {
                let message = format!("a field of `host.state` is called by {}", other.type_name());
                return Err(Error::new(ErrorKind::Type, message));
            }
        });
    }
    Ok(fields)
}

fn shown(field: &MapKey) -> String {
    match field {
        MapKey::Int(field) => field.to_string(),
        MapKey::Str(field) => field.clone(),
    }
}
