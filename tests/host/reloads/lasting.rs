//! A day of edits: nothing grows but what is counted and reported.
//!
//! It is done in a child process, where nobody else opens files and starts threads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use twinplug::{Host, Reload};

#[cfg(feature = "native")]
use crate::shop::Shop;

/// The file that the child process edits.
const EDITED: &str = "TWINPLUG_EDITED";

/// What a process has.
#[derive(Debug, PartialEq)]
struct Holdings {
    descriptors: usize,
    threads: usize,
    /// Of files: memory of the allocator's comes and goes.
    mappings: usize,
    watches: usize,
    /// In the plugin's folder.
    files: usize,
}

impl Holdings {
    fn now(folder: &Path) -> Holdings {
        let count = |path: &str| fs::read_dir(path).unwrap().count();
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let watches = |entry: fs::DirEntry| {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            text.lines().filter(|line| line.starts_with("inotify ")).count()
        };
        Holdings {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            mappings: maps.lines().filter(|line| line.contains('/')).count(),
            watches: fs::read_dir("/proc/self/fdinfo").unwrap().flatten().map(watches).sum(),
            files: fs::read_dir(folder).unwrap().count(),
        }
    }
}

/// In KiB.
fn memory() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What is saved the next time, of a script; of a library, with a byte behind it.
fn next(path: &Path, first: &[u8], number: usize) -> Vec<u8> {
    match path.extension().is_some_and(|end| end == "lua") {
        true => script(number).into_bytes(),
        false => [first, &number.to_le_bytes()].concat(),
    }
}

fn script(number: usize) -> String {
    format!(
        "local S = host.state {{ loads = 0 }}\nScore = 0\nS.loads = S.loads + 1\n\
         host.on('tick', function() end)\nfunction Load() Score = Score + 1 return {number} end\n\
         function on_load() host.channel('out') end"
    )
}

/// How often it is edited: a tenth of that, unless all of it is asked for.
fn edits(all: usize) -> usize {
    if std::env::var_os("TWINPLUG_FULL").is_some() { all } else { all / 10 }
}

/// Not a test of its own: what the child process does.
#[test]
fn child() {
    let Some(path) = std::env::var_os(EDITED).map(PathBuf::from) else { return };
    let first = fs::read(&path).unwrap();
    let edits = edits(if path.extension().unwrap() == "lua" { 10_000 } else { 1_000 });
    let host = Host::builder().channel::<i64>("out", 1).reload(Reload::OnApply).build().unwrap();
    let folder = path.parent().unwrap();
    let plugin = host.load(&path).unwrap();
    host.watch(folder).unwrap();
    let load = plugin.func::<(), i64>("Load").unwrap();
    let score = plugin.var::<i64>("Score").unwrap();
    let mut before = None;
    for number in 1..=edits {
        fs::write(&path, next(&path, &first, number)).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while host.apply_changes() == 0 {
            assert!(Instant::now() < until, "edit {number} is not seen");
            std::thread::yield_now();
        }
        assert!(plugin.status().rejected.is_none(), "{:?}", plugin.status());
        load.call(()).unwrap();
        // All that is made once has been made.
        if number == edits / 4 {
            before = Some((Holdings::now(folder), memory()));
        }
    }
    assert_eq!(score.get().unwrap(), edits as i64);
    assert!(plugin.status().generation > edits as u64 / 2);
    let (before, held) = before.unwrap();
    // A thread for hooks goes some seconds after its last one; now and then a second one was begun, as
    // the first had just not come back.
    let until = Instant::now() + Duration::from_secs(30);
    let after = loop {
        let now = Holdings::now(folder);
        if now.threads <= before.threads || Instant::now() > until {
            break now;
        }
        std::thread::yield_now();
    };
    assert!(after.threads <= before.threads, "{after:?}, before {before:?}");
    assert_eq!(Holdings { threads: before.threads, ..after }, before);
    // A sanitizer keeps what is freed.
    if std::env::var_os("TWINPLUG_SLOWER").is_none() {
        let grown = memory() - held;
        assert!(grown < 2048, "{grown} KiB more after {edits} edits");
    }
    #[cfg(feature = "native")]
    assert!(host.images().len() <= 1, "{:?}", host.images());
}

fn run(path: &Path) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "reloads::lasting::child", "--nocapture", "--test-threads=1"])
        .env(EDITED, path)
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && out.contains("1 passed"), "{out}{err}");
}

#[cfg(feature = "_lua")]
#[test]
fn ten_thousand_edits_of_a_script_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edited.lua");
    fs::write(&path, script(0)).unwrap();
    run(&path);
}

#[cfg(feature = "native")]
#[test]
fn a_thousand_edits_of_a_library_that_unloads_leave_nothing() {
    let shop = Shop::new();
    let text = r#"
        #include "twinplug.h"
        static int64_t score = 0;
        static tp_status load(tp_call *call) { score++; *call->result = tp_int(1); return TP_OK; }
        static tp_status get(tp_call *call) { *call->result = tp_int(score); return TP_OK; }
        static tp_status set(tp_call *call) { score = tp_to_int(&call->args[0]); return TP_OK; }
        static const tp_export exports[] = {
          TP_EXPORT_FUNC("Load", "() -> int", load),
          TP_EXPORT_VAR("Score", "int", NULL, get, set),
        };
        TP_PLUGIN_WITH("edited", "1.0.0", TP_UNLOAD, exports, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    "#;
    let plugins = shop.folder.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    let library = shop.compile("libedited.so", text, &["-shared"]);
    let path = plugins.join("libedited.so");
    fs::copy(library, &path).unwrap();
    run(&path);
}
