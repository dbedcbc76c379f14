//! Files and folders that are reached by links, and links that are swapped.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{ChangeKind, Means, Scene, by_both_means, replace};

/// Two folders with a file each, and a link to the first of them.
fn deployed(means: Means) -> Scene {
    let scene = Scene::new(means);
    for version in ["v1", "v2"] {
        fs::create_dir(scene.root.join(version)).unwrap();
        fs::write(scene.root.join(version).join("a.lua"), version).unwrap();
    }
    symlink("v1", scene.root.join("current")).unwrap();
    scene
}

/// As `ln -sfn` does.
fn swap(link: &Path, target: &str) {
    let other = link.with_extension("new");
    symlink(target, &other).unwrap();
    fs::rename(other, link).unwrap();
}

fn edits_behind_a_linked_folder(means: Means) {
    let scene = deployed(means);
    let file = scene.root.join("current/a.lua");
    scene.follow(&file);
    replace(&scene.root.join("v1/a.lua"), "edited");
    scene.expect(ChangeKind::Edited, &file, Some("edited"));
    fs::write(scene.root.join("v1/a.lua"), "edited again").unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("edited again"));
    scene.expect_no_more(&file);
}

fn swaps_a_link_to_a_folder(means: Means) {
    let scene = deployed(means);
    let file = scene.root.join("current/a.lua");
    scene.follow(&file);
    swap(&scene.root.join("current"), "v2");
    scene.expect(ChangeKind::Edited, &file, Some("v2"));
    // What it led to before is of no matter any more.
    fs::write(scene.root.join("v1/a.lua"), "old").unwrap();
    scene.rest();
    fs::write(scene.root.join("v2/a.lua"), "new").unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("new"));
    scene.expect_no_more(&file);
}

fn removes_a_link_and_makes_another(means: Means) {
    let scene = deployed(means);
    let (link, file) = (scene.root.join("current"), scene.root.join("current/a.lua"));
    scene.follow(&file);
    fs::remove_file(&link).unwrap();
    symlink("v2", &link).unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("v2"));
    fs::remove_file(&link).unwrap();
    scene.expect(ChangeKind::Gone, &file, None);
    symlink("v1", &link).unwrap();
    scene.expect(ChangeKind::Back, &file, Some("v1"));
    scene.expect_no_more(&file);
}

fn edits_behind_a_linked_file(means: Means) {
    let scene = deployed(means);
    let file = scene.root.join("b.lua");
    symlink("current/a.lua", &file).unwrap();
    scene.follow(&file);
    fs::write(scene.root.join("v1/a.lua"), "edited").unwrap();
    scene.expect(ChangeKind::Edited, &file, Some("edited"));
    swap(&scene.root.join("current"), "v2");
    scene.expect(ChangeKind::Edited, &file, Some("v2"));
    swap(&file, "v1/a.lua");
    scene.expect(ChangeKind::Edited, &file, Some("edited"));
    scene.rest();
    fs::remove_file(scene.root.join("v1/a.lua")).unwrap();
    scene.expect(ChangeKind::Gone, &file, None);
    fs::write(scene.root.join("v1/a.lua"), "back").unwrap();
    scene.expect(ChangeKind::Back, &file, Some("back"));
    scene.expect_no_more(&file);
}

/// One file under two names: each is told.
fn is_followed_by_two_names(means: Means) {
    let scene = deployed(means);
    let names = ["current/a.lua", "v1/a.lua"].map(|name| scene.root.join(name));
    names.iter().for_each(|name| scene.follow(name));
    fs::write(&names[1], "edited").unwrap();
    let mut told = [scene.next().0.path, scene.next().0.path];
    told.sort();
    assert_eq!(told, names);
    scene.watcher.forget(&names[0]);
    scene.expect_no_more(&names[1]);
}

/// A link that leads to itself, and one that leads nowhere, until it does.
fn follows_a_link_that_leads_nowhere(means: Means) {
    let scene = Scene::new(means);
    let file = scene.root.join("a.lua");
    symlink("a.lua", &file).unwrap();
    scene.follow(&file);
    // There was something, if nothing that can be read.
    swap(&file, "none/b.lua");
    scene.expect(ChangeKind::Gone, &file, None);
    fs::create_dir(scene.root.join("none")).unwrap();
    fs::write(scene.root.join("none/b.lua"), "there").unwrap();
    scene.expect(ChangeKind::Back, &file, Some("there"));
    scene.expect_no_more(&file);
}

fn files_appear_behind_a_link(means: Means) {
    let scene = Scene::new(means);
    let (link, real) = (scene.root.join("link"), scene.root.join("real"));
    fs::create_dir(&real).unwrap();
    symlink("real", &link).unwrap();
    scene.follow_folder(&link);
    replace(&real.join("a.lua"), "new");
    scene.expect(ChangeKind::Appeared, &link.join("a.lua"), Some("new"));
    fs::rename(&real, scene.root.join("before")).unwrap();
    scene.rest();
    fs::create_dir(&real).unwrap();
    fs::write(real.join("b.lua"), "again").unwrap();
    let file = link.join("b.lua");
    scene.expect(ChangeKind::Appeared, &file, Some("again"));
    scene.follow(&file);
    scene.expect_no_more(&file);
}

by_both_means! {
    edits_behind_a_linked_folder
    swaps_a_link_to_a_folder
    removes_a_link_and_makes_another
    edits_behind_a_linked_file
    is_followed_by_two_names
    follows_a_link_that_leads_nowhere
    files_appear_behind_a_link
}
