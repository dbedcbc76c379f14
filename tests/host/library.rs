//! What scripts put into the library that they run on, and when: whatever a flavour does to find
//! the library's functions quickly, a script calls what it has put there.

use tempfile::TempDir;
use twinplug::{PluginRef, Value};

use crate::twins::{Stage, message};

/// A script `library.lua`, a module `part` of it, and its `host.config`.
struct Desk {
    _folder: TempDir,
    _stage: Stage,
    plugin: PluginRef,
}

impl Desk {
    fn new(script: &str, part: &str) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        write("library/part.lua", part);
        let config = [("speed".to_owned(), Value::Int(1))];
        let stage = Stage::with(|builder| {
            builder
                .config("library", std::collections::BTreeMap::from(config))
                .constant("SIZES", vec![1_i64, 2])
        });
        let plugin = stage.host.load(write("library.lua", script)).unwrap();
        Desk { _folder: folder, _stage: stage, plugin }
    }
}

/// What `f` gives, called twice.
#[track_caller]
fn check(script: &str, part: &str, expected: [&str; 2]) {
    let desk = Desk::new(script, part);
    let f = desk.plugin.func::<(), String>("f").unwrap();
    assert_eq!([f.call(()).unwrap(), f.call(()).unwrap()], expected, "{script}");
}

#[test]
fn what_the_body_replaces_is_replaced() {
    let floors = "function f() return tostring(math.floor(1.5)) end";
    check(floors, "", ["1", "1"]);
    check(&format!("math.floor = function() return 'mine' end {floors}"), "", ["mine", "mine"]);
    check(&format!("local m = math\nm.floor = math.ceil {floors}"), "", ["2", "2"]);
    check(&format!("math.floor, math.ceil = math.ceil, math.floor {floors}"), "", ["2", "2"]);
    check(&format!("setmetatable(math, {{ __index = string }}) {floors}"), "", ["1", "1"]);
    check(&format!("math.floor = nil math.floor = math.ceil {floors}"), "", ["2", "2"]);
    let types = "function f() return type(1) end";
    check(&format!("{types} type = function() return 'mine' end"), "", ["mine", "mine"]);
    check(&format!("_G.type = function() return 'mine' end {types}"), "", ["mine", "mine"]);
    check(&format!("rawset(_G, 'type', tostring) {types}"), "", ["1", "1"]);
    check(&format!("require 'part' {types}"), "type = function() return 'part' end", ["part"; 2]);
    check(
        "host = { f = function() return 'mine' end } function f() return host.f() end",
        "",
        ["mine"; 2],
    );
    // In the middle of loops that a flavour may go through by itself.
    let pairs =
        "function f() local s = '' for k, v in pairs { 5 } do s = s .. k .. v end return s end";
    check(pairs, "", ["15", "15"]);
    check(
        &format!("{pairs} require 'part'"),
        "pairs = function() return next, { 6 } end",
        ["16"; 2],
    );
}

#[test]
fn a_module_calls_what_is_there_as_it_calls() {
    let floors = "return function() return tostring(math.floor(1.5)) end";
    let calls = "local part = require 'part' function f() return part() end";
    check(calls, floors, ["1", "1"]);
    // Replaced before it was loaded, and put back.
    let script = "local floor = math.floor\n\
                  math.floor = function() return 'other' end\n\
                  local part = require 'part'\n\
                  math.floor = floor\n\
                  function f() return part() end";
    check(script, floors, ["1", "1"]);
    // Replaced once it was.
    check(&format!("{calls} math.floor = math.ceil"), floors, ["2", "2"]);
    // By a module that is loaded as late as that.
    let script = "function f() local before = math.floor(1.5) require 'part' return before .. math.floor(1.5) end";
    check(script, "math.floor = math.ceil", ["12", "22"]);
    let part =
        "table.unpack = table.unpack or unpack function string.own() end math.own = math.own or 1";
    let script = "function f() require 'part' string.own() return tostring(math.own) end";
    check(script, part, ["1", "1"]);
    // A coroutine's functions are made once they are asked for.
    let status = "return function() return coroutine.status(coroutine.create(print)) end";
    let script = "local create = coroutine.create\n\
                  local part = require 'part'\n\
                  coroutine.status = function() return 'mine' end\n\
                  function f() return part() end";
    check(script, status, ["mine", "mine"]);
}

#[test]
fn a_script_may_add_to_the_library_at_any_time() {
    let trim = "function string.trim(s) return (s:gsub('^ +', '')) end";
    check(
        &format!("{trim} function f() return (' a'):trim() .. math.floor(1.5) end"),
        "",
        ["a1"; 2],
    );
    check("require 'part' function f() return string.trim(' a') end", trim, ["a", "a"]);
    check(
        &format!("function f() if not string.trim then {trim} end return string.trim(' a') end"),
        "",
        ["a", "a"],
    );
    check("function f() require 'part' return (' a'):trim() end", trim, ["a", "a"]);
    check(
        "function f() if not coroutine.own then coroutine.own = function() return 'own' end end return coroutine.own() end",
        "",
        ["own", "own"],
    );
    // What it has added it may change as long as its body runs.
    let script = "string.own = function() return 'first' end\n\
                  local part = require 'part'\n\
                  string.own = function() return 'second' end\n\
                  function f() return part() end";
    check(script, "return function() return string.own() end", ["second", "second"]);
}

#[test]
fn a_global_that_is_set_later_takes_the_place_of_the_librarys() {
    let script = "local part = require 'part'\n\
                  function f() local before = part() _G.type = function() return 'mine' end return before end";
    check(script, "return function() return type(1) end", ["number", "mine"]);
    let script = "local part = require 'part'\n\
                  local meta = getmetatable(_G)\n\
                  meta.__newindex = function(t, k, v) rawset(t, k, v) end\n\
                  function f() local before = part() _G.print = 5 _G.type = function() return 'mine' end return before end";
    check(script, "return function() return type(1) end", ["number", "mine"]);
    // One that the library makes once it is asked for.
    let script = "local part = require 'part'\n\
                  function f() local before = part() _G.pcall = function() return 'mine' end return before end";
    check(script, "return function() return tostring((pcall(type, 1))) end", ["true", "mine"]);
}

#[test]
fn values_of_the_host_are_those_of_now() {
    let script = "local part = require 'part'\n\
                  function f() local before = part() host.config.speed = 2 return before end";
    let part = "return function() return tostring(host.config.speed) end";
    check(script, part, ["1", "2"]);
    let script = "local part = require 'part'\n\
                  function f() local before = part() host.SIZES[1] = 5 return before end";
    check(script, "return function() return tostring(host.SIZES[1]) end", ["1", "5"]);
    let script = "local part = require 'part'\n\
                  function f() local before = part() host.SIZES.x = 5 return before end";
    check(script, "return function() return tostring(host.SIZES.x) end", ["nil", "5"]);
    let script = "local part = require 'part'\n\
                  function f() return part() .. tostring(host.scale(2, 3) == 6) end";
    let part =
        "return function() return tostring(host.world.ask() == 42 and host.has('config')) end";
    check(script, part, ["truetrue", "truetrue"]);
    // The same object, wherever it is found, and as closed as ever.
    let script = "local part = require 'part'\n\
                  function f() return tostring(part() == host and not pcall(part, true)) end";
    let part = "return function(write) if write then host.scale = 5 end return host end";
    check(script, part, ["true", "true"]);
}

#[test]
fn a_name_that_the_host_has_not_is_an_error_when_it_is_used() {
    let desk = Desk::new("function f() return host.wrld.ask() end", "");
    let f = desk.plugin.func::<(), String>("f").unwrap();
    let expected = "plugin `library`: `f`: library.lua:1: `host` has no `wrld`; near: `world`";
    assert_eq!(message(f.call(())), expected);
}

#[test]
fn globals_keep_their_metatable() {
    // Also where the script has added to the library, and asks for the metatable later.
    let script = "function string.own() end\n\
                  function f()\n\
                    getmetatable(_G).__index = function(_, name) return name end\n\
                    return nope\n\
                  end";
    check(script, "", ["nope", "nope"]);
    let script = "function f()\n\
                    local meta = getmetatable(_G)\n\
                    assert(rawget(meta, '__index') == nil and getmetatable('') == false)\n\
                    return type(meta)\n\
                  end";
    check(script, "", ["table", "table"]);
    check(&format!("function string.own() end {script}"), "", ["table", "table"]);
    let script = "function f() return require 'part' end";
    let part = "local meta = getmetatable(_G)\n\
                assert(rawget(meta, '__index') == nil)\n\
                setmetatable(_G, { __index = function(_, name) return name end })\n\
                return nope";
    check(script, part, ["nope", "nope"]);
}

/// Luau freezes the library's tables once the body has ended, if it has replaced nothing: it is
/// what makes their functions quick.
#[test]
fn what_is_replaced_later_is_replaced_or_refused() {
    let desk = Desk::new(
        "function set() math.floor = math.ceil end\n\
         function f() return tostring(math.floor(1.5)) end\n\
         function frozen() return table.isfrozen(math) end",
        "",
    );
    let (plugin, f) = (&desk.plugin, desk.plugin.func::<(), String>("f").unwrap());
    if cfg!(all(feature = "luau", not(feature = "luau-jit"))) {
        assert_eq!(
            message(plugin.call("set", ())),
            "plugin `library`: `set`: library.lua:1: attempt to modify a readonly table"
        );
        assert_eq!(f.call(()).unwrap(), "1");
        assert_eq!(plugin.call("frozen", ()).unwrap(), Value::Bool(true));
    } else {
        plugin.call("set", ()).unwrap();
        assert_eq!(f.call(()).unwrap(), "2");
    }
}

/// And leaves them to a script that has.
#[cfg(all(feature = "luau", not(feature = "luau-jit")))]
#[test]
fn the_library_of_a_script_that_replaces_is_not_frozen() {
    for replaces in [
        "math.floor = math.ceil",
        "type = tostring",
        "pcall = function() end",
        "setmetatable(math, {})",
        "host = {}",
        "print = print",
        "math.floor = math.ceil require 'part' math.floor = nil",
        "string.own = 1 math.floor = nil",
    ] {
        let script = format!("{replaces} function frozen() return table.isfrozen(math) end");
        let desk = Desk::new(&script, "");
        assert_eq!(desk.plugin.call("frozen", ()).unwrap(), Value::Bool(false), "{replaces}");
    }
    for adds in ["string.own = 1", "own = 1", "math[1] = 2", "coroutine.own = 1"] {
        let script = format!("{adds} function frozen() return table.isfrozen(math) end");
        let desk = Desk::new(&script, "");
        assert_eq!(desk.plugin.call("frozen", ()).unwrap(), Value::Bool(true), "{adds}");
    }
}

/// A chunk is loaded, and nobody is asked for what it names before it runs.
#[test]
fn the_scripts_own_look_up_is_asked_when_a_name_is_used() {
    let script = "local now = { speed = '1' }\n\
                  setmetatable(_G, { __index = now })\n\
                  local part = require 'part'\n\
                  function f() local before = part() now.speed = '2' return before end";
    check(script, "return function() return speed end", ["1", "2"]);
    let script = "local asked = 0\n\
                  setmetatable(_G, { __index = function() asked = asked + 1 return nil end })\n\
                  local part = require 'part'\n\
                  function f() return tostring(asked) end";
    check(script, "return function() return speed, other.name end", ["0", "0"]);
    // One that loads modules by their names, which name each other.
    let script = "bodies = 0\n\
                  setmetatable(_G, { __index = function(_, name) return name == 'part' and require(name) or nil end })\n\
                  function f() return tostring(part and bodies) end";
    check(script, "bodies = bodies + 1 return function() return part, speed end", ["1", "1"]);
}

#[test]
fn what_was_replaced_for_a_while_is_what_was_taken_then() {
    let script = "local floor = math.floor\n\
                  math.floor = function() return 'mine' end\n\
                  local part = require 'part'\n\
                  math.floor = floor\n\
                  function f() return part() end";
    let part = "local floor = math.floor return function() return floor(1.5) end";
    check(script, part, ["mine", "mine"]);
    let script = "_G.type = function() return 'mine' end\n\
                  local part = require 'part'\n\
                  _G.type = nil\n\
                  function f() return part() end";
    check(script, "local type = type return function() return type(1) end", ["mine", "mine"]);
    let script = "setmetatable(math, { __index = function() return 5 end })\n\
                  local part = require 'part'\n\
                  setmetatable(math, nil)\n\
                  function f() return part() end";
    check(script, "return function() return tostring(math.own) end", ["nil", "nil"]);
}

#[test]
fn a_global_that_was_the_librarys_is_looked_up() {
    let script = "type = type\n\
                  local part = require 'part'\n\
                  function f() local before = part() _G.type = function() return 'mine' end return before end";
    check(script, "return function() return type(1) end", ["number", "mine"]);
    let script = "local part = require 'part'\n\
                  function f() local before = part() host = { log = 'mine' } return before end";
    let part = "return function() return type(host.log) end";
    check(script, part, ["userdata", "string"]);
}

#[test]
fn constants_are_those_of_now_however_early_they_were_made() {
    let script = "assert(#host.SIZES == 2)\n\
                  local part = require 'part'\n\
                  function f() local before = part() host.SIZES.x = 5 return before end";
    check(script, "return function() return tostring(host.SIZES.x) end", ["nil", "5"]);
}

/// So many constants that names in the last lines cannot be found as the chunk is loaded.
#[test]
fn globals_keep_their_metatable_in_a_large_script() {
    let constants: String = (0..1100).map(|n| format!("'constant {n}', ")).collect();
    let script = format!(
        "local constants = {{ {constants} }}\n\
         function f()\n\
           getmetatable(_G).__index = function(_, name) return name end\n\
           return nope\n\
         end"
    );
    check(&script, "", ["nope", "nope"]);
}

#[test]
fn a_module_that_does_not_end_leaves_the_library_to_the_script() {
    let script = "function f()\n\
                    local co = coroutine.create(function() require 'part' end)\n\
                    coroutine.resume(co)\n\
                    string.own = nil\n\
                    return tostring(math.floor(1.5))\n\
                  end";
    check(script, "string.own = 1 coroutine.yield()", ["1", "1"]);
}

#[cfg(all(feature = "luau", not(feature = "luau-jit")))]
#[test]
fn a_copy_of_a_frozen_table_is_the_scripts() {
    let script = "function f()\n\
                    local own = table.clone(math)\n\
                    own.floor, own.name = math.ceil, 'a'\n\
                    own.name = 'b'\n\
                    local add = getmetatable(math).__newindex\n\
                    local closed = table.freeze({})\n\
                    assert(not pcall(add, closed, 'a', 1) and not pcall(add, math, 'floor', 1))\n\
                    assert(not pcall(add, 5, 5, 5) and not pcall(add))\n\
                    assert(not pcall(function() getmetatable(math).__newindex = nil end))\n\
                    return own.floor(1.5) .. own.name .. math.floor(1.5)\n\
                  end";
    check(script, "", ["2b1", "2b1"]);
}

/// What native code takes for a table, while a look-up runs a function that puts something else
/// there.
#[test]
fn a_look_up_that_changes_a_local_is_seen() {
    let script = "local state = {}\n\
                  _G.Cls = setmetatable({}, { __index = function() state.h() return 1 end })\n\
                  function f()\n\
                    local x = {}\n\
                    state.h = function() x = 1e-310 end\n\
                    x = {}\n\
                    local a = Cls.trigger\n\
                    local ok = pcall(function() x.foo = 1 end)\n\
                    local also = pcall(function() return x.foo end)\n\
                    x = {}\n\
                    a = Cls.trigger\n\
                    return tostring(ok or also) .. type(x)\n\
                  end";
    check(script, "", ["falsenumber", "falsenumber"]);
    // As a compiler finds it that knows the type.
    if cfg!(feature = "luau") {
        let script = "local state = {}\n\
                      _G.Cls = setmetatable({}, { __index = function() state.h() return 1 end })\n\
                      local function g(t: {number})\n\
                        local x = t\n\
                        state.h = function() x = 1e-310 end\n\
                        x = {}\n\
                        local a = Cls.trigger\n\
                        x.foo = 1\n\
                      end\n\
                      function f() local ok, text = pcall(g, { 1 }) return text end";
        let expected = "library.lua:8: attempt to index number with 'foo'";
        check(script, "", [expected, expected]);
    }
}
