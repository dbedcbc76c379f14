//! Plugins under names that the host gives them: from memory, or from a path.

use std::collections::BTreeMap;
use std::path::Path;

use twinplug::{ErrorKind, Value};

use crate::twins::{SYMBOL_MISSING, Stage, Twin, message, on_every_twin};

on_every_twin! {
    one_path_serves_under_several_names
}

fn one_path_serves_under_several_names(twin: &Twin) {
    let stage = Stage::new();
    let load = |name| stage.host.load_as(name, &twin.testplugin).unwrap();
    let (own, left) = (stage.host.load(&twin.testplugin).unwrap(), load("left"));
    let right = load("right");
    stage.printed();
    for (number, plugin) in [&own, &left, &right].into_iter().enumerate() {
        plugin.var("Value").unwrap().set(number as i64).unwrap();
    }
    left.call("Plugin_fun", ()).unwrap();
    assert_eq!(stage.printed(), "[left] Value in plugin: 1\n");
    // The same name and path again is the same plugin, also where the name is its own.
    assert_eq!(load("right").var::<i64>("Value").unwrap().get().unwrap(), 2);
    assert_eq!(load("testplugin").var::<i64>("Value").unwrap().get().unwrap(), 0);
    let again = stage.host.load(&twin.testplugin).unwrap();
    assert_eq!(again.var::<i64>("Value").unwrap().get().unwrap(), 0);
    assert_eq!((left.name(), left.descriptor().name.as_str()), ("left", "left"));
    assert_eq!(message(left.lookup("Valeu")), "plugin `left`: no symbol `Valeu`; near: `Value`");
    assert_eq!(stage.host.plugins().len(), 3);

    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join(twin.testplugin.file_name().unwrap());
    std::fs::copy(&twin.testplugin, &copy).unwrap();
    assert_eq!(
        message(stage.host.load_as("left", &copy)),
        format!(
            "cannot load `{}`: `left` 1.0.0 is loaded already, from `{}`: unload that one, or give \
             this one another version",
            copy.display(),
            twin.testplugin.display()
        )
    );
    assert_eq!(
        message(stage.host.load_as("", &copy)),
        format!("cannot load `{}`: a name is empty", copy.display())
    );
    assert_eq!(stage.host.plugins().len(), 3);
}

#[cfg(feature = "_lua")]
#[test]
fn a_text_is_a_plugin() {
    let stage = Stage::new();
    let text = "local M = { _NAME = 'other', _VERSION = '1.2.0' }\n\
                function M.Fail() error('no') end\nfunction M.Get() require 'part' end\nprint('here') return M";
    let plugin = stage.host.load_source("ui/main", text).unwrap();
    assert_eq!(stage.printed(), "[ui/main] here\n");
    assert_eq!((plugin.name(), plugin.version().to_string().as_str()), ("ui/main", "1.2.0"));
    assert_eq!(stage.host.plugin("ui/main").unwrap().path(), Path::new("ui/main"));
    let error = plugin.call("Fail", ()).unwrap_err();
    assert_eq!(error.to_string(), "plugin `ui/main`: `Fail`: ui/main:2: no");
    assert_eq!(error.location(), Some((Path::new("ui/main"), 2)));
    assert_eq!(
        message(plugin.call("Get", ())),
        "plugin `ui/main`: `Get`: ui/main:3: no module `part`: tried `ui/main/part.lua`, \
         `ui/main/part/init.lua`"
    );
    let check = |name: &str, text: &str, kind, expected: &str| {
        let error = stage.host.load_source(name, text).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), (expected, kind));
        assert_eq!(stage.host.plugins().len(), 1);
    };
    check("x", "x = = 1", ErrorKind::Load, &format!("cannot load `x`: x:1: {SYMBOL_MISSING}"));
    check("x", "\n\nerror('no')", ErrorKind::Load, "cannot load `x`: x:3: no");
    check("", "", ErrorKind::Refused, "cannot load a plugin from memory: a name is empty");
    check(
        "ui/main",
        text,
        ErrorKind::Refused,
        "cannot load `ui/main`: `ui/main` 1.2.0 is loaded already, from `ui/main`: unload that \
         one, or give this one another version",
    );
    let next = stage.host.load_source("ui/main", "return { _VERSION = '1.3.0' }").unwrap();
    assert_eq!(stage.host.plugin("ui/main").unwrap().version(), next.version());
}

#[cfg(feature = "_lua")]
#[test]
fn files_in_memory_are_a_plugins_folder() {
    let stage = Stage::new();
    let files = BTreeMap::from([
        (
            "init.lua",
            "local part = require 'part'\nfunction Get(name) local it = require(name) return it end\nPart = part",
        ),
        ("part.lua", "local path = select(2, ...) return path"),
        ("deep/inner.lua", "return 'inner'"),
        ("deep/init.lua", "error('no')"),
        ("code.lua", "\x1bLua"),
    ]);
    let plugin = stage.host.load_files("game", files.clone()).unwrap();
    assert_eq!((plugin.name(), plugin.path()), ("game", "game/init.lua".into()));
    assert_eq!(plugin.var::<String>("Part").unwrap().get().unwrap(), "game/part.lua");
    assert_eq!(plugin.call("Get", ("deep.inner",)).unwrap(), Value::Str("inner".into()));
    let error = plugin.call("Get", ("deep",)).unwrap_err();
    assert_eq!(error.to_string(), "plugin `game`: `Get`: deep/init.lua:1: no");
    assert_eq!(error.location(), Some((Path::new("game/deep/init.lua"), 1)));
    let get = |name: &str| message(plugin.call("Get", (name,)));
    assert_eq!(
        get("deep.iner"),
        "plugin `game`: `Get`: init.lua:2: no module `deep.iner`: tried `game/deep/iner.lua`, \
         `game/deep/iner/init.lua`; near: `deep.inner`"
    );
    assert_eq!(
        get("code"),
        "plugin `game`: `Get`: init.lua:2: cannot load `game/code.lua`: it is bytecode, and only \
         text is loaded"
    );
    assert_eq!(
        message(stage.host.load_files("toy", [("inti.lua", "")])),
        "cannot load `toy`: no `init.lua` among its files; near: `inti.lua`"
    );
    assert_eq!(
        message(stage.host.load_files("game", files)),
        "cannot load `game/init.lua`: `game` 0.0.0 is loaded already, from `game/init.lua`: unload \
         that one, or give this one another version"
    );
}
