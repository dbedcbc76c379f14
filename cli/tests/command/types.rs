//! `types`: the definitions that it writes, and what becomes of `.luarc.json`.

#[cfg(unix)]
mod checker;

use std::fs;
use std::path::Path;

use crate::ran::{C, Ran, broken, command, folder, is_skipped, run, unbuilt};

/// The plugin that is defined, from its folder.
const SCRIPT: &str = "print('hi')\nreturn { Count = 1, f = function() end }";

fn types(folder: &Path, args: &[&str]) -> Ran {
    run(command(&["types"]).args(args).current_dir(folder))
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

/// What a new `.luarc.json` says.
const LUARC: &str =
    "{\n  \"runtime.version\": \"Lua 5.4\",\n  \"workspace.library\": [\"types\"]\n}\n";

#[test]
fn writes_definitions_and_the_file_by_which_editors_find_them() {
    let folder = folder("types_writes");
    fs::write(folder.join("clock.lua"), SCRIPT).unwrap();
    let ran = types(&folder, &["clock.lua"]);
    let out = "types/host.lua\ntypes/plugin-clock.lua\n.luarc.json\n";
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), (out, "hi\n", Some(0)));
    let expected = "---@meta _\n\
         -- Made by twinplug: the plugin `clock` 0.0.0, as other scripts see it.\n\
         -- What is changed here is lost.\n\n\
         ---@class host.plugin.clock\n---@field Count number\nlocal plugin = {}\n\n\
         ---@async\n---@param ... any\n---@return any\nfunction plugin.f(...) end\n";
    assert_eq!(read(&folder, "types/plugin-clock.lua"), expected);
    assert!(read(&folder, "types/host.lua").contains("\"clock\"): host.plugin.clock\n"));
    assert_eq!(read(&folder, ".luarc.json"), LUARC);

    // Once more changes nothing; without the plugin its file goes.
    let ran = types(&folder, &["clock.lua"]);
    assert_eq!(ran.out, "types/host.lua\ntypes/plugin-clock.lua\n");
    let ran = types(&folder, &[]);
    assert_eq!((ran.out.as_str(), ran.code), ("types/host.lua\n", Some(0)));
    assert!(!folder.join("types/plugin-clock.lua").exists());
    assert_eq!(read(&folder, ".luarc.json"), LUARC);
}

#[test]
fn a_folder_is_defined_but_for_what_cannot_be_built() {
    if is_skipped(C) {
        return;
    }
    let folder = broken("types_broken");
    let ran = types(&folder, &["all"]);
    let out = "types/host.lua\ntypes/plugin-clock.lua\ntypes/plugin-good.lua\n.luarc.json\n";
    assert_eq!((ran.out.as_str(), ran.code), (out, Some(1)), "{}", ran.err);
    assert_eq!(unbuilt(&ran.err), ["`all/bad`"], "{}", ran.err);

    // Of nothing at all nothing is written.
    let ran = types(&folder, &["all/bad"]);
    assert_eq!((ran.out.as_str(), ran.code), ("", Some(1)), "{}", ran.err);
    assert!(folder.join("types/plugin-good.lua").exists());
}

#[test]
fn builds_sources_and_writes_where_it_is_told_to() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = folder("types_builds");
    let plugin = root.join(C);
    let ran = types(&folder, &["-o", "./lua/defs/", plugin.to_str().unwrap()]);
    let out = "./lua/defs/data.lua\n./lua/defs/host.lua\n./lua/defs/plugin-testplugin.lua\n\
               .luarc.json\n";
    assert_eq!((ran.out.as_str(), ran.code), (out, Some(0)), "{}", ran.err);
    assert!(ran.err.ends_with("plugin load...\n"), "{}", ran.err);
    assert!(read(&folder, "lua/defs/data.lua").contains("---@class PluginData: data.PluginData\n"));
    let library = "\"workspace.library\": [\"./lua/defs/\"]";
    assert!(read(&folder, ".luarc.json").contains(library));
    // It is the same folder.
    assert_eq!(types(&folder, &["-o", "lua/defs"]).out, "lua/defs/host.lua\n");
    // What is here is read anyway.
    assert_eq!(types(&folder, &["-o", "."]).out, "./host.lua\n");
}

/// What `.luarc.json` becomes, and what is said to it.
fn luarc(test: &str, before: &str) -> (String, String) {
    let folder = folder(&format!("types_luarc_{test}"));
    fs::write(folder.join(".luarc.json"), before).unwrap();
    let ran = types(&folder, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let after = read(&folder, ".luarc.json");
    let written = ran.out.lines().any(|line| line == ".luarc.json");
    assert_eq!(written, after != before);
    assert!(folder.join("types/host.lua").is_file());
    (after, ran.err)
}

#[test]
fn adds_to_a_file_that_is_there() {
    let check = |test: &str, before: &str, after: &str| {
        assert_eq!(luarc(test, before), (after.to_owned(), String::new()));
    };
    check("empty", " \n", LUARC);
    check("no_members", "{ }\n", LUARC);
    check(
        "lines",
        "{\n    \"b\": [ 1,\n 2 ],\n    \"a\": { \"x\": \"}\" }\n}",
        "{\n    \"b\": [ 1,\n 2 ],\n    \"a\": { \"x\": \"}\" },\n    \
         \"runtime.version\": \"Lua 5.4\",\n    \"workspace.library\": [\"types\"]\n}",
    );
    check(
        "line",
        r#"{"workspace.ignoreDir": ["types"]}"#,
        r#"{"workspace.ignoreDir": ["types"], "runtime.version": "Lua 5.4", "workspace.library": ["types"]}"#,
    );
    let listed = |test: &str, before: &str, after: &str| {
        let text = |list: &str| {
            format!(r#"{{"workspace": {{ "library": {list} }}, "Lua.runtime.version": "Lua 5.4"}}"#)
        };
        check(&format!("listed_{test}"), &text(before), &text(after));
    };
    listed("line", r#"["a"]"#, r#"["a", "types"]"#);
    listed("spaces", r#"[ "a", "b" ]"#, r#"[ "a", "b", "types" ]"#);
    listed("lines", "[\n    \"a\"\n  ]", "[\n    \"a\",\n    \"types\"\n  ]");
    listed("none", "[ ]", r#"["types"]"#);
}

#[test]
fn what_is_there_is_not_added_again() {
    let check = |test: &str, text: &str| {
        assert_eq!(luarc(test, text), (text.to_owned(), String::new()));
    };
    check("there", r#"{"workspace.library":["a","types/"],"runtime.version":"Lua 5.4"}"#);
    check(
        "there_nested",
        r#"{"Lua": {"runtime": {"version": "Lua 5.4"}, "workspace.library": ["./types"]}}"#,
    );
    let other = r#"{ "runtime.version": "Lua 5.1", "workspace.library": ["types"] }"#;
    let note = "note: `runtime.version` in `.luarc.json` is \"Lua 5.1\"; plugins run on Lua 5.4\n";
    assert_eq!(luarc("other_version", other), (other.to_owned(), note.to_owned()));
}

/// What to add, as notes say it.
const ADDED: &str =
    "add \"runtime.version\": \"Lua 5.4\" and \"workspace.library\": [\"types\"] to it\n";

#[test]
fn a_file_that_is_no_plain_json_stays_as_it_is() {
    let check = |test: &str, before: &str, reason: &str| {
        let note = format!("note: {reason}, and stays as it is: {ADDED}");
        assert_eq!(luarc(test, before), (before.to_owned(), note));
    };
    let no_json = |reason: &str| format!("`.luarc.json` is no plain JSON ({reason})");
    let comment = "{ // mine\n}";
    check("comment", comment, &no_json("key must be a string at line 1 column 3"));
    check("cut", "{\"a\": [1", &no_json("EOF while parsing a list at line 1 column 8"));
    let list = "invalid type: sequence, expected a map at line 1 column 0";
    check("list", "[]", &no_json(list));
    let reason = "`workspace.library` in `.luarc.json` is no list of paths";
    check("map", r#"{"workspace": {"library": {"a": true}}}"#, reason);
}

#[test]
fn a_file_with_comments_is_not_hidden_by_a_new_one() {
    let folder = folder("types_jsonc");
    fs::write(folder.join(".luarc.jsonc"), "{ // mine\n}").unwrap();
    let ran = types(&folder, &[]);
    let note = format!("note: `.luarc.jsonc` is there, and stays as it is: {ADDED}");
    assert_eq!((ran.out.as_str(), ran.err, ran.code), ("types/host.lua\n", note, Some(0)));
    assert!(!folder.join(".luarc.json").exists());
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_a_failure() {
    let folder = folder("types_unwritable");
    fs::write(folder.join("types"), "").unwrap();
    let ran = types(&folder, &[]);
    ran.fails(1, "error: cannot make the folder `types`: File exists (os error 17)");
    assert_eq!(ran.out, "");
    fs::create_dir(folder.join("mine")).unwrap();
    fs::write(folder.join("mine/host.lua"), "host = {}").unwrap();
    let refused = "error: cannot write `mine/host.lua`: it is there, and was not made by twinplug: \
                   remove it, or write to another folder";
    types(&folder, &["-o", "mine"]).fails(1, refused);
    assert_eq!(read(&folder, "mine/host.lua"), "host = {}");
    fs::create_dir(folder.join(".luarc.json")).unwrap();
    let ran = types(&folder, &["-o", "defs"]);
    ran.fails(1, "error: cannot read `.luarc.json`: Is a directory (os error 21)");
}

#[test]
fn a_plugin_that_fails_ends_it_before_anything_is_written() {
    let folder = folder("types_fails");
    fs::write(folder.join("good.lua"), SCRIPT).unwrap();
    fs::write(folder.join("bad.lua"), "error('boom')").unwrap();
    let ran = types(&folder, &["good.lua", "bad.lua"]);
    let error = ran.err.lines().find(|line| line.starts_with("error: "));
    assert_eq!(error, Some("error: cannot load `bad.lua`: bad.lua:1: boom"));
    assert_eq!((ran.out.as_str(), ran.code), ("", Some(1)));
    types(&folder, &["missing.lua"])
        .fails(1, "error: no plugin at `missing.lua`: tried `missing.lua`");
    types(&folder, &["--nope"]).is_wrong_usage("error: unexpected argument '--nope' found");
    assert!(!folder.join("types").exists() && !folder.join(".luarc.json").exists());
}
