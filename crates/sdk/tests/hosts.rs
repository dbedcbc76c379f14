//! A plugin that has next to nothing: what is printed and asked without a call, before, between
//! and after the hosts of several tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::sync::{Arc, OnceLock};

use twinplug_sdk::prelude::*;
use twinplug_sdk::{log, testing};

#[plugin]
mod bare {
    use twinplug_sdk::prelude::*;

    #[func]
    fn say(text: &str) {
        println!("{text}");
    }

    #[func]
    fn say_from_a_thread(text: String) -> Result<()> {
        std::thread::spawn(move || println!("{text}"))
            .join()
            .map_err(|_| Error::new("the thread has panicked"))
    }

    #[var]
    static NUMBER: Var<i64> = Var::new(1);
    #[var]
    static NAMES: Var<Vec<String>> = Var::with(|| vec!["a".to_owned()]);

    #[func]
    fn nested(way: i64) -> i64 {
        match way {
            0 => NUMBER.update(|number| *number += NUMBER.get()),
            1 => NUMBER.access(|number| {
                NUMBER.set(7);
                *number
            }),
            2 => NAMES.access(|_| NAMES.access(|names| names.len() as i64)),
            3 => NUMBER.update(|number| *number += NAMES.get().len() as i64),
            way => way,
        }
    }

    #[func]
    fn register_late(host: &HostRef) -> Result<()> {
        let kept = super::REGISTERED.get_or_init(Default::default).clone();
        host.register("late", move || drop(kept.clone()))
    }

    #[func]
    fn later(host: &HostRef, by: i64) -> Result<String> {
        let clock = host.plugin("clock");
        let zone: String = clock.get("Zone")?;
        clock.set("Zone", format!("{zone}+{by}"))?;
        Ok(format!("{} {}", clock.call::<i64>("now", (by,))?, clock.get::<String>("Zone")?))
    }

    #[func]
    fn knows(host: &HostRef, name: &str) -> Result<bool> {
        host.plugin(name).is_loaded()
    }

    #[func]
    fn ask(host: &HostRef) -> Result<i64> {
        super::KEPT.get_or_init(|| *host);
        host.call("ask", ())
    }
}

/// What closures have that are registered.
static REGISTERED: OnceLock<Arc<()>> = OnceLock::new();

/// The host of the first test that asked.
static KEPT: OnceLock<HostRef> = OnceLock::new();

#[test]
fn what_is_printed_goes_to_the_test_that_has_the_plugin() {
    // Here another test may have a host, or none may: then it goes to standard output.
    twinplug_sdk::print!("");

    std::thread::scope(|scope| {
        for test in 0..4 {
            scope.spawn(move || {
                let host = testing::Host::new().function("ask", move || test);
                let plugin = host.load(&bare::twinplug_plugin).unwrap();
                let mut expected = String::new();
                for line in 0..20 {
                    let text = format!("{test} {line}");
                    plugin.call::<()>("say", (text.as_str(),)).unwrap();
                    plugin.call::<()>("say_from_a_thread", (text.as_str(),)).unwrap();
                    expected += &format!("{text}\n{text}\n");
                    assert_eq!(plugin.call_both::<i64>("ask", ()).unwrap(), test);
                }
                assert_eq!(plugin.output(), expected);
            });
        }
    });
    // A host that is gone still answers.
    let error = KEPT.get().unwrap().call::<i64>("ask", ()).unwrap_err();
    assert_eq!(error.to_string(), "the test that loaded the plugin is over");
}

#[test]
fn macros_that_stand_outside_the_module_find_the_host() {
    let plugin = testing::Host::new().load(&bare::twinplug_plugin).unwrap();
    let error = plugin.on_pause().unwrap_err();
    assert_eq!(error.to_string(), "the plugin has no `on_pause`");
    twinplug_sdk::println!("{}", 1);
    log::trace!("{:?}", Some(2));
    assert_eq!(plugin.output(), "1\n");
    assert_eq!(plugin.log(), [(log::Level::Trace, "Some(2)".to_owned())]);
}

#[test]
fn a_closure_that_is_refused_is_freed() {
    let plugin = testing::Host::new().load(&bare::twinplug_plugin).unwrap();
    let error = plugin.call::<()>("register_late", ()).unwrap_err();
    assert_eq!(error.to_string(), "an export is registered in init, which is over");
    assert_eq!(Arc::strong_count(REGISTERED.get().unwrap()), 1);
}

#[test]
fn a_variable_in_its_own_closure_is_an_error_and_not_the_end() {
    let plugin = testing::Host::new().load(&bare::twinplug_plugin).unwrap();
    for way in 0..3i64 {
        let error = plugin.call_both::<i64>("nested", (way,)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "panicked: a `Var` is used in a closure of its own `update` or `access`: use the value \
             that the closure is given, or end it before"
        );
    }
    // It is free again, and another one may be used.
    assert_eq!(plugin.call::<i64>("nested", (3,)).unwrap(), 2);
    assert_eq!(plugin.get::<i64>("NUMBER").unwrap(), 2);
}

#[test]
fn other_threads_wait_for_a_variable() {
    static COUNT: Var<i64> = Var::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    COUNT.update(|count| {
                        std::thread::yield_now();
                        *count += 1;
                    });
                }
            });
        }
    });
    assert_eq!(COUNT.get(), 4000);
}

#[test]
fn a_test_host_shows_other_plugins() {
    let host = testing::Host::new()
        .plugin_function("clock", "now", |by: i64| 10 + by)
        .plugin_variable("clock", "Zone", "UTC");
    let plugin = host.load(&bare::twinplug_plugin).unwrap();
    assert_eq!(plugin.call::<String>("later", (2,)).unwrap(), "12 UTC+2");
    assert_eq!(plugin.call::<String>("later", (3,)).unwrap(), "13 UTC+2+3");
    assert!(plugin.call::<bool>("knows", ("clock",)).unwrap());
    assert!(!plugin.call::<bool>("knows", ("clok",)).unwrap());
    drop(plugin);
    let plugin = testing::Host::new().load(&bare::twinplug_plugin).unwrap();
    let error = plugin.call::<String>("later", (2,)).unwrap_err();
    assert_eq!(error.to_string(), "no plugin `clock` is loaded");
}
