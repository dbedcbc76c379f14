//! An asymmetric barrier: who counts calls pays nothing for the order of its steps, who
//! waits for them orders it for all threads at once (membarrier(2)). Where the system
//! has none, each counting makes a fence of its own.

use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

/// Whether threads must order their own steps: unless the system said that it will.
static FENCED: AtomicBool = AtomicBool::new(true);

/// Asks the system, once; before anything is counted.
pub(crate) fn prepare() {
    static ASKED: std::sync::Once = std::sync::Once::new();
    ASKED.call_once(|| FENCED.store(!system::register(), Ordering::SeqCst));
}

/// Whether one thread can order the steps of all others. Once that has been so and is no more,
/// who counts on it waits where it orders them.
pub(crate) fn is_asymmetric() -> bool {
    !FENCED.load(Ordering::Relaxed)
}

/// Between raising a count and what must not be read before it.
#[inline(always)]
pub(crate) fn light() {
    match FENCED.load(Ordering::Relaxed) {
        false => compiler_fence(Ordering::SeqCst),
        true => fence(Ordering::SeqCst),
    }
}

/// After it, every thread has either shown its count, or reads what was written before.
/// False if that cannot be had this time.
#[must_use]
pub(crate) fn heavy() -> bool {
    /// The system granted it once and then refused: a thread that has not heard of it
    /// yet may be between two steps, at any time.
    static REFUSED: AtomicBool = AtomicBool::new(false);
    fence(Ordering::SeqCst);
    if FENCED.load(Ordering::Relaxed) {
        return !REFUSED.load(Ordering::Relaxed);
    }
    if system::order_all_threads() {
        return true;
    }
    REFUSED.store(true, Ordering::Relaxed);
    FENCED.store(true, Ordering::SeqCst);
    false
}

#[cfg(target_os = "linux")]
mod system {
    const REGISTER: libc::c_int = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
    const ORDER: libc::c_int = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED;

    pub(super) fn register() -> bool {
        membarrier(REGISTER) && membarrier(ORDER)
    }

    pub(super) fn order_all_threads() -> bool {
        membarrier(ORDER)
    }

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: takes numbers alone, and changes no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn order_all_threads() -> bool {
        false
    }
}
