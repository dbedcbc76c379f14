//! `repl`: lines that come through a pipe; all that they print, and how it ends.

mod talk;
#[cfg(unix)]
pub(crate) mod terminal;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;

use crate::ran::{
    C, LUA, Ran, broken, command, file, folder, is_skipped, run, said, said_by, typed, unbuilt,
};

const CLOCK: &str = "\
---@plugin clock 1.2.0
Ticks = 0
function Tick(by)
  Ticks = Ticks + (by or 1)
  return Ticks
end
local function inner() error('no time') end
function Fail() inner() end
function Throw() error { code = 7, message = 'late' } end
function Wait()
  print('waits')
  return (host.channel('never'):recv())
end
function on_unload() print('goes') end
";

fn repl(args: &[&str], lines: &str) -> Ran {
    typed(&mut command(&[&["repl"], args].concat()), lines)
}

/// The same with `clock.lua`, in a folder of the test's own.
fn clock(test: &str, args: &[&str], lines: &str) -> Ran {
    let folder = folder(&format!("repl_{test}"));
    fs::write(folder.join("clock.lua"), CLOCK).unwrap();
    let args = [&["repl", "clock.lua", "--channel", "never"], args].concat();
    typed(command(&args).current_dir(folder), lines)
}

/// What lines print, none of which fails.
#[track_caller]
fn prints(lines: &str, out: &str) {
    let ran = repl(&[], lines);
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), (out, "", Some(0)));
}

/// All that lines leave, some of which fail.
#[track_caller]
fn fails(ran: &Ran, out: &str, err: &str) {
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), (out, err, Some(1)));
}

#[test]
fn an_expressions_values_are_shown() {
    let one = said_by("1.0", "1", "1");
    let shown = format!("2\n2\n\"ab\", nil, true, {one}\nnil\n");
    prints("1 + 1\n= 2\n'a' .. 'b', nil, true, 1.0\nnil\n", &shown);
    prints("(function() end)()\n", "");
    prints("'a\\n\\t\\0\"\\\\ü\\xff'\n'ü'\n", "\"a\\n\\t\\000\\\"\\\\\\195\\188\\255\"\n\"ü\"\n");
    prints("1;\n1 -- one\n--\n\n  \n;\n", "1\n1\n");
    prints("host.null, select('#', host.list {})\n", "host.null, 1\n");
    prints("setmetatable({}, { __tostring = function() return 'itself' end })\n", "itself\n");
    prints("plugins, plugins == _G.plugins\n", "plugins, true\n");
    prints("print('a')\nhost.log('b')\nhost.register {}\n", "a\n");
    prints("2 + 3\n_ * 2\n_\nprint(_)\n_\n", "5\n10\n10\n10\n10\n");
}

#[test]
fn tables_are_shown_as_lua_writes_them() {
    let table =
        "{ 1, 'b', x = { y = {} }, ['a b'] = 2, ['end'] = 3, [10] = 4, [true] = 5, [0.5] = 6 }\n";
    let shown = "{ 1, \"b\", [0.5] = 6, [10] = 4, [\"a b\"] = 2, [\"end\"] = 3, x = { y = {} }, [true] = 5 }\n";
    prints(
        table,
        &shown
            .replace("{ 1, ", "{\n  1,\n  ")
            .replace(", [", ",\n  [")
            .replace(", x", ",\n  x")
            .replace("5 }\n", "5\n}\n"),
    );
    prints("{ 1, { 2, a = 3 } }\n", "{ 1, { 2, a = 3 } }\n");
    prints("t = {} t.own = t\nt\n", "{ own = { .. } }\n");
    prints("local shared = {1} return { shared, shared }\n", "{ { 1 }, { 1 } }\n");
    let wide = "{ name = ('x'):rep(40), inner = { a = ('y'):rep(40), b = 1 } }\n";
    let (x, y) = ("x".repeat(40), "y".repeat(40));
    prints(wide, &format!("{{\n  inner = {{ a = \"{y}\", b = 1 }},\n  name = \"{x}\"\n}}\n"));
}

#[test]
fn a_large_table_is_cut_short() {
    let many = "t = {} for i = 1, 250 do t[i] = i end\n#t\nt\n";
    let out = repl(&[], many).out;
    assert_eq!(out.lines().count(), 1 + 1 + 100 + 1 + 1, "{out}");
    assert!(out.ends_with("  100,\n  .. 150 more\n}\n"), "{out}");
    let deep = "local function tree(n) if n == 0 then return 1 end local s = tree(n - 1) return { s, s } end return tree(30)\n";
    let out = repl(&[], deep).out;
    assert!(out.len() < 100_000 && out.contains(".. 1 more"), "{}", out.len());
}

#[test]
fn globals_are_kept_and_a_local_is_its_lines() {
    prints(
        "x = 1\nlocal y = 2 return x + y\ny\nfunction f() return x end\nx = 5\nf()\n",
        "3\nnil\n5\n",
    );
}

#[test]
fn a_line_that_is_not_complete_goes_on_in_the_next() {
    prints("function f(a)\n\n  return a * 2\nend\nf(21)\n", "42\n");
    prints("1 +\n2\nx = {\n1,\n2 }\n#x\n", "3\n2\n");
    prints(
        "x = [[a\n b]]\nx\nx --[[ and\nmore ]] .. 'c'\n'a\\\nb'\n",
        "\"a\\n b\"\n\"a\\n bc\"\n\"a\\nb\"\n",
    );
    let ran = repl(&[], "x = 'a\n1\nf(\n");
    let open = said_by(
        "unfinished string near <eof>",
        "unfinished string near '<eof>'",
        "Malformed string; did you forget to finish it?",
    );
    let end = said_by(
        "unexpected symbol near <eof>",
        "unexpected symbol near '<eof>'",
        "Expected identifier when parsing expression, got <eof>",
    );
    fails(&ran, "1\n", &format!("error: input:1: {}\nerror: input:3: {}\n", open, end));
}

#[test]
fn a_failure_shows_where_and_the_next_line_is_read() {
    let ran = clock(
        "fails",
        &[],
        "clock.Fail()\nfunction f()\n  clock.Throw()\nend\nf()\nclock.Tick(5)\n",
    );
    let inner = said("upvalue 'inner'", "function 'inner'");
    let fail = said("<clock.lua:8>", "'Fail'");
    let throw = said("<clock.lua:9>", "'Throw'");
    let f = said("global 'f'", "function 'f'");
    let err = format!(
        "\
error: input:1: plugin `clock`: `Fail`: clock.lua:7: no time
  [C]: in function 'error'
  clock.lua:7: in {inner}
  clock.lua:8: in function {fail}
  input:1: in main chunk
error: plugin `clock`: `Throw`: late
  [C]: in function 'error'
  clock.lua:9: in function {throw}
  input:3: in {f}
  input:5: in main chunk
note: it has thrown {{\"code\":7,\"message\":\"late\"}}
"
    );
    fails(&ran, "5\ngoes\n", &err);
    let ran = repl(&[], "error('boom')\nerror()\n1 + {}\nx =\n= =\n");
    let table = said("on a table value", "(add) on number and table");
    let wrong =
        said("unexpected symbol near '='", "Expected identifier when parsing expression, got '='");
    let err = format!(
        "\
error: input:1: boom
  [C]: in function 'error'
  input:1: in main chunk
error: an error without a message
  [C]: in function 'error'
  input:2: in main chunk
error: input:3: attempt to perform arithmetic {table}
error: input:5: {wrong}
"
    );
    fails(&ran, "", &err);
}

#[test]
fn a_name_that_is_not_there_is_guessed() {
    let ran = clock(
        "guessed",
        &[],
        "clok.Tick()\npirnt(1)\nplugins.clok\nnowhere()\nclok\nnowhere\nexit\n",
    );
    let index = said_by(
        "attempt to index a nil value (global 'clok')",
        "attempt to index global 'clok' (a nil value)",
        "attempt to index nil with 'Tick'",
    );
    let [call, nowhere] = ["pirnt", "nowhere"].map(|name| {
        let lua = format!("attempt to call a nil value (global '{name}')");
        let luajit = format!("attempt to call global '{name}' (a nil value)");
        said_by(&lua, &luajit, "attempt to call a nil value").to_owned()
    });
    let err = format!(
        "\
error: input:1: {index}
note: nothing is called `clok`; near: `clock`
error: input:2: {call}
note: nothing is called `pirnt`; near: `print`
error: input:3: no plugin `clok` is loaded; near: `clock`
error: input:4: {nowhere}
note: nothing is called `clok`; near: `clock`
note: nothing is called `exit`; `.quit` is a command
"
    );
    fails(&ran, "nil\nnil\nnil\ngoes\n", &err);
}

#[test]
fn errors_alone_are_told_where_it_is_quiet() {
    let ran = clock("quiet", &["-q"], "clok\n.load clock.lua\n.unload clock\n.unload clock\n");
    let err = "error: no plugin `clock`; `.list` shows those that are loaded\n";
    fails(&ran, "nil\ngoes\n", err);
}

#[test]
fn commands_say_what_is_wrong_with_them() {
    let ran = clock(
        "commands",
        &[],
        ".lits\n.load\n.quit now\n.unload clok\n.reload nothing\n.load no.lua\n",
    );
    let err = "\
error: no command `.lits`; near: `.list`; `.help` shows what there is
error: `.load` takes a path: `.load PATH`
error: `.quit` takes nothing, got `now`
error: no plugin `clok`; near: `clock`; `.list` shows those that are loaded
error: no plugin `nothing`; `.list` shows those that are loaded
error: no plugin at `no.lua`: tried `no.lua`
";
    fails(&ran, "goes\n", err);
}

#[test]
fn the_sessions_own_script_is_no_plugin_of_the_users() {
    let ran = repl(&[], ".list\n.unload [repl]\n");
    let out = "no plugin is loaded: `.load PATH` loads one\n";
    fails(&ran, out, "error: no plugin `[repl]`; `.list` shows those that are loaded\n");
}

#[test]
fn help_lists_the_commands() {
    let ran = repl(&[], ".help\n.quit\n1\n");
    for name in [".help", ".list [NAME]", ".load PATH", ".reload NAME", ".unload NAME", ".quit"] {
        assert!(ran.out.contains(&format!("\n  {name} ")), "{}", ran.out);
    }
    assert!(!ran.out.ends_with("\n1\n"), "it goes on after .quit");
    assert_eq!((ran.err.as_str(), ran.code), ("", Some(0)));
}

#[test]
fn list_shows_plugins_with_their_exports_and_layers() {
    let folder = folder("repl_list");
    fs::write(folder.join("clock.lua"), CLOCK).unwrap();
    fs::write(folder.join("late.lua"), "---@over clock\nfunction Tick() return 100 end").unwrap();
    fs::write(folder.join("a-b.lua"), "---@type integer\nCount = 1").unwrap();
    let args = ["repl", "clock.lua", "a-b.lua", "--with", "late.lua"];
    let lines =
        ".list\nclock.Tick()\nplugins['a-b'].Count\n.unload late\nclock.Tick()\n.list a-b\n";
    let ran = typed(command(&args).current_dir(folder), lines);
    let a_b = "a-b 0.0.0 (lua, a-b.lua)\n  var   Count  int\n";
    let out = format!(
        "clock 1.2.0 (lua, clock.lua)\n  func  Fail   (...) -> any\n  func  Throw  (...) -> any\n  \
         func  Tick   (...) -> any\n  var   Ticks  number\n  func  Wait   (...) -> any\n  \
         layer late (late.lua)\n{a_b}100\n1\n1\n{a_b}goes\n"
    );
    assert_eq!((ran.out, ran.code), (out, Some(0)));
    assert_eq!(ran.err, "unloaded late 0.0.0 (load 1)\n");
}

#[test]
fn plugins_are_loaded_and_unloaded_as_it_goes() {
    let folder = folder("repl_load");
    fs::create_dir(folder.join("my plugins")).unwrap();
    fs::write(folder.join("my plugins/one.lua"), "function Say() return 1 end").unwrap();
    fs::write(folder.join("my plugins/two.lua"), "function Say() return 2 end").unwrap();
    fs::write(folder.join("bad.lua"), "function(").unwrap();
    let lines = "one\n.load my plugins\none.Say(), two.Say()\nsay = one.Say\n.unload one\none\nsay()\n\
                 .load bad.lua\n.load my plugins/one.lua\nsay()\n.load my plugins/one.lua\n";
    let ran = typed(command(&["repl"]).current_dir(folder), lines);
    let why = said_by(
        "<name> expected near '('",
        "'<name>' expected near '('",
        "Expected identifier when parsing function name, got '('",
    );
    let err = format!(
        "\
loaded one 0.0.0 (load 1)
loaded two 0.0.0 (load 1)
unloaded one 0.0.0 (load 1)
error: input:7: no plugin `one` is loaded
error: cannot load `bad.lua`: bad.lua:1: {why}
   1 | function(
     |         ^
loaded one 0.0.0 (load 1)
note: `one` is loaded already
"
    );
    fails(&ran, "nil\n1, 2\nnil\n1\n", &err);
}

#[test]
fn source_folders_in_a_folder_are_built_and_loaded() {
    if is_skipped(C) {
        return;
    }
    let folder = broken("repl_sources");
    let lines = "good.f(), clock.f()\n.reload good\n";
    let ran = typed(command(&["repl", "all"]).current_dir(&folder), lines);
    assert_eq!((ran.out.as_str(), ran.code), ("", Some(1)), "{}", ran.err);
    assert_eq!(unbuilt(&ran.err), ["`all/bad`"], "{}", ran.err);
    fs::remove_dir_all(folder.join("all/bad")).unwrap();
    fs::create_dir(folder.join("alone")).unwrap();
    fs::rename(folder.join("all/good"), folder.join("alone/good")).unwrap();
    let lines = "clock.f()\n.load alone\ngood.f()\n.reload good\ngood.f()\n";
    let ran = typed(command(&["repl", "all"]).current_dir(&folder), lines);
    assert_eq!((ran.out.as_str(), ran.code), ("1\n7\n7\n", Some(0)), "{}", ran.err);
}

#[test]
fn a_plugin_that_cannot_be_loaded_ends_it_before_the_first_line() {
    let bad = file("repl_bad", "bad.lua", "error('no')");
    let ran = repl(&[&bad], "print('a line')\n");
    let first = format!("error: cannot load `{bad}`: bad.lua:1: no");
    assert_eq!((ran.out.as_str(), ran.err.lines().next(), ran.code), ("", Some(&*first), Some(1)));
    fails(&repl(&["no.lua"], "1\n"), "", "error: no plugin at `no.lua`: tried `no.lua`\n");
}

#[test]
fn lines_end_as_they_do_elsewhere() {
    prints("", "");
    prints("1 + 1", "2\n");
    prints("1\r\nx = 2\r\nx\r\n", "1\n2\n");
    let folder = folder("repl_lines");
    fs::write(folder.join("lines"), b"1\n'\xff'\n2\n").unwrap();
    let lines = fs::File::open(folder.join("lines")).unwrap();
    let ran = run(command(&["repl"]).stdin(lines));
    fails(&ran, "1\n2\n", "error: line 2: it is no UTF-8 text\n");
}

#[test]
fn channels_lead_to_the_plugins_of_the_session() {
    let lines = "testplugin.Pd = { name = 'P', age = 11, tel = '1' }\ntestplugin.ComplexType()\n\
                 host.channel('data'):recv()\ntestplugin.Pd.age\n";
    let ran = repl(&[LUA, "--channel", "data"], lines);
    let out = "plugin load...\nP 11 1\n{ age = 44, name = \"P\", tel = \"1\" }\n44\n";
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), (out, "", Some(0)));
    let wrong = repl(&["--channel", "data:x"], "");
    wrong.is_wrong_usage("error: invalid value 'data:x' for '--channel <NAME[:CAP]>': expected a channel's name, then maybe `:` and how many it holds");
}

#[test]
fn a_line_uses_what_the_command_offers_in_a_programs_place() {
    let folder = folder("repl_host");
    let mocks = "host.mock('world.spawn', function(name) return #name end)";
    fs::write(folder.join("mocks.lua"), mocks).unwrap();
    let lines = "host.world.spawn('fox')\nhost.world.spwan('fox')\n";
    let mut command = command(&["repl", "--mock", "mocks.lua"]);
    let ran = typed(command.current_dir(folder), lines);
    let err = "error: input:2: `host.world` has no `spwan`; near: `spawn`\n";
    fails(&ran, "3\n", err);
}

#[test]
fn with_a_lock_file_nothing_else_is_loaded() {
    let folder = folder("repl_locked");
    for (name, text) in [("clock.lua", CLOCK), ("other.lua", "X = 1")] {
        fs::write(folder.join(name), text).unwrap();
    }
    fs::create_dir(folder.join("native")).unwrap();
    let locked = run(command(&["lock", "."]).current_dir(&folder));
    assert_eq!(locked.code, Some(0), "{}", locked.err);
    fs::write(folder.join("other.lua"), "X = 2").unwrap();
    fs::write(folder.join("native/native.c"), "no C").unwrap();
    let lines = "clock.Tick()\n.load other.lua\n.load native\n";
    let mut command = command(&["repl", "clock.lua", "--locked"]);
    let ran = typed(command.current_dir(&folder), lines);
    let [other, native] = &ran.err.lines().collect::<Vec<_>>()[..] else {
        panic!("{}", ran.err);
    };
    let is_refused = "error: cannot load `other.lua`: it is not what was pinned: ";
    assert!(other.starts_with(is_refused), "{other}");
    let is_refused =
        "error: `native` is a source folder, and what is built from it is pinned by no lock file: ";
    assert!(native.starts_with(is_refused), "{native}");
    assert_eq!((ran.out.as_str(), ran.code), ("1\ngoes\n", Some(1)));
}

#[test]
fn a_limit_ends_a_line_and_the_next_one_is_read() {
    let ran = clock("limit", &["--time-limit", "50ms"], "while true do end\nclock.Tick()\n");
    fails(&ran, "1\ngoes\n", "error: input:1: time limit of 50 ms\n");
}

#[test]
fn an_open_line_of_a_plugin_is_ended_before_a_result() {
    let plugin = file("repl_open", "open.lua", "---@plugin open 1.0.0\nfunction f() return 1 end");
    if is_skipped(C) {
        return;
    }
    let folder = Path::new(&plugin).parent().unwrap().join("native");
    fs::create_dir(&folder).unwrap();
    let source = r#"
        #include "twinplug.h"
        static tp_status f(tp_call *call) {
          tp_print(call, "no line end");
          *call->result = tp_int(7);
          return TP_OK;
        }
        static const tp_export exports[] = { TP_EXPORT_FUNC("f", "() -> int", f) };
        TP_PLUGIN("native", "1.0.0", exports, NULL);
    "#;
    fs::write(folder.join("native.c"), source).unwrap();
    let mut command = command(&["repl", "native"]);
    let ran =
        typed(command.current_dir(folder.parent().unwrap()), "native.f()\nlocal x = native.f()\n");
    assert_eq!((ran.out.as_str(), ran.code), ("no line end\n7\nno line end\n", Some(0)));
}

#[test]
fn a_closed_standard_output_ends_it() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let mut child = command(&["repl", LUA])
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(b"1\nerror('not reached')\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}
