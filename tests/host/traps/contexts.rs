//! Functions of the host that fail or panic, wherever a script can call them from, and as often
//! as it likes.

use std::panic::panic_any;
use std::sync::Arc;

use twinplug::{Host, PluginRef, Value};

use super::{check_fine, reachable};
use crate::twins::message;

/// A panic's payload that panics once more when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload's drop");
    }
}

/// What a place gives to a function that it calls.
type Any = Option<Value>;

/// Each of these calls `fails` from a place of its own. What comes of it is an error that says
/// the same, or one that the place has caught, as text.
const SCRIPT: &str = "\
local fails
local M = {}
function M.Use(name) fails = host[name] end
function M.Plainly() fails() end
function M.InPcall() local ok, text = pcall(fails) return not ok and text end
function M.InXpcall()
  local ok, text = xpcall(fails, function(text) return text end)
  return not ok and text
end
function M.InHandler()
  local ok, text = xpcall(error, function() local ok, text = pcall(fails) return text end)
  return not ok and text
end
function M.InCoroutine()
  local ok, text = coroutine.resume(coroutine.create(function() fails() end))
  return not ok and text
end
function M.InWrap() coroutine.wrap(function() fails() end)() end
function M.InSort() table.sort({ 3, 1, 2 }, function(a, b) fails() return a < b end) end
function M.InGsub() return (('abc'):gsub('b', function() fails() end)) end
function M.InIndex() return setmetatable({}, { __index = function() fails() end }).x end
function M.InNewIndex() setmetatable({}, { __newindex = function() fails() end }).x = 1 end
function M.InCall() return setmetatable({}, { __call = function() fails() end })() end
function M.InConcat() return 'x' .. setmetatable({}, { __concat = function() fails() end }) end
function M.InAdd() return 1 + setmetatable({}, { __add = function() fails() end }) end
function M.InCompare()
  local meta = { __lt = function() fails() end }
  return setmetatable({}, meta) < setmetatable({}, meta)
end
function M.InToString() return tostring(setmetatable({}, { __tostring = function() fails() end })) end
function M.InIterator() for _ in function() fails() end do end end
function M.InOther() return host.call('q', 'Plainly') end
function M.AsIndex() return setmetatable({}, { __index = fails }).x end
function M.AsComparison() table.sort({ 3, 1, 2 }, fails) end
function M.AsReplacement() return (('abc'):gsub('b', fails)) end
function M.AsCoroutine()
  local ok, text = coroutine.resume(coroutine.create(fails))
  return not ok and text
end
function M.Fine() return 42 end
return M";

const PLACES: [&str; 21] = [
    "Plainly",
    "InPcall",
    "InXpcall",
    "InHandler",
    "InCoroutine",
    "InWrap",
    "InSort",
    "InGsub",
    "InIndex",
    "InNewIndex",
    "InCall",
    "InConcat",
    "InAdd",
    "InCompare",
    "InToString",
    "InIterator",
    "InOther",
    "AsIndex",
    "AsComparison",
    "AsReplacement",
    "AsCoroutine",
];

/// The functions that fail, and what each says.
const FAILS: [(&str, &str); 4] = [
    ("refuse", "host function `refuse`: the host will not"),
    ("blow", "host function `blow`: panicked: the host blew"),
    ("bomb", "host function `bomb`: panicked: a panic without text"),
    ("deep", "host function `deep`: panicked: from deep inside"),
];

fn host() -> Arc<Host> {
    let host = reachable(|builder, reach| {
        let deep = reach.clone();
        builder
            .function("refuse", |_: Any, _: Any| Err::<(), _>("the host will not"))
            .function("blow", |_: Any, _: Any| -> () { panic!("the host blew") })
            .function("bomb", |_: Any, _: Any| -> () { panic_any(Bomb) })
            .function("deep", move |_: Any, _: Any| -> () {
                check_fine(&deep.plugin("p"));
                panic!("from deep inside");
            })
            .function("call", move |plugin: String, name: String| {
                reach.plugin(&plugin).call(&name, ())
            })
    });
    host.load_source("p", SCRIPT).unwrap();
    host.load_source("q", SCRIPT).unwrap();
    host
}

fn use_function(host: &Host, name: &str) -> PluginRef {
    let [p, q] = ["p", "q"].map(|plugin| host.plugin(plugin).unwrap());
    p.call("Use", (name,)).unwrap();
    q.call("Use", (name,)).unwrap();
    p
}

/// The text of an error, wherever it went.
fn text(plugin: &PluginRef, place: &str) -> String {
    match plugin.call(place, ()) {
        Ok(Value::Str(text)) => text,
        Ok(other) => panic!("nothing has failed: {other:?}"),
        Err(error) => {
            let error = error.to_string();
            error.strip_prefix(&format!("plugin `p`: `{place}`: ")).unwrap().to_owned()
        }
    }
}

#[test]
fn everywhere_it_is_an_error_that_says_the_same() {
    let host = host();
    for (function, says) in FAILS {
        let plugin = use_function(&host, function);
        for place in PLACES {
            for round in 0..3 {
                let text = text(&plugin, place);
                let said = text.split_once(says);
                let is_placed = said.is_some_and(|(before, after)| {
                    after.is_empty() && (before.is_empty() || before.ends_with(": "))
                });
                assert!(is_placed, "{place} with {function}, round {round}: {text}");
            }
            check_fine(&plugin);
        }
    }
}

/// The place that calls it tells itself from what it says where the message starts.
#[test]
fn the_scripts_line_stands_in_front() {
    let host = host();
    let plugin = use_function(&host, "blow");
    for (place, line) in [("Plainly", 4), ("InPcall", 0), ("InSort", 19), ("InCoroutine", 15)] {
        let text = text(&plugin, place);
        let line = if line == 0 { String::new() } else { format!("p:{line}: ") };
        assert_eq!(text, format!("{line}host function `blow`: panicked: the host blew"), "{place}");
    }
}

/// Neither slots of a stack, nor coroutines, nor references stay behind: with what one call
/// leaves, thousands would not fit.
#[test]
fn thousands_of_times_leave_nothing_behind() {
    const TIMES: i64 = 20_000;
    const MEMORY: usize = if cfg!(feature = "luau") { 3 << 20 } else { 1 << 20 };
    let host = reachable(|builder, reach| {
        let (nested, echo) = (reach.clone(), reach);
        builder
            .memory_limit(MEMORY)
            .no_time_limit()
            .function("refuse", || Err::<(), _>("no"))
            .function("lists", |n: i64| vec![vec![n]; 3])
            .function("nested", move || nested.plugin("p").call("Fails", ()))
            .function("echo", move |value: Value| {
                echo.plugin("p").func::<(Value,), Value>("Echo")?.call((value,))
            })
    });
    let script = "\
        local M, sum = {}, 0\n\
        function M.Fails() error({ message = 'no' }) end\n\
        function M.Echo(value) return value end\n\
        function M.Refused(n) for _ = 1, n do pcall(host.refuse) end end\n\
        function M.Nested(n) for _ = 1, n / 10 do pcall(host.nested) end end\n\
        function M.Echoes(n) for i = 1, n / 4 do host.echo({ i, { i } }) end end\n\
        function M.Lists(n) for i = 1, n / 4 do sum = sum + #host.lists(i) end end\n\
        function M.Coroutines(n)\n\
          for _ = 1, n / 2 do coroutine.wrap(function() pcall(host.refuse) end)() end\n\
        end\n\
        function M.Fine() return 42 end\n\
        return M";
    let plugin = host.load_source("p", script).unwrap();
    for name in ["Refused", "Nested", "Echoes", "Lists", "Coroutines"] {
        plugin.call(name, (TIMES,)).unwrap_or_else(|error| panic!("{name}: {error}"));
        check_fine(&plugin);
    }
    // And as many calls of the host's that fail.
    let fails = plugin.func::<(), ()>("Fails").unwrap();
    for _ in 0..TIMES / 10 {
        assert_eq!(message(fails.call(())), "plugin `p`: `Fails`: no");
    }
    let echo = plugin.func::<(Value,), i64>("Echo").unwrap();
    for _ in 0..TIMES / 10 {
        echo.call((Value::List(vec![Value::Int(1)]),)).unwrap_err();
    }
    check_fine(&plugin);
}
