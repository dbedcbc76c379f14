//! What comes out of calls, and what goes in: how many, of what kind, and how often.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use twinplug::{Host, PluginRef, Value};

use super::{check_fine, map_of};
use crate::twins::{HAS_INTEGERS, message};

const SCRIPT: &str = "\
local unpack = table.unpack or unpack
function None() end
function One() return 7 end
function Three() return 1, 'two', { 3 } end
function Nested(n)
  local all = {}
  for i = 1, n do all[i] = { { { { { i, a = { 1, 2 } } } } }, b = 'x' } end
  return unpack(all, 1, n)
end
function Many(n) local all = {} for i = 1, n do all[i] = i end return unpack(all, 1, n) end
function Text() return 'seven' end
function Whole() return 7 end
function Half() return 0.5 end
function Not() return 0 / 0 end
function Minus() return -0.0 end
function Echo(...) return ... end
function Count(...) return select('#', ...) end
function Sum(...) local sum = 0 for _, x in ipairs({ ... }) do sum = sum + x end return sum end
function Fine() return 42 end";

fn plugin() -> (Host, PluginRef) {
    let host = Host::builder().build().unwrap();
    let plugin = host.load_source("p", SCRIPT).unwrap();
    (host, plugin)
}

#[test]
fn as_many_as_were_asked_for() {
    let (_host, plugin) = plugin();
    let unit = |name| plugin.func::<(), ()>(name).unwrap().call(());
    unit("None").unwrap();
    assert_eq!(message(unit("One")), "plugin `p`: `One`: result: expected null, got int");
    let error = "plugin `p`: `Three`: expected 1 result, got 3";
    assert_eq!(message(unit("Three")), error);
    assert_eq!(message(plugin.func::<(), i64>("Three").unwrap().call(())), error);
    assert_eq!(message(plugin.call("Three", ())), error);
    type Three = (i64, String, Vec<i64>);
    let three = plugin.func::<(), Three>("Three").unwrap().call(()).unwrap();
    assert_eq!(three, (1, "two".to_owned(), vec![3]));
    assert_eq!(
        message(plugin.func::<(), (i64, String)>("Three").unwrap().call(())),
        "plugin `p`: `Three`: result: expected 2 items, got 3"
    );
    type Four = (i64, String, Vec<i64>, Option<i64>);
    assert_eq!(
        message(plugin.func::<(), Four>("Three").unwrap().call(())),
        "plugin `p`: `Three`: result: expected 4 items, got 3"
    );
    assert_eq!(plugin.func::<(), Option<i64>>("None").unwrap().call(()).unwrap(), None);
    assert_eq!(
        message(plugin.func::<(), i64>("None").unwrap().call(())),
        "plugin `p`: `None`: result: expected int, got null"
    );
    check_fine(&plugin);
}

/// A stack that is full of results has no room for what is put there to read them.
#[test]
fn many_results_full_of_tables() {
    let (_host, plugin) = plugin();
    let two = plugin.func::<(i64,), (Value, Value)>("Nested").unwrap();
    let one = plugin.func::<(i64,), Value>("Nested").unwrap();
    for count in 3..120 {
        assert_eq!(
            message(two.call((count,))),
            format!("plugin `p`: `Nested`: result: expected 2 items, got {count}")
        );
        assert_eq!(
            message(one.call((count,))),
            format!("plugin `p`: `Nested`: expected 1 result, got {count}")
        );
    }
    let (first, second) = two.call((2,)).unwrap();
    assert_ne!(first, second);
    for count in [200, 1000, 5000] {
        assert_eq!(
            message(plugin.call("Many", (count,))),
            format!("plugin `p`: `Many`: expected 1 result, got {count}")
        );
    }
    check_fine(&plugin);
}

#[test]
fn numbers_at_their_ends() {
    let (_host, plugin) = plugin();
    let float = |name| plugin.func::<(), f64>(name).unwrap().call(()).unwrap();
    let int = |name| plugin.func::<(), i64>(name).unwrap().call(());
    assert!(float("Not").is_nan());
    assert!(float("Minus") == 0.0 && float("Minus").is_sign_negative());
    assert_eq!(float("Whole"), 7.0);
    assert_eq!(int("Whole").unwrap(), 7);
    let error = |name: &str, text: &str| format!("plugin `p`: `{name}`: result: {text}");
    assert_eq!(message(int("Half")), error("Half", "0.5 is no whole number"));
    assert_eq!(message(int("Not")), error("Not", "NaN is no whole number"));
    assert_eq!(message(int("Text")), error("Text", "expected int, got string"));
    let echo = plugin.func::<(i64,), i64>("Echo").unwrap();
    for value in [0, -1, 1 << 53, -(1 << 53)] {
        assert_eq!(echo.call((value,)).unwrap(), value);
    }
    for value in [i64::MAX, i64::MIN, (1 << 53) + 1] {
        match HAS_INTEGERS {
            true => assert_eq!(echo.call((value,)).unwrap(), value),
            false => assert_eq!(
                message(echo.call((value,))),
                format!(
                    "plugin `p`: `Echo`: argument 1: {value} is out of range: this Lua keeps \
                     whole numbers up to 2^53 exactly"
                )
            ),
        }
    }
    let back = plugin.func::<(f64,), f64>("Echo").unwrap();
    for value in [f64::INFINITY, f64::MIN, f64::MIN_POSITIVE, -0.0, 1e300] {
        let echoed = back.call((value,)).unwrap();
        assert_eq!(echoed.to_bits(), value.to_bits(), "{value}");
    }
    assert!(back.call((f64::NAN,)).unwrap().is_nan());
    check_fine(&plugin);
}

#[test]
fn any_number_of_arguments() {
    let (_host, plugin) = plugin();
    let count = plugin.func::<(), i64>("Count").unwrap();
    assert_eq!(count.call(()).unwrap(), 0);
    let sum = plugin.func::<(i64,), i64>("Sum").unwrap();
    assert_eq!(sum.call((1,)).unwrap(), 1);
    type Eight = (i64, f64, i64, i64, i64, i64, i64, i64);
    let sum = plugin.func::<Eight, f64>("Sum").unwrap();
    assert_eq!(sum.call((1, 0.5, 3, 4, 5, 6, 7, 8)).unwrap(), 34.5);
    type Texts = (String, Vec<i64>, i64, i64, i64, i64, i64, Vec<Vec<Vec<i64>>>);
    let mixed = plugin.func::<Texts, i64>("Count").unwrap();
    let nested = vec![vec![vec![1]]];
    assert_eq!(mixed.call(("x".into(), vec![1], 1, 2, 3, 4, 5, nested)).unwrap(), 8);
}

#[test]
fn hundreds_of_dynamic_arguments() {
    let (_host, plugin) = plugin();
    let symbol = |name| match plugin.lookup(name).unwrap() {
        twinplug::Symbol::Func(function) => function,
        twinplug::Symbol::Var(_) => unreachable!("it is a function"),
    };
    let (sum, count) = (symbol("Sum"), symbol("Count"));
    for most in [0, 1, 7, 8, 9, 19, 20, 21, 40, 300] {
        let numbers: Vec<Value> = (1..=most).map(Value::Int).collect();
        assert_eq!(sum.call(&numbers).unwrap(), Value::Int(most * (most + 1) / 2));
        let leaf = Value::List(vec![Value::Int(1)]);
        let tables = vec![Value::List(vec![leaf.clone(), Value::List(vec![leaf])]); most as usize];
        assert_eq!(count.call(&tables).unwrap(), Value::Int(most));
    }
    check_fine(&plugin);
}

#[test]
fn a_function_that_yields_at_once() {
    let host = Host::builder().channel::<i64>("in", 0).build().unwrap();
    let script = "\
        function Wait() return (host.channel('in'):recv()) end\n\
        function Bare() coroutine.yield(1) end\n\
        function Fine() return 42 end";
    let plugin = host.load_source("p", script).unwrap();
    let bare = plugin.func::<(), ()>("Bare").unwrap();
    let wait = plugin.func::<(), i64>("Wait").unwrap();
    for round in 0..100 {
        let error = message(bare.call(()));
        assert!(error.contains("attempt to yield"), "{error}");
        let (wait, send) = (wait.clone(), host.channel::<i64>("in").unwrap());
        let waits = thread::spawn(move || wait.call(()));
        send.send(round).unwrap();
        assert_eq!(waits.join().unwrap().unwrap(), round);
        check_fine(&plugin);
    }
}

/// A handle keeps the function that it was looked up as, whatever the script makes of the name.
#[test]
fn a_function_that_is_replaced_between_calls() {
    let host = Host::builder().build().unwrap();
    let script = "\
        local M = {}\n\
        function M.F() return 1 end\n\
        function M.G() return 10 end\n\
        function M.Replace() M.F = function() return 2 end M.G = nil end\n\
        function M.Fine() return 42 end\n\
        return M";
    let plugin = host.load_source("p", script).unwrap();
    let f = plugin.func::<(), i64>("F").unwrap();
    let g = plugin.func::<(), i64>("G").unwrap();
    let fine = plugin.func::<(), i64>("Fine").unwrap();
    for _ in 0..30 {
        assert_eq!((f.call(()).unwrap(), g.call(()).unwrap()), (1, 10));
    }
    plugin.call("Replace", ()).unwrap();
    for _ in 0..30 {
        assert_eq!((f.call(()).unwrap(), g.call(()).unwrap()), (1, 10));
        assert_eq!(fine.call(()).unwrap(), 42);
    }
}

/// Whatever one thread does in turns, each answer is its own question's.
#[test]
fn calls_of_all_kinds_in_turns() {
    let (_host, plugin) = plugin();
    let ends = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..2)
        .map(|thread| {
            let (plugin, ends) = (plugin.clone(), Arc::clone(&ends));
            thread::spawn(move || {
                let int = plugin.func::<(i64,), i64>("Echo").unwrap();
                let text = plugin.func::<(String,), String>("Echo").unwrap();
                let none = plugin.func::<(), ()>("None").unwrap();
                for round in 0..2000 {
                    let number = round * 10 + thread;
                    assert_eq!(int.call((number,)).unwrap(), number);
                    let words = format!("{number} words");
                    assert_eq!(text.call((words.clone(),)).unwrap(), words);
                    none.call(()).unwrap();
                    if round % 50 == 0 {
                        let error = message(plugin.func::<(), i64>("Text").unwrap().call(()));
                        assert_eq!(error, "plugin `p`: `Text`: result: expected int, got string");
                    }
                }
                ends.store(true, Ordering::Relaxed);
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(ends.load(Ordering::Relaxed));
    check_fine(&plugin);
}

/// The coroutine of quick calls keeps what was used last, and results of calls before: none of
/// that is taken for something else, in whatever order functions and variables are used.
#[test]
fn what_is_left_of_one_use_is_nothing_to_the_next() {
    const VARIABLES: usize = 21;
    const SCRIPT: &str = "\
local unpack = table.unpack or unpack
local M = {}
for i = 0, 20 do
  M['V' .. i] = host.any(0)
  M['Add' .. i] = function(n) return i + n end
end
function M.Many(n) local all = {} for i = 1, n do all[i] = i end return unpack(all, 1, n) end
function M.Wait(n) host.channel('there'):recv() return M.Many(n) end
function M.Fail() error('no') end
function M.Fine() return 42 end
return M";
    let host = Host::builder().channel::<i64>("there", 1).build().unwrap();
    let plugin = host.load_source("p", SCRIPT).unwrap();
    let there = host.channel::<i64>("there").unwrap();
    let variable = |i| plugin.var::<Value>(&format!("V{i}")).unwrap();
    let variables: Vec<_> = (0..VARIABLES).map(variable).collect();
    let adder = |i| plugin.func::<(i64,), i64>(&format!("Add{i}")).unwrap();
    let adders: Vec<_> = (0..VARIABLES).map(adder).collect();
    let mut values = vec![Value::Int(0); VARIABLES];
    // As many as are asked for; what is more than fits is an error that has counted them.
    type One = Option<i64>;
    let many = ["Many", "Wait"]
        .map(|name| plugin.func::<(i64,), (One, One, One, One, One, One)>(name).unwrap());
    let check_many = |which: usize, n: i64| match many[which].call((n,)) {
        Ok((a, b, c, d, e, f)) => assert_eq!([a, b, c, d, e, f], [1, 2, 3, 4, 5, 6].map(Some)),
        Err(error) => {
            assert!(n != 6 && error.to_string().ends_with(&format!(", got {n}")), "{n}: {error}");
        }
    };

    let mut state = 1_u64;
    for step in 0..20_000_i64 {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let (what, which) = ((state >> 33) % 16, (state >> 40) as usize % VARIABLES);
        let few = (state >> 50) as i64 % 30;
        match what {
            0..4 => assert_eq!(variables[which].get().unwrap(), values[which], "step {step}"),
            4..12 => {
                values[which] = match what {
                    4..7 => Value::Int(step),
                    7 => Value::Bool(step % 2 == 0),
                    8 => Value::Str(format!("at {step}")),
                    9 => Value::List((0..=few).map(|i| Value::List(vec![Value::Int(i)])).collect()),
                    10 => map_of([("a", Value::Int(few)), ("b", Value::Int(step))]),
                    _ => Value::Float(step as f64 + 0.5),
                };
                variables[which].set(values[which].clone()).unwrap();
            }
            12 => assert_eq!(adders[which].call((step,)).unwrap(), which as i64 + step),
            13 => check_many(0, few),
            // The message is there, or it comes late. (A call from another thread would end that
            // those of this one are quick.)
            14 => thread::scope(|scope| {
                scope.spawn(|| there.send(1).unwrap());
                check_many(1, few);
            }),
            _ => assert!(plugin.call("Fail", ()).is_err()),
        }
    }
    for (variable, value) in variables.iter().zip(&values) {
        assert_eq!(variable.get().unwrap(), *value);
    }
    check_fine(&plugin);
}
