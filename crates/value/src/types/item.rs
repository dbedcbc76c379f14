//! The types that have a name: structs with their fields, and choices.

use super::{Shared, Type, TypeRef};

/// A struct's fields, in order.
#[derive(Clone, Debug)]
pub struct Struct {
    /// For messages only; may be empty.
    pub name: Shared<str>,
    /// The fields.
    pub fields: Shared<[Field]>,
    /// Whether other keys are refused, and not left out: `Name {| field: T |}`.
    pub exact: bool,
    /// Tells what the compiler has made from all else of that name; empty where nothing
    /// leads back to it.
    #[doc(hidden)]
    pub id: &'static str,
}

/// One field of a [`Struct`].
///
/// One without a name stands for all fields of the struct that is its type: what the
/// compiler has made of `#[serde(flatten)]`. Text shows the fields themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The key.
    pub name: Shared<str>,
    /// Its type.
    pub ty: TypeRef,
    /// Whether it may be absent although its type is not optional: `name?: T`.
    pub optional: bool,
    /// Other keys under which it is read: `name | other: T`.
    pub aliases: Shared<[Shared<str>]>,
}

/// What an enum is: a value of one of several types.
#[derive(Clone, Debug)]
pub struct Choice {
    /// For messages only; may be empty.
    pub name: Shared<str>,
    /// The types, of which the first that fits is meant.
    pub variants: Shared<[TypeRef]>,
    /// As that of a [`Struct`].
    #[doc(hidden)]
    pub id: &'static str,
}

impl Struct {
    /// A struct that is made at run time; `name` may be empty.
    #[must_use]
    pub fn new(name: impl Into<Shared<str>>, fields: Vec<Field>) -> Self {
        Struct { name: name.into(), fields: fields.into(), exact: false, id: "" }
    }

    /// The fields, with those of a nameless field in its place.
    #[must_use]
    pub fn all_fields(&self) -> Vec<&Field> {
        let mut found = Vec::with_capacity(self.fields.len());
        self.collect(&mut found);
        found
    }

    fn collect<'t>(&'t self, found: &mut Vec<&'t Field>) {
        for field in self.fields.iter() {
            match flattened(field) {
                Some(item) => item.collect(found),
                None => found.push(field),
            }
        }
    }
}

impl Choice {
    /// A choice that is made at run time; `name` may be empty.
    #[must_use]
    pub fn new(name: impl Into<Shared<str>>, variants: Vec<TypeRef>) -> Self {
        Choice { name: name.into(), variants: variants.into(), id: "" }
    }
}

impl Field {
    /// A field that must be there, unless its type is optional.
    #[must_use]
    pub fn new(name: impl Into<Shared<str>>, ty: impl Into<TypeRef>) -> Self {
        let (name, ty) = (name.into(), ty.into());
        Field { name, ty, optional: false, aliases: Shared::Static(&[]) }
    }

    /// Whether a value without it is complete.
    #[must_use]
    pub fn may_be_absent(&self) -> bool {
        self.optional || self.ty.is_optional()
    }

    /// The keys under which it is read, its own first.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.name).chain(self.aliases.iter().map(|alias| &**alias))
    }

    /// Whether it is read under that key.
    #[must_use]
    pub fn is_called(&self, key: &str) -> bool {
        self.keys().any(|own| own == key)
    }
}

/// The struct that a nameless field stands for.
pub(super) fn flattened(field: &Field) -> Option<&Struct> {
    match &*field.ty {
        Type::Struct(item) if field.name.is_empty() => Some(item),
        _ => None,
    }
}
