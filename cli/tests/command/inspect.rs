//! `inspect`.

use std::fs;

use serde_json::{Value, json};

use crate::ran::{
    C, CPP, GO, LUA, RUST, command, file, folder, is_skipped, library, run, twinplug,
};

#[test]
fn reports_a_script_without_running_it() {
    let script = file("inspect_script", "greet_v2.lua", "return {}");
    let sum = "7df8f0cd9e1cd0b204a760783671c0ccca4a3258dc7c51f59e9e2295c6c25315";
    twinplug(&["inspect", &script, "--json"]).gives(&format!(
        r#"{{"path":"{script}","kind":"lua","name":"greet","version":"2.0.0","abi":null,"sha256":"{sum}","exports":null,"hooks":null,"requires":[],"permissions":[],"over":null,"layers":[],"hazards":[]}}"#
    ));
    let expected = format!(
        "path     {script}\n\
         kind     lua\n\
         name     greet\n\
         version  2.0.0\n\
         sha256   {sum}\n\
         exports  are known once it is loaded: --load shows them\n"
    );
    assert_eq!(twinplug(&["inspect", &script]).out, expected);
}

#[test]
fn reads_the_first_comments_of_a_script() {
    let text = "---@plugin greet 1.2.0\n---@requires clock >=1.0, <3\n---@over physics\n";
    let script = file("inspect_head", "hello.lua", text);
    let ran = twinplug(&["inspect", &script, "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!([&report["name"], &report["version"]], ["greet", "1.2.0"]);
    assert_eq!(report["requires"], json!([{ "name": "clock", "range": ">=1.0, <3" }]));
    assert_eq!(report["over"], "physics");
    let ran = twinplug(&["inspect", &script]);
    let table: Vec<_> =
        ran.out.lines().skip(2).filter(|line| !line.starts_with("sha256")).collect();
    let expected = [
        "name     greet",
        "version  1.2.0",
        "requires clock >=1.0, <3",
        "over     physics",
        "exports  are known once it is loaded: --load shows them",
    ];
    assert_eq!(table, expected);
}

#[test]
fn reads_the_exports_of_a_library_from_the_file() {
    let ran = twinplug(&["inspect", RUST, "--json"]);
    let mut report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["sha256"].take().as_str().map(str::len), Some(64));
    let pd = "PluginData { name: string, age: int, tel: string }";
    let expected = json!({
        "path": library("testplugin"), "kind": "native", "name": "testplugin",
        "version": "1.0.0", "abi": "1.1", "sha256": null,
        "requires": [], "permissions": [], "over": null, "layers": [], "hazards": [],
        "hooks": null, "exports": [
            { "name": "Value", "symbol": "var", "type": "int" },
            { "name": "Pd", "symbol": "var", "type": pd },
            { "name": "Plugin_fun", "symbol": "func", "type": "()" },
            { "name": "ComplexType", "symbol": "func", "type": "()" },
        ],
    });
    assert_eq!(report, expected);
    assert!(!ran.err.contains("plugin load..."));
}

/// A section that is written by hand has name and version alone.
#[cfg(target_os = "linux")]
#[test]
fn reads_the_exports_of_a_library_in_c_from_its_table() {
    let exports = |twin: &str| {
        let ran = twinplug(&["inspect", twin, "--json"]);
        assert!(!ran.err.contains("plugin load..."), "{}", ran.err);
        let mut report: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!([&report["name"], &report["abi"]], ["testplugin", "1.1"]);
        let mut exports = report["exports"].take();
        exports.as_array_mut().unwrap().sort_by_key(|export| export["name"].to_string());
        exports
    };
    for twin in [C, CPP, GO] {
        if !is_skipped(twin) {
            assert_eq!(exports(twin), exports(RUST), "{twin}");
        }
    }
}

#[test]
fn a_table_that_code_may_write_is_not_believed() {
    if is_skipped(C) {
        return;
    }
    let folder = folder("inspect_written");
    fs::create_dir(folder.join("late")).unwrap();
    let source = r#"
        #include "twinplug.h"
        static tp_status f(tp_call *call) { (void)call; return TP_OK; }
        static tp_export exports[] = { TP_EXPORT_FUNC("late", "()", f) };
        __attribute__((constructor)) static void write(void) { exports[0].name = "later"; }
        TP_PLUGIN("late", "1.0.0", exports, NULL);
    "#;
    fs::write(folder.join("late/late.c"), source).unwrap();
    let inspect = |args: &[&str]| {
        let ran = run(command(&[&["inspect", "late"], args].concat()).current_dir(&folder));
        ran.out
            .lines()
            .skip(1)
            .filter(|line| !line.starts_with("sha256"))
            .map(str::to_owned)
            .collect()
    };
    let head = ["kind     native", "name     late", "version  1.0.0", "abi      1.1"];
    let unknown = "exports  are known once it is loaded: --load shows them";
    let found: Vec<String> = inspect(&[]);
    assert_eq!(found, [&head[..], &[unknown]].concat());
    let found: Vec<String> = inspect(&["--load"]);
    assert_eq!(found, [&head[..], &["exports  func  later  ()"]].concat());
}

#[test]
fn what_an_init_registers_is_said_to_be_missing() {
    if is_skipped(C) {
        return;
    }
    let ran = twinplug(&["inspect", C]);
    let exports: Vec<_> = ran.out.lines().skip_while(|line| !line.starts_with("exports")).collect();
    let unknown = ["exports  are known once it is loaded: --load shows them"];
    let known = [
        "exports  var   Value        int",
        "         var   Pd           PluginData { name: string, age: int, tel: string }",
        "         func  Plugin_fun   ()",
        "         func  ComplexType  ()",
        "         what its init registers is not among them: --load shows it",
    ];
    assert_eq!(exports, if cfg!(target_os = "linux") { &known[..] } else { &unknown });
}

#[test]
fn shows_people_a_table() {
    let script = file("table", "script.lua", "return { _VERSION = '1.2.0', long = 1, f = print }");
    let ran = twinplug(&["inspect", &script, "--load"]);
    let table: Vec<_> =
        ran.out.lines().skip(1).filter(|line| !line.starts_with("sha256")).collect();
    let expected = [
        "kind     lua",
        "name     script",
        "version  1.2.0",
        "exports  func  f     (...) -> any",
        "         var   long  number",
    ];
    assert_eq!(table, expected);
}

#[test]
fn shows_which_layer_serves_what() {
    let text =
        "---@over testplugin\nfunction Plugin_fun() host.base.Plugin_fun() end function New() end";
    let layer = file("inspect_layer", "patch.lua", text);
    let ran = twinplug(&["inspect", RUST, "--load", "--with", &layer]);
    let line = format!("layer    patch ({layer}) serves Plugin_fun, New");
    assert!(ran.out.lines().any(|shown| shown == line), "{}{}", ran.out, ran.err);
    let ran = twinplug(&["inspect", RUST, "--load", "--with", &layer, "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let layers = json!([{ "name": "patch", "path": layer, "serves": ["Plugin_fun", "New"] }]);
    assert_eq!(report["layers"], layers);
    assert_eq!(report["kind"], "native");
    // So is it called.
    let ran = twinplug(&["call", RUST, "Plugin_fun", "--with", &layer, "--set", "Value=7"]);
    assert_eq!(
        (ran.out.as_str(), ran.code),
        ("plugin load...\nValue in plugin: 7\nnull\n", Some(0)),
        "{}",
        ran.err
    );
}

#[test]
fn names_the_hooks_of_a_plugin_of_either_kind() {
    let text = "return { on_unload = function() end, on_save = function() return 1 end, \
                on_load = function() end, on_click = function() end }";
    let script = file("inspect_hooks", "script.lua", text);
    let folder = folder("inspect_hooks_native");
    fs::create_dir_all(folder.join("native")).unwrap();
    let source = r#"
        #include "twinplug.h"
        static tp_status hook(tp_call *call) { (void)call; return TP_OK; }
        static const tp_export exports[] = { TP_EXPORT_FUNC("f", "()", hook) };
        TP_PLUGIN_WITH("native", "1.0.0", "", exports, NULL, hook, hook, NULL, NULL, NULL, hook);
    "#;
    fs::write(folder.join("native/native.c"), source).unwrap();
    let inspect = |path: &str, args: &[&str]| {
        let ran = run(command(&[&["inspect", path], args].concat()).current_dir(&folder));
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out
    };
    for path in [script.as_str(), "native"] {
        let hooks =
            |args| serde_json::from_str::<Value>(&inspect(path, args)).unwrap()["hooks"].take();
        // Which it has is known once its code has run.
        assert_eq!(hooks(&["--json"]), Value::Null, "{path}");
        assert_eq!(
            hooks(&["--json", "--load"]),
            json!(["on_load", "on_save", "on_unload"]),
            "{path}"
        );
        let table = inspect(path, &["--load"]);
        let line = "hooks    on_load, on_save, on_unload";
        assert!(table.lines().any(|shown| shown == line), "{table}");
    }
    for twin in [LUA, C] {
        let ran = twinplug(&["inspect", twin, "--json", "--load"]);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(report["hooks"], json!([]), "{twin}");
    }
}

#[test]
fn a_source_that_does_not_build_is_refused() {
    let folder = folder("does_not_build");
    fs::create_dir_all(folder.join("native")).unwrap();
    fs::write(folder.join("native/native.c"), "not C").unwrap();
    let ran = run(command(&["inspect", "native"]).current_dir(&folder));
    ran.fails(
        1,
        "error: cannot build `native`: `cc` failed (exit status: 1); its messages are above",
    );
    assert_eq!(ran.out, "");
}

#[test]
fn shows_the_permissions_that_a_manifest_asks_for() {
    let script = file("inspect_permissions", "a.lua", "return { Debug = debug ~= nil }");
    fs::write(script.replace("a.lua", "a.toml"), "permissions = ['package', 'debug']").unwrap();
    let ran = twinplug(&["inspect", &script, "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["permissions"], json!(["debug", "package"]));
    assert!(twinplug(&["inspect", &script]).out.contains("\nasks for debug, package\n"));
    let refused = format!(
        "error: cannot load `{script}`: plugin `a` asks for the permission `debug`, and the host \
         does not grant it: if you trust the plugin, grant it with `HostBuilder::allow(\"debug\")`, \
         or `--allow debug` of the command"
    );
    twinplug(&["inspect", &script, "--load", "--allow", "package"]).fails(1, &refused);
    let ran = twinplug(&["--allow", "debug", "inspect", &script, "--load", "--allow", "package"]);
    ran.gives("exports  var   Debug  bool");
}

/// What the standard library of C++ makes unique would keep an image mapped.
#[cfg(target_os = "linux")]
#[test]
fn a_library_in_cpp_has_no_hazard() {
    if !is_skipped(CPP) {
        let ran = twinplug(&["inspect", "--json", CPP]);
        let report: Value = serde_json::from_str(ran.out.trim()).unwrap();
        assert_eq!(report["hazards"], json!([]), "{}", ran.err);
    }
}
