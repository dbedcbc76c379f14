//! The header, its twin for Zig, and this crate say the same: sizes, offsets, constants.
//! The compilers compare them. The header is taken as C99 and as C++, included twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::mem::{offset_of, size_of};
use std::path::Path;
use std::process::{Command, Output};

use twinplug_abi as abi;

/// Compiles C text with the header; the compiler's messages where it fails.
fn compile(language: &[&str], text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.c");
    std::fs::write(&source, text).unwrap();
    let output = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-I"])
        .arg(include())
        .args(language)
        .arg(source)
        .output()
        .unwrap();
    messages(&output)
}

fn include() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include")
}

fn messages(output: &Output) -> Result<(), String> {
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Assertions for the compilers.
#[derive(Default)]
struct Assertions {
    c: String,
    zig: String,
}

impl Assertions {
    fn equal(&mut self, c: &str, rust: impl std::fmt::Display) {
        writeln!(self.c, "_Static_assert(({c}) == {rust}, \"{c} is {rust}\");").unwrap();
    }

    fn equal_in_zig(&mut self, zig: &str, rust: impl std::fmt::Display) {
        let text = zig.replace('"', "'");
        let line = format!("if ({zig} != {rust}) @compileError(\"{text} is not {rust}\");");
        writeln!(self.zig, "    {line}").unwrap();
    }
}

macro_rules! layout {
    ($out:ident, $($rust:ident = $c:literal { $($field:ident = $member:literal),* $(,)? })*) => {$(
        $out.equal(concat!("sizeof(", $c, ")"), size_of::<abi::$rust>());
        $out.equal_in_zig(concat!("@sizeOf(tp.", stringify!($rust), ")"), size_of::<abi::$rust>());
        $($out.equal(
            concat!("offsetof(", $c, ", ", $member, ")"),
            offset_of!(abi::$rust, $field),
        );)*
        $($out.equal_in_zig(
            concat!("@offsetOf(tp.", stringify!($rust), ", \"", $member, "\")"),
            offset_of!(abi::$rust, $field),
        );)*
    )*};
}

macro_rules! constants {
    ($out:ident, $($rust:ident = $c:literal),* $(,)?) => {$(
        $out.equal($c, abi::$rust);
    )*};
}

fn assertions() -> Assertions {
    let mut out = Assertions::default();
    layout! { out,
        Value = "tp_value" { tag = "tag", length = "length", payload = "as" }
        Payload = "((tp_value *)0)->as" {}
        Pair = "tp_pair" { key = "key", value = "value" }
        Call = "tp_call" {
            size = "size", count = "count", args = "args", result = "result", arena = "arena",
            data = "data", host = "host", context = "context",
        }
        Host = "tp_host" {
            size = "size", abi_major = "abi_major", abi_minor = "abi_minor", alloc = "alloc",
            arena_new = "arena_new", arena_reset = "arena_reset", arena_free = "arena_free",
            print = "print", register_export = "register_export", call = "call",
            channel_open = "channel_open", channel_send = "channel_send",
            channel_recv = "channel_recv", channel_release = "channel_release",
            arena_mark = "arena_mark", arena_rewind = "arena_rewind", service = "service", arena_hold = "arena_hold",
        }
        Mark = "tp_mark" { chunk = "chunk", used = "used" }
        Fault = "tp_fault" { text = "text", length = "length", keep = "keep", kept = "kept" }
        Log = "tp_log" { size = "size", reserved = "reserved", write = "write" }
        Channels = "tp_channels" {
            size = "size", reserved = "reserved", try_send = "try_send",
            send_timeout = "send_timeout", try_recv = "try_recv", recv_timeout = "recv_timeout",
            recv_many = "recv_many", close = "close",
        }
        Constants = "tp_constants" { size = "size", reserved = "reserved", read = "read" }
        Events = "tp_events" { size = "size", reserved = "reserved", on = "on", off = "off" }
        Plugins = "tp_plugins" {
            size = "size", reserved = "reserved", has = "has", call = "call", get = "get",
            set = "set",
        }
        Func = "tp_func" { kind = "type" }
        FuncType = "tp_func_type" {
            size = "size", reserved = "reserved", retain = "retain", release = "release",
            call = "call",
        }
        Object = "tp_object" { kind = "type" }
        ObjectType = "tp_object_type" {
            size = "size", reserved = "reserved", name = "name", methods = "methods",
            retain = "retain", release = "release", call = "call",
        }
        Buffer = "tp_buffer" {
            kind = "type", data = "data", length = "length", element = "element",
            reserved = "reserved",
        }
        BufferType = "tp_buffer_type" {
            size = "size", reserved = "reserved", retain = "retain", release = "release",
        }
        Export = "tp_export" {
            name = "name", kind = "type", symbol = "symbol", flags = "flags", data = "data",
            call = "call", get = "get", set = "set", direct = "direct",
        }
        Plugin = "tp_plugin" {
            size = "size", abi_major = "abi_major", abi_minor = "abi_minor", section = "section",
            name = "name", version = "version", exports = "exports",
            export_count = "export_count", export_size = "export_size", init = "init",
            on_load = "on_load", on_save = "on_save", on_restore = "on_restore",
            on_pause = "on_pause", on_resume = "on_resume", on_unload = "on_unload",
        }
        SectionHead = "tp_section" {
            magic = "magic", abi_major = "abi_major", abi_minor = "abi_minor", length = "length",
        }
    }
    constants! { out,
        ABI_MAJOR = "TP_ABI_MAJOR", ABI_MINOR = "TP_ABI_MINOR", OK = "TP_OK", ERROR = "TP_ERROR",
        PANIC = "TP_PANIC", NOT_FOUND = "TP_NOT_FOUND", TYPE = "TP_TYPE", CLOSED = "TP_CLOSED",
        RETIRED = "TP_RETIRED", WRONG_STATE = "TP_WRONG_STATE", NO_MEMORY = "TP_NO_MEMORY",
        TAG_NULL = "TP_NULL", TAG_BOOL = "TP_BOOL", TAG_INT = "TP_INT", TAG_FLOAT = "TP_FLOAT",
        TAG_BYTES = "TP_BYTES", TAG_STR = "TP_STR", TAG_LIST = "TP_LIST", TAG_MAP = "TP_MAP",
        TAG_FUNC = "TP_FUNC", TAG_OBJECT = "TP_OBJECT", TAG_BUFFER = "TP_BUFFER",
        SYMBOL_FUNC = "TP_SYMBOL_FUNC", SYMBOL_VAR = "TP_SYMBOL_VAR",
        SYMBOL_STATE = "TP_SYMBOL_STATE", LEAF = "TP_LEAF", CHECKS = "TP_CHECKS", CANNOT_WAIT = "TP_CANNOT_WAIT",
        WOULD_WAIT = "TP_WOULD_WAIT", SERVICE_CHANNELS = "TP_SERVICE_CHANNELS",
        ELEMENT_F64 = "TP_F64", ELEMENT_F32 = "TP_F32", ELEMENT_I64 = "TP_I64",
        ELEMENT_I32 = "TP_I32", ELEMENT_U8 = "TP_U8", SERVICE_LOG = "TP_SERVICE_LOG",
        SERVICE_CONSTANTS = "TP_SERVICE_CONSTANTS", SERVICE_EVENTS = "TP_SERVICE_EVENTS",
        SERVICE_PLUGINS = "TP_SERVICE_PLUGINS",
        LOG_ERROR = "TP_LOG_ERROR", LOG_WARN = "TP_LOG_WARN", LOG_INFO = "TP_LOG_INFO",
        LOG_DEBUG = "TP_LOG_DEBUG", LOG_TRACE = "TP_LOG_TRACE",
    }
    let statuses = [
        ("ok", abi::OK),
        ("failed", abi::ERROR),
        ("panic", abi::PANIC),
        ("not_found", abi::NOT_FOUND),
        ("wrong_type", abi::TYPE),
        ("closed", abi::CLOSED),
        ("retired", abi::RETIRED),
        ("wrong_state", abi::WRONG_STATE),
        ("no_memory", abi::NO_MEMORY),
        ("cannot_wait", abi::CANNOT_WAIT),
        ("would_wait", abi::WOULD_WAIT),
    ];
    for (name, status) in statuses {
        out.equal_in_zig(&format!("tp.status.{name}"), status);
    }
    for (zig, rust) in [
        ("tp.abi_major", u32::from(abi::ABI_MAJOR)),
        ("tp.abi_minor", abi::ABI_MINOR.into()),
        ("@intFromEnum(tp.Tag.null)", abi::TAG_NULL),
        ("@intFromEnum(tp.Tag.bool)", abi::TAG_BOOL),
        ("@intFromEnum(tp.Tag.int)", abi::TAG_INT),
        ("@intFromEnum(tp.Tag.float)", abi::TAG_FLOAT),
        ("@intFromEnum(tp.Tag.bytes)", abi::TAG_BYTES),
        ("@intFromEnum(tp.Tag.str)", abi::TAG_STR),
        ("@intFromEnum(tp.Tag.list)", abi::TAG_LIST),
        ("@intFromEnum(tp.Tag.map)", abi::TAG_MAP),
        ("@intFromEnum(tp.Tag.func)", abi::TAG_FUNC),
        ("@intFromEnum(tp.Tag.object)", abi::TAG_OBJECT),
        ("@intFromEnum(tp.Tag.buffer)", abi::TAG_BUFFER),
        ("@intFromEnum(tp.Symbol.func)", abi::SYMBOL_FUNC),
        ("@intFromEnum(tp.Symbol.variable)", abi::SYMBOL_VAR),
        ("@intFromEnum(tp.Symbol.state)", abi::SYMBOL_STATE),
        ("@intFromEnum(tp.Element.f64)", abi::ELEMENT_F64),
        ("@intFromEnum(tp.Element.f32)", abi::ELEMENT_F32),
        ("@intFromEnum(tp.Element.i64)", abi::ELEMENT_I64),
        ("@intFromEnum(tp.Element.i32)", abi::ELEMENT_I32),
        ("@intFromEnum(tp.Element.u8)", abi::ELEMENT_U8),
        ("@intFromEnum(tp.Level.err)", abi::LOG_ERROR),
        ("@intFromEnum(tp.Level.warn)", abi::LOG_WARN),
        ("@intFromEnum(tp.Level.info)", abi::LOG_INFO),
        ("@intFromEnum(tp.Level.debug)", abi::LOG_DEBUG),
        ("@intFromEnum(tp.Level.trace)", abi::LOG_TRACE),
        ("tp.leaf", abi::LEAF),
        ("tp.service_log", abi::SERVICE_LOG),
        ("tp.service_channels", abi::SERVICE_CHANNELS),
        ("tp.service_constants", abi::SERVICE_CONSTANTS),
        ("tp.service_events", abi::SERVICE_EVENTS),
        ("tp.service_plugins", abi::SERVICE_PLUGINS),
    ] {
        out.equal_in_zig(zig, rust);
    }
    out
}

#[test]
fn the_header_and_this_crate_say_the_same() {
    assert_eq!(size_of::<abi::Value>(), 16);
    let text = format!("#include \"twinplug.h\"\n{}", assertions().c);
    compile(&["-std=c11"], &text).unwrap();
}

#[test]
fn a_difference_would_be_seen() {
    let mut wrong = assertions();
    wrong.equal("offsetof(tp_call, result)", 17);
    let messages = compile(&["-std=c11"], &format!("#include \"twinplug.h\"\n{}", wrong.c));
    assert!(messages.unwrap_err().contains("offsetof(tp_call, result) is 17"));
}

#[test]
fn the_header_is_c99_and_cpp_and_may_be_included_twice() {
    let text = "#include \"twinplug.h\"\n#include \"twinplug.h\"\n\
        static tp_status f(tp_call *call) { return tp_answer(call, TP_OK, \"%d\", 1); }\n\
        static const tp_export exports[] = {TP_EXPORT_FUNC(\"f\", \"() -> string\", f)};\n\
        TP_PLUGIN(\"a\", \"1.0.0\", exports, NULL);\n";
    compile(&["-std=c99"], text).unwrap();
    // Standard C++ from 11 on; before, what every compiler took from C99.
    compile(&["-xc++", "-std=gnu++98", "-Wno-variadic-macros", "-Wno-long-long"], text).unwrap();
    for standard in ["11", "14", "17", "20"] {
        compile(&["-xc++", &format!("-std=c++{standard}")], text).unwrap();
        // As those include it who include every header of C like this.
        let as_c = format!("extern \"C\" {{\n{}\n}}", text.split_once("static").unwrap().0);
        compile(&["-xc++", &format!("-std=c++{standard}")], &as_c).unwrap();
    }
}

#[test]
fn cpp_entries_are_guarded_also_without_exceptions() {
    let text = "#include \"twinplug.h\"\n\
        static tp_status f(tp_call *call) { return tp_answer(call, TP_OK, \"%d\", 1); }\n\
        namespace inner { tp_status g(tp_call *) noexcept { return TP_OK; } }\n\
        static tp_status d(tp_fault *, int64_t a, int64_t *out) { *out = a; return TP_OK; }\n\
        static const tp_export exports[] = {\n\
        TP_EXPORT_FUNC(\"f\", \"() -> string\", TP_GUARD(f)),\n\
        TP_EXPORT_DIRECT(\"d\", \"(a: int) -> int\", TP_GUARD(inner::g), TP_GUARD(d))};\n\
        TP_PLUGIN(\"a\", \"1.0.0\", exports, TP_GUARD(f));\n";
    for standard in ["-std=c++11", "-std=c++14", "-std=c++17", "-std=c++20"] {
        compile(&["-xc++", standard], text).unwrap();
        compile(&["-xc++", standard, "-fno-exceptions", "-fno-rtti"], text).unwrap();
    }
}

/// `zig`, by the same names as the builds of plugins use; `None` where there is none.
fn zig() -> Option<Command> {
    let answers = |command: &[&str]| {
        let output = Command::new(command[0]).args(&command[1..]).arg("version").output();
        output.is_ok_and(|output| output.status.success())
    };
    let named = env::var("ZIG").unwrap_or_default();
    let known: [&[&str]; 3] = [&[&named], &["zig"], &["python3", "-m", "ziglang"]];
    let found = known.into_iter().find(|command| !command[0].is_empty() && answers(command))?;
    let mut command = Command::new(found[0]);
    command.args(&found[1..]);
    Some(command)
}

/// Zig looks at what is used.
const USED_IN_ZIG: &str = "\
    fn used(call: *tp.Call) tp.Error!tp.Value {\n\
        const args = call.args[0..call.count];\n\
        const func = try call.invoke(args[0].as.func.?, args);\n\
        const object = try call.method(args[1].as.object.?, \"lock\", args);\n\
        func.retain();\n\
        if (try call.hasPlugin(\"other\")) {\n\
            try call.pluginSet(\"other\", \"X\", try call.pluginGet(\"other\", \"X\"));\n\
            return call.pluginCall(\"other\", \"f\", args);\n\
        }\n\
        object.release();\n\
        if (args.len == 3) return call.give(tp.Value.function(args[0].as.func.?));\n\
        if (args.len == 2) return tp.Value.object(args[1].as.object.?);\n\
        return tp.Value.buffer(args[2].as.buffer.?);\n\
    }\n\
    comptime { @export(tp.entry(used), .{ .name = \"used\" }); }\n";

#[test]
fn the_header_for_zig_says_the_same() {
    let Some(_) = zig() else {
        assert!(env::var_os("TWINPLUG_REQUIRE_LANGUAGES").is_none(), "Zig is not there");
        // Past the harness, which keeps what a test that passes has printed.
        let _ = writeln!(std::io::stderr(), "skipped: no zig");
        return;
    };
    let check = |assertions: &Assertions| {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("const tp = @import(\"twinplug\");\n{USED_IN_ZIG}comptime {{\n");
        let source = folder.path().join("check.zig");
        std::fs::write(&source, format!("{text}{}}}\n", assertions.zig)).unwrap();
        let mut command = zig().unwrap();
        command.args(["build-obj", "-fno-emit-bin", "--dep", "twinplug"]);
        command.arg(format!("-Mroot={}", source.display()));
        command.arg(format!("-Mtwinplug={}", include().join("twinplug.zig").display()));
        messages(&command.current_dir(folder.path()).output().unwrap())
    };
    check(&assertions()).unwrap();
    let mut wrong = assertions();
    wrong.equal_in_zig("@offsetOf(tp.Call, \"result\")", 17);
    let messages = check(&wrong).unwrap_err();
    assert!(messages.contains("@offsetOf(tp.Call, 'result') is not 17"), "{messages}");
}
