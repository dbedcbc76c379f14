//! Which types a type takes values from.
//!
//! Types fit by the rules of conversion, not by equality: a struct takes
//! another one that has at least its fields, an optional takes what its inner
//! type takes, a choice what one of its variants takes. Names do not matter.

use super::scope::Scope;
use super::{Choice, Field, Struct, Type, TypeRef};
use crate::ConvertError;

/// How values of one type go into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// As they are.
    Exact,
    /// Each must be brought to the type, which may fail.
    Convert,
}

pub(super) type Fits = Result<Fit, ConvertError>;

impl Type {
    /// Whether values of type `from` go into this type, and how.
    ///
    /// # Errors
    /// None of them does: both types, with the path to where they differ.
    #[inline]
    pub fn accepts(&self, from: &Type) -> Fits {
        // What most functions take is told without looking further.
        if self.is_one_scalar_with(from) { Ok(Fit::Exact) } else { self.compared(from) }
    }

    fn compared(&self, from: &Type) -> Fits {
        Comparison::default().fits(Side::new(self), Side::new(from))
    }
}

/// A type, and what it is in.
#[derive(Clone, Copy)]
struct Side<'t> {
    ty: &'t Type,
    scope: Option<&'t Scope<'t>>,
}

impl<'t> Side<'t> {
    fn new(ty: &'t Type) -> Self {
        Side { ty, scope: None }
    }

    /// A type inside of this one.
    fn inner(self, ty: &'t Type) -> Self {
        Side { ty, ..self }
    }

    /// What a name stands for; `None` where nothing of that name is around.
    fn named(self, name: &str) -> Option<Side<'t>> {
        Scope::find(self.scope, name).map(|scope| Side { ty: scope.ty, scope: scope.outer })
    }
}

/// Two types that are compared.
#[derive(Default)]
struct Comparison {
    /// Pairs that fit, or are being looked at: a type that contains itself is asked for
    /// again inside of itself, and then fits if nothing else is in the way.
    assumed: Vec<(*const Type, *const Type)>,
}

impl Comparison {
    fn fits(&mut self, to: Side<'_>, from: Side<'_>) -> Fits {
        match (to.ty, from.ty) {
            (Type::Any, _) => Ok(Fit::Exact),
            (Type::Named(name), _) => match to.named(name) {
                Some(to) => self.fits(to, from),
                None => Ok(Fit::Convert),
            },
            (_, Type::Named(name)) => match from.named(name) {
                Some(from) => self.fits(to, from),
                None => Ok(Fit::Convert),
            },
            (_, Type::Any) => Ok(Fit::Convert),
            (Type::Optional(_) | Type::Null, Type::Null) => Ok(Fit::Exact),
            (Type::Optional(inner), Type::Optional(given)) => {
                self.fits(to.inner(inner), from.inner(given))
            }
            (
                Type::Choice(_) | Type::Struct(_) | Type::Tuple(_),
                Type::Choice(_) | Type::Struct(_) | Type::Tuple(_),
            ) => self.once(to, from),
            (_, Type::Choice(given)) => self.each_fits(to, from, given),
            (Type::Choice(choice), _) => self.one_fits(to, choice, from),
            (Type::Optional(inner), _) => self.fits(to.inner(inner), from),
            (Type::Bool, Type::Bool)
            | (Type::Int, Type::Int)
            | (Type::Float, Type::Float)
            | (Type::Number, Type::Int | Type::Float | Type::Number)
            | (Type::Str, Type::Str | Type::Literal(_))
            | (Type::Bytes, Type::Bytes)
            | (Type::Func, Type::Func)
            | (Type::Object, Type::Object)
            | (Type::Buffer(None), Type::Buffer(_)) => Ok(Fit::Exact),
            (Type::Buffer(Some(_)), Type::Buffer(None)) => Ok(Fit::Convert),
            (Type::Buffer(one), Type::Buffer(two)) if one == two => Ok(Fit::Exact),
            (Type::Literal(one), Type::Literal(two)) if one == two => Ok(Fit::Exact),
            (Type::Int, Type::Number)
            | (Type::Float, Type::Int | Type::Number)
            | (Type::Bytes, Type::Str | Type::Literal(_))
            | (Type::Literal(_), Type::Str) => Ok(Fit::Convert),
            (Type::List(item), Type::List(given)) | (Type::Map(item), Type::Map(given)) => {
                self.fits(to.inner(item), from.inner(given))
            }
            (Type::List(item), Type::Tuple(given)) => {
                worst(given.iter().enumerate().map(|(index, given)| {
                    let fits = self.fits(to.inner(item), from.inner(given));
                    fits.map_err(|error| error.at_index(index))
                }))
            }
            (Type::Tuple(items), Type::List(given)) => {
                worst(items.iter().map(|item| self.fits(to.inner(item), from.inner(given))))
                    .map(|_| Fit::Convert)
            }
            (Type::Map(value), Type::Struct(given)) => {
                let scope = Scope { ty: from.ty, outer: from.scope };
                worst(given.all_fields().into_iter().map(|field| {
                    let given = Side { ty: &field.ty, scope: Some(&scope) };
                    at(field, self.fits(to.inner(value), given))
                }))
            }
            (Type::Struct(item), Type::Map(given)) => {
                let scope = Scope { ty: to.ty, outer: to.scope };
                let fits = worst(item.all_fields().into_iter().map(|field| {
                    let to = Side { ty: &field.ty, scope: Some(&scope) };
                    at(field, self.fits(to, from.inner(given)))
                }));
                fits.map(|_| Fit::Convert)
            }
            (to, from) => Err(ConvertError::mismatch(to, from)),
        }
    }

    /// Compares two types that may be compared already.
    fn once(&mut self, to: Side<'_>, from: Side<'_>) -> Fits {
        let pair = (std::ptr::from_ref(to.ty), std::ptr::from_ref(from.ty));
        if self.assumed.contains(&pair) {
            return Ok(Fit::Exact);
        }
        let known = self.assumed.len();
        self.assumed.push(pair);
        let fits = match (to.ty, from.ty) {
            (Type::Tuple(items), Type::Tuple(given)) => self.tuple(to, items, from, given),
            (Type::Struct(item), Type::Struct(given)) => self.structs(to, item, from, given),
            (_, Type::Choice(given)) => self.each_fits(to, from, given),
            (Type::Choice(choice), _) => self.one_fits(to, choice, from),
            (to, from) => Err(ConvertError::mismatch(to, from)),
        };
        if fits.is_err() {
            // What was found while it was assumed is not known.
            self.assumed.truncate(known);
        }
        fits
    }

    fn tuple(
        &mut self,
        to: Side<'_>,
        items: &[TypeRef],
        from: Side<'_>,
        given: &[TypeRef],
    ) -> Fits {
        if items.len() != given.len() {
            return Err(ConvertError::mismatch(to.ty, from.ty));
        }
        worst(items.iter().zip(given).enumerate().map(|(index, (item, given))| {
            let fits = self.fits(to.inner(item), from.inner(given));
            fits.map_err(|error| error.at_index(index))
        }))
    }

    fn structs(&mut self, to: Side<'_>, item: &Struct, from: Side<'_>, given: &Struct) -> Fits {
        let (outer, inner) =
            (Scope { ty: to.ty, outer: to.scope }, Scope { ty: from.ty, outer: from.scope });
        let (fields, given) = (item.all_fields(), given.all_fields());
        let unknown = given
            .iter()
            .find(|other| item.exact && !fields.iter().any(|field| field.is_called(&other.name)));
        if let Some(field) = unknown {
            return Err(ConvertError::unknown(&field.name));
        }
        worst(fields.into_iter().map(|field| {
            match given.iter().find(|other| field.is_called(&other.name)) {
                Some(other) if other.may_be_absent() && !field.may_be_absent() => {
                    Err(ConvertError::new(format!("field `{}` may be missing", &*field.name)))
                }
                Some(other) => {
                    let to = Side { ty: &field.ty, scope: Some(&outer) };
                    let from = Side { ty: &other.ty, scope: Some(&inner) };
                    let fits = at(field, self.fits(to, from))?;
                    // Under another key it is found by who converts alone.
                    Ok(if field.name == other.name { fits } else { Fit::Convert })
                }
                None if field.may_be_absent() => Ok(Fit::Exact),
                None => Err(ConvertError::missing(&field.name)),
            }
        }))
    }

    /// Whether all that a choice gives goes into a type.
    fn each_fits(&mut self, to: Side<'_>, from: Side<'_>, given: &Choice) -> Fits {
        let scope = Scope { ty: from.ty, outer: from.scope };
        worst(given.variants.iter().map(|variant| {
            let variant = Side { ty: variant, scope: Some(&scope) };
            self.fits(to, variant).map_err(|_| {
                let message = format!(
                    "expected {}, got {}, and `{}` does not fit",
                    to.ty, from.ty, variant.ty
                );
                ConvertError::new(message)
            })
        }))
    }

    /// Whether a type goes into one of a choice's.
    fn one_fits(&mut self, to: Side<'_>, choice: &Choice, from: Side<'_>) -> Fits {
        if let Type::Optional(given) = from.ty {
            let null = self.fits(to, Side::new(&Type::Null))?;
            return Ok(null.max(self.fits(to, from.inner(given))?));
        }
        let scope = Scope { ty: to.ty, outer: to.scope };
        let fits = choice
            .variants
            .iter()
            .filter_map(|variant| self.fits(Side { ty: variant, scope: Some(&scope) }, from).ok());
        fits.min().ok_or_else(|| ConvertError::mismatch(to.ty, from.ty))
    }
}

fn at(field: &Field, fits: Fits) -> Fits {
    fits.map_err(|error| error.at_field(&field.name))
}

/// The worst of all fits, or the first that is none.
pub(super) fn worst(fits: impl Iterator<Item = Fits>) -> Fits {
    let mut worst = Fit::Exact;
    for fit in fits {
        worst = worst.max(fit?);
    }
    Ok(worst)
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
            ("string", "'a'", "Exact"),
            ("'a'", "string", "Convert"),
            ("'a'", "'b'", "expected 'a', got 'b'"),
            ("A('a' | { B: int })", "X({ B: int } | 'a')", "Exact"),
            ("A('a' | { B: float })", "X({ B: int } | 'a')", "Convert"),
            (
                "A('a' | { B: int })",
                "X('a' | 'c')",
                "expected A('a' | { B: int }), got X('a' | 'c'), and `'c'` does not fit",
            ),
            (
                "A { s: S('a' | { B: int }) }",
                "A { s: S({ B: string }) }",
                "`s`: expected S('a' | { B: int }), got S({ B: string }), and `{ B: string }` does \
                 not fit",
            ),
            ("A('a' | 'b')", "string", "Convert"),
            ("A('a' | int)", "bool", "expected A('a' | int), got bool"),
            ("A('a' | int)", "int?", "expected A('a' | int), got null"),
            ("A(null | int)", "int?", "Exact"),
            ("A(null | int)?", "A(int | null)", "Exact"),
            ("string", "A('a' | 'b')", "Exact"),
            ("A({ t: 'x', a: int } | { t: 'y' })", "A({ t: 'y', b: int })", "Exact"),
            ("A { x | y: int }", "A { y: int }", "Convert"),
            ("A {| x: int |}", "A { x: int }", "Exact"),
            ("A {| x: int |}", "A { x: int, y: int }", "unknown field `y`"),
            ("A { x: int }", "A {| x: int |}", "Exact"),
            ("N { i: int, n: N? }", "N { i: int, n: N? }", "Exact"),
            ("N { i: float, n: N? }", "M { i: int, n: M { i: int, n: M? }? }", "Convert"),
            (
                "N { i: int, n: N? }",
                "N { i: int, n: N { i: string, n: N? }? }",
                "`n.i`: expected int, got string",
            ),
            ("T('l' | { n: list<T> })", "S('l' | { n: list<S> })", "Exact"),
        ] {
            assert_eq!(fit(to, from), expected, "{to} from {from}");
        }
    }
}
