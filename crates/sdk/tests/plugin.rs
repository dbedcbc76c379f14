//! What `#[plugin]` writes, driven through its table: entries, hooks, log, leaf functions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::sync::atomic::{AtomicBool, Ordering};

use twinplug_sdk::log::Level;
use twinplug_sdk::prelude::*;
use twinplug_sdk::testing::{Host, Plugin};

/// What the host configures.
#[data]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    greeting: String,
    #[serde(default)]
    loud: bool,
}

type Id = i64;

static PAUSED: AtomicBool = AtomicBool::new(false);

#[plugin(name = "everything", version = "1.2.3-beta.1", unload = true)]
mod everything {
    use super::{Config, Id, Ordering, PAUSED};
    use std::fmt;
    use twinplug_sdk::prelude::*;
    use twinplug_sdk::{log, print as shout};

    #[var(name = "Count")]
    static COUNT: Var<i64> = Var::new(1);
    #[var]
    static RATIO: Var<f64> = Var::new(0.5);
    #[var]
    static CONFIG: Var<Config> = Var::default();
    #[state(name = "secret")]
    static SECRET: Var<Vec<String>> = Var::with(|| vec!["first".to_owned()]);

    #[init]
    fn init(host: &HostRef) -> Result<()> {
        println!("init");
        log::info!("{} vars", 3);
        host.register("twice", |number: i64| number * 2)
    }

    #[on_load]
    fn configure(host: &HostRef, config: Config) -> Result<()> {
        if config.greeting.is_empty() {
            return Err(Error::new("no greeting"));
        }
        host.log(log::Level::Debug, &config.greeting);
        CONFIG.set(config);
        Ok(())
    }

    #[on_save]
    fn save() -> Result<Vec<String>> {
        Ok(SECRET.get())
    }

    #[on_restore]
    fn restore(value: Vec<String>, old_version: &str) -> Result<(), String> {
        if old_version.starts_with('0') {
            return Err(format!("too old: {old_version}"));
        }
        SECRET.set(value);
        Ok(())
    }

    #[on_pause]
    fn pause() {
        PAUSED.store(true, Ordering::Relaxed);
    }

    #[on_resume]
    fn resume() -> fmt::Result {
        if PAUSED.swap(false, Ordering::Relaxed) { Ok(()) } else { Err(fmt::Error) }
    }

    #[on_unload]
    fn unload(host: &HostRef) -> Result<()> {
        shout!("bye");
        host.call("farewell", ("all",))
    }

    #[func(leaf)]
    fn add(a: i64, b: Id) -> i64 {
        a + b
    }

    #[func(leaf, name = "Liar")]
    fn liar() -> i64 {
        println!("a leaf does not print");
        1
    }

    #[func]
    fn divide(a: i64, b: i64) -> Result<i64> {
        match b {
            13 => panic!("out of {}", "luck"),
            0 => Err(Error::new(format!("{a} by nothing"))),
            b => Ok(a / b),
        }
    }

    #[func]
    fn choose(yes: bool, a: &f64, b: f64) -> f64 {
        if yes { *a } else { b }
    }

    #[func]
    fn even(number: i64) -> bool {
        number % 2 == 0
    }

    #[func]
    fn nothing() {}

    #[func]
    fn check(on: bool) -> Result<(), &'static str> {
        if on { Ok(()) } else { Err("off") }
    }

    #[func]
    fn six(a: i64, b: f64, c: bool, d: i64, e: f64, f: bool) -> f64 {
        let sign = |on: bool, value: f64| if on { value } else { -value };
        a as f64 + sign(c, b) + d as f64 + sign(f, e)
    }

    #[func]
    fn scaled(host: &HostRef, x: f64) -> Result<f64> {
        host.call("scale", (x, 2.0))
    }

    #[func]
    fn narrow(number: i32) -> u8 {
        number as u8
    }

    #[func]
    fn seven(a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64) -> i64 {
        a + b + c + d + e + f + g
    }

    #[func]
    fn greet(name: &str, title: Option<String>) -> String {
        format!("hello {}{name}", title.map(|title| title + " ").unwrap_or_default())
    }

    #[func]
    fn echo(host: &HostRef) -> Result<()> {
        let channel = host.channel::<Config>("configs")?;
        loop {
            match channel.recv() {
                Ok(config) => channel.send(&Config { loud: true, ..config })?,
                Err(error) if error.is_closed() => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

fn host() -> Host {
    Host::new()
        .function("scale", |x: f64, by: f64| x * by)
        .function("farewell", |to: String| match to.as_str() {
            "all" => Ok(()),
            other => Err(format!("who is {other}?")),
        })
        .channel::<Config>("configs")
}

fn load() -> Plugin {
    host().load(&everything::twinplug_plugin).unwrap()
}

#[track_caller]
fn fails<T: std::fmt::Debug>(result: Result<T>, expected: &str) {
    assert_eq!(result.unwrap_err().to_string(), expected);
}

#[test]
fn exports_have_their_types_and_state_is_private() {
    let exports = load().exports();
    let lines: Vec<String> = exports.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
    assert_eq!(
        lines,
        [
            "CONFIG: Config { greeting: string, loud?: bool }",
            "Count: int",
            "Liar: () -> int",
            "RATIO: float",
            "add: (a: int, b: int) -> int",
            "check: (on: bool)",
            "choose: (yes: bool, a: float, b: float) -> float",
            "divide: (a: int, b: int) -> int",
            "echo: ()",
            "even: (number: int) -> bool",
            "greet: (name: string, title: string?) -> string",
            "narrow: (number: int) -> int",
            "nothing: ()",
            "scaled: (x: float) -> float",
            "seven: (a: int, b: int, c: int, d: int, e: int, f: int, g: int) -> int",
            "six: (a: int, b: float, c: bool, d: int, e: float, f: bool) -> float",
            "twice: (int) -> int",
        ]
    );
}

#[test]
fn both_entries_of_a_function_do_the_same() {
    let plugin = load();
    assert_eq!(plugin.call_both::<i64>("add", (2i64, 3i64)).unwrap(), 5);
    assert_eq!(plugin.call_both::<i64>("divide", (7i64, 2i64)).unwrap(), 3);
    fails(plugin.call_both::<i64>("divide", (7i64, 0i64)), "7 by nothing");
    fails(plugin.call_both::<i64>("divide", (7i64, 13i64)), "panicked: out of luck");
    assert_eq!(plugin.call_both::<f64>("choose", (true, 0.1f64, f64::NAN)).unwrap(), 0.1);
    assert!(plugin.call_both::<f64>("choose", (false, 0.1f64, f64::NAN)).unwrap().is_nan());
    assert!(plugin.call_both::<bool>("even", (4i64,)).unwrap());
    assert!(!plugin.call_both::<bool>("even", (i64::MAX,)).unwrap());
    plugin.call_both::<()>("nothing", ()).unwrap();
    plugin.call_both::<()>("check", (true,)).unwrap();
    fails(plugin.call_both::<()>("check", (false,)), "off");
    let six = (1i64, 0.5f64, false, 2i64, 0.25f64, true);
    assert_eq!(plugin.call_both::<f64>("six", six).unwrap(), 2.75);
    assert_eq!(plugin.call_both::<f64>("scaled", (1.5f64,)).unwrap(), 3.0);
}

#[test]
fn only_functions_of_scalars_have_a_direct_entry() {
    let plugin = load();
    let none = "has no direct entry: it takes or returns more than scalars";
    fails(plugin.call_direct::<()>("narrow", ()), &format!("`narrow` {none}"));
    fails(plugin.call_direct::<()>("seven", ()), &format!("`seven` {none}"));
    fails(plugin.call_direct::<()>("greet", ()), &format!("`greet` {none}"));
    fails(plugin.call_direct::<()>("twice", ()), &format!("`twice` {none}"));
    fails(
        plugin.call_direct::<f64>("add", (1i64, true)),
        "expected (a: int, b: int) -> int, got (int, bool) -> float",
    );
    assert_eq!(plugin.call::<u8>("narrow", (200,)).unwrap(), 200);
    assert_eq!(plugin.call::<i64>("seven", (1, 2, 3, 4, 5, 6, 7)).unwrap(), 28);
    assert_eq!(plugin.call::<i64>("twice", (4,)).unwrap(), 8);
}

/// `fault` may be null, and any byte is a bool.
#[test]
fn a_direct_entry_takes_what_c_may_pass() {
    use twinplug_abi as abi;
    let _plugin = load();
    let table = everything::twinplug_plugin.as_raw();
    let find = |wanted: &str| {
        (0..table.export_count as usize)
            // SAFETY: the table says how many exports there are.
            .map(|index| unsafe { &*table.exports.add(index) })
            // SAFETY: an export's name is terminated.
            .find(|export| unsafe { std::ffi::CStr::from_ptr(export.name) }.to_str() == Ok(wanted))
            .and_then(|export| export.direct)
            .unwrap()
    };
    type Choose = unsafe extern "C" fn(*mut abi::Fault, bool, f64, f64, *mut f64) -> abi::Status;
    type Divide = unsafe extern "C" fn(*mut abi::Fault, i64, i64, *mut i64) -> abi::Status;
    // SAFETY: the entries are of the types that follow from their signatures.
    unsafe {
        let choose = std::mem::transmute::<abi::Direct, Choose>(find("choose"));
        let mut chosen = 0.0;
        assert_eq!(choose(std::ptr::null_mut(), true, 1.0, 2.0, &mut chosen), abi::OK);
        assert_eq!(chosen, 1.0);
        let divide = std::mem::transmute::<abi::Direct, Divide>(find("divide"));
        let mut result = 77;
        assert_eq!(divide(std::ptr::null_mut(), 1, 0, &mut result), abi::ERROR);
        assert_eq!(divide(std::ptr::null_mut(), 1, 13, &mut result), abi::PANIC);
        assert_eq!(result, 77, "an error leaves the result alone");
    }
}

#[test]
fn arguments_are_checked_and_converted() {
    let plugin = load();
    assert_eq!(plugin.call::<i64>("add", (2.0, 3)).unwrap(), 5);
    assert_eq!(plugin.call::<f64>("scaled", (3,)).unwrap(), 6.0);
    assert_eq!(plugin.call::<String>("greet", ("you",)).unwrap(), "hello you");
    assert_eq!(
        plugin.call::<String>("greet", ("Who", Some("Dr".to_owned()))).unwrap(),
        "hello Dr Who"
    );
    fails(plugin.call::<i64>("add", (2.5, 3)), "argument `a`: 2.5 is no whole number");
    fails(plugin.call::<i64>("add", (1,)), "expected 2 arguments, got 1");
    fails(plugin.call::<String>("add", (1, 2)), "result: expected string, got int");
    fails(
        plugin.call::<u8>("narrow", (1i64 << 40,)),
        "argument `number`: expected i32, got integer `1099511627776`",
    );
    fails(plugin.call::<i64>("Count", ()), "`Count` is a variable");
    fails(plugin.get::<i64>("add"), "`add` is a function");
    let error = plugin.call::<i64>("ad", ()).unwrap_err().to_string();
    assert!(error.starts_with("no export `ad`; there are: `CONFIG`, `Count`"), "{error}");
}

#[test]
fn variables_are_set_and_begin_anew_with_each_load() {
    for _ in 0..2 {
        let plugin = load();
        assert_eq!(plugin.get::<i64>("Count").unwrap(), 1);
        assert_eq!(plugin.get::<Vec<String>>("secret").unwrap(), ["first"]);
        plugin.set("Count", 7).unwrap();
        plugin.set("RATIO", 3).unwrap();
        plugin.set("secret", vec!["second".to_owned()]).unwrap();
        assert_eq!(plugin.get::<i64>("Count").unwrap(), 7);
        assert_eq!(plugin.get::<f64>("RATIO").unwrap(), 3.0);
        fails(plugin.set("Count", "x".to_owned()), "`Count`: expected int, got string");
        let config = Config { greeting: "hi".into(), loud: true };
        plugin.set("CONFIG", config.clone()).unwrap();
        assert_eq!(plugin.get::<Config>("CONFIG").unwrap(), config);
    }
}

#[test]
fn a_variable_is_used_from_many_threads() {
    let plugin = load();
    plugin.set("Count", 0).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4i64 {
            let plugin = &plugin;
            scope.spawn(move || {
                for _ in 0..250 {
                    plugin.set("Count", thread).unwrap();
                    assert!((0..4).contains(&plugin.get::<i64>("Count").unwrap()));
                    assert_eq!(plugin.call_both::<i64>("add", (thread, 1i64)).unwrap(), thread + 1);
                }
            });
        }
    });
}

#[test]
fn hooks_take_and_give_what_they_say() {
    let plugin = load();
    let config = Config { greeting: "hi".into(), loud: false };
    plugin.on_load(config.clone()).unwrap();
    assert_eq!(plugin.get::<Config>("CONFIG").unwrap(), config);
    fails(plugin.on_load(Config::default()), "no greeting");
    fails(plugin.on_load(1), "argument `config`: expected map, got int");

    plugin.set("secret", vec!["kept".to_owned()]).unwrap();
    let saved = plugin.on_save::<Value>().unwrap();
    plugin.set("secret", Vec::<String>::new()).unwrap();
    plugin.on_restore(saved, "1.0.0").unwrap();
    assert_eq!(plugin.get::<Vec<String>>("secret").unwrap(), ["kept"]);
    fails(plugin.on_restore(vec!["x".to_owned()], "0.9.0"), "too old: 0.9.0");

    plugin.on_pause().unwrap();
    plugin.on_resume().unwrap();
    fails(plugin.on_resume(), "an error occurred when formatting an argument");
    plugin.on_unload().unwrap();
    assert_eq!(plugin.output(), "init\nbye");
    assert_eq!(plugin.log(), [(Level::Info, "3 vars".to_owned()), (Level::Debug, "hi".to_owned())]);
}

#[test]
fn channels_keep_what_is_sent() {
    let plugin = load();
    fails(plugin.call::<()>("echo", ()), "nobody has sent to `configs`: the test does so before");
    let config = Config { greeting: "hi".into(), loud: false };
    plugin.send("configs", &config).unwrap();
    plugin.close("configs").unwrap();
    fails(plugin.call::<()>("echo", ()), "the channel is closed");
    fails(plugin.sent::<i64>("other"), "the host has no channel `other`");

    let plugin = {
        drop(plugin);
        load()
    };
    plugin.send("configs", &config).unwrap();
    fails(plugin.call::<()>("echo", ()), "nobody has sent to `configs`: the test does so before");
    let sent = plugin.sent::<Config>("configs").unwrap();
    assert_eq!(sent, [Config { loud: true, ..config }]);
}

#[test]
fn a_leaf_function_that_asks_the_host_is_found() {
    let plugin = load();
    let _ = plugin.output();
    fails(plugin.call::<i64>("Liar", ()), "`Liar` is a leaf, and asked the host for `print`");
    fails(
        plugin.call_direct::<i64>("Liar", ()),
        "`Liar` is a leaf, and asked the host for `print`",
    );
    assert_eq!(plugin.output(), "");
    assert_eq!(plugin.call_both::<i64>("add", (1i64, 2i64)).unwrap(), 3);
}

#[test]
fn one_plugin_at_a_time() {
    let plugin = load();
    let again = host().load(&everything::twinplug_plugin).map(|_| ());
    fails(again, "this test has a plugin loaded already: drop that one first");
    drop(plugin);
    load();
}

#[test]
fn the_table_says_what_the_attribute_says() {
    let table = everything::twinplug_plugin.as_raw();
    // SAFETY: name and version are terminated.
    let text = |text| unsafe { std::ffi::CStr::from_ptr(text) }.to_str().unwrap();
    assert_eq!((text(table.name), text(table.version)), ("everything", "1.2.3-beta.1"));
    let hooks = [
        table.on_load,
        table.on_save,
        table.on_restore,
        table.on_pause,
        table.on_resume,
        table.on_unload,
    ];
    assert!(hooks.iter().all(Option::is_some));
    // SAFETY: the section starts with its head, and as many bytes follow as it says.
    let json = unsafe {
        let head = &*table.section.cast::<twinplug_abi::SectionHead>();
        assert_eq!((&head.magic, head.abi_major, head.abi_minor), (b"twinplug", 1, 1));
        let text = table.section.cast::<u8>().add(size_of::<twinplug_abi::SectionHead>());
        std::slice::from_raw_parts(text, head.length as usize)
    };
    let json = std::str::from_utf8(json).unwrap();
    let head = r#"{"name":"everything","version":"1.2.3-beta.1","exports":[{"name":"Count","symbol":"var","type":"int"},"#;
    assert!(json.starts_with(head), "{json}");
    assert!(
        json.contains(r#"{"name":"secret","symbol":"state","type":"list<string>"},"#),
        "{json}"
    );
    assert!(json.ends_with(r#""type":"()"}],"unload":true}"#), "{json}");
}
