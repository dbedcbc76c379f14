//! `HostBuilder::deprecated`: who is told, and how often.

use twinplug::{Host, Value};

use crate::reports::{Report, Reports};

fn host() -> Host {
    Host::builder()
        .function("plus", |a: i64, b: i64| a + b)
        .leaf("twice", |a: f64| a * 2.0)
        .blocking_function("world.wait", || 3)
        .function("fine", || 4)
        .deprecated("plus", "use `+`")
        .deprecated("twice", "use `2 * x`")
        .deprecated("world.wait", "nothing is\nto be waited for")
        .build()
        .unwrap()
}

const SCRIPT: &str = "\
function Plus() local n = 0 for i = 1, 3 do n = host.plus(n, i) end return n end
function Twice() local n = 1 for i = 1, 200 do n = host.twice(n) / 2 end return n end
function Wait() local n = host.world.wait() + host.world.wait() return n end
function Fine() local n = host.fine() return n end
";

#[test]
fn each_plugin_is_told_once_of_each() {
    let host = host();
    let reports = Reports::default();
    let check = |plugin: &str, name: &str, result: Value, expected: Option<&str>| {
        let plugin = host.plugin(plugin).unwrap();
        let got =
            tracing::subscriber::with_default(reports.clone(), || plugin.call(name, ()).unwrap());
        assert_eq!(got, result);
        let expected = expected.map(|text| Report {
            level: "WARN".into(),
            target: "twinplug::plugin::host_function".into(),
            plugin: plugin.name().into(),
            text: format!("it uses the deprecated host function {text}"),
        });
        assert_eq!(reports.taken(), Vec::from_iter(expected));
    };
    for name in ["a", "b"] {
        host.load_source(name, SCRIPT).unwrap();
        check(name, "Fine", Value::Int(4), None);
        check(name, "Plus", Value::Int(6), Some("`plus`: use `+`"));
        check(name, "Plus", Value::Int(6), None);
        let one = if crate::twins::HAS_INTEGERS { Value::Float(1.0) } else { Value::Int(1) };
        check(name, "Twice", one.clone(), Some("`twice`: use `2 * x`"));
        check(name, "Twice", one, None);
        let text = "`world.wait`: nothing is\nto be waited for";
        check(name, "Wait", Value::Int(6), Some(text));
        check(name, "Wait", Value::Int(6), None);
    }
}

#[test]
fn an_editor_strikes_them_through() {
    let definitions = host().definitions();
    let file = definitions.file("host.lua").unwrap();
    let plus = "\n---@deprecated use `+`\n---@param arg1 integer\n---@param arg2 integer\n\
                ---@return integer\nfunction host.plus(arg1, arg2) end\n";
    assert!(file.contains(plus), "{file}");
    let wait = "\n  ---@deprecated nothing is to be waited for\n  ---@async\n  ---@return integer\n  \
                function group.wait() end\n";
    assert!(file.contains(wait), "{file}");
    assert!(file.contains("\n\n---@return integer\nfunction host.fine() end\n"), "{file}");
}

#[test]
fn a_function_that_is_not_there_is_refused() {
    let check = |builder: twinplug::HostBuilder, expected: &str| {
        assert_eq!(builder.build().unwrap_err().to_string(), expected);
    };
    // Whichever is said first.
    let built = Host::builder().deprecated("plus", "use `+`").function("plus", || {}).build();
    assert!(built.is_ok());
    check(
        Host::builder().function("plus", || {}).deprecated("plsu", ""),
        "no function `plsu` is there to be deprecated; near: `plus`",
    );
    check(
        Host::builder().constant("X", 1).deprecated("X", ""),
        "no function `X` is there to be deprecated",
    );
    check(
        Host::builder().function("x", || {}).deprecated("x", "a").deprecated("x", "b"),
        "function `x` is deprecated twice",
    );
}

#[cfg(feature = "native")]
#[test]
fn native_plugins_are_told_as_well() {
    use crate::twins::{C, RUST};

    for twin in [&C, &RUST] {
        let host = Host::builder()
            .function("scale", |x: f64, by: f64| x * by)
            .deprecated("scale", "use `*`")
            .build()
            .unwrap();
        let reports = Reports::default();
        let probe = host.load(&twin.probe).unwrap();
        let scale = probe.func::<(f64, f64), f64>("Scale").unwrap();
        tracing::subscriber::with_default(reports.clone(), || {
            assert_eq!(scale.call((2.0, 3.0)).unwrap(), 6.0);
            assert_eq!(scale.call((2.0, 4.0)).unwrap(), 8.0);
        });
        let lines: Vec<_> = reports.taken().iter().map(Report::to_string).collect();
        assert_eq!(lines, ["WARN: it uses the deprecated host function `scale`: use `*`"]);
    }
}
