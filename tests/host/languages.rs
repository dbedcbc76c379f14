//! The twins in languages that a machine may not have: skipped with a line where one is
//! missing, unless `TWINPLUG_REQUIRE_LANGUAGES` is set.
//!
//! A row in Go runs in a process of its own: a Go runtime stays until its process ends,
//! and what the tests of several rows load is more than one of them.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use twinplug::HostBuilder;

use crate::twins::{Twin, root};

/// Set in a process that runs one row alone.
const ALONE: &str = "TWINPLUG_TEST_ALONE";

/// A language's twin, and whether its rows want processes of their own; or why there is
/// none.
pub(crate) struct Language {
    twin: Result<Twin, String>,
    alone: bool,
}

pub(crate) static CPP: LazyLock<Language> = LazyLock::new(|| {
    let twin = built("native-plugins/testplugin-cpp", "tests/fixtures/probe-cpp");
    Language { twin, alone: false }
});

pub(crate) static ZIG: LazyLock<Language> = LazyLock::new(|| {
    let twin = built("native-plugins/testplugin-zig", "tests/fixtures/probe-zig");
    Language { twin, alone: false }
});

pub(crate) static GO: LazyLock<Language> = LazyLock::new(|| {
    let twin = built("native-plugins/testplugin-go", "tests/fixtures/probe-go");
    Language { twin, alone: true }
});

fn built(testplugin: &str, probe: &str) -> Result<Twin, String> {
    Ok(Twin::native(build(testplugin)?, build(probe)?))
}

/// Builds a plugin, once a process; `Err` says which tool is missing.
fn build(folder: &str) -> Result<PathBuf, String> {
    let out = root("target/plugins");
    if env::var_os(ALONE).is_some() {
        // Who started this process has built it.
        let name = folder.rsplit('/').next().unwrap_or(folder).replace('-', "_");
        let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        return Ok(out.join(format!("{prefix}{name}{suffix}")));
    }
    match twinplug_build::build(&root(folder), &out) {
        Ok(library) => Ok(library),
        Err(error) if error.is_missing_tool() && !are_required() => Err(error.to_string()),
        Err(error) => panic!("{error}"),
    }
}

fn are_required() -> bool {
    env::var_os("TWINPLUG_REQUIRE_LANGUAGES").is_some()
}

/// Runs a test on a language's twin. `name` is the test's, with its crate's in front.
pub(crate) fn run(language: &LazyLock<Language>, name: &str, test: fn(&Twin)) {
    match &language.twin {
        Ok(twin) if language.alone => alone(name, || test(twin)),
        Ok(twin) => test(twin),
        Err(missing) => {
            // Past the harness, which keeps what a test that passes has printed.
            let _ = writeln!(io::stderr(), "skipped: {name}: {missing}");
        }
    }
}

/// Runs a test in a process of its own: this program again, with just that test.
pub(crate) fn alone(name: &str, test: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return test();
    }
    let (_, name) = name.split_once("::").unwrap_or(("", name));
    let output = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    // A name that is no test's would pass as well.
    let ran = out.contains("test result: ok. 1 passed");
    assert!(output.status.success() && ran, "`{name}` alone: {}\n{out}\n{err}", output.status);
}

/// The rows that run alone load more than one plugin, and some of them twice.
pub(crate) fn allow(builder: HostBuilder) -> HostBuilder {
    match env::var_os(ALONE) {
        Some(_) => builder.allow_several_go_runtimes(),
        None => builder,
    }
}
