//! Calls of functions and methods: both ways, on many threads, with their errors.

use std::path::Path;
use std::sync::Mutex;
use std::thread;

use twinplug::{CallError, ErrorKind, Function, Object, Result, Value};

use super::{Drops, Scene, on_both};

on_both! {
    a_plugin_calls_functions_of_the_host
    the_host_calls_functions_of_a_plugin
    a_call_goes_to_and_fro
    what_a_plugin_gives_a_method_of_the_host_is_known
    errors_have_their_text_and_their_kind
    errors_of_the_host_come_back_whole
    panics_are_errors
    a_leaf_function_calls_nothing_of_the_host
    an_object_is_used_on_many_threads
}

fn a_plugin_calls_functions_of_the_host(library: &Path) {
    let scene = Scene::new(library);
    let add = Function::new(|x: i64| x + 1);
    assert_eq!(scene.call::<i64>("Apply", (add, vec![Value::Int(1)])), 2);
    let join = Function::new(|texts: Vec<String>| texts.concat());
    let texts: Vec<Value> = ["a", "b"].map(Value::from).into();
    assert_eq!(scene.call::<String>("Apply", (join, texts)), "ab");
    let lamp = Drops::default().lamp();
    assert_eq!(scene.call::<i64>("Use", (lamp, "turn", vec![Value::Int(3)])), 3);
}

fn the_host_calls_functions_of_a_plugin(library: &Path) {
    let scene = Scene::new(library);
    let add: Function = scene.call("Adder", (40,));
    assert_eq!(add.call::<i64>((2,)).unwrap(), 42);
    let door = scene.door();
    assert_eq!(door.call::<i64>("lock", (2,)).unwrap(), 2);
    assert_eq!(door.call::<i64>("lock", (3,)).unwrap(), 5);
    assert_eq!(scene.call::<i64>("Ask", ("apply", Value::Func(add))), 41);
}

fn a_call_goes_to_and_fro(library: &Path) {
    let scene = Scene::new(library);
    let door = scene.door();
    let inner = door.clone();
    // The host's function calls the door, whose method calls it.
    let relock = Function::new(move |by: i64| inner.call::<i64>("lock", (by,)));
    assert_eq!(door.call::<i64>("call", (relock.clone(), 4)).unwrap(), 4);
    assert_eq!(scene.call::<i64>("Apply", (relock, vec![Value::Int(5)])), 9);
}

fn what_a_plugin_gives_a_method_of_the_host_is_known(library: &Path) {
    let scene = Scene::new(library);
    let add: Value = scene.call("Adder", (40,));
    let lamp = Drops::default().lamp();
    let applied = scene.call::<i64>("Use", (lamp, "apply", vec![add.clone(), Value::Int(2)]));
    assert_eq!(applied, 42);
    // One that is kept is there after the call.
    let kept = std::sync::Arc::new(Mutex::new(None));
    let keep = {
        let kept = std::sync::Arc::clone(&kept);
        Function::new(move |value: Value| *kept.lock().unwrap() = Some(value))
    };
    scene.call::<()>("Apply", (keep, vec![add.clone()]));
    let kept = kept.lock().unwrap().take().unwrap();
    assert_eq!(kept, add);
    let Value::Func(kept) = kept else { panic!("no function was kept") };
    assert_eq!(kept.call::<i64>((1,)).unwrap(), 41);
}

#[track_caller]
fn check(result: Result<Value, CallError>, kind: ErrorKind, message: &str) {
    let call = result.unwrap_err();
    assert_eq!(call.to_string(), message);
    let error = twinplug::Error::from(call);
    assert_eq!((error.to_string().as_str(), error.kind()), (message, kind));
    assert_eq!(error.plugin(), Some("keeper"));
}

fn errors_have_their_text_and_their_kind(library: &Path) {
    let scene = Scene::new(library);
    let door = scene.door();
    let fail = door.call("fail", ());
    check(fail, ErrorKind::Call, "plugin `keeper`: `Door.fail`: the door is stuck");
    let add: Function = scene.call("Adder", (1,));
    check(add.call((13,)), ErrorKind::Call, "plugin `keeper`: unlucky");
    let text = "plugin `keeper`: argument 1: expected int, got string";
    check(add.call(("x",)), ErrorKind::Type, text);
    let missing = twinplug::Error::from(door.call::<()>("open", ()).unwrap_err());
    assert_eq!((missing.kind(), missing.symbol()), (ErrorKind::NotFound, Some("Door.open")));
    // What it answers is of another type than it is asked for.
    let wrong = add.call::<String>((1,)).unwrap_err();
    assert_eq!(wrong.to_string(), "result: expected string, got int");
}

fn errors_of_the_host_come_back_whole(library: &Path) {
    let scene = Scene::new(library);
    let door = scene.door();
    let stuck = {
        let door = door.clone();
        Function::new(move |_: i64| Ok::<_, twinplug::Error>(door.call::<()>("fail", ())?))
    };
    // host -> door.call -> the host's function -> door.fail
    let error = twinplug::Error::from(door.call::<()>("call", (stuck.clone(), 1)).unwrap_err());
    assert_eq!(
        error.to_string(),
        "plugin `keeper`: `Door.call`: plugin `keeper`: `Door.fail`: the door is stuck"
    );
    assert_eq!(
        error.traceback(),
        Some("[native]: in method 'keeper.Door.fail'\n[native]: in method 'keeper.Door.call'")
    );
    let error = scene.tried::<()>("Apply", (stuck, vec![Value::Int(1)])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `keeper`: `Apply`: plugin `keeper`: `Door.fail`: the door is stuck"
    );
    assert_eq!(
        error.traceback(),
        Some("[native]: in method 'keeper.Door.fail'\n[native]: in function 'keeper.Apply'")
    );
    // A function that is a value has no name.
    let add: Function = scene.call("Adder", (1,));
    let error = scene.tried::<()>("Ask", ("apply", Value::Func(unlucky(add)))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `keeper`: `Ask`: host function `apply`: plugin `keeper`: unlucky"
    );
    assert_eq!(
        error.traceback(),
        Some(
            "[native]: in a function of 'keeper'\n[host]: in function 'apply'\n\
             [native]: in function 'keeper.Ask'"
        )
    );
}

/// The same function, called with what it fails for.
fn unlucky(function: Function) -> Function {
    Function::new(move |_: i64| function.call::<i64>((13,)))
}

fn panics_are_errors(library: &Path) {
    let scene = Scene::new(library);
    let text = "plugin `keeper`: `Door.blow`: panicked: the door blew";
    check(scene.door().call("blow", ()), ErrorKind::Call, text);
    let blow = Function::new(|| -> i64 { panic!("the host blew") });
    let error = scene.tried::<()>("Apply", (blow.clone(), Vec::<Value>::new())).unwrap_err();
    assert_eq!(error.to_string(), "plugin `keeper`: `Apply`: panicked: the host blew");
    assert_eq!(blow.call::<i64>(()).unwrap_err().to_string(), "panicked: the host blew");
}

fn a_leaf_function_calls_nothing_of_the_host(library: &Path) {
    let scene = Scene::new(library);
    let error = scene.tried::<()>("Leaf", (Function::new(|| 1),)).unwrap_err();
    let text = "plugin `keeper`: `Leaf`: a leaf function calls nothing of the host";
    assert_eq!(error.to_string(), text);
}

fn an_object_is_used_on_many_threads(library: &Path) {
    let scene = Scene::new(library);
    let door = scene.door();
    let add: Function = scene.call("Adder", (1,));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for x in 0..200 {
                    door.call::<i64>("lock", (1,)).unwrap();
                    let same: Object = door.call("same", (door.clone(),)).unwrap();
                    assert_eq!(same, door);
                    assert_eq!(add.call::<i64>((x + 100,)).unwrap(), x + 101);
                    let own: bool = scene.call("Knows", (same,));
                    assert!(own);
                }
            });
        }
    });
    assert_eq!(door.call::<i64>("lock", (0,)).unwrap(), 1600);
}
