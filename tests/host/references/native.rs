//! Functions, objects and buffers across the border of native plugins, which make some, keep those
//! of others, and use them. Each row runs on the plugin in Rust and on its twin in C.

mod calls;
mod ends;
mod holds;
#[cfg(feature = "_lua")]
mod others;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use twinplug::{Args, Buffer, Data, Function, Host, Object, PluginRef, Result, Value, object};

use crate::twins::build;

pub(super) static RUST: LazyLock<PathBuf> = LazyLock::new(|| build("tests/fixtures/keeper"));
/// It may be unmapped.
pub(super) static C: LazyLock<PathBuf> = LazyLock::new(|| build("tests/fixtures/keeper-c"));

/// Makes of each function a test for each twin, named `twin::function`.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod rust {
            $(#[test] fn $test() { super::$test(&crate::references::native::RUST); })*
        }
        mod c {
            $(#[test] fn $test() { super::$test(&crate::references::native::C); })*
        }
    };
}
pub(super) use on_both;

on_both! {
    what_the_host_made_comes_back_as_itself
    what_a_plugin_made_is_its_own_there
    containers_hold_references
    a_third_plugin_uses_what_another_made
    the_same_thing_is_equal_however_it_came
    buffers_are_one_memory
}

/// Something of the host's.
struct Lamp {
    level: AtomicI64,
    drops: Arc<AtomicUsize>,
}

impl Drop for Lamp {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
    }
}

#[object]
impl Lamp {
    fn turn(&self, by: i64) -> i64 {
        self.level.fetch_add(by, Ordering::Relaxed) + by
    }

    /// Calls a function of whoever calls.
    fn apply(&self, function: Function, x: i64) -> Result<i64> {
        Ok(function.call((x,))?)
    }
}

/// How often lamps were dropped.
#[derive(Default)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn lamp(&self) -> Object {
        Object::new(Lamp { level: AtomicI64::new(0), drops: Arc::clone(&self.0) })
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

struct Scene {
    host: Host,
    keeper: PluginRef,
}

impl Scene {
    fn new(library: &Path) -> Self {
        let host = Host::builder()
            .channel::<Value>("things", 4)
            .function("same", |value: Value| value)
            .function("apply", |function: Function| function.call::<Value>((1,)))
            .build()
            .unwrap();
        let keeper = host.load(library).unwrap();
        Scene { host, keeper }
    }

    fn call<R: Data>(&self, name: &str, args: impl Args) -> R {
        self.tried(name, args).unwrap()
    }

    fn tried<R: Data>(&self, name: &str, args: impl Args) -> Result<R> {
        call(&self.keeper, name, args)
    }

    fn door(&self) -> Object {
        self.call("Door", (Value::Null,))
    }
}

fn call<A: Args, R: Data>(plugin: &PluginRef, name: &str, args: A) -> Result<R> {
    plugin.func::<A, R>(name)?.call(args)
}

/// The ways that lead through the plugin and back.
const WAYS: [&str; 4] = ["echo", "variable", "function", "channel"];

fn there_and_back(scene: &Scene, way: &str, value: Value) -> Value {
    match way {
        "echo" => scene.call("Echo", (value,)),
        "variable" => {
            let last = scene.keeper.var::<Value>("Last").unwrap();
            last.set(value).unwrap();
            let back = last.get().unwrap();
            last.set(Value::Null).unwrap();
            back
        }
        "function" => scene.call("Ask", ("same", value)),
        _ => {
            let things = scene.host.channel::<Value>("things").unwrap();
            things.send(value).unwrap();
            let there: Value = scene.call("Receive", ("things",));
            scene.call::<()>("Send", ("things", there));
            things.recv().unwrap()
        }
    }
}

fn what_the_host_made_comes_back_as_itself(library: &Path) {
    let scene = Scene::new(library);
    let drops = Drops::default();
    for way in WAYS {
        let lamp = drops.lamp();
        let Value::Object(back) = there_and_back(&scene, way, Value::Object(lamp.clone())) else {
            panic!("no object came back by the {way}");
        };
        assert_eq!(back, lamp, "{way}");
        assert_eq!(back.as_raw(), lamp.as_raw(), "{way}");
        assert_eq!(back.of::<Lamp>().unwrap().turn(2), 2, "{way}");
        let function = Function::new(|| 7);
        let back = there_and_back(&scene, way, Value::Func(function.clone()));
        assert_eq!(back, Value::Func(function), "{way}");
        let numbers = Buffer::<f64>::new(3);
        let back = there_and_back(&scene, way, Value::of(&numbers).unwrap());
        assert_eq!(back, Value::of(&numbers).unwrap(), "{way}");
    }
    assert_eq!(drops.count(), WAYS.len());
}

fn what_a_plugin_made_is_its_own_there(library: &Path) {
    let scene = Scene::new(library);
    let door = scene.door();
    assert_eq!(door.class(), "Door");
    assert!(door.methods().starts_with(r#"[{"name":"lock","type":"(by: int) -> int"},"#));
    assert!(scene.call::<bool>("Knows", (door.clone(),)));
    assert!(!scene.call::<bool>("Knows", (Drops::default().lamp(),)));
    assert!(door.call::<bool>("knows", (scene.door(),)).unwrap(), "also as a method's argument");
    for way in WAYS {
        let back = there_and_back(&scene, way, Value::Object(door.clone()));
        assert_eq!(back, Value::Object(door.clone()), "{way}");
    }
    let back: Object = door.call("same", (door.clone(),)).unwrap();
    assert_eq!(back, door);
    assert_ne!(scene.door(), door);
}

fn containers_hold_references(library: &Path) {
    let scene = Scene::new(library);
    let lamp = Value::Object(Drops::default().lamp());
    let door = Value::Object(scene.door());
    let add: Value = scene.call("Adder", (1,));
    let map = Value::Map([("door".into(), door), ("add".into(), add)].into());
    let list = Value::List(vec![Value::Int(1), lamp, map]);
    for way in WAYS {
        assert_eq!(there_and_back(&scene, way, list.clone()), list, "{way}");
    }
}

fn a_third_plugin_uses_what_another_made(library: &Path) {
    let scene = Scene::new(library);
    let other = scene.host.load_as("other", library).unwrap();
    let door = scene.door();
    assert!(!call::<_, bool>(&other, "Knows", (door.clone(),)).unwrap(), "it is not its own");
    let used = call::<_, i64>(&other, "Use", (door.clone(), "lock", vec![Value::Int(5)]));
    assert_eq!(used.unwrap(), 5);
    let back: Object = call(&other, "Echo", (door.clone(),)).unwrap();
    assert_eq!(back, door);
    let add: Function = scene.call("Adder", (40,));
    assert_eq!(call::<_, i64>(&other, "Apply", (add, vec![Value::Int(2)])).unwrap(), 42);
    let numbers: Buffer<f64> = scene.call("Numbers", (4,));
    assert_eq!(call::<_, f64>(&other, "Sum", (numbers.clone(),)).unwrap(), 6.0);
    assert_eq!(numbers.get(0), Some(100.0));
    // What the second hands to the first's method is the second's, and not taken for another.
    let theirs: Value = call(&other, "Door", (Value::Null,)).unwrap();
    let used = call::<_, Value>(&other, "Use", (door.clone(), "knows", vec![theirs.clone()]));
    assert_eq!(used.unwrap(), Value::from(false));
    let used = call::<_, Value>(&other, "Use", (door.clone(), "same", vec![theirs.clone()]));
    assert_eq!(used.unwrap(), theirs);
    let used = call::<_, Value>(&other, "Use", (door, "knows", vec![Value::Object(scene.door())]));
    assert_eq!(used.unwrap(), Value::from(true));
}

fn the_same_thing_is_equal_however_it_came(library: &Path) {
    let scene = Scene::new(library);
    let door = scene.door();
    let again: Object = scene.call("Echo", (door.clone(),));
    assert_ne!(again.as_raw(), door.as_raw(), "it was handed out twice");
    assert_eq!(again, door);
    let add: Function = scene.call("Adder", (1,));
    assert_eq!(scene.call::<Function>("Echo", (add.clone(),)), add);
    let numbers: Buffer<f64> = scene.call("Numbers", (2,));
    assert_eq!(scene.call::<Buffer<f64>>("Echo", (numbers.clone(),)), numbers);
    assert_ne!(scene.call::<Buffer<f64>>("Numbers", (2,)), numbers);
}

fn buffers_are_one_memory(library: &Path) {
    let scene = Scene::new(library);
    let numbers = Buffer::from(vec![1.0, 2.0, 3.5]);
    assert_eq!(scene.call::<f64>("Sum", (numbers.clone(),)), 6.5);
    assert_eq!(numbers.to_vec(), [100.0, 2.0, 3.5]);
    let theirs: Buffer<f64> = scene.call("Numbers", (3,));
    assert_eq!(theirs.to_vec(), [0.0, 1.0, 2.0]);
    theirs.set(1, 10.0);
    assert_eq!(scene.call::<f64>("Sum", (theirs,)), 12.0);
    let empty: Buffer<f64> = scene.call("Numbers", (0,));
    assert_eq!(scene.call::<f64>("Sum", (empty,)), 0.0);
    let refused = scene.keeper.func::<(Buffer<f32>,), f64>("Sum").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "plugin `keeper`: `Sum` is `(numbers: buffer<f64>) -> float`: argument `numbers`: \
         expected buffer<f64>, got buffer<f32>"
    );
}
