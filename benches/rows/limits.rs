//! Rows of the limits of plugins in Lua: each set against not set, in all else the same;
//! and how late a call is stopped.

use std::hint::black_box;
use std::time::{Duration, Instant};

use twinplug::{ErrorKind, Func, Host, HostBuilder, LimitSignal, PluginRef};

use crate::measure::{Effort, median, median_pair};
use crate::report::{Report, Row};
use crate::work::sum;

const SCRIPT: &str = r#"
if jit then jit.off() end

---@param a integer
---@param b integer
---@return integer
function add(a, b) return a + b end

function count(n)
  local sum = 0
  for i = 1, n do sum = (sum + i * 3) % 1000003 end
  return sum
end

function fib(n)
  if n < 2 then return n end
  return fib(n - 1) + fib(n - 2)
end

function tables(n)
  local last = {}
  for i = 1, n do last = { value = i, before = { last.value } } end
  return last.before[1]
end

function strings(n)
  local length = 0
  for i = 1, n do length = length + #("item " .. i) end
  return length
end

function spin()
  while true do end
end
"#;

/// Functions of the script that take a number, and what takes each of them a millisecond
/// or so.
const COUNT: (&str, i64) = ("count", 100_000);
const FIB: (&str, i64) = ("fib", 21);
const TABLES: (&str, i64) = ("tables", 4_000);
const STRINGS: (&str, i64) = ("strings", 8_000);

/// LuaJIT's compiler is off on both sides: a time limit switches it off, and that is
/// measured by itself.
const INTERPRETED: &str = if cfg!(feature = "luajit") { "permissions = ['jit']" } else { "" };

pub(crate) fn measure(report: &mut Report, effort: Effort) {
    time(report, effort);
    polled(report, effort);
    memory(report, effort);
    stop(report, effort);
}

fn time(report: &mut Report, effort: Effort) {
    let name = "time_limit";
    if !report.wants(name) {
        return;
    }
    let limited = || Host::builder().time_limit(Duration::from_secs(5));
    let free = || Host::builder().no_time_limit();
    let sides = Sides::new(&limited, &free, INTERPRETED);
    let mut add = |theirs, goal, (ours_ns, theirs_ns)| {
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal });
    };
    add("none, calls", Some(1.02), sides.calls(effort));
    add("none, a loop", Some(1.02), sides.loops(effort, COUNT));
    add("none, recursion", Some(1.02), sides.loops(effort, FIB));
    if cfg!(feature = "luajit") {
        let sides = Sides::new(&limited, &free, "");
        add("none, compiled calls", None, sides.calls(effort));
        add("none, a compiled loop", None, sides.loops(effort, COUNT));
    }
}

/// Where there are no signals; Luau needs none.
fn polled(report: &mut Report, effort: Effort) {
    let name = "time_limit_polled";
    if cfg!(feature = "luau") || !report.wants(name) {
        return;
    }
    let limit = Duration::from_secs(5);
    let limited = || Host::builder().time_limit(limit).limit_signal(LimitSignal::Off);
    let sides = Sides::new(&limited, &|| Host::builder().no_time_limit(), INTERPRETED);
    let mut add = |theirs, (ours_ns, theirs_ns)| {
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal: None });
    };
    add("none, calls", sides.calls(effort));
    add("none, a loop", sides.loops(effort, COUNT));
    add("none, recursion", sides.loops(effort, FIB));
}

fn memory(report: &mut Report, effort: Effort) {
    let name = "memory_limit";
    if !report.wants(name) {
        return;
    }
    let limited = || Host::builder().memory_limit(256 << 20);
    let free = || Host::builder().no_memory_limit();
    let sides = Sides::new(&limited, &free, INTERPRETED);
    let mut add = |theirs, (ours_ns, theirs_ns)| {
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal: Some(1.05) });
    };
    add("none, calls", sides.calls(effort));
    add("none, a loop", sides.loops(effort, COUNT));
    add("none, tables", sides.loops(effort, TABLES));
    add("none, strings", sides.loops(effort, STRINGS));
}

/// How long a call takes that would never end.
fn stop(report: &mut Report, effort: Effort) {
    let name = "time_limit_stop";
    if !report.wants(name) {
        return;
    }
    let host = Host::builder().time_limit(Duration::from_millis(100)).build().unwrap();
    let spin: Func<(), ()> = host.load_source("spin", SCRIPT).unwrap().func("spin").unwrap();
    let stopped = |_| {
        let start = Instant::now();
        let error = spin.call(()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        start.elapsed().as_nanos() as f64
    };
    let ours_ns = median((0..effort.turns()).map(stopped).collect());
    report.add(Row::limit(name, ours_ns, 150e6));
}

/// The script with a limit, and without, several times over: where in memory a VM comes to
/// lie makes its calls a little quicker or slower.
struct Sides(Vec<[Side; 2]>);

struct Side {
    plugin: PluginRef,
    _host: Host,
}

impl Sides {
    fn new(
        limited: &dyn Fn() -> HostBuilder,
        free: &dyn Fn() -> HostBuilder,
        manifest: &str,
    ) -> Sides {
        let make = |builder| Side::new(builder, manifest);
        // Who comes first takes turns.
        let pair = |number| match number % 2 {
            0 => [make(limited()), make(free())],
            _ => {
                let free = make(free());
                [make(limited()), free]
            }
        };
        Sides((0..9).map(pair).collect())
    }

    fn calls(&self, effort: Effort) -> (f64, f64) {
        self.compare(effort, |side| {
            let add: Func<(i64, i64), i64> = side.plugin.func("add").unwrap();
            move |repetitions| sum(repetitions, |a, b| add.call((a, b)).unwrap())
        })
    }

    fn loops(&self, effort: Effort, (name, size): (&str, i64)) -> (f64, f64) {
        self.compare(effort, |side| {
            let function: Func<(i64,), u64> = side.plugin.func(name).unwrap();
            move |repetitions| {
                (0..repetitions).map(|_| function.call((black_box(size),)).unwrap()).sum()
            }
        })
    }

    fn compare<W: FnMut(u64) -> u64>(
        &self,
        effort: Effort,
        work: impl Fn(&Side) -> W,
    ) -> (f64, f64) {
        let effort = effort.divided(5);
        let pairs = self.0.iter();
        median_pair(pairs.map(|[ours, theirs]| effort.compare(work(ours), work(theirs))))
    }
}

impl Side {
    fn new(builder: HostBuilder, manifest: &str) -> Side {
        let builder = if manifest.is_empty() { builder } else { builder.allow("jit") };
        let host = builder.build().unwrap();
        let plugin = host.load_files("limits", [("plugin.toml", manifest), ("init.lua", SCRIPT)]);
        Side { plugin: plugin.unwrap(), _host: host }
    }
}
