//! Files that are no plugin, and plugins that are built wrong: each is refused by
//! name, before any of its code has run.

use std::path::Path;
use std::process::Command;

use twinplug::{ErrorKind, Host, PluginKind};

use crate::shop::{LOUD, Shop};
use crate::twins::{C, RUST};

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
    let error = Host::inspect(&debug).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
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

#[test]
fn a_type_that_is_not_known_is_refused() {
    let shop = Shop::new();
    let text = "#include \"twinplug.h\"\n\
                static tp_status f(tp_call *call) { (void)call; return TP_OK; }\n\
                static const tp_export exports[] = {TP_EXPORT_FUNC(\"f\", \"(x: integer)\", f)};\n\
                TP_PLUGIN(\"typo\", \"1.0.0\", exports, NULL);";
    let path = shop.compile("libtypo.so", text, &["-shared"]);
    let error = shop.stage.host.load(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot load `{}`: broken: its table exports `f`: `(x: integer)` is no type: expected a \
             type (null, bool, int, float, number, string, bytes, any, list<T>, map<T>, (T, U), \
             Name {{ field: T }}, or the name of a struct around it) at `integer)`",
            path.display()
        )
    );
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
        refuse(&patched(18, 183), "built for Aarch64 (64 bits), this machine is x86_64");
    }
    // e_type: 1 is an object file, 2 an executable, 4 a core dump.
    refuse(&patched(16, 1), "an object file, and no shared library: link it with -shared");
    refuse(&patched(16, 2), "an executable, and no shared library");
    refuse(&patched(16, 4), "a core dump, and no shared library");
    // EI_CLASS, EI_DATA: what follows is no longer what it says.
    for (at, byte) in [(4, 1), (5, 2)] {
        let error = Host::inspect(patched(at, byte)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    }
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
        format!("no plugin in `{0}`: tried `{0}/init.lua`", at("folder.so").display())
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
    let many = format!(r#"",\"exports\":[{}]""#, vec![export; 130_000].join(","));
    let path = shop.compile("much.so", &plugin(&many), &["-shared", "-Wno-overlength-strings"]);
    let error = Host::inspect(path).unwrap_err();
    assert!(error.to_string().contains("has a descriptor of"), "{error}");
}
