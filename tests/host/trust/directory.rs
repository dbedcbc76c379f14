//! Native code that others could change: whose files and folders are looked at, and which.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::PathBuf;

use twinplug::{Host, Trust};

use super::Yard;
use crate::copies::nobody;
use crate::images::compile;
use crate::reports::Reports;
use crate::twins::C;

const OPEN: &str = "`chmod o-w` it, once you have made sure of what is there";

impl Yard {
    /// A plugin of that name.
    fn plugin(&self, name: &str) -> PathBuf {
        self.copy(&C.testplugin, name)
    }

    fn set(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), PermissionsExt::from_mode(mode)).unwrap();
    }

    /// Loading and inspecting refuse it with the same words.
    #[track_caller]
    fn refuses(&self, name: &str, why: &str) {
        let path = self.path(name);
        let expected = format!("cannot load `@/{name}`: {why}");
        assert_eq!(self.distrusted(Host::builder().build().unwrap().load(&path)), expected);
        assert_eq!(self.distrusted(Host::inspect(&path)), expected);
    }

    #[track_caller]
    fn refuses_open(&self, name: &str, what: &str, mode: &str) {
        self.refuses(name, &format!("anybody can write to `{what}` (mode {mode}): {OPEN}"));
    }

    /// All is well: it is loaded.
    #[track_caller]
    fn loads(&self, name: &str) {
        let host = Host::builder().trust(Trust::Directory).build().unwrap();
        let plugin = host.load(self.path(name)).unwrap();
        assert_eq!(plugin.call("Hello", ()).unwrap(), "Hello, number 0".into());
    }
}

#[test]
fn a_file_that_anybody_can_write_is_refused() {
    let yard = Yard::new();
    yard.plugin("in/liba.so");
    yard.loads("in/liba.so");
    for mode in [0o646, 0o666, 0o777, 0o602] {
        yard.set("in/liba.so", mode);
        yard.refuses_open("in/liba.so", "@/in/liba.so", &format!("{mode:o}"));
    }
    yard.set("in/liba.so", 0o444);
    yard.loads("in/liba.so");
}

#[test]
fn a_folder_that_anybody_can_write_is_refused() {
    let yard = Yard::new();
    yard.plugin("above/in/liba.so");
    for (folder, mode) in [("above/in", 0o777), ("above", 0o777), ("above/in", 0o733)] {
        yard.set(folder, mode);
        yard.refuses_open("above/in/liba.so", &format!("@/{folder}"), &format!("{mode:o}"));
        yard.set(folder, 0o755);
    }
    yard.loads("above/in/liba.so");
}

/// As `/tmp` is: others can put files there, and cannot touch those of this user.
#[test]
fn a_sticky_folder_may_be_above_a_private_one() {
    let yard = Yard::new();
    yard.plugin("above/in/liba.so");
    yard.set("above", 0o1777);
    yard.loads("above/in/liba.so");
    yard.plugin("above/liba.so");
    yard.refuses(
        "above/liba.so",
        "anybody can put files into `@/above` (mode 1777): use a folder of your own there",
    );
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    let Some(other) = other_user() else { return };
    let yard = Yard::new();
    yard.plugin("above/in/liba.so");
    for name in ["above/in/liba.so", "above/in", "above"] {
        chown(yard.path(name), Some(other), None).unwrap();
        let why = format!(
            "`@/{name}` belongs to user {other}, and this program trusts root alone: `chown` it, or \
             copy it to a folder of your own, once you have made sure of what is there"
        );
        yard.refuses("above/in/liba.so", &why);
        // A sticky one as well: its owner may do all in it.
        if name == "above" {
            yard.set(name, 0o1777);
            yard.refuses("above/in/liba.so", &why);
        }
        chown(yard.path(name), Some(0), None).unwrap();
    }
    yard.loads("above/in/liba.so");
}

/// Whom the loads run as is told, where that is not root; root's files are trusted then as well.
#[test]
fn another_user_trusts_itself_and_root() {
    let Some(user) = other_user() else { return };
    let yard = Yard::new();
    yard.set("", 0o755);
    fs::copy(std::env::current_exe().unwrap(), yard.path("program")).unwrap();
    let asks = "#include \"twinplug.h\"\n\
        static tp_status ask(tp_call *call) { *call->result = tp_int(42); return TP_OK; }\n\
        static const tp_export exports[] = {TP_EXPORT_FUNC(\"Ask\", \"() -> int\", ask)};\n\
        TP_PLUGIN(\"asks\", \"1.0.0\", exports, NULL);";
    let source = yard.write("asks.c", asks);
    let library = yard.path("libasks.so");
    compile(&source, &library, &[]);
    let load = || {
        let temporary = std::env::temp_dir();
        let ran =
            crate::copies::load_in_child(&library, &temporary, &yard.path("program"), Some(user));
        yard.told(&crate::copies::said(&ran))
    };
    assert_eq!(load(), "answer: 42");
    chown(&library, Some(user), None).unwrap();
    assert_eq!(load(), "answer: 42");
    chown(&library, Some(user - 1), None).unwrap();
    let expected = format!(
        "error: cannot load `@/libasks.so`: `@/libasks.so` belongs to user {}, and this program \
         trusts user {user} and root alone: `chown` it, or copy it to a folder of your own, once you \
         have made sure of what is there",
        user - 1
    );
    assert_eq!(load(), expected);
}

#[test]
fn what_a_group_can_write_is_a_warning() {
    let yard = Yard::new();
    yard.plugin("in/liba.so");
    yard.write("in/a.toml", "version = '1.0.0'");
    let names = ["in", "in/liba.so", "in/a.toml"];
    [0o775, 0o664, 0o660].into_iter().zip(names).for_each(|(mode, name)| yard.set(name, mode));
    let host = Host::builder().build().unwrap();
    let warnings = || {
        let reports = Reports::default();
        tracing::subscriber::with_default(reports.clone(), || {
            let plugin = host.load(yard.path("in/liba.so")).unwrap();
            host.unload(plugin).unwrap();
        });
        let mut reports = reports.taken();
        reports.retain(|report| report.level == "WARN");
        reports.into_iter().map(|report| yard.told(&report.text)).collect::<Vec<_>>()
    };
    let expected = names.map(|name| {
        format!(
            "`@/{name}` is writable by its group, who decide what is loaded as `@/in/liba.so`: \
             `chmod g-w` it, unless all of them may"
        )
    });
    assert_eq!(warnings(), expected);
    assert_eq!(warnings(), Vec::<String>::new(), "told once");
}

/// The folders of a link and those of what it leads to: who can write to either decides.
#[test]
fn links_are_followed() {
    let yard = Yard::new();
    yard.plugin("target/libreal.so");
    fs::create_dir(yard.path("in")).unwrap();
    symlink("../target/libreal.so", yard.path("in/liba.so")).unwrap();
    symlink(yard.path("target"), yard.path("in/folder")).unwrap();
    let links = ["in/liba.so", "in/folder/libreal.so"];
    links.iter().for_each(|link| yard.loads(link));
    for (name, mode) in [("target", 0o777), ("in", 0o777), ("target/libreal.so", 0o666)] {
        yard.set(name, mode);
        links
            .iter()
            .for_each(|it| yard.refuses_open(it, &format!("@/{name}"), &format!("{mode:o}")));
        yard.set(name, if name.ends_with(".so") { 0o644 } else { 0o755 });
    }
    // What else is put beside the link would be the plugin's; a folder's link stands alone.
    yard.set("in", 0o1777);
    yard.refuses(
        "in/liba.so",
        "anybody can put files into `@/in` (mode 1777): use a folder of your own there",
    );
    yard.loads("in/folder/libreal.so");
    let Some(other) = other_user() else { return };
    // In a sticky folder the owner of a link may have it lead elsewhere.
    lchown(yard.path("in/folder"), Some(other), None).unwrap();
    yard.refuses(
        "in/folder/libreal.so",
        &format!(
            "`@/in/folder` belongs to user {other}, and this program trusts root alone: `chown` it, \
             or copy it to a folder of your own, once you have made sure of what is there"
        ),
    );
}

/// Who can put a link in its place decides where `..` leads.
#[test]
fn a_folder_that_is_left_again_counts() {
    let yard = Yard::new();
    yard.plugin("in/liba.so");
    fs::create_dir(yard.path("aside")).unwrap();
    symlink("aside/../in", yard.path("link")).unwrap();
    let paths = ["aside/../in/liba.so", "link/liba.so"];
    paths.iter().for_each(|path| yard.loads(path));
    yard.set("aside", 0o777);
    paths.iter().for_each(|path| yard.refuses_open(path, "@/aside", "777"));
    yard.set("aside", 0o755);
    let Some(other) = other_user() else { return };
    chown(yard.path("aside"), Some(other), None).unwrap();
    let why = format!(
        "`@/aside` belongs to user {other}, and this program trusts root alone: `chown` it, or copy \
         it to a folder of your own, once you have made sure of what is there"
    );
    paths.iter().for_each(|path| yard.refuses(path, &why));
}

/// A file has its owner and its mode wherever it is linked.
#[test]
fn a_hard_link_is_the_file_itself() {
    let yard = Yard::new();
    yard.plugin("in/liba.so");
    fs::create_dir(yard.path("public")).unwrap();
    fs::hard_link(yard.path("in/liba.so"), yard.path("public/liba.so")).unwrap();
    yard.set("public", 0o777);
    yard.loads("in/liba.so");
    yard.refuses_open("public/liba.so", "@/public", "777");
    yard.set("public/liba.so", 0o666);
    yard.refuses_open("in/liba.so", "@/in/liba.so", "666");
}

/// It says which file is the plugin, and whether its image may go.
#[test]
fn the_manifest_of_a_library_counts() {
    let yard = Yard::new();
    yard.plugin("liba.so");
    yard.write("a.toml", "unload = false");
    yard.plugin("folder/bin/libb.so");
    yard.write("folder/plugin.toml", "entry = 'bin/libb.so'");
    for (plugin, manifest) in [("liba.so", "a.toml"), ("folder/bin/libb.so", "folder/plugin.toml")]
    {
        let load = |plugin: &str| match plugin.split_once('/') {
            Some((folder, _)) => Host::builder().build().unwrap().load(yard.path(folder)),
            None => Host::builder().build().unwrap().load(yard.path(plugin)),
        };
        load(plugin).unwrap();
        yard.set(manifest, 0o666);
        let expected = format!(
            "cannot load `@/{plugin}`: anybody can write to `@/{manifest}` (mode 666): {OPEN}"
        );
        assert_eq!(yard.distrusted(load(plugin)), expected);
        yard.set(manifest, 0o644);
        // A link may lead to it.
        let elsewhere = yard.write("elsewhere/manifest", fs::read(yard.path(manifest)).unwrap());
        fs::remove_file(yard.path(manifest)).unwrap();
        symlink(&elsewhere, yard.path(manifest)).unwrap();
        load(plugin).unwrap();
        yard.set("elsewhere", 0o777);
        let expected = format!(
            "cannot load `@/{plugin}`: anybody can write to `@/elsewhere` (mode 777): {OPEN}"
        );
        assert_eq!(yard.distrusted(load(plugin)), expected);
        yard.set("elsewhere", 0o755);
    }
}

#[cfg(feature = "_lua")]
#[test]
fn scripts_are_not_looked_at() {
    let yard = Yard::new();
    let path = yard.write("in/a.lua", "function Hello() return require 'part' end");
    yard.write("in/a/part.lua", "return 'hello'");
    yard.write("in/a.toml", "");
    for name in ["in/a.lua", "in/a/part.lua", "in/a.toml", "in/a", "in"] {
        yard.set(name, 0o777);
    }
    let host = Host::builder().build().unwrap();
    assert_eq!(host.load(path).unwrap().call("Hello", ()).unwrap(), "hello".into());
}

/// A plugin that needs a helper, for which it looks in these folders of its run path.
#[cfg(target_os = "linux")]
fn with_helper(yard: &Yard, name: &str, run_path: &str) {
    let source = yard.write("source.c", "int helper(void) { return 42; }");
    let helper = yard.path(&format!("lib/lib{name}_helper.so"));
    fs::create_dir_all(yard.path("lib")).unwrap();
    compile(&source, &helper, &[]);
    let text = format!(
        "#include \"twinplug.h\"\n\
         int helper(void);\n\
         static tp_status hello(tp_call *call) {{\n\
         *call->result = tp_str(helper() == 42 ? \"Hello, number 0\" : \"\"); return TP_OK; }}\n\
         static const tp_export exports[] = {{TP_EXPORT_FUNC(\"Hello\", \"() -> string\", hello)}};\n\
         TP_PLUGIN(\"{name}\", \"1.0.0\", exports, NULL);"
    );
    let source = yard.write("source.c", text);
    let flags = [
        format!("-L{}", yard.path("lib").display()),
        format!("-l{name}_helper"),
        format!("-Wl,--enable-new-dtags,-rpath,{run_path}"),
    ];
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    fs::create_dir_all(yard.path("in")).unwrap();
    compile(&source, &yard.path("in/liba.so"), &flags);
}

#[cfg(target_os = "linux")]
#[test]
fn a_library_that_it_needs_counts() {
    let yard = Yard::new();
    with_helper(&yard, "needs", "$ORIGIN/../lib");
    yard.loads("in/liba.so");
    let helper = "@/in/../lib/libneeds_helper.so";
    for (name, mode) in [("lib", 0o777), ("lib/libneeds_helper.so", 0o666)] {
        yard.set(name, mode);
        let why = format!(
            "it looks for `{helper}`: anybody can write to `@/{name}` (mode {mode:o}): {OPEN}"
        );
        yard.refuses("in/liba.so", &why);
        yard.set(name, 0o755);
    }
    yard.loads("in/liba.so");
}

/// A folder of the run path that is looked in first is as good a place to put a library as that
/// where it is, be the folder there already or not.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_is_looked_in_first_counts() {
    let yard = Yard::new();
    let first = yard.path("public/first");
    with_helper(&yard, "first", &format!("{}:$ORIGIN/../lib", first.display()));
    fs::create_dir(yard.path("public")).unwrap();
    yard.loads("in/liba.so");
    let looks = "it looks for `@/public/first/libfirst_helper.so`";
    yard.set("public", 0o1777);
    let common =
        "anybody can put files into `@/public` (mode 1777): use a folder of your own there";
    yard.refuses("in/liba.so", &format!("{looks}: {common}"));
    fs::create_dir(&first).unwrap();
    yard.loads("in/liba.so");
    yard.set("public/first", 0o777);
    let open = format!("anybody can write to `@/public/first` (mode 777): {OPEN}");
    yard.refuses("in/liba.so", &format!("{looks}: {open}"));
}

/// Another user, if this one is root and can give files to it.
fn other_user() -> Option<u32> {
    let user = nobody();
    if user.is_none() {
        // Past the harness, which keeps what a test that passes has printed.
        let _ = writeln!(io::stderr(), "skipped: only root can give files to another user");
    }
    user
}

/// A private copy that cannot lie beside the plugin lies where temporary files go; there as well
/// nobody may put another one in its place.
#[test]
fn the_folder_of_temporary_files_counts_for_a_copy() {
    let Some(user) = other_user() else { return };
    let yard = Yard::new();
    yard.set("", 0o755);
    fs::copy(std::env::current_exe().unwrap(), yard.path("program")).unwrap();
    let path = yard.plugin("liba.so");
    fs::create_dir(yard.path("temporary")).unwrap();
    yard.set("temporary", 0o777);
    let load = || {
        let (temporary, program) = (yard.path("temporary"), yard.path("program"));
        let ran = crate::copies::load_in_child(&path, &temporary, &program, Some(user));
        yard.told(&crate::copies::said(&ran))
    };
    let expected = format!(
        "error: cannot load `@/liba.so`: its copy has to lie among the temporary files, and anybody \
         can write to `@/temporary` (mode 777): {OPEN}; or set `TMPDIR` to another folder"
    );
    assert_eq!(load(), expected);
    assert_eq!(fs::read_dir(yard.path("temporary")).unwrap().count(), 0);
    yard.set("temporary", 0o1777);
    // It is loaded, and has no function of that name.
    assert_eq!(load(), "error: plugin `testplugin`: no symbol `Ask`");
}
