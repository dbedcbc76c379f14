//! How many Go runtimes this process holds: Go supports one, and none can be unloaded.
//!
//! The count is the process's and no host's, since the runtime is: it installs signal
//! handlers and owns threads, whichever host has mapped it, and stays when that host is
//! gone. It sees what this library maps, and not a program that is itself in Go.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::preflight::Checked;
use crate::error::{Error, ErrorKind, Result};

/// The runtimes that are mapped, and those that are being mapped just now.
static RUNTIMES: Mutex<Vec<Runtime>> = Mutex::new(Vec::new());

#[derive(Clone, Debug, PartialEq)]
struct Runtime {
    /// Of a library that plugins need: the file, of which the system maps one image. A
    /// plugin's own image is always a new one.
    shared: Option<PathBuf>,
    plugin: String,
    path: PathBuf,
}

/// How many Go runtimes a host lets into its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GoRuntimes {
    /// One, which is what Go supports.
    One,
    /// Any number, at the embedding's own risk.
    Several,
}

/// The runtimes that a load is about to map. Dropped before `mapped`, they were not.
pub(super) struct Claim(Vec<Runtime>);

/// Claims what the checked file will bring, or refuses it.
pub(super) fn claim(path: &Path, checked: &Checked, allowed: GoRuntimes) -> Result<Claim> {
    let wanted = runtimes(path, checked);
    let mut held = RUNTIMES.lock();
    let new: Vec<_> = wanted
        .into_iter()
        .filter(|wanted| {
            wanted.shared.is_none() || held.iter().all(|held| held.shared != wanted.shared)
        })
        .collect();
    if let (Some(_), Some(first), GoRuntimes::One) = (new.first(), held.first(), allowed) {
        return Err(refused(first, path));
    }
    held.extend(new.iter().cloned());
    Ok(Claim(new))
}

fn runtimes(path: &Path, checked: &Checked) -> Vec<Runtime> {
    let runtime = |shared| Runtime { shared, plugin: checked.name.clone(), path: path.to_owned() };
    let own = checked.has_go.then(|| runtime(None));
    let origin = path.parent().unwrap_or(Path::new("."));
    let needed = checked.dependencies.with_go(origin).into_iter();
    let needed = needed.map(|file| runtime(Some(file.canonicalize().unwrap_or(file))));
    own.into_iter().chain(needed).collect()
}

fn refused(first: &Runtime, path: &Path) -> Error {
    let next = match first.path == path {
        true => {
            "start the program anew to run what is there now (the command: end it, and run it again)"
        }
        false => "load it in a process of its own",
    };
    let message = format!(
        "it brings a Go runtime, and this process holds one already, of `{}` from `{}`: Go \
         supports one in a process and unloads none; {next}, or take the risk with \
         `HostBuilder::allow_several_go_runtimes`",
        first.plugin,
        first.path.display()
    );
    Error::new(ErrorKind::Refused, message)
}

impl Claim {
    /// The image is mapped, and its runtime runs: until the process ends.
    pub(super) fn mapped(mut self) {
        self.0.clear();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut held = RUNTIMES.lock();
        for runtime in &self.0 {
            if let Some(index) = held.iter().position(|held| held == runtime) {
                held.swap_remove(index);
            }
        }
    }
}
