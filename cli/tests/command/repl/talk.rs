//! What happens between lines: edits, interrupts. Each step waits for the line that is printed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
#[cfg(unix)]
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use super::{CLOCK, fails};
#[cfg(unix)]
use crate::interrupt::{COMPILER, program};
use crate::ran::{C, Ran, answers, command, folder, is_skipped, library, said_by};

/// One that is talked to while it runs.
struct Talk {
    folder: PathBuf,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Talk {
    fn new(test: &str, files: &[(&str, &str)], args: &[&str]) -> Talk {
        let folder = folder(&format!("repl_{test}"));
        for (name, text) in files {
            fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            fs::write(folder.join(name), text).unwrap();
        }
        Talk::of(folder, &mut command(&[&["repl"], args].concat()))
    }

    fn of(folder: PathBuf, command: &mut Command) -> Talk {
        let mut child = command
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let out = child.stdout.take().unwrap();
        thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                // The test has ended.
                let Ok(()) = sender.send(line.unwrap()) else { return };
            }
        });
        Talk { folder, input: child.stdin.take(), child, lines }
    }

    fn says(&mut self, lines: &str) {
        self.input.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
    }

    #[track_caller]
    fn hears(&self, line: &str) {
        assert_eq!(self.lines.recv_timeout(Duration::from_secs(30)).as_deref(), Ok(line));
    }

    fn interrupt(&self) {
        self.signal("-INT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// What else it prints, and how it ends, once there are no more lines.
    fn end(mut self) -> Ran {
        drop(self.input.take());
        self.ends()
    }

    /// The same, while there may be more lines.
    fn ends(&mut self) -> Ran {
        let out = self.lines.iter().map(|line| line + "\n").collect();
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Ran { code: self.child.wait().unwrap().code(), out, err }
    }
}

impl Drop for Talk {
    /// That of a test that has failed ends as well.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text without how long reloads took.
fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(") in ") {
        Some((head, time)) if time.ends_with(" ms") => format!("{head})\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn an_edit_is_live_once_it_is_asked_for() {
    let mut talk = Talk::new("reload", &[("clock.lua", CLOCK)], &["clock.lua"]);
    talk.says("clock.Tick(5)\n");
    talk.hears("5");
    fs::write(talk.folder.join("clock.lua"), CLOCK.replace("by or 1", "by or 10")).unwrap();
    talk.says("clock.Tick()\n");
    talk.hears("6");
    talk.says(".reload clock\nclock.Tick()\n");
    talk.hears("goes");
    talk.hears("16");
    fs::write(talk.folder.join("clock.lua"), "function(").unwrap();
    talk.says(".reload clock\nclock.Tick()\n");
    talk.hears("26");
    let ran = talk.end();
    let why = said_by(
        "<name> expected near '('",
        "'<name>' expected near '('",
        "Expected identifier when parsing function name, got '('",
    );
    let err = format!(
        "\
reloaded clock 1.2.0 (load 2)
rejected clock 1.2.0 (load 2)
  plugin `clock`: not reloaded, load 2 serves on: cannot load `clock.lua`: clock.lua:1: {why}
     1 | function(
       |         ^
"
    );
    assert_eq!((&*ran.out, without_times(&ran.err), ran.code), ("goes\n", err, Some(1)));
}

#[test]
fn what_was_called_may_go_with_an_edit() {
    let mut talk = Talk::new("gone", &[("clock.lua", CLOCK)], &["clock.lua"]);
    talk.says("tick = clock.Tick\ntick(2)\n");
    talk.hears("2");
    fs::write(talk.folder.join("clock.lua"), CLOCK.replace("Tick(", "Tock(")).unwrap();
    talk.says(".reload clock\nclock.Tock()\nclock.Tick()\ntick()\n");
    talk.hears("goes");
    talk.hears("3");
    let ran = talk.end();
    let err = "\
reloaded clock 1.2.0 (load 2)
error: input:5: plugin `clock`: no symbol `Tick`; near: `Ticks`, `Tock`
error: input:6: plugin `clock`: no symbol `Tick`; near: `Ticks`, `Tock`
";
    assert_eq!((ran.out.as_str(), &*without_times(&ran.err), ran.code), ("goes\n", err, Some(1)));
}

/// And the other way round.
#[test]
fn a_function_may_become_a_variable_by_an_edit() {
    let mut talk = Talk::new("becomes", &[("clock.lua", CLOCK)], &["clock.lua"]);
    let becomes = |talk: &mut Talk, fail: &str, line: &str, shown: &str| {
        let edited = CLOCK.replace("function Fail() inner() end", fail);
        fs::write(talk.folder.join("clock.lua"), edited).unwrap();
        talk.says(&format!(".reload clock\n{line}\n"));
        talk.hears("goes");
        talk.hears(shown);
    };
    talk.says("clock.Fail == clock.Fail, type(clock.Fail)\n");
    talk.hears("true, \"function\"");
    becomes(
        &mut talk,
        "Fail = 3",
        "clock.Fail, pcall(clock.Fail)",
        "3, false, \"attempt to call a number value\"",
    );
    becomes(&mut talk, "function Fail() return 4 end", "clock.Fail()", "4");
    assert_eq!((talk.end().out.as_str()), "goes\n");
}

#[test]
fn a_source_folder_is_built_again_where_it_is_reloaded() {
    if is_skipped(C) {
        return;
    }
    let source = |answer| answers("answers", answer);
    let mut talk = Talk::new("source", &[("answers/answers.c", &source(1))], &["answers"]);
    talk.says("answers.f()\n");
    talk.hears("1");
    fs::write(talk.folder.join("answers/answers.c"), source(2)).unwrap();
    talk.says(".reload answers\nanswers.f()\n.list\n");
    talk.hears("2");
    talk.hears(&format!("answers 1.0.0 (native, {})", library("answers")));
    talk.hears("  func  f  () -> int");
    fs::write(talk.folder.join("answers/answers.c"), "not C").unwrap();
    talk.says(".reload answers\nanswers.f()\n");
    talk.hears("2");
    let ran = talk.end();
    assert!(ran.err.contains("\nreloaded answers 1.0.0 (load 2) in "), "{}", ran.err);
    assert_eq!((ran.out.as_str(), ran.code), ("", Some(1)));
}

#[cfg(unix)]
#[test]
fn a_wait_that_never_ends_can_be_interrupted() {
    let args = ["clock.lua", "--channel", "never"];
    let mut talk = Talk::new("interrupt", &[("clock.lua", CLOCK)], &args);
    talk.says("clock.Wait()\nprint('not reached')\n");
    talk.hears("waits");
    talk.interrupt();
    let ran = talk.ends();
    fails(&ran, "goes\n", "error: interrupted\n");
}

#[cfg(unix)]
#[test]
fn an_interrupt_between_lines_ends_it_in_order() {
    let mut talk = Talk::new("interrupt_idle", &[("clock.lua", CLOCK)], &["clock.lua"]);
    talk.says("clock.Tick()\n");
    talk.hears("1");
    talk.interrupt();
    fails(&talk.ends(), "goes\n", "error: interrupted\n");
}

#[cfg(unix)]
#[test]
fn the_systems_wish_ends_it_as_the_last_line_does() {
    for signal in ["-TERM", "-HUP"] {
        let args = ["clock.lua", "--channel", "never"];
        let mut talk = Talk::new(&format!("idle{signal}"), &[("clock.lua", CLOCK)], &args);
        talk.says("clock.Tick()\n");
        talk.hears("1");
        talk.signal(signal);
        let ran = talk.ends();
        assert_eq!((&*ran.out, &*ran.err, ran.code), ("goes\n", "", Some(0)), "{signal}");

        let mut talk = Talk::new(&format!("waits{signal}"), &[("clock.lua", CLOCK)], &args);
        talk.says("clock.Wait()\nprint('not reached')\n");
        talk.hears("waits");
        talk.signal(signal);
        fails(&talk.ends(), "goes\n", "error: interrupted\n");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_hangup_that_is_ignored_stays_so() {
    let mut shell = Command::new("sh");
    let own = "trap '' HUP; exec \"$0\" repl";
    shell.args(["-c", own, env!("CARGO_BIN_EXE_twinplug")]);
    let mut talk = Talk::of(folder("repl_nohup"), &mut shell);
    talk.says("print('a')\n");
    talk.hears("a");
    talk.signal("-HUP");
    talk.says("print('b')\n");
    talk.hears("b");
    assert_eq!(talk.end().code, Some(0));
}

#[cfg(unix)]
#[test]
fn what_cannot_be_interrupted_ends_at_the_second_time() {
    let body = "print('waits') host.channel('never'):recv()";
    let mut talk = Talk::new("twice", &[("stuck.lua", body)], &["--channel", "never"]);
    talk.says(".load stuck.lua\n");
    talk.hears("waits");
    let mut err = BufReader::new(talk.child.stderr.take().unwrap());
    talk.interrupt();
    let mut note = String::new();
    err.read_line(&mut note).unwrap();
    assert_eq!(note, "note: this goes on to its end: Ctrl-C once more ends the session at once\n");
    talk.interrupt();
    assert_eq!(talk.child.wait().unwrap().code(), Some(1));
}

#[cfg(unix)]
#[test]
fn a_build_ends_at_the_first_time() {
    let check = |test: &str, args: &[&str], signal: &str, said: &str, out: &str| {
        let folder = folder(&format!("repl_build{test}"));
        fs::create_dir(folder.join("native")).unwrap();
        fs::write(folder.join("native/native.c"), "").unwrap();
        fs::write(folder.join("clock.lua"), CLOCK).unwrap();
        let path = program(&folder, "compiler", &format!("trap '' INT\n{COMPILER}"));
        let mut command = command(&[&["repl"], args].concat());
        // Also where the tests run in the foreground of a terminal.
        let mut talk = Talk::of(folder, command.env("CC", path).process_group(0));
        talk.says(said);
        let mut err = BufReader::new(talk.child.stderr.take().unwrap()).lines();
        let mut told = || err.next().unwrap().unwrap();
        assert_eq!((told(), told()), ("   Compiling native (C)".to_owned(), "begun".to_owned()));
        talk.signal(signal);
        // Of one that does not heed it the note comes before it is killed.
        let told: Vec<_> = err.map(|line| line.unwrap()).collect();
        assert_eq!(told.last().map(String::as_str), Some("error: interrupted"), "{test}");
        let printed: Vec<_> = talk.lines.iter().collect();
        assert_eq!(
            (printed.join(" "), talk.child.wait().unwrap().code()),
            (out.to_owned(), Some(1))
        );
    };
    for signal in ["-INT", "-TERM"] {
        check(&format!("_first{signal}"), &["native"], signal, "", "");
        let said = ".load native\nprint('not reached')\n";
        check(&format!("_load{signal}"), &["clock.lua"], signal, said, "goes");
    }
}

#[cfg(unix)]
#[test]
fn an_end_that_is_under_way_is_cut_short_by_either() {
    let body = "function on_unload() print('goes') while true do end end";
    for signal in ["-TERM", "-INT"] {
        let args = ["stuck.lua", "--time-limit", "none"];
        let mut talk = Talk::new(&format!("cut{signal}"), &[("stuck.lua", body)], &args);
        talk.says("print('begins')\n");
        talk.hears("begins");
        talk.signal("-TERM");
        talk.hears("goes");
        // What comes right after the first one is still that.
        let code = loop {
            talk.signal(signal);
            match talk.child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        assert_eq!(code, Some(1), "{signal}");
    }
}
