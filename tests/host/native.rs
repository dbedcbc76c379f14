//! What only shared libraries can show: files that are no plugin, and plugins that
//! are built wrong. None of them may run any code before it is refused.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use twinplug::{ErrorKind, Host, PluginKind};

use crate::twins::{C, RUST, Stage, root};

/// A folder for files that pretend to be plugins.
struct Shop {
    folder: TempDir,
    stage: Stage,
}

impl Shop {
    fn new() -> Self {
        Shop { folder: tempfile::tempdir().unwrap(), stage: Stage::new() }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Compiles C text to a file of that name.
    fn compile(&self, name: &str, text: &str, flags: &[&str]) -> PathBuf {
        let source = self.write("source.c", text);
        let library = self.folder.path().join(name);
        let status = Command::new("cc")
            .args(["-std=c99", "-fPIC", "-I"])
            .arg(root("include"))
            .args(flags)
            .arg(source)
            .arg("-o")
            .arg(&library)
            .status()
            .unwrap();
        assert!(status.success());
        library
    }

    /// Loading and inspecting refuse a file with the same words.
    #[track_caller]
    fn check(&self, path: &Path, kind: ErrorKind, expected: &str) {
        let expected = format!("cannot load `{}`: {expected}", path.display());
        let inspected = Host::inspect(path).unwrap_err();
        assert_eq!((inspected.to_string(), inspected.kind()), (expected.clone(), kind));
        self.check_load(path, kind, &expected);
    }

    #[track_caller]
    fn check_load(&self, path: &Path, kind: ErrorKind, expected: &str) {
        let loaded = self.stage.host.load(path).unwrap_err();
        assert_eq!((loaded.to_string(), loaded.kind()), (expected.to_owned(), kind));
        assert!(self.stage.host.plugins().is_empty());
        assert_eq!(self.stage.printed(), "");
    }
}

/// A plugin whose code would be noticed if it ran.
const LOUD: &str = r#"
#include "twinplug.h"
#include <stdlib.h>
__attribute__((constructor)) static void loud(void) { abort(); }
static const tp_export exports[] = {TP_EXPORT_FUNC("F", "()", NULL)};
"#;

#[test]
fn files_that_are_no_library_are_refused_by_name() {
    let shop = Shop::new();
    let refuse = |path: &Path, expected: &str| shop.check(path, ErrorKind::Refused, expected);
    refuse(&shop.write("empty.so", ""), "an empty file");
    refuse(&shop.write("text.so", "local M = {}"), "a text file, and no shared library");
    refuse(
        &shop.write("script.so.1", "/* GNU ld script */ GROUP ( libc.so.6 )"),
        "a text file, and no shared library",
    );
    refuse(&shop.write("one.so", [0x7f]), "a text file, and no shared library");
    refuse(&shop.write("noise.so", [0xff; 64]), "no shared library");
    refuse(
        &shop.write("packed.so", [0x1f, 0x8b, 8, 0, 0xff]),
        "a gzip archive, and no shared library",
    );
    refuse(&shop.write("elf.so", b"\x7fELF"), "a broken ELF file");
    refuse(
        &shop.compile("object.so", "int f(void) { return 1; }", &["-c"]),
        "an object file, and no shared library: link it with -shared",
    );
    refuse(
        &shop.compile("program.so", "int main(void) { return 0; }", &["-no-pie"]),
        "an executable, and no shared library",
    );
    refuse(
        &shop.compile("plain.so", "int f(void) { return 1; }", &["-shared"]),
        "a shared library, but no twinplug plugin: it has no symbol `twinplug_plugin`",
    );
    let other = shop.write("notes.txt", "hello");
    assert_eq!(
        shop.stage.host.load(&other).unwrap_err().to_string(),
        format!(
            "cannot load `{}`: its name ends neither in `.lua` nor in `{}`",
            other.display(),
            std::env::consts::DLL_SUFFIX
        )
    );
}

#[cfg(feature = "lua54")]
#[test]
fn a_library_that_is_called_a_script_is_no_script() {
    let shop = Shop::new();
    let library = shop.write("library.lua", std::fs::read(&C.testplugin).unwrap());
    let error = shop.stage.host.load(library).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Load, "{error}");
}

#[test]
fn a_library_that_was_cut_off_is_refused_wherever() {
    let shop = Shop::new();
    let whole = std::fs::read(&C.testplugin).unwrap();
    let step = whole.len() / 97;
    for length in (0..whole.len() - 1).step_by(step) {
        let path = shop.write("cut.so", &whole[..length]);
        // What follows the last segment, section headers, is not needed to run it.
        if let Err(error) = Host::inspect(&path) {
            assert_eq!(error.kind(), ErrorKind::Refused, "{length}: {error}");
            assert!(shop.stage.host.load(&path).is_err(), "{length}");
        } else {
            shop.stage.host.unload(shop.stage.host.load(&path).unwrap()).unwrap();
        }
    }
}

#[test]
fn another_abi_version_is_refused_with_both_numbers() {
    let shop = Shop::new();
    let plugin = "TP_PLUGIN(\"loud\", \"1.0.0\", exports, NULL);";
    for (major, minor, next) in [
        (2, 0, "update the host, or build the plugin for the host's"),
        (1, 2, "update the host, or build the plugin for the host's"),
        (0, 9, "build the plugin anew"),
    ] {
        let versions = format!(
            "#undef TP_ABI_MAJOR\n#undef TP_ABI_MINOR\n#define TP_ABI_MAJOR {major}\n#define TP_ABI_MINOR {minor}\n"
        );
        let path = shop.compile("other.so", &[LOUD, &versions, plugin].concat(), &["-shared"]);
        let expected = format!("built for ABI {major}.{minor}, this host has 1.1: {next}");
        shop.check(&path, ErrorKind::Abi, &expected);
    }
}

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
    assert_eq!(plugin.descriptor().exports.len(), 18);
    assert_eq!(plugin.call("Add", (2, 3)).unwrap(), twinplug::Value::Int(5));
    let scale = plugin.func::<(f64, f64), f64>("Scale").unwrap();
    assert_eq!(scale.call((2.0, 4.0)).unwrap(), 8.0);
    plugin.call("Send", ("numbers", 7)).unwrap();
    assert_eq!(plugin.call("Receive", ("numbers",)).unwrap(), twinplug::Value::Int(7));
    assert!(new.call("Hello", ()).is_ok());
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
fn a_section_that_is_wrong_is_refused_before_anything_runs() {
    let shop = Shop::new();
    // The macro by hand, with a place for each mistake.
    let plugin = |magic: &str, length: &str, json: &str| {
        format!(
            r#"{LOUD}
            TP_IN_SECTION static const struct {{ tp_section head; char json[sizeof({json})]; }}
              section = {{{{{magic}, 1, 0, {length}}}, {json}}};
            extern TP_EXPORTED const tp_plugin twinplug_plugin;
            const tp_plugin twinplug_plugin =
              {{sizeof(tp_plugin), 1, 0, &section, "loud", "1.0.0", exports, 1, sizeof(tp_export), NULL, NULL, NULL, NULL, NULL, NULL, NULL}};"#
        )
    };
    let magic = "{'t','w','i','n','p','l','u','g'}";
    let fine = r#""{\"name\":\"loud\",\"version\":\"1.0.0\"}""#;
    let check = |text: &str, expected: &str| {
        let path = shop.compile("wrong.so", text, &["-shared"]);
        shop.check(
            &path,
            ErrorKind::Refused,
            &format!("broken: its section `.twinplug` {expected}"),
        );
    };
    check(&plugin("{'x'}", "33", fine), "does not start with `twinplug`");
    check(&plugin(magic, "4000", fine), "is shorter than it says");
    check(
        &plugin(magic, "3", fine),
        "is no descriptor: EOF while parsing a string at line 1 column 3",
    );
    check(
        &plugin(magic, "2", "\"{}\""),
        "is no descriptor: missing field `name` at line 1 column 2",
    );
    check(
        &plugin(magic, "26", r#""{\"name\":\"\xff\",\"version\":\"1\"}""#),
        "is no descriptor: invalid unicode code point at line 1 column 10",
    );
}

#[test]
fn a_table_that_contradicts_its_section_is_refused() {
    let shop = Shop::new();
    let text = r#"
        #include "twinplug.h"
        static tp_status f(tp_call *call) { (void)call; return TP_OK; }
        static const tp_export exports[] = {TP_EXPORT_FUNC(NAME, TYPE, CALL)};
        static const tp_export twice[] = {TP_EXPORT_FUNC("F", "()", f), TP_EXPORT_FUNC("F", "()", f)};
        TP_PLUGIN("odd", "1.0.0", EXPORTS, NULL);"#;
    let check = |name: &str, ty: &str, call: &str, exports: &str, expected: &str| {
        let define = |key: &str, value: &str| format!("-D{key}={value}");
        let flags = [
            "-shared".to_owned(),
            define("NAME", &format!("\"{name}\"")),
            define("TYPE", &format!("\"{ty}\"")),
            define("CALL", call),
            define("EXPORTS", exports),
        ];
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let path = shop.compile("odd.so", text, &flags);
        let expected = format!("cannot load `{}`: broken: its table {expected}", path.display());
        shop.check_load(&path, ErrorKind::Refused, &expected);
    };
    check("", "()", "f", "exports", "exports something without a name");
    check("F", "()", "NULL", "exports", "exports `F` without its entries");
    check(
        "F",
        "() ->",
        "f",
        "exports",
        "exports `F`: `() ->` is no type: expected a type at the end",
    );
    check("F", "()", "f", "twice", "exports `F` twice");
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

#[test]
fn inspecting_runs_no_code() {
    let shop = Shop::new();
    let text = [LOUD, "TP_PLUGIN(\"loud\", \"1.2.3\", exports, NULL);"].concat();
    let path = shop.compile("loud.so", &text, &["-shared"]);
    let inspection = Host::inspect(&path).unwrap();
    assert_eq!(
        (inspection.name.as_str(), inspection.version),
        ("loud", Some(twinplug::Version::new(1, 2, 3)))
    );
    assert_eq!((inspection.kind, inspection.abi), (PluginKind::Native, Some((1, 1))));
    assert_eq!(inspection.exports, None);
    let exports = Host::inspect(&RUST.testplugin).unwrap().exports.unwrap();
    let names: Vec<_> = exports.iter().map(|export| export.name.as_str()).collect();
    assert_eq!(names, ["Value", "Pd", "Plugin_fun", "ComplexType"]);
}

#[test]
fn the_section_survives_strip() {
    let shop = Shop::new();
    for plugin in [&RUST.testplugin, &C.testplugin] {
        let stripped = shop.folder.path().join("libstripped.so");
        let status =
            Command::new("strip").arg("--strip-all").arg("-o").arg(&stripped).arg(plugin).status();
        assert!(status.unwrap().success());
        assert_eq!(Host::inspect(&stripped).unwrap().name, "testplugin");
        let loaded = shop.stage.host.load(&stripped).unwrap();
        shop.stage.host.unload(loaded).unwrap();
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

    fn write(&self, _: &mut dyn twinplug::Sink) -> Result<(), twinplug::ConvertError> {
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
