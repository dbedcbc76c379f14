//! [`Value`] trees as a sink and as a source.

use std::collections::btree_map;

use super::{ConvertError, Key, Look, Sink, Source};
use crate::{Map, MapKey, Reference, Value};

/// A sink that builds a [`Value`].
#[derive(Debug, Default)]
pub struct Tree {
    done: Value,
    open: Vec<Open>,
}

#[derive(Debug)]
enum Open {
    List(Vec<Value>),
    Map(Map, Option<MapKey>),
}

impl Tree {
    /// What was written; null if nothing was.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.done
    }

    fn put(&mut self, value: Value) -> Result<(), ConvertError> {
        match self.open.last_mut() {
            None => self.done = value,
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(map, key)) => {
                let key = key.take().ok_or_else(|| ConvertError::new("a value without a key"))?;
                map.insert(key, value);
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), ConvertError> {
        match self.open.pop() {
            Some(Open::List(items)) => self.put(Value::List(items)),
            Some(Open::Map(map, _)) => self.put(Value::Map(map)),
            None => Err(ConvertError::new("an end without a begin")),
        }
    }
}

impl Sink for Tree {
    fn null(&mut self) -> Result<(), ConvertError> {
        self.put(Value::Null)
    }

    fn bool(&mut self, value: bool) -> Result<(), ConvertError> {
        self.put(Value::Bool(value))
    }

    fn int(&mut self, value: i64) -> Result<(), ConvertError> {
        self.put(Value::Int(value))
    }

    fn float(&mut self, value: f64) -> Result<(), ConvertError> {
        self.put(Value::Float(value))
    }

    fn str(&mut self, value: &str) -> Result<(), ConvertError> {
        self.put(Value::Str(value.to_owned()))
    }

    fn bytes(&mut self, value: &[u8]) -> Result<(), ConvertError> {
        self.put(Value::Bytes(value.to_owned()))
    }

    fn reference(&mut self, reference: &Reference) -> Result<(), ConvertError> {
        self.put(reference.clone().into())
    }

    fn begin_list(&mut self, length: usize) -> Result<(), ConvertError> {
        // The length is a hint of whoever writes: not believed beyond reason.
        self.open.push(Open::List(Vec::with_capacity(length.min(4096))));
        Ok(())
    }

    fn end_list(&mut self) -> Result<(), ConvertError> {
        self.close()
    }

    fn begin_map(&mut self, _length: usize) -> Result<(), ConvertError> {
        self.open.push(Open::Map(Map::new(), None));
        Ok(())
    }

    fn key(&mut self, key: Key<'_>) -> Result<(), ConvertError> {
        let Some(Open::Map(_, slot)) = self.open.last_mut() else {
            return Err(ConvertError::new("a key outside a map"));
        };
        *slot = Some(match key {
            Key::Int(int) => MapKey::Int(int),
            Key::Str(text) => text.into(),
        });
        Ok(())
    }

    fn end_map(&mut self) -> Result<(), ConvertError> {
        self.close()
    }
}

/// A source over a [`Value`].
#[derive(Debug)]
pub struct TreeSource<'a> {
    current: &'a Value,
    entered: Vec<Entered<'a>>,
}

#[derive(Debug)]
struct Entered<'a> {
    container: &'a Value,
    rest: Rest<'a>,
    key: Key<'a>,
}

#[derive(Debug)]
enum Rest<'a> {
    List(std::slice::Iter<'a, Value>),
    Map(btree_map::Iter<'a, MapKey, Value>),
}

impl<'a> TreeSource<'a> {
    /// A cursor on `value`.
    #[must_use]
    pub fn new(value: &'a Value) -> Self {
        TreeSource { current: value, entered: Vec::new() }
    }

    fn enter(&mut self, rest: Rest<'a>) {
        self.entered.push(Entered { container: self.current, rest, key: Key::Int(0) });
    }
}

impl Source for TreeSource<'_> {
    fn look(&self) -> Look<'_> {
        match self.current {
            Value::Null => Look::Null,
            Value::Bool(on) => Look::Bool(*on),
            Value::Int(int) => Look::Int(*int),
            Value::Float(float) => Look::Float(*float),
            Value::Str(text) => Look::Str(text),
            Value::Bytes(bytes) => Look::Bytes(bytes),
            Value::List(_) => Look::List,
            Value::Map(_) => Look::Map,
            Value::Func(_) => Look::Func,
            Value::Object(_) => Look::Object,
            Value::Buffer(_) => Look::Buffer,
        }
    }

    fn reference(&self) -> Result<Reference, ConvertError> {
        match self.current {
            Value::Func(function) => Ok(Reference::Func(function.clone())),
            Value::Object(object) => Ok(Reference::Object(object.clone())),
            Value::Buffer(buffer) => Ok(Reference::Buffer(buffer.clone())),
            other => Err(ConvertError::expected(&"a reference", other.kind())),
        }
    }

    fn enter_list(&mut self) -> Result<Option<usize>, ConvertError> {
        let items: &[Value] = match self.current {
            Value::List(items) => items,
            Value::Map(map) if map.is_empty() => &[],
            _ => return Ok(None),
        };
        self.enter(Rest::List(items.iter()));
        Ok(Some(items.len()))
    }

    fn enter_map(&mut self) -> Result<Option<usize>, ConvertError> {
        static EMPTY: Map = Map::new();
        let map = match self.current {
            Value::Map(map) => map,
            Value::List(items) if items.is_empty() => &EMPTY,
            _ => return Ok(None),
        };
        self.enter(Rest::Map(map.iter()));
        Ok(Some(map.len()))
    }

    fn next(&mut self) -> Result<bool, ConvertError> {
        let Some(entered) = self.entered.last_mut() else {
            return Ok(false);
        };
        let child = match &mut entered.rest {
            Rest::List(items) => items.next(),
            Rest::Map(entries) => entries.next().map(|(key, value)| {
                entered.key = match key {
                    MapKey::Int(int) => Key::Int(*int),
                    MapKey::Str(text) => Key::Str(text),
                };
                value
            }),
        };
        if let Some(child) = child {
            self.current = child;
        }
        Ok(child.is_some())
    }

    fn key(&self) -> Key<'_> {
        self.entered.last().map_or(Key::Int(0), |entered| entered.key)
    }

    fn leave(&mut self) {
        if let Some(entered) = self.entered.pop() {
            self.current = entered.container;
        }
    }
}
