//! The arena that results are written to: a bump allocator over a list of chunks,
//! opaque to plugins.
//!
//! Written here as marks are part of the ABI, which the allocators that are there as
//! crates do not have together with a fallible allocation.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use twinplug_abi as abi;
use twinplug_value::raw::Allocate;

/// Chunks are aligned for whatever the ABI hands out.
const ALIGN: usize = 16;

/// The first chunk's size; each further one is twice the last.
const FIRST: usize = 1024;

/// What `tp_arena` is. One thread at a time.
#[derive(Default)]
pub(super) struct Arena {
    chunks: RefCell<Vec<Chunk>>,
    /// The chunk that is filled now, and how much of it is used.
    current: Cell<usize>,
    used: Cell<usize>,
}

impl Arena {
    /// As plugins hold it.
    pub(super) fn as_raw(&mut self) -> *mut abi::Arena {
        (&raw mut *self).cast()
    }

    pub(super) fn reset(&mut self) {
        self.rewind(abi::Mark { chunk: 0, used: 0 });
    }

    pub(super) fn mark(&self) -> abi::Mark {
        abi::Mark { chunk: self.current.get(), used: self.used.get() }
    }

    /// Goes back to a mark of this arena's; one that lies ahead is ignored. Whatever the
    /// mark, what is handed out next lies within a chunk.
    pub(super) fn rewind(&mut self, mark: abi::Mark) {
        let now = (self.current.get(), self.used.get());
        if (mark.chunk, mark.used) <= now {
            self.current.set(mark.chunk);
            self.used.set(mark.used);
        }
    }

    /// A place in the current chunk, or in one that follows it.
    fn place(&self, layout: Layout) -> Option<NonNull<u8>> {
        let chunks = self.chunks.borrow();
        while let Some(chunk) = chunks.get(self.current.get()) {
            let start = self.used.get().checked_next_multiple_of(layout.align())?;
            let end = start.checked_add(layout.size())?;
            if end <= chunk.size {
                self.used.set(end);
                // SAFETY: `start` is at most the chunk's size, of which it is a part.
                return Some(unsafe { chunk.start.add(start) });
            }
            self.current.set(self.current.get() + 1);
            self.used.set(0);
        }
        None
    }

    fn grow(&self, size: usize) -> Option<()> {
        let mut chunks = self.chunks.borrow_mut();
        let next = chunks.last().map_or(FIRST, |last| last.size.saturating_mul(2));
        chunks.push(Chunk::new(next.max(size))?);
        Some(())
    }
}

// SAFETY: a place is a part of a chunk, aligned as asked since chunks are aligned to
// `ALIGN`, and lies after all that was handed out since the last rewind.
unsafe impl Allocate for Arena {
    fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let layout = Layout::from_size_align(size, align).ok().filter(|_| align <= ALIGN)?;
        self.place(layout).or_else(|| {
            self.grow(size)?;
            self.place(layout)
        })
    }
}

/// Memory of its own.
struct Chunk {
    start: NonNull<u8>,
    size: usize,
}

impl Chunk {
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
