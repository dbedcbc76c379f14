//! What may be called from the other side: closures, and what they return.

mod others;

use std::any::Any;
use std::fmt::{self, Display};

use crate::{Data, Param, Params, Shared, Signature};
pub use others::{AsyncCallable, CallableWith};

/// The return type of a function that the other side calls: any [`Data`], or a
/// `Result` of one, whose error goes to the caller: its text, and what the caller's side
/// knows in it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not cross between host and plugins",
    label = "does not cross",
    note = "a struct or an enum crosses with `#[data]` on it; the error of a `Result` is `Display`"
)]
pub trait Outcome {
    /// The value in it.
    type Value: Data;

    /// The value in it, or why there is none.
    ///
    /// # Errors
    /// What the function returned as its error.
    fn outcome(self) -> Result<Self::Value, Fault>;
}

#[diagnostic::do_not_recommend]
impl<T: Data> Outcome for T {
    type Value = T;

    #[inline]
    fn outcome(self) -> Result<T, Fault> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Data, E: Display + 'static> Outcome for Result<T, E> {
    type Value = T;

    #[inline]
    fn outcome(self) -> Result<T, Fault> {
        self.map_err(Fault::new)
    }
}

/// The error that a function returned: its text, and the error itself, for who knows its
/// type.
pub struct Fault {
    text: String,
    error: Box<dyn Any>,
}

impl Fault {
    /// Apart, so that what calls a function that succeeds is small enough to be inlined.
    #[cold]
    fn new(error: impl Display + 'static) -> Self {
        Fault { text: error.to_string(), error: Box::new(error) }
    }

    /// Its text.
    #[must_use]
    #[cold]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Its text, and the error as the function returned it.
    #[must_use]
    pub fn into_parts(self) -> (String, Box<dyn Any>) {
        (self.text, self.error)
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fault").field(&self.text).finish()
    }
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
        signature::<P, Self::Outcome>()
    }
}

/// The signature of a function with these parameters and that outcome.
fn signature<P: Params, O: Outcome>() -> Signature {
    let param = |ty| Param { name: Shared::Static(""), ty: Shared::Static(ty) };
    Signature {
        params: P::TYPES.iter().copied().map(param).collect::<Vec<_>>().into(),
        variadic: false,
        result: Shared::Static(O::Value::SCHEMA),
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
