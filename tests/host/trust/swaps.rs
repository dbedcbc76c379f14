//! Files that are swapped while they are loaded: what was checked is what is loaded, whenever
//! another file comes in its place.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use twinplug::{ErrorKind, Host};

use super::Yard;
use crate::images::compile;

/// How many loads must have succeeded, and how many been refused.
const ENOUGH: usize = 50;

/// What is put in the place of a file, in turn.
struct Swap<'s> {
    file: PathBuf,
    /// The first is the good one, with which a plugin answers 1.
    contents: [(&'s [u8], u32); 2],
}

impl Swap<'_> {
    fn put(&self, yard: &Yard) {
        for (content, mode) in self.contents.iter().rev() {
            let next = yard.write("next", content);
            fs::set_permissions(&next, PermissionsExt::from_mode(*mode)).unwrap();
            fs::rename(next, &self.file).unwrap();
        }
    }
}

/// Loads a plugin again and again meanwhile: every load that succeeds is of the good one.
fn check(yard: &Yard, host: &Host, path: &Path, swap: &Swap<'_>) {
    let is_over = AtomicBool::new(false);
    let (mut loaded, mut refused) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                swap.put(yard);
            }
        });
        let end = Instant::now() + Duration::from_secs(60);
        while (loaded < ENOUGH || refused < ENOUGH) && Instant::now() < end {
            match host.load(path) {
                Ok(plugin) => {
                    let answer = plugin.func::<(), i64>("F").and_then(|f| f.call(()));
                    // Whatever becomes of it, the other thread ends.
                    is_over.fetch_or(!matches!(answer, Ok(1)), Ordering::Relaxed);
                    assert_eq!(answer.unwrap(), 1, "the evil one was loaded");
                    host.unload(plugin).unwrap();
                    loaded += 1;
                }
                Err(error) => {
                    is_over.fetch_or(error.kind() != ErrorKind::Trust, Ordering::Relaxed);
                    assert_eq!(error.kind(), ErrorKind::Trust, "{error}");
                    refused += 1;
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(loaded >= ENOUGH && refused >= ENOUGH, "{loaded} loaded, {refused} refused");
}

/// A library that answers that number.
fn library(yard: &Yard, number: u32) -> Vec<u8> {
    let text = format!(
        "#include \"twinplug.h\"\n\
         static tp_status f(tp_call *call) {{ *call->result = tp_int({number}); return TP_OK; }}\n\
         static const tp_export exports[] = {{TP_EXPORT_FUNC(\"F\", \"() -> int\", f)}};\n\
         TP_PLUGIN_WITH(\"swapped\", \"1.0.0\", TP_UNLOAD, exports, NULL, NULL, NULL, NULL, NULL, NULL, NULL);"
    );
    let source = yard.write("source.c", text);
    let library: PathBuf = yard.path("built.so");
    compile(&source, &library, &[]);
    fs::read(library).unwrap()
}

#[test]
fn a_pinned_script() {
    let yard = Yard::new();
    let (good, evil) = (b"function F() return 1 end", b"function F() return 2 end");
    let file = yard.write("in/a.lua", good);
    let host = yard.pinned("in");
    let swap = Swap { file: file.clone(), contents: [(good, 0o644), (evil, 0o644)] };
    check(&yard, &host, &file, &swap);
}

#[test]
fn a_pinned_part() {
    let yard = Yard::new();
    let path = yard.write("in/a.lua", "local part = require 'part' function F() return part end");
    let file = yard.write("in/a/part.lua", "return 1");
    let host = yard.pinned("in");
    let swap = Swap { file, contents: [(b"return 1", 0o644), (b"return 2", 0o644)] };
    check(&yard, &host, &path, &swap);
}

#[test]
fn a_pinned_library() {
    let yard = Yard::new();
    let (good, evil) = (library(&yard, 1), library(&yard, 2));
    let file = yard.write("in/liba.so", &good);
    let host = yard.pinned("in");
    let swap = Swap { file: file.clone(), contents: [(&good, 0o644), (&evil, 0o644)] };
    check(&yard, &host, &file, &swap);
}

/// One that anybody can write is in its place now and then.
#[test]
fn a_library_that_nobody_else_can_write() {
    let yard = Yard::new();
    let (good, evil) = (library(&yard, 1), library(&yard, 2));
    let file = yard.write("in/liba.so", &good);
    let host = Host::builder().build().unwrap();
    let swap = Swap { file: file.clone(), contents: [(&good, 0o644), (&evil, 0o666)] };
    check(&yard, &host, &file, &swap);
}
