//! What is left when a file is forgotten, and when the watcher goes: nothing.

use std::fs;
use std::sync::{Arc, Mutex, mpsc};

use super::{
    ChangeKind, Fingerprint, Means, PATIENCE, Scene, Watcher, by_both_means, replace, verdict,
};

fn forgets_a_file(means: Means) {
    let (scene, file) = Scene::with_file(means);
    let other = scene.root.join("b.lua");
    fs::write(&other, "first").unwrap();
    scene.follow(&other);
    scene.watcher.forget(&other);
    fs::write(&other, "nobody is told").unwrap();
    scene.expect_no_more(&file);
}

fn leaves_no_folder_held(means: Means) {
    let scene = Scene::new(means);
    let file = scene.root.join("deep/a.lua");
    // Not many times more: where many names were asked for in the folder above, which is all of the
    // system's temporary files, Linux takes 20 ms to watch it.
    for _ in 0..100 {
        scene.watcher.follow(&file, None);
        scene.watcher.follow_folder(&scene.root, &[], verdict);
        scene.watcher.forget_folder(&scene.root);
        scene.watcher.forget(&file);
    }
    assert!(scene.inspect(|worker| worker.ways.is_empty()));
}

/// The watches that the system knows of, of this process: all of its watchers'.
#[cfg(target_os = "linux")]
fn watched(root: &std::path::Path) -> usize {
    use std::os::unix::fs::MetadataExt;
    // Others watch other folders at the same time: this one is told by its number.
    let Ok(metadata) = root.metadata() else { return 0 };
    let inode = format!(" ino:{:x} ", metadata.ino());
    let files = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    let count = |text: String| {
        text.lines().filter(|line| line.starts_with("inotify ") && line.contains(&inode)).count()
    };
    texts.map(count).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_keeps_no_watches() {
    let scene = Scene::new(Means::System);
    let file = scene.root.join("a.lua");
    fs::write(&file, "first").unwrap();
    scene.follow(&file);
    assert_eq!(watched(&scene.root), 1);
    for _ in 0..1000 {
        scene.watcher.follow(&file, None);
        scene.watcher.forget(&file);
        scene.watcher.forget(&file);
        scene.watcher.follow(&file, None);
    }
    scene.watcher.forget(&file);
    assert!(scene.inspect(|worker| worker.ways.is_empty()));
    assert_eq!(watched(&scene.root), 0);
}

/// When the drop is over, both threads and all that they had are gone.
#[cfg(target_os = "linux")]
#[test]
fn a_watcher_that_is_dropped_leaves_nothing() {
    for _ in 0..50 {
        let scene = Scene::new(Means::System);
        let file = scene.root.join("a.lua");
        fs::write(&file, "first").unwrap();
        scene.follow(&file);
        assert_eq!(watched(&scene.root), 1);
        let Scene { root, watcher, told, .. } = &scene;
        let _ = (root, told);
        let sender = watcher.messages.clone();
        let Scene { watcher, told, root, _folder, .. } = scene;
        drop(watcher);
        assert_eq!(watched(&root), 0);
        // Who receives is dropped with the thread, and what tells as well.
        assert!(sender.send(super::Message::End).is_err());
        assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}

/// Who is told may call the watcher, and even be the last to have it.
fn is_used_and_dropped_by_who_is_told(means: Means) {
    let own: Arc<Mutex<Option<Watcher>>> = Arc::default();
    let (tell, told) = mpsc::channel();
    let held = Arc::clone(&own);
    let watcher = Watcher::new(means, move |change| {
        let watcher = held.lock().unwrap().take().unwrap();
        watcher.forget(&change.path);
        drop(watcher);
        tell.send(change.kind).unwrap();
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.lua");
    fs::write(&file, "first").unwrap();
    let watcher = watcher.unwrap();
    watcher.follow(&file, None);
    // Follows come before this, and then the edit is seen in any case.
    watcher.follow(&file, Some(super::Fingerprint::of(b"older")));
    own.lock().unwrap().replace(watcher);
    replace(&file, "second");
    assert_eq!(told.recv_timeout(PATIENCE), Ok(ChangeKind::Edited));
    // The thread ends, and drops what it has.
    assert_eq!(told.recv_timeout(PATIENCE), Err(mpsc::RecvTimeoutError::Disconnected));
}

/// Who follows a file again, just after nobody did, is told of the next edit.
fn a_file_is_followed_again_at_once(means: Means) {
    let (scene, file) = Scene::with_file(means);
    for round in 0..if means == Means::Polling { 3 } else { 200 } {
        scene.watcher.forget(&file);
        scene.watcher.follow(&file, None);
        let content = format!("edit {round}");
        fs::write(&file, &content).unwrap();
        // Who follows it while it is empty, as it is just being written, may be told that.
        let complete = Fingerprint::of(content.as_bytes());
        while scene.next().0.fingerprint != Some(complete) {}
    }
}

by_both_means! {
    forgets_a_file
    leaves_no_folder_held
    is_used_and_dropped_by_who_is_told
    a_file_is_followed_again_at_once
}
