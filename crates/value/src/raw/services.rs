//! The services of a host that are about its arenas: what an [`Arena`] can do, for foreign code.

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use twinplug_abi::{self as abi, Status};

use super::{Allocate, Arena};

/// # Safety
/// An arena of this image, or null, that this thread alone uses meanwhile.
unsafe fn arena<'a>(arena: *mut abi::Arena) -> Option<&'a Arena> {
    // SAFETY: as the caller says.
    unsafe { arena.cast::<Arena>().as_ref() }
}

/// `tp_host.alloc`
///
/// # Safety
/// An arena of this image, or null, that this thread alone uses meanwhile.
pub unsafe extern "C" fn alloc(raw: *mut abi::Arena, size: usize, align: usize) -> *mut c_void {
    // SAFETY: as the caller says.
    let place = unsafe { arena(raw) }.and_then(|arena| arena.allocate(size, align));
    place.map_or(ptr::null_mut(), |place| place.as_ptr().cast())
}

/// `tp_host.arena_new`
///
/// # Safety
/// None.
pub unsafe extern "C" fn arena_new() -> *mut abi::Arena {
    Box::into_raw(Box::new(Arena::of_its_own())).cast()
}

/// `tp_host.arena_reset`
///
/// # Safety
/// As `alloc`; of one that `arena_new` has made, and nothing that lies in it is kept.
pub unsafe extern "C" fn arena_reset(raw: *mut abi::Arena) {
    // SAFETY: as the caller says.
    if let Some(arena) = unsafe { arena(raw) } {
        arena.reset();
    }
}

/// `tp_host.arena_free`
///
/// # Safety
/// As `arena_reset`, for the last time.
pub unsafe extern "C" fn arena_free(raw: *mut abi::Arena) {
    // SAFETY: as the caller says.
    if unsafe { arena(raw) }.is_some_and(Arena::is_of_its_own) {
        // SAFETY: in a box of its own, and passed for the last time.
        drop(unsafe { Box::from_raw(raw.cast::<Arena>()) });
    }
}

/// `tp_host.arena_mark`
///
/// # Safety
/// As `alloc`, with a place for a mark, or null.
pub unsafe extern "C" fn arena_mark(raw: *mut abi::Arena, mark: *mut abi::Mark) {
    // SAFETY: as the caller says.
    if let (Some(arena), Some(mark)) = unsafe { (arena(raw), NonNull::new(mark)) } {
        // SAFETY: not null, and a place for a mark.
        unsafe { mark.write(arena.mark()) };
    }
}

/// `tp_host.arena_rewind`
///
/// # Safety
/// As `alloc`, with a mark of that arena, or null; nothing that was allocated since is kept.
pub unsafe extern "C" fn arena_rewind(raw: *mut abi::Arena, mark: *const abi::Mark) {
    // SAFETY: as the caller says.
    if let (Some(arena), Some(mark)) = unsafe { (arena(raw), mark.as_ref()) } {
        arena.rewind(*mark);
    }
}

/// `tp_host.arena_hold`
///
/// # Safety
/// As `alloc`, with a reference of which the caller gives a count away, or null.
pub unsafe extern "C" fn arena_hold(raw: *mut abi::Arena, reference: *const abi::Value) -> Status {
    // SAFETY: as the caller says.
    match unsafe { (arena(raw), reference.as_ref()) } {
        (_, Some(value))
            if !matches!(value.tag, abi::TAG_FUNC | abi::TAG_OBJECT | abi::TAG_BUFFER) =>
        {
            abi::TYPE
        }
        (Some(arena), Some(value)) if arena.hold(*value) => abi::OK,
        (Some(_), Some(_)) => abi::NO_MEMORY,
        _ => abi::ERROR,
    }
}
