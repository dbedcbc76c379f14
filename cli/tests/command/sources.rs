//! `watch`, of source folders: they are built as they are saved, go, and come back.

use std::fs;

use serde_json::{Value, json};

use crate::ran::{C, GO, command, is_skipped, run};
use crate::watch::Watched;

const NATIVE: &str = "#include \"twinplug.h\"\nTP_PLUGIN_BARE(\"native\", \"1.0.0\", NULL);";

/// The event, the plugin, its load, and whether a time is there.
#[track_caller]
fn told(watched: &Watched, event: &str, plugin: &str, generation: u64) -> Value {
    let object = watched.object();
    let keys = ["event", "plugin", "kind", "generation"].map(|key| object[key].clone());
    let expected = [json!(event), json!(plugin), json!("native"), json!(generation)];
    assert_eq!(keys, expected, "{object}");
    assert_eq!(object["error"] == Value::Null, event != "rejected", "{object}");
    object
}

#[test]
fn sources_are_built_when_they_are_saved() {
    if is_skipped(C) {
        return;
    }
    let source = |version: &str| {
        format!("#include \"twinplug.h\"\nTP_PLUGIN_BARE(\"native\", \"{version}\", NULL);")
    };
    let files = [("native/native.c", &*source("1.0.0")), ("clock.lua", "---@plugin clock 1.2.0")];
    let watched = Watched::new("sources", &files, &["--json"]);
    let told = |event: &str, version: &str, generation: u64| {
        let object = watched.object();
        let expected = [json!(event), json!("native"), json!(version), json!(generation)];
        let keys = ["event", "kind", "version", "generation"];
        assert_eq!(keys.map(|key| object[key].clone()), expected, "{object}");
        object["error"].clone()
    };
    told("loaded", "1.0.0", 1);
    watched.expect("loaded", "clock", "1.2.0", 1);
    watched.write("native/native.c", &source("1.1.0"));
    told("reloaded", "1.1.0", 2);
    watched.write("native/native.c", "no C");
    let error = told("rejected", "1.1.0", 2);
    let error = error.as_str().unwrap();
    assert!(
        error.starts_with("`cc` failed (exit status: 1):\nplugins/native/native.c:1:"),
        "{error}"
    );
    assert!(error.contains(": error: "), "{error}");
    watched.write("native/native.c", &source("1.2.0"));
    told("reloaded", "1.2.0", 3);
    watched.write("later/later.c", &source("2.0.0").replace("native", "later"));
    told("loaded", "2.0.0", 1);
    watched.interrupt();
    assert_eq!(watched.end().0, Some(0));
}

#[test]
fn a_source_that_is_mended_to_what_it_was_is_told() {
    if is_skipped(C) {
        return;
    }
    let watched = Watched::new("mended", &[("native/native.c", NATIVE)], &["--json"]);
    told(&watched, "loaded", "native", 1);
    watched.write("native/native.c", "no C");
    told(&watched, "rejected", "native", 1);
    watched.write("native/native.c", NATIVE);
    let reloaded = told(&watched, "reloaded", "native", 2);
    assert!(reloaded["ms"].as_f64().is_some(), "{reloaded}");
    // Where nothing was wrong there is no event.
    watched.write("native/native.c", &format!("{NATIVE}\n"));
    watched.write("other/other.c", &NATIVE.replace("native", "other"));
    told(&watched, "loaded", "other", 1);
    watched.interrupt();
    let (code, _, err) = watched.end();
    let notes: Vec<_> = err.lines().filter(|line| line.starts_with("note: ")).collect();
    let same = "note: `plugins/native` is built, and the same as before";
    let expected = ["note: watching `plugins` (1 plugin): Ctrl-C ends it", same];
    assert_eq!((code, notes), (Some(0), expected.to_vec()));
}

#[test]
fn a_folder_that_is_gone_is_told_and_comes_back() {
    if is_skipped(C) {
        return;
    }
    let watched = Watched::new("folder", &[("native/native.c", NATIVE)], &["--json"]);
    let at = |name: &str| watched.folder.join(name);
    told(&watched, "loaded", "native", 1);
    fs::rename(at("plugins/native"), at("away")).unwrap();
    told(&watched, "gone", "native", 1);
    fs::rename(at("away"), at("plugins/native")).unwrap();
    told(&watched, "back", "native", 1);
    told(&watched, "reloaded", "native", 2);
    // So it is with what makes it a source folder.
    fs::remove_file(at("plugins/native/native.c")).unwrap();
    told(&watched, "gone", "native", 2);
    watched.write("native/native.c", &NATIVE.replace("1.0.0", "1.1.0"));
    told(&watched, "back", "native", 2);
    let reloaded = told(&watched, "reloaded", "native", 3);
    assert_eq!(reloaded["version"], "1.1.0");
    watched.interrupt();
    told(&watched, "unloaded", "native", 3);
    assert_eq!(watched.end().0, Some(0));
}

#[test]
fn a_folder_whose_manifest_is_gone_does_not_fall_apart() {
    if is_skipped(C) {
        return;
    }
    let part = ("part/part.c", NATIVE);
    let watched = Watched::new("one_folder", &[("native.c", NATIVE), part], &["--json"]);
    told(&watched, "loaded", "native", 1);
    fs::remove_file(watched.folder.join("plugins/native.c")).unwrap();
    told(&watched, "gone", "native", 1);
    watched.write("native.c", NATIVE);
    told(&watched, "back", "native", 1);
    told(&watched, "reloaded", "native", 2);
    watched.interrupt();
    told(&watched, "unloaded", "native", 2);
    assert_eq!(watched.end().1, Vec::<String>::new());
}

#[test]
fn what_is_in_go_serves_until_it_is_begun_anew() {
    if is_skipped(GO) {
        return;
    }
    let watched = Watched::new("go", &[], &["--json"]);
    let ran = run(command(&["new", "greet", "--kind", "go"]).current_dir(&watched.folder));
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    fs::rename(watched.folder.join("greet"), watched.folder.join("plugins/greet")).unwrap();
    told(&watched, "loaded", "greet", 1);
    let source = fs::read_to_string(watched.folder.join("plugins/greet/plugin.go")).unwrap();
    watched.write("greet/plugin.go", &format!("{source}\nno Go"));
    let rejected = told(&watched, "rejected", "greet", 1);
    let error = rejected["error"].as_str().unwrap();
    assert!(error.starts_with("`go` failed (exit status: 2):\n"), "{error}");
    assert!(error.contains("plugin.go:"), "{error}");
    // What serves is what is there.
    watched.write("greet/plugin.go", &source);
    assert_eq!(told(&watched, "reloaded", "greet", 1)["ms"], Value::Null);
    watched.write("greet/plugin.go", &source.replace("Hello", "Good day"));
    let error = "plugin `greet`: not reloaded, load 1 serves on: cannot load \
                 `target/plugins/libgreet.so`: it brings a Go runtime, and this process holds one \
                 already, of `greet` from `target/plugins/libgreet.so`: Go supports one in a process \
                 and unloads none; start the program anew to run what is there now (the command: end \
                 it, and run it again), or take the risk with \
                 `HostBuilder::allow_several_go_runtimes`";
    assert_eq!(told(&watched, "rejected", "greet", 1)["error"], error);
}
