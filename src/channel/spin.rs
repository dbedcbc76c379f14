//! How long a thread looks for the end of its wait before it sleeps.
//!
//! To wake a thread takes some 30 microseconds until it runs; two that pass messages in turn
//! without sleeping take less than one. So a wait begins with a look around, which is as long
//! as a wake: both come out of sleep that way. Where it was in vain several times, it is
//! short, and long now and then, so that a channel which becomes busy is found to be.
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

/// How often looking was in vain lately, of a channel.
#[derive(Default)]
pub(super) struct Spin {
    in_vain: AtomicU32,
}

const LONG: Duration = Duration::from_micros(60);
const SHORT: Duration = Duration::from_micros(2);
/// The first time for which the other side may get ahead; each further one is twice as long.
const GAP: Duration = Duration::from_nanos(150);
const GAPS: u32 = 6;
/// So often in vain, and looks are short.
const PATIENT: u32 = 4;
/// Of so many short looks, one is long.
const ONE_OF: u32 = 32;

impl Spin {
    /// Looks until there is something; `None` if it is time to sleep.
    pub(super) fn until<R>(
        &self,
        until: Option<Instant>,
        mut look: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        // To yield is what brings the other side on, where it has been on this core.
        let mut look = |_| {
            thread::yield_now();
            look()
        };
        let in_vain = self.in_vain.load(Ordering::Relaxed);
        let found = (0..8).find_map(&mut look).or_else(|| {
            let is_long = in_vain < PATIENT || in_vain.is_multiple_of(ONE_OF);
            let end = Instant::now() + if is_long { LONG } else { SHORT };
            let end = until.map_or(end, |until| until.min(end));
            loop {
                let found = (0..8).find_map(&mut look);
                if found.is_some() || Instant::now() >= end {
                    break found;
                }
            }
        });
        match found.is_some() {
            true if in_vain == 0 => {}
            true => self.in_vain.store(0, Ordering::Relaxed),
            false => self.in_vain.store(in_vain.wrapping_add(1), Ordering::Relaxed),
        }
        found
    }

    /// Lets the other side get ahead as long as it does, up to so many.
    pub(super) fn gather(&self, most: usize, count: impl Fn() -> usize) {
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
