//! `load_dir` and its sisters: all plugins of a folder, or of a list, each after those that it
//! requires.

#[cfg(feature = "_lua")]
mod order;
#[cfg(all(feature = "_lua", feature = "native", target_os = "linux"))]
mod permissions;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use twinplug::{ErrorKind, Host, Loaded, PluginRef};

use crate::twins::{Stage, Twin, message, on_every_twin};

on_every_twin! {
    plugins_of_either_kind_are_loaded_after_those_that_they_require
    one_that_fails_does_not_hold_up_the_others
}

/// A folder of plugins, and a host.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
    pub(crate) stage: Stage,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk { folder: tempfile::tempdir().unwrap(), stage: Stage::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Copies a plugin there, with a manifest beside it.
    fn copy(&self, from: &Path, manifest: &str) -> PathBuf {
        let file = from.file_name().unwrap().to_string_lossy().into_owned();
        let stem = file.split('.').next().unwrap();
        self.write(&format!("{}.toml", stem.strip_prefix("lib").unwrap_or(stem)), manifest);
        let path = self.path(&file);
        fs::copy(from, &path).unwrap();
        path
    }

    pub(crate) fn load(&self) -> Loaded {
        self.stage.host.load_dir(self.folder.path()).unwrap()
    }

    /// The failures' messages, with the folder's path as `@`.
    fn failures(&self, loaded: &Loaded) -> Vec<String> {
        let folder = self.folder.path().to_string_lossy();
        loaded.failures.iter().map(|failure| failure.to_string().replace(&*folder, "@")).collect()
    }
}

fn names(plugins: &[PluginRef]) -> Vec<&str> {
    plugins.iter().map(PluginRef::name).collect()
}

fn plugins_of_either_kind_are_loaded_after_those_that_they_require(twin: &Twin) {
    let desk = Desk::new();
    let probe = desk.copy(&twin.probe, "[requires]\ntestplugin = '^1.0'");
    let testplugin = desk.copy(&twin.testplugin, "name = 'testplugin'");
    let loaded = desk.load();
    assert_eq!((desk.failures(&loaded), loaded.shadowed.len()), (vec![], 0));
    let paths: Vec<_> = loaded.plugins.iter().map(PluginRef::path).collect();
    assert_eq!(paths, [testplugin, probe]);
    assert_eq!(names(&desk.stage.host.plugins()), ["testplugin", "probe"]);
    let testplugin = &loaded.plugins[0];
    testplugin.var::<i64>("Value").unwrap().set(7).unwrap();
    // Again it is the same plugins.
    let again = desk.load().all().unwrap();
    assert_eq!(names(&again), ["testplugin", "probe"]);
    assert_eq!(again[0].var::<i64>("Value").unwrap().get().unwrap(), 7);
}

fn one_that_fails_does_not_hold_up_the_others(twin: &Twin) {
    let desk = Desk::new();
    desk.copy(&twin.testplugin, "[requires]\nprobe = '>=7'");
    let probe = desk.copy(&twin.probe, "");
    let broken = desk.write("libbroken.so", "not a library");
    let path = desk.path(&twin.testplugin.file_name().unwrap().to_string_lossy());
    let loaded = desk.load();
    assert_eq!(names(&loaded.plugins), ["probe"]);
    let version = loaded.plugins[0].version();
    let (testplugin, probe) = (path.display(), probe.display());
    let refused = |path: &Path| {
        let failure = loaded.failures.iter().find(|failure| failure.path == path);
        (failure.unwrap().to_string(), failure.unwrap().error.kind())
    };
    assert_eq!(loaded.failures.len(), 2);
    assert_eq!(
        refused(&path),
        (
            format!(
                "cannot load `{testplugin}`: it requires `probe` >=7, and `probe` is loaded in \
                 {version} (`{probe}`): put it into the folder, or load it before"
            ),
            ErrorKind::Refused
        )
    );
    #[cfg(feature = "native")]
    let text = format!("cannot load `{}`: a text file, and no shared library", broken.display());
    #[cfg(not(feature = "native"))]
    let text = format!(
        "cannot load `{}`: this host was built without native plugins: switch on the Cargo feature \
         `native`",
        broken.display()
    );
    assert_eq!(refused(&broken), (text, ErrorKind::Refused));
    // Once they are mended they are loaded as well.
    desk.copy(&twin.testplugin, "[requires]\nprobe = '*'");
    fs::remove_file(broken).unwrap();
    let loaded = desk.load();
    assert_eq!((loaded.failures.len(), loaded.plugins.len()), (0, 2));
}

#[test]
fn what_is_no_folder_of_plugins_is_an_error() {
    let desk = Desk::new();
    let host = &desk.stage.host;
    let loaded = desk.load();
    assert_eq!((loaded.plugins.len(), loaded.failures.len(), loaded.shadowed.len()), (0, 0, 0));
    let missing = desk.path("missing");
    let error = host.load_dir(&missing).unwrap_err();
    let expected =
        format!("cannot list `{}`: No such file or directory (os error 2)", missing.display());
    assert_eq!((error.to_string(), error.kind()), (expected, ErrorKind::NotFound));
    let file = desk.write("a.lua", "");
    let expected = format!("cannot list `{}`: Not a directory (os error 20)", file.display());
    assert_eq!(message(host.load_dir(&file)), expected);
    for name in ["init.lua", "plugin.toml"] {
        let file = desk.write(&format!("{name}-plugin/{name}"), "");
        let folder = file.parent().unwrap();
        let expected = format!(
            "cannot load the plugins in `{}`: it is a plugin's folder itself, as it has `{name}`: \
             load it with `Host::load`, or name the folder that it is in",
            folder.display()
        );
        assert_eq!(message(host.load_dir(folder)), expected);
        assert_eq!(message(Host::inspect_dir(folder)), expected);
        assert_eq!(message(Host::list_dir(folder)), expected);
    }
}

#[cfg(feature = "_lua")]
mod scripts {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};
    use std::thread;

    use super::*;

    #[test]
    fn names_tell_what_is_a_plugin() {
        let desk = Desk::new();
        for (name, is_plugin) in [
            ("lone.lua", true),
            ("lone.toml", false),
            ("lone/part.lua", false),
            ("folder/init.lua", true),
            ("manifest/plugin.toml", true),
            ("manifest.lua/readme.md", false),
            ("_private.lua", false),
            ("_private/init.lua", false),
            (".hidden.lua", false),
            (".hidden/init.lua", false),
            ("lone_test.lua", false),
            ("test.lua", true),
            ("folder_test/init.lua", true),
            ("readme.md", false),
            ("source/Cargo.toml", false),
            ("other.dll", cfg!(windows)),
            ("other.dylib", cfg!(target_os = "macos")),
            ("lib_v2.so.1", cfg!(not(windows))),
            ("lib.so.bak", false),
        ] {
            desk.write(name, "");
            let loaded = desk.load();
            let count = loaded.plugins.len() + loaded.failures.len();
            assert_eq!(count, usize::from(is_plugin), "{name}: {loaded:?}");
            loaded.plugins.into_iter().for_each(|plugin| desk.stage.host.unload(plugin).unwrap());
            let first = Path::new(name).components().next().unwrap();
            let path = desk.folder.path().join(first);
            match path.is_dir() {
                true => fs::remove_dir_all(path).unwrap(),
                false => fs::remove_file(path).unwrap(),
            }
        }
    }

    #[test]
    fn names_come_from_where_they_are_said() {
        let desk = Desk::new();
        desk.write("a.lua", "---@plugin head 1.0.0");
        desk.write("b.lua", "return { _NAME = 'body', _VERSION = '1.0.0' }");
        desk.write("c.lua", "return {}");
        desk.write("c.toml", "name = 'manifest'");
        desk.write("d/init.lua", "---@requires computed1 ^1.0\n");
        desk.write("e_v1.lua", "");
        desk.write("f.lua", "return { _NAME = 'computed' .. 1, _VERSION = '1.0.' .. 2 }");
        // All of them before its turn by name.
        let all = "---@requires head *\n---@requires body ^1\n---@requires manifest *\n\
                   ---@requires d *\n---@requires e ^1\n---@requires computed1 *\n";
        desk.write("_.lua", "");
        desk.write("Z.lua", all);
        let loaded = desk.load().all().unwrap();
        let expected = ["head", "body", "manifest", "e", "computed1", "Z", "d"];
        // `d` is there before `Z`, which requires it.
        let found = names(&loaded);
        let mut sorted = found.clone();
        sorted.sort_unstable();
        let mut all = expected;
        all.sort_unstable();
        assert_eq!(sorted, all);
        assert_eq!(found, ["head", "body", "manifest", "e", "computed1", "d", "Z"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_a_file_is_met_once() {
        use std::os::unix::fs::symlink;
        let desk = Desk::new();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("far.lua"), "Where = 'far'").unwrap();
        fs::create_dir(elsewhere.path().join("box")).unwrap();
        fs::write(elsewhere.path().join("box/init.lua"), "").unwrap();
        desk.write("real_v1.lua", "");
        symlink("real_v1.lua", desk.path("real.lua")).unwrap();
        symlink("real_v1.lua", desk.path("real_v2.lua")).unwrap();
        symlink(elsewhere.path().join("far.lua"), desk.path("near.lua")).unwrap();
        symlink(elsewhere.path().join("box"), desk.path("chest")).unwrap();
        symlink("nowhere.lua", desk.path("dangling.lua")).unwrap();
        symlink("loop.lua", desk.path("loop.lua")).unwrap();
        let loaded = desk.load();
        assert_eq!(names(&loaded.plugins), ["chest", "near", "real"]);
        assert_eq!(
            desk.failures(&loaded),
            [
                "cannot read `@/dangling.lua`: No such file or directory (os error 2)",
                "cannot read `@/loop.lua`: Too many levels of symbolic links (os error 40)",
            ]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_no_text_is_one_all_the_same() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let desk = Desk::new();
        for name in [&b"a\xff.lua"[..], b"_\xff.lua", b"b\xff.txt", b"\xfe_test.lua"] {
            let path = desk.folder.path().join(OsStr::from_bytes(name));
            fs::write(path, "function F() return 1 end").unwrap();
        }
        fs::write(desk.folder.path().join(OsStr::from_bytes(b"c\xff.lua")), "x = = 1").unwrap();
        let loaded = desk.load();
        assert_eq!(names(&loaded.plugins), ["a\u{fffd}"]);
        assert_eq!(loaded.plugins[0].call("F", ()).unwrap(), 1.into());
        assert_eq!(loaded.plugins[0].path().file_name().unwrap().as_bytes(), b"a\xff.lua");
        let failed = &loaded.failures[0].path;
        assert_eq!(
            (loaded.failures.len(), failed.file_name().unwrap().as_bytes()),
            (1, &b"c\xff.lua"[..])
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let desk = Desk::new();
        let made = std::process::Command::new("mkfifo").arg(desk.path("pipe.lua")).status();
        assert!(made.unwrap().success());
        desk.write("a.lua", "");
        let loaded = desk.load();
        assert_eq!(names(&loaded.plugins), ["a"]);
        assert_eq!(desk.failures(&loaded), ["cannot load `@/pipe.lua`: it is no regular file"]);
    }

    #[test]
    fn two_threads_load_a_directory_once() {
        let ran = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ran);
        let desk = Desk {
            stage: Stage::with(|builder| {
                builder.function("ran", move || counted.fetch_add(1, Ordering::Relaxed) as i64)
            }),
            ..Desk::new()
        };
        for index in 0..20 {
            let requires = format!("---@requires p{:02} *\nhost.ran()", index + 1);
            let text = if index % 5 == 4 { "host.ran()" } else { &requires };
            desk.write(&format!("p{index:02}.lua"), text);
        }
        desk.write("broken.lua", "error('no', 0)");
        let start = Barrier::new(2);
        let load = || {
            start.wait();
            desk.load()
        };
        let both = thread::scope(|scope| {
            [scope.spawn(load), scope.spawn(load)].map(|it| it.join().unwrap())
        });
        for loaded in both {
            assert_eq!(loaded.plugins.len(), 20);
            assert_eq!(desk.failures(&loaded), ["cannot load `@/broken.lua`: no"]);
        }
        assert_eq!((desk.stage.host.plugins().len(), ran.load(Ordering::Relaxed)), (20, 20));
    }

    #[test]
    fn a_list_is_loaded_as_if_it_were_one_folder() {
        let desk = Desk::new();
        let uses = desk.write("uses.lua", "---@requires clock ^2.0");
        let layer = desk.write("layer.lua", "---@over clock\nfunction Now() return 7 end");
        let old = desk.write("old.lua", "---@plugin clock 1.0.0");
        desk.write("shared/clock.lua", "---@plugin clock 2.0.0\nfunction Now() return 2 end");
        let twice = desk.write("twice.lua", "---@plugin clock 1.0.0");
        let lacks = desk.write("lacks.lua", "---@requires moon *");
        let missing = desk.path("missing.lua");
        let own = desk.write("own/init.lua", "").parent().unwrap().to_owned();
        std::fs::create_dir(desk.path("empty")).unwrap();
        let (shared, empty) = (desk.path("shared"), desk.path("empty"));
        let paths =
            [&uses, &layer, &uses, &old, &lacks, &shared, &twice, &missing, &own, &empty, &shared];
        let loaded = desk.stage.host.load_all(paths);
        assert_eq!(names(&loaded.plugins), ["clock", "clock", "uses", "layer", "own"]);
        let failures = desk.failures(&loaded);
        let expected = [
            "cannot load `@/lacks.lua`: it requires `moon` *, and no plugin `moon` is loaded: load \
             it as well",
            "cannot load `@/twice.lua`: `clock` 1.0.0 is loaded already, from `@/old.lua`: unload \
             that one, or give this one another version",
            "no plugin at `@/missing.lua`: tried `@/missing.lua`",
            "no plugin in `@/empty`: tried `@/empty/init.lua`; the command `twinplug` builds a \
             folder of sources, which has a `Cargo.toml`, a `go.mod`, a `build.zig`, or files \
             `*.c`, `*.cpp` or `*.cc`",
        ];
        assert_eq!(failures, expected);
        assert!(loaded.shadowed.is_empty());
        let now = desk.stage.host.plugin("clock").unwrap().call("Now", ()).unwrap();
        assert_eq!(now, 7.into());
    }

    #[test]
    fn the_first_directory_that_has_a_name_wins() {
        let desk = Desk::new();
        desk.write("user/clock.lua", "---@plugin clock 1.0.0\nWhose = 'user'");
        desk.write("user/mine.lua", "return { _NAME = 'dial', Whose = 'user' }");
        desk.write("user/broken.lua", "error('no', 0)");
        desk.write("user/uses.lua", "---@requires system *");
        desk.write("system/clock.lua", "---@plugin clock 2.0.0\nerror('it ran')");
        desk.write("system/clock_v3.lua", "error('it ran')");
        desk.write("system/dial/init.lua", "error('it ran')");
        desk.write("system/broken.lua", "error('it ran')");
        desk.write("system/system.lua", "");
        let (user, system) = (desk.path("user"), desk.path("system"));
        let loaded = desk.stage.host.load_dirs([&user, &desk.path("missing"), &system, &user]);
        assert_eq!(names(&loaded.plugins), ["clock", "dial", "system", "uses"]);
        assert_eq!(desk.failures(&loaded), ["cannot load `@/user/broken.lua`: no"]);
        let shadowed = loaded.shadowed.iter().map(|it| {
            let path =
                |path: &Path| path.strip_prefix(desk.folder.path()).unwrap().display().to_string();
            (it.name.clone(), path(&it.path), path(&it.by))
        });
        let shadowed: Vec<_> = shadowed.collect();
        let expected = [
            ("broken", "system/broken.lua", "user/broken.lua"),
            ("clock", "system/clock.lua", "user/clock.lua"),
            ("clock", "system/clock_v3.lua", "user/clock.lua"),
            ("dial", "system/dial", "user/mine.lua"),
        ];
        let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(shadowed, expected);
        // What cannot be listed is told, and the others are loaded.
        let file = desk.write("file", "");
        let host = Host::builder().build().unwrap();
        let loaded = host.load_dirs([&file, &system]);
        assert_eq!(
            desk.failures(&loaded)[0],
            "cannot list `@/file`: Not a directory (os error 20)"
        );
        assert_eq!(loaded.failures[0].path, file);
        assert_eq!(names(&loaded.plugins), ["system"]);
    }

    #[test]
    fn a_directory_can_be_inspected() {
        let desk = Desk::new();
        desk.write("a.lua", "---@plugin clock 1.0.0\nerror('it ran')");
        desk.write("b.lua", "x = = 1");
        desk.write("_c.lua", "");
        let found = Host::inspect_dir(desk.folder.path()).unwrap();
        let paths: Vec<_> = found.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(Host::list_dir(desk.folder.path()).unwrap(), paths);
        let paths: Vec<_> = found.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(paths, [desk.path("a.lua"), desk.path("b.lua")]);
        assert_eq!(found[0].1.as_ref().unwrap().name, "clock");
        assert_eq!(found[1].1.as_ref().unwrap_err().kind(), ErrorKind::Load);
    }
}

/// The libraries that a plugin needs may lie beside it.
#[cfg(all(feature = "native", target_os = "linux"))]
#[test]
fn a_library_that_a_plugin_needs_is_no_failure() {
    let shelf = crate::images::Shelf::new();
    let folder = shelf.folder.path().join("plugins");
    fs::create_dir(&folder).unwrap();
    let compile = |name: &str, text: &str, flags: &[&str]| {
        let source = shelf.path("source.c");
        fs::write(&source, text).unwrap();
        let search = format!("-L{}", folder.display());
        let linked = format!("-Wl,-rpath-link,{}", folder.display());
        let flags = [&[search.as_str(), &linked, "-Wl,-rpath,$ORIGIN"], flags].concat();
        crate::images::compile(&source, &folder.join(name), &flags);
    };
    compile("libdirdeep.so", "int deep(void) { return 2; }", &[]);
    let text = "int deep(void); int helper(void) { return 40 + deep(); }";
    compile("libdirhelper.so", text, &["-ldirdeep"]);
    compile("libdirother.so", "int other(void) { return 1; }", &[]);
    let text = "#include \"twinplug.h\"\n\
        int helper(void);\n\
        static tp_status ask(tp_call *call) { *call->result = tp_int(helper()); return TP_OK; }\n\
        static const tp_export exports[] = {TP_EXPORT_FUNC(\"Ask\", \"() -> int\", ask)};\n\
        TP_PLUGIN(\"user\", \"1.0.0\", exports, NULL);";
    compile("libuser.so", text, &["-ldirhelper"]);
    std::os::unix::fs::symlink("libuser.so", folder.join("libuser.so.1")).unwrap();
    let loaded = Host::builder().build().unwrap().load_dir(&folder).unwrap();
    assert_eq!(names(&loaded.plugins), ["user"]);
    let failures: Vec<_> = loaded.failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        failures,
        [format!(
            "cannot load `{}`: a shared library, but no twinplug plugin: it has no symbol \
             `twinplug_plugin`",
            folder.join("libdirother.so").display()
        )]
    );
}
