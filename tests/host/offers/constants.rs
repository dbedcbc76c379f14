//! `HostBuilder::constant`: what plugins read of it.

use std::collections::BTreeMap;

use twinplug::{Host, Value, data};

use crate::twins::message;

#[data]
#[derive(Clone)]
struct Size {
    width: i64,
    height: i64,
}

fn host() -> Host {
    Host::builder()
        .constant("VERSION", "1.4.0")
        .constant("LIMIT", 10)
        .constant("world.RATIO", 0.5)
        .constant("world.SIZE", Size { width: 4, height: 3 })
        .constant("world.OFF", false)
        .constant("NAMES", vec!["a".to_owned(), "b".to_owned()])
        .function("world.area", || 12)
        .build()
        .unwrap()
}

#[test]
fn names_are_looked_at_as_those_of_functions() {
    let check = |builder: twinplug::HostBuilder, expected: &str| {
        assert_eq!(builder.build().unwrap_err().to_string(), expected);
    };
    let builder = Host::builder;
    check(
        builder().constant("a b", 1),
        "constant `a b`: a name is letters, digits, `_`, and dots between",
    );
    check(builder().constant("log.x", 1), "constant `log.x`: `host.log` is built in");
    check(builder().constant("A", 1).constant("A", 2), "constant `A` is there twice");
    check(
        builder().function("a", || {}).constant("a", 2),
        "constant `a`: a function and a constant have the same name",
    );
    check(
        builder().constant("a", 2).function("a", || {}),
        "function `a`: a function and a constant have the same name",
    );
    check(
        builder().constant("a", 2).function("a.b", || {}),
        "function `a.b`: `a` makes one of them a group as well",
    );
    check(
        builder().constant("A", None::<i64>),
        "constant `A` is null: leave it out in place of that",
    );
    check(
        builder().constant("A", u64::MAX),
        "constant `A`: 18446744073709551615 is out of range for int",
    );
}

#[test]
fn an_editor_knows_them() {
    let definitions = host().definitions();
    let file = definitions.file("host.lua").unwrap();
    assert!(
        file.contains(
            "---@field null any\n---@field LIMIT integer\n---@field NAMES string[]\n\
             ---@field VERSION string\n---@field world host.world\nhost = {}\n"
        ),
        "{file}"
    );
    assert!(
        file.contains(
            "  ---@class host.world\n  ---@field OFF boolean\n  ---@field RATIO number\n  \
             ---@field SIZE Size\n  local group = {}\n\n  ---@return integer\n  \
             function group.area() end\n"
        ),
        "{file}"
    );
}

#[cfg(feature = "_lua")]
#[test]
fn a_script_reads_them() {
    let host = host();
    let script = "\
function All() return host.VERSION, host.LIMIT, host.world.RATIO, host.world.SIZE, host.NAMES, host.world.OFF end
function Has() return host.has('LIMIT'), host.has('world.SIZE'), host.has('world'), host.has('LIMITS') end
function Near() return host.LIMITS end
function Off() if host.world.OFF then return 1 end return 0 end
function Set() host.LIMIT = 11 end
function Same() host.NAMES[1] = 'mine' return host.NAMES == host.NAMES, host.NAMES[1] end
function Area() local area = host.world.area() return area end
";
    let plugin = host.load_source("reads", script).unwrap();
    type All = (String, i64, f64, BTreeMap<String, i64>, Vec<String>, bool);
    let all = plugin.func::<(), All>("All").unwrap().call(()).unwrap();
    let size = BTreeMap::from([("height".to_owned(), 3), ("width".to_owned(), 4)]);
    assert_eq!(all, ("1.4.0".into(), 10, 0.5, size, vec!["a".into(), "b".into()], false));
    let has = plugin.func::<(), (bool, bool, bool, bool)>("Has").unwrap();
    assert_eq!(has.call(()).unwrap(), (true, true, true, false));
    assert_eq!(plugin.call("Off", ()).unwrap(), Value::Int(0));
    assert_eq!(plugin.call("Area", ()).unwrap(), Value::Int(12));
    assert_eq!(
        message(plugin.call("Near", ())),
        "plugin `reads`: `Near`: reads:3: `host` has no `LIMITS`; near: `LIMIT`"
    );
    assert_eq!(
        message(plugin.call("Set", ())),
        "plugin `reads`: `Set`: reads:5: cannot set `host.LIMIT`: the host table is read-only"
    );
    // A table is the script's own.
    let same = plugin.func::<(), (bool, String)>("Same").unwrap();
    assert_eq!(same.call(()).unwrap(), (true, "mine".into()));
    let other = host.load_source("other", "function First() return host.NAMES[1] end").unwrap();
    assert_eq!(other.call("First", ()).unwrap(), "a".into());
}

/// What this Lua has no number for is the error of who reads it.
#[cfg(feature = "_lua")]
#[test]
fn a_constant_that_a_flavour_cannot_have() {
    let host = Host::builder().constant("LARGE", i64::MAX).constant("SMALL", 1).build().unwrap();
    let script = "function Large() return host.LARGE end function Small() return host.SMALL end";
    let plugin = host.load_source("reads", script).unwrap();
    assert_eq!(plugin.call("Small", ()).unwrap(), Value::Int(1));
    let large = plugin.call("Large", ());
    match crate::twins::HAS_INTEGERS {
        true => assert_eq!(large.unwrap(), Value::Int(i64::MAX)),
        false => assert_eq!(
            message(large),
            "plugin `reads`: `Large`: reads:1: constant `LARGE`: 9223372036854775807 is out of \
             range: this Lua keeps whole numbers up to 2^53 exactly"
        ),
    }
}

#[cfg(feature = "_lua")]
#[test]
fn loops_over_the_host_table_see_them() {
    if !cfg!(any(feature = "lua54", feature = "lua55")) {
        return;
    }
    let script = "function Names() local names = {}\n\
                  for name in pairs(host.world) do names[#names + 1] = name end\n\
                  table.sort(names) return names end";
    let host = host();
    let plugin = host.load_source("reads", script).unwrap();
    let names = plugin.func::<(), Vec<String>>("Names").unwrap().call(()).unwrap();
    assert_eq!(names, ["OFF", "RATIO", "SIZE", "area"]);
}
