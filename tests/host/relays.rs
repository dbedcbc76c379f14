//! Errors that come through native plugins: what they pass on keeps what was thrown, its first
//! place, and one traceback; what they make up themselves is theirs alone. Each row runs on
//! the plugin in Rust and on its twin in C.

mod scenes;

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, Weak};

use tempfile::TempDir;
use twinplug::{Error, ErrorKind, Host, Result, Symbol, Value};

use crate::tracebacks::{INNER, frame, thrown};
use crate::twins::{HAS_INTEGERS, build, flavoured};

static RUST: LazyLock<PathBuf> = LazyLock::new(|| build("tests/fixtures/relay"));
static C: LazyLock<PathBuf> = LazyLock::new(|| build("tests/fixtures/relay-c"));

/// The way of a call: `n1.Pass n2.Pass b.Table` calls the first, which has the host go on
/// with the rest. Where a plugin does so twice, ` | ` is between the two rests.
#[derive(Default)]
struct Way {
    rest: Mutex<String>,
    /// The hook that goes on as well, and where.
    boots: Mutex<(String, String)>,
    host: OnceLock<Weak<Host>>,
}

impl Way {
    /// Calls the first of a route.
    fn reach(&self, route: &str) -> Result<Value> {
        let (first, rest) = route.split_once(' ').unwrap_or((route, ""));
        let (plugin, name) = first.split_once('.').expect("a plugin and a symbol");
        *self.rest.lock().unwrap() = rest.to_owned();
        let host = self.host.get().and_then(Weak::upgrade).expect("set once it is there");
        let plugin = host.plugin(plugin)?;
        match plugin.lookup(name.trim_end_matches('='))? {
            Symbol::Var(var) if name.ends_with('=') => var.set(Value::Int(1)).map(Value::from),
            Symbol::Var(var) => var.get(),
            Symbol::Func(_) if name.starts_with("Direct") => {
                plugin.func::<(i64,), i64>(name)?.call((1,)).map(Value::Int)
            }
            Symbol::Func(func) => func.call(&[]),
        }
    }

    /// Whether a hook goes on; a variable that was read before has not.
    fn boots(&self, hook: &str) -> bool {
        let (which, route) = &*self.boots.lock().unwrap();
        let goes_on = which == hook;
        if goes_on {
            self.rest.lock().unwrap().clone_from(route);
        }
        goes_on
    }

    /// Goes on with the rest.
    fn go(&self) -> Result<Value> {
        let rest = std::mem::take(&mut *self.rest.lock().unwrap());
        let (now, later) = rest.split_once(" | ").unwrap_or((&rest, ""));
        let gone = self.reach(now);
        *self.rest.lock().unwrap() = later.to_owned();
        gone
    }
}

/// Two loads of a native plugin, `n1` and `n2`, and two scripts: `a`, which goes a route,
/// and `b`, which fails.
struct Scene {
    host: Arc<Host>,
    way: Arc<Way>,
    folder: TempDir,
}

impl Scene {
    fn new(library: &Path, route: &str) -> Self {
        let way = Arc::new(Way::default());
        let host = Host::builder()
            .function("reach", with(&way, |way, route: String| way.reach(&route)))
            .function("go", {
                let way = Arc::clone(&way);
                move || way.go()
            })
            .function("boots", with(&way, |way, hook: String| way.boots(&hook)))
            .function("fine", || 1)
            .channel::<i64>("numbers", 4)
            .build()
            .unwrap();
        let host = Arc::new(host);
        way.host.set(Arc::downgrade(&host)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let outer = format!(
            "local M = {{}}\nfunction M.F() local got = host.reach('{route}') return got end\n\
             function M.Caught() local ok, err = pcall(host.reach, '{route}') return err.code, tostring(err) end\n\
             return M"
        );
        for (name, text) in [("b.lua", INNER), ("a.lua", &outer)] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            host.load(path).unwrap();
        }
        for name in ["n1", "n2"] {
            host.load_as(name, library).unwrap();
        }
        Scene { host, way, folder }
    }
}

/// A host function over the way.
fn with<A, R>(way: &Arc<Way>, run: fn(&Way, A) -> R) -> impl Fn(A) -> R + Send + Sync + 'static
where
    A: 'static,
    R: 'static,
{
    let way = Arc::clone(way);
    move |arg| run(&way, arg)
}

/// What a row expects.
struct Expected {
    /// The error of the route's first plugin.
    message: String,
    /// The lines of the traceback, as `frame` reads them, up to that plugin's.
    traceback: &'static [&'static str],
    location: (&'static str, u32),
    payload: Option<Value>,
}

/// The script `a` goes a route, and fails.
fn check(library: &Path, route: &str, expected: &Expected) {
    let scene = Scene::new(library, route);
    let error = scene.host.plugin("a").unwrap().call("F", ()).unwrap_err();
    let is_table = matches!(expected.payload, Some(Value::Map(_) | Value::List(_)));
    let line = if is_table { "" } else { "a.lua:2: " };
    assert_eq!(
        error.to_string(),
        format!("plugin `a`: `F`: {line}host function `reach`: {}", expected.message)
    );
    assert_eq!(error.kind(), ErrorKind::Call);
    let outer = ["[host]: in function 'reach'", "a.lua:2 <2> F"];
    let frames: Vec<_> = expected.traceback.iter().chain(&outer).map(|line| frame(line)).collect();
    assert_eq!(lines(&error), frames);
    let (file, line) = expected.location;
    let path = scene.folder.path().join(file);
    assert_eq!(error.location(), Some((path.as_path(), line)));
    assert_eq!(error.payload(), expected.payload.as_ref());
}

fn lines(error: &Error) -> Vec<&str> {
    error.traceback().unwrap_or_default().lines().collect()
}

/// Makes a test of each row, on both plugins or on one.
macro_rules! rows {
    (both { $($both:tt)* } rust { $($rust:tt)* } c { $($c:tt)* }) => {
        mod rust {
            use super::*;
            rows!(@on RUST $($both)* $($rust)*);
        }
        mod c {
            use super::*;
            rows!(@on C $($both)* $($c)*);
        }
    };
    (@on $library:ident $(
        $name:ident: $route:literal,
        $message:expr, [$($line:expr),*], $location:expr, $payload:expr;
    )*) => {$(
        #[test]
        fn $name() {
            check(&$library, $route, &Expected {
                message: $message.into(),
                traceback: &[$($line),*],
                location: $location,
                payload: $payload,
            });
        }
    )*};
}

const GO: &str = "[host]: in function 'go'";
const NO_DOOR: &str = "host function `go`: plugin `b`: `Table`: no door";
const CLOSED: &str = "host function `go`: plugin `b`: `Text`: b.lua:7: the door is closed";
/// Where `a` was when it was told of an error that began in native code.
const OUTER: (&str, u32) = ("a.lua", 2);

rows! {
both {
    a_table_that_is_passed_on:
        "n1.Pass b.Table",
        format!("plugin `n1`: `Pass`: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in function 'n1.Pass'"
        ],
        ("b.lua", 3), thrown();
    a_text_that_is_passed_on:
        "n1.Pass b.Text",
        format!("plugin `n1`: `Pass`: {CLOSED}"),
        ["error", "b.lua:7 <6> Text", GO, "[native]: in function 'n1.Pass'"],
        ("b.lua", 7), None;
    a_number_that_is_passed_on:
        "n1.Pass b.Number",
        format!(
            "plugin `n1`: `Pass`: host function `go`: plugin `b`: `Number`: {}42",
            flavoured("", "b.lua:9: ", "b.lua:9: ")
        ),
        ["error", "b.lua:9 <9> Number", GO, "[native]: in function 'n1.Pass'"],
        ("b.lua", 9), HAS_INTEGERS.then_some(Value::Int(42));
    one_that_is_passed_on_with_more_in_front:
        "n1.Context b.Table",
        format!("plugin `n1`: `Context`: level 3: no level: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in function 'n1.Context'"
        ],
        ("b.lua", 3), thrown();
    one_that_is_a_part_of_another:
        "n1.Because b.Table",
        format!("plugin `n1`: `Because`: no level because {NO_DOOR}"),
        ["[native]: in function 'n1.Because'"],
        OUTER, None;
    one_that_is_said_in_the_middle_of_another:
        "n1.Quote b.Table",
        format!("plugin `n1`: `Quote`: `{NO_DOOR}` was said"),
        ["[native]: in function 'n1.Quote'"],
        OUTER, None;
    another_text_in_its_place:
        "n1.Own b.Table",
        "plugin `n1`: `Own`: no level",
        ["[native]: in function 'n1.Own'"],
        OUTER, None;
    another_text_after_one_that_was_caught:
        "n1.Late b.Table",
        "plugin `n1`: `Late`: out of paper",
        ["[native]: in function 'n1.Late'"],
        OUTER, None;
    the_text_of_one_that_was_caught_in_the_same_call:
        "n1.Retold b.Table",
        format!("plugin `n1`: `Retold`: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in function 'n1.Retold'"
        ],
        ("b.lua", 3), thrown();
    the_first_of_two:
        "n1.First b.Table | b.Text",
        format!("plugin `n1`: `First`: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in function 'n1.First'"
        ],
        ("b.lua", 3), thrown();
    one_whose_text_ends_as_a_later_one:
        "n1.First n2.Pass b.Text | b.Text",
        format!("plugin `n1`: `First`: host function `go`: plugin `n2`: `Pass`: {CLOSED}"),
        [
            "error", "b.lua:7 <6> Text", GO, "[native]: in function 'n2.Pass'", GO,
            "[native]: in function 'n1.First'"
        ],
        ("b.lua", 7), None;
    one_that_was_told_on_another_thread:
        "n1.Thread b.Table",
        format!("plugin `n1`: `Thread`: {NO_DOOR}"),
        ["[native]: in function 'n1.Thread'"],
        OUTER, None;
    one_that_two_plugins_pass_on:
        "n1.Pass n2.Pass b.Table",
        format!("plugin `n1`: `Pass`: host function `go`: plugin `n2`: `Pass`: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in function 'n2.Pass'", GO, "[native]: in function 'n1.Pass'"
        ],
        ("b.lua", 3), thrown();
    one_that_two_plugins_pass_on_with_more:
        "n1.Context n2.Context b.Text",
        format!(
            "plugin `n1`: `Context`: level 3: no level: host function `go`: \
             plugin `n2`: `Context`: level 3: no level: {CLOSED}"
        ),
        [
            "error", "b.lua:7 <6> Text", GO, "[native]: in function 'n2.Context'", GO,
            "[native]: in function 'n1.Context'"
        ],
        ("b.lua", 7), None;
    one_that_comes_back_through_the_same_plugin:
        "n1.Pass n1.Context n1.Direct b.Text",
        format!(
            "plugin `n1`: `Pass`: host function `go`: plugin `n1`: `Context`: level 3: no level: \
             host function `go`: plugin `n1`: `Direct`: {CLOSED}"
        ),
        [
            "error", "b.lua:7 <6> Text", GO, "[native]: in function 'n1.Direct'", GO,
            "[native]: in function 'n1.Context'", GO, "[native]: in function 'n1.Pass'"
        ],
        ("b.lua", 7), None;
    an_own_text_that_another_plugin_passes_on:
        "n1.Pass n2.Own b.Table",
        "plugin `n1`: `Pass`: host function `go`: plugin `n2`: `Own`: no level",
        ["[native]: in function 'n2.Own'", GO, "[native]: in function 'n1.Pass'"],
        OUTER, None;
    an_own_text_in_place_of_what_another_plugin_passed_on:
        "n1.Own n2.Pass b.Table",
        "plugin `n1`: `Own`: no level",
        ["[native]: in function 'n1.Own'"],
        OUTER, None;
    one_before_a_plugin_that_has_caught_its_own:
        "n1.First b.Table | n2.Caught b.Text",
        format!("plugin `n1`: `First`: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in function 'n1.First'"
        ],
        ("b.lua", 3), thrown();
    a_direct_entry:
        "n1.Direct b.Table",
        format!("plugin `n1`: `Direct`: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in function 'n1.Direct'"
        ],
        ("b.lua", 3), thrown();
    a_direct_entry_that_says_more:
        "n1.DirectContext b.Text",
        format!("plugin `n1`: `DirectContext`: no level: {CLOSED}"),
        ["error", "b.lua:7 <6> Text", GO, "[native]: in function 'n1.DirectContext'"],
        ("b.lua", 7), None;
    a_direct_entry_that_says_something_else:
        "n1.DirectOwn b.Table",
        "plugin `n1`: `DirectOwn`: no level",
        ["[native]: in function 'n1.DirectOwn'"],
        OUTER, None;
    a_direct_entry_that_has_caught_it_in_the_same_call:
        "n1.DirectRetold b.Table",
        format!("plugin `n1`: `DirectRetold`: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in function 'n1.DirectRetold'"
        ],
        ("b.lua", 3), thrown();
    direct_entries_of_two_plugins:
        "n1.Direct n2.Direct b.Table",
        format!("plugin `n1`: `Direct`: host function `go`: plugin `n2`: `Direct`: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in function 'n2.Direct'", GO, "[native]: in function 'n1.Direct'"
        ],
        ("b.lua", 3), thrown();
    one_before_a_direct_entry_that_has_caught_its_own:
        "n1.First b.Table | n2.DirectCaught b.Text",
        format!("plugin `n1`: `First`: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in function 'n1.First'"
        ],
        ("b.lua", 3), thrown();
    a_channels_error:
        "n1.Send",
        "plugin `n1`: `Send`: channel `numbers`: expected int, got string",
        ["[native]: in function 'n1.Send'"],
        OUTER, None;
}

rust {
    a_panic_after_one_that_was_caught:
        "n1.Panic b.Table",
        "plugin `n1`: `Panic`: panicked: lost count",
        ["[native]: in function 'n1.Panic'"],
        OUTER, None;
    a_panic_with_its_text:
        "n1.PanicWith b.Table",
        format!("plugin `n1`: `PanicWith`: panicked: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in function 'n1.PanicWith'"
        ],
        ("b.lua", 3), thrown();
}

c {
    a_variable_that_is_read:
        "n1.Value b.Table",
        format!("plugin `n1`: `Value`: {NO_DOOR}"),
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", GO,
            "[native]: in variable 'n1.Value'"
        ],
        ("b.lua", 3), thrown();
    a_variable_that_is_set:
        "n1.Value= b.Text",
        format!("plugin `n1`: `Value`: {CLOSED}"),
        ["error", "b.lua:7 <6> Text", GO, "[native]: in variable 'n1.Value'"],
        ("b.lua", 7), None;
    a_direct_entry_that_does_not_have_its_text_kept:
        "n1.DirectSet b.Table",
        format!("plugin `n1`: `DirectSet`: {NO_DOOR}"),
        ["[native]: in function 'n1.DirectSet'"],
        OUTER, None;
}
}
