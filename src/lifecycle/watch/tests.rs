//! The watcher in use: files change as people and programs change them, and what is told is
//! compared.
//!
//! That nothing more is told is shown by an edit that comes after, once the watcher is at rest:
//! it must be what is told next.

mod behaviours;
mod ends;
mod failures;
mod folders;
#[cfg(unix)]
mod links;
#[cfg(unix)]
mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::worker::{Message, Worker};
use super::{Change, ChangeKind, Fingerprint, Means, Verdict, Watcher};

/// How long a change is waited for, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(10);

/// A watcher, and a folder with files that it follows.
struct Scene {
    root: PathBuf,
    watcher: Watcher,
    /// What was told, and what the file held when it was.
    told: Receiver<(Change, Option<Vec<u8>>)>,
    _folder: TempDir,
}

impl Scene {
    fn new(means: Means) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (tell, told) = mpsc::channel();
        let watcher = Watcher::new(means, move |change| {
            let bytes = fs::read(&change.path).ok();
            let _ = tell.send((change, bytes));
        });
        Scene { root, watcher: watcher.unwrap(), told, _folder: folder }
    }

    /// With one file, which is followed.
    fn with_file(means: Means) -> (Scene, PathBuf) {
        let scene = Scene::new(means);
        let file = scene.root.join("a.lua");
        fs::write(&file, "first").unwrap();
        scene.follow(&file);
        (scene, file)
    }

    fn follow(&self, file: &Path) {
        let known = fs::read(file).ok().map(|bytes| Fingerprint::of(&bytes));
        self.watcher.follow(file, known);
        self.rest();
    }

    fn follow_folder(&self, folder: &Path) {
        self.watcher.follow_folder(folder, &[], verdict);
        self.rest();
    }

    /// Runs on the watcher's thread, after what it was asked for before.
    fn inspect<R: Send + 'static>(
        &self,
        inspect: impl FnOnce(&mut Worker) -> R + Send + 'static,
    ) -> R {
        let (send, answer) = mpsc::channel();
        let inspect = move |worker: &mut Worker| send.send(inspect(worker)).unwrap();
        self.watcher.send(Message::Inspect(Box::new(inspect)));
        answer.recv_timeout(PATIENCE).expect("the watcher's thread answers")
    }

    /// Waits until all that has happened is known, and looked at.
    fn rest(&self) {
        let end = Instant::now() + PATIENCE;
        let polls = self.inspect(|worker| worker.polls);
        self.inspect(|worker| worker.ways.places.backend.flush());
        let is_polling = self.watcher.is_polling();
        loop {
            let (is_quiet, now) = self.inspect(|worker| (worker.is_quiet(), worker.polls));
            if is_quiet && (!is_polling || now >= polls + 2) {
                return;
            }
            assert!(Instant::now() < end, "the watcher does not come to rest");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn next(&self) -> (Change, Option<Vec<u8>>) {
        self.told.recv_timeout(PATIENCE).expect("a change is told")
    }

    /// What is told next; the bytes are those that the change is about.
    fn expect(&self, kind: ChangeKind, path: &Path, content: Option<&str>) {
        let (change, bytes) = self.next();
        assert_eq!((change.kind, &*change.path), (kind, path));
        let bytes = bytes.map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(bytes.as_deref(), content, "what is read when it is told");
        let fingerprint = content.map(|content| Fingerprint::of(content.as_bytes()));
        assert_eq!(change.fingerprint, fingerprint);
    }

    /// Nothing else is told: the next change is that of an edit which is made now.
    fn expect_no_more(&self, file: &Path) {
        self.rest();
        replace(file, "the last edit");
        self.expect(ChangeKind::Edited, file, Some("the last edit"));
        self.rest();
        assert_eq!(self.told.try_recv().ok(), None);
    }
}

/// Puts a complete file in the place of another one.
fn replace(file: &Path, content: &str) {
    let other = file.with_file_name(".new");
    fs::write(&other, content).unwrap();
    fs::rename(other, file).unwrap();
}

/// As a loader of plugins says it.
fn verdict(path: &Path) -> Verdict {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match () {
        () if name.starts_with(['_', '.']) => Verdict::Ignored,
        () if path.is_dir() && path.join("init.lua").exists() => Verdict::Wanted,
        () if path.is_dir() => Verdict::Maybe,
        () if name.ends_with(".lua") && !name.ends_with("_test.lua") => Verdict::Wanted,
        () => Verdict::Ignored,
    }
}

/// Each test runs where the system tells of changes, and where they are looked for.
macro_rules! by_both_means {
    ($($test:ident)*) => {
        mod by_the_system {
            $(#[test] fn $test() { super::$test(crate::lifecycle::watch::Means::System); })*
        }
        mod by_polling {
            $(#[test] fn $test() { super::$test(crate::lifecycle::watch::Means::Polling); })*
        }
    };
}
use by_both_means;
