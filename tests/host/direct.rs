//! A script that does no more with `host` than to name what is in it gets at that without a
//! detour. It cannot tell, and nobody who does more can write to it.

use twinplug::{Host, PluginRef};

const PART: &str = "return { triple = function(x) return host.triple(x) end }";

fn host() -> Host {
    Host::builder()
        .function("triple", |x: i64| 3 * x)
        .function("world.scale", |x: f64, by: f64| x * by)
        .constant("world.SIZE", 5)
        .channel::<i64>("numbers", 1)
        .build()
        .unwrap()
}

fn load(host: &Host, files: &[(&str, &str)]) -> PluginRef {
    host.load_files("plain", files.iter().copied()).unwrap()
}

fn call(plugin: &PluginRef, name: &str) -> Result<String, String> {
    let called = plugin.func::<(), String>(name).unwrap().call(());
    called.map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
}

#[test]
fn a_script_finds_all_of_it() {
    let host = host();
    let script = r#"
local part = require "part"
local M = {}
host.register { Late = function() return tostring(host.triple(4)) end }
function M.Use()
  local numbers = host.channel("numbers")
  numbers:send(host.triple(1) + part.triple(2))
  local got = numbers:recv()
  return string.format("%d %g %d", got, host.world.scale(2, 1.5), host.world.SIZE)
end
function M.Misspelt() return host.tripple(1) end
function M.Group() return host.world.scales(1, 2) end
function M.Wrong() return tostring(host.triple("x")) end
function M.Sets() host.world.SIZE = 6 return "" end
return M
"#;
    let plugin = load(&host, &[("init.lua", script), ("part.lua", PART)]);
    for _ in 0..2 {
        assert_eq!(call(&plugin, "Use").unwrap(), "9 3 5");
        assert_eq!(call(&plugin, "Late").unwrap(), "12");
    }
    let misspelt = call(&plugin, "Misspelt").unwrap_err();
    assert!(
        misspelt.contains("init.lua:11: `host` has no `tripple`; near: `triple`"),
        "{misspelt}"
    );
    let group = call(&plugin, "Group").unwrap_err();
    assert!(group.contains("init.lua:12: `host.world` has no `scales`; near: `scale`"), "{group}");
    let wrong = call(&plugin, "Wrong").unwrap_err();
    assert!(wrong.contains("host function `triple`") && wrong.contains("expected int"), "{wrong}");
    let sets = call(&plugin, "Sets").unwrap_err();
    assert!(sets.contains("cannot set `host.world.SIZE`"), "{sets}");
}

/// What a module does with `host` that is required when the script has its table already.
fn module_does(text: &str) -> (PluginRef, Host) {
    let script = r#"
local M = {}
function M.Triple() return tostring(host.triple(2)) end
function M.Use() return tostring(require("more")()) end
return M
"#;
    let host = host();
    // Luau has no `__pairs`.
    let pairs = if cfg!(feature = "luau") { "host" } else { "pairs(host)" };
    let module = format!("return function()\n{}\nend", text.replace("HOST_PAIRS", pairs));
    let plugin = load(&host, &[("init.lua", script), ("more.lua", &module)]);
    assert_eq!(call(&plugin, "Triple").unwrap(), "6");
    (plugin, host)
}

#[test]
fn a_module_that_does_more_finds_it_sealed() {
    for (text, expected) in [
        ("return type(host)", "userdata"),
        ("return type(_G.host)", "userdata"),
        ("local r = require return type(r('_G').host)", "userdata"),
        ("return getmetatable(host)", "false"),
        ("local n = 0 for k in HOST_PAIRS do n = n + (k == 'triple' and 1 or 0) end return n", "1"),
        (
            "return select(2, pcall(rawset, host, 'triple', print)):match('table expected') or ''",
            "table expected",
        ),
    ] {
        // It has no `__pairs`.
        if cfg!(feature = "luajit") && text.contains("HOST_PAIRS") {
            continue;
        }
        let (plugin, _host) = module_does(text);
        for _ in 0..2 {
            let got = call(&plugin, "Use").unwrap();
            assert_eq!(got, expected, "{text}");
            assert_eq!(call(&plugin, "Triple").unwrap(), "6");
        }
    }
    for text in [
        "host.triple = function() return 1 end",
        "local x x, host.triple = 1, 2",
        "local h = host h.triple = 1",
        "function host.triple() return 1 end",
    ] {
        let (plugin, _host) = module_does(text);
        let error = call(&plugin, "Use").unwrap_err();
        assert!(error.contains("cannot set `host.triple`: the host table is read-only"), "{error}");
        assert_eq!(call(&plugin, "Triple").unwrap(), "6");
    }
}

#[test]
fn what_a_script_exports_of_its_globals_is_its_own() {
    let host = host();
    let plugin =
        host.load_source("plain", "function Triple() return tostring(host.triple(2)) end").unwrap();
    assert_eq!(call(&plugin, "Triple").unwrap(), "6");
    let exports: Vec<_> =
        plugin.descriptor().exports.iter().map(|export| export.name.clone()).collect();
    assert_eq!(exports, ["Triple"]);
}
