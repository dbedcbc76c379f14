//! The paths that are counted.

use std::hint::black_box;

use twinplug::{Dynamic, Func, Host, PluginRef, Value, data};

use super::built;

pub(crate) const NAMES: &[&str] = &[
    "native_call",
    "native_call_stateful",
    "native_general",
    "native_dynamic",
    "native_struct",
    "native_var",
    "lookup",
    #[cfg(feature = "lua54")]
    "lua_call",
    #[cfg(feature = "lua54")]
    "lua_send_struct",
    #[cfg(feature = "lua54")]
    "lua_struct",
    #[cfg(feature = "lua54")]
    "lua_to_host",
    #[cfg(feature = "lua54")]
    "lua_var",
];

#[data]
#[derive(Clone)]
struct PluginData {
    name: String,
    age: i64,
    tel: String,
}

fn sample() -> PluginData {
    PluginData { name: "PluginTest".into(), age: 11, tel: "15396656998".into() }
}

/// Goes that path so many times.
pub(crate) fn run(path: &str, times: u64) {
    let host = Host::builder()
        .function("scale", |x: f64, by: f64| x * by)
        .channel::<PluginData>("data", times as usize)
        .build()
        .unwrap();
    if path.starts_with("lua_") {
        return run_script(&host.load_source("script", SCRIPT).unwrap(), path, times);
    }
    let adder = host.load(built("adder")).unwrap();
    let counter = host.load(built("counter")).unwrap();
    let plugin =
        if matches!(path, "native_call_stateful" | "native_var") { &counter } else { &adder };
    let again = |work: &mut dyn FnMut()| (0..times).for_each(|_| work());
    match path {
        "native_call" | "native_call_stateful" => {
            let add = plugin.func::<(i64, i64), i64>("add").unwrap();
            again(&mut || {
                black_box(add.call((black_box(1), 2)).unwrap());
            });
        }
        "native_general" => {
            let add = plugin.func::<(i32, i32), i64>("add").unwrap();
            again(&mut || {
                black_box(add.call((black_box(1), 2)).unwrap());
            });
        }
        "native_dynamic" => {
            let add: Func<Dynamic> = plugin.lookup("add").unwrap().into_dynamic().unwrap();
            again(&mut || drop(black_box(add.call(&[Value::Int(1), Value::Int(2)]).unwrap())));
        }
        "native_struct" => {
            let older = plugin.func::<(PluginData,), PluginData>("older").unwrap();
            let mut data = Some(sample());
            again(&mut || data = data.take().map(|data| older.call((data,)).unwrap()));
        }
        "native_var" => {
            let count = plugin.var::<i64>("COUNT").unwrap();
            again(&mut || {
                count.set(black_box(3)).unwrap();
                black_box(count.get().unwrap());
            });
        }
        "lookup" => again(&mut || drop(plugin.func::<(i64, i64), i64>("add").unwrap())),
        other => panic!("no path `{other}`"),
    }
}

/// Its functions and variables, and a loop that is as much work without what is counted in it.
const SCRIPT: &str = r#"
local M = { Value = 0, Pd = { name = "", age = 0, tel = "" } }

---@param a integer
---@param b integer
---@return integer
function M.add(a, b) return a + b end

function M.older() M.Pd.age = M.Pd.age * 4 end

local data = host.channel("data")

function M.send(times)
  for _ = 1, times do data:send(M.Pd) end
end

function M.scaled(times)
  local sum = 0
  for i = 1, times do sum = sum + host.scale(i, 0.5) end
  return sum
end

return M
"#;

/// The same of a script's.
fn run_script(plugin: &PluginRef, path: &str, times: u64) {
    let again = |work: &mut dyn FnMut()| (0..times).for_each(|_| work());
    match path {
        "lua_call" => {
            let add = plugin.func::<(i64, i64), i64>("add").unwrap();
            again(&mut || {
                black_box(add.call((black_box(1), 2)).unwrap());
            });
        }
        "lua_send_struct" => {
            plugin.var::<PluginData>("Pd").unwrap().set(sample()).unwrap();
            plugin.func::<(u64,), ()>("send").unwrap().call((times,)).unwrap();
        }
        "lua_struct" => {
            let older = plugin.func::<(), ()>("older").unwrap();
            let variable = plugin.var::<PluginData>("Pd").unwrap();
            let sample = sample();
            again(&mut || {
                variable.set(sample.clone()).unwrap();
                older.call(()).unwrap();
                drop(black_box(variable.get().unwrap()));
            });
        }
        "lua_to_host" => {
            plugin.func::<(u64,), f64>("scaled").unwrap().call((times,)).unwrap();
        }
        "lua_var" => {
            let value = plugin.var::<i64>("Value").unwrap();
            again(&mut || {
                value.set(black_box(3)).unwrap();
                black_box(value.get().unwrap());
            });
        }
        other => panic!("no path `{other}`"),
    }
}
