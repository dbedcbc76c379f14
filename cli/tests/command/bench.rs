//! `bench`: what is told of calls, whatever time they take.

use serde_json::Value;

use crate::ran::{Ran, file, twinplug};

fn bench(test: &str, script: &str, args: &[&str]) -> Ran {
    twinplug(&[&["bench", &file(test, "script.lua", script)], args].concat())
}

/// That of a debug build, as tests run it.
const NOTE: &str = "note: this `twinplug` is a debug build, in which calls take longer\n";

#[test]
fn people_read_a_line() {
    let script = "Base = 0 function add(a, b) assert(Base == 7) return a + b end";
    let ran = bench("bench_line", script, &["add", "1", "2", "--set", "Base=7"]);
    assert_eq!((ran.err.as_str(), ran.code), (NOTE, Some(0)), "{}", ran.out);
    let rest = ran.out.strip_prefix("add  ").unwrap().strip_suffix(" calls\n").unwrap();
    let (median, rest) = rest.split_once("/call (").unwrap();
    let (spread, calls) = rest.split_once("), ").unwrap();
    let (low, high) = spread.split_once(" .. ").unwrap();
    let (median, unit) = median.split_once(' ').unwrap();
    let [low, median, high] = [low, median, high].map(|time| time.parse::<f64>().unwrap());
    assert!(0.0 < low && low <= median && median <= high, "{}", ran.out);
    assert!(["ns", "µs", "ms"].contains(&unit), "{}", ran.out);
    assert!(calls.replace(',', "").parse::<u64>().unwrap() > 1, "{}", ran.out);
}

#[test]
fn programs_read_an_object() {
    // Longer than it measures: once is enough.
    let script = "function slow(name) local from = os.clock() print(name) \
                  while os.clock() - from < 2 do end end";
    let ran = bench("bench_json", script, &["slow", "Ann", "--json", "--time-limit", "none"]);
    assert_eq!((ran.err, ran.code), (format!("{NOTE}Ann\n"), Some(0)));
    let report: Value = serde_json::from_str(ran.out.strip_suffix('\n').unwrap()).unwrap();
    let keys: Vec<_> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["calls", "function", "ns"]);
    assert_eq!((&report["function"], &report["calls"]), (&Value::from("slow"), &Value::from(1)));
    assert!(report["ns"].as_f64().unwrap() > 1.9e9, "{report}");
}

#[test]
fn a_call_that_fails_is_an_error() {
    let script = "Count = 0 function f() Count = Count + 1 assert(Count < 1000, 'enough') end";
    let ran = bench("bench_fails", script, &["f"]);
    let expected = "error: plugin `script`: `f`: script.lua:1: enough\n   \
                    1 | Count = 0 function f() Count = Count + 1 assert(Count < 1000, 'enough') end\n     \
                    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n  \
                    [C]: in function 'assert'\n  \
                    script.lua:1: in function <script.lua:1>\n";
    assert_eq!((ran.err.as_str(), ran.code), (&*format!("{NOTE}{expected}"), Some(1)));
    assert_eq!(ran.out, "");
    bench("bench_missing", script, &["g"]).fails(1, "error: plugin `script`: no symbol `g`");
    bench("bench_usage", script, &[])
        .is_wrong_usage("error: the following required arguments were not provided:");
}
