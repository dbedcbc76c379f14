//! Values brought to a type.

use super::scope::Scope;
use super::{Choice, Field, Struct, Type, TypeRef};
use crate::{ConvertError, Element, Map, MapKey, TreeSource, Value};

type Brought = Result<Value, ConvertError>;

impl Type {
    /// Brings a value to this type: ints to floats and whole floats to ints
    /// where that is exact, fields that the type does not know are dropped.
    ///
    /// # Errors
    /// The value is of another type; the message names the field.
    pub fn coerce(&self, value: Value) -> Brought {
        self.coerce_in(value, None)
    }

    pub(super) fn coerce_in(&self, value: Value, scope: Option<&Scope<'_>>) -> Brought {
        match (self, value) {
            (Type::Named(name), value) => match Scope::find(scope, name) {
                Some(here) => here.ty.coerce_in(value, here.outer),
                None => Ok(value),
            },
            (Type::Any, value)
            | (Type::Bool, value @ Value::Bool(_))
            | (Type::Int, value @ Value::Int(_))
            | (Type::Float, value @ Value::Float(_))
            | (Type::Number, value @ (Value::Int(_) | Value::Float(_)))
            | (Type::Str, value @ Value::Str(_))
            | (Type::Bytes, value @ Value::Bytes(_))
            | (Type::Func, value @ Value::Func(_))
            | (Type::Object, value @ Value::Object(_))
            | (Type::Buffer(None), value @ Value::Buffer(_))
            | (Type::Null | Type::Optional(_), value @ Value::Null) => Ok(value),
            (Type::Optional(inner), value) => inner.coerce_in(value, scope),
            (Type::Int, Value::Float(float)) => crate::convert::whole(float).map(Value::Int),
            (Type::Float, Value::Int(int)) => crate::convert::exact(int).map(Value::Float),
            (Type::Bytes, Value::Str(text)) => Ok(Value::Bytes(text.into_bytes())),
            (Type::Buffer(Some(element)), Value::Buffer(buffer)) => {
                match buffer.element() == *element {
                    true => Ok(Value::Buffer(buffer)),
                    false => Err(other_buffer(self, buffer.element())),
                }
            }
            (Type::Literal(text), Value::Str(value)) if **text == value => Ok(Value::Str(value)),
            (Type::List(item), Value::List(items)) => {
                coerce_items(items.into_iter().map(|value| (&**item, value)), scope)
            }
            (Type::Tuple(types), Value::List(items)) => {
                if types.len() != items.len() {
                    return Err(ConvertError::new(format!(
                        "expected {} items, got {}",
                        types.len(),
                        items.len()
                    )));
                }
                coerce_items(types.iter().map(|ty| &**ty).zip(items), scope)
            }
            (Type::List(_), Value::Map(map)) if map.is_empty() => Ok(Value::List(Vec::new())),
            (Type::Choice(choice), value) => {
                choice.coerce(value, &Scope { ty: self, outer: scope })
            }
            (Type::Map(_) | Type::Struct(_), Value::List(items)) if items.is_empty() => {
                self.coerce_in(Value::Map(Map::new()), scope)
            }
            (Type::Map(ty), Value::Map(map)) => coerce_map(map, ty, scope),
            (Type::Struct(item), Value::Map(map)) => {
                item.coerce(map, &Scope { ty: self, outer: scope })
            }
            (ty, Value::Str(text)) if ty.has_literals() => Err(not_that(ty, &text)),
            (ty, value) => Err(ConvertError::expected(ty, value.kind())),
        }
    }

    /// Whether a value may be meant as one of this type, as far as that is quickly seen.
    fn claims(&self, value: &Value, scope: Option<&Scope<'_>>) -> bool {
        match (self, value) {
            (Type::Named(name), _) => {
                Scope::find(scope, name).is_none_or(|here| here.ty.claims(value, here.outer))
            }
            (Type::Any, _)
            | (Type::Optional(_) | Type::Null, Value::Null)
            | (Type::Bool, Value::Bool(_))
            | (Type::Int | Type::Float | Type::Number, Value::Int(_) | Value::Float(_))
            | (Type::Str | Type::Bytes, Value::Str(_))
            | (Type::Bytes, Value::Bytes(_))
            | (Type::Func, Value::Func(_))
            | (Type::Object, Value::Object(_))
            | (Type::Buffer(None), Value::Buffer(_))
            | (Type::List(_), Value::List(_))
            | (Type::Map(_), Value::Map(_)) => true,
            (Type::Buffer(Some(element)), Value::Buffer(buffer)) => buffer.element() == *element,
            (Type::Optional(inner), value) => inner.claims(value, scope),
            (Type::Literal(text), Value::Str(value)) => **text == *value,
            (Type::Tuple(types), Value::List(items)) => types.len() == items.len(),
            (Type::List(_), Value::Map(map)) => map.is_empty(),
            (Type::Map(_), Value::List(items)) => items.is_empty(),
            (Type::Struct(item), Value::Map(map)) => item.claims(map),
            (Type::Choice(choice), value) => {
                let scope = Scope { ty: self, outer: scope };
                choice.variants.iter().any(|variant| variant.claims(value, Some(&scope)))
            }
            _ => false,
        }
    }

    fn has_literals(&self) -> bool {
        match self {
            Type::Literal(_) => true,
            Type::Choice(choice) => choice.variants.iter().any(|variant| variant.has_literals()),
            _ => false,
        }
    }
}

/// The error of a buffer of other elements.
pub(super) fn other_buffer(expected: &Type, got: Element) -> ConvertError {
    ConvertError::mismatch(expected, &Type::Buffer(Some(got)))
}

impl Struct {
    /// Whether a map has the keys of this struct, and the texts that it has for sure.
    fn claims(&self, map: &Map) -> bool {
        let fields = self.all_fields();
        let is_known = |key: &MapKey| match key {
            MapKey::Str(key) => fields.iter().any(|field| field.is_called(key)),
            MapKey::Int(_) => false,
        };
        let has = |field: &&Field| {
            let given = field.keys().find_map(|key| map.get(&MapKey::from(key)));
            match (&*field.ty, given) {
                (Type::Literal(text), Some(given)) => *given == Value::from(&**text),
                (_, given) => given.is_some() || field.may_be_absent(),
            }
        };
        fields.iter().all(has) && (!self.exact || map.keys().all(is_known))
    }

    fn coerce(&self, mut map: Map, scope: &Scope<'_>) -> Brought {
        let mut fields = Map::new();
        for field in self.all_fields() {
            let mut given = field.keys().filter_map(|key| map.remove(&MapKey::from(key)));
            match given.next() {
                Some(Value::Null) | None if field.may_be_absent() => {}
                Some(value) => {
                    let value = field
                        .ty
                        .coerce_in(value, Some(scope))
                        .map_err(|error| error.at_field(&field.name))?;
                    fields.insert(MapKey::from(&*field.name), value);
                }
                None => return Err(ConvertError::missing(&field.name)),
            }
        }
        match map.keys().next() {
            Some(key) if self.exact => Err(ConvertError::unknown(&key.to_string())),
            _ => Ok(Value::Map(fields)),
        }
    }
}

impl Choice {
    /// The value as it is where a variant has just it, and else brought to the first that
    /// takes it. Where one alone may be meant, its error tells most.
    fn coerce(&self, value: Value, scope: &Scope<'_>) -> Brought {
        let holds =
            |variant: &TypeRef| variant.holds_in(&mut TreeSource::new(&value), Some(scope)).is_ok();
        if self.variants.iter().any(holds) {
            return Ok(value);
        }
        let meant = |variant: &&TypeRef| variant.claims(&value, Some(scope));
        let meant: Vec<&TypeRef> = self.variants.iter().filter(meant).collect();
        if let [one] = meant.as_slice() {
            return one.coerce_in(value, Some(scope));
        }
        let mut brought =
            meant.iter().filter_map(|variant| variant.coerce_in(value.clone(), Some(scope)).ok());
        match (brought.next(), &value) {
            (Some(value), _) => Ok(value),
            (None, Value::Str(text)) => Err(not_that(scope.ty, text)),
            (None, value) => Err(ConvertError::expected(scope.ty, value.kind())),
        }
    }
}

fn not_that(ty: &Type, text: &str) -> ConvertError {
    ConvertError::new(format!("expected {ty}, got `{text}`"))
}

fn coerce_items<'t>(
    items: impl Iterator<Item = (&'t Type, Value)>,
    scope: Option<&Scope<'_>>,
) -> Brought {
    let coerce = |(index, (ty, value)): (usize, (&Type, Value))| {
        ty.coerce_in(value, scope).map_err(|e| e.at_index(index))
    };
    items.enumerate().map(coerce).collect::<Result<_, _>>().map(Value::List)
}

fn coerce_map(map: Map, ty: &TypeRef, scope: Option<&Scope<'_>>) -> Brought {
    let coerce = |(key, value): (MapKey, Value)| match ty.coerce_in(value, scope) {
        Ok(value) => Ok((key, value)),
        Err(error) => Err(error.at_key(&key)),
    };
    map.into_iter().map(coerce).collect::<Result<_, _>>().map(Value::Map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_brought_to_a_type_or_the_field_is_named() {
        let ty: Type = "{ age: int, tags: list<string>, note: string? }".parse().unwrap();
        let tags = || Value::List(vec!["a".into()]);
        let map = |age: Value, tags: Value| {
            Value::Map([("age".into(), age), ("tags".into(), tags)].into())
        };
        assert_eq!(ty.coerce(map(Value::Float(3.0), tags())), Ok(map(Value::Int(3), tags())));
        let error = |value: Value| ty.coerce(value).unwrap_err().to_string();
        assert_eq!(error(map(Value::Float(3.5), tags())), "`age`: 3.5 is no whole number");
        assert_eq!(error(map("x".into(), tags())), "`age`: expected int, got string");
        assert_eq!(
            error(map(1.into(), Value::List(vec!["a".into(), 2.into()]))),
            "`tags[1]`: expected string, got int"
        );
        assert_eq!(error(Value::Map([("age".into(), 1.into())].into())), "missing field `tags`");
        assert_eq!(
            error(2.into()),
            "expected { age: int, tags: list<string>, note: string? }, got int"
        );
    }

    #[test]
    fn a_type_inside_itself_is_checked_at_every_level() {
        let ty: Type = "Node { id: int, next: Node?, all: list<Node> }".parse().unwrap();
        let node = |id: Value, next: Value| {
            let all = Value::List(vec![]);
            Value::Map([("id".into(), id), ("next".into(), next), ("all".into(), all)].into())
        };
        let two = node(1.into(), node(2.0.into(), Value::Null));
        let held = ty.coerce(two).unwrap();
        assert_eq!(ty.holds(&mut crate::TreeSource::new(&held)), Ok(()));
        let wrong = node(1.into(), node("x".into(), Value::Null));
        let message = "`next.id`: expected int, got string";
        assert_eq!(ty.holds(&mut crate::TreeSource::new(&wrong)).unwrap_err().to_string(), message);
        assert_eq!(ty.coerce(wrong).unwrap_err().to_string(), message);
        let flat = node(1.into(), 5.into());
        assert!(ty.coerce(flat).unwrap_err().to_string().starts_with("`next`: expected Node {"));
    }

    #[test]
    fn a_value_becomes_the_variant_that_is_meant() {
        let ty: Type = "S('a' | { r: float } | { t: 'x', n: int } | { t: 'y' } | S {| z: S? |})"
            .parse()
            .unwrap();
        let map = |entries: &[(&str, Value)]| {
            Value::Map(entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect())
        };
        let brought = |value: Value| ty.coerce(value).map_err(|error| error.to_string());
        assert_eq!(brought("a".into()), Ok("a".into()));
        let round = map(&[("r", 2.into())]);
        assert_eq!(brought(round), Ok(map(&[("r", 2.0.into())])));
        let tagged = map(&[("t", "x".into()), ("n", 2.0.into())]);
        assert_eq!(brought(tagged), Ok(map(&[("t", "x".into()), ("n", 2.into())])));
        let wrong = map(&[("t", "x".into()), ("n", "2".into())]);
        assert_eq!(brought(wrong), Err("`n`: expected int, got string".into()));
        let unknown = map(&[("t", "z".into())]);
        assert_eq!(brought(unknown), Err(format!("expected {ty}, got map")));
        assert_eq!(brought("b".into()), Err(format!("expected {ty}, got `b`")));
        let held = map(&[("t", "y".into())]);
        assert_eq!(ty.holds(&mut TreeSource::new(&held)), Ok(()));
        let error = ty.holds(&mut TreeSource::new(&"b".into())).unwrap_err();
        assert_eq!(error.to_string(), format!("expected {ty}, got `b`"));
    }

    #[test]
    fn fields_have_other_names_and_no_others() {
        let ty: Type = "A {| x | y: int, z?: int |}".parse().unwrap();
        let map =
            |keys: &[&str]| Value::Map(keys.iter().map(|key| ((*key).into(), 1.into())).collect());
        assert_eq!(ty.coerce(map(&["y"])), Ok(map(&["x"])));
        let error = ty.coerce(map(&["x", "w"])).unwrap_err();
        assert_eq!(error.to_string(), "unknown field `w`");
        let error = ty.holds(&mut TreeSource::new(&map(&["x", "w"]))).unwrap_err();
        assert_eq!(error.to_string(), "unknown field `w`");
    }

    #[test]
    fn what_a_type_keeps_is_not_changed_by_it() {
        let ty: Type = "list<{ age: int, tags: list<string>, note: string? }>".parse().unwrap();
        let check = |age: Value, more: &[(&str, Value)], is_kept: bool| {
            let mut map: Map =
                more.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
            map.insert("age".into(), age);
            map.insert("tags".into(), Value::List(vec!["a".into()]));
            let value = Value::List(vec![Value::Map(map)]);
            assert_eq!(ty.keeps(&mut crate::TreeSource::new(&value)), is_kept, "{value:?}");
            assert_eq!(ty.coerce(value.clone()) == Ok(value.clone()), is_kept, "{value:?}");
        };
        check(1.into(), &[], true);
        check(1.into(), &[("note", "x".into())], true);
        check(1.into(), &[("note", Value::Null)], false);
        check(1.into(), &[("other", 1.into())], false);
        check(1.0.into(), &[], false);
        check("x".into(), &[], false);
    }
}
