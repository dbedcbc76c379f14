//! Measures what `docs/performance.md` states, side by side with what people use in
//! place of it: `cargo bench`, or `cargo bench -- NAME` for the rows whose names hold it.
//!
//! `TWINPLUG_BENCH_QUICK=1` takes a quick look. The figures also go to
//! `target/bench/report.json`.

#![allow(clippy::print_stdout, reason = "the table")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

#[cfg(feature = "_lua")]
mod limits;
#[cfg_attr(not(feature = "native"), allow(dead_code, reason = "what no row of scripts needs"))]
mod measure;
#[cfg(feature = "native")]
mod native;
mod report;
#[cfg_attr(not(feature = "native"), allow(dead_code, reason = "what no row of scripts needs"))]
mod work;

use std::path::Path;

use measure::Effort;
use report::Report;

fn main() -> std::io::Result<()> {
    let mut report = Report::new(flavour());
    let effort = Effort::asked();
    #[cfg(feature = "native")]
    native::measure(&mut report, effort);
    #[cfg(feature = "_lua")]
    limits::measure(&mut report, effort);
    report.write(&Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/report.json"))
}

/// The Lua that was built in.
fn flavour() -> &'static str {
    match () {
        () if cfg!(feature = "lua54") => "lua54",
        () if cfg!(feature = "lua55") => "lua55",
        () if cfg!(feature = "luajit") => "luajit",
        () if cfg!(feature = "luau-jit") => "luau-jit",
        () if cfg!(feature = "luau") => "luau",
        () => "none",
    }
}
