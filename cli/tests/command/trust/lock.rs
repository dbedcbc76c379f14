//! `lock` where it cannot: what is no folder, and a folder that cannot be written to.

use std::fs;
use std::process::Command;

use super::{PLUGINS, Yard};
use crate::ran::run;

#[test]
fn a_file_is_not_locked_by_itself() {
    let yard = Yard::new("file", &PLUGINS);
    let folder = |path: &str, folder: &str| {
        let error = format!(
            "cannot lock `{path}`: it is no folder, and a folder is locked with all that is in it: name \
             the folder that it is in, `{folder}`"
        );
        yard.fails(&["lock", path], &error);
        yard.fails(&["lock", path, "--locked"], &error);
    };
    folder("plugins/clock.lua", "plugins");
    yard.write("dial.lua", "");
    folder("dial.lua", ".");
    assert!(!yard.path("plugins/twinplug.lock").exists());
}

/// As on a disk that is full.
#[test]
fn a_lock_file_that_cannot_be_written_is_named() {
    let yard = Yard::new("full", &PLUGINS);
    let script =
        format!("trap '' XFSZ; ulimit -f 0; exec {} lock plugins", env!("CARGO_BIN_EXE_twinplug"));
    let ran = run(Command::new("sh").args(["-c", &script]).current_dir(&yard.folder));
    ran.fails(1, "error: cannot write `plugins/twinplug.lock`: File too large (os error 27)");
    let left = fs::read_dir(yard.path("plugins")).unwrap().count();
    assert_eq!(left, 3);
}
