//! Channels: every verb, from the host and from plugins of either kind; what ends a wait.

mod crowd;
mod select;
mod storm;
mod tasks;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use twinplug::{Channel, ErrorKind, Host, PluginRef, Value, data};

use crate::twins::{PluginData, Stage, Twin, message, on_every_twin};

on_every_twin! {
    every_step_of_a_plugin
    a_rendezvous_with_a_plugin
    a_plugin_receives_until_the_end
    a_plugin_closes_a_channel
    steps_with_a_closed_channel
    unloading_ends_the_waits_of_the_plugin_alone
}

/// As long as a test lets others take that are to be quick.
const LONG: Duration = Duration::from_secs(20);

/// A stage with a rendezvous of numbers.
fn stage() -> Stage {
    Stage::with(|builder| builder.channel::<i64>("meet", 0).channel::<Option<i64>>("maybe", 4))
}

fn step(plugin: &PluginRef, step: &str, channel: &str, value: Value) -> Value {
    plugin.call("Step", (step, channel, value)).unwrap()
}

fn numbers(numbers: &[i64]) -> Value {
    Value::List(numbers.iter().map(|number| Value::Int(*number)).collect())
}

fn would_wait() -> Value {
    Value::Str("would wait".into())
}

fn every_step_of_a_plugin(twin: &Twin) {
    let stage = stage();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let steps = [
        ("try_recv", 0, would_wait()),
        ("recv_timeout", 0, would_wait()),
        ("try_send", 1, Value::Bool(true)),
        ("try_send", 2, Value::Bool(true)),
        ("send_timeout", 3, Value::Bool(true)),
        ("send_timeout", 4, Value::Bool(true)),
        // It holds 4.
        ("try_send", 5, would_wait()),
        ("send_timeout", 5, would_wait()),
        ("try_recv", 0, Value::Int(1)),
        ("recv_timeout", 0, Value::Int(2)),
        ("recv_many", 0, numbers(&[])),
        ("try_send", 6, Value::Bool(true)),
        ("recv_many", 2, numbers(&[3, 4])),
        ("recv_many", 9, numbers(&[6])),
        ("try_recv", 0, would_wait()),
    ];
    for (number, (name, value, expected)) in steps.into_iter().enumerate() {
        let answer = step(&plugin, name, "numbers", Value::Int(value));
        // An empty table is a map, for who has no type.
        let answer = if answer == Value::Map(twinplug::Map::new()) { numbers(&[]) } else { answer };
        assert_eq!(answer, expected, "step {number}: {name}");
    }
}

fn a_rendezvous_with_a_plugin(twin: &Twin) {
    let stage = stage();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let meet = stage.host.channel::<i64>("meet").unwrap();
    assert_eq!(step(&plugin, "try_send", "meet", Value::Int(1)), would_wait());
    assert_eq!(step(&plugin, "send_timeout", "meet", Value::Int(1)), would_wait());
    assert_eq!(step(&plugin, "recv_timeout", "meet", Value::Null), would_wait());
    let receiver = thread::spawn({
        let meet = meet.clone();
        move || meet.recv()
    });
    // Goes through once that one waits.
    while step(&plugin, "try_send", "meet", Value::Int(2)) == would_wait() {
        thread::yield_now();
    }
    assert_eq!(receiver.join().unwrap().unwrap(), 2);
    let sender = thread::spawn({
        let meet = meet.clone();
        move || meet.send(3)
    });
    assert_eq!(step(&plugin, "recv_many", "meet", Value::Int(2)), numbers(&[3]));
    sender.join().unwrap().unwrap();
}

fn a_plugin_receives_until_the_end(twin: &Twin) {
    let stage = stage();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let iterate = plugin.func::<(&str, &str, i64), Vec<i64>>("Step").unwrap();
    let receiver = thread::spawn(move || iterate.call(("iterate", "meet", 0)));
    let meet = stage.host.channel::<i64>("meet").unwrap();
    for number in 1..=5 {
        meet.send(number).unwrap();
    }
    meet.close();
    assert_eq!(receiver.join().unwrap().unwrap(), [1, 2, 3, 4, 5]);
    // Null is a message, and no end.
    let maybe = stage.host.channel::<Option<i64>>("maybe").unwrap();
    [None, Some(1), None].into_iter().for_each(|message| maybe.send(message).unwrap());
    maybe.close();
    let expected = Value::List(vec![Value::Null, Value::Int(1), Value::Null]);
    assert_eq!(step(&plugin, "iterate", "maybe", Value::Null), expected);
}

fn a_plugin_closes_a_channel(twin: &Twin) {
    let stage = stage();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let meet = stage.host.channel::<i64>("meet").unwrap();
    let waiter = thread::spawn({
        let meet = meet.clone();
        move || meet.recv()
    });
    assert!(!meet.is_closed());
    assert_eq!(step(&plugin, "close", "meet", Value::Null), Value::Null);
    let error = waiter.join().unwrap().unwrap_err();
    assert!(error.is_closed() && meet.is_closed());
    assert_eq!(error.to_string(), "channel `meet` is closed");
    assert_eq!(error.kind(), ErrorKind::Channel);
}

fn steps_with_a_closed_channel(twin: &Twin) {
    let stage = stage();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let channel = stage.host.channel::<i64>("numbers").unwrap();
    channel.send(1).unwrap();
    channel.close();
    channel.close();
    let steps = ["try_send", "send_timeout", "try_recv", "recv_timeout", "recv_many"];
    assert_eq!(step(&plugin, "try_recv", "numbers", Value::Null), Value::Int(1));
    for name in steps {
        let error = message(plugin.call("Step", (name, "numbers", 2)));
        let line = twin.at(&format!("  {name} = "));
        // Where that takes several lines, it is at the second.
        let expected = format!("plugin `probe`: `Step`: {line}channel `numbers` is closed");
        assert_eq!(without_line(&error), without_line(&expected), "{name}");
    }
}

/// A message without the number of the script's line.
fn without_line(message: &str) -> String {
    match message.split_once("probe.lua:") {
        Some((before, after)) => {
            format!("{before}probe.lua:{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => message.to_owned(),
    }
}

fn unloading_ends_the_waits_of_the_plugin_alone(twin: &Twin) {
    for round in 0..12 {
        let stage = stage();
        let plugin = stage.host.load(&twin.probe).unwrap();
        let meet = stage.host.channel::<i64>("meet").unwrap();
        let receive = plugin.func::<(&str,), i64>("Receive").unwrap();
        let send = plugin.func::<(&str, i64), ()>("Send").unwrap();
        let filled = stage.host.channel::<i64>("numbers").unwrap();
        (0..4).for_each(|number| filled.send(number).unwrap());
        let (told, tells) = mpsc::channel();
        let other = told.clone();
        thread::spawn(move || told.send(receive.call(("meet",)).unwrap_err()));
        thread::spawn(move || other.send(send.call(("numbers", 9)).unwrap_err()));
        let hosts = thread::spawn({
            let meet = meet.clone();
            move || meet.recv()
        });
        (0..round * 50).for_each(|_| thread::yield_now());
        let start = Instant::now();
        stage.host.unload(plugin).unwrap();
        for _ in 0..2 {
            let error = tells.recv_timeout(LONG).expect("the wait goes on");
            let text = error.to_string();
            assert!(text.ends_with("the plugin was unloaded"), "{text}");
        }
        assert!(start.elapsed() < LONG);
        // What the plugin would have got is the host's.
        meet.send_timeout(7, LONG).unwrap();
        assert_eq!(hosts.join().unwrap().unwrap(), 7);
        assert_eq!(filled.recv_many(9).unwrap(), [0, 1, 2, 3]);
    }
}

#[test]
fn times_and_their_errors() {
    let host = Host::builder().channel::<i64>("c", 1).build().unwrap();
    let channel = host.channel::<i64>("c").unwrap();
    let check = |error: twinplug::Error, text: &str| {
        assert_eq!(error.to_string(), text);
        assert_eq!(error.kind(), ErrorKind::Channel);
        assert!(error.would_wait() && !error.is_closed());
    };
    check(channel.try_recv().unwrap_err(), "channel `c` is empty");
    for time in [Duration::ZERO, Duration::from_millis(3)] {
        let start = Instant::now();
        check(channel.recv_timeout(time).unwrap_err(), "channel `c` timed out");
        assert!(start.elapsed() >= time);
    }
    channel.send_timeout(1, Duration::MAX).unwrap();
    check(channel.try_send(2).unwrap_err(), "channel `c` has no room");
    check(channel.send_timeout(2, Duration::from_millis(3)).unwrap_err(), "channel `c` timed out");
    assert_eq!(channel.recv_timeout(Duration::ZERO).unwrap(), 1);
    assert!(channel.recv_many(0).unwrap().is_empty());
}

#[test]
fn the_host_iterates_until_the_end() {
    let host = Host::builder().channel::<i64>("c", 2).build().unwrap();
    let channel = host.channel::<i64>("c").unwrap();
    let sender = channel.clone();
    let all = thread::spawn(move || {
        let mut all = Vec::new();
        for message in &channel {
            all.push(message);
        }
        (all, channel)
    });
    (0..100).for_each(|number| sender.send(number).unwrap());
    sender.close();
    let (all, channel) = all.join().unwrap();
    assert_eq!(all, (0..100).collect::<Vec<_>>());
    assert_eq!(channel.into_iter().next(), None);
}

#[test]
fn a_tied_handle_ends_with_its_plugin_and_no_other_does() {
    #[cfg(feature = "_lua")]
    let twin = &*crate::twins::LUA;
    #[cfg(not(feature = "_lua"))]
    let twin = &*crate::twins::C;
    let stage = stage();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let meet = stage.host.channel::<i64>("meet").unwrap();
    let filled = stage.host.channel::<i64>("numbers").unwrap();
    let tied = |channel: &Channel<i64>| channel.tied_to(&plugin);
    (0..4).for_each(|number| tied(&filled).send(number).unwrap());
    let waits = [
        thread::spawn({
            let tied = tied(&meet);
            move || tied.recv().map(drop)
        }),
        thread::spawn({
            let tied = tied(&filled);
            move || tied.send_timeout(9, LONG)
        }),
        thread::spawn({
            let (tied, other) = (tied(&meet), stage.host.channel::<PluginData>("data").unwrap());
            move || twinplug::Select::new().recv(&other, drop).recv(&tied, drop).wait()
        }),
    ];
    let (late_send, late_recv) = (tied(&filled), tied(&meet));
    let untied = thread::spawn({
        let meet = meet.clone();
        move || meet.recv()
    });
    stage.host.unload(plugin.clone()).unwrap();
    let gone =
        |name: &str| format!("channel `{name}` is tied to plugin `probe`, which was unloaded");
    for (wait, name) in waits.into_iter().zip(["meet", "numbers", "meet"]) {
        let error = wait.join().unwrap().unwrap_err();
        assert_eq!(error.to_string(), gone(name));
        assert_eq!((error.kind(), error.is_closed()), (ErrorKind::Stale, true));
    }
    assert_eq!(message(late_send.try_send(1)), gone("numbers"));
    assert_eq!(message(late_send.send(1)), gone("numbers"));
    assert_eq!(message(late_recv.recv_timeout(LONG)), gone("meet"));
    assert_eq!(message(late_recv.try_recv()), gone("meet"));
    // What there is comes first.
    assert_eq!(late_send.iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    meet.send(7).unwrap();
    assert_eq!(untied.join().unwrap().unwrap(), 7);
    assert_eq!(message(meet.tied_to(&plugin).send(1)), gone("meet"));
}

#[data]
#[derive(Clone, Debug, PartialEq)]
struct Visit {
    name: String,
    note: Option<String>,
}

/// Plugins in C that attach with a type of theirs.
#[cfg(feature = "native")]
#[test]
fn a_native_plugins_type_is_checked_when_it_attaches() {
    let folder = tempfile::tempdir().unwrap();
    let attach = |name: &str, ty: &str| {
        let text = format!(
            "#include \"twinplug.h\"\n\
             static tp_status attach(tp_call *call) {{\n\
               tp_channel *channel;\n\
               tp_status status = tp_open(call, \"visits\", 6, \"{ty}\", &channel);\n\
               if (status != TP_OK) return status;\n\
               status = tp_try_receive(call, channel);\n\
               tp_close(call, channel);\n\
               return status;\n\
             }}\n\
             static const tp_export exports[] = {{TP_EXPORT_FUNC(\"Attach\", \"() -> any\", attach)}};\n\
             TP_PLUGIN(\"{name}\", \"1.0.0\", exports, NULL);\n"
        );
        let source = folder.path().join(name);
        std::fs::create_dir_all(&source).unwrap();
        std::fs::write(source.join("plugin.c"), text).unwrap();
        let library = twinplug_build::build(&source, &folder.path().join("built")).unwrap();
        let host = Host::builder().channel::<Visit>("visits", 1).build().unwrap();
        let visit = Visit { name: "ann".into(), note: None };
        host.channel("visits").unwrap().send(visit).unwrap();
        let plugin = host.load(library).unwrap();
        plugin.call("Attach", ()).map_err(|error| error.to_string())
    };
    let named = |name: &str| Value::Map([("name".into(), Value::Str(name.into()))].into());
    // An optional field may be missing, and one that the plugin does not know be there.
    assert_eq!(attach("less", "Visit { name: string }"), Ok(named("ann")));
    assert_eq!(attach("more", "Visit { name: string, age: int? }"), Ok(named("ann")));
    let carries = "carries `Visit { name: string, note: string? }`, and not";
    assert_eq!(
        attach("other", "Visit { name: int }"),
        Err(format!(
            "plugin `other`: `Attach`: channel `visits` {carries} `Visit {{ name: int }}`: \
             `name`: expected string, got int"
        ))
    );
    assert_eq!(
        attach("lacks", "Visit { nick: string }"),
        Err(format!(
            "plugin `lacks`: `Attach`: channel `visits` {carries} `Visit {{ nick: string }}`: \
             missing field `name`"
        ))
    );
}
