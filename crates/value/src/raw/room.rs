//! Memory for what is small, where the call is.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use twinplug_abi as abi;

use super::{Allocate, Arena};

/// A few structs of some fields.
const SIZE: usize = 256;

/// An arena that takes no memory until there is more than fits into it itself. (It may be moved while
/// nobody has memory of it, and so remembers how much is used, and not where.)
pub struct Room {
    place: Aligned,
    used: Cell<usize>,
    arena: Arena,
}

/// As arenas align.
#[repr(align(16))]
struct Aligned(UnsafeCell<MaybeUninit<[u8; SIZE]>>);

impl Default for Room {
    fn default() -> Self {
        Room::new()
    }
}

impl Room {
    /// With nothing in it.
    #[inline(always)]
    #[must_use]
    pub const fn new() -> Self {
        let place = Aligned(UnsafeCell::new(MaybeUninit::uninit()));
        Room { place, used: Cell::new(0), arena: Arena::new() }
    }
}

// SAFETY: a place is a part of the room's, aligned as asked for as that is, and lies after all that
// was handed out before; or it is the arena's. While it is borrowed the room stays where it is.
unsafe impl Allocate for Room {
    #[inline(always)]
    fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        if align.is_power_of_two() && align <= align_of::<Aligned>() && size <= SIZE {
            let start = self.used.get().next_multiple_of(align);
            if start + size <= SIZE {
                self.used.set(start + size);
                // SAFETY: `start` is at most its size.
                return NonNull::new(unsafe { self.place.0.get().cast::<u8>().add(start) });
            }
        }
        self.arena.allocate(size, align)
    }

    fn hold(&self, reference: abi::Value) -> bool {
        self.arena.hold(reference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_out_is_aligned_and_does_not_overlap() {
        let room = Room::new();
        let mut taken: Vec<(usize, usize)> = Vec::new();
        for round in 0..60 {
            let (size, align) = (round * 7 % 40, 1 << (round % 5));
            let start = room.allocate(size, align).unwrap().as_ptr() as usize;
            assert_eq!(start % align, 0);
            taken.push((start, start + size));
        }
        taken.sort_unstable();
        assert!(taken.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    }

    #[test]
    fn it_takes_memory_when_it_is_full() {
        let room = Room::new();
        let at = |place: Option<NonNull<u8>>| place.unwrap().as_ptr() as usize;
        let within =
            |place: usize| (0..SIZE).contains(&place.wrapping_sub(&raw const room as usize));
        assert!(within(at(room.allocate(SIZE - 8, 16))));
        assert!(!within(at(room.allocate(9, 1))));
        assert!(within(at(room.allocate(8, 8))));
        assert!(!within(at(room.allocate(1, 1))));
        assert!(room.allocate(usize::MAX, 1).is_none());
        assert!(room.allocate(1, 3).is_none());
        assert!(room.allocate(1, 32).is_none());
    }
}
