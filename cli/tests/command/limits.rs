//! `--time-limit` and `--memory-limit`: what is stopped, and what is no limit.

use crate::ran::{Ran, file, twinplug};

/// A script in which `Spin` runs for ever, `Grow` takes all memory, and `Hello` does neither.
const SCRIPT: &str = "\
function Spin()
  while true do end
end
function Grow()
  local kept = {}
  for i = 1, math.huge do kept[i] = { i } end
end
function Double()
  local text = 'x'
  while true do text = text .. text end
end
function Hello() return 'hello' end
";

fn call(test: &str, before: &[&str], function: &str, after: &[&str]) -> Ran {
    let script = file(&format!("limits_{test}"), "script.lua", SCRIPT);
    twinplug(&[before, &["call", &script, function], after].concat())
}

/// What a `Spin` says that ran for longer than `limit`.
fn stopped(limit: &str) -> String {
    format!(
        "error: plugin `script`: `Spin`: script.lua:2: time limit of {limit}\n   \
         2 |   while true do end\n     \
         |   ^^^^^^^^^^^^^^^^^\n  \
         script.lua:2: in function <script.lua:1>\n"
    )
}

fn fails(ran: &Ran, code: i32, err: &str) {
    assert_eq!((ran.err.as_str(), ran.out.as_str(), ran.code), (err, "", Some(code)));
}

#[test]
fn an_endless_script_is_stopped() {
    fails(&call("endless", &[], "Spin", &["--time-limit", "100ms"]), 1, &stopped("100 ms"));
}

#[test]
fn an_endless_body_is_stopped() {
    let script = file("limits_body", "body.lua", "local n = 0\nwhile true do n = n + 1 end");
    let err = format!(
        "error: cannot load `{script}`: body.lua:2: time limit of 100 ms\n   \
         2 | while true do n = n + 1 end\n     \
         | ^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  \
         body.lua:2: in main chunk\n"
    );
    for args in [&["call", &script, "f"][..], &["inspect", "--load", &script]] {
        fails(&twinplug(&[&["--time-limit", "100ms"], args].concat()), 1, &err);
    }
    // None of its code runs.
    let ran = twinplug(&["check", &script, "--time-limit", "100ms"]);
    ran.gives(&format!("ok       {script} (lua, body)"));
}

#[test]
fn a_script_that_takes_all_memory_is_stopped() {
    for function in ["Grow", "Double"] {
        let ran = call(function, &[], function, &["--memory-limit", "4MiB"]);
        let message = format!("error: plugin `script`: `{function}`: memory limit of 4 MiB");
        fails(&Ran { err: ran.err.lines().next().unwrap().to_owned(), ..ran }, 1, &message);
    }
}

#[test]
fn a_limit_that_no_script_can_live_with_is_named() {
    let script = file("limits_tiny", "tiny.lua", "function f() end");
    let ran = twinplug(&["call", &script, "f", "--memory-limit", "1KiB"]);
    fails(&ran, 1, &format!("error: cannot load `{script}`: memory limit of 1 KiB\n"));
}

#[test]
fn limits_stand_before_or_after_the_subcommand() {
    let before = ["--time-limit", "50ms"];
    let after = ["--time-limit", "100ms"];
    fails(&call("before", &before, "Spin", &[]), 1, &stopped("50 ms"));
    fails(&call("both", &before, "Spin", &after), 1, &stopped("100 ms"));
}

#[test]
fn none_is_no_limit() {
    // What stands before the subcommand lets no script through.
    let limits = ["--time-limit", "1us", "--memory-limit", "1KiB"];
    let none = ["--time-limit", "none", "--memory-limit", "none"];
    call("none", &limits, "Hello", &none).gives("\"hello\"");
}

#[test]
fn a_manifest_lowers_them() {
    let script = file("limits_manifest", "script.lua", SCRIPT);
    let manifest = script.replace("script.lua", "script.toml");
    std::fs::write(manifest, "limits = { time = '50ms' }").unwrap();
    let call = |limit| twinplug(&["call", &script, "Spin", "--time-limit", limit]);
    fails(&call("10s"), 1, &stopped("50 ms"));
    fails(&call("none"), 1, &stopped("50 ms"));
    fails(&call("20ms"), 1, &stopped("20 ms"));
}

#[test]
fn what_is_no_limit_is_wrong_usage() {
    let wrong = |option: &str, value: &str, expected: &str| {
        let given = format!("{}={value}", option.split_once(' ').unwrap().0);
        let message = format!("error: invalid value '{value}' for '{option}': expected {expected}");
        twinplug(&["check", "a.lua", &given]).is_wrong_usage(&message);
    };
    for value in ["", "5", "0ms", "-1s", "5parrots", "None", "99999999999999999999s"] {
        wrong("--time-limit <TIME>", value, "a time, like `500ms` or `2s`, or `none`");
    }
    for value in ["", "0", "0MiB", "-1", "lots", "32 parrots", "none "] {
        wrong("--memory-limit <SIZE>", value, "a size, like `32MiB`, or `none`");
    }
}
