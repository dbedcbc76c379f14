//! Types of values, as descriptors, errors and `inspect` write them.
//!
//! A [`Type`] is either made by the compiler, as the schema of a Rust type, and
//! then all static, or read from text at run time, and then counted.

mod accept;
mod holds;
mod parse;
mod text;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

pub use accept::Fit;
pub use parse::ParseTypeError;

/// The type of a value.
///
/// ```
/// use twinplug_value::Type;
/// let ty: Type = "PluginData { name: string, age: int, tel: string? }".parse()?;
/// assert_eq!(ty.to_string(), "PluginData { name: string, age: int, tel: string? }");
/// # Ok::<(), twinplug_value::ParseTypeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Type {
    /// `any`: checked when a value crosses.
    Any,
    /// `null`: nothing; as the result of a function, no result.
    Null,
    /// `bool`.
    Bool,
    /// `int`: 64 bits, signed.
    Int,
    /// `float`: 64 bits.
    Float,
    /// `number`: an int or a float.
    Number,
    /// `string`: UTF-8.
    Str,
    /// `bytes`.
    Bytes,
    /// `T?`: a value or null.
    Optional(TypeRef),
    /// `list<T>`.
    List(TypeRef),
    /// `map<T>`: text or integer keys, values of `T`.
    Map(TypeRef),
    /// `(T, U)`: a list of just these.
    Tuple(Shared<[TypeRef]>),
    /// `Name { field: T }`: a map of just these text keys.
    Struct(Struct),
    /// `Name`: the struct of that name that this stands in.
    Named(Shared<str>),
}

/// A struct's fields, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Struct {
    /// For messages only; may be empty.
    pub name: Shared<str>,
    /// The fields.
    pub fields: Shared<[Field]>,
}

/// One field of a [`Struct`].
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The key.
    pub name: Shared<str>,
    /// Its type.
    pub ty: TypeRef,
    /// Whether it may be absent although its type is not optional: `name?: T`.
    pub optional: bool,
}

/// A type inside another.
pub type TypeRef = Shared<Type>;

/// The type of a function: `(x: int, by: float) -> string`, `(...) -> any`.
///
/// Trailing parameters that are optional may be left out of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// The parameters.
    pub params: Shared<[Param]>,
    /// Whether more arguments of any type are taken.
    pub variadic: bool,
    /// The result; [`Type::Null`] where there is none, a tuple for several.
    pub result: TypeRef,
}

/// One parameter of a [`Signature`].
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// The name; empty where none is known.
    pub name: Shared<str>,
    /// Its type.
    pub ty: TypeRef,
}

/// What a symbol is: a variable of a type or a function of a signature.
#[derive(Clone, Debug, PartialEq)]
pub enum ExportType {
    /// A variable.
    Var(Type),
    /// A function.
    Func(Signature),
}

/// Static or counted; dereferences to what is shared.
pub enum Shared<T: ?Sized + 'static> {
    /// Made by the compiler.
    Static(&'static T),
    /// Made at run time.
    Counted(Arc<T>),
}

/// The structs that a type is in, by which [`Type::Named`] finds the one it means.
#[derive(Clone, Copy)]
struct Scope<'t> {
    item: &'t Struct,
    outer: Option<&'t Scope<'t>>,
}

impl<'t> Scope<'t> {
    /// The struct of that name around this place, as a scope of its own.
    fn find(scope: Option<&'t Scope<'t>>, name: &str) -> Option<&'t Scope<'t>> {
        let mut scope = scope;
        while let Some(here) = scope {
            if *here.item.name == *name {
                return Some(here);
            }
            scope = here.outer;
        }
        None
    }
}

impl Type {
    /// Whether a value of this type may be left out.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        matches!(self, Type::Optional(_) | Type::Any | Type::Null)
    }
}

impl Signature {
    /// `(...) -> any`: whatever it is called with, whatever it answers.
    pub const ANY: Signature = Signature {
        params: Shared::Static(&[]),
        variadic: true,
        result: Shared::Static(&Type::Any),
    };

    /// How many arguments a call must have at least.
    #[must_use]
    pub fn required(&self) -> usize {
        self.params.iter().rposition(|param| !param.ty.is_optional()).map_or(0, |last| last + 1)
    }
}

impl Field {
    /// Whether a value without it is complete.
    #[must_use]
    pub fn may_be_absent(&self) -> bool {
        self.optional || self.ty.is_optional()
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        match self {
            Shared::Static(shared) => shared,
            Shared::Counted(shared) => shared,
        }
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        match self {
            Shared::Static(shared) => Shared::Static(shared),
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
