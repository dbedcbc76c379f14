//! `completions`: a script by which a shell completes the command's arguments.
//!
//! It is made of the arguments as they are declared, and installs nothing.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::failure::Failure;

/// What has each shell use its script.
pub(crate) const INSTALL: &str = "\
A shell uses it with this line in its startup file:
  bash        ~/.bashrc                   eval \"$(twinplug completions bash)\"
  zsh         ~/.zshrc, after compinit    eval \"$(twinplug completions zsh)\"
  fish        ~/.config/fish/config.fish  twinplug completions fish | source
  powershell  $PROFILE                    twinplug completions powershell | Out-String | Invoke-Expression
  elvish      ~/.config/elvish/rc.elv     eval (twinplug completions elvish | slurp)

Example: source <(twinplug completions bash)";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The shell that it is for
    #[arg(value_enum, ignore_case = true)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut command = crate::Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
