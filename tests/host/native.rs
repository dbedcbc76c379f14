//! What only shared libraries can show, once they are loaded.

use std::process::Command;

use twinplug::Host;

use crate::shop::Shop;
use crate::twins::{C, RUST, root};

/// The probe, built with the header of ABI 1.0: shorter structs, fewer services.

#[test]
fn a_plugin_of_an_older_minor_version_works() {
    let shop = Shop::new();
    let library = shop.folder.path().join("libold.so");
    let status = Command::new("cc")
        .args(["-std=c99", "-fPIC", "-shared", "-I"])
        .arg(root("tests/fixtures/abi-1.0"))
        .arg(root("tests/fixtures/probe-c/probe.c"))
        .arg("-o")
        .arg(&library)
        .status();
    assert!(status.unwrap().success());
    assert_eq!(Host::inspect(&library).unwrap().abi, Some((1, 0)));
    let plugin = shop.stage.host.load(&library).unwrap();
    let new = shop.stage.host.load(&RUST.testplugin).unwrap();
    assert_eq!(plugin.descriptor().exports.len(), 19);
    assert_eq!(plugin.call("Add", (2, 3)).unwrap(), twinplug::Value::Int(5));
    let scale = plugin.func::<(f64, f64), f64>("Scale").unwrap();
    assert_eq!(scale.call((2.0, 4.0)).unwrap(), 8.0);
    plugin.call("Send", ("numbers", 7)).unwrap();
    assert_eq!(plugin.call("Receive", ("numbers",)).unwrap(), twinplug::Value::Int(7));
    assert!(new.call("Hello", ()).is_ok());
}

/// An export of 1.0 ends before the direct entry: what lies behind it is something else.
#[test]
fn an_older_plugin_registers_shorter_exports() {
    let shop = Shop::new();
    let text = r#"
        #include "twinplug.h"
        static tp_status one(tp_call *call) { *call->result = tp_int(call->args[0].as.integer + 1); return TP_OK; }
        static const tp_export more[] = {
          {"One", "(x: int) -> int", TP_FUNC, 0, NULL, one, NULL, NULL},
          {"Two", "(x: int) -> int", TP_FUNC, 0, NULL, one, NULL, NULL}};
        static tp_status init(tp_call *call) {
          tp_status status = call->host->register_export(call->context, &more[0], call->arena, call->result);
          if (status != TP_OK) return status;
          return call->host->register_export(call->context, &more[1], call->arena, call->result);
        }
        static const tp_export exports[] = {{"Zero", "(x: int) -> int", TP_FUNC, 0, NULL, one, NULL, NULL}};
        TP_PLUGIN("old", "1.0.0", exports, init);"#;
    let source = shop.write("old.c", text);
    let library = shop.folder.path().join("libold.so");
    let status = Command::new("cc")
        .args(["-std=c99", "-fPIC", "-shared", "-I"])
        .arg(root("tests/fixtures/abi-1.0"))
        .arg(&source)
        .arg("-o")
        .arg(&library)
        .status();
    assert!(status.unwrap().success());
    let plugin = shop.stage.host.load(&library).unwrap();
    for name in ["Zero", "One", "Two"] {
        assert_eq!(plugin.func::<(i64,), i64>(name).unwrap().call((4,)).unwrap(), 5, "{name}");
    }
}

/// Marks in an arena, services by id, statuses: what came with ABI 1.1.

#[test]
fn the_services_of_1_1_are_there() {
    let shop = Shop::new();
    let text = r#"
        #include "twinplug.h"
        static tp_context *context; static const tp_host *host;
        static tp_status marks(tp_call *call) {
          tp_mark mark; char *first; char *second; int i;
          call->host->arena_mark(call->arena, &mark);
          first = (char *)call->host->alloc(call->arena, 100, 16);
          for (i = 0; i < 100; i++) call->host->alloc(call->arena, 100000, 1);
          call->host->arena_rewind(call->arena, &mark);
          second = (char *)call->host->alloc(call->arena, 100, 16);
          *call->result = tp_bool(first != NULL && first == second);
          return TP_OK;
        }
        static tp_status logs(tp_call *call) {
          const tp_log *log = (const tp_log *)call->host->service(call->context, TP_SERVICE_LOG);
          if (log == NULL || log->size < sizeof(tp_log)) return tp_answer(call, TP_ERROR, "no log");
          if (call->host->service(call->context, 999) != NULL) return tp_answer(call, TP_ERROR, "999");
          *call->result = tp_int(log->write(call->context, 9, "x", 1) * 100 +
                                 log->write(call->context, TP_LOG_INFO, "hello", 5));
          return TP_OK;
        }
        static tp_status late(tp_call *call) {
          static const tp_export more = TP_EXPORT_FUNC("More", "()", logs);
          context = call->context; host = call->host;
          *call->result = tp_int(call->host->register_export(call->context, &more, call->arena, call->result));
          return TP_OK;
        }
        static const tp_export exports[] = {
          TP_EXPORT_FUNC("Marks", "() -> bool", marks), TP_EXPORT_FUNC("Logs", "() -> int", logs),
          TP_EXPORT_FUNC("Late", "() -> int", late),
          {"secret", "int", TP_SYMBOL_STATE, 0, NULL, NULL, logs, logs, NULL}};
        TP_PLUGIN("modern", "1.0.0", exports, NULL);"#;
    let path = shop.compile("libmodern.so", text, &["-shared"]);
    let plugin = shop.stage.host.load(&path).unwrap();
    assert_eq!(plugin.call("Marks", ()).unwrap(), twinplug::Value::Bool(true));
    // TP_TYPE for a level that there is not, TP_OK for one that there is.
    assert_eq!(plugin.call("Logs", ()).unwrap(), twinplug::Value::Int(400));
    // TP_WRONG_STATE: init is over.
    assert_eq!(plugin.call("Late", ()).unwrap(), twinplug::Value::Int(7));
    assert!(plugin.lookup("secret").is_err(), "state is private");
}

#[test]
fn a_plugin_may_have_no_exports() {
    let shop = Shop::new();
    let text = "#include \"twinplug.h\"\nTP_PLUGIN_BARE(\"bare\", \"1.0.0\", NULL);";
    let path =
        shop.compile("libbare.so", text, &["-shared", "-Wall", "-Wextra", "-Werror", "-pedantic"]);
    let plugin = shop.stage.host.load(path).unwrap();
    assert!(plugin.descriptor().exports.is_empty());
}

#[test]
fn a_library_can_be_overwritten_while_it_serves() {
    let shop = Shop::new();
    let path = shop.write("libcopy.so", std::fs::read(&RUST.testplugin).unwrap());
    let plugin = shop.stage.host.load(&path).unwrap();
    std::fs::write(&path, vec![0xff; 1 << 20]).unwrap();
    assert!(plugin.call("Hello", ()).is_ok());
    std::fs::remove_file(&path).unwrap();
    assert!(plugin.call("Hello", ()).is_ok());
    let left: Vec<_> = std::fs::read_dir(shop.folder.path()).unwrap().collect();
    assert!(left.is_empty(), "the private copy is gone: {left:?}");
}

#[test]
fn an_edited_library_at_the_same_path_is_really_another() {
    let shop = Shop::new();
    let text = |answer: i64| {
        format!(
            "#include \"twinplug.h\"\n\
             static tp_status f(tp_call *call) {{ *call->result = tp_int({answer}); return TP_OK; }}\n\
             static const tp_export exports[] = {{TP_EXPORT_FUNC(\"F\", \"() -> int\", f)}};\n\
             TP_PLUGIN(\"answer\", \"1.0.0\", exports, NULL);"
        )
    };
    for answer in [1, 2, 3] {
        let path = shop.compile("libanswer.so", &text(answer), &["-shared"]);
        let plugin = shop.stage.host.load(&path).unwrap();
        assert_eq!(plugin.func::<(), i64>("F").unwrap().call(()).unwrap(), answer);
        shop.stage.host.unload(plugin).unwrap();
    }
}

/// A type whose schema is not what it serializes to.
#[derive(serde::Serialize, serde::Deserialize)]
struct Liar(String);

impl twinplug::Data for Liar {
    const SCHEMA: &'static twinplug::Type = &twinplug::Type::Int;
}

#[test]
fn a_schema_that_lies_is_caught_before_c_reads_by_it() {
    let shop = Shop::new();
    for plugin in [&C.probe, &RUST.probe] {
        let plugin = shop.stage.host.load(plugin).unwrap();
        let add = plugin.func::<(Liar, i64), i64>("Add").unwrap();
        assert_eq!(
            add.call((Liar("x".into()), 1)).unwrap_err().to_string(),
            "plugin `probe`: `Add`: argument `a`: expected int, got string"
        );
        let count = plugin.var::<Liar>("Count").unwrap();
        assert_eq!(
            count.set(Liar("x".into())).unwrap_err().to_string(),
            "plugin `probe`: `Count`: expected int, got string"
        );
        shop.stage.host.unload(plugin).unwrap();
    }
}

#[test]
fn numbers_arrive_in_c_as_the_declared_type() {
    let shop = Shop::new();
    let plugin = shop.stage.host.load(&C.probe).unwrap();
    let scale = plugin.func::<(i32, i64), f64>("Scale").unwrap();
    assert_eq!(scale.call((3, 2)).unwrap(), 6.0);
    assert_eq!(plugin.call("Add", (2.0, 3)).unwrap(), twinplug::Value::Int(5));
    assert_eq!(
        plugin.call("Add", (2.5, 3)).unwrap_err().to_string(),
        "plugin `probe`: `Add`: argument `a`: 2.5 is no whole number"
    );
}

/// Arguments that say one thing and write another.
struct Silent;

impl twinplug::Args for Silent {
    const TYPES: &'static [&'static twinplug::Type] = &[&twinplug::Type::Str];

    fn write<S: twinplug::Sink + ?Sized>(&self, _: &mut S) -> Result<(), twinplug::ConvertError> {
        Ok(())
    }

    fn to_values(&self) -> Result<Vec<twinplug::Value>, twinplug::ConvertError> {
        Ok(Vec::new())
    }
}

#[test]
fn arguments_that_are_not_written_are_missed_before_c_reads_them() {
    let shop = Shop::new();
    let plugin = shop.stage.host.load(&C.probe).unwrap();
    let greet = plugin.func::<Silent, String>("Greet").unwrap();
    assert_eq!(
        greet.call(Silent).unwrap_err().to_string(),
        "plugin `probe`: `Greet`: expected 1 argument, got 0"
    );
}

/// What a broken or hostile plugin answers, as far as it can be told.
#[test]
fn results_that_break_the_abi_are_errors() {
    let shop = Shop::new();
    let text = r#"
        #include "twinplug.h"
        static tp_status tag(tp_call *call) { call->result->tag = 77; return TP_OK; }
        static tp_status null(tp_call *call) { call->result->tag = TP_LIST; call->result->length = 3; return TP_OK; }
        static tp_status text(tp_call *call) { *call->result = tp_text("\xff\xfe", 2); return TP_OK; }
        static tp_status odd(tp_call *call) {
          static const tp_value items[2];
          call->result->tag = TP_LIST; call->result->length = 1;
          call->result->as.list = (const tp_value *)((const char *)items + 1); return TP_OK; }
        static tp_status other(tp_call *call) { *call->result = tp_str("x"); return TP_OK; }
        static tp_status twice(tp_call *call) {
          static tp_pair pairs[2];
          pairs[0].key = pairs[1].key = tp_str("a"); *call->result = tp_map(pairs, 2); return TP_OK; }
        static tp_status key(tp_call *call) {
          static tp_pair pair; pair.key = tp_float(1.5); *call->result = tp_map(&pair, 1); return TP_OK; }
        static tp_status cycle(tp_call *call) {
          static tp_value list; list.tag = TP_LIST; list.length = 1; list.as.list = &list;
          *call->result = list; return TP_OK; }
        static tp_status status(tp_call *call) { (void)call; return 4711; }
        static tp_status thrown(tp_call *call) { *call->result = tp_int(5); return TP_ERROR; }
        static tp_status func(tp_call *call) { call->result->tag = TP_FUNC; return TP_OK; }
        static tp_status table(tp_call *call) {
          static tp_object object; *call->result = tp_object_value(&object); return TP_OK; }
        static void count(tp_buffer *buffer) { (void)buffer; }
        static const tp_buffer_type counts = {sizeof(tp_buffer_type), 0, count, count};
        static tp_status element(tp_call *call) {
          static tp_buffer buffer = {&counts, NULL, 0, 99, 0};
          *call->result = tp_buffer_value(&buffer); return TP_OK; }
        static tp_status data(tp_call *call) {
          static tp_buffer buffer = {&counts, NULL, 3, TP_F64, 0};
          *call->result = tp_buffer_value(&buffer); return TP_OK; }
        static const tp_export exports[] = {
          TP_EXPORT_FUNC("Odd", "() -> any", odd), TP_EXPORT_FUNC("Other", "() -> int", other),
          TP_EXPORT_FUNC("Given", "(text: string) -> int", other),
          TP_EXPORT_FUNC("Twice", "() -> any", twice), TP_EXPORT_FUNC("Tag", "() -> any", tag), TP_EXPORT_FUNC("Null", "() -> any", null),
          TP_EXPORT_FUNC("Text", "() -> any", text), TP_EXPORT_FUNC("Key", "() -> any", key),
          TP_EXPORT_FUNC("Cycle", "() -> any", cycle), TP_EXPORT_FUNC("Status", "() -> any", status),
          TP_EXPORT_FUNC("Thrown", "() -> any", thrown), TP_EXPORT_FUNC("Func", "() -> any", func),
          TP_EXPORT_FUNC("Table", "() -> any", table), TP_EXPORT_FUNC("Element", "() -> any", element),
          TP_EXPORT_FUNC("Data", "() -> any", data)};
        TP_PLUGIN("broken", "1.0.0", exports, NULL);"#;
    let path = shop.compile("libbroken.so", text, &["-shared"]);
    let plugin = shop.stage.host.load(path).unwrap();
    let check = |name: &str, expected: &str| {
        let error = plugin.call(name, ()).unwrap_err();
        assert_eq!(error.to_string(), format!("plugin `broken`: `{name}`: {expected}"));
        error
    };
    check("Tag", "result: a value of an unknown tag cannot cross");
    check("Null", "result: the pointer of a list or map is null");
    check("Odd", "result: the pointer of a list or map is not aligned");
    check("Other", "result: expected int, got string");
    let given = plugin.call("Given", ("x",)).unwrap_err().to_string();
    assert_eq!(given, "plugin `broken`: `Given`: result: expected int, got string");
    check("Twice", "result: the key `a` stands twice");
    check("Text", "result: a string that is not UTF-8 cannot cross");
    check("Key", "result: a map's key must be text or an integer");
    check("Func", "result: the pointer of a reference leads nowhere");
    check("Table", "result: the pointer of a reference leads nowhere");
    check("Element", "result: a buffer of elements that are not known");
    check("Data", "result: the data of a buffer leads nowhere");
    check("Status", "failed with status 4711");
    let thrown = check("Thrown", "an error without a message");
    assert_eq!(thrown.payload(), Some(&twinplug::Value::Int(5)));
    let error = plugin.call("Cycle", ()).unwrap_err().to_string();
    assert!(error.ends_with("deeper than 128 levels"), "{error}");
}

/// A thread of the plugin's own goes on after its plugin, and its host, are gone.
#[test]
fn services_answer_a_retired_plugin() {
    let shop = Shop::new();
    let text = r#"
        #define _POSIX_C_SOURCE 200809L
        #include "twinplug.h"
        #include <pthread.h>
        #include <stdlib.h>
        #include <time.h>
        static const tp_host *host; static tp_context *context; static const char *out;
        static void *run(void *nothing) {
          struct timespec soon = {0, 1000000};
          tp_arena *arena = host->arena_new();
          tp_status status; FILE *file;
          do {
            tp_value result = tp_null();
            nanosleep(&soon, NULL);
            host->arena_reset(arena);
            status = host->call(context, "world.ask", 9, NULL, 0, arena, &result);
          } while (status == TP_OK);
          host->arena_free(arena);
          file = fopen(out, "w");
          fprintf(file, "%d %d\n", (int)status, (int)host->print(context, "x", 1));
          fclose(file);
          return nothing;
        }
        static tp_status start(tp_call *call) {
          static pthread_t thread; static char path[512];
          const tp_value *where = &call->args[0];
          memcpy(path, where->as.text, where->length);
          host = call->host; context = call->context; out = path;
          return pthread_create(&thread, NULL, run, NULL) == 0 ? TP_OK : TP_ERROR;
        }
        static const tp_export exports[] = {TP_EXPORT_FUNC("Start", "(path: string)", start)};
        TP_PLUGIN("threads", "1.0.0", exports, NULL);"#;
    let path = shop.compile("libthreads.so", text, &["-shared", "-pthread"]);
    for drop_host in [false, true] {
        let out = shop.folder.path().join(format!("{drop_host}.txt"));
        let stage = crate::twins::Stage::new();
        let plugin = stage.host.load(&path).unwrap();
        plugin.call("Start", (out.to_str().unwrap(),)).unwrap();
        match drop_host {
            true => drop(stage),
            false => stage.host.unload(plugin).unwrap(),
        }
        while std::fs::read_to_string(&out).unwrap_or_default().is_empty() {
            std::thread::yield_now();
        }
        // TP_RETIRED, twice.
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "6 6\n");
    }
}

/// Linkers drop what nobody points to; the section must not be among it.
#[test]
fn the_section_survives_linkers() {
    let shop = Shop::new();
    let text = "#include \"twinplug.h\"\nTP_PLUGIN_BARE(\"linked\", \"1.0.0\", NULL);";
    let available = |linker: &str| {
        Command::new(format!("ld.{linker}"))
            .arg("--version")
            .output()
            .is_ok_and(|o| o.status.success())
    };
    let mut tried = 0;
    for linker in ["bfd", "gold", "lld"].into_iter().filter(|linker| available(linker)) {
        let flag = format!("-fuse-ld={linker}");
        let flags = [
            "-shared",
            "-O2",
            "-ffunction-sections",
            "-fdata-sections",
            "-Wl,--gc-sections,--strip-all",
            &flag,
        ];
        let path = shop.compile("liblinked.so", text, &flags);
        assert_eq!(Host::inspect(&path).unwrap().name, "linked", "{linker}");
        shop.stage.host.unload(shop.stage.host.load(path).unwrap()).unwrap();
        tried += 1;
    }
    let all = std::env::var_os("TWINPLUG_REQUIRE_LANGUAGES").is_some();
    assert!(tried >= if all { 3 } else { 1 }, "only {tried} linkers were found");
}
