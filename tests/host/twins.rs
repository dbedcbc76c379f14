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

/// The same scripts, with annotations on all that they export.
pub(crate) static ANNOTATED: LazyLock<Twin> = LazyLock::new(|| Twin {
    kind: PluginKind::Lua,
    testplugin: annotated("lua-plugins/testplugin.lua", TESTPLUGIN_NOTES),
    probe: annotated("tests/fixtures/probe.lua", PROBE_NOTES),
    int: "int",
    float: "number",
    signatures: true,
});

const TESTPLUGIN_NOTES: &[(&str, &str)] = &[
    ("M.Value =", "---@type integer"),
    (
        "M.Pd =",
        "---@class PluginData\n---@field name string\n---@field age integer\n---@field tel string\n\n\
         ---@type PluginData",
    ),
    ("function M.Plugin_fun(", "---@return nil"),
    ("function M.ComplexType(", "---@return nil"),
    ("  Hello =", "  ---@return string"),
];

const PROBE_NOTES: &[(&str, &str)] = &[
    ("M.Count =", "---@type integer"),
    ("M.Ratio =", "---@type number"),
    ("M.On =", "---@type boolean"),
    ("M.Name =", "---@type string"),
    ("M.Items =", "---@type integer[]"),
    (
        "M.Nested =",
        "---@class Inner\n---@field x integer\n---@class Nested\n---@field inner Inner\n\
         ---@field label string\n---@type Nested",
    ),
    ("function M.Add(", "---@param a integer\n---@param b integer\n---@return integer"),
    ("function M.Greet(", "---@param name string\n---@return string"),
    ("function M.Total(", "---@return integer"),
    ("function M.Pair(", "---@return integer\n---@return string"),
    ("function M.Echo(", "---@param value any\n---@return any"),
    ("function M.Fail(", "---@return nil"),
    ("function M.Crash(", "---@return nil"),
    ("function M.Scale(", "---@param x number\n---@param by number\n---@return number"),
    ("function M.Ask(", "---@return integer"),
    ("function M.Refuse(", "---@return nil"),
    ("function M.Blow(", "---@return nil"),
    ("function M.Unknown(", "---@return nil"),
    ("function M.Send(", "---@param channel string\n---@param message any\n---@return nil"),
    ("function M.Log(", "---@param level string\n---@param text string\n---@return nil"),
    ("function M.Receive(", "---@param channel string\n---@return any"),
    (
        "function M.Step(",
        "---@param step string\n---@param channel string\n---@param value any\n---@return any",
    ),
];

/// Writes a script again, with notes above the lines that start so.
fn annotated(path: &str, notes: &[(&str, &str)]) -> PathBuf {
    let script = root(path);
    let text = std::fs::read_to_string(&script).unwrap();
    let text = notes.iter().fold(text, |text, (line, notes)| {
        let (before, after) = text.split_once(&format!("\n{line}")).unwrap();
        format!("{before}\n{notes}\n{line}{after}")
    });
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("annotated");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(script.file_name().unwrap());
    std::fs::write(&path, text).unwrap();
    path
}

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

    /// Whether it is a script, which says its lines in messages.
    pub(crate) fn is_script(&self) -> bool {
        self.kind == PluginKind::Lua
    }

    /// What stands in front of the messages that the probe makes where its script has
    /// this text: Lua says its line.
    pub(crate) fn at(&self, text: &str) -> String {
        at(&self.probe, text, self)
    }

    /// The same for the tutorial's plugin.
    pub(crate) fn testplugin_at(&self, text: &str) -> String {
        at(&self.testplugin, text, self)
    }

    /// The line of the probe that has this text.
    pub(crate) fn line_of(&self, text: &str) -> u32 {
        line_of(&self.probe, text)
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

fn at(script: &Path, text: &str, twin: &Twin) -> String {
    match twin.kind {
        PluginKind::Lua => {
            let name = script.file_name().unwrap().to_string_lossy();
            format!("{name}:{}: ", line_of(script, text))
        }
        PluginKind::Native => String::new(),
    }
}

fn line_of(script: &Path, text: &str) -> u32 {
    let script = std::fs::read_to_string(script).unwrap();
    let index = script.lines().position(|line| line.contains(text));
    index.unwrap_or_else(|| panic!("no `{text}` in the script")) as u32 + 1
}

fn native(testplugin: &str, probe: &str) -> Twin {
    Twin::native(build(testplugin), build(probe))
}

pub(crate) fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) fn build(folder: &str) -> PathBuf {
    twinplug_build::build(&root(folder), &root("target/plugins")).unwrap()
}

/// Makes of each function a test for each twin, named `twin::function`.
macro_rules! on_every_twin {
    ($($test:ident)*) => {
        $crate::twins::on_every_twin!(@twin "_lua" lua LUA $($test)*);
        $crate::twins::on_every_twin!(@twin "_lua" annotated ANNOTATED $($test)*);
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
