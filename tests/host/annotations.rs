//! What a script's comments say: its head, and the types of its exports.

use twinplug::{ErrorKind, Host, Version};

use crate::lua::Desk;

#[test]
fn the_first_comments_say_name_version_and_needs() {
    let desk = Desk::new();
    let text = "#!/usr/bin/lua\n---@plugin greet 1.2.0\n---@requires clock ^1.0\nprint('hi')";
    let plugin = desk.load("hello_v3.lua", text).unwrap();
    assert_eq!((plugin.name(), plugin.version()), ("greet", &Version::new(1, 2, 0)));
    // The body already prints under that name.
    assert_eq!(desk.stage.printed(), "[greet] hi\n");
    let needs: Vec<_> = plugin.descriptor().requires.iter().map(|it| it.name.clone()).collect();
    assert_eq!(needs, ["clock"]);

    let found = Host::inspect(desk.folder.path().join("hello_v3.lua")).unwrap();
    assert_eq!((found.name.as_str(), found.version), ("greet", Some(Version::new(1, 2, 0))));
    assert_eq!(found.requires, plugin.descriptor().requires);
    assert_eq!((found.over, found.refusal), (None, None));

    let same = "---@plugin same 1.2.0\nreturn { _NAME = 'same', _VERSION = '1.2.0' }";
    assert_eq!(desk.load("a.lua", same).unwrap().name(), "same");
    let half = "---@plugin half 1.2.0\nreturn { _VERSION = '1.2.0' }";
    assert_eq!(desk.load("b.lua", half).unwrap().name(), "half");
}

#[test]
fn first_comments_that_are_wrong_are_refused() {
    let desk = Desk::new();
    let check = |text: &str, kind: ErrorKind, line: u32, expected: &str| {
        let error = desk.load("head.lua", text).unwrap_err();
        let path = desk.folder.path().join("head.lua");
        assert_eq!(error.to_string(), format!("cannot load `{}`: {expected}", path.display()));
        assert_eq!((error.kind(), error.location()), (kind, Some((path.as_path(), line))));
        assert!(desk.stage.host.plugins().is_empty());
    };
    check(
        "--\n---@plugin greet\nerror('has run')",
        ErrorKind::Load,
        2,
        "head.lua:2: `---@plugin` takes a name and a version: `---@plugin clock 1.2.0`",
    );
    check(
        "---@plugin greet 1.2.0\nreturn { _NAME = 'hello' }",
        ErrorKind::Load,
        1,
        "head.lua:1: `---@plugin` says `greet`, and `_NAME` says `hello`: they must agree",
    );
    check(
        "---@plugin greet 1.2.0\nreturn { _VERSION = '1.2.1' }",
        ErrorKind::Load,
        1,
        "head.lua:1: `---@plugin` says `1.2.0`, and `_VERSION` says `1.2.1`: they must agree",
    );
    check(
        "\n---@over physics\nerror('has run')",
        ErrorKind::Refused,
        2,
        "it is a layer over `physics` (`---@over` in line 2), and this host has no layers: without \
         that line it is a plugin of its own",
    );
    let found = Host::inspect(desk.folder.path().join("head.lua")).unwrap();
    assert_eq!(found.over.as_deref(), Some("physics"));
}
