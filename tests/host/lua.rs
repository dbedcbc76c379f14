//! What only scripts can show.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tempfile::TempDir;
use twinplug::{Data, ErrorKind, PluginRef, Value, data};

use crate::twins::{HAS_INTEGERS, NAME_MISSING, SYMBOL_MISSING, Stage, THROWN, flavoured, message};

/// A folder of scripts and a host for them.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
    pub(crate) stage: Stage,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Desk { folder: tempfile::tempdir().unwrap(), stage: Stage::new() }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn load(&self, name: &str, text: &str) -> twinplug::Result<PluginRef> {
        self.stage.host.load(self.write(name, text))
    }
}

#[test]
fn a_script_that_does_not_load_says_where() {
    let desk = Desk::new();
    let check = |text: &str, line: Option<u32>, expected: &str| {
        let error = desk.load("broken.lua", text).unwrap_err();
        let path = desk.folder.path().join("broken.lua");
        assert_eq!(error.to_string(), format!("cannot load `{}`: {expected}", path.display()));
        assert_eq!(error.kind(), ErrorKind::Load);
        assert_eq!(error.location(), line.map(|line| (path.as_path(), line)));
        assert!(desk.stage.host.plugins().is_empty());
    };
    check("local x = 1\nlocal = 2\n", Some(2), &format!("broken.lua:2: {}", NAME_MISSING));
    check("#!/usr/bin/lua\n\nx = = 1", Some(3), &format!("broken.lua:3: {}", SYMBOL_MISSING));
    check("\n\nerror('no')", Some(3), "broken.lua:3: no");
    check(
        "return 5",
        None,
        "the script returns a number, and no table of exports: end it with `return M`",
    );
    check("return { _NAME = 5 }", None, "`_NAME` is a number, and no text");
    check(
        "return { _VERSION = 'new' }",
        None,
        "`_VERSION = \"new\"` is no version like \"1.2.0\": unexpected character 'n' while parsing major version number",
    );
    check(
        "host.register { f = function() end }\nreturn { f = function() end }",
        None,
        "`f` is exported twice",
    );
    check(
        "host.register(5)",
        Some(1),
        "broken.lua:1: `host.register` takes a table: `host.register { name = f }`",
    );
    desk.load("fine.lua", "").unwrap();
}

#[test]
fn a_script_that_returns_nothing_exports_its_globals() {
    let desk = Desk::new();
    let plugin = desk
        .load(
            "quick_v3.lua",
            "Speed = 2.5\n_hidden = 1\nlocal own = 4\nfunction Double() return Speed * 2 end\nfunction on_load() end",
        )
        .unwrap();
    assert_eq!((plugin.name(), plugin.version().major), ("quick", 3));
    let names: Vec<_> = plugin.descriptor().exports.iter().map(|e| e.name.clone()).collect();
    assert_eq!(names, ["Double", "Speed"]);
    plugin.var("Speed").unwrap().set(4.0).unwrap();
    let eight = if HAS_INTEGERS { Value::Float(8.0) } else { Value::Int(8) };
    assert_eq!(plugin.call("Double", ()).unwrap(), eight);
}

#[test]
fn what_the_library_has_is_no_export_of_a_script() {
    let desk = Desk::new();
    let text = "function print(text) Said = text end\n\
                type, math, string = type, math, string\n\
                floor = math.floor\n\
                local M = host.plugin and print('loaded')\n\
                xpcall(print, error, 'called')\n";
    for ends_with in ["", "return _G", "host.register(_G) return {}"] {
        let plugin = desk.load("own.lua", &[text, ends_with].concat()).unwrap();
        let exports: Vec<_> =
            plugin.descriptor().exports.iter().map(|e| format!("{}: {}", e.name, e.ty)).collect();
        let expected = ["Said: string", "floor: (...) -> any", "print: (...) -> any"];
        assert_eq!(exports, expected, "{ends_with}");
        assert_eq!(plugin.var::<String>("Said").unwrap().get().unwrap(), "called");
        desk.stage.host.unload(plugin).unwrap();
    }
}

#[test]
fn variables_are_typed_by_their_initial_value() {
    let desk = Desk::new();
    let plugin = desk
        .load(
            "types.lua",
            "return { n = 1, f = 1.5, s = '', b = false, bytes = '\\xff', empty = {}, list = {1, 2}, \
             mixed = {1, 'a'}, map = {[5] = 1}, deep = { a = { b = 'x' } }, co = coroutine.create(print) }",
        )
        .unwrap();
    let exports: Vec<_> =
        plugin.descriptor().exports.iter().map(|e| format!("{}: {}", e.name, e.ty)).collect();
    assert_eq!(
        exports,
        [
            "b: bool",
            "bytes: bytes",
            "deep: { a: { b: string } }",
            "empty: any",
            "f: number",
            "list: list<number>",
            "map: map<any>",
            "mixed: list<any>",
            "n: number",
            "s: string",
        ]
    );
    assert_eq!(
        message(plugin.var::<Value>("s").unwrap().set(1.into())),
        "plugin `types`: `s`: expected string, got int"
    );
    plugin.var("empty").unwrap().set(vec![1, 2]).unwrap();
    assert_eq!(plugin.var::<Vec<i64>>("empty").unwrap().get().unwrap(), [1, 2]);
}

#[data]
#[derive(Clone, Debug, Default, PartialEq)]
struct Few {
    a: Option<i64>,
    list: Vec<i64>,
    inner: Option<Box<Few>>,
}

#[data]
#[derive(Clone, Debug, Default, PartialEq)]
struct Many {
    a: i64,
    b: String,
    c: f64,
    d: bool,
    e: Option<i64>,
    f: Few,
    g: Vec<String>,
}

#[test]
fn a_table_that_is_set_is_the_same_one_with_just_what_was_set() {
    let desk = Desk::new();
    let text = "\
local kept = {}
local M = { V = host.any(kept) }
function M.Begin()
  for key in pairs(kept) do kept[key] = nil end
  kept.a, kept.z, kept[1], kept[0.5], kept[kept] = 1, 2, 3, 4, 5
end
function M.Keys()
  local keys = {}
  for key in pairs(kept) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  return table.concat(keys, ' ')
end
return M";
    let plugin = desk.load("sets.lua", text).unwrap();
    let begin = plugin.func::<(), ()>("Begin").unwrap();
    let keys = plugin.func::<(), String>("Keys").unwrap();
    fn check<T: Data + Clone + PartialEq + std::fmt::Debug>(
        plugin: &PluginRef,
        value: &T,
    ) -> twinplug::Result<()> {
        let var = plugin.var::<T>("V")?;
        var.set(value.clone())?;
        assert_eq!(var.get()?, *value);
        Ok(())
    }
    // Twice from the start, so that all there is is known, and once more into what is there.
    for step in ["begin", "begin", "go on"] {
        let keys_of = |set: twinplug::Result<()>| {
            set.unwrap();
            let there = keys.call(()).unwrap();
            if step == "begin" {
                begin.call(()).unwrap();
            }
            there
        };
        begin.call(()).unwrap();
        let few = Few { list: vec![7], ..Few::default() };
        assert_eq!(keys_of(check(&plugin, &few)), "list");
        let full = Few { a: Some(1), list: vec![], inner: Some(Box::new(few.clone())) };
        assert_eq!(keys_of(check(&plugin, &full)), "a inner list");
        let many = Many { f: full, g: vec!["x".to_owned()], ..Many::default() };
        assert_eq!(keys_of(check(&plugin, &many)), "a b c d f g");
        let names = |count: i64| (0..count).map(|n| (format!("n{n}"), n)).collect();
        let two: BTreeMap<String, i64> = names(2);
        assert_eq!(keys_of(check(&plugin, &two)), "n0 n1");
        let forty: BTreeMap<String, i64> = names(40);
        assert_eq!(keys_of(check(&plugin, &forty)).split(' ').count(), 40);
        assert_eq!(keys_of(check(&plugin, &few)), "list");
        assert_eq!(keys_of(check(&plugin, &BTreeMap::from([(3_i64, true)]))), "3");
        assert_eq!(keys_of(check(&plugin, &Vec::<bool>::new())), "");
    }
}

#[test]
fn what_cannot_cross_is_refused_by_name() {
    let desk = Desk::new();
    let plugin = desk
        .load(
            "odd.lua",
            "local M = {}\nfunction M.Thread() return coroutine.create(print) end\nfunction M.Nested() return { a = { coroutine.create(print) } } end\n\
             function M.Loop() local t = {} t.t = t return t end\nfunction M.Key() return { [1.5] = 1 } end\n\
             function M.Two() return 1, 2 end\nfunction M.None() end\nreturn M",
        )
        .unwrap();
    let call = |name: &str| message(plugin.call(name, ()));
    assert_eq!(call("Thread"), "plugin `odd`: `Thread`: result: a coroutine cannot cross");
    assert_eq!(call("Nested"), "plugin `odd`: `Nested`: result: `a[0]`: a coroutine cannot cross");
    assert!(call("Loop").ends_with("deeper than 128 levels"), "{}", call("Loop"));
    assert_eq!(
        call("Key"),
        "plugin `odd`: `Key`: result: a map's key must be text or an integer, got number"
    );
    assert_eq!(call("Two"), "plugin `odd`: `Two`: expected 1 result, got 2");
    assert_eq!(plugin.call("None", ()).unwrap(), Value::Null);
}

#[test]
fn errors_keep_what_was_thrown() {
    let desk = Desk::new();
    let plugin = desk
        .load(
            "throws.lua",
            "local M = {}\n\
             local function inner() error { code = 7, message = 'no key' } end\n\
             function M.Table() inner() end\n\
             function M.Nil() error() end\n\
             function M.Custom() error(setmetatable({}, { __tostring = function() return 'custom' end })) end\n\
             function M.Caught() local ok, text = pcall(host.refuse) return text end\n\
             function M.Deep() return M.Deep() + 1 end\n\
             return M",
        )
        .unwrap();
    let error = plugin.call("Table", ()).unwrap_err();
    assert_eq!(error.to_string(), "plugin `throws`: `Table`: no key");
    let payload = error.payload().unwrap().to::<twinplug::Map>().unwrap();
    assert_eq!(payload.get(&"code".into()), Some(&Value::Int(7)));
    let traceback: Vec<_> = error.traceback().unwrap().lines().collect();
    assert_eq!(traceback[0], THROWN);
    assert!(traceback[1].starts_with("throws.lua:2: in"), "{traceback:?}");
    assert!(traceback[2].starts_with("throws.lua:3: in"), "{traceback:?}");
    assert_eq!(traceback.len(), 3, "{traceback:?}");
    assert_eq!(
        message(plugin.call("Nil", ())),
        "plugin `throws`: `Nil`: an error without a message"
    );
    assert_eq!(message(plugin.call("Custom", ())), "plugin `throws`: `Custom`: custom");
    assert_eq!(
        plugin.call("Caught", ()).unwrap(),
        Value::Str("host function `refuse`: the host will not".into())
    );
    let deep = plugin.call("Deep", ()).unwrap_err();
    assert!(deep.to_string().contains("stack overflow"), "{deep}");
    let traceback: Vec<_> = deep.traceback().unwrap().lines().collect();
    let (last, calls) = traceback.split_last().unwrap();
    assert!(calls.len() > 10, "{traceback:?}");
    assert!(calls.iter().all(|call| *call == "throws.lua:7: in function 'Deep'"), "{traceback:?}");
    assert_eq!(*last, "...");
    assert_eq!(
        message(plugin.call("Nil", ())),
        "plugin `throws`: `Nil`: an error without a message"
    );
}

#[test]
fn the_host_table_is_read_only_and_names_what_is_near() {
    let desk = Desk::new();
    let plugin = desk
        .load(
            "reader.lua",
            &"local M = {}\n\
             function M.Set() host.scale = 1 end\n\
             function M.SetGroup() host.world.ask = 1 end\n\
             function M.Near() return host.world.aks end\n\
             function M.Meta() return tostring(getmetatable(host)) end\n\
             function M.Names() local names = {} for name in LISTED do names[#names + 1] = name end table.sort(names) return table.concat(names, ' ') end\n\
             function M.Self() host.channel('numbers').send(5) end\n\
             return M".replace("LISTED", flavoured("pairs(host)", "pairs(host)", "host")),
        )
        .unwrap();
    let call = |name: &str| message(plugin.call(name, ()));
    assert_eq!(
        call("Set"),
        "plugin `reader`: `Set`: reader.lua:2: cannot set `host.scale`: the host table is read-only"
    );
    assert_eq!(
        call("SetGroup"),
        "plugin `reader`: `SetGroup`: reader.lua:3: cannot set `host.world.ask`: the host table is read-only"
    );
    assert_eq!(
        call("Near"),
        "plugin `reader`: `Near`: reader.lua:4: `host.world` has no `aks`; near: `ask`"
    );
    assert_eq!(plugin.call("Meta", ()).unwrap(), Value::Str("false".into()));
    let names = "any blow buffer channel config has has_plugin list log null object on plugin refuse register scale state world";
    match cfg!(feature = "luajit") {
        // Its `pairs` asks no metatable.
        true => assert!(call("Names").contains("bad argument #1 to 'pairs'"), "{}", call("Names")),
        false => assert_eq!(plugin.call("Names", ()).unwrap(), Value::Str(names.into())),
    }
    assert_eq!(
        call("Self"),
        "plugin `reader`: `Self`: reader.lua:7: not a channel: call its methods with `:`"
    );
}

#[test]
fn scripts_have_no_files_processes_or_bytecode() {
    let desk = Desk::new();
    let plugin = desk
        .load(
            "reach.lua",
            "function Reach(name) local at = _G for part in name:gmatch('[^.]+') do at = at and at[part] end return at ~= nil end\n\
             function Bytecode() return (load(string.char(27) .. 'Lua')) == nil end\n\
             function Environment() load('Leaked = 1')() return Leaked end",
        )
        .unwrap();
    for name in [
        "io",
        "package",
        "debug",
        "dofile",
        "loadfile",
        "os.execute",
        "os.exit",
        "os.getenv",
        "os.remove",
        "os.rename",
        "os.tmpname",
        "os.setlocale",
        "string.dump",
    ] {
        assert_eq!(plugin.call("Reach", (name,)).unwrap(), Value::Bool(false), "{name}");
    }
    for name in ["getfenv", "setfenv", "newproxy", "gcinfo", "module", "ffi", "jit"] {
        assert_eq!(plugin.call("Reach", (name,)).unwrap(), Value::Bool(false), "{name}");
    }
    let utf8 = flavoured("utf8.char", "string.char", "utf8.char");
    for name in ["require", "os.time", "string.format", "table.concat", utf8, "coroutine.wrap"] {
        assert_eq!(plugin.call("Reach", (name,)).unwrap(), Value::Bool(true), "{name}");
    }
    // Luau compiles nothing at run time.
    let has_load = flavoured(true, true, false);
    assert_eq!(plugin.call("Reach", ("load",)).unwrap(), Value::Bool(has_load));
    assert_eq!(plugin.call("Reach", ("loadstring",)).unwrap(), Value::Bool(has_load));
    if has_load {
        assert_eq!(plugin.call("Bytecode", ()).unwrap(), Value::Bool(true));
        assert_eq!(plugin.call("Environment", ()).unwrap(), Value::Int(1));
    }
}

#[test]
fn a_folder_is_a_plugin_through_its_init() {
    let desk = Desk::new();
    std::fs::create_dir(desk.folder.path().join("clock")).unwrap();
    desk.write("clock/init.lua", "Now = 5");
    let plugin = desk.stage.host.load(desk.folder.path().join("clock")).unwrap();
    assert_eq!(plugin.name(), "clock");
    let folder = desk.folder.path().join("quick");
    desk.write("quick.lua", "");
    assert_eq!(desk.stage.host.load(folder).unwrap().name(), "quick");
}

#[test]
fn a_script_may_register_later() {
    let desk = Desk::new();
    let plugin = desk
        .load(
            "late.lua",
            "function Open() host.register { Door = function() return 'open' end } end",
        )
        .unwrap();
    assert_eq!(message(plugin.lookup("Door")), "plugin `late`: no symbol `Door`");
    plugin.call("Open", ()).unwrap();
    assert_eq!(plugin.call("Door", ()).unwrap(), Value::Str("open".into()));
    let again = message(plugin.call("Open", ()));
    assert_eq!(again, "plugin `late`: `Open`: late.lua:1: `Door` is exported twice");
}

#[test]
fn yielding_outside_of_a_coroutine_is_an_error() {
    let desk = Desk::new();
    let plugin = desk
        .load(
            "yields.lua",
            "function Yield() coroutine.yield(1) end\n\
             function Inner() local co = coroutine.wrap(function() coroutine.yield(1) return 2 end) return co() + co() end",
        )
        .unwrap();
    assert_eq!(
        message(plugin.call("Yield", ())),
        "plugin `yields`: `Yield`: attempt to yield from outside a coroutine"
    );
    assert_eq!(plugin.call("Inner", ()).unwrap(), Value::Int(3));
}

#[test]
fn finalizers_and_the_coroutines_of_calls_are_out_of_reach() {
    let desk = Desk::new();
    let plugin = desk
        .load(
            "finalize.lua",
            "local call\n\
             function Finalize() setmetatable({}, { __gc = function() end }) end\n\
             Begun = false\n\
             function Keep() Begun, call = true, coroutine.running() local got = host.channel('numbers'):recv() return got end\n\
             function Resume() local ok, text = coroutine.resume(call, true, false, 1) return text end\n\
             function Close() coroutine.close(call) end\n\
             function Weak() return getmetatable(setmetatable({}, { __mode = 'k' })).__mode end",
        )
        .unwrap();
    match cfg!(feature = "luau") {
        // It has none.
        true => assert_eq!(plugin.call("Finalize", ()).unwrap(), Value::Null),
        false => assert_eq!(
            message(plugin.call("Finalize", ())),
            "plugin `finalize`: `Finalize`: finalize.lua:2: setmetatable: a metatable with `__gc` is not allowed here"
        ),
    }
    assert_eq!(plugin.call("Weak", ()).unwrap(), Value::Str("k".into()));
    let keep = plugin.func::<(), i64>("Keep").unwrap();
    let worker = std::thread::spawn(move || keep.call(()));
    let begun = plugin.var::<bool>("Begun").unwrap();
    while !begun.get().unwrap() {
        std::thread::yield_now();
    }
    // In LuaJIT and Luau the main coroutine is nil: a script has nothing to resume.
    if !cfg!(any(feature = "luajit", feature = "luau")) {
        let refused = Value::Str("cannot resume the coroutine of a call".into());
        assert_eq!(plugin.call("Resume", ()).unwrap(), refused);
        assert_eq!(
            message(plugin.call("Close", ())),
            "plugin `finalize`: `Close`: finalize.lua:6: cannot close the coroutine of a call"
        );
    }
    desk.stage.host.channel::<i64>("numbers").unwrap().send(8).unwrap();
    assert_eq!(worker.join().unwrap().unwrap(), 8);
}

#[test]
fn what_only_has_an_effect_gives_nothing() {
    let text = "return { f = function()
        return select('#', print('a')), select('#', host.log('a')), select('#', host.register {})
    end }";
    let desk = Desk::new();
    let plugin = desk.load("effects.lua", text).unwrap();
    let counts = plugin.func::<(), (i64, i64, i64)>("f").unwrap();
    assert_eq!(counts.call(()).unwrap(), (0, 0, 0));
}

#[test]
fn a_panic_in_the_output_is_the_calls_error() {
    let stage = Stage::with(|builder| builder.output(|_, _| panic!("no paper")));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("speaks.lua");
    std::fs::write(&path, "function Speak() print(1) end").unwrap();
    let plugin = stage.host.load(path).unwrap();
    for _ in 0..2 {
        assert_eq!(
            message(plugin.call("Speak", ())),
            "plugin `speaks`: `Speak`: speaks.lua:1: panicked: no paper"
        );
    }
}
