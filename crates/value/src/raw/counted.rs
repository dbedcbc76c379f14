//! What a reference of ours is: the head that the ABI has, a count, and what is behind it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use crate::panic_text;

/// The pointer to it is made of the whole, so that it may be cast back.
#[repr(C)]
pub(super) struct Counted<H, T> {
    head: H,
    count: AtomicUsize,
    body: T,
}

impl<H, T: Send + Sync> Counted<H, T> {
    /// One with a count of 1, which is the caller's. The head's table must have
    /// [`retain`](Self::retain) and [`release`](Self::release) of this type.
    pub(super) fn leaked(head: H, body: T) -> NonNull<H> {
        let counted = Box::new(Counted { head, count: AtomicUsize::new(1), body });
        NonNull::from(Box::leak(counted)).cast()
    }

    /// One whose head is made of where the rest lies.
    pub(super) fn with_head(body: T, head: impl FnOnce(&T) -> H) -> NonNull<H> {
        let mut place = Box::<Counted<H, T>>::new_uninit();
        let raw = place.as_mut_ptr();
        // SAFETY: the place is writable; what was written last is looked at before the head is
        // there, and all three are.
        let counted = unsafe {
            (&raw mut (*raw).count).write(AtomicUsize::new(1));
            (&raw mut (*raw).body).write(body);
            (&raw mut (*raw).head).write(head(&(*raw).body));
            place.assume_init()
        };
        NonNull::from(Box::leak(counted)).cast()
    }

    /// What is behind it.
    ///
    /// # Safety
    /// Made by one of the above, of this type, and alive while `'c` lasts.
    pub(super) unsafe fn body<'c>(raw: *mut H) -> &'c T {
        // SAFETY: as the caller says.
        unsafe { &(*raw.cast::<Self>()).body }
    }

    pub(super) unsafe extern "C" fn retain(raw: *mut H) {
        // SAFETY: one of this table, which the caller holds.
        let counted = unsafe { &*raw.cast::<Self>() };
        // Relaxed: who retains holds one already. `Arc` has the same bound: a count that wraps
        // around would free what is in use.
        if counted.count.fetch_add(1, Ordering::Relaxed) > isize::MAX as usize {
            std::process::abort();
        }
    }

    pub(super) unsafe extern "C" fn release(raw: *mut H) {
        let counted = raw.cast::<Self>();
        // SAFETY: one of this table, which the caller holds, for the last time.
        if unsafe { (*counted).count.fetch_sub(1, Ordering::Release) } != 1 {
            return;
        }
        // What others did before they released is seen by the drop.
        fence(Ordering::Acquire);
        // SAFETY: leaked when it was made, and nobody holds it any more.
        let counted = unsafe { Box::from_raw(counted) };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(counted))) {
            // There is nobody to tell.
            drop(panic_text(panic));
        }
    }
}
