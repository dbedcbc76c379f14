//! `call`: arguments, channels, errors.

use std::fs;

use crate::ran::{Ran, command, file, folder, run, twinplug};

/// `f` of a script; the arguments come after its path.
fn call(test: &str, script: &str, args: &[&str]) -> Ran {
    twinplug(&[&["call", &file(test, "script.lua", script), "f"], args].concat())
}

#[test]
fn arguments_are_json_or_else_strings() {
    let check = |row: &str, args: &[&str], expected: &str| {
        let script = "return { f = function(a, b) return { a = a, b = b } end }";
        call(&format!("arguments_{row}"), script, args).gives(expected);
    };
    check("negative", &["-1", "-2.5e3"], r#"{"a":-1,"b":-2500.0}"#);
    check("strings", &["a b", r#""5""#], r#"{"a":"a b","b":"5"}"#);
    check("kinds", &["5", "5.0"], r#"{"a":5,"b":5.0}"#);
    check("nested", &[r#"{"x":[1,true]}"#, "{x}"], r#"{"a":{"x":[1,true]},"b":"{x}"}"#);
    check("empty", &["", "null"], r#"{"a":""}"#);
    check("dashes", &["1", "--", "--get"], r#"{"a":1,"b":"--get"}"#);
}

#[test]
fn the_result_has_a_line_of_its_own() {
    let folder = folder("line_of_its_own");
    fs::create_dir_all(folder.join("native")).unwrap();
    let source = r#"
        #include "twinplug.h"
        #include <stdio.h>
        static tp_status f(tp_call *call) {
          printf("past the host\n");
          tp_print(call, "no line end");
          return tp_answer(call, TP_OK, "%s", "result");
        }
        static const tp_export exports[] = { TP_EXPORT_FUNC("f", "() -> string", f) };
        TP_PLUGIN("native", "1.0.0", exports, NULL);
    "#;
    fs::write(folder.join("native/native.c"), source).unwrap();
    run(command(&["call", "native", "f"]).current_dir(&folder)).gives("\"result\"");
}

#[test]
fn each_recv_is_one_message_whatever_their_order() {
    let script = "return { f = function() for i = 1, 3 do host.channel('a'):send(i) end \
                  host.channel('b'):send({ 4 }) return 'done' end }";
    let check = |row: &str, args: &[&str], messages: &str| {
        let expected = format!(r#"{{"result":"done","vars":{{}},"messages":{messages}}}"#);
        call(&format!("recv_{row}"), script, args).gives(&expected);
    };
    check("both", &["--recv", "b", "--recv", "a", "--recv", "a"], r#"{"a":[1,2],"b":[[4]]}"#);
    check("declared", &["--channel", "a", "--recv", "b"], r#"{"b":[[4]]}"#);
    check(
        "capacity",
        &["--channel", "a:1", "--recv", "a", "--recv", "b"],
        r#"{"a":[1],"b":[[4]]}"#,
    );
}

#[test]
fn a_message_that_nobody_receives_holds_nothing_up() {
    let script = "return { f = function() host.channel('a'):send(1) end }";
    call("nobody", script, &["--channel", "a"]).gives("null");
}

#[test]
fn a_call_that_sends_too_little_fails() {
    let script = "return { f = function(n) for i = 1, n do host.channel('a'):send(i) end end }";
    let check = |sent: &str, message: &str| {
        let test = format!("too_little_{sent}");
        call(&test, script, &[sent, "--recv", "a", "--recv", "a"]).fails(1, message);
    };
    check("0", "error: the call ended without a message on channel `a`");
    check("1", "error: the call ended after 1 of 2 messages on channel `a`");
}

#[test]
fn a_script_that_fails_shows_where() {
    let script = "local function inner() error('boom') end\n\
                  return { f = function() inner() end }";
    // The call's own error comes before the message that is missing for it.
    let ran = call("fails", script, &["--recv", "a"]);
    let expected = "error: plugin `script`: `f`: script.lua:1: boom\n   \
                    1 | local function inner() error('boom') end\n     \
                    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  \
                    [C]: in function 'error'\n  \
                    script.lua:1: in upvalue 'inner'\n  \
                    script.lua:2: in function <script.lua:2>\n";
    assert_eq!((ran.err.as_str(), ran.out.as_str(), ran.code), (expected, "", Some(1)));
}

#[test]
fn permissions_are_granted_before_or_after_the_subcommand() {
    let script = file("allow", "a.lua", "function f() return debug ~= nil and package ~= nil end");
    fs::write(script.replace("a.lua", "a.toml"), "permissions = ['debug', 'package']").unwrap();
    let call = ["call", &script, "f"];
    let allow = |permission| ["--allow", permission];
    let (debug, package) = (allow("debug"), allow("package"));
    twinplug(&[&debug[..], &package[..], &call[..]].concat()).gives("true");
    twinplug(&[&call[..], &debug[..], &package[..]].concat()).gives("true");
    twinplug(&[&debug[..], &call[..], &package[..]].concat()).gives("true");
    let refused = format!(
        "error: cannot load `{script}`: plugin `a` asks for the permission `package`, and the host \
         does not grant it: if you trust the plugin, grant it with `HostBuilder::allow(\"package\")`, \
         or `--allow package` of the command"
    );
    twinplug(&[&debug[..], &call[..]].concat()).fails(1, &refused);
    let ran = twinplug(&[&call[..], &allow("oss")[..]].concat());
    ran.is_wrong_usage("error: unknown permission `oss`; near: `os`");
}

#[test]
fn a_script_in_a_folder_is_no_source() {
    let folder = folder("script_with_source");
    fs::write(folder.join("init.lua"), "return { f = function() return 1 end }").unwrap();
    fs::write(folder.join("other.c"), "not C").unwrap();
    twinplug(&["call", folder.to_str().unwrap(), "f"]).gives("1");
}
