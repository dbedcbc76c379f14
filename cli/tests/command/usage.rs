//! What all subcommands share: exit codes, streams, help.

use std::fs;
use std::io;
use std::process::Stdio;

use crate::ran::{LUA, command, file, folder, run, twinplug};

#[test]
fn a_folder_of_plugins_is_told_from_a_plugin() {
    let folder = folder("usage_folder");
    fs::create_dir(folder.join("plugins")).unwrap();
    fs::write(folder.join("plugins/clock.lua"), "").unwrap();
    let error = "error: no plugin in `plugins`: tried `plugins/init.lua`; it is a folder of plugins: \
                 name one of them, like `plugins/clock.lua`";
    let note = "note: `twinplug run plugins` takes all plugins of a folder, and so do `repl`, `test`, \
                `check` and `watch`";
    for args in
        [&["call", "plugins", "now"][..], &["inspect", "plugins"], &["bench", "plugins", "now"]]
    {
        let ran = run(command(args).current_dir(&folder));
        assert_eq!((ran.err, ran.code), (format!("{note}\n{error}\n"), Some(1)), "{args:?}");
    }
}

#[test]
fn a_missing_file_is_named() {
    for args in [&["call", "missing.lua", "f"][..], &["inspect", "missing.lua"]] {
        let ran = twinplug(args);
        assert_eq!(ran.err, "error: no plugin at `missing.lua`: tried `missing.lua`\n");
        assert_eq!((ran.out.as_str(), ran.code), ("", Some(1)));
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let wrong = |args: &[&str], first: &str| twinplug(args).is_wrong_usage(first);
    wrong(&["frob"], "error: unrecognized subcommand 'frob'");
    wrong(&["check"], "error: the following required arguments were not provided:");
    let wrong =
        |args: &[&str], first: &str| wrong(&[&["call", LUA, "Hello"], args].concat(), first);
    wrong(
        &["--set", "Value"],
        "error: invalid value 'Value' for '--set <VAR=V>': expected a variable's name, `=`, and its value",
    );
    wrong(
        &["--channel", "data:many"],
        "error: invalid value 'data:many' for '--channel <NAME[:CAP]>': expected a channel's name, then maybe `:` and how many it holds",
    );
    wrong(&["--channel", "a", "--channel", "a:1"], "error: channel `a` is there twice");
    wrong(
        &["18446744073709551615"],
        "error: invalid value '18446744073709551615' for '[ARG]...': 18446744073709551615 is out of range for int at line 1 column 20",
    );
}

#[test]
fn a_closed_standard_output_is_no_panic() {
    for args in [&["call", LUA, "Hello"][..], &["check", LUA], &["inspect", LUA], &["--help"]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = command(args).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{args:?}");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_reported() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command(&["check", LUA]).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let output = output.wait_with_output().unwrap();
    let expected =
        "error: cannot write to standard output: No space left on device (os error 28)\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn help_and_version_are_results() {
    let version = twinplug(&["--version"]);
    let script = file("usage_version", "says.lua", "function Lua() return _VERSION end");
    let said = twinplug(&["call", &script, "Lua"]).out;
    // LuaJIT says which language it speaks.
    let lua = said.trim().trim_matches('"').replace("Lua 5.1", "LuaJIT");
    let begins = concat!("twinplug ", env!("CARGO_PKG_VERSION"), " (");
    assert!(version.out.starts_with(&format!("{begins}{lua}")), "{}", version.out);
    assert!(version.out.ends_with(")\n") && version.code == Some(0), "{}", version.out);
    for command in [
        "demo",
        "call",
        "inspect",
        "check",
        "new",
        "repl",
        "run",
        "test",
        "bench",
        "types",
        "watch",
        "completions",
    ] {
        let ran = twinplug(&[command, "--help"]);
        assert!(ran.out.contains("\nExample"), "{}", ran.out);
        assert!(ran.out.contains("--time-limit <TIME>"), "{}", ran.out);
        assert_eq!((ran.err.as_str(), ran.code), ("", Some(0)));
    }
}
