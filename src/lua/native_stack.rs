//! How much is left of the thread's own stack, which C functions that call Lua functions
//! that call C functions use up.
//!
//! Lua counts such calls in one VM, LuaJIT does not; and calls that go through many VMs
//! nobody counts. The end of the stack is the end of the process, so it is looked at.

use std::cell::Cell;

use crate::error::{Error, ErrorKind, Result};

/// What a call into a VM must find: 200 C functions of Lua's, each with a buffer of its own.
const FOR_A_CALL: usize = 640 << 10;

/// What a C function of LuaJIT's must find, so that whatever it calls can still fail.
#[cfg(feature = "luajit")]
const FOR_A_FUNCTION: usize = 320 << 10;

thread_local! {
    /// The lowest and the highest address of this thread's stack; nothing before the first
    /// question, 0 and 0 where the system does not tell.
    static BOUNDS: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
    /// An address of this thread's stack above which a call has room; the highest there is
    /// before the first question.
    static ROOM: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Whether a call into a VM has room.
///
/// # Errors
/// It has not.
#[inline(always)]
pub(super) fn check() -> Result<()> {
    if has_room_for_a_call() { Ok(()) } else { look() }
}

/// Whether a call has room, without a closer look.
#[inline(always)]
pub(super) fn has_room_for_a_call() -> bool {
    let here = 0_u8;
    std::ptr::from_ref(&here).addr() >= ROOM.get()
}

#[cold]
fn look() -> Result<()> {
    match left() >= FOR_A_CALL {
        true => {
            // On a stack that a program has made itself the bounds do not hold.
            let (lowest, highest) = BOUNDS.get().unwrap_or_default();
            let here = std::ptr::from_ref(&lowest).addr();
            if (lowest..highest).contains(&here) {
                ROOM.set(lowest + FOR_A_CALL);
            }
            Ok(())
        }
        false => Err(exhausted()),
    }
}

#[cold]
fn exhausted() -> Error {
    let message = "stack overflow: this thread has less than 640 KiB of its stack left, which a \
                   call takes";
    Error::new(ErrorKind::Call, message)
}

/// A C function for the prelude: whether one that calls Lua functions has room.
#[cfg(feature = "luajit")]
pub(super) unsafe extern "C-unwind" fn has_room(state: *mut mlua::ffi::lua_State) -> i32 {
    let has_room = left() >= FOR_A_FUNCTION;
    // SAFETY: Lua calls it with its own state, and guarantees room for 20 values.
    unsafe { mlua::ffi::lua_pushboolean(state, has_room.into()) };
    1
}

/// How many bytes; without an end where nothing is known of the stack that this runs on,
/// as on one that a program has made itself.
#[inline(always)]
fn left() -> usize {
    let (lowest, highest) = BOUNDS.get().unwrap_or_else(find_bounds);
    let here = std::ptr::from_ref(&lowest).addr();
    if here < lowest || here >= highest { usize::MAX } else { here - lowest }
}

#[cold]
fn find_bounds() -> (usize, usize) {
    let found = bounds().unwrap_or((0, 0));
    BOUNDS.set(Some(found));
    found
}

/// What the system says of this thread's stack.
#[cfg(target_os = "linux")]
fn bounds() -> Option<(usize, usize)> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut lowest, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the C library fills in the attributes of the calling thread, which lives;
    // they are read only where it says that it has, and are given back once.
    let is_known = unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let read = libc::pthread_attr_getstack(attributes.as_ptr(), &mut lowest, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        read == 0
    };
    is_known.then(|| (lowest.addr(), lowest.addr() + size))
}

#[cfg(not(target_os = "linux"))]
fn bounds() -> Option<(usize, usize)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_left_is_less_the_deeper_the_call() {
        #[inline(never)]
        fn deep(calls: usize) -> usize {
            let room = std::hint::black_box([0_u8; 1024]);
            match calls {
                0 => left() + usize::from(room[0]),
                _ => deep(calls - 1) + usize::from(std::hint::black_box(&room)[0]),
            }
        }
        let small = std::thread::Builder::new().stack_size(2 << 20);
        let ended = small.spawn(|| {
            let here = left();
            assert!(here > 1 << 20 && here <= 2 << 20, "{here}");
            let below = deep(100);
            assert!(below + 100 * 1024 <= here, "{below} of {here}");
            check().unwrap();
        });
        ended.unwrap().join().unwrap();
        let tiny = std::thread::Builder::new().stack_size(256 << 10);
        let refused = tiny.spawn(|| check().unwrap_err().to_string()).unwrap().join().unwrap();
        assert_eq!(
            refused,
            "stack overflow: this thread has less than 640 KiB of its stack left, which a call takes"
        );
    }
}
