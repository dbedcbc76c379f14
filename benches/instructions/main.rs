//! Counts the instructions of the hot paths, which no noise changes, and compares them
//! with `benches/instructions.json`: more than 3 % away from it is an error.
//!
//! `cargo bench --bench instructions` compares, with `-- --bless` it writes the file. Needs
//! valgrind. The counts are those of one compiler: after a new one, bless.

#![allow(clippy::print_stdout, reason = "the table")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

mod paths;

use std::collections::BTreeMap;
use std::env;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Tells the child what to run, and how often.
const PATH: &str = "TWINPLUG_COUNTED_PATH";
const TIMES: &str = "TWINPLUG_COUNTED_TIMES";

/// Of the figure in the file.
const TOLERANCE: f64 = 0.03;

fn main() -> ExitCode {
    if let (Ok(path), Ok(times)) = (env::var(PATH), env::var(TIMES)) {
        paths::run(&path, times.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("`valgrind` is not there: install it, it counts the instructions");
        return ExitCode::FAILURE;
    }
    // Here, once, and not in each child.
    ["adder", "counter"].iter().for_each(|plugin| build(plugin));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.json");
    let now: BTreeMap<&str, u64> = paths::NAMES.iter().map(|name| (*name, count(name))).collect();
    if env::args().any(|argument| argument == "--bless") {
        fs::write(&file, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
        println!("written to {}", file.display());
        return ExitCode::SUCCESS;
    }
    let baseline: BTreeMap<String, u64> =
        serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    compare(&now, &baseline)
}

fn compare(now: &BTreeMap<&str, u64>, baseline: &BTreeMap<String, u64>) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    println!("{:24} {:>8} {:>8}", "path", "now", "baseline");
    for (name, now) in now {
        let verdict = match baseline.get(*name) {
            None => "is not in the file",
            Some(before) if *now as f64 > *before as f64 * (1.0 + TOLERANCE) => "3 % MORE",
            // A file that lags behind would let the way back pass.
            Some(before) if (*now as f64) < *before as f64 * (1.0 - TOLERANCE) => "3 % less",
            Some(_) => "",
        };
        let before = baseline.get(*name).map(u64::to_string).unwrap_or_default();
        println!("{name:24} {now:8} {before:>8}  {verdict}");
        if !verdict.is_empty() {
            code = ExitCode::FAILURE;
        }
    }
    for name in baseline.keys().filter(|name| !now.contains_key(name.as_str())) {
        println!("{name:24} is in the file, and is not measured");
        code = ExitCode::FAILURE;
    }
    if code != ExitCode::SUCCESS {
        println!("if that is meant: cargo bench --bench instructions -- --bless");
    }
    code
}

/// Instructions of one repetition: what a thousand more of them add.
fn count(name: &str) -> u64 {
    let (few, many) = (1_000, 2_000);
    let once = || {
        // Rounded: the system's own work differs by some instructions a run.
        let added = instructions(name, many).saturating_sub(instructions(name, few));
        (added as f64 / (many - few) as f64).round() as u64
    };
    // Lua seeds its tables anew in each process, so that one may look longer for a name than another.
    let mut counts: Vec<u64> =
        (0..if name.starts_with("lua_") { 9 } else { 1 }).map(|_| once()).collect();
    counts.sort_unstable();
    counts[counts.len() / 2]
}

fn instructions(name: &str, times: u64) -> u64 {
    let out = tempfile::NamedTempFile::new().unwrap();
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.path().display()))
        .arg(env::current_exe().unwrap())
        .env(PATH, name)
        .env(TIMES, times.to_string())
        .status()
        .unwrap();
    assert!(status.success());
    let text = fs::read_to_string(out.path()).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("summary: "));
    total.unwrap().trim().parse().unwrap()
}

/// Builds one of the plugins that benches call.
fn build(plugin: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/plugins").join(plugin);
    assert_eq!(twinplug_build::build(&folder, &out()).unwrap(), built(plugin));
}

fn built(plugin: &str) -> PathBuf {
    out().join(format!("{DLL_PREFIX}bench_{plugin}{DLL_SUFFIX}"))
}

fn out() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench")
}
