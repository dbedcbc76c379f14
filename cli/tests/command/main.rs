//! The command as its users run it: arguments in; standard output, standard error
//! and the exit code out. Whole lines are compared.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod ran;

mod bench;
mod build;
mod call;
mod check;
#[cfg(unix)]
mod colour;
#[cfg(unix)]
mod completions;
#[cfg(unix)]
mod crash;
mod demo;
#[cfg(unix)]
mod docs;
#[cfg(unix)]
mod document;
mod inspect;
#[cfg(unix)]
mod interrupt;
mod limits;
#[cfg(unix)]
mod new;
#[cfg(unix)]
mod place;
#[cfg(unix)]
mod progress;
mod repl;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod sources;
#[cfg(unix)]
mod standing;
#[cfg(unix)]
mod terminal;
mod tests;
mod trust;
mod twins;
mod types;
mod usage;
mod verbosity;
#[cfg(unix)]
mod watch;
