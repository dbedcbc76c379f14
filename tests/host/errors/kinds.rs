//! A sample of each kind of error, as a user meets it: the whole message, and the part of it that
//! says what to do next. A kind that is added to `ErrorKind` has to get one.
//!
//! It is no list of all messages: those stand with the tests of what they are about.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use twinplug::{Channel, Error, Host, Lockfile, PluginRef, Result, Trust};

use crate::shop::{LOUD, Shop};

struct Sample {
    /// The kind, as `ErrorKind` has it.
    kind: &'static str,
    /// `DIR` is the folder that it gets.
    provoke: fn(&Path) -> Result<Error>,
    message: &'static str,
    /// The next step, which ends the message; `None` where what failed and why says all.
    next: Option<&'static str>,
}

/// The script of most samples.
const CLOCK: &str = "local M = { Count = 0 }\n\
                     function M.Now() error('no time') end\n\
                     function M.Tick() while true do end end\n\
                     return M";

const SAMPLES: &[Sample] = &[
    Sample {
        kind: "NotFound",
        provoke: |_| fails(Host::builder().build()?.channel::<i64>("data")),
        message: "the host has no channel `data`",
        next: Some(": add it with `HostBuilder::channel` (`--channel` of the command)"),
    },
    Sample {
        kind: "Refused",
        provoke: |folder| {
            let (host, _) = clock(folder)?;
            let twin = folder.join("twin.lua");
            std::fs::write(&twin, "---@plugin clock 0.0.0").unwrap();
            fails(host.load(twin))
        },
        message: "cannot load `DIR/twin.lua`: `clock` 0.0.0 is loaded already, from `DIR/clock.lua`",
        next: Some(": unload that one, or give this one another version"),
    },
    Sample {
        kind: "Abi",
        provoke: |folder| {
            let version = "#undef TP_ABI_MAJOR\n#define TP_ABI_MAJOR 2\n";
            let plugin = "TP_PLUGIN(\"loud\", \"1.0.0\", exports, NULL);";
            let shop = Shop::new();
            let built = shop.compile("old.so", &[LOUD, version, plugin].concat(), &["-shared"]);
            let library = folder.join("old.so");
            std::fs::copy(built, &library).unwrap();
            fails(shop.stage.host.load(library))
        },
        message: "cannot load `DIR/old.so`: built for ABI 2.1, this host has 1.1",
        next: Some(": update the host, or build the plugin for the host's"),
    },
    Sample {
        kind: "Load",
        provoke: |_| fails(Host::builder().build()?.load_source("clock", "return 7")),
        message: "cannot load `clock`: the script returns a number, and no table of exports",
        next: Some(": end it with `return M`"),
    },
    Sample {
        kind: "Symbol",
        provoke: |folder| fails(clock(folder)?.1.func::<(), ()>("Count")),
        message: "plugin `clock`: `Count` is a variable, `number`, and no function",
        next: Some(": use `var`"),
    },
    Sample {
        kind: "Type",
        provoke: |folder| fails(clock(folder)?.1.var::<String>("Count")),
        message: "plugin `clock`: `Count` is `number`, asked for as `string`",
        next: None,
    },
    Sample {
        kind: "Call",
        provoke: |folder| {
            let (_host, clock) = clock(folder)?;
            fails(clock.call("Now", ()))
        },
        message: "plugin `clock`: `Now`: clock.lua:2: no time",
        next: None,
    },
    Sample {
        kind: "Limit",
        provoke: |folder| {
            let (_host, clock) = clock(folder)?;
            let tick = clock.func::<(), ()>("Tick")?;
            fails(tick.call_within(Duration::from_millis(20), ()))
        },
        message: "plugin `clock`: `Tick`: clock.lua:3: deadline of 20 ms",
        next: None,
    },
    Sample {
        kind: "Stale",
        provoke: |folder| {
            let (host, clock) = clock(folder)?;
            let now = clock.func::<(), ()>("Now")?;
            host.unload(clock)?;
            fails(now.call(()))
        },
        message: "plugin `clock`: `Now`: the plugin was unloaded",
        next: None,
    },
    Sample {
        kind: "Retired",
        provoke: |folder| {
            let (host, clock) = clock(folder)?;
            let now = clock.current().lookup("Now")?.into_func::<(), ()>()?;
            host.reload(&clock)?;
            fails(now.call(()))
        },
        message: "plugin `clock`: `Now`: the plugin was reloaded meanwhile",
        next: None,
    },
    Sample {
        kind: "Reload",
        provoke: |folder| {
            let (host, clock) = clock(folder)?;
            let _held = clock.func::<(), ()>("Now")?;
            std::fs::write(folder.join("clock.lua"), "function Noon() end").unwrap();
            fails(host.reload(&clock))
        },
        message: "plugin `clock`: not reloaded, load 1 serves on: `Now` is gone, and a handle on it \
                  is held",
        next: Some(": keep it as it was, or drop the handle"),
    },
    Sample {
        kind: "Channel",
        provoke: waits_in_a_host_function,
        message: "cannot wait here for channel `data`: a Lua plugin's call of a host function is \
                  running on this thread",
        next: Some("; one that is added by `HostBuilder::blocking_function` may wait"),
    },
    Sample {
        kind: "Io",
        provoke: |folder| {
            std::fs::write(folder.join("types"), "").unwrap();
            fails(clock(folder)?.0.definitions().write_to(folder.join("types")))
        },
        message: "cannot make the folder `DIR/types`: File exists (os error 17)",
        next: None,
    },
    Sample {
        kind: "Trust",
        provoke: |folder| {
            clock(folder)?;
            let lock = Lockfile::of_dir(folder)?;
            lock.write()?;
            let script = folder.join("alarm.lua");
            std::fs::write(&script, "function Ring() end").unwrap();
            fails(Host::builder().trust(Trust::Pinned(lock)).build()?.load(script))
        },
        message: "cannot load `DIR/alarm.lua`: it is not pinned by `DIR/twinplug.lock`",
        next: Some(": if you trust it, pin what is there by `twinplug lock DIR`"),
    },
    // The place of a kind that is new: the message that its first user should get.
];

/// A host with the script.
fn clock(folder: &Path) -> Result<(Host, PluginRef)> {
    let path = folder.join("clock.lua");
    std::fs::write(&path, CLOCK).unwrap();
    // Without a limit LuaJIT compiles loops, which nothing stops then.
    let host = Host::builder().time_limit(Duration::from_secs(60)).build()?;
    let plugin = host.load(path)?;
    Ok((host, plugin))
}

fn fails<T>(result: Result<T>) -> Result<Error> {
    Ok(result.err().expect("it fails"))
}

/// What the function gets, and not the script, to which it is the failure of a call.
fn waits_in_a_host_function(_: &Path) -> Result<Error> {
    let (channel, told) = (Arc::<OnceLock<Channel<i64>>>::default(), Arc::new(Mutex::new(None)));
    let function = {
        let (channel, told) = (Arc::clone(&channel), Arc::clone(&told));
        move || *told.lock().unwrap() = channel.get().unwrap().recv().err()
    };
    let host = Host::builder().channel::<i64>("data", 0).function("wait", function).build()?;
    channel.set(host.channel("data")?).unwrap();
    host.load_source("p", "function f() host.wait() end")?.call("f", ())?;
    Ok(told.lock().unwrap().take().expect("it has failed"))
}

#[test]
fn each_kind_has_a_message_that_says_what_to_do() {
    for Sample { kind, provoke, message, next } in SAMPLES {
        let folder = tempfile::tempdir().unwrap();
        let error = provoke(folder.path()).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let told = error.to_string().replace(&folder.path().display().to_string(), "DIR");
        assert_eq!(told, [message, next.unwrap_or_default()].concat());
        assert_eq!(format!("{:?}", error.kind()), *kind, "{told}");
    }
}

/// From outside no `match` can be without an arm for what may be added, so its text is read.
#[test]
fn no_kind_is_without_a_sample() {
    let source = include_str!("../../../src/error.rs");
    let (_, body) = source.split_once("pub enum ErrorKind {\n").unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let kinds = body.lines().filter_map(|line| line.trim().strip_suffix(','));
    let kinds: BTreeSet<_> = kinds.filter(|kind| !kind.starts_with("///")).collect();
    let samples: BTreeSet<_> = SAMPLES.iter().map(|sample| sample.kind).collect();
    assert_eq!(samples, kinds);
    assert_eq!(samples.len(), SAMPLES.len());
    assert!(kinds.contains("NotFound") && kinds.contains("Io"), "{kinds:?}");
}
