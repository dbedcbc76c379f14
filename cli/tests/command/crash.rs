//! A native plugin that ends the process of `run` or `watch`: it is said in what.

use std::fs;

use crate::ran::{C, command, is_skipped};
use crate::run::{Running, written};

/// A plugin that crashes in that place.
fn source(place: &str) -> String {
    let at = |here: &str| if here == place { "abort();" } else { "" };
    format!(
        "#include \"twinplug.h\"\n\
         #include <stdlib.h>\n\
         static tp_status tick(tp_call *call) {{ (void)call; {} return TP_OK; }}\n\
         static tp_status on_load(tp_call *call) {{ (void)call; {} return TP_OK; }}\n\
         static tp_status on_unload(tp_call *call) {{ (void)call; {} return TP_OK; }}\n\
         __attribute__((constructor)) static void begin(void) {{ {} }}\n\
         static const tp_export exports[] = {{ TP_EXPORT_FUNC(\"Tick\", \"()\", tick) }};\n\
         TP_PLUGIN_WITH(\"clock\", \"1.0.0\", \"\", exports, NULL, on_load, NULL, NULL, NULL, NULL, on_unload);\n",
        at("Tick"),
        at("on_load"),
        at("on_unload"),
        at("constructor"),
    )
}

/// In a folder with that plugin.
fn running(test: &str, place: &str, args: &[&str]) -> Running {
    let script = "function Tick() end";
    let files = [("clock/clock.c", &*source(place)), ("other.lua", script)];
    let folder = written(&format!("crash_{test}"), &files);
    let running = Running::of(folder.clone(), command(args).current_dir(&folder));
    running.tells(&["   Compiling clock (C)"]);
    running
}

const CALL: &str = "error: the process has ended in `Tick` of plugin `clock`";
const LOAD: &str = "error: the process has ended in plugin `clock`, as it was loaded";
const UNLOAD: &str = "error: the process has ended in plugin `clock`, as it was unloaded";

#[track_caller]
fn ends(running: Running, expected: &str) {
    let (signal, _, err) = running.ended_by();
    assert_eq!((signal, err.last().map(String::as_str)), (Some(6), Some(expected)), "{err:?}");
}

#[test]
fn in_a_call() {
    if is_skipped(C) {
        return;
    }
    for (test, args) in [
        ("run", &["run", "clock", "other.lua", "--call", "Tick"][..]),
        ("run_watch", &["run", "clock", "--call", "Tick", "--watch"]),
        ("watch", &["watch", "clock", "--call", "Tick", "--every", "1ms"]),
    ] {
        ends(running(&format!("call_{test}"), "Tick", args), CALL);
    }
}

#[test]
fn in_a_load() {
    if is_skipped(C) {
        return;
    }
    for place in ["constructor", "on_load"] {
        ends(running(&format!("run_{place}"), place, &["run", "other.lua", "clock"]), LOAD);
        ends(running(&format!("watch_{place}"), place, &["watch", "clock"]), LOAD);
        let args = ["run", "other.lua", "--with", "clock"];
        ends(running(&format!("with_{place}"), place, &args), LOAD);
    }
}

#[test]
fn in_a_reload() {
    if is_skipped(C) {
        return;
    }
    let running = running("reload", "", &["watch", "clock"]);
    running.prints(&["loaded clock 1.0.0 (load 1)"]);
    running.tells(&["note: watching `clock` (1 plugin): Ctrl-C ends it"]);
    fs::write(running.folder().join("clock/clock.c"), source("on_load")).unwrap();
    ends(running, LOAD);
}

#[test]
fn at_the_end() {
    if is_skipped(C) {
        return;
    }
    for command in ["run", "watch"] {
        let running = running(&format!("end_{command}"), "on_unload", &[command, "clock"]);
        let doing =
            if command == "run" { "serving `clock`" } else { "watching `clock` (1 plugin)" };
        running.tells(&[&format!("note: {doing}: Ctrl-C ends it")]);
        running.signal("-INT");
        ends(running, UNLOAD);
    }
}

/// From outside, and in no call.
#[test]
fn in_nothing_that_is_known() {
    if is_skipped(C) {
        return;
    }
    let running = running("outside", "", &["watch", "clock", "--call", "Tick"]);
    running.prints(&["loaded clock 1.0.0 (load 1)", "called clock 1.0.0 (load 1): null"]);
    running.tells(&["note: watching `clock` (1 plugin): Ctrl-C ends it"]);
    running.signal("-KILL");
    assert_eq!(running.ended_by(), (Some(9), vec![], vec![]));
}
