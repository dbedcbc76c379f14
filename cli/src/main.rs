//! The program `twinplug`; what it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    twinplug_cli::run(twinplug::Host::builder(), std::env::args_os())
}
