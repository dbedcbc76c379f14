//! [`Link`]: a reference between schemas that the compiler does not follow.
//!
//! Two types that hold each other have schemas that point to each other. The compiler looks
//! at all that a constant refers to when it has made it, and so would come back to the one
//! that it is at; behind a pointer it does not look.

use std::ptr::NonNull;

/// A reference to what is static.
pub struct Link<T: ?Sized + 'static>(NonNull<T>);

impl<T: ?Sized> Link<T> {
    /// A link to that.
    #[must_use]
    pub const fn new(to: &'static T) -> Self {
        Link(NonNull::from_ref(to))
    }

    /// What it leads to.
    #[must_use]
    pub const fn get(self) -> &'static T {
        // SAFETY: `new` alone makes one, of a reference that holds for ever.
        unsafe { self.0.as_ref() }
    }
}

impl<T: ?Sized> Clone for Link<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Link<T> {}

impl<T: ?Sized> std::fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link")
    }
}

// SAFETY: it is a shared reference, which goes to other threads where its target may be
// shared: the bound says so.
unsafe impl<T: ?Sized + Sync> Send for Link<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for Link<T> {}
