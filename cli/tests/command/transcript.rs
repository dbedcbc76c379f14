//! Pages that show what a terminal shows: each command, after `$ `, and all that it prints.
//!
//! They run at the root of a checkout. `$ cat FILE` shows a file, which is there afterwards.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::ran::{C, folder, is_skipped};

/// A command, and what it prints.
struct Step {
    command: String,
    prints: String,
}

/// The blocks of a page that begin with a command.
fn transcripts(text: &str) -> Vec<Vec<Step>> {
    let blocks = text.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks.filter(|block| block.starts_with("$ ")).map(steps).collect()
}

fn steps(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut goes_on = false;
    for line in block.lines() {
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

/// Runs what it shows, in the checkout.
fn check(page: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = folder(&format!("transcript {}", page.replace('/', " ")));
    for name in ["README.md", "lua-plugins", "native-plugins"] {
        symlink(root.join(name), folder.join(name)).unwrap();
    }
    let found = transcripts(&fs::read_to_string(root.join(page)).unwrap());
    assert!(!found.is_empty(), "{page} shows no command");
    for Step { command, prints } in found.into_iter().flatten() {
        match command.strip_prefix("cat ") {
            Some(file) => fs::write(folder.join(file), prints).unwrap(),
            None => assert_eq!(printed(&folder, &command), prints, "{page}: $ {command}"),
        }
    }
}

/// What a command prints, on both streams.
fn printed(folder: &Path, command: &str) -> String {
    let bin = Path::new(env!("CARGO_BIN_EXE_twinplug")).parent().unwrap().to_owned();
    let paths = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let paths = [bin].into_iter().chain(paths);
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(folder)
        .env("PATH", env::join_paths(paths).unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_page_on_the_command_shows_what_happens() {
    if !is_skipped(C) {
        check("docs/command.md");
    }
}

#[test]
fn a_transcript_is_commands_and_all_that_they_print() {
    let block = "```sh\n$ a \\\n  b\nc\n$ d\ne \\\n  f\n```\n\n```sh\nno transcript\n```\n";
    let found: Vec<Step> = transcripts(block).into_iter().flatten().collect();
    let found: Vec<_> = found.iter().map(|s| (s.command.as_str(), s.prints.as_str())).collect();
    assert_eq!(found, [("a \\\n  b", "c\n"), ("d", "e \\\n  f\n")]);
    assert_eq!(printed(Path::new("/"), "echo 1; echo 2 >&2; false"), "1\n2\n");
}
