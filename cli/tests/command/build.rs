//! What the command does with the source folder of a native plugin, where it goes wrong
//! and where it is unusual; that it builds in each language is in the tables of twins.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::process::Command;

use crate::ran::{C, CPP, GO, RUST, Ran, ZIG, command, folder, is_skipped, run};

/// The folder of one test, with these files in it.
fn source(test: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = folder(test);
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn twinplug_in(folder: &Path, args: &[&str]) -> Ran {
    run(command(args).current_dir(folder))
}

#[test]
fn a_missing_tool_is_named_with_what_to_install() {
    let check = |variable: &str, twin: &str, install: &str| {
        let ran = run(command(&["check", twin]).env(variable, "no-such-tool"));
        let expected = format!("refused  {twin}: `no-such-tool` is not there: {install}\n");
        assert_eq!((ran.out, ran.code), (expected, Some(1)));
    };
    check("CC", C, "install a C compiler (`gcc` on Debian), or set `CC`");
    check("CXX", CPP, "install a C++ compiler (`g++` on Debian), or set `CXX`");
    check("CARGO", RUST, "install Rust (https://rustup.rs), or set `CARGO`");
    check("GO", GO, "install Go (`golang-go` on Debian) and a C compiler, or set `GO`");
    let zig = "install Zig, or its Python package (`python3 -m pip install ziglang`), or set `ZIG`";
    check("ZIG", ZIG, zig);
    // Neither a `zig` nor a Python.
    let ran = run(command(&["check", ZIG]).env("PATH", "/nowhere").env_remove("ZIG"));
    assert_eq!(ran.out, format!("refused  {ZIG}: `zig` is not there: {zig}\n"));
}

#[test]
fn a_folder_without_a_source_is_none() {
    let folder = source("build_nothing", &[("empty/notes.txt", "")]);
    let ran = twinplug_in(&folder, &["check", "empty"]);
    let expected = "refused  empty: no plugin in `empty`: tried `empty/init.lua`; the command \
        `twinplug` builds a folder of sources, which has a `Cargo.toml`, a `go.mod`, a `build.zig`, \
        or files `*.c`, `*.cpp` or `*.cc`\n";
    assert_eq!((ran.out.as_str(), ran.code), (expected, Some(1)));
}

#[test]
fn c_and_cpp_may_stand_in_one_folder() {
    if is_skipped(CPP) {
        return;
    }
    let table = "#include \"twinplug.h\"\n\
                 tp_status text(tp_call *call);\n\
                 static const tp_export exports[] = {TP_EXPORT_FUNC(\"Text\", \"() -> string\", text)};\n\
                 TP_PLUGIN(\"mixed\", \"1.0.0\", exports, NULL);";
    let text = "#include \"text.hpp\"\n#include \"twinplug.h\"\n#include <string>\n\
                static tp_status guarded(tp_call *call) {\n\
                  const std::string text = std::string(\"from \") + LANGUAGE;\n\
                  return tp_answer_text(call, TP_OK, text.data(), text.size());\n\
                }\n\
                extern \"C\" tp_status text(tp_call *call) { return TP_GUARD(guarded)(call); }";
    let files = [
        ("mixed/table.c", table),
        ("mixed/text.cc", text),
        ("mixed/text.hpp", "#define LANGUAGE \"C++\"\n"),
        ("mixed/more.cpp", "int more() { return 1; }"),
    ];
    let folder = source("build_mixed", &files);
    twinplug_in(&folder, &["call", "mixed", "Text"]).gives("\"from C++\"");
}

/// As make does; without them it says what is missing.
#[cfg(target_os = "linux")]
#[test]
fn flags_and_libraries_are_those_of_the_environment() {
    if is_skipped(CPP) {
        return;
    }
    let table = "#include \"twinplug.h\"\n#include \"zone.h\"\n\
                 int hours(void);\n\
                 static tp_status now(tp_call *call) { *call->result = tp_int(hours() + ZONE); return TP_OK; }\n\
                 static const tp_export exports[] = {TP_EXPORT_FUNC(\"Now\", \"() -> int\", now)};\n\
                 TP_PLUGIN(\"dial\", \"1.0.0\", exports, NULL);";
    let files = [
        ("dial/dial.c", table),
        ("dial/more.cpp", "#ifndef PLUS\n#error PLUS\n#endif\n"),
        ("zones/zone.h", "#define ZONE SUMMER\n"),
        ("hours.c", "int hours(void) { return 5; }"),
    ];
    let folder = source("build_flags", &files);
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "hours.c", "-o", "libhours.so"]).current_dir(&folder);
    assert!(compiler.status().unwrap().success());
    let mut command = command(&["call", "dial", "Now"]);
    let place = folder.display();
    command
        .current_dir(&folder)
        .env("CFLAGS", "-Izones  -DSUMMER=2")
        .env("CXXFLAGS", "-DPLUS")
        .env("LDFLAGS", format!("-L{place} -Wl,-rpath,{place}"));
    let ran = run(&mut command);
    assert!(
        ran.err.trim_end().contains("undefined symbol: hours: define it, or link the library"),
        "{}",
        ran.err
    );
    run(command.env("LDLIBS", "-lhours")).gives("7");
}

#[test]
fn a_source_that_does_not_compile_is_refused() {
    let check = |twin: &str, test: &str, files: &[(&str, &str)], tool: &str| {
        if !is_skipped(twin) {
            let ran = twinplug_in(&source(test, files), &["check", "wrong"]);
            // Which status a compiler fails with is its own affair.
            let (before, after) = ran.out.split_once("exit status: ").unwrap();
            assert_eq!(before, format!("refused  wrong: `{tool}` failed ("));
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            assert_eq!((after, ran.code), ("); its messages are above\n", Some(1)));
        }
    };
    check(CPP, "build_wrong_cpp", &[("wrong/wrong.cpp", "not C++")], "c++");
    let go =
        [("wrong/go.mod", "module wrong\n\ngo 1.19\n"), ("wrong/wrong.go", "package main\nno")];
    check(GO, "build_wrong_go", &go, "go");
    // By its name also where it is a part of Python.
    let zig = env::var("ZIG").unwrap_or_else(|_| "zig".to_owned());
    check(ZIG, "build_wrong_zig", &[("wrong/build.zig", "not Zig")], &zig);
}

#[test]
fn a_zig_build_installs_one_library() {
    if is_skipped(ZIG) {
        return;
    }
    let check = |test: &str, body: &str, expected: &str| {
        let build = format!(
            "const std = @import(\"std\");\n\
             pub fn build(b: *std.Build) void {{\n\
                 _ = b.option([]const u8, \"twinplug\", \"\");\n\
                 const module = b.createModule(.{{ .root_source_file = b.path(\"empty.zig\"),\n\
                     .target = b.standardTargetOptions(.{{}}), .optimize = .fast }});\n\
                 for ([_][]const u8{{ \"one\", \"two\" }}) |name| {{\n\
                     const library = b.addLibrary(.{{ .name = name, .root_module = module,\n\
                         .linkage = .dynamic }});\n\
                     {body}\n\
                 }}\n\
             }}\n"
        );
        let folder = source(test, &[("count/build.zig", &build), ("count/empty.zig", "")]);
        let ran = twinplug_in(&folder, &["check", "count"]);
        let expected = format!("refused  count: `count/build.zig` {expected}\n");
        assert_eq!((ran.out, ran.code), (expected, Some(1)), "{}", ran.err);
    };
    check(
        "build_zig_none",
        "_ = library;",
        "installs no shared library: `b.installArtifact` one of `b.addLibrary` with \
         `.linkage = .dynamic`",
    );
    check(
        "build_zig_two",
        "b.installArtifact(library);",
        "installs 2 shared libraries: a plugin is one",
    );
}

/// Whoever watches the file would take a new one for a new plugin.
#[test]
fn a_library_that_is_as_before_is_not_touched() {
    for twin in [C, CPP, GO, ZIG] {
        if is_skipped(twin) {
            continue;
        }
        let library = crate::ran::library(&twin["native-plugins/".len()..].replace('-', "_"));
        let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(library);
        let built = || {
            let ran = run(&mut command(&["check", twin]));
            assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
            fs::metadata(&library).unwrap().modified().unwrap()
        };
        assert_eq!(built(), built(), "{twin}");
    }
}
