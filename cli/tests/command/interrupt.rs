//! Ctrl-C, while something runs that has to end first: a build, a call.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rexpect::process::{Signal, WaitStatus};
use rexpect::session::{Options, spawn_with_options};

use crate::ran::{C, command, heeding, is_skipped};
use crate::run::{Running, written};

/// A program in the folder of a test.
pub(crate) fn program(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A compiler that takes its time, as a process that has begun another one: both hold standard
/// error open.
pub(crate) const COMPILER: &str = "echo begun >&2\nsleep 60";

/// What a build has left in the folder where libraries go.
fn left(folder: &Path) -> usize {
    let left = fs::read_dir(folder.join("target/plugins")).unwrap();
    left.map(|entry| entry.unwrap().file_name()).filter(|name| name != ".include").count()
}

#[test]
fn an_interrupt_ends_a_build_that_runs() {
    let on_load = "function on_load() print('up') end function on_unload() print('down') end";
    let files = [("native/native.c", ""), ("clock.lua", on_load)];
    let check = |test: &str, args: &[&str], signal: &str, compiler: &str, printed: &[&str]| {
        let folder = written(&format!("build{test}"), &files);
        let path = program(&folder, "compiler", &format!("{compiler}\n{COMPILER}"));
        let mut command = command(args);
        let running = Running::of(folder.clone(), command.current_dir(&folder).env("CC", &path));
        running.tells(&["   Compiling native (C)", "begun"]);
        let begun = Instant::now();
        running.signal(signal);
        let (code, out, err) = running.end();
        assert_eq!((code, out, err), (Some(0), owned(printed), vec![]), "{args:?}");
        assert!(begun.elapsed() < Duration::from_secs(40), "{args:?}");
        assert_eq!(left(&folder), 0, "{args:?}");
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

/// Whoever takes no signals ends by them all the same, and so do the builds.
#[test]
fn a_signal_that_ends_the_process_ends_the_build_that_runs() {
    let files = [
        ("native/native.c", ""),
        ("native/native_test.lua", "function test_it() end"),
        ("clock.lua", ""),
    ];
    let check = |test: &str, args: &[&str], signal: (&str, i32), compiler: &str| {
        let folder = written(&format!("ended{test}"), &files);
        let path = program(&folder, "compiler", &format!("{compiler}\n{COMPILER}"));
        let mut command = command(args);
        // Also where the tests run in the foreground of a terminal.
        command.current_dir(&folder).env("CC", &path).process_group(0);
        let running = Running::of(folder.clone(), &mut command);
        running.tells(&["   Compiling native (C)", "begun"]);
        let begun = Instant::now();
        running.signal(signal.0);
        assert_eq!(running.ended_by(), (Some(signal.1), vec![], vec![]), "{args:?}");
        assert!(begun.elapsed() < Duration::from_secs(40), "{args:?}");
        assert_eq!(left(&folder), 0, "{args:?}");
    };
    let (int, term, hangup) = (("-INT", 2), ("-TERM", 15), ("-HUP", 1));
    check("_call", &["call", "native", "f"], term, "");
    check("_call_with", &["call", "clock.lua", "f", "--with", "native"], int, "");
    check("_check", &["check", "native"], int, "");
    check("_test", &["test", "native"], hangup, "");
    check("_inspect", &["inspect", "native"], term, "trap '' INT");
    check("_bench", &["bench", "native", "f"], term, "");
    check("_types", &["types", "native"], term, "");
    check("_repl_with", &["repl", "--with", "native"], term, "");
}

/// What a tool is asked before it builds, it may take its time for as well.
#[test]
fn a_signal_ends_what_a_tool_is_asked_before() {
    let files = [("cpp/cpp.cc", ""), ("zig/build.zig", "")];
    let check = |test: &str, args: &[&str], variable: &str| {
        let folder = written(&format!("asked{test}"), &files);
        let pipe = folder.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let slow = format!("echo begun > '{}'\nsleep 60", pipe.display());
        let tools = folder.join("tools");
        fs::create_dir(&tools).unwrap();
        let path = program(&tools, "zig", &slow);
        let search = std::env::var("PATH").unwrap();
        let mut command = command(args);
        command.current_dir(&folder).process_group(0).env_remove("ZIG");
        match variable {
            "PATH" => command.env("PATH", format!("{}:{search}", tools.display())),
            variable => command.env(variable, path),
        };
        let running = Running::of(folder.clone(), &mut command);
        assert_eq!(fs::read_to_string(&pipe).unwrap(), "begun\n");
        let begun = Instant::now();
        running.signal("-TERM");
        let (status, ..) = running.rest();
        assert!(begun.elapsed() < Duration::from_secs(40), "{args:?}");
        assert_eq!(left(&folder), 0, "{args:?}");
        status
    };
    assert_eq!(check("_cpp", &["call", "cpp", "f"], "CXX").signal(), Some(15));
    assert_eq!(check("_cpp_run", &["run", "cpp"], "CXX").code(), Some(0));
    assert_eq!(check("_zig", &["check", "zig"], "PATH").signal(), Some(15));
    assert_eq!(check("_zig_watch", &["watch", "zig"], "PATH").code(), Some(0));
}

#[test]
fn after_a_build_a_signal_does_what_it_does_elsewhere() {
    if is_skipped(C) {
        return;
    }
    for (signal, number) in [("-INT", 2), ("-TERM", 15), ("-HUP", 1)] {
        let source = SPINS.replace("ENDS", "1");
        let folder = written(&format!("after{signal}"), &[("spins/spins.c", &source)]);
        let args = ["call", "spins", "Spin"];
        let running = Running::of(folder.clone(), command(&args).current_dir(&folder));
        running.tells(&["   Compiling spins (C)"]);
        running.prints(&["begins"]);
        running.signal(signal);
        assert_eq!(running.ended_by(), (Some(number), vec![], vec![]), "{signal}");
    }
}

/// A shell has what it runs in the background ignore Ctrl-C, `nohup` that the terminal goes.
#[test]
fn a_signal_that_is_ignored_stays_so_while_it_builds() {
    if is_skipped(C) {
        return;
    }
    let source = SPINS.replace("ENDS", "1");
    let folder = written("ignored", &[("spins/spins.c", &source)]);
    let path = program(&folder, "compiler", "echo begun >&2\nread go < pipe\nexec cc \"$@\"");
    assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    let mut shell = heeding("sh");
    let own = "trap '' INT HUP; exec \"$0\" check spins";
    shell.args(["-c", own, env!("CARGO_BIN_EXE_twinplug")]).stdin(Stdio::null());
    let running = Running::of(folder.clone(), shell.current_dir(&folder).env("CC", &path));
    running.tells(&["   Compiling spins (C)", "begun"]);
    running.signal("-INT");
    running.signal("-HUP");
    fs::write(folder.join("pipe"), "compile\n").unwrap();
    running.tells(&["begun"]);
    fs::write(folder.join("pipe"), "link\n").unwrap();
    let ok = "ok       spins (native, spins 1.0.0)".to_owned();
    assert_eq!(running.end(), (Some(0), vec![ok], vec![]));
}

/// Who asks has to be in the foreground of the terminal, where Ctrl-C reaches it as well.
#[test]
fn a_tool_may_ask_at_the_terminal() {
    let folder = written("asks", &[("native/native.c", "")]);
    let asks = "printf 'who? ' > /dev/tty\nread who < /dev/tty\necho \"it is $who\"  >&2\n";
    let path = program(&folder, "compiler", &format!("{asks}{COMPILER}"));
    let mut command = command(&["check", "native"]);
    command.current_dir(&folder).env("CC", path).env("TERM", "dumb").stdin(Stdio::inherit());
    let options = Options::default().timeout_ms(Some(30_000));
    let mut session = spawn_with_options(command, options).unwrap();
    session.exp_string("who? ").unwrap();
    session.send_line("me").unwrap();
    session.exp_string("it is me").unwrap();
    session.exp_string("begun").unwrap();
    session.send_control('c').unwrap();
    session.exp_eof().unwrap();
    let ended = session.process().wait().unwrap();
    assert!(matches!(ended, WaitStatus::Signaled(_, Signal::SIGINT, _)), "{ended:?}");
    assert_eq!(left(&folder), 0);
}

/// In the background, which is where tools are that Ctrl-C is not to reach, that would stop them.
#[test]
fn a_tool_may_write_where_a_terminal_stops_what_does_so_in_the_background() {
    let folder = written("tostop", &[("native/Cargo.toml", "")]);
    let path = program(&folder, "cargo", "echo 'no such crate' >&2\nexit 7");
    let mut shell = heeding("sh");
    let own = "stty tostop; exec \"$0\" watch native";
    shell.args(["-c", own, env!("CARGO_BIN_EXE_twinplug")]).current_dir(&folder);
    shell.env("CARGO", path).env("TERM", "xterm");
    let options = Options::default().timeout_ms(Some(30_000));
    let mut session = spawn_with_options(shell, options).unwrap();
    session.exp_string("no such crate\r\n").unwrap();
    session.exp_string(": watching `native`").unwrap();
    fs::write(folder.join("native/Cargo.toml"), "[package]").unwrap();
    session.exp_string("no such crate\r\n").unwrap();
    session.send_control('c').unwrap();
    session.exp_eof().unwrap();
    let ended = session.process().wait().unwrap();
    assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{ended:?}");
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
