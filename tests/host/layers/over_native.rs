//! A script over a native plugin: what layers are for.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use twinplug::{Host, PluginKind, PluginRef};

use crate::shop::Shop;

/// `LOAD` is its number; with `STATE` a reload must see its calls, and it unmaps.
const TEXT: &str = r#"
    #include "twinplug.h"
    static int64_t calls = 0;
    static tp_status load(tp_call *call) { __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST); *call->result = tp_int(LOAD); return TP_OK; }
    static tp_status load_direct(tp_fault *fault, int64_t *result) {
      (void)fault;
      __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
      *result = LOAD;
      return TP_OK;
    }
    static tp_status twice(tp_call *call) { *call->result = tp_int(2 * tp_to_int(&call->args[0])); return TP_OK; }
    static tp_status get(tp_call *call) { *call->result = tp_int(__atomic_load_n(&calls, __ATOMIC_SEQ_CST)); return TP_OK; }
    static tp_status set(tp_call *call) { __atomic_store_n(&calls, tp_to_int(&call->args[0]), __ATOMIC_SEQ_CST); return TP_OK; }
    static const tp_export exports[] = {
      TP_EXPORT_DIRECT("Load", "() -> int", load, load_direct),
      TP_EXPORT_FUNC("Twice", "(x: int) -> int", twice),
    #ifdef STATE
      TP_EXPORT_VAR("Calls", "int", NULL, get, set),
    #endif
    };
    #ifdef STATE
    TP_PLUGIN_WITH("p", "1.0.0", TP_UNLOAD, exports, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    #else
    TP_PLUGIN("p", "1.0.0", exports, NULL);
    #endif
"#;

struct Native {
    shop: Shop,
    host: Host,
    plugin: PluginRef,
}

impl Native {
    fn new(flags: &[&str]) -> Native {
        let shop = Shop::new();
        compile(&shop, 1, flags);
        let host = Host::builder().build().unwrap();
        let plugin = host.load(shop.folder.path().join("libp.so")).unwrap();
        Native { shop, host, plugin }
    }

    fn lay(&self, text: &str) -> PluginRef {
        let text = format!("---@over p\n{text}");
        self.host.load(self.shop.write("layer.lua", text)).unwrap()
    }

    fn edit(&self, layer: &PluginRef, text: &str) {
        self.shop.write("layer.lua", format!("---@over p\n{text}"));
        self.host.reload(layer).unwrap();
    }
}

fn compile(shop: &Shop, load: usize, flags: &[&str]) -> PathBuf {
    let load = format!("-DLOAD={load}");
    let flags: Vec<&str> = flags.iter().copied().chain(["-shared", &load]).collect();
    shop.compile("libp.so", TEXT, &flags)
}

fn a_layer_over(flags: &[&str]) {
    let native = Native::new(flags);
    let load = native.plugin.func::<(), i64>("Load").unwrap();
    let twice = native.plugin.func::<(i64,), i64>("Twice").unwrap();
    let user = "function Use() return host.plugin('p').Load() + host.plugin('p').Twice(1) end";
    let user = native.host.load_source("user", user).unwrap();
    let user = user.func::<(), i64>("Use").unwrap();
    let served = || (load.call(()).unwrap(), twice.call((4,)).unwrap(), user.call(()).unwrap());
    assert_eq!(served(), (1, 8, 3));
    let layer = native.lay("function Load() return host.base.Load() * 100 end");
    assert_eq!(served(), (100, 8, 102));
    native.edit(&layer, "function Twice(x) return host.base.Twice(x) + 1 end");
    assert_eq!(served(), (1, 9, 4));
    // The base is edited below it.
    compile(&native.shop, 2, flags);
    native.host.reload(&native.plugin).unwrap();
    assert_eq!(served(), (2, 9, 5));
    native.edit(&layer, "function Load() return host.base.Load() * 100 end");
    assert_eq!(served(), (200, 8, 202));
    compile(&native.shop, 3, flags);
    native.host.reload(&native.plugin).unwrap();
    assert_eq!(served(), (300, 8, 302));
    assert_eq!(native.plugin.kind(), PluginKind::Native);
    native.host.unload(layer).unwrap();
    assert_eq!(served(), (3, 8, 5));
}

#[test]
fn single_functions_of_a_native_plugin_are_changed() {
    a_layer_over(&[]);
}

#[test]
fn single_functions_of_one_with_variables_are_changed() {
    a_layer_over(&["-DSTATE"]);
}

/// Of each load of the base, and each call, the counter is carried: none is lost, none made twice.
#[test]
fn no_call_is_lost_while_layer_and_base_are_edited() {
    let native = Native::new(&["-DSTATE"]);
    let load = native.plugin.func::<(), i64>("Load").unwrap();
    let texts = [
        "function Load() return host.base.Load() end",
        "function Twice(x) return host.base.Twice(x) end",
        "",
        "local load = host.base.Load function Load() return (load()) end",
    ];
    let layer = native.lay(texts[0]);
    let done = AtomicBool::new(false);
    let calls: i64 = thread::scope(|scope| {
        let callers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut calls = 0;
                    while !done.load(Ordering::Relaxed) {
                        assert!(load.call(()).unwrap() > 0);
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        for round in 0..1000 {
            native.edit(&layer, texts[round % texts.len()]);
            if round % 3 == 0 {
                native.host.reload(&native.plugin).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert_eq!(native.plugin.var::<i64>("Calls").unwrap().get().unwrap(), calls);
    // One image serves, and none is kept.
    let images = native.host.images();
    assert_eq!(images.len(), 1, "{images:?}");
}

/// On LuaJIT loops that call such a function are compiled with its address in them.
#[test]
fn compiled_loops_follow_a_layer_over_a_leaf_function() {
    let library = crate::twins::build("tests/fixtures/leaves");
    let host = Host::builder().no_time_limit().build().unwrap();
    host.load(library).unwrap();
    let text = "local leaves = host.plugin('leaves')
      function Sum(n) local x = 0 for i = 1, n do x = leaves.add(x, i) end return x end";
    let sum = host.load_source("sums", text).unwrap().func::<(i64,), i64>("Sum").unwrap();
    assert_eq!(sum.call((1000,)).unwrap(), 500_500);
    let layer = "---@over leaves\nfunction add(a, b) return host.base.add(a, b) + 1 end";
    for _ in 0..3 {
        let layer = host.load_source("more", layer).unwrap();
        assert_eq!(sum.call((1000,)).unwrap(), 501_500);
        host.unload(layer).unwrap();
        assert_eq!(sum.call((1000,)).unwrap(), 500_500);
    }
}

/// Two threads that edit, one the layer and one what lies below.
#[test]
fn both_are_edited_at_once() {
    let native = Native::new(&["-DSTATE"]);
    let load = native.plugin.func::<(), i64>("Load").unwrap();
    let layer = native.lay("function Load() return host.base.Load() end");
    let done = AtomicBool::new(false);
    let calls: i64 = thread::scope(|scope| {
        let callers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut calls = 0;
                    while !done.load(Ordering::Relaxed) {
                        assert_eq!(load.call(()).unwrap(), 1);
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        let below =
            scope.spawn(|| (0..100).for_each(|_| native.host.reload(&native.plugin).unwrap()));
        (0..100).for_each(|_| native.host.reload(&layer).unwrap());
        below.join().unwrap();
        done.store(true, Ordering::Relaxed);
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert_eq!(native.plugin.var::<i64>("Calls").unwrap().get().unwrap(), calls);
}

/// Of a leaf function that another load has otherwise compiled code makes no more use.
#[test]
fn compiled_loops_do_not_follow_into_another_sort_of_function() {
    let shop = Shop::new();
    let compile = |flags: &[&str]| {
        let text = r#"
            #include "twinplug.h"
            #ifdef FLOATS
            static tp_status two(tp_fault *fault, double a, double b, double *result) {
            #else
            static tp_status two(tp_fault *fault, int64_t a, int64_t b, int64_t *result) {
            #endif
              (void)fault; *result = a + b; return TP_OK;
            }
            static tp_status general(tp_call *call) {
            #ifdef FLOATS
              *call->result = tp_float(tp_to_float(&call->args[0]) + tp_to_float(&call->args[1]));
            #else
              *call->result = tp_int(tp_to_int(&call->args[0]) + tp_to_int(&call->args[1]));
            #endif
              return TP_OK;
            }
            static int64_t unused = 0;
            static tp_status get(tp_call *call) { *call->result = tp_int(unused); return TP_OK; }
            static tp_status set(tp_call *call) { unused = tp_to_int(&call->args[0]); return TP_OK; }
            static const tp_export exports[] = {
            #ifdef FLOATS
              {"add", "(a: float, b: float) -> float", TP_SYMBOL_FUNC, TP_LEAF, NULL, general, NULL, NULL, TP_DIRECT(two)},
            #else
              {"add", "(a: int, b: int) -> int", TP_SYMBOL_FUNC, TP_LEAF, NULL, general, NULL, NULL, TP_DIRECT(two)},
            #endif
            #ifdef STATE
              TP_EXPORT_VAR("Unused", "int", NULL, get, set),
            #endif
            };
            TP_PLUGIN("sum", "1.0.0", exports, NULL);
        "#;
        shop.compile("libsum.so", text, &[&["-shared"], flags].concat())
    };
    let host = Host::builder().no_time_limit().build().unwrap();
    let plugin = host.load(compile(&[])).unwrap();
    let text = "local sum = host.plugin('sum')
      function Sum(n) local x = 0 for i = 1, n do x = sum.add(x, i) end return x end";
    let sum = host.load_source("sums", text).unwrap().func::<(i64,), i64>("Sum").unwrap();
    assert_eq!(sum.call((1000,)).unwrap(), 500_500);
    let loads: [&[&str]; 6] =
        [&["-DFLOATS"], &[], &["-DSTATE"], &["-DSTATE", "-DFLOATS"], &["-DSTATE"], &[]];
    for flags in loads {
        compile(flags);
        host.reload(&plugin).unwrap();
        assert_eq!(sum.call((1000,)).unwrap(), 500_500, "{flags:?}");
    }
}
