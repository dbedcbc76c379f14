//! Calls within calls within calls, and values that are deep, or have no end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use twinplug::{Host, Value};

use super::{check_fine, map_of, reachable};
use crate::twins::message;

/// As deep as a value may be.
const DEEPEST: usize = 128;

const SCRIPT: &str = "\
local M = { V = host.any(1) }
function M.Endless() return host.call('p', 'Endless') end
function M.Across() return host.call(host.me == 'p' and 'q' or 'p', 'Across') end
function M.InSort() table.sort({ 1, 2 }, function() host.call('p', 'InSort') end) end
function M.InPcall() local ok, text = pcall(host.call, 'p', 'InPcall') if not ok then error(text, 0) end return text end
function M.InCoroutine() return coroutine.wrap(function() return host.call('p', 'InCoroutine') end)() end
function M.InIndex() return setmetatable({}, { __index = function() return host.call('p', 'InIndex') end }).x end
function M.Index() local t = {} setmetatable(t, { __index = t }) return t.x end
function M.IndexOfFunctions()
  local meta = {}
  meta.__index = function(t, k) return setmetatable({}, meta)[k] end
  return setmetatable({}, meta).x
end
function M.ToString()
  local meta = {}
  meta.__tostring = function() return tostring(setmetatable({}, meta)) .. '.' end
  return tostring(setmetatable({}, meta))
end
function M.Deep(n) local t = 1 for _ = 1, n do t = { t } end return t end
function M.DeepMap(n) local t = 1 for _ = 1, n do t = { x = t } end return t end
function M.Depth(t) local n = 0 while type(t) == 'table' do t, n = t[1] or t.x, n + 1 end return n end
function M.Cycle() local t = {} t[1] = t return t end
function M.CycleMap() local t, u = {}, {} t.x, u.x = u, t return t end
function M.Wide() local t = { 1, 2, 3 } for _ = 1, 40 do t = { t, t } end return t end
function M.Passes(name) host.takes(M[name]()) end
function M.Sends(name) host.channel('box'):send(M[name]()) end
function M.Fine() return 42 end
return M";

fn host() -> Arc<Host> {
    let host = reachable(|builder, reach| {
        builder
            .memory_limit(16 << 20)
            .channel::<Value>("box", 1)
            .function("takes", |_: Value| ())
            .function("call", move |plugin: String, name: String| {
                reach.plugin(&plugin).call(&name, ())
            })
    });
    host.load_source("p", SCRIPT.replace("host.me", "'p'")).unwrap();
    host.load_source("q", SCRIPT.replace("host.me", "'q'")).unwrap();
    host
}

/// On threads with little and with much stack.
fn on_stacks(test: impl Fn(usize) + Send + Sync + Clone + 'static) {
    for kibibytes in [768, 1024, 2048, 16 * 1024] {
        let test = test.clone();
        let thread = thread::Builder::new().stack_size(kibibytes << 10);
        thread.spawn(move || test(kibibytes)).unwrap().join().unwrap();
    }
}

#[test]
fn through_the_host_without_an_end() {
    let host = host();
    on_stacks(move |stack| {
        let plugin = host.plugin("p").unwrap();
        for name in ["Endless", "Across", "InSort", "InPcall", "InCoroutine", "InIndex"] {
            for _ in 0..3 {
                let error = message(plugin.call(name, ()));
                assert!(
                    error.contains("stack overflow: 64 calls of Lua plugins are nested")
                        || error.contains("stack overflow: this thread has less than 640 KiB")
                        // 200 C functions, which Lua itself counts.
                        || error.contains("C stack overflow")
                        || error.contains("error in error handling"),
                    "{name} on {stack} KiB: {error}"
                );
                check_fine(&plugin);
            }
        }
    });
}

#[test]
fn metamethods_without_an_end() {
    let host = host();
    on_stacks(move |stack| {
        let plugin = host.plugin("p").unwrap();
        for name in ["Index", "IndexOfFunctions", "ToString"] {
            let error = message(plugin.call(name, ()));
            let known = ["loop", "stack overflow", "error in error handling", "memory limit"];
            assert!(
                known.iter().any(|known| error.contains(known)),
                "{name} on {stack} KiB: {error}"
            );
            check_fine(&plugin);
        }
    });
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Int(1), |inner, _| Value::List(vec![inner]))
}

fn deep_map(levels: usize) -> Value {
    (0..levels).fold(Value::Int(1), |inner, _| map_of([("x", inner)]))
}

#[test]
fn deep_values_both_ways() {
    let host = host();
    on_stacks(move |_| {
        let plugin = host.plugin("p").unwrap();
        let depth = plugin.func::<(Value,), i64>("Depth").unwrap();
        let makes = [("Deep", deep as fn(usize) -> Value), ("DeepMap", deep_map)];
        let variable = plugin.var::<Value>("V").unwrap();
        for (name, make) in makes {
            let get = plugin.func::<(i64,), Value>(name).unwrap();
            for levels in [1, 3, 4, 5, 20, DEEPEST - 1, DEEPEST] {
                let value = make(levels);
                assert_eq!(depth.call((value.clone(),)).unwrap(), levels as i64);
                assert!(get.call((levels as i64,)).unwrap() == value);
                variable.set(value.clone()).unwrap();
                assert!(variable.get().unwrap() == value);
            }
            for levels in [DEEPEST + 1, DEEPEST + 2, 1000] {
                let too_deep = "deeper than 128 levels";
                let error = message(depth.call((make(levels),)));
                assert!(error.ends_with(too_deep), "{error}");
                let error = message(get.call((levels as i64,)));
                assert!(error.ends_with(too_deep), "{error}");
                let error = message(variable.set(make(levels)));
                assert!(error.ends_with(too_deep), "{error}");
            }
            assert!(variable.get().unwrap() == make(DEEPEST), "it is as it was");
        }
        variable.set(Value::Int(1)).unwrap();
        check_fine(&plugin);
    });
}

/// The deepest value where the deepest call is.
#[test]
fn deep_values_in_deep_calls() {
    let host = reachable(|builder, reach| {
        builder.function("down", move |value: Value, left: i64| match left {
            0 => Ok(value),
            _ => reach.plugin("p").func::<(Value, i64), Value>("Down")?.call((value, left - 1)),
        })
    });
    let script = "\
        function Down(value, left) return host.down(value, left) end\n\
        function Fine() return 42 end";
    host.load_source("p", script).unwrap();
    on_stacks(move |stack| {
        let plugin = host.plugin("p").unwrap();
        let down = plugin.func::<(Value, i64), Value>("Down").unwrap();
        for left in [0, 1, 5, 30, 62, 63, 64] {
            match down.call((deep_map(DEEPEST), left)) {
                Ok(value) => assert!(value == deep_map(DEEPEST)),
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.contains("stack overflow"), "{left} on {stack} KiB: {error}");
                }
            }
            check_fine(&plugin);
        }
    });
}

#[test]
fn tables_without_an_end() {
    let host = host();
    let plugin = host.plugin("p").unwrap();
    for (name, says) in [
        ("Cycle", "deeper than 128 levels"),
        ("CycleMap", "deeper than 128 levels"),
        ("Wide", "memory limit of 16 MiB"),
    ] {
        let check = |called: twinplug::Result<Value>| {
            let error = message(called);
            assert!(error.ends_with(says), "{name}: {error}");
            check_fine(&plugin);
        };
        check(plugin.call(name, ()));
        check(plugin.func::<(&str,), Value>("Passes").unwrap().call((name,)));
        check(plugin.func::<(&str,), Value>("Sends").unwrap().call((name,)));
    }
    type Maps = BTreeMap<String, BTreeMap<String, i64>>;
    assert_eq!(
        message(plugin.func::<(), Maps>("CycleMap").unwrap().call(())),
        "plugin `p`: `CycleMap`: result: `x.x`: expected int, got map"
    );
}
