//! The command `twinplug`: one module a subcommand, each of which drives a
//! [`twinplug::Host`] as any other program would. [`run`] has all of it over the functions of the
//! program that calls it.
//!
//! Results go to standard output, everything else to standard error. It exits with
//! 0, with 1 where a plugin failed or was refused, and with 2 where it was used
//! wrongly. It knows nothing of a plugin's kind but its name.

mod bench;
mod call;
mod check;
mod company;
mod completions;
mod demo;
mod inspect;
mod lock;
mod new;
mod repl;
mod run;
mod test;
mod types;
mod watch;

mod building;
mod colour;
mod compiler;
mod ending;
mod excerpt;
mod failure;
mod giving;
mod granting;
mod interrupt;
mod limiting;
mod locking;
mod output;
mod progress;
mod running;
#[cfg(unix)]
mod signals;
mod source;
mod standing;
mod verbosity;
mod witness;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use twinplug::HostBuilder;

use failure::Failure;
use granting::Granting;
use limiting::Limiting;
use locking::Locking;
use standing::Standing;
use verbosity::Verbosity;

/// Runs the command with these arguments, the first of which is its own name, for hosts that offer
/// what the builder says: a program has every command over its own functions so.
///
/// ```
/// use std::process::ExitCode;
/// use twinplug::Host;
///
/// let builder = Host::builder().function("scale", |x: f64, by: f64| x * by);
/// assert_eq!(twinplug_cli::run(builder.clone(), ["game", "--version"]), ExitCode::SUCCESS);
/// assert_eq!(twinplug_cli::run(builder, ["game", "no-such-command"]), ExitCode::from(2));
/// ```
///
/// A command makes as many hosts of it as it needs, and says itself where what plugins print goes.
/// `--time-limit` and others of the arguments go before what the builder says. What is logged is
/// shown on standard error, unless the program listens to `tracing` itself.
///
/// It is what a process does, once: it listens to `tracing` for the whole process, and goes on with the
/// `-v` or `-q` that it was given first. `run`, `watch` and `repl` take Ctrl-C and SIGTERM for themselves, and
/// fail where the process, or an earlier one of them, has taken Ctrl-C before. The others take no signal that
/// the process takes itself; any other ends the build that runs, and then the process.
pub fn run<A>(builder: HostBuilder, args: impl IntoIterator<Item = A>) -> ExitCode
where
    A: Into<OsString> + Clone,
{
    match Arguments::try_parse_from(args) {
        Ok(Arguments { granting, limiting, locking, standing, verbosity, command }) => {
            verbosity.apply();
            // A program may have run another command before, which has ended its builds.
            building::cannot_be_stopped();
            let builder = granting.grant(limiting.limit(builder));
            let paths = standing.paths().chain(command.paths()).collect::<Vec<_>>();
            let locked = locking.lock(builder, &paths);
            let offered = locked.and_then(|builder| standing.offer(builder));
            // What the stand-ins are made of goes last.
            let deadline = limiting.deadline();
            let done =
                offered.and_then(|(builder, _kept)| command.run(builder, &locking, deadline));
            running::is_over();
            done.unwrap_or_else(|failure| failure.report())
        }
        Err(usage) => {
            // Help that nobody reads any more is no failure.
            let _ = usage.print();
            ExitCode::from(if usage.use_stderr() { 2 } else { 0 })
        }
    }
}

/// Which one it is, and what scripts run on: for those whom problems are reported to.
const VERSION: &str = match () {
    () if cfg!(feature = "lua54") => concat!(env!("CARGO_PKG_VERSION"), " (Lua 5.4)"),
    () if cfg!(feature = "lua55") => concat!(env!("CARGO_PKG_VERSION"), " (Lua 5.5)"),
    () if cfg!(feature = "luajit") => concat!(env!("CARGO_PKG_VERSION"), " (LuaJIT)"),
    () if cfg!(feature = "luau-jit") => concat!(env!("CARGO_PKG_VERSION"), " (Luau, compiled)"),
    () if cfg!(feature = "luau") => concat!(env!("CARGO_PKG_VERSION"), " (Luau)"),
    () => env!("CARGO_PKG_VERSION"),
};

/// Loads, calls and checks plugins: Lua scripts and native libraries alike.
#[derive(Parser)]
#[command(
    name = "twinplug",
    version = VERSION,
    after_help = "A PATH is a script, a shared library, a plugin's folder, or the source folder of a\n\
                  native plugin, which is built first, into `target/plugins`.\n\n\
                  Example: twinplug call lua-plugins/testplugin.lua Hello --set Value=7"
)]
struct Arguments {
    #[command(flatten)]
    granting: Granting,
    #[command(flatten)]
    limiting: Limiting,
    #[command(flatten)]
    locking: Locking,
    #[command(flatten)]
    standing: Standing,
    #[command(flatten)]
    verbosity: Verbosity,
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
    /// Load plugins and have them serve until Ctrl-C; with --watch they reload as they are edited
    #[command(after_help = "Example: twinplug run bot.lua plugins --call start --watch")]
    Run(run::Arguments),
    /// Show what a plugin is, without running any of its code
    #[command(after_help = "Example: twinplug inspect native-plugins/testplugin --load")]
    Inspect(inspect::Arguments),
    /// Tell of each path whether it could be loaded, without running any of its code
    #[command(after_help = "Example: twinplug check lua-plugins native-plugins/*")]
    Check(check::Arguments),
    /// Pin the plugins of a folder, as they are now, for `--locked`; prints each file
    #[command(
        after_help = "It pins scripts with all that they could require from their own folders, built\n\
                      libraries, and manifests; with --locked it only compares.\n\n\
                      Example: twinplug lock plugins && twinplug call plugins/clock.lua Now --locked"
    )]
    Lock(lock::Arguments),
    /// Make a new plugin: a folder that builds, with a test, in the language of your choice
    #[command(after_help = "Example: twinplug new plugins/hello-world --kind c")]
    New(new::Arguments),
    /// Talk to loaded plugins in Lua: call, get, set; with a history, and names completed
    #[command(after_help = "Example: twinplug repl lua-plugins/testplugin.lua")]
    Repl(repl::Arguments),
    /// Run the tests of plugins: the functions `test_*` of their `*_test.lua`
    #[command(after_help = "Example: twinplug test lua-plugins native-plugins/testplugin-c")]
    Test(test::Arguments),
    /// Measure how long a call of a function takes, within two seconds
    #[command(after_help = "Example: twinplug bench lua-plugins/testplugin.lua Hello")]
    Bench(bench::Arguments),
    /// Write what editors have to know of scripts: definitions for LuaLS, and `.luarc.json`
    #[command(after_help = "Example: twinplug types lua-plugins/testplugin.lua -o types")]
    Types(types::Arguments),
    /// Load plugins, reload them as they are edited, and tell what happens, until Ctrl-C
    #[command(after_help = "Example: twinplug watch lua-plugins --call Hello --every 100ms")]
    Watch(watch::Arguments),
    /// Print a script by which a shell completes these arguments
    #[command(after_help = completions::INSTALL)]
    Completions(completions::Arguments),
}

impl Command {
    /// `builder` has what stands before the subcommand; what nobody waits for may take until `deadline`.
    fn run(
        self,
        builder: HostBuilder,
        locking: &Locking,
        deadline: Option<Duration>,
    ) -> Result<ExitCode, Failure> {
        match self {
            Command::Demo => demo::run(builder, locking),
            Command::Call(arguments) => call::run(arguments, builder, locking),
            Command::Run(arguments) => run::run(arguments, builder, locking),
            Command::Inspect(arguments) => inspect::run(&arguments, builder, locking),
            Command::Check(arguments) => check::run(&arguments, &builder, locking),
            Command::Lock(arguments) => lock::run(&arguments, locking),
            Command::New(arguments) => new::run(&arguments),
            Command::Repl(arguments) => repl::run(arguments, builder, locking),
            Command::Test(arguments) => test::run(arguments, builder, locking, deadline),
            Command::Bench(arguments) => bench::run(arguments, builder, locking),
            Command::Types(arguments) => types::run(&arguments, builder, locking),
            Command::Watch(arguments) => watch::run(arguments, builder, locking),
            Command::Completions(arguments) => completions::run(&arguments),
        }
    }

    /// What is loaded into one host, and has to be pinned with `--locked`.
    fn paths(&self) -> Vec<&Path> {
        match self {
            Command::Call(arguments) => arguments.paths(),
            Command::Run(arguments) => arguments.paths(),
            Command::Inspect(arguments) => arguments.paths(),
            Command::Repl(arguments) => arguments.paths(),
            Command::Test(arguments) => arguments.paths(),
            Command::Bench(arguments) => arguments.paths(),
            Command::Types(arguments) => arguments.paths(),
            Command::Watch(arguments) => arguments.paths(),
            // Each path is for itself, or nothing is loaded.
            Command::Check(_)
            | Command::Completions(_)
            | Command::Demo
            | Command::Lock(_)
            | Command::New(_) => Vec::new(),
        }
    }
}
