//! Rows of channels: one thread sends to another, beside what people use for that.

use std::hint;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

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
        // The last one is no channel.
        let theirs_ns = others.into_iter().take(4).fold(f64::INFINITY, f64::min);
        let (name, theirs) = ("channel_1024", "the best of these");
        report.add(Row { name, ours_ns: ours, theirs, theirs_ns, goal: Some(1.1) });
        beside(report, name, ours, others);
    }
}

fn beside(report: &mut Report, name: &'static str, ours_ns: f64, others: [f64; 5]) {
    let names = ["std", "crossbeam", "flume", "kanal", "a cache line, there and back"];
    for (theirs, theirs_ns) in names.into_iter().zip(others) {
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal: None });
    }
}

/// What a message takes ours, and each of the others, in turn.
fn medians(effort: Effort, capacity: usize) -> [f64; 6] {
    let host = Host::builder().channel::<u64>("c", capacity).build().unwrap();
    let channel: Channel<u64> = host.channel("c").unwrap();
    let sides: [&dyn Fn(u64) -> Duration; 6] = [
        &|count| {
            let sender = channel.clone();
            pass(count, move |n| sender.send(n).unwrap(), || channel.recv().unwrap())
        },
        &|count| {
            let (sender, receiver) = mpsc::sync_channel(capacity);
            pass(count, move |n| sender.send(n).unwrap(), || receiver.recv().unwrap())
        },
        &|count| {
            let (sender, receiver) = crossbeam_channel::bounded(capacity);
            pass(count, move |n| sender.send(n).unwrap(), || receiver.recv().unwrap())
        },
        &|count| {
            let (sender, receiver) = flume::bounded(capacity);
            pass(count, move |n| sender.send(n).unwrap(), || receiver.recv().unwrap())
        },
        &|count| {
            let (sender, receiver) = kanal::bounded(capacity);
            pass(count, move |n| sender.send(n).unwrap(), || receiver.recv().unwrap())
        },
        &there_and_back,
    ];
    // Those that wake a thread for each message have fewer.
    let wakes = |side: usize| capacity == 0 && (1..4).contains(&side);
    let mut times = [const { Vec::new() }; 6];
    for turn in 0..=effort.turns() {
        for (number, (side, times)) in sides.iter().zip(&mut times).enumerate() {
            let count = if wakes(number) { 5_000 } else { 100_000 };
            let time = side(count).as_nanos() as f64 / count as f64;
            // The first turn of each warms up.
            if turn > 0 {
                times.push(time);
            }
        }
    }
    times.map(median)
}

/// Passes so many messages to another thread; what that takes. Those before them are not counted:
/// two threads begin on one core, and stay there for some milliseconds.
fn pass(count: u64, send: impl Fn(u64) + Send, mut receive: impl FnMut() -> u64) -> Duration {
    let before = count / 4;
    thread::scope(|scope| {
        scope.spawn(move || (0..before + count).for_each(send));
        (0..before).for_each(|_| {
            receive();
        });
        let start = Instant::now();
        let sum: u64 = (0..count).map(|_| receive()).sum();
        let time = start.elapsed();
        assert_eq!(sum, count * before + count * (count - 1) / 2);
        time
    })
}

/// What the machine itself takes: a number goes from one core to another and comes back, so many
/// times, and nothing is locked or lost. On a virtual machine this varies tenfold with where its
/// cores are.
fn there_and_back(count: u64) -> Duration {
    let before = count / 4;
    let line = AtomicU64::new(0);
    let wait_for = |number| {
        let is_there = || line.load(Ordering::Acquire) == number;
        let closely = || {
            (0..10_000).any(|_| {
                hint::spin_loop();
                is_there()
            })
        };
        // On one core the other side comes on no sooner.
        while !closely() {
            thread::yield_now();
        }
    };
    let go = |numbers: Range<u64>| {
        for n in numbers {
            line.store(2 * n + 1, Ordering::Release);
            wait_for(2 * n + 2);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..before + count {
                wait_for(2 * n + 1);
                line.store(2 * n + 2, Ordering::Release);
            }
        });
        go(0..before);
        let start = Instant::now();
        go(before..before + count);
        start.elapsed()
    })
}
