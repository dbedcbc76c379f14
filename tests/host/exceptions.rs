//! What would unwind out of a plugin and is stopped at its border: exceptions of C++,
//! panics of Rust. The error has the text, and all goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use twinplug::{ErrorKind, Host, ImageState, Value};

use crate::shop::Shop;
use crate::twins::{RUST, Stage};

const THROWS: &str = r#"
#include "twinplug.h"
#include <stdexcept>
#include <string>
static tp_status error(tp_call *) { throw std::runtime_error(std::string("no door ") + "5"); }
static tp_status number(tp_call *) { throw 5; }
struct Noisy { ~Noisy() noexcept(false) { throw std::runtime_error("spilled"); } };
static tp_status spill(tp_call *) { Noisy noisy; (void)noisy; return TP_OK; }
static tp_status half(tp_call *call) {
  if (tp_to_int(&call->args[0]) % 2 != 0) throw std::invalid_argument("odd");
  *call->result = tp_int(tp_to_int(&call->args[0]) / 2);
  return TP_OK;
}
static tp_status half_direct(tp_fault *, int64_t whole, int64_t *result) {
  if (whole % 2 != 0) throw std::invalid_argument("odd");
  *result = whole / 2;
  return TP_OK;
}
static tp_status get(tp_call *) { throw std::runtime_error("unreadable"); }
static tp_status set(tp_call *) { throw std::runtime_error("unwritable"); }
static tp_status init(tp_call *call) {
  if (tp_host_call(call, "faulty", NULL, 0) == TP_OK && tp_to_bool(call->result))
    throw std::runtime_error("not ready");
  return TP_OK;
}
static const tp_export exports[] = {
    TP_EXPORT_FUNC("Error", "()", TP_GUARD(error)),
    TP_EXPORT_FUNC("Number", "()", TP_GUARD(number)),
    TP_EXPORT_FUNC("Spill", "()", TP_GUARD(spill)),
    TP_EXPORT_DIRECT("Half", "(whole: int) -> int", TP_GUARD(half), TP_GUARD(half_direct)),
    TP_EXPORT_VAR("Var", "int", NULL, TP_GUARD(get), TP_GUARD(set)),
};
TP_PLUGIN_WITH("throws", "1.0.0", TP_UNLOAD, exports, TP_GUARD(init), NULL, NULL, NULL, NULL,
               NULL, NULL);
"#;

#[test]
fn an_exception_is_the_callers_error() {
    let shop = Shop::new();
    let plugin = shop.stage.host.load(shop.compile_cpp("libthrows.so", THROWS)).unwrap();
    let other = shop.stage.host.load(&RUST.testplugin).unwrap();
    let check = |result: twinplug::Result<Value>, symbol: &str, expected: &str| {
        let error = result.unwrap_err();
        let expected = format!("plugin `throws`: `{symbol}`: panicked: {expected}");
        assert_eq!((error.to_string(), error.kind()), (expected, ErrorKind::Call));
        assert_eq!(plugin.call("Half", (4,)).unwrap(), Value::Int(2));
        assert!(other.call("Hello", ()).is_ok());
    };
    check(plugin.call("Error", ()), "Error", "no door 5");
    check(plugin.call("Number", ()), "Number", "an exception that is no std::exception");
    // A destructor that says it may throw is as any other code; one that does not ends
    // the process, by the rules of C++.
    check(plugin.call("Spill", ()), "Spill", "spilled");
    let half = plugin.func::<(i64,), i64>("Half").unwrap();
    check(half.call((5,)).map(Value::Int), "Half", "odd");
    check(plugin.call("Half", (7,)), "Half", "odd");
    let var = plugin.var::<Value>("Var").unwrap();
    check(var.get(), "Var", "unreadable");
    check(var.set(Value::Int(1)).map(|()| Value::Null), "Var", "unwritable");
}

#[test]
fn an_init_that_throws_leaves_nothing_and_the_next_load_works() {
    let shop = Shop::new();
    let path = shop.compile_cpp("libthrows.so", THROWS);
    let faulty = AtomicBool::new(true);
    let faulty = move || faulty.swap(false, Ordering::Relaxed);
    let stage = Stage::with(|builder| builder.function("faulty", faulty));
    let error = stage.host.load(&path).unwrap_err();
    let expected =
        format!("cannot load `{}`: its init failed: panicked: not ready", path.display());
    assert_eq!((error.to_string(), error.kind()), (expected, ErrorKind::Load));
    assert!(stage.host.plugins().is_empty());
    let kept = ImageState::Kept("its load failed".into());
    assert_eq!(
        mapped(&stage.host),
        std::slice::from_ref(&kept),
        "its init may have begun what nobody ends"
    );

    let plugin = stage.host.load(&path).unwrap();
    assert_eq!(plugin.call("Half", (4,)).unwrap(), Value::Int(2));
    assert_eq!(mapped(&stage.host), [kept, ImageState::Serving]);
}

fn mapped(host: &Host) -> Vec<ImageState> {
    host.images().into_iter().map(|image| image.state).collect()
}

#[test]
fn a_value_that_panics_when_it_is_dropped_is_the_callers_error() {
    let stage = Stage::new();
    let plugin = stage.host.load(&RUST.probe).unwrap();
    for symbol in ["Spill", "SpillLate"] {
        let error = plugin.call(symbol, ()).unwrap_err();
        assert_eq!(error.to_string(), format!("plugin `probe`: `{symbol}`: panicked: spilled"));
        assert_eq!(error.kind(), ErrorKind::Call);
        assert_eq!(plugin.call("Add", (2, 3)).unwrap(), Value::Int(5));
    }
}
