//! Calls that come back into a script, through the host.

use std::sync::{Arc, OnceLock, Weak};
use std::thread;

use twinplug::{Host, Value};

use crate::twins::message;

/// A host that its own functions can reach.
fn reentrant(script: &str) -> (Arc<Host>, tempfile::TempDir) {
    let cell: Arc<OnceLock<Weak<Host>>> = Arc::default();
    let here = Arc::clone(&cell);
    let call = move |plugin: String, name: String| -> twinplug::Result<Value> {
        let host = here.get().and_then(Weak::upgrade).expect("set below");
        host.plugin(&plugin)?.call(&name, ())
    };
    let there = Arc::clone(&cell);
    let load = move |path: String| -> twinplug::Result<()> {
        let host = there.get().and_then(Weak::upgrade).expect("set below");
        host.load(path).map(drop)
    };
    let host = Host::builder()
        .channel::<i64>("wait", 0)
        .function("call", call)
        .function("load", load)
        .build()
        .unwrap();
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
         function InCoroutine() return coroutine.wrap(function() return host.channel('wait'):recv() + 1 end)() end\n\
         function InBoth() table.sort({1, 2}, function() coroutine.wrap(function() local got = host.channel('wait'):recv() end)() end) end",
    );
    let a = host.plugin("a").unwrap();
    let error = message(a.call("Outer", ()));
    assert!(error.contains("b.lua:2: cannot wait here for a channel"), "{error}");
    let error = message(a.call("InSort", ()));
    assert!(error.contains("cannot wait here"), "{error}");
    let error = message(a.call("InBoth", ()));
    assert!(error.contains("a.lua:5: cannot wait here: Lua cannot suspend"), "{error}");
    let call = a.func::<(), i64>("InCoroutine").unwrap();
    let worker = thread::spawn(move || call.call(()));
    host.channel::<i64>("wait").unwrap().send(4).unwrap();
    assert_eq!(worker.join().unwrap().unwrap(), 5);
}

#[test]
fn a_body_that_waits_holds_up_no_other_file() {
    let (host, folder) = reentrant("function Load(path) host.load(path) end");
    let slow = folder.path().join("slow.lua");
    let other = folder.path().join("other.lua").display().to_string();
    std::fs::write(&slow, "host.channel('wait'):send(1) host.channel('wait'):recv()").unwrap();
    std::fs::write(&other, "").unwrap();
    let loader = thread::spawn({
        let (host, slow) = (Arc::clone(&host), slow.clone());
        move || host.load(slow).map(drop)
    });
    let wait = host.channel::<i64>("wait").unwrap();
    wait.recv().unwrap();
    // The body of `slow` waits now, in the middle of its load.
    let a = host.plugin("a").unwrap();
    a.call("Load", (other.as_str(),)).unwrap();
    assert!(host.plugin("other").is_ok());
    let slow = slow.display().to_string();
    assert_eq!(
        message(a.call("Load", (slow.as_str(),))),
        "plugin `a`: `Load`: a.lua:1: host function `load`: cannot wait here for a plugin that \
         another thread loads: a Lua plugin's call of a host function is running on this thread; \
         one that is added by `HostBuilder::blocking_function` may wait"
    );
    wait.send(1).unwrap();
    loader.join().unwrap().unwrap();
    assert!(host.plugin("slow").is_ok());
}

#[test]
fn a_plugin_that_loads_itself_is_refused() {
    let (host, folder) = reentrant("");
    let path = folder.path().join("self.lua");
    std::fs::write(&path, format!("host.load({:?})", path.display().to_string())).unwrap();
    let canonical = path.canonicalize().unwrap();
    assert_eq!(
        message(host.load(&path)),
        format!(
            "cannot load `{}`: self.lua:1: host function `load`: cannot load `{}`: it is being \
             loaded already",
            path.display(),
            canonical.display()
        )
    );
    std::fs::write(&path, "").unwrap();
    host.load(&path).unwrap();
}

#[test]
fn a_coroutine_that_waits_is_nobody_elses() {
    let (host, _folder) = reentrant(
        "local co = coroutine.create(function() local got = host.channel('wait'):recv() return got end)\n\
         function Wait() local ok, got = coroutine.resume(co) return got end\n\
         function Status() return coroutine.status(co) end\n\
         function Forge() local ok, text = coroutine.resume(co, true, false, 'forged') return text end\n\
         function Close() coroutine.close(co) end",
    );
    let a = host.plugin("a").unwrap();
    let wait = a.func::<(), i64>("Wait").unwrap();
    let worker = thread::spawn(move || wait.call(()));
    while a.call("Status", ()).unwrap() != Value::Str("normal".into()) {
        assert!(!worker.is_finished(), "it does not wait");
        thread::yield_now();
    }
    assert_eq!(
        a.call("Forge", ()).unwrap(),
        Value::Str("cannot resume a coroutine that waits".into())
    );
    // LuaJIT closes none.
    if !cfg!(feature = "luajit") {
        assert_eq!(
            message(a.call("Close", ())),
            "plugin `a`: `Close`: a.lua:5: cannot close a coroutine that waits"
        );
    }
    host.channel::<i64>("wait").unwrap().send(6).unwrap();
    assert_eq!(worker.join().unwrap().unwrap(), 6);
    assert_eq!(a.call("Status", ()).unwrap(), Value::Str("dead".into()));
}

#[test]
fn unloading_is_done_by_one_and_seen_by_all() {
    let (host, folder) = reentrant("");
    for round in 0..50 {
        let path = folder.path().join(format!("n{round}.lua"));
        std::fs::write(&path, "").unwrap();
        let plugin = host.load(&path).unwrap();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (host, plugin) = (Arc::clone(&host), plugin.clone());
                thread::spawn(move || host.unload(plugin).is_ok())
            })
            .collect();
        let unloaded = threads.into_iter().filter_map(|t| t.join().unwrap().then_some(())).count();
        assert_eq!(unloaded, 1);
        let again = host.load(&path).unwrap();
        assert!(again.lookup("x").is_err_and(|error| error.to_string().contains("no symbol")));
        host.unload(again).unwrap();
    }
}
