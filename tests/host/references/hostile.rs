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
        .no_time_limit()
        .build()
        .unwrap();
    let plugin = host.load_source("script", script).unwrap();
    (host, plugin)
}

/// Has Lua collect.
const CHURN: &str = "local function churn() for i = 1, 300000 do local _ = { i } end end\n";

/// A table with weak keys shows what has been released already.
#[test]
fn what_was_let_go_is_not_used() {
    let script = format!(
        "{CHURN} local M = {{}}
        local weak = setmetatable({{}}, {{ __mode = 'k' }})
        local function write(b) for i = 1, 1000 do b[i] = 12345 end end
        local function read(b) local sum = 0 for i = 1, 1000 do sum = sum + b[i] end return sum end
        function M.Fill(object)
          for i = 1, 200 do
            local b = host.buffer(1000)
            write(b) read(b)
            weak[b], weak[object()] = true, true
          end
        end
        function M.Use()
          churn()
          for one in pairs(weak) do
            pcall(read, one)
            pcall(write, one)
            pcall(function() return one:look() end)
            pcall(host.same, one)
          end
          return true
        end
        return M"
    );
    let (_host, plugin) = load(&script);
    let object = Function::new(|| Object::new(Eye));
    for _ in 0..20 {
        plugin.call("Fill", (object.clone(),)).unwrap();
        assert_eq!(plugin.call("Use", ()).unwrap(), Value::Bool(true));
    }
}

struct Eye;

#[twinplug::object]
impl Eye {
    fn look(&self) -> i64 {
        1
    }
}

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

#[test]
fn objects_count_as_memory_of_the_script() {
    let (_host, plugin) = load(
        "local M = {}
        function M.Much() local all, name = {}, ('x'):rep(1000000)
          for i = 1, 2000 do all[i] = host.object { __name = name } end end
        function M.Many() for i = 1, 100000 do host.object {} end return true end
        return M",
    );
    for _ in 0..2 {
        let error = plugin.call("Much", ()).unwrap_err();
        assert_eq!(error.limit(), Some(Limit::Memory(MEMORY)), "{error}");
        assert_eq!(plugin.call("Many", ()).unwrap(), Value::Bool(true));
    }
}

#[test]
fn buffers_count_as_memory_of_all_scripts() {
    let host = Host::builder().memory_total(32 << 20).memory_limit(MEMORY).build().unwrap();
    // A call may take half of what is left: there is room for 8 MiB twice, and never a third time.
    let script = "Kept = {}
        function Take() for i = 1, 8 do Kept[i] = host.buffer(131072) end return true end
        function Leave() Kept = {} end";
    let [first, second, third] =
        ["first", "second", "third"].map(|name| host.load_source(name, script).unwrap());
    first.call("Take", ()).unwrap();
    second.call("Take", ()).unwrap();
    let error = third.call("Take", ()).unwrap_err();
    assert_eq!(error.limit(), Some(Limit::MemoryTotal(32 << 20)), "{error}");
    host.unload(first).unwrap();
    assert_eq!(third.call("Take", ()).unwrap(), Value::Bool(true));
}

/// What a call that has run out of memory had is there for the next one.
#[test]
fn what_a_stopped_call_had_is_free() {
    let (_host, plugin) = load(
        "function Much() local all = {}
          while true do local b = host.buffer(100000) b[1] = b[1] + 1 all[#all + 1] = b end end
        function Again() for i = 1, 100 do local b = host.buffer(100000) b[1] = b[1] + 1 end return true end",
    );
    for _ in 0..3 {
        let error = plugin.call("Much", ()).unwrap_err();
        assert_eq!(error.limit(), Some(Limit::Memory(MEMORY)), "{error}");
        assert_eq!(plugin.call("Again", ()).unwrap(), Value::Bool(true));
    }
}

/// What is read of one argument is held to the memory limit, and so is what is read of all.
#[test]
fn arguments_are_counted_together() {
    let script = "local unpack = table.unpack or unpack
        local function many() local text, all = ('x'):rep(1000000), {}
          for i = 1, 100 do all[i] = text end return unpack(all) end
        function Call(f) f(many()) end
        function Method(object) object:look(many()) end
        function Plugin() host.plugin('other').F(many()) end";
    let (host, plugin) = load(script);
    let _other = host.load_source("other", "function F(...) return select('#', ...) end").unwrap();
    let check = |result: Result<Value>| {
        let error = result.unwrap_err();
        assert_eq!(error.limit(), Some(Limit::Memory(MEMORY)), "{error}");
    };
    check(plugin.call("Call", (Function::new(|_: String| ()),)));
    check(plugin.call("Method", (Object::new(Eye),)));
    check(plugin.call("Plugin", ()));
}

/// LuaJIT keeps other values in the bits of what is no number.
#[test]
fn any_bits_of_a_float_are_a_number() {
    let (_host, plugin) = load(
        "function Look(b)
          for _ = 1, 100 do
            for i = 1, #b do
              local value = b[i]
              if type(value) ~= 'number' or value == value then error(i .. ' is ' .. type(value)) end
            end
          end
        end",
    );
    let look = plugin.func::<(AnyBuffer,), ()>("Look").unwrap();
    let bits =
        [!0, 0xfff9 << 48, 0xfffa << 48 | 8, 0xfffd << 48 | 0x1234, 0x7fff << 48, 0xfff8 << 48];
    look.call((Buffer::from(bits.map(f64::from_bits).to_vec()).into_any(),)).unwrap();
    let bits = [!0, 0xffc8_0000, 0xffd0_0008, 0xffff_0000, 0x7fff_ffff, 0xffc0_0000];
    look.call((Buffer::from(bits.map(f32::from_bits).to_vec()).into_any(),)).unwrap();
}

#[test]
fn numbers_are_read_as_they_are() {
    let (_host, plugin) = load("function Get(b, i) return b[i] end");
    let get = plugin.func::<(AnyBuffer, i64), Value>("Get").unwrap();
    let floats =
        [f64::NEG_INFINITY, f64::INFINITY, f64::MIN, f64::MAX, f64::MIN_POSITIVE, 0.5, -0.0];
    for (index, float) in (1..).zip(floats) {
        let got = get.call((Buffer::from(floats.to_vec()).into_any(), index)).unwrap();
        assert_eq!(got.to::<f64>().unwrap().to_bits(), float.to_bits(), "{float}");
    }
    let floats =
        [f32::NEG_INFINITY, f32::INFINITY, f32::MIN, f32::MAX, f32::MIN_POSITIVE, 0.5, -0.0];
    for (index, float) in (1..).zip(floats) {
        let got = get.call((Buffer::from(floats.to_vec()).into_any(), index)).unwrap();
        assert_eq!(got.to::<f64>().unwrap().to_bits(), f64::from(float).to_bits(), "{float}");
    }
    let most = 1 << 53;
    let are_floats = cfg!(any(feature = "luajit", feature = "luau"));
    for int in [most - 1, most, 1 - most, -most, most + 1, -most - 1, i64::MAX, i64::MIN] {
        match get.call((Buffer::from(vec![int]).into_any(), 1)) {
            Ok(got) => assert_eq!(got, Value::Int(int)),
            Err(error) => {
                assert!(are_floats && int.unsigned_abs() > most as u64, "{int}: {error}");
                assert!(error.to_string().contains("an element is out of range"), "{error}");
            }
        }
    }
}

/// What was just written is what is read, in a loop that is compiled too; also of what others write.
#[test]
fn what_is_written_is_read() {
    let (_host, plugin) = load(
        "function Both(b)
          for i = 1, 1000 do
            b[1], b[2] = i, b[1] + 1
            b[1] = b[1] + b[2]
            b[1] = b[1] - b[2] + 1
            if b[1] ~= i + 1 then error(i .. ': ' .. b[1]) end
          end
          return b[1], b[2]
        end
        function Wait(b) for i = 1, 1e9 do if b[1] == 7 then return i end end end",
    );
    let both = plugin.func::<(AnyBuffer,), (f64, f64)>("Both").unwrap();
    let wait = plugin.func::<(Buffer<f64>,), i64>("Wait").unwrap();
    for element in [Element::F64, Element::F32, Element::I64, Element::I32] {
        let buffer = AnyBuffer::zeroed(element, 2).unwrap();
        assert_eq!(both.call((buffer,)).unwrap(), (1001.0, 1001.0), "{element}");
    }
    let buffer = Buffer::<f64>::new(1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (0..100_000).for_each(|_| assert!(buffer.set(0, f64::from_bits(!0))));
            buffer.set(0, 7.0);
        });
        assert!(wait.call((buffer.clone(),)).unwrap() > 0);
    });
}

#[test]
fn what_is_wrong_is_said() {
    let (_host, plugin) = load(
        "local M = {}
        function M.Object() return host.object { name = function() return 1 end } end
        function M.Dot(o) local x = o.name(3) return x end
        function M.Nothing(o) local x = o.name() return x end
        function M.Length()
          local list = setmetatable({}, { __len = function() return 'x' end })
          local b = host.buffer(list)
          return b
        end
        function M.Text() local b = host.buffer({ 1, 'x' }) return b end
        return M",
    );
    let object = plugin.func::<(), Object>("Object").unwrap().call(()).unwrap();
    let fails = |name: &str, expected: &str| {
        let error = plugin.call(name, (object.clone(),)).unwrap_err().to_string();
        assert_eq!(error, format!("plugin `script`: `{name}`: script:{expected}"));
    };
    fails("Dot", "3: `name` takes its object first, got number: `object:name(..)`");
    fails("Nothing", "4: `name` takes its object first, got nil: `object:name(..)`");
    if cfg!(any(feature = "lua54", feature = "lua55")) {
        fails("Length", "7: the length of a list is a number, got string");
    }
    fails("Text", "10: the elements of a buffer are numbers");
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

#[test]
fn time_counts_in_what_is_called_back() {
    let time = Duration::from_millis(200);
    let host = Host::builder()
        .function("apply", |f: Function, x: Value| -> Result<Value, Error> { Ok(f.call((x,))?) })
        .time_limit(time)
        .build()
        .unwrap();
    let script = "local M = {}
        local o = host.object { none = function() end, spin = function() while true do end end }
        function M.Spin() host.apply(function() while true do end end, 1) end
        function M.Loop() while true do host.apply(function() end, 1) end end
        function M.Method() o:spin() end
        function M.Methods() while true do o:none() end end
        function M.Caught() while true do pcall(host.apply, function() while true do end end, 1) end end
        function M.Object() local t = {} for i = 1, 100000 do t[i] = i end while true do host.object(t) end end
        function M.Buffer() while true do pcall(host.buffer, 1000000) end end
        return M";
    let plugin = host.load_source("script", script).unwrap();
    for name in ["Spin", "Loop", "Method", "Methods", "Caught", "Object", "Buffer"] {
        let error = plugin.call(name, ()).unwrap_err();
        assert_eq!(error.limit(), Some(Limit::Time(time)), "{name}: {error}");
    }
}

/// Nothing is left in a script of objects that it no longer has.
#[test]
fn classes_are_not_kept() {
    let (host, maker) = load(
        "function Make(i) return host.object { __name = 'n' .. i, ['m' .. i] = function() end } end",
    );
    let taker = host.load_source("taker", "function Take(o) return true end").unwrap();
    let make = maker.func::<(i64,), Object>("Make").unwrap();
    let take = taker.func::<(Object,), bool>("Take").unwrap();
    for i in 0..30_000 {
        assert!(take.call((make.call((i,)).unwrap(),)).unwrap());
    }
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
