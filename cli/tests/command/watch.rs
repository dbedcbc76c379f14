//! `watch`: what is told while files are edited, until it is interrupted. Each test waits for
//! the next line.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::ran::{command, folder, run, twinplug};

/// A folder that is watched.
pub(crate) struct Watched {
    pub(crate) folder: PathBuf,
    child: Child,
    lines: Receiver<String>,
}

impl Watched {
    /// The folder `plugins` of one test, with these files in it.
    pub(crate) fn new(test: &str, files: &[(&str, &str)], args: &[&str]) -> Watched {
        let folder = folder(&format!("watch_{test}"));
        fs::create_dir(folder.join("plugins")).unwrap();
        let write = |(name, text): &(&str, &str)| write(&folder, name, text);
        files.iter().for_each(write);
        Watched::start(folder, args)
    }

    /// The folder `plugins` of one that is there.
    pub(crate) fn start(folder: PathBuf, args: &[&str]) -> Watched {
        let mut child = command(&[&["watch", "plugins"], args].concat())
            .current_dir(&folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines(child.stdout.take().unwrap());
        Watched { folder, child, lines }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.folder, name, text);
    }

    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(30)).expect("a line")
    }

    /// The next object, but for loads that have gone: those come when they do.
    pub(crate) fn object(&self) -> Value {
        loop {
            let object = self.any_object();
            if object["event"] != "retired" {
                return object;
            }
        }
    }

    pub(crate) fn any_object(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// The next object, which is of a script, in place of times has `true`, and has neither an
    /// error nor a result.
    #[track_caller]
    pub(crate) fn expect(&self, event: &str, plugin: &str, version: &str, generation: u64) {
        let mut object = if event == "retired" { self.any_object() } else { self.object() };
        let is_timed = object["ms"].as_f64().is_some_and(|ms| ms > 0.0);
        object["ms"] = json!(is_timed);
        let expected = json!({
            "event": event, "plugin": plugin, "kind": "lua", "version": version,
            "generation": generation, "ms": event == "reloaded", "error": null, "result": null,
        });
        assert_eq!(object, expected);
    }

    pub(crate) fn interrupt(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }

    /// It ends; its exit code, what else it has told, and all of standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        let rest = self.lines.iter().collect();
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), rest, err)
    }
}

impl Drop for Watched {
    /// That of a test that has failed ends as well.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(folder: &std::path::Path, name: &str, text: &str) {
    let path = folder.join("plugins").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The lines that a process prints, as they come.
pub(crate) fn lines(out: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(out).lines() {
            // The test has ended.
            let Ok(()) = sender.send(line.unwrap()) else { return };
        }
    });
    lines
}

const CLOCK: &str = "---@plugin clock 1.2.0\nfunction Name() return 'old' end";

const LAYER: &str = "---@over clock\nfunction Name() return 'more than ' .. host.base.Name() end";

#[test]
fn a_layer_of_the_company_comes_after_what_it_lies_over() {
    let files = [("clock.lua", CLOCK), ("../layer.lua", LAYER)];
    let args = ["--with", "layer.lua", "--call", "Name", "--every", "20ms", "--json"];
    let watched = Watched::new("layer", &files, &args);
    watched.expect("loaded", "clock", "1.2.0", 1);
    watched.expect("loaded", "layer", "0.0.0", 1);
    let called = watched.object();
    assert_eq!([&called["event"], &called["plugin"]], ["called", "clock"]);
    assert_eq!(called["result"], "more than old");
    watched.write("clock.lua", &CLOCK.replace("old", "new"));
    watched.expect("reloaded", "clock", "1.2.0", 2);
    assert_eq!(watched.object()["result"], "more than new");
    watched.interrupt();
    assert_eq!(watched.end().0, Some(0));
}

#[test]
fn why_a_layer_has_nothing_to_lie_over_is_told_before() {
    let files = [("clock.lua", "function Name( end"), ("../layer.lua", LAYER)];
    let watched = Watched::new("layer_alone", &files, &["--with", "layer.lua", "--json"]);
    let rejected = watched.object();
    assert_eq!([&rejected["event"], &rejected["plugin"]], ["rejected", "clock"]);
    let err = "error: cannot load `layer.lua`: it is a layer over `clock`, and no plugin `clock` is loaded: load that \
               first, or both with `Host::load_dir` (`--with` of the command)\n   1 | ---@over clock\n     | \
               ^^^^^^^^^^^^^^\n";
    assert_eq!(watched.end(), (Some(1), vec![], err.to_owned()));
}

#[test]
fn what_happens_is_told_as_it_comes() {
    let watched = Watched::new("events", &[("clock.lua", CLOCK)], &["--json"]);
    watched.expect("loaded", "clock", "1.2.0", 1);
    watched.write("clock.lua", &CLOCK.replace("1.2.0", "1.3.0"));
    watched.expect("reloaded", "clock", "1.3.0", 2);
    watched.expect("retired", "clock", "1.2.0", 1);

    watched.write("clock.lua", "function Name( end");
    let rejected = watched.object();
    let error = "plugin `clock`: not reloaded, load 2 serves on: cannot load `plugins/clock.lua`: \
                 clock.lua:1: <name> expected near 'end'";
    assert_eq!(rejected["error"].as_str().unwrap().replace(" or '...'", ""), error);
    assert_eq!([&rejected["event"], &rejected["generation"]], [&json!("rejected"), &json!(2)]);

    watched.write("alarm.lua", "function At() return 7 end");
    watched.expect("loaded", "alarm", "0.0.0", 1);
    fs::remove_file(watched.folder.join("plugins/alarm.lua")).unwrap();
    watched.expect("gone", "alarm", "0.0.0", 1);
    watched.write("alarm.lua", "function At() return 8 end");
    watched.expect("back", "alarm", "0.0.0", 1);
    watched.expect("reloaded", "alarm", "0.0.0", 2);
    watched.expect("retired", "alarm", "0.0.0", 1);

    watched.interrupt();
    watched.expect("unloaded", "alarm", "0.0.0", 2);
    watched.expect("unloaded", "clock", "1.3.0", 2);
    let note = "note: watching `plugins` (1 plugin): Ctrl-C ends it\n";
    assert_eq!(watched.end(), (Some(0), Vec::new(), note.to_owned()));
}

#[test]
fn a_result_is_told_when_it_changes() {
    let files = [
        (
            "count.lua",
            "Count = 0 function Tick() Count = Count + 1 return math.floor(Count / 20) end",
        ),
        ("other.lua", "function Tick() return { at = 'rest' } end"),
        ("third.lua", "function Tock() end"),
    ];
    let watched = Watched::new("calls", &files, &["--json", "--call", "Tick", "--every", "1ms"]);
    ["count", "other", "third"].iter().for_each(|it| watched.expect("loaded", it, "0.0.0", 1));
    let called = |plugin: &str, generation: u64, result: Value, error: Value| {
        let expected = json!({
            "event": "called", "plugin": plugin, "kind": "lua", "version": "0.0.0",
            "generation": generation, "ms": null, "error": error, "result": result,
        });
        assert_eq!(watched.object(), expected);
    };
    called("count", 1, json!(0), Value::Null);
    called("other", 1, json!({ "at": "rest" }), Value::Null);
    (1..4).for_each(|result| called("count", 1, json!(result), Value::Null));
    // An error is a result, and told once.
    watched.write("count.lua", "function Tick() error('no', 0) end");
    let mut next = std::iter::from_fn(|| Some(watched.object()));
    let reloaded = next.find(|object| object["event"] != "called").unwrap();
    assert_eq!([&reloaded["event"], &reloaded["generation"]], [&json!("reloaded"), &json!(2)]);
    called("count", 2, Value::Null, json!("plugin `count`: `Tick`: no"));
    watched.write("other.lua", "function Tick() return 0/0 end");
    watched.expect("reloaded", "other", "0.0.0", 2);
    // Neither is what differs from itself told twice.
    called("other", 2, Value::Null, Value::Null);
    watched.write("third.lua", "function Tick() return Tick end");
    watched.expect("reloaded", "third", "0.0.0", 2);
    let text =
        "a function crosses between a host and its plugins alone, and cannot be written down";
    called("third", 2, json!(text), Value::Null);
    watched.interrupt();
    let (code, mut rest, _) = watched.end();
    rest.retain(|line| !line.contains("retired"));
    assert_eq!((code, rest.len()), (Some(0), 3), "{rest:?}");
}

#[test]
fn people_read_lines() {
    let files = [("clock.lua", CLOCK), ("bad.lua", "error('no')")];
    let watched = Watched::new("text", &files, &["--call", "Name"]);
    let next = |count| (0..count).map(|_| watched.line()).collect::<Vec<_>>();
    assert_eq!(
        next(8),
        [
            "loaded clock 1.2.0 (load 1)",
            "rejected bad",
            "  cannot load `plugins/bad.lua`: bad.lua:1: no",
            "     1 | error('no')",
            "       | ^^^^^^^^^^^",
            "    [C]: in function 'error'",
            "    bad.lua:1: in main chunk",
            "called clock 1.2.0 (load 1): \"old\"",
        ]
    );
    watched.write("bad.lua", "print('at', 2) Size = 1 function Name() Size = Size + 1 end");
    let called = "called bad 0.0.0 (load 1): null";
    assert_eq!(next(3), ["at\t2", "loaded bad 0.0.0 (load 1)", called]);
    watched.write("bad.lua", "print 'again'");
    let [printed, reloaded, note] = &next(3)[..] else { unreachable!() };
    assert_eq!(printed, "again");
    let time = reloaded.strip_prefix("reloaded bad 0.0.0 (load 2) in ").unwrap();
    assert!(time.strip_suffix(" ms").unwrap().parse::<f64>().is_ok(), "{time}");
    assert_eq!(note, "  note: `Size` is gone, and its value with it");
    watched.interrupt();
    let (code, rest, err) = watched.end();
    let unloaded = ["unloaded bad 0.0.0 (load 2)", "unloaded clock 1.2.0 (load 1)"];
    assert_eq!((code, rest), (Some(0), unloaded.map(str::to_owned).to_vec()));
    assert_eq!(err, "note: watching `plugins` (1 plugin): Ctrl-C ends it\n");
}

#[test]
fn limits_and_permissions_are_those_of_the_command() {
    let files = [
        ("spin.lua", "function Tick() while true do end end"),
        ("asks.lua", "print 'asks' function Tick() return io.type(0) end"),
        ("asks.toml", "permissions = ['io']"),
    ];
    let args = ["--json", "--call", "Tick", "--time-limit", "50ms", "--allow", "io"];
    let watched = Watched::new("limits", &files, &args);
    watched.expect("loaded", "asks", "0.0.0", 1);
    watched.expect("loaded", "spin", "0.0.0", 1);
    watched.expect("called", "asks", "0.0.0", 1);
    let error = watched.object()["error"].clone();
    assert_eq!(error, "plugin `spin`: `Tick`: spin.lua:1: time limit of 50 ms");
    watched.interrupt();
    let (code, _, err) = watched.end();
    // Standard output is for objects alone.
    let err: Vec<_> = err.lines().collect();
    let note = "note: watching `plugins` (2 plugins): Ctrl-C ends it";
    assert_eq!((code, err), (Some(0), vec!["asks", note]));
}

#[test]
fn results_of_each_version_are_told() {
    let text = |version: &str, result: u64| {
        format!("---@plugin p {version}\nfunction Tick() return {result} end")
    };
    let files = [("one.lua", &*text("1.0.0", 1))];
    let watched = Watched::new("versions", &files, &["--json", "--call", "Tick", "--every", "1ms"]);
    let called = |version: &str, result: u64| {
        let object = watched.object();
        let told = ["event", "version", "result"].map(|key| object[key].clone());
        assert_eq!(told, [json!("called"), json!(version), json!(result)]);
    };
    watched.expect("loaded", "p", "1.0.0", 1);
    called("1.0.0", 1);
    for load in 2..5 {
        watched.write("one.lua", &text("1.0.0", load));
        watched.expect("reloaded", "p", "1.0.0", load);
        called("1.0.0", load);
    }
    watched.write("old.lua", &text("0.9.0", 7));
    watched.expect("loaded", "p", "0.9.0", 1);
    called("0.9.0", 7);
    watched.write("one.lua", &text("1.0.0", 9));
    watched.expect("reloaded", "p", "1.0.0", 5);
    called("1.0.0", 9);
}

#[test]
fn one_plugin_can_be_watched() {
    let watched = Watched::new("one", &[("init.lua", "require 'part'")], &["--json"]);
    let rejected = watched.object();
    assert_eq!([&rejected["event"], &rejected["plugin"]], [&json!("rejected"), &json!("plugins")]);
    assert_eq!([&rejected["version"], &rejected["generation"]], [&Value::Null, &Value::Null]);
    watched.write("init.lua", "return {}");
    watched.expect("loaded", "plugins", "0.0.0", 1);
    watched.interrupt();
    assert_eq!(watched.end().0, Some(0));
}

#[test]
fn nobody_reads_any_more() {
    let folder = folder("watch_closed");
    fs::create_dir(folder.join("plugins")).unwrap();
    write(&folder, "clock.lua", CLOCK);
    let mut child = command(&["watch", "plugins", "--json"])
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    write(&folder, "clock.lua", "return {}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_watched_is_named() {
    let ran = twinplug(&["watch", "missing"]);
    ran.fails(1, "error: no plugin at `missing`: tried `missing`, `missing.lua`, `libmissing.so`");
    let ran = twinplug(&["watch", "lua-plugins", "--every", "16ms"]);
    ran.is_wrong_usage("error: the following required arguments were not provided:");
    let ran = twinplug(&["watch", "lua-plugins", "--call", "f", "--every", "0ms"]);
    ran.is_wrong_usage(
        "error: invalid value '0ms' for '--every <TIME>': expected a time, like `16ms` or `2s`",
    );
    let ran = run(&mut command(&["watch", "lua-plugins", "--allow", "everything"]));
    assert_eq!(ran.code, Some(2), "{}", ran.err);
}

#[test]
fn what_is_not_pinned_is_rejected() {
    let files = [("clock.lua", CLOCK), ("native/native.c", "no C at all")];
    // The lock file is there before anything is watched.
    let folder = folder("watch_locked");
    files.iter().for_each(|(name, text)| write(&folder, name, text));
    assert_eq!(run(command(&["lock", "plugins"]).current_dir(&folder)).code, Some(0));
    let watched = Watched::start(folder, &["--json", "--locked"]);
    watched.expect("loaded", "clock", "1.2.0", 1);
    watched.write("clock.lua", &CLOCK.replace("old", "new"));
    let rejected = watched.object();
    assert_eq!([&rejected["event"], &rejected["generation"]], [&json!("rejected"), &json!(1)]);
    let error = "plugin `clock`: not reloaded, load 1 serves on: cannot load `plugins/clock.lua`: it \
                 is not what was pinned: `plugins/twinplug.lock` has the SHA-256 ";
    assert!(rejected["error"].as_str().unwrap().starts_with(error), "{rejected}");
    watched.write("alarm.lua", "");
    let rejected = watched.object();
    let error = "cannot load `plugins/alarm.lua`: it is not pinned by `plugins/twinplug.lock`: if you \
                 trust it, pin what is there by `twinplug lock plugins`";
    assert_eq!([&rejected["event"], &rejected["error"]], [&json!("rejected"), &json!(error)]);
    watched.interrupt();
    let (code, _, err) = watched.end();
    let note = "note: `plugins/native` is a source folder: with `--locked` it is not built\n\
                note: watching `plugins` (1 plugin): Ctrl-C ends it\n";
    assert_eq!((err.as_str(), code), (note, Some(0)));
}

#[test]
fn calls_have_the_arguments_that_are_given() {
    let files =
        [("a.lua", "---@param name string\nfunction hello(name) return 'Hello, ' .. name end")];
    let args = ["--json", "--call", "hello", "--arg", "Ada", "--every", "10ms"];
    let mut watched = Watched::new("args", &files, &args);
    let err = lines(watched.child.stderr.take().unwrap());
    let noted = || err.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(noted(), "note: watching `plugins` (1 plugin): Ctrl-C ends it");
    watched.expect("loaded", "a", "0.0.0", 1);
    assert_eq!(watched.object()["result"], "Hello, Ada");
    watched.write("a.lua", "function hello(...) return select('#', ...) end");
    watched.expect("reloaded", "a", "0.0.0", 2);
    assert_eq!(watched.object()["result"], 1);
    // What is not held may go.
    watched.write("a.lua", "function goodbye() end");
    watched.expect("reloaded", "a", "0.0.0", 3);
    assert_eq!(noted(), "note: no plugin has a function `hello`: it is called once one has it");
    watched.write("a.lua", "function hello(one, two) return two end");
    watched.expect("reloaded", "a", "0.0.0", 4);
    assert_eq!(watched.object()["result"], Value::Null);
    watched.interrupt();
    assert_eq!(watched.child.wait().unwrap().code(), Some(0));
    let ran = twinplug(&["watch", "lua-plugins", "--arg", "1"]);
    ran.is_wrong_usage("error: the following required arguments were not provided:");
}

#[test]
fn a_function_that_no_plugin_has_is_told_once() {
    let files = [("clock.lua", "function Now() return 1 end"), ("other.lua", "")];
    let args = ["--json", "--call", "now", "--every", "5ms"];
    let watched = Watched::new("missing", &files, &args);
    ["clock", "other"].iter().for_each(|it| watched.expect("loaded", it, "0.0.0", 1));
    for load in 2..5 {
        watched.write("clock.lua", &format!("function Now() return {load} end"));
        watched.expect("reloaded", "clock", "0.0.0", load);
    }
    watched.write("other.lua", "function now() return 'here' end");
    watched.expect("reloaded", "other", "0.0.0", 2);
    assert_eq!(watched.object()["result"], "here");
    watched.interrupt();
    let note = "note: watching `plugins` (2 plugins): Ctrl-C ends it\n\
                note: no plugin has a function `now`: it is called once one has it\n  \
                plugin `clock`: no symbol `now`; near: `Now`\n";
    assert_eq!(watched.end().2, note);
}

#[test]
fn a_call_that_holds_up_the_end_is_told() {
    let files = [("spins.lua", "function Spin() print('begins') while true do end end")];
    let args = ["--call", "Spin", "--time-limit", "none"];
    let mut watched = Watched::new("spins", &files, &args);
    assert_eq!([watched.line(), watched.line()], ["loaded spins 0.0.0 (load 1)", "begins"]);
    let err = lines(watched.child.stderr.take().unwrap());
    let next = || err.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(next(), "note: watching `plugins` (1 plugin): Ctrl-C ends it");
    watched.interrupt();
    let waits = "note: waiting for `Spin` of plugin `spins` to end: Ctrl-C once more ends at once";
    assert_eq!(next(), waits);
    watched.interrupt();
    assert_eq!(watched.child.wait().unwrap().code(), Some(1));
}
