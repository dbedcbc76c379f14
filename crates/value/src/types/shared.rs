//! [`Shared`]: what types are made of, by the compiler or at run time.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::{Type, TypeRef};
use crate::raw::Link;

/// Static or counted; dereferences to what is shared.
pub enum Shared<T: ?Sized + 'static> {
    /// Made by the compiler.
    Static(&'static T),
    /// Made by the compiler, and maybe what this is in.
    Linked(Link<T>),
    /// Made at run time.
    Counted(Arc<T>),
}

impl<T: ?Sized> Shared<T> {
    /// What the compiler has made; `None` where it is made at run time.
    #[must_use]
    pub const fn known(&self) -> Option<&T> {
        match self {
            Shared::Static(shared) => Some(shared),
            Shared::Linked(link) => Some(link.get()),
            Shared::Counted(_) => None,
        }
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        match self {
            Shared::Static(shared) => shared,
            Shared::Linked(link) => link.get(),
            Shared::Counted(shared) => shared,
        }
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        match self {
            Shared::Static(shared) => Shared::Static(shared),
            Shared::Linked(link) => Shared::Linked(*link),
            Shared::Counted(shared) => Shared::Counted(Arc::clone(shared)),
        }
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl From<Type> for TypeRef {
    fn from(ty: Type) -> Self {
        Shared::Counted(Arc::new(ty))
    }
}

impl From<&str> for Shared<str> {
    fn from(text: &str) -> Self {
        Shared::Counted(text.into())
    }
}

impl<T> From<Vec<T>> for Shared<[T]> {
    fn from(items: Vec<T>) -> Self {
        Shared::Counted(items.into())
    }
}
