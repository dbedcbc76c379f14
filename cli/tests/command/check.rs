//! `check`.

use std::fs;

use crate::ran::{C, LUA, RUST, command, file, folder, run, twinplug};

#[test]
fn tells_of_each_path() {
    let text = file("check", "text.so", "not a library");
    let broken = file("check_broken", "broken.lua", "return {\n  f =\n");
    let ran = twinplug(&["check", LUA, RUST, C, &text, &broken, "missing.lua"]);
    let expected = format!(
        "ok       {LUA} (lua, testplugin)\n\
         ok       {RUST} (native, testplugin 1.0.0)\n\
         ok       {C} (native, testplugin 1.0.0)\n\
         refused  {text}: a text file, and no shared library\n\
         refused  {broken}: broken.lua:3: unexpected symbol near <eof>\n\
         refused  missing.lua: no plugin at `missing.lua`: tried `missing.lua`\n"
    );
    assert_eq!((ran.out, ran.code), (expected, Some(1)));
}

#[test]
fn reads_the_first_comments_of_scripts() {
    let named = file("check_head", "hello.lua", "---@plugin greet 1.2.0\n");
    let over = file("check_over", "hello.lua", "---@plugin greet 1.2.0\n---@over physics\n");
    let bad = file("check_bad_head", "hello.lua", "---@plugin greet\n");
    let ran = twinplug(&["check", &named, &over, &bad]);
    let expected = format!(
        "ok       {named} (lua, greet 1.2.0)\n\
         ok       {over} (lua, greet 1.2.0)\n\
         refused  {bad}: hello.lua:1: `---@plugin` takes a name and a version: `---@plugin clock 1.2.0`\n"
    );
    assert_eq!((ran.out, ran.code), (expected, Some(1)));
}

#[test]
fn answers_programs_with_an_object_a_line() {
    let text = file("check_json", "text.so", "not a library");
    let ran = twinplug(&["check", "--json", RUST, &text]);
    let expected = format!(
        concat!(
            r#"{{"path":"{}","verdict":"ok","kind":"native","name":"testplugin","version":"1.0.0","reason":null}}"#,
            "\n",
            r#"{{"path":"{}","verdict":"refused","kind":null,"name":null,"version":null,"reason":"a text file, and no shared library"}}"#,
            "\n"
        ),
        RUST, text
    );
    assert_eq!((ran.out, ran.code), (expected, Some(1)));
}

#[test]
fn a_folder_of_source_folders_alone_says_how_they_are_checked() {
    let folder = folder("check_sources_alone");
    for name in ["one", "two"] {
        fs::create_dir_all(folder.join("native").join(name)).unwrap();
        fs::write(folder.join("native").join(name).join("a.c"), "no C at all").unwrap();
    }
    let ran = run(command(&["check", "native"]).current_dir(&folder));
    let refused = "refused  native: there are source folders alone in it, which are built if they are \
                   named: `twinplug check native/one native/two`\n";
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), (refused, "", Some(1)));
}

#[test]
fn a_script_with_tests_says_how_they_are_run() {
    let folder = folder("check_tests");
    fs::write(folder.join("clock_test.lua"), "assert_equal(plugin.Now(), 7)").unwrap();
    let note = "note: `clock_test.lua` has the name of a script with tests: `twinplug test \
                clock_test.lua` runs them";
    for args in [&["check"][..], &["call", "F"], &["run"], &["repl"], &["types"]] {
        let args = [&args[..1], &["clock_test.lua"], &args[1..]].concat();
        let ran = run(command(&args).current_dir(&folder));
        assert_eq!(ran.err.lines().next(), Some(note), "{args:?}");
    }
}

#[test]
fn a_table_that_is_not_returned_is_told() {
    let text = "local M = {}\nfunction M.Now() return 7 end\n";
    let folder = folder("check_unreturned");
    fs::write(folder.join("clock.lua"), text).unwrap();
    fs::write(folder.join("ends.lua"), format!("{text}return M\n")).unwrap();
    let ran = |args: &[&str]| run(command(args).current_dir(&folder));
    let warning = "warning: `clock.lua`: it exports nothing: does it end with `return M`?\n";
    let verdicts = "ok       clock.lua (lua, clock)\nok       ends.lua (lua, ends)\n";
    let check = ["check", "clock.lua", "ends.lua"];
    let checked = ran(&check);
    assert_eq!((checked.out.as_str(), checked.err.as_str()), (verdicts, warning));
    assert_eq!(checked.code, Some(0));
    assert_eq!(ran(&[&check[..], &["-q"]].concat()).err, "");
    assert_eq!(ran(&["inspect", "clock.lua", "--json"]).err, warning);
    let warning = "warning: it exports nothing: does it end with `return M`? (script clock.lua)\n";
    assert_eq!(ran(&["inspect", "clock.lua", "--load"]).err, warning);
    let missing = "error: plugin `clock`: no symbol `Now`\n";
    assert_eq!(ran(&["call", "clock.lua", "Now"]).err, format!("{warning}{missing}"));
}

#[cfg(target_os = "linux")]
#[test]
fn refuses_any_other_library() {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let mut libraries = folders.map(|folder| folder.join("libc.so.6"));
    let libc = libraries.find(|library| library.is_file()).unwrap().display().to_string();
    let ran = twinplug(&["check", &libc]);
    let expected = format!(
        "refused  {libc}: a shared library, but no twinplug plugin: it has no symbol `twinplug_plugin`\n"
    );
    assert_eq!((ran.out, ran.code), (expected, Some(1)));
}

#[test]
fn runs_no_code() {
    let folder = folder("check_runs_no_code");
    fs::create_dir_all(folder.join("native")).unwrap();
    fs::write(folder.join("script.lua"), "error('it ran')").unwrap();
    let source = r#"
        #include "twinplug.h"
        #include <stdlib.h>
        __attribute__((constructor)) static void at_load(void) { abort(); }
        static tp_status init(tp_call *call) { (void)call; abort(); }
        static tp_status f(tp_call *call) { (void)call; return TP_OK; }
        static const tp_export exports[] = { TP_EXPORT_FUNC("f", "()", f) };
        TP_PLUGIN("native", "1.0.0", exports, init);
    "#;
    fs::write(folder.join("native/native.c"), source).unwrap();
    let ran = run(command(&["check", "script.lua", "native"]).current_dir(&folder));
    let expected = "ok       script.lua (lua, script)\n\
                    ok       native (native, native 1.0.0)\n";
    assert_eq!((ran.out.as_str(), ran.code), (expected, Some(0)), "{}", ran.err);
}

/// A system without a cache of libraries may look elsewhere.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn refuses_what_the_system_cannot_load() {
    let folder = folder("check_unmet");
    let write = |name: &str, body: &str| {
        let text = format!(
            "#include \"twinplug.h\"\nint ticks(void);\n\
             static tp_status f(tp_call *call) {{ *call->result = tp_int({body}); return TP_OK; }}\n\
             static const tp_export exports[] = {{ TP_EXPORT_FUNC(\"f\", \"() -> int\", f) }};\n\
             TP_PLUGIN(\"clock\", \"1.0.0\", exports, NULL);"
        );
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("plugin.c"), text).unwrap();
    };
    write("clock", "ticks()");
    write("dial", "7");
    let check = |args: &[&str]| run(command(args).current_dir(&folder));
    let ran = check(&["check", "clock", "dial"]);
    let reason = "imports `ticks`, which no library has that it needs: define what is missing, or \
                  link the library that has it";
    let expected = format!("refused  clock: {reason}\nok       dial (native, clock 1.0.0)\n");
    assert_eq!((ran.out, ran.code), (expected, Some(1)), "{}", ran.err);
    let ran = check(&["check", "clock", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!([&report["verdict"], &report["reason"]], ["refused", reason]);
    // So says the system.
    let ran = check(&["call", "clock", "f"]);
    assert!(
        ran.err.trim_end().contains("undefined symbol: ticks: define it, or link the library"),
        "{}",
        ran.err
    );
    // It is told, and not refused: somebody wants to know what it is.
    let ran = check(&["inspect", "target/plugins/libclock.so"]);
    let hazard = "hazard   imports `ticks`, which no library has that it needs\n";
    assert!(ran.out.contains(hazard) && ran.code == Some(0), "{}{}", ran.out, ran.err);
}

#[test]
fn reads_manifests() {
    let folder = folder("check_reads_manifests");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("clock.lua", "error('it ran')");
    write("clock.toml", "name = 'wall'\nversion = '1.4.0'");
    write("game/plugin.toml", "entry = 'main.lua'");
    write("game/main.lua", "error('it ran')");
    // Sources beside a manifest are the plugin's own affair.
    write("game/helper.c", "no C at all");
    write("broken/plugin.toml", "name = 'broken'\nentri = 'main.lua'");
    write("broken/main.lua", "");
    let check = |args: &[&str]| run(command(args).current_dir(&folder));
    let ran = check(&["check", "clock.lua", "game", "broken"]);
    let expected = "ok       clock.lua (lua, wall 1.4.0)\n\
                    ok       game (lua, game)\n\
                    refused  broken: plugin.toml:2: unknown key `entri`; near: `entry`\n";
    assert_eq!((ran.out.as_str(), ran.code), (expected, Some(1)), "{}", ran.err);
    let ran = check(&["inspect", "clock.lua"]);
    let expected = "path     clock.lua\nkind     lua\nname     wall\nversion  1.4.0\n";
    assert!(ran.out.starts_with(expected), "{}", ran.out);
}

#[test]
fn tells_of_each_plugin_of_a_folder() {
    let folder = folder("check_folder");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("plugins/alarm.lua", "---@plugin alarm 1.0.0\n---@requires clock ^1.0\nerror('it ran')");
    write("plugins/alarm.toml", "[requires]\nclock = '^1.0'");
    write("plugins/clock/plugin.toml", "version = '1.4.0'");
    write("plugins/clock/init.lua", "error('it ran')");
    write("plugins/broken.lua", "return {");
    write("plugins/text.so", "not a library");
    write("plugins/alarm_test.lua", "error('it ran')");
    write("plugins/_part.lua", "error('it ran')");
    write("empty/readme.md", "");
    let ran = run(command(&["check", "plugins", "empty"]).current_dir(&folder));
    let near = "unexpected symbol near <eof>";
    let expected = format!(
        "ok       plugins/alarm.lua (lua, alarm 1.0.0)\n\
         refused  plugins/broken.lua: broken.lua:1: {near}\n\
         ok       plugins/clock (lua, clock 1.4.0)\n\
         refused  plugins/text.so: a text file, and no shared library\n\
         refused  empty: no plugin in `empty`: tried `empty/init.lua`; the command `twinplug` builds a \
         folder of sources, which has a `Cargo.toml`, a `go.mod`, a `build.zig`, or files `*.c`, \
         `*.cpp` or `*.cc`\n"
    );
    assert_eq!((ran.out, ran.code), (expected, Some(1)));
    let ran = run(command(&["check", "--json", "plugins/clock", "plugins"]).current_dir(&folder));
    assert_eq!((ran.out.lines().count(), ran.code), (5, Some(1)));
}

#[test]
fn a_plugin_is_called_with_those_that_it_requires() {
    let folder = folder("call_with");
    fs::create_dir_all(folder.join("clocks")).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let alarm = "---@requires clock ^1.0\nfunction At(n) return host.plugin('clock').Now() + n end";
    write("alarm.lua", alarm);
    write(
        "clocks/clock.lua",
        "---@plugin clock 1.4.0\n---@requires dial *\n\
         return { Now = function() return 7 end, on_unload = function() print('gone') end }",
    );
    write("clocks/dial.lua", "");
    let in_folder = |args: &[&str]| run(command(args).current_dir(&folder));
    let ran = in_folder(&["call", "alarm.lua", "At", "2", "--with", "clocks"]);
    assert_eq!((ran.out.as_str(), ran.code), ("gone\n9\n", Some(0)), "{}", ran.err);
    let ran = in_folder(&[
        "call",
        "alarm.lua",
        "At",
        "2",
        "--with",
        "clocks/dial.lua",
        "--with",
        "clocks/clock.lua",
    ]);
    assert_eq!((ran.out.as_str(), ran.code), ("gone\n9\n", Some(0)), "{}", ran.err);
    let ran = in_folder(&["inspect", "--load", "--with", "clocks", "alarm.lua"]);
    assert!(ran.out.contains("func  At"), "{}{}", ran.out, ran.err);
    in_folder(&["call", "alarm.lua", "At", "2"]).fails(
        1,
        "error: cannot load `alarm.lua`: it requires `clock` ^1.0, and no plugin `clock` is loaded: \
         load it first, or both with `Host::load_dir` (`--with` of the command)",
    );
}

#[test]
fn source_folders_in_a_folder_of_plugins_are_named() {
    let folder = folder("check_sources");
    std::fs::write(folder.join("a.lua"), "").unwrap();
    std::fs::create_dir_all(folder.join("c")).unwrap();
    std::fs::write(folder.join("c/c.c"), "no C at all").unwrap();
    let ran = run(command(&["check", "."]).current_dir(&folder));
    assert_eq!(ran.out, "ok       ./a.lua (lua, a)\n");
    let note = "note: `./c` is a source folder, and not checked: name it, and it is built\n";
    assert_eq!((ran.err.as_str(), ran.code), (note, Some(0)));
}
