//! What editors and other programs do to a file when they save it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use super::{
    ChangeKind, Fingerprint, Means, Message, PATIENCE, PathBuf, Scene, Worker, by_both_means,
    replace,
};
use crate::lifecycle::watch::signal::{Signal, TELLS_CLOSES, What};

/// So long that it is not written at once by who writes in pieces.
fn next() -> String {
    "-- a line of a script\n".repeat(3000)
}

/// One save, after which the file holds [`next`].
fn check_once(means: Means, save: impl FnOnce(&Path)) {
    let (scene, file) = Scene::with_file(means);
    save(&file);
    scene.expect(ChangeKind::Edited, &file, Some(&next()));
    scene.expect_no_more(&file);
}

/// Something that is no edit.
fn check_nothing(means: Means, touch: impl FnOnce(&Path)) {
    let (scene, file) = Scene::with_file(means);
    touch(&file);
    scene.expect_no_more(&file);
}

/// Many numbered saves, of which the last one has this number: each that is told is complete,
/// none is told twice, and the last one is told.
fn check_many(means: Means, last: usize, save: impl FnOnce(&Path)) {
    let (scene, file) = Scene::with_file(means);
    let whole: Vec<_> = (0..=last).map(|number| fingerprint(&numbered(number))).collect();
    save(&file);
    let mut told = vec![fingerprint("first")];
    while told.last() != whole.last() {
        // What is read when it is told may be a part of the next save.
        let (change, _) = scene.next();
        assert_eq!((change.kind, &change.path), (ChangeKind::Edited, &file));
        let now = change.fingerprint.expect("it can be read");
        assert!(whole.contains(&now), "a part of a save: {now:?}");
        assert_ne!(told.last(), Some(&now), "a content is told once");
        told.push(now);
    }
    scene.expect_no_more(&file);
}

fn fingerprint(content: &str) -> Fingerprint {
    Fingerprint::of(content.as_bytes())
}

/// The content of one of many saves, all of one length.
fn numbered(number: usize) -> String {
    format!("{number:08} ").repeat(100)
}

fn writes_in_place(means: Means) {
    check_once(means, |file| fs::write(file, next()).unwrap());
}

fn writes_and_renames(means: Means) {
    check_once(means, |file| replace(file, &next()));
}

fn renames_away_and_creates(means: Means) {
    check_once(means, |file| {
        let backup = file.with_extension("lua~");
        fs::rename(file, &backup).unwrap();
        fs::write(file, next()).unwrap();
        fs::remove_file(backup).unwrap();
    });
}

/// As `git checkout` does.
fn removes_and_creates(means: Means) {
    check_once(means, |file| {
        fs::remove_file(file).unwrap();
        fs::write(file, next()).unwrap();
    });
}

/// Nobody opens or closes the new file under its name.
fn removes_and_links(means: Means) {
    check_once(means, |file| {
        let other = file.with_extension("tmp");
        fs::write(&other, next()).unwrap();
        fs::remove_file(file).unwrap();
        fs::hard_link(&other, file).unwrap();
        fs::remove_file(other).unwrap();
    });
}

fn copies_over(means: Means) {
    check_once(means, |file| {
        let other = file.with_extension("tmp");
        fs::write(&other, next()).unwrap();
        fs::copy(&other, file).unwrap();
    });
}

fn writes_through_two_handles_in_turn(means: Means) {
    check_once(means, |file| {
        let mut open = OpenOptions::new().write(true).truncate(true).open(file).unwrap();
        let text = next();
        let (first, second) = text.split_at(text.len() / 2);
        open.write_all(first.as_bytes()).unwrap();
        open.write_all(second.as_bytes()).unwrap();
        open.sync_all().unwrap();
    });
}

/// An open file waits for its close, however long nothing comes.
fn truncates_and_writes_slowly(means: Means) {
    check_once(means, |file| slowly(File::create(file).unwrap()));
}

/// It is opened as soon as the watch is there, before the worker does anything else: its close
/// is not lost with the watch that began.
#[test]
fn a_file_that_is_opened_at_once_waits_for_its_close() {
    let scene = Scene::new(Means::System);
    let file = scene.root.join("a.lua");
    fs::write(&file, "first").unwrap();
    let (begin, wait) = mpsc::channel::<()>();
    scene.watcher.send(Message::Inspect(Box::new(move |_| wait.recv().unwrap())));
    scene.watcher.follow(&file, None);
    // As the system tells it, and in the same round in which the watch begins.
    let (path, messages) = (file.clone(), scene.watcher.messages.clone());
    let (taken, is_taken) = mpsc::channel();
    scene.watcher.send(Message::Inspect(Box::new(move |worker| {
        let turn = worker.ways.places.backend.turn();
        messages.send(Message::Signal(Signal::Entry(path, What::Modified), turn)).unwrap();
        let taken = move |_: &mut Worker| taken.send(()).unwrap();
        messages.send(Message::Inspect(Box::new(taken))).unwrap();
    })));
    let mut open = File::create(&file).unwrap();
    begin.send(()).unwrap();
    is_taken.recv_timeout(PATIENCE).unwrap();
    let waits = scene.inspect(|worker| !worker.is_quiet() && worker.due().is_none());
    assert_eq!(waits, TELLS_CLOSES);
    open.write_all(next().as_bytes()).unwrap();
    drop(open);
    scene.expect(ChangeKind::Edited, &file, Some(&next()));
    scene.expect_no_more(&file);
}

fn removes_and_writes_slowly(means: Means) {
    check_once(means, |file| {
        fs::remove_file(file).unwrap();
        slowly(File::create(file).unwrap());
    });
}

/// For 3 seconds, in pieces.
fn slowly(mut open: File) {
    let text = next();
    let pieces = text.as_bytes().chunks(text.len().div_ceil(30));
    for piece in pieces {
        thread::sleep(Duration::from_millis(100));
        open.write_all(piece).unwrap();
    }
}

/// The time of modification says nothing, nor does the length.
fn keeps_the_time(means: Means) {
    let (scene, file) = Scene::with_file(means);
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    let open = File::create(&file).unwrap();
    (&open).write_all(b"other").unwrap();
    open.set_modified(before).unwrap();
    drop(open);
    scene.expect(ChangeKind::Edited, &file, Some("other"));
    scene.expect_no_more(&file);
}

fn puts_the_time_back(means: Means) {
    check_once(means, |file| {
        fs::write(file, next()).unwrap();
        let open = File::options().append(true).open(file).unwrap();
        open.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    });
}

fn touches(means: Means) {
    check_nothing(means, |file| {
        let open = File::options().append(true).open(file).unwrap();
        open.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
    });
}

fn saves_what_is_there(means: Means) {
    check_nothing(means, |file| fs::write(file, "first").unwrap());
}

fn puts_the_same_in_its_place(means: Means) {
    check_nothing(means, |file| replace(file, "first"));
}

fn leaves_litter_beside(means: Means) {
    check_nothing(means, |file| {
        for name in [".a.lua.swp", "a.lua~", "4913", "#a.lua#", ".twinplug-image-x-a.so"] {
            let litter = file.with_file_name(name);
            fs::write(&litter, "x").unwrap();
            fs::remove_file(litter).unwrap();
        }
    });
}

/// That the file is empty may be because it is being written; in the end it is empty.
fn empties(means: Means) {
    let (scene, file) = Scene::with_file(means);
    File::create(&file).unwrap();
    scene.expect(ChangeKind::Edited, &file, Some(""));
    scene.watcher.tell_again(&file);
    scene.expect(ChangeKind::Edited, &file, Some(""));
    scene.expect_no_more(&file);
}

fn saves_twice_at_once(means: Means) {
    check_many(means, 1, |file| {
        fs::write(file, numbered(0)).unwrap();
        fs::write(file, numbered(1)).unwrap();
    });
}

fn saves_in_a_burst(means: Means) {
    check_many(means, 299, |file| {
        (0..300).for_each(|number| fs::write(file, numbered(number)).unwrap());
    });
}

/// Two programs write the same file at once.
fn two_write_in_place_in_a_burst(means: Means) {
    check_many(means, 600, |file| {
        thread::scope(|scope| {
            for start in [0, 300] {
                scope.spawn(move || {
                    (start..start + 300).for_each(|n| fs::write(file, numbered(n)).unwrap());
                });
            }
        });
        fs::write(file, numbered(600)).unwrap();
    });
}

/// Two programs put files in its place at once, and what is saved last is told last.
fn two_save_in_a_burst(means: Means) {
    check_many(means, 600, |file| {
        thread::scope(|scope| {
            for start in [0, 300] {
                scope.spawn(move || {
                    let other = file.with_extension(start.to_string());
                    for number in start..start + 300 {
                        fs::write(&other, numbered(number)).unwrap();
                        fs::rename(&other, file).unwrap();
                    }
                });
            }
        });
        fs::write(file, numbered(600)).unwrap();
    });
}

/// What is saved between loading and following is not lost.
fn saves_before_it_is_followed(means: Means) {
    let scene = Scene::new(means);
    let file = scene.root.join("a.lua");
    fs::write(&file, next()).unwrap();
    scene.watcher.follow(&file, Some(fingerprint("what was loaded")));
    scene.expect(ChangeKind::Edited, &file, Some(&next()));
    scene.expect_no_more(&file);
}

/// Who follows it second knows another content than was told: both hear of what is there.
fn is_followed_twice(means: Means) {
    let (scene, file) = Scene::with_file(means);
    scene.watcher.follow(&file, Some(fingerprint("older")));
    scene.expect(ChangeKind::Edited, &file, Some("first"));
    scene.watcher.forget(&file);
    scene.expect_no_more(&file);
}

/// Who was told has read something else.
fn is_told_again(means: Means) {
    let (scene, file) = Scene::with_file(means);
    replace(&file, "second");
    scene.expect(ChangeKind::Edited, &file, Some("second"));
    scene.watcher.tell_again(&file);
    scene.expect(ChangeKind::Edited, &file, Some("second"));
    // With the next save it is told once.
    scene.watcher.tell_again(&file);
    replace(&file, "third");
    scene.expect(ChangeKind::Edited, &file, Some("third"));
    scene.expect_no_more(&file);
}

fn goes_and_comes_back(means: Means) {
    let (scene, file) = Scene::with_file(means);
    fs::remove_file(&file).unwrap();
    scene.expect(ChangeKind::Gone, &file, None);
    scene.rest();
    fs::write(&file, next()).unwrap();
    scene.expect(ChangeKind::Back, &file, Some(&next()));
    fs::rename(&file, file.with_extension("away")).unwrap();
    scene.expect(ChangeKind::Gone, &file, None);
    fs::rename(file.with_extension("away"), &file).unwrap();
    scene.expect(ChangeKind::Back, &file, Some(&next()));
    scene.expect_no_more(&file);
}

/// A manifest that is optional.
fn comes_where_nothing_was(means: Means) {
    let scene = Scene::new(means);
    let file: PathBuf = scene.root.join("a.toml");
    scene.follow(&file);
    fs::write(&file, next()).unwrap();
    scene.expect(ChangeKind::Appeared, &file, Some(&next()));
    scene.expect_no_more(&file);
}

by_both_means! {
    writes_in_place
    writes_and_renames
    renames_away_and_creates
    removes_and_creates
    removes_and_links
    copies_over
    writes_through_two_handles_in_turn
    truncates_and_writes_slowly
    removes_and_writes_slowly
    keeps_the_time
    puts_the_time_back
    touches
    saves_what_is_there
    puts_the_same_in_its_place
    leaves_litter_beside
    empties
    saves_twice_at_once
    saves_in_a_burst
    two_write_in_place_in_a_burst
    two_save_in_a_burst
    saves_before_it_is_followed
    is_followed_twice
    is_told_again
    goes_and_comes_back
    comes_where_nothing_was
}
