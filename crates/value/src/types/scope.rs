//! The structs and choices that a type is in, by which [`Type::Named`] finds the one it means.

use super::{Choice, Struct, Type};

/// One of them, and those around it.
#[derive(Clone, Copy)]
pub(super) struct Scope<'t> {
    pub(super) ty: &'t Type,
    pub(super) outer: Option<&'t Scope<'t>>,
}

impl<'t> Scope<'t> {
    /// The type of that name around this place, as a scope of its own.
    pub(super) fn find(scope: Option<&'t Scope<'t>>, name: &str) -> Option<&'t Scope<'t>> {
        let scopes = std::iter::successors(scope, |scope| scope.outer);
        scopes.into_iter().find(|scope| scope.ty.identity().is_some_and(|(own, _)| own == name))
    }
}

impl Type {
    /// Name and id of a struct or a choice.
    pub(super) fn identity(&self) -> Option<(&str, &'static str)> {
        match self {
            Type::Struct(Struct { name, id, .. }) | Type::Choice(Choice { name, id, .. }) => {
                Some((name, id))
            }
            _ => None,
        }
    }
}
