//! Rows of native plugins.

pub(crate) mod by_hand;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use twinplug::{Dynamic, Func, Host, PluginRef, Value};

use crate::measure::{Effort, median};
use crate::plugin_data::PluginData;
use crate::report::{Report, Row};
use crate::work::{round, sum};
use by_hand::ByHand;

pub(crate) fn build(folder: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    twinplug_build::build(&root.join("benches/plugins").join(folder), &root.join("target/bench"))
        .unwrap()
}

pub(crate) fn measure(report: &mut Report, effort: Effort) {
    let host = Host::builder().kept_images(usize::MAX).build().unwrap();
    let path = build("adder");
    let adder = host.load(&path).unwrap();
    let counter = host.load(build("counter")).unwrap();
    let by_hand = ByHand::load(&path);
    calls(report, effort, "native_call", 1.4, &adder, &by_hand);
    calls(report, effort, "native_call_stateful", 2.2, &counter, &by_hand);
    two_threads(report, effort, &counter, &by_hand);
    dynamic(report, effort, &adder);
    structs(report, effort, &adder, &by_hand);
    open(report, &path);
    lookup(report, effort, &adder);
}

fn typed(plugin: &PluginRef) -> Func<(i64, i64), i64> {
    plugin.func("add").unwrap()
}

fn calls(
    report: &mut Report,
    effort: Effort,
    name: &'static str,
    goal: f64,
    plugin: &PluginRef,
    by_hand: &ByHand,
) {
    if !report.wants(name) {
        return;
    }
    let add = typed(plugin);
    let raw = by_hand.add();
    let (ours_ns, theirs_ns) = effort.compare(
        |repetitions| sum(repetitions, |a, b| add.call((a, b)).unwrap()),
        |repetitions| sum(repetitions, &raw),
    );
    report.add(Row { name, ours_ns, theirs: "raw pointer", theirs_ns, goal: Some(goal) });
}

fn two_threads(report: &mut Report, effort: Effort, plugin: &PluginRef, by_hand: &ByHand) {
    let name = "native_two_threads";
    if !report.wants(name) {
        return;
    }
    let add = typed(plugin);
    let raw = by_hand.add();
    let ours = |repetitions| sum(repetitions, |a, b| add.call((a, b)).unwrap());
    let (ours_ns, theirs_ns) = effort.compare(|times| on_two_threads(times, ours), ours);
    report.add(Row { name, ours_ns, theirs: "one thread", theirs_ns, goal: Some(1.2) });
    // How far two threads of this machine are from two machines.
    let theirs = |repetitions| sum(repetitions, &raw);
    let (two, one) = effort.compare(|times| on_two_threads(times, theirs), theirs);
    let theirs = "raw pointer on one";
    report.add(Row { name: "raw_two_threads", ours_ns: two, theirs, theirs_ns: one, goal: None });
}

/// Does it on two threads at once.
fn on_two_threads(repetitions: u64, work: impl Fn(u64) -> u64 + Sync) -> u64 {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            start.wait();
            work(repetitions)
        });
        start.wait();
        let mine = work(repetitions);
        assert_eq!(mine, other.join().unwrap());
        mine
    })
}

fn dynamic(report: &mut Report, effort: Effort, plugin: &PluginRef) {
    let name = "native_dynamic";
    if !report.wants(name) {
        return;
    }
    let add: Func<Dynamic> = plugin.lookup("add").unwrap().into_dynamic().unwrap();
    let work = |repetitions| {
        sum(repetitions, |a, b| match add.call(&[Value::Int(a), Value::Int(b)]) {
            Ok(Value::Int(sum)) => sum,
            other => panic!("{other:?}"),
        })
    };
    let ours_ns = effort.alone(work, |repetitions| sum(repetitions, |a, b| a + b));
    report.add(Row::limit(name, ours_ns, 12.0));
}

fn structs(report: &mut Report, effort: Effort, plugin: &PluginRef, by_hand: &ByHand) {
    let name = "native_struct";
    if !report.wants(name) {
        return;
    }
    let older = plugin.func::<(PluginData,), PluginData>("older").unwrap();
    let ours = |repetitions| round(repetitions, |data| older.call((data,)).unwrap());
    let mut add = |theirs, goal, (ours_ns, theirs_ns)| {
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal });
    };
    let hand = effort.compare(ours, |n| round(n, |data| by_hand.older(&data)));
    add("repr(C) by hand", Some(1.5), hand);
    let postcard = effort.compare(ours, |n| round(n, |data| by_hand.postcard_older(&data)));
    add("postcard", None, postcard);
    let json = effort.compare(ours, |n| round(n, |data| by_hand.json_older(&data)));
    add("serde_json", None, json);
}

fn open(report: &mut Report, path: &Path) {
    let name = "open";
    if !report.wants(name) {
        return;
    }
    // Images are kept, each of them a little more for the system to look through: so
    // this has a count of its own.
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..101 {
        let host = Host::builder().build().unwrap();
        let start = Instant::now();
        let plugin = host.load(path).unwrap();
        times.0.push(start.elapsed().as_nanos() as f64);
        assert_eq!(plugin.call("add", (1, 2)).unwrap(), Value::Int(3));
        let start = Instant::now();
        let by_hand = ByHand::load_copy(path);
        times.1.push(start.elapsed().as_nanos() as f64);
        assert_eq!(by_hand.add()(1, 2), 3);
        std::mem::forget(by_hand);
    }
    let (ours_ns, theirs_ns) = (median(times.0), median(times.1));
    report.add(Row::limit(name, ours_ns, 300_000.0));
    report.add(Row { name, ours_ns, theirs: "copy and dlopen", theirs_ns, goal: None });
}

fn lookup(report: &mut Report, effort: Effort, plugin: &PluginRef) {
    let name = "lookup";
    if !report.wants(name) {
        return;
    }
    let work = |repetitions| {
        (0..repetitions).map(|_| typed(black_box(plugin)).signature().params.len() as u64).sum()
    };
    let ours_ns = effort.alone(work, |repetitions| 2 * repetitions);
    report.add(Row::limit(name, ours_ns, 40.0));
}
