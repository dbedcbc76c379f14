//! Closures that are called in another way: with something that is lent to them first, or with a
//! future as their answer.

use std::future::Future;

use super::{Outcome, signature};
use crate::{Data, Params, Signature};

/// A closure whose first parameter is a `&mut T` that is lent to it, and which plugins call with
/// up to 8 arguments for the others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no function that plugins may call with a `{T}` lent to it",
    label = "cannot be called so",
    note = "its first parameter is what is lent, with its type written out: `|world: &mut World, x: f64| ..`",
    note = "up to 8 values that cross come after it, each with its type written out",
    note = "it returns what crosses, or a `Result` of it whose error is `Display`"
)]
pub trait CallableWith<T, P: Params>: Send + Sync + 'static {
    /// What it returns.
    type Outcome: Outcome;

    /// Calls it.
    fn invoke(&self, lent: &mut T, params: P) -> Self::Outcome;

    /// Its signature for plugins, which do not see what is lent.
    #[must_use]
    fn signature() -> Signature {
        signature::<P, Self::Outcome>()
    }
}

/// A closure of up to 8 parameters that answers with a future.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no asynchronous function that the other side may call",
    label = "cannot be called from there",
    note = "it takes up to 8 values that cross, and returns a future: `|name: String| async move {{ .. }}`",
    note = "the future is `Send` and `'static`; what it gives crosses, or is a `Result` of it whose error is `Display`"
)]
pub trait AsyncCallable<P: Params>: Send + Sync + 'static {
    /// What the future gives.
    type Outcome: Outcome;
    /// The future.
    type Answer: Future<Output = Self::Outcome> + Send + 'static;

    /// Calls it.
    fn invoke(&self, params: P) -> Self::Answer;

    /// Its signature, without the parameters' names.
    #[must_use]
    fn signature() -> Signature {
        signature::<P, Self::Outcome>()
    }
}

macro_rules! callables {
    ($($($item:ident)*;)*) => {$(
        impl<Function, Lent, Returned, $($item: Data),*> CallableWith<Lent, ($($item,)*)> for Function
        where
            Function: Fn(&mut Lent, $($item),*) -> Returned + Send + Sync + 'static,
            Returned: Outcome,
        {
            type Outcome = Returned;

            #[allow(non_snake_case, reason = "the parameters bear their types' names")]
            fn invoke(&self, lent: &mut Lent, ($($item,)*): ($($item,)*)) -> Returned {
                self(lent, $($item),*)
            }
        }

        impl<Function, Answer, $($item: Data),*> AsyncCallable<($($item,)*)> for Function
        where
            Function: Fn($($item),*) -> Answer + Send + Sync + 'static,
            Answer: Future + Send + 'static,
            Answer::Output: Outcome,
        {
            type Outcome = Answer::Output;
            type Answer = Answer;

            #[allow(non_snake_case, reason = "the parameters bear their types' names")]
            fn invoke(&self, ($($item,)*): ($($item,)*)) -> Answer {
                self($($item),*)
            }
        }
    )*};
}
callables! {
    ;
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}
