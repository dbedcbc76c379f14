//! The arguments of a call: what a caller writes, what a function reads.

use serde::Serialize;

use crate::raw::{Direct, Entry, Failed, Scalar};
use crate::{ConvertError, Data, Sink, Source, TreeSource, Type, Value, from_source, to_sink};

/// What may stand as one argument of a call: any [`Data`], and `&str`.
pub trait Argument: Serialize + Sized {
    /// The argument's type.
    const SCHEMA: &'static Type;
    /// Whether it is a scalar of direct entries.
    #[doc(hidden)]
    const SCALAR: Option<Scalar<Self>> = None;
}

impl<T: Data> Argument for T {
    const SCHEMA: &'static Type = T::SCHEMA;
    const SCALAR: Option<Scalar<Self>> = T::SCALAR;
}

impl Argument for &str {
    const SCHEMA: &'static Type = &Type::Str;
}

/// The arguments that a caller passes: a tuple of up to 8, `()` for none.
pub trait Args: Sized {
    /// Their types.
    const TYPES: &'static [&'static Type];

    /// Writes them, one after the other.
    ///
    /// # Errors
    /// As [`to_sink`]; the message names the argument.
    fn write<S: Sink + ?Sized>(&self, sink: &mut S) -> Result<(), ConvertError>;

    /// They as values.
    ///
    /// # Errors
    /// As [`to_sink`]; the message names the argument.
    fn to_values(&self) -> Result<Vec<Value>, ConvertError>;

    /// Calls a direct entry, if it is one for just these arguments and this result; else
    /// gives the arguments back.
    #[doc(hidden)]
    fn call_direct<R: Data>(self, _: &Entry) -> Result<Result<R, Failed>, Self> {
        Err(self)
    }
}

/// The parameters that a function takes: a tuple of up to 8, `()` for none.
pub trait Params: Sized {
    /// Their types.
    const TYPES: &'static [&'static Type];

    /// Reads them from a list; those that it does not have are null.
    ///
    /// # Errors
    /// As [`from_source`]; the message names the argument.
    fn read<S: Source + ?Sized>(source: &mut S) -> Result<Self, ConvertError>;
}

fn write<T: Argument, S: Sink + ?Sized>(
    value: &T,
    index: usize,
    sink: &mut S,
) -> Result<(), ConvertError> {
    to_sink(value, sink).map_err(|error| numbered(error, index))
}

fn read<T: Data, S: Source + ?Sized>(source: &mut S, index: usize) -> Result<T, ConvertError> {
    let read = match source.next()? {
        true => from_source(source),
        false => from_source(&mut TreeSource::new(&Value::Null)),
    };
    read.map_err(|error| numbered(error, index))
}

fn numbered(error: ConvertError, index: usize) -> ConvertError {
    error.of(format!("argument {}", index + 1))
}

macro_rules! tuples {
    ($($($item:ident $index:tt)*;)*) => {$(
        impl<$($item: Argument),*> Args for ($($item,)*) {
            const TYPES: &'static [&'static Type] = &[$($item::SCHEMA),*];

            #[allow(unused_variables, reason = "no arguments, nothing to write")]
            fn write<Into: Sink + ?Sized>(&self, sink: &mut Into) -> Result<(), ConvertError> {
                $(write(&self.$index, $index, sink)?;)*
                Ok(())
            }

            fn to_values(&self) -> Result<Vec<Value>, ConvertError> {
                Ok(vec![$(Value::of(&self.$index).map_err(|error| numbered(error, $index))?),*])
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

            #[allow(clippy::unused_unit, reason = "no parameters, nothing to read")]
            fn read<From: Source + ?Sized>(source: &mut From) -> Result<Self, ConvertError> {
                if source.enter_list()?.is_none() {
                    return Err(ConvertError::expected(&"arguments", source.kind()));
                }
                let items = items(source);
                source.leave();
                return items;

                #[allow(unused_variables, reason = "no parameters, nothing to read")]
                fn items<$($item: Data,)* From: Source + ?Sized>(
                    source: &mut From,
                ) -> Result<($($item,)*), ConvertError> {
                    Ok(($(read::<$item, From>(source, $index)?,)*))
                }
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
