//! How long a thread looks for the end of its wait before it sleeps.
//!
//! To wake a thread takes some 30 microseconds until it runs; two that pass messages in turn
//! without sleeping take less than one. So a wait begins with a look around, which is as long
//! as a wake: both come out of sleep that way. Where it was in vain several times, it is
//! short, and long now and then, so that a channel which becomes busy is found to be.

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
/// So often in vain, and looks are short.
const PATIENT: u32 = 4;
/// Of so many short looks, one is long.
const ONE_OF: u32 = 32;

impl Spin {
    /// Looks until it is so; false if it is time to sleep.
    pub(super) fn until(&self, until: Option<Instant>, is_so: impl Fn() -> bool) -> bool {
        // To yield is what brings the other side on, where it has been on this core.
        let look = |_| {
            thread::yield_now();
            is_so()
        };
        let in_vain = self.in_vain.load(Ordering::Relaxed);
        let is_found = (0..8).any(look) || {
            let is_long = in_vain < PATIENT || in_vain.is_multiple_of(ONE_OF);
            let end = Instant::now() + if is_long { LONG } else { SHORT };
            let end = until.map_or(end, |until| until.min(end));
            loop {
                if (0..8).any(look) {
                    break true;
                }
                if Instant::now() >= end {
                    break false;
                }
            }
        };
        match is_found {
            true if in_vain == 0 => {}
            true => self.in_vain.store(0, Ordering::Relaxed),
            false => self.in_vain.store(in_vain.wrapping_add(1), Ordering::Relaxed),
        }
        is_found
    }
}
