//! Plugins that require others: what must be loaded before them, in which versions, and
//! which of them they use.

use tempfile::TempDir;
use twinplug::{ErrorKind, Host, PluginRef, Value};

use crate::twins::{Stage, Twin, message, on_every_twin};

on_every_twin! {
    what_a_plugin_requires_is_loaded_before_it
    a_plugin_is_there_for_those_that_require_it
}

/// A copy of a twin, whose manifest has more in it.
struct Copy {
    folder: TempDir,
    path: std::path::PathBuf,
}

impl Copy {
    fn new(twin: &Twin, manifest: &str) -> Copy {
        let folder = tempfile::tempdir().unwrap();
        let file = twin.probe.file_name().unwrap();
        let path = folder.path().join(file);
        std::fs::copy(&twin.probe, &path).unwrap();
        let stem = file.to_string_lossy().split('.').next().unwrap().to_owned();
        let stem = stem.strip_prefix("lib").unwrap_or(&stem);
        std::fs::write(folder.path().join(format!("{stem}.toml")), manifest).unwrap();
        Copy { folder, path }
    }
}

fn names(plugins: &[PluginRef]) -> Vec<&str> {
    plugins.iter().map(PluginRef::name).collect()
}

/// A plugin without code, of that version.
#[cfg(feature = "_lua")]
fn load(host: &Host, name: &str, version: &str) -> PluginRef {
    let text = format!("---@plugin {name} {version}\nfunction Version() return '{version}' end");
    host.load_source(name, text).unwrap()
}

#[cfg(feature = "_lua")]
fn what_a_plugin_requires_is_loaded_before_it(twin: &Twin) {
    let Stage { host, .. } = &Stage::new();
    let copy = Copy::new(twin, "[requires]\nclock = '^1.2'\ndial = '*'");
    let path = copy.path.display();
    load(host, "clack", "1.3.0");
    let refused = host.load(&copy.path).unwrap_err();
    assert_eq!(
        (refused.to_string(), refused.kind()),
        (
            format!(
                "cannot load `{path}`: it requires `clock` ^1.2, and no plugin `clock` is loaded; \
                 near: `clack`: load it first, or both with `Host::load_dir` (`--with` of the command)"
            ),
            ErrorKind::Refused
        )
    );
    let old = load(host, "clock", "1.1.9");
    load(host, "clock", "2.0.0");
    let expected = format!(
        "cannot load `{path}`: it requires `clock` ^1.2, and `clock` is loaded in 1.1.9 (`clock`), \
         2.0.0 (`clock`): load it first, or both with `Host::load_dir` (`--with` of the command)"
    );
    assert_eq!(message(host.load(&copy.path)), expected);
    let clock = load(host, "clock", "1.2.0");
    let expected = format!(
        "cannot load `{path}`: it requires `dial` *, and no plugin `dial` is loaded: load it \
         first, or both with `Host::load_dir` (`--with` of the command)"
    );
    assert_eq!(message(host.load(&copy.path)), expected);
    load(host, "dial", "0.0.0");
    let plugin = host.load(&copy.path).unwrap();
    let requires: Vec<_> =
        plugin.descriptor().requires.iter().map(|it| format!("{} {}", it.name, it.range)).collect();
    assert_eq!(requires, ["clock ^1.2", "dial *"]);
    assert_eq!(Host::inspect(&copy.path).unwrap().requires, plugin.descriptor().requires);
    assert_eq!(names(&host.dependents(&clock)), [plugin.name()]);
    assert_eq!(names(&host.dependents(&old)), [""; 0]);
    drop(copy.folder);
}

#[cfg(not(feature = "_lua"))]
fn what_a_plugin_requires_is_loaded_before_it(twin: &Twin) {
    let copy = Copy::new(twin, "[requires]\nprobe = '^1.2'");
    let refused = Stage::new().host.load(&copy.path).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    drop(copy.folder);
}

#[cfg(feature = "_lua")]
fn a_plugin_is_there_for_those_that_require_it(twin: &Twin) {
    let Stage { host, .. } = &Stage::new();
    let probe = host.load(&twin.probe).unwrap();
    let text = "---@requires probe *\nSum = host.plugin('probe').Add(1, 2)\n\
                function Add(a, b) return (host.plugin('probe').Add(a, b)) end";
    let user = host.load_source("user", text).unwrap();
    assert_eq!(user.var::<i64>("Sum").unwrap().get().unwrap(), 3);
    assert_eq!(names(&host.dependents(&probe)), ["user"]);
    // It goes all the same; what requires it finds that it is gone, and the next one.
    host.unload(probe).unwrap();
    assert_eq!(
        message(user.call("Add", (1, 2))),
        "plugin `user`: `Add`: user:3: it requires `probe` *, and no plugin `probe` is loaded"
    );
    let probe = host.load(&twin.probe).unwrap();
    assert_eq!(user.call("Add", (1, 2)).unwrap(), Value::Int(3));
    assert_eq!(names(&host.dependents(&probe)), ["user"]);
    // What another host has loaded is not there for this one.
    let refused = Stage::new().host.load_source("user", text).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot load `user`: it requires `probe` *, and no plugin `probe` is loaded: load it \
         first, or both with `Host::load_dir` (`--with` of the command)"
    );
}

#[cfg(not(feature = "_lua"))]
fn a_plugin_is_there_for_those_that_require_it(twin: &Twin) {
    let host = Stage::new().host;
    let probe = host.load(&twin.probe).unwrap();
    let copy = Copy::new(twin, &format!("[requires]\n{} = '*'", probe.name()));
    // The copy has the same name and version: it may be required, and not be there twice.
    assert!(message(host.load(&copy.path)).contains("is loaded already, from"));
    drop(copy.folder);
}

#[cfg(feature = "_lua")]
mod scripts {
    use super::*;

    const USER: &str = "---@plugin user 1.0.0\n---@requires clock ^1.0\nlocal kept\n\
        function Version() return (host.plugin('clock').Version()) end\n\
        function Kept() kept = kept or host.plugin('clock').Version return (kept()) end\n\
        function Has() return host.has_plugin('clock') end";

    #[test]
    fn a_script_uses_the_newest_in_its_range() {
        let host = Host::builder().build().unwrap();
        let first = load(&host, "clock", "1.0.0");
        let user = host.load_source("user", USER).unwrap();
        let check = |expected: &str| {
            for name in ["Version", "Kept"] {
                assert_eq!(user.call(name, ()).unwrap(), Value::Str(expected.into()), "{name}");
            }
            assert_eq!(user.call("Has", ()).unwrap(), Value::Bool(true));
        };
        check("1.0.0");
        load(&host, "clock", "2.0.0");
        load(&host, "clock", "1.3.0-rc.1");
        check("1.0.0");
        let newest = load(&host, "clock", "1.2.0");
        check("1.2.0");
        assert_eq!(names(&host.dependents(&first)), [""; 0]);
        assert_eq!(names(&host.dependents(&newest)), ["user"]);
        host.unload(newest).unwrap();
        check("1.0.0");
        host.unload(first).unwrap();
        for (name, line) in [("Version", 4), ("Kept", 5)] {
            assert_eq!(
                message(user.call(name, ())),
                format!(
                    "plugin `user`: `{name}`: user:{line}: it requires `clock` ^1.0, and `clock` \
                     is loaded in 2.0.0 (`clock`), 1.3.0-rc.1 (`clock`)"
                )
            );
        }
        assert_eq!(user.call("Has", ()).unwrap(), Value::Bool(false));
    }

    #[test]
    fn a_manifest_and_the_first_comments_must_agree() {
        let host = Host::builder().build().unwrap();
        load(&host, "clock", "1.5.0");
        load(&host, "dial", "1.0.0");
        let load = |manifest: &str| {
            let text = "---@requires dial ^1.0\n---@requires clock ^1.2\nreturn {}";
            host.load_files("user", [("plugin.toml", manifest), ("init.lua", text)])
        };
        let refused = load("[requires]\nclock = '^1.3'").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "cannot load `user/init.lua`: its manifest requires `clock` ^1.3, and `---@requires` \
             in line 2 ^1.2: let them agree, or leave one of them out"
        );
        assert_eq!(refused.location().unwrap().1, 2);
        let user = load("[requires]\nclock = '^1.2'").unwrap();
        let requires = &user.descriptor().requires;
        let requires: Vec<_> = requires.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(requires, ["clock", "dial"]);
    }

    #[test]
    fn an_earlier_version_of_itself_may_be_required() {
        let host = Host::builder().build().unwrap();
        let text = "---@plugin clock 2.0.0\n---@requires clock ^1\n\
                    function Version() return '2 over ' .. host.plugin('clock').Version() end";
        assert_eq!(
            message(host.load_source("clock", text)),
            "cannot load `clock`: it requires `clock` ^1, and no plugin `clock` is loaded: load it \
             first, or both with `Host::load_dir` (`--with` of the command)"
        );
        load(&host, "clock", "1.0.0");
        let clock = host.load_source("clock", text).unwrap();
        assert_eq!(clock.call("Version", ()).unwrap(), Value::Str("2 over 1.0.0".into()));
    }

    /// Who requires others may still use them as the host goes.
    #[test]
    fn a_host_unloads_the_last_that_was_loaded_first() {
        let stage = Stage::new();
        let clock =
            "return { Now = function() return 7 end, on_unload = function() print('clock') end }";
        stage.host.load_source("clock", clock).unwrap();
        let user = "---@requires clock *\n\
                    function on_unload() print(host.plugin('clock').Now()) end";
        stage.host.load_source("user", user).unwrap();
        assert_eq!(stage.printed_when_dropped(), "[user] 7\n[clock] clock\n");
    }
}
