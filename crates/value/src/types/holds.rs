//! Whether a value that was written is of the type that its reader was promised.
//!
//! A plugin in C reads a value's payload by the declared type alone. The writer's
//! schema is no proof: it is an implementation of a safe trait, and may be wrong.

use super::{Scope, Signature, Type};
use crate::{ConvertError, Key, Kind, Source};

type Holds = Result<(), ConvertError>;

impl Type {
    /// Whether the source's value is just of this type, with nothing to convert.
    ///
    /// # Errors
    /// It is not; the message names the field.
    pub fn holds(&self, source: &mut dyn Source) -> Holds {
        self.holds_in(source, None)
    }

    fn holds_in(&self, source: &mut dyn Source, scope: Option<&Scope<'_>>) -> Holds {
        let kind = source.kind();
        match (self, kind) {
            (Type::Named(name), _) => match Scope::find(scope, name) {
                Some(here) => here.holds(source),
                None => Err(ConvertError::new(format!("the type `{}` is unknown", &**name))),
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
            (Type::Struct(item), Kind::Map) => Scope { item, outer: scope }.holds(source),
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

impl Scope<'_> {
    /// Whether the source's value is the scope's struct.
    fn holds(&self, source: &mut dyn Source) -> Holds {
        if source.kind() != Kind::Map {
            return Err(ConvertError::expected(self.item, source.kind()));
        }
        let fields = &self.item.fields;
        let mut seen = vec![false; fields.len()];
        entries(source, |source| {
            let Key::Str(name) = source.key() else { return Ok(()) };
            let Some(index) = fields.iter().position(|field| *field.name == *name) else {
                return Ok(());
            };
            seen[index] = true;
            let field = &fields[index];
            match source.kind() {
                Kind::Null if field.may_be_absent() => Ok(()),
                _ => field.ty.holds_in(source, Some(self)),
            }
        })?;
        let missing = fields.iter().zip(seen).find(|(field, seen)| !seen && !field.may_be_absent());
        match missing {
            Some((field, _)) => Err(ConvertError::missing(&field.name)),
            None => Ok(()),
        }
    }
}

fn tuple_holds(
    items: &[super::TypeRef],
    source: &mut dyn Source,
    scope: Option<&Scope<'_>>,
) -> Holds {
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
