//! Signals that end the process, where no subcommand takes them: a source folder that is being built
//! holds them up until its tools have ended. At any other time they do what they do by themselves, and
//! those that the process ignores, or takes, are left alone.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use twinplug_build::{BuildError, Library, Stop};

use crate::interrupt;

/// What stands in the place of the system's own handlers from the first build on. They are not put
/// back, and end the process themselves.
#[derive(Default)]
struct Handlers {
    /// Whether a signal ends the process at once.
    ends: Arc<AtomicBool>,
    /// The one that has come last, or 0.
    come: Arc<AtomicUsize>,
    /// Of the build that runs.
    stop: Arc<Mutex<Option<Stop>>>,
}

/// There are none where every signal is left alone.
static HANDLERS: OnceLock<Option<Handlers>> = OnceLock::new();

/// Runs a build. A signal that comes meanwhile ends that, and then the process.
pub(crate) fn end_first<B>(build: B) -> Result<Library, BuildError>
where
    B: FnOnce(Option<&Stop>) -> Result<Library, BuildError>,
{
    let handlers = HANDLERS.get_or_init(|| Handlers::install().unwrap_or_default());
    let Some(handlers) = handlers else { return build(None) };
    let stop = Stop::at_the_terminal();
    let held = handlers.hold(stop.clone());
    let built = build(Some(&stop));
    drop(held);
    // The tool alone has heard of Ctrl-C so far.
    if built.as_ref().is_err_and(BuildError::is_stopped) {
        end_by(SIGINT);
    }
    built
}

/// Ends the process, as a signal does by itself.
fn end_by(signal: i32) {
    // It knows those that come here, and does not come back.
    let _ = emulate_default_handler(signal);
}

/// A subcommand takes signals from here on.
pub(crate) fn are_taken() {
    known().for_each(|handlers| handlers.ends.store(false, Ordering::SeqCst));
}

/// None does any more.
pub(crate) fn are_not_taken() {
    known().for_each(|handlers| handlers.ends.store(true, Ordering::SeqCst));
}

fn known() -> impl Iterator<Item = &'static Handlers> {
    HANDLERS.get().into_iter().flatten()
}

impl Handlers {
    fn install() -> io::Result<Option<Handlers>> {
        let all = [SIGINT, SIGTERM, SIGHUP];
        let all: Vec<_> = all.into_iter().filter(|&it| interrupt::is_default(it)).collect();
        if all.is_empty() {
            return Ok(None);
        }
        let handlers = Handlers { ends: Arc::new(AtomicBool::new(true)), ..Handlers::default() };
        for &signal in &all {
            // In this order: one that finds a build has said so before that could end.
            flag::register_usize(
                signal,
                Arc::clone(&handlers.come),
                signal.unsigned_abs() as usize,
            )?;
            flag::register_conditional_default(signal, Arc::clone(&handlers.ends))?;
        }
        let (mut signals, stop) = (Signals::new(all)?, Arc::clone(&handlers.stop));
        thread::spawn(move || {
            for _ in signals.forever() {
                lock(&stop).iter().for_each(Stop::stop);
            }
        });
        Ok(Some(handlers))
    }

    fn hold(&self, stop: Stop) -> Held<'_> {
        *lock(&self.stop) = Some(stop);
        self.come.store(0, Ordering::SeqCst);
        self.ends.store(false, Ordering::SeqCst);
        Held(self)
    }
}

/// A build runs, for which signals wait.
struct Held<'h>(&'h Handlers);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let Held(Handlers { ends, come, stop }) = self;
        ends.store(true, Ordering::SeqCst);
        lock(stop).take();
        match i32::try_from(come.load(Ordering::SeqCst)) {
            Ok(0) | Err(_) => {}
            Ok(signal) => end_by(signal),
        }
    }
}

fn lock(stop: &Mutex<Option<Stop>>) -> MutexGuard<'_, Option<Stop>> {
    stop.lock().unwrap_or_else(PoisonError::into_inner)
}
