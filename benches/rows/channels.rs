//! Rows of channels: one thread sends to another, beside what people use for that.

use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use twinplug::{Channel, Host};

use crate::measure::{Effort, median};
use crate::report::{Report, Row};

pub(crate) fn measure(report: &mut Report, effort: Effort) {
    if report.wants("channel_0") {
        let [ours, others @ ..] = medians(effort, 0);
        report.add(Row::limit("channel_0", ours, 600.0));
        beside(report, "channel_0", ours, others);
    }
    if report.wants("channel_1024") {
        let [ours, others @ ..] = medians(effort, 1024);
        let theirs_ns = others.into_iter().fold(f64::INFINITY, f64::min);
        let (name, theirs) = ("channel_1024", "the best of these");
        report.add(Row { name, ours_ns: ours, theirs, theirs_ns, goal: Some(1.1) });
        beside(report, name, ours, others);
    }
}

fn beside(report: &mut Report, name: &'static str, ours_ns: f64, others: [f64; 4]) {
    let names = ["std", "crossbeam", "flume", "kanal"];
    for (theirs, theirs_ns) in names.into_iter().zip(others) {
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal: None });
    }
}

/// What a message takes ours, and each of the others, in turn.
fn medians(effort: Effort, capacity: usize) -> [f64; 5] {
    let host = Host::builder().channel::<u64>("c", capacity).build().unwrap();
    let channel: Channel<u64> = host.channel("c").unwrap();
    let sides: [&dyn Fn(u64); 5] = [
        &|count| {
            let sender = channel.clone();
            pass(count, move |n| sender.send(n).unwrap(), || channel.recv().unwrap());
        },
        &|count| {
            let (sender, receiver) = mpsc::sync_channel(capacity);
            pass(count, move |n| sender.send(n).unwrap(), || receiver.recv().unwrap());
        },
        &|count| {
            let (sender, receiver) = crossbeam_channel::bounded(capacity);
            pass(count, move |n| sender.send(n).unwrap(), || receiver.recv().unwrap());
        },
        &|count| {
            let (sender, receiver) = flume::bounded(capacity);
            pass(count, move |n| sender.send(n).unwrap(), || receiver.recv().unwrap());
        },
        &|count| {
            let (sender, receiver) = kanal::bounded(capacity);
            pass(count, move |n| sender.send(n).unwrap(), || receiver.recv().unwrap());
        },
    ];
    let count = if capacity == 0 { 5_000 } else { 100_000 };
    let mut times = [const { Vec::new() }; 5];
    for turn in 0..=effort.turns() {
        for (side, times) in sides.iter().zip(&mut times) {
            let start = Instant::now();
            side(count);
            // The first turn of each warms up.
            if turn > 0 {
                times.push(start.elapsed().as_nanos() as f64 / count as f64);
            }
        }
    }
    times.map(median)
}

/// Passes so many messages to another thread.
fn pass(count: u64, send: impl Fn(u64) + Send, mut receive: impl FnMut() -> u64) {
    let sum: u64 = thread::scope(|scope| {
        scope.spawn(move || (0..count).for_each(send));
        (0..count).map(|_| receive()).sum()
    });
    assert_eq!(sum, count * (count - 1) / 2);
}
