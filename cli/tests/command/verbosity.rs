//! `-v` and `-q`: what is told beside results and errors.

use std::fs;

use crate::ran::{C, command, file, folder, is_skipped, run, twinplug};

const SAYS: &str = "function on_laod() end Worker = coroutine.create(print)
function f() host.log.error('one\\ntwo') host.log.warn('three') host.log('four') host.log.debug('five') \
                    host.log.trace('six') return 7 end
function fails() error('no', 0) end";

/// What a call writes to standard error; the path of the script as `@`.
#[track_caller]
fn tells(args: &[&str], expected: &[&str]) {
    let script = file(&format!("verbosity_{}", args.join("_")), "says.lua", SAYS);
    let args: Vec<_> = args.iter().map(|arg| if *arg == "@" { &*script } else { *arg }).collect();
    let ran = twinplug(&args);
    ran.gives("7");
    assert_eq!(ran.err.replace(&script, "@").lines().collect::<Vec<_>>(), expected);
}

const HOOK: &str =
    "warning: `on_laod` is exported, and is no hook; near: `on_load` (script says.lua)";
const LEFT_OUT: &str =
    "info: `Worker` is not exported: a thread like this cannot cross (script says.lua)";
const LOADED: &str = "info: plugin `says`: loaded (version 0.0.0, kind lua, path @)";
const UNLOADED: &str = "info: plugin `says`: unloaded (version 0.0.0)";
const ERROR: &str = "error: plugin `says`: one\\ntwo";
const WARNING: &str = "warning: plugin `says`: three";
const INFO: &str = "info: plugin `says`: four";
const DEBUG: &str = "debug: plugin `says`: five";
const TRACE: &str = "trace: plugin `says`: six";

#[test]
fn logs_are_shown_from_a_level_on() {
    tells(&["call", "@", "f"], &[HOOK, ERROR, WARNING]);
    let info = [HOOK, LEFT_OUT, LOADED, ERROR, WARNING, INFO, UNLOADED];
    tells(&["-v", "call", "@", "f"], &info);
    tells(&["call", "@", "f", "--verbose"], &info);
    tells(&["call", "@", "f", "-q"], &[ERROR]);
    tells(&["--quiet", "call", "@", "f"], &[ERROR]);
    let debug = [HOOK, LEFT_OUT, LOADED, ERROR, WARNING, INFO, DEBUG, UNLOADED];
    tells(&["call", "-vv", "@", "f"], &debug);
    let trace = [HOOK, LEFT_OUT, LOADED, ERROR, WARNING, INFO, DEBUG, TRACE, UNLOADED];
    tells(&["call", "@", "-v", "f", "-vv"], &trace);
    twinplug(&["call", "says.lua", "f", "-v", "-q"])
        .is_wrong_usage("error: the argument '--verbose...' cannot be used with '--quiet'");
}

#[test]
fn an_error_is_told_once_and_also_quietly() {
    let bad = file("verbosity_bad", "bad.lua", "error('no', 0)");
    let error = format!(
        "error: cannot load `{bad}`: no\n   1 | error('no', 0)\n     | ^^^^^^^^^^^^^^\n  [C]: in function 'error'\n  bad.lua:1: in main chunk\n"
    );
    for quiet in ["--quiet", "--verbose"] {
        let ran = twinplug(&["call", &bad, "f", quiet]);
        assert_eq!((ran.err.as_str(), ran.code), (error.as_str(), Some(1)));
    }
}

#[test]
fn what_is_told_as_an_event_is_logged_where_no_events_are_told() {
    let folder = folder("verbosity_layer");
    fs::write(folder.join("base.lua"), "function f() return 1 end").unwrap();
    let layer = "---@over base\nfunction f() error('no', 0) end";
    fs::write(folder.join("layer.lua"), layer).unwrap();
    fs::write(folder.join("layer.toml"), "on_fault = 'base'").unwrap();
    let args = ["call", "base.lua", "f", "--with", "layer.lua"];
    let ran = run(command(&args).current_dir(&folder));
    ran.gives("1");
    let warning = "warning: plugin `layer`: what lies below is called: `f`: no (function f)\n";
    assert_eq!(ran.err, warning);
}

#[test]
fn a_build_is_seen_only_where_it_fails_quietly() {
    if is_skipped(C) {
        return;
    }
    let folder = folder("verbosity_build");
    fs::create_dir(folder.join("native")).unwrap();
    let build = |text: &str| {
        fs::write(folder.join("native/native.c"), text).unwrap();
        run(command(&["check", "native", "-q"]).current_dir(&folder))
    };
    let text = "#include \"twinplug.h\"\nTP_PLUGIN_BARE(\"native\", \"1.0.0\", NULL);\n";
    let warned = build(&format!("{text}static void unused(void) {{}}\n"));
    assert_eq!((warned.err.as_str(), warned.code), ("", Some(0)));
    let failed = build(&format!("{text}#error no such thing\n"));
    assert!(failed.err.contains("no such thing"), "{}", failed.err);
    assert!(!failed.err.contains("Compiling"), "{}", failed.err);
    assert_eq!(
        failed.out,
        "refused  native: `cc` failed (exit status: 1); its messages are above\n"
    );
}

#[test]
fn no_notes_are_told_quietly() {
    let folder = folder("verbosity_notes");
    let ran = run(command(&["-q", "new", "clock"]).current_dir(&folder));
    assert_eq!((ran.err.as_str(), ran.code), ("", Some(0)));
    fs::write(folder.join("a.lua"), "function f() end").unwrap();
    let ran = run(command(&["bench", "a.lua", "f", "1", "-q"]).current_dir(&folder));
    assert_eq!((ran.err.as_str(), ran.code), ("", Some(0)));
}
