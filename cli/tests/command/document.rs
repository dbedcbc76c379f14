//! A page of the documentation as something that can be run.
//!
//! Each section (`##`) is a folder of its own. A block is a file if the line before it
//! ends with its path and a colon: `greet/greet.c`:. A block of `sh` is run there; what
//! stands behind a command after `  # ` is the last line that the command prints. A
//! block that is neither is a fault of the page.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::ran::{folder, root, target};

/// A part of a page.
pub(crate) struct Section {
    pub(crate) title: String,
    blocks: Vec<Block>,
}

enum Block {
    File { path: String, text: String },
    Commands(Vec<Line>),
}

/// A command, and the last line of what it prints, where the page says.
struct Line {
    command: String,
    prints: Option<String>,
}

/// The sections of a page of the repository that have blocks.
pub(crate) fn sections(page: &str) -> Vec<Section> {
    parse(&fs::read_to_string(root().join(page)).unwrap())
}

fn parse(text: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut section = Section { title: String::new(), blocks: Vec::new() };
    let mut before = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            let next = Section { title: title.to_owned(), blocks: Vec::new() };
            sections.push(std::mem::replace(&mut section, next));
        } else if let Some(language) = line.trim_start().strip_prefix("```") {
            let end = |line: &&str| line.trim_start() != "```";
            let inside: Vec<&str> = lines.by_ref().take_while(end).collect();
            section.blocks.push(block(language, before, &inside));
        }
        if !line.is_empty() {
            before = line;
        }
    }
    sections.push(section);
    sections.retain(|section| !section.blocks.is_empty());
    sections
}

fn block(language: &str, before: &str, lines: &[&str]) -> Block {
    if language == "sh" {
        return Block::Commands(lines.iter().map(|line| command(line)).collect());
    }
    let path = before.strip_suffix("`:").and_then(|before| before.rsplit('`').next());
    let path = path.unwrap_or_else(|| panic!("a block that nothing runs, after: {before}"));
    Block::File { path: path.to_owned(), text: format!("{}\n", lines.join("\n")) }
}

fn command(line: &str) -> Line {
    match line.split_once("  # ") {
        None => Line { command: line.to_owned(), prints: None },
        Some((command, prints)) => {
            Line { command: command.trim_end().to_owned(), prints: Some(prints.to_owned()) }
        }
    }
}

impl Section {
    /// Writes its files and runs its commands, as a reader would: in a folder with the
    /// checkout in it, with the command installed.
    pub(crate) fn run(&self) {
        // The same folder each time: what cargo keeps of crates goes by their paths.
        let folder = folder(&format!("docs {}", self.title));
        let bin = tempfile::tempdir().unwrap();
        symlink(root(), folder.join("twinplug")).unwrap();
        symlink(env!("CARGO_BIN_EXE_twinplug"), bin.path().join("twinplug")).unwrap();
        for block in &self.blocks {
            match block {
                Block::File { path, text } => write(&folder, path, text),
                Block::Commands(lines) => run(&folder, bin.path(), lines),
            }
        }
    }
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if path.ends_with("Cargo.toml") {
        // The versions that this repository is built with: they are there, and built.
        fs::copy(root().join("Cargo.lock"), path.with_file_name("Cargo.lock")).unwrap();
    }
    fs::write(path, text).unwrap();
}

/// Runs the lines of a block in one shell, which says what each has printed.
fn run(folder: &Path, bin: &Path, lines: &[Line]) {
    const MARK: &str = "==== end of line ====";
    let script: String =
        lines.iter().map(|line| format!("{}\necho '{MARK}'\n", line.command)).collect();
    let paths = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let paths = [bin.to_owned()].into_iter().chain(paths);
    let output = Command::new("sh")
        .args(["-e", "-c", &script])
        .current_dir(folder)
        .env("PATH", env::join_paths(paths).unwrap())
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_NET_OFFLINE", "true")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    let said = format!("{script}\n{out}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let printed: Vec<&str> = out.split(&format!("{MARK}\n")).collect();
    assert_eq!(printed.len(), lines.len() + 1, "{said}");
    for (line, printed) in lines.iter().zip(printed) {
        if let Some(expected) = &line.prints {
            assert_eq!(printed.lines().last(), Some(expected.as_str()), "{}\n{said}", line.command);
        }
    }
}

mod tests {
    use std::panic::catch_unwind;

    use super::parse;

    #[test]
    fn a_page_that_says_what_happens_passes() {
        let page = "## First\n`a/b.txt`:\n\n```\nx  # y\n```\n\n```sh\ncat a/b.txt  # x  # y\n```\n\
                    ## Second\n```sh\ntest ! -e a; echo 1; echo 2    # 2\ncd twinplug\ntest -d docs\n```\n";
        let sections = parse(page);
        assert_eq!(sections.len(), 2);
        sections.iter().for_each(super::Section::run);
    }

    #[test]
    fn a_page_that_does_not_fails() {
        let fails = |page: &'static str| {
            let failed = catch_unwind(|| parse(page).iter().for_each(super::Section::run));
            let text = failed.unwrap_err().downcast::<String>().unwrap();
            *text
        };
        let text = fails("## Third\n```sh\necho 1  # 2\n```\n");
        assert!(
            text.contains("left: Some(\"1\")") && text.contains("right: Some(\"2\")"),
            "{text}"
        );
        assert!(fails("## Fourth\n```sh\nfalse\necho 1\n```\n").starts_with("false\n"));
        let text = fails("Somewhere:\n\n```c\nint x;\n```\n");
        assert_eq!(text, "a block that nothing runs, after: Somewhere:");
    }
}
