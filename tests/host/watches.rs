//! `Host::watch`: what becomes of plugins as their files change. How editors save is tried with
//! the watcher itself.

mod layers;
mod versions;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use twinplug::{Event, EventKind, Events, Host, HostBuilder, PluginRef, Reload, Value};

/// A folder that a host watches.
struct Watched {
    host: Host,
    events: Events,
    folder: TempDir,
}

impl Watched {
    /// Of a folder with these files, which are loaded first.
    fn new(files: &[(&str, &str)]) -> Watched {
        Watched::with(files, |builder| builder)
    }

    fn with(files: &[(&str, &str)], offer: impl FnOnce(HostBuilder) -> HostBuilder) -> Watched {
        let watched = Watched::not_yet(offer(Host::builder()));
        files.iter().for_each(|(name, text)| watched.write(name, text));
        let loaded = watched.host.load_dir(watched.folder.path()).unwrap();
        loaded.all().unwrap();
        while watched.events.try_recv().is_some() {}
        watched.host.watch(watched.folder.path()).unwrap();
        watched
    }

    /// Of an empty folder that nobody has looked at.
    fn not_yet(builder: HostBuilder) -> Watched {
        let host = builder.build().unwrap();
        Watched { events: host.events(), host, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn plugin(&self, name: &str) -> PluginRef {
        self.host.plugin(name).unwrap()
    }

    /// The next event, but for those that only follow.
    fn event(&self) -> Event {
        loop {
            let event = self.events.recv_timeout(Duration::from_secs(20)).expect("an event");
            if event.kind != EventKind::Retired {
                return event;
            }
        }
    }

    #[track_caller]
    fn expect(&self, kind: EventKind, plugin: &str, generation: u64) -> Event {
        let event = self.event();
        assert_eq!(
            (event.kind, &*event.plugin, event.generation),
            (kind, plugin, generation),
            "{event:?}"
        );
        event
    }
}

const NAME: &str = "function Name() return 'old' end";

fn named(name: &str) -> String {
    NAME.replace("old", name)
}

#[test]
fn an_edit_is_live_and_a_broken_one_changes_nothing() {
    let watched = Watched::new(&[("p.lua", NAME)]);
    let plugin = watched.plugin("p");
    let name = plugin.func::<(), String>("Name").unwrap();
    watched.write("p.lua", &named("new"));
    watched.expect(EventKind::Reloaded, "p", 2);
    assert_eq!(name.call(()).unwrap(), "new");
    watched.write("p.lua", "function Name( return 'broken' end");
    let event = watched.expect(EventKind::Rejected, "p", 2);
    assert!(event.error.unwrap().to_string().contains("p.lua:1: "));
    assert!(plugin.status().rejected.is_some());
    assert_eq!(name.call(()).unwrap(), "new");
    // One that is only touched, and saved as it was, is none.
    watched.write("p.lua", "function Name( return 'broken' end");
    watched.write("p.lua", &named("mended"));
    watched.expect(EventKind::Reloaded, "p", 3);
    assert_eq!(name.call(()).unwrap(), "mended");
    assert!(plugin.status().rejected.is_none());
}

#[test]
fn parts_and_manifests_are_watched() {
    let watched = Watched::new(&[
        (
            "p/init.lua",
            "local part = require 'part' function Name() return part.name .. (host.config.sign or '') end",
        ),
        ("p/part.lua", "return { name = 'part' }"),
        ("q.lua", NAME),
    ]);
    let name = watched.plugin("p").func::<(), String>("Name").unwrap();
    watched.write("p/part.lua", "return { name = 'edited' }");
    watched.expect(EventKind::Reloaded, "p", 2);
    assert_eq!(name.call(()).unwrap(), "edited");
    watched.write("p/plugin.toml", "[config]\nsign = '!'");
    watched.expect(EventKind::Reloaded, "p", 3);
    assert_eq!(name.call(()).unwrap(), "edited!");
    watched.write("p/plugin.toml", "nme = 'p'");
    let error = watched.expect(EventKind::Rejected, "p", 3).error.unwrap().to_string();
    assert!(error.contains("`nme`"), "{error}");
    fs::remove_file(watched.path("p/plugin.toml")).unwrap();
    // Nobody asks for it any more.
    watched.write("p/other.lua", "return {");
    watched
        .write("p/init.lua", "local other = require 'other' function Name() return other.name end");
    let error = watched.expect(EventKind::Rejected, "p", 3).error.unwrap();
    assert_eq!(error.location().unwrap().0.file_name().unwrap(), "other.lua");
    assert_eq!(name.call(()).unwrap(), "edited!");
    // Whoever mends it edits that part.
    watched.write("p/other.lua", "return { name = 'other' }");
    watched.expect(EventKind::Reloaded, "p", 4);
    assert_eq!(name.call(()).unwrap(), "other");
    watched.write("q.lua", &named("q"));
    watched.expect(EventKind::Reloaded, "q", 2);
}

#[test]
fn a_file_that_is_gone_serves_on_and_comes_back() {
    let watched = Watched::new(&[("p.lua", NAME)]);
    let plugin = watched.plugin("p");
    fs::remove_file(watched.path("p.lua")).unwrap();
    watched.expect(EventKind::Gone, "p", 1);
    assert!(plugin.status().is_source_gone);
    assert_eq!(plugin.call("Name", ()).unwrap(), Value::from("old"));
    watched.write("p.lua", &named("back"));
    watched.expect(EventKind::Back, "p", 1);
    watched.expect(EventKind::Reloaded, "p", 2);
    assert!(!plugin.status().is_source_gone);
    assert_eq!(plugin.call("Name", ()).unwrap(), Value::from("back"));
}

/// With all of its parts, which are what they were.
#[test]
fn a_folder_that_is_put_back_is_loaded_once() {
    let watched = Watched::new(&[
        ("p/init.lua", "local part = require 'part' function Name() return part.name end"),
        ("p/part.lua", "return { name = 'part' }"),
        ("p/plugin.toml", "version = '1.0.0'"),
        ("q.lua", NAME),
    ]);
    let (folder, away) = (watched.path("p"), tempfile::tempdir().unwrap());
    for generation in 1..4 {
        fs::rename(&folder, away.path().join("p")).unwrap();
        watched.expect(EventKind::Gone, "p", generation);
        fs::rename(away.path().join("p"), &folder).unwrap();
        watched.expect(EventKind::Back, "p", generation);
        watched.expect(EventKind::Reloaded, "p", generation + 1);
        // Whatever else of it was seen has been told by the time that this is.
        watched.write("q.lua", &named(&generation.to_string()));
        watched.expect(EventKind::Reloaded, "q", generation + 1);
    }
}

#[test]
fn what_appears_is_loaded_once_it_can_be() {
    let watched = Watched::new(&[("p.lua", NAME)]);
    watched.write("_part.lua", "return {}");
    watched.write("notes.txt", "nothing");
    watched.write("q.lua", "function Name( end");
    let event = watched.expect(EventKind::Rejected, "q", 0);
    assert!(event.error.unwrap().to_string().contains("q.lua:1: "));
    watched.write("q.lua", &named("q"));
    watched.expect(EventKind::Loaded, "q", 1);
    watched.write("q.lua", &named("q2"));
    watched.expect(EventKind::Reloaded, "q", 2);
    watched.write("r/init.lua", &named("r"));
    watched.expect(EventKind::Loaded, "r", 1);
    watched.write("r/init.lua", &named("r2"));
    watched.expect(EventKind::Reloaded, "r", 2);
}

#[test]
fn what_was_edited_before_it_was_watched_is_reloaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.lua");
    fs::write(&path, NAME).unwrap();
    let host = Host::builder().build().unwrap();
    let plugin = host.load(&path).unwrap();
    let events = host.events();
    fs::write(&path, named("edited")).unwrap();
    host.watch(&path).unwrap();
    assert_eq!(events.recv_timeout(Duration::from_secs(20)).unwrap().kind, EventKind::Reloaded);
    assert_eq!(plugin.call("Name", ()).unwrap(), Value::from("edited"));
}

#[test]
fn on_demand_nothing_changes_before() {
    let watched = Watched::with(&[("p.lua", NAME), ("q.lua", NAME)], |builder| {
        builder.reload(Reload::OnApply)
    });
    let name = watched.plugin("p").func::<(), String>("Name").unwrap();
    assert_eq!(watched.host.apply_changes(), 0);
    for edit in ["one", "two", "three"] {
        watched.write("p.lua", &named(edit));
    }
    // It is applied on this thread, and the last bytes hold.
    let mut applied = 0;
    while name.call(()).unwrap() != "three" {
        applied += watched.host.apply_changes();
        std::thread::yield_now();
    }
    assert!((1..=3).contains(&applied), "{applied}");
    assert_eq!(watched.plugin("q").status().generation, 1);
    assert_eq!(watched.plugin("p").status().generation, applied as u64 + 1);
}

#[test]
fn what_is_unloaded_or_watched_no_more_stays_as_it_is() {
    let watched = Watched::new(&[("p.lua", NAME), ("q.lua", NAME), ("r.lua", NAME)]);
    watched.write("s.lua", "function Name( end");
    watched.expect(EventKind::Rejected, "s", 0);
    watched.host.unload(watched.plugin("p")).unwrap();
    watched.expect(EventKind::Unloaded, "p", 1);
    watched.write("q.lua", &named("q"));
    watched.expect(EventKind::Reloaded, "q", 2);
    watched.host.unwatch(watched.folder.path()).unwrap();
    watched.write("r.lua", &named("r"));
    watched.write("s.lua", NAME);
    watched.host.watch(watched.path("q.lua")).unwrap();
    watched.write("q.lua", &named("q2"));
    watched.expect(EventKind::Reloaded, "q", 3);
    assert_eq!(watched.plugin("r").status().generation, 1);
    let error = watched.host.unwatch("nowhere").unwrap_err();
    assert_eq!(error.to_string(), "`nowhere` is not watched");
    let error = watched.host.watch("nowhere").unwrap_err();
    assert!(error.to_string().starts_with("cannot watch `nowhere`: "), "{error}");
}

#[test]
fn what_failed_to_load_is_loaded_once_it_is_mended() {
    let watched = Watched::not_yet(Host::builder());
    watched.write("p.lua", "function Name( end");
    watched.write("q/plugin.toml", "entry = 'main.lua'");
    watched.write("q/main.lua", "require 'part' function Name() return 'q' end");
    watched.write("r/plugin.toml", "nme = 'r'");
    watched.write("r/init.lua", NAME);
    watched.host.watch(watched.folder.path()).unwrap();
    let loaded = watched.host.load_dir(watched.folder.path()).unwrap();
    assert_eq!(loaded.failures.len(), 3);
    ["p", "q", "r"].iter().for_each(|name| drop(watched.expect(EventKind::Rejected, name, 0)));
    watched.write("p.lua", NAME);
    watched.expect(EventKind::Loaded, "p", 1);
    watched.write("q/main.lua", "function Name( end");
    watched.expect(EventKind::Rejected, "q", 0);
    watched.write("q/main.lua", NAME);
    watched.expect(EventKind::Loaded, "q", 1);
    watched.write("q/main.lua", &named("q"));
    watched.expect(EventKind::Reloaded, "q", 2);
    watched.write("r/plugin.toml", "name = 'r'");
    watched.expect(EventKind::Loaded, "r", 1);
    watched.write("r/init.lua", &named("r"));
    watched.expect(EventKind::Reloaded, "r", 2);
    assert!(watched.host.load(watched.path("none.lua")).is_err());
    let is_told = |event: Event| event.kind != EventKind::Retired;
    assert!(!std::iter::from_fn(|| watched.events.try_recv()).any(is_told));
}

/// Its watcher ends with it, in the middle of whatever it does.
#[test]
fn a_host_goes_while_it_reloads() {
    for _ in 0..20 {
        let watched = Watched::new(&[("p.lua", NAME)]);
        watched.write("p.lua", &named("new"));
        drop(watched.host);
        assert!(watched.events.last().is_some_and(|event| event.kind == EventKind::Unloaded));
    }
}
