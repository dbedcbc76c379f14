//! `new --sdk`, and a crate whose SDK is not found: where the SDK's version is in no registry.

use std::env;
use std::fs;

use super::{in_folder, locked, names};
use crate::ran::root;

/// Where no registry has it; nor a cache of one that is offline.
#[test]
fn a_crate_whose_sdk_is_not_found_says_where_to_take_it_from() {
    let folder = tempfile::tempdir().unwrap();
    in_folder(folder.path(), &["new", "greet", "--kind", "rust"]);
    let manifest = folder.path().join("greet/Cargo.toml").canonicalize().unwrap();
    let sdk = root().join("crates/sdk");
    let ran = in_folder(folder.path(), &["check", "greet"]);
    let line = format!("twinplug-sdk = {{ path = {sdk:?} }}");
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let expected = format!(
        "refused  greet: `{cargo}` failed (exit status: 101): it has not found `twinplug-sdk`: take \
         that of a checkout of twinplug: put `{line}` into line 10 of `{}`, as `twinplug new --sdk` \
         does; its messages are above\n",
        manifest.display()
    );
    assert_eq!((ran.out, ran.code), (expected, Some(1)), "{}", ran.err);

    // What it says is what helps.
    let text = fs::read_to_string(&manifest).unwrap();
    let was = text.lines().nth(9).unwrap();
    fs::write(&manifest, text.replace(was, &line)).unwrap();
    locked(folder.path().join("greet"));
    in_folder(folder.path(), &["call", "greet", "hello", "world"]).gives("\"Hello, world!\"");
}

/// It is asked for only where cargo has not come to compile anything, and the crate wants the SDK.
#[cfg(unix)]
#[test]
fn an_sdk_is_looked_for_where_it_may_be_missing() {
    use std::os::unix::fs::PermissionsExt;

    use crate::ran::{command, run};

    let check = |dependency: &str, said: &str, called: &str| {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let manifest =
            format!("[package]\nname = \"own\"\n[dependencies]\n{dependency} = \"0.1\"\n");
        fs::create_dir(at("own")).unwrap();
        fs::write(at("own/Cargo.toml"), manifest).unwrap();
        let script = format!("#!/bin/sh\necho $1 $3 >> called\n{said}\nexit 101\n");
        fs::write(at("tool"), script).unwrap();
        fs::set_permissions(at("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = command(&["check", "own"]);
        let ran = run(command.current_dir(folder.path()).env("CARGO", "./tool"));
        let refused = "refused  own: `./tool` failed (exit status: 101); its messages are above\n";
        assert_eq!((&*ran.out, ran.code), (refused, Some(1)), "{}", ran.err);
        assert_eq!(fs::read_to_string(at("called")).unwrap(), called);
    };
    let compiles = "echo '{\"reason\": \"build-finished\", \"success\": false}'";
    check("twinplug-sdk", compiles, "build --lib\n");
    check("serde", "", "build --lib\n");
    check("twinplug-sdk", "", "build --lib\nmetadata --offline\n");
}

#[test]
fn a_crate_elsewhere_depends_on_the_sdk_that_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let sdk = root().join("crates/sdk");
    let line = format!("\ntwinplug-sdk = {{ path = {sdk:?} }}\n");
    for (name, path) in [("greet", root()), ("meet", &sdk)] {
        let ran = in_folder(
            folder.path(),
            &["new", name, "--kind", "rust", "--sdk", path.to_str().unwrap()],
        );
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let manifest = fs::read_to_string(folder.path().join(name).join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&line), "{manifest}");
    }
    locked(folder.path().join("greet"));
    in_folder(folder.path(), &["call", "greet", "hello", "world"]).gives("\"Hello, world!\"");

    let wrong = |args: &[&str]| in_folder(folder.path(), &[&["new", "more"], args].concat());
    let error =
        "error: `greet` has no SDK: give a checkout of twinplug, or its folder `crates/sdk`";
    wrong(&["--kind", "rust", "--sdk", "greet"]).fails(1, error);
    let error = "error: `--sdk` goes with `--kind rust`: no other kind has an SDK";
    wrong(&["--kind", "c", "--sdk", root().to_str().unwrap()]).is_wrong_usage(error);
    assert_eq!(names(folder.path()), ["greet", "meet", "target"]);
}
