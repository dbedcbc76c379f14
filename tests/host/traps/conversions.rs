//! Values whose conversion runs code of the embedding, which panics, or uses the very plugin
//! that the value goes to or comes from.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use serde::{Deserialize, Deserializer, Serialize};
use twinplug::{Data, Host, PluginRef, Type, Value};

use super::acting::{ACT, Acting};
use super::{Reach, check_fine, reachable};
use crate::twins::message;

const SCRIPT: &str = "\
local kept = { a = { 1, 2 }, b = 3 }
local M = { V = host.any(kept), W = 1 }
function M.Take(map) return #map.a end
function M.Give() return kept end
function M.Takes() host.takes(kept) return 2 end
function M.Gives() return #host.gives().a end
function M.Send() host.channel('box'):send(kept) return 2 end
function M.Receive() local map = host.channel('box'):recv() return #map.a end
function M.Meet() local map = host.channel('meet'):recv() return #map.a end
function M.Change() for i = 1, 100 do kept[i], kept.a[i] = i, i end kept.b = nil return M.W end
function M.Replace() M.V = { 'another' } return M.W end
function M.Fine() return 42 end
return M";

const OTHER: &str = "\
function Fine() return 42 end
function Back() return host.fine('p') end";

/// Where the value crosses.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Argument,
    Set,
    HostsResult,
    Message,
    MessageAfterWait,
    Returned,
    Get,
    HostsParameter,
    Sent,
}

use Place::{
    Argument, Get, HostsParameter, HostsResult, Message, MessageAfterWait, Returned, Sent, Set,
};

const PLACES: [Place; 9] =
    [Argument, Set, HostsResult, Message, MessageAfterWait, Returned, Get, HostsParameter, Sent];

impl Place {
    /// Whether a value of the plugin's is read there.
    fn reads(self) -> bool {
        matches!(self, Returned | Get | HostsParameter | Sent)
    }

    /// The symbol that a use of the place names, and the script's line where a script has
    /// asked for it.
    fn symbol(self) -> (&'static str, Option<&'static str>) {
        match self {
            Argument => ("Take", None),
            Set | Get => ("V", None),
            Returned => ("Give", None),
            HostsParameter => ("Takes", Some("p:5: host function `takes`: ")),
            HostsResult => ("Gives", Some("p:6: host function `gives`: ")),
            Sent => ("Send", Some("p:7: channel `box`: ")),
            Message => ("Receive", Some("p:8: ")),
            MessageAfterWait => ("Meet", Some("p:9: ")),
        }
    }

    /// Lets a value cross there.
    fn cross(self, host: &Arc<Host>, plugin: &PluginRef) -> twinplug::Result<()> {
        let call = |name| plugin.func::<(), i64>(name)?.call(()).map(|two| assert_eq!(two, 2));
        match self {
            Argument => {
                let taken = plugin.func::<(Acting,), i64>("Take")?.call((Acting,))?;
                assert_eq!(taken, 2);
                Ok(())
            }
            Set => plugin.var::<Acting>("V")?.set(Acting),
            Get => plugin.var::<Acting>("V")?.get().map(drop),
            Returned => plugin.func::<(), Acting>("Give")?.call(()).map(drop),
            Message => {
                host.channel::<Acting>("box")?.send(Acting)?;
                call("Receive")
            }
            MessageAfterWait => {
                let meet = host.channel::<Acting>("meet")?;
                let sender = thread::spawn(move || meet.send(Acting));
                let met = call("Meet");
                sender.join().unwrap()?;
                met
            }
            Sent => {
                let sent = call("Send");
                // Not to be in the way of the next one.
                let _ = host.channel::<Acting>("box")?.try_recv();
                sent
            }
            HostsResult | HostsParameter => call(self.symbol().0),
        }
    }
}

fn host() -> Arc<Host> {
    let host = reachable(|builder, reach| {
        builder
            .channel::<Acting>("box", 1)
            .channel::<Acting>("meet", 0)
            .channel::<i64>("empty", 0)
            .function("takes", |_: Acting| ())
            .function("gives", || Acting)
            .function("fine", move |name: String| reach.plugin(&name).call("Fine", ()))
    });
    host.load_source("p", SCRIPT).unwrap();
    host.load_source("q", OTHER).unwrap();
    host
}

/// Lets a value cross at each place with something happening meanwhile; what comes of it is
/// told by `expected`, and the plugin goes on.
fn check(
    happens: impl Fn(&Reach) + Clone + 'static,
    expected: impl Fn(Place) -> Option<&'static str>,
) {
    for place in PLACES {
        let host = host();
        let plugin = host.plugin("p").unwrap();
        for round in 0..3 {
            let reach = Reach::default();
            reach.0.set(Arc::downgrade(&host)).unwrap();
            let happens = happens.clone();
            ACT.set(Some(Box::new(move || happens(&reach))));
            let crossed = place.cross(&host, &plugin).map_err(|error| error.to_string());
            assert!(ACT.take().is_none(), "{place:?}: nothing has happened");
            let (symbol, line) = place.symbol();
            let expected = expected(place)
                .map(|text| format!("plugin `p`: `{symbol}`: {}{text}", line.unwrap_or_default()));
            assert_eq!(crossed.err(), expected, "{place:?}, round {round}");
            check_fine(&plugin);
            check_fine(&host.plugin("q").unwrap());
        }
    }
}

/// What is told of a use of the plugin while a value of it is read.
fn used(place: Place) -> Option<&'static str> {
    let text = match place {
        Returned => "result: the plugin was used while it was read",
        HostsParameter => "argument 1: the plugin was used while it was read",
        _ => "the plugin was used while it was read",
    };
    place.reads().then_some(text)
}

#[test]
fn nothing_special() {
    check(|_| {}, |_| None);
}

#[test]
fn a_panic() {
    let host = host();
    let plugin = host.plugin("p").unwrap();
    for place in PLACES {
        for round in 0..20 {
            ACT.set(Some(Box::new(|| panic!("half way"))));
            let crossed = catch_unwind(AssertUnwindSafe(|| place.cross(&host, &plugin)));
            match (place.symbol(), crossed) {
                // The embedding called, and its own panic comes back to it.
                ((_, None), Err(panic)) => {
                    assert_eq!(*panic.downcast::<&str>().unwrap(), "half way");
                }
                ((symbol, Some(line)), Ok(crossed)) => assert_eq!(
                    message(crossed),
                    format!(
                        "plugin `p`: `{symbol}`: {}panicked: half way",
                        line.replace("channel `box`: ", "")
                    )
                ),
                ((symbol, _), crossed) => panic!("{symbol}, round {round}: {crossed:?}"),
            }
            check_fine(&plugin);
        }
    }
    // What was to be set is as it was.
    plugin.var::<Acting>("V").unwrap().get().unwrap();
}

#[test]
fn it_reads_a_variable() {
    check(|reach| assert_eq!(reach.plugin("p").var::<i64>("W").unwrap().get().unwrap(), 1), used);
}

#[test]
fn it_sets_variables() {
    check(
        |reach| {
            reach.plugin("p").var::<i64>("W").unwrap().set(1).unwrap();
            let value = Value::List(vec![Value::Int(1)]);
            let set = reach.plugin("p").var::<Value>("V").unwrap().set(value.clone());
            set.unwrap();
            assert_eq!(reach.plugin("p").var::<Value>("V").unwrap().get().unwrap(), value);
            let back = Acting;
            reach.plugin("p").var::<Acting>("V").unwrap().set(back).unwrap();
        },
        used,
    );
}

#[test]
fn it_calls_what_changes_the_very_table() {
    let changes = |reach: &Reach| {
        assert_eq!(reach.plugin("p").call("Change", ()).unwrap(), Value::Int(1));
    };
    for place in PLACES {
        let host = host();
        let plugin = host.plugin("p").unwrap();
        let reach = Reach::default();
        reach.0.set(Arc::downgrade(&host)).unwrap();
        ACT.set(Some(Box::new(move || changes(&reach))));
        let crossed = place.cross(&host, &plugin).map_err(|error| error.to_string());
        assert_eq!(crossed.is_err(), place.reads(), "{place:?}: {crossed:?}");
        if let Err(error) = crossed {
            let text = used(place).unwrap();
            assert!(error.ends_with(text), "{place:?}: {error}");
        }
        check_fine(&plugin);
    }
}

#[test]
fn it_calls_another_plugin() {
    check(|reach| check_fine(&reach.plugin("q")), |_| None);
    // And comes back through it.
    let back = |reach: &Reach| {
        assert_eq!(reach.plugin("q").call("Back", ()).unwrap(), Value::Int(42));
    };
    check(back, used);
}

#[test]
fn it_converts_again() {
    // As deep as it goes: each of the conversions within calls once more.
    fn deeper(reach: &Reach, left: usize) {
        if left == 0 {
            return;
        }
        let inner = reach.clone();
        ACT.set(Some(Box::new(move || deeper(&inner, left - 1))));
        let take = reach.plugin("p").func::<(Acting,), i64>("Take").unwrap();
        assert_eq!(take.call((Acting,)).unwrap(), 2);
    }
    check(|reach| deeper(reach, 40), used);
}

#[test]
fn it_waits_for_a_channel() {
    check(
        |reach| {
            let empty = reach.host().channel::<i64>("empty").unwrap();
            assert_eq!(
                message(empty.recv()),
                "cannot wait here for channel `empty`: a Lua plugin's call of a host function is \
                 running on this thread; one that is added by `HostBuilder::blocking_function` \
                 may wait"
            );
        },
        |_| None,
    );
}

#[test]
fn it_loads_and_unloads_others() {
    check(
        |reach| {
            let host = reach.host();
            let new = host.load_source("new", "function Fine() return 42 end").unwrap();
            check_fine(&new);
            host.unload(new).unwrap();
        },
        |_| None,
    );
}

#[test]
fn it_unloads_the_plugin() {
    for place in PLACES {
        let host = host();
        let plugin = host.plugin("p").unwrap();
        let reach = Reach::default();
        reach.0.set(Arc::downgrade(&host)).unwrap();
        let fine = plugin.func::<(), i64>("Fine").unwrap();
        ACT.set(Some(Box::new(move || reach.host().unload(reach.plugin("p")).unwrap())));
        let crossed = place.cross(&host, &plugin).map_err(|error| error.to_string());
        match used(place) {
            Some(text) => {
                let error = crossed.unwrap_err();
                assert!(error.ends_with(text), "{place:?}: {error}");
            }
            None => assert_eq!(crossed, Ok(()), "{place:?}"),
        }
        assert_eq!(
            message(fine.call(())),
            "plugin `p`: `Fine`: the plugin was unloaded",
            "{place:?}"
        );
        check_fine(&host.plugin("q").unwrap());
        check_fine(&host.load_source("p", SCRIPT).unwrap());
    }
}

/// What is set goes into the variable's table: not into one that is the variable's no more.
#[test]
fn it_replaces_the_variable_that_is_set() {
    let host = host();
    let plugin = host.plugin("p").unwrap();
    let reach = Reach::default();
    reach.0.set(Arc::downgrade(&host)).unwrap();
    ACT.set(Some(Box::new(move || {
        reach.plugin("p").call("Replace", ()).unwrap();
    })));
    let variable = plugin.var::<Acting>("V").unwrap();
    assert_eq!(
        message(variable.set(Acting)),
        "plugin `p`: `V`: it was replaced while its value was written"
    );
    let another = Value::List(vec![Value::Str("another".into())]);
    assert_eq!(plugin.var::<Value>("V").unwrap().get().unwrap(), another);
    variable.set(Acting).unwrap();
    variable.get().unwrap();
}

/// Said to be a number, and read by code of its own.
#[derive(Serialize)]
struct Numbered(i64);

impl<'de> Deserialize<'de> for Numbered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        assert!(number >= 0, "less than nothing");
        Ok(Numbered(number))
    }
}

impl Data for Numbered {
    const SCHEMA: &'static Type = &Type::Int;
}

/// A function of numbers is called in a quick way, which is not for these.
#[test]
fn a_parameter_that_is_said_to_be_a_number_panics() {
    let host = Host::builder()
        .function("double", |number: Numbered| 2 * number.0)
        .function("back", |number: i64| Numbered(number))
        .build()
        .unwrap();
    let script = "function Double(n) return (host.double(n)) end\n\
                  function Back(n) return (host.back(n)) end\n\
                  function Fine() return 42 end";
    let plugin = host.load_source("p", script).unwrap();
    let double = plugin.func::<(i64,), i64>("Double").unwrap();
    for _ in 0..20 {
        assert_eq!(double.call((4,)).unwrap(), 8);
        let error = message(double.call((-1,)));
        assert!(error.ends_with("host function `double`: panicked: less than nothing"), "{error}");
        assert_eq!(plugin.func::<(i64,), i64>("Back").unwrap().call((3,)).unwrap(), 3);
        check_fine(&plugin);
    }
}
