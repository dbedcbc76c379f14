//! Much of what scripts run on top of is made once they ask for it. They cannot tell, and
//! whatever ends a script meanwhile leaves nothing broken behind.

use std::sync::{Arc, OnceLock};

#[cfg(not(feature = "luajit"))]
use twinplug::Limit;
use twinplug::{Host, PluginRef};

/// Uses all of it, and answers what is wrong.
const USES: &str = r#"
local M = {}
local held = {}

function M.Take(bytes) held[#held + 1] = ("x"):rep(bytes - 8) .. #held end

function M.Free(count)
  for _ = 1, count do held[#held] = nil end
end

-- Each of the calls keeps its coroutine for later ones.
function M.Nest(depth)
  if depth > 0 then host.nest(depth - 1) end
end

function M.Clear() held = nil end

local function use_coroutines()
  local before = coroutine.running()
  local resumed = coroutine.wrap(function(a)
    assert(coroutine.running() ~= before)
    return coroutine.yield(a + 1)
  end)
  assert(resumed(1) == 2 and resumed("over") == "over")
  assert(select(2, coroutine.resume(coroutine.create(error), "no")) == "no")
end

local function use_modules()
  assert(require("part").value == 42 and require("coroutine") == coroutine)
  assert(require("_G") == _G and require("string") == string)
end

local function use_host()
  assert(host.has("log.info") and host.has("world.scale") and host.world.scale(2, 3) == 6)
  local numbers = host.channel("numbers")
  numbers:send(3)
  assert(numbers:recv() == 3)
  host.log("used")
  assert(host.any and host.buffer and host.has_plugin and host.list and host.object)
  assert(host.on and host.plugin and host.register and host.state)
  print("used")
end

function M.Use()
  local ok, message = pcall(error, "caught", 0)
  assert(not ok and message == "caught")
  ok, message = xpcall(error, function(thrown) return thrown .. "!" end, "caught", 0)
  assert(not ok and message == "caught!")
  local object = setmetatable({}, { __index = function(_, name) return name end })
  assert(object.name == "name" and type(getmetatable(object).__index) == "function")
  if load then assert(load("return 7")() == 7 and loadstring == load) end
  assert(collectgarbage("count") > 0)
  assert(("a b"):gsub("%w", function(letter) return letter .. letter end) == "aa bb")
  use_coroutines()
  use_modules()
  use_host()
end

return M
"#;

#[cfg(not(feature = "luajit"))]
const MEMORY: usize = 2 << 20;

/// So many small texts more are let go each time; Luau takes memory in pages, and needs more.
#[cfg(not(feature = "luajit"))]
const STEP: usize = if cfg!(feature = "luau") { 64 } else { 3 };

fn load(memory: usize) -> (Host, PluginRef) {
    let own = Arc::new(OnceLock::<PluginRef>::new());
    let nested = Arc::clone(&own);
    let nest = move |depth: i64| nested.get().unwrap().call("Nest", (depth,)).map(drop);
    let host = Host::builder()
        .function("nest", nest)
        .memory_limit(memory)
        .channel::<i64>("numbers", 1)
        .function("world.scale", |x: f64, by: f64| x * by)
        .output(|_, _| {})
        .build()
        .unwrap();
    let files = [("init.lua", USES), ("part.lua", "return { value = 42 }")];
    let plugin = host.load_files("uses", files).unwrap();
    own.set(plugin.clone()).unwrap();
    (host, plugin)
}

/// Takes memory until there is none left.
#[cfg(not(feature = "luajit"))]
fn fill(plugin: &PluginRef) {
    let take = plugin.func::<(usize,), ()>("Take").unwrap();
    for bytes in [1 << 16, 1 << 12, 1 << 8, 1 << 7] {
        while take.call((bytes,)).is_ok() {}
    }
}

/// Asks for too much: then what is not held any more is collected.
#[cfg(not(feature = "luajit"))]
fn collect(plugin: &PluginRef) {
    plugin.call("Take", (MEMORY,)).unwrap_err();
}

/// Not on LuaJIT: where it finds no memory for the upvalues of a function it loses count of its
/// memory, over which it ends a process that is built for debugging.
#[cfg(not(feature = "luajit"))]
#[test]
fn what_runs_out_of_memory_is_made_the_next_time() {
    let mut cut = 0;
    for freed in 0..400 {
        let (host, plugin) = load(MEMORY);
        plugin.call("Nest", (6,)).unwrap();
        fill(&plugin);
        plugin.call("Free", (freed * STEP,)).unwrap();
        collect(&plugin);
        let used = plugin.call("Use", ());
        let is_through = used.is_ok();
        if let Err(error) = used {
            assert_eq!(error.limit(), Some(Limit::Memory(MEMORY)), "{freed}: {error:?}");
            cut += 1;
        }
        plugin.call("Clear", ()).unwrap();
        collect(&plugin);
        // In some flavours what was held is collected by the next one that finds no memory.
        let _ = plugin.call("Use", ());
        for _ in 0..2 {
            plugin.call("Use", ()).unwrap_or_else(|error| panic!("{freed}: {error:?}"));
        }
        host.unload(plugin).unwrap();
        if is_through {
            assert!(cut > 10 || cfg!(feature = "luau"), "{cut}");
            return;
        }
    }
    panic!("never through");
}

/// Where memory runs out as it is put into the `host` table, it is there the next time. The part of the
/// prelude that makes it has run before; the steps are small enough on Lua 5.4.
#[cfg(feature = "lua54")]
#[test]
fn what_is_built_into_host_is_not_lost() {
    const FEW: usize = 400 << 10;
    let script = |name: &str, before: &str| {
        format!(
            "local held, filled, host = {{}}, 0, host
             for at = 1, 10000 do held[at] = false end
             local _ = host.{before}
             function Take(bytes)
               local text = ('x'):rep(bytes - 8) .. filled
               filled = filled + 1
               held[filled] = text
             end
             function Free(count)
               for _ = 1, count do held[filled] = false filled = filled - 1 end
             end
             function Clear() for at = 1, filled do held[at] = false end filled = 0 end
             function Ask() return host.{name} ~= nil end"
        )
    };
    let pairs = [
        ("register", "any"),
        ("register", "state"),
        ("any", "register"),
        ("buffer", "list"),
        ("list", "object"),
        ("plugin", "has_plugin"),
    ];
    let mut cut = 0;
    for (before, name) in pairs {
        for freed in 0..30 {
            let host = Host::builder().memory_limit(FEW).build().unwrap();
            let plugin = host.load_source("asks", script(name, before)).unwrap();
            let take = plugin.func::<(usize,), ()>("Take").unwrap();
            for bytes in [1 << 14, 1 << 10, 1 << 8, 1 << 7, 40] {
                while take.call((bytes,)).is_ok() {}
            }
            // What is let go is collected by who finds no memory.
            plugin.call("Free", (freed,)).unwrap();
            take.call((FEW,)).unwrap_err();
            let ask = plugin.func::<(), bool>("Ask").unwrap();
            let is_cut = ask.call(()).is_err();
            // There may be too little left to call it at all.
            if plugin.call("Clear", ()).is_err() {
                continue;
            }
            cut += usize::from(is_cut);
            take.call((FEW,)).unwrap_err();
            assert!(ask.call(()).unwrap(), "`{name}` after `{before}`: {freed}");
        }
    }
    assert!(cut > 4, "{cut}");
}

/// Whatever it names: it may be required in the middle of a loop over them.
#[test]
fn a_module_adds_nothing_to_the_globals() {
    let script = "local function count() local n = 0 for _ in next, _G do n = n + 1 end return n end\n\
                  local before = count()\n\
                  require('part')\n\
                  Added = count() - before";
    let part = "-- print pcall xpcall utf8 collectgarbage\nreturn { print, xpcall }";
    let host = Host::builder().build().unwrap();
    let plugin = host.load_files("counts", [("init.lua", script), ("part.lua", part)]).unwrap();
    assert_eq!(plugin.var::<i64>("Added").unwrap().get().unwrap(), 0);
}

#[test]
fn a_script_cannot_tell() {
    let (host, _plugin) = load(64 << 20);
    let check = |text: &str| {
        let plugin = host.load_source("tells", format!("function Tell() {text} end")).unwrap();
        assert!(plugin.func::<(), bool>("Tell").unwrap().call(()).unwrap(), "{text}");
        host.unload(plugin).unwrap();
    };
    // Where Luau finds names as it loads a chunk, the globals are what a script puts there.
    if cfg!(all(feature = "luau", not(feature = "luau-jit"))) {
        check(
            "for name in pairs(_G) do if name ~= '_G' and name ~= 'Tell' then return false end end return true",
        );
        check("return rawget(_G, 'pcall') == nil");
    } else {
        check(
            "local found = {} for name, value in pairs(_G) do found[name] = value end \
             return found.Tell == Tell and found.xpcall == xpcall and found.string == string and found.math == math \
             and found.host == host and found._G == _G",
        );
        check("return rawget(_G, 'pcall') == pcall");
    }
    check("local wrap = coroutine.wrap return type(wrap) == 'function' and wrap == coroutine.wrap");
    check("return pcall == pcall and print == _G['print'] and _G['xpc' .. 'all'] ~= nil");
    check("pcall = 5 return pcall == 5 and rawget(_G, 'pcall') == 5");
    check("host = nil return host ~= nil");
    check("return getmetatable(_G) == getmetatable(_G) and next(getmetatable(_G)) == nil");
    check("return nothing == nil and _G[1] == nil and _G[true] == nil");
}

/// Who makes globals strict is asked for those alone that there are not.
#[test]
fn strict_globals_have_what_was_not_asked_for_yet() {
    let (host, _plugin) = load(64 << 20);
    let everywhere = ["collectgarbage", "coroutine", "host", "pcall", "print", "require", "xpcall"];
    let elsewhere = if cfg!(feature = "luau") { &["math"][..] } else { &["load", "loadstring"] };
    for name in everywhere.iter().chain(elsewhere) {
        let text = format!(
            "setmetatable(_G, {{\n\
               __index = function(_, name) error('no ' .. name, 0) end,\n\
               __newindex = function(_, name) error('new ' .. name, 0) end,\n\
             }})\n\
             local M = {{}}\n\
             function M.Get() return {name} ~= nil end\n\
             function M.Set() {name} = 1 return {name} == 1 end\n\
             function M.Miss() return missing end\n\
             function M.Add() added = 1 end\n\
             return M"
        );
        for function in ["Get", "Set"] {
            let plugin = host.load_source("strict", text.as_str()).unwrap();
            assert!(plugin.func::<(), bool>(function).unwrap().call(()).unwrap(), "{name}");
            let fails = |function| plugin.call(function, ()).unwrap_err().to_string();
            assert_eq!(fails("Miss"), "plugin `strict`: `Miss`: no missing");
            assert_eq!(fails("Add"), "plugin `strict`: `Add`: new added");
            host.unload(plugin).unwrap();
        }
    }
}
