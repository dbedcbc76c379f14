//! What an export is called and of what type it is, as the table and the section
//! need it: text that the compiler writes.

use std::ffi::CStr;

use twinplug_abi as abi;
use twinplug_value::{Data, Outcome, Type};

use super::{AnyVar, Func, Parameters, Variable, text};

/// What an export is called and of what type it is.
pub struct Described {
    pub(super) name: &'static str,
    pub(super) symbol: Symbol,
    /// Of a variable its type, of a function its result's.
    pub(super) ty: &'static Type,
    /// Of a function.
    pub(super) params: &'static [&'static Type],
    pub(super) param_names: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Symbol {
    Func,
    Var,
    State,
}

impl Described {
    /// A variable.
    #[must_use]
    pub const fn var<V: Variable>(name: &'static str) -> Self {
        Described { name, symbol: Symbol::Var, ty: V::Var::SCHEMA, params: &[], param_names: &[] }
    }

    /// A variable that is private.
    #[must_use]
    pub const fn state<V: Variable>(name: &'static str) -> Self {
        let mut described = Described::var::<V>(name);
        described.symbol = Symbol::State;
        described
    }

    /// A function.
    #[must_use]
    pub const fn func<F: Func>(name: &'static str) -> Self {
        Described {
            name,
            symbol: Symbol::Func,
            ty: <F::Outcome as Outcome>::Value::SCHEMA,
            params: F::Params::TYPES,
            param_names: F::Params::NAMES,
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

    /// Whether a text is [`Described::type_text`].
    pub(super) const fn has_type_text<const N: usize>(&self, given: &[u8; N]) -> bool {
        if self.type_length() != N {
            return false;
        }
        let expected: [u8; N] = self.type_text();
        let mut index = 0;
        while index < N {
            if expected[index] != given[index] {
                return false;
            }
            index += 1;
        }
        true
    }
}

/// What a plugin says of itself.
#[derive(Clone, Copy)]
pub struct Identity {
    pub(super) name: &'static CStr,
    pub(super) version: &'static CStr,
    pub(super) unload: bool,
}

impl Identity {
    /// A plugin's name and version, each with a NUL at its end; a compile error where
    /// there is another.
    #[must_use]
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Identity { name: terminated(name), version: terminated(version), unload: false }
    }

    /// Lets the host unmap the image when the plugin's last handle is gone. No thread
    /// of the plugin's may run then, and no thread-local of its may be left.
    #[must_use]
    pub const fn unload(mut self) -> Self {
        self.unload = true;
        self
    }
}

const fn terminated(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("a plugin's name and version hold no NUL but the one at the end"),
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
    pub const fn new(identity: Identity, exports: &[Described]) -> Self {
        let mut json = [0; N];
        text::put_section(&mut json, identity, exports);
        let head = abi::SectionHead {
            magic: abi::MAGIC,
            abi_major: abi::ABI_MAJOR,
            abi_minor: abi::ABI_MINOR,
            length: N as u32,
        };
        Section { head, json }
    }

    /// The JSON.
    #[must_use]
    pub const fn json(&self) -> &[u8] {
        &self.json
    }
}

/// How long the JSON of a section is.
#[must_use]
pub const fn section_length(identity: Identity, exports: &[Described]) -> usize {
    text::put_section(&mut [], identity, exports)
}
