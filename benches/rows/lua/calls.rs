//! Rows of calls between host and script.

use std::sync::Barrier;
use std::thread;

use twinplug::Func;

use super::by_ffi;
use super::by_mlua::ByMlua;
use super::ours::Ours;
use super::pairs::Pairs;
use super::side::{Loop, Side, calls, loops};
use crate::measure::Effort;
use crate::report::{Report, Row};
use crate::work::{sum, sum_of};

/// What is left to save is less where Lua itself takes longer into a call.
const CALL_GOAL: f64 = if cfg!(any(feature = "luajit", feature = "luau")) { 0.65 } else { 0.5 };

pub(crate) fn measure(report: &mut Report, effort: Effort) {
    from_host(report, effort);
    two_threads(report, effort);
    to_host(report, effort);
    library(report, effort);
}

fn from_host(report: &mut Report, effort: Effort) {
    let name = "lua_call";
    if !report.wants(name) {
        return;
    }
    let pairs = Pairs::new();
    let mut add = |theirs, goal, (ours_ns, theirs_ns)| {
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal });
    };
    add("mlua", Some(CALL_GOAL), pairs.compare(effort, calls, calls));
    add("lua_pcall", None, pairs.compare(effort, calls, by_ffi::calls));
    // What a script costs that does not say its types.
    add("mlua, no annotations", None, pairs.compare(effort, plain_calls, calls));
}

fn plain_calls(side: &Ours) -> impl FnMut(u64) -> u64 {
    let add: Func<(i64, i64), i64> = side.plugin.func("plain_add").unwrap();
    move |repetitions| sum(repetitions, |a, b| add.call((a, b)).unwrap())
}

fn two_threads(report: &mut Report, effort: Effort) {
    let name = "lua_two_threads";
    if !report.wants(name) {
        return;
    }
    let pairs = Pairs::new();
    let mut add = |theirs, goal, (ours_ns, theirs_ns)| {
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal });
    };
    // So many that it takes no time beside them to start a thread, and to become the one that is
    // quick.
    let effort = effort.longer(10);
    let alone = pairs.each(effort, |effort, ours, _| {
        let repetitions = effort.repetitions(&mut calls(ours));
        effort.compare_at(repetitions, on_two_threads(ours), calls(ours))
    });
    add("one thread", Some(1.5), alone);
    let both = pairs.each(effort, |effort, ours, theirs| {
        let repetitions = effort.repetitions(&mut calls(theirs));
        effort.compare_at(repetitions, on_two_threads(ours), on_two_threads(theirs))
    });
    add("mlua, two threads", None, both);
}

/// The same calls, half of them on a second thread: a VM runs one at a time, so the time
/// of a call is the whole time over all calls.
fn on_two_threads(side: &(impl Side + Sync)) -> impl FnMut(u64) -> u64 {
    |repetitions| {
        let middle = repetitions / 2;
        let start = Barrier::new(2);
        let half = |steps| {
            start.wait();
            sum_of(steps, |a, b| side.add(a, b))
        };
        thread::scope(|scope| {
            let other = scope.spawn(|| half(middle..repetitions));
            half(0..middle) ^ other.join().unwrap()
        })
    }
}

fn to_host(report: &mut Report, effort: Effort) {
    let name = "lua_to_host";
    if !report.wants(name) {
        return;
    }
    let mut add = |theirs, goal, (ours_ns, theirs_ns)| {
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal });
    };
    let pairs = Pairs::new();
    add("mlua", Some(0.75), calls_alone(&pairs, effort, Loop::Scaled));
    add("mlua, by a local", None, calls_alone(&pairs, effort, Loop::ScaledByLocal));
    let pairs = Pairs::beside(|| ByMlua::with_scale(by_ffi::scale));
    add("C function", None, calls_alone(&pairs, effort, Loop::Scaled));
    add("C function, by a local", None, calls_alone(&pairs, effort, Loop::ScaledByLocal));
}

/// What a script runs by itself.
fn library(report: &mut Report, effort: Effort) {
    let name = "lua_library";
    if report.wants(name) {
        let (ours_ns, theirs_ns) = Pairs::new().each(effort, |effort, ours, theirs| {
            effort.compare(loops(ours, Loop::Library), loops(theirs, Loop::Library))
        });
        report.add(Row { name, ours_ns, theirs: "mlua", theirs_ns, goal: None });
    }
}

/// What a loop takes for its calls: without what it computes.
fn calls_alone(pairs: &Pairs, effort: Effort, which: Loop) -> (f64, f64) {
    let both = |effort: Effort, ours, theirs, which| {
        effort.compare(loops(ours, which), loops(theirs, which))
    };
    pairs.each(effort, |effort, ours, theirs| {
        let whole = both(effort, ours, theirs, which);
        let rest = both(effort, ours, theirs, Loop::Arithmetic);
        (whole.0 - rest.0, whole.1 - rest.1)
    })
}
