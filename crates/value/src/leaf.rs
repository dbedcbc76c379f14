//! [`LeafFunction`]: closures that compiled code may call by their C type.

use crate::raw::LeafEntry;
use crate::{Callable, Data, Params};

/// A closure of up to 8 numbers and booleans, with such a result or none, that compiled code
/// may call as the function that it is. It calls nothing of the host and waits for nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no leaf function",
    label = "cannot be called by its C type",
    note = "it takes up to 8 values of `i64`, `f64` and `bool`, each with its type written out: `|x: f64, by: f64| ..`",
    note = "it returns one of these, `()`, or a `Result` of them whose error is `Display`",
    note = "any thread may call it at any time: it is `Fn`, `Send`, `Sync` and `'static`",
    note = "others are for `HostBuilder::function`"
)]
pub trait LeafFunction<P: Params>: Callable<P> {
    /// How it is called. Memory safety rests on it: nobody but this crate can make one.
    #[doc(hidden)]
    fn entry() -> LeafEntry<Self>
    where
        Self: Sized;
}

/// What a leaf function may take: `i64`, `f64`, `bool`.
#[diagnostic::on_unimplemented(
    message = "a leaf function takes `i64`, `f64` and `bool`, and not `{Self}`",
    label = "has no C type here",
    note = "others are for `HostBuilder::function`"
)]
pub trait LeafParam: Data + sealed::Scalar {}

/// What a leaf function may return: `i64`, `f64`, `bool`, `()`.
#[diagnostic::on_unimplemented(
    message = "a leaf function returns `i64`, `f64`, `bool` or `()`, and not `{Self}`",
    label = "has no C type here",
    note = "others are for `HostBuilder::function`"
)]
pub trait LeafResult: Data + sealed::Scalar {}

impl LeafParam for i64 {}
impl LeafParam for f64 {}
impl LeafParam for bool {}

impl<T: LeafParam> LeafResult for T {}
impl LeafResult for () {}

/// Who calls by C type goes by these types being what they are.
pub(crate) mod sealed {
    pub trait Scalar: Copy {
        /// What is returned of it: an integer is so as a float, which is what its caller has.
        type Returned: Copy;
        /// What is returned where there is no result.
        const NOTHING: Self::Returned;

        /// It, to be returned. A float that is no number is the one that all of these are to
        /// LuaJIT: of some other bits it would make another value, at any address.
        ///
        /// # Errors
        /// An integer that a float may not be: of 2^53 and above, or below -2^53.
        fn returned(self) -> Result<Self::Returned, i64>;
    }

    const NAN: f64 = f64::from_bits(0xfff8 << 48);

    macro_rules! scalars {
        ($($type:ty, $returned:ty: $nothing:expr, $value:ident => $answer:expr;)*) => {$(
            impl Scalar for $type {
                type Returned = $returned;
                const NOTHING: $returned = $nothing;

                #[inline(always)]
                fn returned(self) -> Result<$returned, i64> {
                    let $value = self;
                    $answer
                }
            }
        )*};
    }
    scalars! {
        // Three instructions say that it fits, where both bounds would take as much as the call.
        i64, f64: 0.0, int => if ((int >> 53) + 1) as u64 > 1 { Err(int) } else { Ok(int as f64) };
        f64, f64: 0.0, float => Ok(if float.is_nan() { NAN } else { float });
        bool, bool: false, on => Ok(on);
        (), (): (), nothing => Ok(nothing);
    }
}
