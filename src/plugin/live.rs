//! [`Live`]: what a handle leads to now. Calls read it without a lock and without a
//! write that another thread sees; a reload or an unload replaces it under them.
//!
//! It does not know what it holds.

pub(crate) mod barrier;
mod track;

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use track::Alone;
pub(crate) use track::{Running, Track};

/// A place whose content is replaced while others use it.
///
/// What was replaced is kept until this is dropped, as somebody may still use it. Of a
/// *tracked* content it can be told when nobody does any more: it is freed then.
pub(crate) struct Live<T> {
    /// A box; its address is odd where the content is tracked, so that a call knows it
    /// before it looks into the box.
    current: AtomicPtr<T>,
    /// Whoever is the first to be tracked brings it; all loads of a plugin have the same.
    track: OnceLock<Arc<Track>>,
    /// Its index, which is there before content that is tracked.
    index: AtomicUsize,
    /// Boxes that were replaced.
    replaced: Mutex<Vec<Replaced<T>>>,
}

struct Replaced<T> {
    content: NonNull<T>,
    tracked: bool,
}

/// What no track has for an index.
const NO_INDEX: usize = usize::MAX;

/// The bit of an address that says that the content is tracked.
const TRACKED: usize = 1;

impl<T> Live<T> {
    /// A place with this content.
    pub(crate) fn new(content: T) -> Self {
        Live::of(boxed(content, 0), OnceLock::new(), NO_INDEX)
    }

    /// A place with this content, whose uses `track` counts.
    pub(crate) fn tracked(content: T, track: Arc<Track>) -> Self {
        let index = track.index();
        Live::of(boxed(content, TRACKED), OnceLock::from(track), index)
    }

    fn of(current: AtomicPtr<T>, track: OnceLock<Arc<Track>>, index: usize) -> Self {
        Live { current, track, index: AtomicUsize::new(index), replaced: Mutex::default() }
    }

    #[cfg_attr(not(feature = "luajit"), allow(dead_code, reason = "of compiled scripts alone"))]
    pub(crate) fn is_tracked(&self) -> bool {
        self.track.get().is_some()
    }

    /// The content of this moment, if nobody counts its uses.
    #[inline(always)]
    pub(crate) fn untracked(&self) -> Option<&T> {
        let content = self.current.load(Ordering::Acquire);
        // SAFETY: an even address is that of a box, which is freed with `self` alone.
        (content.addr() & TRACKED == 0).then(|| unsafe { &*content })
    }

    /// The content of this moment, for as long as the answer is held.
    #[inline]
    pub(crate) fn enter(&self) -> Entered<'_, T> {
        match self.untracked() {
            Some(content) => Entered { content, running: None },
            None => self.enter_tracked(),
        }
    }

    /// As `enter`, of what was tracked a moment ago.
    #[inline]
    pub(crate) fn enter_tracked(&self) -> Entered<'_, T> {
        let running = self.track.get().map(|track| track.raise());
        // Read after the count was raised: who replaces it now sees the count.
        let content = self.current.load(Ordering::Acquire);
        // One that is not tracked now is no use that anybody waits for.
        let running = if content.addr() & TRACKED == 0 { None } else { running };
        let content = content.map_addr(|address| address & !TRACKED);
        // SAFETY: the address of a box. It was the content after the count was raised, so
        // that `free_replaced` sees `running`; an untracked one lives as `self` does.
        Entered { content: unsafe { &*content }, running }
    }

    /// The content of this moment, if its uses are counted, and it is not used by this thread already.
    #[inline(always)]
    pub(crate) fn enter_alone(&self) -> Option<EnteredAlone<'_, T>> {
        let alone = track::raise_alone(self.index.load(Ordering::Relaxed))?;
        // As in `enter_tracked`.
        let content = self.current.load(Ordering::Acquire);
        if content.addr() & TRACKED == 0 {
            return None;
        }
        let content = content.map_addr(|address| address & !TRACKED);
        // SAFETY: as in `enter_tracked`, with `alone` for `running`: it is the same count, as the index
        // is the track's wherever content was tracked a moment ago.
        Some(EnteredAlone { content: unsafe { &*content }, _alone: alone })
    }

    /// Puts other content there, untracked; who entered before goes on with the old.
    pub(crate) fn replace(&self, content: T) {
        self.put(boxed(content, 0).into_inner());
    }

    /// Puts other content there; its uses are counted if there is a track, which is the one that
    /// this place has, if it has one.
    pub(crate) fn lead_to(&self, content: T, track: Option<&Arc<Track>>) {
        let is_counted = track.is_some_and(|track| {
            let own = self.track.get_or_init(|| Arc::clone(track));
            self.index.store(own.index(), Ordering::Relaxed);
            debug_assert!(Arc::ptr_eq(own, track), "all loads of a plugin have one track");
            Arc::ptr_eq(own, track)
        });
        self.put(boxed(content, if is_counted { TRACKED } else { 0 }).into_inner());
    }

    fn put(&self, content: *mut T) {
        let mut replaced = self.replaced.lock();
        let old = self.current.swap(content, Ordering::AcqRel);
        let tracked = old.addr() & TRACKED != 0;
        if let Some(content) = NonNull::new(old.map_addr(|address| address & !TRACKED)) {
            replaced.push(Replaced { content, tracked });
        }
    }

    /// Frees what was replaced and tracked, unless another thread still uses the plugin.
    /// Not while this thread does.
    pub(crate) fn free_replaced(&self) {
        self.free_if(|track| track.wait(Duration::ZERO));
    }

    /// As `free_replaced`, where uses are short, and begin no others: it is waited for their end.
    pub(crate) fn free_passed(&self, at_most: Duration) {
        self.free_if(|track| track.pass(at_most));
    }

    /// Frees what was replaced and tracked, if this says that nobody who has entered before is inside.
    fn free_if(&self, is_unused: impl FnOnce(&Track) -> bool) {
        let Some(track) = self.track.get() else { return };
        // Held, so that nothing is replaced after the wait.
        let mut replaced = self.replaced.lock();
        if replaced.is_empty() || track.is_raised_here() || !is_unused(track) {
            return;
        }
        let tracked: Vec<_> = replaced.extract_if(.., |old| old.tracked).collect();
        drop(replaced);
        for old in tracked {
            // SAFETY: made by `boxed`, and out of reach since it was replaced. Who entered
            // before that has raised the count, and has lowered it since, this thread
            // included.
            drop(unsafe { Box::from_raw(old.content.as_ptr()) });
        }
    }
}

/// A box's address, with its tag.
fn boxed<T>(content: T, tag: usize) -> AtomicPtr<T> {
    const { assert!(align_of::<T>() > TRACKED, "the tag needs a bit of the address") };
    AtomicPtr::new(Box::into_raw(Box::new(content)).map_addr(|address| address | tag))
}

impl<T> Drop for Live<T> {
    fn drop(&mut self) {
        let current = self.current.get_mut().map_addr(|address| address & !TRACKED);
        // SAFETY: nobody has entered, as that borrows `self`; both kinds of box were made
        // by `Box::into_raw` and are freed once.
        unsafe {
            drop(Box::from_raw(current));
            for old in self.replaced.get_mut().drain(..) {
                drop(Box::from_raw(old.content.as_ptr()));
            }
        }
    }
}

// SAFETY: it owns its boxes and hands out `&T`, as an `Arc` does.
unsafe impl<T: Send + Sync> Send for Live<T> {}
// SAFETY: as above; all that it changes is atomic or behind a lock.
unsafe impl<T: Send + Sync> Sync for Live<T> {}

/// The content of a [`Live`], in use.
pub(crate) struct Entered<'l, T> {
    content: &'l T,
    /// Counted for as long as the content is used.
    #[expect(dead_code, reason = "held for its drop")]
    running: Option<Running<'l>>,
}

/// As [`Entered`], by a thread that does not use the plugin otherwise.
pub(crate) struct EnteredAlone<'l, T> {
    content: &'l T,
    _alone: Alone,
}

impl<T> Deref for EnteredAlone<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        self.content
    }
}

impl<T> Deref for Entered<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.content
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::{Barrier, Weak};
    use std::thread;

    use super::*;

    fn waits(track: &Track) -> bool {
        track.wait(Duration::ZERO)
    }

    #[test]
    fn who_entered_goes_on_with_the_old() {
        let live = Live::new(String::from("old"));
        let entered = live.enter();
        live.replace("new".into());
        assert_eq!((entered.as_str(), live.enter().as_str()), ("old", "new"));
    }

    #[test]
    fn what_is_tracked_is_freed_once_nobody_uses_it() {
        let track = Arc::new(Track::new());
        let content = Arc::new(());
        let gone: Weak<()> = Arc::downgrade(&content);
        let live = Live::tracked(Some(content), Arc::clone(&track));
        let (entered, may_leave) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let (entered, may_leave, live) = (&entered, &may_leave, &live);
            let user = scope.spawn(move || {
                let content = live.enter();
                // Counts nest.
                drop(live.enter());
                entered.wait();
                may_leave.wait();
                assert!(content.is_some());
            });
            entered.wait();
            live.replace(None);
            assert!(!waits(&track), "a thread is in");
            may_leave.wait();
            user.join().unwrap();
            assert!(waits(&track));
        });
        assert!(gone.upgrade().is_some());
        live.free_replaced();
        assert!(gone.upgrade().is_none());
        assert!(live.enter().is_none());
    }

    #[test]
    fn ones_own_uses_are_not_waited_for() {
        let track = Arc::new(Track::new());
        let live = Live::tracked(1_u64, Arc::clone(&track));
        let _entered = live.enter();
        assert!(waits(&track), "this thread would wait for itself");
    }

    #[test]
    fn who_uses_it_already_is_not_alone() {
        let track = Arc::new(Track::new());
        let live = Live::tracked(1, Arc::clone(&track));
        assert!(Live::new(1).enter_alone().is_none(), "nobody counts its uses");
        let is_asymmetric = barrier::is_asymmetric();
        drop(live.enter());
        for _ in 0..2 {
            let alone = live.enter_alone();
            assert_eq!(alone.as_deref(), is_asymmetric.then_some(&1));
            let within = live.enter();
            assert!(live.enter_alone().is_none(), "it is used");
            // In whatever order they end.
            drop(alone);
            assert!(track.is_raised_here());
            drop(within);
            assert!(!track.is_raised_here());
        }
        live.lead_to(2, Some(&track));
        assert_eq!(live.enter_alone().as_deref(), is_asymmetric.then_some(&2));
        live.replace(3);
        assert!(live.enter_alone().is_none(), "it is not tracked any more");
        assert!(!track.is_raised_here());
    }

    #[test]
    fn who_is_alone_is_waited_for() {
        let track = Arc::new(Track::new());
        let live = Live::tracked(Some(Arc::new(())), Arc::clone(&track));
        let (entered, may_leave) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let (entered, may_leave, live) = (&entered, &may_leave, &live);
            let user = scope.spawn(move || {
                // The first use of a thread makes its counts.
                drop(live.enter());
                let alone = live.enter_alone();
                let other = alone.is_none().then(|| live.enter());
                entered.wait();
                may_leave.wait();
                assert!(alone.as_deref().or(other.as_deref()).unwrap().is_some());
            });
            entered.wait();
            live.replace(None);
            assert!(!waits(&track), "a thread is in");
            live.free_replaced();
            may_leave.wait();
            user.join().unwrap();
            assert!(waits(&track));
        });
    }

    #[test]
    fn many_tracks_do_not_meet() {
        let tracks: Vec<_> = (0..200).map(|_| Arc::new(Track::new())).collect();
        let lives: Vec<_> =
            tracks.iter().map(|track| Live::tracked(0_u64, track.clone())).collect();
        let (entered, may_leave) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let (lives, entered, may_leave) = (&lives, &entered, &may_leave);
            scope.spawn(move || {
                let _first = lives[0].enter();
                // The thread's counts grow while one of them is raised.
                let _last = lives[199].enter();
                entered.wait();
                may_leave.wait();
            });
            entered.wait();
            let busy: Vec<usize> = (0..200).filter(|index| !waits(&tracks[*index])).collect();
            may_leave.wait();
            assert_eq!(busy, [0, 199]);
        });
        assert!(tracks.iter().all(|track| waits(track)));
    }

    #[test]
    fn replacing_under_use_neither_tears_nor_frees_too_early() {
        let track = Arc::new(Track::new());
        let live = Live::tracked(vec![0; 4], Arc::clone(&track));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let is_one = |content: &[i32]| content.iter().all(|it| *it == content[0]);
                        assert!(is_one(&live.enter()));
                        assert!(live.enter_alone().is_none_or(|content| is_one(&content)));
                    }
                });
            }
            for round in 1..200 {
                live.lead_to(vec![round; 4], Some(&track));
                while !track.wait(Duration::from_secs(10)) {}
                live.free_replaced();
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}
