//! `Host::stats`: what plugins have done, and what they hold.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use twinplug::{Calls, Host, PluginKind};

use crate::twins::{Stage, Twin, on_every_twin};

on_every_twin! {
    calls_are_counted_by_plugin
}

/// The calls of the plugin of that name, and how many of them have failed.
fn calls(host: &Host, name: &str) -> (u64, u64) {
    let stats = host.stats();
    let stats = stats.iter().find(|stats| stats.plugin.name() == name).unwrap();
    let Calls { count, errors, time, .. } = stats.calls.unwrap();
    assert_eq!(count == 0, time.is_zero());
    (count, errors)
}

fn calls_are_counted_by_plugin(twin: &Twin) {
    let stage = Stage::with(twinplug::HostBuilder::measure_calls);
    let host = &stage.host;
    let plugin = host.load(&twin.testplugin).unwrap();
    assert_eq!(calls(host, "testplugin"), (0, 0));
    // Reading and setting variables is none.
    plugin.var::<i64>("Value").unwrap().set(7).unwrap();
    let fun = plugin.func::<(), ()>("Plugin_fun").unwrap();
    fun.call(()).unwrap();
    plugin.call("Plugin_fun", ()).unwrap();
    assert_eq!(calls(host, "testplugin"), (2, 0));
    let group = host.group::<(), ()>("Plugin_fun");
    assert!(group.call(()).iter().all(|(_, result)| result.is_ok()));
    assert_eq!(calls(host, "testplugin"), (3, 0));
    let memory = host.stats()[0].memory;
    assert_eq!(memory.is_some(), plugin.kind() == PluginKind::Lua);
    assert!(memory.is_none_or(|bytes| bytes > 10_000));
}

#[cfg(feature = "_lua")]
#[test]
fn they_are_counted_through_loads_layers_and_other_plugins() {
    let host = Host::builder().measure_calls().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.lua");
    std::fs::write(
        &path,
        "function F(x) if x then error('no') end return 1, 2 end function G() return 1 end",
    )
    .unwrap();
    let plugin = host.load(&path).unwrap();
    let user = "function Use() local a, b = host.plugin('p').F() return a + b end";
    let user = host.load_source("user", user).unwrap();
    let used = user.func::<(), i64>("Use").unwrap();
    assert_eq!((used.call(()).unwrap(), used.call(()).unwrap()), (3, 3));
    assert!(plugin.call("F", (true,)).is_err());
    assert_eq!((calls(&host, "p"), calls(&host, "user")), ((3, 1), (2, 0)));
    host.reload(&plugin).unwrap();
    used.call(()).unwrap();
    assert_eq!(calls(&host, "p"), (4, 1));
    // A layer's calls are its own, and those that it makes are the plugin's.
    let layer = "---@over p\nfunction F() return host.base.G(), 3 end";
    host.load_source("layer", layer).unwrap();
    assert_eq!(used.call(()).unwrap(), 4);
    assert_eq!(
        (calls(&host, "layer"), calls(&host, "p"), calls(&host, "user")),
        ((1, 0), (5, 1), (4, 0))
    );
    assert_eq!(host.stats().len(), 3);
    // Nobody has asked for it here.
    let host = Host::builder().build().unwrap();
    host.load_source("p", "").unwrap();
    assert_eq!(host.stats()[0].calls, None);
}

/// Who asks does not wait for a script that runs.
#[cfg(feature = "_lua")]
#[test]
fn a_busy_script_holds_what_it_held_before() {
    let (begun, begins) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let ends = std::sync::Mutex::new(ends);
    let host = Host::builder()
        .function("hold", move || {
            begun.send(()).unwrap();
            ends.lock().unwrap().recv().unwrap();
        })
        .build()
        .unwrap();
    let plugin =
        host.load_source("p", "function Hold() Kept = string.rep('x', 100000) host.hold() end");
    let hold = plugin.unwrap().func::<(), ()>("Hold").unwrap();
    let before = host.stats()[0].memory.unwrap();
    thread::scope(|scope| {
        scope.spawn(|| hold.call(()).unwrap());
        begins.recv().unwrap();
        assert_eq!(host.stats()[0].memory, Some(before));
        end.send(()).unwrap();
    });
    assert!(host.stats()[0].memory.unwrap() > before + 50_000);
}

/// Those that wait for a reload count once, wherever they run.
#[cfg(feature = "_lua")]
#[test]
fn calls_during_reloads_are_counted_once() {
    let host = Host::builder().measure_calls().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.lua");
    let text =
        "local S = host.state { calls = 0 } function F() S.calls = S.calls + 1 return S.calls end";
    std::fs::write(&path, text).unwrap();
    let plugin = host.load(&path).unwrap();
    let f = plugin.func::<(), u64>("F").unwrap();
    let is_over = AtomicBool::new(false);
    let made = thread::scope(|scope| {
        let call = || {
            let mut made = 0;
            while !is_over.load(Ordering::SeqCst) {
                f.call(()).unwrap();
                made += 1;
            }
            made
        };
        let threads = [scope.spawn(call), scope.spawn(call)];
        for _ in 0..50 {
            host.reload(&plugin).unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
        threads.into_iter().map(|it| it.join().unwrap()).sum::<u64>()
    });
    assert_eq!(calls(&host, "p"), (made, 0));
    assert_eq!(f.call(()).unwrap(), made + 1);
}
