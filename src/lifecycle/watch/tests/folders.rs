//! Folders that go and come back, and folders in which files appear.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use super::{ChangeKind, Means, Scene, by_both_means, replace, verdict};

/// A file some folders deep.
fn deep(means: Means) -> (Scene, PathBuf) {
    let scene = Scene::new(means);
    let file = scene.root.join("app/plugins/one/init.lua");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "first").unwrap();
    scene.follow(&file);
    (scene, file)
}

fn removes_the_folder_and_makes_it_again(means: Means) {
    let (scene, file) = deep(means);
    fs::remove_dir_all(scene.root.join("app")).unwrap();
    scene.expect(ChangeKind::Gone, &file, None);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    scene.rest();
    fs::write(&file, "again").unwrap();
    scene.expect(ChangeKind::Back, &file, Some("again"));
    fs::write(&file, "and again").unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("and again"));
    scene.expect_no_more(&file);
}

/// Within the time that a file may be missing, as `git checkout` may do.
fn makes_the_folder_anew_at_once(means: Means) {
    let (scene, file) = deep(means);
    for content in ["second", "third"] {
        fs::remove_dir_all(scene.root.join("app")).unwrap();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        scene.expect(ChangeKind::Edited, &file, Some(content));
        scene.rest();
    }
    scene.expect_no_more(&file);
}

/// A folder far above is renamed, and another one takes its place.
fn swaps_a_folder_above(means: Means) {
    let (scene, file) = deep(means);
    let app = scene.root.join("app");
    fs::create_dir_all(scene.root.join("next/plugins/one")).unwrap();
    fs::write(scene.root.join("next/plugins/one/init.lua"), "next").unwrap();
    fs::rename(&app, scene.root.join("before")).unwrap();
    fs::rename(scene.root.join("next"), &app).unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("next"));
    fs::write(scene.root.join("before/plugins/one/init.lua"), "old").unwrap();
    fs::write(&file, "new").unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("new"));
    // And back: folders which were watched under another name.
    fs::rename(&app, scene.root.join("next")).unwrap();
    fs::rename(scene.root.join("before"), &app).unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("old"));
    scene.expect_no_more(&file);
}

fn swaps_two_folders_that_are_both_followed(means: Means) {
    let scene = Scene::new(means);
    let files = ["a", "b"].map(|name| scene.root.join(name).join("x.lua"));
    for file in &files {
        fs::create_dir(file.parent().unwrap()).unwrap();
        fs::write(file, file.display().to_string()).unwrap();
        scene.follow(file);
    }
    let [a, b, c] = ["a", "b", "c"].map(|name| scene.root.join(name));
    fs::rename(&a, &c).unwrap();
    fs::rename(&b, &a).unwrap();
    fs::rename(&c, &b).unwrap();
    let mut told = [scene.next().0.path, scene.next().0.path];
    told.sort();
    assert_eq!(told, files);
    scene.rest();
    for file in &files {
        fs::write(file, "edited").unwrap();
        scene.expect(ChangeKind::Edited, file, Some("edited"));
    }
    scene.expect_no_more(&files[0]);
}

fn a_folder_is_there_later(means: Means) {
    let scene = Scene::new(means);
    let file = scene.root.join("none/deep/a.lua");
    scene.follow(&file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    replace(&file, "there");
    scene.expect(ChangeKind::Appeared, &file, Some("there"));
    scene.expect_no_more(&file);
}

fn files_appear(means: Means) {
    let scene = Scene::new(means);
    for name in ["known.lua", "unknown.lua"] {
        fs::write(scene.root.join(name), "there").unwrap();
    }
    scene.watcher.follow_folder(&scene.root, &[scene.root.join("known.lua")], verdict);
    let unknown = scene.root.join("unknown.lua");
    scene.expect(ChangeKind::Appeared, &unknown, Some("there"));
    for name in ["_a.lua", ".a.lua", "a_test.lua", "a.txt"] {
        fs::write(scene.root.join(name), "ignored").unwrap();
    }
    let file = scene.root.join("a.lua");
    fs::write(&file, "new").unwrap();
    scene.expect(ChangeKind::Appeared, &file, Some("new"));
    // It has appeared: what becomes of it is for those to know who follow it.
    fs::write(&file, "edited").unwrap();
    scene.rest();
    scene.follow(&file);
    replace(&scene.root.join("b.lua"), "moved in");
    scene.expect(ChangeKind::Appeared, &scene.root.join("b.lua"), Some("moved in"));
    // It goes and appears anew, unless it is followed.
    fs::remove_file(scene.root.join("b.lua")).unwrap();
    scene.rest();
    replace(&scene.root.join("b.lua"), "again");
    scene.expect(ChangeKind::Appeared, &scene.root.join("b.lua"), Some("again"));
    scene.expect_no_more(&file);
    scene.watcher.forget_folder(&scene.root);
    fs::write(scene.root.join("c.lua"), "nobody is told").unwrap();
    replace(&file, "once more");
    scene.expect(ChangeKind::Edited, &file, Some("once more"));
}

/// It is told once it is complete, however slowly it is written.
fn a_file_appears_slowly(means: Means) {
    let scene = Scene::new(means);
    scene.follow_folder(&scene.root);
    let file = scene.root.join("a.lua");
    let mut open = File::create(&file).unwrap();
    for piece in ["one ", "two ", "thr", "ee"] {
        thread::sleep(Duration::from_millis(100));
        open.write_all(piece.as_bytes()).unwrap();
    }
    drop(open);
    scene.expect(ChangeKind::Appeared, &file, Some("one two three"));
    scene.follow(&file);
    scene.expect_no_more(&file);
}

fn folders_appear(means: Means) {
    let scene = Scene::new(means);
    scene.follow_folder(&scene.root);
    for name in ["_ignored", "empty", "one"] {
        fs::create_dir(scene.root.join(name)).unwrap();
    }
    fs::write(scene.root.join("_ignored/init.lua"), "ignored").unwrap();
    fs::write(scene.root.join("one/part.lua"), "part").unwrap();
    scene.rest();
    fs::write(scene.root.join("one/init.lua"), "whole").unwrap();
    scene.expect(ChangeKind::Appeared, &scene.root.join("one"), None);
    // One that is moved in as a whole.
    let beside = tempfile::tempdir_in(scene.root.parent().unwrap()).unwrap();
    fs::write(beside.path().join("init.lua"), "whole").unwrap();
    fs::rename(beside.path(), scene.root.join("two")).unwrap();
    scene.expect(ChangeKind::Appeared, &scene.root.join("two"), None);
    let file = scene.root.join("one/init.lua");
    scene.follow(&file);
    // Another one takes its place: the file that is followed is told, and no folder.
    fs::create_dir(scene.root.join(".next")).unwrap();
    fs::write(scene.root.join(".next/init.lua"), "next").unwrap();
    fs::rename(scene.root.join("one"), scene.root.join(".before")).unwrap();
    fs::rename(scene.root.join(".next"), scene.root.join("one")).unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("next"));
    scene.expect_no_more(&file);
}

by_both_means! {
    removes_the_folder_and_makes_it_again
    makes_the_folder_anew_at_once
    swaps_a_folder_above
    swaps_two_folders_that_are_both_followed
    a_folder_is_there_later
    files_appear
    a_file_appears_slowly
    folders_appear
}
