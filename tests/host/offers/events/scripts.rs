//! Events as scripts see them: `host.on`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use twinplug::{ErrorKind, Host, Limit, Value};

use super::check;
use crate::offers::{of, reaching};
use crate::twins::message;

#[test]
fn each_subscriber_is_told_in_load_order() {
    let host = Host::builder().build().unwrap();
    check(host.emit("tick", ()), &[]);
    let script = "\
local M = { Count = 0 }
host.on('tick', function(a, b) M.Count = M.Count + 1 return a, b end)
host.on('tock', function() error({ code = 7, message = 'no clock' }) end)
host.on('tick', function(...) return select('#', ...) end)
function M.Late() host.on('tick', function() return 'late' end) end
return M";
    host.load_source("b", script).unwrap();
    let a = host.load_source("a", script).unwrap();
    host.load_source("other", "function tick() return 1 end").unwrap();
    let pair = || Ok(Value::List(vec![1.into(), "x".into()]));
    let (two, one) = (|| Ok(Value::Int(2)), || Ok(Value::Int(1)));
    check(host.emit("tick", (1, "x")), &[("b", pair()), ("b", two()), ("a", pair()), ("a", two())]);
    a.call("Late", ()).unwrap();
    check(
        host.emit("tick", (1,)),
        &[
            ("b", Ok(Value::List(vec![1.into(), Value::Null]))),
            ("b", one()),
            ("a", Ok(Value::List(vec![1.into(), Value::Null]))),
            ("a", one()),
            ("a", Ok("late".into())),
        ],
    );
    assert_eq!(a.var::<i64>("Count").unwrap().get().unwrap(), 2);

    let told = host.emit("tock", ());
    let error = told[0].1.as_ref().unwrap_err();
    assert_eq!(error.to_string(), "plugin `b`: event `tock`: no clock");
    assert_eq!((error.plugin(), error.symbol()), (Some("b"), Some("tock")));
    assert_eq!((error.kind(), told.len()), (ErrorKind::Call, 2));
    assert!(error.payload().is_some());
    let location = error.location().map(|(path, line)| (path.display().to_string(), line));
    assert_eq!(location, Some(("b".into(), 3)));

    // What cannot cross is told by each whom it would have been for.
    check(
        host.emit("tock", (u64::MAX,)),
        &[
            (
                "b",
                Err(
                    "plugin `b`: event `tock`: argument 1: 18446744073709551615 is out of range for int",
                ),
            ),
            (
                "a",
                Err(
                    "plugin `a`: event `tock`: argument 1: 18446744073709551615 is out of range for int",
                ),
            ),
        ],
    );
}

#[test]
fn a_subscription_goes_with_its_plugin() {
    let host = Host::builder().build().unwrap();
    let script = "host.on('tick', function() return _G.Who or 1 end)";
    let plugin = host.load_source("a", script).unwrap();
    check(host.emit("tick", ()), &[("a", Ok(1.into()))]);
    host.unload(plugin).unwrap();
    check(host.emit("tick", ()), &[]);
    // One that is refused is told nothing, and its next load is another one.
    assert!(host.load_source("a", format!("{script} error('no')")).is_err());
    check(host.emit("tick", ()), &[]);
    host.load_source("a", format!("{script} Who = 2")).unwrap();
    check(host.emit("tick", ()), &[("a", Ok(2.into()))]);
}

#[test]
fn what_host_on_gives_ends_it() {
    let host = Host::builder().build().unwrap();
    let script = "\
local first, second
first = host.on('tick', function() second() return 'first' end)
second = host.on('tick', function() return 'second' end)
host.on('tick', function() first() first() return 'third' end)
host.on('tick', function() host.on('tick', function() return 'new' end) return 'adds' end)";
    host.load_source("a", script).unwrap();
    let told = |names: &[&'static str]| -> Vec<_> {
        names.iter().map(|name| ("a", Ok(Value::from(*name)))).collect()
    };
    // Its turn would have come; and what is new is told the next time.
    check(host.emit("tick", ()), &told(&["first", "third", "adds"]));
    check(host.emit("tick", ()), &told(&["third", "adds", "new"]));
}

#[test]
fn a_script_that_subscribes_wrongly_is_told() {
    let host = Host::builder().build().unwrap();
    let script = "function No() host.on('tick') end\n\
                  function Number() host.on(1, print) end\n\
                  function Has() return host.has('on') end";
    let plugin = host.load_source("a", script).unwrap();
    for (name, line) in [("No", 1), ("Number", 2)] {
        assert_eq!(
            message(plugin.call(name, ())),
            format!(
                "plugin `a`: `{name}`: a:{line}: `host.on` takes an event's name and a function: \
                 `host.on(\"tick\", f)`"
            )
        );
    }
    assert_eq!(plugin.call("Has", ()).unwrap(), Value::Bool(true));
}

/// A handler leads to another event, and to its own once more.
#[test]
fn events_are_told_inside_of_one_another() {
    let host = reaching(|builder, cell| {
        builder.function("emit", move |event: String, depth: i64| -> Vec<Value> {
            let told = of(&cell).emit(&event, (depth,));
            told.into_iter().map(|(_, result)| result.unwrap()).collect()
        })
    });
    let script = |name: &str| {
        format!(
            "host.on('down', function(depth)\n\
             if depth == 0 then return '{name}' end\n\
             local inner = host.emit('down', depth - 1)\n\
             return '{name}(' .. table.concat(inner, ' ') .. ')' end)"
        )
    };
    for name in ["a", "b"] {
        host.load_source(name, script(name)).unwrap();
    }
    let inner = |name: &str| Value::from(format!("{name}(a(a b) b(a b))"));
    check(host.emit("down", (2,)), &[("a", Ok(inner("a"))), ("b", Ok(inner("b")))]);
}

/// A plugin goes because of an event, before it is told of it, or as it is told.
#[test]
fn a_handler_may_unload_plugins() {
    let host = reaching(|builder, cell| {
        builder.function("unload", move |name: String| -> twinplug::Result<()> {
            let host = of(&cell);
            host.unload(host.plugin(&name)?)
        })
    });
    let script = "host.on('end', function() host.unload('b') return 1 end)";
    host.load_source("a", script).unwrap();
    host.load_source("b", "host.on('end', function() return 2 end)").unwrap();
    let own = "host.on('end', function() host.unload('c') return 3 end)\n\
               host.on('end', function() return 4 end)";
    host.load_source("c", own).unwrap();
    check(host.emit("end", ()), &[("a", Ok(1.into())), ("c", Ok(3.into()))]);
}

#[test]
fn a_limit_and_a_wait_in_a_handler() {
    let limit = Duration::from_millis(30);
    let host = Host::builder().time_limit(limit).channel::<i64>("numbers", 0).build().unwrap();
    let script = "Waits = false\n\
                  host.on('spin', function() while true do end end)\n\
                  host.on('wait', function() Waits = true local n = host.channel('numbers'):recv() return n end)";
    let plugin = host.load_source("a", script).unwrap();
    let told = host.emit("spin", ());
    assert_eq!(told[0].1.as_ref().unwrap_err().limit(), Some(Limit::Time(limit)));
    thread::scope(|scope| {
        let emitting = scope.spawn(|| host.emit("wait", ()));
        let waits = plugin.var::<bool>("Waits").unwrap();
        while !waits.get().unwrap() {
            thread::yield_now();
        }
        // The plugin is free, also for other events.
        assert!(host.emit("other", ()).is_empty());
        host.channel::<i64>("numbers").unwrap().send(7).unwrap();
        check(emitting.join().unwrap(), &[("a", Ok(7.into()))]);
    });
}

/// Whoever comes and goes meanwhile, nothing is told to a handler that has ended, and nothing hangs.
#[test]
fn events_from_many_threads_while_subscriptions_come_and_go() {
    const ROUNDS: usize = 300;
    let told = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&told);
    let count = move || {
        counter.fetch_add(1, Ordering::SeqCst);
    };
    let host = Host::builder().function("count", count).build().unwrap();
    let script = "\
local M = {}
local off
host.on('tick', function() host.count() return 'stays' end)
function M.Turn()
  if off then off() off = nil else off = host.on('tick', function() return 'goes' end) end
end
return M";
    let plugin = host.load_source("a", script).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    for (_, result) in host.emit("tick", ()) {
                        let result = result.unwrap();
                        assert!(["stays".into(), "goes".into()].contains(&result), "{result:?}");
                    }
                }
            });
        }
        scope.spawn(|| {
            let turn = plugin.func::<(), ()>("Turn").unwrap();
            (0..ROUNDS).for_each(|_| turn.call(()).unwrap());
        });
        scope.spawn(|| {
            for round in 0..20 {
                let name = format!("p{round}");
                let script = "host.on('tick', function() return 'goes' end)";
                let plugin = host.load_source(&name, script).unwrap();
                host.unload(plugin).unwrap();
            }
        });
    });
    assert_eq!(told.load(Ordering::SeqCst), 3 * ROUNDS);
}
