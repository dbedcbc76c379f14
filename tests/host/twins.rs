//! The twins that the table runs on. Adding a language is adding a row.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use twinplug::{Host, HostBuilder, PluginKind, data};

/// One language: where its plugins are, and what its type system can say.
pub(crate) struct Twin {
    pub(crate) kind: PluginKind,
    /// The tutorial's plugin, and the one that does what tests ask.
    pub(crate) testplugin: PathBuf,
    pub(crate) probe: PathBuf,
    /// What a whole number's and a float's type is called; Lua knows just numbers.
    pub(crate) int: &'static str,
    pub(crate) float: &'static str,
    /// Whether functions say what they take and return.
    pub(crate) signatures: bool,
}

pub(crate) static LUA: LazyLock<Twin> = LazyLock::new(|| Twin {
    kind: PluginKind::Lua,
    testplugin: root("lua-plugins/testplugin.lua"),
    probe: root("tests/fixtures/probe.lua"),
    int: "number",
    float: "number",
    signatures: false,
});

pub(crate) static RUST: LazyLock<Twin> =
    LazyLock::new(|| native("native-plugins/testplugin", "tests/fixtures/probe"));

pub(crate) static C: LazyLock<Twin> =
    LazyLock::new(|| native("native-plugins/testplugin-c", "tests/fixtures/probe-c"));

impl Twin {
    /// The twin of two libraries that were built.
    pub(crate) fn native(testplugin: PathBuf, probe: PathBuf) -> Twin {
        Twin {
            kind: PluginKind::Native,
            testplugin,
            probe,
            int: "int",
            float: "float",
            signatures: true,
        }
    }

    /// What stands in front of the probe's own messages: Lua says its line.
    pub(crate) fn at(&self, line: u32) -> String {
        match self.kind {
            PluginKind::Lua => format!("probe.lua:{line}: "),
            PluginKind::Native => String::new(),
        }
    }
}

/// Whether this flavour of Lua has integers of 64 bits, and not floats alone.
pub(crate) const HAS_INTEGERS: bool = cfg!(any(feature = "lua54", feature = "lua55"));

/// The first line of a traceback after `error`.
pub(crate) const THROWN: &str = match () {
    () if cfg!(feature = "lua55") => "[C]: in global 'error'",
    () => "[C]: in function 'error'",
};

/// What `local = 2` is.
pub(crate) const NAME_MISSING: &str = match () {
    () if cfg!(feature = "luau") => "Expected identifier when parsing variable name, got '='",
    () if cfg!(feature = "luajit") => "'<name>' expected near '='",
    () => "<name> expected near '='",
};

/// What `x = = 1` is.
pub(crate) const SYMBOL_MISSING: &str = match () {
    () if cfg!(feature = "luau") => "Expected identifier when parsing expression, got '='",
    () => "unexpected symbol near '='",
};

/// One of three texts, as the flavours put the same thing: Lua 5.4 and 5.5, LuaJIT, Luau.
pub(crate) fn flavoured<T>(lua: T, luajit: T, luau: T) -> T {
    match () {
        () if cfg!(feature = "luau") => luau,
        () if cfg!(feature = "luajit") => luajit,
        () => lua,
    }
}

/// The line of the probe's script that holds this text.
pub(crate) fn line_of(text: &str) -> u32 {
    let script = include_str!("../fixtures/probe.lua");
    let index = script.lines().position(|line| line.contains(text));
    index.unwrap_or_else(|| panic!("no `{text}` in probe.lua")) as u32 + 1
}

fn native(testplugin: &str, probe: &str) -> Twin {
    Twin::native(build(testplugin), build(probe))
}

pub(crate) fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn build(folder: &str) -> PathBuf {
    twinplug_build::build(&root(folder), &root("target/plugins")).unwrap()
}

/// Makes of each function a test for each twin, named `twin::function`.
macro_rules! on_every_twin {
    ($($test:ident)*) => {
        $crate::twins::on_every_twin!(@twin "_lua" lua LUA $($test)*);
        $crate::twins::on_every_twin!(@twin "native" rust RUST $($test)*);
        $crate::twins::on_every_twin!(@twin "native" c C $($test)*);
        $crate::twins::on_every_twin!(@language cpp CPP $($test)*);
        $crate::twins::on_every_twin!(@language zig ZIG $($test)*);
        $crate::twins::on_every_twin!(@language go GO $($test)*);
    };
    (@language $module:ident $twin:ident $($test:ident)*) => {
        #[cfg(feature = "native")]
        mod $module {
            $(
                #[test]
                fn $test() {
                    let name = concat!(module_path!(), "::", stringify!($test));
                    $crate::languages::run(&$crate::languages::$twin, name, super::$test);
                }
            )*
        }
    };
    (@twin $feature:literal $module:ident $twin:ident $($test:ident)*) => {
        #[cfg(feature = $feature)]
        mod $module {
            $(
                #[test]
                fn $test() {
                    super::$test(&$crate::twins::$twin);
                }
            )*
        }
    };
}
pub(crate) use on_every_twin;

#[data]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PluginData {
    pub(crate) name: String,
    pub(crate) age: i64,
    pub(crate) tel: String,
}

/// A host whose output is kept.
pub(crate) struct Stage {
    pub(crate) host: Host,
    output: Arc<Mutex<String>>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(offer: impl FnOnce(HostBuilder) -> HostBuilder) -> Self {
        let output = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&output);
        let builder = Host::builder()
            .channel::<PluginData>("data", 0)
            .channel::<i64>("numbers", 4)
            .function("scale", |x: f64, by: f64| x * by)
            .function("world.ask", || 42)
            .function("refuse", || Err::<(), _>("the host will not"))
            .function("blow", || -> () { panic!("the host blew") })
            .output(move |plugin, text| {
                kept.lock().unwrap().push_str(&format!("[{plugin}] {text}"));
            });
        #[cfg(feature = "native")]
        let builder = crate::languages::allow(builder);
        Stage { host: offer(builder).build().unwrap(), output }
    }

    /// What is printed while the host goes.
    pub(crate) fn printed_when_dropped(self) -> String {
        self.printed();
        let Stage { host, output } = self;
        drop(host);
        std::mem::take(&mut output.lock().unwrap())
    }

    /// What was printed since the last time.
    pub(crate) fn printed(&self) -> String {
        std::mem::take(&mut self.output.lock().unwrap())
    }
}

/// The error's whole message.
#[track_caller]
pub(crate) fn message<T: std::fmt::Debug>(result: twinplug::Result<T>) -> String {
    result.unwrap_err().to_string()
}
