//! Files that are no plugin, and plugins that are built wrong: each is refused by
//! name, before any of its code has run.

use std::path::{Path, PathBuf};
use std::process::Command;

use twinplug::{ErrorKind, Host, PluginKind};

use crate::copies::{load_in_child, nobody, said};
use crate::shop::{LOUD, Shop};
use crate::twins::{C, RUST};

#[test]
fn files_that_are_no_library_are_refused_by_name() {
    let shop = Shop::new();
    let refuse = |path: &Path, expected: &str| shop.check(path, ErrorKind::Refused, expected);
    refuse(&shop.write("empty.so", ""), "an empty file");
    let text = "a text file, and no shared library";
    refuse(&shop.write("text.so", "Dear reader,\n"), text);
    // A character that lies over the end of what is looked at.
    refuse(&shop.write("long.so", format!("{}é", "x".repeat(4095))), text);
    let lua = "a text file that looks like Lua, and no shared library: a script is called `.lua`";
    refuse(&shop.write("script.so", "local M = {}"), lua);
    refuse(&shop.write("comment.so", "\n-- A clock.\nM = {}\n"), lua);
    let linker = "a linker script, and no shared library: give the library that it names";
    refuse(&shop.write("libc.so", "/* GNU ld script */ OUTPUT_FORMAT(elf64)"), linker);
    refuse(&shop.write("libm.so.1", "/* m */\nGROUP ( /lib/libm.so.6 )\n"), linker);
    refuse(&shop.write("curses.so", "INPUT(libncurses.so.6 -ltinfo)"), linker);
    refuse(&shop.write("one.so", [0x7f]), "no shared library");
    refuse(
        &shop.write("wasm.so", b"\0asm\x01\0\0\0"),
        "a WebAssembly module, and no shared library",
    );
    let bytecode =
        "Lua bytecode, and no shared library: give the source, in a file that ends in `.lua`";
    refuse(&shop.write("luac.so", b"\x1bLua\x54\0\x19\x93"), bytecode);
    refuse(&shop.write("luajit.so", b"\x1bLJ\x02"), bytecode);
    refuse(
        &shop.write("dos.so", "MZ and no more"),
        "a broken library or program of Windows (PE), and none of this system",
    );
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
    refuse(
        &shop.compile("module.so", "int luaopen_clock(void *L) { return L != 0; }", &["-shared"]),
        "a Lua C module, but no twinplug plugin: it has no symbol `twinplug_plugin`",
    );
    refuse(
        &shop.compile("pie.so", "int main(void) { return 0; }", &["-pie", "-fPIE"]),
        "an executable (PIE), and no shared library",
    );
    let mut windows = vec![0; 0x400];
    windows[..2].copy_from_slice(b"MZ");
    windows[0x3c] = 0x80;
    windows[0x80..0x86].copy_from_slice(b"PE\0\0\x64\x86");
    windows[0x98..0x9a].copy_from_slice(&[0x0b, 0x02]);
    refuse(
        &shop.write("windows.so", windows),
        "a library or program of Windows (PE), and none of this system",
    );
    refuse(
        &shop.write("mac.so", [0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1, 3, 0, 0, 0, 6, 0, 0, 0]),
        "a library or program of macOS (Mach-O), and none of this system",
    );
    let debug = shop.folder.path().join("debug.so");
    let mut split = Command::new("objcopy");
    split.arg("--only-keep-debug").arg(&C.testplugin).arg(&debug);
    assert!(split.status().unwrap().success());
    refuse(&debug, "a file with debug information alone: give the library that it was split from");
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

#[cfg(feature = "_lua")]
#[test]
fn what_is_called_a_script_and_is_none_is_refused_by_name() {
    let shop = Shop::new();
    let library = std::fs::read(&C.testplugin).unwrap();
    shop.check(
        &shop.write("library.lua", library),
        ErrorKind::Refused,
        &format!("a shared library, and no script: name it `{}`", std::env::consts::DLL_SUFFIX),
    );
    let bytecode = "bytecode, and no script: give the source, as bytecode is not loaded";
    shop.check(&shop.write("luac.lua", b"\x1bLua\x54\0"), ErrorKind::Refused, bytecode);
    shop.check(&shop.write("luajit.lua", b"\x1bLJ\x02\0"), ErrorKind::Refused, bytecode);
}

/// As a user that may not read it.
#[test]
fn a_file_that_may_not_be_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let shop = Shop::new();
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    set(shop.folder.path(), 0o755);
    let program = shop.folder.path().join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for name in ["secret.so", "secret.lua"] {
        let path = shop.write(name, std::fs::read(&C.testplugin).unwrap());
        set(&path, 0o000);
        let expected =
            format!("error: cannot read `{}`: Permission denied (os error 13)", path.display());
        let output = load_in_child(&path, shop.folder.path(), &program, nobody());
        assert_eq!(said(&output), expected);
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

#[test]
fn a_type_that_is_not_known_is_refused() {
    let shop = Shop::new();
    let text = "#include \"twinplug.h\"\n\
                static tp_status f(tp_call *call) { (void)call; return TP_OK; }\n\
                static const tp_export exports[] = {TP_EXPORT_FUNC(\"f\", \"(x: integer)\", f)};\n\
                TP_PLUGIN(\"typo\", \"1.0.0\", exports, NULL);";
    let path = shop.compile("libtypo.so", text, &["-shared"]);
    let expected = "broken: its table exports `f`: `(x: integer)` is no type: expected a type (null, \
        bool, int, float, number, string, bytes, any, function, object, buffer<T>, list<T>, map<T>, \
        (T, U), Name { field: T }, Name(T | U), 'text', or the name of what is around it) at `integer)`";
    shop.check(&path, ErrorKind::Refused, expected);
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
    let version = |version: &str| format!(r#""{{\"name\":\"loud\",\"version\":\"{version}\"}}""#);
    check(
        &plugin(magic, "29", &version("1")),
        "says version `1`: unexpected end of input while parsing major version number; a version has \
         three numbers, like `1.2.0`",
    );
    check(
        &plugin(magic, "32", &version("v1.0")),
        "says version `v1.0`: unexpected character 'v' while parsing major version number; a version \
         has three numbers, like `1.2.0`",
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
        let expected = format!("broken: its table {expected}");
        match call {
            // What a null pointer is once its own code has run, the file does not tell.
            "NULL" => {
                let expected = format!("cannot load `{}`: {expected}", path.display());
                assert_eq!(Host::inspect(&path).unwrap().name, "odd");
                shop.check_load(&path, ErrorKind::Refused, &expected);
            }
            _ => shop.check(&path, ErrorKind::Refused, &expected),
        }
    };
    check("", "()", "f", "exports", "has an export that is called wrongly: a name is empty");
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
    let told = inspection.exports.map(|exports| {
        exports.iter().map(|it| format!("{}: {}", it.name, it.ty)).collect::<Vec<_>>()
    });
    assert_eq!(told, cfg!(target_os = "linux").then(|| vec!["F: ()".to_owned()]));
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

#[test]
fn headers_of_other_machines_are_refused_by_name() {
    let shop = Shop::new();
    let whole = std::fs::read(&C.testplugin).unwrap();
    let patched = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        shop.write("other.so", bytes)
    };
    let refuse = |path: &Path, expected: &str| shop.check(path, ErrorKind::Refused, expected);
    if cfg!(target_arch = "x86_64") {
        // e_machine: 183 is AArch64.
        let refuse = |at, byte, expected: &str| {
            let here = "this machine is x86_64 (64 bits, little-endian)";
            shop.check(
                &patched(at, byte),
                ErrorKind::Refused,
                &format!("built for {expected}, {here}"),
            );
        };
        refuse(18, 183, "aarch64 (64 bits, little-endian)");
        refuse(18, 2, "machine 2 (64 bits, little-endian)");
        // EI_CLASS, EI_DATA: the machine's number is read as the file says.
        refuse(4, 1, "x86_64 (32 bits, little-endian)");
        refuse(5, 2, "machine 15872 (64 bits, big-endian)");
    }
    refuse(&patched(4, 3), "a broken ELF file: its class is 3, and neither 1 nor 2");
    // e_type: 1 is an object file, 2 an executable, 4 a core dump.
    refuse(&patched(16, 1), "an object file, and no shared library: link it with -shared");
    refuse(&patched(16, 2), "an executable, and no shared library");
    refuse(&patched(16, 4), "a core dump, and no shared library");
}

#[test]
fn what_is_no_file_is_refused_without_waiting() {
    use std::os::unix::fs::symlink;
    let shop = Shop::new();
    let at = |name: &str| shop.folder.path().join(name);
    assert!(Command::new("mkfifo").arg(at("pipe.so")).status().unwrap().success());
    symlink("/dev/null", at("null.so")).unwrap();
    for name in ["pipe.so", "null.so"] {
        assert_eq!(
            shop.stage.host.load(at(name)).unwrap_err().to_string(),
            format!("cannot load `{}`: it is no regular file", at(name).display())
        );
    }
    symlink("loop.so", at("loop.so")).unwrap();
    let error = shop.stage.host.load(at("loop.so")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot read `{}`: Too many levels of symbolic links (os error 40)",
            at("loop.so").display()
        )
    );
    symlink("nowhere.so", at("dangling.so")).unwrap();
    let error = shop.stage.host.load(at("dangling.so")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    std::fs::create_dir(at("folder.so")).unwrap();
    let error = shop.stage.host.load(at("folder.so")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no plugin in `{0}`: tried `{0}/init.lua`; the command `twinplug` builds a folder of \
             sources, which has a `Cargo.toml`, a `go.mod`, a `build.zig`, or files `*.c`, `*.cpp` \
             or `*.cc`",
            at("folder.so").display()
        )
    );
    // A huge file that holds nothing is refused, and not read.
    let huge = std::fs::File::create(at("huge.so")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let error = Host::inspect(at("huge.so")).unwrap_err();
    assert!(error.to_string().ends_with("it is larger than 1 GiB"), "{error}");
}

#[test]
fn descriptors_that_are_too_much_are_refused() {
    let shop = Shop::new();
    let plugin = |more: &str| {
        format!(
            "{LOUD}\nTP_PLUGIN_WITH(\"loud\", \"1.0.0\", {more}, exports, NULL, NULL, NULL, NULL, NULL, NULL, NULL);"
        )
    };
    let check = |more: &str, expected: &str| {
        let path = shop.compile("much.so", &plugin(more), &["-shared", "-Wno-overlength-strings"]);
        shop.check(&path, ErrorKind::Refused, expected);
    };
    let export = r#"{\"name\":\"F\",\"symbol\":\"func\",\"type\":\"()\"}"#;
    check(&format!(r#"",\"exports\":[{export},{export}]""#), "broken: its section lists `F` twice");
    check(
        r#"",\"colour\":1""#,
        "broken: its section `.twinplug` is no descriptor: unknown field `colour`, expected one of \
         `name`, `version`, `exports`, `unload` at line 1 column 41",
    );
    check(
        r#"",\"exports\":[{\"name\":\"F\",\"symbol\":\"door\",\"type\":\"()\"}]""#,
        "broken: its section lists `F` as `door`, and not as func, var or state",
    );
}

/// A plugin whose section has a list of so many entries, which the assembler writes.
fn with_entries(shop: &Shop, count: usize) -> PathBuf {
    let text = format!(
        r#"{LOUD}
        __asm__(".pushsection .twinplug,\"a\"\n"
                "twinplug_section_: .ascii \"twinplug\"; .short 1, 1; .long 2f - 1f\n"
                "1: .ascii \"{{\\\"name\\\":\\\"loud\\\",\\\"version\\\":\\\"1.0.0\\\",\\\"exports\\\":[\"\n"
                ".rept {count} - 1; .ascii \"{{\\\"name\\\":\\\"F\\\",\\\"symbol\\\":\\\"func\\\",\\\"type\\\":\\\"()\\\"}},\"; .endr\n"
                ".ascii \"{{\\\"name\\\":\\\"F\\\",\\\"symbol\\\":\\\"func\\\",\\\"type\\\":\\\"()\\\"}}]}}\"\n"
                "2: .popsection\n");
        extern const tp_section twinplug_section_ __attribute__((visibility("hidden")));
        extern TP_EXPORTED const tp_plugin twinplug_plugin;
        const tp_plugin twinplug_plugin =
          {{sizeof(tp_plugin), 1, 1, &twinplug_section_, "loud", "1.0.0", exports, 1, sizeof(tp_export), NULL, NULL, NULL, NULL, NULL, NULL, NULL}};"#
    );
    shop.compile("much.so", &text, &["-shared"])
}

#[test]
fn descriptors_that_are_too_long_are_refused() {
    let shop = Shop::new();
    let check = |count: usize, expected: &str| {
        shop.check(&with_entries(&shop, count), ErrorKind::Refused, expected);
    };
    check(
        1_000_000,
        "broken: its section `.twinplug` has a descriptor of 41000045 bytes, at most 4194304",
    );
    check(65_537, "broken: its section lists 65537 exports, at most 65536");
    // The list is read at all.
    check(2, "broken: its section lists `F` twice");
}
