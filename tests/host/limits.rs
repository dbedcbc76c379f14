//! Limits on time and memory, as a host sets them; what scripts do against them is in
//! `hostile`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use twinplug::{Error, ErrorKind, Host, HostBuilder, Limit, LimitSignal, PluginRef, Value};

use crate::twins::message;

pub(crate) const TIME: Duration = Duration::from_millis(60);
const MEMORY: usize = 8 << 20;

/// Scripts that never end, that take all memory, and that are well.
pub(crate) const SPIN: &str = "local M = {}\nfunction M.Spin()\n  while true do end\nend\nreturn M";
const GROW: &str = "local M, all = {}, {}\nfunction M.Grow()\n  while true do all[#all + 1] = ('x'):rep(99999) .. #all end\nend\nreturn M";

pub(crate) fn builder() -> HostBuilder {
    Host::builder().time_limit(TIME).memory_limit(MEMORY).output(|_, _| {})
}

pub(crate) fn load(host: &Host, name: &str, text: &str) -> PluginRef {
    host.load_source(name, text).unwrap()
}

pub(crate) fn call(plugin: &PluginRef, function: &str) -> Error {
    plugin.func::<(), ()>(function).unwrap().call(()).unwrap_err()
}

#[track_caller]
pub(crate) fn check_time(error: &Error) {
    assert_eq!(
        (error.kind(), error.limit()),
        (ErrorKind::Limit, Some(Limit::Time(TIME))),
        "{error:?}"
    );
}

#[track_caller]
fn check_memory(error: &Error) {
    let limit = Some(Limit::Memory(MEMORY));
    assert_eq!((error.kind(), error.limit()), (ErrorKind::Limit, limit), "{error:?}");
}

#[test]
fn a_time_limit_names_itself_and_the_place() {
    let host = builder().build().unwrap();
    let plugin = load(&host, "spin", SPIN);
    let error = call(&plugin, "Spin");
    check_time(&error);
    assert_eq!(error.to_string(), "plugin `spin`: `Spin`: spin:3: time limit of 60 ms");
    let (path, line) = error.location().unwrap();
    assert_eq!((path.to_str().unwrap(), line), ("spin", 3));
    let traceback = error.traceback().unwrap();
    assert!(traceback.starts_with("spin:3: in function "), "{traceback}");
}

#[test]
fn a_memory_limit_names_itself() {
    let host = builder().no_time_limit().build().unwrap();
    let plugin = load(&host, "grow", GROW);
    let error = call(&plugin, "Grow");
    check_memory(&error);
    assert_eq!(error.to_string(), "plugin `grow`: `Grow`: memory limit of 8 MiB");
}

#[test]
fn a_body_and_its_hooks_are_limited() {
    let host = builder().build().unwrap();
    let check = |text: &str, expected: &str| {
        let error = host.load_source("late", text).unwrap_err();
        check_time(&error);
        assert_eq!(error.to_string(), format!("cannot load `late`: {expected}"));
        assert!(host.plugins().is_empty());
    };
    check("\nwhile true do end", "late:2: time limit of 60 ms");
    check(
        "return { on_load = function()\n while true do end end }",
        "its on_load failed: late:2: time limit of 60 ms",
    );
    let text = "return { on_unload = function() while true do pcall(error) end end }";
    let plugin = host.load_source("late", text).unwrap();
    let begun = Instant::now();
    host.unload(plugin).unwrap();
    assert!(begun.elapsed() >= TIME);
    assert!(host.plugins().is_empty());
}

#[test]
fn a_manifest_lowers_a_limit_and_does_not_raise_it() {
    let host = builder().build().unwrap();
    let files = |limits: &str, script: &str| {
        [("plugin.toml", format!("[limits]\n{limits}")), ("init.lua", script.to_owned())]
    };
    let low = host.load_files("low", files("time = '20ms'", SPIN)).unwrap();
    assert_eq!(call(&low, "Spin").limit(), Some(Limit::Time(Duration::from_millis(20))));
    let high = host.load_files("high", files("time = '1h'", SPIN)).unwrap();
    check_time(&call(&high, "Spin"));
    let host = builder().no_time_limit().build().unwrap();
    let low = host.load_files("low", files("memory = '4MiB'", GROW)).unwrap();
    assert_eq!(call(&low, "Grow").limit(), Some(Limit::Memory(4 << 20)));
    let high = host.load_files("high", files("memory = '1GiB'", GROW)).unwrap();
    check_memory(&call(&high, "Grow"));
}

#[test]
fn waits_and_the_hosts_own_time_do_not_count() {
    let rested = Arc::new(AtomicBool::new(false));
    let rest = {
        let rested = Arc::clone(&rested);
        move || {
            std::thread::sleep(3 * TIME);
            rested.store(true, Ordering::Relaxed);
        }
    };
    let host = builder().channel::<i64>("in", 0).function("rest", rest).build().unwrap();
    let text = "return {
        Rest = function() host.rest() return 1 end,
        Wait = function() return (host.channel('in'):recv()) end,
    }";
    let plugin = load(&host, "idle", text);
    assert_eq!(plugin.call("Rest", ()).unwrap(), Value::Int(1));
    assert!(rested.load(Ordering::Relaxed));
    let waiting = plugin.func::<(), i64>("Wait").unwrap();
    let call = std::thread::spawn(move || waiting.call(()));
    std::thread::sleep(3 * TIME);
    host.channel::<i64>("in").unwrap().send(7).unwrap();
    assert_eq!(call.join().unwrap().unwrap(), 7);
}

/// Two plugins; `ask` calls `Spin` of the one called `inner`.
fn nested(outer: &str, inner: &str) -> (Host, PluginRef) {
    let spin: Arc<std::sync::OnceLock<twinplug::Func<(), ()>>> = Arc::default();
    let ask = {
        let spin = Arc::clone(&spin);
        move || spin.get().unwrap().call(())
    };
    let host = Host::builder().no_time_limit().function("ask", ask).build().unwrap();
    let limits = |time: &str| format!("[limits]\ntime = '{time}'");
    let inside = [("plugin.toml", limits(inner)), ("init.lua", SPIN.to_owned())];
    let inside = host.load_files("inner", inside).unwrap();
    spin.set(inside.func("Spin").unwrap()).ok().unwrap();
    let text = "local M = {}
        function M.Ask() host.ask() end
        function M.AskAgain() return { (pcall(host.ask)), 5 } end
        function M.Insist() while true do pcall(host.ask) end end
        return M";
    let outside = [("plugin.toml", limits(outer)), ("init.lua", text.to_owned())];
    let outside = host.load_files("outer", outside).unwrap();
    (host, outside)
}

#[test]
fn a_nested_call_has_what_is_left_of_the_outer_ones_time() {
    let (_host, outer) = nested("60ms", "1h");
    for function in ["Ask", "AskAgain", "Insist"] {
        check_time(&call(&outer, function));
    }
}

#[test]
fn a_nested_calls_own_limit_is_its_callers_error() {
    let (_host, outer) = nested("1h", "60ms");
    assert_eq!(outer.call("AskAgain", ()).unwrap(), Value::List(vec![false.into(), 5.into()]));
    let error = call(&outer, "Ask");
    assert_eq!((error.kind(), error.limit()), (ErrorKind::Call, None), "{error:?}");
    let text = error.to_string();
    assert!(text.ends_with("plugin `inner`: `Spin`: init.lua:3: time limit of 60 ms"), "{text}");
}

#[test]
fn hosts_and_threads_share_one_watchdog() {
    let hosts = [builder().build().unwrap(), builder().build().unwrap()];
    let plugins: Vec<_> =
        hosts.iter().flat_map(|host| ["a", "b", "c"].map(|name| load(host, name, SPIN))).collect();
    let well = load(&hosts[0], "well", "return { Add = function(a, b) return a + b end }");
    let add = well.func::<(i64, i64), i64>("Add").unwrap();
    std::thread::scope(|scope| {
        let spinning: Vec<_> =
            plugins.iter().map(|plugin| scope.spawn(|| call(plugin, "Spin"))).collect();
        while !spinning.iter().all(|thread| thread.is_finished()) {
            assert_eq!(add.call((2, 3)).unwrap(), 5);
        }
        for thread in spinning {
            check_time(&thread.join().unwrap());
        }
    });
    // Threads that have ended leave room for others.
    for plugin in &plugins {
        std::thread::scope(|scope| {
            check_time(&scope.spawn(|| call(plugin, "Spin")).join().unwrap())
        });
    }
}

#[test]
fn what_is_too_large_for_a_plugin_does_not_enter_it() {
    let host = builder().no_time_limit().build().unwrap();
    let plugin = load(&host, "small", "return { Text = '', Take = function(s) return #s end }");
    let large = "x".repeat(2 * MEMORY);
    let take = plugin.func::<(String,), i64>("Take").unwrap();
    check_memory(&take.call((large.clone(),)).unwrap_err());
    check_memory(&plugin.var::<String>("Text").unwrap().set(large).unwrap_err());
    assert_eq!(take.call(("x".to_owned(),)).unwrap(), 1);
    assert_eq!(plugin.var::<String>("Text").unwrap().get().unwrap(), "");
}

#[test]
fn what_is_endless_does_not_leave_a_plugin() {
    let take = |value: Value| drop(value);
    let host = builder()
        .no_time_limit()
        .channel::<Value>("out", 8)
        .function("take", take)
        .build()
        .unwrap();
    // A small table that holds the one below twice, and so on.
    let text = "local M, t = {}, { 'leaf' }
        for _ = 1, 60 do t = { t, t } end
        M.Any = host.any(false)
        function M.Return() return t end
        function M.Send() host.channel('out'):send(t) end
        function M.Pass() host.take(t) end
        function M.Insist() while true do pcall(host.take, t) end end
        function M.Throw() error { t = t, message = 'thrown' } end
        function M.Set() M.Any = t end
        return M";
    let plugin = load(&host, "fold", text);
    check_memory(&plugin.call("Return", ()).unwrap_err());
    for function in ["Send", "Pass", "Insist"] {
        check_memory(&call(&plugin, function));
    }
    let thrown = call(&plugin, "Throw");
    assert_eq!(thrown.to_string(), "plugin `fold`: `Throw`: thrown");
    assert_eq!((thrown.kind(), thrown.payload()), (ErrorKind::Call, None));
    plugin.call("Set", ()).unwrap();
    check_memory(&plugin.var::<Value>("Any").unwrap().get().unwrap_err());
}

#[test]
fn plugins_share_what_all_may_take() {
    let host = builder().no_time_limit().memory_limit(64 << 20).memory_total(MEMORY).build();
    let host = host.unwrap();
    let text = "Kept = {}
        function Take(n) for i = 1, n do Kept[#Kept + 1] = ('x'):rep(9999) .. #Kept end end
        function Drop() Kept = {} end";
    let [one, two] = ["one", "two"].map(|name| load(&host, name, text));
    let take = |plugin: &PluginRef| plugin.func::<(i64,), ()>("Take").unwrap().call((100,));
    let limit = Some(Limit::MemoryTotal(MEMORY));
    // Each has room where it is alone, and together they have not twice as much.
    let fill = |plugin: &PluginRef| {
        let failed = (1..100).find_map(|n| take(plugin).err().map(|error| (n, error)));
        let (calls, error) = failed.expect("there is a limit");
        assert_eq!((error.kind(), error.limit()), (ErrorKind::Limit, limit), "{error:?}");
        calls
    };
    let (first, second) = (fill(&one), fill(&two));
    assert!(first > 2 && second < first, "{first}, {second}");
    assert_eq!(
        take(&two).unwrap_err().to_string(),
        "plugin `two`: `Take`: memory limit of 8 MiB for all plugins"
    );
    // What one gives back, the other has.
    host.unload(one).unwrap();
    take(&two).unwrap();
}

/// Without a limit on memory it is the time that ends what has no end.
#[test]
fn what_is_endless_is_read_for_no_longer_than_its_call() {
    let host = builder().no_memory_limit().function("take", |value: Value| drop(value)).build();
    let text = "local t = {}
        for _ = 1, 60 do t = { t, t } end
        function Pass() host.take(t) end";
    check_time(&call(&load(&host.unwrap(), "fold", text), "Pass"));
}

#[test]
fn without_limits_a_script_goes_on() {
    let host = Host::builder().no_time_limit().no_memory_limit().build().unwrap();
    let text = "return { Count = function(n) local s = '' for i = 1, n do s = s .. 'x' end return #s end }";
    assert_eq!(load(&host, "long", text).call("Count", (20_000,)).unwrap(), Value::Int(20_000));
}

#[test]
fn a_memory_limit_of_nothing_is_refused() {
    let refused = Host::builder().memory_limit(0).build();
    assert_eq!(message(refused), "a memory limit of 0: no plugin runs without memory");
}

#[test]
fn a_host_may_do_without_signals() {
    let host = builder().limit_signal(LimitSignal::Off).build().unwrap();
    let plugin = load(&host, "spin", SPIN);
    check_time(&call(&plugin, "Spin"));
    check_time(&call(&plugin, "Spin"));
    // A coroutine that was made before.
    let text = "local spin = coroutine.wrap(function() while true do end end)
        function Resume() spin() end";
    check_time(&call(&load(&host, "old", text), "Resume"));
}

#[test]
fn without_signals_what_holds_for_a_call_holds_within() {
    let spin: Arc<std::sync::OnceLock<twinplug::Func<(), ()>>> = Arc::default();
    let ask = {
        let spin = Arc::clone(&spin);
        move || spin.get().unwrap().call(())
    };
    let builder = Host::builder().no_time_limit().limit_signal(LimitSignal::Off);
    let host = builder.function("ask", ask).build().unwrap();
    // On LuaJIT what has no limit of its own may be compiled, and cannot be stopped.
    let inner = match cfg!(feature = "luajit") {
        true => "[limits]\ntime = '1h'",
        false => "",
    };
    let inner = host.load_files("inner", [("plugin.toml", inner), ("init.lua", SPIN)]).unwrap();
    spin.set(inner.func("Spin").unwrap()).ok().unwrap();
    let manifest = "[limits]\ntime = '60ms'";
    let text = "return { Ask = function() host.ask() end }";
    let outer = host.load_files("outer", [("plugin.toml", manifest), ("init.lua", text)]).unwrap();
    check_time(&call(&outer, "Ask"));
}

/// The plugin is busy when the wait is over: its coroutine goes when the plugin is free.
#[test]
fn a_deadline_holds_for_the_way_back_from_a_wait() {
    let builder = Host::builder().time_limit(Duration::from_secs(60)).channel::<i64>("in", 0);
    let entered = Arc::new(AtomicBool::new(false));
    let enter = {
        let entered = Arc::clone(&entered);
        move || entered.store(true, Ordering::Release)
    };
    let host = builder.function("enter", enter).build().unwrap();
    let text = "local M = {}
        function M.Wait() return (host.channel('in'):recv()) end
        function M.Spin()
          host.enter()
          while true do end
        end
        function M.Fine() return 42 end
        return M";
    let plugin = load(&host, "busy", text);
    let wait = plugin.func::<(), i64>("Wait").unwrap();
    let deadline = 4 * TIME;
    let waiting = std::thread::spawn(move || wait.call_within(deadline, ()));
    let spin = plugin.func::<(), ()>("Spin").unwrap();
    let spinning = std::thread::spawn(move || spin.call_within(8 * deadline, ()));
    while !entered.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    // It has come, or its time is over already: on a busy machine nobody waits for it.
    let sent = host.channel::<i64>("in").unwrap().send_timeout(7, deadline);
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Deadline(deadline)), "{sent:?}, {error:?}");
    assert!(!spinning.is_finished(), "it was not waited for: {sent:?}");
    assert_eq!(spinning.join().unwrap().unwrap_err().limit(), Some(Limit::Deadline(8 * deadline)));
    assert_eq!(plugin.call("Fine", ()).unwrap(), Value::Int(42));
}

/// Calls with a deadline: of a script that runs, that waits, and whose plugin is busy.
#[test]
fn a_deadline_includes_waits() {
    let limit = Some(Limit::Deadline(TIME));
    let nap = || std::thread::sleep(TIME / 10);
    let builder = Host::builder().time_limit(Duration::from_secs(60)).channel::<i64>("in", 0);
    let host = builder.function("nap", nap).build().unwrap();
    let text = "local M = {}
        function M.Spin()
          while true do end
        end
        function M.Wait() return (host.channel('in'):recv()) end
        function M.Insist()
          while true do pcall(M.Wait) end
        end
        function M.Nap()
          while true do pcall(host.nap) end
        end
        function M.Fine() return 42 end
        return M";
    let plugin = load(&host, "slow", text);
    for function in ["Spin", "Wait", "Insist", "Nap"] {
        let begun = Instant::now();
        let error = plugin.func::<(), ()>(function).unwrap().call_within(TIME, ()).unwrap_err();
        assert_eq!(
            (error.kind(), error.limit()),
            (ErrorKind::Limit, limit),
            "{function}: {error:?}"
        );
        assert!(begun.elapsed() >= TIME, "{function}: {error:?}");
    }
    let fine = plugin.func::<(), i64>("Fine").unwrap();
    assert_eq!(fine.call_within(Duration::from_secs(60), ()).unwrap(), 42);
    let spin = plugin.func::<(), ()>("Spin").unwrap();
    let spinning = std::thread::spawn(move || spin.call_within(10 * TIME, ()).unwrap_err());
    let error = loop {
        // Until the other thread has it.
        if let Err(error) = fine.call_within(TIME, ()) {
            break error;
        }
    };
    assert_eq!(error.limit(), limit);
    assert_eq!(
        error.to_string(),
        "plugin `slow`: `Fine`: waiting for plugin `slow`: deadline of 60 ms"
    );
    assert_eq!(spinning.join().unwrap().limit(), Some(Limit::Deadline(10 * TIME)));
    assert_eq!(fine.call(()).unwrap(), 42);
}

#[test]
fn a_deadline_needs_no_time_limit_and_no_signal() {
    let host = Host::builder().no_time_limit().limit_signal(LimitSignal::Off).build().unwrap();
    let plugin = load(&host, "spin", SPIN);
    // What LuaJIT has compiled cannot be stopped.
    if !cfg!(feature = "luajit") {
        let spin = plugin.func::<(), ()>("Spin").unwrap();
        let error = spin.call_within(TIME, ()).unwrap_err();
        assert_eq!(error.limit(), Some(Limit::Deadline(TIME)));
    }
}

#[test]
fn an_outer_deadline_holds_for_what_is_called_with_a_later_one() {
    let spin: Arc<std::sync::OnceLock<twinplug::Func<(), ()>>> = Arc::default();
    let ask = {
        let spin = Arc::clone(&spin);
        move || spin.get().unwrap().call_within(Duration::from_secs(60), ())
    };
    let host = Host::builder().time_limit(Duration::from_secs(60)).function("ask", ask).build();
    let host = host.unwrap();
    let inner = load(&host, "inner", SPIN);
    spin.set(inner.func("Spin").unwrap()).ok().unwrap();
    let outer = load(&host, "outer", "return { Ask = function() host.ask() end }");
    let ask = outer.func::<(), ()>("Ask").unwrap();
    let error = ask.call_within(TIME, ()).unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Deadline(TIME)), "{error:?}");
}

/// What is put onto the stack of who has waited may take more memory than is certainly there.
#[test]
fn what_comes_from_another_plugin_comes_where_memory_is_short() {
    const LIMIT: usize = 3 << 20;
    let asks = r#"
        local held = {}
        function Fill() for i = 1, 22 do held[i] = ("x"):rep(100000 + i) end end
        function Text(length) return #host.plugin("answers").Text(length) end
        function List(length) return host.plugin("answers").List(length)[length].key end
    "#;
    let answers = r#"
        function Text(length) return ("y"):rep(length) end
        function List(length)
          local list = {}
          for i = 1, length do list[i] = { key = "y" .. i } end
          return list
        end
    "#;
    let host = Host::builder().memory_limit(LIMIT).build().unwrap();
    host.load_source("answers", answers).unwrap();
    let asks = host.load_source("asks", asks).unwrap();
    asks.call("Fill", ()).unwrap();
    let text = asks.func::<(i64,), i64>("Text").unwrap();
    let list = asks.func::<(i64,), String>("List").unwrap();
    for _ in 0..3 {
        assert_eq!(text.call((10,)).unwrap(), 10);
        assert_eq!(list.call((100,)).unwrap(), "y100");
        let error = text.call((1_000_000,)).unwrap_err();
        assert_eq!(error.limit(), Some(Limit::Memory(LIMIT)), "{error}");
    }
}
