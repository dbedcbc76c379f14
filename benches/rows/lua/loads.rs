//! Rows of loading: what a small plugin takes of time and memory, beside a VM of mlua's
//! that has run the same script; and what many of them take.

use std::time::Instant;

use mlua::{Function, Lua, Table};
use twinplug::{Func, Host, PluginRef};

use crate::measure::{Effort, median};
use crate::memory::taken;
use crate::report::{Report, Row};

const SCRIPT: &str = r#"
local M = { _VERSION = "1.0.0", Value = 0 }

local scores = {}

function M.add(name, points)
  scores[name] = (scores[name] or 0) + points
  M.Value = M.Value + points
  return scores[name]
end

function M.best()
  local best, most
  for name, points in pairs(scores) do
    if not most or points > most then best, most = name, points end
  end
  return best
end

return M
"#;

/// How many are loaded in a turn: one alone would find the caches as the other side has
/// left them.
const BATCH: usize = 20;

pub(crate) fn measure(report: &mut Report, effort: Effort) {
    time(report, effort);
    memory(report);
    many(report, 1_000, if effort.is_full() { 3 } else { 1 }, ["lua_load_1000", "lua_memory_1000"]);
    if effort.is_full() {
        ten_thousand(report);
    }
}

fn ten_thousand(report: &mut Report) {
    let names = ["lua_load_10000", "lua_memory_10000"];
    if !cfg!(feature = "luau-jit") {
        many(report, 10_000, 1, names);
    } else if names.iter().any(|name| report.wants(name)) {
        // Luau ends the process where the system has no more of them.
        println!("{}: not measured, native code of so many takes too many mappings", names[0]);
    }
}

fn time(report: &mut Report, effort: Effort) {
    let name = "lua_load";
    if !report.wants(name) {
        return;
    }
    let (ours_ns, theirs_ns) = times(BATCH, effort.turns());
    let (ours_ns, theirs_ns) = (ours_ns / BATCH as f64, theirs_ns / BATCH as f64);
    report.add(Row { name, ours_ns, theirs: "mlua", theirs_ns, goal: Some(1.5) });
}

/// What so many plugins take a new host, and as many bare VMs.
fn times(count: usize, turns: usize) -> (f64, f64) {
    let mut times = (Vec::new(), Vec::new());
    let mut ours = || {
        let host = Host::builder().build().unwrap();
        let (plugins, time) = timed(|| plugins(&host, count));
        plugins.iter().for_each(check);
        times.0.push(time);
    };
    let mut theirs = || {
        let (bare, time) = timed(|| bare(count));
        bare.iter().for_each(Bare::check);
        times.1.push(time);
    };
    for turn in 0..turns {
        // Who begins takes turns.
        if turn % 2 == 0 {
            ours();
            theirs();
        } else {
            theirs();
            ours();
        }
    }
    (median(times.0), median(times.1))
}

/// What one takes of a host that has others already; in bytes.
fn memory(report: &mut Report) {
    let name = "lua_memory";
    if !report.wants(name) {
        return;
    }
    let count = 100;
    let [ours, theirs] = memory_of(count).map(|bytes| bytes / count as f64);
    report.add(Row { name, ours_ns: ours, theirs: "mlua", theirs_ns: theirs, goal: Some(1.5) });
}

/// Bytes that so many plugins take, and so many bare VMs.
fn memory_of(count: usize) -> [f64; 2] {
    let host = Host::builder().build().unwrap();
    // What there is once, whoever comes first.
    load(&host, count);
    let (plugins, ours) = taken(|| plugins(&host, count));
    plugins.iter().for_each(check);
    let (bare, theirs) = taken(|| bare(count));
    bare.iter().for_each(Bare::check);
    [ours, theirs]
}

fn many(report: &mut Report, count: usize, turns: usize, [name, memory]: [&'static str; 2]) {
    if report.wants(name) {
        let (ours_ns, theirs_ns) = times(count, turns);
        if count == 1_000 {
            report.add(Row::limit(name, ours_ns, 200e6));
        }
        report.add(Row { name, ours_ns, theirs: "mlua", theirs_ns, goal: None });
    }
    if report.wants(memory) {
        let [ours_ns, theirs_ns] = memory_of(count);
        report.add(Row { name: memory, ours_ns, theirs: "mlua", theirs_ns, goal: None });
    }
}

fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed().as_nanos() as f64)
}

fn plugins(host: &Host, count: usize) -> Vec<PluginRef> {
    (0..count).map(|number| load(host, number)).collect()
}

fn load(host: &Host, number: usize) -> PluginRef {
    host.load_source(&format!("plugin_{number}"), SCRIPT).unwrap()
}

fn check(plugin: &PluginRef) {
    let add: Func<(&str, i64), i64> = plugin.func("add").unwrap();
    assert_eq!((add.call(("anna", 3)).unwrap(), add.call(("ben", 2)).unwrap()), (3, 2));
    assert_eq!(plugin.func::<(), String>("best").unwrap().call(()).unwrap(), "anna");
    assert_eq!(plugin.var::<i64>("Value").unwrap().get().unwrap(), 5);
}

fn bare(count: usize) -> Vec<Bare> {
    (0..count).map(|_| Bare::new()).collect()
}

/// A VM of mlua's that has run the script.
struct Bare {
    module: Table,
    _lua: Lua,
}

impl Bare {
    fn new() -> Self {
        let lua = Lua::new();
        Bare { module: lua.load(SCRIPT).eval().unwrap(), _lua: lua }
    }

    fn check(&self) {
        let add: Function = self.module.get("add").unwrap();
        let both = [("anna", 3), ("ben", 2)].map(|args| add.call::<i64>(args).unwrap());
        assert_eq!(both, [3, 2]);
        let best: Function = self.module.get("best").unwrap();
        assert_eq!(best.call::<String>(()).unwrap(), "anna");
        assert_eq!(self.module.get::<i64>("Value").unwrap(), 5);
    }
}
