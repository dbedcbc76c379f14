//! Values written as Lua values.

use mlua::{Lua, Table, Value};
use twinplug_value::{ConvertError, Key, Sink};

use super::limits;

/// Whether this flavour has no integers of their own.
const NUMBERS_ARE_FLOATS: bool = cfg!(any(feature = "luajit", feature = "luau"));

/// A sink that makes Lua values: each one that is complete is pushed to
/// [`LuaSink::values`].
pub(super) struct LuaSink<'l> {
    lua: &'l Lua,
    pub(super) values: Vec<Value>,
    open: Vec<Open>,
}

struct Open {
    table: Table,
    key: Slot,
}

enum Slot {
    /// The index of the next item.
    Item(i64),
    /// The key of the next value.
    Key(Value),
}

impl<'l> LuaSink<'l> {
    pub(super) fn new(lua: &'l Lua) -> Self {
        LuaSink { lua, values: Vec::new(), open: Vec::new() }
    }

    /// The last value that was written; nil if there is none.
    pub(super) fn last(mut self) -> Value {
        self.values.pop().unwrap_or(Value::Nil)
    }

    fn put(&mut self, value: Value) -> Result<(), ConvertError> {
        let Some(Open { table, key }) = self.open.last_mut() else {
            self.values.push(value);
            return Ok(());
        };
        match key {
            Slot::Item(index) => {
                table.raw_set(*index, value).map_err(fault)?;
                *index += 1;
            }
            Slot::Key(Value::Nil) => return Err(ConvertError::new("a value without a key")),
            Slot::Key(key) => {
                table.raw_set(std::mem::replace(key, Value::Nil), value).map_err(fault)?
            }
        }
        Ok(())
    }

    fn begin(&mut self, items: usize, entries: usize, key: Slot) -> Result<(), ConvertError> {
        // The lengths are hints of whoever writes: not believed beyond reason.
        let table = self.lua.create_table_with_capacity(items.min(4096), entries.min(4096));
        self.open.push(Open { table: table.map_err(fault)?, key });
        Ok(())
    }

    fn end(&mut self) -> Result<(), ConvertError> {
        match self.open.pop() {
            Some(Open { table, .. }) => self.put(Value::Table(table)),
            None => Err(ConvertError::new("an end without a begin")),
        }
    }
}

fn fault(error: mlua::Error) -> ConvertError {
    limits::note(&error);
    ConvertError::new(error.to_string())
}

impl Sink for LuaSink<'_> {
    fn null(&mut self) -> Result<(), ConvertError> {
        // In a table, nil would be no entry at all; `host.null` is one.
        let null = if self.open.is_empty() { Value::Nil } else { Value::NULL };
        self.put(null)
    }

    fn bool(&mut self, value: bool) -> Result<(), ConvertError> {
        self.put(Value::Boolean(value))
    }

    fn int(&mut self, value: i64) -> Result<(), ConvertError> {
        if NUMBERS_ARE_FLOATS && value.unsigned_abs() > 1 << 53 {
            return Err(ConvertError::new(format!(
                "{value} is out of range: this Lua keeps whole numbers up to 2^53 exactly"
            )));
        }
        self.put(Value::Integer(value))
    }

    fn float(&mut self, value: f64) -> Result<(), ConvertError> {
        self.put(Value::Number(value))
    }

    fn str(&mut self, value: &str) -> Result<(), ConvertError> {
        self.bytes(value.as_bytes())
    }

    fn bytes(&mut self, value: &[u8]) -> Result<(), ConvertError> {
        let string = self.lua.create_string(value).map_err(fault)?;
        self.put(Value::String(string))
    }

    fn begin_list(&mut self, length: usize) -> Result<(), ConvertError> {
        self.begin(length, 0, Slot::Item(1))
    }

    fn end_list(&mut self) -> Result<(), ConvertError> {
        self.end()
    }

    fn begin_map(&mut self, length: usize) -> Result<(), ConvertError> {
        self.begin(0, length, Slot::Key(Value::Nil))
    }

    fn key(&mut self, key: Key<'_>) -> Result<(), ConvertError> {
        let key = match key {
            Key::Int(int) => Value::Integer(int),
            Key::Str(text) => Value::String(self.lua.create_string(text).map_err(fault)?),
        };
        if let Some(open) = self.open.last_mut() {
            open.key = Slot::Key(key);
        }
        Ok(())
    }

    fn end_map(&mut self) -> Result<(), ConvertError> {
        self.end()
    }
}
