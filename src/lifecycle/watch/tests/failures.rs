//! What goes wrong on the way, and that the watch goes on.

use std::fmt::Debug;
use std::fs::{self, File};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{ChangeKind, Means, Message, PATIENCE, Scene, Watcher, by_both_means, replace};
use crate::lifecycle::watch::backend::{Backend, Refusal};
use crate::lifecycle::watch::places::Places;
use crate::lifecycle::watch::signal::Signal;

/// There was more to tell than there was room for: all is looked at again.
fn looks_at_all_after_an_overflow(means: Means) {
    let (scene, file) = Scene::with_file(means);
    scene.watcher.send(Message::Signal(Signal::Overflow, 0));
    scene.rest();
    fs::write(&file, "second").unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("second"));
    scene.expect_no_more(&file);
}

fn goes_on_after_an_error(means: Means) {
    let (scene, file) = Scene::with_file(means);
    let error = notify::Error::generic("made up");
    scene.watcher.send(Message::Signal(Signal::Failed(error), 0));
    fs::write(&file, "second").unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("second"));
    scene.expect_no_more(&file);
}

/// A change that the system did not tell of: it has told nothing since the watch was lost.
#[test]
fn an_overflow_hides_nothing() {
    let (scene, file) = Scene::with_file(Means::System);
    let parent = scene.root.clone();
    scene.inspect(move |worker| worker.ways.places.backend.unwatch(&parent));
    fs::write(&file, "second").unwrap();
    scene.rest();
    assert_eq!(scene.told.try_recv().ok(), None, "it was not told");
    scene.watcher.send(Message::Signal(Signal::Overflow, 0));
    scene.expect(ChangeKind::Edited, &file, Some("second"));
    scene.expect_no_more(&file);
}

#[test]
fn without_watches_it_polls() {
    let (scene, file) = Scene::with_file(Means::Exhausted);
    assert!(scene.watcher.is_polling());
    fs::write(&file, "second").unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("second"));
    scene.expect_no_more(&file);
}

/// What a thread reports through `tracing`.
#[derive(Clone, Default)]
struct Reports(Arc<Mutex<Vec<String>>>);

impl Subscriber for Reports {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut report = event.metadata().level().to_string();
        event.record(&mut |field: &Field, value: &dyn Debug| {
            report += &format!(" {field}={value:?}");
        });
        self.0.lock().unwrap().push(report);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn that_it_polls_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let reports = Reports::default();
    tracing::subscriber::with_default(reports.clone(), || {
        let mut places = Places::new(Backend::Nothing(Refusal::Exhausted), Arc::default());
        places.hold(&root);
        places.hold(root.parent().unwrap());
    });
    let expected = format!(
        "WARN message=the system has no watches left: files are polled, which sees changes \
         later; raise `fs.inotify.max_user_watches` path={}",
        root.display()
    );
    assert_eq!(*reports.0.lock().unwrap(), [expected]);
}

/// Watches are tried again from time to time.
#[test]
fn once_there_are_watches_again_it_polls_no_more() {
    let (scene, file) = Scene::with_file(Means::Exhausted);
    let messages = scene.watcher.messages.clone();
    scene.inspect(move |worker| {
        worker.ways.places.backend = Backend::new(Means::System, messages);
    });
    let end = Instant::now() + PATIENCE;
    while scene.watcher.is_polling() {
        assert!(Instant::now() < end, "it does not try");
        thread::sleep(Duration::from_millis(2));
    }
    let polls = scene.inspect(|worker| worker.polls);
    fs::write(&file, "second").unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("second"));
    scene.expect_no_more(&file);
    assert_eq!(scene.inspect(|worker| worker.polls), polls);
}

#[test]
fn with_watches_it_does_not_poll() {
    let (scene, file) = Scene::with_file(Means::System);
    assert!(!scene.watcher.is_polling());
    scene.expect_no_more(&file);
    assert_eq!(scene.inspect(|worker| worker.polls), 0);
}

/// What is there and can not be read is an edit, and the loader says what is wrong with it.
fn becomes_a_folder(means: Means) {
    let (scene, file) = Scene::with_file(means);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    scene.expect(ChangeKind::Edited, &file, None);
    fs::remove_dir(&file).unwrap();
    fs::write(&file, "a file").unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("a file"));
    scene.expect_no_more(&file);
}

/// Who is told panics: the next ones are told all the same.
#[test]
fn a_panic_of_who_is_told_ends_nothing() {
    let (tell, told) = mpsc::channel();
    let watcher = Watcher::new(Means::System, move |change| {
        tell.send(change.kind).unwrap();
        assert_ne!(change.kind, ChangeKind::Gone, "made up");
    });
    let watcher = watcher.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.lua");
    File::create(&file).unwrap();
    watcher.follow(&file, None);
    let (reached, reach) = mpsc::channel();
    watcher.send(Message::Inspect(Box::new(move |_| reached.send(()).unwrap())));
    reach.recv_timeout(PATIENCE).unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(ChangeKind::Gone));
    replace(&file, "back");
    assert_eq!(told.recv_timeout(PATIENCE), Ok(ChangeKind::Back));
    assert!(!watcher.is_polling.load(Ordering::Relaxed));
}

by_both_means! {
    looks_at_all_after_an_overflow
    goes_on_after_an_error
    becomes_a_folder
}
