//! Which calls of a plugin run: a count for each thread and plugin, written by that
//! thread alone, so that no call waits for another's cache line.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::barrier;

/// Counts of one thread, by the index of the [`Track`]. Never freed: a thread that
/// ends leaves them, all 0, to the next.
type Counts = &'static [AtomicU32];

/// So many of them are made at once, 8 KiB: a native plugin has two.
const FIRST_COUNTS: usize = 2048;

thread_local! {
    // Both have no destructor: they are there as long as anything of the thread can run.
    /// The first ones: they stay where they are until the thread ends. None where each use makes a
    /// fence, and among the last of the thread's destructors.
    static FIRST: Cell<Counts> = const { Cell::new(&[]) };
    /// Those that `FIRST` has no place for.
    static OTHERS: Cell<Counts> = const { Cell::new(&[]) };
    /// Whether the thread is past [`LEAVING`], among the last of its destructors.
    static LEFT: Cell<bool> = const { Cell::new(false) };
    /// Gives the counts back when the thread ends.
    static LEAVING: Leaving = const { Leaving };
}

static THREADS: Mutex<Threads> = Mutex::new(Threads { used: Vec::new(), free: Vec::new() });

struct Threads {
    used: Vec<Counts>,
    free: Vec<Counts>,
}

static INDICES: Mutex<Indices> = Mutex::new(Indices { next: 0, free: Vec::new() });

struct Indices {
    next: usize,
    free: Vec<usize>,
}

/// Counts the uses of one plugin, on all threads.
pub struct Track {
    index: usize,
}

/// A use that is counted; on the thread that began it.
pub(crate) struct Running<'t> {
    track: &'t Track,
    _thread: PhantomData<*const ()>,
}

/// The same of the thread's only use of the plugin. What such uses write does not depend on what the
/// one before has written, so that none waits for that.
pub(super) struct Alone {
    count: &'static AtomicU32,
    _thread: PhantomData<*const ()>,
}

impl Track {
    pub(crate) fn new() -> Self {
        barrier::prepare();
        let mut indices = INDICES.lock();
        let index = indices.free.pop().unwrap_or_else(|| {
            indices.next += 1;
            indices.next - 1
        });
        Track { index }
    }

    /// Which one it is, for [`raise_alone`].
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Counts one more use, which others see before anything is read after it.
    #[inline]
    pub(crate) fn raise(&self) -> Running<'_> {
        let count = self.own().unwrap_or_else(|| grow(self.index));
        count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        barrier::light();
        Running { track: self, _thread: PhantomData }
    }

    /// This thread's count, if it has one.
    #[inline]
    fn own(&self) -> Option<&'static AtomicU32> {
        FIRST.get().get(self.index).or_else(|| OTHERS.get().get(self.index))
    }

    /// Counts what is done as one more use.
    #[cfg(feature = "native")]
    pub(crate) fn count<R>(&self, used: impl FnOnce() -> R) -> R {
        let _running = self.raise();
        used()
    }

    /// Waits until no other thread uses the plugin; who enters later sees what this thread
    /// has written before. False if that took too long, as it does where others enter all
    /// the time. Uses of the calling thread itself do not count: it would wait for itself.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        self.wait_while(at_most, |count| uses(count) != 0)
    }

    /// As `wait`, but for uses that [`park`](Track::park).
    pub(crate) fn drain(&self, at_most: Duration) -> bool {
        self.wait_while(at_most, |count| uses(count) != parked(count))
    }

    /// Waits until each other thread was seen outside once: enough where who enters later finds
    /// something else. Likewise false if that took too long, or is not known.
    pub(crate) fn pass(&self, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        let ordered = barrier::heavy();
        // Within such a use a thread begins no other, for which its counts might move.
        let mut inside: Vec<_> = others(&THREADS.lock(), self.index).collect();
        let mut pause = FIRST_PAUSE;
        loop {
            // Acquire: what the use did, it has done.
            inside.retain(|count| uses(count.load(Ordering::Acquire)) != 0);
            if inside.is_empty() {
                return ordered;
            }
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    fn wait_while(&self, at_most: Duration, is_used: impl Fn(u32) -> bool) -> bool {
        let end = Instant::now() + at_most;
        let mut pause = FIRST_PAUSE;
        // Without the barrier it is waited all the same, and the answer is that it is not
        // known.
        let ordered = barrier::heavy();
        while self.any(&is_used) {
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LAST_PAUSE);
        }
        ordered
    }

    /// Whether this thread uses the plugin.
    pub(crate) fn is_raised_here(&self) -> bool {
        self.own().is_some_and(|count| uses(count.load(Ordering::Relaxed)) != 0)
    }

    /// Whether it is so of any other thread's count.
    fn any(&self, is_so: impl Fn(u32) -> bool) -> bool {
        // Held, so that no count moves meanwhile.
        let threads = THREADS.lock();
        let others = others(&threads, self.index);
        // Acquire: what the use did, it has done.
        let mut others = others.map(|count| count.load(Ordering::Acquire));
        others.any(is_so)
    }

    /// Runs what this thread waits in, on behalf of its uses, which do nothing meanwhile.
    #[cfg(feature = "native")]
    pub(crate) fn park<R>(&self, wait: impl FnOnce() -> R) -> R {
        let Some(count) = self.own() else { return wait() };
        let before = count.load(Ordering::Relaxed);
        count.store(uses(before) | uses(before) << HALF, Ordering::Release);
        // Also when the wait panics.
        let _back = Back { track: self, parked: parked(before) };
        wait()
    }
}

/// The counts of that index of all threads but this one.
fn others(threads: &Threads, index: usize) -> impl Iterator<Item = &'static AtomicU32> {
    let own = [FIRST.get().as_ptr(), OTHERS.get().as_ptr()];
    let others = threads.used.iter().filter(move |counts| !own.contains(&counts.as_ptr()));
    others.filter_map(move |counts| counts.get(index))
}

/// How long it is slept between looks.
const FIRST_PAUSE: Duration = Duration::from_micros(20);
const LAST_PAUSE: Duration = Duration::from_millis(1);

/// How many of a count's uses wait, above those that there are.
const HALF: u32 = 16;

fn uses(count: u32) -> u32 {
    count & ((1 << HALF) - 1)
}

fn parked(count: u32) -> u32 {
    count >> HALF
}

/// What waited goes on.
#[cfg(feature = "native")]
struct Back<'t> {
    track: &'t Track,
    parked: u32,
}

#[cfg(feature = "native")]
impl Drop for Back<'_> {
    fn drop(&mut self) {
        // The counts may have grown since.
        if let Some(count) = self.track.own() {
            let now = count.load(Ordering::Relaxed);
            count.store(uses(now) | self.parked << HALF, Ordering::Relaxed);
            barrier::light();
        }
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        // Who uses the plugin holds this, so that all counts of the index are 0.
        INDICES.lock().free.push(self.index);
    }
}

impl Drop for Running<'_> {
    #[inline]
    fn drop(&mut self) {
        // They may have grown since.
        if let Some(count) = self.track.own() {
            count.store(count.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Release);
        }
        if LEFT.get() {
            leave_if_unused();
        }
    }
}

/// Counts a use of the track of that index, as [`Track::raise`] does. `None` where it is not the
/// thread's only one, or not known to be.
#[inline(always)]
pub(super) fn raise_alone(index: usize) -> Option<Alone> {
    let count = FIRST.get().get(index)?;
    if count.load(Ordering::Relaxed) != 0 {
        return None;
    }
    count.store(1, Ordering::Relaxed);
    // There are first counts where the system orders threads, or has done so: once it refuses that
    // nobody is told any more that a plugin is not used.
    compiler_fence(Ordering::SeqCst);
    Some(Alone { count, _thread: PhantomData })
}

impl Drop for Alone {
    #[inline(always)]
    fn drop(&mut self) {
        // Others may have begun since, and go on: a thread may change stacks within its calls.
        let now = self.count.load(Ordering::Relaxed);
        self.count.store(now.wrapping_sub(1), Ordering::Release);
    }
}

/// Of a thread that calls plugins in the last of its destructors: gives back what it took
/// anew, as nothing else will.
#[cold]
fn leave_if_unused() {
    let counts = OTHERS.get();
    if counts.iter().all(|count| count.load(Ordering::Relaxed) == 0) {
        THREADS.lock().give_back(OTHERS.replace(&[]));
    }
}

/// Gives this thread counts up to that index; the one of the index.
#[cold]
fn grow(index: usize) -> &'static AtomicU32 {
    // Fails while the thread ends, when `LEFT` says so.
    let _ = LEAVING.try_with(|_| ());
    let mut threads = THREADS.lock();
    let new = threads.take(index);
    if FIRST.get().is_empty() && barrier::is_asymmetric() && !LEFT.get() {
        threads.used.push(new);
        FIRST.set(new);
        return &new[index];
    }
    let old = OTHERS.get();
    // Under the lock, so that who looks sees the one or the other.
    for (new, old) in new.iter().zip(old) {
        new.store(old.load(Ordering::Relaxed), Ordering::Relaxed);
        old.store(0, Ordering::Relaxed);
    }
    threads.give_back(old);
    threads.used.push(new);
    OTHERS.set(new);
    &new[index]
}

impl Threads {
    /// Counts up to that index that no thread has, all 0.
    fn take(&mut self, index: usize) -> Counts {
        match self.free.iter().position(|counts| counts.len() > index) {
            Some(place) => self.free.swap_remove(place),
            None => {
                let length = (index + 1).next_power_of_two().max(FIRST_COUNTS);
                Box::leak((0..length).map(|_| AtomicU32::new(0)).collect())
            }
        }
    }

    fn give_back(&mut self, counts: Counts) {
        self.used.retain(|used| used.as_ptr() != counts.as_ptr());
        if !counts.is_empty() {
            self.free.push(counts);
        }
    }
}

struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        LEFT.set(true);
        let mut threads = THREADS.lock();
        threads.give_back(FIRST.replace(&[]));
        threads.give_back(OTHERS.replace(&[]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A track for which this thread's first counts have no place.
    fn beyond(tracks: &mut Vec<Track>) -> usize {
        loop {
            tracks.push(Track::new());
            let at = tracks.len() - 1;
            if tracks[at].index >= FIRST.get().len().max(OTHERS.get().len()) {
                return at;
            }
        }
    }

    #[test]
    fn who_was_seen_outside_once_has_passed() {
        let track = Track::new();
        let (began, begun) = std::sync::mpsc::channel();
        let (end, ends) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            let track = &track;
            scope.spawn(move || {
                let running = track.raise();
                began.send(()).unwrap();
                ends.recv().unwrap();
                drop(running);
                // From here on it is never out for long.
                while ends.try_recv().is_err() {
                    drop(track.raise());
                }
            });
            begun.recv().unwrap();
            assert!(!track.pass(Duration::ZERO), "it is inside");
            end.send(()).unwrap();
            assert!(track.pass(Duration::from_secs(20)));
            end.send(()).unwrap();
        });
        assert!(track.pass(Duration::ZERO));
    }

    #[test]
    fn counts_grow_while_they_are_raised() {
        let mut tracks = vec![Track::new()];
        let raised = |track: &Track| track.raise_as_long();
        raised(&tracks[0]);
        for _ in 0..2 {
            let last = beyond(&mut tracks);
            raised(&tracks[last]);
            let is_raised = |index: &usize| tracks[*index].is_raised_here();
            assert!([0, last].iter().all(is_raised));
            #[cfg(feature = "native")]
            tracks[last].park(|| assert!(tracks[last].is_raised_here()));
        }
        let up: Vec<_> = (0..tracks.len()).filter(|it| tracks[*it].is_raised_here()).collect();
        assert_eq!(up.len(), 3, "no other");
        up.iter().for_each(|index| drop(Running { track: &tracks[*index], _thread: PhantomData }));
        assert!(tracks.iter().all(|track| !track.is_raised_here()));
        drop(raise_alone(tracks[0].index));
        assert!(!tracks[0].is_raised_here());
    }

    impl Track {
        /// Until somebody ends it.
        fn raise_as_long(&self) {
            std::mem::forget(self.raise());
        }
    }
}
