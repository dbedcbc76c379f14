//! The arena that results are written to: a bump allocator, opaque to plugins.

use std::alloc::Layout;
use std::ptr::NonNull;

use bumpalo::Bump;
use twinplug_abi as abi;
use twinplug_value::raw::Allocate;

/// What `tp_arena` is.
#[derive(Default)]
pub(super) struct Arena(Bump);

impl Arena {
    /// As plugins hold it.
    pub(super) fn as_raw(&mut self) -> *mut abi::Arena {
        (&raw mut *self).cast()
    }

    pub(super) fn reset(&mut self) {
        self.0.reset();
    }
}

// SAFETY: `Bump` hands out memory that is aligned as the layout says and used by
// nobody else until it is reset or dropped.
unsafe impl Allocate for Arena {
    fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let layout = Layout::from_size_align(size, align).ok()?;
        self.0.try_alloc_layout(layout).ok()
    }
}
