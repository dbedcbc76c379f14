//! Writing definitions into a folder.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use twinplug::{ErrorKind, Value};

use super::{names, offered};
use crate::twins::PluginData;

fn listed(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn the_folder_is_made_and_what_is_the_same_is_not_touched() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("a/types");
    let definitions = offered(|builder| builder.channel::<PluginData>("data", 0));
    definitions.write_to(&folder).unwrap();
    assert_eq!(listed(&folder), names(&definitions));
    for (name, text) in definitions.files() {
        assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), text);
    }
    let long_ago = SystemTime::UNIX_EPOCH;
    for name in listed(&folder) {
        let file = fs::File::options().append(true).open(folder.join(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let other = offered(|b| b.channel::<PluginData>("data", 0).channel::<Value>("more", 0));
    other.write_to(&folder).unwrap();
    assert_eq!(modified(&folder.join("data.lua")), long_ago);
    assert_eq!(
        fs::read_to_string(folder.join("host.lua")).unwrap(),
        other.file("host.lua").unwrap()
    );
}

#[test]
fn what_was_made_before_goes_and_what_was_not_stays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    offered(|builder| builder.channel::<PluginData>("data", 0)).write_to(folder).unwrap();
    let made = fs::read(folder.join("data.lua")).unwrap();
    fs::write(folder.join("plugin-gone.lua"), &made).unwrap();
    fs::write(folder.join("plugin-mine.lua"), "---@meta _\n").unwrap();
    fs::write(folder.join("other.lua"), &made).unwrap();
    fs::create_dir(folder.join("plugin-folder")).unwrap();
    offered(|builder| builder).write_to(folder).unwrap();
    assert_eq!(listed(folder), ["host.lua", "other.lua", "plugin-folder", "plugin-mine.lua"]);
}

#[test]
fn a_file_of_somebody_else_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = folder.join("host.lua");
    let definitions = offered(|builder| builder.channel::<PluginData>("data", 0));
    let refused = || {
        let error = definitions.write_to(folder).unwrap_err();
        let message = format!(
            "cannot write `{}`: it is there, and was not made by twinplug: remove it, or write \
             to another folder",
            path.display()
        );
        assert_eq!((error.to_string(), error.kind()), (message, ErrorKind::Refused));
        assert_eq!(listed(folder), ["host.lua"]);
    };
    fs::write(&path, "---@meta _\nhost = {}").unwrap();
    refused();
    assert_eq!(fs::read_to_string(&path).unwrap(), "---@meta _\nhost = {}");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused();
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("types");
    fs::write(&file, "").unwrap();
    let error = offered(|builder| builder).write_to(&file).unwrap_err();
    let head = format!("cannot make the folder `{}`: ", file.display());
    assert!(error.to_string().starts_with(&head), "{error}");
    assert_eq!(error.kind(), ErrorKind::Io);
}
