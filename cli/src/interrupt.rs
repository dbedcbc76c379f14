//! Ctrl-C, for what runs until it comes: the first asks it to end, a second does not wait for that.
//! The system's wish that the process end (SIGTERM) counts as one, and so does a terminal that goes
//! (SIGHUP), unless whoever has begun the process had it ignore that (`nohup`).

use std::process;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGTERM};
#[cfg(unix)]
use signal_hook::iterator::Signals;

#[cfg(unix)]
use crate::building;
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
    let mut signals = terminations()?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            take(&interrupts);
            if signal == SIGHUP {
                // Nobody is left to see how they end.
                building::kill();
            }
        }
    });
    Ok(())
}

/// The signals by which a process is to end.
#[cfg(unix)]
pub(crate) fn terminations() -> std::io::Result<Signals> {
    let signals = Signals::new([SIGTERM])?;
    if !is_ignored(SIGHUP) {
        signals.add_signal(SIGHUP)?;
    }
    Ok(signals)
}

/// Whether the process has begun with this signal ignored, where the system says it.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    is_among("SigIgn:", signal)
}

/// Whether a signal does what it does by itself: it is neither ignored nor taken, as far as the system
/// says it.
#[cfg(unix)]
pub(crate) fn is_default(signal: i32) -> bool {
    !is_ignored(signal) && !is_among("SigCgt:", signal)
}

#[cfg(unix)]
fn is_among(title: &str, signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let digits = status.lines().find_map(|line| line.strip_prefix(title));
    let signals = digits.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    signals.is_some_and(|signals| signals >> (signal - 1) & 1 == 1)
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
