//! `host.group`: a function of every plugin that has it.

use twinplug::{Error, ErrorKind, Group, PluginRef};

use crate::twins::{Stage, Twin, message, on_every_twin};

on_every_twin! {
    a_group_calls_every_plugin_in_load_order_and_follows
    a_failure_does_not_hold_up_the_others
    what_cannot_be_called_so_is_told
    a_plugin_that_fails_too_often_is_skipped_until_it_is_loaded_again
}

/// The results by the plugins' names.
#[track_caller]
fn check<R: PartialEq + std::fmt::Debug>(
    results: Vec<(PluginRef, twinplug::Result<R>)>,
    expected: &[(&str, R)],
) {
    let results: Vec<_> =
        results.iter().map(|(plugin, result)| (plugin.name(), result.as_ref().unwrap())).collect();
    let expected: Vec<_> = expected.iter().map(|(name, result)| (*name, result)).collect();
    assert_eq!(results, expected);
}

fn failures<R>(results: Vec<(PluginRef, twinplug::Result<R>)>) -> Vec<(String, Option<Error>)> {
    results.into_iter().map(|(plugin, result)| (plugin.name().to_owned(), result.err())).collect()
}

fn names(plugins: &[PluginRef]) -> Vec<&str> {
    plugins.iter().map(PluginRef::name).collect()
}

fn a_group_calls_every_plugin_in_load_order_and_follows(twin: &Twin) {
    let Stage { host, .. } = &Stage::new();
    let add = host.group::<(i64, i64), i64>("Add");
    check(add.call((1, 2)), &[]);
    let b = host.load_as("b", &twin.probe).unwrap();
    host.load_as("a", &twin.probe).unwrap();
    host.load(&twin.testplugin).unwrap();
    let clone = add.clone();
    check(clone.call((1, 2)), &[("b", 3), ("a", 3)]);
    assert_eq!(names(&add.plugins()), ["b", "a"]);
    host.unload(b).unwrap();
    check(add.call((2, 2)), &[("a", 4)]);
    host.load_as("b", &twin.probe).unwrap();
    check(add.call((2, 3)), &[("a", 5), ("b", 5)]);
    assert_eq!(format!("{add:?}"), format!("{clone:?}"));
    // A group of another host has other plugins.
    check(Stage::new().host.group::<(i64, i64), i64>("Add").call((1, 2)), &[]);
    host.plugins().into_iter().for_each(|plugin| host.unload(plugin).unwrap());
    check(add.call((2, 3)), &[]);
}

fn a_failure_does_not_hold_up_the_others(twin: &Twin) {
    let Stage { host, .. } = &Stage::new();
    for name in ["a", "b"] {
        host.load_as(name, &twin.probe).unwrap();
    }
    let fail = host.group::<(), ()>("Fail");
    for _ in 0..3 {
        let failed = failures(fail.call(()));
        for (result, name) in failed.iter().zip(["a", "b"]) {
            let error = result.1.as_ref().unwrap();
            let text = error.to_string();
            assert!(text.starts_with(&format!("plugin `{name}`: `Fail`: ")), "{text}");
            assert!(text.ends_with("the door is closed"), "{text}");
            assert_eq!((result.0.as_str(), error.kind()), (name, ErrorKind::Call));
        }
        assert_eq!(failed.len(), 2);
    }
    assert_eq!(fail.skipped().len(), 0);
}

fn what_cannot_be_called_so_is_told(twin: &Twin) {
    let Stage { host, .. } = &Stage::new();
    let probe = host.load_as("a", &twin.probe).unwrap();
    // A variable is no member.
    let count = host.group::<(), ()>("Count");
    check(count.call(()), &[]);
    let skipped = count.skipped();
    let expected = message(probe.func::<(), ()>("Count"));
    assert_eq!((names(&count.plugins()), skipped.len()), (vec![], 1));
    assert_eq!((skipped[0].0.name(), skipped[0].1.to_string()), ("a", expected));
    assert_eq!(skipped[0].1.kind(), ErrorKind::Symbol);
    // Another signature is a failure, each time.
    let wrong = host.group::<(String, i64), i64>("Add");
    for _ in 0..2 {
        let failed = failures(wrong.call(("one".to_owned(), 2)));
        let [(name, Some(error))] = &failed[..] else { panic!("{failed:?}") };
        assert_eq!((name.as_str(), error.plugin()), ("a", Some("a")));
        if twin.signatures {
            let expected = message(probe.func::<(String, i64), i64>("Add"));
            assert_eq!((error.to_string(), error.kind()), (expected, ErrorKind::Type));
        }
    }
    assert_eq!((wrong.skipped().len(), names(&wrong.plugins())), (0, vec!["a"]));
}

fn a_plugin_that_fails_too_often_is_skipped_until_it_is_loaded_again(twin: &Twin) {
    let Stage { host, .. } = &Stage::new();
    let probe = host.load_as("a", &twin.probe).unwrap();
    let every = host.group::<(), ()>("Fail");
    let fail = every.clone().disable_after(2);
    let clone = fail.clone();
    assert_eq!((fail.call(()).len(), clone.call(()).len(), fail.call(()).len()), (1, 1, 0));
    assert_eq!(clone.call(()).len(), 0);
    assert_eq!(names(&fail.plugins()), [""; 0]);
    // The others of the name go their own ways.
    assert_eq!((every.call(()).len(), every.skipped().len()), (1, 0));
    let [(plugin, error)] = &fail.skipped()[..] else { panic!("{fail:?}") };
    let last = std::error::Error::source(error).unwrap().to_string();
    let expected = format!(
        "plugin `a`: `Fail` is skipped until the plugin is loaded again, after 2 failures in a \
         row: {last}"
    );
    assert_eq!((plugin.name(), error.to_string()), ("a", expected));
    assert_eq!((error.kind(), error.symbol()), (ErrorKind::Call, Some("Fail")));
    // What comes and goes meanwhile does not forgive it.
    let other = host.load_as("b", &twin.probe).unwrap();
    assert_eq!(names(&fail.plugins()), ["b"]);
    host.unload(other).unwrap();
    assert_eq!(fail.call(()).len(), 0);
    host.unload(probe).unwrap();
    assert_eq!(fail.skipped().len(), 0);
    host.load_as("a", &twin.probe).unwrap();
    assert_eq!((fail.call(()).len(), fail.call(()).len(), fail.call(()).len()), (1, 1, 0));
    assert_eq!(every.disable_after(0).call(()).len(), 1);
}

#[test]
fn a_group_may_go_to_any_thread() {
    fn check<T: Clone + Send + Sync>() {}
    check::<Group<(f64,), ()>>();
    check::<Group<(String,), Vec<String>>>();
}

#[cfg(feature = "_lua")]
mod scripts {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, OnceLock};
    use std::thread;

    use twinplug::Host;

    use super::*;

    #[test]
    fn failures_count_in_a_row_alone() {
        let host = Host::builder().build().unwrap();
        let text =
            "local n = 0\nfunction Update() n = n + 1 if n % 3 ~= 0 then error('no', 0) end end";
        host.load_source("a", text).unwrap();
        let update = host.group::<(), ()>("Update").disable_after(3);
        assert!((0..12).all(|_| update.call(()).len() == 1));
        let strict = update.disable_after(1);
        assert_eq!((strict.call(()).len(), strict.call(()).len()), (1, 0));
        assert_eq!(
            strict.skipped()[0].1.to_string(),
            "plugin `a`: `Update` is skipped until the plugin is loaded again, after a failure: \
             plugin `a`: `Update`: no"
        );
    }

    #[test]
    fn every_version_belongs_to_it_and_whoever_registers_the_name_later() {
        let host = Host::builder().build().unwrap();
        for version in ["2.0.0", "1.0.0"] {
            let text = format!("---@plugin a {version}\nfunction Is() return '{version}' end");
            host.load_source("a", text).unwrap();
        }
        let late = "function Late() host.register { Is = function() return 'late' end } end";
        let late = host.load_source("late", late).unwrap();
        let is = host.group::<(), String>("Is");
        let text = |text: &str| text.to_owned();
        check(is.call(()), &[("a", text("2.0.0")), ("a", text("1.0.0"))]);
        late.call("Late", ()).unwrap();
        let all = [("a", text("2.0.0")), ("a", text("1.0.0")), ("late", text("late"))];
        check(is.call(()), &all);
    }

    /// A host whose plugins can have it do something.
    fn acting(act: impl Fn(&Host, &str) + Send + Sync + 'static) -> Arc<Host> {
        let place: Arc<OnceLock<std::sync::Weak<Host>>> = Arc::default();
        let inner = Arc::clone(&place);
        let act = move |what: String| {
            let host = inner.get().and_then(std::sync::Weak::upgrade);
            act(&host.unwrap(), &what);
        };
        let host = Arc::new(Host::builder().function("act", act).build().unwrap());
        place.set(Arc::downgrade(&host)).unwrap();
        host
    }

    #[test]
    fn plugins_may_come_and_go_while_it_is_called() {
        let host = acting(|host, what| match what.split_once(' ').unwrap() {
            ("load", name) => drop(host.load_source(name, "function F() return 0 end").unwrap()),
            ("unload", name) => host.unload(host.plugin(name).unwrap()).unwrap(),
            (_, name) => assert_eq!(host.group::<(), i64>(name).call(()).len(), 3),
        });
        let once = |what: &str, n: i64| {
            format!(
                "local done\nfunction F() if not done then done = true host.act('{what}') end \
                 return {n} end"
            )
        };
        host.load_source("a", once("load d", 1)).unwrap();
        host.load_source("b", once("unload c", 2)).unwrap();
        host.load_source("c", "function F() return 3 end").unwrap();
        let group = host.group::<(), i64>("F");
        // `d` comes the next time, and `c` not even now.
        check(group.call(()), &[("a", 1), ("b", 2)]);
        check(group.call(()), &[("a", 1), ("b", 2), ("d", 0)]);
        // A member may call the group that it is called by.
        host.load_source("e", "local d\nfunction G() return 1 end\nfunction H() return 1 end")
            .unwrap();
        host.load_source("f", once("call F", 6)).unwrap();
        host.unload(host.plugin("d").unwrap()).unwrap();
        check(group.call(()), &[("a", 1), ("b", 2), ("f", 6)]);
        // Nor is one that is gone counted as a failure.
        let strict = host.group::<(), i64>("F").disable_after(1);
        host.load_source("g", once("unload h", 7)).unwrap();
        host.load_source("h", "function F() return 8 end").unwrap();
        check(strict.call(()), &[("a", 1), ("b", 2), ("f", 6), ("g", 7)]);
        assert_eq!(strict.skipped().len(), 0);
    }

    #[test]
    fn it_outlives_its_host_and_is_empty_then() {
        let host = Host::builder().build().unwrap();
        host.load_source("a", "function F() return 1 end").unwrap();
        let group = host.group::<(), i64>("F");
        check(group.call(()), &[("a", 1)]);
        drop(host);
        check(group.call(()), &[]);
        assert_eq!(group.plugins().len(), 0);
    }

    #[test]
    fn threads_call_it_while_plugins_come_and_go() {
        let host = Host::builder().build().unwrap();
        let text = "function Double(n) return 2 * n end";
        host.load_source("a", text).unwrap();
        host.load_source("z", "function Double(n) error('no', 0) end").unwrap();
        let group = host.group::<(i64,), i64>("Double").disable_after(1_000_000);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for start in [0, 1_000_000] {
                let (group, done) = (group.clone(), &done);
                scope.spawn(move || {
                    let mut n = start;
                    while !done.load(Ordering::Relaxed) || n < start + 100 {
                        n += 1;
                        let results = group.call((n,));
                        assert_eq!((results[0].0.name(), results[1].0.name()), ("a", "z"));
                        for (plugin, result) in results {
                            match plugin.name() {
                                "z" => assert_eq!(message(result), "plugin `z`: `Double`: no"),
                                _ => assert_eq!(result.unwrap(), 2 * n),
                            }
                        }
                    }
                });
            }
            for n in 0..200 {
                let plugin = host.load_source(&format!("n{n}"), text).unwrap();
                host.unload(plugin).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        check(
            host.group::<(i64,), i64>("Double").call((1,)).into_iter().take(1).collect(),
            &[("a", 2)],
        );
    }
}
