//! `host.plugin("other")`: scripts call other plugins, whatever those are written in.

use twinplug::{Host, Value};

use crate::twins::{Stage, Twin, message, on_every_twin};

on_every_twin! {
    a_script_calls_and_sets_what_another_plugin_exports
    errors_of_another_plugin_are_the_scripts_to_catch
    what_another_plugin_does_not_have_is_told
    a_function_that_was_kept_follows_the_plugins_that_come_and_go
}

const CALLER: &str = r#"
local M = {}
local add

function M.Add(a, b) return host.plugin("probe").Add(a, b) end

function M.AddKept(a, b)
  add = add or host.plugin("probe").Add
  return add(a, b)
end

function M.Pair()
  local number, text = host.plugin("probe").Pair()
  return text .. " " .. number
end

function M.Count(to)
  local probe = host.plugin("probe")
  if to then probe.Count = to end
  return probe.Count
end

function M.SetWrong() host.plugin("probe").Count = "many" end
function M.Greet(name) return host.plugin("probe").Greet(name) end
function M.Fail() return (host.plugin("probe").Fail()) end
function M.Catch() return select(2, pcall(host.plugin("probe").Fail)) end
function M.Has() return host.has_plugin("probe"), host.has_plugin("other"), host.has("plugin") end
function M.Absent() return (host.plugin("prode")) end
function M.Lacks() return host.plugin("probe").Ad end
function M.SetLacks() host.plugin("probe").Coun = 1 end
function M.SetFunction() host.plugin("probe").Add = 1 end
function M.NoName() return (host.plugin(nil)) end
function M.NoFunction() return (host.plugin("probe").Greet(coroutine.create(print))) end
function M.SetToFunction() host.plugin("probe").Count = coroutine.create(print) end

return M
"#;

fn stage(twin: &Twin) -> Stage {
    let stage = Stage::new();
    stage.host.load(&twin.probe).unwrap();
    stage.host.load_source("caller", CALLER).unwrap();
    stage
}

fn call(host: &Host, name: &str, args: impl twinplug::Args) -> twinplug::Result<Value> {
    host.plugin("caller").unwrap().call(name, args)
}

fn a_script_calls_and_sets_what_another_plugin_exports(twin: &Twin) {
    let Stage { host, .. } = &stage(twin);
    assert_eq!(call(host, "Add", (2, 3)).unwrap(), Value::Int(5));
    assert_eq!(call(host, "AddKept", (2, 3)).unwrap(), Value::Int(5));
    assert_eq!(call(host, "Greet", ("you",)).unwrap(), Value::Str("hello you".into()));
    assert_eq!(call(host, "Pair", ()).unwrap(), Value::Str("one 1".into()));
    assert_eq!(call(host, "Count", ((),)).unwrap(), Value::Int(1));
    assert_eq!(call(host, "Count", (9,)).unwrap(), Value::Int(9));
    assert_eq!(host.plugin("probe").unwrap().var::<i64>("Count").unwrap().get().unwrap(), 9);
    let has = host.plugin("caller").unwrap().func::<(), (bool, bool, bool)>("Has").unwrap();
    assert_eq!(has.call(()).unwrap(), (true, false, true));
}

fn errors_of_another_plugin_are_the_scripts_to_catch(twin: &Twin) {
    let Stage { host, .. } = &stage(twin);
    let failed = call(host, "Fail", ()).unwrap_err();
    let text = failed.to_string();
    let (outer, inner) =
        ("plugin `caller`: `Fail`: caller:25: plugin `probe`: `Fail`: ", "the door is closed");
    assert!(text.starts_with(outer) && text.ends_with(inner), "{text}");
    let Value::Str(caught) = call(host, "Catch", ()).unwrap() else { panic!("no text") };
    assert!(caught.contains("plugin `probe`: `Fail`: ") && caught.ends_with(inner), "{caught}");
    let wrong = message(call(host, "SetWrong", ()));
    let int = twin.int;
    assert_eq!(
        wrong,
        format!(
            "plugin `caller`: `SetWrong`: caller:23: plugin `probe`: `Count`: expected {int}, got string"
        )
    );
}

fn what_another_plugin_does_not_have_is_told(twin: &Twin) {
    let Stage { host, .. } = &stage(twin);
    let told = |name: &str| message(call(host, name, ()));
    assert_eq!(
        told("Absent"),
        "plugin `caller`: `Absent`: caller:28: no plugin `prode` is loaded; near: `probe`"
    );
    let lacks = told("Lacks");
    let start = "plugin `caller`: `Lacks`: caller:29: plugin `probe`: no symbol `Ad`; near: `Add`";
    assert!(lacks.starts_with(start), "{lacks}");
    let lacks = told("SetLacks");
    let start = "plugin `caller`: `SetLacks`: caller:30: plugin `probe`: no symbol `Coun`; near: ";
    assert!(lacks.starts_with(start), "{lacks}");
    let function = told("SetFunction");
    assert!(function.contains("caller:31: plugin `probe`: `Add` is a function, "), "{function}");
    let no_name = "plugin `caller`: `NoName`: caller:32: a name is a string, got nil";
    assert_eq!(told("NoName"), no_name);
    assert_eq!(
        told("NoFunction"),
        "plugin `caller`: `NoFunction`: caller:33: plugin `probe`: `Greet`: \
         argument 1: a coroutine cannot cross"
    );
    assert_eq!(
        told("SetToFunction"),
        "plugin `caller`: `SetToFunction`: caller:34: plugin `probe`: `Count`: a coroutine cannot cross"
    );
}

fn a_function_that_was_kept_follows_the_plugins_that_come_and_go(twin: &Twin) {
    let Stage { host, .. } = &stage(twin);
    assert_eq!(call(host, "AddKept", (2, 3)).unwrap(), Value::Int(5));
    host.unload(host.plugin("probe").unwrap()).unwrap();
    let gone = message(call(host, "AddKept", (2, 3)));
    assert!(gone.contains("no plugin `probe` is loaded"), "{gone}");
    assert!(message(call(host, "Add", (2, 3))).contains("no plugin `probe` is loaded"));
    host.load_source("probe", "function Add(a, b) return a * b end").unwrap();
    assert_eq!(call(host, "AddKept", (2, 3)).unwrap(), Value::Int(6));
    assert_eq!(call(host, "Add", (2, 3)).unwrap(), Value::Int(6));
}

#[test]
fn plugins_call_each_other_and_themselves() {
    let host = Host::builder().build().unwrap();
    host.load_source(
        "even",
        "function Is(n) if n == 0 then return true end return host.plugin('odd').Is(n - 1) end",
    )
    .unwrap();
    host.load_source(
        "odd",
        "function Is(n) if n == 0 then return false end return (host.plugin('even').Is(n - 1)) end\n\
         function Down(n) if n == 0 then return 'down' end return (host.plugin('odd').Down(n - 1)) end",
    )
    .unwrap();
    let is_even = host.plugin("even").unwrap().func::<(i64,), bool>("Is").unwrap();
    assert_eq!((is_even.call((10,)).unwrap(), is_even.call((7,)).unwrap()), (true, false));
    let deep = message(is_even.call((1000,)));
    assert!(deep.contains("stack overflow"), "{}", &deep[..200]);
    assert!(is_even.call((10,)).unwrap());
    let down = host.plugin("odd").unwrap().func::<(i64,), String>("Down").unwrap();
    assert_eq!(down.call((5,)).unwrap(), "down");
}

#[test]
fn a_plugin_object_is_read_and_written_through_it_alone() {
    let host = Host::builder().build().unwrap();
    host.load_source("other", "Value = 1\nfunction One() return 1 end").unwrap();
    let script = "function Try()\n\
                  local other = host.plugin('other')\n\
                  assert(not pcall(rawset, other, 'One', print) and getmetatable(other) == false)\n\
                  assert(host.plugin('other') == other and other.One == other.One)\n\
                  return other.One() end";
    let plugin = host.load_source("tries", script).unwrap();
    assert_eq!(plugin.call("Try", ()).unwrap(), Value::Int(1));
}

/// What is called by its C type in compiled code says the same as otherwise.
#[cfg(feature = "native")]
#[test]
fn leaf_functions_of_native_plugins_take_what_they_say() {
    let adder = crate::twins::build("benches/plugins/adder");
    let script = r#"
        local add = host.plugin("adder").leaf_add
        function Sum(n) local sum = 0 for i = 1, n do sum = add(sum, i) end return sum end
        function Add(...) return add(...) end
        function Try(...) return select(2, pcall(add, ...)) end
    "#;
    for limit in [false, true] {
        let builder = Host::builder();
        let builder = match limit {
            true => builder.time_limit(std::time::Duration::from_secs(5)),
            false => builder.no_time_limit(),
        };
        let host = builder.build().unwrap();
        let adder = host.load(&adder).unwrap();
        let plugin = host.load_source("sums", script).unwrap();
        let sum = plugin.func::<(i64,), i64>("Sum").unwrap();
        assert_eq!(sum.call((10_000,)).unwrap(), 50_005_000);
        let add = |a: Value, b: Value| plugin.call("Add", (a, b));
        assert_eq!(add(Value::Int(1 << 40), Value::Int(2)).unwrap(), Value::Int((1 << 40) + 2));
        assert_eq!(add(Value::Int(-3), Value::Float(4.0)).unwrap(), Value::Int(1));
        let told = |args: &[Value]| {
            let function = plugin.lookup("Try").unwrap().into_dynamic().unwrap();
            let Value::Str(text) = function.call(args).unwrap() else { panic!("no text") };
            text
        };
        assert_eq!(
            told(&[Value::Float(1.5), Value::Int(2)]),
            "plugin `adder`: `leaf_add`: argument `a`: 1.5 is no whole number"
        );
        assert_eq!(
            told(&[Value::Str("1".into()), Value::Int(2)]),
            "plugin `adder`: `leaf_add`: argument `a`: expected int, got string"
        );
        for wrong in [&[Value::Int(1)][..], &[Value::Int(1), Value::Int(2), Value::Int(3)]] {
            let text = told(wrong);
            // Compiled code cannot tell an argument that is left out from nil.
            let is_told = text.contains("expected 2 arguments, got ")
                || text.contains("argument `b`: expected int, got null");
            assert!(is_told, "{text}");
        }
        host.unload(adder).unwrap();
        for _ in 0..2 {
            assert!(told(&[Value::Int(1), Value::Int(2)]).contains("no plugin `adder` is loaded"));
        }
        host.load_source("adder", "function leaf_add(a, b) return a * b end").unwrap();
        for _ in 0..100 {
            assert_eq!(add(Value::Int(6), Value::Int(7)).unwrap(), Value::Int(42));
        }
    }
}

/// A compiled call that fails, or answers more than a number holds, has run once.
#[cfg(feature = "native")]
#[test]
fn leaf_functions_that_fail_have_run_once() {
    let host = Host::builder().build().unwrap();
    let leaves = host.load(crate::twins::build("tests/fixtures/leaves")).unwrap();
    let script = r#"
        local leaves = host.plugin("leaves")
        function Large(n) local large for i = 1, n do large = leaves.large() end return large end
        function Fail(n)
          local fail, text = leaves.fail
          for i = 1, n do text = select(2, pcall(fail, i)) end
          return text
        end
        function Panic() return (leaves.panic(true)) end
    "#;
    let plugin = host.load_source("calls", script).unwrap();
    let calls = leaves.func::<(), i64>("calls").unwrap();
    assert_eq!(calls.call(()).unwrap(), 0);
    match crate::twins::HAS_INTEGERS {
        true => assert_eq!(plugin.call("Large", (200,)).unwrap(), Value::Int(i64::MAX)),
        false => {
            let large = message(plugin.call("Large", (200,)));
            let start = "plugin `calls`: `Large`: calls:3: plugin `leaves`: `large`: result: 9223372036854775807 ";
            assert!(large.starts_with(start), "{large}");
        }
    }
    let calls_of_large = if crate::twins::HAS_INTEGERS { 200 } else { 1 };
    assert_eq!(calls.call(()).unwrap(), calls_of_large);
    let text = plugin.call("Fail", (200,)).unwrap();
    assert_eq!(text, Value::Str("plugin `leaves`: `fail`: no 200".into()));
    assert_eq!(calls.call(()).unwrap(), calls_of_large + 200);
    let panicked = message(plugin.call("Panic", ()));
    assert!(panicked.contains("plugin `leaves`: `panic`: panicked: leaves fall"), "{panicked}");
    assert_eq!(calls.call(()).unwrap(), calls_of_large + 201);
}

/// What makes compiled calls gets at memory: nothing of a script's is asked on the way.
#[cfg(feature = "native")]
#[test]
fn leaf_functions_are_made_with_nothing_that_a_script_has_changed() {
    let host = Host::builder().no_time_limit().build().unwrap();
    host.load(crate::twins::build("benches/plugins/adder")).unwrap();
    let script = r#"
        local asked, find = {}, next
        -- Luau refuses.
        local function put(library, name, f) library[name] = f end
        local function spoil(library)
          for name, f in find, library do
            if type(f) == "function" then
              pcall(put, library, name, function(...) asked[#asked + 1] = name return f(...) end)
            end
          end
        end
        local libraries = { string, table, math, bit or {}, coroutine }
        local globals = { "type", "tonumber", "loadstring", "load", "setmetatable", "rawget", "rawset" }
        function Use()
          for i = 1, #libraries do spoil(libraries[i]) end
          for i = 1, #globals do
            local name, f = globals[i], _G[globals[i]]
            if f then _G[name] = function(...) asked[#asked + 1] = name return f(...) end end
          end
          asked = {}
          local add = host.plugin("adder").leaf_add
          local sum = 0
          for i = 1, 200 do sum = add(sum, i) end
          return sum, #asked, asked[1] or ""
        end
    "#;
    let plugin = host.load_source("spoils", script).unwrap();
    let used = plugin.func::<(), (i64, i64, String)>("Use").unwrap();
    assert_eq!(used.call(()).unwrap(), (20_100, 0, String::new()));
}
