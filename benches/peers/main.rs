//! Measures Twinplug beside the crates that people use in place of it, and that its own
//! benches cannot have: `cargo bench --manifest-path benches/peers/Cargo.toml`, or with
//! `-- NAME` for the rows whose names hold it. A Lua is chosen by the host's features.
//!
//! A workspace of its own, so that nobody else builds what is compared with. Loops and
//! report are those of `benches/rows`, and the rows go to the same
//! `target/bench/report.json`.
//!
//! A struct has two rows a crate. Under the crate's bare name the program uses the
//! crate's text throughout, which is moved through a call and never copied: the best it
//! can do. With `, String` both ends work on Rust's own text, as Twinplug's do, and
//! convert at the border.

#![allow(clippy::print_stdout, reason = "the table")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

mod abi_stable;
mod reloader;
#[cfg(feature = "_lua")]
mod rhai;
mod stabby;
#[cfg(feature = "_lua")]
mod unsent;

#[cfg(feature = "_lua")]
#[path = "unsent/src/figures.rs"]
mod figures;
#[path = "../rows/measure.rs"]
#[allow(dead_code, reason = "what other rows need")]
mod measure;
#[cfg(feature = "_lua")]
#[path = "../rows/lua/ours.rs"]
#[allow(dead_code, reason = "what other rows measure")]
mod ours;
#[path = "../rows/plugin_data.rs"]
mod plugin_data;
#[path = "../rows/report.rs"]
#[allow(dead_code, reason = "what other rows need")]
mod report;
#[cfg(feature = "_lua")]
#[path = "../rows/lua/side.rs"]
#[allow(dead_code, reason = "what other rows measure")]
mod side;
#[path = "../rows/work.rs"]
#[allow(dead_code, reason = "what other rows measure")]
mod work;

use std::path::{Path, PathBuf};

use twinplug::{Func, Host, PluginRef};

use measure::Effort;
use plugin_data::PluginData;
use report::{Report, Row};
use work::{round, sum};

fn main() -> std::io::Result<()> {
    #[cfg(feature = "_lua")]
    if std::env::var_os(unsent::OURS).is_some() {
        figures::print(&ours::Ours::new());
        return Ok(());
    }
    let host = Host::builder().build().unwrap();
    let adder = host.load(build("benches/plugins/adder")).unwrap();
    let mut rows = Rows::beside(&adder);
    abi_stable::measure(&mut rows);
    stabby::measure(&mut rows);
    reloader::measure(&mut rows);
    #[cfg(feature = "_lua")]
    {
        rhai::measure(&mut rows);
        unsent::measure(&mut rows);
    }
    rows.report.write(&root().join("target/bench/report.json"))
}

/// The project's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Builds the plugin in a folder of the project.
fn build(folder: &str) -> PathBuf {
    twinplug_build::build(&root().join(folder), &root().join("target/bench")).unwrap()
}

/// Our side of each row of native plugins, and what came of it.
struct Rows {
    report: Report,
    effort: Effort,
    add: Func<(i64, i64), i64>,
    older: Func<(PluginData,), PluginData>,
}

impl Rows {
    fn beside(adder: &PluginRef) -> Self {
        Rows {
            report: Report::new(),
            effort: Effort::asked(),
            add: adder.func("add").unwrap(),
            older: adder.func("older").unwrap(),
        }
    }

    fn calls(&mut self, theirs: &'static str, mut add: impl FnMut(i64, i64) -> i64) {
        self.row("native_call", theirs, |rows| {
            rows.effort.compare(
                |repetitions| sum(repetitions, |a, b| rows.add.call((a, b)).unwrap()),
                |repetitions| sum(repetitions, &mut add),
            )
        });
    }

    /// `D` is the struct as their program has it.
    fn structs<D>(&mut self, theirs: &'static str, mut older: impl FnMut(D) -> D)
    where
        D: From<PluginData> + Into<PluginData>,
    {
        self.row("native_struct", theirs, |rows| {
            rows.effort.compare(
                |repetitions| round(repetitions, |data| rows.older.call((data,)).unwrap()),
                |repetitions| round(repetitions, &mut older),
            )
        });
    }

    fn row(
        &mut self,
        name: &'static str,
        theirs: &'static str,
        compare: impl FnOnce(&Self) -> (f64, f64),
    ) {
        if self.report.wants(name) {
            let (ours_ns, theirs_ns) = compare(self);
            self.report.add(Row { name, ours_ns, theirs, theirs_ns, goal: None });
        }
    }
}
