//! What a reload of a script does for those who use it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use twinplug::{ErrorKind, EventKind, Value};

use super::Edited;

const TICK: &str = "Ticks = 0 function Tick(by) Ticks = Ticks + (by or 1) return 'tick' end";

#[test]
fn handles_lead_to_the_new_code_and_values_are_carried() {
    let edited = Edited::new(TICK);
    let tick = edited.plugin.func::<(i64,), String>("Tick").unwrap();
    let ticks = edited.plugin.var::<i64>("Ticks").unwrap();
    let dynamic = edited.plugin.lookup("Tick").unwrap().into_dynamic().unwrap();
    assert_eq!(tick.call((2,)).unwrap(), "tick");
    edited.edit(&TICK.replace("'tick'", "'tock'")).unwrap();
    assert_eq!((tick.call((3,)).unwrap(), ticks.get().unwrap()), ("tock".to_owned(), 5));
    assert_eq!(dynamic.call(&[]).unwrap(), Value::from("tock"));
    assert_eq!(edited.plugin.call("Tick", ()).unwrap(), Value::from("tock"));
    ticks.set(40).unwrap();
    assert_eq!(edited.get("Ticks"), 40);
    let event = edited.events.try_recv().unwrap();
    assert_eq!((event.kind, event.generation, event.notes), (EventKind::Reloaded, 2, vec![]));
    assert_eq!(edited.plugin.status().generation, 2);
}

#[test]
fn a_handle_of_one_load_is_retired_with_it() {
    let edited = Edited::new(TICK);
    let current = edited.plugin.current();
    let tick = current.lookup("Tick").unwrap().into_func::<(i64,), String>().unwrap();
    let ticks = current.lookup("Ticks").unwrap().into_var::<i64>().unwrap();
    edited.edit(TICK).unwrap();
    let (error, of_variable) = (tick.call((1,)).unwrap_err(), ticks.get().unwrap_err());
    assert_eq!((error.kind(), of_variable.kind()), (ErrorKind::Retired, ErrorKind::Retired));
    assert_eq!(error.to_string(), "plugin `p`: `Tick`: the plugin was reloaded meanwhile");
    assert_eq!(current.lookup("Tick").unwrap_err().kind(), ErrorKind::Retired);
}

#[test]
fn the_version_and_new_exports_are_those_of_the_edit() {
    let edited = Edited::new("---@plugin p 1.0.0\nfunction A() return 1 end");
    edited.edit("---@plugin p 1.1.0\nfunction A() return 2 end function B() return 3 end").unwrap();
    assert_eq!(edited.plugin.version().to_string(), "1.1.0");
    assert_eq!(edited.plugin.call("B", ()).unwrap(), Value::Int(3));
    // Nobody holds it any more.
    edited.edit("---@plugin p 1.2.0\nfunction A() return 4 end").unwrap();
    assert_eq!(edited.plugin.lookup("B").unwrap_err().kind(), ErrorKind::Symbol);
}

#[test]
fn other_plugins_and_groups_follow() {
    let edited = Edited::new("function Name() return 'old' end");
    let text = "local p = host.plugin('p')
        local kept = p.Name
        function Ask() local name = p.Name() return name .. ' ' .. kept() end";
    let other = edited.host.load_source("other", text).unwrap();
    let group = edited.host.group::<(), String>("Name");
    let ask = other.func::<(), String>("Ask").unwrap();
    assert_eq!(ask.call(()).unwrap(), "old old");
    assert_eq!(group.call(()).pop().unwrap().1.unwrap(), "old");
    edited.edit("function Name() return 'new' end").unwrap();
    assert_eq!(ask.call(()).unwrap(), "new new");
    assert_eq!(group.call(()).pop().unwrap().1.unwrap(), "new");
}

#[test]
fn a_group_is_no_hindrance_to_a_function_that_goes() {
    let edited = Edited::new("function Name() return 'old' end");
    let group = edited.host.group::<(), String>("Name");
    assert_eq!(group.call(()).len(), 1);
    edited.edit("function Other() end").unwrap();
    assert!(group.call(()).is_empty());
    edited.edit("function Name() return 'back' end").unwrap();
    assert_eq!(group.call(()).pop().unwrap().1.unwrap(), "back");
    // A handle is, as before.
    let name = edited.plugin.func::<(), String>("Name").unwrap();
    edited.edit("function Other() end").unwrap_err();
    assert_eq!((name.call(()).unwrap(), group.call(()).len()), ("back".to_owned(), 1));
}

#[test]
fn a_call_without_a_handle_is_no_hindrance_to_a_function_that_goes() {
    let text = "function Wait() host.note('waits') return host.channel('in'):recv() end";
    let edited = Edited::with(text, |builder| builder.channel::<i64>("in", 0));
    let plugin = edited.plugin.clone();
    let waiting = thread::spawn(move || plugin.call("Wait", ()));
    while edited.notes().is_empty() {
        thread::yield_now();
    }
    edited.edit("function Other(...) return select('#', ...) end").unwrap();
    assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::Retired);
    let args = vec![Value::Null; 9];
    assert_eq!(edited.plugin.call_dynamic("Other", &args).unwrap(), Value::Int(9));
}

#[test]
fn a_call_that_waits_ends_with_the_load_that_it_is_in() {
    let text = "function Wait() host.note('waits') local n = host.channel('in'):recv() host.note('on') return n end";
    let edited = Edited::with(text, |builder| builder.channel::<i64>("in", 0));
    let wait = edited.plugin.func::<(), i64>("Wait").unwrap();
    let waits = wait.clone();
    let waiting = thread::spawn(move || waits.call(()));
    while edited.notes().is_empty() {
        thread::yield_now();
    }
    edited.edit(text).unwrap();
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retired, "{error:?}");
    assert!(edited.notes().is_empty(), "the old code does not go on");
    // The next message is for the new load.
    let waiting = thread::spawn(move || wait.call(()));
    edited.host.channel::<i64>("in").unwrap().send(7).unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), 7);
}

#[test]
fn a_call_that_waits_goes_on_after_a_reload_that_fails() {
    let text =
        "function Wait() host.note('waits') local n = host.channel('in'):recv() return n end";
    let edited = Edited::with(text, |builder| builder.channel::<i64>("in", 0));
    let wait = edited.plugin.func::<(), i64>("Wait").unwrap();
    let waiting = thread::spawn(move || wait.call(()));
    while edited.notes().is_empty() {
        thread::yield_now();
    }
    edited.edit(&format!("{text}\nfunction on_load() error('no') end")).unwrap_err();
    edited.host.channel::<i64>("in").unwrap().send(7).unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), 7);
}

/// Calls are counted by the host and by the plugin's own carried state.
#[test]
fn no_call_is_lost_or_made_twice() {
    const THREADS: usize = 4;
    let reloads = if std::env::var_os("TWINPLUG_FULL").is_some() { 1000 } else { 100 };
    let text = |load: usize| {
        format!(
            "local S = host.state {{ count = 0 }}
            Load = {load}
            function Count() S.count = S.count + 1 host.counted() return {load} end
            function Total() return S.count end"
        )
    };
    let counted = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&counted);
    let edited = Edited::with(&text(0), |builder| {
        builder.function("counted", move || _ = counts.fetch_add(1, Ordering::Relaxed))
    });
    let count = edited.plugin.func::<(), usize>("Count").unwrap();
    let load = edited.plugin.var::<usize>("Load").unwrap();
    let done = AtomicBool::new(false);
    let calls = thread::scope(|scope| {
        let callers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let (mut calls, mut newest) = (0, 0);
                    while !done.load(Ordering::Relaxed) {
                        let load = count.call(()).unwrap();
                        assert!(load >= newest, "{load} after {newest}");
                        (newest, calls) = (load, calls + 1);
                    }
                    calls
                })
            })
            .collect();
        for number in 1..=reloads {
            edited.edit(&text(number)).unwrap();
            assert_eq!(load.get().unwrap(), number);
            assert_eq!(count.call(()).unwrap(), number);
        }
        done.store(true, Ordering::Relaxed);
        callers.into_iter().map(|caller| caller.join().unwrap()).sum::<usize>()
    });
    let calls = calls + reloads;
    let total = edited.plugin.func::<(), usize>("Total").unwrap().call(()).unwrap();
    assert_eq!((counted.load(Ordering::Relaxed), total), (calls, calls));
}

#[test]
fn reloads_from_several_threads_come_one_after_the_other() {
    let edited = Edited::new("function F() return 1 end");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    edited.host.reload(&edited.plugin).unwrap();
                }
            });
        }
    });
    assert_eq!(edited.plugin.status().generation, 41);
    // Each has taken over from one, and no two from the same; who is told tells it later.
    let mut told: Vec<_> = std::iter::from_fn(|| edited.events.try_recv())
        .map(|event| (event.kind.to_string(), event.generation))
        .collect();
    told.sort();
    let of =
        |kind: &str, from: u64| (from..from + 40).map(|load| (kind.to_owned(), load)).collect();
    let (reloaded, retired): (Vec<_>, Vec<_>) = (of("reloaded", 2), of("retired", 1));
    assert_eq!(told, [reloaded, retired].concat());
}

/// In a function that it has called, in one that waits, in a hook of the reload itself.
#[test]
fn a_reload_from_inside_is_made_afterwards() {
    use crate::offers::{of, reaching};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.lua");
    let text = |load: usize, hook: &str| {
        format!(
            "function Plain() host.plain() return {load} end
            function Waits() local _ = host.waits() return {load} end
            function Load() return {load} end {hook}"
        )
    };
    std::fs::write(&path, text(1, "")).unwrap();
    let host = reaching(|builder, cell| {
        let waits = Arc::clone(&cell);
        let reload = |host: &twinplug::Host| host.reload(&host.plugin("p")?);
        builder
            .function("plain", move || reload(&of(&cell)))
            .blocking_function("waits", move || reload(&of(&waits)))
    });
    let events = host.events();
    let plugin = host.load(&path).unwrap();
    let next = || loop {
        let event = events.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
        if event.kind != EventKind::Retired {
            return event;
        }
    };
    assert_eq!(next().kind, EventKind::Loaded);
    let load = plugin.func::<(), usize>("Load").unwrap();
    std::fs::write(&path, text(2, "")).unwrap();
    assert_eq!(plugin.call("Plain", ()).unwrap(), Value::Int(1), "it ends on the old code");
    assert_eq!((next().kind, load.call(()).unwrap()), (EventKind::Reloaded, 2));
    // A call that waits is no hindrance, and ends with its load.
    std::fs::write(&path, text(3, "")).unwrap();
    let error = plugin.call("Waits", ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retired, "{error:?}");
    assert_eq!((next().kind, load.call(()).unwrap()), (EventKind::Reloaded, 3));
    for call in ["plain", "waits"] {
        let hook = format!("function on_load() if host.has_plugin('p') then host.{call}() end end");
        std::fs::write(&path, text(4, &hook)).unwrap();
        host.reload(&plugin).unwrap();
        // The one that it has asked for asks for another one, and so on.
        let mut reloads = 0;
        while reloads < 2 {
            reloads += usize::from(next().kind == EventKind::Reloaded);
        }
        std::fs::write(&path, text(5, "")).unwrap();
        // One that has read it as it was just being written has changed nothing.
        host.reload(&plugin).unwrap();
        while load.call(()).unwrap() != 5 {
            thread::yield_now();
        }
        while events.try_recv().is_some() {}
    }
}

/// A call that is in another plugin is let come back, and what it calls of its own plugin until
/// then is let in: it would never come back.
#[test]
fn a_call_that_comes_back_in_while_it_is_waited_for_ends_on_the_old_code() {
    let text = |load: usize| {
        format!(
            "host.built({load})
            function Load() return {load} end
            function Visit() return host.plugin('other').Ask() end"
        )
    };
    let (out, is_out) = std::sync::mpsc::channel();
    let built = Arc::<AtomicUsize>::default();
    let last = Arc::clone(&built);
    let edited = Edited::with(&text(1), |builder| {
        builder
            .function("built", move |load: usize| built.store(load, Ordering::SeqCst))
            .function("last", move || last.load(Ordering::SeqCst))
            .function("out", move || out.send(()).unwrap())
    });
    let other = "function Ask()
        host.out()
        while host.last() == 1 do assert(host.plugin('p').Load() == 1) end
        for i = 1, 2000 do assert(host.plugin('p').Load() == 1) end
        return host.last()
    end";
    edited.host.load_source("other", other).unwrap();
    let visit = edited.plugin.func::<(), usize>("Visit").unwrap();
    thread::scope(|scope| {
        let visiting = scope.spawn(|| visit.call(()));
        is_out.recv().unwrap();
        edited.edit(&text(2)).unwrap();
        assert_eq!(visiting.join().unwrap().unwrap(), 2);
    });
    assert_eq!(edited.plugin.call("Load", ()).unwrap(), Value::Int(2));
}
