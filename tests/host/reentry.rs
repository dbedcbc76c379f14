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
fn a_load_inside_of_a_host_function_does_not_wait_for_another() {
    let (host, folder) = reentrant("function Load(path) host.load(path) end");
    let slow = folder.path().join("slow.lua");
    let other = folder.path().join("other.lua").display().to_string();
    std::fs::write(&slow, "host.channel('wait'):send(1) host.channel('wait'):recv()").unwrap();
    std::fs::write(&other, "").unwrap();
    let loader = thread::spawn({
        let host = Arc::clone(&host);
        move || host.load(slow).map(drop)
    });
    let wait = host.channel::<i64>("wait").unwrap();
    wait.recv().unwrap();
    // The body of `slow` waits now, in the middle of its load.
    let a = host.plugin("a").unwrap();
    let error = message(a.call("Load", (other.as_str(),)));
    assert!(error.contains("cannot wait here for a plugin that another thread loads"), "{error}");
    wait.send(1).unwrap();
    loader.join().unwrap().unwrap();
    a.call("Load", (other.as_str(),)).unwrap();
    assert!(host.plugin("other").is_ok());
}
