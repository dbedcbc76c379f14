//! `HostBuilder::async_function`: a call waits for a future, and its plugin is free.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use twinplug::{Host, Limit, Value};

use super::{Dropped, of, reaching};
use crate::twins::message;

/// A future that another thread makes ready.
#[derive(Clone, Default)]
struct Promise(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    value: Option<i64>,
    wakers: Vec<Waker>,
    polls: usize,
}

impl Promise {
    fn keep(&self, value: i64) {
        let wakers = {
            let mut state = self.0.lock().unwrap();
            state.value = Some(value);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn polls(&self) -> usize {
        self.0.lock().unwrap().polls
    }
}

impl Future for Promise {
    type Output = i64;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<i64> {
        let mut state = self.0.lock().unwrap();
        state.polls += 1;
        match state.value {
            Some(value) => Poll::Ready(value),
            None => {
                state.wakers.push(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

const SCRIPT: &str = "\
Calls = 0
function Ask() Calls = Calls + 1 local got = host.ask() return got end
function Free() return Calls end
";

#[test]
fn a_plugin_is_free_while_its_call_waits_for_a_future() {
    let promise = Promise::default();
    let asked = promise.clone();
    let host = Host::builder().async_function("ask", move || asked.clone()).build().unwrap();
    let plugin = host.load_source("asks", SCRIPT).unwrap();
    let ask = plugin.func::<(), i64>("Ask").unwrap();
    let asking = thread::spawn(move || ask.call(()));
    let free = plugin.func::<(), i64>("Free").unwrap();
    while promise.polls() == 0 {
        thread::yield_now();
    }
    assert_eq!(free.call(()).unwrap(), 1);
    promise.keep(7);
    assert_eq!(asking.join().unwrap().unwrap(), 7);
}

/// A wake that is lost is a test that hangs: before the thread sleeps, while it does, from itself,
/// from others, and where the future has used up the thread's own token.
#[test]
fn wakes_from_any_thread_are_not_lost() {
    const ROUNDS: usize = 2000;
    let host = Host::builder()
        .async_function("ask", |kind: i64| {
            let mut polls = 0;
            poll_fn(move |context| {
                polls += 1;
                if polls == 4 {
                    return Poll::Ready(kind);
                }
                let waker = context.waker().clone();
                match kind {
                    0 => waker.wake(),
                    1 => drop(thread::spawn(move || waker.wake())),
                    2 => {
                        waker.wake_by_ref();
                        thread::park_timeout(Duration::ZERO);
                    }
                    _ => {
                        let thread = thread::spawn(move || waker.wake_by_ref());
                        thread::park_timeout(Duration::from_micros(50));
                        thread.join().unwrap();
                    }
                }
                Poll::Pending
            })
        })
        .build()
        .unwrap();
    let script = "function Ask(kind) local got = host.ask(kind) return got end";
    let plugin = host.load_source("asks", script).unwrap();
    let ask = plugin.func::<(i64,), i64>("Ask").unwrap();
    thread::scope(|scope| {
        for kind in 0..4 {
            let ask = ask.clone();
            scope.spawn(move || {
                for _ in 0..ROUNDS / 10 {
                    assert_eq!(ask.call((kind,)).unwrap(), kind);
                }
            });
        }
    });
}

#[test]
fn errors_and_panics_are_the_callers() {
    let host = Host::builder()
        .async_function("fail", |n: i64| async move { Err::<i64, _>(format!("no {n}")) })
        .async_function("blow", || async {
            if true {
                panic!("it blows")
            }
        })
        .async_function("two", |n: i64| async move { (n, n + 1) })
        .build()
        .unwrap();
    let script = "function Fail() local x = host.fail(3) return x end\n\
                  function Blow() host.blow() return 1 end\n\
                  function Two() return host.two(3) end\n\
                  function Sorted() table.sort({ 1, 2 }, function() host.two(1) end) end";
    let plugin = host.load_source("asks", script).unwrap();
    let check = |name: &str, expected: &str| {
        assert_eq!(message(plugin.call(name, ())), format!("plugin `asks`: `{name}`: {expected}"));
    };
    check("Fail", "asks:1: host function `fail`: no 3");
    check("Blow", "asks:2: host function `blow`: panicked: it blows");
    check("Sorted", "asks:4: cannot wait here: Lua cannot suspend a call inside of this function");
    let two = plugin.func::<(), (i64, i64)>("Two").unwrap();
    assert_eq!(two.call(()).unwrap(), (3, 4));
}

/// How often its future was polled, and dropped.
fn endless() -> (Host, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (polled, dropped): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
    let (polls, drops) = (Arc::clone(&polled), Arc::clone(&dropped));
    let wait = move || {
        let (held, polls) = (Dropped(Arc::clone(&drops)), Arc::clone(&polls));
        async move {
            let _held = held;
            polls.fetch_add(1, Ordering::SeqCst);
            pending::<()>().await;
        }
    };
    let host = Host::builder().async_function("ask", wait).build().unwrap();
    (host, polled, dropped)
}

#[test]
fn a_deadline_drops_the_future() {
    let (host, _, dropped) = endless();
    let plugin = host.load_source("asks", SCRIPT).unwrap();
    let time = Duration::from_millis(20);
    let error = plugin.func::<(), Value>("Ask").unwrap().call_within(time, ()).unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Deadline(time)));
    assert_eq!(error.to_string(), "plugin `asks`: `Ask`: host function `ask`: deadline of 20 ms");
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    assert_eq!(plugin.call("Free", ()).unwrap(), Value::Int(1));
}

/// It would never be ready: the unload, or the end of the host, would leave the thread behind.
#[test]
fn a_plugin_that_goes_takes_its_futures_with_it() {
    for way in ["unload", "drop"] {
        let (host, polled, dropped) = endless();
        let plugin = host.load_source("asks", SCRIPT).unwrap();
        let ask = plugin.func::<(), Value>("Ask").unwrap();
        let asking = thread::spawn(move || ask.call(()));
        while polled.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        match way {
            "unload" => host.unload(plugin).unwrap(),
            _ => drop(host),
        }
        assert_eq!(
            message(asking.join().unwrap()),
            "plugin `asks`: `Ask`: the plugin was unloaded",
            "{way}"
        );
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }
}

/// Polled where the program has entered its runtime, and awake by that one's threads.
#[test]
fn a_future_may_need_the_runtime_that_the_thread_has_entered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let ask = || async {
        let task = tokio::spawn(async {
            tokio::task::yield_now().await;
            7_i64
        });
        task.await.map_err(|error| error.to_string())
    };
    let handle = runtime.handle().clone();
    let own = move || {
        let task = handle.spawn(async { 8_i64 });
        async move { task.await.map_err(|error| error.to_string()) }
    };
    let builder = Host::builder().async_function("ask", ask).async_function("own", own);
    let host = builder.build().unwrap();
    let script = "function Ask() local x = host.ask() return x end\n\
                  function Own() local x = host.own() return x end";
    let plugin = host.load_source("asks", script).unwrap();
    let (ask, own) = (plugin.func::<(), i64>("Ask"), plugin.func::<(), i64>("Own"));
    let (ask, own) = (ask.unwrap(), own.unwrap());
    let in_task = ask.clone();
    let joined = runtime.block_on(async move {
        tokio::task::spawn_blocking(move || in_task.call(())).await.unwrap()
    });
    assert_eq!(joined.unwrap(), 7);
    {
        let _entered = runtime.enter();
        assert_eq!(ask.call(()).unwrap(), 7);
    }
    // A function that has a handle of its own needs none.
    assert_eq!(own.call(()).unwrap(), 8);
    // And futures of ours need none at all: by a plain executor as well.
    let channels = Host::builder().channel::<i64>("numbers", 1).build().unwrap();
    let numbers = channels.channel::<i64>("numbers").unwrap();
    let taken = numbers.clone();
    let host = Host::builder().async_function("ask", move || taken.recv_async()).build().unwrap();
    let plugin = host.load_source("asks", SCRIPT).unwrap();
    let ask = plugin.func::<(), i64>("Ask").unwrap();
    let asking = thread::spawn(move || pollster::block_on(async { ask.call(()) }));
    numbers.send(9).unwrap();
    assert_eq!(asking.join().unwrap().unwrap(), 9);
}

/// A future may use plugins, also the one that waits for it.
#[test]
fn a_future_may_come_back_into_the_plugin() {
    let host = reaching(|builder, cell| {
        builder.async_function("ask", move || {
            let host = of(&cell);
            async move {
                let plugin = host.plugin("asks")?;
                plugin.call("Free", ())
            }
        })
    });
    let plugin = host.load_source("asks", SCRIPT).unwrap();
    assert_eq!(plugin.call("Ask", ()).unwrap(), Value::Int(1));
}
