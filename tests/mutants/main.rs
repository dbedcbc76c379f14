//! Mutated copies of our own plugins: no check may crash or hang, whatever the bytes;
//! what is accepted is loaded in a child process, and how many of those die is bounded.
//!
//! 10,000 mutants, 100,000 with `TWINPLUG_FULL=1`. The numbers are printed.

#![cfg(all(unix, feature = "native"))]
#![allow(clippy::print_stdout, reason = "the tally, and what a child tells its parent")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use twinplug::{ErrorKind, Host};

/// Names the folder of mutants that a child process loads, and where to begin.
const FOLDER: &str = "TWINPLUG_MUTANTS";
const START: &str = "TWINPLUG_MUTANTS_START";

/// So many are loaded by one child, unless one of them ends it.
const BATCH: usize = 100;

fn plugin(folder: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = twinplug_build::build(&root.join(folder), &root.join("target/plugins")).unwrap();
    fs::read(built).unwrap()
}

fn total() -> usize {
    match env::var_os("TWINPLUG_FULL") {
        Some(_) => 100_000,
        None => 10_000,
    }
}

/// Numbers that are the same in each run (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// A mutant, and what was done to it.
fn mutant(random: &mut Random, plugin: &[u8], other: &[u8]) -> (Vec<u8>, &'static str) {
    let mut bytes = plugin.to_vec();
    match random.below(10) {
        0 => {
            bytes.truncate(random.below(plugin.len()));
            (bytes, "truncated")
        }
        1 => {
            let length = 1 + random.below(512);
            let (from, to) = (random.below(other.len() - length), random.below(1024));
            bytes[to..to + length].copy_from_slice(&other[from..from + length]);
            (bytes, "spliced into the head")
        }
        // Half of the flips are where the tables are.
        choice => {
            let (end, what) = match choice % 2 {
                0 => (plugin.len().min(0x800), "flipped in the head"),
                _ => (plugin.len(), "flipped anywhere"),
            };
            for _ in 0..1 + random.below(4) {
                bytes[random.below(end)] ^= 1 << random.below(8);
            }
            (bytes, what)
        }
    }
}

/// What became of the mutants of one sort.
#[derive(Debug, Default)]
struct Tally {
    refused: usize,
    loaded: usize,
    failed: usize,
    died: usize,
}

#[test]
fn no_mutant_ends_the_check_and_few_of_the_accepted_end_a_process() {
    let plugins = [plugin("native-plugins/testplugin-c"), plugin("native-plugins/testplugin")];
    let mut random = Random(0x7469_6e70_6c75_6700);
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let folder = tempfile::tempdir().unwrap();
    let mut accepted: Vec<&str> = Vec::new();
    for number in 0..total() {
        // The small one is mutated nine times out of ten: more of it is tables.
        let (one, other) = match number % 10 {
            0 => (&plugins[1], &plugins[0]),
            _ => (&plugins[0], &plugins[1]),
        };
        let (bytes, what) = mutant(&mut random, one, other);
        let path = folder.path().join(format!("{}.so", accepted.len()));
        fs::write(&path, bytes).unwrap();
        match Host::inspect(&path) {
            Ok(_) => accepted.push(what),
            Err(error) => {
                assert!(
                    matches!(error.kind(), ErrorKind::Refused | ErrorKind::Abi),
                    "{number}: {error}"
                );
                tallies.entry(what).or_default().refused += 1;
            }
        }
        if accepted.len() == BATCH {
            load_all(folder.path(), &mut accepted, &mut tallies);
        }
    }
    load_all(folder.path(), &mut accepted, &mut tallies);
    let mut died = 0;
    let mut survived = 0;
    for (what, tally) in &tallies {
        println!("{what}: {tally:?}");
        died += tally.died;
        survived += tally.loaded + tally.failed;
    }
    println!("of {} accepted, {died} ended the process that loaded them", died + survived);
    assert!(survived > total() / 5, "most mutants are harmless, so that this tests something");
    assert!(died * 20 < survived, "at most one in twenty of the accepted ends a process");
}

/// Loads the batch in child processes, and empties it.
fn load_all<'t>(folder: &Path, batch: &mut Vec<&'t str>, tallies: &mut BTreeMap<&'t str, Tally>) {
    let mut start = 0;
    while start < batch.len() {
        let outcomes = run_child(folder, start, batch.len());
        for (what, outcome) in batch[start..].iter().zip(&outcomes) {
            let tally = tallies.entry(what).or_default();
            match outcome.as_str() {
                "loaded" => tally.loaded += 1,
                _ => tally.failed += 1,
            }
        }
        start += outcomes.len();
        if start < batch.len() {
            tallies.entry(batch[start]).or_default().died += 1;
            start += 1;
        }
    }
    batch.clear();
}

/// What a child said of each mutant from `start` on, until it ended.
fn run_child(folder: &Path, start: usize, end: usize) -> Vec<String> {
    let output = Command::new("timeout")
        .arg("15")
        .arg(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(START, format!("{start} {end}"))
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let outcomes = text.lines().filter_map(|line| line.split_once("mutant: "));
    outcomes.map(|(_, outcome)| outcome.to_owned()).collect()
}

/// Not a test of its own: what the child process does.
#[test]
fn child() {
    let (Some(folder), Ok(range)) = (env::var_os(FOLDER), env::var(START)) else { return };
    let (start, end) = range.split_once(' ').unwrap();
    for number in start.parse::<usize>().unwrap()..end.parse().unwrap() {
        let path = PathBuf::from(&folder).join(format!("{number}.so"));
        let host = Host::builder().output(|_, _| {}).build().unwrap();
        let outcome = match host.load(path) {
            Ok(_) => "loaded",
            Err(_) => "failed",
        };
        println!("\nmutant: {outcome}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let whole = plugin("native-plugins/testplugin-c");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.so");
    for length in (0..whole.len()).rev() {
        fs::write(&path, &whole[..length]).unwrap();
        let error = Host::inspect(&path).err().unwrap_or_else(|| panic!("{length} was accepted"));
        assert_eq!(error.kind(), ErrorKind::Refused, "{length}: {error}");
    }
    fs::write(&path, &whole).unwrap();
    assert!(Host::inspect(&path).is_ok());
}
