//! Numbers that come out of a script: what is read of them in a few steps is what the general way
//! reads, for each type that they are asked for as.

use std::fmt::Debug;

use twinplug::{Data, Host, PluginRef};

/// What Lua says for numbers at the ends of what types hold, and for what are none.
const EXPRESSIONS: [&str; 25] = [
    "0",
    "1",
    "-1",
    "127",
    "256",
    "2147483648",
    "-2147483648",
    "2^53",
    "-2^53",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "9223372036854775807",
    "2^63",
    "0.5",
    "-0.0",
    "1e300",
    "1 / 0",
    "0 / 0",
    "16777217",
    "true",
    "nil",
    "'1'",
    "'text'",
];

fn loaded(host: &Host) -> PluginRef {
    let one = |(number, expression): (usize, &&str)| {
        format!("M.f{number} = function() return {expression} end\nM.v{number} = {expression}\n")
    };
    let all: String = EXPRESSIONS.iter().enumerate().map(one).collect();
    host.load_source("numbers", format!("local M = {{}}\n{all}return M").as_str()).unwrap()
}

/// What comes of asking for a `T`, in the way of all results and in that of one, and of the variable;
/// errors are alike.
fn outcomes<T: Data + Debug + Clone + 'static>(plugin: &PluginRef, number: usize) -> [String; 3] {
    let (function, variable) = (format!("f{number}"), format!("v{number}"));
    let shown = |value: twinplug::Result<T>| match value {
        Ok(value) => format!("{value:?}"),
        Err(_) => "an error".to_owned(),
    };
    let of_all = plugin.func::<(), (T,)>(&function).and_then(|it| it.call(()));
    let of_one = plugin.func::<(), T>(&function).and_then(|it| it.call(()));
    let of_all = shown(of_all.map(|(value,)| value));
    // There is no variable that is nil.
    let of_variable = match EXPRESSIONS[number] {
        "nil" => of_all.clone(),
        _ => shown(plugin.var::<T>(&variable).and_then(|it| it.get())),
    };
    [of_all, shown(of_one), of_variable]
}

fn check<T: Data + Debug + Clone + 'static>() {
    // Calls go the quick way once this thread has called a plugin over and over.
    for calls in [0, 20] {
        let host = Host::builder().build().unwrap();
        let plugin = loaded(&host);
        for _ in 0..calls {
            plugin.func::<(), f64>("f0").unwrap().call(()).unwrap();
        }
        for (number, expression) in EXPRESSIONS.iter().enumerate() {
            let [of_all, of_one, of_variable] = outcomes::<T>(&plugin, number);
            let asked = format!("`{expression}` as {}", std::any::type_name::<T>());
            assert_eq!(of_all, of_one, "{asked}");
            assert_eq!(of_all, of_variable, "{asked}, of a variable");
        }
    }
}

#[test]
fn they_are_read_in_one_way() {
    check::<i64>();
    check::<f64>();
    check::<bool>();
    check::<i32>();
    check::<u8>();
    check::<u64>();
    check::<f32>();
    check::<String>();
}

#[test]
fn what_is_not_exact_as_a_float_is_refused() {
    if cfg!(any(feature = "luajit", feature = "luau")) {
        return;
    }
    let host = Host::builder().build().unwrap();
    let script = "Wide = 9007199254740993\nfunction Give() return Wide end";
    let plugin = host.load_source("wide", script).unwrap();
    let give = plugin.func::<(), f64>("Give").unwrap();
    let wide = plugin.var::<f64>("Wide").unwrap();
    for _ in 0..20 {
        let errors = [give.call(()).unwrap_err(), wide.get().unwrap_err()];
        for error in errors.map(|error| error.to_string()) {
            assert!(error.ends_with("9007199254740993 is not a float exactly"), "{error}");
        }
    }
    plugin.var::<i64>("Wide").unwrap().set(9007199254740992).unwrap();
    assert_eq!((give.call(()).unwrap(), wide.get().unwrap()), (2_f64.powi(53), 2_f64.powi(53)));
}
