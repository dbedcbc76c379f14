//! How the host calls a library: direct entries, leaf functions, hooks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use twinplug::{ErrorKind, Host, ImageState, PluginRef, Value};

use crate::shop::Shop;
use crate::twins::message;

/// One function with both entries, which tell which of them was called.
const ENTRIES: &str = r#"
    #include "twinplug.h"
    #include <stdbool.h>
    static tp_status general(tp_call *call) {
      int64_t a = tp_to_int(&call->args[0]);
      if (a < 0) return tp_answer(call, TP_ERROR, "general: %d", (int)a);
      *call->result = tp_int(a + tp_to_int(&call->args[1]) + 1000);
      return TP_OK;
    }
    static tp_status direct(tp_fault *fault, int64_t a, int64_t b, int64_t *result) {
      char text[64];
      if (a == -1) { fault->text = "direct, static"; fault->length = 14; return TP_ERROR; }
      if (a == -2) { fault->keep(fault, text, (size_t)sprintf(text, "direct: %d", (int)a)); return TP_PANIC; }
      if (a == -3) return 77;
      *result = a + b;
      return TP_OK;
    }
    static tp_status mixed(tp_fault *fault, int64_t a, bool on, double by, bool *result) {
      (void)fault;
      *result = on && (double)a > by;
      return TP_OK;
    }
    static int64_t total;
    static tp_status nothing(tp_fault *fault, double x) {
      (void)fault;
      total += (int64_t)x;
      return TP_OK;
    }
    static tp_status sum(tp_call *call) { *call->result = tp_int(total); return TP_OK; }
    static const tp_export exports[] = {
        {"Add", "(a: int, b: int) -> int", TP_SYMBOL_FUNC, 0, NULL, general, NULL, NULL, (tp_direct)direct},
        {"Mixed", "(a: int, on: bool, by: float) -> bool", TP_SYMBOL_FUNC, 0, NULL, general, NULL, NULL, (tp_direct)mixed},
        {"Nothing", "(x: float)", TP_SYMBOL_FUNC, 0, NULL, general, NULL, NULL, (tp_direct)nothing},
        {"Text", "(a: string, b: int) -> int", TP_SYMBOL_FUNC, 0, NULL, general, NULL, NULL, (tp_direct)direct},
        TP_EXPORT_FUNC("Sum", "() -> int", sum),
    };
    TP_PLUGIN("entries", "1.0.0", exports, NULL);
"#;

#[test]
fn a_direct_entry_is_called_where_the_types_are_its_own() {
    let shop = Shop::new();
    let plugin = shop.stage.host.load(shop.compile("libentries.so", ENTRIES, SHARED)).unwrap();
    let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
    assert_eq!(add.call((2, 3)).unwrap(), 5);
    assert_eq!(add.call((i64::MAX, 0)).unwrap(), i64::MAX);
    let converted = plugin.func::<(i32, i64), i64>("Add").unwrap();
    assert_eq!(converted.call((2, 3)).unwrap(), 1005);
    assert_eq!(plugin.call("Add", (2, 3)).unwrap(), Value::Int(5));
    // What has to be converted first goes the general way.
    assert_eq!(plugin.call("Add", (2.0, 3)).unwrap(), Value::Int(1005));
    let value = plugin.func::<(i64, i64), Value>("Add").unwrap();
    assert_eq!(value.call((2, 3)).unwrap(), Value::Int(1005));

    let mixed = plugin.func::<(i64, bool, f64), bool>("Mixed").unwrap();
    assert!(mixed.call((3, true, 2.5)).unwrap());
    assert!(!mixed.call((3, false, 2.5)).unwrap());
    assert!(!mixed.call((2, true, 2.5)).unwrap());
    let nothing = plugin.func::<(f64,), ()>("Nothing").unwrap();
    nothing.call((4.0,)).unwrap();
    nothing.call((5.0,)).unwrap();
    assert_eq!(plugin.call("Nothing", (1.0,)).unwrap(), Value::Null);
    assert_eq!(plugin.call("Sum", ()).unwrap(), Value::Int(10));
}

#[test]
fn a_direct_entrys_errors_are_those_of_any_call() {
    let shop = Shop::new();
    let plugin = shop.stage.host.load(shop.compile("libentries.so", ENTRIES, SHARED)).unwrap();
    let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
    for (argument, text) in
        [(-1, "direct, static"), (-2, "panicked: direct: -2"), (-3, "failed with status 77")]
    {
        for error in
            [add.call((argument, 0)).unwrap_err(), plugin.call("Add", (argument, 0)).unwrap_err()]
        {
            assert_eq!(error.to_string(), format!("plugin `entries`: `Add`: {text}"));
            assert_eq!((error.kind(), error.symbol()), (ErrorKind::Call, Some("Add")));
        }
    }
    shop.stage.host.unload(plugin).unwrap();
    assert_eq!(message(add.call((1, 1))), "plugin `entries`: `Add`: the plugin was unloaded");
}

#[test]
fn a_direct_entry_of_a_signature_that_can_have_none_is_not_called() {
    let shop = Shop::new();
    let plugin = shop.stage.host.load(shop.compile("libentries.so", ENTRIES, SHARED)).unwrap();
    let text = plugin.func::<(&str, i64), i64>("Text").unwrap();
    assert_eq!(text.call(("x", 4)).unwrap(), 1004);
}

#[test]
fn unknown_flags_of_an_export_are_refused() {
    let shop = Shop::new();
    let text = r#"
        #include "twinplug.h"
        static tp_status f(tp_call *call) { (void)call; return TP_OK; }
        static const tp_export exports[] = {{"f", "()", TP_SYMBOL_FUNC, 12, NULL, f, NULL, NULL, NULL}};
        TP_PLUGIN("flags", "1.0.0", exports, NULL);
    "#;
    let library = shop.compile("libflags.so", text, SHARED);
    let error = shop.stage.host.load(&library).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot load `{}`: broken: its table exports `f` with unknown flags 0xc",
            library.display()
        )
    );
}

#[test]
fn a_leaf_function_gets_no_services() {
    let shop = Shop::new();
    let text = r#"
        #include "twinplug.h"
        static tp_status ask(tp_call *call) {
          return call->host->call(call->context, "world.ask", 9, NULL, 0, call->arena, call->result);
        }
        static tp_status print(tp_call *call) {
          *call->result = tp_int(call->host->print(call->context, "x", 1));
          return TP_OK;
        }
        static const tp_export exports[] = {
            {"Leaf", "() -> int", TP_SYMBOL_FUNC, TP_LEAF, NULL, ask, NULL, NULL, NULL},
            {"Print", "() -> int", TP_SYMBOL_FUNC, TP_LEAF, NULL, print, NULL, NULL, NULL},
            TP_EXPORT_FUNC("Ask", "() -> int", ask),
        };
        TP_PLUGIN("leaves", "1.0.0", exports, NULL);
    "#;
    let plugin = shop.stage.host.load(shop.compile("libleaves.so", text, SHARED)).unwrap();
    assert_eq!(
        message(plugin.call("Leaf", ())),
        "plugin `leaves`: `Leaf`: a leaf function calls nothing of the host"
    );
    // TP_WRONG_STATE
    assert_eq!(plugin.call("Print", ()).unwrap(), Value::Int(7));
    assert_eq!(plugin.call("Ask", ()).unwrap(), Value::Int(42), "others still do");
    assert_eq!(shop.stage.printed(), "");
}

/// A plugin with hooks; `FAIL` makes its `on_load` fail.
const HOOKS: &str = r#"
    #include "twinplug.h"
    static tp_status init(tp_call *call) { return tp_print(call, "init\n"); }
    static tp_status on_load(tp_call *call) {
      if (call->count != 1 || call->args[0].tag != TP_MAP) return tp_answer(call, TP_ERROR, "no configuration");
    #ifdef FAIL
      return tp_answer(call, TP_ERROR, "port %d is taken", 80);
    #endif
      return tp_print(call, "on_load\n");
    }
    static tp_status on_unload(tp_call *call) { return tp_print(call, "on_unload\n"); }
    static tp_status count(tp_call *call) { static int64_t n; *call->result = tp_int(++n); return TP_OK; }
    static const tp_export exports[] = {TP_EXPORT_FUNC("Count", "() -> int", count)};
    TP_PLUGIN_WITH("hooks", "1.0.0", TP_UNLOAD, exports, init, on_load, NULL, NULL, NULL, NULL, on_unload);
"#;

#[test]
fn on_load_comes_after_init_and_on_unload_at_the_end() {
    let shop = Shop::new();
    let library = shop.compile("libhooks.so", HOOKS, SHARED);
    let plugin = shop.stage.host.load(&library).unwrap();
    assert_eq!(shop.stage.printed(), "[hooks] init\n[hooks] on_load\n");
    let count = plugin.func::<(), i64>("Count").unwrap();
    assert_eq!(count.call(()).unwrap(), 1);
    shop.stage.host.unload(plugin).unwrap();
    assert_eq!(shop.stage.printed(), "[hooks] on_unload\n");
    assert!(shop.stage.host.images().is_empty());
    shop.stage.host.load(&library).unwrap();
    shop.stage.printed();
    let Shop { stage, .. } = shop;
    let printed = stage.printed_when_dropped();
    assert_eq!(printed, "[hooks] on_unload\n", "with its host");
}

#[test]
fn a_failing_on_load_leaves_nothing_and_the_next_load_works() {
    let shop = Shop::new();
    let library = shop.compile("libhooks.so", HOOKS, &[SHARED, &["-DFAIL"]].concat());
    let error = shop.stage.host.load(&library).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Load);
    assert_eq!(
        error.to_string(),
        format!("cannot load `{}`: its on_load failed: port 80 is taken", library.display())
    );
    assert!(shop.stage.host.plugins().is_empty());
    let kept = ImageState::Kept("its load failed".into());
    assert_eq!(shop.stage.host.images()[0].state, kept, "what it began nobody ends");
    shop.compile("libhooks.so", HOOKS, SHARED);
    shop.stage.host.load(&library).unwrap();
}

const SHARED: &[&str] = &["-shared"];

/// A plugin that lets the host do something inside of its call.
fn inside(shop: &Shop) -> PathBuf {
    let text = r#"
        #include "twinplug.h"
        static tp_status ask(tp_call *call) {
          tp_status status = call->host->call(call->context, "act", 3, NULL, 0, call->arena, call->result);
          if (status != TP_OK) return status;
          *call->result = tp_int(5);
          return TP_OK;
        }
        static const tp_export exports[] = {TP_EXPORT_FUNC("Ask", "() -> int", ask)};
        TP_PLUGIN_WITH("inside", "1.0.0", TP_UNLOAD, exports, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    "#;
    shop.compile("libinside.so", text, SHARED)
}

#[test]
fn an_image_stays_while_a_call_runs_in_it() {
    type Act = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;
    let shop = Shop::new();
    let act: Act = Arc::default();
    let run = Arc::clone(&act);
    let host = Host::builder().function("act", move || {
        let act = run.lock().unwrap().take();
        act.map(|act| act()).ok_or("nothing to do")
    });
    let host = Arc::new(host.build().unwrap());
    let plugin: PluginRef = host.load(inside(&shop)).unwrap();
    let ask = plugin.func::<(), i64>("Ask").unwrap();
    *act.lock().unwrap() = Some(Box::new({
        let host = Arc::clone(&host);
        move || {
            host.unload(plugin).unwrap();
            let kept = ImageState::Kept("handles or calls of it are still held".into());
            assert_eq!(host.images()[0].state, kept);
        }
    }));
    assert_eq!(ask.call(()).unwrap(), 5, "the call goes on to its end");
    assert_eq!(message(ask.call(())), "plugin `inside`: `Ask`: the plugin was unloaded");
    drop(ask);
    assert!(host.images().is_empty());
}
