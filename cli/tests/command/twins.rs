//! What holds for each twin of the sample plugin: one table, a plugin a
//! language.

use serde_json::Value;

use crate::ran::{LUA, command, is_skipped, twinplug, typed};

/// Makes a test of each row on each twin.
macro_rules! on_each_twin {
    ($($row:ident)*) => {
        mod lua { $(#[test] fn $row() { super::$row(crate::ran::LUA) })* }
        mod rust { $(#[test] fn $row() { super::$row(crate::ran::RUST) })* }
        mod c { $(#[test] fn $row() { super::$row(crate::ran::C) })* }
        mod cpp { $(#[test] fn $row() { super::unless_skipped(crate::ran::CPP, super::$row) })* }
        mod go { $(#[test] fn $row() { super::unless_skipped(crate::ran::GO, super::$row) })* }
        mod zig { $(#[test] fn $row() { super::unless_skipped(crate::ran::ZIG, super::$row) })* }
    };
}
on_each_twin! {
    calls_with_a_variable_set
    shows_variables_and_messages
    names_the_near_function
    refuses_a_variable_as_a_function
    reports_a_call_without_a_channel
    lists_what_init_registers
    is_talked_to_at_a_prompt
}

fn unless_skipped(twin: &str, row: fn(&str)) {
    if !is_skipped(twin) {
        row(twin);
    }
}

fn calls_with_a_variable_set(twin: &str) {
    let ran = twinplug(&["call", twin, "Hello", "--set", "Value=123"]);
    ran.gives(r#""Hello, number 123""#);
    assert_eq!(ran.out, "plugin load...\n\"Hello, number 123\"\n");
}

fn shows_variables_and_messages(twin: &str) {
    let set = r#"Pd={"name":"PluginTest","age":11,"tel":"15396656998"}"#;
    let args = ["call", twin, "ComplexType", "--set", set, "--get", "Pd", "--get", "Value"];
    let ran = twinplug(&[&args[..], &["--recv", "data"]].concat());
    ran.gives(
        r#"{"result":null,"vars":{"Pd":{"age":44,"name":"PluginTest","tel":"15396656998"},"Value":0},"messages":{"data":[{"age":44,"name":"PluginTest","tel":"15396656998"}]}}"#,
    );
}

fn names_the_near_function(twin: &str) {
    twinplug(&["call", twin, "Helo"])
        .fails(1, "error: plugin `testplugin`: no symbol `Helo`; near: `Hello`");
}

fn refuses_a_variable_as_a_function(twin: &str) {
    let ty = if twin == LUA { "number" } else { "int" };
    let message = format!(
        "error: plugin `testplugin`: `Value` is a variable, `{ty}`, and no function: `--set` and `--get` take it"
    );
    twinplug(&["call", twin, "Value"]).fails(1, &message);
}

fn reports_a_call_without_a_channel(twin: &str) {
    let ran = twinplug(&["call", twin, "ComplexType"]);
    let error = ran.err.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.starts_with("error: plugin `testplugin`: `ComplexType`: "), "{error}");
    assert!(error.ends_with("the host has no channel `data`: add it with `HostBuilder::channel` (`--channel` of the command)"), "{error}");
    assert_eq!((ran.out.as_str(), ran.code), ("plugin load...\n 0 \n", Some(1)));
}

fn lists_what_init_registers(twin: &str) {
    let ran = twinplug(&["inspect", twin, "--json", "--load"]);
    assert_eq!(ran.err.lines().last(), Some("plugin load..."));
    let report: Value = serde_json::from_str(ran.out.strip_suffix('\n').unwrap()).unwrap();
    let exports = report["exports"].as_array().unwrap();
    let mut names: Vec<_> = exports.iter().map(|export| export["name"].as_str()).collect();
    names.sort_unstable();
    let expected = ["ComplexType", "Hello", "Pd", "Plugin_fun", "Value"];
    assert_eq!(names, expected.map(Some));
    assert_eq!([&report["name"], &report["version"]], ["testplugin", "1.0.0"]);
}

fn is_talked_to_at_a_prompt(twin: &str) {
    let lines = "\
testplugin.Value = 7
testplugin.Value + 1
testplugin.Plugin_fun()
testplugin.Pd = { name = 'PluginTest', age = 11, tel = '15396656998' }
testplugin.ComplexType()
host.channel('data'):recv()
testplugin.Pd.age, testplugin.Hello()
testplugin.Helo()
testplugin.Value = 'x'
.unload testplugin
testplugin
";
    let out = "\
plugin load...
8
Value in plugin: 7
PluginTest 11 15396656998
{ age = 44, name = \"PluginTest\", tel = \"15396656998\" }
44, \"Hello, number 7\"
nil
";
    let ty = if twin == LUA { "number" } else { "int" };
    let err = format!(
        "error: input:8: plugin `testplugin`: no symbol `Helo`; near: `Hello`\n\
         error: input:9: plugin `testplugin`: `Value`: expected {ty}, got string\n\
         unloaded testplugin 1.0.0 (load 1)\n"
    );
    let ran = typed(&mut command(&["repl", twin, "--channel", "data"]), lines);
    assert_eq!((ran.out.as_str(), ran.code), (out, Some(1)), "{}", ran.err);
    // A build comes before, and after it may be that threads of a runtime are told.
    assert!(ran.err.contains(&err), "{}", ran.err);
}
