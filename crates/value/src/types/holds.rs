//! Whether a value that was written is of the type that its reader was promised.
//!
//! A plugin in C reads a value's payload by the declared type alone. The writer's
//! schema is no proof: it is an implementation of a safe trait, and may be wrong.

use super::scope::Scope;
use super::{Signature, Struct, Type, TypeRef};
use crate::{ConvertError, Key, Kind, Source, Value, from_source};

type Holds = Result<(), ConvertError>;

impl Type {
    /// Whether the source's value is just of this type, with nothing to convert.
    ///
    /// # Errors
    /// It is not; the message names the field.
    pub fn holds(&self, source: &mut dyn Source) -> Holds {
        self.holds_in(source, None)
    }

    pub(super) fn holds_in(&self, source: &mut dyn Source, scope: Option<&Scope<'_>>) -> Holds {
        let kind = source.kind();
        match (self, kind) {
            (Type::Named(name), _) => match Scope::find(scope, name) {
                Some(here) => here.ty.holds_in(source, here.outer),
                None => Ok(()),
            },
            (Type::Any, _)
            | (Type::Null | Type::Optional(_), Kind::Null)
            | (Type::Bool, Kind::Bool)
            | (Type::Int, Kind::Int)
            | (Type::Float, Kind::Float)
            | (Type::Number, Kind::Int | Kind::Float)
            | (Type::Str, Kind::Str)
            | (Type::Bytes, Kind::Bytes) => Ok(()),
            (Type::Optional(inner), _) => inner.holds_in(source, scope),
            (Type::List(item), Kind::List) => {
                children(source, |_, source| item.holds_in(source, scope))
            }
            (Type::Tuple(items), Kind::List) => tuple_holds(items, source, scope),
            (Type::Map(value), Kind::Map) => {
                entries(source, |source| value.holds_in(source, scope))
            }
            (Type::Struct(item), Kind::Map) => {
                item.holds(source, &Scope { ty: self, outer: scope })
            }
            (Type::Literal(text), Kind::Str) if **text == *source.str() => Ok(()),
            (Type::Choice(choice), kind) => {
                let inner = Scope { ty: self, outer: scope };
                let holds = |variant: &TypeRef| variant.holds_in(source, Some(&inner)).is_ok();
                if choice.variants.iter().any(holds) {
                    return Ok(());
                }
                // Which variant is meant is known to who would convert the value.
                self.coerce_in(from_source::<Value>(source)?, scope)?;
                Err(ConvertError::expected(self, kind))
            }
            (ty, kind) => Err(ConvertError::expected(ty, kind)),
        }
    }
}

impl Signature {
    /// Whether the source's value is just of the type of the parameter at `index`.
    ///
    /// # Errors
    /// It is not; the message names the argument.
    pub fn argument_holds(&self, index: usize, source: &mut dyn Source) -> Holds {
        let Some(param) = self.params.get(index) else { return Ok(()) };
        param.ty.holds(source).map_err(|error| error.of(self.argument_name(index)))
    }
}

impl Struct {
    /// Whether the map that the source is on is this struct, which is the scope's.
    fn holds(&self, source: &mut dyn Source, scope: &Scope<'_>) -> Holds {
        let fields = self.all_fields();
        let mut seen = vec![false; fields.len()];
        let mut unknown = None;
        entries(source, |source| {
            let index = match source.key() {
                Key::Str(name) => fields.iter().position(|field| *field.name == *name),
                Key::Int(_) => None,
            };
            let Some(index) = index else {
                if self.exact && unknown.is_none() {
                    unknown = Some(match source.key() {
                        Key::Str(name) => ConvertError::unknown(name),
                        Key::Int(int) => ConvertError::unknown(&int.to_string()),
                    });
                }
                return Ok(());
            };
            seen[index] = true;
            let field = fields[index];
            match source.kind() {
                Kind::Null if field.may_be_absent() => Ok(()),
                _ => field.ty.holds_in(source, Some(scope)),
            }
        })?;
        if let Some(error) = unknown {
            return Err(error);
        }
        let missing = fields.iter().zip(seen).find(|(field, seen)| !seen && !field.may_be_absent());
        match missing {
            Some((field, _)) => Err(ConvertError::missing(&field.name)),
            None => Ok(()),
        }
    }
}

fn tuple_holds(items: &[TypeRef], source: &mut dyn Source, scope: Option<&Scope<'_>>) -> Holds {
    let mut count = 0;
    children(source, |index, source| {
        count = index + 1;
        items.get(index).map_or(Ok(()), |item| item.holds_in(source, scope))
    })?;
    match count == items.len() {
        true => Ok(()),
        false => Err(ConvertError::new(format!("expected {} items, got {count}", items.len()))),
    }
}

/// Checks each child of a list.
fn children(
    source: &mut dyn Source,
    mut check: impl FnMut(usize, &mut dyn Source) -> Holds,
) -> Holds {
    source.enter_list()?;
    let mut index = 0;
    let mut result = Ok(());
    while result.is_ok() && source.next()? {
        result = check(index, source).map_err(|error| error.at_index(index));
        index += 1;
    }
    source.leave();
    result
}

/// Checks each value of a map.
fn entries(source: &mut dyn Source, mut check: impl FnMut(&mut dyn Source) -> Holds) -> Holds {
    source.enter_map()?;
    let mut result = Ok(());
    while result.is_ok() && source.next()? {
        // Whatever was entered has been left again: the key is this child's.
        result = check(source).map_err(|error| error.at(source.key()));
    }
    source.leave();
    result
}
