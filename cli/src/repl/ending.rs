//! [`Ending`]: the end of a session that somebody else asks for: SIGTERM, or SIGHUP, unless whoever
//! has begun the process had it ignore that (`nohup`).
//!
//! A second one does not wait. Where there are no signals nobody asks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether it was asked for.
#[derive(Clone, Default)]
pub(super) struct Ending(Arc<AtomicBool>);

/// What was stopped as it was asked for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Stopped {
    /// A prompt, which is left by an interrupt alone.
    Prompt,
    /// What stops by itself, or goes on to its end.
    Other,
}

impl Ending {
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits for it, on a thread of its own, and has `stop` called then, time and again while that stops
    /// a prompt. Where a prompt does not end by that, `leave` is called, and then the process ends.
    #[cfg(unix)]
    pub(super) fn follow(
        &self,
        stop: impl Fn() -> Stopped + Send + 'static,
        leave: impl Fn() + Send + 'static,
    ) -> io::Result<()> {
        use signal_hook::consts::{SIGHUP, SIGTERM};
        use signal_hook::iterator::Signals;

        let ending = self.clone();
        let mut signals = Signals::new([SIGTERM])?;
        if !is_ignored(SIGHUP) {
            signals.add_signal(SIGHUP)?;
        }
        std::thread::spawn(move || {
            let mut first = None;
            for _ in signals.forever() {
                let first = *first.get_or_insert_with(std::time::Instant::now);
                if !ending.0.swap(true, Ordering::SeqCst) {
                    if !leaves_prompt(&stop) {
                        leave();
                        std::process::exit(0);
                    }
                } else if first.elapsed() > AT_ONCE {
                    std::process::exit(1);
                }
            }
        });
        Ok(())
    }

    #[cfg(not(unix))]
    pub(super) fn follow(
        &self,
        _: impl Fn() -> Stopped + Send + 'static,
        _: impl Fn() + Send + 'static,
    ) -> io::Result<()> {
        Ok(())
    }
}

/// What comes within this time is still the first.
#[cfg(unix)]
const AT_ONCE: std::time::Duration = std::time::Duration::from_millis(250);

/// How often a prompt is interrupted that has just been about to be shown, and how long one may take.
#[cfg(unix)]
const AGAIN: std::time::Duration = std::time::Duration::from_millis(20);
#[cfg(unix)]
const MOST: u32 = 100;

/// The line editor takes Ctrl-C for itself, also as a signal, and gives up its line at that. A terminal
/// that cannot be edited on reads on.
#[cfg(unix)]
fn leaves_prompt(stop: &impl Fn() -> Stopped) -> bool {
    (0..MOST).any(|_| {
        let is_left = stop() == Stopped::Other;
        if !is_left {
            // Without a handler it would end the process, which is the same.
            let _ = signal_hook::low_level::raise(signal_hook::consts::SIGINT);
            std::thread::sleep(AGAIN);
        }
        is_left
    })
}

/// Whether the process has begun with this signal ignored, where the system says it.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    ignored.is_some_and(|signals| signals >> (signal - 1) & 1 == 1)
}
