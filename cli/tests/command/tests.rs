//! `test`: tests in Lua, of plugins of either kind.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::ran::{
    C, CPP, GO, RUST, Ran, ZIG, answers, broken, command, folder, is_skipped, library, run, said,
    twinplug,
};

/// A folder with a script `greet.lua`, and its tests.
fn greet(test: &str, tests: &str) -> String {
    let folder = folder(&format!("test_{test}"));
    let script =
        "function hello(name) print('said') return 'Hello, ' .. host.name(name) end\nCount = 0";
    fs::write(folder.join("greet.lua"), script).unwrap();
    fs::write(folder.join("greet_test.lua"), tests).unwrap();
    folder.into_os_string().into_string().unwrap()
}

/// The command in that folder.
fn test(folder: &str, args: &[&str]) -> Ran {
    run(command(&[&["test"], args].concat()).current_dir(folder))
}

/// The output without the times of tests that took long.
fn timeless(ran: &Ran) -> String {
    let cut = |line: &str| match line.rsplit_once(" (") {
        Some((before, time)) if time.ends_with(" ms)") => format!("{before}\n"),
        _ => format!("{line}\n"),
    };
    ran.out.lines().map(cut).collect()
}

#[track_caller]
fn says(ran: &Ran, code: i32, out: &str) {
    assert_eq!((timeless(ran).as_str(), ran.err.as_str(), ran.code), (out, "", Some(code)));
}

#[test]
fn one_table_of_tests_is_that_of_every_twin() {
    const TESTS: &str = "lua-plugins/testplugin_test.lua";
    let expected = format!(
        "{TESTS}\n  ok      test_hello_says_the_value\n  ok      test_each_test_has_the_plugin_anew\n  ok      \
         test_complex_type_sends_what_it_has_made\n3 passed, 0 failed\n"
    );
    says(&twinplug(&["test", "lua-plugins"]), 0, &expected);
    says(&twinplug(&["test", "lua-plugins/testplugin.lua"]), 0, &expected);
    for twin in [RUST, C, CPP, ZIG, GO] {
        if !is_skipped(twin) {
            let ran = twinplug(&["test", TESTS, "--plugin", twin]);
            assert_eq!(
                (ran.out.as_str(), ran.code),
                (expected.as_str(), Some(0)),
                "{twin}: {}",
                ran.err
            );
        }
    }
}

#[test]
fn functions_of_the_host_are_mocked() {
    let tests = "host.mock('name', function(name) return name .. '!' end)
function test_before() assert_equal(plugin.hello('a'), 'Hello, a!') end
function test_within()
  host.mock('name', function() return 'b' end)
  assert_equal(plugin.hello('a'), 'Hello, b')
end
function test_others_do_not_see_it() assert_equal(plugin.hello('a'), 'Hello, a!') end";
    let expected = "greet_test.lua\n  ok      test_before\n  ok      test_within\n  ok      \
                    test_others_do_not_see_it\n3 passed, 0 failed\n";
    says(&test(&greet("mocks", tests), &["greet.lua"]), 0, expected);
}

#[test]
fn what_fails_shows_where_and_both_values() {
    let tests = "host.mock('name', function(name) return name end)
function test_equal() assert_equal(plugin.hello('a'), 'Hello, b') end
function test_tables()
  assert_equal({ 1, x = { y = 'z\\n' } }, { 1, 2, x = {} }, 'the tables')
end
function test_plain() assert(plugin.Count == 1) end
function test_nothing() return plugin.nothing end
function test_set() plugin.Count = 'x' end
function test_no_error() assert_error(function() end, 'no') end
function test_other_error() assert_error(function() error('yes') end, 'no') end
function test_error() assert_error(function() plugin.hello() end, 'nil') end
function test_passes()
  plugin.Count = plugin.Count + 1
  assert_equal(plugin.Count, 1)
  assert_equal(0 / 0, 0 / 0)
  assert_equal({ a = { 1, 2 } }, { a = { 1, 2 } })
end";
    let expected = "greet_test.lua
  FAILED  test_equal
    greet_test.lua:2: not equal
      expected \"Hello, b\"
      got      \"Hello, a\"
       2 | function test_equal() assert_equal(plugin.hello('a'), 'Hello, b') end
         | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    | said
  FAILED  test_tables
    greet_test.lua:4: the tables
      expected { 1, 2, x = {} }
      got      { 1, x = { y = \"z\\n\" } }
       4 |   assert_equal({ 1, x = { y = 'z\\n' } }, { 1, 2, x = {} }, 'the tables')
         |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  FAILED  test_plain
    greet_test.lua:6: assertion failed!
       6 | function test_plain() assert(plugin.Count == 1) end
         | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    [C]: in function 'assert'
    greet_test.lua:6: in function <greet_test.lua:6>
  FAILED  test_nothing
    greet_test.lua:7: plugin `greet`: no symbol `nothing`
       7 | function test_nothing() return plugin.nothing end
         |                                       ^^^^^^^
  FAILED  test_set
    greet_test.lua:8: plugin `greet`: `Count`: expected number, got string
       8 | function test_set() plugin.Count = 'x' end
         |                            ^^^^^
  FAILED  test_no_error
    greet_test.lua:9: no error
      expected \"no\"
      got      none
       9 | function test_no_error() assert_error(function() end, 'no') end
         | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  FAILED  test_other_error
    greet_test.lua:10: another error
      expected \"no\"
      got      \"greet_test.lua:10: yes\"
      10 | function test_other_error() assert_error(function() error('yes') end, 'no') end
         | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  ok      test_error
  ok      test_passes
2 passed, 7 failed
";
    let ran = test(&greet("fails", tests), &["greet_test.lua"]);
    let function = said("in function <greet_test.lua:6>", "in function 'test_plain'");
    says(&ran, 1, &expected.replace("in function <greet_test.lua:6>", function));
}

#[test]
fn a_file_that_cannot_be_loaded_fails_and_others_run() {
    let folder = greet("broken", "function test_a( end");
    fs::write(Path::new(&folder).join("other.lua"), "function One() return 1 end").unwrap();
    let tests =
        "local part = require 'part' function test_one() assert_equal(plugin.One(), part.one) end";
    fs::write(Path::new(&folder).join("other_test.lua"), tests).unwrap();
    fs::write(Path::new(&folder).join("part.lua"), "return { one = 1 }").unwrap();
    fs::write(Path::new(&folder).join("part_test.lua"), "").unwrap();
    // The parts of the script are no plugin.
    fs::create_dir_all(Path::new(&folder).join("other")).unwrap();
    let why = said(
        "<name> or '...' expected near 'end'",
        "Expected identifier when parsing variable name, got 'end'",
    );
    let broken = format!(
        "./greet_test.lua
  FAILED  it cannot be loaded
    cannot load `./greet_test.lua`: greet_test.lua:1: {why}
       1 | function test_a( end
         |                  ^^^
"
    );
    let empty = "./part_test.lua\n  FAILED  there is no function `test_..` in it\n";
    let expected =
        format!("{broken}./other_test.lua\n  ok      test_one\n{empty}1 passed, 2 failed\n");
    says(&test(&folder, &["."]), 1, &expected);
    let expected = format!("{broken}./other_test.lua\n{empty}0 passed, 2 failed, 1 left out\n");
    says(&test(&folder, &[".", "--filter", "two"]), 1, &expected);
}

/// Tables may lead to themselves, and a call is no function.
#[test]
fn comparisons_end() {
    let tests = "host.mock('name', function(name) return name end)
function test_slip() assert_error(plugin.hello('a')) end
function test_rings()
  local one, other = {}, { {} }
  one[1], other[1][1] = one, other
  assert_equal(one, other)
  for i = 1, 12 do one[i] = one end
  assert_equal(one, {})
end";
    let ran = test(&greet("rings", tests), &["greet.lua"]);
    let slip =
        "    greet_test.lua:2: assert_error takes a function: assert_error(function() .. end)\n";
    let rings = "    greet_test.lua:8: not equal\n      expected {}\n      got      { { {";
    assert!(ran.out.contains(slip) && ran.out.contains(rings), "{}", ran.out);
    assert!(ran.out.ends_with("0 passed, 2 failed\n") && ran.out.len() < 10_000, "{}", ran.out);
}

/// What a test requires is found as the plugin finds it; nobody waits for a pipe.
#[cfg(unix)]
#[test]
fn modules_are_found_in_folders_too() {
    let tests = "local deep = require 'parts.deep' function test_it() assert_equal(deep.x, 1) end";
    let folder = greet("modules", tests);
    let place = Path::new(&folder);
    fs::create_dir_all(place.join("parts")).unwrap();
    fs::write(place.join("parts/deep.lua"), "return { x = 1 }").unwrap();
    std::os::unix::fs::symlink("..", place.join("parts/up")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(place.join("pipe.lua")).status().unwrap();
    assert!(pipe.success());
    says(
        &test(&folder, &["greet.lua"]),
        0,
        "greet_test.lua\n  ok      test_it\n1 passed, 0 failed\n",
    );
    let ran = test(&folder, &["greet.lua", "--filter", "tset"]);
    ran.fails(1, "error: no test has `tset` in its name: all 1 are left out");
}

#[test]
fn an_endless_test_is_stopped() {
    let folder = greet("endless", "function test_a() while true do end end\nfunction test_b() end");
    let ran = test(&folder, &["greet.lua", "--time-limit", "600ms"]);
    assert!(ran.out.starts_with("greet_test.lua\n  FAILED  test_a ("), "{}", ran.out);
    let expected = "greet_test.lua\n  FAILED  test_a\n    greet_test.lua:1: deadline of 600 ms\n       \
                    1 | function test_a() while true do end end\n         \
                    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  ok      \
                    test_b\n1 passed, 1 failed\n";
    says(&ran, 1, expected);
}

#[test]
fn a_test_that_waits_for_ever_fails() {
    let tests = "function test_waits() host.channel('x'):recv() end\nfunction test_after() end";
    let folder = greet("waits", tests);
    let ran = test(&folder, &["greet.lua", "--time-limit", "600ms"]);
    says(
        &ran,
        1,
        "greet_test.lua\n  FAILED  test_waits\n    channel `x`: deadline of 600 ms\n  ok      test_after\n\
         1 passed, 1 failed\n",
    );
}

#[test]
fn what_is_not_there_is_named() {
    let folder = greet("missing", "function test_a() end");
    let fails = |args: &[&str], last: &str| {
        let ran = test(&folder, args);
        assert_eq!((ran.err.lines().last(), ran.code, ran.out.as_str()), (Some(last), Some(1), ""));
    };
    fails(&["none"], "error: no plugin at `none`: tried `none`, `none.lua`, `libnone.so`");
    fs::write(Path::new(&folder).join("lone.lua"), "").unwrap();
    fails(&["lone.lua"], "error: no tests of `lone.lua`: looked for `lone_test.lua` beside it");
    fs::create_dir_all(Path::new(&folder).join("empty")).unwrap();
    fails(&["empty"], "error: no tests of `empty`: looked for a file `*_test.lua` in it");
    fs::write(Path::new(&folder).join("odd_test.lua"), "").unwrap();
    fails(
        &["odd_test.lua"],
        "error: `odd_test.lua` is a test of nothing: `./odd` is no plugin, whether as a script, a library or a \
         folder: say which one is tested with `--plugin PATH`",
    );
    let ran = test(&folder, &[]);
    ran.is_wrong_usage("error: the following required arguments were not provided:");
}

#[test]
fn a_plugin_that_cannot_be_built_holds_up_no_other_test() {
    if is_skipped(C) {
        return;
    }
    let folder = broken("test_unbuilt");
    let test = "function test_it() assert_equal(plugin.f(), 7) end";
    for name in ["bad/bad_test.lua", "bad/more_test.lua", "good/good_test.lua"] {
        fs::write(folder.join("all").join(name), test).unwrap();
    }
    let folder = folder.into_os_string().into_string().unwrap();
    let ran = self::test(&folder, &["all"]);
    let (head, _) = ran.out.split_once("(exit status: ").unwrap();
    let begins = "all/bad/bad_test.lua\n  FAILED  its plugin cannot be built\n    cannot build `all/bad`: `cc` \
                  failed ";
    assert_eq!(head, begins);
    let ends = "all/good/good_test.lua\n  ok      test_it\n1 passed, 2 failed\n";
    assert!(ran.out.ends_with(ends), "{}", ran.out);
    // It is built once.
    assert_eq!(ran.err.matches("Compiling all/bad").count(), 1, "{}", ran.err);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn a_plugin_that_is_none_is_told_once() {
    let folder = greet("plugin_none", "function test_a() end\nfunction test_b() end");
    let ran = test(&folder, &["greet_test.lua", "--plugin", "nothere"]);
    let error = "error: no plugin at `nothere`: tried `nothere`, `nothere.lua`, `libnothere.so`\n";
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), ("", error, Some(1)));
}

/// It holds all that the process had open but what the test reads.
#[cfg(unix)]
#[test]
fn what_a_plugin_has_forked_does_not_hold_up_the_end() {
    if is_skipped(C) {
        return;
    }
    let folder = broken("test_fork");
    let fork = "if (fork() == 0) { close(1); close(2); sleep(60); _exit(0); } *call->result";
    let source = answers("good", 7).replace("*call->result", fork);
    fs::write(folder.join("all/good/good.c"), format!("#include <unistd.h>\n{source}")).unwrap();
    let tests = "function test_fork() assert(plugin.f() == 7) end";
    fs::write(folder.join("all/good/good_test.lua"), tests).unwrap();
    let begun = Instant::now();
    let ran = test(folder.to_str().unwrap(), &["all/good"]);
    let passed = "all/good/good_test.lua\n  ok      test_fork\n1 passed, 0 failed\n";
    assert_eq!((ran.out.as_str(), ran.code), (passed, Some(0)), "{}", ran.err);
    assert!(begun.elapsed() < Duration::from_secs(40));
}

/// Whatever a native plugin does to the process, the last line says where it was.
#[cfg(unix)]
#[test]
fn a_test_that_ends_the_process_is_named() {
    if is_skipped(C) {
        return;
    }
    let folder = broken("test_crash");
    let source = answers("good", 7).replace("*call->result", "__builtin_trap(); *call->result");
    fs::write(folder.join("all/good/good.c"), source).unwrap();
    let tests = "function test_before() end function test_crash() plugin.f() end";
    fs::write(folder.join("all/good/good_test.lua"), tests).unwrap();
    let (place, folder) = (folder.clone(), folder.into_os_string().into_string().unwrap());
    let ran = test(&folder, &["all/good"]);
    let passed = "all/good/good_test.lua\n  ok      test_before\n";
    assert_eq!((ran.out.as_str(), ran.code), (passed, None), "{}", ran.err);
    let last = "error: the process has ended in `test_crash` of `all/good/good_test.lua`";
    assert_eq!(ran.err.lines().last(), Some(last));
    // Before any test, and by itself.
    let source = answers("good", 7).replace("*call->result", "_Exit(3); *call->result");
    fs::write(place.join("all/good/good.c"), format!("#include <stdlib.h>\n{source}")).unwrap();
    fs::write(place.join("all/good/good_test.lua"), "plugin.f() function test_it() end").unwrap();
    let ran = test(&folder, &["all/good", "-q"]);
    let last = "error: the process has ended in `all/good/good_test.lua`, before its first test\n";
    assert_eq!((ran.err.as_str(), ran.code), (last, Some(3)));
}

/// Each would be tested as the other.
#[test]
fn two_source_folders_of_one_library_are_told_apart() {
    let folder = folder("test_same_library");
    let source = "#include \"twinplug.h\"\nstatic const tp_export exports[1];\n\
                  TP_PLUGIN_WITH(\"same\", \"1.0.0\", \"\", exports, NULL, NULL, NULL, NULL, NULL, NULL, NULL);";
    for place in ["a/same-one", "b/same_one"] {
        fs::create_dir_all(folder.join(place)).unwrap();
        fs::write(folder.join(place).join("same.c"), source).unwrap();
        fs::write(folder.join(place).join("same_test.lua"), "function test_it() end").unwrap();
    }
    let ran = run(command(&["test", "a/same-one", "b/same_one"]).current_dir(&folder));
    let library = library("same_one");
    let expected = format!(
        "    cannot build `b/same_one`: `a/same-one` and `b/same_one` both become `{library}`: give one of \
         them another name, or take one at a time"
    );
    let told: Vec<_> = ran.out.lines().collect();
    let passes = told.get(..2) == Some(&["a/same-one/same_test.lua", "  ok      test_it"]);
    assert!(passes && told.contains(&&*expected), "{}", ran.out);
    assert_eq!(ran.code, Some(1));
}
