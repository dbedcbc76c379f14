//! What is stopped is left as it is: nothing of it runs once more.

use std::thread;
#[cfg(any(feature = "lua54", feature = "lua55"))]
use std::time::Duration;

use twinplug::Host;

use super::check_fine;
use crate::twins::message;

#[cfg(any(feature = "lua54", feature = "lua55"))]
const TIME: Duration = Duration::from_millis(40);
#[cfg(any(feature = "lua54", feature = "lua55"))]
const MEMORY: usize = 8 << 20;

/// A variable that is to be closed, with what would run then: it says so to the host.
#[cfg(any(feature = "lua54", feature = "lua55"))]
#[test]
fn a_variable_that_is_to_be_closed_stays_open() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let script = "\
        local M = {}\n\
        local function opened()\n\
          return setmetatable({}, { __close = function() host.closed() error('closed') end })\n\
        end\n\
        function M.Spin() local x <close> = opened() while true do end end\n\
        function M.Grow()\n\
          local x <close> = opened()\n\
          local text = 'x'\n\
          while true do text = text .. text end\n\
        end\n\
        function M.Wait() local x <close> = opened() host.channel('in'):recv() end\n\
        function M.Inner()\n\
          local x <close> = opened()\n\
          coroutine.wrap(function() local y <close> = opened() while true do end end)()\n\
        end\n\
        function M.Fails() local x <close> = opened() error('first') end\n\
        function M.Fine() return 42 end\n\
        return M";
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    let host = Host::builder()
        .no_time_limit()
        .memory_limit(MEMORY)
        .channel::<i64>("in", 0)
        .function("closed", move || {
            count.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    let plugin = host.load_source("p", script).unwrap();
    for (name, limit) in [
        ("Spin", twinplug::Limit::Deadline(TIME)),
        ("Inner", twinplug::Limit::Deadline(TIME)),
        ("Wait", twinplug::Limit::Deadline(TIME)),
        ("Grow", twinplug::Limit::Memory(MEMORY)),
    ] {
        let function = plugin.func::<(), ()>(name).unwrap();
        for _ in 0..3 {
            let called = match limit {
                twinplug::Limit::Deadline(_) => function.call_within(TIME, ()),
                _ => function.call(()),
            };
            assert_eq!(called.unwrap_err().limit(), Some(limit), "{name}");
            assert_eq!(closed.load(Ordering::Relaxed), 0, "{name}");
            check_fine(&plugin);
        }
    }
    assert_eq!(message(plugin.call("Fails", ())), "plugin `p`: `Fails`: p:16: first");
    assert_eq!(closed.load(Ordering::Relaxed), 1, "what fails is closed");
    check_fine(&plugin);
}

/// A thread whose call did not come back from a wait holds nothing.
#[test]
fn a_call_that_was_unloaded_while_it_waited_holds_nothing() {
    let host = Host::builder().channel::<i64>("in", 0).build().unwrap();
    let script = "\
        V = 0\n\
        function Wait() V = 1 return (host.channel('in'):recv()) end\n\
        function Fine() return 42 end";
    let stays = host.load_source("stays", script).unwrap();
    let channel = host.channel::<i64>("in").unwrap();
    for round in 0..5 {
        let gone = host.load_source("gone", script).unwrap();
        let wait = gone.func::<(), i64>("Wait").unwrap();
        let again = stays.func::<(), i64>("Wait").unwrap();
        let waits = thread::spawn(move || (message(wait.call(())), again.call(())));
        let variable = gone.var::<i64>("V").unwrap();
        while variable.get().unwrap() == 0 {
            thread::yield_now();
        }
        host.unload(gone).unwrap();
        channel.send(round).unwrap();
        let (gone, again) = waits.join().unwrap();
        assert_eq!(gone, "plugin `gone`: `Wait`: the plugin was unloaded");
        assert_eq!(again.unwrap(), round);
        check_fine(&stays);
    }
}
