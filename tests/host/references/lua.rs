//! Functions, objects and buffers between the host and scripts.

mod buffers;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use twinplug::{Buffer, Error, Function, Host, Object, PluginRef, Result, Value, object};

/// Something to hit.
struct Enemy {
    health: AtomicI64,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Enemy {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

#[object]
impl Enemy {
    fn hit(&self, power: i64) -> Result<i64, String> {
        match power {
            0 => Err("no power".to_owned()),
            13 => panic!("missed"),
            power => Ok(self.health.fetch_sub(power, Ordering::Relaxed) - power),
        }
    }

    fn each(&self, call: Function) -> Result<i64, Error> {
        Ok(call.call((self.health.load(Ordering::Relaxed),))?)
    }
}

fn enemy(health: i64) -> (Object, Arc<AtomicUsize>) {
    let dropped = Arc::default();
    let health = AtomicI64::new(health);
    (Object::new(Enemy { health, dropped: Arc::clone(&dropped) }), dropped)
}

fn load(script: &str) -> (Host, PluginRef) {
    let host = Host::builder()
        .function("apply", |f: Function, x: i64| -> Result<i64, Error> { Ok(f.call((x,))?) })
        .function("adder", |by: i64| Function::new(move |x: i64| x + by))
        .build()
        .unwrap();
    let plugin = host.load_source("script", script).unwrap();
    (host, plugin)
}

fn fails<T: std::fmt::Debug>(result: Result<T>, expected: &str) {
    assert_eq!(result.unwrap_err().to_string(), expected);
}

#[test]
fn a_script_calls_functions_of_the_host() {
    let (_host, plugin) = load(
        "local M = {}
        function M.Twice(f, x) return f(f(x)) end
        function M.Same(f) return f end
        function M.Caught(f) return select(2, pcall(f, 1)) end
        function M.Equal(f, g) return f == g end
        function M.Made(by) return host.adder(by) end
        function M.Applied(x) return host.apply(function(y) return y * 10 end, x) end
        return M",
    );
    let triple = Function::new(|x: i64| x * 3);
    let twice = plugin.func::<(Function, i64), i64>("Twice").unwrap();
    assert_eq!(twice.call((triple.clone(), 2)).unwrap(), 18);
    let same = plugin.func::<(Function,), Function>("Same").unwrap();
    assert_eq!(same.call((triple.clone(),)).unwrap(), triple);
    let equal = plugin.func::<(Function, Function), bool>("Equal").unwrap();
    assert!(equal.call((triple.clone(), triple.clone())).unwrap());
    let made = plugin.func::<(i64,), Function>("Made").unwrap().call((5,)).unwrap();
    assert_eq!(made.call::<i64>((1,)).unwrap(), 6);
    assert_eq!(plugin.func::<(i64,), i64>("Applied").unwrap().call((4,)).unwrap(), 40);
    let fails_with = Function::new(|_: i64| Err::<i64, _>("not today"));
    let caught = plugin.func::<(Function,), String>("Caught").unwrap();
    let text = caught.call((fails_with.clone(),)).unwrap();
    assert!(text.ends_with("not today"), "{text}");
    fails(twice.call((fails_with, 1)), "plugin `script`: `Twice`: script:2: not today");
    let panics = Function::new(|_: i64| -> i64 { panic!("oh no") });
    fails(twice.call((panics, 1)), "plugin `script`: `Twice`: script:2: panicked: oh no");
    fails(
        twice.call((Function::new(|_: String| 1), 1)),
        "plugin `script`: `Twice`: script:2: argument 1: expected string, got int",
    );
}

#[test]
fn the_host_calls_functions_of_a_script() {
    let (host, plugin) = load(
        "local M = { Count = 0 }
        function M.Counter() return function(by) M.Count = M.Count + by return M.Count end end
        function M.Several() return function(...) return ... end end
        function M.Fails() return function() error('broken') end end
        function M.Throws() return function() error({ code = 7 }) end end
        function M.Same(f, g) return f == g end
        return M",
    );
    let counter = plugin.func::<(), Function>("Counter").unwrap().call(()).unwrap();
    assert_eq!(counter.call::<i64>((2,)).unwrap(), 2);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let counter = counter.clone();
            std::thread::spawn(move || {
                (0..100).for_each(|_| {
                    counter.call::<i64>((1,)).unwrap();
                })
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(plugin.var::<i64>("Count").unwrap().get().unwrap(), 402);
    let several = plugin.func::<(), Function>("Several").unwrap().call(()).unwrap();
    assert_eq!(several.call::<(i64, String)>((1, "x")).unwrap(), (1, "x".to_owned()));
    assert_eq!(several.call::<Value>(()).unwrap(), Value::Null);
    assert_eq!(several.call::<i64>((1,)).unwrap(), 1);
    let same = plugin.func::<(Function, Function), bool>("Same").unwrap();
    assert!(same.call((counter.clone(), counter.clone())).unwrap(), "it comes back as it was");

    let error = |name: &str| -> Error {
        let function = plugin.func::<(), Function>(name).unwrap().call(()).unwrap();
        Error::from(function.call::<i64>(()).unwrap_err())
    };
    let broken = error("Fails");
    assert_eq!(broken.to_string(), "plugin `script`: script:4: broken");
    assert!(broken.traceback().unwrap().contains("script:4:"), "{:?}", broken.traceback());
    let thrown = error("Throws").payload().cloned();
    assert_eq!(thrown, Some(Value::Map([("code".into(), 7.into())].into())));

    host.unload(plugin).unwrap();
    let stale = Error::from(counter.call::<i64>((1,)).unwrap_err());
    assert_eq!(stale.to_string(), "plugin `script`: the plugin was unloaded");
    assert_eq!(stale.kind(), twinplug::ErrorKind::Stale);
}

#[test]
fn a_script_uses_objects_of_the_host() {
    let (host, plugin) = load(
        "local M = { Kept = host.any(host.null) }
        function M.Hit(enemy, power) local left = enemy:hit(power) return left end
        function M.Each(enemy) return enemy:each(function(health) return health * 2 end) end
        function M.Same(enemy) return enemy end
        function M.Equal(a, b) return a == b end
        function M.Keep(enemy) M.Kept = enemy end
        function M.Nope(enemy) enemy:nope() end
        function M.Set(enemy) enemy.health = 1 end
        function M.Text(enemy) return tostring(enemy), type(enemy), getmetatable(enemy) end
        return M",
    );
    let (object, dropped) = enemy(10);
    let hit = plugin.func::<(Object, i64), i64>("Hit").unwrap();
    assert_eq!(hit.call((object.clone(), 3)).unwrap(), 7);
    assert_eq!(plugin.func::<(Object,), i64>("Each").unwrap().call((object.clone(),)).unwrap(), 14);
    let same = plugin.func::<(Object,), Object>("Same").unwrap();
    let back = same.call((object.clone(),)).unwrap();
    assert_eq!(back, object);
    assert_eq!(back.of::<Enemy>().unwrap().health.load(Ordering::Relaxed), 7);
    let equal = plugin.func::<(Object, Object), bool>("Equal").unwrap();
    assert!(equal.call((object.clone(), back.clone())).unwrap());
    assert!(!equal.call((object.clone(), enemy(1).0)).unwrap());
    let text = plugin.func::<(Object,), (String, String, bool)>("Text").unwrap();
    let expected = ("object: Enemy".to_owned(), "userdata".to_owned(), false);
    assert_eq!(text.call((object.clone(),)).unwrap(), expected);
    fails(hit.call((object.clone(), 0)), "plugin `script`: `Hit`: script:2: no power");
    fails(hit.call((object.clone(), 13)), "plugin `script`: `Hit`: script:2: panicked: missed");
    fails(
        plugin.func::<(Object,), ()>("Nope").unwrap().call((object.clone(),)),
        "plugin `script`: `Nope`: script:7: `Enemy` has no method `nope`; there are: `hit`, `each`",
    );
    fails(
        plugin.func::<(Object,), ()>("Set").unwrap().call((object.clone(),)),
        "plugin `script`: `Set`: script:8: cannot set `health`: an object of another has methods alone",
    );

    // The script keeps it, and lets it go as it ends.
    plugin.func::<(Object,), ()>("Keep").unwrap().call((object.clone(),)).unwrap();
    drop((object, back));
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    host.unload(plugin).unwrap();
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn what_a_script_no_longer_has_is_dropped() {
    let (_host, plugin) = load(
        "local M = {}
        function M.Look(enemy) return enemy:hit(1) end
        function M.Work() local all = {} for i = 1, 200000 do all = { all = i } end end
        return M",
    );
    let (object, dropped) = enemy(10);
    plugin.func::<(Object,), i64>("Look").unwrap().call((object,)).unwrap();
    let work = plugin.func::<(), ()>("Work").unwrap();
    let worked = (0..1000).find(|_| {
        work.call(()).unwrap();
        dropped.load(Ordering::Relaxed) == 1
    });
    assert!(worked.is_some());
}

/// Within one call nothing piles up: neither what the host gave, nor what it was given.
#[test]
fn one_call_may_use_many() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }
    #[object]
    impl Counted {}
    let host = Host::builder()
        .function("made", || {
            MOST.fetch_max(ALIVE.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
            Object::new(Counted)
        })
        .function("take", |_: Function| ())
        .memory_limit(8 << 20)
        .no_time_limit()
        .build()
        .unwrap();
    let script = "function Many(n) for i = 1, n do host.made() end end
        function Give(n) for i = 1, n do host.take(function() return i end) end return true end";
    let plugin = host.load_source("many", script).unwrap();
    plugin.call("Many", (20_000,)).unwrap();
    assert!(MOST.load(Ordering::Relaxed) < 15_000, "{}", MOST.load(Ordering::Relaxed));
    assert_eq!(plugin.call("Give", (200_000,)).unwrap(), Value::Bool(true));
}

/// As functions do, to scripts; others get a list of them.
#[test]
fn methods_of_scripts_have_several_results() {
    let (host, plugin) = load(
        "local M = {}
        local door = host.object { both = function(self, x) return x, 'two' end, none = function() end }
        function M.Door() return door end
        function M.Own() local a, b = door:both(1) return a, b, select('#', door:none()) end
        return M",
    );
    let own = plugin.func::<(), (i64, String, i64)>("Own").unwrap();
    assert_eq!(own.call(()).unwrap(), (1, "two".to_owned(), 0));
    let door = plugin.func::<(), Object>("Door").unwrap().call(()).unwrap();
    assert_eq!(door.call::<(i64, String)>("both", (3,)).unwrap(), (3, "two".to_owned()));
    let other = "function Use(door) local a, b = door:both(2) return b .. a end";
    let other = host.load_source("other", other).unwrap();
    let used = other.func::<(Object,), String>("Use").unwrap();
    assert_eq!(used.call((door,)).unwrap(), "two2");
}

#[test]
fn the_host_uses_objects_of_a_script() {
    let (host, plugin) = load(
        "local M = {}
        local Enemy = {}
        Enemy.__index, Enemy.__name = Enemy, 'Enemy'
        function Enemy:hit(power) self.health = self.health - power return self.health end
        function Enemy:_secret() end
        function M.Spawn(health) return host.object(setmetatable({ health = health }, Enemy)) end
        function M.Plain() return host.object { name = function(self) return 'plain' end } end
        function M.Hit(enemy, power) return enemy:hit(power) end
        function M.Wrong() local _ = host.object(1) end
        return M",
    );
    let enemy = plugin.func::<(i64,), Object>("Spawn").unwrap().call((10,)).unwrap();
    assert_eq!(
        (enemy.class(), enemy.methods()),
        ("Enemy", r#"[{"name":"hit","type":"(...) -> any"}]"#)
    );
    assert_eq!(enemy.call::<i64>("hit", (3,)).unwrap(), 7);
    let hit = plugin.func::<(Object, i64), i64>("Hit").unwrap();
    assert_eq!(hit.call((enemy.clone(), 2)).unwrap(), 5);
    let plain = plugin.func::<(), Object>("Plain").unwrap().call(()).unwrap();
    assert_eq!(plain.call::<String>("name", ()).unwrap(), "plain");
    let error = enemy.call::<i64>("hti", (1,)).unwrap_err();
    assert_eq!(error.to_string(), "no method `hti`; there are: `hit`");
    let error = enemy.call::<i64>("hit", ("x",)).unwrap_err().to_string();
    assert!(error.starts_with("plugin `script`: script:4: attempt to "), "{error}");
    fails(
        plugin.call("Wrong", ()),
        "plugin `script`: `Wrong`: script:9: `host.object` takes a table, got number",
    );

    // Another plugin gets it as well, and a third thread may drop it.
    let other = host
        .load_source("other", "function Hit(enemy) local left = enemy:hit(1) return left end")
        .unwrap();
    assert_eq!(other.func::<(Object,), i64>("Hit").unwrap().call((enemy.clone(),)).unwrap(), 4);
    std::thread::spawn({
        let plain = plain.clone();
        move || drop(plain)
    })
    .join()
    .unwrap();
    host.unload(plugin).unwrap();
    let error = Error::from(enemy.call::<i64>("hit", (1,)).unwrap_err());
    assert_eq!(error.kind(), twinplug::ErrorKind::Stale);
    fails(
        other.func::<(Object,), i64>("Hit").unwrap().call((enemy,)),
        "plugin `other`: `Hit`: other:1: plugin `script`: the plugin was unloaded",
    );
}

#[test]
fn variables_are_objects_and_buffers() {
    let (_host, plugin) = load(
        "local M = { Heights = host.buffer(2), Door = host.object { open = function() return 'open' end } }
        function M.Sum() return M.Heights[1] + M.Heights[2] end
        function M.Open() return M.Door:open() end
        return M",
    );
    let heights = plugin.var::<Buffer<f64>>("Heights").unwrap();
    heights.get().unwrap().set(1, 4.0);
    let sum = plugin.func::<(), f64>("Sum").unwrap();
    assert_eq!(sum.call(()).unwrap(), 4.0);
    heights.set(Buffer::from(vec![1.0, 2.0])).unwrap();
    assert_eq!(sum.call(()).unwrap(), 3.0);
    let door = plugin.var::<Object>("Door").unwrap();
    assert_eq!(door.get().unwrap().call::<String>("open", ()).unwrap(), "open");
    fails(
        plugin.var::<Buffer<f32>>("Heights"),
        "plugin `script`: `Heights` is `buffer<f64>`, asked for as `buffer<f32>`",
    );
    let error = plugin.var::<Value>("Heights").unwrap().set(Value::Int(1)).unwrap_err();
    assert_eq!(error.to_string(), "plugin `script`: `Heights`: expected buffer<f64>, got int");
}

/// What is called back runs in the call that has called out: no other thread gets in, and the
/// plugin is not locked out by itself.
#[test]
fn a_function_of_the_host_calls_back_into_the_script_that_called_it() {
    let (_host, plugin) = load(
        "local M = { Depth = 0 }
        function M.Down(n)
          M.Depth = M.Depth + 1
          if n == 0 then return 0 end
          local below = host.apply(M.Down, n - 1)
          return below + 1
        end
        function M.Inside(n)
          local result
          local thread = coroutine.create(function() result = host.apply(function(x) return x * 2 end, n) end)
          assert(coroutine.resume(thread))
          return result
        end
        function M.Sorted(less)
          local list = { 3, 1, 2 }
          table.sort(list, function(a, b) return less(a, b) end)
          return list[1], list[2], list[3]
        end
        return M",
    );
    assert_eq!(plugin.func::<(i64,), i64>("Down").unwrap().call((10,)).unwrap(), 10);
    assert_eq!(plugin.var::<i64>("Depth").unwrap().get().unwrap(), 11);
    assert_eq!(plugin.func::<(i64,), i64>("Inside").unwrap().call((4,)).unwrap(), 8);
    // Where Lua cannot wait, the call is made with the plugin held, or refused by name.
    let sorted = plugin.func::<(Function,), (i64, i64, i64)>("Sorted").unwrap();
    let sorted = sorted.call((Function::new(|a: i64, b: i64| a < b),));
    assert_eq!(sorted.unwrap(), (1, 2, 3));
}

/// A plugin waits in the call of another one's function with its own let go.
#[test]
fn two_scripts_call_functions_of_each_other() {
    let host = Host::builder().build().unwrap();
    let script = "local M, other = {}, nil
        function M.Meet(f) other = f end
        function M.Leaf(x) return x + 1 end
        function M.Own() return M.Leaf end
        function M.Call(x) return other(x) end
        return M";
    let [a, b] = ["a", "b"].map(|name| host.load_source(name, script).unwrap());
    for (one, other) in [(&a, &b), (&b, &a)] {
        let function = other.func::<(), Function>("Own").unwrap().call(()).unwrap();
        one.func::<(Function,), ()>("Meet").unwrap().call((function,)).unwrap();
    }
    std::thread::scope(|scope| {
        for plugin in [&a, &b] {
            scope.spawn(move || {
                let call = plugin.func::<(i64,), i64>("Call").unwrap();
                (0..2000).for_each(|x| assert_eq!(call.call((x,)).unwrap(), x + 1));
            });
        }
    });
}

#[test]
fn the_docs_example_does_what_the_docs_say() {
    let docs = include_str!("../../../docs/lua-plugins.md");
    let (_, section) = docs.split_once("### Functions, objects, buffers").unwrap();
    let (_, rest) = section.split_once("```lua\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let (_host, plugin) = load(example);
    let door = plugin.func::<(), Object>("Spawn").unwrap().call(()).unwrap();
    assert_eq!(door.class(), "Door");
    assert_eq!(door.call::<String>("open", ("Ann",)).unwrap(), "Ann opened it");
    let seen = Arc::new(AtomicI64::new(0));
    let call = Function::new({
        let seen = Arc::clone(&seen);
        move |x: i64| {
            seen.fetch_add(x, Ordering::Relaxed);
        }
    });
    plugin.func::<(Vec<i64>, Function), ()>("Each").unwrap().call((vec![1, 2, 3], call)).unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 6);
    let numbers = Buffer::from(vec![1.0, 2.0]);
    let scaled = plugin.func::<(Buffer<f64>, f64), ()>("Scaled").unwrap();
    scaled.call((numbers.clone(), 1.5)).unwrap();
    assert_eq!(numbers.to_vec(), [1.5, 3.0]);
    assert_eq!(plugin.var::<Buffer<f32>>("Heights").unwrap().get().unwrap().len(), 256);
}
