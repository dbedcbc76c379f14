//! `Trust::Pinned`: what is not what was pinned is not loaded, of either kind.

use std::fs;
use std::path::PathBuf;

use twinplug::{EventKind, Host, Lockfile, PluginRef, Trust};

use super::{Yard, host};
use crate::twins::{Twin, on_every_twin};

on_every_twin! {
    what_is_pinned_is_loaded_and_nothing_else
    an_edit_is_rejected_and_what_was_pinned_serves_on
    a_manifest_is_pinned_as_well
}

/// A twin's plugin in the folder `in`, which is pinned as it is.
struct Pinned {
    yard: Yard,
    file: String,
    host: Host,
}

impl Pinned {
    fn new(twin: &Twin, manifest: Option<&str>) -> Pinned {
        let yard = Yard::new();
        let file = twin.testplugin.file_name().unwrap().to_string_lossy().into_owned();
        yard.copy(&twin.testplugin, &format!("in/{file}"));
        if let Some(text) = manifest {
            yard.write(&Pinned::manifest(&file), text);
        }
        let host = yard.pinned("in");
        let host = Pinned { yard, file, host };
        host.with_output()
    }

    /// As every twin needs it.
    fn with_output(self) -> Pinned {
        let trust = Trust::Pinned(self.yard.lock("in").unwrap());
        let builder = Host::builder().trust(trust).output(|_, _| {});
        #[cfg(feature = "native")]
        let builder = crate::languages::allow(builder);
        Pinned { host: builder.build().unwrap(), ..self }
    }

    fn manifest(file: &str) -> String {
        let stem = file.split('.').next().unwrap();
        format!("in/{}.toml", stem.strip_prefix("lib").unwrap_or(stem))
    }

    fn path(&self) -> PathBuf {
        self.yard.path(&format!("in/{}", self.file))
    }

    fn load(&self) -> twinplug::Result<PluginRef> {
        self.host.load(self.path())
    }

    /// What is in the file, and one more byte behind that: neither kind minds.
    fn edited(&self) -> Vec<u8> {
        [&*fs::read(self.path()).unwrap(), b"\n"].concat()
    }

    /// The SHA-256 of a file, as the system's own tool says it.
    fn hash(path: &PathBuf) -> String {
        let output = std::process::Command::new("sha256sum").arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
    }
}

fn what_is_pinned_is_loaded_and_nothing_else(twin: &Twin) {
    let pinned = Pinned::new(twin, None);
    let Pinned { yard, file, host } = &pinned;
    let plugin = pinned.load().unwrap();
    assert_eq!(plugin.call("Hello", ()).unwrap(), "Hello, number 0".into());
    host.unload(plugin).unwrap();

    let (before, edited) = (Pinned::hash(&pinned.path()), pinned.edited());
    fs::write(pinned.path(), edited).unwrap();
    let after = Pinned::hash(&pinned.path());
    let changed = format!(
        "cannot load `@/in/{file}`: it is not what was pinned: `@/in/twinplug.lock` has the SHA-256 \
         {before}, and the file has {after}: put it back; or if you trust what is there now, pin \
         what is there by `twinplug lock @/in`"
    );
    assert_eq!(yard.distrusted(pinned.load()), changed);
    let builder = Host::builder().trust(Trust::Pinned(yard.lock("in").unwrap()));
    assert_eq!(yard.distrusted(builder.inspect(pinned.path())), changed);
    // Others may: they do not ask for pins.
    Host::inspect(pinned.path()).unwrap();

    for other in ["in/other", "elsewhere/"] {
        let other = format!("{other}{file}");
        let path = yard.copy(&twin.testplugin, &other);
        let unlisted = format!(
            "cannot load `@/{other}`: it is not pinned by `@/in/twinplug.lock`: if you trust it, pin \
             what is there by `twinplug lock @/in`"
        );
        assert_eq!(yard.distrusted(host.load(&path)), unlisted);
        assert_eq!(yard.distrusted(builder.inspect(path)), unlisted);
    }
    assert!(host.plugins().is_empty());
    let failures = host.load_dir(yard.path("in")).unwrap().failures;
    assert!(failures.iter().any(|failure| yard.told(&failure.to_string()) == changed));
}

fn an_edit_is_rejected_and_what_was_pinned_serves_on(twin: &Twin) {
    let pinned = Pinned::new(twin, None);
    let events = pinned.host.events();
    let plugin = pinned.load().unwrap();
    assert_eq!(events.try_recv().unwrap().kind, EventKind::Loaded);
    let edited = pinned.edited();
    fs::write(pinned.path(), edited).unwrap();
    let error = pinned.host.reload(&plugin).unwrap_err();
    let message = pinned.yard.told(&error.to_string());
    let start = format!(
        "plugin `testplugin`: not reloaded, load 1 serves on: cannot load `@/in/{}`: it is not what \
         was pinned: ",
        pinned.file
    );
    assert!(message.starts_with(&start), "{message}");
    let event = events.try_recv().unwrap();
    assert_eq!((event.kind, event.generation), (EventKind::Rejected, 1));
    assert_eq!(event.error.unwrap().to_string(), error.to_string());
    assert_eq!(plugin.call("Hello", ()).unwrap(), "Hello, number 0".into());
}

fn a_manifest_is_pinned_as_well(twin: &Twin) {
    let pinned = Pinned::new(twin, Some("name = 'testplugin'"));
    let Pinned { yard, file, host } = &pinned;
    let manifest = Pinned::manifest(file);
    let unload = |plugin| host.unload(plugin).unwrap();
    unload(pinned.load().unwrap());
    let head = format!("cannot load `@/in/{file}`: its manifest `@/{manifest}` ");
    yard.write(&manifest, "name = 'testplugin'\n[limits]");
    let changed = yard.distrusted(pinned.load());
    let start = format!("{head}is not what was pinned: `@/in/twinplug.lock` has the SHA-256 ");
    assert!(changed.starts_with(&start), "{changed}");
    // Its limits would be gone with it.
    fs::remove_file(yard.path(&manifest)).unwrap();
    let missing = format!(
        "{head}is pinned by `@/in/twinplug.lock`, and not there: put it back; or if it may go, pin \
         what is there by `twinplug lock @/in`"
    );
    assert_eq!(yard.distrusted(pinned.load()), missing);
    yard.write(&manifest, "name = 'testplugin'");
    unload(pinned.load().unwrap());

    let pinned = Pinned::new(twin, None);
    pinned.yard.write(&manifest, "");
    let added = format!(
        "{head}is not pinned by `@/in/twinplug.lock`: if you trust it, pin what is there by \
         `twinplug lock @/in`"
    );
    assert_eq!(pinned.yard.distrusted(pinned.load()), added);
}

#[cfg(feature = "_lua")]
const HEAD: &str = "cannot load `@/in/game/init.lua`: init.lua:1: ";

/// A plugin in a folder, which requires `part` at once and `late` in a call.
#[cfg(feature = "_lua")]
fn in_parts() -> Yard {
    let yard = Yard::new();
    let text = "local part = require 'part' function F() return part .. require 'lib.late' end";
    yard.write("in/game/init.lua", text);
    yard.write("in/game/part.lua", "return 'a'");
    yard.write("in/game/lib/late.lua", "return 'b'");
    yard
}

#[cfg(feature = "_lua")]
#[test]
fn what_a_script_requires_is_pinned_as_well() {
    let yard = in_parts();
    let host = yard.pinned("in");
    let path = yard.path("in/game");
    let load = || host.load(&path);
    let plugin = load().unwrap();
    let reread = "`@/in/twinplug.lock` has the SHA-256 ";

    // One that is required later is read later.
    yard.write("in/game/lib/late.lua", "return 'c'");
    let message = yard.distrusted(plugin.call("F", ()));
    let start = "plugin `game`: `F`: init.lua:1: cannot load `@/in/game/lib/late.lua`: it is not \
                 what was pinned: ";
    assert!(message.starts_with(&format!("{start}{reread}")), "{message}");
    yard.write("in/game/lib/late.lua", "return 'b'");
    assert_eq!(plugin.call("F", ()).unwrap(), "ab".into());
    host.unload(plugin).unwrap();

    yard.write("in/game/part.lua", "return 'x'");
    let message = yard.distrusted(load());
    let start = format!("{HEAD}cannot load `@/in/game/part.lua`: it is not what was pinned: ");
    assert!(message.starts_with(&format!("{start}{reread}")), "{message}");
    fs::rename(yard.path("in/game/part.lua"), yard.path("away.lua")).unwrap();
    let missing = format!(
        "{HEAD}cannot load `@/in/game/part.lua`: it is pinned by `@/in/twinplug.lock`, and not \
         there: put it back; or if it may go, pin what is there by `twinplug lock @/in`"
    );
    assert_eq!(yard.distrusted(load()), missing);
    // Nor does another one take its place.
    yard.write("in/game/part/init.lua", "return 'x'");
    assert_eq!(yard.distrusted(load()), missing);
    yard.write("in/game/part.lua", "return 'a'");
    assert_eq!(load().unwrap().call("F", ()).unwrap(), "ab".into());
}

#[cfg(feature = "_lua")]
#[test]
fn a_part_that_is_not_pinned_is_not_required() {
    let yard = in_parts();
    fs::remove_file(yard.path("in/game/part.lua")).unwrap();
    let host = yard.pinned("in");
    yard.write("in/game/part.lua", "return 'a'");
    let unlisted = format!(
        "{HEAD}cannot load `@/in/game/part.lua`: it is not pinned by `@/in/twinplug.lock`: if you \
         trust it, pin what is there by `twinplug lock @/in`"
    );
    assert_eq!(yard.distrusted(host.load(yard.path("in/game"))), unlisted);
}

/// Inspecting compares all that a script could require, as no code says what it does.
#[cfg(feature = "_lua")]
#[test]
fn inspecting_compares_the_parts_too() {
    let yard = in_parts();
    drop(yard.pinned("in"));
    let builder = Host::builder().trust(Trust::Pinned(yard.lock("in").unwrap()));
    let inspect = || builder.inspect(yard.path("in/game"));
    assert_eq!(inspect().unwrap().name, "game");
    // One that was not there before is seen once it is required.
    yard.write("in/game/more.lua", "");
    inspect().unwrap();
    yard.write("in/game/lib/late.lua", "return 'x'");
    let message = yard.distrusted(inspect());
    let start = "cannot load `@/in/game/init.lua`: its part `@/in/game/lib/late.lua` is not what \
                 was pinned: ";
    assert!(message.starts_with(start), "{message}");
    fs::remove_dir_all(yard.path("in/game/lib")).unwrap();
    let missing = "cannot load `@/in/game/init.lua`: its part `@/in/game/lib/late.lua` is pinned by \
                   `@/in/twinplug.lock`, and not there: put it back; or if it may go, pin what is \
                   there by `twinplug lock @/in`";
    assert_eq!(yard.distrusted(inspect()), missing);
}

/// A folder that the host names is one of several, each with its lock file.
#[cfg(feature = "_lua")]
#[test]
fn several_lock_files_count_together() {
    let yard = Yard::new();
    let a = yard.write("in/a.lua", "function F() return require 'shared' end");
    yard.write("shelf/shared.lua", "return 7");
    drop((yard.pinned("in"), yard.pinned("shelf")));
    let host = |lock| {
        let builder = Host::builder().trust(Trust::Pinned(lock)).lua_path(yard.path("shelf"));
        builder.build().unwrap()
    };
    let one = host(yard.lock("in").unwrap());
    let message = yard.distrusted(one.load(&a).unwrap().call("F", ()));
    let unlisted = "plugin `a`: `F`: cannot load `@/shelf/shared.lua`: it is not pinned by \
                    `@/in/twinplug.lock`: if you trust it, pin what is there by `twinplug lock @/in`";
    assert_eq!(message.replace("a.lua:1: ", ""), unlisted);
    let both = host(yard.lock("in").unwrap().and(yard.lock("shelf").unwrap()));
    assert_eq!(both.load(&a).unwrap().call("F", ()).unwrap(), 7.into());
    let other = yard.write("other.lua", "");
    let unlisted = "cannot load `@/other.lua`: it is not pinned by `@/in/twinplug.lock`, nor by \
                    `@/shelf/twinplug.lock`: if you trust it, pin what is there by `twinplug lock \
                    @/in`";
    assert_eq!(yard.distrusted(both.load(other)), unlisted);
}

#[cfg(feature = "_lua")]
#[test]
fn what_is_from_memory_is_the_hosts_own() {
    let yard = Yard::new();
    yard.write("shelf/shared.lua", "return 7");
    let trust = Trust::Pinned(Lockfile::default());
    let host = Host::builder().trust(trust).lua_path(yard.path("shelf")).build().unwrap();
    let plugin = host.load_source("a", "function F() return 7 end").unwrap();
    assert_eq!(plugin.call("F", ()).unwrap(), 7.into());
    let files = [("init.lua", "function F() return require 'part' end"), ("part.lua", "return 8")];
    let plugin = host.load_files("b", files).unwrap();
    assert_eq!(plugin.call("F", ()).unwrap(), 8.into());
    // What they require from files is not.
    let message = yard.distrusted(host.load_source("c", "local s = require 'shared'"));
    let unlisted = "cannot load `c`: c:1: cannot load `@/shelf/shared.lua`: it is not pinned: there \
                    is no lock file: `twinplug lock DIR` makes one";
    assert_eq!(message, unlisted);
}

/// A link is a name of its own: that another pinned file is there by now is a change.
#[cfg(all(unix, feature = "_lua"))]
#[test]
fn a_link_that_leads_elsewhere_by_now_is_refused() {
    use std::os::unix::fs::symlink;
    let yard = Yard::new();
    yard.write("in/v1.lua", "Version = 1");
    yard.write("in/v2.lua", "Version = 2");
    let link = yard.path("in/now.lua");
    symlink("v2.lua", &link).unwrap();
    symlink("in", yard.path("also")).unwrap();
    let host = yard.pinned("in");
    assert_eq!(host.load(&link).unwrap().var::<i64>("Version").unwrap().get().unwrap(), 2);
    // The folder's own name does not matter.
    for way in ["also/v1.lua", "in/../also/./v1.lua"] {
        let plugin = host.load(yard.path(way)).unwrap();
        assert_eq!(plugin.var::<i64>("Version").unwrap().get().unwrap(), 1);
    }
    let host = super::host(yard.lock("in").unwrap());
    fs::remove_file(&link).unwrap();
    symlink("v1.lua", &link).unwrap();
    let message = yard.distrusted(host.load(&link));
    assert!(message.starts_with("cannot load `@/in/now.lua`: it is not what was pinned: "));
    // Nor does a link vouch for what is outside.
    yard.write("evil.lua", "Version = 3");
    fs::remove_file(&link).unwrap();
    symlink("../evil.lua", &link).unwrap();
    let message = yard.distrusted(host.load(&link));
    assert!(message.starts_with("cannot load `@/in/now.lua`: it is not what was pinned: "));
}

/// What is edited through a hard link is not what was pinned.
#[cfg(feature = "_lua")]
#[test]
fn a_hard_link_hides_no_edit() {
    let yard = Yard::new();
    let path = yard.write("in/a.lua", "Version = 1");
    let host = yard.pinned("in");
    fs::hard_link(&path, yard.path("outside.lua")).unwrap();
    let unlisted = "cannot load `@/outside.lua`: it is not pinned by `@/in/twinplug.lock`: if you \
                    trust it, pin what is there by `twinplug lock @/in`";
    assert_eq!(yard.distrusted(host.load(yard.path("outside.lua"))), unlisted);
    host.unload(host.load(&path).unwrap()).unwrap();
    yard.write("outside.lua", "Version = 2");
    let message = yard.distrusted(host.load(&path));
    assert!(message.starts_with("cannot load `@/in/a.lua`: it is not what was pinned: "));
}

#[cfg(feature = "_lua")]
#[test]
fn a_lock_file_is_read_once() {
    let yard = Yard::new();
    let path = yard.write("in/a.lua", "Version = 1");
    let host = yard.pinned("in");
    yard.write("in/a.lua", "Version = 2");
    Lockfile::of_dir(yard.path("in")).unwrap().write().unwrap();
    assert!(yard.distrusted(host.load(&path)).starts_with("cannot load `@/in/a.lua`: it is not "));
    super::host(yard.lock("in").unwrap()).load(&path).unwrap();
    fs::remove_file(yard.path("in/twinplug.lock")).unwrap();
    yard.write("in/a.lua", "Version = 1");
    host.load(&path).unwrap();
}

/// Whose a pinned file is does not matter, and its private copy is nobody else's: it lies where
/// others cannot write.
#[cfg(all(unix, feature = "native"))]
#[test]
fn a_pinned_library_may_lie_where_others_can_write() {
    use std::os::unix::fs::PermissionsExt;
    let yard = Yard::new();
    let path = yard.copy(&crate::twins::C.testplugin, "in/public/liba.so");
    let text = "entry = 'liba.so'";
    yard.write("in/public/plugin.toml", text);
    drop(yard.pinned("in"));
    for name in ["in/public/liba.so", "in/public/plugin.toml", "in/public"] {
        fs::set_permissions(yard.path(name), PermissionsExt::from_mode(0o777)).unwrap();
    }
    let host = host(yard.lock("in").unwrap());
    let plugin = host.load(yard.path("in/public")).unwrap();
    assert_eq!(plugin.call("Hello", ()).unwrap(), "Hello, number 0".into());
    #[cfg(target_os = "linux")]
    {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let beside = yard.path("in/public").display().to_string();
        assert!(!maps.lines().any(|line| line.contains(&beside)), "the copy lay beside it");
    }
    Host::inspect(&path).unwrap_err();
}

#[cfg(all(feature = "_lua", feature = "watch"))]
#[test]
fn what_is_edited_or_appears_where_is_watched_is_rejected() {
    let yard = Yard::new();
    yard.write("in/a.lua", "---@plugin a 1.0.0\nfunction F() return 1 end");
    let host = yard.pinned("in");
    let a = host.load(yard.path("in/a.lua")).unwrap();
    host.watch(yard.path("in")).unwrap();
    let events = host.events();
    let rejected = || {
        let event = events.recv_timeout(std::time::Duration::from_secs(20)).expect("an event");
        assert_eq!(event.kind, EventKind::Rejected, "{event:?}");
        yard.told(&event.error.unwrap().to_string())
    };
    yard.write("in/a.lua", "---@plugin a 1.0.0\nfunction F() return 2 end");
    let start = "plugin `a`: not reloaded, load 1 serves on: cannot load `@/in/a.lua`: it is not ";
    let message = rejected();
    assert!(message.starts_with(start), "{message}");
    // A newer version of it, too.
    yard.write("in/a_2.lua", "---@plugin a 2.0.0\nfunction F() return 2 end");
    let message = rejected();
    let unlisted = "cannot load `@/in/a_2.lua`: it is not pinned by `@/in/twinplug.lock`: if you \
                    trust it, pin what is there by `twinplug lock @/in`";
    assert_eq!(message, unlisted);
    assert_eq!(a.call("F", ()).unwrap(), 1.into());
}
