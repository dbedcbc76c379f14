//! Every error that a plugin of any kind can cause, with its whole message; after
//! each the host and every plugin work on.

#[cfg(all(feature = "_lua", feature = "native"))]
mod kinds;

use twinplug::{Error, ErrorKind, Map, PluginRef, Result, Value, data};

use crate::twins::{PluginData, Stage, THROWN, Twin, flavoured, message, on_every_twin};

on_every_twin! {
    a_missing_symbol_has_near_names
    a_function_is_no_variable_and_a_variable_no_function
    a_wrong_type_at_lookup_shows_both
    a_wrong_type_at_set_names_the_field
    a_wrong_type_in_a_message_names_the_field
    a_wrong_number_of_arguments
    a_failing_function
    a_failing_init
    a_failing_host_function
    channels_that_are_unknown_or_closed
    a_second_plugin_of_the_same_name_and_version
    a_foreign_plugin_is_not_unloaded
}

/// The probe, with another plugin beside it.
struct Scene {
    stage: Stage,
    probe: PluginRef,
}

impl Scene {
    fn new(twin: &Twin) -> Self {
        let stage = Stage::new();
        let probe = stage.host.load(&twin.probe).unwrap();
        stage.host.load(&twin.testplugin).unwrap();
        Scene { stage, probe }
    }

    /// Checks an error whole, and that all goes on.
    #[track_caller]
    fn check<T: std::fmt::Debug>(
        &self,
        result: Result<T>,
        kind: ErrorKind,
        expected: &str,
    ) -> Error {
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.kind(), kind);
        assert_eq!(self.probe.call("Add", (2, 3)).unwrap(), Value::Int(5));
        let other = self.stage.host.plugin("testplugin").unwrap();
        assert!(other.call("Hello", ()).is_ok());
        error
    }

    /// Checks the error of a call of the probe, which fails at a line of the script.
    #[track_caller]
    fn check_call(&self, twin: &Twin, name: &str, args: &[Value], expected: &str) -> Error {
        let function = format!("function M.{name}(");
        let called = self.probe.lookup(name).unwrap().into_dynamic().unwrap().call(args);
        let expected = format!("plugin `probe`: `{name}`: {}{expected}", twin.at(&function));
        let error = self.check(called, ErrorKind::Call, &expected);
        assert_eq!((error.plugin(), error.symbol()), (Some("probe"), Some(name)));
        let line = twin.is_script().then(|| (twin.probe.as_path(), twin.line_of(&function)));
        assert_eq!(error.location(), line);
        error
    }
}

fn a_missing_symbol_has_near_names(twin: &Twin) {
    let scene = Scene::new(twin);
    let error = scene.check(
        scene.probe.lookup("Cuont"),
        ErrorKind::Symbol,
        "plugin `probe`: no symbol `Cuont`; near: `Count`",
    );
    assert_eq!((error.plugin(), error.symbol()), (Some("probe"), Some("Cuont")));
    scene.check(
        scene.probe.call("xyzzy", ()),
        ErrorKind::Symbol,
        "plugin `probe`: no symbol `xyzzy`",
    );
}

fn a_function_is_no_variable_and_a_variable_no_function(twin: &Twin) {
    let scene = Scene::new(twin);
    let signature = if twin.signatures { "(a: int, b: int) -> int" } else { "(...) -> any" };
    scene.check(
        scene.probe.var::<i64>("Add"),
        ErrorKind::Symbol,
        &format!("plugin `probe`: `Add` is a function, `{signature}`, and no variable: use `func`"),
    );
    let int = twin.int;
    let expected =
        format!("plugin `probe`: `Count` is a variable, `{int}`, and no function: use `var`");
    scene.check(scene.probe.func::<(), ()>("Count"), ErrorKind::Symbol, &expected);
    scene.check(scene.probe.call("Count", ()), ErrorKind::Symbol, &expected);
}

#[data]
#[derive(Debug)]
struct Wrong {
    inner: Map,
    label: i64,
}

fn a_wrong_type_at_lookup_shows_both(twin: &Twin) {
    let scene = Scene::new(twin);
    let (int, float) = (twin.int, twin.float);
    scene.check(
        scene.probe.var::<String>("Count"),
        ErrorKind::Type,
        &format!("plugin `probe`: `Count` is `{int}`, asked for as `string`"),
    );
    let (inner, nested) = match twin.signatures {
        true => ("Inner { x: int }", "Nested { inner: Inner { x: int }, label: string }"),
        false => ("{ x: number }", "{ inner: { x: number }, label: string }"),
    };
    assert!(nested.contains(inner));
    scene.check(
        scene.probe.var::<Wrong>("Nested"),
        ErrorKind::Type,
        &format!(
            "plugin `probe`: `Nested` is `{nested}`, asked for as \
             `Wrong {{ inner: map<any>, label: int }}`: `label`: expected int, got string"
        ),
    );
    if twin.signatures {
        scene.check(
            scene.probe.func::<(i64, String), i64>("Add"),
            ErrorKind::Type,
            "plugin `probe`: `Add` is `(a: int, b: int) -> int`: argument `b`: expected int, got string",
        );
        scene.check(
            scene.probe.func::<(i64, i64), String>("Add"),
            ErrorKind::Type,
            "plugin `probe`: `Add` is `(a: int, b: int) -> int`: result: expected string, got int",
        );
    } else {
        // What a script's function returns is known when it has returned.
        let add = scene.probe.func::<(i64, i64), String>("Add").unwrap();
        scene.check(
            add.call((1, 2)),
            ErrorKind::Type,
            "plugin `probe`: `Add`: result: expected string, got int",
        );
    }
    let ratio = scene.probe.var::<f64>("Ratio").unwrap();
    assert_eq!(ratio.ty().to_string(), float);
}

fn a_wrong_type_at_set_names_the_field(twin: &Twin) {
    let scene = Scene::new(twin);
    let nested = scene.probe.var::<Value>("Nested").unwrap();
    let before = nested.get().unwrap();
    let int = twin.int;
    let value = |x: Value| -> Value {
        let inner = Map::from([("x".into(), x)]);
        Map::from([("inner".into(), inner.into()), ("label".into(), "b".into())]).into()
    };
    scene.check(
        nested.set(value("one".into())),
        ErrorKind::Type,
        &format!("plugin `probe`: `Nested.inner.x`: expected {int}, got string"),
    );
    scene.check(
        nested.set(Map::new().into()),
        ErrorKind::Type,
        "plugin `probe`: `Nested`: missing field `inner`",
    );
    scene.check(
        scene.probe.var::<Value>("On").unwrap().set(Value::Int(1)),
        ErrorKind::Type,
        "plugin `probe`: `On`: expected bool, got int",
    );
    assert_eq!(nested.get().unwrap(), before);
    nested.set(value(5.into())).unwrap();
}

fn a_wrong_type_in_a_message_names_the_field(twin: &Twin) {
    let scene = Scene::new(twin);
    scene.check_call(
        twin,
        "Send",
        &["numbers".into(), "x".into()],
        "channel `numbers`: expected int, got string",
    );
    let message = Map::from([("name".into(), "".into()), ("age".into(), "old".into())]);
    scene.check_call(
        twin,
        "Send",
        &["data".into(), message.into()],
        "channel `data`: `age`: expected int, got string",
    );
    scene.check_call(
        twin,
        "Send",
        &["data".into(), Map::from([("name".into(), "".into())]).into()],
        "channel `data`: missing field `age`",
    );
    scene.check(
        scene.stage.host.channel::<String>("data"),
        ErrorKind::Type,
        "channel `data` carries `PluginData { name: string, age: int, tel: string }`, \
         asked for as `string`",
    );
}

fn a_wrong_number_of_arguments(twin: &Twin) {
    let scene = Scene::new(twin);
    if twin.signatures {
        scene.check(
            scene.probe.func::<(i64,), i64>("Add"),
            ErrorKind::Type,
            "plugin `probe`: `Add` is `(a: int, b: int) -> int`: expected 2 arguments, got 1",
        );
        scene.check(
            scene.probe.call("Add", (1, 2, 3)),
            ErrorKind::Type,
            "plugin `probe`: `Add`: expected 2 arguments, got 3",
        );
        scene.check(
            scene.probe.call("Add", (1, "two")),
            ErrorKind::Type,
            "plugin `probe`: `Add`: argument `b`: expected int, got string",
        );
    } else {
        scene.check(
            scene.probe.call("Add", (1,)),
            ErrorKind::Call,
            &format!(
                "plugin `probe`: `Add`: {}attempt to perform arithmetic {}",
                twin.at("function M.Add("),
                flavoured(
                    "on a nil value (local 'b')",
                    "on local 'b' (a nil value)",
                    "(add) on number and nil"
                ),
            ),
        );
    }
}

fn a_failing_function(twin: &Twin) {
    let scene = Scene::new(twin);
    let error = scene.check_call(twin, "Fail", &[], "the door is closed");
    assert_eq!(error.payload(), None);
    if twin.is_script() {
        let at = twin.at("function M.Fail(");
        let traceback: Vec<_> = error.traceback().unwrap().lines().collect();
        assert_eq!(traceback[0], THROWN);
        assert!(traceback[1].starts_with(&format!("{at}in function")), "{traceback:?}");
        assert_eq!(traceback.len(), 2, "{traceback:?}");
    }
    match scene.probe.lookup("Crash") {
        // C has no panic to catch.
        Err(_) => {}
        Ok(crash) => {
            let called = crash.into_dynamic().unwrap().call(&[]);
            let expected = match twin.is_script() {
                false => "panicked: out of order".to_owned(),
                true => {
                    let at = twin.at("function M.Crash(");
                    let on =
                        flavoured("on a nil value", "on a nil value", "(add) on nil and number");
                    format!("{at}attempt to perform arithmetic {on}")
                }
            };
            let expected = format!("plugin `probe`: `Crash`: {expected}");
            scene.check(called, ErrorKind::Call, &expected);
        }
    }
}

fn a_failing_init(twin: &Twin) {
    let stage = Stage::with(|builder| builder.function("fail_init", || ()));
    let expected = match twin.is_script() {
        false => "its init failed: no, not today".to_owned(),
        true => format!("{}no, not today", twin.at("no, not today")),
    };
    let error = stage.host.load(&twin.probe).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot load `{}`: {expected}", twin.probe.display()));
    assert_eq!(error.kind(), ErrorKind::Load);
    assert!(stage.host.plugins().is_empty());
    stage.host.load(&twin.testplugin).unwrap();
}

fn a_failing_host_function(twin: &Twin) {
    let scene = Scene::new(twin);
    let refused =
        scene.check_call(twin, "Refuse", &[], "host function `refuse`: the host will not");
    let traceback: Vec<_> = refused.traceback().unwrap().lines().collect();
    assert_eq!(traceback[0], "[host]: in function 'refuse'");
    match twin.is_script() {
        false => assert_eq!(traceback[1..], ["[native]: in function 'probe.Refuse'"]),
        true => assert!(traceback[1].starts_with(&twin.at("function M.Refuse(")), "{traceback:?}"),
    }
    scene.check_call(twin, "Blow", &[], "host function `blow`: panicked: the host blew");
    let unknown = match twin.is_script() {
        false => "the host has no function `scal`; near: `scale`",
        true => "`host` has no `scal`; near: `scale`",
    };
    scene.check_call(twin, "Unknown", &[], unknown);
    if !twin.signatures {
        scene.check_call(
            twin,
            "Scale",
            &[1.into()],
            "host function `scale`: argument 2: expected float, got null",
        );
    }
}

fn channels_that_are_unknown_or_closed(twin: &Twin) {
    let scene = Scene::new(twin);
    let unknown = "the host has no channel `nmbers`; near: `numbers`";
    scene.check_call(twin, "Send", &["nmbers".into(), 1.into()], unknown);
    scene.check_call(twin, "Receive", &["nmbers".into()], unknown);
    let other = scene.stage.host.channel::<i64>("nmbers");
    scene.check(other, ErrorKind::NotFound, unknown);

    let numbers = scene.stage.host.channel::<i64>("numbers").unwrap();
    numbers.send(1).unwrap();
    numbers.close();
    let closed = "channel `numbers` is closed";
    scene.check_call(twin, "Send", &["numbers".into(), 1.into()], closed);
    assert_eq!(scene.probe.call("Receive", ("numbers",)).unwrap(), Value::Int(1));
    scene.check_call(twin, "Receive", &["numbers".into()], closed);
    scene.check(numbers.send(2), ErrorKind::Channel, closed);

    let data = scene.stage.host.channel::<PluginData>("data").unwrap();
    data.close();
    let complex = scene.stage.host.plugin("testplugin").unwrap();
    let line = twin.testplugin_at(":send(");
    assert_eq!(
        message(complex.call("ComplexType", ())),
        format!("plugin `testplugin`: `ComplexType`: {line}channel `data` is closed")
    );
}

fn a_second_plugin_of_the_same_name_and_version(twin: &Twin) {
    let scene = Scene::new(twin);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join(twin.probe.file_name().unwrap());
    std::fs::copy(&twin.probe, &copy).unwrap();
    scene.check(
        scene.stage.host.load(&copy),
        ErrorKind::Refused,
        &format!(
            "cannot load `{}`: `probe` 0.3.1 is loaded already, from `{}`: \
             unload that one, or give this one another version",
            copy.display(),
            twin.probe.display()
        ),
    );
    assert_eq!(scene.stage.host.plugins().len(), 2);
}

fn a_foreign_plugin_is_not_unloaded(twin: &Twin) {
    let scene = Scene::new(twin);
    let other = Stage::new();
    assert_eq!(
        message(other.host.unload(scene.probe.clone())),
        "plugin `probe`: the plugin is not loaded in this host"
    );
    assert_eq!(scene.probe.call("Add", (1, 1)).unwrap(), Value::Int(2));
}

#[test]
fn no_such_file_lists_the_places_tried() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let check = |path: String, expected: String| {
        let error = stage.host.load(path).unwrap_err();
        assert_eq!((error.to_string(), error.kind()), (expected, ErrorKind::NotFound));
    };
    check(at("a.lua"), format!("no plugin at `{0}`: tried `{0}`", at("a.lua")));
    check(
        at("a"),
        format!(
            "no plugin at `{}`: tried `{}`, `{}`, `{}`",
            at("a"),
            at("a"),
            at("a.lua"),
            at(&format!("{}a{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX))
        ),
    );
    let here = folder.path().display().to_string();
    check(
        here.clone(),
        format!(
            "no plugin in `{here}`: tried `{}`; the command `twinplug` builds a folder of sources, \
             which has a `Cargo.toml`, a `go.mod`, a `build.zig`, or files `*.c`, `*.cpp` or `*.cc`",
            at("init.lua")
        ),
    );
}

#[test]
fn a_builder_refuses_names_that_do_not_work() {
    let refused = |builder: twinplug::HostBuilder| message(builder.build());
    let builder = twinplug::Host::builder;
    assert_eq!(refused(builder().function("log", || ())), "function `log`: `host.log` is built in");
    assert_eq!(
        refused(builder().function("a b", || ())),
        "function `a b`: a name is letters, digits, `_`, and dots between"
    );
    assert_eq!(
        refused(builder().function("f", || ()).function("f", || ())),
        "function `f` is there twice"
    );
    assert_eq!(
        refused(builder().function("world", || ()).function("world.spawn", || ())),
        "function `world.spawn`: `world` makes one of them a group as well"
    );
    assert_eq!(
        refused(builder().channel::<i64>("c", 0).channel::<i64>("c", 1)),
        "channel `c` is there twice"
    );
}
