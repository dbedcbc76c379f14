//! Everything at once, from several threads: the lock of a plugin changes hands between those
//! that call all the time, that wait, that come by once, and that take the plugin away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use twinplug::{Error, Host, Limit, PluginRef, Value};

use super::{Reach, check_fine, map_of, reachable};
use crate::twins::message;

/// How long each storm lasts.
const WHILE: Duration = Duration::from_millis(500);

/// `Step` counts in steps that others would lose.
const SCRIPT: &str = "\
local M = { Count = 0, T = host.any({ a = 1 }) }
function M.Step(n) for _ = 1, n do local count = M.Count M.Count = count + 1 end return M.Count end
function M.Swap(n) host.channel('there'):send(n) return (host.channel('back'):recv()) end
function M.Back(n) return host.call(n) end
function M.Spin() while true do end end
function M.Fine() return 42 end
return M";

fn storm_host() -> Arc<Host> {
    reachable(|builder, reach: Reach| {
        builder
            .channel::<i64>("there", 0)
            .channel::<i64>("back", 0)
            .function("call", move |n: i64| {
                reach.plugin("p").func::<(i64,), i64>("Step")?.call((n,))
            })
    })
}

/// Runs these until the time is over; each is told how often it was asked.
fn storm(workers: Vec<Box<dyn Fn(i64) + Send + '_>>) {
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        for worker in workers {
            let ends = &ends;
            scope.spawn(move || {
                let mut round = 0;
                while !ends.load(Ordering::Relaxed) {
                    worker(round);
                    round += 1;
                }
            });
        }
        let until = Instant::now() + WHILE;
        while Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        ends.store(true, Ordering::Relaxed);
    });
}

fn is_stale(error: &Error) -> bool {
    error.to_string().ends_with("the plugin was unloaded")
}

#[test]
fn no_step_is_lost() {
    for threads in [2, 3, 8] {
        let host = storm_host();
        let plugin = host.load_source("p", SCRIPT).unwrap();
        let added = AtomicI64::new(0);
        let worker = |kind: usize| -> Box<dyn Fn(i64) + Send + '_> {
            let step = plugin.func::<(i64,), i64>("Step").unwrap();
            let back = plugin.func::<(i64,), i64>("Back").unwrap();
            let variable = plugin.var::<Value>("T").unwrap();
            let added = &added;
            Box::new(move |round| {
                match (kind + round as usize / 50) % 4 {
                    0 => step.call((1,)).map(drop).unwrap(),
                    1 => back.call((1,)).map(drop).unwrap(),
                    2 => {
                        let value = map_of([("a", Value::Int(round))]);
                        variable.set(value).unwrap();
                        step.call((1,)).map(drop).unwrap();
                    }
                    _ => {
                        let Value::Map(map) = variable.get().unwrap() else { panic!("no map") };
                        assert_eq!(map.len(), 1);
                        thread::sleep(Duration::from_micros(20));
                        step.call_within(Duration::from_secs(60), (1,)).map(drop).unwrap();
                    }
                }
                added.fetch_add(1, Ordering::Relaxed);
            })
        };
        storm((0..threads).map(worker).collect());
        let count = plugin.var::<i64>("Count").unwrap().get().unwrap();
        assert_eq!(count, added.load(Ordering::Relaxed), "{threads} threads");
        check_fine(&plugin);
    }
}

#[test]
fn waits_calls_deadlines_and_reloads() {
    let host = storm_host();
    host.load_source("p", SCRIPT).unwrap();
    let plugin = || host.plugin("p");
    let there = host.channel::<i64>("there").unwrap();
    let back = host.channel::<i64>("back").unwrap();
    let ends = Arc::new(AtomicBool::new(false));
    // Who answers is on the host's side, and goes on until nobody asks.
    let answers = {
        let (there, back, ends) = (there.clone(), back.clone(), Arc::clone(&ends));
        thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                if let Ok(n) = there.try_recv() {
                    while back.try_send(-n).is_err() && !ends.load(Ordering::Relaxed) {
                        thread::yield_now();
                    }
                }
                thread::yield_now();
            }
        })
    };
    let frame = Duration::from_millis(20);
    let swap = |round: i64| {
        let Ok(plugin) = plugin() else { return };
        let swap = match plugin.func::<(i64,), i64>("Swap") {
            Ok(swap) => swap,
            Err(error) => return assert!(is_stale(&error), "{error}"),
        };
        match swap.call_within(frame, (round,)) {
            Ok(_) => {}
            Err(error) => assert!(
                is_stale(&error) || error.limit() == Some(Limit::Deadline(frame)),
                "{error}"
            ),
        }
    };
    let steps = |_| {
        let Ok(plugin) = plugin() else { return };
        for _ in 0..50 {
            match plugin.call("Step", (3,)) {
                Ok(_) => {}
                Err(error) => return assert!(is_stale(&error), "{error}"),
            }
        }
    };
    let spins = |_| {
        let Ok(plugin) = plugin() else { return };
        let Ok(spin) = plugin.func::<(), ()>("Spin") else { return };
        let short = Duration::from_millis(2);
        let error = spin.call_within(short, ()).unwrap_err();
        assert!(is_stale(&error) || error.limit() == Some(Limit::Deadline(short)), "{error}");
        thread::sleep(Duration::from_millis(5));
    };
    let reloads = |_| {
        thread::sleep(Duration::from_millis(15));
        host.unload(plugin().unwrap()).unwrap();
        host.load_source("p", SCRIPT).unwrap();
    };
    let mut workers: Vec<Box<dyn Fn(i64) + Send + '_>> =
        vec![Box::new(swap), Box::new(swap), Box::new(steps), Box::new(steps), Box::new(reloads)];
    // Compiled code of LuaJIT's is stopped only in plugins with a time limit.
    if !cfg!(feature = "luajit") {
        workers.push(Box::new(spins));
    }
    storm(workers);
    ends.store(true, Ordering::Relaxed);
    answers.join().unwrap();
    check_fine(&plugin().unwrap());
}

/// Two plugins that are held by threads which want the other one: neither waits.
#[test]
fn who_holds_a_plugin_does_not_wait_for_another() {
    let host = reachable(|builder, reach| {
        builder.function("call", move |plugin: String, n: i64| {
            reach.plugin(&plugin).func::<(i64,), i64>("Add")?.call((n,))
        })
    });
    let script = |other: &str| {
        format!(
            "function Add(n) return n + 1 end\n\
             function Over(n) for i = 1, 20 do n = host.call('{other}', n) end return n end\n\
             function Fine() return 42 end"
        )
    };
    let plugins: [PluginRef; 2] = [("a", "b"), ("b", "a")]
        .map(|(name, other)| host.load_source(name, script(other)).unwrap());
    let refused = AtomicI64::new(0);
    let worker = |plugin: &PluginRef, other: &'static str| -> Box<dyn Fn(i64) + Send + '_> {
        let (name, over) = (plugin.name().to_owned(), plugin.func::<(i64,), i64>("Over").unwrap());
        let refused = &refused;
        Box::new(move |_| match over.call((0,)) {
            Ok(sum) => assert_eq!(sum, 20),
            Err(error) => {
                refused.fetch_add(1, Ordering::Relaxed);
                assert_eq!(
                    error.to_string(),
                    format!(
                        "plugin `{name}`: `Over`: {name}:2: host function `call`: plugin `{other}`: \
                         `Add`: cannot wait here for plugin `{other}`, which is busy: a Lua \
                         plugin's call of a host function is running on this thread; one that is \
                         added by `HostBuilder::blocking_function` may wait"
                    )
                );
            }
        })
    };
    storm(vec![worker(&plugins[0], "b"), worker(&plugins[1], "a"), worker(&plugins[0], "b")]);
    plugins.iter().for_each(check_fine);
    assert_eq!(message(plugins[0].call("Nothing", ())), "plugin `a`: no symbol `Nothing`");
}
