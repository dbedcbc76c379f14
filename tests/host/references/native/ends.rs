//! How long things live: after their call, on other threads, after their plugin.

use std::path::Path;
use std::thread;

use twinplug::{Buffer, CallFault, ErrorKind, Function, ImageState, Object, Value};

use super::{C, Drops, RUST, Scene, on_both};

on_both! {
    what_is_held_is_released_once_on_whatever_thread
    what_a_plugin_keeps_is_there_after_the_call
    what_is_refused_is_released
    functions_and_objects_are_stale_after_their_plugin
    buffers_outlive_their_plugin
    a_call_that_runs_goes_on_over_an_unload
}

fn what_is_held_is_released_once_on_whatever_thread(library: &Path) {
    let scene = Scene::new(library);
    let drops = Drops::default();
    let door: Object = scene.call("Door", (drops.lamp(),));
    let doors: Vec<Object> = (0..8).map(|_| scene.call("Echo", (door.clone(),))).collect();
    drop(door);
    assert_eq!(drops.count(), 0);
    thread::scope(|scope| {
        for door in doors {
            scope.spawn(move || {
                let lamp: Object = door.call("witness", ()).unwrap();
                assert_eq!(lamp.call::<i64>("turn", (0,)).unwrap(), 0);
                drop(door.clone());
                drop((door, lamp));
            });
        }
    });
    assert_eq!(drops.count(), 1);
    // One that nobody takes.
    scene.call::<Value>("Door", (drops.lamp(),));
    assert_eq!(drops.count(), 2);
}

fn what_a_plugin_keeps_is_there_after_the_call(library: &Path) {
    let scene = Scene::new(library);
    let drops = Drops::default();
    let last = scene.keeper.var::<Value>("Last").unwrap();
    last.set(Value::Object(drops.lamp())).unwrap();
    assert_eq!(drops.count(), 0);
    let Value::Object(lamp) = last.get().unwrap() else { panic!("no object was kept") };
    assert_eq!(lamp.call::<i64>("turn", (2,)).unwrap(), 2);
    last.set(Value::Null).unwrap();
    assert_eq!(drops.count(), 0);
    drop(lamp);
    assert_eq!(drops.count(), 1);
}

fn what_is_refused_is_released(library: &Path) {
    let scene = Scene::new(library);
    let drops = Drops::default();
    // Its result is asked for as another type.
    let door = scene.keeper.func::<(Object,), String>("Echo").unwrap();
    let error = door.call((drops.lamp(),)).unwrap_err();
    assert_eq!(error.to_string(), "plugin `keeper`: `Echo`: result: expected string, got object");
    assert_eq!(drops.count(), 1);
    let things = Value::List(vec![Value::Object(drops.lamp()), Value::Int(1)]);
    let error = scene.tried::<Value>("Use", (drops.lamp(), "turn", things)).unwrap_err();
    assert_eq!(error.to_string(), "plugin `keeper`: `Use`: expected 1 argument, got 2");
    assert_eq!(drops.count(), 3);
}

fn functions_and_objects_are_stale_after_their_plugin(library: &Path) {
    let Scene { host, keeper } = Scene::new(library);
    let scene = Scene { host, keeper: keeper.clone() };
    let drops = Drops::default();
    let door: Object = scene.call("Door", (drops.lamp(),));
    let add: Function = scene.call("Adder", (1,));
    let other = scene.host.load_as("other", library).unwrap();
    scene.host.unload(keeper).unwrap();
    let text = "plugin `keeper`: `Door.lock`: the plugin was unloaded";
    let stale = door.call::<i64>("lock", (1,)).unwrap_err();
    assert_eq!(stale.fault(), CallFault::Stale);
    assert_eq!(stale.to_string(), text);
    assert_eq!(twinplug::Error::from(stale).kind(), ErrorKind::Stale);
    let stale = add.call::<i64>((1,)).unwrap_err();
    assert_eq!(stale.to_string(), "plugin `keeper`: the plugin was unloaded");
    // So it is to another plugin.
    let used = other.func::<(Object, &str, Vec<Value>), i64>("Use").unwrap();
    let stale = used.call((door.clone(), "lock", vec![Value::Int(1)])).unwrap_err();
    assert_eq!(stale.to_string(), format!("plugin `other`: `Use`: {text}"));
    assert_eq!((door.class(), drops.count()), ("Door", 0));
    drop(door);
    assert_eq!(drops.count(), 1, "it is released by its own code");
}

fn buffers_outlive_their_plugin(library: &Path) {
    let Scene { host, keeper } = Scene::new(library);
    let numbers: Buffer<f64> = super::call(&keeper, "Numbers", (1000,)).unwrap();
    let other = host.load_as("other", library).unwrap();
    host.unload(keeper).unwrap();
    assert_eq!(numbers.get(999), Some(999.0));
    assert_eq!(super::call::<_, f64>(&other, "Sum", (numbers.clone(),)).unwrap(), 499_500.0);
    drop(host);
    numbers.set(0, 5.0);
    assert_eq!(numbers.get(0), Some(5.0));
}

fn a_call_that_runs_goes_on_over_an_unload(library: &Path) {
    let Scene { host, keeper } = Scene::new(library);
    let door: Object = super::call(&keeper, "Door", (Value::Null,)).unwrap();
    let (host, plugin) = (std::sync::Arc::new(host), std::sync::Mutex::new(Some(keeper)));
    let inner = door.clone();
    let unload = {
        let host = std::sync::Arc::clone(&host);
        Function::new(move |_: i64| {
            host.unload(plugin.lock().unwrap().take().unwrap()).unwrap();
            inner.call::<i64>("lock", (1,)).unwrap_err().to_string()
        })
    };
    let text: String = door.call("call", (unload, 1)).unwrap();
    assert_eq!(text, "plugin `keeper`: `Door.lock`: the plugin was unloaded");
}

/// What became of the images of a host whose plugin was unloaded while things of it were held.
#[track_caller]
fn check_unload(library: &Path, held: ImageState, let_go: Option<ImageState>) {
    let Scene { host, keeper } = Scene::new(library);
    let door: Object = super::call(&keeper, "Door", (Value::Null,)).unwrap();
    let numbers: Buffer<f64> = super::call(&keeper, "Numbers", (3,)).unwrap();
    let add: Function = super::call(&keeper, "Adder", (1,)).unwrap();
    let state = || host.images().into_iter().map(|image| image.state).next();
    assert_eq!(state(), Some(ImageState::Serving));
    let held = Some(held);
    host.unload(keeper).unwrap();
    assert_eq!(state(), held);
    drop((door, add));
    assert_eq!(state(), held, "a buffer is held");
    assert_eq!(numbers.to_vec(), [0.0, 1.0, 2.0]);
    thread::spawn(move || drop(numbers)).join().unwrap();
    assert_eq!(state(), let_go);
}

#[test]
fn an_image_is_unmapped_once_nothing_of_it_is_held() {
    let held = ImageState::Kept("handles or calls of it are still held".into());
    check_unload(&C, held, None);
}

#[test]
fn an_image_that_stays_stays() {
    let kept = ImageState::Kept("the plugin does not say `unload`".into());
    check_unload(&RUST, kept.clone(), Some(kept));
}
