//! A run of the command, and the files that it is given.

use std::collections::BTreeMap;
use std::env;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{LazyLock, Mutex};

pub(crate) const LUA: &str = "lua-plugins/testplugin.lua";
pub(crate) const RUST: &str = "native-plugins/testplugin";
pub(crate) const C: &str = "native-plugins/testplugin-c";
pub(crate) const CPP: &str = "native-plugins/testplugin-cpp";
pub(crate) const GO: &str = "native-plugins/testplugin-go";
pub(crate) const ZIG: &str = "native-plugins/testplugin-zig";

/// What a run of the command has left.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Of GNU: others have no such option.
const ENV: &str = "/usr/bin/env";
const DEFAULT: &str = "--default-signal=HUP,INT,QUIT";

/// A program that is told signals, also where who runs the tests ignores them: a shell has what it runs
/// in the background ignore Ctrl-C.
pub(crate) fn heeding(program: &str) -> Command {
    static CAN: LazyLock<bool> = LazyLock::new(|| {
        let status = Command::new(ENV).args([DEFAULT, "true"]).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    });
    if !*CAN {
        return Command::new(program);
    }
    let mut command = Command::new(ENV);
    command.args([DEFAULT, program]);
    command
}

/// The command with these arguments, in the workspace's root, where nothing around the tests says
/// whether it shows colours: `CI` counts as a terminal that does.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = heeding(env!("CARGO_BIN_EXE_twinplug"));
    for name in ["CLICOLOR_FORCE", "CLICOLOR", "NO_COLOR", "CI"] {
        command.env_remove(name);
    }
    command.args(args).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).stdin(Stdio::null());
    command
}

pub(crate) fn run(command: &mut Command) -> Ran {
    left(command.output().unwrap())
}

/// The same, with these lines on standard input.
pub(crate) fn typed(command: &mut Command, lines: &str) -> Ran {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // One that has ended reads no more.
    let _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
    left(child.wait_with_output().unwrap())
}

fn left(output: Output) -> Ran {
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Of what scripts are told in the words of their Lua: those of Lua 5.4 and 5.5, or of Luau.
pub(crate) fn said<'t>(lua: &'t str, luau: &'t str) -> &'t str {
    if cfg!(any(feature = "luau", feature = "luau-jit")) { luau } else { lua }
}

/// The same, where LuaJIT has words of its own.
pub(crate) fn said_by<'t>(lua: &'t str, luajit: &'t str, luau: &'t str) -> &'t str {
    if cfg!(feature = "luajit") { luajit } else { said(lua, luau) }
}

pub(crate) fn twinplug(args: &[&str]) -> Ran {
    run(&mut command(args))
}

impl Ran {
    /// It exits with 0; its last line is a result.
    pub(crate) fn gives(&self, last: &str) {
        assert_eq!((self.out.lines().last(), self.code), (Some(last), Some(0)), "{}", self.err);
    }

    /// It exits with 1 or 2; the last line of standard error says why.
    pub(crate) fn fails(&self, code: i32, last: &str) {
        assert_eq!((self.err.lines().last(), self.code), (Some(last), Some(code)), "{}", self.err);
    }

    /// As `fails`, where the reason comes first and help after it.
    pub(crate) fn is_wrong_usage(&self, first: &str) {
        assert_eq!((self.err.lines().next(), self.code), (Some(first), Some(2)), "{}", self.err);
        assert_eq!(self.out, "");
    }
}

/// A native plugin in C with a function `f`, which answers that.
pub(crate) fn answers(name: &str, answer: i32) -> String {
    format!(
        "#include \"twinplug.h\"\n\
         static tp_status f(tp_call *call) {{ *call->result = tp_int({answer}); return TP_OK; }}\n\
         static const tp_export exports[] = {{ TP_EXPORT_FUNC(\"f\", \"() -> int\", f) }};\n\
         TP_PLUGIN(\"{name}\", \"1.0.0\", exports, NULL);\n"
    )
}

/// A folder of one test in which a source folder cannot be built, another one can, and there is a
/// script.
pub(crate) fn broken(test: &str) -> PathBuf {
    let folder = folder(test);
    for (place, text) in [
        ("all/bad/bad.c", "no C at all"),
        ("all/good/good.c", &answers("good", 7)),
        ("all/clock.lua", "function f() return 1 end"),
    ] {
        fs::create_dir_all(folder.join(place).parent().unwrap()).unwrap();
        fs::write(folder.join(place), text).unwrap();
    }
    folder
}

/// Which builds are told to have failed; which status a compiler fails with is its own affair.
pub(crate) fn unbuilt(err: &str) -> Vec<&str> {
    let told = err.lines().filter_map(|line| line.strip_prefix("error: cannot build "));
    told.map(|line| line.split_once(": `cc` failed (exit status: ").unwrap().0).collect()
}

/// Whether a twin's compiler is missing, and may be.
pub(crate) fn is_skipped(twin: &str) -> bool {
    static REFUSED: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    if env::var_os("TWINPLUG_REQUIRE_LANGUAGES").is_some() {
        return false;
    }
    let mut refused = REFUSED.lock().unwrap();
    let said = refused.entry(twin.to_owned()).or_insert_with(|| twinplug(&["check", twin]).out);
    let missing = said.contains(" is not there: install ");
    if missing {
        // Past the harness, which keeps what a test that passes has printed.
        let _ = write!(io::stderr(), "skipped: {said}");
    }
    missing
}

/// An empty folder for one test.
pub(crate) fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("command").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A file in the folder of one test; its path as an argument.
pub(crate) fn file(test: &str, name: &str, text: &str) -> String {
    let file = folder(test).join(name);
    fs::write(&file, text).unwrap();
    file.into_os_string().into_string().unwrap()
}

pub(crate) fn library(name: &str) -> String {
    format!("target/plugins/{DLL_PREFIX}{name}{DLL_SUFFIX}")
}

/// Where this test's own build is: what plugins in Rust need is built there once.
#[cfg(unix)]
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// The root of the repository.
#[cfg(unix)]
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
