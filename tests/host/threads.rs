//! Calls from several threads, calls that wait, calls that come back.

use std::sync::{Arc, OnceLock, Weak};
use std::thread;

use twinplug::{Host, Value};

use crate::twins::{PluginData, Stage, Twin, message, on_every_twin};

on_every_twin! {
    many_threads_call_at_once
    a_call_that_waits_does_not_hold_the_plugin
    dropping_the_host_ends_waits
}

fn many_threads_call_at_once(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
    let scale = plugin.func::<(f64, f64), f64>("Scale").unwrap();
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let (add, scale) = (add.clone(), scale.clone());
            thread::spawn(move || {
                for i in 0..500 {
                    assert_eq!(add.call((n, i)).unwrap(), n + i);
                    assert_eq!(scale.call((i as f64, 2.0)).unwrap(), i as f64 * 2.0);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn a_call_that_waits_does_not_hold_the_plugin(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.testplugin).unwrap();
    let pd = plugin.var::<PluginData>("Pd").unwrap();
    pd.set(PluginData { age: 1, ..PluginData::default() }).unwrap();
    let complex = plugin.func::<(), ()>("ComplexType").unwrap();
    let worker = thread::spawn(move || complex.call(()));
    // The call has multiplied the age and waits for a receiver.
    while pd.get().unwrap().age != 4 {
        thread::yield_now();
    }
    assert!(plugin.call("Hello", ()).is_ok());
    assert_eq!(stage.host.channel::<PluginData>("data").unwrap().recv().unwrap().age, 4);
    worker.join().unwrap().unwrap();
}

fn dropping_the_host_ends_waits(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let receive = plugin.func::<(&str,), i64>("Receive").unwrap();
    let worker = thread::spawn(move || receive.call(("numbers",)));
    drop(stage);
    let error = worker.join().unwrap().unwrap_err().to_string();
    let ends = ["channel `numbers` is closed", "the plugin was unloaded", "the host is gone"];
    assert!(ends.iter().any(|end| error.ends_with(end)), "{error}");
}

/// A host that its own functions can reach.
fn reentrant(script: &str) -> (Arc<Host>, tempfile::TempDir) {
    let cell: Arc<OnceLock<Weak<Host>>> = Arc::default();
    let here = Arc::clone(&cell);
    let call = move |plugin: String, name: String| -> twinplug::Result<Value> {
        let host = here.get().and_then(Weak::upgrade).expect("set below");
        host.plugin(&plugin)?.call(&name, ())
    };
    let host = Host::builder().channel::<i64>("wait", 0).function("call", call).build().unwrap();
    let host = Arc::new(host);
    cell.set(Arc::downgrade(&host)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        let path = folder.path().join(format!("{name}.lua"));
        std::fs::write(&path, script).unwrap();
        host.load(path).unwrap();
    }
    (host, folder)
}

#[test]
fn a_call_may_come_back_into_the_plugin_that_made_it() {
    let (host, _folder) = reentrant(
        "local depth = 0\n\
         function Deep() depth = depth + 1 if depth == 20 then return depth end return host.call('a', 'Deep') end\n\
         function Endless() return host.call('a', 'Endless') end\n\
         function Across() return host.call('b', 'Across2') end\n\
         function Across2() return host.call('a', 'Fine') end\n\
         function Fine() return 'fine' end",
    );
    let a = host.plugin("a").unwrap();
    assert_eq!(a.call("Deep", ()).unwrap(), Value::Int(20));
    assert_eq!(a.call("Across", ()).unwrap(), Value::Str("fine".into()));
    let endless = message(a.call("Endless", ()));
    assert!(endless.contains("stack overflow"), "{endless}");
    assert_eq!(a.call("Fine", ()).unwrap(), Value::Str("fine".into()));
}

#[test]
fn a_wait_inside_of_a_host_function_is_an_error() {
    let (host, _folder) = reentrant(
        "function Outer() return host.call('b', 'Inner') end\n\
         function Inner() local got = host.channel('wait'):recv() return got end\n\
         function InSort() table.sort({1, 2}, function() host.channel('wait'):recv() end) end\n\
         function InCoroutine() return coroutine.wrap(function() return host.channel('wait'):recv() + 1 end)() end",
    );
    let a = host.plugin("a").unwrap();
    let error = message(a.call("Outer", ()));
    assert!(error.contains("b.lua:2: cannot wait here for a channel"), "{error}");
    let error = message(a.call("InSort", ()));
    assert!(error.contains("cannot wait here"), "{error}");
    let call = a.func::<(), i64>("InCoroutine").unwrap();
    let worker = thread::spawn(move || call.call(()));
    host.channel::<i64>("wait").unwrap().send(4).unwrap();
    assert_eq!(worker.join().unwrap().unwrap(), 5);
}

#[test]
fn handles_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Host>();
    crosses::<twinplug::PluginRef>();
    crosses::<twinplug::Func<(i64,), String>>();
    crosses::<twinplug::Func<twinplug::Dynamic>>();
    crosses::<twinplug::Var<std::cell::Cell<i64>>>();
    crosses::<twinplug::Channel<i64>>();
    crosses::<twinplug::Error>();
    crosses::<Arc<dyn twinplug::Plugin>>();
}
