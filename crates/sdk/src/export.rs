//! What `#[plugin]` is written over: entries, exports, the table and the section.
//!
//! A plugin by hand, without macros, is a `static` [`Plugin`] named
//! `twinplug_plugin`, its [`Section`] in `.twinplug`, and a type that implements
//! [`Func`] for each function.

mod entry;
mod text;

use std::ffi::{CStr, c_void};

use twinplug_abi as abi;
use twinplug_value::{Callable, Data, Outcome, Params, Type};

pub use abi::{Export, Plugin};

use crate::{HostRef, Var};

/// A function that is exported; implemented by a type that stands for it.
pub trait Func {
    /// The parameters, as a tuple.
    type Params: Params;
    /// What it returns.
    type Outcome: Outcome;
    /// Calls the function.
    fn call(host: &HostRef, params: Self::Params) -> Self::Outcome;
}

/// A variable that is exported.
pub trait Variable {
    /// The type of its value.
    const SCHEMA: &'static Type;
}

impl<T: Data> Variable for Var<T> {
    const SCHEMA: &'static Type = T::SCHEMA;
}

/// What an export is called and of what type it is, for descriptor and table.
pub struct Described {
    name: &'static str,
    /// Of a variable, `ty` is its type, of a function its result's.
    ty: &'static Type,
    params: Option<(&'static [&'static str], &'static [&'static Type])>,
}

impl Described {
    /// A variable.
    #[must_use]
    pub const fn var(name: &'static str, ty: &'static Type) -> Self {
        Described { name, ty, params: None }
    }

    /// A function, with its parameters' names.
    #[must_use]
    pub const fn func<F: Func>(name: &'static str, params: &'static [&'static str]) -> Self {
        Described {
            name,
            ty: <F::Outcome as Outcome>::Value::SCHEMA,
            params: Some((params, F::Params::TYPES)),
        }
    }

    /// The length of [`Described::name_text`].
    #[must_use]
    pub const fn name_length(&self) -> usize {
        self.name.len() + 1
    }

    /// The name, terminated.
    #[must_use]
    pub const fn name_text<const N: usize>(&self) -> [u8; N] {
        let mut text = [0; N];
        text::put(&mut text, 0, self.name);
        text
    }

    /// The length of [`Described::type_text`].
    #[must_use]
    pub const fn type_length(&self) -> usize {
        text::put_export(&mut [], 0, self) + 1
    }

    /// The type, terminated.
    #[must_use]
    pub const fn type_text<const N: usize>(&self) -> [u8; N] {
        let mut text = [0; N];
        text::put_export(&mut text, 0, self);
        text
    }
}

/// What stands in the section `.twinplug`: the descriptor as JSON.
#[repr(C)]
pub struct Section<const N: usize> {
    head: abi::SectionHead,
    json: [u8; N],
}

impl<const N: usize> Section<N> {
    /// The section of a plugin; `N` is [`section_length`] of the same.
    #[must_use]
    pub const fn new(name: &CStr, version: &CStr, exports: &[Described]) -> Self {
        let mut json = [0; N];
        text::put_section(&mut json, name, version, exports);
        let head = abi::SectionHead {
            magic: abi::MAGIC,
            abi_major: abi::ABI_MAJOR,
            abi_minor: abi::ABI_MINOR,
            length: N as u32,
        };
        Section { head, json }
    }
}

/// How long the JSON of a section is.
#[must_use]
pub const fn section_length(name: &CStr, version: &CStr, exports: &[Described]) -> usize {
    text::put_section(&mut [], name, version, exports)
}

/// An export that has no name yet.
pub struct Unnamed(Export);

impl Unnamed {
    /// The export; both texts are terminated, and live as long as it does.
    #[must_use]
    pub const fn described(mut self, name: &[u8], ty: &[u8]) -> Export {
        assert!(CStr::from_bytes_with_nul(name).is_ok() && CStr::from_bytes_with_nul(ty).is_ok());
        self.0.name = name.as_ptr().cast();
        self.0.kind = ty.as_ptr().cast();
        self.0
    }

    const fn new(symbol: u32, data: *mut c_void) -> Self {
        Unnamed(Export {
            name: std::ptr::null(),
            kind: std::ptr::null(),
            symbol,
            flags: 0,
            data,
            call: None,
            get: None,
            set: None,
            direct: None,
        })
    }
}

/// The export of a variable.
#[must_use]
pub const fn var<T: Data + Clone + Send>(var: &'static Var<T>) -> Unnamed {
    let mut export = Unnamed::new(abi::SYMBOL_VAR, (&raw const *var).cast_mut().cast());
    export.0.get = Some(entry::get::<T>);
    export.0.set = Some(entry::set::<T>);
    export
}

/// The export of a function.
#[must_use]
pub const fn func<F: Func>() -> Unnamed {
    let mut export = Unnamed::new(abi::SYMBOL_FUNC, std::ptr::null_mut());
    export.0.call = Some(entry::func::<F>);
    export
}

/// The export of a closure. It is leaked: the host may call it as long as this
/// image is mapped.
#[must_use]
pub fn closure<P: Params, F: Callable<P>>(function: F) -> Unnamed {
    let data: *mut F = Box::into_raw(Box::new(function));
    let mut export = Unnamed::new(abi::SYMBOL_FUNC, data.cast());
    export.0.call = Some(entry::closure::<P, F>);
    export
}

/// The init of a plugin that has one.
#[must_use]
pub const fn init<F: Func<Params = ()>>() -> abi::Function {
    entry::init::<F>
}

/// The init of a plugin that has none of its own.
#[must_use]
pub const fn no_init() -> abi::Function {
    entry::init::<Nothing>
}

struct Nothing;

impl Func for Nothing {
    type Params = ();
    type Outcome = ();
    fn call(_: &HostRef, (): ()) {}
}

/// The table that `twinplug_plugin` is.
#[must_use]
pub const fn plugin<const N: usize, const S: usize>(
    name: &'static CStr,
    version: &'static CStr,
    section: &'static Section<S>,
    exports: &'static [Export; N],
    init: abi::Function,
) -> Plugin {
    Plugin {
        size: size_of::<Plugin>() as u32,
        abi_major: abi::ABI_MAJOR,
        abi_minor: abi::ABI_MINOR,
        section: (&raw const *section).cast(),
        name: name.as_ptr(),
        version: version.as_ptr(),
        exports: exports.as_ptr(),
        export_count: N as u32,
        export_size: size_of::<Export>() as u32,
        init: Some(init),
        on_load: None,
        on_save: None,
        on_restore: None,
        on_pause: None,
        on_resume: None,
        on_unload: None,
    }
}

/// A name that ends with a NUL, as a C string; a compile error if it has another.
#[must_use]
pub const fn name(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(name) => name,
        Err(_) => panic!("a plugin's name and version hold no NUL"),
    }
}
