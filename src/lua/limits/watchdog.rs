//! The one thread that keeps the time of all calls, of every host in the process.
//!
//! Calls read no clock. It looks at what the threads show every few milliseconds, and
//! counts the time between two looks for those that it finds in Lua; with nothing to look
//! at it sleeps, until a thread enters Lua and wakes it.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, compiler_fence};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::arming;
use super::frame;
use super::record::{self, Record};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::barrier;

/// Between two looks at the most. A call that is stopped was not in time by less than that.
const LONGEST_PAUSE: Duration = Duration::from_millis(10);
/// And at the least: also between two tries to stop a call.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
/// It sleeps once nothing has run for so many looks.
const IDLE_LOOKS: u32 = 5;

static ASLEEP: AtomicBool = AtomicBool::new(false);
static THREAD: OnceLock<Thread> = OnceLock::new();

/// A thread enters Lua. Ordered after it has shown so: either the watchdog, which orders all
/// threads before it sleeps for long, sees it, or this sees the watchdog asleep.
#[inline(always)]
pub(super) fn wake() {
    compiler_fence(Ordering::SeqCst);
    if ASLEEP.load(Ordering::Relaxed) {
        rouse();
    }
}

#[cold]
fn rouse() {
    ASLEEP.store(false, Ordering::Relaxed);
    if let Some(thread) = THREAD.get() {
        thread.unpark();
    }
}

/// Starts it, once.
///
/// # Errors
/// The system has no thread for it.
pub(super) fn start() -> Result<()> {
    static STARTING: parking_lot::Mutex<()> = parking_lot::Mutex::new(());
    if THREAD.get().is_some() {
        return Ok(());
    }
    let _one = STARTING.lock();
    if THREAD.get().is_some() {
        return Ok(());
    }
    let spawned = thread::Builder::new().name("twinplug-limits".to_owned()).spawn(|| {
        // Signals of the embedding are for its own threads.
        super::signal::block_all();
        Watchdog::default().run();
    });
    let thread = spawned.map_err(|error| {
        Error::new(
            ErrorKind::Io,
            format!("cannot start the thread that keeps time limits: {error}"),
        )
        .with_source(error)
    })?;
    // Under the lock nobody else has set it.
    let _ = THREAD.set(thread.thread().clone());
    Ok(())
}

#[derive(Default)]
struct Watchdog {
    /// By a record's address: what its calls have used up, the outermost first.
    used: HashMap<usize, Vec<Used>>,
}

/// One call, by its number, and how long it has run.
struct Used {
    number: u64,
    time: Duration,
}

/// What a look has found.
#[derive(Default)]
struct Seen {
    running: bool,
    /// A call's time is over, and it has not ended.
    over: bool,
    /// What is left of the time of the call that has the least.
    least: Option<Duration>,
}

impl Watchdog {
    fn run(&mut self) -> ! {
        let mut before = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        let mut refused = Duration::ZERO;
        let mut idle = 0;
        loop {
            let now = Instant::now();
            // A machine that slept or was busy elsewhere has not run the plugin meanwhile.
            let passed = (now - before).min(pause.max(refused) * 4);
            before = now;
            let seen = self.look(passed, frame::moment(now));
            idle = if seen.running { 0 } else { idle + 1 };
            if idle > IDLE_LOOKS {
                sleep();
                idle = 0;
                before = Instant::now();
            }
            let left = seen.least.unwrap_or(LONGEST_PAUSE) / 2;
            pause = left.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            // A call that does not stop may be busy with being told.
            refused = if seen.over {
                (refused * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
            } else {
                Duration::ZERO
            };
            thread::sleep(pause.max(refused));
        }
    }

    fn look(&mut self, passed: Duration, now: Duration) -> Seen {
        let mut seen = Seen::default();
        for record in record::all() {
            let running = record.is_in_lua();
            seen.running |= running;
            let passed = if running { passed } else { Duration::ZERO };
            let over = self.count(record, passed, now, &mut seen);
            record.set_over(over.unwrap_or(0));
            seen.over |= over.is_some() && running;
            if over.is_some() && running {
                arming::tell(record);
            }
        }
        seen
    }

    /// Adds what has passed to a thread's calls; the outermost one whose time is over.
    fn count(
        &mut self,
        record: &Record,
        passed: Duration,
        now: Duration,
        seen: &mut Seen,
    ) -> Option<u64> {
        let used = self.used.entry(std::ptr::from_ref(record).addr()).or_default();
        let mut over = None;
        let mut depth = 0;
        for call in record.calls() {
            let number = call.number;
            match used.get_mut(depth) {
                Some(known) if known.number == number => known.time += passed,
                // Seen for the first time: with those within it.
                _ => {
                    used.truncate(depth);
                    used.push(Used { number, time: Duration::ZERO });
                }
            }
            let time = call.time.map(|time| time.saturating_sub(used[depth].time));
            let until = call.until.map(|until| until.saturating_sub(now));
            if call.is_cancelled {
                over = over.or(Some(number));
                // What does not run is found over once it does, and need not be looked at before.
                seen.least = if record.is_in_lua() { Some(Duration::ZERO) } else { seen.least };
            }
            if let Some(left) = time.into_iter().chain(until).min() {
                seen.least = Some(seen.least.map_or(left, |least| least.min(left)));
                over = over.or(left.is_zero().then_some(number));
            }
            depth += 1;
        }
        used.truncate(depth);
        over
    }
}

/// Until a thread enters Lua. Where the system cannot order the threads' steps, a moment.
fn sleep() {
    ASLEEP.store(true, Ordering::SeqCst);
    let ordered = barrier::heavy();
    if record::all().any(Record::is_in_lua) {
        ASLEEP.store(false, Ordering::Relaxed);
        return;
    }
    while ASLEEP.load(Ordering::Relaxed) {
        match ordered {
            true => thread::park(),
            false => {
                thread::park_timeout(LONGEST_PAUSE);
                break;
            }
        }
    }
    ASLEEP.store(false, Ordering::Relaxed);
}
