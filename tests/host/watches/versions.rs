//! Versions that appear in a folder that is watched.

use std::fs;

use twinplug::{EventKind, HostBuilder};

use super::Watched;

/// A version of `p` whose function gives it, and that counts its calls.
fn version(version: &str) -> String {
    format!(
        "---@plugin p {version}\nCount = 0\nfunction Which() Count = Count + 1 return '{version}' end"
    )
}

impl Watched {
    /// What serves, how often it was called, and how many versions are loaded.
    fn served(&self) -> (String, i64, usize) {
        let plugin = self.plugin("p");
        let which = plugin.func::<(), String>("Which").unwrap().call(()).unwrap();
        let count = plugin.var::<i64>("Count").unwrap().get().unwrap();
        (which, count, self.host.versions("p").len())
    }

    fn loaded(&self) -> Vec<String> {
        self.host.versions("p").iter().map(|plugin| plugin.version().to_string()).collect()
    }
}

fn served(which: &str, count: i64, versions: usize) -> (String, i64, usize) {
    (which.to_owned(), count, versions)
}

#[test]
fn a_newer_one_takes_over_and_an_older_one_does_not() {
    let watched = Watched::new(&[("one.lua", &version("1.0.0"))]);
    assert_eq!(watched.served(), served("1.0.0", 1, 1));
    watched.write("two.lua", &version("2.0.0"));
    let event = watched.expect(EventKind::Reloaded, "p", 2);
    assert_eq!(event.version.to_string(), "2.0.0");
    assert_eq!(watched.served(), served("2.0.0", 2, 1));
    // It is followed from here on.
    watched.write("two.lua", &version("2.0.0").replace("+ 1", "+ 10"));
    watched.expect(EventKind::Reloaded, "p", 3);
    assert_eq!(watched.served(), served("2.0.0", 12, 1));
    // The file of the older one is nobody's, unless it is newer than what serves.
    watched.write("one.lua", &version("1.1.0"));
    watched.write("old.lua", &version("1.5.0"));
    watched.expect(EventKind::Loaded, "p", 1);
    assert_eq!(watched.served(), served("2.0.0", 22, 2));
    watched.write("one.lua", &version("3.0.0"));
    watched.expect(EventKind::Reloaded, "p", 4);
    assert_eq!(watched.served(), served("3.0.0", 23, 2));
    assert_eq!(watched.loaded(), ["3.0.0", "1.5.0"]);
    // What its file says is a version of itself.
    watched.write("one.lua", &version("1.0.0"));
    watched.expect(EventKind::Reloaded, "p", 5);
    assert_eq!(watched.loaded(), ["1.5.0", "1.0.0"]);
}

#[test]
fn side_by_side_each_has_its_own_state() {
    let watched = Watched::with(&[("one.lua", &version("1.0.0"))], HostBuilder::side_by_side);
    assert_eq!(watched.served(), served("1.0.0", 1, 1));
    watched.write("two.lua", &version("2.0.0"));
    watched.expect(EventKind::Loaded, "p", 1);
    assert_eq!(watched.served(), served("2.0.0", 1, 2));
}

#[test]
fn a_newer_one_that_fails_changes_nothing_until_it_is_mended() {
    let watched = Watched::new(&[("one.lua", &version("1.0.0"))]);
    let which = watched.plugin("p").func::<(), String>("Which").unwrap();
    assert_eq!(which.call(()).unwrap(), "1.0.0");
    watched.write("two.lua", "---@plugin p 2.0.0\nfunction Which() return 'x' end error('no')");
    let event = watched.expect(EventKind::Rejected, "p", 1);
    assert!(event.error.unwrap().to_string().contains("two.lua:2: no"));
    // What is in use, and would end, is a failure as well.
    watched.write("two.lua", "---@plugin p 2.0.0\nCount = 0");
    let event = watched.expect(EventKind::Rejected, "p", 1);
    let error = event.error.unwrap().to_string();
    assert!(
        error.ends_with(
            "`Which` is gone, and a handle on it is held: keep it as it was, or drop the handle"
        ),
        "{error}"
    );
    assert_eq!(which.call(()).unwrap(), "1.0.0");
    watched.write("two.lua", &version("2.0.0"));
    watched.expect(EventKind::Reloaded, "p", 2);
    assert_eq!(
        (which.call(()).unwrap().as_str(), watched.served()),
        ("2.0.0", served("2.0.0", 4, 1))
    );
}

#[test]
fn a_pin_holds_a_newer_one_up() {
    let watched = Watched::new(&[("one.lua", &version("1.0.0"))]);
    watched.host.pin("p", "^1").unwrap();
    watched.write("two.lua", &version("2.0.0"));
    watched.write("new.lua", &version("1.1.0"));
    // That one fits.
    watched.expect(EventKind::Reloaded, "p", 2);
    assert_eq!(watched.served(), served("1.1.0", 1, 1));
    assert!(watched.host.unpin("p"));
    watched.expect(EventKind::Reloaded, "p", 3);
    assert_eq!(watched.served(), served("2.0.0", 2, 1));
    // Back, and it stays there until that is taken back.
    watched.host.rollback("p").unwrap();
    watched.expect(EventKind::Reloaded, "p", 4);
    watched.write("three.lua", &version("3.0.0"));
    watched.write("q.lua", "");
    watched.expect(EventKind::Loaded, "q", 1);
    assert_eq!(watched.served(), served("1.1.0", 3, 1));
    watched.host.unpin("p");
    // Of those that wait the first to be looked at may not be the newest.
    while watched.plugin("p").version().major < 3 {
        assert_eq!(watched.event().kind, EventKind::Reloaded);
    }
    assert_eq!(watched.served(), served("3.0.0", 4, 1));
}

#[test]
fn who_needs_the_older_one_keeps_it() {
    let needs = "---@requires p ^1\nfunction Which() return (host.plugin('p').Which()) end";
    let watched = Watched::new(&[("one.lua", &version("1.0.0")), ("needs.lua", needs)]);
    watched.write("two.lua", &version("2.0.0"));
    watched.expect(EventKind::Loaded, "p", 1);
    assert_eq!(watched.loaded(), ["2.0.0", "1.0.0"]);
    let which = watched.plugin("needs").call("Which", ()).unwrap();
    assert_eq!((which, watched.served()), ("1.0.0".into(), served("2.0.0", 1, 2)));
}

#[test]
fn a_file_that_gets_another_name_goes_on_there() {
    let watched = Watched::new(&[("p_v1.lua", "Count = 0")]);
    watched.plugin("p").var::<i64>("Count").unwrap().set(7).unwrap();
    fs::rename(watched.path("p_v1.lua"), watched.path("p_v2.lua")).unwrap();
    // It may be told as gone before.
    while watched.event().kind != EventKind::Reloaded {}
    let plugin = watched.plugin("p");
    assert_eq!((plugin.path(), plugin.version().major), (watched.path("p_v2.lua"), 2));
    assert_eq!(plugin.var::<i64>("Count").unwrap().get().unwrap(), 7);
    assert!(!plugin.status().is_source_gone);
}

/// One of the other kind, by its name in the folder alone.
#[cfg(feature = "native")]
#[test]
fn a_library_takes_over_from_a_script() {
    let watched =
        Watched::new(&[("p_v1.lua", "Count = 0\n---@return string\nfunction Which() end")]);
    let plugin = watched.plugin("p");
    let which = plugin.func::<(), String>("Which").unwrap();
    plugin.var::<i64>("Count").unwrap().set(7).unwrap();
    let shop = crate::shop::Shop::new();
    let text = r#"
        #include "twinplug.h"
        static int64_t count = 0;
        static tp_status which(tp_call *call) { *call->result = tp_str("native"); return TP_OK; }
        static tp_status get(tp_call *call) { *call->result = tp_int(count); return TP_OK; }
        static tp_status set(tp_call *call) { count = tp_to_int(&call->args[0]); return TP_OK; }
        static const tp_export exports[] = {
          TP_EXPORT_FUNC("Which", "() -> string", which),
          TP_EXPORT_VAR("Count", "int", NULL, get, set),
        };
        TP_PLUGIN("p", "2.0.0", exports, NULL);
    "#;
    let library = shop.compile("libp_v2.so", text, &["-shared"]);
    fs::copy(library, watched.path("libp_v2.so")).unwrap();
    watched.expect(EventKind::Reloaded, "p", 2);
    let count = plugin.var::<i64>("Count").unwrap().get().unwrap();
    assert_eq!((which.call(()).unwrap().as_str(), count), ("native", 7));
    // And back.
    watched.host.rollback("p").unwrap();
    assert_eq!(plugin.kind(), twinplug::PluginKind::Lua);
    assert_eq!(plugin.var::<i64>("Count").unwrap().get().unwrap(), 7);
}

#[test]
fn what_is_unloaded_is_not_brought_back_by_taking_a_pin_out() {
    let watched = Watched::new(&[("one.lua", &version("1.0.0"))]);
    watched.write("two.lua", &version("2.0.0"));
    watched.expect(EventKind::Reloaded, "p", 2);
    watched.host.rollback("p").unwrap();
    watched.expect(EventKind::Reloaded, "p", 3);
    watched.host.unload(watched.plugin("p")).unwrap();
    watched.expect(EventKind::Unloaded, "p", 3);
    assert!(watched.host.unpin("p"));
    watched.write("q.lua", "");
    watched.expect(EventKind::Loaded, "q", 1);
    assert!(watched.host.versions("p").is_empty());
}

/// On demand it comes when the program says so, and from inside of a plugin nothing is lost.
#[test]
fn a_pin_is_taken_out_on_demand_and_inside() {
    use crate::offers::{of, reaching};

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let text = "---@plugin p 1.0.0\nfunction Out() return (host.out()) end";
    write("one.lua", text);
    for mode in [twinplug::Reload::Background, twinplug::Reload::OnApply] {
        write("two.lua", "---@plugin q 1.0.0");
        let host = reaching(|builder, cell| {
            builder.reload(mode).function("out", move || of(&cell).unpin("p"))
        });
        host.load_dir(folder.path()).unwrap().all().unwrap();
        host.watch(folder.path()).unwrap();
        let plugin = host.plugin("p").unwrap();
        host.pin("p", "^1").unwrap();
        write("three.lua", &text.replace("1.0.0", "3.0.0"));
        // It waits; what comes after it has come.
        write("q.lua", "");
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while host.plugin("q").is_err() || host.versions("q").len() < 2 {
            assert!(std::time::Instant::now() < until, "{mode:?} {host:?}");
            host.apply_changes();
            std::thread::yield_now();
        }
        assert_eq!(plugin.version().major, 1);
        assert_eq!(plugin.call("Out", ()).unwrap(), true.into());
        while plugin.version().major == 1 {
            assert!(std::time::Instant::now() < until);
            host.apply_changes();
            std::thread::yield_now();
        }
        drop((plugin, host));
        fs::remove_file(folder.path().join("three.lua")).unwrap();
        fs::remove_file(folder.path().join("q.lua")).unwrap();
    }
}

/// The last bytes are served, whenever the next save comes.
#[test]
fn a_newcomer_that_is_saved_again_and_again_ends_as_it_was_saved_last() {
    for round in 0..10 {
        let watched = Watched::new(&[("one.lua", &version("1.0.0"))]);
        for number in 0..=round {
            watched.write("two.lua", &version("2.0.0").replace("+ 1", &format!("+ {number}")));
        }
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let by = || {
            let plugin = watched.plugin("p");
            let count = plugin.var::<i64>("Count").unwrap();
            count.set(0).unwrap();
            plugin.call("Which", ()).unwrap();
            (plugin.version().major, count.get().unwrap())
        };
        while by() != (2, round) {
            assert!(std::time::Instant::now() < until, "{:?}", by());
        }
    }
}

#[test]
fn a_file_that_gets_its_name_back_goes_on_there() {
    let watched = Watched::new(&[("p_v1.lua", "Count = 7")]);
    let rename = |from: &str, to: &str| fs::rename(watched.path(from), watched.path(to)).unwrap();
    rename("p_v1.lua", "p_v2.lua");
    while watched.event().kind != EventKind::Reloaded {}
    rename("p_v2.lua", "p_v1.lua");
    while watched.event().kind != EventKind::Reloaded {}
    let plugin = watched.plugin("p");
    assert_eq!((plugin.path(), plugin.version().major), (watched.path("p_v1.lua"), 1));
}
