//! What becomes of a script's call whose future is dropped, wherever the call is.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use pollster::block_on;
use twinplug::{Error, Host, Limit, Value};

use super::{begin_and_drop, func, until};
use crate::offers::{Dropped, of, reaching};

/// On LuaJIT, scripts without a time limit are compiled, and not to be stopped.
const LONG: Duration = Duration::from_secs(3600);

const SCRIPTS: &[(&str, &str)] = &[
    (
        "busy",
        "local M = { Calls = 0 }
        local function spin() host.enter() while true do end end
        local function caught() while true do pcall(spin) end end
        local function routine() local run = coroutine.wrap(spin) run() end
        local function closes() xpcall(spin, spin) host.enter() end
        local function sorts() table.sort({ 1, 2, 3 }, spin) end
        local function waits() host.enter() local got = host.channel('in'):recv() return got end
        local function caught_wait() host.enter() while true do pcall(waits) end end
        local function iterates() host.enter() for got in host.channel('in') do return got end end
        local function sends() host.enter() host.channel('out'):send(1) end
        local function blocks() local got = host.wait() return got end
        local function awaits() local got = host.never() return got end
        local function others() local got = host.plugin('other').Spin() return got end
        local function others_wait() local got = host.plugin('other').Wait() return got end
        local function reaches() local got = host.reach() return got end
        local ways = {
          spin = spin, caught = caught, routine = routine, closes = closes, sorts = sorts,
          waits = waits, caught_wait = caught_wait, iterates = iterates, sends = sends,
          blocks = blocks, awaits = awaits, others = others, others_wait = others_wait,
          reaches = reaches,
        }
        function M.Go(way)
          M.Calls = M.Calls + 1
          local got = ways[way]()
          host.escaped()
          return got
        end
        function M.Fine() return 42 end
        function M.Count() M.Calls = M.Calls + 1 return M.Calls end
        return M",
    ),
    (
        "other",
        "local M = {}
        function M.Spin() host.enter() while true do end end
        function M.Wait() host.enter() local got = host.channel('in'):recv() return got end
        function M.Fine() return 42 end
        return M",
    ),
];

/// What the host's functions have seen.
#[derive(Clone, Default)]
struct Seen {
    entered: Arc<AtomicUsize>,
    escaped: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
    errors: Arc<Mutex<Vec<Error>>>,
}

impl Seen {
    fn enter(&self) {
        self.entered.fetch_add(1, Ordering::SeqCst);
    }

    fn has_entered(&self) -> bool {
        self.entered.load(Ordering::SeqCst) > 0
    }

    fn error(&self) -> Option<Error> {
        self.errors.lock().unwrap().pop()
    }

    fn failed<T>(&self, result: twinplug::Result<T>) -> twinplug::Result<T> {
        result.inspect_err(|error| self.errors.lock().unwrap().push(error.clone()))
    }
}

fn scene() -> (Arc<Host>, Seen) {
    let seen = Seen::default();
    let host = reaching(|builder, cell| {
        let (enters, escapes, waits) = (seen.clone(), seen.clone(), seen.clone());
        let (awaits, reaches, other) = (seen.clone(), seen.clone(), Arc::clone(&cell));
        builder
            .time_limit(LONG)
            .channel::<i64>("in", 0)
            .channel::<i64>("out", 0)
            .function("enter", move || enters.enter())
            .function("escaped", move || _ = escapes.escaped.fetch_add(1, Ordering::SeqCst))
            .blocking_function("wait", move || {
                let numbers = of(&cell).channel::<i64>("in")?;
                waits.enter();
                waits.failed(numbers.recv())
            })
            .async_function("never", move || {
                awaits.enter();
                let dropped = Dropped(Arc::clone(&awaits.dropped));
                async move {
                    pending::<()>().await;
                    drop(dropped);
                }
            })
            .function("reach", move || {
                reaches.failed(func::<()>(&of(&other), "other", "Spin").call(()))
            })
    });
    for (name, text) in SCRIPTS {
        host.load_source(name, text).unwrap();
    }
    (host, seen)
}

/// Drops the call of a way once it is under way, and uses its plugin; what the call has left is
/// looked at with the host still there.
fn check<T>(way: &str, left: impl Fn(&Seen) -> Option<T>) -> T {
    let (host, seen) = scene();
    let plugin = host.plugin("busy").unwrap();
    let go = plugin.func::<(String,), Value>("Go").unwrap();
    begin_and_drop(go.call_async((way.to_owned(),)), || seen.has_entered());
    for name in ["busy", "other"] {
        assert_eq!(func::<i64>(&host, name, "Fine").call(()).unwrap(), 42);
    }
    assert_eq!(plugin.var::<i64>("Calls").unwrap().get().unwrap(), 1);
    let left = until(|| left(&seen));
    // It waits for the call, whose rest nobody runs.
    host.unload(plugin).unwrap();
    assert_eq!(seen.escaped.load(Ordering::SeqCst), 0, "{way}");
    left
}

macro_rules! ways {
    ($($way:ident)*) => {
        $(
            #[test]
            fn $way() {
                check(stringify!($way), |_| Some(()));
            }
        )*
    };
}

ways! { spin caught routine closes sorts waits caught_wait iterates sends others others_wait }

#[test]
fn a_blocking_function_that_waits_for_a_channel() {
    let error = check("blocks", Seen::error);
    assert_eq!(error.limit(), Some(Limit::Cancelled));
    assert_eq!(error.to_string(), "channel `in`: the call was cancelled");
}

#[test]
fn the_future_of_an_async_function_is_dropped() {
    check("awaits", |seen| (seen.dropped.load(Ordering::SeqCst) == 1).then_some(()));
}

#[test]
fn a_function_of_the_host_sees_that_what_it_called_was_cancelled() {
    let error = check("reaches", Seen::error);
    assert_eq!((error.limit(), error.plugin()), (Some(Limit::Cancelled), Some("other")));
    let text = error.to_string();
    assert_eq!(text, "plugin `other`: `Spin`: other:2: the call was cancelled");
}

/// The plugin is busy on another thread for as long as the call waits.
#[test]
fn a_call_that_waits_for_its_plugin() {
    let (host, seen) = scene();
    let go = host.plugin("busy").unwrap().func::<(String,), Value>("Go").unwrap();
    let count = func::<i64>(&host, "busy", "Count");
    let holds = go.call_async(("spin".to_owned(),));
    let mut holds = Box::pin(holds);
    let mut poll =
        || block_on(poll_fn(|context| Poll::Ready(holds.as_mut().poll(context).is_pending())));
    assert!(poll());
    until(|| seen.has_entered().then_some(()));
    for _ in 0..8 {
        begin_and_drop(count.call_async(()), || true);
    }
    assert!(poll(), "nobody has stopped it");
    // Else they would count, one by one, once the plugin is free.
    drop(holds);
    assert_eq!(host.plugin("busy").unwrap().var::<i64>("Calls").unwrap().get().unwrap(), 1);
}

/// A call that comes back to its turn after others is not passed over by them.
#[test]
fn a_call_has_its_turn_at_a_busy_plugin() {
    let (host, _) = scene();
    let text = "function Hold() local till = os.clock() + 0.01 while os.clock() < till do end end
        function Fine() return 42 end";
    let plugin = host.load_source("held", text).unwrap();
    let hold = plugin.func::<(), ()>("Hold").unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    hold.call(()).unwrap();
                }
            });
        }
        for _ in 0..3 {
            assert_eq!(block_on(func::<i64>(&host, "held", "Fine").call_async(())).unwrap(), 42);
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Inside of a call that is cancelled a plugin goes as it does elsewhere.
#[test]
fn what_is_unloaded_by_a_cancelled_call_has_its_hook_run() {
    let unloads = Arc::new(AtomicUsize::new(0));
    let entered = Arc::new(AtomicUsize::new(0));
    let (begun, goes_on) = (Arc::clone(&entered), std::sync::mpsc::channel::<()>());
    let go_on = Mutex::new(goes_on.1);
    let host = reaching(|builder, cell| {
        let unloads = Arc::clone(&unloads);
        builder
            .time_limit(LONG)
            .function("unloaded", move || _ = unloads.fetch_add(1, Ordering::SeqCst))
            .blocking_function("unload", move || {
                begun.fetch_add(1, Ordering::SeqCst);
                let _ = go_on.lock().unwrap().recv();
                let host = of(&cell);
                host.unload(host.plugin("other")?)
            })
    });
    // For longer than the watchdog looks away.
    let hook = "function on_unload()
        local begun = os.clock()
        repeat until os.clock() - begun > 0.05
        host.unloaded()
    end";
    host.load_source("other", hook).unwrap();
    let plugin = host.load_source("p", "function Go() host.unload() end").unwrap();
    let go = plugin.func::<(), ()>("Go").unwrap();
    begin_and_drop(go.call_async(()), || entered.load(Ordering::SeqCst) == 1);
    drop(goes_on.0);
    until(|| (unloads.load(Ordering::SeqCst) == 1).then_some(()));
    until(|| host.plugin("other").is_err().then_some(()));
}

/// The deadline of a call, and what cancels it, are those of what it awaits as well.
#[test]
fn what_a_call_awaits_ends_with_it() {
    let (host, seen) = scene();
    let host_of_inner = Arc::downgrade(&host);
    let awaits = Host::builder()
        .time_limit(LONG)
        .blocking_function("ask", move || {
            let host = host_of_inner.upgrade().expect("it is there");
            let go = host.plugin("busy")?.func::<(String,), Value>("Go")?;
            block_on(go.call_async(("spin".to_owned(),))).map(drop)
        })
        .build()
        .unwrap();
    let ask = awaits.load_source("asks", "function Ask() host.ask() end").unwrap();
    let ask = ask.func::<(), ()>("Ask").unwrap();
    let time = Duration::from_millis(50);
    let error = ask.call_within(time, ()).unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Deadline(time)), "{error:?}");
    assert_eq!(func::<i64>(&host, "busy", "Fine").call(()).unwrap(), 42);
    let before = seen.entered.load(Ordering::SeqCst);
    begin_and_drop(ask.call_async(()), || seen.entered.load(Ordering::SeqCst) > before);
    assert_eq!(func::<i64>(&host, "busy", "Fine").call(()).unwrap(), 42);
}

#[test]
fn where_scripts_look_at_their_time_themselves() {
    let seen = Arc::new(AtomicUsize::new(0));
    let enter = Arc::clone(&seen);
    let host = Host::builder()
        .time_limit(LONG)
        .limit_signal(twinplug::LimitSignal::Off)
        .function("enter", move || _ = enter.fetch_add(1, Ordering::SeqCst))
        .build()
        .unwrap();
    let text = "function Spin() host.enter() while true do end end function Fine() return 42 end";
    let plugin = host.load_source("p", text).unwrap();
    let spin = plugin.func::<(), ()>("Spin").unwrap();
    begin_and_drop(spin.call_async(()), || seen.load(Ordering::SeqCst) == 1);
    assert_eq!(func::<i64>(&host, "p", "Fine").call(()).unwrap(), 42);
}

#[test]
fn a_call_that_never_began() {
    let (host, seen) = scene();
    let plugin = host.plugin("busy").unwrap();
    let go = plugin.func::<(String,), Value>("Go").unwrap();
    drop(go.call_async(("spin".to_owned(),)));
    assert_eq!(plugin.var::<i64>("Calls").unwrap().get().unwrap(), 0);
    assert!(!seen.has_entered());
}

/// A plain function of the host holds the plugin, and so cannot wait.
#[test]
fn inside_of_a_plain_function_nothing_waits() {
    let host = reaching(|builder, cell| {
        builder.function("reach", move || {
            block_on(func::<i64>(&of(&cell), "p", "Fine").call_async(()))
        })
    });
    let text = "function Fine() return 42 end
        function Reach() local got = host.reach() return got end";
    let plugin = host.load_source("p", text).unwrap();
    let error = plugin.func::<(), i64>("Reach").unwrap().call(()).unwrap_err().to_string();
    let expected = "cannot wait here for an asynchronous call: a Lua plugin's call of a host \
        function is running on this thread; one that is added by `HostBuilder::blocking_function` \
        may wait";
    assert!(error.contains(expected), "{error}");
    assert_eq!(plugin.func::<(), i64>("Fine").unwrap().call(()).unwrap(), 42);
}

#[test]
fn a_blocking_function_may_await_calls_of_its_plugin() {
    let host = reaching(|builder, cell| {
        builder.blocking_function("reach", move || {
            block_on(func::<i64>(&of(&cell), "p", "Fine").call_async(()))
        })
    });
    let text = "function Fine() return 42 end
        function Reach() local got = host.reach() return got end";
    let plugin = host.load_source("p", text).unwrap();
    assert_eq!(plugin.func::<(), i64>("Reach").unwrap().call(()).unwrap(), 42);
}

/// Calls that lose a race against a timer, at every moment; what they have left is whole.
#[test]
fn calls_that_lose_races() {
    const TASKS: u64 = 8;
    const ROUNDS: u64 = 60;
    let host = Host::builder().time_limit(LONG).channel::<i64>("in", 1).build().unwrap();
    let host = Arc::new(host);
    let text = "local M = { Begun = 0, Ended = 0 }
        function M.Work(kind)
          M.Begun = M.Begun + 1
          if kind == 0 then for i = 1, 20000 do local _ = { i } end
          elseif kind == 1 then host.channel('in'):recv()
          elseif kind == 2 then while true do end
          else host.plugin('pal').Work(kind - 3) end
          M.Ended = M.Ended + 1
          return kind
        end
        return M";
    for name in ["one", "pal"] {
        host.load_source(name, text).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let numbers = host.channel::<i64>("in").unwrap();
    let work = host.plugin("one").unwrap().func::<(i64,), i64>("Work").unwrap();
    let finished = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..TASKS {
            let (work, numbers, finished) = (work.clone(), numbers.clone(), Arc::clone(&finished));
            tasks.spawn(async move {
                for round in 0..ROUNDS {
                    let kind = ((task + round) % 6) as i64;
                    let pause = Duration::from_micros((task * 7 + round * 131) % 3000);
                    tokio::select! {
                        result = work.call_async((kind,)) => {
                            assert_eq!(result.unwrap(), kind);
                            finished.fetch_add(1, Ordering::SeqCst);
                        }
                        () = async {
                            drop(numbers.try_send(1));
                            tokio::task::spawn_blocking(move || thread::sleep(pause)).await.unwrap();
                        } => {}
                    }
                }
            });
        }
        tasks.join_all().await;
    });
    // All have let the plugins go, and what ended was counted.
    let finished = finished.load(Ordering::SeqCst) as i64;
    for name in ["one", "pal"] {
        let plugin = host.plugin(name).unwrap();
        assert_eq!(plugin.func::<(i64,), i64>("Work").unwrap().call((0,)).unwrap(), 0);
        let count = |name| plugin.var::<i64>(name).unwrap().get().unwrap();
        let (begun, ended) = (count("Begun"), count("Ended"));
        assert!(begun >= ended, "{name}: {begun} begun, {ended} ended");
        if name == "one" {
            assert!(ended > finished, "{ended} ended, {finished} seen");
        }
    }
}
