//! Errors that come through several scripts, host functions and coroutines: one message,
//! what was thrown, and one traceback.

use std::sync::{Arc, OnceLock, Weak};

use tempfile::TempDir;
use twinplug::{Error, ErrorKind, Host, Map, Value};

use crate::twins::{HAS_INTEGERS, THROWN, flavoured};

/// Scripts that reach each other through their host.
struct Scene {
    host: Arc<Host>,
    folder: TempDir,
}

impl Scene {
    /// Writes scripts, and loads those that are in no folder.
    fn new(scripts: &[(&str, &str)]) -> Self {
        let cell: Arc<OnceLock<Weak<Host>>> = Arc::default();
        let reach = |cell: &Arc<OnceLock<Weak<Host>>>| {
            let cell = Arc::clone(cell);
            move |plugin: String, name: String| -> twinplug::Result<Value> {
                let host = cell.get().and_then(Weak::upgrade).expect("set below");
                host.plugin(&plugin)?.call(&name, ())
            }
        };
        let (spawn, boxed, chained) = (reach(&cell), reach(&cell), reach(&cell));
        let host = Host::builder()
            .function("world.spawn", spawn)
            .function("boxed", move |plugin: String, name: String| {
                boxed(plugin, name).map_err(Box::<dyn std::error::Error + Send + Sync>::from)
            })
            .function("chained", move |plugin: String, name: String| {
                chained(plugin, name)
                    .map_err(|error| Box::<dyn std::error::Error>::from(Chained(error)))
            })
            .function("refuse", || Err::<(), _>("the host will not"))
            .function("blow", || -> () { panic!("the host blew") })
            .function("twice", |x: i64| x * 2)
            .channel::<i64>("numbers", 4)
            .build()
            .unwrap();
        let host = Arc::new(host);
        cell.set(Arc::downgrade(&host)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let scene = Scene { host, folder };
        for (name, text) in scripts {
            let path = scene.folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        for (name, _) in scripts.iter().filter(|(name, _)| !name.contains('/')) {
            scene.host.load(scene.folder.path().join(name)).unwrap();
        }
        scene
    }

    /// The error of a call that fails.
    #[track_caller]
    fn fail(&self, plugin: &str, name: &str) -> Error {
        self.host.plugin(plugin).unwrap().call(name, ()).unwrap_err()
    }
}

/// An error of the embedding's own, which another one has caused.
#[derive(Debug)]
struct Chained(Error);

impl std::fmt::Display for Chained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nothing was spawned")
    }
}

impl std::error::Error for Chained {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

pub(crate) const INNER: &str = "local M = {}
local function inner(what)
  error(what, 0)
end
function M.Table() inner { code = 7, message = 'no door' } end
function M.Text()
  error('the door is closed')
end
function M.Number() error(42) end
function M.Nil() error() end
function M.List() error { 'a', 'b' } end
return M
";

/// What a row expects, after the plugin's and the function's names.
struct Expected {
    message: String,
    /// The lines of the traceback, as `frame` reads them.
    traceback: &'static [&'static str],
    location: Option<(&'static str, u32)>,
    payload: Option<Value>,
}

/// A line of the flavour's traceback: `error`, a C function; `a.lua:3 upvalue f`, a function
/// by the name that the caller has for it; `a.lua:3 <2> F`, one that Lua has no name for, by
/// the line that it is defined in, where Luau knows its own name; `main`, a file's body.
pub(crate) fn frame(line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let luau = cfg!(feature = "luau");
    match words[..] {
        [name] if THROWN.contains("global") => format!("[C]: in global '{name}'"),
        [name] => format!("[C]: in function '{name}'"),
        [place, "main"] if luau => format!("{place}: in function <{}:1>", file(place)),
        [place, "main"] => format!("{place}: in main chunk"),
        [place, _, name] if luau => format!("{place}: in function '{name}'"),
        [place, defined] | [place, defined, _] if defined.starts_with('<') => {
            format!("{place}: in function <{}:{}", file(place), &defined[1..])
        }
        [place, what, name] => format!("{place}: in {what} '{name}'"),
        _ => line.to_owned(),
    }
}

fn file(place: &str) -> &str {
    place.split(':').next().unwrap()
}

pub(crate) fn thrown() -> Option<Value> {
    let entries = [("code".into(), 7.into()), ("message".into(), "no door".into())];
    Some(Map::from(entries).into())
}

/// The plugin `b` fails, and is called by a function of `a`.
fn check(function: &str, expected: &Expected) {
    let text = format!("local M = {{}}\n{}\nreturn M", function.replace("\n        ", "\n"));
    let module = "local function deep()\n  host.world.spawn('b', 'Table')\nend\ndeep()";
    let scene = Scene::new(&[("b.lua", INNER), ("a.lua", &text), ("a/part.lua", module)]);
    let error = scene.fail("a", "F");
    assert_eq!(error.to_string(), format!("plugin `a`: `F`: {}", expected.message));
    assert_eq!(error.kind(), ErrorKind::Call);
    assert_eq!((error.plugin(), error.symbol()), (Some("a"), Some("F")));
    let frames: Vec<_> = expected.traceback.iter().map(|line| frame(line)).collect();
    assert_eq!(error.traceback().unwrap_or_default().lines().collect::<Vec<_>>(), frames);
    let location = expected.location.map(|(file, line)| (scene.folder.path().join(file), line));
    assert_eq!(error.location(), location.as_ref().map(|(path, line)| (path.as_path(), *line)));
    assert_eq!(error.payload(), expected.payload.as_ref());
}

macro_rules! rows {
    ($(
        $name:ident: $function:literal,
        $message:expr, [$($line:expr),*], $location:expr, $payload:expr;
    )*) => {$(
        #[test]
        fn $name() {
            check($function, &Expected {
                message: $message.into(),
                traceback: &[$($line),*],
                location: $location,
                payload: $payload,
            });
        }
    )*};
}

const SPAWN: &str = "[host]: in function 'world.spawn'";
const NO_DOOR: &str = "host function `world.spawn`: plugin `b`: `Table`: no door";
const CLOSED: &str = "host function `world.spawn`: plugin `b`: `Text`: b.lua:7: the door is closed";

rows! {
    a_table_that_another_plugin_throws:
        "function M.F()
          host.world.spawn('b', 'Table')
        end",
        NO_DOOR,
        ["error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", SPAWN, "a.lua:3 <2> F"],
        Some(("b.lua", 3)), thrown();
    a_text_that_another_plugin_throws:
        "function M.F() local x = host.world.spawn('b', 'Text') end",
        format!("a.lua:2: {CLOSED}"),
        ["error", "b.lua:7 <6> Text", SPAWN, "a.lua:2 <2> F"],
        Some(("b.lua", 7)), None;
    a_number_that_another_plugin_throws:
        "function M.F() host.world.spawn('b', 'Number') end",
        format!(
            "a.lua:2: host function `world.spawn`: plugin `b`: `Number`: {}42",
            flavoured("", "b.lua:9: ", "b.lua:9: ")
        ),
        ["error", "b.lua:9 <9> Number", SPAWN, "a.lua:2 <2> F"],
        Some(("b.lua", 9)), HAS_INTEGERS.then_some(Value::Int(42));
    nothing_that_another_plugin_throws:
        "function M.F() host.world.spawn('b', 'Nil') end",
        "a.lua:2: host function `world.spawn`: plugin `b`: `Nil`: an error without a message",
        ["error", "b.lua:10 <10> Nil", SPAWN, "a.lua:2 <2> F"],
        Some(("b.lua", 10)), None;
    a_list_that_another_plugin_throws:
        "function M.F() host.world.spawn('b', 'List') end",
        "host function `world.spawn`: plugin `b`: `List`: an error without a message",
        ["error", "b.lua:11 <11> List", SPAWN, "a.lua:2 <2> F"],
        Some(("b.lua", 11)), Some(Value::List(vec!["a".into(), "b".into()]));
    a_host_function_that_boxes_the_error:
        "function M.F() host.boxed('b', 'Table') end",
        "host function `boxed`: plugin `b`: `Table`: no door",
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table",
            "[host]: in function 'boxed'", "a.lua:2 <2> F"
        ],
        Some(("b.lua", 3)), thrown();
    a_host_function_whose_error_has_the_plugins_as_its_source:
        "function M.F() host.chained('b', 'Table') end",
        "host function `chained`: nothing was spawned",
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table",
            "[host]: in function 'chained'", "a.lua:2 <2> F"
        ],
        Some(("b.lua", 3)), thrown();
    a_table_that_was_caught_and_thrown_again:
        "function M.F()
          local ok, err = pcall(host.world.spawn, 'b', 'Table')
          error(err)
        end",
        NO_DOOR,
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", SPAWN,
            "error", "a.lua:4 <2> F"
        ],
        Some(("b.lua", 3)), thrown();
    a_table_that_was_changed_and_thrown_again:
        "function M.F()
          local ok, err = pcall(host.world.spawn, 'b', 'Table')
          err.message = 'no entry: ' .. err.message
          err.code = nil
          error(err)
        end",
        "no entry: no door",
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", SPAWN,
            "error", "a.lua:6 <2> F"
        ],
        Some(("b.lua", 3)),
        Some(Map::from([("message".into(), "no entry: no door".into())]).into());
    a_text_that_was_caught_and_thrown_again_with_more:
        "function M.F()
          local ok, err = pcall(function() host.world.spawn('b', 'Text') end)
          error('no entry: ' .. err, 0)
        end",
        format!("no entry: a.lua:3: {CLOSED}"),
        ["error", "b.lua:7 <6> Text", SPAWN, "error", "a.lua:4 <2> F"],
        Some(("b.lua", 7)), None;
    another_error_after_one_that_was_caught:
        "function M.F()
          pcall(host.world.spawn, 'b', 'Table')
          error { code = 8 }
        end",
        "an error without a message",
        ["error", "a.lua:4 <2> F"],
        Some(("a.lua", 4)), Some(Map::from([("code".into(), 8.into())]).into());
    a_wrapped_coroutine:
        "function M.F()
          local co = coroutine.wrap(function()
            coroutine.yield(1)
            host.world.spawn('b', 'Table')
          end)
          co()
          co()
        end",
        NO_DOOR,
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", SPAWN,
            "a.lua:5 <3>", "a.lua:8 <2> F"
        ],
        Some(("b.lua", 3)), thrown();
    a_coroutine_in_a_coroutine:
        "function M.F()
          coroutine.wrap(function()
            coroutine.wrap(function() error('drowned') end)()
          end)()
        end",
        "a.lua:4: drowned",
        ["error", "a.lua:4 <4>", "a.lua:4 <3>", "a.lua:5 <2> F"],
        Some(("a.lua", 4)), None;
    a_coroutine_whose_error_is_asserted:
        "function M.F()
          local co = coroutine.create(function() error('drowned') end)
          assert(coroutine.resume(co))
        end",
        "a.lua:4: a.lua:3: drowned",
        ["error", "a.lua:3 <3>", "assert", "a.lua:4 <2> F"],
        Some(("a.lua", 3)), None;
    an_error_like_that_of_a_coroutine_before:
        "function M.F()
          local function fail() error('drowned') end
          coroutine.resume(coroutine.create(fail))
          fail()
        end",
        "a.lua:3: drowned",
        ["error", "a.lua:3 local fail", "a.lua:5 <2> F"],
        Some(("a.lua", 3)), None;
    a_coroutine_that_is_dead:
        "function M.F()
          local co = coroutine.wrap(function() error('drowned') end)
          pcall(co)
          co()
        end",
        "cannot resume dead coroutine",
        ["a.lua:5 <2> F"],
        Some(("a.lua", 5)), None;
    a_module:
        "function M.F() require 'part' end",
        NO_DOOR,
        [
            "error", "b.lua:3 upvalue inner", "b.lua:5 <5> Table", SPAWN,
            "part.lua:2 local deep", "part.lua:4 main", "a.lua:2 <2> F"
        ],
        Some(("b.lua", 3)), thrown();
    a_host_function_that_refuses:
        "function M.F() host.refuse() end",
        "a.lua:2: host function `refuse`: the host will not",
        ["[host]: in function 'refuse'", "a.lua:2 <2> F"],
        Some(("a.lua", 2)), None;
    a_host_function_that_panics:
        "function M.F() host.blow() end",
        "a.lua:2: host function `blow`: panicked: the host blew",
        ["[host]: in function 'blow'", "a.lua:2 <2> F"],
        Some(("a.lua", 2)), None;
    a_host_function_that_is_called_wrong:
        "function M.F() host.twice('x') end",
        "a.lua:2: host function `twice`: argument 1: expected int, got string",
        ["[host]: in function 'twice'", "a.lua:2 <2> F"],
        Some(("a.lua", 2)), None;
    a_channels_send:
        "function M.F() host.channel('numbers'):send('one') end",
        "a.lua:2: channel `numbers`: expected int, got string",
        ["a.lua:2 <2> F"],
        Some(("a.lua", 2)), None;
    an_unknown_name:
        "function M.F() return host.world.spwn end",
        "a.lua:2: `host.world` has no `spwn`; near: `spawn`",
        ["a.lua:2 <2> F"],
        Some(("a.lua", 2)), None;
    an_object_whose_text_fails:
        "function M.F()
          local print = function() error('no text') end
          error(setmetatable({ code = 9 }, { __tostring = print }))
        end",
        "an error whose text failed: a.lua:3: no text",
        ["error", "a.lua:4 <2> F"],
        Some(("a.lua", 4)), Some(Map::from([("code".into(), 9.into())]).into());
    an_object_with_a_text:
        "function M.F()
          error(setmetatable({ code = 9 }, { __tostring = function(e) return 'E' .. e.code end }))
        end",
        "E9",
        ["error", "a.lua:3 <2> F"],
        Some(("a.lua", 3)), Some(Map::from([("code".into(), 9.into())]).into());
}

#[test]
fn a_script_catches_what_another_one_threw() {
    let scene = Scene::new(&[
        ("b.lua", INNER),
        (
            "a.lua",
            "function Code()
               local ok, err = pcall(host.world.spawn, 'b', 'Table')
               return err.code, tostring(err)
             end
             function Text()
               local ok, err = pcall(function() host.world.spawn('b', 'Text') end)
               return err
             end",
        ),
    ]);
    let a = scene.host.plugin("a").unwrap();
    let code = a.func::<(), (i64, String)>("Code").unwrap();
    assert_eq!(code.call(()).unwrap(), (7, NO_DOOR.to_owned()));
    let text = a.call("Text", ()).unwrap();
    assert_eq!(text, Value::Str(format!("a.lua:6: {CLOSED}")));
}

#[test]
fn the_error_in_a_handler_ends_the_call_and_nothing_else() {
    let scene = Scene::new(&[(
        "a.lua",
        "function F() local ok, err = xpcall(error, function() error('again') end, 'first') error(err, 0) end
         function Fine() return 'fine' end",
    )]);
    assert_eq!(scene.fail("a", "F").to_string(), "plugin `a`: `F`: error in error handling");
    assert_eq!(
        scene.host.plugin("a").unwrap().call("Fine", ()).unwrap(),
        Value::Str("fine".into())
    );
}

#[test]
fn three_scripts_make_one_traceback() {
    let scene = Scene::new(&[
        ("c.lua", INNER),
        ("b.lua", "function Go()\n  host.world.spawn('c', 'Table')\nend"),
        ("a.lua", "function F()\n  host.world.spawn('b', 'Go')\nend"),
    ]);
    let error = scene.fail("a", "F");
    assert_eq!(
        error.to_string(),
        "plugin `a`: `F`: host function `world.spawn`: plugin `b`: `Go`: \
         host function `world.spawn`: plugin `c`: `Table`: no door"
    );
    let global = |place: &str, name: &str| match () {
        () if cfg!(feature = "luau") => format!("{place}: in function '{name}'"),
        () => format!("{place}: in function <{}:1>", file(place)),
    };
    assert_eq!(
        error.traceback().unwrap().lines().collect::<Vec<_>>(),
        [
            THROWN.to_owned(),
            frame("c.lua:3 upvalue inner"),
            frame("c.lua:5 <5> Table"),
            SPAWN.to_owned(),
            global("b.lua:2", "Go"),
            SPAWN.to_owned(),
            global("a.lua:2", "F"),
        ]
    );
    assert_eq!(error.payload(), thrown().as_ref());
    assert_eq!(error.location().unwrap().0, scene.folder.path().join("c.lua"));
    // What each plugin's error was is to be had.
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!((source.plugin(), source.symbol()), (Some("b"), Some("Go")));
}

#[test]
fn what_a_host_function_fails_with_while_a_plugin_is_loaded_is_told() {
    let scene = Scene::new(&[("b.lua", INNER)]);
    let path = scene.folder.path().join("late.lua");
    std::fs::write(&path, "\nhost.world.spawn('b', 'Table')").unwrap();
    let error = scene.host.load(&path).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot load `{}`: {NO_DOOR}", path.display()));
    assert_eq!((error.kind(), error.payload()), (ErrorKind::Load, thrown().as_ref()));
    let traceback: Vec<_> = error.traceback().unwrap().lines().map(str::to_owned).collect();
    assert_eq!(traceback[traceback.len() - 2..], [SPAWN.to_owned(), frame("late.lua:2 main")]);
}
