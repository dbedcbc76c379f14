//! `HostBuilder::blocking_function`: a script that waits in one does not hold its plugin.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use twinplug::{Error, Host, Limit, Value, data};

use super::{Gate, of, reaching};
use crate::twins::message;

const SCRIPT: &str = "\
local M = { Calls = 0 }
function M.Wait(n) M.Calls = M.Calls + 1 local got = host.wait(n) return got end
function M.Pcall(n) return pcall(host.wait, n) end
function M.Coroutine(n) return coroutine.wrap(function() return host.wait(n) + 1 end)() end
function M.Sorted() table.sort({ 1, 2 }, function(a, b) host.wait(1) return a < b end) end
function M.Free() return M.Calls end
return M
";

fn host(gate: &Gate) -> Host {
    let gate = gate.clone();
    let wait = move |number: i64| {
        gate.pass();
        if number < 0 { Err(format!("{number} is negative")) } else { Ok(number * 2) }
    };
    Host::builder().blocking_function("wait", wait).build().unwrap()
}

#[test]
fn a_plugin_is_free_while_its_call_waits_in_the_host() {
    let gate = Gate::default();
    let host = host(&gate);
    let plugin = host.load_source("waits", SCRIPT).unwrap();
    let free = plugin.func::<(), i64>("Free").unwrap();
    let calls = plugin.var::<i64>("Calls").unwrap();
    for (round, (name, expected)) in
        [("Wait", Value::Int(14)), ("Coroutine", Value::Int(15))].into_iter().enumerate()
    {
        let wait = plugin.func::<(i64,), i64>(name).unwrap();
        let waiting = thread::spawn(move || wait.call((7,)));
        gate.wait_for(round + 1);
        // It would hang, or be refused, if the plugin was held.
        let before = free.call(()).unwrap();
        calls.set(before + 10).unwrap();
        gate.open(1);
        assert_eq!(Value::Int(waiting.join().unwrap().unwrap()), expected, "{name}");
    }
    assert_eq!(calls.get().unwrap(), 21);
}

/// Each would wait for the other one's end, if it held the plugin.
#[test]
fn many_calls_wait_at_once_in_one_plugin() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 50;
    let meeting = Arc::new(std::sync::Barrier::new(THREADS));
    let meet = move |number: i64| {
        meeting.wait();
        number
    };
    let host = Host::builder().blocking_function("wait", meet).build().unwrap();
    let plugin = host.load_source("waits", SCRIPT).unwrap();
    let wait = plugin.func::<(i64,), i64>("Wait").unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS as i64 {
            let wait = wait.clone();
            scope.spawn(move || {
                for round in 0..ROUNDS as i64 {
                    let number = thread * 1000 + round;
                    assert_eq!(wait.call((number,)).unwrap(), number);
                }
            });
        }
    });
    let calls = plugin.var::<i64>("Calls").unwrap().get().unwrap();
    assert_eq!(calls, (THREADS * ROUNDS) as i64);
}

#[test]
fn errors_and_panics_are_the_callers() {
    let gate = Gate::default();
    gate.open(usize::MAX / 2);
    let host = host(&gate);
    let plugin = host.load_source("waits", SCRIPT).unwrap();
    let wait = plugin.func::<(i64,), i64>("Wait").unwrap();
    let error = wait.call((-1,)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `waits`: `Wait`: waits:2: host function `wait`: -1 is negative"
    );
    assert_eq!(error.location().map(|(_, line)| line), Some(2));
    let traceback = error.traceback().unwrap();
    assert!(traceback.starts_with("[host]: in function 'wait'\nwaits:2: in "), "{traceback}");
    let pcall = plugin.func::<(i64,), (bool, String)>("Pcall").unwrap();
    let (ok, text) = pcall.call((-2,)).unwrap();
    assert!(!ok && text.ends_with("host function `wait`: -2 is negative"), "{text}");

    let script = "function Blow() local x = host.blow() return x end\n\
                  function Few() host.two(1, 2, 3) end\n\
                  function Wrong() host.two('a', 2) end\n\
                  function Two() return host.two(1, 2) end\n\
                  function None() return select('#', host.none()), (host.none()) end";
    let blow = || -> i64 { panic!("it blows") };
    let host = Host::builder()
        .blocking_function("blow", blow)
        .blocking_function("two", |a: i64, b: i64| (a + b, "sum".to_owned()))
        .blocking_function("none", || {})
        .build()
        .unwrap();
    let plugin = host.load_source("asks", script).unwrap();
    let check = |name: &str, expected: &str| {
        let expected = format!("plugin `asks`: `{name}`: {expected}");
        assert_eq!(message(plugin.call(name, ())), expected);
    };
    check("Blow", "asks:1: host function `blow`: panicked: it blows");
    check("Few", "asks:2: host function `two`: expected 2 arguments, got 3");
    check("Wrong", "asks:3: host function `two`: argument 1: expected int, got string");
    let two = plugin.func::<(), (i64, String)>("Two").unwrap();
    assert_eq!(two.call(()).unwrap(), (3, "sum".into()));
    let none = plugin.func::<(), (i64, Option<i64>)>("None").unwrap();
    assert_eq!(none.call(()).unwrap(), (1, None));
}

/// Where it cannot be suspended, the function is not called at all.
#[test]
fn where_a_script_cannot_wait_it_is_an_error() {
    let called = Arc::new(AtomicUsize::new(0));
    let calls = Arc::clone(&called);
    let host = reaching(|builder, cell| {
        builder
            .blocking_function("wait", move |_: i64| {
                calls.fetch_add(1, Ordering::SeqCst);
            })
            .function("call", move |name: String| -> twinplug::Result<Value> {
                of(&cell).plugin("waits")?.call(&name, (1,))
            })
    });
    let plugin = host.load_source("waits", SCRIPT).unwrap();
    let outer = "function Run() local x = host.call('Wait') return x end";
    let outer = host.load_source("outer", outer).unwrap();
    assert_eq!(
        message(plugin.call("Sorted", ())),
        "plugin `waits`: `Sorted`: waits:5: cannot wait here: Lua cannot suspend a call inside of \
         this function"
    );
    assert_eq!(
        message(outer.call("Run", ())),
        "plugin `outer`: `Run`: outer:1: host function `call`: plugin `waits`: `Wait`: waits:2: \
         cannot wait here for host function `wait`: a Lua plugin's call of a host function is \
         running on this thread; one that is added by `HostBuilder::blocking_function` may wait"
    );
    assert_eq!(called.load(Ordering::SeqCst), 0);
    assert_eq!(plugin.call("Wait", (1,)).unwrap(), Value::Null);
}

/// What a plain function must not do: wait for channels, and for plugins that are busy.
#[test]
fn inside_of_one_others_may_be_waited_for() {
    let gate = Gate::default();
    let at = gate.clone();
    let host = reaching(|builder, cell| {
        let there = Arc::clone(&cell);
        builder
            .channel::<i64>("numbers", 0)
            .function("hold", move || at.pass())
            .blocking_function("receive", move || of(&cell).channel::<i64>("numbers")?.recv())
            .blocking_function("ask", move |name: String| -> twinplug::Result<Value> {
                of(&there).plugin("busy")?.call(&name, ())
            })
    });
    let busy =
        "Held = 0 function Hold() host.hold() Held = Held + 1 end function Get() return Held end";
    let busy = host.load_source("busy", busy).unwrap();
    let script = "function Receive() local n = host.receive() return n end\n\
                  function Ask() local n = host.ask('Get') return n end\n\
                  function Back() local n = host.ask('Hold') return n end";
    let plugin = host.load_source("asks", script).unwrap();

    let receive = plugin.func::<(), i64>("Receive").unwrap();
    let waiting = thread::spawn(move || receive.call(()));
    host.channel::<i64>("numbers").unwrap().send(5).unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), 5);

    let hold = busy.func::<(), ()>("Hold").unwrap();
    let holding = thread::spawn(move || hold.call(()));
    gate.wait_for(1);
    let ask = plugin.func::<(), i64>("Ask").unwrap();
    let asking = thread::spawn(move || ask.call(()));
    gate.open(1);
    holding.join().unwrap().unwrap();
    assert_eq!(asking.join().unwrap().unwrap(), 1);
}

/// Two plugins that hold themselves while they ask for each other would hang.
#[test]
fn two_plugins_reach_each_other_through_the_host_from_two_threads() {
    const ROUNDS: i64 = 200;
    let meeting = Arc::new(std::sync::Barrier::new(2));
    let host = reaching(|builder, cell| {
        builder.blocking_function("add", move |plugin: String| -> twinplug::Result<Value> {
            meeting.wait();
            of(&cell).plugin(&plugin)?.call("Add", ())
        })
    });
    let script = |other: &str| {
        format!(
            "local M = {{ Count = 0 }}\n\
             function M.Go() local n = host.add('{other}') return n end\n\
             function M.Add() M.Count = M.Count + 1 return M.Count end\n\
             return M"
        )
    };
    let plugins = [("a", "b"), ("b", "a")]
        .map(|(name, other)| host.load_source(name, script(other)).unwrap());
    thread::scope(|scope| {
        for plugin in &plugins {
            let go = plugin.func::<(), i64>("Go").unwrap();
            scope.spawn(move || (0..ROUNDS).for_each(|_| assert!(go.call(()).unwrap() > 0)));
        }
    });
    for plugin in &plugins {
        assert_eq!(plugin.var::<i64>("Count").unwrap().get().unwrap(), ROUNDS);
    }
}

#[test]
fn its_time_is_the_hosts_but_for_a_deadline() {
    let limit = Duration::from_millis(40);
    let host = Host::builder()
        .time_limit(limit)
        .blocking_function("sleep", |millis: u64| thread::sleep(Duration::from_millis(millis)))
        .build()
        .unwrap();
    let script = "function Sleep(n) host.sleep(n) return n end\n\
                  function Caught(n) local ok = pcall(host.sleep, n) return ok end";
    let plugin = host.load_source("sleeps", script).unwrap();
    let sleep = plugin.func::<(u64,), u64>("Sleep").unwrap();
    assert_eq!(sleep.call((150,)).unwrap(), 150);
    let time = Duration::from_millis(20);
    for name in ["Sleep", "Caught"] {
        let call = plugin.func::<(u64,), Value>(name).unwrap();
        let error = call.call_within(time, (60,)).unwrap_err();
        assert_eq!(error.limit(), Some(Limit::Deadline(time)), "{error}");
        assert_eq!(
            error.to_string(),
            format!("plugin `sleeps`: `{name}`: host function `sleep`: deadline of 20 ms")
        );
    }
    assert_eq!(sleep.call((0,)).unwrap(), 0);
}

#[test]
fn a_plugin_that_goes_while_it_waits() {
    let gate = Gate::default();
    let host = host(&gate);
    let plugin = host.load_source("waits", SCRIPT).unwrap();
    let wait = plugin.func::<(i64,), i64>("Wait").unwrap();
    let waiting = thread::spawn(move || wait.call((7,)));
    gate.wait_for(1);
    host.unload(plugin).unwrap();
    gate.open(1);
    let error: Error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "plugin `waits`: `Wait`: the plugin was unloaded");
}

/// What another plugin threw goes through, with its calls.
#[test]
fn an_error_of_another_plugin_goes_through_whole() {
    let host = reaching(|builder, cell| {
        builder.blocking_function("ask", move || -> twinplug::Result<Value> {
            of(&cell).plugin("throws")?.call("Throw", ())
        })
    });
    let throws = "function Throw() error({ code = 7, message = 'no door' }) end";
    host.load_source("throws", throws).unwrap();
    let script = "function Ask() local x = host.ask() return x end\n\
                  function Code() local ok, thrown = pcall(host.ask) return thrown.code end";
    let plugin = host.load_source("asks", script).unwrap();
    assert_eq!(plugin.func::<(), i64>("Code").unwrap().call(()).unwrap(), 7);
    let error = plugin.call("Ask", ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `asks`: `Ask`: host function `ask`: plugin `throws`: `Throw`: no door"
    );
    assert!(error.payload().is_some());
}

/// What it returned is the program's: its drop may panic where nobody is left to be told.
#[test]
fn what_nobody_takes_any_more_is_dropped_quietly() {
    #[data]
    struct Bomb(i64);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 == 7 {
                self.0 = 0;
                panic!("in a drop");
            }
        }
    }
    let gate = Gate::default();
    let at = gate.clone();
    let wait = move |number: i64| {
        at.pass();
        Bomb(number)
    };
    let host = Host::builder().blocking_function("wait", wait).build().unwrap();
    let plugin = host.load_source("waits", SCRIPT).unwrap();
    let wait = plugin.func::<(i64,), i64>("Wait").unwrap();
    let again = wait.clone();
    // It is written, and then dropped: that is the call's error.
    gate.open(1);
    assert_eq!(
        message(wait.call((7,))),
        "plugin `waits`: `Wait`: waits:2: host function `wait`: panicked: in a drop"
    );
    let waiting = thread::spawn(move || again.call((7,)));
    gate.wait_for(2);
    host.unload(plugin).unwrap();
    gate.open(1);
    assert_eq!(message(waiting.join().unwrap()), "plugin `waits`: `Wait`: the plugin was unloaded");
}
