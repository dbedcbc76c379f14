//! Programs that save and replace files, as they are on this system; one that is not there is
//! left out, with a line.

use std::fs;
use std::process::{Command, Stdio};

use super::{ChangeKind, Means, Scene, by_both_means};

/// Runs a line of shell in the folder, and expects one change, to that content.
fn check(means: Means, tool: &str, line: &str, content: &str) {
    let scene = Scene::new(means);
    let file = scene.root.join("a.lua");
    fs::write(&file, "first\n").unwrap();
    let run = |line: &str| {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-ec", line]).current_dir(&scene.root).env("HOME", &scene.root);
        shell.stdout(Stdio::null()).status().unwrap().success()
    };
    if !run(&format!("command -v {tool}")) {
        eprintln!("skipped: there is no `{tool}`");
        return;
    }
    let prepare = "mkdir from; echo second > from/next";
    assert!(run(prepare), "{prepare}");
    scene.follow(&file);
    assert!(run(line), "{line}");
    scene.expect(ChangeKind::Edited, &file, Some(content));
    scene.expect_no_more(&file);
}

fn cat(means: Means) {
    check(means, "cat", "cat from/next > a.lua", "second\n");
}

fn cp(means: Means) {
    check(means, "cp", "cp from/next a.lua", "second\n");
}

fn mv(means: Means) {
    check(means, "mv", "mv from/next a.lua", "second\n");
}

fn ln(means: Means) {
    check(means, "ln", "ln -f from/next a.lua", "second\n");
}

fn ln_symbolic(means: Means) {
    check(means, "ln", "ln -sfn from/next a.lua", "second\n");
}

fn install(means: Means) {
    check(means, "install", "install -m 644 from/next a.lua", "second\n");
}

fn dd(means: Means) {
    check(means, "dd", "dd if=from/next of=a.lua bs=1 status=none", "second\n");
}

fn sed(means: Means) {
    check(means, "sed", "sed -i s/first/second/ a.lua", "second\n");
}

fn perl(means: Means) {
    check(means, "perl", "perl -pi -e s/first/second/ a.lua", "second\n");
}

fn git_checkout(means: Means) {
    let save = "git init -q; git config user.name x; git config user.email x@x.invalid
        cp from/next a.lua; git add a.lua; git commit -qm second
        echo first > a.lua; git commit -qam first";
    let line = format!("mkdir repo; cd repo; mkdir from; echo second > from/next; {save}");
    // The file that is followed becomes one of the repository.
    let checkout = "mv repo/.git .; git checkout -q HEAD~";
    check(means, "git", &format!("({line}); {checkout}"), "second\n");
}

/// With each of the ways in which vim can make its backups.
fn vim(means: Means, options: &str) {
    let save = "-c %s/first/second/ -c x a.lua";
    check(means, "vim", &format!("vim -Nesu NONE -c 'set {options}' {save}"), "second\n");
}

fn vim_in_place(means: Means) {
    vim(means, "backupcopy=yes writebackup");
}

fn vim_by_renaming(means: Means) {
    vim(means, "backupcopy=no writebackup");
}

fn vim_without_backup(means: Means) {
    vim(means, "nowritebackup");
}

fn vim_with_a_backup_that_stays(means: Means) {
    vim(means, "backupcopy=no backup");
}

by_both_means! {
    cat
    cp
    mv
    ln
    ln_symbolic
    install
    dd
    sed
    perl
    git_checkout
    vim_in_place
    vim_by_renaming
    vim_without_backup
    vim_with_a_backup_that_stays
}
