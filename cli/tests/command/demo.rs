//! `demo`.

use std::fs;

use crate::ran::{C, CPP, GO, LUA, RUST, ZIG, command, folder, is_skipped, library, run, twinplug};

#[test]
fn shows_the_tutorial_on_each_twin() {
    let ran = twinplug(&["demo"]);
    let shown = |twin: &str, kind: &str, file: &str| {
        format!(
            "== {twin} ==\n\
             plugin load...\n\
             testplugin 1.0.0, {kind}, from {file}\n\
             Value in plugin: 7\n\
             PluginTest 11 15396656998\n\
             44\n\
             Hello, number 7\n\n"
        )
    };
    for (twin, kind, file) in [
        (LUA, "lua", LUA.to_owned()),
        (RUST, "native", library("testplugin")),
        (C, "native", library("testplugin_c")),
        (CPP, "native", library("testplugin_cpp")),
        (GO, "native", library("testplugin_go")),
        (ZIG, "native", library("testplugin_zig")),
    ] {
        if is_skipped(twin) {
            continue;
        }
        let expected = shown(twin, kind, &file);
        assert!(ran.out.contains(&expected), "{expected}\n{}\n{}", ran.out, ran.err);
    }
    assert_eq!(ran.code, Some(0));
}

#[test]
fn skips_a_language_that_is_not_there() {
    let ran = run(command(&["demo"]).env("GO", "no-go"));
    let expected = "== native-plugins/testplugin-go ==\n\
                    skipped: `no-go` is not there: install Go (`golang-go` on Debian) and a C \
                    compiler, or set `GO`\n\n";
    assert!(ran.out.contains(expected), "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains(&format!("== {C} ==\nplugin load...\n")), "{}", ran.out);
    assert_eq!(ran.code, Some(0));
}

#[test]
fn says_where_to_run_it() {
    run(command(&["demo"]).current_dir(folder("demo_elsewhere"))).fails(
        1,
        "error: no sample plugins here: looked for `lua-plugins/testplugin.lua` and \
         `native-plugins/testplugin*`; run it at the root of a checkout",
    );
}

/// The host waits for a message that never comes.
#[test]
fn ends_when_a_twin_fails() {
    let checkout = folder("demo_fails");
    fs::create_dir_all(checkout.join("native-plugins/testplugin")).unwrap();
    fs::create_dir_all(checkout.join("lua-plugins")).unwrap();
    let script = "return { Value = 0, Pd = { name = '', age = 0, tel = '' },\n\
                  Plugin_fun = function() end, ComplexType = function() error('no') end }";
    fs::write(checkout.join(LUA), script).unwrap();
    let ran = run(command(&["demo"]).current_dir(checkout));
    let expected = "error: plugin `testplugin`: `ComplexType`: testplugin.lua:2: no\n   \
                    2 | Plugin_fun = function() end, ComplexType = function() error('no') end }\n     \
                    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  \
                    [C]: in function 'error'\n  \
                    testplugin.lua:2: in function <testplugin.lua:2>\n";
    assert_eq!((ran.err.as_str(), ran.code), (expected, Some(1)));
}
