//! What a terminal shows: each command, after `$ `, and all that it prints, in `sh` blocks.
//!
//! `$ cat FILE` shows a file that is there, or makes it, where nothing has. A session of `twinplug watch` or `run` goes on
//! until `^C`; a line in it after `# meanwhile: ` is a command that is run in between, and times
//! differ.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::document::Block;
use crate::place::Place;
use crate::watch::lines;

const MEANWHILE: &str = "# meanwhile: ";

/// A command, and what it prints.
struct Step {
    command: String,
    prints: String,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => {
                steps.push(Step { command: command.to_owned(), prints: String::new() })
            }
            None => {
                let step = steps.last_mut().unwrap();
                let to = if goes_on { &mut step.command } else { &mut step.prints };
                *to += &if goes_on { format!("\n{line}") } else { format!("{line}\n") };
            }
        }
        goes_on = steps.last().unwrap().prints.is_empty() && line.ends_with('\\');
    }
    steps
}

/// Runs what a block shows.
pub(crate) fn follow(place: &Place, block: &Block) {
    for Step { command, prints } in steps(&block.text) {
        if let Some(file) = command.strip_prefix("cat ") {
            show(place, file, &prints, &block.at);
        } else if ["watch", "run"].iter().any(|it| command.starts_with(&format!("twinplug {it} ")))
        {
            Session::begin(place, &command).follow(place, &prints, &block.at);
        } else {
            assert_eq!(printed(place, &command), prints, "{}: $ {command}", block.at);
        }
    }
}

/// What a page makes it may show anew.
fn show(place: &Place, file: &str, text: &str, at: &str) {
    match fs::read_to_string(place.folder.join(file)) {
        Ok(there) if !place.has_written(file) => assert_eq!(there, text, "{at}: $ cat {file}"),
        _ => place.write(file, text),
    }
}

/// What a command prints, on both streams.
fn printed(place: &Place, command: &str) -> String {
    let output = place.shell(&[], &format!("exec 2>&1; {command}")).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A command that runs until it is interrupted.
struct Session(Child);

impl Session {
    fn begin(place: &Place, command: &str) -> Session {
        let mut shell = place.shell(&[], &format!("exec 2>&1; exec {command}"));
        Session(shell.stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Waits for each of these lines.
    fn follow(mut self, place: &Place, shown: &str, at: &str) {
        let lines = lines(self.0.stdout.take().unwrap());
        for expected in shown.lines() {
            if expected == "^C" {
                let id = self.0.id().to_string();
                assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
            } else if let Some(command) = expected.strip_prefix(MEANWHILE) {
                assert!(place.shell(&[], command).status().unwrap().success(), "{at}: {command}");
            } else {
                let line = lines.recv_timeout(Duration::from_secs(60));
                let line = line.unwrap_or_else(|_| panic!("{at}: no line comes: {expected}"));
                assert_eq!(timeless(&line), timeless(expected), "{at}");
            }
        }
        assert!(shown.lines().any(|line| line == "^C"), "{at}: a session that does not end");
        assert_eq!(lines.iter().collect::<Vec<_>>(), Vec::<String>::new(), "{at}");
        assert!(self.0.wait().unwrap().success(), "{at}");
    }
}

impl Drop for Session {
    /// That of a test that has failed ends as well.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A line of a session without its time.
fn timeless(line: &str) -> String {
    match line.strip_suffix(" ms").and_then(|line| line.rsplit_once(" in ")) {
        Some((event, time)) if time.parse::<f64>().is_ok() => format!("{event} in a moment"),
        _ => line.to_owned(),
    }
}

#[test]
fn a_block_is_commands_and_all_that_they_print() {
    let found = steps("$ a \\\n  b\nc\n$ d\ne \\\n  f\n");
    let found: Vec<_> = found.iter().map(|s| (s.command.as_str(), s.prints.as_str())).collect();
    assert_eq!(found, [("a \\\n  b", "c\n"), ("d", "e \\\n  f\n")]);
    let place = Place::in_the_checkout("terminal");
    assert_eq!(printed(&place, "echo 1; echo 2 >&2; false"), "1\n2\n");
    assert!(fs::read_dir(place.folder.join("native-plugins")).is_ok());
    assert_eq!(timeless("reloaded a 1.0.0 in 0.8 ms"), timeless("reloaded a 1.0.0 in 12.3 ms"));
    assert_ne!(timeless("reloaded a 1.0.0 in 0.8 ms"), timeless("reloaded b 1.0.0 in 0.8 ms"));
}
