//! What a checker of annotations says of scripts that use the sample plugins, with the definitions
//! that the command has written: it reads them as an editor does, by `.luarc.json`.
//!
//! `emmylua_check` is skipped where it is not installed, unless `TWINPLUG_REQUIRE_LANGUAGES` is set.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::types;
use crate::ran::{C, LUA, folder, is_skipped, root};

/// It stands in an editor's settings already: what waits is marked for it, and may be anywhere.
const LUARC: &str = r#"{"diagnostics.disable": ["await-in-sync"]}"#;

const RIGHT: &str = r#"local plugin = host.plugin("testplugin")
plugin.Value = plugin.Value + 1
plugin.Pd = { name = "a", age = plugin.Pd.age + 1, tel = plugin.Pd.tel:upper() }
plugin.Plugin_fun()
print(plugin.Hello():upper())
host.channel("data"):send(plugin.Pd)
"#;

const WRONG: &str = r#"local plugin = host.plugin("testplugin")
plugin.Value = "one"
print(plugin.Valeu)
print(plugin.Pd.nmae)
plugin.Pd.age = "old"
plugin.Hello(1)
host.chanel("data")
"#;

/// What it says of both; the script's functions take anything.
const SAID: [&str; 6] = [
    "wrong.lua:2 assign-type-mismatch",
    "wrong.lua:3 undefined-field",
    "wrong.lua:4 undefined-field",
    "wrong.lua:5 assign-type-mismatch",
    "wrong.lua:6 redundant-parameter",
    "wrong.lua:7 undefined-field",
];

#[test]
fn a_checker_tells_right_from_wrong_with_a_script() {
    let said: Vec<_> = SAID.into_iter().filter(|said| !said.contains(":6 ")).collect();
    check(LUA, &said);
}

#[test]
fn a_checker_tells_right_from_wrong_with_a_library() {
    if !is_skipped(C) {
        check(C, &SAID);
    }
}

fn check(plugin: &str, expected: &[&str]) {
    let folder = folder(&format!("types_checked {}", plugin.replace('/', " ")));
    fs::write(folder.join(".luarc.json"), LUARC).unwrap();
    let ran = types(&folder, &[root().join(plugin).to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    fs::write(folder.join("right.lua"), RIGHT).unwrap();
    fs::write(folder.join("wrong.lua"), WRONG).unwrap();
    if let Some(said) = said(&folder) {
        assert_eq!(said, expected);
    }
}

/// What the checker says, `FILE:LINE CODE`; `None` where there is none.
fn said(folder: &Path) -> Option<Vec<String>> {
    let mut checker = Command::new("emmylua_check");
    match checker.args(["--output-format", "json", "."]).current_dir(folder).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let missing = "`emmylua_check` is not there: `cargo install emmylua_check`";
            assert_eq!(env::var_os("TWINPLUG_REQUIRE_LANGUAGES"), None, "{missing}");
            // Past the harness, which keeps what a test that passes has printed.
            let _ = writeln!(io::stderr(), "skipped: {missing}");
            None
        }
        output => {
            let out = String::from_utf8(output.unwrap().stdout).unwrap();
            let files: Vec<Value> =
                serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"));
            let mut said: Vec<_> = files.iter().flat_map(diagnostics).collect();
            said.sort();
            Some(said)
        }
    }
}

fn diagnostics(file: &Value) -> Vec<String> {
    let path = Path::new(file["file"].as_str().unwrap());
    let name = path.file_name().unwrap().to_string_lossy();
    let diagnostics = file["diagnostics"].as_array().unwrap().iter();
    let said = diagnostics.map(|it| {
        let line = it["range"]["start"]["line"].as_u64().unwrap() + 1;
        format!("{name}:{line} {}", it["code"].as_str().unwrap())
    });
    said.collect()
}
