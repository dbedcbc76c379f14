//! What manifests ask for beyond the sandbox, what hosts grant, and what scripts then have.

use tempfile::TempDir;
use twinplug::{ErrorKind, Host, PluginRef, Value};

use crate::twins::{Stage, flavoured, message};

/// A plugin `a` with a manifest that asks for permissions.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new(permissions: &[&str], text: &str) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let manifest = format!("permissions = {permissions:?}");
        std::fs::write(folder.path().join("a.toml"), manifest).unwrap();
        std::fs::write(folder.path().join("a.lua"), text).unwrap();
        Desk { folder }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("a.lua")
    }
}

/// The plugin, with all granted that it asks for.
fn granted(permissions: &[&str], text: &str) -> (Stage, PluginRef) {
    let desk = Desk::new(permissions, text);
    let stage =
        Stage::with(|builder| permissions.iter().fold(builder, |builder, it| builder.allow(it)));
    let plugin = stage.host.load(desk.path()).unwrap();
    (stage, plugin)
}

/// `Check` of a script that was granted these answers true.
fn holds(permissions: &[&str], body: &str) {
    let (_stage, plugin) = granted(permissions, &format!("function Check()\n{body}\nend"));
    assert_eq!(plugin.call("Check", ()).unwrap(), Value::Bool(true), "{permissions:?}: {body}");
}

#[test]
fn what_is_not_granted_is_refused_by_name() {
    let check = |stage: &Stage, asked: &[&str], expected: &str| {
        let desk = Desk::new(asked, "error('its body ran')");
        let error = stage.host.load(desk.path()).unwrap_err();
        let expected = format!("cannot load `{}`: {expected}", desk.path().display());
        assert_eq!((error.to_string(), error.kind()), (expected, ErrorKind::Refused));
        assert!(stage.host.plugins().is_empty());
    };
    let one = "plugin `a` asks for the permission `io`, and the host does not grant it: if you \
               trust the plugin, grant it with `HostBuilder::allow(\"io\")`, or `--allow io` of \
               the command";
    check(&Stage::new(), &["io"], one);
    check(&Stage::with(|builder| builder.allow("package")), &["package", "io"], one);
    check(&Stage::with(|builder| builder.allow_for("b", "io")), &["io"], one);
    check(
        &Stage::with(|builder| builder.allow_for("a", "debug").allow("package")),
        &["package", "os", "io", "debug", "os"],
        "plugin `a` asks for the permissions `io` and `os`, and the host does not grant them: if \
         you trust the plugin, grant them with `HostBuilder::allow(\"io\")`, or `--allow io` of \
         the command",
    );
    let files = [("plugin.toml", "permissions = ['io']"), ("init.lua", "")];
    assert_eq!(
        message(Stage::new().host.load_files("a", files)),
        format!("cannot load `a/init.lua`: {one}")
    );
}

#[test]
fn a_permission_is_granted_to_all_or_to_one() {
    let text = "function Has() return package ~= nil and debug ~= nil end";
    let desk = Desk::new(&["package", "debug"], text);
    let stage = Stage::with(|builder| {
        builder.allow("package").allow_for("a", "debug").allow_for("a", "io")
    });
    let plugin = stage.host.load(desk.path()).unwrap();
    assert_eq!(plugin.call("Has", ()).unwrap(), Value::Bool(true));
    // The name is that which the host gives it.
    assert!(
        message(stage.host.load_as("b", desk.path()))
            .contains("plugin `b` asks for the permission `debug`, and the host does not grant it")
    );
    // What is granted and not asked for is not there.
    let plugin = stage.host.load_source("c", "function Has() return package ~= nil end").unwrap();
    assert_eq!(plugin.call("Has", ()).unwrap(), Value::Bool(false));
}

#[test]
fn a_permission_that_there_is_not_is_refused_where_it_is_named() {
    let builder = Host::builder().allow("io").allow("oss");
    assert_eq!(message(builder.build()), "unknown permission `oss`; near: `os`");
    assert_eq!(
        message(Host::builder().allow_for("a", "files").build()),
        "permissions of `a`: unknown permission `files`; there are `debug`, `ffi`, `io`, `jit`, \
         `os` and `package`"
    );
}

#[test]
fn inspection_shows_what_a_manifest_asks_for() {
    let desk = Desk::new(&["os", "io", "os"], "error('its body ran')");
    assert_eq!(Host::inspect(desk.path()).unwrap().permissions, ["io", "os"]);
    std::fs::remove_file(desk.folder.path().join("a.toml")).unwrap();
    assert!(Host::inspect(desk.path()).unwrap().permissions.is_empty());
}

#[test]
fn a_flavour_without_the_library_says_so() {
    let lacking: &[&str] = flavoured(&["ffi", "jit"], &[], &["ffi", "io", "jit", "os"]);
    let name = flavoured(if cfg!(feature = "lua55") { "Lua 5.5" } else { "Lua 5.4" }, "", "Luau");
    for permission in lacking {
        let desk = Desk::new(&[permission], "");
        let stage = Stage::with(|builder| builder.allow(permission));
        let only = if *permission == "os" { " beyond what every script has" } else { "" };
        assert_eq!(
            message(stage.host.load(desk.path())),
            format!(
                "cannot load `{}`: its manifest asks for the permission `{permission}`, and \
                 {name}, which this host runs, has no library `{permission}`{only}: take it out \
                 of the manifest, or build the host with another Lua",
                desk.path().display()
            )
        );
    }
}

/// What stands in a script's place is held to the same manifest.
#[cfg(feature = "native")]
#[test]
fn a_native_plugin_asks_as_a_script_does() {
    let shop = crate::shop::Shop::new();
    let library = shop.compile(
        "libasks.so",
        "#include \"twinplug.h\"\n\
         static tp_status f(tp_call *call) { (void)call; return TP_OK; }\n\
         static const tp_export exports[] = {TP_EXPORT_FUNC(\"F\", \"()\", f)};\n\
         TP_PLUGIN(\"asks\", \"1.0.0\", exports, NULL);",
        &["-shared"],
    );
    shop.write("asks.toml", "permissions = ['io']\n[limits]\ntime = '1s'");
    let refused = message(shop.stage.host.load(&library));
    assert!(refused.contains("`io`"), "{refused}");
    let stage = Stage::with(|builder| builder.allow("io"));
    assert_eq!(stage.host.load(&library).unwrap().name(), "asks");
    assert_eq!(Host::inspect(&library).unwrap().permissions, ["io"]);
}

#[cfg(not(feature = "luau"))]
#[test]
fn io_is_files_and_their_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (stage, plugin) = granted(
        &["io"],
        "function Write(path, text) local f = assert(io.open(path, 'wb')) f:write(text) f:close() end\n\
         function Read(path) for line in io.lines(path) do return line end end\n\
         function Do(path) return dofile(path) end\n\
         function Load(path, env)\n\
         local f, text\n\
         if env then f, text = loadfile(path, 'bt', env) else f, text = loadfile(path, 'bt') end\n\
         if f then return f() end return text end\n\
         function Private() return tostring(getmetatable(io.stdout)) end\n\
         function Close() return pcall(io.close, io.stdout) ~= nil and io.type(io.stdout) end",
    );
    let (one, code) = (path("one.lua"), path("code.lua"));
    plugin
        .call("Write", (one.as_str(), "Seen = (Seen or 0) + 1 return Seen, host.scale(2, 3)\n"))
        .unwrap();
    let line = plugin.call("Read", (one.as_str(),)).unwrap();
    assert_eq!(line, "Seen = (Seen or 0) + 1 return Seen, host.scale(2, 3)".into());
    let all = plugin.func::<(&str,), (i64, f64)>("Do").unwrap();
    assert_eq!(all.call((one.as_str(),)).unwrap(), (1, 6.0), "its globals are the script's");
    let load = plugin.func::<(&str, Option<twinplug::Map>), (i64, f64)>("Load").unwrap();
    assert_eq!(load.call((one.as_str(), None)).unwrap(), (2, 6.0));
    let environment = twinplug::Map::from([("Seen".into(), 8.into())]);
    let alone = message(plugin.call("Load", (one.as_str(), environment)));
    assert!(alone.contains("attempt to index"), "{alone}");
    plugin.call("Write", (code.as_str(), "\x1bLua")).unwrap();
    let refused = plugin.func::<(&str,), String>("Load").unwrap().call((code.as_str(),)).unwrap();
    assert!(refused.contains("attempt to load"), "{refused}");
    assert!(message(plugin.call("Do", (code.as_str(),))).contains("attempt to load"));
    assert_eq!(plugin.call("Private", ()).unwrap(), "false".into());
    assert_eq!(plugin.call("Close", ()).unwrap(), "file".into());
    drop(stage);
}

#[cfg(not(feature = "luau"))]
#[test]
fn os_is_the_rest_of_it_but_not_the_hosts_end() {
    holds(&["os"], "return os.getenv('PATH') ~= nil and os.getenv('TWINPLUG_NO_SUCH') == nil");
    holds(&["os"], "local name = os.tmpname() return os.remove(name) == true");
    holds(&["os"], "return os.rename('/no/such/a', '/no/such/b') == nil");
    holds(&["os"], "return os.execute('exit 0') == 0 or os.execute('exit 0') == true");
    holds(&["os"], "return type(os.setlocale()) == 'string' and os.setlocale('') == nil");
    holds(&["os"], "return require 'os' == os and io == nil and dofile == nil");
    let (_stage, plugin) = granted(&["os"], "function Exit()\nos.exit(0)\nend");
    assert_eq!(
        message(plugin.call("Exit", ())),
        "plugin `a`: `Exit`: a.lua:2: os.exit: a plugin does not end its host"
    );
}

#[test]
fn package_is_plain_data() {
    holds(&["package"], "return package.config:sub(2, 3) == '\\n;' and #package.path > 0");
    holds(&["package"], "return package.loaded.string == string and package.loaded._G == _G");
    holds(&["package"], "return require 'package' == package and package.cpath == ''");
    holds(
        &["package"],
        "return package.loadlib == nil and package.searchpath == nil and #package.searchers == 0 \
         and next(package.preload) == nil",
    );
    // It only shows what is loaded.
    holds(
        &["package"],
        "package.preload.ghost = function() return 1 end\n\
         package.loaded.other = 1\n\
         package.path = '/etc/?'\n\
         package.cpath = '/usr/lib/?.so'\n\
         return not pcall(require, 'ghost') and not pcall(require, 'other') and not pcall(require, 'passwd')",
    );
    let files = [
        ("plugin.toml", "permissions = ['package']"),
        ("init.lua", "local part = require 'part' Same = package.loaded.part == part"),
        ("part.lua", "return {}"),
    ];
    let stage = Stage::with(|builder| builder.allow("package"));
    let plugin = stage.host.load_files("a", files).unwrap();
    assert!(plugin.var::<bool>("Same").unwrap().get().unwrap());
}

#[test]
fn debug_looks_and_does_not_touch() {
    holds(&["debug"], "return debug.traceback('here'):find('^here\\n') ~= nil");
    holds(
        &["debug"],
        "local known = { traceback = 1, getinfo = 1, info = 1 }\n\
         for name in pairs(debug) do if not known[name] then return name end end\n\
         return true",
    );
    #[cfg(not(feature = "luau"))]
    {
        holds(
            &["debug"],
            "local info = debug.getinfo(1, 'Sl') return info.short_src == 'a.lua' and info.currentline == 2",
        );
        holds(
            &["debug"],
            "return debug.getinfo(1, 'f').func == nil and debug.getinfo(1).func == nil",
        );
        holds(&["debug"], "return debug.getinfo(Check, 'f').func == Check");
        holds(&["debug"], "return debug.getinfo(1000) == nil and not pcall(debug.getinfo, {})");
        holds(
            &["debug"],
            "return not pcall(debug.getinfo, 1, '>f') and not pcall(debug.getinfo, print, '>S') and not pcall(debug.getinfo, 1, 5)",
        );
        holds(
            &["debug"],
            "for level = 0, 20 do local info = debug.getinfo(level) if info and info.func then return level end end return true",
        );
        holds(
            &["debug"],
            "local co = coroutine.create(function() coroutine.yield() end) coroutine.resume(co) local info = debug.getinfo(co, 1) return info.func == nil and info.currentline == 2",
        );
    }
    #[cfg(feature = "luau")]
    {
        holds(
            &["debug"],
            "local source, line = debug.info(1, 'sl') return source == 'a.lua' and line == 2",
        );
        holds(
            &["debug"],
            "return not pcall(debug.info, 1, 'f') and debug.info(Check, 'f') == Check",
        );
        holds(
            &["debug"],
            "return not pcall(debug.info, {}, 's') and not pcall(debug.info, 1, '>s')",
        );
    }
}

#[cfg(feature = "luajit")]
#[test]
fn ffi_and_jit_are_whole() {
    holds(&["ffi"], "return require('ffi') == ffi and ffi.sizeof('int') == 4 and jit == nil");
    holds(&["jit"], "return require('jit') == jit and jit.status() == true and ffi == nil");
}

#[test]
fn libraries_are_required_by_name_and_permissions_named_where_they_are_missing() {
    let (_stage, plugin) = granted(
        &[],
        "function Same() return require 'string' == string and require 'os' == os and require '_G' == _G end\n\
         function Get(name) return (select(2, pcall(require, name))) end",
    );
    assert_eq!(plugin.call("Same", ()).unwrap(), Value::Bool(true));
    for name in ["io", "debug", "package", "ffi", "jit"] {
        let text = plugin.func::<(&str,), String>("Get").unwrap().call((name,)).unwrap();
        let expected =
            format!("; the library `{name}` takes `permissions = [\"{name}\"]` in the manifest");
        assert!(text.ends_with(&expected), "{text}");
    }
}
