//! Types of values, as descriptors, errors and `inspect` write them.
//!
//! A [`Type`] is either made by the compiler, as the schema of a Rust type, and
//! then all static, or read from text at run time, and then counted.

mod accept;
mod coerce;
mod compare;
mod flat;
mod holds;
mod item;
mod parse;
mod scope;
mod shared;
mod signature;
mod text;

use crate::Element;
pub use accept::Fit;
pub use flat::{are_structs, is_same};
pub use item::{Choice, Field, Struct};
pub use parse::ParseTypeError;
pub use shared::Shared;
pub use text::{LONGEST_TEXT, MOST_LEVELS, is_word};

/// The type of a value.
///
/// ```
/// # use twinplug_value::Type;
/// let ty: Type = "PluginData { name: string, age: int, tel: string? }".parse()?;
/// assert_eq!(ty.to_string(), "PluginData { name: string, age: int, tel: string? }");
///
/// let ty: Type = "Shape('Point' | { Round: float } | { Corners: list<float> })".parse()?;
/// assert_eq!(ty.coerce("Point".into()), Ok("Point".into()));
/// let error = ty.coerce("Square".into()).unwrap_err();
/// assert_eq!(error.to_string(), format!("expected {ty}, got `Square`"));
/// # Ok::<(), twinplug_value::ParseTypeError>(())
/// ```
#[derive(Clone)]
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
    /// `function`: its parameters are checked as it is called.
    Func,
    /// `object`: its methods are checked as they are called.
    Object,
    /// `buffer<f64>`; `buffer` of whatever elements.
    Buffer(Option<Element>),
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
    /// `Name`: the struct or choice of that name that this stands in.
    Named(Shared<str>),
    /// `'text'`: just this text, which holds no `'`.
    Literal(Shared<str>),
    /// `Name(T | U)`: a value of one of these.
    Choice(Choice),
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

impl Type {
    /// Whether a value of this type may be left out.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        match self {
            Type::Optional(_) | Type::Any | Type::Null => true,
            Type::Choice(choice) => {
                choice.variants.iter().any(|variant| matches!(**variant, Type::Null))
            }
            _ => false,
        }
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
