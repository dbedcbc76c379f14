//! A page of the documentation as something that can be run.
//!
//! A section (`##`) is followed in a folder, block by block, as a reader would. What a block is
//! for, its language and the line before it say:
//!
//! | block | what is done with it |
//! |---|---|
//! | the line before ends with a path and a colon: `greet/greet.c`: | it is written there |
//! | `sh` that begins with `$ ` | each command is run, and prints what stands below it (`terminal`) |
//! | other `sh` | each line is run; what stands behind it after `  # ` is the last line that it prints |
//! | `lua` | it is loaded as a plugin, and prints what it says (`docs::stage`) |
//! | `toml` | it is the manifest of a plugin that is loaded (`docs::stage`) |
//! | `rust`, `text` | a scene has it (`docs::scenes`) |
//!
//! A block that is none of these is a fault of the page.

use std::fs;

use crate::docs::{scenes, stage};
use crate::place::Place;
use crate::ran::root;
use crate::terminal;

/// A part of a page.
pub(crate) struct Section {
    page: &'static str,
    pub(crate) title: String,
    blocks: Vec<Block>,
}

/// What stands between two lines of ```` ``` ````.
pub(crate) struct Block {
    /// Where it is, for messages: the page, and the line that it begins in.
    pub(crate) at: String,
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Kind {
    File {
        path: String,
    },
    Terminal,
    Commands,
    Script,
    Manifest,
    /// A part of a program in Rust.
    Program,
    /// What something prints.
    Print,
}

impl Kind {
    /// What a block of that language is, after that line.
    fn of(language: &str, before: &str, text: &str) -> Option<Kind> {
        if let Some(path) = before.strip_suffix("`:").and_then(|before| before.rsplit('`').next()) {
            return Some(Kind::File { path: path.to_owned() });
        }
        Some(match language {
            "sh" if text.starts_with("$ ") => Kind::Terminal,
            "sh" => Kind::Commands,
            "lua" => Kind::Script,
            "toml" => Kind::Manifest,
            "rust" => Kind::Program,
            "text" => Kind::Print,
            _ => return None,
        })
    }
}

/// The sections of a page of the repository that have blocks.
pub(crate) fn sections(page: &'static str) -> Vec<Section> {
    parse(page, &fs::read_to_string(root().join(page)).unwrap())
}

fn parse(page: &'static str, text: &str) -> Vec<Section> {
    let section = |title: &str| Section { page, title: title.to_owned(), blocks: Vec::new() };
    let mut sections = vec![section("")];
    let mut before = "";
    let mut lines = text.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push(section(title));
        } else if let Some(language) = line.trim_start().strip_prefix("```") {
            let inside = lines.by_ref().map(|(line, _)| line);
            let inside = inside.take_while(|line| line.trim_start() != "```");
            let text: String = inside.map(|line| format!("{line}\n")).collect();
            let at = format!("{page}:{number}");
            let kind = Kind::of(language, before, &text);
            let kind = kind.unwrap_or_else(|| panic!("{at}: a block that nothing runs"));
            sections.last_mut().unwrap().blocks.push(Block { at, kind, text });
        }
        if !line.is_empty() {
            before = line;
        }
    }
    sections.retain(|section| !section.blocks.is_empty());
    sections
}

impl Section {
    /// Follows it in a folder of its own.
    pub(crate) fn run(&self) {
        let name = format!("docs {} {}", self.page, self.title);
        self.run_in(&Place::beside_the_checkout(name.trim_end()));
    }

    /// Follows it in a folder that other sections may have been followed in.
    pub(crate) fn run_in(&self, place: &Place) {
        for block in &self.blocks {
            match &block.kind {
                Kind::File { path } => place.write(path, &block.text),
                Kind::Terminal => terminal::follow(place, block),
                Kind::Commands if scenes::has(block) => scenes::play(place, block),
                Kind::Commands => run(place, block),
                Kind::Script => stage::script(block),
                Kind::Manifest => stage::manifest(block),
                Kind::Program | Kind::Print => scenes::play(place, block),
            }
        }
    }
}

/// A command, and the last line of what it prints, where the page says.
fn command(line: &str) -> (&str, Option<&str>) {
    match line.split_once("  # ") {
        None => (line, None),
        Some((command, prints)) => (command.trim_end(), Some(prints)),
    }
}

/// Runs the lines of a block in one shell, which says what each has printed.
fn run(place: &Place, block: &Block) {
    const MARK: &str = "==== end of line ====";
    let lines: Vec<_> = block.text.lines().map(command).collect();
    // One that may fail says how it has ended, for whoever wants to know why it has printed nothing.
    let told = |command: &str| command.replace("|| true", "|| echo \"ended with $?\" >&2");
    let script: String =
        lines.iter().map(|(command, _)| format!("{}\necho '{MARK}'\n", told(command))).collect();
    let output = place.shell(&["-e"], &script).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    let said = format!("{}: {}\n{script}\n{out}\n{err}", block.at, output.status);
    assert!(output.status.success(), "{said}");
    let printed: Vec<&str> = out.split(&format!("{MARK}\n")).collect();
    assert_eq!(printed.len(), lines.len() + 1, "{said}");
    for ((command, expected), printed) in lines.iter().zip(printed) {
        if expected.is_some() {
            assert_eq!(printed.lines().last(), *expected, "{command}\n{said}");
        }
    }
}

mod tests {
    use std::panic::catch_unwind;

    use super::{Section, parse};

    fn follow(page: &str) {
        parse("page", page).iter().for_each(Section::run);
    }

    #[test]
    fn a_page_that_says_what_happens_passes() {
        let page = "## First\n`a/b.txt`:\n\n```\nx  # y\n```\n\n```sh\ncat a/b.txt  # x  # y\n```\n\
                    ## Second\n```sh\ntest ! -e a; echo 1; echo 2    # 2\ncd twinplug\ntest -d docs\n```\n";
        assert_eq!(parse("page", page).len(), 2);
        follow(page);
        follow("## Third\n```lua\nprint('a', 1)  -- a  1\nerror('x', 0)  -- error: x\n```\n");
        follow("## Fourth\n```toml\nname = 'a'\nversion = '1.2.3'\n```\n");
    }

    /// What is said of a page that cannot be followed.
    #[track_caller]
    fn check(page: &'static str, expected: &str) {
        let text = catch_unwind(|| follow(page)).unwrap_err();
        let text = text.downcast::<String>().unwrap();
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_page_that_does_not_fails() {
        let page = "## Fifth\n```sh\necho 1  # 2\n```\n";
        check(page, "left: Some(\"1\")\n right: Some(\"2\")");
        check("## Sixth\n```sh\nfalse\necho 1\n```\n", "page:2: exit status: 1\nfalse\n");
        check("## Sixth\n```sh\n(exit 3) || true  # 1\n```\n", "\nended with 3\n");
        check("Somewhere:\n\n```c\nint x;\n```\n", "page:3: a block that nothing runs");
        let nobody = "page:1: a block that no scene of `docs/scenes.rs` has: `struct A;`";
        check("```rust\nstruct A;\n```\n", nobody);
    }

    #[test]
    fn a_script_or_a_manifest_that_is_wrong_fails() {
        check("## Seventh\n```lua\nprint(1)  -- 2\n```\n", "left: [\"1\"]\n right: [\"2\"]");
        check(
            "## Seventh\n```lua\nlocal x = 1  -- error: x\n```\n",
            "left: [\"fine\"]\n right: [\"error: x\"]",
        );
        check("## Seventh\n```lua\nlocal = 1\n```\n", "page:2: cannot load");
        check("## Seventh\n```toml\nnome = 'a'\n```\n", "page:2: cannot load");
    }
}
