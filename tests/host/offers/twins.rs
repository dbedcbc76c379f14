//! Functions that wait, and what is lent, are the same for every kind of plugin.

use std::thread;

use twinplug::{Error, Host, HostBuilder, Value};

use super::Gate;
use crate::twins::{Twin, flavoured, message, on_every_twin};

on_every_twin! {
    a_call_waits_in_a_function_of_the_host
    a_call_waits_for_a_future_of_the_host
    a_value_is_lent_to_the_calls_of_a_thread
}

/// The probe's `Ask` calls `world.ask`, and `Refuse` `refuse`.
fn load(twin: &Twin, offer: impl FnOnce(HostBuilder) -> HostBuilder) -> Host {
    let host = offer(Host::builder()).build().unwrap();
    host.load(&twin.probe).unwrap();
    host
}

fn a_call_waits_in_a_function_of_the_host(twin: &Twin) {
    let gate = Gate::default();
    let at = gate.clone();
    let host = load(twin, |builder| {
        builder
            .blocking_function("world.ask", move || {
                at.pass();
                12
            })
            .blocking_function("refuse", || Err::<(), _>("no room"))
            .blocking_function("blow", || {
                if true {
                    panic!("it blows")
                }
            })
    });
    let probe = host.plugin("probe").unwrap();
    let ask = probe.func::<(), i64>("Ask").unwrap();
    let asking = thread::spawn(move || ask.call(()));
    gate.wait_for(1);
    assert_eq!(probe.call("Add", (2, 3)).unwrap(), Value::Int(5));
    gate.open(1);
    assert_eq!(asking.join().unwrap().unwrap(), 12);
    let (refuse, blow) = (twin.at("host.refuse()"), twin.at("host.blow()"));
    assert_eq!(
        message(probe.call("Refuse", ())),
        format!("plugin `probe`: `Refuse`: {refuse}host function `refuse`: no room")
    );
    assert_eq!(
        message(probe.call("Blow", ())),
        format!("plugin `probe`: `Blow`: {blow}host function `blow`: panicked: it blows")
    );
}

fn a_call_waits_for_a_future_of_the_host(twin: &Twin) {
    let channels = Host::builder().channel::<i64>("numbers", 0).build().unwrap();
    let numbers = channels.channel::<i64>("numbers").unwrap();
    let receiving = numbers.clone();
    let host = load(twin, |builder| {
        builder
            .async_function("world.ask", move || receiving.recv_async())
            .async_function("refuse", || async { Err::<(), _>("no room") })
    });
    let probe = host.plugin("probe").unwrap();
    let ask = probe.func::<(), i64>("Ask").unwrap();
    let again = ask.clone();
    let asking = thread::spawn(move || ask.call(()));
    numbers.send(7).unwrap();
    assert_eq!(asking.join().unwrap().unwrap(), 7);
    let refuse = twin.at("host.refuse()");
    assert_eq!(
        message(probe.call("Refuse", ())),
        format!("plugin `probe`: `Refuse`: {refuse}host function `refuse`: no room")
    );
    // The plugin's end is that of its wait.
    thread::scope(|scope| {
        let asking = scope.spawn(|| again.call(()));
        // With capacity 0 a message is taken by who waits.
        numbers.send(8).unwrap();
        assert_eq!(asking.join().unwrap().unwrap(), 8);
        let asking = scope.spawn(|| again.call(()));
        host.unload(probe).unwrap();
        let error: Error = asking.join().unwrap().unwrap_err();
        assert!(error.to_string().ends_with("the plugin was unloaded"), "{error}");
    });
}

fn a_value_is_lent_to_the_calls_of_a_thread(twin: &Twin) {
    let host = load(twin, |builder| {
        builder.function_with("world.ask", |log: &mut Vec<i64>| {
            log.push(7);
            log.len()
        })
    });
    let ask = host.plugin("probe").unwrap().func::<(), i64>("Ask").unwrap();
    let mut log = vec![5_i64];
    assert_eq!(host.lend(&mut log, || ask.call(())).unwrap(), 2);
    assert_eq!(log, [5, 7]);
    let at = twin.at("host.world.ask()");
    // A script ends with that call, of which LuaJIT keeps no line.
    let at = if twin.is_script() { flavoured(&*at, "", &*at) } else { &at };
    assert_eq!(
        message(ask.call(())),
        format!(
            "plugin `probe`: `Ask`: {at}host function `world.ask`: it takes a \
             `alloc::vec::Vec<i64>`, and none is lent to the calls of this thread: call it within \
             `Host::lend`"
        )
    );
}
