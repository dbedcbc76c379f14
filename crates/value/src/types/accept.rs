//! Which types a type takes values from, and values brought to a type.
//!
//! Types fit by the rules of conversion, not by equality: a struct takes
//! another one that has at least its fields, an optional takes what its inner
//! type takes. Names of structs do not matter.

use super::{Field, Scope, Signature, Struct, Type, TypeRef};
use crate::{ConvertError, Map, MapKey, Value};

/// How values of one type go into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// As they are.
    Exact,
    /// Each must be brought to the type, which may fail.
    Convert,
}

type Fits = Result<Fit, ConvertError>;

impl Type {
    /// Whether values of type `from` go into this type, and how.
    ///
    /// # Errors
    /// None of them does: both types, with the path to where they differ.
    pub fn accepts(&self, from: &Type) -> Fits {
        match (self, from) {
            (Type::Any, _) => Ok(Fit::Exact),
            (_, Type::Any) | (Type::Named(_), _) | (_, Type::Named(_)) => Ok(Fit::Convert),
            (Type::Optional(_) | Type::Null, Type::Null) => Ok(Fit::Exact),
            (Type::Optional(to), Type::Optional(from)) => to.accepts(from),
            (Type::Optional(to), from) => to.accepts(from),
            (Type::Bool, Type::Bool)
            | (Type::Int, Type::Int)
            | (Type::Float, Type::Float)
            | (Type::Number, Type::Int | Type::Float | Type::Number)
            | (Type::Str, Type::Str)
            | (Type::Bytes, Type::Bytes) => Ok(Fit::Exact),
            (Type::Int, Type::Number)
            | (Type::Float, Type::Int | Type::Number)
            | (Type::Bytes, Type::Str) => Ok(Fit::Convert),
            (Type::List(to), Type::List(from)) | (Type::Map(to), Type::Map(from)) => {
                to.accepts(from)
            }
            (Type::List(to), Type::Tuple(from)) => all(from
                .iter()
                .enumerate()
                .map(|(i, from)| to.accepts(from).map_err(|e| e.at_index(i)))),
            (Type::Tuple(to), Type::Tuple(from)) if to.len() == from.len() => all(to
                .iter()
                .zip(from.iter())
                .enumerate()
                .map(|(i, (to, from))| to.accepts(from).map_err(|e| e.at_index(i)))),
            (Type::Tuple(to), Type::List(from)) => {
                all(to.iter().map(|to| to.accepts(from))).map(|_| Fit::Convert)
            }
            (Type::Map(to), Type::Struct(from)) => {
                all(from.fields.iter().map(|field| at(field, to.accepts(&field.ty))))
            }
            (Type::Struct(to), Type::Map(from)) => {
                all(to.fields.iter().map(|field| at(field, field.ty.accepts(from))))
                    .map(|_| Fit::Convert)
            }
            (Type::Struct(to), Type::Struct(from)) => to.accepts(from),
            (to, from) => Err(ConvertError::mismatch(to, from)),
        }
    }

    /// Brings a value to this type: ints to floats and whole floats to ints
    /// where that is exact, fields that the type does not know are dropped.
    ///
    /// # Errors
    /// The value is of another type; the message names the field.
    pub fn coerce(&self, value: Value) -> Result<Value, ConvertError> {
        self.coerce_in(value, None)
    }

    fn coerce_in(&self, value: Value, scope: Option<&Scope<'_>>) -> Result<Value, ConvertError> {
        match (self, value) {
            (Type::Named(name), value) => match (Scope::find(scope, name), value) {
                (Some(here), Value::Map(map)) => here.coerce(map),
                (Some(here), other) => Err(ConvertError::expected(here.item, other.kind())),
                (None, _) => Err(ConvertError::new(format!("the type `{}` is unknown", &**name))),
            },
            (Type::Any, value)
            | (Type::Bool, value @ Value::Bool(_))
            | (Type::Int, value @ Value::Int(_))
            | (Type::Float, value @ Value::Float(_))
            | (Type::Number, value @ (Value::Int(_) | Value::Float(_)))
            | (Type::Str, value @ Value::Str(_))
            | (Type::Bytes, value @ Value::Bytes(_))
            | (Type::Null | Type::Optional(_), value @ Value::Null) => Ok(value),
            (Type::Optional(inner), value) => inner.coerce_in(value, scope),
            (Type::Int, Value::Float(float)) => crate::convert::whole(float).map(Value::Int),
            (Type::Float, Value::Int(int)) => crate::convert::exact(int).map(Value::Float),
            (Type::Bytes, Value::Str(text)) => Ok(Value::Bytes(text.into_bytes())),
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
            (Type::Map(_) | Type::Struct(_), Value::List(items)) if items.is_empty() => {
                self.coerce_in(Value::Map(Map::new()), scope)
            }
            (Type::Map(ty), Value::Map(map)) => coerce_map(map, ty, scope),
            (Type::Struct(item), Value::Map(map)) => Scope { item, outer: scope }.coerce(map),
            (ty, value) => Err(ConvertError::expected(ty, value.kind())),
        }
    }
}

impl Struct {
    fn accepts(&self, from: &Struct) -> Fits {
        all(self.fields.iter().map(|field| {
            match from.fields.iter().find(|other| *other.name == *field.name) {
                Some(other) if other.may_be_absent() && !field.may_be_absent() => {
                    Err(ConvertError::new(format!("field `{}` may be missing", &*field.name)))
                }
                Some(other) => at(field, field.ty.accepts(&other.ty)),
                None if field.may_be_absent() => Ok(Fit::Exact),
                None => Err(ConvertError::missing(&field.name)),
            }
        }))
    }
}

impl Scope<'_> {
    /// Brings a map to the scope's struct.
    fn coerce(&self, mut map: Map) -> Result<Value, ConvertError> {
        let mut fields = Map::new();
        for field in self.item.fields.iter() {
            let key = MapKey::from(&*field.name);
            match map.remove(&key) {
                Some(Value::Null) | None if field.may_be_absent() => {}
                Some(value) => {
                    let value = field
                        .ty
                        .coerce_in(value, Some(self))
                        .map_err(|e| e.at_field(&field.name))?;
                    fields.insert(key, value);
                }
                None => return Err(ConvertError::missing(&field.name)),
            }
        }
        Ok(Value::Map(fields))
    }
}

impl Signature {
    /// Whether a call with arguments of these types is one of this signature.
    ///
    /// # Errors
    /// The number of arguments, or the first argument of another type.
    pub fn accepts_args(&self, args: &[&Type]) -> Fits {
        self.check_count(args.len())?;
        all(args.iter().zip(self.params.iter()).enumerate().map(|(index, (arg, param))| {
            param.ty.accepts(arg).map_err(|e| e.of(self.argument_name(index)))
        }))
    }

    /// Brings arguments to the parameters' types.
    ///
    /// # Errors
    /// The number of arguments, or the first argument of another type.
    pub fn coerce_args(&self, args: Vec<Value>) -> Result<Vec<Value>, ConvertError> {
        self.check_count(args.len())?;
        let coerce = |(index, arg): (usize, Value)| match self.params.get(index) {
            Some(param) => param.ty.coerce(arg).map_err(|e| e.of(self.argument_name(index))),
            None => Ok(arg),
        };
        args.into_iter().enumerate().map(coerce).collect()
    }

    /// Whether a call takes just these values, with nothing to convert. It looks into no
    /// list and no map: false where that would tell.
    #[inline]
    #[must_use]
    pub fn takes(&self, args: &[Value]) -> bool {
        let most = self.params.len();
        let count = args.len() == most || self.variadic && args.len() > most;
        count
            && self.params.iter().zip(args).all(|(param, arg)| {
                matches!(
                    (&*param.ty, arg),
                    (Type::Any, _)
                        | (Type::Null, Value::Null)
                        | (Type::Bool, Value::Bool(_))
                        | (Type::Int, Value::Int(_))
                        | (Type::Float, Value::Float(_))
                        | (Type::Number, Value::Int(_) | Value::Float(_))
                        | (Type::Str, Value::Str(_))
                        | (Type::Bytes, Value::Bytes(_))
                )
            })
    }

    /// Whether a call may have this many arguments.
    ///
    /// # Errors
    /// Both numbers.
    #[inline]
    pub fn check_count(&self, got: usize) -> Result<(), ConvertError> {
        match got == self.params.len() {
            true => Ok(()),
            false => self.check_other_count(got),
        }
    }

    fn check_other_count(&self, got: usize) -> Result<(), ConvertError> {
        let (least, most) = (self.required(), self.params.len());
        if got >= least && (self.variadic || got <= most) {
            return Ok(());
        }
        let expected = match least == most {
            _ if self.variadic => format!("at least {least} arguments"),
            true if most == 1 => "1 argument".to_owned(),
            true => format!("{most} arguments"),
            false => format!("{least} to {most} arguments"),
        };
        Err(ConvertError::new(format!("expected {expected}, got {got}")))
    }

    pub(super) fn argument_name(&self, index: usize) -> String {
        match self.params.get(index) {
            Some(param) if !param.name.is_empty() => format!("argument `{}`", &*param.name),
            _ => format!("argument {}", index + 1),
        }
    }
}

fn at(field: &Field, fits: Fits) -> Fits {
    fits.map_err(|error| error.at_field(&field.name))
}

/// The worst of all fits, or the first that is none.
fn all(fits: impl Iterator<Item = Fits>) -> Fits {
    let mut worst = Fit::Exact;
    for fit in fits {
        worst = worst.max(fit?);
    }
    Ok(worst)
}

fn coerce_items<'t>(
    items: impl Iterator<Item = (&'t Type, Value)>,
    scope: Option<&Scope<'_>>,
) -> Result<Value, ConvertError> {
    let coerce = |(index, (ty, value)): (usize, (&Type, Value))| {
        ty.coerce_in(value, scope).map_err(|e| e.at_index(index))
    };
    items.enumerate().map(coerce).collect::<Result<_, _>>().map(Value::List)
}

fn coerce_map(map: Map, ty: &TypeRef, scope: Option<&Scope<'_>>) -> Result<Value, ConvertError> {
    let coerce = |(key, value): (MapKey, Value)| match ty.coerce_in(value, scope) {
        Ok(value) => Ok((key, value)),
        Err(error) => Err(error.at_key(&key)),
    };
    map.into_iter().map(coerce).collect::<Result<_, _>>().map(Value::Map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(to: &str, from: &str) -> String {
        let (to, from): (Type, Type) = (to.parse().unwrap(), from.parse().unwrap());
        match to.accepts(&from) {
            Ok(fit) => format!("{fit:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn types_fit_by_the_rules_of_conversion() {
        for (to, from, expected) in [
            ("int", "int", "Exact"),
            ("int", "number", "Convert"),
            ("float", "int", "Convert"),
            ("int", "float", "expected int, got float"),
            ("number", "int", "Exact"),
            ("any", "list<int>", "Exact"),
            ("list<int>", "any", "Convert"),
            ("int?", "null", "Exact"),
            ("int", "int?", "expected int, got int?"),
            ("list<int>", "(int, string)", "`[1]`: expected int, got string"),
            ("(int, int)", "(int)", "expected (int, int), got (int)"),
            ("A { x: int }", "B { x: int, y: string }", "Exact"),
            ("A { x: int, y: string? }", "B { x: int }", "Exact"),
            ("A { x: int, y: string }", "B { x: int }", "missing field `y`"),
            ("A { b: B { x: int } }", "{ b: { x: string } }", "`b.x`: expected int, got string"),
            ("A { x: int }", "map<any>", "Convert"),
            ("A { x: int }", "map<string>", "`x`: expected int, got string"),
            ("map<int>", "A { x: int }", "Exact"),
        ] {
            assert_eq!(fit(to, from), expected, "{to} from {from}");
        }
    }

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

    #[test]
    fn a_call_has_the_right_number_of_arguments() {
        let check = |signature: &str, count: usize| {
            let signature: Signature = signature.parse().unwrap();
            signature.check_count(count).map_or_else(|e| e.to_string(), |()| "ok".into())
        };
        assert_eq!(check("()", 0), "ok");
        assert_eq!(check("()", 1), "expected 0 arguments, got 1");
        assert_eq!(check("(x: int)", 0), "expected 1 argument, got 0");
        assert_eq!(check("(int, int?)", 1), "ok");
        assert_eq!(check("(int, int?)", 0), "expected 1 to 2 arguments, got 0");
        assert_eq!(check("(int, ...)", 0), "expected at least 1 arguments, got 0");
        assert_eq!(check("(...) -> any", 9), "ok");
    }
}
