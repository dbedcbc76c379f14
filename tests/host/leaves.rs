//! Leaf functions of the host: called as any other function of it, whatever way the call takes.

#[cfg(feature = "native")]
mod native;
mod same;
mod vm;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use twinplug::{Host, HostBuilder, Value};

use crate::twins::{HAS_INTEGERS, message};

/// So many calls are compiled, where scripts are.
const MANY: i64 = 300;

/// A builder with and one without a time limit, on which it depends whether scripts are compiled.
fn builders() -> [fn() -> HostBuilder; 2] {
    [|| Host::builder().no_time_limit(), || Host::builder().time_limit(Duration::from_secs(20))]
}

/// Where scripts are compiled both go by the FFI, which a VM has once.
#[test]
fn a_script_uses_leaf_functions_and_buffers() {
    for first in ["host.double(1)", "host.buffer(1)[1]"] {
        let host =
            Host::builder().no_time_limit().leaf("double", |x: f64| x * 2.0).build().unwrap();
        let script = format!(
            "local first = {first}
             function Fill(n)
               local sum, numbers = 0, host.buffer(n, 'i32')
               for i = 1, n do numbers[i] = host.double(i) sum = sum + host.buffer({{ numbers[i] }})[1] end
               return sum
             end"
        );
        let plugin = host.load_source("both", script.as_str()).unwrap();
        let fill = plugin.func::<(i64,), f64>("Fill").unwrap();
        for _ in 0..MANY {
            assert_eq!(fill.call((MANY,)).unwrap(), (MANY * (MANY + 1)) as f64, "{first}");
        }
    }
}

/// What a compiled loop computes, and how often what it calls has run.
#[test]
fn a_leaf_function_runs_once_a_call_in_compiled_loops_too() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let host = Host::builder()
        .no_time_limit()
        .leaf("next", |x: i64| {
            CALLS.fetch_add(1, Ordering::Relaxed);
            if x == 777 { i64::MAX } else { x + 1 }
        })
        .leaf("check", |x: i64| {
            CALLS.fetch_add(1, Ordering::Relaxed);
            if x % 100 == 0 { Err(format!("{x} is round")) } else { Ok(x % 2 == 0) }
        })
        .build()
        .unwrap();
    let script = r#"
        function Count(n) local x = 0 for i = 1, n do x = host.next(x) end return x end
        function Check(n)
          local even, last = 0, ""
          for i = 1, n do
            local ok, is = pcall(host.check, i)
            if not ok then last = is elseif is then even = even + 1 end
          end
          return even, last
        end
    "#;
    let plugin = host.load_source("loops", script).unwrap();
    let count = plugin.func::<(i64,), i64>("Count").unwrap();
    assert_eq!(count.call((700,)).unwrap(), 700);
    assert_eq!(CALLS.swap(0, Ordering::Relaxed), 700);
    if !HAS_INTEGERS {
        let large = message(count.call((2000,)));
        assert_eq!(
            large,
            "plugin `loops`: `Count`: loops:2: host function `next`: result: \
             9223372036854775807 is out of range: this Lua keeps whole numbers up to 2^53 exactly"
        );
        assert_eq!(CALLS.swap(0, Ordering::Relaxed), 778);
    }
    let check = plugin.func::<(i64,), (i64, String)>("Check").unwrap();
    let told = check.call((1000,)).unwrap();
    assert_eq!(told, (490, "host function `check`: 1000 is round".to_owned()));
    assert_eq!(CALLS.swap(0, Ordering::Relaxed), 1000);
}

/// What a function returned, or panicked with, the caller gets, and its kind and inside.
#[test]
fn errors_of_leaf_functions_keep_what_is_in_them() {
    let inner = Arc::new(Host::builder().build().unwrap());
    let thrower = "function Throw() error({ code = 7, message = 'no door' }) end";
    inner.load_source("throws", thrower).unwrap();
    let with = |host: Arc<Host>| {
        move |really: bool| -> twinplug::Result<f64> {
            if really { host.plugin("throws")?.call("Throw", ()).map(|_| 0.0) } else { Ok(1.0) }
        }
    };
    let script = r#"
        local function call(really) return host.ask(really) end
        function Run(n)
          for i = 1, n do assert(call(false) == 1) end
          call(true)
        end
        function Catch(n)
          local ok, thrown
          for i = 1, n do ok, thrown = pcall(call, i == n) end
          return type(thrown) == "table" and thrown.code
        end
    "#;
    let leaf = Host::builder().no_time_limit().leaf("ask", with(Arc::clone(&inner)));
    let general = Host::builder().no_time_limit().function("ask", with(inner));
    let told = [leaf, general].map(|builder| {
        let host = builder.build().unwrap();
        let plugin = host.load_source("asks", script).unwrap();
        let error = plugin.call("Run", (MANY,)).unwrap_err();
        let caught = plugin.call("Catch", (MANY,)).unwrap();
        assert_eq!(caught, Value::Int(7));
        (error.to_string(), error.traceback().map(str::to_owned), error.payload().cloned())
    });
    assert_eq!(told[0], told[1]);
    assert!(told[0].1.as_ref().unwrap().contains("in function 'ask'"), "{:?}", told[0]);
}

/// A host that its own functions reach.
type Reach = Arc<OnceLock<Weak<Host>>>;

fn reach(cell: &Reach) -> Arc<Host> {
    cell.get().and_then(Weak::upgrade).expect("it is set before anything is called")
}

const INSIDE: &str = "cannot use plugin `back` here: it runs a leaf function, which calls nothing";

#[test]
fn a_leaf_function_that_comes_back_is_refused() {
    for builder in builders() {
        let cell = Reach::default();
        let (calls, gets, unloads) = (Arc::clone(&cell), Arc::clone(&cell), Arc::clone(&cell));
        let host = Arc::new(
            builder()
                .leaf("calls", move |x: i64| -> twinplug::Result<i64> {
                    let plugin = reach(&calls).plugin("back")?;
                    match x {
                        0 => plugin.func::<(i64,), i64>("Same")?.call((x,)),
                        1 => plugin.call("Same", (x,)).map(|_| 1),
                        _ => Ok(x),
                    }
                })
                .leaf("gets", move |x: f64| {
                    let var = reach(&gets).plugin("back")?.var::<f64>("Value")?;
                    if x == 0.0 { var.get() } else { var.set(x).map(|()| x) }
                })
                .leaf("unloads", move || -> twinplug::Result<()> {
                    let host = reach(&unloads);
                    host.unload(host.plugin("back")?)
                })
                .build()
                .unwrap(),
        );
        cell.set(Arc::downgrade(&host)).unwrap();
        let script = r#"
            Value = 0.5
            function Same(x) return x end
            local function told(n, f, ...)
              local text
              for i = 1, n do text = select(2, pcall(f, ...)) end
              return text
            end
            function Call(n, x) return told(n, host.calls, x) end
            function Get(n, x) return told(n, host.gets, x) end
            function Unload(n) return told(n, host.unloads) end
        "#;
        let plugin = host.load_source("back", script).unwrap();
        for n in [1, MANY] {
            let told = |name: &str, x: i64| match plugin.call(name, (n, x)).unwrap() {
                Value::Str(text) => text,
                other => format!("{other:?}"),
            };
            let refused = |function: &str, symbol: &str| {
                format!("host function `{function}`: plugin `back`: `{symbol}`: {INSIDE}")
            };
            assert_eq!(told("Call", 0), refused("calls", "Same"));
            assert_eq!(told("Call", 1), refused("calls", "Same"));
            assert_eq!(told("Call", 2), "Int(2)");
            assert_eq!(told("Get", 0), refused("gets", "Value"));
            assert_eq!(told("Get", 3), refused("gets", "Value"));
            assert_eq!(
                told("Unload", 0),
                format!("host function `unloads`: plugin `back`: {INSIDE}")
            );
        }
        // It is over as soon as the function has ended.
        assert_eq!(plugin.call("Same", (5,)).unwrap(), Value::Int(5));
        assert_eq!(plugin.var::<f64>("Value").unwrap().get().unwrap(), 0.5);
    }
}

/// The promise is about whoever has called it: others are no danger.
#[test]
fn a_leaf_function_may_use_another_plugin_which_does_not_come_back() {
    let cell = Reach::default();
    let (asks, back) = (Arc::clone(&cell), Arc::clone(&cell));
    let host = Arc::new(
        Host::builder()
            .no_time_limit()
            .leaf("asks", move |name: i64| -> twinplug::Result<i64> {
                let other = reach(&asks).plugin("other")?;
                other.func::<(), i64>(if name == 0 { "Two" } else { "Back" })?.call(())
            })
            .function("back", move || reach(&back).plugin("back")?.func::<(), i64>("One")?.call(()))
            .build()
            .unwrap(),
    );
    cell.set(Arc::downgrade(&host)).unwrap();
    host.load_source(
        "other",
        "function Two() return 2 end function Back() return (host.back()) end",
    )
    .unwrap();
    let script = "function One() return 1 end\n\
                  function Ask(n, x) local ok, r for i = 1, n do ok, r = pcall(host.asks, x) end return r end";
    let plugin = host.load_source("back", script).unwrap();
    assert_eq!(plugin.call("Ask", (MANY, 0)).unwrap(), Value::Int(2));
    let Value::Str(text) = plugin.call("Ask", (MANY, 1)).unwrap() else { panic!("no text") };
    assert!(text.ends_with(INSIDE), "{text}");
    assert_eq!(plugin.call("One", ()).unwrap(), Value::Int(1));
}

/// Two hosts have functions of the same name, with closures of their own.
#[test]
fn each_host_has_leaf_functions_of_its_own() {
    let hosts = [2, 3].map(|by| {
        let host = Host::builder().no_time_limit().leaf("times", move |x: i64| x * by);
        host.build().unwrap()
    });
    let script = "function Sum(n) local sum = 0 for i = 1, n do sum = sum + host.times(i) end return sum end";
    let sums = hosts.each_ref().map(|host| {
        let plugin = host.load_source("sums", script).unwrap();
        plugin.func::<(i64,), i64>("Sum").unwrap()
    });
    for _ in 0..3 {
        assert_eq!(sums.each_ref().map(|sum| sum.call((MANY,)).unwrap()), [90_300, 135_450]);
    }
}

/// What a closure has taken along is there as long as something can call it.
#[test]
fn the_closure_of_a_leaf_function_goes_with_the_last_that_calls_it() {
    struct Kept(Mutex<Vec<i64>>, Arc<AtomicUsize>);
    impl Drop for Kept {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (cell, dropped) = (Arc::new(Mutex::new(None::<Host>)), Arc::new(AtomicUsize::new(0)));
    let (kept, ends) = (Kept(Mutex::default(), Arc::clone(&dropped)), Arc::clone(&cell));
    let host = Host::builder()
        .no_time_limit()
        .leaf("keep", move |x: i64| {
            let mut list = kept.0.lock().unwrap();
            list.push(x);
            list.len() as i64
        })
        .leaf("finish", move || drop(ends.lock().unwrap().take()))
        .build()
        .unwrap();
    let script = r#"
        function Run(n)
          local last
          for i = 1, n do
            last = host.keep(i)
            if i == n - 50 then host.finish() end
          end
          return last
        end
    "#;
    let plugin = host.load_source("keeps", script).unwrap();
    let run = plugin.func::<(i64,), i64>("Run").unwrap();
    *cell.lock().unwrap() = Some(host);
    // The host goes in the middle of a leaf function of its own.
    assert_eq!(run.call((MANY,)).unwrap(), MANY);
    assert!(cell.lock().unwrap().is_none());
    drop((plugin, run));
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

/// Many threads call through one host, each a plugin of its own.
#[test]
fn leaf_functions_are_called_from_many_threads_at_once() {
    let total = Arc::new(AtomicUsize::new(0));
    let sum = Arc::clone(&total);
    let host = Host::builder()
        .no_time_limit()
        .leaf("count", move |x: i64| {
            sum.fetch_add(x as usize, Ordering::Relaxed);
            if x == 13 { Err("unlucky") } else { Ok(()) }
        })
        .build()
        .unwrap();
    let script = r#"
        function Run(n)
          local failed = 0
          for i = 1, n do if not pcall(host.count, i % 20) then failed = failed + 1 end end
          return failed
        end
    "#;
    std::thread::scope(|scope| {
        for number in 0..4 {
            let plugin = host.load_source(&format!("thread{number}"), script).unwrap();
            scope.spawn(move || {
                assert_eq!(plugin.call("Run", (10_000,)).unwrap(), Value::Int(500));
            });
        }
    });
    assert_eq!(total.load(Ordering::Relaxed), 4 * 500 * 190);
}

/// What makes compiled calls gets at memory: nothing of a script's is asked on the way, and
/// nothing of it is handed out.
#[test]
fn leaf_functions_are_made_with_nothing_that_a_script_has_changed() {
    let host = Host::builder()
        .no_time_limit()
        .leaf("add", |a: i64, b: i64| a + b)
        .leaf("scale", |a: f64| a * 2.0)
        .build()
        .unwrap();
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
        local globals = {
          "type", "tonumber", "select", "loadstring", "load", "setmetatable", "rawget", "rawset", "next", "pairs",
        }
        function Use()
          local same, ask = rawequal, asked
          for i = 1, #libraries do spoil(libraries[i]) end
          for i = 1, #globals do
            local name, f = globals[i], _G[globals[i]]
            if f then _G[name] = function(...) asked[#asked + 1] = name return f(...) end end
          end
          asked = {}
          local add, sum = host.add, 0
          for i = 1, 200 do sum = add(sum, i) end
          for i = 1, 200 do sum = sum + host.scale(i) end
          return sum, #asked, asked[1] or ""
        end
        function Reach()
          local found = {}
          for _, name in ipairs { "ffi", "jit", "debug", "getfenv", "setfenv", "package", "newproxy" } do
            if rawget(_G, name) or _G[name] then found[#found + 1] = name end
          end
          if pcall(require, "ffi") then found[#found + 1] = "require" end
          local dumped = string.dump and pcall(string.dump, host.add)
          if dumped then found[#found + 1] = "dump" end
          local kinds = {}
          for _, value in ipairs { host.add(1, 2), host.scale(1), host.add } do kinds[#kinds + 1] = type(value) end
          return table.concat(found, " "), table.concat(kinds, " ")
        end
    "#;
    let plugin = host.load_source("spoils", script).unwrap();
    let reach = plugin.func::<(), (String, String)>("Reach").unwrap();
    let found = reach.call(()).unwrap();
    assert_eq!(found, (String::new(), "number number function".to_owned()));
    let used = plugin.func::<(), (i64, i64, String)>("Use").unwrap();
    assert_eq!(used.call(()).unwrap(), (60_300, 0, String::new()));
    assert_eq!(reach.call(()).unwrap().0, "");
}

/// Native plugins call them as well.
#[cfg(feature = "native")]
#[test]
fn native_plugins_call_leaf_functions_of_the_host() {
    let host = Host::builder().leaf("scale", |x: f64, by: f64| x * by).build().unwrap();
    let probe = host.load(crate::twins::build("tests/fixtures/probe")).unwrap();
    let scale = probe.func::<(f64, f64), f64>("Scale").unwrap();
    assert_eq!(scale.call((3.0, 0.5)).unwrap(), 1.5);
}

/// Whoever walks the stack from inside of a compiled call comes to an end of it.
#[test]
fn a_leaf_function_may_look_at_its_stack() {
    let host = Host::builder()
        .no_time_limit()
        .leaf("depth", |x: f64| {
            let trace = std::backtrace::Backtrace::force_capture().to_string();
            if trace.lines().count() > 1 { x + 1.0 } else { x }
        })
        .build()
        .unwrap();
    let script = "function Walk(n) local x = 0 for i = 1, n do x = host.depth(x) end return x end";
    let plugin = host.load_source("walks", script).unwrap();
    assert_eq!(plugin.func::<(i64,), f64>("Walk").unwrap().call((100,)).unwrap(), 100.0);
}
