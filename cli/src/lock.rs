//! `lock`: pins the plugins of a folder as they are, for `--locked`. Runs none of their code, and
//! builds nothing.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use twinplug::Lockfile;

use crate::failure::Failure;
use crate::locking::Locking;
use crate::output;
use crate::source;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder that the plugins are in; `twinplug.lock` is written there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// What has become of a file since it was pinned last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Changed,
    Same,
    Gone,
}

pub(crate) fn run(arguments: &Arguments, locking: &Locking) -> Result<ExitCode, Failure> {
    let folder = &arguments.folder;
    pass_over_sources(folder)?;
    let lock = Lockfile::of_dir(folder)?;
    let file = folder.join(Lockfile::NAME);
    match locking.is_on() {
        false => write(&lock, &file)?,
        true => compare(&lock, &file, folder)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write(lock: &Lockfile, file: &Path) -> Result<(), Failure> {
    // What cannot be read pins nothing.
    let before = Lockfile::read(file).unwrap_or_default();
    lock.write()?;
    for (path, state) in states(&before, lock) {
        tell(&path, state)?;
    }
    let files = match lock.files().count() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    Ok(output::line(&format!("`{}` pins {files}", file.display()))?)
}

/// With `--locked` nothing is pinned anew: what would be is a failure.
fn compare(lock: &Lockfile, file: &Path, folder: &Path) -> Result<(), Failure> {
    let mut states = states(&Lockfile::read(file)?, lock);
    states.retain(|_, state| *state != State::Same);
    for (path, state) in &states {
        tell(path, *state)?;
    }
    match states.is_empty() {
        true => Ok(output::line(&format!("`{}` pins what is there", file.display()))?),
        false => Err(Failure::Unmet(format!(
            "`{}` does not pin what is there: if you trust that, `twinplug lock {}` does",
            file.display(),
            folder.display()
        ))),
    }
}

fn tell(path: &OsStr, state: State) -> Result<(), Failure> {
    let word = match state {
        State::New => "new",
        State::Changed => "changed",
        State::Same => "same",
        State::Gone => "gone",
    };
    Ok(output::line(&format!("{word:7}  {}", path.display()))?)
}

/// What is pinned now or was pinned before, in the order of the lock file.
fn states(before: &Lockfile, now: &Lockfile) -> BTreeMap<OsString, State> {
    let before: BTreeMap<PathBuf, String> = before.files().collect();
    let gone = before.keys().map(|path| (path.clone(), State::Gone));
    let there = now.files().map(|(path, hash)| match before.get(&path) {
        None => (path, State::New),
        Some(pinned) if *pinned != hash => (path, State::Changed),
        Some(_) => (path, State::Same),
    });
    // As text: as paths, what is in a folder would come before a file of its name.
    gone.chain(there).map(|(path, state)| (path.into_os_string(), state)).collect()
}

/// Tells of the source folders, which a lock file does not pin.
fn pass_over_sources(folder: &Path) -> Result<(), Failure> {
    let next =
        format!("build it, and lock the folder that its library is in, like `{}`", source::BUILT);
    if source::is_source(folder) {
        let message = format!("`{}` is a source folder: {next}", folder.display());
        return Err(Failure::Unmet(message));
    }
    for path in source::sources_in(folder) {
        output::note(&format!("`{}` is a source folder, and not pinned: {next}", path.display()));
    }
    Ok(())
}
