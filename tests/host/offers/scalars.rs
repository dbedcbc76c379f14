//! Functions of numbers and booleans, which scripts call by code that is made for each of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use twinplug::{Host, Value};

use super::{of, reaching};

/// More than there are C functions that are known by their number.
const MANY: i64 = 300;

fn many() -> Host {
    let numbered = |builder: twinplug::HostBuilder, number: i64| {
        builder.function(&format!("f{number:03}"), move |x: i64| x * 1000 + number)
    };
    (0..MANY).fold(Host::builder(), numbered).build().unwrap()
}

#[test]
fn each_of_many_is_called_as_itself() {
    let host = many();
    let calls: Vec<_> =
        (0..MANY).map(|number| format!("  of[{number}] = host.f{number:03}({number})")).collect();
    let script =
        format!("function Check()\n  local of = {{}}\n{}\n  return of\nend", calls.join("\n"));
    // One that only names what is in `host`, and one that does more with it.
    for script in [script.clone(), format!("local h = host\n{script}")] {
        let check = host.load_source("many", script.as_str()).unwrap();
        let Value::Map(of) = check.call("Check", ()).unwrap() else { panic!("no map") };
        assert_eq!(of.len() as i64, MANY);
        for number in 0..MANY {
            assert_eq!(of[&number.into()], Value::Int(number * 1001), "{number}");
        }
        host.unload(check).unwrap();
    }
}

#[test]
fn it_is_the_callers_vm_that_a_function_is_called_by() {
    static CALLS: AtomicI64 = AtomicI64::new(0);
    let host = reaching(|builder, cell| {
        builder
            .function("first", |x: i64| x + 1)
            .function("through", move |depth: i64| {
                let host = of(&cell);
                CALLS.fetch_add(1, Ordering::Relaxed);
                let name = if depth % 2 == 0 { "even" } else { "odd" };
                let plugin = host.plugin(name).unwrap();
                plugin.func::<(i64,), i64>("Down").unwrap().call((depth,)).unwrap()
            })
            .function("last", |x: f64, on: bool| if on { x / 2.0 } else { -x })
    });
    // What it calls after the inner call is its own VM's again.
    let script = "function Down(depth)\n  \
         local below = depth > 0 and host.through(depth - 1) or 0\n  \
         return host.first(below) + host.last(0, depth > 0)\n\
         end";
    let plugins = ["even", "odd"].map(|name| host.load_source(name, script).unwrap());
    for round in 1..=10 {
        for plugin in &plugins {
            let down = plugin.func::<(i64,), i64>("Down").unwrap();
            assert_eq!(down.call((20,)).unwrap(), 21);
            assert_eq!(down.call((0,)).unwrap(), 1);
        }
        assert_eq!(CALLS.load(Ordering::Relaxed), round * 40);
    }
}

#[test]
fn a_function_of_a_plugin_that_goes_meanwhile_ends_as_it_was() {
    let host = reaching(|builder, cell| {
        builder.function("triple", |x: f64| 3.0 * x).function("unload", move |other: bool| {
            let host = of(&cell);
            let plugin = host.plugin(if other { "other" } else { "own" }).unwrap();
            host.unload(plugin).unwrap();
            true
        })
    });
    let script = "function Use(other)\n  \
         local before, gone = host.triple(1), host.unload(other)\n  \
         return before + host.triple(2)\n\
         end";
    let own = host.load_source("own", script).unwrap();
    host.load_source("other", script).unwrap();
    let held = own.func::<(bool,), f64>("Use").unwrap();
    assert_eq!(held.call((true,)).unwrap(), 9.0);
    assert_eq!(held.call((false,)).unwrap(), 9.0);
    assert!(held.call((false,)).is_err());
}

#[test]
fn arguments_are_what_the_parameters_are() {
    let host = Host::builder()
        .function("int", |x: i64| x)
        .function("float", |x: f64| x)
        .function("bool", |x: bool| !x)
        .function("all", |a: bool, b: i64, c: f64, d: i64| if a { b as f64 + c } else { d as f64 })
        .function("none", || ())
        .function("nothing", || 7)
        .function("wide", || (1_i64 << 53) + 1)
        .build()
        .unwrap();
    let run = |body: &str| {
        let script = format!("function Do() {body} end");
        let plugin = host.load_source("a", script.as_str()).unwrap();
        let done = plugin.call("Do", ()).map_err(|error| error.to_string());
        host.unload(plugin).unwrap();
        done
    };
    let ok = |body: &str, expected: Value| assert_eq!(run(body).unwrap(), expected, "{body}");
    ok("return host.int(2.0)", Value::Int(2));
    ok("return host.int(-9007199254740992)", Value::Int(-(1 << 53)));
    ok("return host.float(3) == 3", Value::Bool(true));
    ok("return 1 / host.float(-0.0) < 0", Value::Bool(true));
    ok("local x = host.float(0/0) return x ~= x", Value::Bool(true));
    ok("return host.bool(false)", Value::Bool(true));
    ok("return host.all(true, 1, 0.5, 3)", Value::Float(1.5));
    ok("return host.all(false, 1, 0.5, 3) == 3", Value::Bool(true));
    ok("return host.none() == nil", Value::Bool(true));
    ok("return host.nothing()", Value::Int(7));
    let fails = |body: &str, expected: &str| {
        let error = run(body).unwrap_err();
        assert!(error.contains(expected), "{body}: {error}");
    };
    fails("host.int(0.5)", "host function `int`: argument 1: 0.5 is no whole number");
    fails("host.int(0/0)", "host function `int`: argument 1: NaN is no whole number");
    fails("host.int('1')", "host function `int`: argument 1: expected int, got string");
    fails("host.float('1')", "host function `float`: argument 1: expected float, got string");
    fails("host.bool(1)", "host function `bool`: argument 1: expected bool, got int");
    fails(
        "host.all(true, 1, 'x', 3)",
        "host function `all`: argument 3: expected float, got string",
    );
    fails("host.int()", "host function `int`");
    fails("host.none(1)", "host function `none`");
    if cfg!(any(feature = "luajit", feature = "luau")) {
        fails("host.wide()", "host function `wide`: result: 9007199254740993 is out of range");
    } else {
        ok("return host.wide()", Value::Int((1 << 53) + 1));
        let lost = "host function `float`: argument 1: 9007199254740993 is not a float exactly";
        fails("host.float(9007199254740993)", lost);
        fails("host.float(-9007199254740993)", "host function `float`: argument 1");
        ok("return host.float(9007199254740992) == 2^53", Value::Bool(true));
    }
}

/// On many threads at once, each in a VM of its own and in one that all use.
#[test]
fn threads_do_not_meet() {
    let host = Arc::new(many());
    let script =
        "function Sum(x) local s = 0 for i = 1, 50 do s = s + host.f007(x) end return s end";
    let shared = host.load_source("shared", script).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_i64 {
            let (host, shared) = (&host, &shared);
            scope.spawn(move || {
                let own = host.load_source(&format!("own{thread}"), script).unwrap();
                let handles =
                    [own, shared.clone()].map(|it| it.func::<(i64,), i64>("Sum").unwrap());
                for x in 0..200 {
                    for sum in &handles {
                        assert_eq!(sum.call((x,)).unwrap(), 50 * (x * 1000 + 7));
                    }
                }
            });
        }
    });
}

/// What LuaJIT runs as a VM goes is of that VM, whichever its thread is in.
#[cfg(feature = "luajit")]
#[test]
fn a_finalizer_at_the_end_finds_the_plugin_gone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ends.toml"), "permissions = [\"ffi\"]").unwrap();
    let script = "local ffi = require 'ffi'\n\
         kept = ffi.gc(ffi.new('int[1]'), function() host.count(1) end)\n\
         function Nothing() end";
    std::fs::write(folder.path().join("ends.lua"), script).unwrap();
    let counted = Arc::new(AtomicI64::new(0));
    let count = Arc::clone(&counted);
    let host = reaching(|builder, cell| {
        builder
            .allow("ffi")
            .function("count", move |x: i64| count.fetch_add(x, Ordering::SeqCst))
            .function("unload", move |_: bool| {
                let host = of(&cell);
                host.unload(host.plugin("ends").unwrap()).unwrap();
            })
    });
    host.load(folder.path().join("ends.lua")).unwrap();
    let script = "function Use() host.unload(true) return host.count(10) end";
    let user = host.load_source("user", script).unwrap();
    assert_eq!(user.func::<(), i64>("Use").unwrap().call(()).unwrap(), 0);
    assert_eq!(counted.load(Ordering::SeqCst), 10);
}

/// C calls a function of one script in the middle of another one's.
#[cfg(feature = "luajit")]
#[test]
fn a_callback_of_the_ffi_is_of_its_own_vm() {
    let host = reaching(|builder, cell| {
        builder.allow("ffi").function("one", |x: i64| x + 1).function("through", move |at: f64| {
            let plugin = of(&cell).plugin("y").unwrap();
            plugin.func::<(f64,), i64>("Go").unwrap().call((at,)).unwrap()
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let texts = [
        (
            "x",
            "local ffi = require 'ffi'\n\
             local back = ffi.cast('int(*)(int)', function(n) return host.one(n) end)\n\
             function Run() return host.through(tonumber(ffi.cast('intptr_t', back))) end",
        ),
        (
            "y",
            "local ffi = require 'ffi'\n\
             function Go(at) return ffi.cast('int(*)(int)', ffi.cast('intptr_t', at))(5) end",
        ),
    ];
    for (name, text) in texts {
        let file = |end: &str| folder.path().join(format!("{name}.{end}"));
        std::fs::write(file("toml"), "permissions = [\"ffi\"]").unwrap();
        std::fs::write(file("lua"), text).unwrap();
        host.load(file("lua")).unwrap();
    }
    let run = host.plugin("x").unwrap().func::<(), i64>("Run").unwrap();
    for _ in 0..3 {
        assert_eq!(run.call(()).unwrap(), 6);
    }
}
