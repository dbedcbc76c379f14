//! Lock files: what stands in one, how it is written, and which are refused.

use std::fs;
use std::path::PathBuf;

use twinplug::{ErrorKind, Lockfile};

use super::{Yard, host};
#[cfg(unix)]
use crate::reports::Reports;
use crate::twins::message;

impl Yard {
    /// The paths that a lock file of the folder `in` has.
    fn members(&self) -> Vec<String> {
        let files = Lockfile::of_dir(self.path("in")).unwrap();
        let start = self.path("in");
        let name = |(path, _): (PathBuf, String)| {
            path.strip_prefix(&start).unwrap().to_str().unwrap().to_owned()
        };
        files.files().map(name).collect()
    }

    fn write_all(&self, names: &[&str]) {
        names.iter().for_each(|name| drop(self.write(name, "")));
    }
}

/// The SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn all_that_belongs_to_a_plugin_is_pinned() {
    let yard = Yard::new();
    yard.write("in/folder/plugin.toml", "entry = 'main.lua'");
    yard.write_all(&[
        "in/alone.lua",
        "in/alone.toml",
        "in/alone/part.lua",
        "in/alone/deep/er/init.lua",
        "in/alone/deep/_own.lua",
        "in/folder/main.lua",
        "in/folder/part.lua",
    ]);
    let members = [
        "alone.lua",
        "alone.toml",
        "alone/deep/_own.lua",
        "alone/deep/er/init.lua",
        "alone/part.lua",
        "folder/main.lua",
        "folder/part.lua",
        "folder/plugin.toml",
    ];
    assert_eq!(yard.members(), members);
    // What is no plugin's, and what no name requires.
    yard.write_all(&[
        "in/twinplug.lock",
        "in/readme.md",
        "in/_draft.lua",
        "in/alone_test.lua",
        "in/other.toml",
        "in/alone/data.txt",
        "in/alone/a.b.lua",
        "in/alone/.git/hook.lua",
        "in/no-plugin/part.lua",
    ]);
    assert_eq!(yard.members(), members);
}

#[cfg(unix)]
#[test]
fn links_around_in_a_folder_are_followed_once() {
    use std::os::unix::fs::symlink;
    let yard = Yard::new();
    yard.write_all(&["in/a/init.lua", "in/a/lib/part.lua", "outside/evil.lua"]);
    symlink("lib", yard.path("in/a/also")).unwrap();
    symlink("..", yard.path("in/a/lib/loop")).unwrap();
    symlink("../../outside", yard.path("in/a/out")).unwrap();
    symlink("../../../outside/evil.lua", yard.path("in/a/lib/evil.lua")).unwrap();
    // As `require` finds them, which follows no link out of the plugin's folder.
    assert_eq!(yard.members(), ["a/also/part.lua", "a/init.lua", "a/lib/part.lua"]);
}

/// Folders with links to each other have more names than anybody can list.
#[cfg(unix)]
#[test]
fn links_to_and_fro_without_end_are_refused() {
    use std::os::unix::fs::symlink;
    let yard = Yard::new();
    let folders = || "abcdefghijk".chars();
    yard.write_all(&["in/a/init.lua", "in/b.lua"]);
    folders().for_each(|name| std::fs::create_dir(yard.path(&format!("in/a/{name}"))).unwrap());
    for (folder, link) in folders().flat_map(|folder| folders().map(move |link| (folder, link))) {
        symlink(format!("../{link}"), yard.path(&format!("in/a/{folder}/{link}"))).unwrap();
    }
    let error = Lockfile::of_dir(yard.path("in")).unwrap_err();
    let expected = "cannot lock `@/in/a`: more than 10000 files and folders are in it, each counted \
                    by all names that links give it: remove links between its folders, or files that \
                    are no parts of the plugin";
    assert_eq!(yard.told(&error.to_string()), expected);
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[cfg(unix)]
#[test]
fn what_leads_out_of_the_folder_is_not_pinned() {
    use std::os::unix::fs::symlink;
    let yard = Yard::new();
    yard.write_all(&["outside/a.lua", "outside/b/init.lua", "in/c.lua", "outside/c/part.lua"]);
    symlink("../outside/a.lua", yard.path("in/a.lua")).unwrap();
    symlink("../outside/b", yard.path("in/b")).unwrap();
    symlink("../outside/c", yard.path("in/c")).unwrap();
    let error = Lockfile::of_dir(yard.path("in")).unwrap_err();
    let expected = "3 plugins cannot be locked:\n  \
                    cannot lock `@/in/a.lua`: it leads out of `@/in`: put a copy there\n  \
                    cannot lock `@/in/b/init.lua`: it leads out of `@/in`: put a copy there\n  \
                    cannot lock `@/in/c/part.lua`: it leads out of `@/in`: put a copy there";
    assert_eq!(yard.told(&error.to_string()), expected);
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[test]
fn a_folder_without_plugins_or_with_a_broken_one_is_refused() {
    let yard = Yard::new();
    yard.write_all(&["in/readme.md"]);
    let told = || yard.told(&message(Lockfile::of_dir(yard.path("in"))));
    let none = "cannot lock `@/in`: there are no plugins in it: name the folder that they are in";
    assert_eq!(told(), none);
    yard.write("in/a.lua", "");
    yard.write("in/a.toml", "nmae = 'a'");
    assert_eq!(told(), "cannot load `@/in/a.lua`: a.toml:1: unknown key `nmae`; near: `name`");
    yard.write("in/a.toml", "");
    yard.write("in/tab\tb.lua", "");
    let name = "cannot lock `@/in/tab\tb.lua`: a lock file has no way to write its name: give it a \
                plainer one";
    assert_eq!(told(), name);
    yard.write_all(&["in/init.lua"]);
    assert!(
        told().starts_with("cannot load the plugins in `@/in`: it is a plugin's folder itself")
    );
}

/// A library that a plugin needs lies beside it, is no plugin, and is not what is loaded.
#[cfg(all(target_os = "linux", feature = "native"))]
#[test]
fn a_library_that_a_plugin_needs_is_not_pinned() {
    use crate::images::compile;
    let yard = Yard::new();
    fs::create_dir(yard.path("in")).unwrap();
    let source = yard.write("source.c", "int lock_helper(void) { return 1; }");
    compile(&source, &yard.path("in/liblock_helper.so"), &[]);
    let text = "#include \"twinplug.h\"\nint lock_helper(void);\n\
        static tp_status f(tp_call *call) { *call->result = tp_int(lock_helper()); return TP_OK; }\n\
        static const tp_export exports[] = {TP_EXPORT_FUNC(\"F\", \"() -> int\", f)};\n\
        TP_PLUGIN(\"locked\", \"1.0.0\", exports, NULL);";
    let source = yard.write("source.c", text);
    let search = format!("-L{}", yard.path("in").display());
    compile(
        &source,
        &yard.path("in/liblocked.so"),
        &[&search, "-llock_helper", "-Wl,-rpath,$ORIGIN"],
    );
    assert_eq!(yard.members(), ["liblocked.so"]);
    let plugin = yard.pinned("in").load_dir(yard.path("in")).unwrap().all().unwrap();
    assert_eq!(plugin.len(), 1);
}

#[test]
fn it_is_written_as_a_whole_and_only_where_it_changes() {
    let yard = Yard::new();
    yard.write_all(&["in/b.lua", "in/a.lua"]);
    let path = yard.path("in/twinplug.lock");
    let write = || Lockfile::of_dir(yard.path("in")).unwrap().write();
    write().unwrap();
    let expected = format!(
        "# twinplug.lock, version 1\n\
         # The SHA-256 of each file that may be loaded, made by `twinplug lock`.\n\
         {EMPTY}  a.lua\n{EMPTY}  b.lua\n"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        // As any other file, and not as a temporary one.
        let mode = |name: &str| fs::metadata(yard.path(name)).unwrap().permissions().mode();
        assert_eq!(mode("in/twinplug.lock"), mode("in/a.lua"));
        let number = || fs::metadata(&path).unwrap().ino();
        let before = number();
        write().unwrap();
        assert_eq!(number(), before);
    }
    // Nothing stale is kept, whatever has become of the lines.
    fs::remove_file(yard.path("in/a.lua")).unwrap();
    fs::write(&path, "# twinplug.lock, version 1\n<<<<<<< HEAD\n").unwrap();
    write().unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        expected.replace(&format!("{EMPTY}  a.lua\n"), "")
    );
    let names: Vec<_> =
        fs::read_dir(yard.path("in")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn what_is_no_lock_file_is_not_written_over() {
    let yard = Yard::new();
    yard.write_all(&["in/a.lua"]);
    let path = yard.path("in/twinplug.lock");
    let refused = || {
        let error = Lockfile::of_dir(yard.path("in")).unwrap().write().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        let expected = "cannot write `@/in/twinplug.lock`: it is there, and was not made by \
                        twinplug: remove it, or give it another name";
        assert_eq!(yard.told(&error.to_string()), expected);
    };
    for text in ["mine", "", "# twinplug.lock, version 2\n"] {
        fs::write(&path, text).unwrap();
        refused();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    #[cfg(unix)]
    {
        let elsewhere = yard.write("elsewhere.lock", "# twinplug.lock, version 1\n");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        refused();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "# twinplug.lock, version 1\n");
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused();
}

#[test]
fn digits_may_be_in_upper_case() {
    let yard = Yard::new();
    let path = yard.write("in/a.lua", "");
    drop(yard.pinned("in"));
    let text = format!("# twinplug.lock, version 1\n{}  a.lua\n", EMPTY.to_uppercase());
    yard.write("in/twinplug.lock", text);
    host(yard.lock("in").unwrap()).load(path).unwrap();
}

#[test]
fn one_that_cannot_be_read_is_refused() {
    let yard = Yard::new();
    let read = || yard.distrusted(yard.lock("in"));
    fs::create_dir(yard.path("in")).unwrap();
    let head = "cannot read the lock file `@/in/twinplug.lock`:";
    let missing = "No such file or directory (os error 2): `twinplug lock DIR` makes one";
    assert_eq!(read(), format!("{head} {missing}"));
    fs::create_dir(yard.path("in/twinplug.lock")).unwrap();
    assert_eq!(read(), format!("{head} it is no regular file"));
    fs::remove_dir(yard.path("in/twinplug.lock")).unwrap();
    let version = "# twinplug.lock, version 1";
    let check = |lines: &str, why: &str| {
        yard.write("in/twinplug.lock", format!("{version}\n{lines}"));
        assert_eq!(read(), format!("{head} {why}: `twinplug lock @/in` writes it anew"));
    };
    let line = format!("line 2: expected a SHA-256, two spaces and a path, got {EMPTY:?}");
    check(&format!("{EMPTY}\n"), &line);
    let path = "line 2: expected the path of a file below the folder, like `clock/init.lua`, got \
                \"../a.lua\"";
    check(&format!("{EMPTY}  ../a.lua\n"), path);
    let twice = "line 3: `a.lua` stands there twice, in line 2 first";
    check(&format!("{EMPTY}  a.lua\n{EMPTY}  a.lua\n"), twice);
    let place = yard.lock("in").unwrap_err();
    assert_eq!(place.location(), Some((&*yard.path("in/twinplug.lock"), 3)));

    let removed = "once it is removed, `twinplug lock @/in` makes one";
    yard.write("in/twinplug.lock", format!("{EMPTY}  a.lua\n"));
    let none = format!("line 1: expected `{version}`, got \"{EMPTY}  a.lua\"");
    assert_eq!(read(), format!("{head} {none}: {removed}"));
    yard.write("in/twinplug.lock", "# twinplug.lock, version 2\n");
    let later = "line 1: it is of version 2, and this twinplug knows version 1: update it";
    assert_eq!(read(), format!("{head} {later}: {removed}"));
}

/// Whoever can change a lock file says what is loaded.
#[cfg(unix)]
#[test]
fn one_that_others_could_change_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let yard = Yard::new();
    yard.write_all(&["in/a.lua"]);
    drop(yard.pinned("in"));
    for (name, mode) in [("in/twinplug.lock", 0o666), ("in", 0o777)] {
        let set =
            |mode| fs::set_permissions(yard.path(name), PermissionsExt::from_mode(mode)).unwrap();
        set(mode);
        let expected = format!(
            "cannot read the lock file `@/in/twinplug.lock`: anybody can write to `@/{name}` (mode \
             {mode:o}): `chmod o-w` it, once you have made sure of what is there"
        );
        assert_eq!(yard.distrusted(yard.lock("in")), expected);
        set(0o755);
    }
    fs::set_permissions(yard.path("in/twinplug.lock"), PermissionsExt::from_mode(0o664)).unwrap();
    let reports = Reports::default();
    tracing::subscriber::with_default(reports.clone(), || yard.lock("in").unwrap());
    let told: Vec<_> = reports.taken().iter().map(|it| yard.told(&it.to_string())).collect();
    let warning = "WARN: `@/in/twinplug.lock` is writable by its group, who decide what \
                   `@/in/twinplug.lock` pins: `chmod g-w` it, unless all of them may";
    assert_eq!(told, [warning]);
}

/// A lock file that is part of the program has no owner and no mode.
#[test]
fn one_that_the_program_has_is_parsed() {
    let yard = Yard::new();
    let path = yard.write("in/a.lua", "");
    let lock = |line: &str| {
        let text = format!("# twinplug.lock, version 1\n{line}\n");
        Lockfile::parse(yard.path("in"), &text)
    };
    host(lock(&format!("{EMPTY}  a.lua")).unwrap()).load(&path).unwrap();
    let unlisted = "cannot load `@/in/a.lua`: it is not pinned by `@/in/twinplug.lock`: if you trust \
                    it, pin what is there by `twinplug lock @/in`";
    assert_eq!(yard.distrusted(host(lock("").unwrap()).load(&path)), unlisted);
    assert_eq!(
        yard.distrusted(lock("mine")),
        "cannot read the lock file `@/in/twinplug.lock`: line \
        2: expected a SHA-256, two spaces and a path, got \"mine\": `twinplug lock @/in` writes it anew"
    );
    let nowhere = Lockfile::parse(yard.path("nowhere"), "# twinplug.lock, version 1");
    let missing = "cannot read `@/nowhere`: No such file or directory (os error 2)";
    assert_eq!(yard.told(&message(nowhere)), missing);
}
