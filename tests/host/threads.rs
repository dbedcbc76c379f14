//! Calls from several threads, and calls that wait.

use std::sync::Arc;
use std::thread;

use twinplug::Host;

use crate::twins::{PluginData, Stage, Twin, on_every_twin};

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
