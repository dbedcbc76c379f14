//! `Func::call_async`: calls for `await`, which hold up no executor, and end where their futures
//! are dropped. What hangs is a fault.

#[cfg(feature = "_lua")]
mod cancelled;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use pollster::block_on;
use twinplug::{Calling, Error, HostBuilder, Limit, Value};

use crate::offers::{of, reaching};
use crate::twins::{Stage, Twin, message, on_every_twin};

on_every_twin! {
    a_call_gives_its_result
    errors_are_those_of_a_call
    many_calls_wait_at_once
    a_dropped_call_ends_its_wait
    the_end_of_the_host_ends_calls
    a_call_that_is_dropped_at_once_leaves_its_plugin_whole
}

const fn is_send<T: Send + Unpin>() {}
const _: () = is_send::<Calling<Value>>();

fn a_call_gives_its_result(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
    let greet = plugin.func::<(String,), String>("Greet").unwrap();
    block_on(async {
        assert_eq!(add.call_async((3, 4)).await.unwrap(), 7);
        let both = (add.call_async((1, 2)), greet.call_async(("you".to_owned(),)));
        let greeting = greet.call(("you".to_owned(),)).unwrap();
        assert_eq!((both.1.await.unwrap(), both.0.await.unwrap()), (greeting, 3));
    });
    let echo = plugin.lookup("Echo").unwrap().into_dynamic().unwrap();
    let text = Value::from("text");
    assert_eq!(block_on(echo.call_async(vec![text.clone()])).unwrap(), text);
    let debug = format!("{:?}", add.call_async((0, 0)));
    assert_eq!(debug, format!("{add:?}").replace("Func(", "Calling("));
}

fn errors_are_those_of_a_call(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    for name in ["Fail", "Refuse", "Blow"] {
        let fails = plugin.func::<(), ()>(name).unwrap();
        let (plain, awaited) = (fails.call(()).unwrap_err(), block_on(fails.call_async(())));
        let awaited = awaited.unwrap_err();
        assert_eq!(awaited.to_string(), plain.to_string());
        assert_eq!((awaited.kind(), awaited.location()), (plain.kind(), plain.location()));
    }
    let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
    stage.host.unload(plugin).unwrap();
    assert_eq!(message(block_on(add.call_async((1, 2)))), message(add.call((1, 2))));
}

/// On one thread, which sends what they wait for.
fn many_calls_wait_at_once(twin: &Twin) {
    const CALLS: i64 = 40;
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let receive = plugin.func::<(String,), i64>("Receive").unwrap();
    let numbers = stage.host.channel::<i64>("numbers").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sum: i64 = runtime.block_on(async {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..CALLS {
            calls.spawn(receive.call_async(("numbers".to_owned(),)));
        }
        for n in 0..CALLS {
            numbers.send_async(n).await.unwrap();
        }
        calls.join_all().await.into_iter().map(Result::unwrap).sum()
    });
    assert_eq!(sum, CALLS * (CALLS - 1) / 2);
}

/// The call is in a function of the host, which waits.
fn a_dropped_call_ends_its_wait(twin: &Twin) {
    let ended = Arc::new(Mutex::new(None::<Error>));
    let entered = Arc::new(AtomicBool::new(false));
    let host = reaching(|builder, cell| {
        let (ended, entered) = (Arc::clone(&ended), Arc::clone(&entered));
        allowed(builder).channel::<i64>("numbers", 0).blocking_function(
            "scale",
            move |x: f64, _by: f64| {
                let numbers = of(&cell).channel::<i64>("numbers")?;
                entered.store(true, Ordering::Release);
                let error = numbers.recv().unwrap_err();
                *ended.lock().unwrap() = Some(error.clone());
                Err::<f64, Error>(error).map(|_| x)
            },
        )
    });
    let plugin = host.load(&twin.probe).unwrap();
    let scale = plugin.func::<(f64, f64), f64>("Scale").unwrap();
    begin_and_drop(scale.call_async((1.0, 2.0)), || entered.load(Ordering::Acquire));
    let error = until(|| ended.lock().unwrap().take());
    assert_eq!(error.limit(), Some(Limit::Cancelled));
    assert_eq!(error.to_string(), "channel `numbers`: the call was cancelled");
    // Nothing is left of it.
    let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
    assert_eq!(block_on(add.call_async((1, 2))).unwrap(), 3);
    assert_eq!(add.call((1, 2)).unwrap(), 3);
}

fn a_call_that_is_dropped_at_once_leaves_its_plugin_whole(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let receive = plugin.func::<(String,), i64>("Receive").unwrap();
    for _ in 0..50 {
        begin_and_drop(receive.call_async(("numbers".to_owned(),)), || true);
    }
    // Those that had begun may have taken a message; the others never do.
    let numbers = stage.host.channel::<i64>("numbers").unwrap();
    stage.host.unload(plugin).unwrap();
    numbers.send(1).unwrap();
    assert_eq!(numbers.recv().unwrap(), 1);
}

/// The waker that the last poll brought is the one that is woken.
#[cfg(feature = "_lua")]
#[test]
fn another_task_may_go_on_with_it() {
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Poll, Wake, Waker};

    struct Counts(AtomicUsize, thread::Thread);
    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            self.1.unpark();
        }
    }
    let host = HostBuilder::default().channel::<i64>("in", 0).build().unwrap();
    let text = "function Next() local n = host.channel('in'):recv() return n end";
    let plugin = host.load_source("p", text).unwrap();
    let mut calling = plugin.func::<(), i64>("Next").unwrap().call_async(());
    let counts = || Arc::new(Counts(AtomicUsize::new(0), thread::current()));
    let (first, second) = (counts(), counts());
    for wakes in [&first, &second] {
        let waker = Waker::from(Arc::clone(wakes));
        let polled = std::pin::Pin::new(&mut calling).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
    host.channel::<i64>("in").unwrap().send(7).unwrap();
    until(|| (second.0.load(Ordering::SeqCst) == 1).then_some(()));
    assert_eq!(first.0.load(Ordering::SeqCst), 0);
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(7)) = std::pin::Pin::new(&mut calling).poll(&mut context) else {
        panic!("it is ready");
    };
    let Poll::Ready(again) = std::pin::Pin::new(&mut calling).poll(&mut context) else {
        panic!("it is an error");
    };
    let expected = "plugin `p`: `Next`: a future of `call_async` was polled after it was ready";
    assert_eq!(message(again), expected);
}

fn the_end_of_the_host_ends_calls(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.probe).unwrap();
    let receive = plugin.func::<(String,), i64>("Receive").unwrap();
    let waits = thread::spawn(move || block_on(receive.call_async(("numbers".to_owned(),))));
    drop((plugin, stage));
    let error = waits.join().unwrap().unwrap_err().to_string();
    let ends = ["channel `numbers` is closed", "the plugin was unloaded", "the host is gone"];
    assert!(ends.iter().any(|end| error.ends_with(end)), "{error}");
}

fn allowed(builder: HostBuilder) -> HostBuilder {
    #[cfg(feature = "native")]
    let builder = crate::languages::allow(builder);
    builder
}

/// Polls a future once, and drops it when that has come true.
fn begin_and_drop<R: Send + 'static>(calling: Calling<R>, has_begun: impl Fn() -> bool) {
    let mut calling = std::pin::pin!(calling);
    block_on(async {
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(calling.as_mut().poll(context).is_pending())
        });
        assert!(polled.await);
    });
    until(|| has_begun().then_some(()));
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        thread::yield_now();
    }
}

#[cfg(feature = "_lua")]
fn func<R: twinplug::Data>(
    host: &twinplug::Host,
    plugin: &str,
    name: &str,
) -> twinplug::Func<(), R> {
    host.plugin(plugin).unwrap().func(name).unwrap()
}
