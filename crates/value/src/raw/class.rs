//! What `#[object]` is written over: the methods of a Rust type.

use std::ffi::{CStr, CString};
use std::fmt::Write;

use super::object::Methods;
use super::{CallError, CallFault, RawSink, RawValues};
use crate::convert::to_sink;
use crate::{Data, Outcome, Param, Params, Shared, Signature};

/// A type whose values are objects; `#[object]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of objects",
    label = "has no methods for the other side",
    note = "put `#[object]` on its `impl` block"
)]
pub trait Class: Send + Sync + Sized + 'static {
    /// Its name and methods: made once, the same each time.
    fn table() -> &'static ClassTable<Self>;
}

/// The methods of a type, made one after the other:
///
/// ```
/// use std::sync::OnceLock;
/// use twinplug_value::raw::{Class, ClassTable};
/// use twinplug_value::Object;
///
/// struct Door(i64);
///
/// impl Class for Door {
///     fn table() -> &'static ClassTable<Self> {
///         static TABLE: OnceLock<ClassTable<Door>> = OnceLock::new();
///         TABLE.get_or_init(|| {
///             ClassTable::new("Door").method("lock", &["by"], |door: &Door, by: i64| door.0 + by)
///         })
///     }
/// }
///
/// let door = Object::new(Door(1));
/// assert_eq!(door.methods(), r#"[{"name":"lock","type":"(by: int) -> int"}]"#);
/// assert_eq!(door.call::<i64>("lock", (2,))?, 3);
/// # Ok::<(), twinplug_value::CallError>(())
/// ```
pub struct ClassTable<T> {
    name: CString,
    /// As JSON; rewritten with each method.
    json: CString,
    methods: Vec<Method<T>>,
}

struct Method<T> {
    name: &'static str,
    signature: Signature,
    invoke: Box<Invoke<T>>,
}

type Invoke<T> = dyn Fn(&T, RawValues<'_>, &mut RawSink<'_>) -> Result<(), CallError> + Send + Sync;

/// A closure that can be a method of `T`: the value, and up to 7 parameters.
pub trait MethodFunction<T, P: Params>: Send + Sync + 'static {
    /// What it returns.
    type Outcome: Outcome;
    /// Calls it.
    fn invoke(&self, value: &T, params: P) -> Self::Outcome;
}

macro_rules! methods {
    ($($($item:ident)*;)*) => {$(
        impl<T, Function, Returned, $($item: Data),*> MethodFunction<T, ($($item,)*)> for Function
        where
            Function: Fn(&T, $($item),*) -> Returned + Send + Sync + 'static,
            Returned: Outcome,
        {
            type Outcome = Returned;

            #[allow(non_snake_case, reason = "the parameters bear their types' names")]
            fn invoke(&self, value: &T, ($($item,)*): ($($item,)*)) -> Returned {
                self(value, $($item),*)
            }
        }
    )*};
}
methods! {
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

impl<T: Send + Sync + 'static> ClassTable<T> {
    /// A type of that name, with no methods yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        ClassTable { name: terminated(name), json: c"[]".into(), methods: Vec::new() }
    }

    /// Adds a method, with the names of its parameters.
    #[must_use]
    pub fn method<P: Params, F: MethodFunction<T, P>>(
        mut self,
        name: &'static str,
        params: &'static [&'static str],
        function: F,
    ) -> Self {
        let param = |(index, ty)| Param {
            name: Shared::Static(params.get(index).copied().unwrap_or_default()),
            ty: Shared::Static(ty),
        };
        let signature = Signature {
            params: P::TYPES.iter().copied().enumerate().map(param).collect::<Vec<_>>().into(),
            variadic: false,
            result: Shared::Static(<F::Outcome as Outcome>::Value::SCHEMA),
        };
        let invoke = move |value: &T, args: RawValues<'_>, result: &mut RawSink<'_>| {
            let outcome = function.invoke(value, P::read_named(args, params)?).outcome();
            let outcome = outcome.map_err(CallError::failed)?;
            to_sink(&outcome, result).map_err(|error| error.of("result"))?;
            Ok(())
        };
        self.methods.push(Method { name, signature, invoke: Box::new(invoke) });
        self.json = self.described();
        self
    }

    pub(super) fn name(&self) -> &CStr {
        &self.name
    }

    pub(super) fn methods(&self) -> &CStr {
        &self.json
    }

    fn described(&self) -> CString {
        let described = self.methods.iter();
        let described = described.map(|method| (method.name, method.signature.to_string()));
        terminated(&methods_json(described))
    }

    fn find(&self, name: &str) -> Result<&Method<T>, CallError> {
        self.methods.iter().find(|method| method.name == name).ok_or_else(|| {
            let known: Vec<_> =
                self.methods.iter().map(|method| format!("`{}`", method.name)).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let text = format!("no method `{name}`; there are: {known}");
            CallError::new(CallFault::NotFound, text)
        })
    }
}

impl<T: Class> Methods for T {
    fn call(
        &self,
        method: &str,
        args: RawValues<'_>,
        result: &mut RawSink<'_>,
    ) -> Result<(), CallError> {
        let method = T::table().find(method)?;
        method.signature.check_count(args.count())?;
        (method.invoke)(self, args, result)
    }
}

/// Methods, each with its type, as [`Object::methods`](super::Object::methods) has them.
pub fn methods_json<'m>(methods: impl Iterator<Item = (&'m str, String)>) -> String {
    let mut json = String::from("[");
    for (index, (name, ty)) in methods.enumerate() {
        json.push_str(if index == 0 { "{\"name\":" } else { ",{\"name\":" });
        quote(&mut json, name);
        json.push_str(",\"type\":");
        quote(&mut json, &ty);
        json.push('}');
    }
    json.push(']');
    json
}

/// Text that no NUL ends early.
fn terminated(text: &str) -> CString {
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

/// Writes a string of JSON.
fn quote(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
}
