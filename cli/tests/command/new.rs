//! `new`: what it makes is a plugin, in each language and wherever it is made; and what it
//! refuses, with nothing left behind.

mod sdk;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use serde_json::{Value, json};

use crate::ran::{C, CPP, GO, RUST, Ran, ZIG, command, folder, is_skipped, root, run, target};
use crate::watch::lines;

/// Makes a test of each kind.
macro_rules! is_a_plugin {
    ($($test:ident = $kind:expr;)*) => { $(#[test] fn $test() { is_a_plugin(&$kind) })* };
}
is_a_plugin! {
    a_script_is_a_plugin = LUA;
    a_library_in_rust_is_a_plugin = IN_RUST;
    a_library_in_c_is_a_plugin = IN_C;
    a_library_in_cpp_is_a_plugin = IN_CPP;
    a_library_in_zig_is_a_plugin = IN_ZIG;
    a_library_in_go_is_a_plugin = IN_GO;
}

/// A kind as the command knows it, and what it makes of one.
struct Kind {
    name: &'static str,
    /// The sample plugin that needs the same compiler.
    twin: Option<&'static str>,
    files: &'static [&'static str],
}

const LUA: Kind = Kind {
    name: "lua",
    twin: None,
    files: &["init.lua", "plugin.toml", "hello_world_test.lua", "README.md"],
};
const IN_RUST: Kind = Kind {
    name: "rust",
    twin: Some(RUST),
    files: &["Cargo.toml", "src/lib.rs", "hello_world_test.lua", "README.md", ".gitignore"],
};
const IN_C: Kind = Kind {
    name: "c",
    twin: Some(C),
    files: &["hello_world.c", "hello_world_test.lua", "README.md", ".gitignore"],
};
const IN_CPP: Kind = Kind {
    name: "cpp",
    twin: Some(CPP),
    files: &["hello_world.cpp", "hello_world_test.lua", "README.md", ".gitignore"],
};
const IN_ZIG: Kind = Kind {
    name: "zig",
    twin: Some(ZIG),
    files: &["build.zig", "src/hello_world.zig", "hello_world_test.lua", "README.md", ".gitignore"],
};
const IN_GO: Kind = Kind {
    name: "go",
    twin: Some(GO),
    files: &["go.mod", "plugin.go", "plugin.c", "hello_world_test.lua", "README.md", ".gitignore"],
};

/// All that its README says to do with it.
fn is_a_plugin(kind: &Kind) {
    if kind.twin.is_some_and(is_skipped) {
        return;
    }
    let plugin = make(&folder(&format!("new {}", kind.name)), kind);
    check(&plugin);
    is_typed(&plugin, kind);
    follows_its_readme(&plugin);
    let watching = Watching::of(&plugin, ".");
    assert_eq!(watching.next(), ["loaded", "hello-world", "0.1.0"]);
}

/// Makes `hello-world` in a folder; its own.
fn make(folder: &Path, kind: &Kind) -> PathBuf {
    let ran = new(folder, "hello-world", kind.name);
    let files: String = kind.files.iter().map(|file| format!("hello-world/{file}\n")).collect();
    let next = "next: twinplug call hello-world hello world\n      twinplug test hello-world\n      \
                twinplug watch hello-world --call hello --arg world\n";
    assert_eq!((ran.out, ran.err.as_str(), ran.code), (files, next, Some(0)));
    locked(folder.join("hello-world"))
}

/// Makes a plugin. A crate finds the SDK around it, but where cargo's target folder is elsewhere.
fn new(folder: &Path, name: &str, kind: &str) -> Ran {
    let sdk = root().join("crates/sdk");
    let mut args = vec!["new", name, "--kind", kind];
    let is_elsewhere = Path::new(env!("CARGO_TARGET_TMPDIR")).strip_prefix(root()).is_err();
    if kind == "rust" && is_elsewhere && folder.starts_with(env!("CARGO_TARGET_TMPDIR")) {
        args.extend(["--sdk", sdk.to_str().unwrap()]);
    }
    in_folder(folder, &args)
}

/// A crate is built with the versions that this repository is built with: those are there.
fn locked(plugin: PathBuf) -> PathBuf {
    if plugin.join("Cargo.toml").exists() {
        fs::copy(root().join("Cargo.lock"), plugin.join("Cargo.lock")).unwrap();
    }
    plugin
}

fn check(plugin: &Path) {
    let ran = in_folder(plugin, &["check", ".", "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let found = [&report["verdict"], &report["name"], &report["version"]];
    assert_eq!(found, ["ok", "hello-world", "0.1.0"], "{}{}", ran.out, ran.err);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
}

fn is_typed(plugin: &Path, kind: &Kind) {
    let ran = in_folder(plugin, &["inspect", ".", "--load", "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let hello = json!([{ "name": "hello", "symbol": "func", "type": "(name: string) -> string" }]);
    assert_eq!(report["exports"], hello, "{}", ran.err);
    let kind = if kind.twin.is_some() { "native" } else { "lua" };
    assert_eq!(report["kind"], kind);
}

/// The commands of a README that end by themselves.
const ENDING: [&str; 4] = ["twinplug check", "twinplug call", "twinplug test", "cargo test"];

/// Runs the commands of its README; what stands behind one in quotes is its result.
fn follows_its_readme(plugin: &Path) {
    let text = fs::read_to_string(plugin.join("README.md")).unwrap();
    let block = text.split("```").nth(1).unwrap().strip_prefix("sh\n").unwrap();
    let mut results = 0;
    for (line, said) in block.lines().map(|line| line.split_once("  # ").unwrap()) {
        let mut words = line.split_whitespace();
        if !ENDING.iter().any(|command| line.starts_with(command)) {
            continue;
        }
        let ran = match words.next() {
            Some("twinplug") => in_folder(plugin, &words.collect::<Vec<_>>()),
            other => run(around(Command::new(other.unwrap()).args(words), plugin)),
        };
        assert_eq!(ran.code, Some(0), "{line}\n{}{}", ran.out, ran.err);
        if said.starts_with('"') {
            ran.gives(said);
            results += 1;
        }
    }
    assert_eq!(results, 1, "{block}");
}

/// Plugins that are watched, until it is dropped.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn of(folder: &Path, path: &str) -> Watching {
        let mut command = command(&["watch", path, "--json"]);
        let command = around(&mut command, folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        Watching { child, lines }
    }

    /// What happens next, to which plugin, in which version.
    fn next(&self) -> [String; 3] {
        let line = self.lines.recv_timeout(Duration::from_secs(120)).expect("a line");
        let event: Value = serde_json::from_str(&line).unwrap();
        ["event", "plugin", "version"].map(|key| event[key].as_str().unwrap_or(&line).to_owned())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn one_that_comes_to_a_folder_that_is_watched_is_whole() {
    let folder = folder("new_watched");
    fs::create_dir(folder.join("plugins")).unwrap();
    in_folder(&folder, &["new", "plugins/first"]);
    let watching = Watching::of(&folder, "plugins");
    assert_eq!(watching.next(), ["loaded", "first", "0.1.0"]);
    in_folder(&folder, &["new", "plugins/second"]);
    assert_eq!(watching.next(), ["loaded", "second", "0.1.0"]);
    if !is_skipped(C) {
        in_folder(&folder, &["new", "plugins/third", "--kind", "c"]);
        assert_eq!(watching.next(), ["loaded", "third", "0.1.0"]);
    }
}

/// A formatter says so by printing nothing.
#[test]
fn sources_are_as_their_formatters_leave_them() {
    // As it is by default, and not as this repository has it.
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--check", "--config", "use_small_heuristics=Default", "src/lib.rs"]);
    is_formatted(&IN_RUST, &mut rustfmt);
    if !is_skipped(GO) {
        is_formatted(&IN_GO, Command::new("gofmt").args(["-l", "."]));
    }
    if !is_skipped(ZIG) {
        is_formatted(&IN_ZIG, zig().args(["fmt", "--check", "."]));
    }
}

fn is_formatted(kind: &Kind, formatter: &mut Command) {
    let plugin = make(&folder(&format!("new formatted {}", kind.name)), kind);
    match formatter.current_dir(plugin).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            assert_eq!(env::var_os("TWINPLUG_REQUIRE_LANGUAGES"), None, "{formatter:?}: {error}");
            // Past the harness, which keeps what a test that passes has printed.
            let _ = writeln!(io::stderr(), "skipped: {formatter:?}: {error}");
        }
        output => {
            let output = output.unwrap();
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert_eq!((said.as_str(), output.status.code()), ("", Some(0)), "{formatter:?}");
        }
    }
}

/// The Zig that builds find.
fn zig() -> Command {
    if let Some(zig) = env::var_os("ZIG") {
        return Command::new(zig);
    }
    let is_there = Command::new("zig").arg("version").output().is_ok();
    let mut command = Command::new(if is_there { "zig" } else { "python3" });
    command.args((!is_there).then_some(["-m", "ziglang"]).into_iter().flatten());
    command
}

/// Runs the command in a folder.
fn in_folder(folder: &Path, args: &[&str]) -> Ran {
    run(around(&mut command(args), folder))
}

/// Crates are built offline, where this test's own build is: what they need is built there once.
fn around<'c>(command: &'c mut Command, folder: &Path) -> &'c mut Command {
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_NET_OFFLINE", "true")
}

#[test]
fn a_crate_in_a_checkout_depends_on_the_sdk_by_its_path() {
    let folder = folder("new_in_a_checkout");
    for (path, up) in [("greet", 1), ("plugins/more/greet", 3)] {
        fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        fs::create_dir_all(folder.join("crates/sdk")).unwrap();
        fs::copy(root().join("crates/sdk/Cargo.toml"), folder.join("crates/sdk/Cargo.toml"))
            .unwrap();
        in_folder(&folder, &["new", path, "--kind", "rust"]);
        let manifest = fs::read_to_string(folder.join(path).join("Cargo.toml")).unwrap();
        let line = format!("\ntwinplug-sdk = {{ path = \"{}crates/sdk\" }}\n", "../".repeat(up));
        assert!(manifest.contains(&line), "{manifest}");
    }
}

/// Elsewhere it depends on a version; here in a workspace that knows nothing of it.
#[test]
fn a_crate_elsewhere_depends_on_the_version_of_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
    write("Cargo.toml", "[workspace]\nmembers = []\n");
    let sdk = root().join("crates/sdk");
    fs::create_dir(folder.path().join(".cargo")).unwrap();
    let sdk = format!("[patch.crates-io]\ntwinplug-sdk = {{ path = {:?} }}\n", sdk);
    write(".cargo/config.toml", &sdk);

    let plugin = make(folder.path(), &IN_RUST);
    let manifest = fs::read_to_string(plugin.join("Cargo.toml")).unwrap();
    let version = concat!(
        "\ntwinplug-sdk = \"",
        env!("CARGO_PKG_VERSION"),
        "\" # or, of a checkout: { path = \"TWINPLUG/crates/sdk\" }\n"
    );
    assert!(manifest.contains(version), "{manifest}");
    check(&plugin);
    follows_its_readme(&plugin);
}

#[test]
fn a_module_of_go_stands_alone_in_a_workspace() {
    if is_skipped(GO) {
        return;
    }
    let folder = folder("new_in_a_go_workspace");
    fs::write(folder.join("go.work"), "go 1.19\n").unwrap();
    let ran = in_folder(&folder, &["new", "greet", "--kind", "go"]);
    assert!(ran.out.ends_with("greet/.gitignore\ngreet/go.work\n"), "{}", ran.out);
    in_folder(&folder, &["call", "greet", "hello", "world"]).gives("\"Hello, world!\"");
}

#[test]
fn a_script_is_what_is_made_unless_it_is_said() {
    let folder = folder("new_default");
    fs::create_dir(folder.join("my plugins")).unwrap();
    let ran = in_folder(&folder, &["new", "./my plugins/greet/"]);
    let files = "./my plugins/greet/init.lua\n./my plugins/greet/plugin.toml\n\
                 ./my plugins/greet/greet_test.lua\n./my plugins/greet/README.md\n";
    let next = "next: twinplug call './my plugins/greet' hello world\n      \
                twinplug test './my plugins/greet'\n      twinplug watch './my plugins/greet' \
                --call hello --arg world\n";
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), (files, next, Some(0)));
}

#[test]
fn an_empty_folder_is_used() {
    let folder = folder("new_empty").join("greet");
    fs::create_dir(&folder).unwrap();
    let ran = in_folder(&folder, &["new", "."]);
    assert_eq!(ran.out, "./init.lua\n./plugin.toml\n./greet_test.lua\n./README.md\n");
    in_folder(&folder, &["call", ".", "hello", "world"]).gives("\"Hello, world!\"");
    let error = "error: cannot make `.`: it is there, and not empty: choose another name, or \
                 another place";
    in_folder(&folder, &["new", "."]).fails(1, error);
}

#[test]
fn what_is_there_is_not_written_over() {
    let folder = folder("new_there");
    fs::create_dir_all(folder.join("greet/sub")).unwrap();
    fs::write(folder.join("file"), "mine").unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("link")).unwrap();
    let check = |path: &str, why: &str| {
        let ran = in_folder(&folder, &["new", path]);
        assert_eq!(ran.out, "");
        ran.fails(1, &format!("error: cannot make `{path}`: {why}"));
    };
    let another = "choose another name, or another place";
    check("greet", &format!("it is there, and not empty: {another}"));
    check("file", &format!("it is there, and no folder: {another}"));
    check("link", &format!("it is there, and no folder: {another}"));
    check("file/greet", &format!("`file` is no folder: {another}"));
    check("plugins/greet", "`plugins` is not there: make that folder first");
    assert_eq!(names(&folder), ["file", "greet", "link"]);
    assert_eq!(names(&folder.join("greet")), ["sub"]);
    assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "mine");
}

#[test]
fn a_name_that_cannot_be_one_is_wrong_usage() {
    let folder = folder("new_names");
    let wrong = |args: &[&str], first: &str| {
        in_folder(&folder, &[&["new"], args].concat()).is_wrong_usage(first);
    };
    let rule =
        "a name is words of small letters and digits, the first a letter, joined by `-` or `_`";
    let no_name =
        format!("error: `Hello World` is no name for a plugin: {rule}, like `hello-world`");
    wrong(&["plugins/Hello World"], &no_name);
    wrong(&["/"], &format!("error: `/` ends in no name for a plugin: {rule}"));
    wrong(
        &["target"],
        "error: a plugin cannot be called `target`: builds put what they make into folders that \
         are called so: choose another name",
    );
    wrong(
        &["twinplug-sdk", "--kind", "rust"],
        "error: a plugin cannot be called `twinplug-sdk`: in Rust it would be a crate beside \
         those that it depends on, which are called so: choose another name",
    );
    wrong(&["greet", "--kind", "rst"], "error: invalid value 'rst' for '--kind <KIND>'");
    assert_eq!(names(&folder), [""; 0]);
}

/// What would mean something else as the name of a crate, a module, a file or in C.
#[test]
fn words_of_a_language_are_names() {
    let folder = folder("new_words");
    for (name, kind, twin) in [
        ("fn", "rust", RUST),
        ("int", "c", C),
        ("new", "C++", CPP),
        ("build", "zig", ZIG),
        ("fmt", "go", GO),
        ("clock-windows", "go", GO),
        ("a-test", "go", GO),
    ] {
        if !is_skipped(twin) {
            new(&folder, name, kind);
            locked(folder.join(name));
            in_folder(&folder, &["call", name, "hello", name])
                .gives(&format!("\"Hello, {name}!\""));
        }
    }
}

/// As on a disk that is full: the limit lets the shorter files be written.
#[test]
fn what_cannot_be_written_leaves_nothing() {
    let folder = folder("new_full");
    fs::create_dir(folder.join("empty")).unwrap();
    let command = env!("CARGO_BIN_EXE_twinplug");
    for name in ["greet", "empty"] {
        let script = format!("trap '' XFSZ; ulimit -f 1; exec {command} new {name} --kind rust");
        let ran = run(around(Command::new("sh").args(["-c", &script]), &folder));
        ran.fails(1, &format!("error: cannot make `{name}`: File too large (os error 27)"));
        assert_eq!(ran.out, "");
    }
    assert_eq!(names(&folder), ["empty"]);
    assert_eq!(names(&folder.join("empty")), [""; 0]);
}

/// What is in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}
