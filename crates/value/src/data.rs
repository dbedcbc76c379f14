//! [`Data`]: the Rust types that cross the border.

mod foreign;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::num;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use foreign::{Described, Serde, Undescribed};

use crate::convert::{by_serde, read_by_serde, write_field};
use crate::raw::{Allocate, Link, Raw, RawFields, RawWriter, Scalar};
use crate::{
    Bytes, ConvertError, MapKey, Plain, Shared, Simple, Sink, Straight, Type, Value, View,
};

/// A Rust type that crosses the border: serde moves it, [`Data::SCHEMA`]
/// describes it. `#[data]` on a struct or enum implements all three.
///
/// ```
/// # use twinplug_value::{Data, Value, data};
/// #[data]
/// struct Point { x: f64, label: Option<String> }
///
/// assert_eq!(Point::SCHEMA.to_string(), "Point { x: float, label: string? }");
///
/// #[data]
/// #[derive(Debug, PartialEq)]
/// enum Tree {
///     Leaf,
///     Node { value: i64, next: Vec<Tree> },
/// }
///
/// let text = "Tree('Leaf' | { Node: { value: int, next: list<Tree> } })";
/// assert_eq!(Tree::SCHEMA.to_string(), text);
/// let tree = Tree::Node { value: 1, next: vec![Tree::Leaf] };
/// assert_eq!(Value::of(&tree)?.to::<Tree>()?, tree);
/// # Ok::<(), twinplug_value::ConvertError>(())
/// ```
///
/// serde's attributes hold, and are seen in the schema. Where they give a type another shape
/// than its fields show, `#[data(schema = T)]` says that it is that of `T`, on a field or on
/// the type; without it the schema is `any`. A field of a type that has serde's traits alone
/// has one of these, or is a [`Serde`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not cross between host and plugins",
    label = "does not cross",
    note = "a struct or an enum crosses with `#[data]` on it; `Value` is for any value"
)]
pub trait Data: Serialize + DeserializeOwned {
    /// The type, as descriptors and errors write it.
    const SCHEMA: &'static Type;
    /// A way to the schema that does not look at it: it may be that of what asks.
    #[doc(hidden)]
    const LINK: Link<Type> = Link::new(Self::SCHEMA);
    /// Whether it is a scalar of direct entries.
    #[doc(hidden)]
    const SCALAR: Option<Scalar<Self>> = None;
    /// Whether it, and all that is in it, leaves out a struct's fields that it does not know,
    /// as serde has it unless told otherwise: then they need not be looked for.
    #[doc(hidden)]
    const LEAVES_OUT: bool = false;
    /// How far it crosses without serde.
    #[doc(hidden)]
    const STRAIGHT: Straight = Straight::No;
    /// Whether lists of it are written and read in one go, where the other side can.
    #[doc(hidden)]
    const LISTED: bool = false;

    /// How text becomes one, where it is just that.
    #[doc(hidden)]
    const OF_TEXT: Option<fn(String) -> Self> = None;

    // What follows are no methods, so that no method of the same name stands back behind it.

    /// It as a scalar or text, if it is written as one.
    #[doc(hidden)]
    #[inline(always)]
    fn simple(value: &Self) -> Option<Simple<'_>> {
        Plain::of(value).map(Simple::Plain)
    }

    /// Writes it, as far as it can be without serde.
    #[doc(hidden)]
    #[inline]
    fn straight_write<S: Sink + ?Sized>(value: &Self, sink: &mut S) -> Result<(), ConvertError> {
        by_serde(value, sink)
    }

    /// Writes it as a field of a struct that is written so.
    #[doc(hidden)]
    #[inline(always)]
    fn straight_field<S: Sink + ?Sized>(
        value: &Self,
        name: &'static str,
        sink: &mut S,
    ) -> Result<(), ConvertError> {
        write_field(name, value, sink)
    }

    /// Writes it as a raw value, where it crosses as a whole or as a part.
    #[doc(hidden)]
    #[inline]
    fn straight_raw<'a, M: Allocate + ?Sized>(
        value: &'a Self,
        writer: &RawWriter<'a, M>,
    ) -> Result<Raw<'a>, ConvertError> {
        writer.at_length(value)
    }

    /// Writes it as a field, likewise.
    #[doc(hidden)]
    #[inline(always)]
    fn straight_raw_field<'a, M: Allocate + ?Sized>(
        value: &'a Self,
        name: &'static str,
        fields: &mut RawFields<'a>,
        writer: &RawWriter<'a, M>,
    ) -> Result<(), ConvertError> {
        fields.write(name, value, writer)
    }

    /// Reads it, likewise; `None` where serde knows better.
    #[doc(hidden)]
    #[inline]
    fn straight_read<V: View>(view: V) -> Option<Self> {
        read_by_serde(view).ok()
    }

    /// Writes a list of them.
    #[doc(hidden)]
    #[inline]
    fn list_write<S: Sink + ?Sized>(items: &[Self], sink: &mut S) -> Result<(), ConvertError> {
        by_serde(items, sink)
    }

    /// Reads one in one go; `None` where it is read one by one.
    #[doc(hidden)]
    #[inline]
    fn list_read<V: View>(_view: V) -> Option<Vec<Self>> {
        None
    }

    /// What it is as a field that is not there; `None` where serde knows better.
    #[doc(hidden)]
    #[inline]
    fn straight_absent() -> Option<Self> {
        None
    }
}

macro_rules! data {
    ($straight:ident: $($type:ty => $schema:ident $($scalar:ident)?),* $(,)?) => {$(
        impl Data for $type {
            const SCHEMA: &'static Type = &Type::$schema;
            $(const SCALAR: Option<Scalar<Self>> = Some(Scalar::$scalar);)?
            const LEAVES_OUT: bool = true;
            const STRAIGHT: Straight = Straight::$straight;
        }
    )*};
}
data!(No: Value => Any, MapKey => Any);
data! {
    Part: () => Null NOTHING, bool => Bool BOOL,
    char => Str, Bytes => Bytes,
    i128 => Int, u128 => Int,
    num::NonZeroI8 => Int, num::NonZeroI16 => Int, num::NonZeroI32 => Int, num::NonZeroI64 => Int,
    num::NonZeroU8 => Int, num::NonZeroU16 => Int, num::NonZeroU32 => Int, num::NonZeroU64 => Int,
    Box<str> => Str, Arc<str> => Str,
}

macro_rules! listed {
    ($($type:ty => $schema:ident $scalar:ident $list:ident),* $(,)?) => {$(
        impl Data for $type {
            const SCHEMA: &'static Type = &Type::$schema;
            const SCALAR: Option<Scalar<Self>> = Some(Scalar::$scalar);
            const LEAVES_OUT: bool = true;
            const STRAIGHT: Straight = Straight::Part;
            const LISTED: bool = true;

            #[inline]
            fn list_write<S: Sink + ?Sized>(items: &[Self], sink: &mut S) -> Result<(), ConvertError> {
                sink.$list(items)
            }

            #[inline]
            fn list_read<V: View>(view: V) -> Option<Vec<Self>> {
                view.$list()
            }
        }
    )*};
}
listed! { i64 => Int INT ints, f64 => Float FLOAT floats }

macro_rules! numbers {
    ($($type:ident => $schema:ident $wide:ty),* $(,)?) => {$(
        impl Data for $type {
            const SCHEMA: &'static Type = &Type::$schema;
            const LEAVES_OUT: bool = true;
            const STRAIGHT: Straight = Straight::Part;

            #[inline(always)]
            fn simple(value: &Self) -> Option<Simple<'_>> {
                <$wide>::try_from(*value).ok().map(|wide| Simple::Plain(Plain::$schema(wide)))
            }

            #[inline(always)]
            fn straight_raw<'a, M: Allocate + ?Sized>(
                value: &'a Self,
                writer: &RawWriter<'a, M>,
            ) -> Result<Raw<'a>, ConvertError> {
                match <$wide>::try_from(*value) {
                    Ok(wide) => Ok(writer.number(wide)),
                    Err(_) => writer.at_length(value),
                }
            }
        }
    )*};
}
numbers! {
    i8 => Int i64, i16 => Int i64, i32 => Int i64, isize => Int i64,
    u8 => Int i64, u16 => Int i64, u32 => Int i64, u64 => Int i64, usize => Int i64,
    f32 => Float f64,
}

impl Data for String {
    const SCHEMA: &'static Type = &Type::Str;
    const LEAVES_OUT: bool = true;
    const STRAIGHT: Straight = Straight::Part;
    const OF_TEXT: Option<fn(String) -> Self> = Some(|text| text);

    #[inline(always)]
    fn simple(value: &Self) -> Option<Simple<'_>> {
        Some(Simple::Text(value))
    }

    #[inline]
    fn straight_write<S: Sink + ?Sized>(value: &Self, sink: &mut S) -> Result<(), ConvertError> {
        sink.str(value)
    }

    #[inline]
    fn straight_raw<'a, M: Allocate + ?Sized>(
        value: &'a Self,
        writer: &RawWriter<'a, M>,
    ) -> Result<Raw<'a>, ConvertError> {
        writer.text(value)
    }

    #[inline]
    fn straight_read<V: View>(view: V) -> Option<Self> {
        view.text().map(str::to_owned)
    }
}

impl<T: Data> Data for Option<T> {
    const SCHEMA: &'static Type = &Type::Optional(Shared::Linked(T::LINK));
    const LEAVES_OUT: bool = T::LEAVES_OUT;
    const STRAIGHT: Straight = T::STRAIGHT.part();

    #[inline(always)]
    fn simple(value: &Self) -> Option<Simple<'_>> {
        value.as_ref().map_or(Some(Simple::Plain(Plain::Null)), T::simple)
    }

    #[inline]
    fn straight_field<S: Sink + ?Sized>(
        value: &Self,
        name: &'static str,
        sink: &mut S,
    ) -> Result<(), ConvertError> {
        value.as_ref().map_or(Ok(()), |value| T::straight_field(value, name, sink))
    }

    #[inline]
    fn straight_raw<'a, M: Allocate + ?Sized>(
        value: &'a Self,
        writer: &RawWriter<'a, M>,
    ) -> Result<Raw<'a>, ConvertError> {
        value.as_ref().map_or(Ok(writer.null()), |value| writer.value(value))
    }

    #[inline]
    fn straight_raw_field<'a, M: Allocate + ?Sized>(
        value: &'a Self,
        name: &'static str,
        fields: &mut RawFields<'a>,
        writer: &RawWriter<'a, M>,
    ) -> Result<(), ConvertError> {
        value.as_ref().map_or(Ok(()), |value| T::straight_raw_field(value, name, fields, writer))
    }

    #[inline]
    fn straight_absent() -> Option<Self> {
        Some(None)
    }
}

macro_rules! pointers {
    ($($pointer:ident)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: Data> Data for $pointer<T> {
            const SCHEMA: &'static Type = T::SCHEMA;
            const LINK: Link<Type> = T::LINK;
            const LEAVES_OUT: bool = T::LEAVES_OUT;
        }
    )*};
}
pointers!(Box Arc);

#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned: Data> + Serialize + ?Sized> Data for Cow<'static, T> {
    const SCHEMA: &'static Type = T::Owned::SCHEMA;
    const LINK: Link<Type> = T::Owned::LINK;
    const LEAVES_OUT: bool = T::Owned::LEAVES_OUT;
}

macro_rules! lists {
    ($($list:ident<T $(: $bound:path)?>)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: Data $(+ $bound)?> Data for $list<T> {
            const SCHEMA: &'static Type = &Type::List(Shared::Linked(T::LINK));
            const LEAVES_OUT: bool = T::LEAVES_OUT;
        }
    )*};
}
lists!(VecDeque<T> BTreeSet<T: Ord>);

#[diagnostic::do_not_recommend]
impl<T: Data> Data for Vec<T> {
    const SCHEMA: &'static Type = &Type::List(Shared::Linked(T::LINK));
    const LEAVES_OUT: bool = T::LEAVES_OUT;
    // How `T` crosses is not asked: a struct may have a list of itself.
    const STRAIGHT: Straight = if T::LISTED { Straight::Whole } else { Straight::No };

    #[inline]
    fn straight_write<S: Sink + ?Sized>(value: &Self, sink: &mut S) -> Result<(), ConvertError> {
        T::list_write(value, sink)
    }

    #[inline]
    fn straight_read<V: View>(view: V) -> Option<Self> {
        let mut view = view;
        T::list_read(view.again()).or_else(|| read_by_serde(view).ok())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Data + Eq + Hash, S: BuildHasher + Default> Data for HashSet<T, S> {
    const SCHEMA: &'static Type = &Type::List(Shared::Linked(T::LINK));
    const LEAVES_OUT: bool = T::LEAVES_OUT;
}

#[diagnostic::do_not_recommend]
impl<K: Data + Eq + Hash, V: Data, S: BuildHasher + Default> Data for HashMap<K, V, S> {
    const SCHEMA: &'static Type = &Type::Map(Shared::Linked(V::LINK));
    const LEAVES_OUT: bool = K::LEAVES_OUT && V::LEAVES_OUT;
}

#[diagnostic::do_not_recommend]
impl<K: Data + Ord, V: Data> Data for BTreeMap<K, V> {
    const SCHEMA: &'static Type = &Type::Map(Shared::Linked(V::LINK));
    const LEAVES_OUT: bool = K::LEAVES_OUT && V::LEAVES_OUT;
}

macro_rules! arrays {
    ($($length:literal)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: Data> Data for [T; $length] {
            const SCHEMA: &'static Type = &Type::List(Shared::Linked(T::LINK));
            const LEAVES_OUT: bool = T::LEAVES_OUT;
        }
    )*};
}
// serde implements its traits for just these lengths.
arrays!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);

macro_rules! tuples {
    ($($($item:ident)+;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($item: Data),+> Data for ($($item,)+) {
            const SCHEMA: &'static Type =
                &Type::Tuple(Shared::Static(&[$(Shared::Linked($item::LINK)),+]));
            const LEAVES_OUT: bool = $($item::LEAVES_OUT)&&+;
        }
    )*};
}
tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}
