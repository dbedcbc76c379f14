//! `run`: what serves until it is interrupted. Each test waits for the next line.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use crate::ran::{C, broken, command, folder, is_skipped, run, unbuilt};
use crate::watch::lines;

/// A run of the command, in a folder of its own.
pub(crate) struct Running {
    folder: PathBuf,
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Running {
    pub(crate) fn new(test: &str, files: &[(&str, &str)], args: &[&str]) -> Running {
        let folder = written(test, files);
        Running::of(folder.clone(), command(&[&["run"], args].concat()).current_dir(folder))
    }

    pub(crate) fn of(folder: PathBuf, command: &mut Command) -> Running {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Running { folder, child, out: lines(out), err: lines(err) }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    #[track_caller]
    pub(crate) fn prints(&self, expected: &[&str]) {
        assert_eq!(next(&self.out, expected.len()), expected);
    }

    #[track_caller]
    pub(crate) fn tells(&self, expected: &[&str]) {
        assert_eq!(next(&self.err, expected.len()), expected);
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// It ends; its exit code, and what else it has written to both streams.
    pub(crate) fn end(self) -> (Option<i32>, Vec<String>, Vec<String>) {
        let (status, out, err) = self.rest();
        (status.code(), out, err)
    }

    /// The same, with the signal that has ended it.
    pub(crate) fn ended_by(self) -> (Option<i32>, Vec<String>, Vec<String>) {
        let (status, out, err) = self.rest();
        (status.signal(), out, err)
    }

    /// The same, with the whole status.
    pub(crate) fn rest(mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        let (out, err) = (self.out.iter().collect(), self.err.iter().collect());
        (self.child.wait().unwrap(), out, err)
    }
}

impl Drop for Running {
    /// That of a test that has failed ends as well.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next(lines: &Receiver<String>, count: usize) -> Vec<String> {
    let line = |_| lines.recv_timeout(Duration::from_secs(30)).expect("a line");
    (0..count).map(line).collect()
}

pub(crate) fn written(test: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = folder(&format!("run_{test}"));
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Runs to its end; what comes there, of itself.
#[track_caller]
fn fails(test: &str, files: &[(&str, &str)], args: &[&str], out: &str, err: &str) {
    let folder = written(test, files);
    let ran = run(command(&[&["run"], args].concat()).current_dir(folder));
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(1), out, err));
}

const BOT: &str = "---@requires clock ^1.0\n\
                   function on_load() print('up') end\n\
                   function Start() print('at', host.plugin('clock').Now()) return { ok = true } end\n\
                   function on_unload() print('down') end";

const CLOCK: &str = "---@plugin clock 1.2.0\nfunction Now() return 7 end";

#[test]
fn plugins_serve_until_they_are_interrupted() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let files = [("bot.lua", BOT), ("shared/clock.lua", CLOCK), ("shared/_old.lua", "no Lua")];
        let running = Running::new(&format!("serve{signal}"), &files, &["bot.lua", "shared"]);
        running.prints(&["up"]);
        running.tells(&["note: serving `bot.lua`, `shared`: Ctrl-C ends it"]);
        running.signal(signal);
        assert_eq!(running.end(), (Some(0), vec!["down".to_owned()], vec![]), "{signal}");
    }
}

#[test]
fn each_that_has_the_function_is_called() {
    let clock = format!("{CLOCK} function Start() return 'tick' end");
    let files = [("bot.lua", BOT), ("shared/clock.lua", &clock), ("shared/z.lua", "Start = 1")];
    let running = Running::new("call", &files, &["bot.lua", "shared", "--call", "Start"]);
    running.prints(&[
        "up",
        r#"{"plugin":"clock","version":"1.2.0","result":"tick"}"#,
        "at\t7",
        r#"{"plugin":"bot","version":"0.0.0","result":{"ok":true}}"#,
    ]);
    running.signal("-INT");
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn the_result_of_one_plugin_stands_by_itself() {
    let files = [("bot.lua", BOT), ("clock.lua", CLOCK)];
    let args = ["bot.lua", "--with", "clock.lua", "--call", "Start"];
    let running = Running::new("bare", &files, &args);
    running.prints(&["up", "at\t7", r#"{"ok":true}"#]);
    running.signal("-INT");
    assert_eq!(running.end().1, ["down"]);
}

#[test]
fn a_build_that_fails_holds_up_no_other_plugin() {
    if is_skipped(C) {
        return;
    }
    let folder = broken("run_broken");
    let mut command = command(&["run", "all/bad", "all", "--call", "f"]);
    let running = Running::of(folder.clone(), command.current_dir(&folder));
    running.prints(&[
        r#"{"plugin":"good","version":"1.0.0","result":7}"#,
        r#"{"plugin":"clock","version":"0.0.0","result":1}"#,
    ]);
    running.signal("-INT");
    let (code, out, err) = running.end();
    let err = err.join("\n");
    assert_eq!((code, out.len()), (Some(1), 0), "{err}");
    assert_eq!(unbuilt(&err), ["`all/bad`", "`all/bad`"], "{err}");
    assert!(err.ends_with("note: serving `all/bad`, `all`: Ctrl-C ends it"), "{err}");

    let ran = run(crate::ran::command(&["run", "all/bad"]).current_dir(&folder));
    assert_eq!((ran.code, unbuilt(&ran.err)), (Some(1), vec!["`all/bad`"]), "{}", ran.err);
    assert!(!ran.err.contains("serving"), "{}", ran.err);
}

const LAYER: &str = "---@over clock\nfunction Now() return host.base.Now() + 1 end\n\
                     function Start() return 'the layer itself' end";

#[test]
fn a_layer_of_the_company_comes_after_what_it_lies_over() {
    let bot = "function Start() return (host.plugin('clock').Now()) end";
    let files = [("plugins/clock.lua", CLOCK), ("plugins/z.lua", bot), ("layer.lua", LAYER)];
    let args = ["plugins", "--with", "layer.lua", "--call", "Start"];
    let starts = [
        r#"{"plugin":"clock","version":"1.2.0","result":"the layer itself"}"#,
        r#"{"plugin":"z","version":"0.0.0","result":8}"#,
    ];
    for (test, more) in [("layer", &[][..]), ("layer_watched", &["--watch"])] {
        let running = Running::new(test, &files, &[&args[..], more].concat());
        // What the layer adds is the plugin's; it is not called as a plugin of its own.
        running.prints(&starts);
        running.signal("-INT");
        assert_eq!((running.end().0, test), (Some(0), test));
    }
    let err = "error: cannot load `layer.lua`: it is a layer over `clock`, and no plugin `clock` is loaded: load that \
               first, or both with `Host::load_dir` (`--with` of the command)\n   1 | ---@over clock\n     | \
               ^^^^^^^^^^^^^^\n";
    fails(
        "layer_alone",
        &[("z.lua", bot), ("layer.lua", LAYER)],
        &["z.lua", "--with", "layer.lua"],
        "",
        err,
    );
}

#[test]
fn a_source_folder_is_built_first() {
    if is_skipped(C) {
        return;
    }
    let args = ["run", C, "--call", "Hello"];
    let running = Running::of(PathBuf::new(), &mut command(&args));
    running.prints(&["plugin load...", r#""Hello, number 0""#]);
    running.signal("-INT");
    let (code, out, err) = running.end();
    assert_eq!((code, out.len()), (Some(0), 0));
    let note = "note: serving `native-plugins/testplugin-c`: Ctrl-C ends it";
    assert_eq!(err, ["   Compiling native-plugins/testplugin-c (C)", note]);
}

#[test]
fn a_failure_at_the_start_ends_it() {
    let loads = ("good.lua", "function on_unload() print('gone') end");
    fails(
        "fails_to_load",
        &[loads, ("bad.lua", "error('no')")],
        &["good.lua", "bad.lua"],
        "gone\n",
        "error: cannot load `bad.lua`: bad.lua:1: no\n   \
           1 | error('no')\n     \
           | ^^^^^^^^^^^\n  \
           [C]: in function 'error'\n  \
           bad.lua:1: in main chunk\n",
    );
    fails(
        "lacks",
        &[loads, ("bot.lua", BOT)],
        &["bot.lua", "missing.lua"],
        "",
        "error: 2 plugins were not loaded:\n  \
         cannot load `bot.lua`: it requires `clock` ^1.0, and no plugin `clock` is loaded: load it \
         as well\n  \
         no plugin at `missing.lua`: tried `missing.lua`\n",
    );
    let folder = written("empty", &[("empty/.keep", "")]);
    let ran = run(command(&["run", "empty"]).current_dir(folder));
    ran.fails(
        1,
        "error: no plugin in `empty`: tried `empty/init.lua`; the command `twinplug` builds a \
         folder of sources, which has a `Cargo.toml`, a `go.mod`, a `build.zig`, or files `*.c`, \
         `*.cpp` or `*.cc`",
    );
    let folder = written("unbuilt", &[("native/native.c", "no C")]);
    let ran = run(command(&["run", "native"]).current_dir(folder));
    ran.fails(
        1,
        "error: cannot build `native`: `cc` failed (exit status: 1); its messages are above",
    );
}

#[test]
fn a_call_that_fails_ends_it_once_all_have_ended() {
    let fails_to_start = "function Start() error('no', 0) end\n\
                          function on_unload() print('a') end";
    let files = [("a.lua", fails_to_start), ("b.lua", "function Start() return 2 end")];
    fails(
        "call_fails",
        &files,
        &["a.lua", "b.lua", "--call", "Start"],
        "{\"plugin\":\"b\",\"version\":\"0.0.0\",\"result\":2}\na\n",
        "note: serving `a.lua`, `b.lua`: Ctrl-C ends it\n\
         error: plugin `a`: `Start`: no\n   \
           1 | function Start() error('no', 0) end\n     \
           | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  \
           [C]: in function 'error'\n  \
           a.lua:1: in function <a.lua:1>\n",
    );
    fails(
        "call_misspelt",
        &[("clock.lua", CLOCK)],
        &["clock.lua", "--call", "now"],
        "",
        "error: plugin `clock`: no symbol `now`; near: `Now`\n",
    );
    fails(
        "call_nobody",
        &[("clock.lua", CLOCK), ("other.lua", "Now = 1")],
        &["clock.lua", "other.lua", "--call", "Noww"],
        "",
        "error: none of 2 plugins exports a function `Noww`:\n  \
         plugin `clock`: no symbol `Noww`; near: `Now`\n  \
         plugin `other`: no symbol `Noww`; near: `Now`\n",
    );
    fails(
        "call_variable",
        &[("other.lua", "Now = 1")],
        &["other.lua", "--call", "Now"],
        "",
        "error: plugin `other`: `Now` is a variable, `number`, and no function\n",
    );
}

/// Serves for as long as it runs, and tells when it has begun.
const LOOP: &str = "function Main() print('begins') for m in host.channel('in') do print(m) end end\n\
                    function on_unload() print('down') end";

#[test]
fn a_call_that_never_ends_holds_up_nobody() {
    let files = [("loop.lua", LOOP), ("b.lua", "function Main() host.channel('in'):send(5) end")];
    let args = ["loop.lua", "b.lua", "--call", "Main", "--channel", "in"];
    let running = Running::new("endless", &files, &args);
    running.prints(&["begins"]);
    let mut both = next(&running.out, 2);
    both.sort();
    assert_eq!(both, ["5", r#"{"plugin":"b","version":"0.0.0","result":null}"#]);
    running.signal("-INT");
    let (code, out, err) = running.end();
    assert_eq!((code, out), (Some(0), vec!["down".to_owned()]));
    assert_eq!(err, ["note: serving `loop.lua`, `b.lua`: Ctrl-C ends it"]);
}

#[test]
fn a_second_interrupt_does_not_wait() {
    let spins = "function Main() print('begins') while true do end end";
    let args = ["spins.lua", "--call", "Main", "--time-limit", "none"];
    let mut running = Running::new("second", &[("spins.lua", spins)], &args);
    running.prints(&["begins"]);
    // What comes twice at once counts as one: it takes a few.
    let code = loop {
        if let Some(status) = running.child.try_wait().unwrap() {
            break status.code();
        }
        running.signal("-INT");
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(code, Some(1));
}

#[test]
fn edits_are_told_beside_what_plugins_print() {
    let files = [("plugins/bot.lua", "function Start() return Nope.x end"), ("loop.lua", LOOP)];
    let args = ["plugins", "loop.lua", "--watch", "--call", "Main", "--channel", "in"];
    let running = Running::new("watch", &files, &args);
    running.prints(&["begins"]);
    running.tells(&[
        "loaded bot 0.0.0 (load 1)",
        "loaded loop 0.0.0 (load 1)",
        "note: watching `plugins`, `loop.lua` (2 plugins): Ctrl-C ends it",
    ]);
    // What waits is called again in the load that takes over.
    running.write("loop.lua", &LOOP.replace("begins", "begins anew"));
    let mut both = next(&running.out, 2);
    both.sort();
    assert_eq!(both, ["begins anew", "down"]);
    assert!(next(&running.err, 1)[0].starts_with("reloaded loop 0.0.0 (load 2) in "));
    running.write("plugins/late.lua", "function Main() error('no', 0) end");
    running.tells(&[
        "loaded late 0.0.0 (load 1)",
        "error: plugin `late`: `Main`: no",
        "   1 | function Main() error('no', 0) end",
        "     | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
        "  [C]: in function 'error'",
        "  late.lua:1: in function <late.lua:1>",
    ]);
    // And what has failed, once that is edited itself; what has not, no more.
    running.write("plugins/bot.lua", "function Start() end");
    assert!(next(&running.err, 1)[0].starts_with("reloaded bot 0.0.0 (load 2) in "));
    running.write("plugins/late.lua", "function Main() return 1 end");
    running.prints(&[r#"{"plugin":"late","version":"0.0.0","result":1}"#]);
    running.write("plugins/late.lua", "function Main() return 2 end");
    let reloads = next(&running.err, 2);
    assert!(reloads[1].starts_with("reloaded late 0.0.0 (load 3) in "), "{reloads:?}");
    running.write("plugins/bad.lua", "return +");
    let rejected = next(&running.err, 4);
    assert_eq!(rejected[0], "rejected bad");
    assert!(rejected[1].starts_with("  cannot load `plugins/bad.lua`: bad.lua:1: "));
    assert_eq!(rejected[2..], ["     1 | return +", "       |        ^"]);
    running.signal("-INT");
    let (code, out, err) = running.end();
    assert_eq!((code, out), (Some(0), vec!["down".to_owned()]));
    let unloaded = ["unloaded late 0.0.0 (load 3)", "unloaded loop 0.0.0 (load 2)"];
    assert_eq!(err, [&unloaded[..], &["unloaded bot 0.0.0 (load 2)"]].concat());
}

#[test]
fn what_cannot_be_loaded_is_loaded_once_it_is_mended() {
    let files = [("bot.lua", "error('no', 0)")];
    let running = Running::new("mended", &files, &["bot.lua", "--watch", "--call", "Start"]);
    running.tells(&[
        "rejected bot",
        "  cannot load `bot.lua`: no",
        "     1 | error('no', 0)",
        "       | ^^^^^^^^^^^^^^",
        "    [C]: in function 'error'",
        "    bot.lua:1: in main chunk",
        "note: watching `bot.lua` (no plugin so far): Ctrl-C ends it",
    ]);
    running.write("bot.lua", "function Start() return 'up' end");
    running.prints(&[r#""up""#]);
    running.tells(&["loaded bot 0.0.0 (load 1)"]);
    running.signal("-INT");
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn calls_have_the_arguments_that_are_given() {
    let add = "function Add(a, b) return { sum = a + b, kind = math.type and math.type(a) } end";
    let files = [("a.lua", "function Add(...) return { ... } end"), ("b.lua", "Add = 1")];
    let args = ["a.lua", "b.lua", "--call", "Add", "--arg", "-1", "--arg", "Ada", "--arg", "[2]"];
    for (test, more) in [("args", &[][..]), ("args_watched", &["--watch"])] {
        let running = Running::new(test, &files, &[&args[..], more].concat());
        running.prints(&[r#"{"plugin":"a","version":"0.0.0","result":[-1,"Ada",[2]]}"#]);
        running.signal("-INT");
        assert_eq!(running.end().0, Some(0));
    }
    let typed = format!("---@param a integer\n---@param b integer\n{add}");
    fails(
        "args_typed",
        &[("a.lua", &typed)],
        &["a.lua", "--call", "Add", "--arg", "1"],
        "",
        "note: serving `a.lua`: Ctrl-C ends it\n\
         error: plugin `a`: `Add`: expected 2 arguments, got 1\n",
    );
    let ran = run(&mut command(&["run", "lua-plugins", "--arg", "1"]));
    ran.is_wrong_usage("error: the following required arguments were not provided:");
}

#[test]
fn a_function_that_no_plugin_has_is_waited_for() {
    let files = [("clock.lua", CLOCK), ("b.lua", "Noww = 1"), ("other.lua", "")];
    let args = ["clock.lua", "b.lua", "other.lua", "--watch", "--call", "Noww"];
    let running = Running::new("waits_for_it", &files, &args);
    running.tells(&[
        "loaded clock 1.2.0 (load 1)",
        "loaded b 0.0.0 (load 1)",
        "loaded other 0.0.0 (load 1)",
        "note: watching `clock.lua`, `b.lua`, `other.lua` (3 plugins): Ctrl-C ends it",
        "note: no plugin has a function `Noww`: it is called once one has it",
        "  plugin `clock`: no symbol `Noww`; near: `Now`",
        "  plugin `b`: `Noww` is a variable, `number`, and no function",
    ]);
    running.write("other.lua", "function Noww() return 8 end");
    running.prints(&[r#"{"plugin":"other","version":"0.0.0","result":8}"#]);
    running.signal("-INT");
    assert_eq!(running.end().0, Some(0));
}
