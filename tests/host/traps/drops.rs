//! Messages and values whose drop runs code of the embedding.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use twinplug::{Data, Host, Limit, Type, Value, serde};

use super::{Reach, check_fine, reachable};
use crate::twins::message;

thread_local! {
    /// What happens at the next drop on this thread.
    static ACT: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A number whose drop does something.
struct Dropped(i64);

impl Drop for Dropped {
    fn drop(&mut self) {
        if let Some(act) = ACT.take() {
            act();
        }
    }
}

impl Data for Dropped {
    const SCHEMA: &'static Type = &Type::Any;
}

impl Serialize for Dropped {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Dropped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Dropped)
    }
}

const SCRIPT: &str = "\
local M = { V = 1 }
function M.Parameter() host.takes(1) end
function M.Result() local got = host.gives() return got end
function M.Receive() local got = host.channel('box'):recv() return got end
function M.Meet() local got = host.channel('meet'):recv() return got end
function M.Closed() host.channel('closed'):send(1) end
function M.Forget() table.sort({ 1, 2 }, function() host.channel('meet'):send(1) end) end
function M.Fine() return 42 end
return M";

const FUNCTIONS: [&str; 6] = ["Parameter", "Result", "Receive", "Meet", "Closed", "Forget"];

/// What those say that fail anyway.
fn fails(name: &str) -> Option<&'static str> {
    match name {
        "Closed" => Some("p:6: channel `closed` is closed"),
        // LuaJIT cannot wait there either.
        "Forget" => {
            Some("p:7: cannot wait here: Lua cannot suspend a call inside of this function")
        }
        _ => None,
    }
}

fn host() -> Arc<Host> {
    let host = reachable(|builder, _| {
        builder
            .channel::<Dropped>("box", 1)
            .channel::<Dropped>("meet", 0)
            .channel::<Dropped>("closed", 1)
            .channel::<i64>("empty", 0)
            .function("takes", |_: Dropped| ())
            .function("gives", || Dropped(1))
    });
    host.channel::<Dropped>("closed").unwrap().close();
    host.load_source("p", SCRIPT).unwrap();
    host
}

/// Calls a function of the script in which a value is dropped.
fn call(host: &Arc<Host>, name: &str) -> twinplug::Result<Value> {
    let plugin = host.plugin("p").unwrap();
    match name {
        "Receive" => host.channel::<Dropped>("box")?.send(Dropped(1))?,
        "Meet" => {
            let meet = host.channel::<Dropped>("meet")?;
            thread::scope(|scope| {
                let sender = scope.spawn(move || meet.send(Dropped(1)));
                let met = plugin.call(name, ());
                sender.join().unwrap()?;
                met
            })?;
            return Ok(Value::Int(1));
        }
        _ => {}
    }
    plugin.call(name, ())
}

fn check(happens: impl Fn(&Reach) + Clone + 'static, after: impl Fn(&Host)) {
    for name in FUNCTIONS {
        let host = host();
        let reach = Reach::default();
        reach.0.set(Arc::downgrade(&host)).unwrap();
        let happens = happens.clone();
        ACT.set(Some(Box::new(move || happens(&reach))));
        let called = call(&host, name);
        assert!(ACT.take().is_none(), "{name}: nothing was dropped");
        match fails(name) {
            Some(text) => assert_eq!(message(called), format!("plugin `p`: `{name}`: {text}")),
            None => drop(called.unwrap()),
        }
        after(&host);
    }
}

#[test]
fn it_uses_the_plugin() {
    let uses = |reach: &Reach| {
        let plugin = reach.plugin("p");
        plugin.var::<i64>("V").unwrap().set(2).unwrap();
        check_fine(&plugin);
        let empty = reach.host().channel::<i64>("empty").unwrap();
        assert!(empty.try_recv().is_err());
    };
    check(uses, |host| {
        let plugin = host.plugin("p").unwrap();
        assert_eq!(plugin.var::<i64>("V").unwrap().get().unwrap(), 2);
        check_fine(&plugin);
    });
}

#[test]
fn it_unloads_the_plugin() {
    let unloads = |reach: &Reach| reach.host().unload(reach.plugin("p")).unwrap();
    check(unloads, |host| {
        assert!(host.plugins().is_empty());
        check_fine(&host.load_source("p", SCRIPT).unwrap());
    });
}

#[test]
fn it_panics() {
    for name in FUNCTIONS {
        let host = host();
        for _ in 0..20 {
            ACT.set(Some(Box::new(|| panic!("on the way out"))));
            let called = call(&host, name);
            assert!(ACT.take().is_none(), "{name}: nothing was dropped");
            let text = match name {
                "Parameter" => "p:2: host function `takes`: panicked: on the way out",
                "Result" => "p:3: host function `gives`: panicked: on the way out",
                "Receive" => "p:4: panicked: on the way out",
                "Meet" => "p:5: panicked: on the way out",
                "Closed" => "p:6: panicked: on the way out",
                // Nobody waits for what is given up.
                _ => fails(name).unwrap(),
            };
            assert_eq!(message(called), format!("plugin `p`: `{name}`: {text}"));
            check_fine(&host.plugin("p").unwrap());
        }
    }
}

#[test]
fn what_a_stopped_call_would_have_sent_is_dropped() {
    let host = host();
    let script = "function Wait() host.channel('meet'):send(1) end function Fine() return 42 end";
    let plugin = host.load_source("waits", script).unwrap();
    let wait = plugin.func::<(), ()>("Wait").unwrap();
    // Long enough for the call to come to its wait.
    let frame = Duration::from_millis(50);
    for _ in 0..5 {
        ACT.set(Some(Box::new(|| ())));
        let error = wait.call_within(frame, ()).unwrap_err();
        assert_eq!(error.limit(), Some(Limit::Deadline(frame)), "{error}");
        assert!(ACT.take().is_none());
        check_fine(&plugin);
    }
}
