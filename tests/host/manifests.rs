//! What manifests say, and how they are refused.

use std::path::PathBuf;

use tempfile::TempDir;
use twinplug::{ErrorKind, Host, Map, PluginRef, Value};

use crate::twins::{Stage, Twin, message, on_every_twin};

on_every_twin! {
    a_manifest_beside_a_file_must_agree_with_it
}

fn a_manifest_beside_a_file_must_agree_with_it(twin: &Twin) {
    let desk = Desk::new();
    let file = twin.testplugin.file_name().unwrap().to_string_lossy().into_owned();
    let path = desk.path(&file);
    std::fs::copy(&twin.testplugin, &path).unwrap();
    let stem = file.split('.').next().unwrap();
    let manifest = format!("{}.toml", stem.strip_prefix("lib").unwrap_or(stem));
    desk.write(
        &manifest,
        "name = 'testplugin'\nversion = '1.0.0'\nunload = false\nhost = 'mygame ^0.4'",
    );
    let plugin = desk.stage.host.load(&path).unwrap();
    assert_eq!((plugin.name(), plugin.version().major), ("testplugin", 1));
    let inspected = Host::inspect(&path).unwrap();
    assert_eq!(inspected.name, "testplugin");
    assert_eq!(inspected.version.unwrap().to_string(), "1.0.0");
    desk.stage.host.unload(plugin).unwrap();

    desk.write(&manifest, "name = 'other'");
    let expected = |what: &str| {
        format!(
            "cannot load `{}`: its manifest gives it the {what}: let them agree, or leave one of \
             them out",
            path.display()
        )
    };
    let name = "name `other`, and it gives itself `testplugin`";
    assert_eq!(message(desk.stage.host.load(&path)), expected(name));
    desk.write(&manifest, "version = '1.0.1'");
    let version = "version `1.0.1`, and it gives itself `1.0.0`";
    assert_eq!(message(desk.stage.host.load(&path)), expected(version));
    assert!(desk.stage.host.plugins().is_empty());
    desk.write(&manifest, "nmae = 'testplugin'");
    let unknown =
        format!("cannot load `{}`: {manifest}:1: unknown key `nmae`; near: `name`", path.display());
    assert_eq!(message(desk.stage.host.load(&path)), unknown);
    assert_eq!(message(Host::inspect(&path)), unknown);
}

/// A folder of plugins, and a host that configures one.
struct Desk {
    folder: TempDir,
    stage: Stage,
}

impl Desk {
    fn new() -> Self {
        let inner = Map::from([("b".into(), 20.into()), ("c".into(), 30.into())]);
        let config = Map::from([("inner".into(), inner.into()), ("port".into(), 81.into())]);
        let stage = Stage::with(|builder| {
            builder
                .config("clock", &config)
                .config("clock", Map::from([("late".into(), true.into())]))
        });
        Desk { folder: tempfile::tempdir().unwrap(), stage }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// The configuration of a manifest below, with the host's laid over it.
fn configured() -> Value {
    let inner = [("a".into(), 1.into()), ("b".into(), 20.into()), ("c".into(), 30.into())];
    Value::Map(Map::from([
        ("date".into(), "2024-05-01".into()),
        ("inner".into(), Map::from(inner).into()),
        ("late".into(), true.into()),
        ("list".into(), Value::List(vec![1.into(), Value::Float(1.5), "x".into()])),
        ("port".into(), 81.into()),
    ]))
}

const CONFIG: &str =
    "[config]\nport = 80\ndate = 2024-05-01\nlist = [1, 1.5, 'x']\ninner = { a = 1, b = 2 }";

#[cfg(feature = "_lua")]
#[test]
fn a_folder_with_a_manifest_starts_where_it_says() {
    let desk = Desk::new();
    desk.write(
        "game/plugin.toml",
        &format!("name = 'clock'\nversion = '1.4.0'\nentry = 'src/main.lua'\n{CONFIG}"),
    );
    desk.write("game/src/main.lua", "Part = require 'part'\nlocal seen = host.config\nfunction on_load(config) Same = config == seen Config = host.any(config) end\nfunction Get() return host.config end\nfunction Absent() return host.config.absent end");
    desk.write("game/part.lua", "return 'of the folder'");
    let plugin: PluginRef = desk.stage.host.load(desk.path("game")).unwrap();
    assert_eq!((plugin.name(), plugin.version().to_string().as_str()), ("clock", "1.4.0"));
    assert_eq!(plugin.path(), desk.path("game/src/main.lua"));
    assert_eq!(plugin.var::<String>("Part").unwrap().get().unwrap(), "of the folder");
    assert_eq!(plugin.call("Get", ()).unwrap(), configured());
    assert_eq!(plugin.call("Absent", ()).unwrap(), Value::Null);
    let inspected = Host::inspect(desk.path("game")).unwrap();
    assert_eq!((inspected.name.as_str(), inspected.version.unwrap().minor), ("clock", 4));

    desk.stage.host.unload(plugin).unwrap();
    // The same from memory.
    let read = |name: &str| (name.to_owned(), std::fs::read(desk.path("game").join(name)).unwrap());
    let files = ["plugin.toml", "src/main.lua", "part.lua"].map(read);
    let plugin = desk.stage.host.load_files("clock", files).unwrap();
    assert_eq!(plugin.call("Get", ()).unwrap(), configured());
    assert_eq!((plugin.path(), plugin.version().minor), ("clock/src/main.lua".into(), 4));
}

#[cfg(feature = "native")]
#[test]
fn a_native_plugin_gets_its_configuration_and_may_be_unmapped() {
    let shop = crate::shop::Shop::new();
    let text = r#"
        #include "twinplug.h"
        static int64_t port;
        static tp_status on_load(tp_call *call) {
          const tp_value *found = tp_field(&call->args[0], "port");
          if (!found) return tp_answer(call, TP_ERROR, "no port among %d", (int)call->args[0].length);
          port = tp_to_int(found);
          return TP_OK;
        }
        static tp_status get(tp_call *call) { *call->result = tp_int(port); return TP_OK; }
        static const tp_export exports[] = {TP_EXPORT_FUNC("Port", "() -> int", get)};
        TP_PLUGIN_WITH("clock", "1.0.0", "", exports, NULL, on_load, NULL, NULL, NULL, NULL, NULL);
    "#;
    let library = shop.compile("libport.so", text, &["-shared"]);
    let port = |stage: &Stage| {
        let plugin = stage.host.load(&library).unwrap();
        let port = plugin.call("Port", ()).unwrap();
        stage.host.unload(plugin).unwrap();
        port
    };
    assert_eq!(
        message(shop.stage.host.load(&library)),
        format!("cannot load `{}`: its on_load failed: no port among 0", library.display())
    );
    let before = shop.stage.host.images().len();
    shop.write("port.toml", "unload = true\n[config]\nport = 80\nother = {}");
    assert_eq!(port(&shop.stage), Value::Int(80));
    assert_eq!(shop.stage.host.images().len(), before, "unmapped, as its manifest says");
    assert_eq!(port(&Desk::new().stage), Value::Int(81));

    // A folder whose entry is the library.
    let folder = shop.folder.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(&library, folder.join("libport.so")).unwrap();
    let manifest = "entry = 'libport.so'\n[config]\nport = 82";
    std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
    let plugin = shop.stage.host.load(&folder).unwrap();
    assert_eq!(plugin.call("Port", ()).unwrap(), Value::Int(82));
    assert_eq!(plugin.path(), folder.join("libport.so"));
}

#[cfg(feature = "_lua")]
#[test]
fn what_a_manifest_cannot_say_is_refused_with_its_line() {
    let desk = Desk::new();
    desk.write("a.lua", "error('its body ran')");
    desk.write("box/init.lua", "error('its body ran')");
    let check = |text: &str, line: u32, expected: &str| {
        for (manifest, plugin) in [("a.toml", "a.lua"), ("box/plugin.toml", "box")] {
            desk.write(manifest, text);
            let (path, manifest) = (desk.path(plugin), desk.path(manifest));
            let file = manifest.file_name().unwrap().to_string_lossy();
            let expected = format!("cannot load `{}`: {file}:{line}: {expected}", path.display());
            let error = desk.stage.host.load(&path).unwrap_err();
            assert_eq!((error.to_string(), error.kind()), (expected.clone(), ErrorKind::Refused));
            assert_eq!(error.location(), Some((manifest.as_path(), line)));
            assert_eq!(message(Host::inspect(&path)), expected);
        }
    };
    check("\nversoin = '1'", 2, "unknown key `versoin`; near: `version`");
    check("[limits]\nmemroy = 'x'", 2, "unknown key `limits.memroy`; near: `memory`");
    check("[xyzzy]", 1, "unknown key `xyzzy`");
    check("name = 'a'\nname = 'b'", 2, "duplicate key");
    check("name = ", 1, "string values must be quoted, expected literal string");
    check("name = 5", 1, "invalid type: integer `5`, expected a string");
    check("\nunload = 'yes'", 2, "invalid type: string \"yes\", expected a boolean");
    check("config = 5", 1, "invalid type: integer `5`, expected a map");
    check("version = 'new'", 1, "unexpected character 'n' while parsing major version number");
    check(
        "\n\nhost = 'mygame'",
        3,
        "\"mygame\": expected a host's name and its versions, like \"mygame ^0.4\"",
    );
    check(
        "host = 'mygame four'",
        1,
        "\"mygame four\": unexpected character 'f' while parsing major version number; expected a \
         host's name and its versions, like \"mygame ^0.4\"",
    );
    check("name = 'a'\nover = ''", 2, "`over`: it is no plugin's name");
    check("over = 'b'\non_fault = 'top'", 2, r#""top": expected "base", or no such line"#);
    check("name = 'a'\npermissions = ['io', 'oss']", 2, "unknown permission `oss`; near: `os`");
    check("permissions = 'io'", 1, "invalid type: string \"io\", expected a sequence");
    check(
        "\n[requires]\nother = 'new'",
        3,
        "unexpected character 'n' while parsing major version number",
    );
    let size = r#""64 mice": expected a size, like "64MiB""#;
    check("[limits]\ntime = '1s'\nmemory = '64 mice'", 3, size);
    check("[limits]\nmemory = '0'", 2, r#""0": expected a size, like "64MiB""#);
    check("[limits]\ntime = '7'", 2, r#""7": expected a time, like "500ms""#);
    check("[limits]\ntime = '0s'", 2, r#""0s": expected a time, like "500ms""#);
    desk.write("a.toml", "permissions = []\n[requires]\n[limits]\n[config]");
    let ran = format!("cannot load `{}`: a.lua:1: its body ran", desk.path("a.lua").display());
    assert_eq!(message(desk.stage.host.load(desk.path("a.lua"))), ran);

    desk.write("a.toml", "entry = 'b.lua'");
    assert_eq!(
        message(desk.stage.host.load(desk.path("a.lua"))),
        format!(
            "cannot load `{}`: a.toml:1: `entry`: a lone file has none but itself",
            desk.path("a.lua").display()
        )
    );
    for entry in ["../a.lua", "/etc/passwd", ""] {
        desk.write("box/plugin.toml", &format!("entry = '{entry}'"));
        assert_eq!(
            message(desk.stage.host.load(desk.path("box"))),
            format!(
                "cannot load `{}`: plugin.toml:1: `entry`: it leads out of the plugin's folder",
                desk.path("box").display()
            )
        );
    }
    desk.write("box/plugin.toml", "entry = 'main.lua'");
    assert_eq!(
        message(desk.stage.host.load(desk.path("box"))),
        format!("no plugin in `{0}`: tried `{0}/main.lua`", desk.path("box").display())
    );
}

#[cfg(all(feature = "_lua", unix))]
#[test]
fn an_entry_that_is_a_link_out_of_its_folder_is_refused() {
    let desk = Desk::new();
    desk.write("outside.lua", "error('its body ran')");
    desk.write("box/plugin.toml", "entry = 'main.lua'");
    std::os::unix::fs::symlink("../outside.lua", desk.path("box/main.lua")).unwrap();
    let expected = format!(
        "cannot load `{}`: it leads out of the plugin's folder",
        desk.path("box/main.lua").display()
    );
    assert_eq!(message(desk.stage.host.load(desk.path("box"))), expected);
    assert_eq!(message(Host::inspect(desk.path("box"))), expected);
}

#[cfg(feature = "_lua")]
#[test]
fn configuration_by_a_name_that_only_the_body_says_is_refused() {
    let desk = Desk::new();
    desk.write("a.lua", "return { _NAME = 'clock' }");
    assert_eq!(
        message(desk.stage.host.load(desk.path("a.lua"))),
        format!(
            "cannot load `{}`: the host configures `clock`, and only its body says that it is \
             that: put `name = \"clock\"` into its manifest",
            desk.path("a.lua").display()
        )
    );
    assert!(desk.stage.host.plugins().is_empty());
    desk.write("a.toml", "name = 'clock'");
    desk.stage.host.load(desk.path("a.lua")).unwrap();
    let refused = Host::builder().config("clock", 5).build();
    assert_eq!(message(refused), "config of `clock`: expected a map, got int");
    let call = twinplug::Function::new(|| 1);
    let held = std::collections::BTreeMap::from([("on_tick", vec![call])]);
    let refused = Host::builder().config("clock", held).build();
    assert_eq!(message(refused), "config of `clock`: it has a function in it");
}
