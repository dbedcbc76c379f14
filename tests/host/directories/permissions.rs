//! What this user may not read fails alone. Root may read all, and becomes nobody.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use twinplug::Host;

use super::{Desk, names};
use crate::copies::nobody;

const FOLDER: &str = "TWINPLUG_TEST_FOLDER";

#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let host = Host::builder().build().unwrap();
    let folder = Path::new(&folder);
    let loaded = host.load_dirs([folder, &folder.join("closed")]);
    // Past the harness, which starts a line of its own.
    let mut text = format!("\nplugins: {}\n", names(&loaded.plugins).join(" "));
    loaded.failures.iter().for_each(|failure| text += &format!("failure: {failure}\n"));
    io::stdout().write_all(text.as_bytes()).unwrap();
}

#[test]
fn what_may_not_be_read_fails_alone() {
    let desk = Desk::new();
    let shut = |name: &str| {
        fs::set_permissions(desk.path(name), PermissionsExt::from_mode(0o0)).unwrap();
    };
    desk.write("good.lua", "");
    desk.write("script.lua", "");
    desk.write("library.so", "");
    desk.write("box/init.lua", "");
    desk.write("noted.lua", "");
    desk.write("noted.toml", "");
    desk.write("closed/a.lua", "");
    fs::set_permissions(desk.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = desk.path("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    ["script.lua", "library.so", "box", "noted.toml", "closed"].into_iter().for_each(shut);
    let mut command = Command::new(&program);
    command.args(["--exact", "directories::permissions::child", "--nocapture"]);
    command.env(FOLDER, desk.folder.path()).current_dir("/");
    if let Some(user) = nobody() {
        command.uid(user).gid(user);
    }
    let output = command.output().unwrap();
    ["box", "closed"].into_iter().for_each(|name| {
        fs::set_permissions(desk.path(name), PermissionsExt::from_mode(0o755)).unwrap();
    });
    let text = String::from_utf8(output.stdout).unwrap();
    let folder = desk.folder.path().to_string_lossy();
    let said: Vec<_> = text
        .lines()
        .filter_map(|line| {
            line.split_once("plugins: ")
                .map(|it| it.1.to_owned())
                .or_else(|| Some(line.strip_prefix("failure: ")?.replace(&*folder, "@")))
        })
        .collect();
    let denied = "Permission denied (os error 13)";
    assert_eq!(
        said,
        [
            "good".to_owned(),
            format!("cannot list `@/closed`: {denied}"),
            format!("cannot load `@/box`: cannot read `@/box/plugin.toml`: {denied}"),
            format!("cannot load `@/closed`: cannot read `@/closed/plugin.toml`: {denied}"),
            format!("cannot read `@/library.so`: {denied}"),
            format!("cannot load `@/noted.lua`: cannot read `@/noted.toml`: {denied}"),
            format!("cannot read `@/script.lua`: {denied}"),
        ],
        "{text}"
    );
}
