//! Handles that are dropped on one thread while others use what they lead to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use twinplug::{Error, Func, Host, PluginRef, Value, Var};

use super::{check_fine, reachable};

/// How long the threads are at it.
const WHILE: Duration = Duration::from_millis(400);

const SCRIPT: &str = "\
local M = { V = 1, T = host.any({}) }
function M.Add(a, b) return a + b end
function M.Throws(n) error({ message = 'thrown', n = n, list = { 1, 2, { 3 } } }) end
function M.Grow(n) local t = {} for i = 1, n do t[i] = { i, tostring(i) } end M.T = t return #t end
function M.Fine() return 42 end
return M";

#[test]
fn handles_are_dropped_while_calls_run() {
    let host = reachable(|builder, _| builder);
    let plugin = host.load_source("p", SCRIPT).unwrap();
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        for kind in 0..2 {
            let (plugin, ends) = (&plugin, &ends);
            scope.spawn(move || {
                let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
                let grow = plugin.func::<(i64,), i64>("Grow").unwrap();
                while !ends.load(Ordering::Relaxed) {
                    match kind {
                        0 => assert_eq!(add.call((1, 2)).unwrap(), 3),
                        _ => assert_eq!(grow.call((50,)).unwrap(), 50),
                    }
                }
            });
        }
        let (sender, receiver) = std::sync::mpsc::sync_channel::<Dropped>(64);
        scope.spawn(move || receiver.into_iter().for_each(drop));
        let until = Instant::now() + WHILE;
        while Instant::now() < until {
            let throws = plugin.func::<(i64,), ()>("Throws").unwrap();
            let error = throws.call((1,)).unwrap_err();
            assert!(error.payload().is_some());
            let _ = sender.send(Dropped {
                _func: plugin.func("Add").unwrap(),
                _var: plugin.var("T").unwrap(),
                _plugin: plugin.clone(),
                _host: Arc::clone(&host),
                _error: error,
            });
        }
        ends.store(true, Ordering::Relaxed);
    });
    check_fine(&plugin);
}

/// What another thread drops.
struct Dropped {
    _func: Func<(i64, i64), i64>,
    _var: Var<Value>,
    _plugin: PluginRef,
    _host: Arc<Host>,
    _error: Error,
}

/// Made here, used there, and dropped by a third.
#[test]
fn hosts_go_from_thread_to_thread() {
    for round in 0..10 {
        let made = thread::spawn(move || {
            let host = Host::builder().channel::<i64>("in", 0).build().unwrap();
            let plugin = host.load_source("p", SCRIPT).unwrap();
            let wait = "function Wait() return (host.channel('in'):recv()) end";
            host.load_source("waits", wait).unwrap();
            plugin.call("Grow", (100,)).unwrap();
            (host, plugin)
        });
        let (host, plugin) = made.join().unwrap();
        let host = Arc::new(host);
        let users: Vec<_> = (0..3)
            .map(|_| {
                let (host, plugin) = (Arc::clone(&host), plugin.clone());
                thread::spawn(move || {
                    for i in 0..50 {
                        let sum = plugin.call("Add", (i, round)).unwrap();
                        assert_eq!(sum, Value::Int(i + round));
                        assert!(plugin.call("Throws", (i,)).is_err());
                    }
                    let wait = host.plugin("waits").unwrap().func::<(), i64>("Wait").unwrap();
                    drop(host);
                    drop(wait);
                })
            })
            .collect();
        users.into_iter().for_each(|user| user.join().unwrap());
        let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
        thread::spawn(move || drop(host)).join().unwrap();
        assert_eq!(
            add.call((1, 2)).unwrap_err().to_string(),
            "plugin `p`: `Add`: the plugin was unloaded"
        );
        thread::spawn(move || drop((plugin, add))).join().unwrap();
    }
}

/// The last handle, on the thread that ends, as the thread's own destructors run.
#[test]
fn a_handle_outlives_its_thread() {
    thread_local! {
        static KEPT: std::cell::RefCell<Option<Uses>> = const { std::cell::RefCell::new(None) };
    }
    struct Uses(Func<(i64, i64), i64>, PluginRef);
    impl Drop for Uses {
        fn drop(&mut self) {
            // The thread's records have gone already, or go later.
            for i in 0..20 {
                assert_eq!(self.0.call((i, 1)).unwrap(), i + 1);
            }
            check_fine(&self.1);
        }
    }
    let host = Host::builder().build().unwrap();
    let plugin = host.load_source("p", SCRIPT).unwrap();
    for before in [true, false] {
        for _ in 0..20 {
            let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
            let plugin = plugin.clone();
            let ends = thread::spawn(move || {
                if before {
                    check_fine(&plugin);
                }
                KEPT.set(Some(Uses(add, plugin.clone())));
                check_fine(&plugin);
            });
            ends.join().unwrap();
        }
    }
    check_fine(&plugin);
}

/// Each of many threads that live for a moment, one after the other and several at once.
#[test]
fn threads_that_live_for_a_moment() {
    let host = Host::builder().build().unwrap();
    let plugin = host.load_source("p", SCRIPT).unwrap();
    let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
    let variable = plugin.var::<i64>("V").unwrap();
    for round in 0..150 {
        let threads: Vec<_> = (0..1 + round % 3)
            .map(|_| {
                let (add, variable) = (add.clone(), variable.clone());
                thread::spawn(move || {
                    // Long enough, now and then, to be the lock's tenant.
                    let calls = if round % 10 == 0 { 1200 } else { 12 };
                    for i in 0..calls {
                        assert_eq!(add.call((i, round)).unwrap(), i + round);
                        variable.set(i).unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
    check_fine(&plugin);
}

/// Where the coroutine of a thread's quick calls has gone with a call of another thread's, a script's
/// top level is still none that it can yield from.
#[test]
fn the_coroutine_of_quick_calls_goes_with_another_threads_call() {
    let host = Host::builder().build().unwrap();
    let text = "\
local M = { V = 1 }
function M.Yields() return coroutine.isyieldable() end
function M.Fails() error('no') end
function M.Fine() return 42 end
return M";
    let plugin = host.load_source("p", text).unwrap();
    let yields: Func<(), bool> = plugin.func("Yields").unwrap();
    let fine: Func<(), i64> = plugin.func("Fine").unwrap();
    let variable: Var<i64> = plugin.var("V").unwrap();
    // Until calls of this thread's are the quick ones.
    let call_often = || (0..3000).for_each(|_| assert_eq!(fine.call(()).unwrap(), 42));
    call_often();
    assert!(!yields.call(()).unwrap());
    thread::scope(|scope| {
        scope.spawn(|| {
            call_often();
            plugin.func::<(), ()>("Fails").unwrap().call(()).unwrap_err();
            call_often();
        });
    });
    (0..3000).for_each(|_| assert_eq!(variable.get().unwrap(), 1));
    assert!(!yields.call(()).unwrap());
}
