//! In which order the plugins of a folder are loaded, and why one is not.

use twinplug::ErrorKind;

use super::{Desk, names};

/// Plugins by name, with what they require and the rest of their text; then the order, and
/// the failures.
#[track_caller]
fn check(plugins: &[(&str, &[&str], &str)], order: &[&str], failures: &[&str]) {
    let desk = Desk::new();
    for (name, requires, text) in plugins {
        let requires = requires.iter().map(|it| format!("---@requires {it}\n"));
        desk.write(&format!("{name}.lua"), &format!("{}{text}", requires.collect::<String>()));
    }
    let loaded = desk.load();
    assert_eq!(desk.failures(&loaded), failures);
    assert_eq!(names(&loaded.plugins), order);
    assert_eq!(names(&desk.stage.host.plugins()), order);
}

#[test]
fn the_order_is_that_of_the_names_but_for_what_is_required() {
    check(&[("a", &[], ""), ("b", &[], ""), ("c", &[], "")], &["a", "b", "c"], &[]);
    check(&[("a", &["b *"], ""), ("b", &[], ""), ("c", &[], "")], &["b", "a", "c"], &[]);
    check(
        &[("a", &["d *"], ""), ("b", &["a *", "c *"], ""), ("c", &[], ""), ("d", &["c *"], "")],
        &["c", "d", "a", "b"],
        &[],
    );
    // The newest in the range comes before, and so does every other version in it.
    let version = |of| format!("---@plugin clock {of}");
    check(
        &[
            ("a", &["clock ^1.0"], "Version = host.plugin('clock').Version assert(Version == 2)"),
            ("c1", &[], &format!("{}\nVersion = 1", version("1.0.0"))),
            ("c2", &[], &format!("{}\nVersion = 2", version("1.2.0"))),
            ("c3", &["a *"], &format!("{}\nVersion = 3", version("2.0.0"))),
        ],
        &["clock", "clock", "a", "clock"],
        &[],
    );
}

#[test]
fn what_is_missing_or_another_version_is_told_with_the_chain() {
    check(
        &[
            ("a", &["b *"], "error('it ran')"),
            ("b", &["clok ^1.0"], "error('it ran')"),
            ("c", &["clock ^2.0"], "error('it ran')"),
            ("clock", &[], "---@plugin clock 1.4.0"),
            ("d", &["b ^0", "a *"], "error('it ran')"),
        ],
        &["clock"],
        &[
            "cannot load `@/a.lua`: it requires `b` *, which is not loaded (a -> b -> clok): \
             cannot load `@/b.lua`: it requires `clok` ^1.0, and no plugin `clok` is loaded; \
             near: `clock`: put it into the folder, or load it before",
            "cannot load `@/b.lua`: it requires `clok` ^1.0, and no plugin `clok` is loaded; \
             near: `clock`: put it into the folder, or load it before",
            "cannot load `@/c.lua`: it requires `clock` ^2.0, and `clock` is loaded in 1.4.0 \
             (`@/clock.lua`): put it into the folder, or load it before",
            "cannot load `@/d.lua`: it requires `b` ^0, which is not loaded (d -> b -> clok): \
             cannot load `@/b.lua`: it requires `clok` ^1.0, and no plugin `clok` is loaded; \
             near: `clock`: put it into the folder, or load it before",
        ],
    );
}

#[test]
fn a_failure_reaches_those_that_require_what_failed() {
    check(
        &[
            ("a", &["b *"], ""),
            ("b", &["c *"], ""),
            ("c", &[], "error('no clock', 0)"),
            ("d", &["e *"], ""),
            ("e", &[], "---@plugin e"),
            ("f", &[], ""),
        ],
        &["f"],
        &[
            "cannot load `@/a.lua`: it requires `b` *, which is not loaded (a -> b -> c): \
             cannot load `@/c.lua`: no clock",
            "cannot load `@/b.lua`: it requires `c` *, which is not loaded (b -> c): \
             cannot load `@/c.lua`: no clock",
            "cannot load `@/c.lua`: no clock",
            "cannot load `@/d.lua`: it requires `e` *, which is not loaded (d -> e): \
             cannot load `@/e.lua`: e.lua:1: `---@plugin` takes a name and a version: \
             `---@plugin clock 1.2.0`",
            "cannot load `@/e.lua`: e.lua:1: `---@plugin` takes a name and a version: \
             `---@plugin clock 1.2.0`",
        ],
    );
}

#[test]
fn circles_are_refused_with_the_chain() {
    let alone = "one of them has to do without";
    check(
        &[("a", &["b *"], ""), ("b", &["a *"], ""), ("c", &["c *"], ""), ("d", &["a *"], "")],
        &[],
        &[
            &format!("cannot load `@/a.lua`: it requires itself (a -> b -> a): {alone}"),
            &format!("cannot load `@/b.lua`: it requires itself (b -> a -> b): {alone}"),
            &format!("cannot load `@/c.lua`: it requires itself (c -> c): {alone}"),
            &format!(
                "cannot load `@/d.lua`: it requires `a` *, which is not loaded (d -> a -> b -> \
                 a): cannot load `@/a.lua`: it requires itself (a -> b -> a): {alone}"
            ),
        ],
    );
    // A version that is loaded already will do, where the one in the circle would be newer.
    let desk = Desk::new();
    desk.stage.host.load_source("x", "---@plugin x 1.0.0").unwrap();
    desk.write("a.lua", "---@requires x >=1");
    desk.write("b.lua", "---@plugin x 2.0.0\n---@requires a *");
    assert_eq!(names(&desk.load().all().unwrap()), ["a", "x"]);
}

#[test]
fn all_makes_one_error_of_the_failures() {
    let desk = Desk::new();
    desk.write("a.lua", "");
    let b = desk.write("b.lua", "error('no', 0)");
    let first = format!("cannot load `{}`: no", b.display());
    let error = desk.load().all().unwrap_err();
    assert_eq!((error.to_string(), error.kind()), (first.clone(), ErrorKind::Load));
    let c = desk.write("c.lua", "---@requires z *");
    let error = desk.load().all().unwrap_err();
    let expected = format!(
        "2 plugins were not loaded:\n  {first}\n  cannot load `{}`: it requires `z` *, and no \
         plugin `z` is loaded: put it into the folder, or load it before",
        c.display()
    );
    assert_eq!((error.to_string(), error.kind()), (expected, ErrorKind::Load));
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, first);
}

#[test]
fn two_of_one_name_and_version_are_one_and_a_failure() {
    check(
        &[("a", &[], "---@plugin clock 1.0.0"), ("b", &[], "---@plugin clock 1.0.0")],
        &["clock"],
        &["cannot load `@/b.lua`: `clock` 1.0.0 is loaded already, from `@/a.lua`: unload that \
           one, or give this one another version"],
    );
}

#[test]
fn two_hundred_plugins_are_loaded_in_their_order() {
    let desk = Desk::new();
    let name = |index: usize| format!("p{index:03}");
    for index in 0..200 {
        let requires = format!("---@requires {} ^1.0\n", name(index + 1));
        let requires = if index == 199 { "" } else { &requires };
        let text = format!("---@plugin {} 1.{index}.0\n{requires}", name(index));
        desk.write(&format!("{}.lua", name(index)), &text);
    }
    let loaded = desk.load().all().unwrap();
    let expected: Vec<_> = (0..200).rev().map(name).collect();
    assert_eq!(names(&loaded), expected);

    let desk = Desk::new();
    for index in 0..200 {
        let text = format!("---@requires {} *\nerror('it ran')", name((index + 1) % 200));
        desk.write(&format!("{}.lua", name(index)), &text);
    }
    let loaded = desk.load();
    assert_eq!((loaded.plugins.len(), loaded.failures.len()), (0, 200));
    let first = &desk.failures(&loaded)[0];
    let start = "cannot load `@/p000.lua`: it requires itself (p000 -> p001 -> p002 -> ";
    let end = "p198 -> p199 -> p000): one of them has to do without";
    assert!(first.starts_with(start) && first.ends_with(end), "{first}");
}
