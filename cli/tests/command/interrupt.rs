//! Ctrl-C, while something runs that has to end first: a build, a call.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::ran::{C, command, is_skipped};
use crate::run::{Running, written};

/// A compiler that takes its time, as a process that has begun another one: both hold standard
/// error open.
#[test]
fn an_interrupt_ends_a_build_that_runs() {
    let on_load = "function on_load() print('up') end function on_unload() print('down') end";
    let files = [("native/native.c", ""), ("clock.lua", on_load)];
    let check = |test: &str, args: &[&str], signal: &str, compiler: &str, printed: &[&str]| {
        let folder = written(&format!("build{test}"), &files);
        let path = folder.join("compiler");
        fs::write(&path, format!("#!/bin/sh\n{compiler}\necho begun >&2\nsleep 60\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = command(args);
        let running = Running::of(folder.clone(), command.current_dir(&folder).env("CC", &path));
        running.tells(&["   Compiling native (C)", "begun"]);
        let begun = Instant::now();
        running.signal(signal);
        let (code, out, err) = running.end();
        assert_eq!((code, out, err), (Some(0), owned(printed), vec![]), "{args:?}");
        assert!(begun.elapsed() < Duration::from_secs(40), "{args:?}");
        let left = fs::read_dir(folder.join("target/plugins")).unwrap();
        let left = left.map(|entry| entry.unwrap().file_name()).filter(|name| name != ".include");
        assert_eq!(left.count(), 0, "{args:?}");
    };
    check("_run", &["run", "native"], "-INT", "", &[]);
    check("_after", &["run", "native", "--with", "clock.lua"], "-TERM", "", &[]);
    let args = ["run", "native", "--with", "clock.lua", "--watch"];
    check("_watch_after", &args, "-TERM", "", &["up", "down"]);
    check("_with", &["run", "clock.lua", "--with", "native"], "-INT", "", &[]);
    check("_watch", &["watch", "native"], "-INT", "", &[]);
    check("_run_watch", &["run", "native", "--watch"], "-INT", "", &[]);
    // One that does not heed it is killed.
    check("_stubborn", &["watch", "native", "--json"], "-INT", "trap '' INT", &[]);
    // As the terminal goes there is no time for that.
    check("_hangup", &["run", "native"], "-HUP", "trap '' INT", &[]);
    check("_watch_hangup", &["watch", "native"], "-HUP", "", &[]);
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// A plugin whose function runs until it is to end, and gives how often it has waited.
const SPINS: &str = r#"#include "twinplug.h"
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
static atomic_int is_over;
static tp_status spin(tp_call *call) {
  static const struct timespec pause = {0, 1000000};
  puts("begins");
  fflush(stdout);
  while (!atomic_load(&is_over)) nanosleep(&pause, NULL);
  return tp_answer_text(call, TP_OK, "over", 4);
}
static tp_status on_unload(tp_call *call) {
  (void)call;
  atomic_store(&is_over, ENDS);
  return TP_OK;
}
static const tp_export exports[] = {TP_EXPORT_FUNC("Spin", "() -> string", spin)};
TP_PLUGIN_WITH("spins", "1.0.0", "", exports, NULL, NULL, NULL, NULL, NULL, NULL, on_unload);
"#;

#[test]
fn what_a_call_gives_that_ends_at_last_is_told() {
    if is_skipped(C) {
        return;
    }
    let files = [("spins/spins.c", &*SPINS.replace("ENDS", "1"))];
    let running = Running::new("native_ends", &files, &["spins", "--call", "Spin"]);
    running.tells(&["   Compiling spins (C)", "note: serving `spins`: Ctrl-C ends it"]);
    running.prints(&["begins"]);
    running.signal("-INT");
    // As `on_unload` lets it end, which comes a second later.
    running.prints(&[r#""over""#]);
    let (code, out, err) = running.end();
    let waits = "note: waiting for `Spin` of plugin `spins` to end: Ctrl-C once more ends at once";
    assert_eq!((code, out), (Some(0), vec![]));
    assert_eq!(err.first().map(String::as_str), Some(waits), "{err:?}");
}

#[test]
fn what_a_second_interrupt_leaves_out_is_told() {
    let spins = "function Main() print('begins') while true do end end function on_unload() end";
    let other = "function on_unload() print('down') end";
    let files = [("clock.lua", other), ("spins.lua", spins), ("plain.lua", "")];
    let args = ["clock.lua", "spins.lua", "plain.lua", "--call", "Main", "--time-limit", "none"];
    let running = Running::new("left_out", &files, &args);
    running.prints(&["begins"]);
    running.tells(&["note: serving `clock.lua`, `spins.lua`, `plain.lua`: Ctrl-C ends it"]);
    running.signal("-INT");
    let waits = "note: waiting for `Main` of plugin `spins` to end: Ctrl-C once more ends at once";
    running.tells(&[waits]);
    running.signal("-INT");
    let left = "note: ended at once: `on_unload` of `clock`, `spins` has not run to its end";
    assert_eq!(running.end(), (Some(1), vec![], vec![left.to_owned()]));
}
