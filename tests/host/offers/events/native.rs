//! Events and constants as native plugins see them: of the SDK, and of the header.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use twinplug::{Host, Value};

use super::check;
use crate::shop::Shop;
use crate::twins::{build, message};

static LISTENER: LazyLock<PathBuf> = LazyLock::new(|| build("tests/fixtures/listener"));

#[test]
fn a_plugin_in_rust_is_told_and_may_end_that() {
    let host = Host::builder().build().unwrap();
    let plugin = host.load(&*LISTENER).unwrap();
    check(host.emit("sum", (1, 2)), &[("listener", Ok(3.into()))]);
    check(host.emit("sum", (1,)), &[("listener", Ok(101.into()))]);
    check(host.emit("sum", (1, 2, "more")), &[("listener", Ok(3.into()))]);
    check(
        host.emit("sum", ("x",)),
        &[(
            "listener",
            Err("plugin `listener`: event `sum`: argument 1: expected int, got string"),
        )],
    );
    check(host.emit("fail", ()), &[("listener", Err("plugin `listener`: event `fail`: no door"))]);
    check(
        host.emit("blow", ()),
        &[("listener", Err("plugin `listener`: event `blow`: panicked: it blows"))],
    );

    let dropped = plugin.func::<(), i64>("Dropped").unwrap();
    let on = plugin.func::<(String, i64), ()>("On").unwrap();
    on.call(("tick".into(), 1)).unwrap();
    on.call(("tick".into(), 2)).unwrap();
    check(host.emit("tick", ()), &[("listener", Ok(1.into())), ("listener", Ok(2.into()))]);
    for _ in 0..2 {
        plugin.call("Off", ()).unwrap();
        check(host.emit("tick", ()), &[("listener", Ok(1.into()))]);
        assert_eq!(dropped.call(()).unwrap(), 1);
    }
    // What runs is dropped once it has ended.
    plugin.call("Once", ("once",)).unwrap();
    check(host.emit("once", ()), &[("listener", Ok("once".into()))]);
    check(host.emit("once", ()), &[]);
    assert_eq!(dropped.call(()).unwrap(), 2);
    host.unload(plugin).unwrap();
    check(host.emit("sum", (1, 2)), &[]);
}

#[test]
fn a_plugin_in_rust_reads_constants() {
    let host = Host::builder()
        .constant("LIMIT", 10)
        .constant("world.NAMES", vec!["a".to_owned()])
        .build()
        .unwrap();
    let plugin = host.load(&*LISTENER).unwrap();
    assert_eq!(plugin.call("Limit", ()).unwrap(), Value::Int(10));
    let names = plugin.call("Constant", ("world.NAMES",)).unwrap();
    assert_eq!(names, Value::List(vec!["a".into()]));
    assert_eq!(
        message(plugin.call("Constant", ("LIMITS",))),
        "plugin `listener`: `Constant`: the host has no constant `LIMITS`; near: `LIMIT`"
    );
    let other = Host::builder().constant("LIMIT", "ten").build().unwrap();
    let plugin = other.load(&*LISTENER).unwrap();
    assert_eq!(
        message(plugin.call("Limit", ())),
        "plugin `listener`: `Limit`: expected int, got string"
    );
}

/// In C, with what the handler is called with given back once nobody needs it.
#[test]
fn a_plugin_in_c_is_told_and_reads_constants() {
    let shop = Shop::new();
    let text = r#"
        #include "twinplug.h"
        static int64_t value = 5, released = 0;
        static void release(void *data) { released += *(int64_t *)data; }
        static tp_status handler(tp_call *call) {
          int64_t *data = (int64_t *)call->data;
          if (call->count == 0) return tp_answer(call, TP_ERROR, "nothing was given");
          *call->result = tp_int(*data + tp_to_int(&call->args[0]));
          return TP_OK;
        }
        static tp_status on(tp_call *call) { return tp_on(call, "tick", handler, &value, release); }
        static tp_status off(tp_call *call) { return tp_off(call, call->args[0].as.integer); }
        static tp_status null(tp_call *call) { return tp_on(call, "tick", NULL, NULL, NULL); }
        static tp_status given(tp_call *call) { *call->result = tp_int(released); return TP_OK; }
        static tp_status limit(tp_call *call) { return tp_constant(call, "LIMIT"); }
        static const tp_export exports[] = {
          TP_EXPORT_FUNC("On", "() -> int", on), TP_EXPORT_FUNC("Off", "(number: int)", off),
          TP_EXPORT_FUNC("Null", "()", null), TP_EXPORT_FUNC("Released", "() -> int", given),
          TP_EXPORT_FUNC("Limit", "() -> int", limit)};
        TP_PLUGIN("listens", "1.0.0", exports, NULL);"#;
    let flags = ["-shared", "-Wall", "-Wextra", "-Werror"];
    let path = shop.compile("liblistens.so", text, &flags);
    let host = Host::builder().constant("LIMIT", 10).build().unwrap();
    let plugin = host.load(path).unwrap();
    assert_eq!(plugin.call("Limit", ()).unwrap(), Value::Int(10));
    let number = plugin.call("On", ()).unwrap();
    assert_eq!(number, Value::Int(1));
    assert_eq!(plugin.call("On", ()).unwrap(), Value::Int(2));
    check(host.emit("tick", (2,)), &[("listens", Ok(7.into())), ("listens", Ok(7.into()))]);
    let failed = "plugin `listens`: event `tick`: nothing was given";
    check(host.emit("tick", ()), &[("listens", Err(failed)), ("listens", Err(failed))]);
    assert_eq!(
        message(plugin.call("Null", ())),
        "plugin `listens`: `Null`: `handler` is a null pointer"
    );
    plugin.call("Off", (1,)).unwrap();
    plugin.call("Off", (1,)).unwrap();
    assert_eq!(plugin.call("Released", ()).unwrap(), Value::Int(5));
    check(host.emit("tick", (2,)), &[("listens", Ok(7.into()))]);
    host.unload(plugin).unwrap();
    check(host.emit("tick", (2,)), &[]);
}

/// A handler runs while the plugin is unloaded, from where its subscriptions end: nothing is called
/// in code that has gone, or with what was given back.
#[test]
fn a_plugin_is_unloaded_while_its_handlers_run() {
    let rounds = if cfg!(debug_assertions) { 20 } else { 50 };
    for _ in 0..rounds {
        let host = Host::builder().build().unwrap();
        let plugin = host.load(&*LISTENER).unwrap();
        let on = plugin.func::<(String, i64), ()>("On").unwrap();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::SeqCst) {
                        for (_, result) in host.emit("tick", ()) {
                            assert_eq!(result.unwrap(), Value::Int(1));
                        }
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..20 {
                    on.call(("tick".into(), 1)).unwrap();
                    plugin.call("Off", ()).unwrap();
                }
                on.call(("tick".into(), 1)).unwrap();
                host.unload(plugin.clone()).unwrap();
                is_over.store(true, Ordering::SeqCst);
            });
        });
    }
}
