//! The parameters of an exported function, and its arguments read.

use twinplug_abi::{self as abi, Call};
use twinplug_value::raw::{RawValues, RawView, scalar_of_value};
use twinplug_value::{ConvertError, Data, Params, Type, from_view};

/// A parameter of the function that a type stands for, by its place.
pub trait Parameter<const INDEX: usize> {
    /// What is read.
    type Type: Data;
    /// Its name, for the signature.
    const NAME: &'static str;
}

/// How many parameters a function has, at most 8; each is a [`Parameter`] of it.
pub struct Arity<const COUNT: usize>;

/// The parameters of `F`; implemented by [`Arity`].
pub trait Parameters<F> {
    /// What is read, as a tuple.
    type Values;
    /// Their types.
    const TYPES: &'static [&'static Type];
    /// Their names.
    const NAMES: &'static [&'static str];

    /// Reads a call's arguments; those that it does not have are null.
    ///
    /// # Errors
    /// One is of another type; the message says which.
    fn read(args: &Arguments<'_>) -> Result<Self::Values, ConvertError>;
}

/// The arguments of a call.
pub struct Arguments<'c> {
    values: &'c [abi::Value],
}

impl<'c> Arguments<'c> {
    /// # Safety
    /// `args` is null with a `count` of 0, or leads to `count` values that follow the
    /// ABI, all of it unchanged while `'c` lasts.
    pub(super) unsafe fn new(args: *const abi::Value, count: u32) -> Self {
        let values = match count {
            0 => &[],
            // SAFETY: the caller's promise.
            count => unsafe { std::slice::from_raw_parts(args, count as usize) },
        };
        Arguments { values }
    }

    /// # Safety
    /// The call's entry has not returned; the host made the call as the ABI says.
    pub(super) unsafe fn of(call: &'c Call) -> Self {
        // SAFETY: the ABI says that `args` are `count` values, borrowed until the
        // entry returns.
        unsafe { Arguments::new(call.args, call.count) }
    }

    #[inline(always)]
    fn at<T: Data>(&self, index: usize) -> Result<T, ConvertError> {
        let value = self.values.get(index).unwrap_or(&abi::Value::NULL);
        if let Some(scalar) = scalar_of_value(value) {
            return Ok(scalar);
        }
        // SAFETY: the values follow the ABI while `self` lives, by the promise to `new`.
        from_view(unsafe { RawView::new(value) })
    }

    #[inline(always)]
    fn one<T: Data>(&self, index: usize, name: &str) -> Result<T, ConvertError> {
        self.at(index).map_err(|error| named(error, name))
    }

    /// All of them as a tuple, for what names no parameters.
    pub(super) fn all<P: Params>(&self) -> Result<P, ConvertError> {
        // SAFETY: the values follow the ABI while `self` lives, by the promise to `new`.
        P::read(unsafe { RawValues::new(self.values) })
    }

    /// The one value that a variable is set to.
    pub(super) fn value<T: Data>(&self) -> Result<T, ConvertError> {
        self.at(0)
    }
}

#[cold]
fn named(error: ConvertError, name: &str) -> ConvertError {
    error.of(format!("argument `{name}`"))
}

macro_rules! arities {
    ($($count:literal: $($index:literal)*;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<F> Parameters<F> for Arity<$count>
        where
            $(F: Parameter<$index>,)*
        {
            type Values = ($(<F as Parameter<$index>>::Type,)*);
            const TYPES: &'static [&'static Type] =
                &[$(<F as Parameter<$index>>::Type::SCHEMA),*];
            const NAMES: &'static [&'static str] = &[$(<F as Parameter<$index>>::NAME),*];

            #[inline(always)]
            #[allow(unused_variables, clippy::unused_unit, reason = "there may be none to read")]
            fn read(args: &Arguments<'_>) -> Result<Self::Values, ConvertError> {
                Ok(($({
                    let name = <F as Parameter<$index>>::NAME;
                    args.one::<<F as Parameter<$index>>::Type>($index, name)?
                },)*))
            }
        }
    )*};
}
arities! {
    0: ;
    1: 0;
    2: 0 1;
    3: 0 1 2;
    4: 0 1 2 3;
    5: 0 1 2 3 4;
    6: 0 1 2 3 4 5;
    7: 0 1 2 3 4 5 6;
    8: 0 1 2 3 4 5 6 7;
}
