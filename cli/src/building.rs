//! Builds of source folders: into which library, how they are shown, and that Ctrl-C ends them, by the
//! subcommand where that takes it, else with the process.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use twinplug_build::{Audience, BuildError, Library, Manner, Show, Stop};

use crate::compiler;
use crate::output;
use crate::progress;
#[cfg(unix)]
use crate::signals;
use crate::source::BUILT;
use crate::verbosity;

/// So much of what compilers write is kept: the first errors are in it.
const KEPT: usize = 1 << 20;

/// Who is told what compilers write.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Readers {
    /// It is on standard error alone.
    People,
    /// The first errors are in the error as well.
    Programs,
}

/// A source folder that could not be built.
#[derive(Debug)]
pub(crate) struct Unbuilt {
    pub(crate) error: BuildError,
    /// What the compiler has written, where it was kept.
    messages: String,
}

/// Builds a source folder, and shows the progress on standard error.
pub(crate) fn built(folder: &Path) -> Result<Library, BuildError> {
    let build = |stop: Option<&Stop>| progress::building(|show| build(folder, show, stop));
    match stopping() {
        Some(stop) => build(Some(&stop)),
        #[cfg(unix)]
        None => signals::end_first(build),
        #[cfg(not(unix))]
        None => build(None),
    }
}

/// As `built`, of a folder that is watched.
pub(crate) fn built_first(folder: &Path, readers: Readers) -> Result<Library, Unbuilt> {
    match readers {
        Readers::People => Ok(built(folder)?),
        Readers::Programs => built_and_kept(folder),
    }
}

/// As `built_first`, while others write to the terminal.
pub(crate) fn built_meanwhile(folder: &Path, readers: Readers) -> Result<Library, Unbuilt> {
    match readers {
        Readers::People => Ok(build(folder, progress::plainly(), stopping().as_ref())?),
        Readers::Programs => built_and_kept(folder),
    }
}

fn built_and_kept(folder: &Path) -> Result<Library, Unbuilt> {
    let kept = Kept::default();
    build(folder, Show::To(&kept), stopping().as_ref()).map_err(|error| {
        let messages = kept.messages.into_inner().unwrap_or_else(PoisonError::into_inner);
        if verbosity::is_quiet() && !error.is_stopped() {
            let _ = io::stderr().write_all(&messages);
        }
        Unbuilt { error, messages: String::from_utf8_lossy(&messages).into_owned() }
    })
}

fn build(folder: &Path, show: Show<'_>, stop: Option<&Stop>) -> Result<Library, BuildError> {
    let out = Path::new(BUILT);
    if let Some(library) = twinplug_build::becomes(folder, out) {
        claim(&library, folder)?;
    }
    let library = twinplug_build::build_as(folder, out, Manner { show, stop })?;
    claim(&library.path, folder)?;
    Ok(library)
}

/// Two folders that become one file would each be the other: which folder a library is of, in this
/// process.
fn claim(library: &Path, folder: &Path) -> Result<(), BuildError> {
    static FOLDERS: Mutex<BTreeMap<PathBuf, (PathBuf, PathBuf)>> = Mutex::new(BTreeMap::new());
    let canonical = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    let known =
        folders.entry(library.to_owned()).or_insert_with(|| (canonical.clone(), folder.to_owned()));
    // One that was moved away has left its name.
    if known.0 == canonical || !known.0.is_dir() {
        *known = (canonical, folder.to_owned());
        return Ok(());
    }
    Err(BuildError::new(format!(
        "`{}` and `{}` both become `{}`: give one of them another name, or take one at a time",
        known.1.display(),
        folder.display(),
        library.display()
    )))
}

/// What ends the builds of a subcommand that takes Ctrl-C.
static STOP: Mutex<Option<Stop>> = Mutex::new(None);

fn stopping() -> Option<Stop> {
    STOP.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Nothing stops builds but what ends this process.
pub(crate) fn cannot_be_stopped() {
    *STOP.lock().unwrap_or_else(PoisonError::into_inner) = None;
    #[cfg(unix)]
    signals::are_not_taken();
}

/// From here on builds can be stopped by that, for whoever takes Ctrl-C and other signals.
pub(crate) fn can_be_stopped(stop: Stop) {
    *STOP.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
    #[cfg(unix)]
    signals::are_taken();
}

/// Ends those that run; no more begin.
pub(crate) fn stop() {
    stopping().iter().for_each(Stop::stop);
}

/// Does not wait for those that were stopped.
pub(crate) fn kill() {
    stopping().iter().for_each(Stop::kill);
}

/// Waits so long, or until they are stopped; whether they are.
pub(crate) fn wait(time: Duration) -> bool {
    match stopping() {
        Some(stop) => stop.wait(time),
        None => {
            thread::sleep(time);
            false
        }
    }
}

impl fmt::Display for Unbuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match compiler::first_errors(&self.messages) {
            messages if messages.is_empty() => self.error.fmt(f),
            messages => write!(f, "{}:\n{messages}", self.error.reason()),
        }
    }
}

impl From<BuildError> for Unbuilt {
    fn from(error: BuildError) -> Self {
        Unbuilt { error, messages: String::new() }
    }
}

/// Passes on what tools write, and keeps it.
#[derive(Default)]
struct Kept {
    messages: Mutex<Vec<u8>>,
}

impl Audience for Kept {
    fn begins(&self, what: &str) {
        if !verbosity::is_quiet() {
            output::aside(&format!("   Compiling {what}"));
        }
    }

    fn writes(&self, text: &[u8]) {
        if !verbosity::is_quiet() {
            // Without a standard error there is nobody to tell.
            let _ = io::stderr().write_all(text);
        }
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let room = KEPT.saturating_sub(messages.len());
        messages.extend_from_slice(&text[..text.len().min(room)]);
    }

    fn is_coloured(&self) -> bool {
        false
    }

    fn takes_all(&self) -> bool {
        true
    }
}
