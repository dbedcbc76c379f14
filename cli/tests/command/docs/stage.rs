//! What pages show of scripts: snippets and manifests are loaded, in a host that has what the pages speak of.
//!
//! What stands behind a statement after `-- ` is what it prints, where it is a `print`, and the
//! error that it raises, where it begins with `error: `. It does not call what a snippet exports.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use twinplug::{Host, PluginRef, Result, Value};

use crate::document::Block;

/// The plugins that snippets use; one that a page shows itself is not loaded.
const OTHERS: [(&str, &str); 2] = [
    ("calendar", "---@plugin calendar 1.0.0\nfunction days() return 30 end"),
    (
        "clock",
        "---@plugin clock 1.2.0\nlocal M = { Zone = 'CET' }\n\
         function M.now() return 43200 end\nreturn M",
    ),
];

/// What plugins have printed.
type Printed = Arc<Mutex<String>>;

/// A host with all the others but the one of this name.
fn host(name: &str) -> (Host, Printed) {
    let printed = Printed::default();
    let kept = Arc::clone(&printed);
    let host = ["io", "os"]
        .into_iter()
        .fold(Host::builder(), |builder, permission| builder.allow(permission))
        .channel::<Value>("data", 1024)
        .output(move |_, text| kept.lock().unwrap().push_str(text))
        .build()
        .unwrap();
    for (other, text) in OTHERS.iter().filter(|(other, _)| *other != name) {
        host.load_source(other, text).unwrap();
    }
    (host, printed)
}

/// Loads a snippet, and reloads it, so that its hooks are called.
pub(crate) fn script(block: &Block) {
    let head = block.text.lines().find_map(|line| line.strip_prefix("---@plugin "));
    let name = head.and_then(|head| head.split(' ').next()).unwrap_or("snippet");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{name}.lua"));
    fs::write(&path, whole(&block.text)).unwrap();
    let (host, printed) = host(name);
    let plugin = load(&host, &path, block);
    let printed = printed.lock().unwrap().clone();
    let printed: Vec<_> = printed.lines().map(spaced).collect();
    assert_eq!(printed, block.text.lines().filter_map(said).collect::<Vec<_>>(), "{}", block.at);
    host.reload(&plugin).unwrap_or_else(|error| panic!("{}: {error}", block.at));
    host.unload(plugin).unwrap_or_else(|error| panic!("{}: {error}", block.at));
}

fn load(host: &Host, path: &Path, block: &Block) -> PluginRef {
    let loaded: Result<PluginRef> = host.load(path);
    loaded.unwrap_or_else(|error| panic!("{}: {error}\n{}", block.at, block.text))
}

/// The snippet as a script: a part of one that fills `M` gets the rest around it.
fn whole(text: &str) -> String {
    let lines = text.lines().map(|line| match statement(line) {
        Some((statement, said)) if said.starts_with("error: ") => format!(
            "do local ok, err = pcall(function() {statement} end) err = tostring(err) \
             print(ok and 'fine' or 'error: ' .. err:gsub('^snippet%.lua:%d+: ', '')) end\n"
        ),
        _ => format!("{line}\n"),
    });
    let text: String = lines.collect();
    match text.contains(" M.") && !text.contains("local M =") {
        true => format!("local M = {{}} {text}return M\n"),
        false => text,
    }
}

/// What a line says that it prints or raises.
fn said(line: &str) -> Option<String> {
    let (statement, said) = statement(line)?;
    let prints = statement.trim_start().starts_with("print(") || said.starts_with("error: ");
    prints.then(|| spaced(said))
}

/// A line with a comment behind: what stands before it, and the comment.
fn statement(line: &str) -> Option<(&str, &str)> {
    let (statement, comment) = line.split_once(" -- ")?;
    (!statement.trim().is_empty()).then_some((statement, comment))
}

/// With one space where there are tabs, or several.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Loads a plugin whose folder has this manifest.
pub(crate) fn manifest(block: &Block) {
    let folder = tempfile::tempdir().unwrap();
    let key = |key: &str| {
        let value = block.text.lines().find_map(|line| line.strip_prefix(key)?.split('"').nth(1));
        value.map(str::to_owned)
    };
    let entry = folder.path().join(key("entry = ").as_deref().unwrap_or("init.lua"));
    fs::create_dir_all(entry.parent().unwrap()).unwrap();
    fs::write(folder.path().join("plugin.toml"), &block.text).unwrap();
    fs::write(entry, "function f() end").unwrap();
    let name = key("name = ");
    let (host, _) = host(name.as_deref().unwrap_or("snippet"));
    let plugin = load(&host, folder.path(), block);
    let told = name.is_none_or(|name| name == plugin.name());
    assert!(told && plugin.call("f", ()).is_ok(), "{}", block.at);
}
