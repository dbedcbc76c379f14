//! Calls of a plugin that are inside of another one, which runs. They keep nobody out of theirs; but
//! a reload lets them come back first, as it lets calls end that run. Those that wait there, for a
//! channel say, are waited for no more.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

/// How many calls of a plugin are out.
#[derive(Default)]
pub(crate) struct Visits {
    out: AtomicUsize,
    /// Whether anybody waits for them.
    is_awaited: AtomicBool,
    waiting: Mutex<()>,
    back: Condvar,
}

/// A call is out, until this is dropped.
pub(crate) struct Visit(Arc<Visits>);

thread_local! {
    /// What this thread's calls are out of, but for those that wait.
    static OUT: RefCell<Vec<Arc<Visits>>> = const { RefCell::new(Vec::new()) };
}

impl Visits {
    /// A call of this thread goes out.
    pub(crate) fn begin(self: &Arc<Self>) -> Visit {
        self.raise();
        with_out(|out| out.push(Arc::clone(self)));
        Visit(Arc::clone(self))
    }

    /// Whether a call of this thread is.
    pub(crate) fn are_of_this_thread(self: &Arc<Self>) -> bool {
        with_out(|out| out.iter().any(|visits| Arc::ptr_eq(visits, self))).unwrap_or(false)
    }

    /// Whether none is out.
    pub(crate) fn are_back(&self) -> bool {
        self.out.load(Ordering::SeqCst) == 0
    }

    /// Waits until none is out; not longer.
    pub(crate) fn wait(&self, until: Instant) {
        let mut waiting = self.waiting.lock();
        // Said first: who comes back after that sees it, or is seen to be back.
        self.is_awaited.store(true, Ordering::SeqCst);
        while !self.are_back() && !self.back.wait_until(&mut waiting, until).timed_out() {}
        self.is_awaited.store(false, Ordering::SeqCst);
    }

    fn raise(&self) {
        self.out.fetch_add(1, Ordering::SeqCst);
    }

    fn lower(&self) {
        let were = self.out.fetch_sub(1, Ordering::SeqCst);
        if were == 1 && self.is_awaited.load(Ordering::SeqCst) {
            drop(self.waiting.lock());
            self.back.notify_all();
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // Calls end in the reverse of the order in which they began.
        drop(with_out(Vec::pop));
        self.0.lower();
    }
}

/// Runs what this thread waits in: nobody waits for its calls meanwhile.
pub(crate) fn parked<R>(wait: impl FnOnce() -> R) -> R {
    // Also when the wait panics.
    let _parked = Parked::new();
    wait()
}

/// The calls of this thread that wait, until this is dropped.
struct Parked(Vec<Arc<Visits>>);

impl Parked {
    fn new() -> Parked {
        let out = with_out(std::mem::take).unwrap_or_default();
        out.iter().for_each(|visits| visits.lower());
        Parked(out)
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        let before = std::mem::take(&mut self.0);
        before.iter().for_each(|visits| visits.raise());
        with_out(|out| *out = before);
    }
}

/// Does it with what this thread is out of; not among the last of the thread's destructors.
fn with_out<R>(does: impl FnOnce(&mut Vec<Arc<Visits>>) -> R) -> Option<R> {
    OUT.try_with(|out| does(&mut out.borrow_mut())).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    #[test]
    fn who_waits_sees_the_last_one_come_back() {
        let visits = Arc::<Visits>::default();
        let (out, is_out) = mpsc::channel();
        let (back, comes_back) = mpsc::channel();
        thread::scope(|scope| {
            let visits = &visits;
            scope.spawn(move || {
                let first = visits.begin();
                let second = visits.begin();
                out.send(()).unwrap();
                comes_back.recv().unwrap();
                drop(second);
                drop(first);
            });
            is_out.recv().unwrap();
            visits.wait(soon());
            assert!(!visits.are_back());
            back.send(()).unwrap();
            visits.wait(Instant::now() + Duration::from_secs(60));
            assert!(visits.are_back());
        });
    }

    #[test]
    fn one_that_waits_is_not_out() {
        let visits = Arc::<Visits>::default();
        let _out = visits.begin();
        parked(|| {
            assert!(visits.are_back());
            let again = visits.begin();
            assert!(!visits.are_back());
            // What is parked already counts once.
            parked(|| assert!(visits.are_back()));
            assert!(!visits.are_back());
            drop(again);
            assert!(visits.are_back());
        });
        assert!(!visits.are_back());
    }
}
