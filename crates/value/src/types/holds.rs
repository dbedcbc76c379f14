//! Whether a value that was written is of the type that its reader was promised.
//!
//! A plugin in C reads a value's payload by the declared type alone. The writer's
//! schema is no proof: it is an implementation of a safe trait, and may be wrong.

use smallvec::{SmallVec, smallvec};

use super::coerce::other_buffer;
use super::scope::Scope;
use super::{Signature, Struct, Type, TypeRef};
use crate::{ConvertError, Key, Kind, Look, Reference, Source, Value, from_source};

type Holds = Result<(), ConvertError>;

/// What a value is compared within.
#[derive(Clone, Copy)]
struct Within<'a> {
    scope: Option<&'a Scope<'a>>,
    unknown: Unknown,
}

/// What becomes of a struct's entries that its type does not know, and of its nulls.
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
        self.holds_within(source, Within { scope: None, unknown: Unknown::LeftOut })
    }

    /// Whether [`coerce`](Type::coerce) would leave the source's value as it is: it is just of
    /// this type, and its structs have no entries that this type does not know, and no nulls.
    pub fn keeps(&self, source: &mut dyn Source) -> bool {
        self.holds_within(source, Within { scope: None, unknown: Unknown::Refused }).is_ok()
    }

    pub(super) fn holds_in(&self, source: &mut dyn Source, scope: Option<&Scope<'_>>) -> Holds {
        self.holds_within(source, Within { scope, unknown: Unknown::LeftOut })
    }

    fn holds_within(&self, source: &mut dyn Source, within: Within<'_>) -> Holds {
        let Within { scope, unknown } = within;
        let kind = source.kind();
        match (self, kind) {
            (Type::Named(name), _) => match Scope::find(scope, name) {
                Some(here) => here.ty.holds_within(source, Within { scope: here.outer, unknown }),
                None => Ok(()),
            },
            (Type::Any, _)
            | (Type::Null | Type::Optional(_), Kind::Null)
            | (Type::Bool, Kind::Bool)
            | (Type::Int, Kind::Int)
            | (Type::Float, Kind::Float)
            | (Type::Number, Kind::Int | Kind::Float)
            | (Type::Str, Kind::Str)
            | (Type::Bytes, Kind::Bytes)
            | (Type::Func, Kind::Func)
            | (Type::Object, Kind::Object)
            | (Type::Buffer(None), Kind::Buffer) => Ok(()),
            (Type::Buffer(Some(element)), Kind::Buffer) => match source.reference()? {
                Reference::Buffer(buffer) if buffer.element() != *element => {
                    Err(other_buffer(self, buffer.element()))
                }
                _ => Ok(()),
            },
            (Type::Optional(inner), _) => inner.holds_within(source, within),
            (Type::List(item), Kind::List) => {
                children(source, |_, source| item.holds_within(source, within))
            }
            (Type::Tuple(items), Kind::List) => tuple_holds(items, source, within),
            (Type::Map(value), Kind::Map) => {
                entries(source, |source| value.holds_within(source, within))
            }
            (Type::Struct(item), Kind::Map) => {
                item.holds(source, &Scope { ty: self, outer: scope }, unknown)
            }
            (Type::Literal(text), Kind::Str) if source.look() == Look::Str(text) => Ok(()),
            (Type::Choice(choice), kind) => {
                let inner = Scope { ty: self, outer: scope };
                let inner = Within { scope: Some(&inner), unknown };
                let holds = |variant: &TypeRef| variant.holds_within(source, inner).is_ok();
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
    fn holds(&self, source: &mut dyn Source, scope: &Scope<'_>, others: Unknown) -> Holds {
        let fields = self.all_fields();
        let mut seen: SmallVec<[bool; 16]> = smallvec![false; fields.len()];
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
                return others.holds();
            };
            seen[index] = true;
            let field = fields[index];
            match source.kind() {
                Kind::Null if field.may_be_absent() => others.holds(),
                _ => field.ty.holds_within(source, Within { scope: Some(scope), unknown: others }),
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

fn tuple_holds(items: &[TypeRef], source: &mut dyn Source, within: Within<'_>) -> Holds {
    let mut count = 0;
    children(source, |index, source| {
        count = index + 1;
        items.get(index).map_or(Ok(()), |item| item.holds_within(source, within))
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
