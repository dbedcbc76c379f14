//! `HostBuilder::function_with` and `Host::lend`: what is lent, to whom, and until when.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, OnceLock, Weak};
use std::thread;

use twinplug::{Host, HostBuilder, Value};

use super::{Gate, of, reaching};
use crate::twins::message;

/// Stays on its thread.
#[derive(Default)]
struct World {
    names: Vec<String>,
    here: Rc<Cell<i64>>,
}

const SCRIPT: &str = "\
function Spawn(name) local n = host.spawn(name) return n end
function Nest(name) host.nest(name) end
function Blow() host.blow() end
function Count(by) local n = host.count(by) return n end
function Both(name) local a, b = host.spawn(name), host.count(1) return a, b end
function Wait(name) host.wait() local n = host.spawn(name) return n end
";

fn offer(builder: HostBuilder, cell: Arc<OnceLock<Weak<Host>>>) -> HostBuilder {
    let again = Arc::clone(&cell);
    builder
        .function_with("spawn", |world: &mut World, name: String| {
            world.here.set(world.here.get() + 1);
            world.names.push(name);
            world.names.len()
        })
        .function_with("count", |count: &mut i64, by: i64| {
            *count += by;
            *count
        })
        .function_with("blow", |world: &mut World| {
            world.names.clear();
            if true {
                panic!("it blows")
            }
        })
        // Calls a plugin that wants the same world.
        .function_with("nest", move |_: &mut World, name: String| -> twinplug::Result<Value> {
            of(&cell).plugin("game")?.call("Spawn", (name,))
        })
        // And lends it on before.
        .function_with("lend_on", move |world: &mut World, name: String| {
            let host = of(&again);
            host.lend(world, || host.plugin("game")?.call("Spawn", (name,)))
        })
}

const WORLD: &str = "host::offers::lending::World";

fn none(function: &str, ty: &str) -> String {
    format!(
        "host function `{function}`: it takes a `{ty}`, and none is lent to the calls of this \
         thread: call it within `Host::lend`"
    )
}

#[test]
fn a_loan_is_for_its_calls_alone() {
    let host = reaching(offer);
    let game = host.load_source("game", SCRIPT).unwrap();
    let spawn = game.func::<(String,), i64>("Spawn").unwrap();
    let mut world = World::default();
    let here = Rc::clone(&world.here);
    let spawned = host.lend(&mut world, || spawn.call(("fox".into(),)));
    assert_eq!(spawned.unwrap(), 1);
    assert_eq!((world.names.join(","), here.get()), ("fox".into(), 1));

    let outside = format!("plugin `game`: `Spawn`: game:1: {}", none("spawn", WORLD));
    assert_eq!(message(spawn.call(("owl".into(),))), outside);
    // Of another type it is none.
    assert_eq!(message(host.lend(&mut 5_i64, || spawn.call(("owl".into(),)))), outside);
    // A thread that was begun within has none.
    host.lend(&mut world, || {
        thread::scope(|scope| {
            let other = scope.spawn(|| spawn.call(("owl".into(),)));
            assert_eq!(message(other.join().unwrap()), outside);
        });
        // And this one has it still.
        assert_eq!(spawn.call(("elk".into(),)).unwrap(), 2);
    });
    assert_eq!(world.names, ["fox", "elk"]);
}

#[test]
fn loans_nest() {
    let host = reaching(offer);
    let game = host.load_source("game", SCRIPT).unwrap();
    let spawn = game.func::<(String,), i64>("Spawn").unwrap();
    let both = game.func::<(String,), (i64, i64)>("Both").unwrap();
    let (mut outer, mut inner, mut count) = (World::default(), World::default(), 10_i64);
    host.lend(&mut outer, || {
        spawn.call(("a".into(),)).unwrap();
        host.lend(&mut count, || {
            assert_eq!(both.call(("b".into(),)).unwrap(), (2, 11));
            host.lend(&mut inner, || {
                assert_eq!(both.call(("c".into(),)).unwrap(), (1, 12));
            });
            assert_eq!(both.call(("d".into(),)).unwrap(), (3, 13));
        });
        spawn.call(("e".into(),)).unwrap();
    });
    assert_eq!(
        (outer.names.join(""), inner.names.join(""), count),
        ("abde".into(), "c".into(), 13)
    );
}

#[test]
fn a_value_is_borrowed_once() {
    let host = reaching(offer);
    let script = format!("{SCRIPT}function On(name) local n = host.lend_on(name) return n end");
    let game = host.load_source("game", script).unwrap();
    let mut world = World::default();
    let nested = host.lend(&mut world, || game.call("Nest", ("fox",)));
    assert_eq!(
        message(nested),
        format!(
            "plugin `game`: `Nest`: game:2: host function `nest`: plugin `game`: `Spawn`: game:1: \
             host function `spawn`: the `{WORLD}` that is lent is already borrowed, by a function \
             that has led here"
        )
    );
    // It may be lent on, and comes back.
    host.lend(&mut world, || {
        assert_eq!(game.call("On", ("elk",)).unwrap(), Value::Int(1));
        assert_eq!(game.call("Spawn", ("owl",)).unwrap(), Value::Int(2));
    });
    assert_eq!(world.names, ["elk", "owl"]);
}

#[test]
fn a_panic_ends_what_it_leaves() {
    let host = reaching(offer);
    let game = host.load_source("game", SCRIPT).unwrap();
    let spawn = game.func::<(String,), i64>("Spawn").unwrap();
    let (mut outer, mut inner) = (World::default(), World::default());
    host.lend(&mut outer, || {
        // In the function: it is given back.
        assert_eq!(
            message(game.call("Blow", ())),
            "plugin `game`: `Blow`: game:3: host function `blow`: panicked: it blows"
        );
        spawn.call(("a".into(),)).unwrap();
        // In what was lent to: the outer one is there again.
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            host.lend(&mut inner, || {
                spawn.call(("b".into(),)).unwrap();
                panic!("in the middle")
            })
        }));
        assert!(panicked.is_err());
        spawn.call(("c".into(),)).unwrap();
    });
    assert_eq!((outer.names.join(""), inner.names.join("")), ("ac".into(), "b".into()));
    assert!(message(spawn.call(("d".into(),))).contains("none is lent"));
}

#[test]
fn two_hosts_do_not_meet() {
    let (one, other) = (reaching(offer), reaching(offer));
    let spawn = |host: &Host| {
        let game = host.load_source("game", SCRIPT).unwrap();
        game.func::<(String,), i64>("Spawn").unwrap()
    };
    let (ours, theirs) = (spawn(&one), spawn(&other));
    let (mut world, mut second) = (World::default(), World::default());
    one.lend(&mut world, || {
        assert!(message(theirs.call(("a".into(),))).contains("none is lent"));
        other.lend(&mut second, || {
            assert_eq!(theirs.call(("b".into(),)).unwrap(), 1);
            assert_eq!(ours.call(("c".into(),)).unwrap(), 1);
        });
    });
    assert_eq!((world.names.join(""), second.names.join("")), ("c".into(), "b".into()));
}

/// While one call waits, in its loan, another thread's call of the same plugin goes on in its own.
#[test]
fn calls_that_wait_keep_to_the_loans_of_their_threads() {
    const THREADS: usize = 6;
    const ROUNDS: usize = 60;
    let meeting = Arc::new(std::sync::Barrier::new(THREADS));
    let meet = move || {
        meeting.wait();
    };
    let host = reaching(|builder, cell| offer(builder, cell).blocking_function("wait", meet));
    let game = host.load_source("game", SCRIPT).unwrap();
    let wait = game.func::<(String,), i64>("Wait").unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (host, wait) = (&host, wait.clone());
            scope.spawn(move || {
                let mut world = World::default();
                for round in 0..ROUNDS {
                    let count = host.lend(&mut world, || wait.call((thread.to_string(),)));
                    assert_eq!(count.unwrap(), round as i64 + 1);
                }
                assert!(world.names.iter().all(|name| *name == thread.to_string()));
            });
        }
    });
}

/// A call that has no loan is parked, and a loan begins elsewhere: it is not for that call.
#[test]
fn a_parked_call_gets_no_loan_of_another_thread() {
    let gate = Gate::default();
    let at = gate.clone();
    let host =
        reaching(|builder, cell| offer(builder, cell).blocking_function("wait", move || at.pass()));
    let game = host.load_source("game", SCRIPT).unwrap();
    let wait = game.func::<(String,), i64>("Wait").unwrap();
    let parked = thread::spawn(move || wait.call(("a".into(),)));
    gate.wait_for(1);
    let mut world = World::default();
    host.lend(&mut world, || {
        gate.open(1);
        assert_eq!(
            message(parked.join().unwrap()),
            format!("plugin `game`: `Wait`: game:6: {}", none("spawn", WORLD))
        );
    });
    assert!(world.names.is_empty());
}
