//! Lua values read. Access is raw: no metamethod of a script runs during a
//! conversion.

use mlua::{BorrowedBytes, Table, Value};
use twinplug_value::{ConvertError, Key, Kind, Source};

use super::limits::{self, Memory};

/// What the host takes for a value, in bytes: more or less.
const VALUE: usize = 32;

/// A source over Lua values. The first level may be a list that Lua has no table
/// for: arguments, results.
pub(super) struct LuaSource {
    current: Current,
    entered: Vec<Entered>,
    /// What may still be read, in bytes: a small table can lead to itself from many places,
    /// and what is read of it has no end.
    left: usize,
    /// What happens when it is more.
    exceeded: fn(),
}

/// The current value, with what is read from it by reference.
enum Current {
    Value(Value),
    /// A string, its bytes borrowed from Lua.
    Bytes(Value, BorrowedBytes),
    /// The values of a list that is no table.
    List(Vec<Value>),
}

struct Entered {
    container: Current,
    children: Children,
    key: OwnedKey,
}

enum Children {
    /// A sequence, the next index, its length.
    Items(Table, usize, usize),
    Entries(std::vec::IntoIter<(OwnedKey, Value)>),
    Values(std::vec::IntoIter<Value>),
}

enum OwnedKey {
    Int(i64),
    Str(String),
}

impl LuaSource {
    /// A cursor on one value.
    pub(super) fn new(value: Value) -> Self {
        LuaSource::all_of(Current::of(value))
    }

    /// A cursor on one value, of which no more than this is read.
    pub(super) fn at_most(bytes: usize, value: Value) -> Self {
        LuaSource { left: bytes, exceeded: || {}, ..LuaSource::all_of(Current::of(value)) }
    }

    /// A cursor on a list of values.
    pub(super) fn list(values: Vec<Value>) -> Self {
        LuaSource::all_of(Current::List(values))
    }

    /// What leaves a VM is held to the VM's own limit.
    fn all_of(current: Current) -> Self {
        let left = Memory::allowed().unwrap_or(usize::MAX);
        LuaSource { current, entered: Vec::new(), left, exceeded: Memory::run_out }
    }

    /// Counts what is read next.
    fn charge(&mut self, value: &Value) -> Result<(), ConvertError> {
        // Nobody waits for what a call that is over has passed on.
        if limits::is_due() {
            return Err(ConvertError::new("its call is over"));
        }
        let text = value.as_string().map_or(0, |text| text.as_bytes().len());
        match self.left.checked_sub(VALUE + text) {
            Some(left) => self.left = left,
            None => {
                (self.exceeded)();
                return Err(ConvertError::new("too large"));
            }
        }
        Ok(())
    }

    fn enter(&mut self, children: Children) {
        let container = std::mem::replace(&mut self.current, Current::Value(Value::Nil));
        self.entered.push(Entered { container, children, key: OwnedKey::Int(0) });
    }
}

impl Current {
    fn of(value: Value) -> Self {
        match &value {
            Value::String(string) => {
                let bytes = string.as_bytes();
                Current::Bytes(value, bytes)
            }
            _ => Current::Value(value),
        }
    }

    fn value(&self) -> Option<&Value> {
        match self {
            Current::Value(value) | Current::Bytes(value, _) => Some(value),
            Current::List(_) => None,
        }
    }

    fn table(&self) -> Option<&Table> {
        self.value().and_then(Value::as_table)
    }
}

impl Source for LuaSource {
    fn kind(&self) -> Kind {
        let value = match &self.current {
            Current::List(_) => return Kind::List,
            Current::Bytes(_, bytes) if std::str::from_utf8(bytes).is_ok() => return Kind::Str,
            Current::Bytes(..) => return Kind::Bytes,
            Current::Value(value) => value,
        };
        match value {
            Value::Nil => Kind::Null,
            null if *null == Value::NULL => Kind::Null,
            Value::Boolean(_) => Kind::Bool,
            Value::Integer(_) => Kind::Int,
            Value::Number(_) => Kind::Float,
            Value::Table(table) => match sequence(table) {
                Some(1..) => Kind::List,
                _ => Kind::Map,
            },
            Value::Function(_) => Kind::Other("function"),
            Value::Thread(_) => Kind::Other("coroutine"),
            _ => Kind::Other("userdata"),
        }
    }

    fn bool(&self) -> bool {
        matches!(self.current.value(), Some(Value::Boolean(true)))
    }

    fn int(&self) -> i64 {
        self.current.value().and_then(Value::as_integer).unwrap_or_default()
    }

    fn float(&self) -> f64 {
        self.current.value().and_then(Value::as_number).unwrap_or_default()
    }

    fn str(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    fn bytes(&self) -> &[u8] {
        match &self.current {
            Current::Bytes(_, bytes) => bytes,
            _ => &[],
        }
    }

    fn enter_list(&mut self) -> Result<Option<usize>, ConvertError> {
        if let Current::List(values) = &self.current {
            let (values, length) = (values.clone(), values.len());
            self.enter(Children::Values(values.into_iter()));
            return Ok(Some(length));
        }
        let Some(table) = self.current.table() else { return Ok(None) };
        let Some(length) = sequence(table) else { return Ok(None) };
        let table = table.clone();
        self.enter(Children::Items(table, 1, length));
        Ok(Some(length))
    }

    fn enter_map(&mut self) -> Result<Option<usize>, ConvertError> {
        let Some(table) = self.current.table() else { return Ok(None) };
        let mut entries = Vec::new();
        table
            .for_each(|key: Value, value: Value| {
                entries.push((key, value));
                Ok(())
            })
            .map_err(|error| ConvertError::new(error.to_string()))?;
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(key, value)| Ok((OwnedKey::of(&key)?, value)))
            .collect::<Result<_, ConvertError>>()?;
        let length = entries.len();
        self.enter(Children::Entries(entries.into_iter()));
        Ok(Some(length))
    }

    fn next(&mut self) -> Result<bool, ConvertError> {
        let Some(entered) = self.entered.last_mut() else {
            return Ok(false);
        };
        let child = match &mut entered.children {
            Children::Values(values) => values.next(),
            Children::Entries(entries) => entries.next().map(|(key, value)| {
                entered.key = key;
                value
            }),
            Children::Items(_, index, length) if *index > *length => None,
            Children::Items(table, index, _) => {
                let item = table.raw_get(*index);
                *index += 1;
                Some(item.map_err(|error| ConvertError::new(error.to_string()))?)
            }
        };
        let Some(child) = child else { return Ok(false) };
        self.charge(&child)?;
        self.current = Current::of(child);
        Ok(true)
    }

    fn key(&self) -> Key<'_> {
        match self.entered.last().map(|entered| &entered.key) {
            Some(OwnedKey::Str(text)) => Key::Str(text),
            Some(OwnedKey::Int(int)) => Key::Int(*int),
            None => Key::Int(0),
        }
    }

    fn leave(&mut self) {
        if let Some(entered) = self.entered.pop() {
            self.current = entered.container;
        }
    }
}

impl OwnedKey {
    fn of(key: &Value) -> Result<Self, ConvertError> {
        match key {
            Value::Integer(int) => Ok(OwnedKey::Int(*int)),
            Value::String(text) => match text.to_str() {
                Ok(text) => Ok(OwnedKey::Str(text.to_owned())),
                Err(_) => Err(ConvertError::new("a map's key is not UTF-8")),
            },
            other => Err(ConvertError::new(format!(
                "a map's key must be text or an integer, got {}",
                other.type_name()
            ))),
        }
    }
}

/// The length of a table whose keys are exactly 1 to n, or `None`.
pub(super) fn sequence(table: &Table) -> Option<usize> {
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
