//! Leaf functions of native plugins, which compiled scripts call by their C type: what that could
//! do to the VM, and that it is the same as any other call.

use std::path::PathBuf;
use std::sync::LazyLock;

use tempfile::TempDir;
use twinplug::{Func, Host, Limit, Value};

use super::vm::check_bits;
use crate::images::compile;
use crate::twins::{HAS_INTEGERS, build};

static LEAVES: LazyLock<PathBuf> = LazyLock::new(|| build("tests/fixtures/leaves"));

/// A host whose scripts are compiled where the flavour has a compiler.
fn host() -> Host {
    Host::builder().no_time_limit().build().unwrap()
}

/// A plugin in C.
struct Library {
    folder: TempDir,
}

impl Library {
    fn new() -> Library {
        Library { folder: tempfile::tempdir().unwrap() }
    }

    fn build(&self, version: &str, functions: &str, exports: &str) -> PathBuf {
        let text = format!(
            "#include \"twinplug.h\"\n{functions}\n\
             static const tp_export exports[] = {{{exports}}};\n\
             TP_PLUGIN(\"in-c\", \"{version}\", exports, NULL);"
        );
        let path = |end: &str| self.folder.path().join(format!("{version}.{end}"));
        let (source, library) = (path("c"), path("so"));
        std::fs::write(&source, text).unwrap();
        compile(&source, &library, &[]);
        library
    }
}

/// A float has bits that are no number of LuaJIT's: they would be any value of Lua's, at any
/// address.
#[test]
fn a_float_is_a_number_whatever_its_bits_are() {
    let host = host();
    host.load(&*LEAVES).unwrap();
    check_bits(&host, r#"host.plugin("leaves").of_bits"#);
}

/// Where whole numbers are floats, just those cross that are exact; and each does as in a call
/// that is not compiled.
#[test]
fn whole_numbers_are_the_same_as_in_other_calls() {
    let library = Library::new();
    let functions = "
        static tp_status direct(tp_fault *fault, int64_t x, int64_t by, int64_t *result) {
          (void)fault;
          *result = x + by;
          return TP_OK;
        }
        static tp_status add(tp_call *call) {
          int64_t sum;
          direct(NULL, call->args[0].as.integer, call->args[1].as.integer, &sum);
          *call->result = tp_int(sum);
          return TP_OK;
        }
        static tp_status get(tp_call *call) {
          *call->result = tp_int((INT64_C(1) << 53) + 1);
          return TP_OK;
        }
        static tp_status set(tp_call *call) { (void)call; return TP_OK; }";
    let signature = "\"(x: int, by: int) -> int\"";
    let exports = format!(
        "{{\"leaf\", {signature}, TP_SYMBOL_FUNC, TP_LEAF, NULL, add, NULL, NULL, TP_DIRECT(direct)}},\
         TP_EXPORT_FUNC(\"other\", {signature}, add),\
         TP_EXPORT_VAR(\"Large\", \"int\", NULL, get, set)"
    );
    let host = host();
    host.load(library.build("1.0.0", functions, &exports)).unwrap();
    let script = "
        function told(name, x, by)
          local add, told = host.plugin('in-c')[name], nil
          for _ = 1, 200 do
            local ok, sum = pcall(add, x, by)
            told = tostring(ok) .. ' ' .. tostring(sum):gsub('leaf', 'other')
          end
          return told
        end
        function large()
          local ok, value = pcall(function() return host.plugin('in-c').Large end)
          return tostring(ok) .. ' ' .. tostring(value)
        end";
    let plugin = host.load_source("adds", script).unwrap();
    let told = plugin.func::<(String, f64, i64), String>("told").unwrap();
    let powers = [31, 32, 52, 53, 63].map(|bits| f64::from(bits).exp2());
    let numbers = powers.iter().flat_map(|power| [-1.0, -0.5, 0.0, 0.5, 1.0].map(|by| power + by));
    let numbers: Vec<f64> = numbers.chain([0.0, 0.5, f64::INFINITY, f64::NAN]).collect();
    for x in numbers.iter().flat_map(|x| [*x, -*x]) {
        for by in -2..=2 {
            let [leaf, other] =
                ["leaf", "other"].map(|name| told.call((name.into(), x, by)).unwrap());
            assert_eq!(leaf, other, "{x} and {by}");
        }
    }
    if !HAS_INTEGERS {
        let why =
            "9007199254740993 is out of range: this Lua keeps whole numbers up to 2^53 exactly";
        let told = told.call(("other".into(), 53_f64.exp2(), 1)).unwrap();
        assert_eq!(told, format!("false plugin `in-c`: `other`: result: {why}"));
        let large = plugin.func::<(), String>("large").unwrap().call(()).unwrap();
        assert_eq!(large, format!("false adds:11: plugin `in-c`: `Large`: {why}"));
    }
}

/// An entry says why it has failed, whatever it says.
#[test]
fn a_leaf_function_that_finds_nothing_has_run_once() {
    let library = Library::new();
    let functions = "
        static int64_t runs;
        static tp_status direct(tp_fault *fault, int64_t x, int64_t *result) {
          runs++;
          return x < 0 ? (tp_status)-x : TP_NOT_FOUND;
        }
        static tp_status find(tp_call *call) { int64_t x; return direct(NULL, call->args[0].as.integer, &x); }
        static tp_status count(tp_call *call) { *call->result = tp_int(runs); return TP_OK; }";
    let exports = "{\"find\", \"(x: int) -> int\", TP_SYMBOL_FUNC, TP_LEAF, NULL, find, NULL, NULL, TP_DIRECT(direct)},\
                   TP_EXPORT_FUNC(\"runs\", \"() -> int\", count)";
    let host = host();
    let native = host.load(library.build("1.0.0", functions, exports)).unwrap();
    let runs = native.func::<(), i64>("runs").unwrap();
    let script = "function Find(x) return (host.plugin('in-c').find(x)) end";
    let find = host.load_source("finds", script).unwrap().func::<(i64,), i64>("Find").unwrap();
    for status in 1..12 {
        let before = runs.call(()).unwrap();
        let failed = find.call((-status,)).unwrap_err();
        assert_eq!(failed.traceback().unwrap().lines().count(), 1, "{failed:?}");
        let told = failed.to_string();
        assert!(told.ends_with(&format!("failed with status {status}")), "{told}");
        assert_eq!(runs.call(()).unwrap(), before + 1, "status {status}");
    }
}

/// As other functions, one that was kept is that of the newest plugin of the name.
#[test]
fn a_leaf_function_that_was_kept_is_the_newest_plugins() {
    let library = Library::new();
    let version = |major: i64| {
        let functions = format!(
            "static tp_status direct(tp_fault *fault, int64_t *result) {{ *result = {major}; return TP_OK; }}\n\
             static tp_status which(tp_call *call) {{ *call->result = tp_int({major}); return TP_OK; }}"
        );
        let exports = "{\"which\", \"() -> int\", TP_SYMBOL_FUNC, TP_LEAF, NULL, which, NULL, NULL, TP_DIRECT(direct)}";
        library.build(&format!("{major}.0.0"), &functions, exports)
    };
    let host = host();
    let script = "local which\n\
                  function Which() which = which or host.plugin('in-c').which return which() end";
    host.load(version(1)).unwrap();
    let which = host.load_source("asks", script).unwrap().func::<(), i64>("Which").unwrap();
    let many = |expected: i64| (0..200).for_each(|_| assert_eq!(which.call(()).unwrap(), expected));
    many(1);
    let newer = host.load(version(2)).unwrap();
    many(2);
    host.unload(newer).unwrap();
    many(1);
}

/// What a call held that has run out of memory is there again, though the flavour's FFI has
/// used its coroutine last; and a call that fails on the way leaves nothing behind that shuts
/// others out.
#[test]
fn memory_that_runs_out_on_the_way_is_there_for_the_next_call() {
    const LIMIT: usize = 3 << 20;
    let script = r#"
        local add = host.plugin("leaves").add
        local function fill(to)
          local all = {}
          -- Nothing that could be collected, which would be there for what follows.
          while collectgarbage("count") * 1024 < to - 4096 do
            all = { all, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24 } }
          end
          while collectgarbage("count") * 1024 < to do all = { all } end
          return all
        end
        function Fill(to)
          local all = fill(to)
          -- Not as often as what is compiled.
          for i = 1, 40 do all = { all, add(i, 1) } end
          return "there is more"
        end
        function FillInCoroutine(to) return coroutine.wrap(Fill)(to) end
        function Back() return "back" end
        function Through() return (host.plugin("fills").Back()) end
    "#;
    let host = Host::builder().no_time_limit().memory_limit(LIMIT).build().unwrap();
    host.load(&*LEAVES).unwrap();
    let plugin = host.load_source("fills", script).unwrap();
    let through: Func<(), String> = plugin.func("Through").unwrap();
    for name in ["Fill", "FillInCoroutine"] {
        let fill = plugin.func::<(i64,), String>(name).unwrap();
        let mut failed = 0;
        for rest in (0..4000).step_by(50) {
            match fill.call((LIMIT as i64 - rest,)) {
                Ok(text) => assert_eq!(text, "there is more"),
                Err(error) => {
                    assert_eq!(error.limit(), Some(Limit::Memory(LIMIT)), "{error}");
                    failed += 1;
                }
            }
            assert_eq!(through.call(()).unwrap(), "back", "{name}, {rest} bytes before the limit");
        }
        assert!(failed > 0);
    }
}

/// An argument that compiled code cannot bring over goes the general way.
#[test]
fn arguments_of_any_kind_are_told_as_elsewhere() {
    let host = host();
    host.load(&*LEAVES).unwrap();
    let script = "function Try(x) return select(2, pcall(host.plugin('leaves').add, x, 1)) end";
    let plugin = host.load_source("tries", script).unwrap();
    let told = |value: Value| {
        let text = plugin.call("Try", (value,)).unwrap();
        let Value::Str(text) = text else { panic!("{text:?}") };
        text.rsplit_once(": argument `a`: ").map(|(_, text)| text.to_owned()).unwrap_or(text)
    };
    assert_eq!(told(Value::Str("1".into())), "expected int, got string");
    assert_eq!(told(Value::Bool(true)), "expected int, got bool");
    assert_eq!(told(Value::Float(0.5)), "0.5 is no whole number");
    assert_eq!(told(Value::Float(f64::NAN)), "NaN is no whole number");
}

/// Of compiled code nobody can tell who has called it.
#[test]
fn a_backtrace_that_is_taken_in_a_compiled_call() {
    let host = host();
    host.load(&*LEAVES).unwrap();
    let script = r#"
        local walk = host.plugin("leaves").walk
        function Walk(times)
          local sum = 0
          for i = 1, times do sum = sum + walk(i) end
          return sum
        end
    "#;
    let plugin = host.load_source("walks", script).unwrap();
    assert_eq!(plugin.func::<(i64,), i64>("Walk").unwrap().call((200,)).unwrap(), 20_100);
}
