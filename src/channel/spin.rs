//! How long a thread looks for the end of its wait before it sleeps.
//!
//! To wake a thread takes some 30 microseconds until it runs; two that pass messages in turn
//! without sleeping take less than one. So a wait begins with a look around, which is as long
//! as a wake: both come out of sleep that way. Where it was in vain several times, it is
//! short, and long now and then, so that a channel which becomes busy is found to be.
//!
//! It begins with looks alone, as to yield takes from 0.2 to 0.8 microseconds: longer than the
//! other side needs, which is at work on another core. Where both are on one core that keeps the
//! other side from its work, so it is left out after some that were in vain, but for one now and
//! then.
//!
//! Who takes each message just when it comes has both sides wait for the same cache lines, which
//! takes longer than the message. So who has looked lets the other side get ahead.
//!
//! Where the other side is at work, who goes on at once with the one message that is there
//! meets it again at the next. Both then wait for each other's cache lines at each message,
//! which takes several times as long as the message. So one lets it get ahead first.

use std::hint;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often looking was in vain lately, on one side of a channel.
#[derive(Default)]
pub(super) struct Spin {
    /// All of it.
    whole: Vain,
    /// That without yielding.
    close: Vain,
}

/// How often in turn something was in vain.
#[derive(Default)]
struct Vain(AtomicU32);

const LONG: Duration = Duration::from_micros(60);
const SHORT: Duration = Duration::from_micros(2);
/// The first time for which the other side may get ahead; each further one is twice as long.
const GAP: Duration = Duration::from_nanos(150);
const GAPS: u32 = 6;
/// So many looks come before the first yield; with the pause that each has, of 10 to 140 cycles,
/// they take up to 4 microseconds.
const CLOSE: u32 = 64;
/// So often in vain, and it is not worthwhile.
const PATIENT: u32 = 4;
/// But of so many, one is tried.
const ONE_OF: u32 = 32;

impl Spin {
    /// Looks until there is something; `None` if it is time to sleep. What is no reason to look
    /// the next time as long is not `met`.
    pub(super) fn until<R>(
        &self,
        until: Option<Instant>,
        mut look: impl FnMut() -> Option<R>,
        met: impl Fn(&R) -> bool,
    ) -> Option<R> {
        let looks = if self.close.is_worthwhile() { CLOSE } else { 0 };
        let close = (0..looks).find_map(|_| {
            hint::spin_loop();
            look()
        });
        let is_close = close.is_some();
        let found = close.or_else(|| self.until_by_yields(until, look));
        match &found {
            Some(found) if !met(found) => {}
            found => {
                self.close.note(is_close);
                self.whole.note(found.is_some());
            }
        }
        found
    }

    fn until_by_yields<R>(
        &self,
        until: Option<Instant>,
        mut look: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        // To yield is what brings the other side on, where it has been on this core.
        let mut look = |_| {
            thread::yield_now();
            look()
        };
        (0..8).find_map(&mut look).or_else(|| {
            let end = Instant::now() + if self.whole.is_worthwhile() { LONG } else { SHORT };
            let end = until.map_or(end, |until| until.min(end));
            loop {
                let found = (0..8).find_map(&mut look);
                if found.is_some() || Instant::now() >= end {
                    break found;
                }
            }
        })
    }

    /// Lets the other side get ahead as long as it does, up to so many.
    pub(super) fn gather(most: usize, count: impl Fn() -> usize) {
        let mut seen = count();
        for gap in 0..GAPS {
            if seen >= most {
                break;
            }
            let end = Instant::now() + GAP * (1 << gap);
            while Instant::now() < end {
                hint::spin_loop();
            }
            let now = count();
            if now <= seen {
                break;
            }
            seen = now;
        }
    }
}

impl Vain {
    fn is_worthwhile(&self) -> bool {
        let times = self.0.load(Ordering::Relaxed);
        times < PATIENT || times.is_multiple_of(ONE_OF)
    }

    fn note(&self, found: bool) {
        let times = self.0.load(Ordering::Relaxed);
        match found {
            true if times == 0 => {}
            true => self.0.store(0, Ordering::Relaxed),
            false => self.0.store(times.wrapping_add(1), Ordering::Relaxed),
        }
    }
}
