//! Native plugins use other plugins, of either kind, by their names.

use std::path::Path;
use std::thread;

use twinplug::{Function, Host, PluginRef, Value};

use super::on_both;

on_both! {
    a_native_plugin_calls_and_sets_what_another_one_exports
    what_another_plugin_does_not_have_is_told
    an_error_of_another_plugin_passes_through_with_its_traceback
    plugins_that_call_each_other_from_two_threads_do_not_block
    what_is_used_follows_what_is_loaded
}

const SCRIPT: &str = "local M = { Count = 1, Names = { 'a' } }
function M.Twice(x) return x * 2 end
function M.Pair(x) return x, 'two' end
function M.Fail(x) error('no ' .. x) end
function M.Throw(x) error({ code = x }) end
function M.Back(x) local twice = host.plugin('keeper').Other('script', 'Twice', x) return twice + 1 end
function M.Call(f) return f(3) end
return M";

fn load(library: &Path) -> (Host, PluginRef, PluginRef) {
    let host = Host::builder().build().unwrap();
    let keeper = host.load(library).unwrap();
    let script = host.load_source("script", SCRIPT).unwrap();
    (host, keeper, script)
}

fn other(keeper: &PluginRef, function: &str, value: Value) -> twinplug::Result<Value> {
    keeper.func::<(&str, &str, Value), Value>("Other").unwrap().call(("script", function, value))
}

fn a_native_plugin_calls_and_sets_what_another_one_exports(library: &Path) {
    let (host, keeper, script) = load(library);
    assert_eq!(other(&keeper, "Twice", 21.into()).unwrap(), 42.into());
    let pair = Value::List(vec![1.into(), "two".into()]);
    assert_eq!(other(&keeper, "Pair", 1.into()).unwrap(), pair);
    assert_eq!(other(&keeper, "Back", 4.into()).unwrap(), 9.into());
    let function = Function::new(|x: i64| x * 7);
    assert_eq!(other(&keeper, "Call", function.into()).unwrap(), 21.into());

    let get = keeper.func::<(&str, &str), Value>("Get").unwrap();
    let set = keeper.func::<(&str, &str, Value), ()>("Set").unwrap();
    set.call(("script", "Count", 5.into())).unwrap();
    assert_eq!(script.var::<i64>("Count").unwrap().get().unwrap(), 5);
    assert_eq!(get.call(("script", "Count")).unwrap(), 5.into());
    assert_eq!(get.call(("script", "Names")).unwrap(), Value::List(vec!["a".into()]));

    // A native one as well: itself, for one.
    let itself = host.load_as("mirror", library).unwrap();
    let echoed = itself.func::<(&str, &str, Value), Value>("Other").unwrap();
    assert_eq!(echoed.call(("keeper", "Echo", "hi".into())).unwrap(), "hi".into());
}

fn what_another_plugin_does_not_have_is_told(library: &Path) {
    let (_host, keeper, _script) = load(library);
    let told = |name: &str, args: &[Value]| {
        let twinplug::Symbol::Func(function) = keeper.lookup(name).unwrap() else {
            panic!("`{name}` is no function")
        };
        function.call(args).unwrap_err().to_string()
    };
    let other =
        |plugin: &str, function: &str| told("Other", &[plugin.into(), function.into(), 1.into()]);
    assert_eq!(
        other("scrip", "Twice"),
        "plugin `keeper`: `Other`: no plugin `scrip` is loaded; near: `script`"
    );
    assert_eq!(
        other("script", "Twise"),
        "plugin `keeper`: `Other`: plugin `script`: no symbol `Twise`; near: `Twice`"
    );
    assert_eq!(
        other("script", "Count"),
        "plugin `keeper`: `Other`: plugin `script`: `Count` is a variable, `number`, and no function: use `var`"
    );
    assert_eq!(
        told("Get", &["script".into(), "Twice".into()]),
        "plugin `keeper`: `Get`: plugin `script`: `Twice` is a function, `(...) -> any`, and no variable: use `func`"
    );
    assert_eq!(
        told("Set", &["script".into(), "Count".into(), "x".into()]),
        "plugin `keeper`: `Set`: plugin `script`: `Count`: expected number, got string"
    );
}

fn an_error_of_another_plugin_passes_through_with_its_traceback(library: &Path) {
    let (_host, keeper, _script) = load(library);
    let error = other(&keeper, "Fail", "luck".into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `keeper`: `Other`: plugin `script`: `Fail`: script:4: no luck"
    );
    let traceback = error.traceback().unwrap();
    assert!(traceback.contains("script:4: in function"), "{traceback}");
    assert!(traceback.ends_with("[native]: in function 'keeper.Other'"), "{traceback}");
    let thrown = other(&keeper, "Throw", 7.into()).unwrap_err();
    assert_eq!(thrown.payload(), Some(&Value::Map([("code".into(), 7.into())].into())));
}

fn plugins_that_call_each_other_from_two_threads_do_not_block(library: &Path) {
    let (_host, keeper, script) = load(library);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let back = script.func::<(i64,), i64>("Back").unwrap();
                (0..500).for_each(|x| assert_eq!(back.call((x,)).unwrap(), 2 * x + 1));
            });
            scope.spawn(|| {
                (0..500).for_each(|x| {
                    let back = other(&keeper, "Back", x.into()).unwrap();
                    assert_eq!(back, (2 * x + 1).into());
                });
            });
        }
    });
}

fn what_is_used_follows_what_is_loaded(library: &Path) {
    let (host, keeper, script) = load(library);
    let has = keeper.func::<(&str,), bool>("Has").unwrap();
    assert!(has.call(("script",)).unwrap());
    host.unload(script).unwrap();
    assert!(!has.call(("script",)).unwrap());
    assert_eq!(
        other(&keeper, "Twice", 1.into()).unwrap_err().to_string(),
        "plugin `keeper`: `Other`: no plugin `script` is loaded"
    );
    host.load_source("script", "function Twice(x) return x * 200 end").unwrap();
    assert_eq!(other(&keeper, "Twice", 1.into()).unwrap(), 200.into());
}
