//! Functions, objects and buffers between the host and scripts.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use twinplug::{
    AnyBuffer, Buffer, Element, Error, Function, Host, Object, PluginRef, Result, Value, object,
};

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
        .build()
        .unwrap();
    let script = "function Many(n) for i = 1, n do host.made() end end
        function Give(n) for i = 1, n do host.take(function() return i end) end return true end";
    let plugin = host.load_source("many", script).unwrap();
    plugin.call("Many", (20_000,)).unwrap();
    assert!(MOST.load(Ordering::Relaxed) < 15_000, "{}", MOST.load(Ordering::Relaxed));
    assert_eq!(plugin.call("Give", (200_000,)).unwrap(), Value::Bool(true));
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
fn a_buffer_is_shared_with_a_script() {
    let (host, plugin) = load(
        "local M = {}
        function M.Sum(b) local sum = 0 for i = 1, #b do sum = sum + b[i] end return sum end
        function M.Fill(b, value) for i = 1, #b do b[i] = value end end
        function M.Make(n, element) local made = host.buffer(n, element) return made end
        function M.List() return host.buffer({ 1.5, 2.5, -3 }) end
        function M.Get(b, i) return b[i] end
        function M.Set(b, i, v) b[i] = v end
        function M.Text(b) return tostring(b), type(b) end
        return M",
    );
    let check = |name: &str, buffer: AnyBuffer, expected: f64| {
        let sum = plugin.func::<(AnyBuffer,), f64>(name).unwrap();
        assert_eq!(sum.call((buffer,)).unwrap(), expected);
    };
    check("Sum", Buffer::from(vec![1.5_f64, 2.0]).into_any(), 3.5);
    check("Sum", Buffer::from(vec![1.5_f32, 2.0]).into_any(), 3.5);
    check("Sum", Buffer::from(vec![-1_i64, 1 << 40]).into_any(), ((1_i64 << 40) - 1) as f64);
    check("Sum", Buffer::from(vec![-1_i32, i32::MAX]).into_any(), f64::from(i32::MAX - 1));
    check("Sum", Buffer::from(vec![200_u8, 255]).into_any(), 455.0);
    check("Sum", Buffer::<f64>::new(0).into_any(), 0.0);

    let fill = plugin.func::<(AnyBuffer, f64), ()>("Fill").unwrap();
    let floats = Buffer::<f64>::new(3);
    fill.call((floats.clone().into_any(), 0.5)).unwrap();
    assert_eq!(floats.to_vec(), [0.5; 3]);
    let bytes = Buffer::<u8>::new(2);
    fill.call((bytes.clone().into_any(), 255.0)).unwrap();
    assert_eq!(bytes.to_vec(), [255; 2]);
    let whole =
        "the elements of this buffer are whole numbers, and this one is none, or out of range";
    for (buffer, value) in [
        (bytes.clone().into_any(), 256.0),
        (bytes.into_any(), 0.5),
        (Buffer::<i32>::new(1).into_any(), 2_147_483_648.0),
        (Buffer::<i64>::new(1).into_any(), 1e300),
        (Buffer::<i64>::new(1).into_any(), f64::NAN),
    ] {
        fails(fill.call((buffer, value)), &format!("plugin `script`: `Fill`: script:3: {whole}"));
    }

    let made = plugin.func::<(i64, &str), AnyBuffer>("Make").unwrap();
    for element in Element::ALL {
        let buffer = made.call((4, element.name())).unwrap();
        assert_eq!((buffer.element(), buffer.len()), (element, 4));
    }
    let list = plugin.func::<(), Buffer<f64>>("List").unwrap().call(()).unwrap();
    assert_eq!(list.to_vec(), [1.5, 2.5, -3.0]);
    fails(
        made.call((4, "f65")),
        "plugin `script`: `Make`: script:4: no buffer of `f65`; there are: `f64`, `f32`, `i64`, `i32`, `u8`",
    );
    fails(
        made.call((-1, "u8")),
        "plugin `script`: `Make`: script:4: a buffer has a whole number of elements, got -1",
    );
    fails(
        plugin.func::<(), Buffer<f32>>("List").unwrap().call(()),
        "plugin `script`: `List`: result: expected buffer<f32>, got buffer<f64>",
    );

    let get = plugin.func::<(AnyBuffer, Value), Option<f64>>("Get").unwrap();
    for (index, expected) in [
        (Value::Int(1), Some(0.5)),
        (Value::Int(3), Some(0.5)),
        (Value::Int(0), None),
        (Value::Int(4), None),
        (Value::Int(-1), None),
        (Value::Float(1.5), None),
        (Value::Float(f64::NAN), None),
        (Value::Float(f64::INFINITY), None),
        (Value::Float(1e300), None),
    ] {
        assert_eq!(
            get.call((floats.clone().into_any(), index.clone())).unwrap(),
            expected,
            "{index:?}"
        );
        if expected.is_none() {
            let set = plugin.func::<(AnyBuffer, Value, f64), ()>("Set").unwrap();
            fails(
                set.call((floats.clone().into_any(), index, 1.0)),
                "plugin `script`: `Set`: script:7: a buffer has no such index: they go from 1 to its length",
            );
        }
    }
    fails(
        get.call((floats.clone().into_any(), "x".into())),
        "plugin `script`: `Get`: script:6: a buffer has numbers for its indices",
    );
    let text = plugin.func::<(AnyBuffer,), (String, String)>("Text").unwrap();
    let expected = ("buffer<f64>: 3 elements".to_owned(), "userdata".to_owned());
    assert_eq!(text.call((floats.into_any(),)).unwrap(), expected);

    // It outlives its plugin.
    host.unload(plugin).unwrap();
    assert_eq!(list.get(2), Some(-3.0));
    assert!(list.set(0, 9.0));
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

#[test]
fn buffers_count_as_memory_of_the_script() {
    let host = Host::builder().memory_limit(16 << 20).build().unwrap();
    let script =
        "function Much() local all = {} while true do all[#all + 1] = host.buffer(100000) end end
        function Again() for i = 1, 1000 do host.buffer(100000) end return true end
        function Huge() return host.buffer(1e15) end";
    let plugin = host.load_source("greedy", script).unwrap();
    for _ in 0..3 {
        let error = plugin.call("Much", ()).unwrap_err();
        assert_eq!(error.limit(), Some(twinplug::Limit::Memory(16 << 20)), "{error}");
        assert_eq!(plugin.call("Again", ()).unwrap(), Value::Bool(true));
    }
    let error = plugin.call("Huge", ()).unwrap_err();
    assert_eq!(error.limit(), Some(twinplug::Limit::Memory(16 << 20)), "{error}");
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
