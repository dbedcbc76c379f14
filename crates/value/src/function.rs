//! What may be called from the other side: closures, and what they return.

use std::any::Any;
use std::fmt::Display;

use crate::{Data, Param, Params, Shared, Signature};

/// The return type of a function that the other side calls: any [`Data`], or a
/// `Result` of one, whose error's text goes to the caller.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not cross between host and plugins",
    label = "does not cross",
    note = "a struct or an enum crosses with `#[data]` on it; the error of a `Result` is `Display`",
    note = "an `Object` does not cross to a host yet"
)]
pub trait Outcome {
    /// The value in it.
    type Value: Data;

    /// The value, or the error's text.
    ///
    /// # Errors
    /// What the function returned as its error.
    fn outcome(self) -> Result<Self::Value, String>;
}

#[diagnostic::do_not_recommend]
impl<T: Data> Outcome for T {
    type Value = T;

    #[inline]
    fn outcome(self) -> Result<T, String> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Data, E: Display> Outcome for Result<T, E> {
    type Value = T;

    #[inline]
    fn outcome(self) -> Result<T, String> {
        self.map_err(text)
    }
}

/// Apart, so that what calls a function that succeeds is small enough to be inlined.
#[cold]
fn text(error: impl Display) -> String {
    error.to_string()
}

/// What a panic said, for the other side. The payload itself is leaked: its drop could
/// panic again.
#[must_use]
pub fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without text".to_owned(),
    };
    std::mem::forget(panic);
    text
}

/// A closure of up to 8 parameters that the other side may call, from any thread.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no function that the other side may call",
    label = "cannot be called from there",
    note = "it takes up to 8 values that cross, each with its type written out: `|x: f64, name: String| ..`",
    note = "it returns what crosses, or a `Result` of it whose error is `Display`",
    note = "any thread may call it at any time: it is `Fn`, `Send`, `Sync` and `'static`"
)]
pub trait Callable<P: Params>: Send + Sync + 'static {
    /// What it returns.
    type Outcome: Outcome;

    /// Calls it.
    fn invoke(&self, params: P) -> Self::Outcome;

    /// Its signature, without the parameters' names.
    #[must_use]
    fn signature() -> Signature {
        let param = |ty| Param { name: Shared::Static(""), ty: Shared::Static(ty) };
        Signature {
            params: P::TYPES.iter().copied().map(param).collect::<Vec<_>>().into(),
            variadic: false,
            result: Shared::Static(<Self::Outcome as Outcome>::Value::SCHEMA),
        }
    }
}

macro_rules! callables {
    ($($($item:ident)*;)*) => {$(
        impl<Function, Returned, $($item: Data),*> Callable<($($item,)*)> for Function
        where
            Function: Fn($($item),*) -> Returned + Send + Sync + 'static,
            Returned: Outcome,
        {
            type Outcome = Returned;

            #[allow(non_snake_case, reason = "the parameters bear their types' names")]
            fn invoke(&self, ($($item,)*): ($($item,)*)) -> Returned {
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
