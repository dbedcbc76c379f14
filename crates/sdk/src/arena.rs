//! Arenas of the host: ones that a call brings, and ones of our own.

use std::marker::PhantomData;
use std::ptr::NonNull;

use twinplug_abi as abi;
use twinplug_value::raw::{Allocate, hold};

use crate::{Error, HostRef, Result};

/// The arena that a caller brought. It cannot leave the call: it borrows it.
pub(crate) struct Arena<'c> {
    host: Option<&'c abi::Host>,
    raw: *mut abi::Arena,
    call: PhantomData<&'c ()>,
}

impl<'c> Arena<'c> {
    pub(crate) fn of(call: &'c abi::Call) -> Self {
        // SAFETY: the services are valid as long as this image is mapped.
        let host = unsafe { call.host.as_ref() };
        Arena { host, raw: call.arena, call: PhantomData }
    }
}

// SAFETY: the host's `alloc` returns null or bytes of the arena that it hands to
// nobody else, aligned as asked, valid until the call ends; the arena is used by
// the calling thread alone, as `Arena` is not `Send` (a raw pointer in it).
unsafe impl Allocate for Arena<'_> {
    fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        // SAFETY: services and arena are valid while the call runs.
        let place = unsafe { (self.host?.alloc)(self.raw, size, align) };
        NonNull::new(place.cast())
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
