//! Threads that run calls for futures: one for each call that has not ended, as a call may wait
//! for as long as it likes, for what only another call brings.
//!
//! They are the process's, and know no host. One that has nothing to do ends after a while.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, ErrorKind, Result};

/// How long a thread waits for a next call.
const IDLE: Duration = Duration::from_secs(5);

/// A call, with all that comes of it. It does not panic.
type Job = Box<dyn FnOnce() + Send>;

struct Callers {
    jobs: VecDeque<Job>,
    /// The threads that wait for one, or are about to take one.
    idle: usize,
}

static CALLERS: Mutex<Callers> = Mutex::new(Callers { jobs: VecDeque::new(), idle: 0 });
static ARRIVED: Condvar = Condvar::new();

/// Has a thread run it.
///
/// # Errors
/// The system has no thread for it.
pub(super) fn run(job: Job) -> Result<()> {
    let mut callers = CALLERS.lock();
    if callers.jobs.len() < callers.idle {
        callers.jobs.push_back(job);
        ARRIVED.notify_one();
        return Ok(());
    }
    drop(callers);
    // Each thread begins with a call of its own, so that one which cannot start takes none along.
    let spawned = thread::Builder::new().name("twinplug-call".to_owned()).spawn(|| {
        job();
        go_on();
    });
    spawned.map(drop).map_err(|error| {
        let message = format!("cannot start a thread for the call: {error}");
        Error::new(ErrorKind::Io, message).with_source(error)
    })
}

fn go_on() {
    while let Some(job) = next() {
        job();
    }
}

/// The next call; `None` if none has come for a while.
fn next() -> Option<Job> {
    let mut callers = CALLERS.lock();
    callers.idle += 1;
    let mut is_late = false;
    while callers.jobs.is_empty() && !is_late {
        is_late = ARRIVED.wait_for(&mut callers, IDLE).timed_out();
    }
    callers.idle -= 1;
    callers.jobs.pop_front()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    /// They wait for each other, so that too few threads are a test that hangs.
    #[test]
    fn each_call_has_a_thread_while_it_lasts() {
        for count in [1, 16, 2, 24, 1, 24] {
            let all = Arc::new(Barrier::new(count + 1));
            for _ in 0..count {
                let all = Arc::clone(&all);
                run(Box::new(move || _ = all.wait())).unwrap();
            }
            all.wait();
        }
    }
}
