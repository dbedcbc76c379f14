//! Images: what is mapped, what is really new, what stays and why.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;

use tempfile::TempDir;
use twinplug::{ErrorKind, Host, ImageState, Value};

use crate::twins::{C, RUST, Stage, message, root};

/// A folder of libraries that count how often they were called.
pub(crate) struct Shelf {
    pub(crate) folder: TempDir,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        Shelf { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A plugin whose `Count` counts its calls; `more` are further keys of its section.
    pub(crate) fn counter(&self, file: &str, name: &str, more: &str, flags: &[&str]) -> PathBuf {
        let text = format!(
            "#include \"twinplug.h\"\n\
             int shared_name = 0;\n\
             const char *strdup(const char *text) {{ return text; }}\n\
             static tp_status count(tp_call *call) {{ *call->result = tp_int(++shared_name); return TP_OK; }}\n\
             static const tp_export exports[] = {{TP_EXPORT_FUNC(\"Count\", \"() -> int\", count)}};\n\
             TP_PLUGIN_WITH(\"{name}\", \"1.0.0\", {more}, exports, NULL, NULL, NULL, NULL, NULL, NULL, NULL);"
        );
        let library = self.path(file);
        let source = self.path("source.c");
        std::fs::write(&source, text).unwrap();
        compile(&source, &library, flags);
        library
    }
}

pub(crate) fn compile(source: &Path, library: &Path, flags: &[&str]) {
    let status = Command::new("cc")
        .args(["-std=c99", "-O1", "-fPIC", "-shared", "-fno-builtin", "-I"])
        .arg(root("include"))
        .arg(source)
        .args(flags)
        .arg("-o")
        .arg(library)
        .status()
        .unwrap();
    assert!(status.success());
}

pub(crate) fn count(host: &Host, path: &Path) -> i64 {
    host.load(path).unwrap().func::<(), i64>("Count").unwrap().call(()).unwrap()
}

fn states(host: &Host) -> Vec<ImageState> {
    host.images().into_iter().map(|image| image.state).collect()
}

fn kept(why: &str) -> ImageState {
    ImageState::Kept(why.to_owned())
}

#[test]
fn an_image_is_kept_unless_its_plugin_says_otherwise() {
    let (shelf, stage) = (Shelf::new(), Stage::new());
    let path = shelf.counter("libkept.so", "kept", "\"\"", &[]);
    let plugin = stage.host.load(&path).unwrap();
    assert_eq!(states(&stage.host), [ImageState::Serving]);
    stage.host.unload(plugin).unwrap();
    assert_eq!(states(&stage.host), [kept("the plugin does not say `unload`")]);
    let report = &stage.host.images()[0];
    assert_eq!((report.plugin.as_str(), &report.path), ("kept", &path));
}

#[test]
fn an_image_that_may_go_goes_with_its_plugin() {
    let (shelf, stage) = (Shelf::new(), Stage::new());
    let path = shelf.counter("libgone.so", "gone", "TP_UNLOAD", &[]);
    for _ in 0..3 {
        let plugin = stage.host.load(&path).unwrap();
        let handle = plugin.func::<(), i64>("Count").unwrap();
        assert_eq!(handle.call(()).unwrap(), 1, "each load starts anew");
        stage.host.unload(plugin).unwrap();
        assert_eq!(states(&stage.host), []);
        assert_eq!(message(handle.call(())), "plugin `gone`: `Count`: the plugin was unloaded");
    }
}

#[test]
fn what_the_system_keeps_is_reported_as_kept() {
    let (shelf, stage) = (Shelf::new(), Stage::new());
    let path = shelf.counter("libstays.so", "stays", "TP_UNLOAD", &["-Wl,-z,nodelete"]);
    let plugin = stage.host.load(&path).unwrap();
    stage.host.unload(plugin).unwrap();
    assert_eq!(
        states(&stage.host),
        [kept("the system keeps it: thread-local data, unique symbols, or NODELETE")]
    );
}

#[test]
fn an_endless_leak_ends_in_a_refusal() {
    let shelf = Shelf::new();
    let stage = Stage::with(|builder| builder.kept_images(2));
    let path = shelf.counter("libleak.so", "leak", "\"\"", &[]);
    for _ in 0..2 {
        stage.host.unload(stage.host.load(&path).unwrap()).unwrap();
    }
    let error = stage.host.load(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot load `{}`: 2 images of native plugins that are gone are still mapped, and no \
             more are allowed: let plugins say `unload`, or raise `HostBuilder::kept_images`",
            path.display()
        )
    );
    let gone = shelf.counter("libgone.so", "gone", "TP_UNLOAD", &[]);
    assert!(stage.host.load(gone).is_err(), "a new image might stay as well");
}

/// Eight loads at once, each of which fails and leaves its image: no more of them stay
/// than may.
#[test]
fn loads_under_way_have_their_place_in_the_budget() {
    const MOST: usize = 3;
    let shelf = Shelf::new();
    let stage = Stage::with(|builder| builder.kept_images(MOST));
    let source = shelf.path("failing.c");
    let text = "#include \"twinplug.h\"\n\
                static tp_status init(tp_call *call) { return tp_answer(call, TP_ERROR, \"no\"); }\n\
                TP_PLUGIN_BARE(\"failing\", \"1.0.0\", init);";
    std::fs::write(&source, text).unwrap();
    let paths: Vec<_> = (0..8).map(|number| shelf.path(&format!("lib{number}.so"))).collect();
    paths.iter().for_each(|path| compile(&source, path, &[]));
    let start = Barrier::new(8);
    let load = |path: &PathBuf| {
        start.wait();
        stage.host.load(path).unwrap_err()
    };
    let errors: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = paths.iter().map(|path| scope.spawn(move || load(path))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let failed = |error: &&twinplug::Error| error.to_string().ends_with("its init failed: no");
    let failures = errors.iter().filter(failed).count();
    assert!((1..=MOST).contains(&failures), "{errors:?}");
    assert_eq!(states(&stage.host).len(), failures);
    assert!(errors.iter().filter(|error| !failed(error)).all(|e| e.kind() == ErrorKind::Refused));
    // What was refused for loads that were under way may be tried again.
    for _ in failures..MOST {
        assert!(failed(&&stage.host.load(&paths[0]).unwrap_err()));
    }
    assert!(!failed(&&stage.host.load(&paths[0]).unwrap_err()));
    assert_eq!(states(&stage.host).len(), MOST);
}

/// The system keeps an image while a thread has data of it to destroy, and lets go of it
/// later on.
#[cfg(target_env = "gnu")]
#[test]
fn an_image_that_the_system_lets_go_of_later_is_no_longer_reported() {
    let (shelf, stage) = (Shelf::new(), Stage::new());
    let source = shelf.path("local.c");
    std::fs::write(
        &source,
        "#include \"twinplug.h\"\n\
         extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);\n\
         extern void *__dso_handle __attribute__((visibility(\"hidden\")));\n\
         static void destroy(void *data) { (void)data; }\n\
         static tp_status own(tp_call *call) {\n\
           *call->result = tp_int(__cxa_thread_atexit_impl(destroy, NULL, &__dso_handle));\n\
           return TP_OK;\n\
         }\n\
         static const tp_export exports[] = {TP_EXPORT_FUNC(\"Own\", \"() -> int\", own)};\n\
         TP_PLUGIN_WITH(\"local\", \"1.0.0\", TP_UNLOAD, exports, NULL, NULL, NULL, NULL, NULL, NULL, NULL);",
    )
    .unwrap();
    let path = shelf.path("liblocal.so");
    compile(&source, &path, &[]);
    let plugin = stage.host.load(&path).unwrap();
    let own = plugin.func::<(), i64>("Own").unwrap();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let (called, calls) = std::sync::mpsc::channel();
    let worker = thread::spawn(move || {
        let status = own.call(()).unwrap();
        drop(own);
        called.send(status).unwrap();
        let _ = ended.recv();
    });
    assert_eq!(calls.recv().unwrap(), 0);
    stage.host.unload(plugin).unwrap();
    assert_eq!(
        states(&stage.host),
        [kept("the system keeps it: thread-local data, unique symbols, or NODELETE")]
    );
    drop(end);
    worker.join().unwrap();
    // It lets go when it next unmaps one.
    let other = shelf.counter("libother.so", "other", "TP_UNLOAD", &[]);
    stage.host.unload(stage.host.load(&other).unwrap()).unwrap();
    assert_eq!(states(&stage.host), []);
}

#[test]
fn copies_are_plugins_of_their_own_and_links_are_the_same() {
    let (shelf, stage) = (Shelf::new(), Stage::new());
    let path = shelf.counter("libone.so", "one", "\"\"", &[]);
    assert_eq!(count(&stage.host, &path), 1);

    let link = shelf.path("liblink.so");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(count(&stage.host, &link), 2, "a symlink is the same file");

    // A copy and a hard link are other files: refused here for their name and version,
    // and images of their own in another host.
    let (copy, hard) = (shelf.path("libcopy.so"), shelf.path("libhard.so"));
    std::fs::copy(&path, &copy).unwrap();
    std::fs::hard_link(&path, &hard).unwrap();
    for other in [&copy, &hard] {
        assert!(message(stage.host.load(other)).contains("is loaded already"));
        let another = Stage::new();
        assert_eq!(count(&another.host, other), 1);
        assert_eq!(count(&another.host, other), 2);
    }
    assert_eq!(count(&stage.host, &path), 3);
}

#[test]
fn plugins_do_not_see_each_others_names_nor_change_the_hosts() {
    let (shelf, stage) = (Shelf::new(), Stage::new());
    let one = shelf.counter("libone.so", "one", "\"\"", &[]);
    let two = shelf.counter("libtwo.so", "two", "\"\"", &[]);
    assert_eq!((count(&stage.host, &one), count(&stage.host, &two)), (1, 1));
    assert_eq!((count(&stage.host, &one), count(&stage.host, &two)), (2, 2));
    // Both export a `strdup` of their own; neither the host nor another plugin uses it.
    let plugin = stage.host.load(&C.probe).unwrap();
    plugin.var("Name").unwrap().set("of its own".to_owned()).unwrap();
    assert_eq!(plugin.var::<String>("Name").unwrap().get().unwrap(), "of its own");
}

#[test]
fn many_threads_load_at_once() {
    let shelf = Shelf::new();
    let stage = Arc::new(Stage::new());
    let paths: Arc<Vec<_>> = Arc::new(
        (0..4)
            .map(|n| shelf.counter(&format!("lib{n}.so"), &format!("n{n}"), "\"\"", &[]))
            .collect(),
    );
    let start = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let (stage, paths, start) =
                (Arc::clone(&stage), Arc::clone(&paths), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                count(&stage.host, &paths[n % 4])
            })
        })
        .collect();
    let mut counts: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 1, 1, 1, 2, 2, 2, 2], "each was loaded once");
    assert_eq!(stage.host.images().len(), 4);
}

#[test]
fn dependencies_beside_the_plugin_are_found() {
    let (shelf, stage) = (Shelf::new(), Stage::new());
    let helper = shelf.path("libhelper.so");
    let source = shelf.path("helper.c");
    std::fs::write(&source, "int helper(void) { return 42; }").unwrap();
    compile(&source, &helper, &["-Wl,-soname,libhelper.so"]);
    let source = shelf.path("user.c");
    std::fs::write(
        &source,
        "#include \"twinplug.h\"\n\
         int helper(void);\n\
         static tp_status ask(tp_call *call) { *call->result = tp_int(helper()); return TP_OK; }\n\
         static const tp_export exports[] = {TP_EXPORT_FUNC(\"Ask\", \"() -> int\", ask)};\n\
         TP_PLUGIN(\"user\", \"1.0.0\", exports, NULL);",
    )
    .unwrap();
    let user = shelf.path("libuser.so");
    let folder = format!("-L{}", shelf.folder.path().display());
    compile(&source, &user, &[&folder, "-lhelper", "-Wl,-rpath,$ORIGIN"]);
    let plugin = stage.host.load(&user).unwrap();
    assert_eq!(plugin.call("Ask", ()).unwrap(), Value::Int(42));
    stage.host.unload(plugin).unwrap();

    // Another one, whose helper is gone before it was ever mapped.
    std::fs::write(shelf.path("helper.c"), "int helper(void) { return 43; }").unwrap();
    let absent = shelf.path("libabsent.so");
    compile(&shelf.path("helper.c"), &absent, &["-Wl,-soname,libabsent.so"]);
    let lonely = shelf.path("liblonely.so");
    compile(&source, &lonely, &[&folder, "-labsent", "-Wl,-rpath,$ORIGIN"]);
    std::fs::remove_file(&absent).unwrap();
    let error = Stage::new().host.load(&lonely).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Load);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot load `{}`: the system cannot load it: libabsent.so: cannot open shared object \
             file: No such file or directory",
            lonely.display()
        )
    );
}

#[test]
fn a_missing_import_is_an_error_at_load() {
    let (shelf, stage) = (Shelf::new(), Stage::new());
    let path = shelf.counter("libfine.so", "fine", "\"\"", &[]);
    let text = std::fs::read_to_string(shelf.path("source.c")).unwrap();
    let broken = text
        .replace("++shared_name", "not_there()")
        .replace("int shared", "int not_there(void); int shared");
    std::fs::write(shelf.path("source.c"), broken).unwrap();
    let library = shelf.path("libbroken.so");
    compile(&shelf.path("source.c"), &library, &["-Wno-implicit-function-declaration"]);
    let error = stage.host.load(&library).unwrap_err();
    assert!(
        error.to_string().contains("undefined symbol: not_there: define it, or link the library"),
        "{error}"
    );
    assert!(error.to_string().starts_with(&format!("cannot load `{}`", library.display())));
    assert_eq!(count(&stage.host, &path), 1);
}

#[test]
fn a_failed_load_leaves_nothing_and_the_next_one_works() {
    let failing = Stage::with(|builder| builder.function("fail_init", || ()));
    for probe in [&C.probe, &RUST.probe] {
        for _ in 0..2 {
            let error = failing.host.load(probe).unwrap_err();
            assert!(error.to_string().ends_with("its init failed: no, not today"), "{error}");
        }
        assert!(failing.host.plugins().is_empty());
    }
    assert!(states(&failing.host).iter().all(|s| *s != ImageState::Serving));
    let stage = Stage::new();
    assert!(stage.host.load(&C.probe).is_ok());
}

#[test]
fn a_function_runs_on_while_its_file_goes() {
    let shelf = Shelf::new();
    let path = shelf.path("libprobe.so");
    std::fs::copy(&C.probe, &path).unwrap();
    let file = path.clone();
    // Called by the function, which is in the middle of its run then.
    let spoil = move || -> std::io::Result<i64> {
        std::fs::write(&file, "")?;
        std::fs::write(&file, vec![0xcc; 1 << 20])?;
        std::fs::remove_file(&file)?;
        Ok(42)
    };
    let host = Host::builder().function("world.ask", spoil).build().unwrap();
    let plugin = host.load(&path).unwrap();
    assert_eq!(plugin.call("Ask", ()).unwrap(), Value::Int(42));
    assert!(!path.exists(), "it was spoilt");
    assert_eq!(plugin.call("Add", (1, 2)).unwrap(), Value::Int(3));
}

#[test]
fn a_very_long_name_is_no_obstacle() {
    let (shelf, stage) = (Shelf::new(), Stage::new());
    let name = format!("lib{}.so", "é".repeat(120));
    let path = shelf.counter("libshort.so", "long", "\"\"", &[]);
    let long = shelf.path(&name);
    std::fs::rename(path, &long).unwrap();
    assert_eq!(count(&stage.host, &long), 1);
}

#[test]
fn an_init_may_load_another_plugin() {
    use std::sync::{OnceLock, Weak};
    let shelf = Shelf::new();
    let source = shelf.path("parent.c");
    std::fs::write(
        &source,
        "#include \"twinplug.h\"\n\
         static tp_status init(tp_call *call) {\n\
           return call->host->call(call->context, \"load_other\", 10, NULL, 0, call->arena, call->result);\n\
         }\n\
         TP_PLUGIN_BARE(\"parent\", \"1.0.0\", init);",
    )
    .unwrap();
    let parent = shelf.path("libparent.so");
    compile(&source, &parent, &[]);
    let cell: Arc<OnceLock<Weak<Host>>> = Arc::default();
    let here = Arc::clone(&cell);
    let host = Host::builder()
        .output(|_, _| {})
        .function("load_other", move || -> twinplug::Result<()> {
            let host = here.get().and_then(Weak::upgrade).expect("set below");
            host.load(&C.testplugin).map(drop)
        })
        .build()
        .unwrap();
    let host = Arc::new(host);
    cell.set(Arc::downgrade(&host)).unwrap();
    host.load(&parent).unwrap();
    let names: Vec<_> = host.plugins().iter().map(|plugin| plugin.name().to_owned()).collect();
    assert_eq!(names, ["testplugin", "parent"]);
}

#[test]
fn a_name_of_the_hosts_is_the_hosts_for_a_plugin_that_exports_it() {
    let (shelf, stage) = (Shelf::new(), Stage::new());
    let source = shelf.path("names.c");
    let text = "#include \"twinplug.h\"\n\
        __attribute__((noinline)) int abs(int x) { return x - x + 7; }\n\
        static tp_status ask(tp_call *call) { *call->result = tp_int(abs(-1)); return TP_OK; }\n\
        static const tp_export exports[] = {TP_EXPORT_FUNC(\"Ask\", \"() -> int\", ask)};\n\
        TP_PLUGIN(NAME, \"1.0.0\", exports, NULL);";
    std::fs::write(&source, text).unwrap();
    let ask = |name: &str, flag: &str| {
        let library = shelf.path(&format!("lib{name}.so"));
        compile(&source, &library, &[&format!("-DNAME=\"{name}\""), flag]);
        stage.host.load(&library).unwrap().call("Ask", ()).unwrap()
    };
    assert_eq!(ask("plain", "-Wl,--as-needed"), Value::Int(1));
    assert_eq!(ask("symbolic", "-Wl,-Bsymbolic"), Value::Int(7));
    assert_eq!(ask("hidden", "-fvisibility=hidden"), Value::Int(7));
}

#[test]
fn unloading_from_inside_a_call_runs_on_unload_in_it() {
    use std::sync::{Mutex, OnceLock, Weak};
    let shelf = Shelf::new();
    let source = shelf.path("leaver.c");
    let text = "#include \"twinplug.h\"\n\
        static int64_t inside = 0, seen = 0;\n\
        static tp_status leave(tp_call *call) {\n\
          inside = 1;\n\
          tp_status done = call->host->call(call->context, \"unload_me\", 9, NULL, 0, call->arena, call->result);\n\
          inside = 0;\n\
          if (done != TP_OK) return done;\n\
          *call->result = tp_int(seen);\n\
          return TP_OK;\n\
        }\n\
        static tp_status on_unload(tp_call *call) { (void)call; seen = 1 + inside; return TP_OK; }\n\
        static const tp_export exports[] = {TP_EXPORT_FUNC(\"Leave\", \"() -> int\", leave)};\n\
        TP_PLUGIN_WITH(\"leaver\", \"1.0.0\", \"\", exports, NULL, NULL, NULL, NULL, NULL, NULL, on_unload);";
    std::fs::write(&source, text).unwrap();
    let library = shelf.path("libleaver.so");
    compile(&source, &library, &[]);
    let cell: Arc<OnceLock<Weak<Host>>> = Arc::default();
    let plugin = Arc::new(Mutex::new(None));
    let (here, its) = (Arc::clone(&cell), Arc::clone(&plugin));
    let host = Host::builder()
        .function("unload_me", move || -> twinplug::Result<()> {
            let host = here.get().and_then(Weak::upgrade).expect("set below");
            host.unload(its.lock().unwrap().take().expect("set below"))
        })
        .build()
        .unwrap();
    let host = Arc::new(host);
    cell.set(Arc::downgrade(&host)).unwrap();
    let loaded = host.load(&library).unwrap();
    let leave = loaded.func::<(), i64>("Leave").unwrap();
    *plugin.lock().unwrap() = Some(loaded);
    assert_eq!(leave.call(()).unwrap(), 2, "on_unload ran while the call did");
    assert_eq!(message(leave.call(())), "plugin `leaver`: `Leave`: the plugin was unloaded");
}
