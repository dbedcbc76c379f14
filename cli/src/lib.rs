//! The command `twinplug`: one module a subcommand, each of which drives a
//! [`twinplug::Host`] as any other program would.
//!
//! Results go to standard output, everything else to standard error. It exits with
//! 0, with 1 where a plugin failed or was refused, and with 2 where it was used
//! wrongly. It knows nothing of a plugin's kind but its name.

mod call;
mod check;
mod company;
mod demo;
mod inspect;
mod new;
mod types;
mod watch;

mod failure;
mod granting;
mod limiting;
mod output;
mod source;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use twinplug::{Host, HostBuilder};

use failure::Failure;
use granting::Granting;
use limiting::Limiting;

/// Runs the command with these arguments, the first of which is its own name.
///
/// ```
/// use std::process::ExitCode;
/// assert_eq!(twinplug_cli::run(["twinplug", "--version"]), ExitCode::SUCCESS);
/// assert_eq!(twinplug_cli::run(["twinplug", "no-such-command"]), ExitCode::from(2));
/// ```
pub fn run<A>(args: impl IntoIterator<Item = A>) -> ExitCode
where
    A: Into<OsString> + Clone,
{
    match Arguments::try_parse_from(args) {
        Ok(Arguments { granting, limiting, command }) => {
            let builder = granting.grant(limiting.limit(Host::builder()));
            command.run(builder).unwrap_or_else(|failure| failure.report())
        }
        Err(usage) => {
            // Help that nobody reads any more is no failure.
            let _ = usage.print();
            ExitCode::from(if usage.use_stderr() { 2 } else { 0 })
        }
    }
}

/// Loads, calls and checks plugins: Lua scripts and native libraries alike.
#[derive(Parser)]
#[command(
    name = "twinplug",
    version,
    after_help = "A PATH is a script, a shared library, a plugin's folder, or the source folder of a\n\
                  native plugin, which is built first, into `target/plugins`.\n\n\
                  Example: twinplug call lua-plugins/testplugin.lua Hello --set Value=7"
)]
struct Arguments {
    #[command(flatten)]
    granting: Granting,
    #[command(flatten)]
    limiting: Limiting,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the tutorial's program on every sample twin, side by side
    #[command(after_help = "Example, at the root of a checkout: twinplug demo")]
    Demo,
    /// Call one function; the result is the last line of standard output, as JSON
    #[command(
        after_help = "Example: twinplug call lua-plugins/testplugin.lua ComplexType \\\n         \
                      --set 'Pd={\"name\":\"PluginTest\",\"age\":11,\"tel\":\"1\"}' --recv data --get Pd"
    )]
    Call(call::Arguments),
    /// Show what a plugin is, without running any of its code
    #[command(after_help = "Example: twinplug inspect native-plugins/testplugin --load")]
    Inspect(inspect::Arguments),
    /// Tell of each path whether it could be loaded, without running any of its code
    #[command(after_help = "Example: twinplug check lua-plugins native-plugins/*")]
    Check(check::Arguments),
    /// Make a new plugin: a folder that builds, with a test, in the language of your choice
    #[command(after_help = "Example: twinplug new plugins/hello-world --kind c")]
    New(new::Arguments),
    /// Write what editors have to know of scripts: definitions for LuaLS, and `.luarc.json`
    #[command(after_help = "Example: twinplug types lua-plugins/testplugin.lua -o types")]
    Types(types::Arguments),
    /// Load plugins, reload them as they are edited, and tell what happens, until Ctrl-C
    #[command(after_help = "Example: twinplug watch lua-plugins --call Hello --every 100ms")]
    Watch(watch::Arguments),
}

impl Command {
    /// `builder` has what stands before the subcommand.
    fn run(self, builder: HostBuilder) -> Result<ExitCode, Failure> {
        match self {
            Command::Demo => demo::run(builder),
            Command::Call(arguments) => call::run(arguments, builder),
            Command::Inspect(arguments) => inspect::run(&arguments, builder),
            Command::Check(arguments) => check::run(&arguments),
            Command::New(arguments) => new::run(&arguments),
            Command::Types(arguments) => types::run(&arguments, builder),
            Command::Watch(arguments) => watch::run(arguments, builder),
        }
    }
}
