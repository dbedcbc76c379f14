//! A piece of memory that is handed out from its start to its end.

use std::cell::Cell;
use std::ptr::{self, NonNull};

/// What is left of a piece; nothing at first.
#[derive(Default)]
pub struct Bump {
    next: Cell<*mut u8>,
    end: Cell<*mut u8>,
}

impl Bump {
    /// Of no piece.
    #[inline]
    #[must_use]
    pub const fn new() -> Bump {
        Bump { next: Cell::new(ptr::null_mut()), end: Cell::new(ptr::null_mut()) }
    }

    /// Goes on in a piece of so many bytes.
    ///
    /// # Safety
    /// They are there, and nobody else's, for as long as what is handed out is used.
    #[inline]
    pub unsafe fn enter(&self, start: NonNull<u8>, size: usize) {
        self.next.set(start.as_ptr());
        // SAFETY: the end of what the caller says is there.
        self.end.set(unsafe { start.as_ptr().add(size) });
    }

    /// Where it goes on; null where it is of no piece.
    #[inline]
    #[must_use]
    pub fn next(&self) -> *mut u8 {
        self.next.get()
    }

    /// The next `size` bytes that are aligned to `align`, a power of two.
    #[inline]
    pub fn place(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let next = self.next.get();
        let padding = next.addr().wrapping_neg() & (align - 1);
        let taken = size.checked_add(padding)?;
        if next.is_null() || taken > self.end.get().addr() - next.addr() {
            return None;
        }
        // SAFETY: `taken` bytes are left behind `next`, in the same piece; so are the
        // first `padding` of them.
        let (start, next) = unsafe { (next.add(padding), next.add(taken)) };
        self.next.set(next);
        NonNull::new(start)
    }
}
