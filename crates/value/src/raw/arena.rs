//! The arena that values are written to: a bump allocator over a list of chunks,
//! opaque to plugins.
//!
//! Written here as marks are part of the ABI, which the allocators that are there as
//! crates do not have together with a fallible allocation; and as a thread keeps the
//! first chunks of its arenas, so that a call takes no memory from the system.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};

use smallvec::SmallVec;
use twinplug_abi as abi;

use super::Allocate;

/// Chunks are aligned for whatever the ABI hands out.
const ALIGN: usize = 16;

/// The first chunk's size; each further one is at least twice the last.
const FIRST: usize = 4096;

/// So many first chunks a thread keeps: two for each of some nested calls.
const SPARE: usize = 8;

thread_local! {
    static SPARES: RefCell<SmallVec<[Chunk; SPARE]>> = const { RefCell::new(SmallVec::new_const()) };
}

/// What `tp_arena` is. One thread at a time.
#[derive(Debug)]
pub struct Arena {
    /// The free part of the current chunk.
    next: Cell<*mut u8>,
    end: Cell<*mut u8>,
    /// The chunk that is filled now.
    current: Cell<usize>,
    chunks: RefCell<SmallVec<[Chunk; 1]>>,
}

impl Default for Arena {
    fn default() -> Self {
        Arena::new()
    }
}

impl Arena {
    /// An arena that has no memory yet.
    #[must_use]
    pub const fn new() -> Self {
        Arena {
            next: Cell::new(ptr::null_mut()),
            end: Cell::new(ptr::null_mut()),
            current: Cell::new(0),
            chunks: RefCell::new(SmallVec::new_const()),
        }
    }

    /// As plugins hold it.
    pub fn as_raw(&mut self) -> *mut abi::Arena {
        (&raw mut *self).cast()
    }

    /// Forgets what was allocated, and keeps the memory.
    pub fn reset(&mut self) {
        self.rewind(abi::Mark { chunk: 0, used: 0 });
    }

    /// How much is used now.
    #[must_use]
    pub fn mark(&self) -> abi::Mark {
        let chunk = self.current.get();
        let start = self.chunks.borrow().get(chunk).map_or(0, |chunk| chunk.start.addr().get());
        abi::Mark { chunk, used: self.next.get().addr().saturating_sub(start) }
    }

    /// Goes back to a mark of this arena's; one that lies ahead is ignored. Whatever the
    /// mark, what is handed out next lies within a chunk.
    pub fn rewind(&mut self, mark: abi::Mark) {
        let now = self.mark();
        if (mark.chunk, mark.used) <= (now.chunk, now.used) {
            self.enter(mark.chunk, mark.used);
        }
    }

    /// Goes on in that chunk, behind `used` bytes of it; false where it has none so long.
    fn enter(&self, index: usize, used: usize) -> bool {
        let chunks = self.chunks.borrow();
        let Some(chunk) = chunks.get(index).filter(|chunk| used <= chunk.size) else {
            return false;
        };
        self.current.set(index);
        // SAFETY: both are at most the chunk's size, of which they are a part.
        let (next, end) = unsafe { (chunk.start.add(used), chunk.start.add(chunk.size)) };
        self.next.set(next.as_ptr());
        self.end.set(end.as_ptr());
        true
    }

    /// A place in the current chunk.
    #[inline]
    fn place(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let next = self.next.get();
        let padding = next.addr().wrapping_neg() & (align - 1);
        let taken = size.checked_add(padding)?;
        if next.is_null() || taken > self.end.get().addr() - next.addr() {
            return None;
        }
        // SAFETY: `taken` bytes are free behind `next`, in the same chunk; so are the
        // first `padding` of them.
        let (start, next) = unsafe { (next.add(padding), next.add(taken)) };
        self.next.set(next);
        NonNull::new(start)
    }

    /// A place in a chunk that follows.
    #[cold]
    fn place_further(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let chunks = || self.chunks.borrow().len();
        let mut index = if self.next.get().is_null() { 0 } else { self.current.get() + 1 };
        loop {
            if index == chunks() {
                self.grow(size)?;
            }
            self.enter(index, 0);
            if let Some(place) = self.place(size, align) {
                return Some(place);
            }
            index += 1;
        }
    }

    fn grow(&self, size: usize) -> Option<()> {
        let mut chunks = self.chunks.borrow_mut();
        let chunk = match chunks.last() {
            None if size <= FIRST => Chunk::first()?,
            None => Chunk::new(size)?,
            Some(last) => Chunk::new(last.size.saturating_mul(2).max(size))?,
        };
        chunks.push(chunk);
        Some(())
    }
}

impl Drop for Arena {
    #[inline]
    fn drop(&mut self) {
        if !self.next.get().is_null() {
            self.keep_first();
        }
    }
}

impl Arena {
    /// Leaves the first chunk to the thread's next arena.
    fn keep_first(&mut self) {
        let mut chunks = self.chunks.take();
        if chunks.first().is_none_or(|first| first.size != FIRST) {
            return;
        }
        let first = chunks.swap_remove(0);
        // While the thread ends there may be no place for it any more.
        let _ = SPARES.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() < SPARE {
                spares.push(first);
            }
        });
    }
}

// SAFETY: a place is a part of a chunk, aligned as asked, and lies after all that was
// handed out since the last rewind.
unsafe impl Allocate for Arena {
    #[inline]
    fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        if !align.is_power_of_two() || align > ALIGN {
            return None;
        }
        self.place(size, align).or_else(|| self.place_further(size, align))
    }
}

/// Memory of its own.
#[derive(Debug)]
struct Chunk {
    start: NonNull<u8>,
    size: usize,
}

impl Chunk {
    /// One of the thread's, or a new one.
    fn first() -> Option<Chunk> {
        let spare = SPARES.try_with(|spares| spares.borrow_mut().pop()).ok().flatten();
        spare.or_else(|| Chunk::new(FIRST))
    }

    fn new(size: usize) -> Option<Chunk> {
        let layout = Layout::from_size_align(size.max(1), ALIGN).ok()?;
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { alloc(layout) })?;
        Some(Chunk { start, size: layout.size() })
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this size and alignment, freed once.
        unsafe { dealloc(self.start.as_ptr(), Layout::from_size_align_unchecked(self.size, ALIGN)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_out_is_aligned_and_does_not_overlap() {
        let arena = Arena::default();
        let mut taken: Vec<(usize, usize)> = Vec::new();
        for round in 0..2000 {
            let (size, align) = (round * 7 % 300, 1 << (round % 5));
            let start = arena.allocate(size, align).unwrap().as_ptr() as usize;
            assert_eq!(start % align, 0);
            taken.push((start, start + size));
        }
        taken.sort_unstable();
        assert!(taken.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    }

    #[test]
    fn a_mark_is_where_it_goes_on() {
        let mut arena = Arena::default();
        arena.allocate(10, 1).unwrap();
        let mark = arena.mark();
        let first = arena.allocate(5000, 16).unwrap();
        arena.rewind(mark);
        assert_eq!(arena.allocate(5000, 16).unwrap(), first, "the chunk is used again");
        let chunks = arena.chunks.borrow().len();
        arena.reset();
        arena.allocate(5000, 16).unwrap();
        assert_eq!(arena.chunks.borrow().len(), chunks);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut arena = Arena::default();
        assert!(arena.allocate(usize::MAX, 1).is_none());
        assert!(arena.allocate(isize::MAX as usize - 64, 16).is_none());
        assert!(arena.allocate(1, 3).is_none());
        assert!(arena.allocate(1, 32).is_none());
        let mark = arena.mark();
        arena.rewind(abi::Mark { chunk: 7, used: 9 });
        assert_eq!((arena.mark().chunk, arena.mark().used), (mark.chunk, mark.used));
        assert!(arena.allocate(0, 1).is_some());
    }
}
