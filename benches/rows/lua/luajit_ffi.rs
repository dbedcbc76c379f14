//! The rows of leaf functions in a compiled loop of LuaJIT, a native plugin's and the host's,
//! beside a bare pointer that LuaJIT's FFI calls in the same loop.

use mlua::{Function, Lua};
use twinplug::{Func, Host};

use super::by_ffi;
use crate::measure::Effort;
use crate::native::build;
use crate::native::by_hand::ByHand;
use crate::report::{Report, Row};

/// The loop, run once a call; `add` is what stands before it. It answers the last sum: one
/// over all of them would take longer than the calls do.
const LOOP: &str = r#"
local function loop(n)
  local last
  for i = 1, n do last = add(i, 2) end
  return last
end
"#;

pub(crate) fn measure(report: &mut Report, effort: Effort) {
    let name = "luajit_ffi";
    if !report.wants(name) {
        return;
    }
    let path = build("adder");
    // No time limit, which is LuaJIT's default: one would switch the compiler off.
    let add = |a: i64, b: i64| a.wrapping_add(b);
    let builder = Host::builder().allow("jit").leaf("add", add).function("other_add", add);
    let host = builder.build().unwrap();
    if !has_plugins(&host) {
        println!("{name}: not measured, as scripts have no `host.plugin`");
        return;
    }
    host.load(&path).unwrap();
    let ours = |name: &str, head: &str, add: &str| -> Func<(u64,), f64> {
        let text = format!("{head} {} return {{ loop = loop }}", LOOP.replace("add(", add));
        host.load_source(name, text).unwrap().func("loop").unwrap()
    };
    let plugins = ours("plugins", "local add = host.plugin('adder').leaf_add", "add(");
    let hosts = ours("hosts", "local add = host.add", "add(");
    let looked_up = ours("looked_up", "", "host.add(");
    let interpreted = |name: &str, add: &str| -> Func<(u64,), f64> {
        let script = format!("jit.off() local add = host.{add} {LOOP} return {{ loop = loop }}");
        let files = [("plugin.toml", "permissions = ['jit']"), ("init.lua", &script)];
        host.load_files(name, files).unwrap().func("loop").unwrap()
    };
    let (leaf, other) = (interpreted("leaf", "add"), interpreted("other", "other_add"));
    let by_hand = ByHand::load(&path);
    let (_pointers, pointer) = by_pointer(&by_hand);
    let (_functions, function) = by_function();
    let mut compare = |ours: &Func<(u64,), f64>, theirs, goal, function: &Function| {
        let (ours_ns, theirs_ns) = effort.compare(
            |repetitions| ours.call((repetitions,)).unwrap() as u64,
            |repetitions| function.call::<f64>(repetitions).unwrap() as u64,
        );
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal });
    };
    compare(&plugins, "FFI pointer", Some(1.4), &pointer);
    compare(&plugins, "mlua", None, &function);
    compare(&hosts, "FFI pointer, of the host", Some(1.4), &pointer);
    compare(&looked_up, "FFI pointer, of the host, looked up", None, &pointer);
    compare(&hosts, "mlua, of the host", None, &function);
    let (ours_ns, theirs_ns) = effort.compare(
        |repetitions| leaf.call((repetitions,)).unwrap() as u64,
        |repetitions| other.call((repetitions,)).unwrap() as u64,
    );
    let theirs = "no leaf, of the host, both interpreted";
    report.add(Row { name, ours_ns, theirs, theirs_ns, goal: None });
}

/// Whether scripts reach other plugins.
fn has_plugins(host: &Host) -> bool {
    let asks = host.load_source("asks", "function has() return host.has('plugin') end").unwrap();
    asks.func::<(), bool>("has").unwrap().call(()).unwrap()
}

/// The loop over a bare pointer. A number comes of it, as scripts have no other integers.
fn by_pointer(by_hand: &ByHand) -> (Lua, Function) {
    let lua = by_ffi::with_luajit_ffi();
    let text = format!(
        "local raw = require('ffi').cast('int64_t (*)(int64_t, int64_t)', ...)\n\
         local function add(a, b) return tonumber(raw(a, b)) end\n{LOOP} return loop"
    );
    // An address has less than the 53 bits that a number holds.
    let address = by_hand.add_address() as f64;
    let function = lua.load(text).call(address).unwrap();
    (lua, function)
}

/// The loop over a function that people give a VM of mlua's.
fn by_function() -> (Lua, Function) {
    let lua = Lua::new();
    let add = lua.create_function(|_, (a, b): (i64, i64)| Ok(a + b)).unwrap();
    let function = lua.load(format!("local add = ...\n{LOOP} return loop")).call(add).unwrap();
    (lua, function)
}
