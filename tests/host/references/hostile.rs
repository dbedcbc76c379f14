//! Scripts that try to break what holds functions, objects and buffers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use twinplug::{
    AnyBuffer, Buffer, Element, Error, Function, Host, Limit, Object, PluginRef, Result, Value,
};

const MEMORY: usize = 16 << 20;

fn load(script: &str) -> (Host, PluginRef) {
    let host = Host::builder()
        .function("apply", |f: Function, x: Value| -> Result<Value, Error> { Ok(f.call((x,))?) })
        .function("same", |x: Value| x)
        .memory_limit(MEMORY)
        .build()
        .unwrap();
    let plugin = host.load_source("script", script).unwrap();
    (host, plugin)
}

/// Has Lua collect.
const CHURN: &str = "local function churn() for i = 1, 300000 do local _ = { i } end end\n";

/// A script sees the metatable of a tagged table, and can write to it.
#[test]
fn a_tag_brings_no_finalizer() {
    let script = format!(
        "{CHURN} local M = {{}} local ran = 0
        function M.Try(list)
          for _, t in ipairs {{ host.list {{}}, list }} do
            rawset(getmetatable(t), '__gc', function() ran = ran + 1 end)
          end
          for i = 1, 100 do host.list {{}} host.same(list) end
          churn() churn() churn()
          return ran
        end
        return M"
    );
    let (_host, plugin) = load(&script);
    assert_eq!(plugin.call("Try", (Vec::<i64>::new(),)).unwrap(), Value::Int(0));
    // A metatable of the script's own may take its place.
    let script = "function Own(list) return #setmetatable(list, { __index = { 1 } }), list[1] end";
    let (_host, plugin) = load(script);
    let own = plugin.func::<(Vec<i64>,), (i64, i64)>("Own").unwrap();
    assert_eq!(own.call((Vec::new(),)).unwrap(), (0, 1));
}

/// What comes back into the script on the same chain is bounded, and no way out of a call.
#[test]
fn calls_back_are_calls_of_their_own() {
    let (_host, plugin) = load(
        "local M = {}
        local function down(n) return host.apply(down, n) end
        function M.Down() return down(1) end
        function M.Methods() local o o = host.object { f = function() return o:f() end } return o:f() end
        function M.Yield() return host.apply(function(x) return coroutine.yield(x) end, 1) end
        function M.Inside()
          return coroutine.wrap(function() return host.apply(coroutine.yield, 1) end)()
        end
        function M.Resume()
          local co
          co = coroutine.create(function()
            return host.apply(function() return select(2, coroutine.resume(co)) end, 1)
          end)
          return select(2, coroutine.resume(co))
        end
        function M.Thrown()
          return select(2, pcall(host.apply, function() error({ code = 7 }) end, 1)).code
        end
        return M",
    );
    let text = |name: &str| plugin.call(name, ()).unwrap_err().to_string();
    let deep = "too many plugins are called inside of each other";
    for name in ["Down", "Methods"] {
        let error = plugin.call(name, ()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("deep") || text.contains("overflow") || text.contains(deep),
            "{text}"
        );
    }
    for name in ["Yield", "Inside"] {
        let text = text(name);
        assert!(text.ends_with("attempt to yield from outside a coroutine"), "{text}");
    }
    let resumed = plugin.call("Resume", ()).unwrap();
    assert_eq!(resumed, Value::Str("cannot resume non-suspended coroutine".to_owned()));
    assert_eq!(plugin.call("Thrown", ()).unwrap(), Value::Int(7));
}

/// What a script let go is dropped as its plugin is entered, or in the middle of a conversion: such
/// a drop may use the plugin, and unload it.
#[test]
fn a_drop_may_use_the_plugin_and_unload_it() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    static PLUGIN: OnceLock<(Arc<Host>, PluginRef)> = OnceLock::new();
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            let (host, plugin) = PLUGIN.get().unwrap();
            match DROPPED.fetch_add(1, Ordering::Relaxed) {
                1000 => drop(host.unload(plugin.clone())),
                _ => drop(plugin.call("Count", (vec![1; 100],))),
            }
        }
    }
    #[twinplug::object]
    impl Last {}
    let host = Host::builder().function("last", || vec![Object::new(Last); 3]).build().unwrap();
    let script = format!(
        "{CHURN} local count = 0
        function Count(list) count = count + #list local _ = {{}} return list end
        function Use() for i = 1, 100 do host.last() end churn() return count end"
    );
    let host = Arc::new(host);
    let plugin = host.load_source("script", script).unwrap();
    assert!(PLUGIN.set((Arc::clone(&host), plugin.clone())).is_ok());
    let ended = (0..1000).find_map(|_| plugin.call("Use", ()).err());
    assert_eq!(ended.unwrap().kind(), twinplug::ErrorKind::Stale);
    assert!(DROPPED.load(Ordering::Relaxed) > 1000);
}

/// Functions of a script go on any thread, while it runs, and while it ends.
#[test]
fn functions_go_on_any_thread() {
    for round in 0..20 {
        let (host, plugin) = load(
            "function Make() return function(x) return x end end
            function Many(take) for i = 1, 200 do take(function() return i end) end end",
        );
        let make = plugin.func::<(), Function>("Make").unwrap();
        let (sender, receiver) = std::sync::mpsc::channel::<Function>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for function in receiver {
                    if let Err(error) = function.call::<Value>((1,)) {
                        assert_eq!(Error::from(error).kind(), twinplug::ErrorKind::Stale);
                    }
                }
            });
            let take = Function::new(move |f: Function| sender.send(f).is_ok());
            scope.spawn(|| drop(plugin.call("Many", (take,))));
            (0..round * 5).for_each(|_| {
                let _ = make.call(());
            });
            host.unload(plugin.clone()).unwrap();
        });
    }
}
