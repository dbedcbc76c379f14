//! Arenas of the host: ones that a call brings, and ones of our own.

use std::marker::PhantomData;
use std::ptr::NonNull;

use twinplug_abi as abi;
use twinplug_value::raw::{Allocate, Bump, hold};

use crate::{Error, HostRef, Result};

/// The arena that a caller brought. It cannot leave the call: it borrows it.
///
/// What is small comes in blocks, so that it takes no call of the host each.
pub(crate) struct Arena<'c> {
    host: Option<&'c abi::Host>,
    raw: *mut abi::Arena,
    /// The free part of the current block.
    block: Bump,
    call: PhantomData<&'c ()>,
}

/// The size of a block; what is more than a part of one comes by itself.
const BLOCK: usize = 256;
const SMALL: usize = BLOCK / 2;

/// As the ABI aligns at the most.
const ALIGN: usize = 16;

impl<'c> Arena<'c> {
    pub(crate) fn of(call: &'c abi::Call) -> Self {
        // SAFETY: the services are valid as long as this image is mapped.
        let host = unsafe { call.host.as_ref() };
        Arena { host, raw: call.arena, block: Bump::new(), call: PhantomData }
    }

    #[inline(never)]
    fn ask(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        // SAFETY: services and arena are valid while the call runs.
        let place = unsafe { (self.host?.alloc)(self.raw, size, align) };
        NonNull::new(place.cast())
    }
}

// SAFETY: the host's `alloc` returns null or bytes of the arena that it hands to
// nobody else, aligned as asked, valid until the call ends; so are the parts of a block, each of
// which is handed out once. The arena is used by the calling thread alone, as `Arena` is not `Send`
// (a raw pointer in it).
unsafe impl Allocate for Arena<'_> {
    #[inline]
    fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        if size > SMALL || align > ALIGN || !align.is_power_of_two() {
            return self.ask(size, align);
        }
        if let Some(place) = self.block.place(size, align) {
            return Some(place);
        }
        // SAFETY: so many bytes of the call's arena, which nobody rewinds while we write to it.
        unsafe { self.block.enter(self.ask(BLOCK, ALIGN)?, BLOCK) };
        self.block.place(size, align)
    }

    fn hold(&self, reference: abi::Value) -> bool {
        // SAFETY: as above; the count is handed over.
        self.host.is_some_and(|host| unsafe { hold(host, self.raw, &reference) })
    }
}

/// An arena of our own, for a service called outside or beside a call.
pub(crate) struct Scratch {
    host: HostRef,
    arena: NonNull<abi::Arena>,
}

impl Scratch {
    pub(crate) fn new(host: HostRef) -> Result<Scratch> {
        // SAFETY: the services are valid as long as this image is mapped.
        let arena = unsafe { (host.services().arena_new)() };
        match NonNull::new(arena) {
            Some(arena) => Ok(Scratch { host, arena }),
            None => Err(Error { status: abi::NO_MEMORY, text: "out of memory".into() }),
        }
    }

    pub(crate) fn raw(&self) -> *mut abi::Arena {
        self.arena.as_ptr()
    }
}

// SAFETY: as for `Arena`; the arena is ours until it is dropped.
unsafe impl Allocate for Scratch {
    fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        // SAFETY: the arena is ours, made by `arena_new` and not freed yet.
        let place = unsafe { (self.host.services().alloc)(self.raw(), size, align) };
        NonNull::new(place.cast())
    }

    fn hold(&self, reference: abi::Value) -> bool {
        // SAFETY: as above; the count is handed over.
        unsafe { hold(self.host.services(), self.raw(), &reference) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: made by `arena_new`, freed once, and nothing borrows from it any more.
        unsafe { (self.host.services().arena_free)(self.raw()) }
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::null;

    use super::*;

    #[test]
    fn small_places_come_in_blocks() {
        let mut host_arena = twinplug_value::raw::Arena::new();
        let mut call = call(crate::testing::services());
        call.arena = host_arena.as_raw();
        let arena = Arena::of(&call);
        arena.allocate(8, 8).unwrap();
        let first = host_arena.mark().used;
        assert!((1..BLOCK / 8).all(|_| arena.allocate(8, 8).is_some()));
        assert_eq!(host_arena.mark().used, first);
        arena.allocate(8, 8).unwrap();
        assert_eq!(host_arena.mark().used, first + BLOCK);
        let mut taken: Vec<(usize, usize)> = Vec::new();
        for size in [0, 1, SMALL, SMALL + 1, BLOCK, BLOCK + 1, 0].into_iter().chain(0..300) {
            for align in [1, 2, 8, 16] {
                let place = arena.allocate(size, align).unwrap();
                assert_eq!(place.addr().get() % align, 0);
                // SAFETY: so many bytes are there.
                unsafe { place.write_bytes(0xee, size) };
                taken.push((place.addr().get(), place.addr().get() + size));
            }
        }
        taken.retain(|(start, end)| start < end);
        taken.sort_unstable();
        assert!(taken.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        assert!(arena.allocate(1, 3).is_none());
        assert!(arena.allocate(1, 32).is_none());
        assert!(arena.allocate(usize::MAX, 1).is_none());
    }

    #[test]
    fn without_a_host_there_is_no_memory() {
        assert!(Arena::of(&call(null())).allocate(8, 8).is_none());
    }

    fn call(host: *const abi::Host) -> abi::Call {
        abi::Call {
            size: size_of::<abi::Call>() as u32,
            count: 0,
            args: null(),
            result: std::ptr::null_mut(),
            arena: std::ptr::null_mut(),
            data: std::ptr::null_mut(),
            host,
            context: std::ptr::null_mut(),
        }
    }
}
