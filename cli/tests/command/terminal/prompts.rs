//! A session of `twinplug repl` on a terminal: what stands behind a prompt is typed, all else is
//! shown. `^D` ends it.

use std::process::Stdio;

use rexpect::session::{Options, PtySession, spawn_with_options};

use super::MEANWHILE;
use crate::place::Place;

pub(super) fn follow(place: &Place, command: &str, shown: &str, at: &str) {
    let mut shell = place.shell(&[], &format!("exec {command}"));
    shell.stdin(Stdio::inherit()).env("TERM", "xterm");
    shell.env("XDG_STATE_HOME", place.folder.join("state"));
    let options = Options::default().timeout_ms(Some(60_000)).strip_ansi_escape_codes(true);
    let mut session = spawn_with_options(shell, options).unwrap();
    let lines = shown.strip_suffix("^D\n");
    let lines = lines.unwrap_or_else(|| panic!("{at}: a session that does not end with `^D`"));
    for line in lines.lines() {
        if let Some(command) = line.strip_prefix(MEANWHILE) {
            assert!(place.shell(&[], command).status().unwrap().success(), "{at}: {command}");
        } else if let Some((prompt, typed)) = prompt(line) {
            expect(&mut session, prompt, at);
            session.send(&format!("{typed}\r")).unwrap();
            session.flush().unwrap();
            expect(&mut session, typed, at);
        } else {
            let text = line.strip_suffix(" ms").and_then(|line| line.rsplit_once(" in "));
            expect(&mut session, text.map_or(line, |(event, _)| event), at);
        }
    }
    session.send_control('d').unwrap();
    session.exp_eof().unwrap();
}

/// `3> f()` and `4.. end`.
fn prompt(line: &str) -> Option<(&str, &str)> {
    let digits = line.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
    let mark = ["> ", ".. "].into_iter().find(|mark| line[digits..].starts_with(mark))?;
    Some(line.split_at(digits + mark.len()))
}

#[track_caller]
fn expect(session: &mut PtySession, text: &str, at: &str) {
    session.exp_string(text).unwrap_or_else(|error| panic!("{at}: {text}: {error}"));
}
