//! Threads that run calls for futures: one for each call that has not ended, as a call may wait
//! for as long as it likes, for what only another call brings.
//!
//! They are the process's, and know no host. One that has nothing to do ends after a while.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, ErrorKind, Result};

/// How long a thread waits for a next call.
const IDLE: Duration = Duration::from_secs(5);

/// A call, with all that comes of it. It does not panic.
type Job = Box<dyn FnOnce() + Send>;

/// Where a thread waits for a call.
#[derive(Default)]
struct Seat {
    job: Mutex<Option<Job>>,
    given: Condvar,
}

/// Those that wait. The last one that came is the first to go, so that others can end.
static SEATS: Mutex<Vec<Arc<Seat>>> = Mutex::new(Vec::new());

/// Has a thread run it.
///
/// # Errors
/// The system has no thread for it.
pub(crate) fn run(job: Job) -> Result<()> {
    // Whoever takes a seat out of the list gives it a call.
    let seat = SEATS.lock().pop();
    if let Some(seat) = seat {
        *seat.job.lock() = Some(job);
        seat.given.notify_one();
        return Ok(());
    }
    let spawned = thread::Builder::new().name("twinplug-call".to_owned()).spawn(|| {
        job();
        go_on(&Arc::default());
    });
    spawned.map(drop).map_err(|error| {
        let message = format!("cannot start a thread for the call: {error}");
        Error::new(ErrorKind::Io, message).with_source(error)
    })
}

fn go_on(seat: &Arc<Seat>) {
    while let Some(job) = next(seat) {
        job();
    }
}

/// The next call; `None` if none has come for a while.
fn next(seat: &Arc<Seat>) -> Option<Job> {
    SEATS.lock().push(Arc::clone(seat));
    let mut job = seat.job.lock();
    while job.is_none() {
        if seat.given.wait_for(&mut job, IDLE).timed_out() && job.is_none() {
            drop(job);
            let mut seats = SEATS.lock();
            if let Some(place) = seats.iter().position(|other| Arc::ptr_eq(other, seat)) {
                seats.remove(place);
                return None;
            }
            drop(seats);
            // A call is on its way.
            job = seat.job.lock();
        }
    }
    job.take()
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
