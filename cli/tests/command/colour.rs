//! Colours: on a terminal, and where they are asked for; never in what programs read.

use rexpect::session::{Options, spawn_with_options};

use crate::ran::{LUA, command, file, run};

const GOOD: &str = "\u{1b}[32m";
const BAD: &str = "\u{1b}[1m\u{1b}[31m";
const TITLE: &str = "\u{1b}[1m";
const OFF: &str = "\u{1b}[0m";

/// What a command writes to both streams, with that in its environment.
fn written(args: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = command(args);
    let ran = run(command.envs(environment.iter().copied()));
    ran.out + &ran.err
}

#[test]
fn colours_are_there_where_they_are_asked_for() {
    let check = |environment: &[(&str, &str)]| written(&["check", LUA, "README.md"], environment);
    let coloured = format!(
        "{GOOD}ok       {OFF}{LUA} (lua, testplugin)\n\
         {BAD}refused  {OFF}README.md: its name ends neither in `.lua` nor in `.so`\n"
    );
    let plain = [GOOD, BAD, OFF].iter().fold(coloured.clone(), |text, code| text.replace(code, ""));
    assert_eq!(check(&[]), plain);
    assert_eq!(check(&[("CLICOLOR_FORCE", "1")]), coloured);
    assert_eq!(check(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), plain);
}

#[test]
fn what_kind_of_line_it_is_has_a_colour() {
    let force = [("CLICOLOR_FORCE", "1")];
    let missing = written(&["call", "missing.lua", "f"], &force);
    let expected = format!("{BAD}error{OFF}: no plugin at `missing.lua`: tried `missing.lua`\n");
    assert_eq!(missing, expected);
    let inspected = written(&["inspect", LUA], &force);
    assert!(inspected.starts_with(&format!("{TITLE}path     {OFF}{LUA}\n")), "{inspected}");
    let tested = written(&["test", LUA], &force);
    assert!(tested.ends_with(&format!("{GOOD}3 passed, 0 failed{OFF}\n")), "{tested}");
}

#[test]
fn what_programs_read_has_none() {
    let script = file("colour_json", "a.lua", "function f() return { 'x' } end");
    let json = |args: &[&str]| {
        let written = written(args, &[("CLICOLOR_FORCE", "1")]);
        assert!(!written.contains('\u{1b}'), "{written}");
    };
    json(&["call", &script, "f"]);
    json(&["check", &script, "--json"]);
    json(&["inspect", &script, "--json"]);
}

#[test]
fn an_escape_of_a_plugin_is_not_passed_on() {
    let script = file("colour_escape", "a.lua", "function f() error('\\27[31mred\\nnext', 0) end");
    let expected = "error: plugin `a`: `f`: \\u{1b}[31mred\nnext\n   \
                    1 | function f() error('\\27[31mred\\nnext', 0) end\n     \
                    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  \
                    [C]: in function 'error'\n  \
                    a.lua:1: in function <a.lua:1>\n";
    assert_eq!(written(&["call", &script, "f"], &[]), expected);
}

/// What a terminal gets.
fn shown(args: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = command(args);
    command.env("TERM", "xterm").envs(environment.iter().copied());
    let mut session =
        spawn_with_options(command, Options::default().timeout_ms(Some(30_000))).unwrap();
    session.exp_eof().unwrap()
}

#[test]
fn a_terminal_shows_them_unless_nobody_wants_them() {
    let args = ["check", "README.md"];
    let refused = "README.md: its name ends neither in `.lua` nor in `.so`\r\n";
    assert_eq!(shown(&args, &[]), format!("{BAD}refused  {OFF}{refused}"));
    assert_eq!(shown(&args, &[("NO_COLOR", "1")]), format!("refused  {refused}"));
    assert_eq!(shown(&args, &[("TERM", "dumb")]), format!("refused  {refused}"));
}
