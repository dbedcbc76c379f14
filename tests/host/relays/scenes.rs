//! What a script catches beyond native plugins, what belongs to another call, what a load and
//! other threads pass on.

use std::path::Path;
use std::thread;

use twinplug::{Error, ErrorKind, Value};

use super::{C, GO, NO_DOOR, RUST, Scene, lines};
use crate::tracebacks::{frame, thrown};

/// Makes a test of each function, on both plugins.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod rust {
            $(#[test] fn $test() { super::$test(&super::RUST); })*
        }
        mod c {
            $(#[test] fn $test() { super::$test(&super::C); })*
        }
    };
}
on_both! {
    a_script_catches_what_was_thrown_beyond_a_native_plugin
    an_error_of_an_earlier_call_is_not_taken_for_one_of_this
    an_error_that_another_plugin_was_told_is_not_taken_for_ones_own
    a_native_plugin_in_the_host_alone_has_it_all_as_well
    a_step_of_a_load_that_passes_an_error_on
    threads_do_not_meet
    a_script_that_asks_a_native_plugin_itself
}

fn a_script_catches_what_was_thrown_beyond_a_native_plugin(library: &Path) {
    let scene = Scene::new(library, "n1.Context n2.Direct b.Table");
    let caught = scene.host.plugin("a").unwrap().func::<(), (i64, String)>("Caught").unwrap();
    let text = format!(
        "host function `reach`: plugin `n1`: `Context`: level 3: no level: \
         host function `go`: plugin `n2`: `Direct`: {NO_DOOR}"
    );
    assert_eq!(caught.call(()).unwrap(), (7, text));
}

fn an_error_of_an_earlier_call_is_not_taken_for_one_of_this(library: &Path) {
    let scene = Scene::new(library, "");
    for catch in ["Caught", "DirectCaught"] {
        for again in ["Again", "DirectAgain"] {
            let caught = scene.way.reach(&format!("n1.{catch} b.Table"));
            assert_eq!(caught.unwrap(), Value::Int(1));
            let error = scene.way.reach(&format!("n1.{again}")).unwrap_err();
            assert_eq!(error.to_string(), format!("plugin `n1`: `{again}`: {NO_DOOR}"));
            assert_eq!(error.traceback(), None, "there is no more to tell than its name");
            assert_eq!((error.location(), error.payload()), (None, None));
        }
    }
}

fn an_error_that_another_plugin_was_told_is_not_taken_for_ones_own(library: &Path) {
    let scene = Scene::new(library, "");
    scene.way.reach("n1.Caught b.Table").unwrap();
    let error = scene.way.reach("n1.GoAgain n2.Caught b.Table").unwrap_err();
    assert_eq!(error.to_string(), format!("plugin `n1`: `GoAgain`: {NO_DOOR}"));
    assert_eq!((error.traceback(), error.payload()), (None, None));
}

fn a_native_plugin_in_the_host_alone_has_it_all_as_well(library: &Path) {
    let scene = Scene::new(library, "");
    let error = scene.way.reach("n1.Pass n2.Pass b.Table").unwrap_err();
    let frames = [
        "error",
        "b.lua:3 upvalue inner",
        "b.lua:5 <5> Table",
        GO,
        "[native]: in function 'n2.Pass'",
        GO,
        "[native]: in function 'n1.Pass'",
    ];
    assert_eq!(lines(&error), frames.map(frame));
    assert_eq!(error.payload(), thrown().as_ref());
    assert_eq!(error.location(), Some((scene.folder.path().join("b.lua").as_path(), 3)));
    // What each plugin's error was is to be had.
    let source = |error: &Error| {
        std::error::Error::source(error).unwrap().downcast_ref::<Error>().unwrap().clone()
    };
    let second = source(&error);
    assert_eq!((second.plugin(), second.symbol()), (Some("n2"), Some("Pass")));
    let first = source(&second);
    assert_eq!((first.plugin(), first.symbol()), (Some("b"), Some("Table")));
}

fn a_step_of_a_load_that_passes_an_error_on(library: &Path) {
    for hook in ["init", "on_load"] {
        let scene = Scene::new(library, "");
        *scene.way.boots.lock().unwrap() = (hook.into(), "n1.Context b.Table".into());
        let error = scene.host.load_as("n3", library).unwrap_err();
        let expected = format!(
            "cannot load `{}`: its {hook} failed: host function `go`: \
             plugin `n1`: `Context`: level 3: no level: {NO_DOOR}",
            library.display()
        );
        assert_eq!((error.to_string(), error.kind()), (expected, ErrorKind::Load));
        let last = format!("[native]: in function 'n3.{hook}'");
        let frames = [
            "error",
            "b.lua:3 upvalue inner",
            "b.lua:5 <5> Table",
            GO,
            "[native]: in function 'n1.Context'",
            GO,
            &last,
        ];
        assert_eq!(lines(&error), frames.map(frame));
        assert_eq!(error.payload(), thrown().as_ref());
    }
}

fn threads_do_not_meet(library: &Path) {
    let tables = Scene::new(library, "n1.Context b.Table");
    let texts = Scene::new(library, "n1.Context b.Text");
    let owns = Scene::new(library, "n1.Own b.Table");
    thread::scope(|scope| {
        for (scene, payload, frames) in
            [(&tables, thrown(), 7), (&texts, None, 6), (&owns, None, 3)]
        {
            scope.spawn(move || {
                for _ in 0..100 {
                    let error = scene.host.plugin("a").unwrap().call("F", ()).unwrap_err();
                    assert_eq!(error.payload(), payload.as_ref());
                    assert_eq!(lines(&error).len(), frames, "{error:?}");
                }
            });
        }
    });
}

/// What a script asks of a native plugin by itself is told as what its host asks for it.
fn a_script_that_asks_a_native_plugin_itself(library: &Path) {
    let script = "\
        local M = {}\n\
        function M.Call() return (host.plugin('n1').Pass()) end\n\
        function M.Get() return host.plugin('n1').Value end\n\
        function M.Set() host.plugin('n1').Value = 1 end\n\
        function M.Caught(name)\n\
          local ok, err = pcall(M[name])\n\
          return err.code, tostring(err)\n\
        end\n\
        return M";
    let has_variable = library == C.as_path();
    let ways =
        [("Call", "function", "Pass"), ("Get", "variable", "Value"), ("Set", "variable", "Value")];
    for (line, (name, what, symbol)) in (2..).zip(ways) {
        if what == "variable" && !has_variable {
            continue;
        }
        let scene = Scene::new(library, "");
        let asks = scene.host.load_source("asks", script).unwrap();
        let go = |rest: &str| *scene.way.rest.lock().unwrap() = rest.to_owned();
        go("b.Table");
        let error = asks.call(name, ()).unwrap_err();
        let text = format!("plugin `n1`: `{symbol}`: {NO_DOOR}");
        assert_eq!(error.to_string(), format!("plugin `asks`: `{name}`: {text}"));
        let native = format!("[native]: in {what} 'n1.{symbol}'");
        let asked = format!("asks:{line} <{line}> {name}");
        let frames = ["error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO, &native, &asked];
        assert_eq!(lines(&error), frames.map(frame));
        assert_eq!(error.payload(), thrown().as_ref());
        assert_eq!(error.location(), Some((scene.folder.path().join("b.lua").as_path(), 3)));
        go("b.Table");
        let caught = asks.func::<(&str,), (i64, String)>("Caught").unwrap();
        assert_eq!(caught.call((name,)).unwrap(), (7, text));
        go("b.Text");
        let error = asks.call(name, ()).unwrap_err();
        assert_eq!(lines(&error).len(), 5, "{error:?}");
        assert!(error.to_string().ends_with("b.lua:7: the door is closed"), "{error}");
    }
}
