//! What pages show of programs, and of what is printed by more than a command: a block of `rust`
//! or `text` has a scene here, in which it comes true.
//!
//! A scene is found by how its block begins. What a block of `rust` says, a program of
//! `docs::programs` does.

use std::fs;
use std::io::Read;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use twinplug::{Error, Host, HostBuilder, Result, Value};

use super::programs;
use crate::document::{Block, Kind};
use crate::place::Place;
use crate::ran::{root, run, twinplug};
use crate::watch::lines;

type Scene = fn(&Place, &Block);

const SCENES: [(&str, Scene); 11] = [
    ("let plugin = host.load(path)?;", the_same_lines_drive_both),
    ("cargo run -- demo\n", the_first_commands_are_those_of_the_checks),
    ("use twinplug::{Host, data};", |_, _| {}), // the first one's
    ("let host = Host::builder().build()?;\nlet counter =", a_program_greets),
    ("for (plugin, answer) in host.emit(", an_event_is_answered),
    ("plugin `a`: `Run`: host function `world.spawn`", an_error_leads_through_scripts),
    ("let host = Host::builder().time_limit(", a_limit_is_told),
    ("plugin `a`: `Run`: a.lua:5: host function `read`", an_error_leads_through_native_code),
    ("let host = Host::builder().build()?;\nhost.load_dir(", an_edit_is_live),
    ("plugin `clock`: not reloaded,", a_handle_is_held),
    ("twinplug demo\n", the_synopsis_has_what_help_has),
];

fn scene(block: &Block) -> Option<Scene> {
    SCENES.iter().find(|(begin, _)| block.text.starts_with(begin)).map(|(_, scene)| *scene)
}

pub(crate) fn has(block: &Block) -> bool {
    scene(block).is_some()
}

pub(crate) fn play(place: &Place, block: &Block) {
    let Block { at, text, .. } = block;
    let first = text.lines().next().unwrap_or_default();
    let scene = scene(block);
    let scene = scene.unwrap_or_else(|| {
        panic!("{at}: a block that no scene of `docs/scenes.rs` has: `{first}`")
    });
    let is_run = block.kind != Kind::Program || programs::have(text);
    assert!(is_run, "{at}: it is not in `docs/programs.rs` word for word:\n{text}");
    scene(place, block);
}

/// What a program has printed, and its standard error; each line stands in the block.
fn output(place: &Place, name: &str) -> (String, String) {
    let (mut child, mut out) = programs::begin(place, name);
    let (mut printed, mut err) = (String::new(), String::new());
    out.read_to_string(&mut printed).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(child.wait().unwrap().success(), "{printed}\n{err}");
    (printed, err)
}

/// Builds the plugin in Rust that the page shows, and has the lines drive both.
fn the_same_lines_drive_both(place: &Place, block: &Block) {
    let manifest = "[package]\nname = \"readme\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
                    [lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n[dependencies]\n\
                    twinplug-sdk = { path = \"../twinplug/crates/sdk\" }\n";
    place.write("testplugin/Cargo.toml", manifest);
    let output_of = place.shell(&[], "twinplug check testplugin").output().unwrap();
    let said = String::from_utf8(output_of.stdout).unwrap();
    let built = "ok       testplugin (native, testplugin 1.0.0)\n";
    assert_eq!(said, built, "{}", String::from_utf8_lossy(&output_of.stderr));

    let (printed, _) = output(place, "drives_both");
    assert_eq!(printed, "Value in plugin: 7\n44\nlua\nValue in plugin: 7\n44\nnative\n");
    assert!(block.text.contains("// Value in plugin: 7\n") && block.text.ends_with("// 44\n"));
}

/// `demo` has a test of its own; the other one is that which all this is a part of.
fn the_first_commands_are_those_of_the_checks(_: &Place, block: &Block) {
    assert_eq!(block.text, "cargo run -- demo\ncargo test --workspace\n", "{}", block.at);
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    assert!(read(".ci/run").contains("\nstep test cargo test --workspace\n"));
    assert!(read("Cargo.toml").contains("\ndefault-members = [\".\", \"cli\"]\n"));
}

fn a_program_greets(place: &Place, block: &Block) {
    let (printed, _) = output(place, "greets");
    assert_eq!(printed, "Hello, Ann!\n1\n");
    assert!(block.text.contains("// Hello, Ann!\n") && block.text.ends_with("// 1\n"));
}

fn an_event_is_answered(place: &Place, block: &Block) {
    let (printed, _) = output(place, "emits");
    assert_eq!(printed, "door: come in, Ann\n");
    assert!(block.text.contains("// door: come in, Ann\n"));
}

/// It says what the command has said, without the line of the script.
fn a_limit_is_told(place: &Place, block: &Block) {
    let (printed, err) = output(place, "tells_of_a_limit");
    let of_the_command = place.shell(&[], "twinplug call clock.lua Tick --time-limit 500ms");
    let of_the_command = run(&mut { of_the_command }).err;
    let said = of_the_command.lines().filter(|line| !line.contains(" | "));
    let said: String = said.map(|line| format!("{}\n", line.trim_start())).collect();
    let said = said.replace("error: ", "");
    assert_eq!((printed, err), (String::new(), said), "{}", block.at);
}

fn an_edit_is_live(place: &Place, block: &Block) {
    let script = place.folder.join("plugins/clock.lua");
    place.write("plugins/clock.lua", "function Now() return 0 end");
    let (mut child, out) = programs::begin(place, "watches");
    let lines = lines(out.into_inner());
    // It may not watch yet.
    let line = (1..600).find_map(|edit| {
        fs::write(&script, format!("function Now() return {edit} end")).unwrap();
        lines.recv_timeout(Duration::from_millis(100)).ok()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(line.as_deref(), Some("reloaded clock"));
    assert!(block.text.contains("// reloaded clock\n"));
}

fn a_handle_is_held(place: &Place, block: &Block) {
    let host = Host::builder().build().unwrap();
    let write = |text: &str| place.write("held/clock.lua", text);
    write("function Now() return 0 end");
    let clock = host.load(place.folder.join("held/clock.lua")).unwrap();
    let _now = clock.func::<(), i64>("Now").unwrap();
    host.reload(&clock).unwrap();
    host.reload(&clock).unwrap();
    write("function Noon() return 12 end");
    let error = host.reload(&clock).unwrap_err();
    assert_eq!(format!("{error}\n"), block.text, "{}", block.at);
}

/// A host whose function calls a function of a plugin.
fn reaching(builder: HostBuilder, calls: &[(&str, &'static str, &'static str)]) -> Arc<Host> {
    let cell: Arc<OnceLock<Weak<Host>>> = Arc::default();
    let with = |builder: HostBuilder, &(function, plugin, name): &(&str, _, &'static str)| {
        let cell = Arc::clone(&cell);
        builder.function(function, move || -> Result<Value> {
            let host = cell.get().and_then(Weak::upgrade).expect("set below");
            host.plugin(plugin)?.call(name, ())
        })
    };
    let host = Arc::new(calls.iter().fold(builder, with).build().unwrap());
    cell.set(Arc::downgrade(&host)).unwrap();
    host
}

/// As the command shows it.
fn shown(error: &Error) -> String {
    let traceback = error.traceback().unwrap_or_default().lines();
    let traceback: String = traceback.map(|line| format!("  {line}\n")).collect();
    format!("{error}\n{traceback}")
}

/// The scripts are those of the page.
fn an_error_leads_through_scripts(place: &Place, block: &Block) {
    let host = reaching(Host::builder(), &[("world.spawn", "b", "Open")]);
    host.load(place.folder.join("b.lua")).unwrap();
    let a = host.load(place.folder.join("a.lua")).unwrap();
    let error = a.call("Run", ()).unwrap_err();
    assert_eq!(shown(&error), block.text, "{}", block.at);
    assert_eq!(error.location().unwrap().1, 3);
    assert!(error.payload().is_some());
}

/// The plugin between the scripts, as the page says for C that it passes an error on.
const DISK: &str = r#"/* Reads what the host finds. */
#include "twinplug.h"

static tp_status read_level(tp_call *call) {
  tp_status status = tp_host_call(call, "find", NULL, 0);
  if (status == TP_OK) return status;
  return tp_answer(call, status, "no level: %.*s", (int)call->result->length, tp_to_text(call->result));
}

static const tp_export exports[] = {TP_EXPORT_FUNC("Read", "() -> any", read_level)};

TP_PLUGIN("disk", "1.0.0", exports, NULL);
"#;

fn an_error_leads_through_native_code(place: &Place, block: &Block) {
    let page = fs::read_to_string(root().join("docs/native-plugins.md")).unwrap();
    let way = DISK.lines().find_map(|line| line.trim().strip_prefix("return tp_answer")).unwrap();
    assert!(page.contains(&format!("`tp_answer{}`", way.trim_end_matches(';'))), "{way}");
    place.write("disk/disk.c", DISK);
    place.write("b.lua", "local M = {}\nfunction M.Find()\n  error('no door', 0)\nend\nreturn M");
    let a = "local M = {}\n\n\nfunction M.Run()\n  host.read()\nend\nreturn M";
    place.write("a.lua", a);
    let host = reaching(Host::builder(), &[("read", "disk", "Read"), ("find", "b", "Find")]);
    let library = twinplug_build::build(&place.folder.join("disk"), &place.folder).unwrap();
    host.load(library).unwrap();
    host.load(place.folder.join("b.lua")).unwrap();
    let a = host.load(place.folder.join("a.lua")).unwrap();
    assert_eq!(shown(&a.call("Run", ()).unwrap_err()), block.text, "{}", block.at);
}

/// Each command has its line, with its arguments and options, but for those that all have.
fn the_synopsis_has_what_help_has(_: &Place, block: &Block) {
    let of_all = options("demo");
    let mut commands = Vec::new();
    for line in block.text.lines() {
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        let (is_option, at) =
            (|word: &&str| word.starts_with(['-', '[']) && word.contains('-'), &block.at);
        let positional = words[1..].iter().take_while(|word| !is_option(word));
        let positional: Vec<_> = positional.map(|word| bare(word)).collect();
        let help = twinplug(&[words[0], "--help"]).out;
        let named = arguments(&help);
        // An argument by its name, or by all that it may be.
        let is_named = |(shown, name): (&String, &String)| {
            shown == name
                || shown.contains('|') && shown.split('|').all(|value| help.contains(value))
        };
        let all_named = positional.iter().zip(&named).all(is_named);
        assert!(all_named && positional.len() == named.len(), "{at}: {line}: {named:?}");
        let shown: Vec<_> =
            words.iter().filter(|word| is_option(word)).map(|word| bare(word)).collect();
        let mut theirs = options(words[0]);
        theirs.retain(|names| !of_all.contains(names));
        let is_shown = |names: &Vec<String>| names.iter().any(|name| shown.contains(name));
        assert!(theirs.iter().all(is_shown), "{at}: {line}: {theirs:?}");
        let is_there = |name: &String| theirs.iter().any(|names| names.contains(name));
        assert!(shown.iter().all(is_there), "{at}: {line}: {shown:?}");
        commands.push(words[0]);
    }
    let help = twinplug(&["--help"]).out;
    let named = group(&help, "Commands:").filter_map(|line| line.split_whitespace().next());
    assert_eq!(commands, named.filter(|name| *name != "help").collect::<Vec<_>>(), "{}", block.at);
}

/// The lines below a heading of a help.
fn group<'h>(help: &'h str, heading: &str) -> impl Iterator<Item = &'h str> {
    let lines = help.lines().skip_while(move |line| *line != heading).skip(1);
    lines.take_while(|line| !line.is_empty())
}

/// What a command's help says of its arguments, in their order.
fn arguments(help: &str) -> Vec<String> {
    let names = group(help, "Arguments:").filter_map(|line| line.strip_prefix("  "));
    let names = names.filter(|line| line.starts_with(['<', '[']));
    names.filter_map(|line| line.split_whitespace().next()).map(bare).collect()
}

/// The options that it has beside its help, each with the names that it goes by; the short help has
/// each on one line.
fn options(command: &str) -> Vec<Vec<String>> {
    let help = twinplug(&[command, "-h"]).out;
    let names = |line: &str| -> Vec<String> {
        line.split_whitespace().take_while(|word| word.starts_with('-')).map(bare).collect()
    };
    let options = group(&help, "Options:").map(names);
    options.filter(|names| !names.is_empty() && !names.contains(&"--help".to_owned())).collect()
}

/// A word of a usage without what it is in.
fn bare(word: &str) -> String {
    word.trim_matches(['[', ']', '<', '>', '.', ',']).to_owned()
}
