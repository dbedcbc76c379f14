//! mlua without its feature `send`: a program of its own, which runs in turn with one that
//! holds our side alone.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::Rows;
use crate::measure::median;
use crate::report::flavour;

/// Makes this program our side.
pub(crate) const OURS: &str = "TWINPLUG_BENCH_OURS";

/// The rows, by what they are called and what is done.
const ROWS: [(&str, &str, &str); 5] = [
    ("lua_call", "", "mlua without send"),
    ("lua_to_host", "", "mlua without send"),
    ("lua_var", "", "mlua without send"),
    ("lua_var", "set", "mlua without send, set"),
    ("lua_struct", "serde", "mlua without send, serde"),
];

pub(crate) fn measure(rows: &mut Rows) {
    if !ROWS.iter().any(|(name, ..)| rows.report.wants(name)) {
        return;
    }
    let (mut ours, mut theirs) = (Figures::default(), Figures::default());
    for _ in 0..if rows.effort.is_full() { 9 } else { 3 } {
        ours.run(Command::new(std::env::current_exe().unwrap()).env(OURS, "1"));
        theirs.run(&mut unsent());
    }
    for (name, work, with) in ROWS {
        rows.row(name, with, |_| (ours.median(name, work), theirs.median(name, work)));
    }
}

/// Builds the other program where it is not there, and runs it.
fn unsent() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--release", "--quiet", "--manifest-path"]);
    cargo.arg(crate::root().join("benches/peers/unsent/Cargo.toml"));
    cargo.args(["--features", flavour()]);
    cargo
}

/// What several runs of a program have printed, by row and work.
#[derive(Default)]
struct Figures(BTreeMap<(String, String), Vec<f64>>);

impl Figures {
    fn run(&mut self, program: &mut Command) {
        let output = program.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program:?}: {errors}");
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let figure: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| figure[key].as_str().unwrap().to_owned();
            let ns = figure["ns"].as_f64().unwrap();
            self.0.entry((text("name"), text("work"))).or_default().push(ns);
        }
    }

    fn median(&self, name: &str, work: &str) -> f64 {
        median(self.0[&(name.to_owned(), work.to_owned())].clone())
    }
}
