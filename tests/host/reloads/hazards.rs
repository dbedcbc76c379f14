//! Reloads of native plugins that do what makes reloads hard.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use twinplug::{ErrorKind, Host, ImageState, PluginRef};

use crate::shop::Shop;

/// `LOAD` gives its number.
fn text(more: &str, load: &str) -> String {
    format!(
        r#"
        #include "twinplug.h"
        {more}
        static tp_status load(tp_call *call) {{ *call->result = tp_int({load}); return TP_OK; }}
        static const tp_export exports[] = {{TP_EXPORT_FUNC("Load", "() -> int", load)}};
        "#
    )
}

const KEPT: &str = "\nTP_PLUGIN(\"p\", \"1.0.0\", exports, NULL);";
const UNLOADS: &str = "\nTP_PLUGIN_WITH(\"p\", \"1.0.0\", TP_UNLOAD, exports, NULL, NULL, NULL, NULL, \
                       NULL, NULL, NULL);";

fn load(plugin: &PluginRef) -> i64 {
    plugin.func::<(), i64>("Load").unwrap().call(()).unwrap()
}

fn states(host: &Host) -> Vec<ImageState> {
    host.images().into_iter().map(|image| image.state).collect()
}

/// What a thread has of a load goes with the thread, in the code of that load.
#[test]
fn destructors_of_threads_run_after_a_reload() {
    for (end, expected) in
        [(KEPT, "the plugin does not say `unload`"), (UNLOADS, "the system keeps it")]
    {
        let shop = Shop::new();
        let told = shop.folder.path().join("told");
        let more = |load: usize| {
            format!(
                "#include <cstdio>\nnamespace {{ struct Local {{ int touched; ~Local() {{\n\
                 FILE *file = fopen(\"{}\", \"a\"); if (file) {{ fputs(\"{load};\", file); fclose(file); }} }} }};\n\
                 thread_local Local local; }}",
                told.display()
            )
        };
        let compile = |load: usize| {
            let touched = format!("{load} + 0 * ++local.touched");
            shop.compile_cpp("libp.so", &(text(&more(load), &touched) + end))
        };
        let host = Host::builder().build().unwrap();
        let plugin = host.load(compile(1)).unwrap();
        let (go, goes) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let (used, is_used) = mpsc::channel();
            let plugin = &plugin;
            scope.spawn(move || {
                used.send(load(plugin)).unwrap();
                goes.recv().unwrap();
            });
            assert_eq!(is_used.recv().unwrap(), 1);
            compile(2);
            host.reload(plugin).unwrap();
            assert_eq!(load(plugin), 2);
            let [ImageState::Kept(why), ImageState::Serving] = &states(&host)[..] else {
                panic!("{:?}", host.images());
            };
            assert!(why.starts_with(expected), "{why}");
            assert!(!told.exists());
            go.send(()).unwrap();
        });
        // The scope waits for what the thread runs, not for what it has: that goes a little later.
        let said = || fs::read_to_string(&told).unwrap_or_default();
        while said().is_empty() {
            thread::yield_now();
        }
        assert_eq!(said(), "1;");
    }
}

/// All loads share what is unique: the first one's, which is told beforehand.
#[test]
fn unique_symbols_keep_an_image() {
    let shop = Shop::new();
    let text = |load: usize| {
        // No name but this one of the language may be common to several files.
        let more = "template <int N> struct Shared { static int count; };\n\
                    template <int N> int Shared<N>::count = 0;\n\
                    __asm__(\".type _ZN6SharedILi7EE5countE, @gnu_unique_object\");";
        text(more, &format!("{load} + 0 * ++Shared<7>::count")) + UNLOADS
    };
    let path = shop.compile_cpp("libp.so", &text(1));
    let hazards = Host::inspect(&path).unwrap().hazards;
    assert!(hazards.iter().any(|it| it.starts_with("unique symbols")), "{hazards:?}");
    let host = Host::builder().build().unwrap();
    let plugin = host.load(&path).unwrap();
    assert_eq!(load(&plugin), 1);
    shop.compile_cpp("libp.so", &text(2));
    host.reload(&plugin).unwrap();
    assert_eq!(load(&plugin), 2);
    let why = "the system keeps it: thread-local data, unique symbols, or NODELETE";
    assert_eq!(states(&host), [ImageState::Kept(why.to_owned()), ImageState::Serving]);
}

const STATIC_TLS: &str = "TWINPLUG_STATIC_TLS";

/// Not a test of its own: what the child process does, as it uses up what others may need.
#[test]
fn child() {
    let Some(path) = std::env::var_os(STATIC_TLS) else { return };
    let host = Host::builder().build().unwrap();
    let plugin = host.load(&path).unwrap();
    let error = (0..200).find_map(|_| {
        assert_eq!(load(&plugin), 7);
        host.reload(&plugin).err()
    });
    let error = error.unwrap();
    assert_eq!((error.kind(), load(&plugin)), (ErrorKind::Reload, 7));
    let text = error.to_string();
    assert!(text.contains("serves on: cannot load `"), "{text}");
    assert!(text.contains("cannot allocate memory in static TLS block"), "{text}");
}

#[test]
fn the_load_before_serves_when_static_storage_has_run_out() {
    let shop = Shop::new();
    let more = "static __thread __attribute__((tls_model(\"initial-exec\"))) char local[200];";
    let path = shop.compile("libp.so", &(text(more, "7 + 0 * ++local[100]") + KEPT), &["-shared"]);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "reloads::hazards::child", "--nocapture"])
        .env(STATIC_TLS, path)
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"), "{child:?}");
}

/// The file that is there afterwards may have the number that the one before had.
#[cfg(unix)]
#[test]
fn a_file_with_the_number_of_another_one_is_a_new_load() {
    use std::os::unix::fs::MetadataExt;
    let shop = Shop::new();
    let host = Host::builder().build().unwrap();
    let compile = |load: usize| {
        shop.compile("libp.so", &(text("", &load.to_string()) + UNLOADS), &["-shared"])
    };
    let path = compile(0);
    let plugin = host.load(&path).unwrap();
    let mut numbers = vec![fs::metadata(&path).unwrap().ino()];
    for round in 1..20 {
        // Whoever frees a number gets it again at once, on most file systems.
        fs::remove_file(&path).unwrap();
        compile(round);
        numbers.push(fs::metadata(&path).unwrap().ino());
        host.reload(&plugin).unwrap();
        assert_eq!((load(&plugin), host.images().len()), (round as i64, 1));
    }
    // The same file, written in place, as well.
    let number = *numbers.last().unwrap();
    let other = shop.compile("libother.so", &(text("", "77") + UNLOADS), &["-shared"]);
    fs::write(&path, fs::read(other).unwrap()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), number);
    host.reload(&plugin).unwrap();
    assert_eq!(load(&plugin), 77);
}

/// A library of that name whose `dep` gives that. The system tells libraries by their names.
fn dependency(shop: &Shop, name: &str, gives: usize) -> PathBuf {
    let text = format!("int dep(void) {{ return {gives}; }}");
    let (file, soname) = (format!("lib{name}.so"), format!("-Wl,-soname,lib{name}.so"));
    shop.compile(&file, &text, &["-shared", &soname])
}

fn needing(shop: &Shop, name: &str, load: usize, end: &str) -> PathBuf {
    let needs = format!("-l{name}");
    let folder = format!("-L{}", shop.folder.path().display());
    let text = text("int dep(void);", &format!("{load} + dep()")) + end;
    shop.compile(
        "libp.so",
        &text,
        &["-shared", &folder, "-Wl,--no-as-needed", &needs, "-Wl,-rpath,$ORIGIN"],
    )
}

fn replace(path: &Path, with: impl FnOnce() -> PathBuf) {
    fs::remove_file(path).unwrap();
    with();
}

#[cfg(target_os = "linux")]
#[test]
fn a_changed_dependency_refuses_the_reload() {
    let shop = Shop::new();
    let dep = dependency(&shop, "changes", 10);
    let host = Host::builder().build().unwrap();
    let plugin = host.load(needing(&shop, "changes", 1, KEPT)).unwrap();
    assert_eq!(load(&plugin), 11);
    // The same one may stay.
    needing(&shop, "changes", 2, KEPT);
    host.reload(&plugin).unwrap();
    assert_eq!(load(&plugin), 12);
    replace(&dep, || dependency(&shop, "changes", 20));
    needing(&shop, "changes", 3, KEPT);
    let error = host.reload(&plugin).unwrap_err();
    let expected = format!(
        "it needs `{}`, which has changed since a plugin was loaded with it, and the system goes on with \
         what that was: start the program anew, or give the changed one another name",
        dep.canonicalize().unwrap().display()
    );
    assert!(error.to_string().ends_with(&expected), "{error}");
    assert_eq!(load(&plugin), 12);
    // Back to what it was.
    replace(&dep, || dependency(&shop, "changes", 10));
    host.reload(&plugin).unwrap();
    assert_eq!(load(&plugin), 13);
}

/// Where nobody has it any more the system maps the new one, also where what it was on the disk is
/// another library's by now.
#[cfg(target_os = "linux")]
#[test]
fn a_dependency_that_is_gone_may_change() {
    use std::os::unix::fs::MetadataExt;

    let shop = Shop::new();
    let dep = dependency(&shop, "goes", 10);
    let host = Host::builder().build().unwrap();
    let path = needing(&shop, "goes", 1, UNLOADS);
    let plugin = host.load(&path).unwrap();
    assert_eq!(load(&plugin), 11);
    host.unload(plugin).unwrap();
    let others = Shop::new();
    let other = dependency(&others, "other", 0);
    let (bytes, needs_other) = (fs::read(&other).unwrap(), needing(&others, "other", 1, KEPT));
    let number = |path: &Path| fs::metadata(path).unwrap().ino();
    let before = number(&dep);
    fs::remove_file(&dep).unwrap();
    let mut copies = (0..32).map(|index| {
        let copy = others.folder.path().join(index.to_string());
        fs::write(&copy, &bytes).unwrap();
        copy
    });
    // Some file systems give a number anew at once, others never.
    if let Some(copy) = copies.find(|copy| number(copy) == before) {
        fs::rename(copy, other).unwrap();
    }
    let second = Host::builder().build().unwrap();
    assert_eq!(load(&second.load(needs_other).unwrap()), 1);
    dependency(&shop, "goes", 20);
    assert_eq!(load(&host.load(&path).unwrap()), 21);
}
