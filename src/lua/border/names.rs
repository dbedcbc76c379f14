//! The names of fields as a VM has them, so that they are not made anew for each value.

use std::cell::Cell;
use std::ptr;

use crate::lua::raw::Reference;

/// How many are kept.
const NAMES: usize = 64;

/// The names that were written or looked for last, each at a place of its own.
pub(super) struct Names([Cell<Option<Name>>; NAMES]);

/// The name of a field, as Lua has it.
#[derive(Clone, Copy)]
struct Name {
    text: &'static str,
    reference: Reference,
}

impl Names {
    pub(super) fn new() -> Names {
        Names([const { Cell::new(None) }; NAMES])
    }

    /// The reference to a name, if it is kept: the very same one, as to compare text would cost
    /// as much as to make it.
    #[inline(always)]
    pub(super) fn reference(&self, text: &'static str) -> Option<Reference> {
        let kept = self.0[place_of(text)].get()?;
        ptr::eq(kept.text, text).then_some(kept.reference)
    }

    /// Keeps a name, in the place of another one perhaps, which nobody looks for any more.
    pub(super) fn keep(&self, text: &'static str, reference: Reference) -> Option<Reference> {
        let old = self.0[place_of(text)].replace(Some(Name { text, reference }));
        old.map(|name| name.reference)
    }
}

/// Where a name is kept: names that lie side by side are kept apart.
#[inline(always)]
fn place_of(text: &'static str) -> usize {
    let mixed = (text.as_ptr().addr() ^ text.len() << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed >> (usize::BITS - NAMES.trailing_zeros())
}
