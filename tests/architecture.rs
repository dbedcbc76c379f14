//! Holds the architecture: who depends on whom, where backends and `unsafe` stand,
//! and the shape of files. `docs/architecture.md` says why.
//!
//! Each rule is a function from text to its offenders, a line each. The first test
//! of a rule runs it on the source tree, the second on an offence that is made up.
//! It reads text, not syntax: a rule that needs more is a rule for the compiler.

use std::fs;
use std::path::Path;

/// A file of the workspace.
struct File {
    /// From the root of the workspace, with `/`.
    path: String,
    text: String,
}

/// What a rule has found: `path:line: what`.
type Offenders = Vec<String>;

const LONGEST_FILE: usize = 500;

/// What each crate may depend on, of our own; what stands nowhere may on nothing.
const CRATES: [(&str, &[&str]); 9] = [
    ("twinplug-abi", &[]),
    ("twinplug-macros", &[]),
    ("twinplug-value", &["twinplug-abi", "twinplug-macros"]),
    ("twinplug-sdk", &["twinplug-abi", "twinplug-macros", "twinplug-value"]),
    ("twinplug-build", &["twinplug-abi"]),
    ("twinplug", &["twinplug-abi", "twinplug-macros", "twinplug-value"]),
    ("twinplug-cli", &["twinplug", "twinplug-build"]),
    ("bench-peers", &["twinplug", "twinplug-build"]),
    ("shared", &["twinplug-value"]),
];

/// What a crate may depend on besides, for its tests.
const FOR_TESTS: [(&str, &[&str]); 1] = [("twinplug", &["twinplug-build"])];

/// What a native plugin may depend on, wherever it stands.
const NATIVE_PLUGIN: &[&str] = &["twinplug-sdk"];

/// The rooms of `src/` from the top floor down, and what each may use; `host` flushes C's output.
const ROOMS: [(&str, &[&str]); 11] = [
    ("lib", &["host", "definitions", "lifecycle", "loading", "plugin", "channel", "error"]),
    ("host", &["definitions", "lifecycle", "loading", "native", "plugin", "channel", "error"]),
    ("definitions", &["plugin", "channel", "error", "file"]),
    ("lifecycle", &["loading", "plugin", "channel", "error", "file"]),
    ("loading", &["lua", "native", "plugin", "channel", "error", "file"]),
    ("lua", &["plugin", "channel", "error", "file"]),
    ("native", &["plugin", "channel", "error", "file"]),
    ("plugin", &["channel", "error"]),
    ("channel", &["plugin", "error"]),
    ("error", &[]),
    ("file", &[]),
];

/// Crates that one room of `src/` knows, and no other.
const BACKENDS: [(&str, &str); 4] = [
    ("mlua", "lua"),
    ("libloading", "native"),
    ("twinplug_abi", "native"),
    ("notify", "lifecycle"),
];

/// Where `unsafe` may stand.
const UNSAFE: [&str; 18] = [
    "src/lua/",
    "src/native/",
    // what a call reads without a lock, what a thread borrows for a while
    "src/plugin/live",
    "src/plugin/loan.rs",
    "crates/abi/",
    "crates/value/src/raw/",
    "crates/value/tests/", // make raw values, as a plugin would
    "crates/sdk/src/arena.rs",
    "crates/sdk/src/export",
    "crates/sdk/src/host",
    "crates/sdk/src/testing/", // stands in for a host
    "crates/sdk/tests/",       // look at tables and call entries as a host in C would
    "tests/host/signals.rs",   // has handlers of its own
    // what people write who have no host
    "benches/plugins/adder/src/by_hand.rs",
    "benches/rows/native/by_hand.rs",
    "benches/rows/lua/by_ffi.rs",
    "benches/peers/stabby.rs",
    "benches/rows/memory.rs", // counts for the program's allocator
];

/// Attributes that the macros write into plugins.
const UNSAFE_ATTRIBUTES: [&str; 2] = ["unsafe(no_mangle)", "unsafe(link_section"];

// ---------------------------------------------------------------------- rules

/// Crates depend on one another along the arrows alone.
fn arrows(manifest: &File) -> Offenders {
    let mut offenders = Vec::new();
    let mut package = "";
    let mut section = "";
    for (number, line) in numbered(&manifest.text) {
        let mut dependency = None;
        if let Some(head) = line.strip_prefix('[') {
            section = head.trim_end_matches(']');
            dependency = section.rsplit_once("dependencies.").map(|(_, name)| name);
        } else if let Some((key, value)) = line.split_once('=') {
            let key = key.trim();
            let quoted = || value.split('"').nth(1).unwrap_or_default();
            match (section, key) {
                ("package", "name") => package = quoted(),
                (section, _) if section.ends_with("dependencies") => {
                    // `a = { package = "b" }` is a dependency on b.
                    let renamed = value.split("package = \"").nth(1);
                    let renamed = renamed.and_then(|rest| rest.split('"').next());
                    dependency = Some(renamed.unwrap_or(key.trim_end_matches(".workspace")));
                }
                _ => {}
            }
        }
        let Some(dependency) = dependency.filter(|name| name.starts_with("twinplug")) else {
            continue;
        };
        let for_tests = section.starts_with("dev-dependencies");
        if !section.starts_with("workspace") && !may_depend(package, dependency, for_tests) {
            offenders.push(at(manifest, number, &format!("`{package}` depends on `{dependency}`")));
        }
    }
    offenders
}

fn may_depend(package: &str, dependency: &str, for_tests: bool) -> bool {
    let listed = |list: &[(&str, &[&str])]| {
        list.iter().find(|(name, _)| *name == package).map(|(_, may)| may.contains(&dependency))
    };
    match listed(&CRATES) {
        Some(may) => may || (for_tests && listed(&FOR_TESTS) == Some(true)),
        None => NATIVE_PLUGIN.contains(&dependency),
    }
}

/// A room of `src/` uses rooms below it alone, by their names from the root, and no
/// other room's backend.
fn rooms(file: &File) -> Offenders {
    let Some(room) = room(&file.path) else { return Vec::new() };
    let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![at(file, 1, &format!("`{room}` is no room of `ROOMS`"))];
    };
    let code = code(&file.text);
    let used = used_rooms(&code).into_iter().filter(|(_, used)| *used != room);
    let mut offenders: Offenders = used
        .filter(|(_, used)| !may.contains(used))
        .map(|(place, used)| at(file, line(&code, place), &format!("`{room}` uses `{used}`")))
        .collect();
    for (backend, home) in BACKENDS.iter().filter(|(_, home)| *home != room) {
        let what = format!("`{backend}` is for `{home}` alone");
        let named = words(&code, backend).into_iter();
        offenders.extend(named.map(|place| at(file, line(&code, place), &what)));
    }
    // As many `super::` as the file is deep lead out of its room.
    let out = "super::".repeat(file.path.matches('/').count());
    for (place, _) in code.match_indices(&out) {
        if !code[place + out.len()..].starts_with('*') {
            offenders.push(at(file, line(&code, place), "leaves its room by `super`: use `crate`"));
        }
    }
    offenders
}

/// `src/lua/vm.rs` and `src/lua.rs` are of the room `lua`.
fn room(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    Some(inside.split('/').next()?.trim_end_matches(".rs"))
}

/// The names behind each `crate::`, also in `use crate::{a, b::c}`.
fn used_rooms(code: &str) -> Vec<(usize, &str)> {
    let mut used = Vec::new();
    for place in words(code, "crate") {
        let Some(rest) = code[place..].strip_prefix("crate::") else { continue };
        let mut depth = 0;
        let outside = |c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        };
        let list = &rest[..rest.find(outside).unwrap_or(rest.len())];
        let members = list.strip_prefix('{').map_or(vec![rest], top_level);
        used.extend(members.into_iter().map(|member| (place, first_word(member))));
    }
    used.retain(|(_, name)| !name.is_empty());
    used
}

/// The members of a list, which may hold lists in braces.
fn top_level(list: &str) -> Vec<&str> {
    let mut depth = 0;
    let between = |c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    };
    list.split(between).collect()
}

/// `unsafe` stands at the borders alone.
fn unsafe_places(file: &File) -> Offenders {
    if UNSAFE.iter().any(|place| file.path.starts_with(place)) {
        return Vec::new();
    }
    let code = code(&file.text);
    let written = |place: &usize| {
        file.path.starts_with("crates/macros/")
            && UNSAFE_ATTRIBUTES.iter().any(|attribute| code[*place..].starts_with(attribute))
    };
    let found = words(&code, "unsafe").into_iter().filter(|place| !written(place));
    found.map(|place| at(file, line(&code, place), "`unsafe` has no place here")).collect()
}

/// The first line says what the file is for, and it is read in one go.
fn shape(file: &File) -> Offenders {
    let starts: &[&str] = match file.path.rsplit('.').next() {
        Some("rs") => &["//! "],
        Some("lua") => &["--"],
        _ => &["/*", "//"],
    };
    let mut offenders = Vec::new();
    if !starts.iter().any(|start| file.text.starts_with(start)) {
        offenders.push(at(file, 1, &format!("does not start with `{}`", starts[0].trim_end())));
    }
    let lines = file.text.lines().count();
    if lines > LONGEST_FILE && file.path.ends_with(".rs") {
        offenders.push(at(file, lines, &format!("is longer than {LONGEST_FILE} lines")));
    }
    offenders
}

/// Globs are for the SDK's prelude, and for modules inside a file.
fn globs(file: &File) -> Offenders {
    let code = code(&file.text);
    let mut offenders = Vec::new();
    for place in words(&code, "use") {
        let import = code[place..].split(';').next().unwrap_or_default();
        let inner = code[..place].ends_with("    ") && import == "use super::*";
        if import.contains("::*") && !inner && import != "use twinplug_sdk::prelude::*" {
            offenders.push(at(file, line(&code, place), &format!("imports a glob: `{import}`")));
        }
    }
    offenders
}

// ----------------------------------------------------------------------- text

/// Rust text with comments and literals blanked out; lines and places stay.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match blanked(rest) {
            0 => {
                code.push(first);
                first.len_utf8()
            }
            length => {
                let blank = |byte| if byte == b'\n' { '\n' } else { ' ' };
                code.extend(rest[..length].bytes().map(blank));
                length
            }
        };
        rest = &rest[length..];
    }
    code
}

/// How long the comment or literal at the start of `rest` is; 0 if there is none.
fn blanked(rest: &str) -> usize {
    let until = |from: usize, end: &str| {
        rest[from..].find(end).map_or(rest.len(), |place| from + place + end.len())
    };
    let mut chars = rest.char_indices().skip(1);
    match rest.as_bytes() {
        [b'/', b'/', ..] => rest.find('\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => until(2, "*/"),
        [b'"', ..] => {
            let mut escaped = false;
            let end = chars.find(|(_, c)| {
                let ends = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |(end, _)| end + 1)
        }
        [b'r', b'"' | b'#', ..] => {
            let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
            let is_string = rest[1 + hashes..].starts_with('"');
            if is_string { until(2 + hashes, &format!("\"{}", "#".repeat(hashes))) } else { 0 }
        }
        [b'\'', ..] => match (chars.next(), chars.next()) {
            (Some((_, '\\')), Some((escaped, c))) => until(escaped + c.len_utf8(), "'"),
            (Some(_), Some((end, '\''))) => end + 1,
            _ => 0, // A lifetime.
        },
        _ => 0,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where a word stands by itself.
fn words(code: &str, word: &str) -> Vec<usize> {
    let places = code.match_indices(word).map(|(place, _)| place);
    let whole = |place: &usize| {
        !code[..*place].ends_with(is_word) && !code[place + word.len()..].starts_with(is_word)
    };
    places.filter(whole).collect()
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

/// The number of the line, from 1, that a place is in.
fn line(text: &str, place: usize) -> usize {
    text[..place].matches('\n').count() + 1
}

/// The lines of a manifest without comments, numbered from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bare = |line: &'_ str| line.find('#').unwrap_or(line.len());
    text.lines().enumerate().map(move |(index, line)| (index + 1, line[..bare(line)].trim()))
}

fn at(file: &File, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", file.path)
}

// ----------------------------------------------------------------------- tree

/// The files of the workspace that end so; not what was built, nor hidden ones.
fn files(endings: &[&str]) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("a folder of the workspace can be read");
        for entry in entries {
            let path = entry.expect("a folder of the workspace can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let inside = path.strip_prefix(root).expect("it was found under the root");
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                files.push(File { path: inside.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    assert!(files.len() > 2, "the source tree is where the test was built");
    files
}

/// Runs a rule on the tree, and shows all its offenders.
fn holds(rule: fn(&File) -> Offenders, endings: &[&str]) {
    let mut offenders: Vec<_> = files(endings).iter().flat_map(rule).collect();
    offenders.sort();
    assert!(offenders.is_empty(), "{} offenders:\n{}", offenders.len(), offenders.join("\n"));
}

/// Runs a rule on made-up files, path and text, and compares all that it finds.
fn finds(rule: fn(&File) -> Offenders, rows: &[(&str, &str, &str)]) {
    for (path, text, expected) in rows {
        let offenders = rule(&File { path: (*path).to_owned(), text: (*text).to_owned() });
        let found: Vec<_> = offenders.iter().map(|found| &found[path.len() + 1..]).collect();
        assert_eq!(found.join("; "), *expected, "in {path}:\n{text}");
    }
}

#[test]
fn crates_depend_along_the_arrows() {
    holds(arrows, &["Cargo.toml"]);
}

#[test]
fn a_wrong_arrow_is_found() {
    let rows = |package: &str, rows: &[(&str, &str)]| {
        for (lines, expected) in rows {
            let text = format!("[package]\nname = \"{package}\"\n[dependencies]\n{lines}");
            finds(arrows, &[("Cargo.toml", &text, expected)]);
        }
    };
    let host = "4: `twinplug-sdk` depends on `twinplug`";
    let tool = "`twinplug-sdk` depends on `twinplug-build`";
    rows(
        "twinplug-sdk",
        &[
            ("twinplug-abi.workspace = true\nserde = \"1\" # not twinplug", ""),
            ("twinplug.workspace = true", host),
            ("twinplug = { path = \"../..\" }", host),
            ("engine = { package = \"twinplug\", path = \"../..\" }", host),
            ("[dependencies.twinplug]", host),
            ("[target.'cfg(unix)'.dependencies.twinplug]", host),
            ("[dev-dependencies]\ntwinplug-build = \"1\"", &format!("5: {tool}")),
        ],
    );
    let tool = "4: `twinplug` depends on `twinplug-build`";
    let tests = "[dev-dependencies]\ntwinplug-build = \"1\"";
    rows("twinplug", &[("twinplug-build.workspace = true", tool), (tests, "")]);
    let values = "4: `clock` depends on `twinplug-value`";
    rows("clock", &[("twinplug-sdk = \"1\"", ""), ("twinplug-value = \"1\"", values)]);
}

#[test]
fn rooms_use_rooms_below_them_and_their_own_backend() {
    holds(rooms, &[".rs"]);
}

#[test]
fn a_use_of_a_room_above_or_its_backend_is_found() {
    let list = "use crate::error::Error;\nuse crate::{\n    error,\n    lua::{Vm, a},\n};\n";
    let up = "2: leaves its room by `super`: use `crate`";
    finds(
        rooms,
        &[
            ("src/lib.rs", "mod lua;\npub use channel::Channel;", ""),
            ("src/lib.rs", "pub use mlua::Lua;", "1: `mlua` is for `lua` alone"),
            ("src/plugin.rs", "//! crate::lua\nuse crate::{channel::{a, lua}, error};", ""),
            ("src/plugin/handle.rs", list, "2: `plugin` uses `lua`"),
            ("src/lua/vm.rs", "fn f() { crate::native::flush() }", "1: `lua` uses `native`"),
            ("src/host.rs", "use crate::Error;", "1: `host` uses `Error`"),
            ("src/host.rs", "use a::b;\nuse super::lua::load;", up),
            ("src/error.rs", "mod tests {\n    use super::*;\n}", ""),
            ("src/utils.rs", "", "1: `utils` is no room of `ROOMS`"),
            ("src/lua/vm.rs", "use mlua::Lua;", ""),
            ("src/host.rs", "// mlua\nmod mlua_like {}", ""),
            ("src/host.rs", "use std::fmt;\nuse mlua::Lua;", "2: `mlua` is for `lua` alone"),
            ("src/lua.rs", "use twinplug_abi as abi;", "1: `twinplug_abi` is for `native` alone"),
        ],
    );
}

#[test]
fn unsafe_code_stands_at_the_borders() {
    holds(unsafe_places, &[".rs"]);
}

#[test]
fn unsafe_code_elsewhere_is_found() {
    let harmless = "#![deny(unsafe_op_in_unsafe_fn)] // unsafe\n/* unsafe */\n\
        let a = \"unsafe \\\" unsafe\";\nlet b = r#\"unsafe \" unsafe\"#;\n\
        let c: &'static [char] = &['\"', '\\'', '\\\\'];\n";
    let harmful = format!("{harmless}let d = unsafe {{ e() }};");
    finds(
        unsafe_places,
        &[
            ("src/host.rs", harmless, ""),
            ("src/host.rs", &harmful, "6: `unsafe` has no place here"),
            ("src/native/image.rs", "unsafe { e() }", ""),
            ("crates/macros/src/a.rs", "quote!(#[unsafe(no_mangle)])", ""),
            ("crates/macros/src/a.rs", "quote!(unsafe {})", "1: `unsafe` has no place here"),
        ],
    );
}

#[test]
fn files_say_what_they_are_for_and_are_short() {
    holds(shape, &[".rs", ".lua", ".c", ".h"]);
}

#[test]
fn a_file_without_a_head_or_too_long_is_found() {
    let lines = |count| format!("//! a\n{}", "\n".repeat(count));
    finds(
        shape,
        &[
            ("a.rs", "use std::fmt;", "1: does not start with `//!`"),
            ("a.lua", "\n-- late", "1: does not start with `--`"),
            ("a.h", "#pragma once", "1: does not start with `/*`"),
            ("a.c", "// fine", ""),
            ("a.rs", &lines(LONGEST_FILE - 1), ""),
            ("a.rs", &lines(500), "501: is longer than 500 lines"),
        ],
    );
}

#[test]
fn imports_are_named() {
    holds(globs, &[".rs"]);
}

#[test]
fn a_glob_import_is_found() {
    finds(
        globs,
        &[
            ("a.rs", "// use a::*;\nmod tests {\n    use super::*;\n}\n", ""),
            ("a.rs", "use twinplug_sdk::prelude::*;", ""),
            ("a.rs", "use super::*;", "1: imports a glob: `use super::*`"),
            ("a.rs", "\npub use a::{b, c::*};", "2: imports a glob: `use a::{b, c::*}`"),
        ],
    );
}
