//! [`Ending`]: the end of a session that somebody else asks for: SIGTERM, or SIGHUP, unless whoever
//! has begun the process had it ignore that (`nohup`).
//!
//! A second one does not wait, and neither does a Ctrl-C after it. Where there are no signals nobody
//! asks.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Whether it was asked for.
#[derive(Clone, Default)]
pub(super) struct Ending(Arc<Asked>);

#[derive(Default)]
struct Asked {
    is_asked: AtomicBool,
    /// Since when no prompt is interrupted for it any more.
    is_over: OnceLock<Instant>,
}

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
        self.0.is_asked.load(Ordering::SeqCst)
    }

    /// Whether a Ctrl-C that comes now is a user's, and not the one by which a prompt is left.
    pub(super) fn is_under_way(&self) -> bool {
        self.0.is_over.get().is_some_and(|since| since.elapsed() > AT_ONCE)
    }

    /// Waits for it, on a thread of its own, and has `stop` called then, time and again while that stops
    /// a prompt. Where a prompt does not end by that, `leave` is called, and then the process ends.
    #[cfg(unix)]
    pub(super) fn follow(
        &self,
        stop: impl Fn() -> Stopped + Send + 'static,
        leave: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let mut signals = crate::interrupt::terminations()?;
        let ending = self.clone();
        std::thread::spawn(move || {
            let mut work = Some((stop, leave));
            let mut first = None;
            for _ in signals.forever() {
                let first = *first.get_or_insert_with(Instant::now);
                match work.take() {
                    Some((stop, leave)) => ending.begin(stop, leave),
                    None if first.elapsed() > AT_ONCE => super::interrupts::exit(),
                    None => {}
                }
            }
        });
        Ok(())
    }

    /// On one more thread: what takes its time there, as an `on_unload` may, does not keep the next
    /// signal from being heard.
    #[cfg(unix)]
    fn begin(
        &self,
        stop: impl Fn() -> Stopped + Send + 'static,
        leave: impl FnOnce() + Send + 'static,
    ) {
        let ending = self.clone();
        ending.0.is_asked.store(true, Ordering::SeqCst);
        std::thread::spawn(move || {
            let is_left = leaves_prompt(&stop);
            ending.0.is_over.get_or_init(Instant::now);
            if !is_left {
                leave();
                std::process::exit(0);
            }
        });
    }

    #[cfg(not(unix))]
    pub(super) fn follow(
        &self,
        _: impl Fn() -> Stopped + Send + 'static,
        _: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        Ok(())
    }
}

/// What comes within this time is still the first.
pub(super) const AT_ONCE: std::time::Duration = std::time::Duration::from_millis(250);

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
