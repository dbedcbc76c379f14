//! Ctrl-C, for what runs until it comes: the first asks it to end, a second does not wait for that.
//! The system's wish that the process end (SIGTERM) counts as one.
//!
//! A terminal that goes (SIGHUP) ends the process as it does any other: `nohup` can keep it from
//! that.

use std::process;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// What comes within this time is still the first: `timeout`, and other programs that pass signals
/// on, send to the process and then to the group that it is in.
const AT_ONCE: Duration = Duration::from_millis(250);

/// What becomes of interrupts.
struct Interrupts<S, E> {
    stop: Option<S>,
    end: E,
    first: Option<Instant>,
}

/// Has `stop` called at the first Ctrl-C. Where that gives `false` there is nobody to ask, and the
/// process ends with 1, as it does at the second; `end` is called before.
pub(crate) fn stop_at_interrupt(
    stop: impl FnOnce() -> bool + Send + 'static,
    end: impl Fn() + Send + 'static,
) -> Result<(), Failure> {
    let interrupts = Arc::new(Mutex::new(Interrupts { stop: Some(stop), end, first: None }));
    #[cfg(unix)]
    at_termination(Arc::clone(&interrupts)).map_err(|error| cannot_wait("SIGTERM", error))?;
    ctrlc::set_handler(move || take(&interrupts)).map_err(|error| cannot_wait("Ctrl-C", error))
}

#[cfg(unix)]
fn at_termination<S, E>(interrupts: Arc<Mutex<Interrupts<S, E>>>) -> std::io::Result<()>
where
    S: FnOnce() -> bool + Send + 'static,
    E: Fn() + Send + 'static,
{
    use signal_hook::{consts::SIGTERM, iterator::Signals};

    let mut signals = Signals::new([SIGTERM])?;
    std::thread::spawn(move || signals.forever().for_each(|_| take(&interrupts)));
    Ok(())
}

/// Takes one.
fn take<S: FnOnce() -> bool, E: Fn()>(interrupts: &Mutex<Interrupts<S, E>>) {
    let Ok(mut interrupts) = interrupts.lock() else { process::exit(1) };
    let first = *interrupts.first.get_or_insert_with(Instant::now);
    let goes_on = match interrupts.stop.take() {
        Some(stop) => stop(),
        None => first.elapsed() < AT_ONCE,
    };
    if !goes_on {
        (interrupts.end)();
        process::exit(1);
    }
}

fn cannot_wait(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::Unmet(format!("cannot wait for {what}: {error}"))
}
