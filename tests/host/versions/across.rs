//! Versions of both kinds: one becomes the other while threads call, and no call is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use twinplug::{Host, PluginKind};

use crate::shop::Shop;

const SCRIPT: &str =
    "---@plugin p 1.0.0\n---@type integer\nCount = 0\nlocal S = host.state { Kept = 0 }
    ---@return integer\nfunction Tick() Count = Count + 1 S.Kept = S.Kept + 1 return Count end";
const LIBRARY: &str = r#"
    #include "twinplug.h"
    static int64_t count = 0, kept = 0;
    static tp_status tick(tp_call *call) {
      __atomic_add_fetch(&kept, 1, __ATOMIC_SEQ_CST);
      *call->result = tp_int(__atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST));
      return TP_OK;
    }
    static tp_status get(tp_call *call) { *call->result = tp_int(*(int64_t *)call->data); return TP_OK; }
    static tp_status set(tp_call *call) { *(int64_t *)call->data = tp_to_int(&call->args[0]); return TP_OK; }
    static const tp_export exports[] = {
      TP_EXPORT_FUNC("Tick", "() -> int", tick),
      TP_EXPORT_VAR("Count", "int", &count, get, set),
      {"Kept", "int", TP_SYMBOL_STATE, 0, &kept, NULL, get, set, NULL},
    };
    TP_PLUGIN_WITH("p", "2.0.0", TP_UNLOAD, exports, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
"#;

#[test]
fn a_script_becomes_a_library_and_back_while_it_is_called() {
    let shop = Shop::new();
    let script = shop.write("p.lua", SCRIPT);
    let library = shop.compile("libp.so", LIBRARY, &["-shared"]);
    let host = Host::builder().build().unwrap();
    let plugin = host.load(&script).unwrap();
    let tick = plugin.func::<(), i64>("Tick").unwrap();
    let done = AtomicBool::new(false);
    let calls: i64 = thread::scope(|scope| {
        let callers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut calls = 0;
                    while !done.load(Ordering::Relaxed) {
                        tick.call(()).unwrap();
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        for _ in 0..50 {
            host.replace(&plugin, &library).unwrap();
            assert_eq!(plugin.kind(), PluginKind::Native);
            host.rollback("p").unwrap();
            assert_eq!(plugin.kind(), PluginKind::Lua);
            host.unpin("p");
        }
        done.store(true, Ordering::Relaxed);
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    assert_eq!(plugin.var::<i64>("Count").unwrap().get().unwrap(), calls);
}

#[test]
fn a_folder_has_versions_of_both_kinds() {
    let shop = Shop::new();
    let plugins = shop.folder.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    let library = shop.compile("libp.so", &LIBRARY.replace("2.0.0", "1.0.0"), &["-shared"]);
    std::fs::copy(library, plugins.join("libp_v1.so")).unwrap();
    std::fs::write(plugins.join("p_v2.lua"), "Count = 5").unwrap();
    let host = Host::builder().build().unwrap();
    host.load_dir(&plugins).unwrap().all().unwrap();
    let kinds: Vec<_> = host.versions("p").iter().map(|plugin| plugin.kind()).collect();
    assert_eq!(kinds, [PluginKind::Lua, PluginKind::Native]);
    assert_eq!(host.rollback("p").unwrap().kind(), PluginKind::Native);
    assert_eq!(host.plugin("p").unwrap().call("Tick", ()).unwrap(), 1.into());
}

/// What stays mapped has an end, and that is no load's but the next one's.
#[test]
fn the_budget_of_images_refuses_a_reload() {
    let shop = Shop::new();
    let host = Host::builder().kept_images(2).build().unwrap();
    let text = LIBRARY.replace("TP_PLUGIN_WITH(\"p\", \"2.0.0\", TP_UNLOAD, exports, NULL, NULL, NULL, NULL, NULL, NULL, NULL);", "TP_PLUGIN(\"p\", \"2.0.0\", exports, NULL);");
    let plugin = host.load(shop.compile("libp.so", &text, &["-shared"])).unwrap();
    host.reload(&plugin).unwrap();
    host.reload(&plugin).unwrap();
    plugin.call("Tick", ()).unwrap();
    let error = host.reload(&plugin).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "2 images of native plugins that are gone are still mapped, and no more are allowed: let \
             plugins say `unload`, or raise `HostBuilder::kept_images`"
        ),
        "{error}"
    );
    assert_eq!(plugin.call("Tick", ()).unwrap(), 2.into());
}
