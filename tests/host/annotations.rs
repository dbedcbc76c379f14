//! What a script's comments say: its head, and the types of its exports.

use twinplug::{ErrorKind, Host, Map, Value, Version};

use crate::lua::Desk;
use crate::reports::{Report, Reports};
use crate::twins::{flavoured, message};

#[test]
fn the_first_comments_say_name_version_and_needs() {
    let desk = Desk::new();
    desk.stage.host.load_source("clock", "---@plugin clock 1.0.1").unwrap();
    let text = "#!/usr/bin/lua\n---@plugin greet 1.2.0\n---@requires clock ^1.0\nprint('hi')";
    let plugin = desk.load("hello_v3.lua", text).unwrap();
    assert_eq!((plugin.name(), plugin.version()), ("greet", Version::new(1, 2, 0)));
    // The body already prints under that name.
    assert_eq!(desk.stage.printed(), "[greet] hi\n");
    let needs: Vec<_> = plugin.descriptor().requires.iter().map(|it| it.name.clone()).collect();
    assert_eq!(needs, ["clock"]);

    let found = Host::inspect(desk.folder.path().join("hello_v3.lua")).unwrap();
    assert_eq!((found.name.as_str(), found.version), ("greet", Some(Version::new(1, 2, 0))));
    assert_eq!(found.requires, plugin.descriptor().requires);
    assert_eq!(found.over, None);

    let same = "---@plugin same 1.2.0\nreturn { _NAME = 'same', _VERSION = '1.2.0' }";
    assert_eq!(desk.load("a.lua", same).unwrap().name(), "same");
    let half = "---@plugin half 1.2.0\nreturn { _VERSION = '1.2.0' }";
    assert_eq!(desk.load("b.lua", half).unwrap().name(), "half");
}

#[test]
fn first_comments_that_are_wrong_are_refused() {
    let desk = Desk::new();
    let check = |text: &str, kind: ErrorKind, line: u32, expected: &str| {
        let error = desk.load("head.lua", text).unwrap_err();
        let path = desk.folder.path().join("head.lua");
        assert_eq!(error.to_string(), format!("cannot load `{}`: {expected}", path.display()));
        assert_eq!((error.kind(), error.location()), (kind, Some((path.as_path(), line))));
        assert!(desk.stage.host.plugins().is_empty());
    };
    check(
        "--\n---@plugin greet\nerror('has run')",
        ErrorKind::Load,
        2,
        "head.lua:2: `---@plugin` takes a name and a version: `---@plugin clock 1.2.0`",
    );
    check(
        "---@plugin greet 1.2.0\nreturn { _NAME = 'hello' }",
        ErrorKind::Refused,
        1,
        "`---@plugin` in line 1 gives it the name `greet`, and it gives itself `hello`: let them agree, \
         or leave one of them out",
    );
    check(
        "---@plugin greet 1.2.0\nreturn { _VERSION = '1.2.1' }",
        ErrorKind::Refused,
        1,
        "`---@plugin` in line 1 gives it the version `1.2.0`, and it gives itself `1.2.1`: let them agree, \
         or leave one of them out",
    );
    check(
        "\n---@over physics\nerror('has run')",
        ErrorKind::Refused,
        2,
        "it is a layer over `physics`, and no plugin `physics` is loaded: load that first, or both with \
         `Host::load_dir` (`--with` of the command)",
    );
    let found = Host::inspect(desk.folder.path().join("head.lua")).unwrap();
    assert_eq!(found.over.as_deref(), Some("physics"));
}

#[test]
fn the_first_comments_and_the_manifest_must_agree() {
    let desk = Desk::new();
    let folder = desk.folder.path();
    let path = folder.join("head.lua");
    let text = "---@plugin greet 1.2.0\nprint('has run')\nreturn { name = host.config.name }";
    std::fs::write(folder.join("head.toml"), "name = 'greet'\nversion = '1.2.0'").unwrap();
    let plugin = desk.load("head.lua", text).unwrap();
    assert_eq!((plugin.name(), plugin.version()), ("greet", Version::new(1, 2, 0)));
    desk.stage.host.unload(plugin).unwrap();
    // A name that the host gives beats both.
    let named = desk.stage.host.load_as("mine", &path).unwrap();
    assert_eq!((named.name(), named.version()), ("mine", Version::new(1, 2, 0)));
    desk.stage.host.unload(named).unwrap();
    assert_eq!(desk.stage.printed(), "[greet] has run\n[mine] has run\n");

    let check = |manifest: &str, expected: &str| {
        std::fs::write(folder.join("head.toml"), manifest).unwrap();
        let expected = format!(
            "cannot load `{}`: its manifest gives it the {expected}: let them agree, or leave one \
             of them out",
            path.display()
        );
        for error in [
            desk.load("head.lua", text).unwrap_err(),
            desk.stage.host.load_as("mine", &path).unwrap_err(),
            Host::inspect(&path).unwrap_err(),
        ] {
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.kind(), ErrorKind::Refused);
            assert_eq!(error.location(), Some((path.as_path(), 1)));
        }
    };
    check("name = 'other'", "name `other`, and `---@plugin` in line 1 gives it `greet`");
    check("version = '1.3.0'", "version `1.3.0`, and `---@plugin` in line 1 gives it `1.2.0`");
    // The bodies of those that were refused have not run.
    assert_eq!(desk.stage.printed(), "");
}

#[test]
fn a_variable_of_any_type_may_be_annotated() {
    let desk = Desk::new();
    let text =
        "local M = {}\nM.free = host.any(1)\n---@type string?\nM.word = host.any(nil)\nreturn M";
    let plugin = desk.load("any.lua", text).unwrap();
    let types: Vec<_> =
        plugin.descriptor().exports.iter().map(|it| format!("{}: {}", it.name, it.ty)).collect();
    assert_eq!(types, ["free: any", "word: string?"]);
}

/// A script with types on all that it exports.
const TYPED: &str = "---@class Point
---@field x integer
---@field label? string
local M = {}
---@type integer
M.Count = 1
---@type Point
M.At = { x = 1 }
---@type string[]
M.Names = {}
---@param a integer
---@param b? integer
---@return integer
local function add(a, b) return a + (b or 0) end
M.Add = add
---@param text string
---@return string? found
---@return integer count
function M.Find(text)
  if text == '' then return end
  if text == 'many' then return 1, 2, 3 end
  if text == 'wrong' then return 'a', 'b' end
  return text, 1
end
---@return integer
function M.Half(x) return x / 2 end
---@return nil
function M.Nothing() return 5 end
---@return string[]
function M.Empty() return {} end
---@return Point
function M.Point() return { x = 2.0, label = 'a', more = 1 } end
---@return Point
function M.Exact() return { x = 2, more = 1 } end
function M.Spoil() M.Count = 'one' M.At = { x = 2.0 } end
host.register {
  ---@return string
  Hello = function() return 'hello' end,
}
return M
";

#[test]
fn annotations_are_the_types_of_exports() {
    let desk = Desk::new();
    let plugin = desk.load("typed.lua", TYPED).unwrap();
    let exports: Vec<_> = plugin
        .descriptor()
        .exports
        .iter()
        .map(|export| format!("{} {}: {}", export.symbol(), export.name, export.ty))
        .collect();
    let expected = [
        "func Hello: () -> string",
        "func Add: (a: int, b: int?) -> int",
        "var At: Point { x: int, label: string? }",
        "var Count: int",
        "func Empty: () -> list<string>",
        "func Exact: () -> Point { x: int, label: string? }",
        "func Find: (text: string) -> (string?, int)",
        "func Half: (x: any) -> int",
        "var Names: list<string>",
        "func Nothing: ()",
        "func Point: () -> Point { x: int, label: string? }",
        "func Spoil: (...) -> any",
    ];
    assert_eq!(exports, expected);
}

#[test]
fn annotated_functions_are_checked_as_native_ones() {
    let desk = Desk::new();
    let plugin = desk.load("typed.lua", TYPED).unwrap();
    assert_eq!(
        message(plugin.func::<(String,), i64>("Add")),
        "plugin `typed`: `Add` is `(a: int, b: int?) -> int`: argument `a`: expected int, got string"
    );
    assert_eq!(
        message(plugin.func::<(i64,), String>("Add")),
        "plugin `typed`: `Add` is `(a: int, b: int?) -> int`: result: expected string, got int"
    );
    assert_eq!(
        message(plugin.call("Add", (1, 2, 3))),
        "plugin `typed`: `Add`: expected 1 to 2 arguments, got 3"
    );
    assert_eq!(plugin.func::<(i64,), i64>("Add").unwrap().call((4,)).unwrap(), 4);
    // A whole float becomes the int that the function is declared to take.
    assert_eq!(plugin.call("Add", (1.0, 2)).unwrap(), Value::Int(3));
}

#[test]
fn results_are_brought_to_the_declared_type() {
    let desk = Desk::new();
    let plugin = desk.load("typed.lua", TYPED).unwrap();
    assert_eq!(plugin.call("Half", (4,)).unwrap(), Value::Int(2));
    assert_eq!(
        message(plugin.call("Half", (3,))),
        "plugin `typed`: `Half`: result: 1.5 is no whole number"
    );
    assert_eq!(
        message(plugin.func::<(i64,), f64>("Half").unwrap().call((3,))),
        "plugin `typed`: `Half`: result: 1.5 is no whole number"
    );
    assert_eq!(
        message(plugin.call("Nothing", ())),
        "plugin `typed`: `Nothing`: result: expected null, got int"
    );
    assert_eq!(plugin.call("Empty", ()).unwrap(), Value::List(Vec::new()));
    let point = Map::from([("x".into(), 2.into()), ("label".into(), "a".into())]);
    assert_eq!(plugin.call("Point", ()).unwrap(), Value::Map(point));
    let exact = Map::from([("x".into(), 2.into())]);
    assert_eq!(plugin.call("Exact", ()).unwrap(), Value::Map(exact));

    let find = plugin.func::<(&str,), (Option<String>, i64)>("Find").unwrap();
    assert_eq!(find.call(("a",)).unwrap(), (Some("a".to_owned()), 1));
    assert_eq!(
        plugin.call("Find", ("a",)).unwrap(),
        Value::List(vec!["a".into(), 1.into()]),
        "several results are a list, as those of a native function are"
    );
    assert_eq!(
        message(find.call(("wrong",))),
        "plugin `typed`: `Find`: result: `[1]`: expected int, got string"
    );
    assert_eq!(message(find.call(("many",))), "plugin `typed`: `Find`: expected 2 results, got 3");
    assert_eq!(
        message(find.call(("",))),
        "plugin `typed`: `Find`: result: `[1]`: expected int, got null"
    );
}

#[test]
fn annotated_variables_keep_their_type() {
    let desk = Desk::new();
    let plugin = desk.load("typed.lua", TYPED).unwrap();
    assert_eq!(
        message(plugin.var::<f64>("Count")),
        "plugin `typed`: `Count` is `int`, asked for as `float`"
    );
    let count = plugin.var::<Value>("Count").unwrap();
    assert_eq!(message(count.set("x".into())), "plugin `typed`: `Count`: expected int, got string");
    count.set(Value::Float(5.0)).unwrap();
    assert_eq!(count.get().unwrap(), Value::Int(5));
    let names = plugin.var::<Value>("Names").unwrap();
    assert_eq!(names.get().unwrap(), Value::List(Vec::new()));

    plugin.call("Spoil", ()).unwrap();
    assert_eq!(message(count.get()), "plugin `typed`: `Count`: expected int, got string");
    let at = Map::from([("x".into(), 2.into())]);
    assert_eq!(plugin.var::<Value>("At").unwrap().get().unwrap(), Value::Map(at));
}

#[test]
fn globals_and_functions_registered_later_have_their_types_too() {
    let desk = Desk::new();
    // Luau has no `load`.
    let made = "load('\\n\\n\\nreturn function() end', '@globals.lua.other')()";
    let made = flavoured(made, made, "function() end");
    let text = "---@type number\nSpeed = 1\n\
                ---@return integer\nfunction Double() return 2 end\n\
                function Open()\n  host.register {\n\
                    ---@return string\n    Door = function() return 'open' end }\nend\n\
                ---@return integer\nClipped = string.len\n\
                Made = ";
    let plugin = desk.load("globals.lua", &format!("{text}{made}")).unwrap();
    plugin.call("Open", ()).unwrap();
    let exports: Vec<_> =
        plugin.descriptor().exports.iter().map(|it| format!("{}: {}", it.name, it.ty)).collect();
    let any = "(...) -> any";
    let expected = [
        &format!("Clipped: {any}"),
        "Double: () -> int",
        &format!("Made: {any}"),
        &format!("Open: {any}"),
        "Speed: number",
        "Door: () -> string",
    ];
    assert_eq!(exports, expected);
}

#[test]
fn names_near_a_hooks_and_fields_that_cannot_cross_are_reported() {
    let desk = Desk::new();
    let reports = Reports::default();
    let text = "function on_laod() end function OnSave() end function on_tick() end\n\
                function on_load() end on_paus = 1\nThread = coroutine.create(print)\n\
                Nested = { f = print }";
    tracing::subscriber::with_default(reports.clone(), || {
        desk.load("hooks.lua", text).unwrap();
    });
    let mut reported: Vec<_> = reports.taken().iter().map(Report::to_string).collect();
    reported.retain(|report| report.contains("export"));
    reported.sort();
    assert_eq!(
        reported,
        [
            "INFO: `Nested` is not exported: a table like this cannot cross",
            "INFO: `Thread` is not exported: a thread like this cannot cross",
            "WARN: `OnSave` is exported, and is no hook; near: `on_save`",
            "WARN: `on_laod` is exported, and is no hook; near: `on_load`",
        ]
    );
}

#[test]
fn a_table_that_may_be_meant_for_export_is_reported() {
    let desk = Desk::new();
    let told = |name: &str, text: &str| {
        let reports = Reports::default();
        tracing::subscriber::with_default(reports.clone(), || {
            desk.load(name, text).unwrap();
        });
        let mut reported: Vec<_> = reports.taken().iter().map(Report::to_string).collect();
        reported.retain(|report| report.contains("export"));
        reported
    };
    let table = "local M = {}\nfunction M.f() end\n";
    let warning = "WARN: it exports nothing: does it end with `return M`?";
    assert_eq!(told("table.lua", table), [warning]);
    let path = desk.folder.path().join("table.lua");
    let doubts = twinplug::Host::inspect(path).unwrap().doubts;
    assert_eq!(doubts, ["it exports nothing: does it end with `return M`?"]);
    assert_eq!(told("hook.lua", &format!("{table}on_load = M.f")), [""; 0]);
    assert_eq!(told("ends.lua", &format!("{table}return M")), [""; 0]);
    assert_eq!(told("says.lua", "print('x')"), [""; 0]);
}

#[test]
fn the_docs_example_is_what_the_docs_say() {
    let docs = include_str!("../../docs/lua-plugins.md");
    let (_, section) = docs.split_once("### Annotations").unwrap();
    let (_, rest) = section.split_once("```lua\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let desk = Desk::new();
    let plugin =
        desk.load("docs.lua", &format!("local M = {}\n{example}\nreturn M", "{}")).unwrap();
    for export in &plugin.descriptor().exports {
        let said = format!("`{}` is `{}`", export.name, export.ty);
        assert!(section.contains(&said), "{said}");
    }
    assert_eq!(plugin.descriptor().exports.len(), 2);
}

#[test]
fn annotations_that_are_wrong_or_unreadable_do_not_keep_a_script_from_loading() {
    let desk = Desk::new();
    let text = "---@type integer\nWrong = 'x'\n---@type {{{\nUnread = 'x'\n---@param\n---@return <\n\
                function F(a) return a end\n---@class\n---@field\n---@alias\n";
    let plugin = desk.load("wrong.lua", text).unwrap();
    let exports: Vec<_> =
        plugin.descriptor().exports.iter().map(|it| format!("{}: {}", it.name, it.ty)).collect();
    assert_eq!(exports, ["F: (a: any) -> any", "Unread: any", "Wrong: int"]);
    assert_eq!(plugin.call("F", ("a",)).unwrap(), Value::Str("a".into()));
    assert_eq!(
        message(plugin.var::<i64>("Wrong").unwrap().get()),
        "plugin `wrong`: `Wrong`: expected int, got string"
    );
}
