//! What `inspect` tells of a library that would behave otherwise than a plugin should.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use twinplug::{ErrorKind, Host};

use crate::images::{Shelf, compile};
use crate::shop::Shop;

#[test]
fn hazards_are_told_before_anything_runs() {
    let shelf = Shelf::new();
    let hazards = |path: &Path| Host::inspect(path).unwrap().hazards;
    let plain = shelf.counter("libplain.so", "plain", "\"\"", &[]);
    assert_eq!(hazards(&plain), Vec::<String>::new());
    let stays = shelf.counter("libstays.so", "stays", "\"\"", &["-Wl,-z,nodelete"]);
    assert_eq!(hazards(&stays), ["NODELETE: it stays mapped"]);
    std::fs::write(shelf.path("none.c"), "int none;").unwrap();
    compile(&shelf.path("none.c"), &shelf.path("libnone.so"), &["-Wl,-soname,libnone.so"]);
    let folder = format!("-L{}", shelf.folder.path().display());
    let flags = [&folder, "-Wl,--no-as-needed", "-lnone", "-Wl,-rpath,$ORIGIN"];
    let needs = shelf.counter("libneeds.so", "needs", "\"\"", &flags);
    assert_eq!(hazards(&needs), Vec::<String>::new());
    std::fs::remove_file(shelf.path("libnone.so")).unwrap();
    let nowhere = "needs `libnone.so`, which is nowhere that the system looks";
    assert_eq!(hazards(&needs), [nowhere]);
    let next = "install it, or put it beside the plugin, and link that with `-Wl,-rpath,$ORIGIN`";
    assert_eq!(Host::inspect(&needs).unwrap().unmet, [format!("{nowhere}: {next}")]);
    let stack = shelf.counter("libstack.so", "stack", "\"\"", &["-Wl,-z,execstack"]);
    let executable =
        "an executable stack: the stacks of all threads become so, or the system refuses it";
    assert_eq!(hazards(&stack), [executable]);
    let text = std::fs::read_to_string(shelf.path("source.c")).unwrap();
    let text = text
        .replace(
            "int shared_name",
            "__thread __attribute__((tls_model(\"initial-exec\"))) int local; int shared_name",
        )
        .replace("++shared_name", "++local");
    std::fs::write(shelf.path("source.c"), text).unwrap();
    let tls = shelf.path("libtls.so");
    compile(&shelf.path("source.c"), &tls, &[]);
    assert_eq!(
        hazards(&tls),
        ["static thread-local storage: the process has room for a few such libraries"]
    );
}

/// A plugin that imports these names, of which the libraries have some.
fn importing(shelf: &Shelf, imports: &[String], flags: &[&str]) -> PathBuf {
    let source = shelf.path("importing.c");
    let declared: String = imports.iter().map(|name| format!("int {name}(void);\n")).collect();
    let called: String = imports.iter().map(|name| format!(" + {name}()")).collect();
    let text = format!(
        "#include \"twinplug.h\"\n#include <stdlib.h>\n{declared}\
         int absent(void) __attribute__((weak));\n\
         static tp_status ask(tp_call *call) {{\n\
           if (absent) absent();\n\
           *call->result = tp_int(abs(0){called}); return TP_OK;\n\
         }}\n\
         static const tp_export exports[] = {{TP_EXPORT_FUNC(\"Ask\", \"() -> int\", ask)}};\n\
         TP_PLUGIN(\"importing\", \"1.0.0\", exports, NULL);"
    );
    fs::write(&source, text).unwrap();
    let library = shelf.path("libimporting.so");
    compile(&source, &library, flags);
    library
}

#[test]
fn imports_that_no_library_has_are_named() {
    let shelf = Shelf::new();
    let hazards = |path: &Path| Host::inspect(path).unwrap().hazards;
    let library = |name: &str, text: &str, flags: &[&str]| {
        fs::write(shelf.path("library.c"), text).unwrap();
        compile(&shelf.path("library.c"), &shelf.path(name), flags);
    };
    let search = format!("-L{}", shelf.folder.path().display());
    let origin = "-Wl,-rpath,$ORIGIN";
    library("libdeep.so", "int deep(void) { return 1; }", &[]);
    library(
        "libnear.so",
        "int deep(void); int near(void) { return deep(); }",
        &[&search, "-ldeep", origin],
    );
    let flags = [search.as_str(), "-lnear", "-ldeep", "-Wl,--as-needed", origin];
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();

    // `near` is in a library that it needs, `deep` in one that this needs.
    let path = importing(&shelf, &names(&["near", "deep"]), &flags);
    assert_eq!(hazards(&path), Vec::<String>::new());
    let path = importing(&shelf, &names(&["near", "nowhere", "missing"]), &flags);
    let expected = "imports `missing`, `nowhere`, which no library has that it needs";
    assert_eq!(hazards(&path), [expected]);
    let next = "define what is missing, or link the library that has it";
    assert_eq!(Host::inspect(&path).unwrap().unmet, [format!("{expected}: {next}")]);

    let many: Vec<_> = (0..10).map(|number| format!("f{number}")).collect();
    let path = importing(&shelf, &many, &flags);
    let expected = "imports `f0`, `f1`, `f2`, `f3`, `f4`, `f5`, `f6`, `f7` and 2 more, which no \
                    library has that it needs";
    assert_eq!(hazards(&path), [expected]);

    // A library that is not there might have had them.
    let path = importing(&shelf, &names(&["near", "nowhere"]), &flags);
    fs::remove_file(shelf.path("libnear.so")).unwrap();
    assert_eq!(hazards(&path), ["needs `libnear.so`, which is nowhere that the system looks"]);
}

/// lld packs relocations without saying so to the C library, which then refuses them.
#[cfg(target_env = "gnu")]
#[test]
fn packed_relocations_that_the_system_refuses_are_refused_before() {
    let shop = Shop::new();
    let text = "#include \"twinplug.h\"\n#include <stdlib.h>\n\
                static tp_status f(tp_call *call) { *call->result = tp_int(abs(-1)); return TP_OK; }\n\
                static const tp_export exports[] = {TP_EXPORT_FUNC(\"F\", \"() -> int\", f)};\n\
                TP_PLUGIN(\"packed\", \"1.0.0\", exports, NULL);";
    let lld = Command::new("ld.lld").arg("--version").output().is_ok_and(|o| o.status.success());
    let all = std::env::var_os("TWINPLUG_REQUIRE_LANGUAGES").is_some();
    assert!(lld || !all, "lld is not there");
    let packed = ["-shared", "-fuse-ld=lld", "-fno-builtin", "-Wl,--pack-dyn-relocs=relr"];
    let expected = "broken: its packed relocations come without the version `GLIBC_ABI_DT_RELR`, and \
                    the system refuses that: link with -z pack-relative-relocs, or without packing";
    if lld {
        shop.check(&shop.compile("packed.so", text, &packed), ErrorKind::Refused, expected);
    }
    // The system's own linker says it.
    let said = ["-shared", "-fno-builtin", "-Wl,-z,pack-relative-relocs"];
    let path = shop.compile("said.so", text, &said);
    let plugin = shop.stage.host.load(&path).unwrap();
    assert_eq!(plugin.func::<(), i64>("F").unwrap().call(()).unwrap(), 1);
}
