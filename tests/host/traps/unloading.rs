//! Plugins, and hosts, that go while they run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use twinplug::{Host, Value};

use super::{check_fine, reachable};
use crate::twins::message;

const SCRIPT: &str = "\
local M = { V = 1 }
function M.Plainly() host.unload('p') return M.V + #('x'):rep(1000) end
function M.Twice() host.unload('p') local ok, text = pcall(host.unload, 'p') return text end
function M.InPcall() local ok = pcall(host.unload, 'p') return ok end
function M.InCoroutine() return coroutine.wrap(function() host.unload('p') return M.V end)() end
function M.InSort()
  local t = { 3, 1, 2 }
  local gone
  table.sort(t, function(a, b)
    if not gone then gone = true host.unload('p') end
    return a < b
  end)
  return t[1]
end
function M.ThenFails() host.unload('p') error('after') end
function M.ThenCalls() host.unload('p') local ok, text = pcall(host.fine) return text end
function M.ThenWaits() host.unload('p') local ok, text = pcall(function() return host.channel('in'):recv() end) return text end
function M.ThenHosts() host.unload('p') return host.double(21) end
function M.ThenNew() host.unload('p') return host.renew() end
function M.Deep(n) if n == 0 then host.unload('p') return 1 end return host.deep(n - 1) + 1 end
function M.Fine() return 42 end
return M";

/// A host that unloads its plugins when they ask for it.
fn host() -> Arc<Host> {
    let host = reachable(|builder, reach| {
        let (unload, renew, fine) = (reach.clone(), reach.clone(), reach.clone());
        let handle = Mutex::new(None);
        builder
            .channel::<i64>("in", 1)
            .function("unload", move |name: String| {
                let host = unload.host();
                host.unload(host.plugin(&name)?)
            })
            .function("renew", move || {
                let new = renew.host().load_source("p", SCRIPT)?;
                new.call("Fine", ())
            })
            .function("fine", move || {
                let mut handle = handle.lock().unwrap();
                let host = fine.host();
                let handle = handle.get_or_insert_with(|| {
                    host.plugin("q").unwrap().func::<(), i64>("Fine").unwrap()
                });
                handle.call(())?;
                host.plugin("p")?.call("Fine", ())
            })
            .function("double", |n: i64| 2 * n)
            .function("deep", move |n: i64| {
                let deep = reach.plugin("p").func::<(i64,), i64>("Deep")?;
                deep.call((n,))
            })
    });
    host.load_source("q", SCRIPT).unwrap();
    host
}

#[test]
fn from_inside_of_its_own_call() {
    for (name, expected) in [
        ("Plainly", Value::Int(1001)),
        ("Twice", Value::Str("host function `unload`: no plugin `p` is loaded".into())),
        ("InPcall", Value::Bool(true)),
        ("InCoroutine", Value::Int(1)),
        ("InSort", Value::Int(1)),
        ("ThenCalls", Value::Str("host function `fine`: no plugin `p` is loaded".into())),
        ("ThenHosts", Value::Int(42)),
        ("ThenNew", Value::Int(42)),
    ] {
        let host = host();
        for _ in 0..3 {
            let plugin = host.load_source("p", SCRIPT).unwrap();
            let call = plugin.func::<(), Value>(name).unwrap();
            let fine = plugin.func::<(), i64>("Fine").unwrap();
            let variable = plugin.var::<i64>("V").unwrap();
            assert_eq!(fine.call(()).unwrap(), 42);
            match call.call(()) {
                Ok(got) => assert_eq!(got, expected, "{name}"),
                Err(error) => panic!("{name}: {error}"),
            }
            let stale = |symbol: &str| format!("plugin `p`: `{symbol}`: the plugin was unloaded");
            assert_eq!(message(fine.call(())), stale("Fine"), "{name}");
            assert_eq!(message(call.call(())), stale(name), "{name}");
            assert_eq!(message(variable.get()), stale("V"), "{name}");
            assert_eq!(message(variable.set(2)), stale("V"), "{name}");
            if let Ok(new) = host.plugin("p") {
                check_fine(&new);
                host.unload(new).unwrap();
            }
            check_fine(&host.plugin("q").unwrap());
        }
    }
}

#[test]
fn and_what_fails_afterwards_says_why() {
    let host = host();
    let plugin = host.load_source("p", SCRIPT).unwrap();
    let error = plugin.call("ThenFails", ()).unwrap_err();
    assert_eq!(error.to_string(), "plugin `p`: `ThenFails`: p:15: after");
    let plugin = host.load_source("p", SCRIPT).unwrap();
    host.channel::<i64>("in").unwrap().send(5).unwrap();
    let waits = plugin.func::<(), Value>("ThenWaits").unwrap();
    assert_eq!(waits.call(()).unwrap(), Value::Int(5));
    check_fine(&host.plugin("q").unwrap());
}

#[test]
fn from_deep_inside_of_its_calls() {
    let host = host();
    for depth in [1, 5, 50] {
        let plugin = host.load_source("p", SCRIPT).unwrap();
        let deep = plugin.func::<(i64,), i64>("Deep").unwrap();
        // `deep` finds it by name, which the innermost has unloaded: nobody asks after that.
        assert_eq!(deep.call((depth,)).unwrap(), depth + 1);
        assert_eq!(message(deep.call((1,))), "plugin `p`: `Deep`: the plugin was unloaded");
    }
}

#[test]
fn from_another_thread_while_calls_run_and_wait() {
    let script = "\
        V = 0\n\
        function Work(n) local sum = 0 for i = 1, n do sum = sum + i V = i end return sum end\n\
        function Wait() return (host.channel('in'):recv()) end\n\
        function Fine() return 42 end";
    let host = reachable(|builder, _| builder.channel::<i64>("in", 0));
    let channel = host.channel::<i64>("in").unwrap();
    let stays = host.load_source("stays", script).unwrap();
    for round in 0..40 {
        let plugin = host.load_source("p", script).unwrap();
        let (ready, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for kind in 0..4 {
                let (plugin, stays) = (plugin.clone(), stays.clone());
                let (ready, ended) = (&ready, &ended);
                scope.spawn(move || {
                    let work = plugin.func::<(i64,), i64>("Work").unwrap();
                    let wait = plugin.func::<(), i64>("Wait").unwrap();
                    let variable = plugin.var::<i64>("V").unwrap();
                    ready.fetch_add(1, Ordering::Relaxed);
                    let error = loop {
                        let done = match kind {
                            0 => work.call((100,)).map(|sum| assert_eq!(sum, 5050)),
                            1 => variable.get().map(drop),
                            2 => variable.set(round),
                            // What a plugin that went could not take is the next one's.
                            _ => wait.call(()).map(|got| assert!(got <= round)),
                        };
                        if let Err(error) = done {
                            break error.to_string();
                        }
                    };
                    assert!(error.ends_with(": the plugin was unloaded"), "{error}");
                    check_fine(&stays);
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
            while ready.load(Ordering::Relaxed) < 4 {
                thread::yield_now();
            }
            for _ in 0..round % 7 {
                let _ = channel.try_send(round);
                thread::yield_now();
            }
            host.unload(plugin.clone()).unwrap();
            // Who still waits gets a message, and finds the plugin gone.
            while ended.load(Ordering::Relaxed) < 4 {
                let _ = channel.try_send(round);
                thread::yield_now();
            }
        });
    }
}

/// The host itself goes, with the last one who has it, inside of its own call.
#[test]
fn the_host_goes_inside_of_its_own_call() {
    for in_coroutine in ["host.last()", "coroutine.wrap(function() host.last() end)()"] {
        let kept: Arc<Mutex<Option<Host>>> = Arc::default();
        let went = Arc::new(AtomicBool::new(false));
        let last = {
            let (kept, went) = (Arc::clone(&kept), Arc::clone(&went));
            move || {
                let host = kept.lock().unwrap().take();
                drop(host);
                went.store(true, Ordering::Relaxed);
            }
        };
        let host = Host::builder().function("last", last).function("one", || 1).build().unwrap();
        let script = format!(
            "function Last() {in_coroutine} local ok, text = pcall(host.one) return text end\n\
             function Fine() return 42 end"
        );
        let plugin = host.load_source("p", &script).unwrap();
        let call = plugin.func::<(), Value>("Last").unwrap();
        let fine = plugin.func::<(), i64>("Fine").unwrap();
        drop(plugin);
        *kept.lock().unwrap() = Some(host);
        let after = call.call(());
        assert!(went.load(Ordering::Relaxed));
        assert_eq!(after.unwrap(), Value::Int(1), "what runs goes on to its end");
        assert_eq!(message(fine.call(())), "plugin `p`: `Fine`: the plugin was unloaded");
    }
}
