//! What `#[plugin]` is written over: entries, exports, the table and the section.
//!
//! A plugin by hand, without the macro. This is all that `#[plugin]` writes; a test
//! compares the two.
//!
//! ```
#![doc = include_str!("../tests/by_hand/plugin.rs")]
//! # fn main() {}
//! ```
//!
//! What `#[object]` writes is an implementation of
//! [`Class`](twinplug_value::raw::Class), whose docs show one by hand.

mod describe;
mod direct;
mod entry;
mod params;
mod text;

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;

use twinplug_abi::{self as abi, Call};
use twinplug_value::raw::{Allocate, RawSink, RawWriter, scalar_to_value};
use twinplug_value::{Callable, ConvertError, Data, Outcome, Params, Straight, Type, write};

pub use describe::{Described, Identity, Section, section_length};
pub use direct::{DirectEntry, DirectOf, NoDirect, Scalar, ScalarResult, Scalars};
pub use params::{Arguments, Arity, Parameter, Parameters};

use crate::{HostRef, Var, host};

/// A function that is exported, or a hook; implemented by a type that stands for it.
pub trait Func: Sized {
    /// How many parameters it has: [`Arity`].
    type Params: Parameters<Self>;
    /// What it returns.
    type Outcome: Outcome;
    /// Calls the function.
    fn call(caller: &Caller<'_>, values: Values<Self>) -> Self::Outcome;
}

/// What a function takes, as a tuple.
pub type Values<F> = <<F as Func>::Params as Parameters<F>>::Values;

/// Who calls a function.
pub struct Caller<'c> {
    call: Option<&'c Call>,
}

impl<'c> Caller<'c> {
    fn general(call: &'c Call) -> Self {
        Caller { call: Some(call) }
    }

    /// One of a direct entry, or of a method.
    #[must_use]
    pub fn direct() -> Self {
        Caller { call: None }
    }

    /// The host that calls. A direct entry is not told, and takes that of the image.
    ///
    /// # Panics
    /// There is none: the direct entry is called, and no host has called init before.
    #[must_use]
    pub fn host(&self) -> HostRef {
        let host = match self.call {
            Some(call) => HostRef::of(call),
            None => host::current(),
        };
        host.expect("a host calls init before it calls anything else")
    }
}

/// A variable that is exported; implemented by a type that stands for it.
pub trait Variable {
    /// Its whole type, a [`Var`].
    type Var: AnyVar;
}

/// [`Var`], of whatever type that crosses.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `Var<T>` of a `T` that crosses and is `Clone` and `Send`",
    label = "no variable",
    note = "write it as `static NAME: Var<T> = Var::new(value);`, and `#[data]` on a `T` of your own"
)]
pub trait AnyVar: Sync + 'static {
    /// The type of its value.
    type Value: Data + Clone + Send;
    /// The same, for the descriptor.
    const SCHEMA: &'static Type = Self::Value::SCHEMA;
    /// The variable.
    fn var(&self) -> &Var<Self::Value>;
}

#[diagnostic::do_not_recommend]
impl<T: Data + Clone + Send + 'static> AnyVar for Var<T> {
    type Value = T;
    fn var(&self) -> &Var<T> {
        self
    }
}

/// An export that has no name yet; of the function that `F` stands for, or of a variable.
pub struct Unnamed<F = ()> {
    raw: abi::Export,
    /// Its direct entry if it is a leaf function: compiled code may call that.
    leaf: Option<abi::Direct>,
    /// Its type; the name in it is empty.
    described: Described,
    /// Invariant: subtypes may be other functions.
    func: PhantomData<fn(F) -> F>,
}

/// An export of the table.
#[repr(transparent)]
pub struct Export(abi::Export);

impl<F> Unnamed<F> {
    /// Promises that the function calls nothing of the host and waits for nothing.
    #[must_use]
    pub const fn leaf(mut self) -> Self {
        self.raw.flags |= abi::LEAF;
        self
    }

    /// Adds a direct entry: [`DirectOf`].
    #[must_use]
    pub const fn direct(mut self, entry: Option<DirectEntry<F>>) -> Self {
        if let Some(entry) = entry {
            self.raw.direct = Some(entry.function);
            self.leaf = Some(entry.leaf);
            // What hosts call the entry by is its own type, whatever else is said of `F`.
            self.described.params = entry.params;
            self.described.ty = entry.result;
        }
        self
    }

    /// The export; both texts are terminated.
    ///
    /// # Panics
    /// The name is not terminated, or the type is not the one that [`Described`] writes:
    /// in a `static`, an error of the compiler's.
    #[must_use]
    pub const fn described<const N: usize, const T: usize>(
        mut self,
        name: &'static [u8; N],
        ty: &'static [u8; T],
    ) -> Export {
        assert!(CStr::from_bytes_with_nul(name).is_ok(), "a name ends with its only NUL");
        assert!(CStr::from_bytes_with_nul(ty).is_ok(), "a type ends with its only NUL");
        assert!(self.described.has_type_text(ty), "this is not the type of the export");
        self.raw.name = name.as_ptr().cast();
        self.raw.kind = ty.as_ptr().cast();
        if self.raw.flags & abi::LEAF != 0 {
            self.raw.direct = self.leaf;
        }
        Export(self.raw)
    }

    const fn new(raw: abi::Export, described: Described) -> Self {
        Unnamed { raw, leaf: None, described, func: PhantomData }
    }
}

const fn nameless(symbol: u32, data: *mut c_void) -> abi::Export {
    abi::Export {
        name: std::ptr::null(),
        kind: std::ptr::null(),
        symbol,
        // Every entry reads its arguments by their tags.
        flags: abi::CHECKS,
        data,
        call: None,
        get: None,
        set: None,
        direct: None,
    }
}

/// The export of a variable.
#[must_use]
pub const fn var<V: Variable>(var: &'static V::Var) -> Unnamed {
    let mut export = nameless(abi::SYMBOL_VAR, (&raw const *var).cast_mut().cast());
    export.get = Some(entry::get::<V::Var>);
    export.set = Some(entry::set::<V::Var>);
    Unnamed::new(export, Described::var::<V>(""))
}

/// The export of a variable that is private.
#[must_use]
pub const fn state<V: Variable>(variable: &'static V::Var) -> Unnamed {
    let mut export = var::<V>(variable);
    export.raw.symbol = abi::SYMBOL_STATE;
    export
}

/// The export of a function.
#[must_use]
pub const fn func<F: Func>() -> Unnamed<F> {
    let mut export = nameless(abi::SYMBOL_FUNC, std::ptr::null_mut());
    export.call = Some(entry::func::<F>);
    Unnamed::new(export, Described::func::<F>(""))
}

/// The export of a closure, without name and type. Its `data` is the closure, in a box
/// that is leaked: the host may call it as long as this image is mapped.
pub(crate) fn closure<P: Params, F: Callable<P>>(function: F) -> abi::Export {
    let data: *mut F = Box::into_raw(Box::new(function));
    let mut export = nameless(abi::SYMBOL_FUNC, data.cast());
    export.call = Some(entry::closure::<P, F>);
    export
}

/// What a hook returns that has nothing to say.
#[diagnostic::on_unimplemented(
    message = "this hook returns nothing, or a `Result` of nothing, and not `{Self}`",
    label = "nobody takes this",
    note = "only `#[on_save]` returns a value"
)]
pub trait Done: Outcome<Value = ()> {}

#[diagnostic::do_not_recommend]
impl Done for () {}
#[diagnostic::do_not_recommend]
impl<E: std::fmt::Display + 'static> Done for Result<(), E> {}

/// The entries of a plugin that are no exports: its init and its hooks.
pub struct Hooks(abi::Plugin);

impl Hooks {
    /// None of them. (An init is there in any case, to remember the host.)
    #[must_use]
    #[allow(clippy::new_without_default, reason = "it is for statics, `Default` is not const")]
    pub const fn new() -> Self {
        Hooks(abi::Plugin {
            size: size_of::<abi::Plugin>() as u32,
            abi_major: abi::ABI_MAJOR,
            abi_minor: abi::ABI_MINOR,
            section: std::ptr::null(),
            name: std::ptr::null(),
            version: std::ptr::null(),
            exports: std::ptr::null(),
            export_count: 0,
            export_size: size_of::<Export>() as u32,
            init: Some(entry::init::<Nothing>),
            on_load: None,
            on_save: None,
            on_restore: None,
            on_pause: None,
            on_resume: None,
            on_unload: None,
        })
    }

    /// Runs once, after loading.
    #[must_use]
    pub const fn init<F: Func<Params = Arity<0>, Outcome: Done>>(mut self) -> Self {
        self.0.init = Some(entry::init::<F>);
        self
    }

    /// Takes the configuration, or nothing.
    #[must_use]
    pub const fn on_load<F: Func<Outcome: Done>>(mut self) -> Self {
        self.0.on_load = Some(entry::func::<F>);
        self
    }

    /// Gives what a reload keeps.
    #[must_use]
    pub const fn on_save<F: Func<Params = Arity<0>>>(mut self) -> Self {
        self.0.on_save = Some(entry::func::<F>);
        self
    }

    /// Takes what `on_save` gave, and the version that gave it.
    #[must_use]
    pub const fn on_restore<F: Func<Params = Arity<2>, Outcome: Done>>(mut self) -> Self {
        self.0.on_restore = Some(entry::func::<F>);
        self
    }

    /// From now on no calls come.
    #[must_use]
    pub const fn on_pause<F: Func<Params = Arity<0>, Outcome: Done>>(mut self) -> Self {
        self.0.on_pause = Some(entry::func::<F>);
        self
    }

    /// Calls come again.
    #[must_use]
    pub const fn on_resume<F: Func<Params = Arity<0>, Outcome: Done>>(mut self) -> Self {
        self.0.on_resume = Some(entry::func::<F>);
        self
    }

    /// The end.
    #[must_use]
    pub const fn on_unload<F: Func<Params = Arity<0>, Outcome: Done>>(mut self) -> Self {
        self.0.on_unload = Some(entry::func::<F>);
        self
    }
}

struct Nothing;

impl Func for Nothing {
    type Params = Arity<0>;
    type Outcome = ();
    fn call(_: &Caller<'_>, (): ()) {}
}

/// The table of a plugin, as `twinplug_plugin` is one: of the ABI's layout, and made by
/// [`plugin()`] alone, so that its entries are what it says of them.
#[repr(transparent)]
pub struct Plugin(abi::Plugin);

impl Plugin {
    /// The table as the ABI has it.
    #[must_use]
    pub const fn as_raw(&self) -> &abi::Plugin {
        &self.0
    }
}

/// The table that `twinplug_plugin` is.
#[must_use]
pub const fn plugin<const N: usize, const S: usize>(
    identity: Identity,
    section: &'static Section<S>,
    exports: &'static [Export; N],
    hooks: Hooks,
) -> Plugin {
    let mut plugin = hooks.0;
    plugin.section = (&raw const *section).cast();
    plugin.name = identity.name.as_ptr();
    plugin.version = identity.version.as_ptr();
    // `Export` is transparent over what the table points to.
    plugin.exports = exports.as_ptr().cast();
    plugin.export_count = N as u32;
    Plugin(plugin)
}

/// A value as the other side reads it; what it points to is allocated in `arena`.
#[inline]
fn written<T: Data>(value: &T, arena: &impl Allocate) -> Result<abi::Value, ConvertError> {
    if let Some(scalar) = scalar_to_value(value) {
        return Ok(scalar);
    }
    if T::STRAIGHT != Straight::No {
        return Ok(RawWriter::copying(arena).value(value)?.into_value());
    }
    let mut sink = RawSink::new(arena);
    write(value, &mut sink)?;
    Ok(sink.last())
}
