//! Memory for what references take and answer: arenas of this image, or, in a plugin, of the host
//! that has loaded it. Whoever is called writes its answer there, whatever image it is in.

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use twinplug_abi as abi;

use super::{Allocate, Arena};

/// The host that has loaded this image; null in a host.
static HOST: AtomicPtr<abi::Host> = AtomicPtr::new(ptr::null_mut());

/// Arenas are the host's from now on.
///
/// # Safety
/// The table is as the ABI says: valid as long as this image is mapped. Arenas that are there
/// already are of that host as well.
pub unsafe fn use_host(host: NonNull<abi::Host>) {
    HOST.store(host.as_ptr(), Ordering::Release);
}

fn host() -> Option<&'static abi::Host> {
    // SAFETY: null, or what `use_host` was promised of.
    unsafe { HOST.load(Ordering::Acquire).as_ref() }
}

/// Leaves a reference to an arena of a host; false where it takes none, as an older one does not.
///
/// # Safety
/// The services are valid, the arena is one of theirs, for this thread, and the caller has a count
/// of the reference, which it gives away with true.
pub unsafe fn hold(host: &abi::Host, arena: *mut abi::Arena, reference: &abi::Value) -> bool {
    const END: usize = std::mem::offset_of!(abi::Host, arena_hold) + size_of::<usize>();
    // SAFETY: as the caller says; the table is as long as it says.
    host.size as usize >= END
        && unsafe { (host.arena_hold)(arena, &raw const *reference) } == abi::OK
}

/// Memory that a caller has brought. It cannot leave the call: it borrows it.
pub struct Lent<'c> {
    arena: *mut abi::Arena,
    call: PhantomData<&'c ()>,
}

impl Lent<'_> {
    /// # Safety
    /// An arena (or null) of this image's host, or, in a host, an [`Arena`]; this thread's
    /// while `'c` lasts.
    #[must_use]
    pub unsafe fn new(arena: *mut abi::Arena) -> Self {
        Lent { arena, call: PhantomData }
    }
}

// SAFETY: an arena hands out what nobody else uses, aligned as asked, valid until the call ends;
// it is used by the calling thread alone, as `Lent` is not `Send` (a raw pointer in it).
unsafe impl Allocate for Lent<'_> {
    fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        // SAFETY: as `new` says.
        unsafe {
            match host() {
                Some(host) => NonNull::new((host.alloc)(self.arena, size, align).cast()),
                None => self.arena.cast::<Arena>().as_ref()?.allocate(size, align),
            }
        }
    }

    fn hold(&self, reference: abi::Value) -> bool {
        // SAFETY: as above; the count is handed over.
        unsafe {
            match host() {
                Some(host) => hold(host, self.arena, &reference),
                None => {
                    self.arena.cast::<Arena>().as_ref().is_some_and(|arena| arena.hold(reference))
                }
            }
        }
    }
}

/// Memory of our own.
pub enum Own {
    /// This image's.
    Here(Arena),
    /// The host's, made by its service.
    Host(NonNull<abi::Arena>),
}

impl Own {
    /// Empty memory; `None` if the host has none.
    #[must_use]
    pub fn new() -> Option<Own> {
        match host() {
            None => Some(Own::Here(Arena::new())),
            // SAFETY: as `use_host` was promised.
            Some(host) => NonNull::new(unsafe { (host.arena_new)() }).map(Own::Host),
        }
    }

    /// As the ABI has it.
    pub fn as_raw(&mut self) -> *mut abi::Arena {
        match self {
            Own::Here(arena) => arena.as_raw(),
            Own::Host(arena) => arena.as_ptr(),
        }
    }

    /// The memory, to write to.
    pub fn lent(&mut self) -> Lent<'_> {
        // SAFETY: ours, and borrowed while `Lent` lasts.
        unsafe { Lent::new(self.as_raw()) }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let (Own::Host(arena), Some(host)) = (&self, host()) {
            // SAFETY: made by `arena_new`, freed once, and nothing borrows from it any more.
            unsafe { (host.arena_free)(arena.as_ptr()) }
        }
    }
}
