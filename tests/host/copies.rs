//! Private copies: where they lie, what is found beside them, and that none is left.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use twinplug::Host;

use crate::images::{Shelf, compile, count};
use crate::twins::Stage;

/// Names the plugin that a child process loads.
const PLUGIN: &str = "TWINPLUG_COPIES";

/// A user that may write nothing, if this one is root, whom no permission stops.
const NOBODY: u32 = 65534;

/// Not a test of its own: what the child process does.
#[test]
#[allow(clippy::print_stdout, reason = "what a child tells its parent")]
fn child() {
    let Some(path) = std::env::var_os(PLUGIN) else { return };
    let host = Host::builder().build().unwrap();
    match host.load(path).and_then(|plugin| plugin.func::<(), i64>("Ask")?.call(())) {
        Ok(answer) => println!("\nanswer: {answer}"),
        Err(error) => println!("\nerror: {error}"),
    }
}

/// Loads a plugin in a child process, with its own folder for temporary files.
pub(crate) fn load_in_child(
    path: &Path,
    temporary: &Path,
    program: &Path,
    user: Option<u32>,
) -> Output {
    let mut command = Command::new(program);
    command
        .args(["--exact", "copies::child", "--nocapture", "--test-threads=1"])
        .current_dir("/")
        .env(PLUGIN, path)
        .env("TMPDIR", temporary);
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    loop {
        match command.output() {
            // Another test begins a process just now, which has the program open as it was copied.
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => thread::yield_now(),
            output => return output.unwrap(),
        }
    }
}

/// Another user, where this one is root.
pub(crate) fn nobody() -> Option<u32> {
    let user = fs::metadata("/proc/self").map(|it| std::os::unix::fs::MetadataExt::uid(&it));
    (user.ok() == Some(0)).then_some(NOBODY)
}

/// What the child said of the plugin.
pub(crate) fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let line =
        text.lines().find(|line| line.starts_with("answer: ") || line.starts_with("error: "));
    line.unwrap_or_else(|| panic!("{output:?}")).to_owned()
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A plugin whose `Ask` answers `answer()`, which the flags say where to find.
fn asking(shelf: &Shelf, library: &Path, more: &str, flags: &[&str]) {
    let source = shelf.path("asking.c");
    let text = format!(
        "#include \"twinplug.h\"\n\
         {more}\n\
         static tp_status ask(tp_call *call) {{ *call->result = tp_int(answer()); return TP_OK; }}\n\
         static const tp_export exports[] = {{TP_EXPORT_FUNC(\"Ask\", \"() -> int\", ask)}};\n\
         TP_PLUGIN(\"asking\", \"1.0.0\", exports, NULL);"
    );
    fs::write(&source, text).unwrap();
    compile(&source, library, flags);
}

const ANSWER: &str = "static int answer(void) { return 42; }";
/// Ends the process while the system maps the copy.
const DEADLY: &str = "#include <signal.h>\n\
    __attribute__((constructor)) static void end(void) { raise(SIGKILL); }\n\
    static int answer(void) { return 0; }";

#[test]
fn what_nobody_holds_is_removed_and_the_rest_stays() {
    let (shelf, stage) = (Shelf::new(), Stage::new());
    let path = shelf.counter("libtidy.so", "tidy", "\"\"", &[]);
    let at = |name: &str| shelf.path(name);
    fs::write(at(".twinplug-image-left-libtidy.so"), "").unwrap();
    fs::create_dir(at(".twinplug-image-folder")).unwrap();
    fs::write(at(".twinplug-image-folder/libtidy.so"), "").unwrap();
    // Held by another process, or by another thread of this one.
    fs::write(at(".twinplug-image-busy-libtidy.so"), "").unwrap();
    let busy = File::open(at(".twinplug-image-busy-libtidy.so")).unwrap();
    busy.lock().unwrap();
    // What is not ours: another name, a link, a pipe.
    fs::write(at(".twinplug-notes.txt"), "").unwrap();
    std::os::unix::fs::symlink("source.c", at(".twinplug-image-link")).unwrap();
    let pipe = Command::new("mkfifo").arg(at(".twinplug-image-pipe")).status();
    assert!(pipe.unwrap().success());
    assert_eq!(count(&stage.host, &path), 1);
    let rest = [".twinplug-image-link", ".twinplug-image-pipe", ".twinplug-notes.txt"];
    let with = |more: &'static str| {
        let mut names = [&rest[..], &["libtidy.so", "source.c", more]].concat();
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        names
    };
    assert_eq!(names(shelf.folder.path()), with(".twinplug-image-busy-libtidy.so"));
    // Not by dropping it: a process that another test starts just now holds it as well,
    // until it runs its program.
    busy.unlock().unwrap();
    assert_eq!(count(&Stage::new().host, &path), 1);
    assert_eq!(names(shelf.folder.path()), with(""));
}

#[test]
fn what_a_killed_process_left_is_removed_by_the_next() {
    let shelf = Shelf::new();
    let (deadly, fine) = (shelf.path("libdeadly.so"), shelf.path("libfine.so"));
    asking(&shelf, &deadly, DEADLY, &[]);
    asking(&shelf, &fine, ANSWER, &[]);
    let before = names(shelf.folder.path());
    for _ in 0..2 {
        let output = load_in_child(&deadly, shelf.folder.path(), &program(), None);
        assert_eq!(output.status.signal(), Some(9), "{output:?}");
    }
    let after = names(shelf.folder.path());
    assert_eq!(after.len(), before.len() + 1, "the second one removed the first's: {after:?}");
    let output = load_in_child(&fine, shelf.folder.path(), &program(), None);
    assert_eq!(said(&output), "answer: 42");
    assert_eq!(names(shelf.folder.path()), before);
}

/// Who makes a copy and who removes litter meet in one folder all the time; a copy that
/// is not locked yet looks like litter.
#[test]
fn loads_at_once_leave_each_others_copies_alone() {
    let shelf = Shelf::new();
    let path = shelf.counter("libbusy.so", "busy", "TP_UNLOAD", &[]);
    let before = names(shelf.folder.path());
    let load = || {
        let stage = Stage::new();
        for _ in 0..25 {
            let plugin = stage.host.load(&path).unwrap();
            stage.host.unload(plugin).unwrap();
        }
    };
    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(load))));
    assert_eq!(names(shelf.folder.path()), before);
}

/// A folder in which no copy can be made: its path is so long that there is no room
/// for the copy's name.
fn far(shelf: &Shelf) -> PathBuf {
    let mut far = shelf.folder.path().to_owned();
    // 4096 is the longest path that Linux takes, with its NUL.
    while far.as_os_str().len() < 4070 {
        let rest = 4070 - far.as_os_str().len();
        far.push("d".repeat(rest.clamp(1, 200)));
    }
    fs::create_dir_all(&far).unwrap();
    far
}

#[test]
fn where_no_copy_can_lie_beside_nothing_is_left_either() {
    let shelf = Shelf::new();
    let far = far(&shelf);
    let temporary = shelf.path("temporary");
    fs::create_dir(&temporary).unwrap();
    for (name, text) in [("libdeadly.so", DEADLY), ("libfine.so", ANSWER)] {
        asking(&shelf, &shelf.path(name), text, &[]);
        fs::rename(shelf.path(name), far.join(name)).unwrap();
    }
    let output = load_in_child(&far.join("libdeadly.so"), &temporary, &program(), None);
    assert_eq!(output.status.signal(), Some(9), "{output:?}");
    assert_eq!(names(&temporary).len(), 1);
    let output = load_in_child(&far.join("libfine.so"), &temporary, &program(), None);
    assert_eq!(said(&output), "answer: 42");
    assert_eq!(names(&temporary), Vec::<String>::new());
}

/// A plugin in a folder that cannot be written, with libraries beside it, below it and
/// in a folder beside that; they have no names of their own (`SONAME`), and one of them
/// needs another one beside itself.
#[test]
fn what_lies_beside_a_plugin_is_found_where_no_copy_can() {
    let shelf = Shelf::new();
    let open = |path: &Path| fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    let close = |path: &Path| fs::set_permissions(path, PermissionsExt::from_mode(0o555)).unwrap();
    open(shelf.folder.path());
    let folders = ["temporary", "plugins", "plugins/own", "lib"].map(|name| shelf.path(name));
    folders.iter().for_each(|folder| fs::create_dir(folder).unwrap());
    let [temporary, plugins, own, lib] = &folders;
    let library = |folder: &Path, name: &str, text: &str, flags: &[&OsStr]| {
        let source = shelf.path("library.c");
        fs::write(&source, text).unwrap();
        let flags: Vec<_> = flags.iter().map(|flag| flag.to_str().unwrap()).collect();
        compile(&source, &folder.join(name), &flags);
    };
    let search = |folder: &Path| format!("-L{}", folder.display());
    let origin: &OsStr = "-Wl,-rpath,$ORIGIN".as_ref();
    library(lib, "libdeep.so", "int deep(void) { return 1; }", &[]);
    let text = "int deep(void); int up(void) { return deep() + 10; }";
    library(lib, "libup.so", text, &[search(lib).as_ref(), "-ldeep".as_ref(), origin]);
    library(plugins, "libnext.so", "int next(void) { return 100; }", &[]);
    library(own, "libdown.so", "int down(void) { return 1000; }", &[]);
    let text = "int up(void); int next(void); int down(void);\n\
                static int answer(void) { return up() + next() + down(); }";
    let path = plugins.join("libplugin.so");
    let places = [search(lib), search(plugins), search(own)];
    let mut flags: Vec<_> = places.iter().map(String::as_str).collect();
    flags.extend(["-lup", "-lnext", "-ldown"]);
    flags.push("-Wl,--enable-new-dtags,-rpath,$ORIGIN:${ORIGIN}/../lib:$ORIGIN/own");
    asking(&shelf, &path, text, &flags);

    let user = nobody();
    let program = shelf.path("program");
    fs::copy(self::program(), &program).unwrap();
    fs::set_permissions(temporary, PermissionsExt::from_mode(0o1777)).unwrap();
    [own, plugins].into_iter().for_each(|folder| close(folder));
    let output = load_in_child(&path, temporary, &program, user);
    assert_eq!(said(&output), "answer: 1111");
    assert_eq!(names(temporary), Vec::<String>::new());

    open(own);
    fs::remove_file(own.join("libdown.so")).unwrap();
    let output = load_in_child(&path, temporary, &program, user);
    let expected = format!(
        "error: cannot load `{}`: the system cannot load it: libdown.so: cannot open shared object \
         file: No such file or directory",
        path.display()
    );
    assert_eq!(said(&output), expected);
    assert_eq!(names(temporary), Vec::<String>::new());
    open(plugins);
}
