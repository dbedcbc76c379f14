//! The arena that values are written to: a bump allocator over a list of chunks,
//! opaque to plugins.
//!
//! Written here as marks are part of the ABI, which the allocators that are there as
//! crates do not have together with a fallible allocation; and as a thread keeps the
//! first chunks of its arenas, so that a call takes no memory from the system.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use twinplug_abi as abi;

use super::reference::release;
use super::{Allocate, Bump};

/// Chunks are aligned for whatever the ABI hands out.
const ALIGN: usize = 16;

/// The first chunk's size; each further one is at least twice the last.
const FIRST: usize = 4096;

/// So many first chunks a thread keeps: two for each of some nested calls.
const SPARE: usize = 8;

thread_local! {
    static SPARES: Spares = const { Spares { last: Cell::new(None), count: Cell::new(0) } };
}

/// First chunks that are in no arena, each with the address of the one before it.
struct Spares {
    last: Cell<Option<NonNull<u8>>>,
    count: Cell<usize>,
}

/// What `tp_arena` is. One thread at a time.
pub struct Arena {
    /// The free part of the current chunk.
    free: Bump,
    /// The chunk that is filled now; 0 is the first, or the front where there is one.
    current: Cell<usize>,
    /// Memory that is not its own, and comes before all chunks.
    front: Cell<Option<NonNull<Front>>>,
    first: Cell<Option<NonNull<u8>>>,
    /// Whether it is in a box of its own, and no part of a call.
    boxed: bool,
    /// Whether each place is a chunk of its own. Then nothing of a chunk is free.
    scattered: bool,
    /// What was left to it last, or null; only behind a first chunk.
    held: Cell<*mut Held>,
    /// A box, or null; only behind a first chunk. A pointer, so that the drop of an arena
    /// that has taken no memory is one comparison.
    further: Cell<*mut Vec<Chunk>>,
}

impl Default for Arena {
    fn default() -> Self {
        Arena::new()
    }
}

impl Arena {
    /// An arena that has no memory yet.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Arena {
            free: Bump::new(),
            current: Cell::new(0),
            front: Cell::new(None),
            first: Cell::new(None),
            boxed: false,
            scattered: false,
            held: Cell::new(ptr::null_mut()),
            further: Cell::new(ptr::null_mut()),
        }
    }

    /// One that a plugin makes and frees; its place is a box.
    #[must_use]
    pub const fn of_its_own() -> Self {
        Arena::new().boxed()
    }

    /// The same in a box of its own.
    #[must_use]
    pub const fn boxed(mut self) -> Self {
        self.boxed = true;
        self
    }

    /// One whose places lie apart, so that a tool that looks for overruns finds them.
    #[must_use]
    pub const fn scattered() -> Self {
        let mut arena = Arena::new();
        arena.scattered = true;
        arena
    }

    /// Whether it was made by [`Arena::of_its_own`].
    #[must_use]
    pub const fn is_of_its_own(&self) -> bool {
        self.boxed
    }

    /// Begins in that front, unless it has memory already.
    ///
    /// # Safety
    /// The front stays where it is for as long as the arena is used, and nobody else uses it.
    #[inline]
    pub(super) unsafe fn begin_in(&self, front: NonNull<Front>) {
        if self.free.next().is_null() && self.first.get().is_none() {
            self.front.set(Some(front));
            // SAFETY: as the caller says.
            unsafe { self.free.enter(front.cast(), size_of::<Front>()) };
        }
    }

    /// As plugins hold it.
    #[inline]
    pub fn as_raw(&mut self) -> *mut abi::Arena {
        (&raw mut *self).cast()
    }

    /// Forgets what was allocated, and keeps the memory.
    pub fn reset(&self) {
        self.rewind(abi::Mark { chunk: 0, used: 0 });
    }

    /// How much is used now.
    #[must_use]
    pub fn mark(&self) -> abi::Mark {
        let chunk = self.current.get();
        let start = self.chunk(chunk).map_or(0, |(start, _)| start.addr().get());
        abi::Mark { chunk, used: self.free.next().addr().saturating_sub(start) }
    }

    /// Goes back to a mark of this arena's; one that lies ahead is ignored. Whatever the
    /// mark, what is handed out next lies within a chunk.
    pub fn rewind(&self, mark: abi::Mark) {
        let now = self.mark();
        if !is_behind(now, mark) && (mark.chunk, mark.used) != (now.chunk, now.used) {
            return;
        }
        self.let_go(mark);
        match self.scattered {
            true => {
                self.current.set(mark.chunk);
                self.with_further(|further| further.truncate(mark.chunk));
            }
            false => self.enter(mark.chunk, mark.used),
        }
    }

    /// Releases what was left to it behind that mark. What that runs is foreign code, which may
    /// use the arena.
    fn let_go(&self, mark: abi::Mark) {
        loop {
            let last = self.held.get();
            // SAFETY: null, or written by `hold` into a place of this arena, which is forgotten
            // after it was taken off here.
            let Some(held) = (unsafe { last.as_ref() }) else { return };
            if !is_behind(held.mark, mark) {
                return;
            }
            self.held.set(held.before);
            // SAFETY: `hold` was given the count.
            unsafe { release(&held.reference) };
        }
    }

    /// Where a chunk starts, and its size.
    fn chunk(&self, index: usize) -> Option<(NonNull<u8>, usize)> {
        let index = match self.front.get() {
            Some(front) if index == 0 => return Some((front.cast(), size_of::<Front>())),
            Some(_) => index - 1,
            None => index,
        };
        match index.checked_sub(1) {
            None => self.first.get().map(|first| (first, FIRST)),
            Some(index) => self
                .with_further(|further| further.get(index).map(|chunk| (chunk.start, chunk.size))),
        }
    }

    /// Goes on in that chunk, behind `used` bytes of it; not if it has none so long.
    fn enter(&self, index: usize, used: usize) {
        let Some((start, size)) = self.chunk(index).filter(|(_, size)| used <= *size) else {
            return;
        };
        self.current.set(index);
        // SAFETY: `used` is at most the chunk's size, of which the rest is left. The chunk is there
        // as long as the arena, or the front as its owner says.
        unsafe { self.free.enter(start.add(used), size - used) };
    }

    /// A place in a chunk that follows.
    #[cold]
    fn place_further(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        if self.scattered {
            return self.place_apart(size);
        }
        loop {
            let next = self.chunk(0).map_or(0, |_| self.current.get() + 1);
            if self.chunk(next).is_none() {
                self.grow(size)?;
            }
            self.enter(next, 0);
            if let Some(place) = self.free.place(size, align) {
                return Some(place);
            }
        }
    }

    fn grow(&self, size: usize) -> Option<()> {
        if self.first.get().is_none() {
            self.first.set(Some(Spares::take()?));
            return Some(());
        }
        self.with_further(|further| {
            let last = further.last().map_or(FIRST, |last| last.size);
            further.push(Chunk::new(last.saturating_mul(2).max(size))?);
            Some(())
        })
    }

    /// A place that is a chunk.
    fn place_apart(&self, size: usize) -> Option<NonNull<u8>> {
        if self.first.get().is_none() {
            self.first.set(Some(Spares::take()?));
        }
        self.with_further(|further| {
            let chunk = Chunk::new(size)?;
            let start = chunk.start;
            further.push(chunk);
            self.current.set(further.len());
            Some(start)
        })
    }

    fn with_further<R>(&self, look: impl FnOnce(&mut Vec<Chunk>) -> R) -> R {
        if self.further.get().is_null() {
            self.further.set(Box::into_raw(Box::default()));
        }
        // SAFETY: a box of ours, made above, freed by `drop` alone; nobody looks twice at
        // once, as what looks calls nothing of the arena's.
        look(unsafe { &mut *self.further.get() })
    }

    #[cold]
    fn free(&mut self, first: NonNull<u8>) {
        self.let_go(abi::Mark { chunk: 0, used: 0 });
        Spares::keep(first);
        let further = self.further.get();
        if !further.is_null() {
            // SAFETY: made by `with_further`, and freed once.
            drop(unsafe { Box::from_raw(further) });
        }
    }
}

impl Drop for Arena {
    #[inline]
    fn drop(&mut self) {
        if let Some(first) = self.first.get() {
            self.free(first);
        }
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
        match self.free.place(size, align) {
            None => self.place_further(size, align),
            place => place,
        }
    }

    fn hold(&self, reference: abi::Value) -> bool {
        // Behind a first chunk, so that it is released with that.
        let place = match self.first.get() {
            Some(_) => self.allocate(size_of::<Held>(), align_of::<Held>()),
            None => self.place_further(size_of::<Held>(), align_of::<Held>()),
        };
        let Some(place) = place.map(NonNull::cast::<Held>) else { return false };
        let held = Held { reference, before: self.held.get(), mark: self.mark() };
        // SAFETY: the place is as large and aligned as is asked for, and nobody else's.
        unsafe { place.write(held) };
        self.held.set(place.as_ptr());
        true
    }
}

/// A reference of which the arena has a count; it lies in the arena.
struct Held {
    reference: abi::Value,
    before: *mut Held,
    /// Where the arena was behind it.
    mark: abi::Mark,
}

fn is_behind(mark: abi::Mark, other: abi::Mark) -> bool {
    (mark.chunk, mark.used) > (other.chunk, other.used)
}

impl Spares {
    /// A first chunk: one of the thread's, or a new one.
    fn take() -> Option<NonNull<u8>> {
        let spare = SPARES.try_with(|spares| {
            let last = spares.last.get()?;
            // SAFETY: a chunk among the spares starts with what `keep` has written.
            spares.last.set(unsafe { last.cast::<Option<NonNull<u8>>>().read() });
            spares.count.set(spares.count.get() - 1);
            Some(last)
        });
        match spare {
            Ok(Some(spare)) => Some(spare),
            _ => Some(std::mem::ManuallyDrop::new(Chunk::new(FIRST)?).start),
        }
    }

    /// Leaves a first chunk, which is used no more, to the thread's next arena.
    fn keep(chunk: NonNull<u8>) {
        let kept = SPARES.try_with(|spares| {
            if spares.count.get() == SPARE {
                return false;
            }
            // SAFETY: the chunk is ours, aligned, and larger than that.
            unsafe { chunk.cast::<Option<NonNull<u8>>>().write(spares.last.get()) };
            spares.last.set(Some(chunk));
            spares.count.set(spares.count.get() + 1);
            true
        });
        // While the thread ends there may be no place for it any more.
        if !kept.unwrap_or(false) {
            drop(Chunk { start: chunk, size: FIRST });
        }
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        while let Some(last) = self.last.get() {
            // SAFETY: as in `take`.
            self.last.set(unsafe { last.cast::<Option<NonNull<u8>>>().read() });
            drop(Chunk { start: last, size: FIRST });
        }
    }
}

/// Memory where a call is, for what is small. It is written to through a pointer while it is
/// borrowed.
#[repr(align(16))]
pub(super) struct Front(
    #[allow(dead_code, reason = "just its place is used")] UnsafeCell<MaybeUninit<[u8; 512]>>,
);

impl Front {
    pub(super) const fn new() -> Self {
        Front(UnsafeCell::new(MaybeUninit::uninit()))
    }
}

const _: () = assert!(align_of::<Front>() == ALIGN);

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
        let arena = Arena::default();
        arena.allocate(10, 1).unwrap();
        let mark = arena.mark();
        let first = arena.allocate(5000, 16).unwrap();
        arena.rewind(mark);
        assert_eq!(arena.allocate(5000, 16).unwrap(), first, "the chunk is used again");
        let chunks = arena.with_further(|further| further.len());
        arena.reset();
        arena.allocate(5000, 16).unwrap();
        assert_eq!(arena.with_further(|further| further.len()), chunks);
    }

    #[test]
    fn it_goes_on_from_its_front_and_comes_back() {
        let front = Front::new();
        let arena = Arena::new();
        // SAFETY: the front is there until the arena was used for the last time.
        unsafe { arena.begin_in(NonNull::from(&front)) };
        let within = |place: NonNull<u8>| {
            place.addr().get().wrapping_sub((&raw const front).addr()) < size_of::<Front>()
        };
        assert!(within(arena.allocate(100, 16).unwrap()));
        let mark = arena.mark();
        let second = arena.allocate(300, 8).unwrap();
        assert!(within(second));
        for _ in 0..20 {
            assert!(!within(arena.allocate(3000, 1).unwrap()));
            assert!(!within(arena.allocate(9000, 1).unwrap()));
            arena.rewind(mark);
            assert_eq!(arena.allocate(300, 8).unwrap(), second);
        }
        assert_eq!(arena.with_further(|further| further.len()), 1);
        let later = arena.mark();
        assert!(!within(arena.allocate(400, 1).unwrap()));
        arena.rewind(later);
        arena.reset();
        assert!(within(arena.allocate(512, 16).unwrap()));
    }

    /// What is left to an arena that is in its front still is released once, whether it comes
    /// back to that or not.
    #[test]
    fn what_is_left_to_it_goes_with_it() {
        let counted = std::sync::Arc::new(());
        let function = || {
            let counted = std::sync::Arc::clone(&counted);
            let function = crate::Function::new(move || drop(std::sync::Arc::clone(&counted)));
            crate::Reference::Func(function).into_raw()
        };
        let front = Front::new();
        let arena = Arena::new();
        // SAFETY: as above.
        unsafe { arena.begin_in(NonNull::from(&front)) };
        arena.allocate(10, 1).unwrap();
        let mark = arena.mark();
        for round in 0..3 {
            assert!(arena.hold(function()), "{round}");
            assert!(arena.hold(function()));
            assert_eq!(std::sync::Arc::strong_count(&counted), 3);
            arena.rewind(mark);
            assert_eq!(std::sync::Arc::strong_count(&counted), 1);
        }
        assert!(arena.hold(function()));
        drop(arena);
        assert_eq!(std::sync::Arc::strong_count(&counted), 1);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let arena = Arena::default();
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
