//! The header and this crate say the same: sizes, offsets, constants. The C compiler
//! compares them; it also takes the header as C99 and as C++, included twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fmt::Write as _;
use std::mem::{offset_of, size_of};
use std::path::Path;
use std::process::Command;

use twinplug_abi as abi;

/// Compiles C text with the header; the compiler's messages where it fails.
fn compile(language: &[&str], text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.c");
    std::fs::write(&source, text).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include");
    let output = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-I"])
        .arg(include)
        .args(language)
        .arg(source)
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Assertions for the C compiler.
#[derive(Default)]
struct Assertions(String);

impl Assertions {
    fn equal(&mut self, c: &str, rust: impl std::fmt::Display) {
        writeln!(self.0, "_Static_assert(({c}) == {rust}, \"{c} is {rust}\");").unwrap();
    }
}

macro_rules! layout {
    ($out:ident, $($rust:ident = $c:literal { $($field:ident = $member:literal),* $(,)? })*) => {$(
        $out.equal(concat!("sizeof(", $c, ")"), size_of::<abi::$rust>());
        $($out.equal(
            concat!("offsetof(", $c, ", ", $member, ")"),
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
            arena_mark = "arena_mark", arena_rewind = "arena_rewind", service = "service",
        }
        Mark = "tp_mark" { chunk = "chunk", used = "used" }
        Fault = "tp_fault" { text = "text", length = "length", keep = "keep", kept = "kept" }
        Log = "tp_log" { size = "size", reserved = "reserved", write = "write" }
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
        ELEMENT_F64 = "TP_F64", ELEMENT_F32 = "TP_F32", ELEMENT_I64 = "TP_I64",
        ELEMENT_I32 = "TP_I32", ELEMENT_U8 = "TP_U8", SERVICE_LOG = "TP_SERVICE_LOG",
        LOG_ERROR = "TP_LOG_ERROR", LOG_WARN = "TP_LOG_WARN", LOG_INFO = "TP_LOG_INFO",
        LOG_DEBUG = "TP_LOG_DEBUG", LOG_TRACE = "TP_LOG_TRACE",
    }
    out
}

#[test]
fn the_header_and_this_crate_say_the_same() {
    assert_eq!(size_of::<abi::Value>(), 16);
    let text = format!("#include \"twinplug.h\"\n{}", assertions().0);
    compile(&["-std=c11"], &text).unwrap();
}

#[test]
fn a_difference_would_be_seen() {
    let mut wrong = assertions();
    wrong.equal("offsetof(tp_call, result)", 17);
    let messages = compile(&["-std=c11"], &format!("#include \"twinplug.h\"\n{}", wrong.0));
    assert!(messages.unwrap_err().contains("offsetof(tp_call, result) is 17"));
}

#[test]
fn the_header_is_c99_and_cpp_and_may_be_included_twice() {
    let text = "#include \"twinplug.h\"\n#include \"twinplug.h\"\n\
        static tp_status f(tp_call *call) { return tp_answer(call, TP_OK, \"%d\", 1); }\n\
        static const tp_export exports[] = {TP_EXPORT_FUNC(\"f\", \"() -> string\", f)};\n\
        TP_PLUGIN(\"a\", \"1.0.0\", exports, NULL);\n";
    compile(&["-std=c99"], text).unwrap();
    compile(&["-xc++", "-std=c++11"], text).unwrap();
    compile(&["-xc++", "-std=c++20"], text).unwrap();
}
