//! How much memory something takes: the program's allocator counts, while it is asked to.
//! VMs take theirs from it too, on every flavour. What LuaJIT and Luau map for machine code
//! is not counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

/// What the work leaves allocated: in bytes, beside its result.
pub(crate) fn taken<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let before = BYTES.load(Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    let result = work();
    COUNTS.store(false, Ordering::Relaxed);
    (result, (BYTES.load(Ordering::Relaxed) - before) as f64)
}

/// Off but for the rows of memory: others are not to pay for it.
static COUNTS: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Counting;

#[inline]
fn count(bytes: impl FnOnce() -> isize) {
    if COUNTS.load(Ordering::Relaxed) {
        BYTES.fetch_add(bytes(), Ordering::Relaxed);
    }
}

// SAFETY: the system's allocator does all of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(|| layout.size().cast_signed());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(|| layout.size().cast_signed());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(|| size.cast_signed() - layout.size().cast_signed());
        // SAFETY: the caller's promise.
        unsafe { System.realloc(start, layout, size) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        count(|| -layout.size().cast_signed());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(start, layout) }
    }
}
