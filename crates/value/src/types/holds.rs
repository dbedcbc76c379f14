//! Whether a value that was written is of the type that its reader was promised.
//!
//! A plugin in C reads a value's payload by the declared type alone. The writer's
//! schema is no proof: it is an implementation of a safe trait, and may be wrong.

use smallvec::{SmallVec, smallvec};

use super::{Scope, Signature, Type};
use crate::{ConvertError, Key, Kind, Source};

type Holds = Result<(), ConvertError>;

/// What a value is compared within.
#[derive(Clone, Copy)]
struct Within<'a> {
    scope: Option<&'a Scope<'a>>,
    unknown: Unknown,
}

/// What becomes of a struct's entries that its type does not know.
#[derive(Clone, Copy)]
enum Unknown {
    LeftOut,
    Refused,
}

impl Unknown {
    fn holds(self) -> Holds {
        match self {
            Unknown::LeftOut => Ok(()),
            Unknown::Refused => Err(ConvertError::new("not a field")),
        }
    }
}

impl Type {
    /// Whether the source's value is just of this type, with nothing to convert.
    ///
    /// # Errors
    /// It is not; the message names the field.
    pub fn holds(&self, source: &mut dyn Source) -> Holds {
        self.holds_in(source, Within { scope: None, unknown: Unknown::LeftOut })
    }

    /// Whether [`coerce`](Type::coerce) would leave the source's value as it is: it is just of
    /// this type, and its structs have no entries that this type does not know, and no nulls.
    pub fn keeps(&self, source: &mut dyn Source) -> bool {
        self.holds_in(source, Within { scope: None, unknown: Unknown::Refused }).is_ok()
    }

    fn holds_in(&self, source: &mut dyn Source, within: Within<'_>) -> Holds {
        let kind = source.kind();
        match (self, kind) {
            (Type::Named(name), _) => match Scope::find(within.scope, name) {
                Some(here) => here.holds(source, within.unknown),
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
            (Type::Optional(inner), _) => inner.holds_in(source, within),
            (Type::List(item), Kind::List) => {
                children(source, |_, source| item.holds_in(source, within))
            }
            (Type::Tuple(items), Kind::List) => tuple_holds(items, source, within),
            (Type::Map(value), Kind::Map) => {
                entries(source, |source| value.holds_in(source, within))
            }
            (Type::Struct(item), Kind::Map) => {
                Scope { item, outer: within.scope }.holds(source, within.unknown)
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

impl Scope<'_> {
    /// Whether the source's value is the scope's struct.
    fn holds(&self, source: &mut dyn Source, unknown: Unknown) -> Holds {
        if source.kind() != Kind::Map {
            return Err(ConvertError::expected(self.item, source.kind()));
        }
        let fields = &self.item.fields;
        let mut seen: SmallVec<[bool; 16]> = smallvec![false; fields.len()];
        entries(source, |source| {
            let Key::Str(name) = source.key() else { return unknown.holds() };
            let Some(index) = fields.iter().position(|field| *field.name == *name) else {
                return unknown.holds();
            };
            seen[index] = true;
            let field = &fields[index];
            match source.kind() {
                Kind::Null if field.may_be_absent() => unknown.holds(),
                _ => field.ty.holds_in(source, Within { scope: Some(self), unknown }),
            }
        })?;
        let missing = fields.iter().zip(seen).find(|(field, seen)| !seen && !field.may_be_absent());
        match missing {
            Some((field, _)) => Err(ConvertError::missing(&field.name)),
            None => Ok(()),
        }
    }
}

fn tuple_holds(items: &[super::TypeRef], source: &mut dyn Source, within: Within<'_>) -> Holds {
    let mut count = 0;
    children(source, |index, source| {
        count = index + 1;
        items.get(index).map_or(Ok(()), |item| item.holds_in(source, within))
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
