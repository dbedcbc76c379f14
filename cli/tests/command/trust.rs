//! `lock`, and `--locked` before and after the subcommand: what is pinned, and what is loaded.

mod lock;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::ran::{C, Ran, command, folder, run, said, typed};

/// The folder of one test, in which the command runs.
struct Yard {
    folder: PathBuf,
}

impl Yard {
    fn new(test: &str, files: &[(&str, &str)]) -> Yard {
        let yard = Yard { folder: folder(&format!("trust_{test}")) };
        files.iter().for_each(|(name, text)| yard.write(name, text));
        yard
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(command(args).current_dir(&self.folder))
    }

    fn run_in(&self, place: &str, args: &[&str]) -> Ran {
        run(command(args).current_dir(self.path(place)))
    }

    /// It succeeds, and prints that.
    #[track_caller]
    fn prints(&self, args: &[&str], out: &str) {
        let ran = self.run(args);
        assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), (out, "", Some(0)));
    }

    /// It fails, and says that alone.
    #[track_caller]
    fn fails(&self, args: &[&str], err: &str) {
        let ran = self.run(args);
        let err = format!("error: {err}\n");
        assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), ("", err.as_str(), Some(1)));
    }
}

const CLOCK: &str = "function Now() return require 'time' end";
const PLUGINS: [(&str, &str); 3] = [
    ("plugins/clock.lua", CLOCK),
    ("plugins/clock/time.lua", "return 7"),
    ("plugins/alarm/init.lua", "function At() return 8 end"),
];
#[test]
fn pins_what_is_there_and_tells_what_has_changed() {
    let yard = Yard::new("lock", &PLUGINS);
    let all = |[alarm, clock, time]: [&str; 3]| {
        format!(
            "{alarm:7}  plugins/alarm/init.lua\n{clock:7}  plugins/clock.lua\n\
             {time:7}  plugins/clock/time.lua\n"
        )
    };
    let pins = |count: &str| format!("`plugins/twinplug.lock` pins {count}\n");
    yard.prints(&["lock", "plugins"], &(all(["new"; 3]) + &pins("3 files")));
    yard.prints(&["lock", "plugins/"], &(all(["same"; 3]) + &pins("3 files")));
    yard.write("plugins/clock/time.lua", "return 9");
    fs::remove_dir_all(yard.path("plugins/alarm")).unwrap();
    let told = all(["gone", "same", "changed"]) + &pins("2 files");
    yard.prints(&["lock", "plugins"], &told);
    fs::remove_dir_all(yard.path("plugins/clock")).unwrap();
    let ran = yard.run_in("plugins", &["lock", "."]);
    let told = "same     ./clock.lua\ngone     ./clock/time.lua\n`./twinplug.lock` pins 1 file\n";
    assert_eq!((ran.out.as_str(), ran.code), (told, Some(0)), "{}", ran.err);
}

/// What was written is what other tools read.
#[cfg(target_os = "linux")]
#[test]
fn the_lock_file_is_read_by_sha256sum() {
    let yard = Yard::new("sums", &PLUGINS);
    yard.run(&["lock", "plugins"]);
    let mut sums = std::process::Command::new("sha256sum");
    sums.args(["--check", "--strict", "twinplug.lock"]).current_dir(yard.path("plugins"));
    let ran = run(&mut sums);
    let ok = "alarm/init.lua: OK\nclock.lua: OK\nclock/time.lua: OK\n";
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), (ok, "", Some(0)));
}

/// With `--locked` it writes nothing: a check that nothing was left out.
#[test]
fn compares_alone_where_it_is_locked() {
    let yard = Yard::new("compare", &PLUGINS);
    yard.fails(
        &["lock", "plugins", "--locked"],
        "cannot read the lock file `plugins/twinplug.lock`: No such file or directory (os error 2): \
         `twinplug lock DIR` makes one",
    );
    yard.run(&["lock", "plugins"]);
    let pinned = "`plugins/twinplug.lock` pins what is there\n";
    yard.prints(&["--locked", "lock", "plugins"], pinned);
    let before = fs::read(yard.path("plugins/twinplug.lock")).unwrap();
    yard.write("plugins/clock/time.lua", "return 9");
    yard.write("plugins/dial.lua", "");
    let ran = yard.run(&["lock", "plugins", "--locked"]);
    let differs = "changed  plugins/clock/time.lua\nnew      plugins/dial.lua\n";
    assert_eq!((ran.out.as_str(), ran.code), (differs, Some(1)));
    let error = "error: `plugins/twinplug.lock` does not pin what is there: if you trust that, \
                 `twinplug lock plugins` does\n";
    assert_eq!(ran.err, error);
    assert_eq!(fs::read(yard.path("plugins/twinplug.lock")).unwrap(), before);
}

#[test]
fn loads_what_is_pinned_and_nothing_else() {
    let yard = Yard::new("locked", &PLUGINS);
    yard.run(&["lock", "plugins"]);
    // Before, after and between; whatever it is that is given of the plugin.
    yard.prints(&["--locked", "call", "plugins/clock.lua", "Now"], "7\n");
    yard.prints(&["call", "--locked", "plugins/clock.lua", "Now"], "7\n");
    yard.prints(&["call", "plugins/alarm", "At", "--locked"], "8\n");
    yard.prints(&["call", "plugins/alarm/init.lua", "At", "--locked"], "8\n");
    yard.prints(&["call", "plugins/alarm", "At", "--locked", "--with", "plugins"], "8\n");
    for (place, path) in
        [("plugins/alarm", "."), ("plugins/alarm", "../alarm/"), ("plugins", "alarm")]
    {
        yard.run_in(place, &["call", path, "At", "--locked"]).gives("8");
    }

    yard.write("plugins/clock/time.lua", "return 9");
    let ran = yard.run(&["call", "plugins/clock.lua", "Now", "--locked"]);
    // Where a call is no tail call, its line is told.
    let place = said("", "clock.lua:1: ");
    let refused = format!(
        "error: plugin `clock`: `Now`: {place}cannot load `plugins/clock/time.lua`: it is not what was \
         pinned: `plugins/twinplug.lock` has the SHA-256 \
         ea66986c22b11851d150829053c4b9d8d62c55a8c68d3d2aaff3b45526527579, and the file has \
         84bcdfe307b329246f07eaecfe78538d188801ae30bd8f1c86ba7b98f5c030bf: put it back; or if you \
         trust what is there now, pin what is there by `twinplug lock plugins`"
    );
    assert_eq!((ran.err.lines().next(), ran.code), (Some(&*refused), Some(1)));
    yard.prints(&["call", "plugins/clock.lua", "Now"], "9\n");
    yard.write("plugins/dial.lua", "");
    let unlisted = "cannot load `plugins/dial.lua`: it is not pinned by `plugins/twinplug.lock`: if \
                    you trust it, pin what is there by `twinplug lock plugins`";
    yard.fails(&["call", "plugins/dial.lua", "F", "--locked"], unlisted);
    yard.fails(&["inspect", "plugins/dial.lua", "--locked"], unlisted);
    yard.fails(&["types", "plugins/dial.lua", "--locked"], unlisted);
    let args = ["call", "plugins/alarm", "At", "--with", "plugins/dial.lua", "--locked"];
    yard.fails(&args, unlisted);
    assert!(!yard.path("types").exists());
}

#[test]
fn check_tells_what_is_not_pinned() {
    let yard = Yard::new("check", &PLUGINS);
    let missing = "`--locked`, and there is no `twinplug.lock` in `plugins` or in a folder above it: \
                   `twinplug lock plugins` makes one";
    let ran = yard.run(&["check", "plugins", "--locked"]);
    assert_eq!((ran.out, ran.code), (format!("refused  plugins: {missing}\n"), Some(1)));
    yard.run(&["lock", "plugins"]);
    let fine = "ok       plugins/alarm (lua, alarm)\nok       plugins/clock.lua (lua, clock)\n";
    yard.prints(&["check", "plugins", "--locked"], fine);
    yard.write("plugins/alarm/init.lua", "function At() return 9 end");
    yard.write("plugins/clock/time.lua", "return 9");
    let ran = yard.run(&["check", "--json", "plugins", "--locked"]);
    let reasons = ran.out.lines().map(|line| {
        let verdict: Value = serde_json::from_str(line).unwrap();
        assert_eq!(verdict["verdict"], "refused");
        let reason = verdict["reason"].as_str().unwrap();
        reason.split(": `plugins/twinplug.lock` has").next().unwrap().to_owned()
    });
    let reasons: Vec<_> = reasons.collect();
    let expected = [
        "cannot load `plugins/alarm/init.lua`: it is not what was pinned",
        "its part `plugins/clock/time.lua` is not what was pinned",
    ];
    assert_eq!(reasons, expected);
    assert_eq!(ran.code, Some(1));
}

/// The nearest lock file above a plugin counts, but for one that the plugin brings.
#[test]
fn a_plugin_does_not_vouch_for_itself() {
    let yard = Yard::new("own", &PLUGINS);
    fs::rename(yard.path("plugins/alarm"), yard.path("alarm")).unwrap();
    yard.run(&["lock", "plugins"]);
    fs::rename(yard.path("alarm"), yard.path("plugins/alarm")).unwrap();
    let lock = fs::read_to_string(yard.path("plugins/twinplug.lock")).unwrap();
    let head: String = lock.lines().take(2).map(|line| format!("{line}\n")).collect();
    let hash = "ccc572f4170feefb6665d0f9e21c35717555eef80b3bf03eb686702f52c8bf67";
    yard.write("plugins/alarm/twinplug.lock", &format!("{head}{hash}  init.lua\n"));
    let unlisted = "cannot load `plugins/alarm/init.lua`: it is not pinned by \
                    `plugins/twinplug.lock`: if you trust it, pin what is there by `twinplug lock \
                    plugins`";
    for path in ["plugins/alarm", "plugins/alarm/init.lua"] {
        yard.fails(&["call", path, "At", "--locked"], unlisted);
    }
    // One further up, with the way from there, does for what is below.
    let above = lock.replace("  clock", "  plugins/clock");
    yard.write("twinplug.lock", &above);
    fs::remove_file(yard.path("plugins/twinplug.lock")).unwrap();
    yard.prints(&["call", "plugins/clock.lua", "Now", "--locked"], "7\n");
}

#[test]
fn each_path_has_its_lock_file() {
    let yard = Yard::new("several", &PLUGINS);
    yard.write("others/dial.lua", "");
    yard.run(&["lock", "plugins"]);
    let call = ["call", "plugins/alarm", "At", "--with", "others", "--locked"];
    let missing = "`--locked`, and there is no `twinplug.lock` in `others` or in a folder above it: \
                   `twinplug lock others` makes one";
    yard.fails(&call, missing);
    yard.run(&["lock", "others"]);
    yard.prints(&call, "8\n");
    yard.write("others/twinplug.lock", "mine\n");
    let broken = "cannot read the lock file `others/twinplug.lock`: line 1: expected `# \
                  twinplug.lock, version 1`, got \"mine\": once it is removed, `twinplug lock others` \
                  makes one";
    yard.fails(&call, broken);
}

#[test]
fn what_is_built_is_not_pinned() {
    let yard = Yard::new("sources", &PLUGINS);
    yard.write("plugins/native/native.c", "no C at all");
    let ran = yard.run(&["lock", "plugins"]);
    let note = "note: `plugins/native` is a source folder, and not pinned: build it, and lock the \
                folder that its library is in, like `target/plugins`\n";
    assert_eq!((ran.err.as_str(), ran.code), (note, Some(0)));
    assert!(ran.out.ends_with("`plugins/twinplug.lock` pins 3 files\n"), "{}", ran.out);
    yard.fails(
        &["lock", "plugins/native"],
        "`plugins/native` is a source folder: build it, and lock the folder that its library is in, \
         like `target/plugins`",
    );
    let refused = "`plugins/native` is a source folder, and what is built from it is pinned by no \
                   lock file: build it without `--locked`, lock the folder that its library is in by \
                   `twinplug lock target/plugins`, and give the library";
    yard.fails(&["call", "plugins/native", "F", "--locked"], refused);
    yard.fails(&["watch", "plugins/native", "--locked"], refused);
    let ran = yard.run(&["check", "plugins/native", "plugins/clock.lua", "--locked"]);
    let verdicts =
        format!("refused  plugins/native: {refused}\nok       plugins/clock.lua (lua, clock)\n");
    assert_eq!((ran.out, ran.code), (verdicts, Some(1)));
    let ran = yard.run(&["demo", "--locked"]);
    let demo =
        "error: `--locked` with `demo`, which builds what it loads: no lock file pins that\n";
    assert_eq!((ran.err.as_str(), ran.code), (demo, Some(2)));
    assert!(!yard.path("target").exists());
}

/// The plugin that is tested, and those with it, must be pinned; the script with the tests, which is
/// given, need not be.
#[test]
fn tests_are_of_what_is_pinned() {
    let yard = Yard::new("tests", &[("plugins/dial.lua", "function Turn() return 7 end")]);
    yard.write("plugins/dial_test.lua", "function test_turn() assert(plugin.Turn() == 7) end");
    yard.run(&["lock", "plugins"]);
    let passed = "plugins/dial_test.lua\n  ok      test_turn\n1 passed, 0 failed\n";
    let paths = ["plugins", "plugins/dial.lua", "plugins/dial_test.lua"];
    paths.iter().for_each(|path| yard.prints(&["test", path, "--locked"], passed));
    yard.write("plugins/dial.lua", "function Turn() return 7 end -- edited");
    yard.prints(&["test", "plugins"], passed);
    for path in paths {
        let ran = yard.run(&["test", path, "--locked"]);
        let start = "error: cannot load `plugins/dial.lua`: it is not what was pinned: ";
        assert!(ran.err.starts_with(start), "{}{}", ran.out, ran.err);
        assert_eq!((ran.out.as_str(), ran.code), ("", Some(1)));
    }
    yard.write("plugins/dial.lua", "function Turn() return 7 end");
    yard.write("plugins/native/native.c", "no C at all");
    yard.write("plugins/native/native_test.lua", "function test_f() end");
    let ran = yard.run(&["test", "plugins", "--locked"]);
    let refused = "error: `plugins/native` is a source folder, and what is built from it is pinned by \
                   no lock file: ";
    assert!(ran.err.starts_with(refused), "{}", ran.err);
    assert!(!yard.path("target").exists());
}

/// A script with stand-ins is code as well.
#[test]
fn stand_ins_are_pinned_too() {
    let yard =
        Yard::new("mocks", &[("plugins/dice.lua", "function Play() return host.roll() end")]);
    yard.write("plugins/mocks.lua", "host.mock('roll', function() return 6 end)");
    let call = ["call", "plugins/dice.lua", "Play", "--mock", "plugins/mocks.lua", "--locked"];
    yard.run(&["lock", "plugins"]);
    yard.prints(&call, "6\n");
    yard.write("plugins/mocks.lua", "host.mock('roll', function() return 7 end)");
    let ran = yard.run(&call);
    let start = "error: cannot load `plugins/mocks.lua`: it is not what was pinned: ";
    assert!(ran.err.starts_with(start), "{}", ran.err);
    yard.prints(&call[..5], "7\n");
}

/// As the refusal of a source folder says: built, locked, and then given as a library.
#[test]
fn a_library_that_was_built_is_pinned_by_its_folder() {
    let yard = Yard::new("built", &[]);
    let source = format!("{}/../{C}", env!("CARGO_MANIFEST_DIR"));
    yard.run(&["call", &source, "Hello"]).gives("\"Hello, number 0\"");
    let library = crate::ran::library("testplugin_c");
    let new = format!("new      {library}\n`target/plugins/twinplug.lock` pins 1 file\n");
    let ran = yard.run(&["lock", "target/plugins"]);
    assert_eq!((ran.out, ran.code), (new, Some(0)), "{}", ran.err);
    yard.run(&["call", &library, "Hello", "--locked"]).gives("\"Hello, number 0\"");
    fs::write(yard.path(&library), "").unwrap();
    let ran = yard.run(&["call", &library, "Hello", "--locked"]);
    let start = format!("error: cannot load `{library}`: it is not what was pinned: ");
    assert!(ran.err.starts_with(&start), "{}", ran.err);
}

#[test]
fn what_cannot_be_locked_leaves_all_as_it_is() {
    let yard = Yard::new("unlocked", &PLUGINS);
    yard.run(&["lock", "plugins"]);
    let before = fs::read(yard.path("plugins/twinplug.lock")).unwrap();
    yard.write("plugins/clock.toml", "nmae = 'clock'");
    yard.write("plugins/broken.so", "no library");
    let error = "2 plugins cannot be locked:\n  cannot load `plugins/broken.so`: a text file, and no \
                 shared library\n  cannot load `plugins/clock.lua`: clock.toml:1: unknown key `nmae`; \
                 near: `name`";
    yard.fails(&["lock", "plugins"], error);
    assert_eq!(fs::read(yard.path("plugins/twinplug.lock")).unwrap(), before);
    yard.fails(
        &["lock", "nowhere"],
        "cannot read `nowhere`: No such file or directory (os error 2)",
    );
    let empty = "cannot lock `.`: there are no plugins in it: name the folder that they are in";
    yard.fails(&["lock", "."], empty);
    yard.write("mine/a.lua", "");
    yard.write("mine/twinplug.lock", "what I wrote");
    let mine = "cannot write `mine/twinplug.lock`: it is there, and was not made by twinplug: remove \
                it, or give it another name";
    yard.fails(&["lock", "mine"], mine);
    assert_eq!(fs::read_to_string(yard.path("mine/twinplug.lock")).unwrap(), "what I wrote");
    let ran = yard.run(&["lock"]);
    let usage = "error: the following required arguments were not provided:";
    ran.is_wrong_usage(usage);
}

#[cfg(unix)]
#[test]
fn a_lock_file_that_others_could_change_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let yard = Yard::new("open", &PLUGINS);
    yard.run(&["lock", "plugins"]);
    let lock = yard.path("plugins/twinplug.lock");
    fs::set_permissions(&lock, PermissionsExt::from_mode(0o666)).unwrap();
    let refused = format!(
        "cannot read the lock file `plugins/twinplug.lock`: anybody can write to `{}` (mode 666): \
         `chmod o-w` it, once you have made sure of what is there",
        lock.canonicalize().unwrap().display()
    );
    yard.fails(&["call", "plugins/alarm", "At", "--locked"], &refused);
}

/// Whatever a plugin's folder is after an update, it is pinned by the one that pinned it before.
#[test]
fn a_folder_of_plugins_in_place_of_a_plugin_does_not_vouch_for_itself() {
    let yard = Yard::new("turned", &PLUGINS);
    yard.run(&["lock", "plugins"]);
    fs::remove_file(yard.path("plugins/alarm/init.lua")).unwrap();
    yard.write("plugins/alarm/evil.lua", "print 'evil'");
    yard.run(&["lock", "plugins/alarm"]);
    let plugins = yard.path("plugins").canonicalize().unwrap();
    let unlisted = format!(
        "it is not pinned by `{0}/twinplug.lock`: if you trust it, pin what is there by `twinplug \
         lock {0}`",
        plugins.display()
    );
    let refused = format!("cannot load `plugins/alarm/evil.lua`: {unlisted}");
    yard.fails(&["run", "plugins/alarm", "--locked"], &refused);
    let ran = yard.run(&["check", "plugins/alarm", "--locked"]);
    let verdict = format!("refused  plugins/alarm/evil.lua: {unlisted}\n");
    assert_eq!((ran.out, ran.code), (verdict, Some(1)));
    let call = ["call", "plugins/clock.lua", "Now", "--with", "plugins/alarm", "--locked"];
    let named = "cannot load `plugins/alarm/evil.lua`: it is not pinned by `plugins/twinplug.lock`: \
                 if you trust it, pin what is there by `twinplug lock plugins`";
    yard.fails(&call, named);
    // What cannot be read may have pinned it.
    yard.write("twinplug.lock", "mine\n");
    let ran = yard.run(&["run", "plugins/alarm", "--locked"]);
    let start = "error: cannot read the lock file `";
    assert!(ran.err.starts_with(start) && ran.err.contains("line 1: expected"), "{}", ran.err);
    // One that pins nothing there has no say.
    yard.write("other/dial.lua", "");
    yard.run(&["lock", "other"]);
    fs::rename(yard.path("other/twinplug.lock"), yard.path("twinplug.lock")).unwrap();
    yard.prints(&["call", "plugins/clock.lua", "Now", "--locked"], "7\n");
}

/// `..` is followed as the system does: what is below a folder is not above it.
#[test]
fn a_lock_file_below_does_not_count() {
    let yard = Yard::new("below", &[("a/b/dial.lua", ""), ("a/b/c/d.lua", ""), ("a/dial.lua", "")]);
    yard.run(&["lock", "a/b"]);
    let missing = "`--locked`, and there is no `twinplug.lock` in `a/b/c/../..` or in a folder above \
                   it: `twinplug lock a/b/c/../..` makes one";
    yard.fails(&["call", "a/b/c/../../dial.lua", "F", "--locked"], missing);
}

#[test]
fn a_session_that_begins_with_nothing_has_the_lock_file_of_its_folder() {
    let yard = Yard::new("session", &PLUGINS);
    let missing = "`--locked`, and there is no `twinplug.lock` in `.` or in a folder above it: \
                   `twinplug lock .` makes one";
    yard.fails(&["repl", "--locked"], missing);
    yard.run(&["lock", "plugins"]);
    yard.write("dial.lua", "");
    let lines = ".load clock.lua\n=clock.Now()\n.load ../dial.lua\n";
    let ran = typed(command(&["repl", "--locked"]).current_dir(yard.path("plugins")), lines);
    let refused = "error: cannot load `../dial.lua`: it is not pinned by `./twinplug.lock`: if you \
                   trust it, pin what is there by `twinplug lock .`\n";
    assert_eq!((ran.out.as_str(), ran.code), ("7\n", Some(1)), "{}", ran.err);
    assert!(ran.err.ends_with(refused), "{}", ran.err);
}

/// A plugin's folder that becomes a source folder once code has run; Luau's cannot change files.
#[cfg(not(any(feature = "luau", feature = "luau-jit")))]
const TURNS: [(&str, &str); 3] = [
    ("plugins/native/init.lua", "function F() return 7 end"),
    ("plugins/native/native.c", "no C at all"),
    ("plugins/other.lua", "function Other() return 8 end"),
];

#[cfg(not(any(feature = "luau", feature = "luau-jit")))]
#[test]
fn what_becomes_a_source_folder_later_is_not_built() {
    let yard = Yard::new("turns", &TURNS);
    yard.write("plugins/mocks.toml", "permissions = ['os']");
    let turn = "os.remove('plugins/native/init.lua')";
    yard.write("plugins/mocks.lua", &format!("{turn} host.mock('f', function() end)"));
    yard.run(&["lock", "plugins"]);
    let refused = "`plugins/native` is a source folder, and what is built from it is pinned by no \
                   lock file: build it without `--locked`, lock the folder that its library is in by \
                   `twinplug lock target/plugins`, and give the library";
    let mock = ["--locked", "--allow", "os", "--mock", "plugins/mocks.lua"];
    for args in [
        &["call", "plugins/native", "F"][..],
        &["call", "plugins/other.lua", "Other", "--with", "plugins/native"],
        &["bench", "plugins/native", "F"],
        &["inspect", "plugins/native"],
        &["types", "plugins/native"],
        &["run", "plugins/other.lua", "--with", "plugins/native"],
        &["watch", "plugins/other.lua", "--with", "plugins/native"],
        &["repl", "plugins/native"],
        &["repl", "plugins/other.lua", "--with", "plugins/native"],
    ] {
        yard.write(TURNS[0].0, TURNS[0].1);
        yard.fails(&[&mock, args].concat(), refused);
    }
    assert!(!yard.path("target").exists());
}

/// What tests have beside the plugin is found before the first of them.
#[cfg(not(any(feature = "luau", feature = "luau-jit")))]
#[test]
fn a_test_has_nothing_built_for_those_after_it() {
    let yard = Yard::new("tests_turn", &TURNS);
    yard.write(
        "plugins/other_test.lua",
        "function test_a() assert(plugin.Other() == 8) os.remove('plugins/native/init.lua') end\n\
         function test_b() plugin.Other() end",
    );
    yard.run(&["lock", "plugins"]);
    let args =
        ["test", "plugins/other.lua", "--with", "plugins/native", "--allow", "os", "--locked"];
    let ran = yard.run(&args);
    assert!(ran.out.contains("ok      test_a\n  FAILED  test_b\n"), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("no plugin in `plugins/native`"), "{}{}", ran.out, ran.err);
    assert!(!yard.path("target").exists());
}
