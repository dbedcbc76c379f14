//! The child processes that load mutants, and how far each mutant came in one.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};
use twinplug::{Host, PluginRef};

/// Names the folder of mutants that a child process loads, and which of them.
const FOLDER: &str = "TWINPLUG_MUTANTS";
const RANGE: &str = "TWINPLUG_MUTANTS_RANGE";

/// A mutant that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is in the path of each private copy.
const COPY: &str = "/.twinplug-";

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// By the check.
    Refused,
    /// By the host or by the system, after the check.
    Failed,
    Loaded,
    /// It ended the process, or hung.
    Died(Phase),
}

/// How far a mutant came that ended its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Before the system's loader was asked for it.
    Checks,
    /// In the system's loader, before it ran any constructor.
    Loader,
    /// In a constructor, or in the loader after one has run.
    Constructors,
    /// The host read the table.
    Table,
    Init,
    /// A function was called, or a variable read.
    Call,
    /// It does so only where others were loaded before.
    AfterOthers,
}

pub(crate) fn file(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{number}.so"))
}

/// Loads the folder's mutants in child processes.
pub(crate) fn outcomes(folder: &Path, count: usize) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    while outcomes.len() < count {
        let (said, _) = run(folder, outcomes.len()..count, false);
        outcomes.extend((outcomes.len()..count).map_while(|number| end(said.get(&number)?)));
        let next = outcomes.len();
        if next < count {
            let steps = said.get(&next).map(Vec::as_slice).unwrap_or_default();
            outcomes.push(Outcome::Died(died(steps, folder, next)));
        }
    }
    outcomes
}

fn end(steps: &[String]) -> Option<Outcome> {
    match steps.last()?.as_str() {
        "loaded" => Some(Outcome::Loaded),
        "failed" => Some(Outcome::Failed),
        _ => None,
    }
}

/// How far a mutant came that ended its process, by the steps that were said of it.
/// Where the loader had it, it is loaded alone, with the loader telling what it does.
fn died(steps: &[String], folder: &Path, number: usize) -> Phase {
    let reached = |step: &str| steps.iter().any(|said| said == step);
    match () {
        () if reached("calls") => Phase::Call,
        () if reached("runs its init") => Phase::Init,
        () if reached("mapped") => Phase::Table,
        () if !reached("is handed to the system") => Phase::Checks,
        () => {
            let (said, told) = run(folder, number..number + 1, true);
            let constructs = |line: &str| line.contains("calling init: ") && line.contains(COPY);
            match told.lines().any(constructs) {
                true => Phase::Constructors,
                // Alone, it does no harm: another one had done it before.
                false if said.get(&number).is_some_and(|steps| end(steps).is_some()) => {
                    Phase::AfterOthers
                }
                false => Phase::Loader,
            }
        }
    }
}

/// What a child said of each mutant, step by step, and what its loader told.
fn run(
    folder: &Path,
    numbers: Range<usize>,
    tells: bool,
) -> (BTreeMap<usize, Vec<String>>, String) {
    let mut command = Command::new("timeout");
    command
        .args(["--signal=KILL", "60"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "child::child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(RANGE, format!("{} {}", numbers.start, numbers.end));
    if tells {
        // ld.so(8): the C library's loader says what it does with each file.
        command.env("LD_DEBUG", "files");
    }
    let output = command.output().unwrap();
    let mut said: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let step = line.strip_prefix("mutant ").and_then(|line| line.split_once(": "));
        if let Some((number, step)) = step {
            said.entry(number.parse().unwrap()).or_default().push(step.to_owned());
        }
    }
    (said, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Not a test of its own: what the child process does.
#[test]
fn child() {
    let (Some(folder), Ok(range)) = (env::var_os(FOLDER), env::var(RANGE)) else { return };
    let (start, end) = range.split_once(' ').unwrap();
    let (tick, ticks) = mpsc::channel();
    thread::spawn(move || {
        while ticks.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {}
        std::process::abort();
    });
    for number in start.parse::<usize>().unwrap()..end.parse().unwrap() {
        tick.send(()).unwrap();
        let steps = Steps { mutant: number };
        let load = || {
            let host = Host::builder().output(|_, _| {}).build().unwrap();
            let Ok(plugin) = host.load(file(Path::new(&folder), number)) else {
                return "failed";
            };
            steps.say("calls");
            use_it(&plugin);
            "loaded"
        };
        let outcome = tracing::subscriber::with_default(steps, load);
        steps.say(outcome);
    }
}

/// What a host does with a plugin; what it answers does not matter.
fn use_it(plugin: &PluginRef) {
    for name in ["Plugin_fun", "Hello", "ComplexType"] {
        let _ = plugin.call(name, ());
    }
    for name in ["Value", "Pd"] {
        if let Ok(var) = plugin.var::<twinplug::Value>(name) {
            let _ = var.get().map(|value| var.set(value));
        }
    }
}

/// Says how far a mutant comes: what the library says of its loads, line by line.
#[derive(Clone, Copy)]
struct Steps {
    mutant: usize,
}

impl Steps {
    fn say(self, step: &str) {
        // The harness may have left a line unfinished.
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nmutant {}: {step}", self.mutant).unwrap();
    }
}

impl Visit for Steps {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.say(&format!("{value:?}"));
        }
    }
}

impl Subscriber for Steps {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("twinplug::native")
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut { *self });
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
