//! The arguments of a call: what a caller writes, what a function reads.

use serde::Serialize;

use crate::raw::{Allocate, Direct, Entry, Failed, RawSink, Scalar};
use crate::{
    Children, ConvertError, Data, Plain, ScalarKind, Simple, Sink, TreeSource, Type, Value, View,
    from_view, to_sink,
};

/// What may stand as one argument of a call: any [`Data`], `&str`, and `&[T]` for a list.
/// (So `&[u8]` is a list of numbers; [`Bytes`](crate::Bytes) are bytes.)
pub trait Argument: Serialize + Sized {
    /// The argument's type.
    const SCHEMA: &'static Type;
    /// Whether it is a scalar of direct entries.
    #[doc(hidden)]
    const SCALAR: Option<Scalar<Self>> = None;

    /// It as a scalar or text, if it is written as one.
    #[doc(hidden)]
    #[inline(always)]
    fn simple_of(_: &Self) -> Option<Simple<'_>> {
        None
    }

    /// Writes it.
    #[doc(hidden)]
    #[inline]
    fn straight_write_to<S: Sink + ?Sized>(value: &Self, sink: &mut S) -> Result<(), ConvertError> {
        to_sink(value, sink)
    }

    /// The same as a raw value, which may point to what is written.
    #[doc(hidden)]
    #[inline]
    fn lend_to<'a, M: Allocate + ?Sized>(
        value: &'a Self,
        sink: &mut RawSink<'a, M>,
    ) -> Result<(), ConvertError> {
        to_sink(value, sink)
    }
}

impl<T: Data> Argument for T {
    const SCHEMA: &'static Type = T::SCHEMA;
    const SCALAR: Option<Scalar<Self>> = T::SCALAR;

    #[inline(always)]
    fn simple_of(value: &Self) -> Option<Simple<'_>> {
        T::simple(value)
    }

    #[inline]
    fn straight_write_to<S: Sink + ?Sized>(value: &Self, sink: &mut S) -> Result<(), ConvertError> {
        crate::write(value, sink)
    }

    #[inline]
    fn lend_to<'a, M: Allocate + ?Sized>(
        value: &'a Self,
        sink: &mut RawSink<'a, M>,
    ) -> Result<(), ConvertError> {
        sink.lend(value)
    }
}

impl Argument for &str {
    const SCHEMA: &'static Type = &Type::Str;

    #[inline(always)]
    fn simple_of(value: &Self) -> Option<Simple<'_>> {
        Some(Simple::Text(value))
    }

    #[inline]
    fn lend_to<'a, M: Allocate + ?Sized>(
        value: &'a Self,
        sink: &mut RawSink<'a, M>,
    ) -> Result<(), ConvertError> {
        sink.lend_text(value)
    }
}

impl<T: Data> Argument for &[T] {
    const SCHEMA: &'static Type = <Vec<T> as Data>::SCHEMA;

    #[inline]
    fn straight_write_to<S: Sink + ?Sized>(value: &Self, sink: &mut S) -> Result<(), ConvertError> {
        T::list_write(value, sink)
    }
}

/// The arguments that a caller passes: a tuple of up to 8, `()` for none.
pub trait Args: Sized {
    /// Their types.
    const TYPES: &'static [&'static Type];

    /// Writes them, one after the other.
    ///
    /// # Errors
    /// What [`Value::of`] refuses; the message names the argument.
    fn write<S: Sink + ?Sized>(&self, sink: &mut S) -> Result<(), ConvertError>;

    /// Writes them as raw values, which may point to them.
    ///
    /// # Errors
    /// As [`write`](Args::write).
    #[doc(hidden)]
    fn lend<'a, M: Allocate + ?Sized>(
        &'a self,
        sink: &mut RawSink<'a, M>,
    ) -> Result<(), ConvertError> {
        self.write(sink)
    }

    /// They as values.
    ///
    /// # Errors
    /// What [`Value::of`] refuses; the message names the argument.
    fn to_values(&self) -> Result<Vec<Value>, ConvertError>;

    /// Passes them on as plain values, if they are all scalars.
    #[doc(hidden)]
    fn as_scalars<O>(&self, _: impl FnOnce(&[Plain]) -> O) -> Option<O> {
        None
    }

    /// Passes them on as scalars and text, if they are all written as such.
    #[doc(hidden)]
    fn as_simple<O>(&self, _: impl FnOnce(&[Simple<'_>]) -> O) -> Option<O> {
        None
    }

    /// Calls a direct entry, if it is one for just these arguments and this result; else
    /// gives the arguments back.
    #[doc(hidden)]
    fn call_direct<R: Data>(self, _: &Entry) -> Result<Result<R, Failed>, Self> {
        Err(self)
    }
}

/// As many parameters a function has at most.
pub const MAX_PARAMETERS: usize = 8;

/// The parameters that a function takes: a tuple of up to 8, `()` for none.
pub trait Params: Sized {
    /// Their types.
    const TYPES: &'static [&'static Type];

    /// Reads them from a list; those that it does not have are null.
    ///
    /// # Errors
    /// As [`from_view`]; the message names the argument.
    fn read<V: View>(list: V) -> Result<Self, ConvertError> {
        Self::read_named(list, &[])
    }

    /// The same, of parameters with these names.
    ///
    /// # Errors
    /// As [`Params::read`].
    #[doc(hidden)]
    fn read_named<V: View>(list: V, names: &[&str]) -> Result<Self, ConvertError>;

    /// Takes them from their [bits](Plain::from_bits), which `bits` gives of each, by its index and
    /// its kind; `None` where it does not, or one is no scalar.
    #[doc(hidden)]
    fn from_bits(_bits: impl FnMut(usize, ScalarKind) -> Option<u64>) -> Option<Self> {
        None
    }
}

#[inline]
fn write<T: Argument, S: Sink + ?Sized>(
    value: &T,
    index: usize,
    sink: &mut S,
) -> Result<(), ConvertError> {
    T::straight_write_to(value, sink).map_err(|error| numbered(error, index))
}

#[inline]
fn read<T: Data>(
    items: &mut impl Children,
    index: usize,
    names: &[&str],
) -> Result<T, ConvertError> {
    let read = match items.advance()? {
        true => from_view(items.child()),
        false => from_view(&mut TreeSource::new(&Value::Null)),
    };
    read.map_err(|error| match names.get(index) {
        Some(name) => error.of(format!("argument `{name}`")),
        None => numbered(error, index),
    })
}

fn numbered(error: ConvertError, index: usize) -> ConvertError {
    error.of(format!("argument {}", index + 1))
}

macro_rules! tuples {
    ($($($item:ident $index:tt)*;)*) => {$(
        impl<$($item: Argument),*> Args for ($($item,)*) {
            const TYPES: &'static [&'static Type] = &[$($item::SCHEMA),*];

            #[allow(unused_variables, reason = "no arguments, nothing to write")]
            #[inline]
            fn write<Into: Sink + ?Sized>(&self, sink: &mut Into) -> Result<(), ConvertError> {
                $(write(&self.$index, $index, sink)?;)*
                Ok(())
            }

            #[allow(unused_variables, reason = "no arguments, nothing to write")]
            #[inline]
            fn lend<'a, Memory: Allocate + ?Sized>(
                &'a self,
                sink: &mut RawSink<'a, Memory>,
            ) -> Result<(), ConvertError> {
                $(
                    $item::lend_to(&self.$index, sink).map_err(|error| numbered(error, $index))?;
                )*
                Ok(())
            }

            fn to_values(&self) -> Result<Vec<Value>, ConvertError> {
                Ok(vec![$(Value::of(&self.$index).map_err(|error| numbered(error, $index))?),*])
            }

            #[inline(always)]
            fn as_scalars<O>(&self, used: impl FnOnce(&[Plain]) -> O) -> Option<O> {
                Some(used(&[$(Plain::of(&self.$index)?),*]))
            }

            #[inline(always)]
            fn as_simple<O>(&self, used: impl FnOnce(&[Simple<'_>]) -> O) -> Option<O> {
                Some(used(&[$(Argument::simple_of(&self.$index)?),*]))
            }

            #[inline]
            fn call_direct<Returned: Data>(
                self,
                entry: &Entry,
            ) -> Result<Result<Returned, Failed>, Self> {
                Direct::call(self, entry)
            }
        }

        impl<$($item: Data),*> Params for ($($item,)*) {
            const TYPES: &'static [&'static Type] = &[$($item::SCHEMA),*];

            #[inline]
            #[allow(unused_variables, unused_mut, reason = "no parameters, nothing to read")]
            #[allow(clippy::unused_unit, reason = "as above")]
            fn read_named<From: View>(list: From, names: &[&str]) -> Result<Self, ConvertError> {
                let mut items =
                    list.list()?.map_err(|kind| ConvertError::expected(&"arguments", kind))?;
                Ok(($(read::<$item>(&mut items, $index, names)?,)*))
            }

            #[inline(always)]
            #[allow(unused_variables, unused_mut, reason = "no parameters, nothing to take")]
            #[allow(clippy::unused_unit, reason = "as above")]
            fn from_bits(
                mut bits: impl FnMut(usize, ScalarKind) -> Option<u64>,
            ) -> Option<Self> {
                Some(($({
                    let kind = const { ScalarKind::of($item::SCHEMA) }?;
                    Plain::from_bits::<$item>(bits($index, kind)?)?
                },)*))
            }
        }
    )*};
}
tuples! {
    ;
    A 0;
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6;
    A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7;
}
