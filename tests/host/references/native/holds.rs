//! What is left to an arena, seen from C.

use twinplug::{Function, Value};

use crate::shop::Shop;

const TEXT: &str = r#"
    #include "twinplug.h"
    static tp_func it;
    static int64_t holders;
    static void retain(tp_func *func) { (void)func; holders++; }
    static void release(tp_func *func) { (void)func; holders--; }
    static tp_status run(tp_func *func, const tp_value *args, uint32_t count, tp_arena *arena,
                         tp_value *result) {
      (void)func; (void)args; (void)count; (void)arena;
      *result = tp_int(7);
      return TP_OK;
    }
    static const tp_func_type type = {sizeof(tp_func_type), 0, retain, release, run};
    static tp_value made(void) { it.type = &type; holders++; return tp_func_value(&it); }

    /* What is held goes with what lies behind a mark, with a reset, and with the arena. */
    static tp_status goes(tp_call *call) {
      const tp_host *host = call->host;
      tp_arena *arena = host->arena_new();
      tp_value first = made(), second = made(), third = made(), list[5];
      tp_mark mark;
      tp_hold(host, arena, first);
      host->arena_mark(arena, &mark);
      tp_hold(host, arena, second);
      list[0] = tp_int(holders);
      host->arena_rewind(arena, &mark);
      list[1] = tp_int(holders);
      host->arena_reset(arena);
      list[2] = tp_int(holders);
      tp_hold(host, arena, third);
      list[3] = tp_int(holders);
      host->arena_free(arena);
      list[4] = tp_int(holders);
      *call->result = tp_list((tp_value *)memcpy(tp_alloc(call, sizeof list), list, sizeof list), 5);
      return TP_OK;
    }
    /* What cannot be held is still the caller's. */
    static tp_status refused(tp_call *call) {
      tp_value number = tp_int(1), function = made();
      int64_t statuses = call->host->arena_hold(call->arena, &number) * 100 +
                         call->host->arena_hold(NULL, &function) * 10 +
                         call->host->arena_hold(call->arena, NULL);
      *call->result = tp_int(statuses * 10 + holders);
      tp_release(&function);
      return TP_OK;
    }
    static tp_status give(tp_call *call) { return tp_give(call, made()); }
    static tp_status held(tp_call *call) { *call->result = tp_int(holders); return TP_OK; }
    static const tp_export exports[] = {
      TP_EXPORT_FUNC("Goes", "() -> list<int>", goes), TP_EXPORT_FUNC("Refused", "() -> int", refused),
      TP_EXPORT_FUNC("Give", "() -> function", give), TP_EXPORT_FUNC("Held", "() -> int", held)};
    TP_PLUGIN("holds", "1.0.0", exports, NULL);
"#;

#[test]
fn what_is_held_goes_with_its_arena() {
    let shop = Shop::new();
    let path = shop.compile("libholds.so", TEXT, &["-shared"]);
    let plugin = shop.stage.host.load(path).unwrap();
    let goes = plugin.func::<(), Vec<i64>>("Goes").unwrap();
    assert_eq!(goes.call(()).unwrap(), [3, 2, 1, 1, 0]);
    // TP_TYPE for a number, TP_ERROR without an arena and without a value; one holder.
    assert_eq!(plugin.call("Refused", ()).unwrap(), Value::Int(4111));
    let held = plugin.func::<(), i64>("Held").unwrap();
    assert_eq!(held.call(()).unwrap(), 0);
    let given = plugin.func::<(), Function>("Give").unwrap().call(()).unwrap();
    assert_eq!(held.call(()).unwrap(), 1, "the arena of the call is gone");
    assert_eq!(given.call::<i64>(()).unwrap(), 7);
    drop(given);
    assert_eq!(held.call(()).unwrap(), 0);
}
