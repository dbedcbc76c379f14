//! What every plugin does, whatever it is written in.

use std::thread;

use twinplug::{ErrorKind, Map, PluginKind, Symbol, Value, data};

use crate::twins::{HAS_INTEGERS, PluginData, Stage, Twin, message, on_every_twin};

on_every_twin! {
    it_says_what_it_is
    init_prints_and_registers
    variables_are_read_and_set
    every_variable_of_the_probe_is_read_and_set
    setting_a_table_is_seen_inside
    functions_take_and_return
    the_tutorials_message_crosses_from_another_thread
    lookups_are_dynamic_too
    several_results_are_a_tuple
    host_functions_are_called
    messages_go_both_ways
    the_same_path_is_the_same_plugin
    unloading_makes_everything_stale_and_loading_starts_anew
    two_hosts_do_not_meet
}

fn it_says_what_it_is(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.testplugin).unwrap();
    let descriptor = plugin.descriptor();
    assert_eq!(
        (plugin.name(), plugin.version().to_string().as_str(), plugin.kind(), plugin.path()),
        ("testplugin", "1.0.0", twin.kind, twin.testplugin.clone())
    );
    let mut exports: Vec<_> = descriptor
        .exports
        .iter()
        .map(|export| format!("{} {}: {}", export.symbol(), export.name, export.ty))
        .collect();
    exports.sort();
    let int = twin.int;
    let (nothing, text) = match twin.signatures {
        true => ("()", "() -> string"),
        false => ("(...) -> any", "(...) -> any"),
    };
    let data = match twin.signatures {
        true => "PluginData { name: string, age: int, tel: string }",
        false => "{ age: number, name: string, tel: string }",
    };
    assert_eq!(
        exports,
        [
            format!("func ComplexType: {nothing}"),
            format!("func Hello: {text}"),
            format!("func Plugin_fun: {nothing}"),
            format!("var Pd: {data}"),
            format!("var Value: {int}"),
        ]
    );
}

fn init_prints_and_registers(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.testplugin).unwrap();
    assert_eq!(stage.printed(), "[testplugin] plugin load...\n");
    plugin.var("Value").unwrap().set(7).unwrap();
    let hello = plugin.func::<(), String>("Hello").unwrap();
    assert_eq!(hello.call(()).unwrap(), "Hello, number 7");
}

fn variables_are_read_and_set(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.testplugin).unwrap();
    stage.printed();
    let value = plugin.var::<i64>("Value").unwrap();
    assert_eq!(value.get().unwrap(), 0);
    value.set(7).unwrap();
    assert_eq!(value.get().unwrap(), 7);
    plugin.func::<(), ()>("Plugin_fun").unwrap().call(()).unwrap();
    assert_eq!(stage.printed(), "[testplugin] Value in plugin: 7\n");

    let pd = plugin.var::<PluginData>("Pd").unwrap();
    assert_eq!(pd.get().unwrap(), PluginData::default());
    let new = PluginData { name: "é\0x".into(), age: -3, tel: String::new() };
    pd.set(new.clone()).unwrap();
    assert_eq!(pd.get().unwrap(), new);
}

#[data]
#[derive(Clone, Debug, PartialEq)]
struct Nested {
    inner: Inner,
    label: String,
}

#[data]
#[derive(Clone, Debug, PartialEq)]
struct Inner {
    x: i64,
}

fn every_variable_of_the_probe_is_read_and_set(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    macro_rules! check {
        ($($name:literal: $ty:ty = $old:expr => $new:expr;)*) => {$(
            let var = plugin.var::<$ty>($name).unwrap();
            assert_eq!(var.get().unwrap(), $old, $name);
            var.set($new).unwrap();
            assert_eq!(var.get().unwrap(), $new, $name);
        )*};
    }
    let (limit, least) = match twin.kind {
        PluginKind::Lua if !HAS_INTEGERS => (1 << 53, -(1 << 53)),
        _ => (i64::MAX, i64::MIN),
    };
    check! {
        "Count": i64 = 1 => limit;
        "Count": i64 = limit => least;
        "Ratio": f64 = 0.5 => -1e300;
        "On": bool = true => false;
        "Name": String = "probe" => "a longer name".to_owned();
        "Items": Vec<i64> = [1, 2, 3] => Vec::<i64>::new();
        "Items": Vec<i64> = [0; 0] => vec![5, 6];
        "Nested": Nested = Nested { inner: Inner { x: 1 }, label: "a".into() }
            => Nested { inner: Inner { x: -9 }, label: "b".into() };
    }
    let count = plugin.var::<u8>("Count").unwrap();
    assert_eq!(
        message(count.get()),
        format!("plugin `probe`: `Count`: expected u8, got integer `{least}`")
    );
}

fn setting_a_table_is_seen_inside(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    plugin.var("Items").unwrap().set(vec![10, 20]).unwrap();
    assert_eq!(plugin.func::<(), i64>("Total").unwrap().call(()).unwrap(), 30);
}

fn functions_take_and_return(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
    assert_eq!(add.call((2, 3)).unwrap(), 5);
    let small = plugin.func::<(u8, i32), i64>("Add").unwrap();
    assert_eq!(small.call((200, -1)).unwrap(), 199);
    let greet = plugin.func::<(&str,), String>("Greet").unwrap();
    assert_eq!(greet.call(("you",)).unwrap(), "hello you");
    assert_eq!(plugin.call("Add", (2, 3)).unwrap(), Value::Int(5));
    assert_eq!(plugin.call("Greet", ("you",)).unwrap(), Value::Str("hello you".into()));
}

fn the_tutorials_message_crosses_from_another_thread(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.testplugin).unwrap();
    stage.printed();
    let pd = plugin.var("Pd").unwrap();
    pd.set(PluginData { name: "PluginTest".into(), age: 11, tel: "15396656998".into() }).unwrap();
    let complex = plugin.func::<(), ()>("ComplexType").unwrap();
    let worker = thread::spawn(move || complex.call(()));
    let received = stage.host.channel::<PluginData>("data").unwrap().recv().unwrap();
    worker.join().unwrap().unwrap();
    assert_eq!(received.age, 44);
    assert_eq!(pd.get().unwrap(), received);
    assert_eq!(stage.printed(), "[testplugin] PluginTest 11 15396656998\n");
}

fn lookups_are_dynamic_too(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.testplugin).unwrap();
    let Symbol::Var(value) = plugin.lookup("Value").unwrap() else { panic!("no variable") };
    value.set(Value::Float(8.0)).unwrap();
    assert_eq!(value.typed::<i64>().unwrap().get().unwrap(), 8);
    let Symbol::Func(hello) = plugin.lookup("Hello").unwrap() else { panic!("no function") };
    assert!(hello.call(&[]).unwrap().to::<String>().unwrap().starts_with("Hello, number 8"));
    let pd = plugin.var::<Value>("Pd").unwrap();
    let map = |age: i64| -> Value {
        let text = |key: &str, value: &str| (key.into(), Value::from(value));
        Map::from([text("name", "n"), ("age".into(), age.into()), text("tel", "")]).into()
    };
    pd.set(map(5)).unwrap();
    assert_eq!(pd.get().unwrap(), map(5));
    let names: Vec<_> = stage.host.plugins().iter().map(|p| p.name().to_owned()).collect();
    assert_eq!(names, ["testplugin"]);
    assert_eq!(plugin.current().descriptor(), plugin.descriptor());
}

fn several_results_are_a_tuple(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let pair = plugin.func::<(), (i64, String)>("Pair").unwrap();
    assert_eq!(pair.call(()).unwrap(), (1, "one".to_owned()));
}

fn host_functions_are_called(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let scale = plugin.func::<(f64, f64), f64>("Scale").unwrap();
    assert_eq!(scale.call((1.5, 2.0)).unwrap(), 3.0);
    let ask = plugin.func::<(), i64>("Ask").unwrap();
    assert_eq!(ask.call(()).unwrap(), 42);
}

fn messages_go_both_ways(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let numbers = stage.host.channel::<i64>("numbers").unwrap();
    plugin.call("Send", ("numbers", 5)).unwrap();
    assert_eq!(numbers.try_recv().unwrap(), 5);
    numbers.send(6).unwrap();
    assert_eq!(plugin.call("Receive", ("numbers",)).unwrap(), Value::Int(6));

    let receive = plugin.func::<(&str,), i64>("Receive").unwrap();
    let worker = thread::spawn(move || receive.call(("numbers",)));
    numbers.send(7).unwrap();
    assert_eq!(worker.join().unwrap().unwrap(), 7);
}

fn the_same_path_is_the_same_plugin(twin: &Twin) {
    let stage = Stage::new();
    let first = stage.host.load(&twin.testplugin).unwrap();
    let folder = twin.testplugin.parent().unwrap();
    let detour = folder.join(".").join(twin.testplugin.file_name().unwrap());
    let again = stage.host.load(detour).unwrap();
    first.var("Value").unwrap().set(3).unwrap();
    assert_eq!(again.var::<i64>("Value").unwrap().get().unwrap(), 3);
    assert_eq!(stage.host.plugins().len(), 1);
    let named = stage.host.plugin("testplugin").unwrap();
    assert_eq!(named.var::<i64>("Value").unwrap().get().unwrap(), 3);
}

fn unloading_makes_everything_stale_and_loading_starts_anew(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.testplugin).unwrap();
    let value = plugin.var::<i64>("Value").unwrap();
    let hello = plugin.func::<(), String>("Hello").unwrap();
    value.set(7).unwrap();
    stage.host.unload(plugin.clone()).unwrap();
    let stale = |error: twinplug::Error, symbol: &str| {
        assert_eq!(error.kind(), ErrorKind::Stale);
        let expected = format!("plugin `testplugin`: `{symbol}`: the plugin was unloaded");
        assert_eq!(error.to_string(), expected);
    };
    stale(value.get().unwrap_err(), "Value");
    stale(value.set(1).unwrap_err(), "Value");
    stale(hello.call(()).unwrap_err(), "Hello");
    assert_eq!(
        message(stage.host.unload(plugin)),
        "plugin `testplugin`: the plugin is not loaded in this host"
    );
    assert_eq!(message(stage.host.plugin("testplugin")), "no plugin `testplugin` is loaded");

    let plugin = stage.host.load(&twin.testplugin).unwrap();
    assert_eq!(plugin.var::<i64>("Value").unwrap().get().unwrap(), 0);
}

fn two_hosts_do_not_meet(twin: &Twin) {
    let (one, two) = (Stage::new(), Stage::new());
    let first = one.host.load(&twin.testplugin).unwrap();
    let second = two.host.load(&twin.testplugin).unwrap();
    one.printed();
    first.var("Value").unwrap().set(1).unwrap();
    second.var("Value").unwrap().set(2).unwrap();
    assert_eq!(first.var::<i64>("Value").unwrap().get().unwrap(), 1);
    assert_eq!(second.var::<i64>("Value").unwrap().get().unwrap(), 2);
    first.call("Plugin_fun", ()).unwrap();
    assert_eq!(one.printed(), "[testplugin] Value in plugin: 1\n");
    drop(one);
    assert_eq!(second.call("Hello", ()).unwrap(), Value::Str("Hello, number 2".into()));
}
