//! What reads the files: Lua itself, and a checker of annotations where there is one.
//!
//! `emmylua_check` (`cargo install emmylua_check`; 0.25 is what was compared) reads the
//! annotations of LuaLS. Where it is not installed a line says so, unless
//! `TWINPLUG_REQUIRE_LANGUAGES` is set.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};
use twinplug::{Host, data};

use crate::twins::PluginData;

#[data]
struct Near {
    distance: Option<f64>,
    data: PluginData,
}

/// A host with all sorts of names, and plugins in Lua where there is Lua.
fn host() -> Host {
    let host = Host::builder()
        .channel::<PluginData>("data", 0)
        .channel::<Vec<(u8, Option<Near>)>>("say \"hi\"\n", 0)
        .function("scale", |x: f64, by: f64| x * by)
        .function("end", |_: i64, _: Option<String>| (1i64, true))
        .function("world.spawn", |_: Near, _: Option<Vec<Option<i64>>>| (1i64, String::new()))
        .function("goto.while", |_: ((i64, bool), ())| {})
        .function("goto.private.readonly", || Some(1u8))
        .build()
        .unwrap();
    #[cfg(feature = "_lua")]
    for (name, text) in PLUGINS {
        host.load_source(name, text).unwrap();
    }
    host
}

#[cfg(feature = "_lua")]
const PLUGINS: [(&str, &str); 2] = [
    (
        "clock",
        "---@class PluginData\n---@field name string\n---@field age integer\n---@field tel string\n\
         local M = {}\n\
         ---@type integer\nM.Count = 0\n\
         ---@type PluginData\nM.Pd = { name = '', age = 0, tel = '' }\n\
         M['the end'] = ''\n\
         ---@param a integer\n---@param b? { x: number }\n---@return string\n---@return boolean\n\
         function M.Tick(a, b) end\n\
         return M",
    ),
    (
        "say \"hi\"\\",
        "return { ['my-fn'] = function() end, ['end'] = 1, private = true, package = false, \
         readonly = 1, ['a\"\\\\'] = { ['b c'] = 1, ['until'] = { 1 } }, ['größe'] = { {} } }",
    ),
];

/// They are Lua, in each flavour.
#[cfg(feature = "_lua")]
#[test]
fn lua_runs_each_file() {
    let host = host();
    let definitions = host.definitions();
    assert_eq!(definitions.files().len(), 4);
    for (name, text) in definitions.files() {
        let loaded = host.load_source(name, text);
        assert!(loaded.is_ok(), "{loaded:?} in:\n{text}");
    }
}

/// What the checker says of scripts, `FILE:LINE code`; `None` where there is none.
fn checked(folder: &Path, scripts: &[(&str, &str)]) -> Option<Vec<String>> {
    for (name, text) in scripts {
        fs::write(folder.join(name), text).unwrap();
    }
    let off = ["await-in-sync", "unused", "missing-return"];
    let config =
        json!({ "diagnostics": { "disable": off }, "workspace": { "library": ["types"] } });
    fs::write(folder.join(".emmyrc.json"), config.to_string()).unwrap();
    let ran = Command::new("emmylua_check").args(["--output-format", "json"]).arg(folder).output();
    let Ok(ran) = ran else {
        let missing = "`emmylua_check` is not there: `cargo install emmylua_check`";
        assert_eq!(env::var_os("TWINPLUG_REQUIRE_LANGUAGES"), None, "{missing}");
        // Past the harness, which keeps what a test that passes has printed.
        let _ = writeln!(io::stderr(), "skipped: {missing}");
        return None;
    };
    let out = String::from_utf8(ran.stdout).unwrap();
    let files: Vec<Json> =
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error} in:\n{out}"));
    let mut found: Vec<_> = files.iter().flat_map(diagnostics).collect();
    found.sort();
    Some(found)
}

fn diagnostics(file: &Json) -> Vec<String> {
    let path = Path::new(file["file"].as_str().unwrap());
    let name = path.file_name().unwrap().to_string_lossy();
    let told = file["diagnostics"].as_array().unwrap().iter();
    told.map(|it| {
        let line = it["range"]["start"]["line"].as_u64().unwrap() + 1;
        format!("{name}:{line} {}", it["code"].as_str().unwrap())
    })
    .collect()
}

/// Definitions themselves are not looked at: without their first line they are scripts.
#[test]
fn a_checker_can_read_each_file() {
    let definitions = host().definitions();
    let scripts: Vec<_> = definitions
        .files()
        .map(|(name, text)| (name, text.strip_prefix("---@meta _\n").unwrap()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    if let Some(found) = checked(folder.path(), &scripts) {
        assert_eq!(found, Vec::<String>::new());
    }
    let wrong = [("wrong.lua", "---@class A\n---@field end: [\n---@field b Unknown\n")];
    let folder = tempfile::tempdir().unwrap();
    if let Some(found) = checked(folder.path(), &wrong) {
        assert!(!found.is_empty(), "it finds nothing at all");
    }
}

const GOOD: &str = r#"
host.channel("data"):send({ name = "a", age = 1, tel = "" })
print(host.channel("data"):recv().age + 1, host.channel("other"):recv().whatever)
for _, pair in ipairs(host.channel('say "hi"\n'):recv()) do print(pair[1] + 1, pair[2]) end
host.channel("data"):close()
print(host.scale(1, 2) + 1, host["end"](1) + 1, (host["goto"].private.readonly() or 0) + 1)
local count, text = host.world.spawn({ data = { name = "a", age = 1, tel = "" } }, { 1 })
print(count + 1, text:upper())
host.log("a", 1)
host.log.warn("a")
host.register({ f = function() end })
print(host.config.port, host.null, host.any(1), host.has("world.spawn"))
return { f = print }
"#;

const GOOD_PLUGINS: &str = r#"
local clock = host.plugin("clock")
clock.Count = clock.Count + 1
clock.Pd = { name = "a", age = clock.Pd.age, tel = "" }
host.channel("data"):send(clock.Pd)
local a, b = clock.Tick(1, { x = 1 })
print(a:upper(), b == true, clock.Tick(1), clock["the end"]:upper())
local other = host.plugin('say "hi"\\')
other["my-fn"](1, 2)
print(other["end"] + 1, other.private == true, other['a"\\']["b c"] + 1)
print(host.plugin("x" .. a).whatever)
"#;

/// A script that has a class of the same name, as the types of its exports need.
const OWN_CLASS: &str = r#"
---@class PluginData
---@field name string
---@field age integer
---@field tel string

---@type PluginData
local pd = { name = "", age = 0, tel = "" }
host.channel("data"):send(pd)
"#;

const BAD: &str = r#"
host.channel("data"):send(5)
print(host.channel("data"):recv().nope)
print(host.nope, host.world.nope)
host.scale("a", 1)
host.scale(1)
host.log.nope("a")
"#;

const BAD_PLUGINS: &str = r#"
print(host.plugin("clock").Nope)
host.plugin("clock").Count = "a"
host.plugin("clock").Tick("a")
print(host.plugin("clock").Pd.nope)
"#;

#[test]
fn a_checker_tells_right_from_wrong_in_scripts() {
    let folder = tempfile::tempdir().unwrap();
    host().definitions().write_to(folder.path().join("types")).unwrap();
    let mut scripts = vec![("good.lua", GOOD), ("own.lua", OWN_CLASS), ("bad.lua", BAD)];
    let mut expected = vec![
        "bad.lua:2 param-type-mismatch",
        "bad.lua:3 undefined-field",
        "bad.lua:4 undefined-field",
        "bad.lua:4 undefined-field",
        "bad.lua:5 param-type-mismatch",
        "bad.lua:6 missing-parameter",
        "bad.lua:7 undefined-field",
    ];
    if cfg!(feature = "_lua") {
        scripts.extend([("good_plugins.lua", GOOD_PLUGINS), ("bad_plugins.lua", BAD_PLUGINS)]);
        expected.extend([
            "bad_plugins.lua:2 undefined-field",
            "bad_plugins.lua:3 assign-type-mismatch",
            "bad_plugins.lua:4 param-type-mismatch",
            "bad_plugins.lua:5 undefined-field",
        ]);
    }
    if let Some(found) = checked(folder.path(), &scripts) {
        assert_eq!(found, expected);
    }
}
