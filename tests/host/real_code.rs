//! Libraries in pure Lua that others have written run as they are: those of Debian's packages
//! `lua-dkjson`, `lua-inspect`, `lua-argparse` and `lua-penlight`.
//!
//! A package that is missing skips its tests with a line, unless `TWINPLUG_REQUIRE_LANGUAGES`
//! is set.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use twinplug::{Host, HostBuilder, Map, PluginRef, Value};

use crate::twins::message;

/// Where Debian has what runs on every Lua.
const SHELF: &str = "/usr/share/lua/5.1";

/// A library, or `None` with a line where it is missing and may be.
fn installed(name: &str, package: &str) -> Option<PathBuf> {
    let path = Path::new(SHELF).join(name);
    if path.exists() {
        return Some(path);
    }
    let missing = format!("`{}` is not there: install {package}", path.display());
    assert!(env::var_os("TWINPLUG_REQUIRE_LANGUAGES").is_none(), "{missing}");
    // Past the harness, which keeps what a test that passes has printed.
    let _ = writeln!(io::stderr(), "skipped: {missing}");
    None
}

/// A plugin's folder, and a host for it.
struct Bench {
    folder: TempDir,
    host: Host,
}

impl Bench {
    fn new(build: impl FnOnce(HostBuilder) -> HostBuilder) -> Bench {
        let builder = build(Host::builder().function("twice", |x: f64| x * 2.0));
        Bench { folder: tempfile::tempdir().unwrap(), host: builder.build().unwrap() }
    }

    /// Copies a library, a file or a folder of files, beside the plugin's own.
    fn lend(&self, library: &Path) {
        let to = self.folder.path().join(library.file_name().unwrap());
        if library.is_file() {
            fs::copy(library, to).unwrap();
            return;
        }
        fs::create_dir(&to).unwrap();
        for entry in fs::read_dir(library).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }

    fn load(&self, text: &str) -> twinplug::Result<PluginRef> {
        fs::write(self.folder.path().join("init.lua"), text).unwrap();
        self.host.load(self.folder.path())
    }
}

#[test]
fn dkjson_in_the_plugins_folder() {
    let Some(library) = installed("dkjson.lua", "lua-dkjson") else { return };
    let bench = Bench::new(|builder| builder);
    bench.lend(&library);
    let plugin = bench
        .load(
            "local json = require 'dkjson'\n\
             function Encode(value) return json.encode(value, { keyorder = { 'name', 'age' } }) end\n\
             function Decode(text) return (json.decode(text)) end\n\
             function Fails(text) local value, at, why = json.decode(text) return why end\n\
             function Null() return json.encode { json.null, (json.decode('null', 1, json.null)) } end",
        )
        .unwrap();
    let person = Map::from([
        ("age".into(), 11.into()),
        ("name".into(), "P\u{fc}\n".into()),
        ("list".into(), Value::List(vec![1.into(), true.into(), 1.5.into()])),
    ]);
    let text = plugin.func::<(Map,), String>("Encode").unwrap().call((person.clone(),)).unwrap();
    assert_eq!(text, "{\"name\":\"P\u{fc}\\n\",\"age\":11,\"list\":[1,true,1.5]}");
    let back = plugin.call("Decode", (text.as_str(),)).unwrap();
    assert_eq!(back, Value::Map(person));
    let why = plugin.func::<(&str,), String>("Fails").unwrap().call(("[1,",)).unwrap();
    assert_eq!(why, "unterminated array at line 1, column 1");
    assert_eq!(plugin.call("Null", ()).unwrap(), "[null,null]".into());
}

#[test]
fn inspect_in_the_plugins_folder() {
    let Some(library) = installed("inspect.lua", "lua-inspect") else { return };
    let bench = Bench::new(|builder| builder);
    bench.lend(&library);
    let plugin = bench
        .load(
            "local inspect = require 'inspect'\n\
             function Show(value) return inspect(value, { newline = ' ', indent = '' }) end\n\
             function Loop() local t = { 1 } t.t = t return inspect(setmetatable(t, { __call = 5 })) end\n\
             function Host() return #inspect(host) > 0 and #inspect(host.channel) > 0 and #inspect(_G) > 0 end",
        )
        .unwrap();
    let value = Map::from([("a".into(), Value::List(vec![1.into(), "x".into()]))]);
    let shown = plugin.func::<(Map,), String>("Show").unwrap().call((value,)).unwrap();
    assert_eq!(shown, "{ a = { 1, \"x\" } }");
    let shown = plugin.func::<(), String>("Loop").unwrap().call(()).unwrap();
    let expected = "<1>{ 1,\n  t = <table 1>,\n  <metatable> = {\n    __call = 5\n  }\n}";
    assert_eq!(shown, expected);
    assert_eq!(plugin.call("Host", ()).unwrap(), Value::Bool(true));
}

#[test]
fn argparse_by_the_hosts_path() {
    if installed("argparse.lua", "lua-argparse").is_none() {
        return;
    }
    let bench = Bench::new(|builder| builder.lua_path(SHELF));
    let plugin = bench
        .load(
            "local parser = require 'argparse' ('greet', 'Greets.')\n\
             parser:argument 'name'\n\
             parser:option('-n --times', 'How often.', '1'):convert(tonumber)\n\
             parser:flag('-v --verbose'):count '*'\n\
             function Parse(list) local ok, got = parser:pparse(list) return got end\n\
             function Usage() return parser:get_usage() end",
        )
        .unwrap();
    let parse = |list: &[&str]| {
        let list: Vec<_> = list.iter().map(|&word| word.to_owned()).collect();
        plugin.call("Parse", (list,)).unwrap()
    };
    let expected = Map::from([
        ("name".into(), "world".into()),
        ("times".into(), 3.into()),
        ("verbose".into(), 2.into()),
    ]);
    assert_eq!(parse(&["world", "-vv", "--times=3"]), Value::Map(expected));
    assert_eq!(parse(&["--nane", "x"]), "unknown option '--nane'".into());
    assert_eq!(
        plugin.call("Usage", ()).unwrap(),
        "Usage: greet [-h] [-n <times>] [-v] <name>".into()
    );
}

/// All of penlight but what needs LuaFileSystem, which is in C, and `class.Name()`, which
/// writes a global of whoever calls it by `debug.getupvalue`.
const PENLIGHT: &str = "\
    require 'pl'\n\
    function Lists() return List { 3, 1, 2 }:sort():map(host.twice):join ',' end\n\
    function Tables() return tablex.deepcompare(tablex.map('_ * 2', { 1, 2 }), { 2, 4 }) end\n\
    function Text() return stringx.title(stringx.strip '  two words '), text and true end\n\
    function Pretty() return pretty.write({ 1, { a = 'x' } }, '') end\n\
    function Template() return (template.substitute('$(n) of # them', { n = 5 })) end\n\
    function Split() return utils.split('a,b,,c', ',') end\n\
    function Data() return data.read(stringio.open 'x,y\\n1,2\\n3,4\\n'):column_by_name 'y' end\n\
    function Parts() local t = {} sip.match('$v{key}=$d{value}', 'port=80', t) return t end\n\
    function Class()\n\
      local Animal = class() function Animal:_init(name) self.name = name end\n\
      local Dog = class(Animal) return Dog('Rex').name, Animal:class_of(Dog 'Rex') end\n\
    function Each(names)\n\
      for name in names:gmatch '%a[%w_]*' do require('pl.' .. name) end\n\
      return true\n\
    end";

/// What of it runs on all that has `io` and `os`.
#[cfg(not(feature = "luau"))]
const PARTS: &str = "class compat comprehension config data import_into init input lexer \
    luabalanced operator pretty sip stringio stringx template text types url utils xml";

/// What assigns to the variables of its loops, which Lua 5.5 does not let.
#[cfg(not(feature = "luau"))]
const OLDER: &str = "tablex List Map MultiMap OrderedMap Set array2d func permute seq Date";

const ASKED: [&str; 4] = ["debug", "io", "os", "package"];

fn penlight(build: impl FnOnce(HostBuilder) -> HostBuilder) -> Option<Bench> {
    let library = installed("pl", "lua-penlight")?;
    let bench = Bench::new(build);
    bench.lend(&library);
    let manifest = format!("name = 'shop'\npermissions = {ASKED:?}");
    fs::write(bench.folder.path().join("plugin.toml"), manifest).unwrap();
    Some(bench)
}

fn allow_all(builder: HostBuilder) -> HostBuilder {
    ASKED.iter().fold(builder, |builder, permission| builder.allow_for("shop", permission))
}

#[test]
fn penlight_is_refused_by_name_without_what_its_manifest_asks_for() {
    let Some(bench) = penlight(|builder| builder) else { return };
    let refused = message(bench.load(PENLIGHT));
    assert!(
        refused.contains(
            "plugin `shop` asks for the permissions `debug`, `io`, `os` and `package`, and the \
             host does not grant them"
        ),
        "{refused}"
    );
    let Some(bench) = penlight(|builder| builder.allow("io").allow("os").allow("debug")) else {
        return;
    };
    let refused = message(bench.load(PENLIGHT));
    assert!(refused.contains("plugin `shop` asks for the permission `package`,"), "{refused}");
}

#[cfg(not(feature = "luau"))]
#[test]
fn penlight_with_what_its_manifest_asks_for() {
    let Some(bench) = penlight(allow_all) else { return };
    let plugin = bench.load(PENLIGHT).unwrap();
    let call = |name: &str| plugin.func::<(), Value>(name).unwrap().call(());
    let text = |name: &str| plugin.func::<(), String>(name).unwrap().call(()).unwrap();
    let titled = plugin.func::<(), (String, bool)>("Text").unwrap().call(()).unwrap();
    assert_eq!(titled, ("Two Words".to_owned(), true));
    assert_eq!(text("Pretty"), "{1,{a=\"x\"}}");
    assert_eq!(text("Template"), "5 of # them");
    let split = plugin.func::<(), Vec<String>>("Split").unwrap().call(()).unwrap();
    assert_eq!(split, ["a", "b", "", "c"]);
    let parts = Map::from([("key".into(), "port".into()), ("value".into(), 80.into())]);
    assert_eq!(call("Parts").unwrap(), Value::Map(parts));
    let dog = plugin.func::<(), (String, bool)>("Class").unwrap().call(()).unwrap();
    assert_eq!(dog, ("Rex".to_owned(), true));
    assert_eq!(plugin.call("Each", (PARTS,)).unwrap(), Value::Bool(true));
    if cfg!(feature = "lua55") {
        let refused = message(call("Tables"));
        assert!(refused.contains("attempt to assign to const variable 'k'"), "{refused}");
        return;
    }
    assert_eq!(plugin.call("Each", (OLDER,)).unwrap(), Value::Bool(true));
    let column = plugin.func::<(), Vec<i64>>("Data").unwrap().call(()).unwrap();
    assert_eq!(column, [2, 4]);
    let numbers = crate::twins::flavoured("2.0,4.0,6.0", "2,4,6", "");
    assert_eq!(text("Lists"), numbers);
    assert_eq!(call("Tables").unwrap(), Value::Bool(true));
}

#[cfg(feature = "luau")]
#[test]
fn penlight_asks_for_what_luau_has_not() {
    let Some(bench) = penlight(allow_all) else { return };
    let refused = message(bench.load(PENLIGHT));
    assert!(refused.contains("and Luau, which this host runs, has no library `io`"), "{refused}");
}
