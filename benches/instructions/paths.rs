//! The paths that are counted.

use std::hint::black_box;

use twinplug::{Dynamic, Func, Host, Value, data};

use super::built;

pub(crate) const NAMES: [&str; 7] = [
    "native_call",
    "native_call_stateful",
    "native_general",
    "native_dynamic",
    "native_struct",
    "native_var",
    "lookup",
];

#[data]
#[derive(Clone)]
struct PluginData {
    name: String,
    age: i64,
    tel: String,
}

/// Goes that path so many times.
pub(crate) fn run(path: &str, times: u64) {
    let host = Host::builder().build().unwrap();
    let adder = host.load(built("adder")).unwrap();
    let counter = host.load(built("counter")).unwrap();
    let plugin =
        if matches!(path, "native_call_stateful" | "native_var") { &counter } else { &adder };
    let again = |work: &mut dyn FnMut()| (0..times).for_each(|_| work());
    match path {
        "native_call" | "native_call_stateful" => {
            let add = plugin.func::<(i64, i64), i64>("add").unwrap();
            again(&mut || {
                black_box(add.call((black_box(1), 2)).unwrap());
            });
        }
        "native_general" => {
            let add = plugin.func::<(i32, i32), i64>("add").unwrap();
            again(&mut || {
                black_box(add.call((black_box(1), 2)).unwrap());
            });
        }
        "native_dynamic" => {
            let add: Func<Dynamic> = plugin.lookup("add").unwrap().into_dynamic().unwrap();
            again(&mut || drop(black_box(add.call(&[Value::Int(1), Value::Int(2)]).unwrap())));
        }
        "native_struct" => {
            let older = plugin.func::<(PluginData,), PluginData>("older").unwrap();
            let sample =
                PluginData { name: "PluginTest".into(), age: 11, tel: "15396656998".into() };
            let mut data = Some(sample);
            again(&mut || data = data.take().map(|data| older.call((data,)).unwrap()));
        }
        "native_var" => {
            let count = plugin.var::<i64>("COUNT").unwrap();
            again(&mut || {
                count.set(black_box(3)).unwrap();
                black_box(count.get().unwrap());
            });
        }
        "lookup" => again(&mut || drop(plugin.func::<(i64, i64), i64>("add").unwrap())),
        other => panic!("no path `{other}`"),
    }
}
