//! Plugins that use one another: whoever waits for another plugin holds nothing meanwhile.

use std::sync::{Arc, Barrier, OnceLock, Weak};
use std::thread;
use std::time::Duration;

use twinplug::{Host, Limit};

use crate::twins::{Stage, Twin, message, on_every_twin};

on_every_twin! {
    a_plugin_is_free_while_another_one_works_for_it
    what_waits_beyond_another_plugin_is_passed_on
    a_deadline_ends_what_waits_in_another_plugin
}

const CALLER: &str = r#"
local M = { Calls = 0 }

function M.Receive()
  M.Calls = M.Calls + 1
  return host.plugin("probe").Receive("numbers")
end

-- Where it cannot be suspended.
function M.Sorted()
  local list = { 1, 2 }
  table.sort(list, function(a, b)
    host.plugin("probe").Receive("numbers")
    return a < b
  end)
end

-- In a coroutine of its own, and in a protected call.
function M.Inside()
  local f = coroutine.wrap(function()
    local ok, number = pcall(host.plugin("probe").Receive, "numbers")
    coroutine.yield(ok)
    return number
  end)
  assert(f())
  return f()
end

function M.Free() return M.Calls end

return M
"#;

fn stage(twin: &Twin) -> Stage {
    let stage = Stage::new();
    stage.host.load(&twin.probe).unwrap();
    stage.host.load_source("caller", CALLER).unwrap();
    stage
}

/// The call is in the other plugin, waits there, and its own plugin answers others.
fn a_plugin_is_free_while_another_one_works_for_it(twin: &Twin) {
    let Stage { host, .. } = &stage(twin);
    let caller = host.plugin("caller").unwrap();
    for name in ["Receive", "Inside"] {
        let receive = caller.func::<(), i64>(name).unwrap();
        let free = caller.func::<(), i64>("Free").unwrap();
        thread::scope(|scope| {
            let call = scope.spawn(|| receive.call(()));
            while name == "Receive" && free.call(()).unwrap() == 0 {
                thread::yield_now();
            }
            caller.var::<i64>("Calls").unwrap().get().unwrap();
            // With capacity 0 this meets the call where it waits.
            host.channel::<i64>("numbers").unwrap().send(7).unwrap();
            assert_eq!(call.join().unwrap().unwrap(), 7, "{name}");
        });
    }
}

fn what_waits_beyond_another_plugin_is_passed_on(twin: &Twin) {
    let Stage { host, .. } = &stage(twin);
    let caller = host.plugin("caller").unwrap();
    let cannot = message(caller.call("Sorted", ()));
    assert!(cannot.contains("`Receive`: "), "{cannot}");
    assert!(cannot.contains("cannot wait here"), "{cannot}");
    host.channel::<i64>("numbers").unwrap().close();
    let closed = message(caller.call("Receive", ()));
    let ends = "plugin `probe`: `Receive`: ";
    assert!(closed.contains(ends) && closed.contains("channel `numbers` is closed"), "{closed}");
}

fn a_deadline_ends_what_waits_in_another_plugin(twin: &Twin) {
    let Stage { host, .. } = &stage(twin);
    let receive = host.plugin("caller").unwrap().func::<(), i64>("Receive").unwrap();
    let time = Duration::from_millis(20);
    let error = receive.call_within(time, ()).unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Deadline(time)), "{error}");
    let free = host.plugin("caller").unwrap().func::<(), i64>("Free").unwrap();
    assert_eq!(free.call(()).unwrap(), 1);
}

/// Each holds itself when it calls the other: a host that let them wait so would hang.
#[test]
fn two_plugins_that_call_each_other_from_two_threads() {
    const ROUNDS: usize = 200;
    let meet = Arc::new(Barrier::new(2));
    let meet = move || {
        meet.wait();
    };
    let host = Host::builder().function("meet", meet).build().unwrap();
    let script = |other: &str| {
        format!(
            "local M = {{ Count = 0 }}\n\
             function M.Go() host.meet() return host.plugin('{other}').Add(1) end\n\
             function M.Add(n) M.Count = M.Count + n return M.Count end\n\
             return M"
        )
    };
    let a = host.load_source("a", script("b")).unwrap();
    let b = host.load_source("b", script("a")).unwrap();
    // Nobody begins anew, and holds its plugin, while the other one still needs it.
    let over = Barrier::new(2);
    thread::scope(|scope| {
        for plugin in [&a, &b] {
            let (go, over) = (plugin.func::<(), i64>("Go").unwrap(), &over);
            scope.spawn(move || {
                for round in 1..=ROUNDS {
                    assert_eq!(go.call(()).unwrap(), round as i64);
                    over.wait();
                }
            });
        }
    });
    for plugin in [&a, &b] {
        assert_eq!(plugin.var::<i64>("Count").unwrap().get().unwrap(), ROUNDS as i64);
    }
}

/// From many threads, through both, and back into where it began.
#[test]
fn chains_of_many_threads_come_back_to_where_they_began() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 100;
    let host = Host::builder().build().unwrap();
    let script = |other: &str| {
        format!(
            "local M = {{ Count = 0 }}\n\
             function M.Down(n)\n\
               M.Count = M.Count + 1\n\
               if n == 0 then return 0 end\n\
               return host.plugin('{other}').Down(n - 1) + 1\n\
             end\n\
             return M"
        )
    };
    let plugins = [
        host.load_source("a", script("b")).unwrap(),
        host.load_source("b", script("c")).unwrap(),
        host.load_source("c", script("a")).unwrap(),
    ];
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let down = plugins[thread % 3].func::<(i64,), i64>("Down").unwrap();
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    assert_eq!(down.call((5,)).unwrap(), 5);
                }
            });
        }
    });
    let counts = plugins.iter().map(|plugin| plugin.var::<i64>("Count").unwrap().get().unwrap());
    assert_eq!(counts.sum::<i64>(), (THREADS * ROUNDS * 6) as i64);
}

/// A function of the host holds the plugin that has called it: what needs no wait goes on there.
#[test]
fn plugins_that_are_used_inside_of_a_host_function() {
    let held: Arc<OnceLock<Weak<Host>>> = Arc::default();
    let inside = Arc::clone(&held);
    let go = move || -> twinplug::Result<i64> {
        let host = inside.get().and_then(Weak::upgrade).expect("set once it is there");
        host.plugin("b")?.func::<(), i64>("Go")?.call(())
    };
    let host = Arc::new(Host::builder().function("go", go).build().unwrap());
    held.set(Arc::downgrade(&host)).unwrap();
    host.load_source("a", "function Go() return (host.go()) end").unwrap();
    let b = "function Go()\n\
             local c = host.plugin('c')\n\
             c.Count = c.Count + 1\n\
             return (c.Add(c.Count)) end";
    host.load_source("b", b).unwrap();
    host.load_source("c", "Count = 1\nfunction Add(n) return Count + n end").unwrap();
    let go = host.plugin("a").unwrap().func::<(), i64>("Go").unwrap();
    assert_eq!(go.call(()).unwrap(), 4);
}

/// A plugin may be unloaded while another one waits in it, and then says so.
#[test]
fn a_plugin_that_goes_while_another_one_waits_in_it() {
    let host = Host::builder().channel::<i64>("numbers", 0).build().unwrap();
    let waits = "function Wait() return (host.channel('numbers'):recv()) end";
    let inner = host.load_source("inner", waits).unwrap();
    let script = "Calls = 0\n\
                  function Wait() Calls = Calls + 1 return (host.plugin('inner').Wait()) end\n\
                  function Free() return Calls end";
    let outer = host.load_source("outer", script).unwrap();
    let free = outer.func::<(), i64>("Free").unwrap();
    thread::scope(|scope| {
        let call = scope.spawn(|| outer.call("Wait", ()));
        while free.call(()).unwrap() == 0 {
            thread::yield_now();
        }
        host.unload(inner).unwrap();
        // Whether it was in the wait already or not.
        host.channel::<i64>("numbers").unwrap().close();
        let error = message(call.join().unwrap());
        assert!(error.starts_with("plugin `outer`: `Wait`: outer:2: "), "{error}");
    });
    assert_eq!(free.call(()).unwrap(), 1);
}
