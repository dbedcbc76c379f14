//! Measures what `docs/performance.md` states, side by side with what people use in
//! place of it: `cargo bench`, or `cargo bench -- NAME` for the rows whose names hold it.
//!
//! `TWINPLUG_BENCH_QUICK=1` takes a quick look. The figures also go to
//! `target/bench/report.json`.

#![allow(clippy::print_stdout, reason = "the table")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

mod channels;
#[cfg(feature = "watch")]
mod edits;
#[cfg(feature = "_lua")]
mod limits;
#[cfg(feature = "_lua")]
mod lua;
#[allow(dead_code, reason = "scripts and native plugins need other parts of it")]
mod measure;
#[cfg(feature = "_lua")]
mod memory;
#[cfg(feature = "native")]
mod native;
mod plugin_data;
mod report;
#[allow(dead_code, reason = "scripts and native plugins need other parts of it")]
mod work;

use std::path::Path;

use measure::Effort;
use report::Report;

fn main() -> std::io::Result<()> {
    let mut report = Report::new();
    let effort = Effort::asked();
    channels::measure(&mut report, effort);
    #[cfg(feature = "native")]
    native::measure(&mut report, effort);
    #[cfg(feature = "_lua")]
    lua::measure(&mut report, effort);
    #[cfg(feature = "_lua")]
    limits::measure(&mut report, effort);
    #[cfg(feature = "watch")]
    edits::measure(&mut report, effort);
    report.write(&Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/report.json"))
}
