//! The figures of one side in a program of its own: a line of JSON each.

use std::cell::Cell;

use serde_json::json;

use crate::measure::Effort;
use crate::plugin_data::PluginData;
use crate::side::{Loop, Side, calls, gets, loops, sets, structs};

pub(crate) fn print(side: &impl Side) {
    // A part of it: the program runs several times.
    let effort = Effort::asked().divided(5);
    let model = Model::default();
    let line = |name: &str, work: &str, ns: f64| {
        println!("{}", json!({ "name": name, "work": work, "ns": ns }));
    };
    line("lua_call", "", effort.alone(calls(side), calls(&model)));
    let run = |which| effort.alone(loops(side, which), loops(&model, which));
    line("lua_to_host", "", run(Loop::Scaled) - run(Loop::Arithmetic));
    line("lua_var", "", effort.alone(gets(side), gets(&model)));
    line("lua_var", "set", effort.alone(sets(side), sets(&model)));
    line("lua_struct", "serde", effort.alone(structs(side), structs(&model)));
}

/// What the script computes, without a script.
#[derive(Default)]
struct Model {
    value: Cell<i64>,
}

impl Side for Model {
    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    fn value(&self) -> i64 {
        self.value.get()
    }

    fn set_value(&self, value: i64) {
        self.value.set(value);
    }

    fn exchange(&self, data: PluginData) -> PluginData {
        PluginData { age: data.age * 4, ..data }
    }

    fn run(&self, _: Loop, times: u64) -> f64 {
        (1..=times).fold(0.0, |sum, i| sum + i as f64 * 0.5)
    }
}
