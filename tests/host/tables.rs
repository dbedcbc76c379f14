//! The table of a native plugin as its file says it: what contradicts the section is refused before any
//! code has run, and what code fills in is not judged before.

use twinplug::{ErrorKind, Host};

use crate::shop::{LOUD, Shop};

/// By hand: the macros write both from one.
#[test]
fn a_section_that_lists_others_than_the_table_is_refused_before_anything_runs() {
    let shop = Shop::new();
    let check = |plugin: &str, listed: &str, expected: &str| {
        let text = format!(
            "{LOUD}\n#define LISTED \",\\\"exports\\\":[{listed}]\"\n\
             TP_IN_SECTION static const struct {{ tp_section head; char json[200]; }} section = \
             {{{{{{'t','w','i','n','p','l','u','g'}}, 1, 1, sizeof(TP_JSON_(\"loud\", \"1.0.0\", LISTED)) - 1}}, \
             TP_JSON_(\"loud\", \"1.0.0\", LISTED)}};\n\
             extern TP_EXPORTED const tp_plugin twinplug_plugin;\n\
             const tp_plugin twinplug_plugin = {{sizeof(tp_plugin), 1, 1, &section, {plugin}, exports, 1, \
             sizeof(tp_export), NULL, NULL, NULL, NULL, NULL, NULL, NULL}};"
        );
        let path = shop.compile("odd.so", &text, &["-shared"]);
        shop.check(&path, ErrorKind::Refused, &format!("broken: its table has {expected}"));
    };
    let entry = |symbol: &str, ty: &str| {
        format!(r#"{{\"name\":\"F\",\"symbol\":\"{symbol}\",\"type\":\"{ty}\"}}"#)
    };
    let loud = "\"loud\", \"1.0.0\"";
    let names = "`loud` 1.0.0";
    check("\"quiet\", \"1.0.0\"", "", &format!("`quiet` 1.0.0, its section {names}"));
    check("\"loud\", \"1.0.1\"", "", &format!("`loud` 1.0.1, its section {names}"));
    check(loud, "", "`F` as func `()`, its section nothing");
    let int = entry("func", "() -> int");
    check(loud, &int, "`F` as func `()`, its section `F` as func `() -> int`");
    let more = [entry("func", "()"), entry("var", "int").replace('F', "G")].join(",");
    check(loud, &more, "nothing, its section `G` as var `int`");
}

/// In C++ code may fill in the table as it is loaded: what stands in the file is not judged then.
#[test]
fn a_table_that_is_filled_in_as_it_is_loaded_is_fine() {
    let shop = Shop::new();
    let text = r#"
        #include "twinplug.h"
        static tp_status f(tp_call *call) { *call->result = tp_int(7); return TP_OK; }
        static const char *name() { return "F"; }
        static const tp_export exports[] = {TP_EXPORT_FUNC(name(), "() -> int", f)};
        TP_PLUGIN("late", "1.0.0", exports, NULL);"#;
    let path = shop.compile_cpp("late.so", text);
    assert_eq!(Host::inspect(&path).unwrap().name, "late");
    let plugin = shop.stage.host.load(&path).unwrap();
    assert_eq!(plugin.func::<(), i64>("F").unwrap().call(()).unwrap(), 7);
}

/// The same of texts, and of a table that is no constant.
#[test]
fn what_a_constructor_writes_is_not_judged_before_it_has() {
    let shop = Shop::new();
    let text = r#"
        #include "twinplug.h"
        #include <string.h>
        static tp_status f(tp_call *call) { *call->result = tp_int(7); return TP_OK; }
        static char type[64];
        static tp_export exports[] = {{"F", type, TP_SYMBOL_FUNC, 0, NULL, f, NULL, NULL, NULL},
                                      {"G", "no type", TP_SYMBOL_FUNC, 0, NULL, f, NULL, NULL, NULL}};
        __attribute__((constructor)) static void fill(void) {
          strcpy(type, "() -> int");
          exports[1].type = "() -> int";
        }
        TP_PLUGIN("late", "1.0.0", exports, NULL);"#;
    let path = shop.compile("late.so", text, &["-shared"]);
    assert_eq!(Host::inspect(&path).unwrap().name, "late");
    let plugin = shop.stage.host.load(&path).unwrap();
    for name in ["F", "G"] {
        assert_eq!(plugin.func::<(), i64>(name).unwrap().call(()).unwrap(), 7);
    }
}
