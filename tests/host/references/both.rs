//! Functions, objects and buffers between scripts and native plugins.

use std::path::Path;

use twinplug::{Error, ErrorKind, Function, Host, Object, PluginRef, Value};

use super::native::on_both;
use crate::tracebacks::frame;
use crate::twins::THROWN;

on_both! {
    a_script_uses_what_a_native_plugin_made
    a_native_plugin_calls_functions_of_a_script
    errors_are_those_of_who_failed
    what_was_thrown_is_not_lost_on_the_way
    what_a_script_has_of_a_plugin_is_stale_after_it
    a_script_and_a_native_plugin_call_each_other
}

const SCRIPT: &str = "\
local M = {}
local keeper = host.plugin('keeper')
local door = keeper.Door(nil)
function M.Lock(by) return door:lock(by) end
function M.Same() return keeper.Echo(door) == door, door:same(door) == door, door:knows(door) end
function M.Sum()
  local numbers = keeper.Numbers(3)
  numbers[1] = 10
  return keeper.Sum(numbers) + #numbers + numbers[1]
end
function M.Apply(x) return keeper.Apply(function(by) return by * 2 end, {x}) end
function M.Throw()
  local got = keeper.Apply(function() error({code = 7}) end, {})
  return got
end
function M.Caught()
  local ok, message = pcall(function() door:fail() end)
  return tostring(ok) .. ' ' .. tostring(message)
end
function M.Fail()
  local got = door:fail()
  return got
end
function M.Call(by) return door:call(function(x) return door:lock(x) end, by) end
function M.Double() return function(x) return x * 2 end end
return M
";

struct Scene {
    host: Host,
    keeper: PluginRef,
    script: PluginRef,
}

impl Scene {
    fn new(library: &Path) -> Self {
        let host = Host::builder().build().unwrap();
        let keeper = host.load(library).unwrap();
        let script = host.load_source("script", SCRIPT).unwrap();
        Scene { host, keeper, script }
    }

    fn call(&self, name: &str, args: &[Value]) -> twinplug::Result<Value> {
        let twinplug::Symbol::Func(function) = self.script.lookup(name)? else {
            panic!("`{name}` is no function")
        };
        function.call(args)
    }
}

fn number(value: Value) -> f64 {
    match value {
        Value::Int(int) => int as f64,
        Value::Float(float) => float,
        other => panic!("no number: {other:?}"),
    }
}

fn a_script_uses_what_a_native_plugin_made(library: &Path) {
    let scene = Scene::new(library);
    assert_eq!(number(scene.call("Lock", &[Value::Int(2)]).unwrap()), 2.0);
    assert_eq!(number(scene.call("Lock", &[Value::Int(3)]).unwrap()), 5.0);
    let same = scene.script.func::<(), (bool, bool, bool)>("Same").unwrap();
    assert_eq!(same.call(()).unwrap(), (true, true, true));
    // 10 + 1 + 2, three elements, and what the plugin has written into the first.
    assert_eq!(number(scene.call("Sum", &[]).unwrap()), 116.0);
}

fn a_native_plugin_calls_functions_of_a_script(library: &Path) {
    let scene = Scene::new(library);
    assert_eq!(number(scene.call("Apply", &[Value::Int(21)]).unwrap()), 42.0);
    let double = scene.script.func::<(), Function>("Double").unwrap().call(()).unwrap();
    let last = scene.keeper.var::<Value>("Last").unwrap();
    last.set(Value::Func(double.clone())).unwrap();
    assert_eq!(last.get().unwrap(), Value::Func(double));
    // On another thread, from where the plugin keeps it.
    let apply = scene.keeper.func::<(Value, Vec<i64>), i64>("Apply").unwrap();
    let doubled = std::thread::spawn(move || apply.call((last.get().unwrap(), vec![4])));
    assert_eq!(doubled.join().unwrap().unwrap(), 8);
}

fn errors_are_those_of_who_failed(library: &Path) {
    let scene = Scene::new(library);
    let text = "plugin `keeper`: `Door.fail`: the door is stuck";
    let caught = scene.call("Caught", &[]).unwrap();
    assert_eq!(caught, Value::from(format!("false script:17: {text}")));
    let error = scene.call("Fail", &[]).unwrap_err();
    assert!(error.to_string().ends_with(text), "{error}");
    check_traceback(&error, &[frame("script:21 <20> Fail")]);
}

#[track_caller]
fn check_traceback(error: &Error, expected: &[String]) {
    assert_eq!(error.traceback().unwrap_or_default().lines().collect::<Vec<_>>(), expected);
}

fn what_was_thrown_is_not_lost_on_the_way(library: &Path) {
    let scene = Scene::new(library);
    let error = scene.call("Throw", &[]).unwrap_err();
    let code = [("code".into(), Value::Int(7))].into();
    assert_eq!(error.payload(), Some(&Value::Map(code)));
    let native = "[native]: in function 'keeper.Apply'".to_owned();
    let (inner, outer) = (frame("script:13 <13>"), frame("script:13 <12> Throw"));
    check_traceback(&error, &[THROWN.to_owned(), inner, native, outer]);
}

fn what_a_script_has_of_a_plugin_is_stale_after_it(library: &Path) {
    let Scene { host, keeper, script } = Scene::new(library);
    let door: Object = keeper.func::<(Value,), _>("Door").unwrap().call((Value::Null,)).unwrap();
    host.unload(keeper).unwrap();
    let lock = script.func::<(i64,), i64>("Lock").unwrap();
    let error = lock.call((1,)).unwrap_err();
    let text = "plugin `keeper`: `Door.lock`: the plugin was unloaded";
    assert!(error.to_string().ends_with(text), "{error}");
    let error = Error::from(door.call::<i64>("lock", (1,)).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Stale);
}

fn a_script_and_a_native_plugin_call_each_other(library: &Path) {
    let scene = Scene::new(library);
    assert_eq!(number(scene.call("Call", &[Value::Int(4)]).unwrap()), 4.0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    scene.call("Call", &[Value::Int(1)]).unwrap();
                    scene.call("Apply", &[Value::Int(1)]).unwrap();
                }
            });
        }
    });
    assert_eq!(number(scene.call("Lock", &[Value::Int(0)]).unwrap()), 804.0);
}
