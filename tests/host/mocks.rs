//! Hosts for tests: functions that get stand-ins, and hosts that are made of a description.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use twinplug::{Description, ErrorKind, Function, Host, HostBuilder, Value, data};

use crate::twins::{Stage, Twin, message, on_every_twin};

on_every_twin! {
    a_stand_in_is_called_in_place_of_the_hosts_own
    a_function_that_the_host_lacks_can_be_added
    a_description_stands_in_for_the_host
}

fn scale(stage: &Stage, twin: &Twin) -> twinplug::Result<f64> {
    stage.host.load(&twin.probe)?.func::<(f64, f64), f64>("Scale")?.call((2.0, 3.0))
}

fn a_stand_in_is_called_in_place_of_the_hosts_own(twin: &Twin) {
    let stage = Stage::with(HostBuilder::mockable);
    assert_eq!(scale(&stage, twin).unwrap(), 6.0);
    // The result is brought to the type of the own one.
    stage.host.mock("scale", Function::new(|x: f64, by: f64| (x + by) as i64)).unwrap();
    assert_eq!(scale(&stage, twin).unwrap(), 5.0);
    stage.host.mock("scale", Function::new(|_: f64, _: f64| "text".to_owned())).unwrap();
    let error = message(scale(&stage, twin));
    assert!(
        error.ends_with("host function `scale`: result: expected float, got string"),
        "{error}"
    );
    let fails = |_: f64, _: f64| Err::<f64, _>("no scales today");
    stage.host.mock("scale", Function::new(fails)).unwrap();
    let error = message(scale(&stage, twin));
    assert!(error.ends_with("host function `scale`: no scales today"), "{error}");
}

fn a_function_that_the_host_lacks_can_be_added(twin: &Twin) {
    let stage = Stage::with(HostBuilder::mockable);
    let called = Arc::<AtomicUsize>::default();
    let calls = Arc::clone(&called);
    let count = move |_: Value, _: Value| {
        calls.fetch_add(1, Ordering::SeqCst);
    };
    stage.host.mock("scal", Function::new(count)).unwrap();
    let plugin = stage.host.load(&twin.probe).unwrap();
    plugin.call("Unknown", ()).unwrap();
    assert_eq!(called.load(Ordering::SeqCst), 1);
    let fails = |_: Value, _: Value| Err::<(), _>("not any more");
    stage.host.mock("scal", Function::new(fails)).unwrap();
    let error = message(plugin.call("Unknown", ()));
    assert!(error.contains("host function `scal`: not any more"), "{error}");
}

fn a_description_stands_in_for_the_host(twin: &Twin) {
    let own = Host::builder().function("scal", |x: Option<f64>, _: Option<f64>| x).build().unwrap();
    let stage = Stage::with(|builder| builder.described(&own.describe()).mockable());
    let plugin = stage.host.load(&twin.probe).unwrap();
    let error = message(plugin.call("Unknown", ()));
    let missing = "host function `scal`: it is described, and nobody has said what it does: give it a \
                   stand-in, with `--mock FILE` or, in a test, with `host.mock(\"scal\", function(..) .. end)`";
    assert!(error.contains(missing), "{error}");
    stage
        .host
        .mock("scal", Function::new(|_: Value, _: Value| Err::<(), _>("a stand-in")))
        .unwrap();
    let error = message(plugin.call("Unknown", ()));
    assert!(error.contains("host function `scal`: a stand-in"), "{error}");
}

#[test]
fn stand_ins_have_names_that_functions_may_have() {
    let host = Host::builder().mockable().constant("SIZE", 1).build().unwrap();
    let mock = |name: &str| message(host.mock(name, Function::new(|| 1)));
    assert_eq!(mock("mock"), "function `mock`: `host.mock` is built in");
    assert_eq!(mock("a b"), "function `a b`: a name is letters, digits, `_`, and dots between");
    assert_eq!(mock("SIZE"), "function `SIZE`: a function and a constant have the same name");
    assert_eq!(mock("SIZE.x"), "function `SIZE.x`: `SIZE` makes one of them a group as well");
    host.mock("world.spawn", Function::new(|| 1)).unwrap();
    assert_eq!(mock("world"), "function `world`: `world.spawn` makes one of them a group as well");
    let error = Host::builder().mock("a b", Function::new(|| 1)).build().unwrap_err();
    assert!(error.to_string().starts_with("function `a b`: a name is"), "{error}");
    let host = Host::builder().build().unwrap();
    let error = host.mock("scale", Function::new(|| 1)).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.kind()),
        ("this host is not for tests: make it with `HostBuilder::mockable`", ErrorKind::Refused)
    );
}

#[cfg(feature = "_lua")]
#[test]
fn scripts_give_stand_ins_of_their_own() {
    let builder = Host::builder()
        .mockable()
        .function("now", || 1)
        .blocking_function("ask", |name: String| name)
        .function("pair", || (1, 2));
    let host = builder.build().unwrap();
    let test = "host.mock('now', function() return 7 end)
        host.mock('ask', function(name) return name .. '!' end)
        host.mock('pair', function() return { 3, 4 } end)
        host.mock('world.find', function(...) return select('#', ...) end)";
    let test = host.load_source("test", test).unwrap();
    let script = "function Use()
        local now, ask, a, b = host.now(), host.ask('who'), host.pair()
        return now, ask, a, b, host.world.find(1, nil, 3)
      end";
    let plugin = host.load_source("uses", script).unwrap();
    let used = plugin.func::<(), (i64, String, i64, i64, i64)>("Use").unwrap();
    assert_eq!(used.call(()).unwrap(), (7, "who!".into(), 3, 4, 3));
    // Another host may have them as well, from its beginning.
    let stand_ins = host.mocks();
    let names: Vec<_> = stand_ins.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["ask", "now", "pair", "world.find"]);
    let other = Host::builder().function("now", || 1);
    let with = |builder: HostBuilder, (name, f): (String, Function)| builder.mock(&name, f);
    let other = stand_ins.into_iter().fold(other, with).build().unwrap();
    let plugin = other.load_source("uses", "function Use() return host.now() end").unwrap();
    assert_eq!(plugin.call("Use", ()).unwrap(), Value::Int(7));
    // They go with their script.
    host.unload(test).unwrap();
    let error = used.call(()).unwrap_err().to_string();
    assert!(error.contains("host function `now`") && error.contains("unloaded"), "{error}");
    // Elsewhere there is no such function.
    let host = Host::builder().build().unwrap();
    let error = host.load_source("test", "host.mock('now', print)").unwrap_err();
    assert!(error.to_string().contains("`host` has no `mock`"), "{error}");
}

#[data]
#[derive(Clone, Default)]
struct PluginData {
    name: String,
    age: Option<i64>,
}

fn rich() -> HostBuilder {
    Host::builder()
        .function("world.spawn", |_: PluginData, _: Option<Vec<f64>>| ())
        .function("old", |x: i64| (x, "x".to_owned()))
        .deprecated("old", "use `new`")
        .constant("RATIO", 1.0)
        .constant("REACH", f64::INFINITY)
        .constant("SIZE", PluginData { name: "a".into(), age: None })
        .channel::<PluginData>("data", 3)
}

#[test]
fn a_description_comes_back_as_it_went() {
    let description = rich().build().unwrap().describe();
    let read = Description::from_json(&description.to_json()).unwrap();
    assert_eq!(read, description);
    let again = Host::builder().described(&read).build().unwrap().describe();
    assert_eq!(again, description);
    assert_eq!(description.constants[0].value, Value::Float(1.0));
    let signatures: Vec<_> = description.functions.iter().map(|it| &*it.signature).collect();
    assert_eq!(
        signatures,
        ["(int) -> (int, string)", "(PluginData { name: string, age: int? }, list<float>?)"]
    );
    assert_eq!(description.channels[0].ty, "PluginData { name: string, age: int? }");
    let made = Host::builder().described(&read).build().unwrap().describe();
    let value =
        |name: &str| made.constants.iter().find(|it| it.name == name).unwrap().value.clone();
    let infinite = Value::Map([("$float".into(), "inf".into())].into());
    assert_eq!((value("REACH"), value("RATIO")), (infinite, Value::Float(1.0)));
    let error = Description::from_json("{\"functions\": 1}").unwrap_err().to_string();
    assert!(error.starts_with("it is no description of a host: "), "{error}");
}

#[cfg(feature = "_lua")]
#[test]
fn what_is_described_has_its_types() {
    let description = rich().build().unwrap().describe();
    let host = Host::builder().described(&description).mockable().build().unwrap();
    let script = "function Send(data) host.channel('data'):send(data) end
        function Ratio() return math.type and math.type(host.RATIO) or 'float' end
        function Reach() return host.REACH == math.huge end
        function Old() return host.old('x') end";
    let plugin = host.load_source("sends", script).unwrap();
    assert_eq!(plugin.call("Ratio", ()).unwrap(), Value::from("float"));
    assert_eq!(plugin.call("Reach", ()).unwrap(), Value::Bool(true));
    plugin.call("Send", (PluginData { name: "a".into(), age: Some(1) },)).unwrap();
    let sent = host.channel::<Value>("data").unwrap().recv().unwrap();
    assert_eq!(sent.to::<PluginData>().unwrap().age, Some(1));
    let error = message(plugin.call("Send", (1,)));
    assert!(
        error.contains("channel `data`: expected PluginData { name: string, age: int? }, got int"),
        "{error}"
    );
    let error = message(plugin.call("Old", ()));
    assert!(error.contains("host function `old`: argument 1: expected int, got string"), "{error}");
}

/// Each host has its own channels and memory; functions and settings are the same.
#[cfg(feature = "_lua")]
#[test]
fn a_clone_of_a_builder_makes_another_host() {
    let builder = Host::builder().function("one", || 1).channel::<i64>("c", 1);
    let (first, second) = (builder.clone().build().unwrap(), builder.build().unwrap());
    first.channel::<i64>("c").unwrap().send(1).unwrap();
    assert!(second.channel::<i64>("c").unwrap().try_recv().is_err());
    let script = "function One() return host.one() end";
    let calls = [first, second].map(|host| {
        let plugin = host.load_source("p", script).unwrap();
        plugin.func::<(), i64>("One").unwrap().call(()).unwrap()
    });
    assert_eq!(calls, [1, 1]);
}

#[cfg(feature = "_lua")]
#[test]
fn fake_channels_hold_what_is_sent_and_have_any_name() {
    let builder = Host::builder().channel::<i64>("numbers", 0).fake_channels();
    let host = builder.build().unwrap();
    let script = "function Send(name, what) host.channel(name):send(what) end
        function Get(name) return host.channel(name):try_recv() end";
    let plugin = host.load_source("p", script).unwrap();
    plugin.call("Send", ("numbers", 1)).unwrap();
    assert_eq!(host.channel::<i64>("numbers").unwrap().recv().unwrap(), 1);
    plugin.call("Send", ("any", "text")).unwrap();
    let other = host.load_source("q", script).unwrap();
    assert_eq!(other.call("Get", ("any",)).unwrap(), Value::from("text"));
    assert_eq!(host.channel::<Value>("any").unwrap().name(), "any");
    assert!(host.describe().channels.iter().all(|channel| channel.name == "numbers"));
}

/// Whatever JSON has no word for.
#[test]
fn constants_of_every_kind_come_back_as_they_went() {
    let offered = || {
        Host::builder()
            .constant("REACHES", vec![f64::INFINITY, 1.0, f64::NAN])
            .constant("BYTES", twinplug::Bytes(vec![0, 255, 7]))
            .constant(
                "NAMES",
                std::collections::BTreeMap::from([(1, "a".to_owned()), (-2, "b".to_owned())]),
            )
            .constant("PAIR", (1, f64::NEG_INFINITY, Some("inf".to_owned())))
            .constant("LARGE", i64::MAX)
            .constant("CALLED", Function::new(|| 1))
            .constant("FAR", Far { at: Some(f64::INFINITY), name: "inf".into() })
    };
    let own = offered().build().unwrap();
    let json = own.describe().to_json();
    let read = Description::from_json(&json).unwrap();
    let again = Host::builder().described(&read).build().unwrap();
    assert_eq!(again.describe().to_json(), json);
    // What refers to something of this program cannot be described.
    assert!(!json.contains("CALLED") && json.contains("LARGE"), "{json}");
}

#[data]
#[derive(Clone)]
struct Far {
    at: Option<f64>,
    name: String,
}
