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
