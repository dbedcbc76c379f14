//! [`Witness`]: another process, which says what ran as this one came to its end. A native plugin may
//! crash, or exit, and then nothing here can say in what.
//!
//! It is a shell, which takes nothing but names. Where there is none (Windows), whoever needs one all the
//! same has each name on standard error before it runs.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use crate::output;
use crate::verbosity;

/// Keeps the last line before [`END`], and says it if that is not empty. It outlives the signals that end
/// a group.
const SHELL: &str = "trap '' INT TERM HUP QUIT
while IFS= read -r line && test \"$line\" != \"$1\"; do last=$line; done
test -z \"$last\" || printf 'error: the process has ended in %s\\n' \"$last\" >&2";

/// The line after which there is no more: no end of what it reads, which a process may hold open that a
/// plugin has forked.
const END: &str = "end";

pub(crate) enum Witness {
    /// There is nothing that would end the process.
    Spared,
    Shell(Child),
    /// Each name is written before.
    Lines,
}

impl Witness {
    /// One that is there until it is dropped.
    pub(crate) fn called() -> Witness {
        Witness::shell().unwrap_or(Witness::Lines)
    }

    /// The same, where there is a shell.
    pub(crate) fn shell() -> Option<Witness> {
        let shell = Command::new("sh")
            .args(["-c", SHELL, "sh", END])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        shell.ok().map(Witness::Shell)
    }

    /// Runs what may be the last.
    pub(crate) fn during<R>(&mut self, what: &str, run: impl FnOnce() -> R) -> R {
        self.tell(what);
        let result = run();
        self.tell("");
        result
    }

    /// This runs now, or nothing does.
    pub(crate) fn tell(&mut self, what: &str) {
        let what = output::one_line(what);
        match self {
            Witness::Shell(_) => self.say(&what),
            Witness::Lines if !what.is_empty() && !verbosity::is_quiet() => {
                output::aside(&format!("running {what}"));
            }
            Witness::Lines | Witness::Spared => {}
        }
    }

    fn say(&mut self, line: &str) {
        if let Witness::Shell(shell) = self {
            // One that has ended says nothing.
            let _ = shell.stdin.iter_mut().try_for_each(|told| writeln!(told, "{line}"));
        }
    }
}

impl Drop for Witness {
    /// Its shell ends with what it is told.
    fn drop(&mut self) {
        self.say(END);
        if let Witness::Shell(shell) = self {
            let _ = shell.wait();
        }
    }
}
