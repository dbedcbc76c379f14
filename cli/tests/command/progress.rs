//! How far builds and checks are: shown on a terminal, and gone once they are over.

use std::fs;
use std::path::{Path, PathBuf};

use rexpect::session::{Options, spawn_with_options};

use crate::ran::{C, command, folder, is_skipped, run};

/// What a terminal gets, without colours.
fn shown(folder: &Path, args: &[&str], term: &str) -> String {
    let mut command = command(args);
    command.current_dir(folder).env("NO_COLOR", "1").env("TERM", term).env("LC_ALL", "C");
    let options = Options::default().timeout_ms(Some(60_000));
    spawn_with_options(command, options).unwrap().exp_eof().unwrap()
}

/// What is left on the terminal: a line that is cleared is written anew.
fn left(shown: &str) -> Vec<&str> {
    shown.lines().map(|line| line.rsplit("\u{1b}[2K").next().unwrap()).collect()
}

/// A folder with a source of a plugin that the compiler warns of.
fn source(test: &str) -> PathBuf {
    let folder = folder(test);
    fs::create_dir(folder.join("native")).unwrap();
    let text = "#include \"twinplug.h\"\nTP_PLUGIN_BARE(\"native\", \"1.0.0\", NULL);\n\
                static void never_called(void) {}\n";
    fs::write(folder.join("native/native.c"), text).unwrap();
    folder
}

#[test]
fn a_build_that_runs_is_seen() {
    if is_skipped(C) {
        return;
    }
    let folder = source("progress_build");
    let shown = shown(&folder, &["check", "native"], "xterm");
    assert!(shown.contains(" native (C), 0s "), "{shown}");
    let left = left(&shown);
    assert_eq!(left.first(), Some(&"   Compiling native (C)"), "{shown}");
    assert_eq!(left.last(), Some(&"ok       native (native, native 1.0.0)"), "{shown}");
    // What the compiler says has lines of its own.
    let warning = left.iter().find(|line| line.contains("warning: ")).unwrap();
    assert!(warning.starts_with("native/native.c:3:"), "{shown}");
}

#[test]
fn it_is_seen_on_a_terminal_alone() {
    if is_skipped(C) {
        return;
    }
    let folder = source("progress_plain");
    let plain = run(command(&["check", "native"]).current_dir(&folder).env("LC_ALL", "C"));
    let verdict = "ok       native (native, native 1.0.0)";
    let begins = "   Compiling native (C)\n";
    assert_eq!((plain.out, plain.err.starts_with(begins)), (format!("{verdict}\n"), true));
    let dumb = shown(&folder, &["check", "native"], "dumb");
    assert_eq!(dumb, (plain.err + verdict + "\n").replace('\n', "\r\n"));
    assert_eq!(shown(&folder, &["check", "native", "-q"], "xterm"), format!("{verdict}\r\n"));
}

#[test]
fn of_many_files_it_is_told_how_many_are_done() {
    let folder = folder("progress_files");
    let mut expected = Vec::new();
    for number in 10..22 {
        fs::write(folder.join(format!("p{number}.lua")), "").unwrap();
        expected.push(format!("ok       ./p{number}.lua (lua, p{number})"));
    }
    let shown = shown(&folder, &["check", "."], "xterm");
    assert!(shown.contains(" 1/12 ./p10.lua") && shown.contains(" 12/12 ./p21.lua"), "{shown}");
    assert_eq!(left(&shown).iter().filter(|line| !line.is_empty()).count(), 12, "{shown}");
    assert!(left(&shown).iter().zip(&expected).all(|(line, it)| line == it), "{shown}");
}
