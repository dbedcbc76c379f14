//! The arenas of the test host. Each allocation is one of its own, so that a tool that
//! looks for overruns finds them.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;

use twinplug_abi as abi;
use twinplug_value::raw::Allocate;

/// What `tp_arena` is. One thread at a time.
#[derive(Default)]
pub(super) struct Memory {
    /// Each a leaked box, aligned for whatever the ABI hands out.
    places: RefCell<Vec<*mut [u128]>>,
}

impl Memory {
    pub(super) fn as_raw(&self) -> *mut abi::Arena {
        (&raw const *self).cast_mut().cast()
    }

    fn keep(&self, count: usize) {
        let mut places = self.places.borrow_mut();
        let count = count.min(places.len());
        for place in places.drain(count..) {
            // SAFETY: leaked below, and forgotten here.
            drop(unsafe { Box::from_raw(place) });
        }
    }
}

// SAFETY: each place is a box of its own, aligned to 16, freed by `keep` or the drop.
unsafe impl Allocate for Memory {
    fn allocate(&self, size: usize, align: usize) -> Option<ptr::NonNull<u8>> {
        if align > align_of::<u128>() || size > isize::MAX as usize {
            return None;
        }
        let mut words = Vec::new();
        let count = size.div_ceil(size_of::<u128>()).max(1);
        words.try_reserve_exact(count).ok()?;
        words.resize(count, 0);
        let place = Box::into_raw(words.into_boxed_slice());
        self.places.borrow_mut().push(place);
        ptr::NonNull::new(place.cast())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.keep(0);
    }
}

/// # Safety
/// `arena` is null or a `Memory` that nobody else uses meanwhile.
pub(super) unsafe fn memory<'m>(arena: *mut abi::Arena) -> Option<&'m Memory> {
    // SAFETY: the caller's promise.
    unsafe { arena.cast::<Memory>().as_ref() }
}

pub(super) unsafe extern "C" fn alloc(
    arena: *mut abi::Arena,
    size: usize,
    align: usize,
) -> *mut c_void {
    // SAFETY: the plugin passes an arena that it got from us, on one thread.
    let place = unsafe { memory(arena) }.and_then(|memory| memory.allocate(size, align));
    place.map_or(ptr::null_mut(), |place| place.as_ptr().cast())
}

pub(super) unsafe extern "C" fn arena_new() -> *mut abi::Arena {
    Box::into_raw(Box::<Memory>::default()).cast()
}

pub(super) unsafe extern "C" fn arena_reset(arena: *mut abi::Arena) {
    // SAFETY: as in `alloc`; the plugin keeps nothing that lies in it.
    if let Some(memory) = unsafe { memory(arena) } {
        memory.keep(0);
    }
}

pub(super) unsafe extern "C" fn arena_free(arena: *mut abi::Arena) {
    if !arena.is_null() {
        // SAFETY: made by `arena_new`, and passed for the last time.
        drop(unsafe { Box::from_raw(arena.cast::<Memory>()) });
    }
}

pub(super) unsafe extern "C" fn arena_mark(arena: *mut abi::Arena, mark: *mut abi::Mark) {
    // SAFETY: as in `alloc`.
    let memory = unsafe { memory(arena) };
    let chunk = memory.map_or(0, |memory| memory.places.borrow().len());
    if !mark.is_null() {
        // SAFETY: not null, and the plugin's place for a mark.
        unsafe { mark.write(abi::Mark { chunk, used: 0 }) };
    }
}

pub(super) unsafe extern "C" fn arena_rewind(arena: *mut abi::Arena, mark: *const abi::Mark) {
    // SAFETY: as in `alloc`; the mark is the plugin's, or null.
    if let (Some(memory), Some(mark)) = unsafe { (memory(arena), mark.as_ref()) } {
        memory.keep(mark.chunk);
    }
}
