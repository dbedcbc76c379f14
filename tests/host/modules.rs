//! What `require` finds and refuses, and how modules run.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use twinplug::{ErrorKind, PluginRef, Result, Value};

use crate::twins::{HAS_INTEGERS, NAME_MISSING, Stage, THROWN, message};

/// A folder, and a host with a shelf of modules for all.
struct Desk {
    folder: TempDir,
    stage: Stage,
}

impl Desk {
    /// Writes files, whose folders are made.
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shelves = ["shelf", "attic"].map(|shelf| folder.path().join(shelf));
        let stage = Stage::with(|builder| {
            shelves.iter().fold(builder, |builder, shelf| builder.lua_path(shelf))
        });
        let desk = Desk { folder, stage };
        files.iter().for_each(|(name, text)| desk.write(name, text));
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn load(&self, name: &str) -> Result<PluginRef> {
        self.stage.host.load(self.path(name))
    }

    /// Loading fails at the plugin's first line; `FOLDER` stands for the folder.
    #[track_caller]
    fn check(&self, name: &str, text: &str, expected: &str) {
        self.write(name, text);
        let path = self.path(name);
        let file = path.file_name().unwrap().to_string_lossy();
        let expected = expected.replace("FOLDER", &self.folder.path().display().to_string());
        let error = self.load(name).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot load `{}`: {file}:1: {expected}", path.display())
        );
        assert_eq!((error.kind(), error.location()), (ErrorKind::Load, Some((path.as_path(), 1))));
    }
}

#[test]
fn a_module_is_found_beside_the_script_and_then_on_the_shelves() {
    let desk = Desk::new(&[
        (
            "lone.lua",
            "return { All = function() return { require 'one', require 'two', require 'deep.in', require 'deep', require 'three' } end }",
        ),
        ("lone/one.lua", "return 'own one'"),
        ("shelf/one.lua", "return 'shelf one'"),
        ("shelf/two.lua", "return 'shelf two'"),
        ("attic/two.lua", "return 'attic two'"),
        ("lone/deep/in.lua", "return 'inside'"),
        ("lone/deep/init.lua", "return 'the folder'"),
        ("attic/three/init.lua", "return 'attic three'"),
        ("box/init.lua", "local part = require 'part' return { Part = part }"),
        ("box/part.lua", "return 'of the box'"),
    ]);
    let lone = desk.load("lone.lua").unwrap();
    assert_eq!(
        lone.func::<(), Vec<String>>("All").unwrap().call(()).unwrap(),
        ["own one", "shelf two", "inside", "the folder", "attic three"]
    );
    for name in ["box", "box/init.lua"] {
        let folder = desk.load(name).unwrap();
        assert_eq!(folder.var::<String>("Part").unwrap().get().unwrap(), "of the box");
        assert_eq!(folder.name(), "box");
        desk.stage.host.unload(folder).unwrap();
    }
}

#[test]
fn a_module_runs_once_in_the_plugins_own_globals() {
    let desk = Desk::new(&[
        (
            "a.lua",
            "Same = require 'part' == require 'part'\nName, Path = require('part')()\nNothing = require 'nothing'\nFalse = require 'no'",
        ),
        (
            "a/part.lua",
            "Runs = (Runs or 0) + 1\nlocal name, path = ...\nreturn function() return name, path end",
        ),
        ("a/nothing.lua", "#!/usr/bin/lua\nAlso = package == nil and host.scale(2, 3)"),
        ("a/no.lua", "return false"),
    ]);
    let plugin = desk.load("a.lua").unwrap();
    let get = |name: &str| plugin.var::<Value>(name).unwrap().get().unwrap();
    assert_eq!(get("Same"), Value::Bool(true));
    assert_eq!(get("Runs"), Value::Int(1));
    assert_eq!(get("Name"), Value::Str("part".into()));
    assert_eq!(get("Path"), Value::Str(desk.path("a/part.lua").display().to_string()));
    assert_eq!(get("Nothing"), Value::Bool(true));
    let six = if HAS_INTEGERS { Value::Float(6.0) } else { Value::Int(6) };
    assert_eq!(get("Also"), six);
    assert_eq!(get("False"), Value::Bool(false));
    // Another plugin, and another load of this one, have their own.
    desk.stage.host.unload(plugin).unwrap();
    let again = desk.load("a.lua").unwrap();
    assert_eq!(again.var::<i64>("Runs").unwrap().get().unwrap(), 1);
}

#[test]
fn a_missing_module_lists_the_places_and_what_is_near() {
    let desk =
        Desk::new(&[("a/part.lua", ""), ("a/deep/inner.lua", ""), ("shelf/party/init.lua", "")]);
    desk.check(
        "a.lua",
        "require 'prat'",
        "no module `prat`: tried `FOLDER/a/prat.lua`, `FOLDER/a/prat/init.lua`, \
         `FOLDER/shelf/prat.lua`, `FOLDER/shelf/prat/init.lua`, `FOLDER/attic/prat.lua`, \
         `FOLDER/attic/prat/init.lua`; near: `part`",
    );
    desk.check(
        "a.lua",
        "require 'deep.iner'",
        "no module `deep.iner`: tried `FOLDER/a/deep/iner.lua`, `FOLDER/a/deep/iner/init.lua`, \
         `FOLDER/shelf/deep/iner.lua`, `FOLDER/shelf/deep/iner/init.lua`, \
         `FOLDER/attic/deep/iner.lua`, `FOLDER/attic/deep/iner/init.lua`; near: `deep.inner`",
    );
}

#[test]
fn a_modules_error_says_its_own_line_and_the_way_there() {
    let desk = Desk::new(&[
        (
            "a.lua",
            "local function get(name)\n  local module = require(name)\n  return module\nend\nreturn { Get = get }",
        ),
        ("a/broken.lua", "local x = 1\nlocal = 2"),
        (
            "a/fails.lua",
            "\nlocal function inner()\n  error { message = 'no key', code = 7 }\nend\ninner()",
        ),
        ("a/outer.lua", "local text = require 'text' return text"),
        ("a/text.lua", "\nerror('no')"),
    ]);
    let plugin = desk.load("a.lua").unwrap();
    let get = |name: &str| plugin.call("Get", (name,)).unwrap_err();
    let error = get("broken");
    let head = "plugin `a`: `Get`: ";
    assert_eq!(error.to_string(), format!("{head}broken.lua:2: {NAME_MISSING}"));
    assert_eq!(error.location(), Some((desk.path("a/broken.lua").as_path(), 2)));
    let error = get("fails");
    assert_eq!(error.to_string(), format!("{head}no key"));
    assert_eq!(error.payload().unwrap().to::<twinplug::Map>().unwrap()[&"code".into()], 7.into());
    let traceback: Vec<_> = error.traceback().unwrap().lines().collect();
    assert_eq!(traceback[0], THROWN);
    assert!(traceback[1].starts_with("fails.lua:3: in"), "{traceback:?}");
    assert!(traceback[2].starts_with("fails.lua:5: in"), "{traceback:?}");
    assert!(traceback.iter().any(|line| line.starts_with("a.lua:2: in")), "{traceback:?}");
    let error = get("outer");
    assert_eq!(error.to_string(), format!("{head}text.lua:2: no"));
    assert_eq!(error.location(), Some((desk.path("a/text.lua").as_path(), 2)));
    assert!(error.traceback().unwrap().contains("\ntext.lua:2"), "{error:?}");
    assert!(error.traceback().unwrap().contains("\nouter.lua:1"), "{error:?}");
    // What failed runs anew.
    desk.write("a/text.lua", "return 5");
    assert_eq!(plugin.call("Get", ("outer",)).unwrap(), Value::Int(5));
}

#[test]
fn modules_that_require_each_other_show_the_loop() {
    let desk = Desk::new(&[
        (
            "a.lua",
            "function Get() local one = require 'one' return one end\nfunction Caught() return (select(2, pcall(require, 'one'))) end",
        ),
        ("a/one.lua", "local it = require 'two' return it"),
        ("a/two.lua", "local it = require 'three' return it"),
        ("a/three.lua", "local it = require 'one' return it"),
    ]);
    let plugin = desk.load("a.lua").unwrap();
    let looped =
        "three.lua:1: modules require each other in a loop: `one` -> `two` -> `three` -> `one`";
    for _ in 0..2 {
        assert_eq!(message(plugin.call("Get", ())), format!("plugin `a`: `Get`: {looped}"));
        assert_eq!(plugin.call("Caught", ()).unwrap(), Value::Str(looped.into()));
    }
}

#[test]
fn a_name_cannot_lead_out() {
    let desk = Desk::new(&[("secret.lua", "return 1"), ("a/part.lua", "")]);
    for name in [
        "..secret",
        "../secret",
        "...secret",
        ".part",
        "part.",
        "a..b",
        "",
        "/etc/passwd",
        "sub/part",
        "sub\\part",
        "C:part",
        "part\0",
        "part\n",
    ] {
        desk.check(
            "a.lua",
            &format!("require {}", lua_text(name)),
            &format!(
                "{name:?} is no module's name: `require` takes names with single dots between, \
                 like `a.b` for `a/b.lua`"
            ),
        );
    }
    desk.check("a.lua", "require(5)", "`require` takes a module's name, got integer");
    desk.check("a.lua", "require()", "`require` takes a module's name, got nil");
    desk.check("a.lua", "require {}", "`require` takes a module's name, got table");
}

/// The text as a literal of Lua's.
fn lua_text(text: &str) -> String {
    let bytes: String = text.bytes().map(|byte| format!("\\{byte:03}")).collect();
    format!("'{bytes}'")
}

#[cfg(unix)]
#[test]
fn links_out_pipes_bytecode_and_huge_files_are_refused() {
    use std::os::unix::fs::symlink;
    let desk = Desk::new(&[
        ("secret.lua", "return 1"),
        ("a/real.lua", "return 'real'"),
        ("far/x.lua", ""),
    ]);
    let refused = |name: &str, why: &str| {
        desk.check("a.lua", &format!("require '{name}'"), why);
    };
    symlink("../secret.lua", desk.path("a/link.lua")).unwrap();
    refused("link", "cannot load `FOLDER/a/link.lua`: it leads out of `FOLDER/a`");
    symlink("../far", desk.path("a/away")).unwrap();
    refused("away.x", "cannot load `FOLDER/a/away/x.lua`: it leads out of `FOLDER/a`");
    symlink("none.lua", desk.path("a/dangling.lua")).unwrap();
    refused(
        "dangling",
        "cannot read `FOLDER/a/dangling.lua`: No such file or directory (os error 2)",
    );
    make_pipe(&desk.path("a/pipe.lua"));
    refused("pipe", "cannot load `FOLDER/a/pipe.lua`: it is no regular file");
    std::fs::create_dir(desk.path("a/folder.lua")).unwrap();
    refused("folder", "cannot load `FOLDER/a/folder.lua`: it is no regular file");
    desk.write("a/code.lua", "\x1bLua");
    refused("code", "cannot load `FOLDER/a/code.lua`: it is bytecode, and only text is loaded");
    std::fs::File::create(desk.path("a/huge.lua")).unwrap().set_len((16 << 20) + 1).unwrap();
    refused("huge", "cannot load `FOLDER/a/huge.lua`: it is larger than 16 MiB");
    // The shelves are the host's affair, and so are their links.
    std::fs::create_dir(desk.path("shelf")).unwrap();
    symlink("../secret.lua", desk.path("shelf/lent.lua")).unwrap();
    desk.write("b.lua", "Lent = require 'lent'");
    let plugin = desk.load("b.lua").unwrap();
    assert_eq!(plugin.var::<i64>("Lent").unwrap().get().unwrap(), 1);
    // A link that stays inside is as good as its file.
    symlink("real.lua", desk.path("a/inner.lua")).unwrap();
    desk.write("a.lua", "Inner = require 'inner'");
    let plugin = desk.load("a.lua").unwrap();
    assert_eq!(plugin.var::<String>("Inner").unwrap().get().unwrap(), "real");
}

#[cfg(unix)]
fn make_pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_modules_body_may_wait_and_others_are_told() {
    let desk = Desk::new(&[
        ("a.lua", "function Get() local slow = require 'slow' return slow end"),
        ("a/slow.lua", "return host.channel('numbers'):recv()"),
    ]);
    let plugin = desk.load("a.lua").unwrap();
    let get = plugin.func::<(), i64>("Get").unwrap();
    let first = std::thread::spawn({
        let get = get.clone();
        move || get.call(())
    });
    // Whichever comes second is told; the first one's wait does not hold the plugin.
    let second = std::thread::spawn(move || get.call(()));
    while !first.is_finished() && !second.is_finished() {
        std::thread::yield_now();
    }
    desk.stage.host.channel::<i64>("numbers").unwrap().send(8).unwrap();
    let mut answers: Vec<_> = [first, second]
        .into_iter()
        .map(|call| call.join().unwrap().map_err(|error| error.to_string()))
        .collect();
    answers.sort();
    let busy = "plugin `a`: `Get`: a.lua:1: module `slow` is being loaded by another coroutine, which waits";
    assert_eq!(answers, [Ok(8), Err(busy.to_owned())]);
}

/// A module with types.
const TYPED: &str = "local P = {}
---@class Point
---@field x integer

---@type integer
P.Count = 1
P.Free = 1
---@param p Point
---@return integer
function P.Across(p) return p.x end
---@return string
local function hidden() return 'x' end
P.Hidden = hidden
return P";

#[track_caller]
fn exports(plugin: &PluginRef) -> Vec<String> {
    plugin.descriptor().exports.iter().map(|it| format!("{}: {}", it.name, it.ty)).collect()
}

#[test]
fn functions_of_a_module_have_the_types_of_its_annotations() {
    let desk = Desk::new(&[
        ("a/part.lua", TYPED),
        (
            "a.lua",
            "local part = require 'part'\nlocal M = {}\nM.Go = part.Across\nM.Count = part.Count\n\
             M.Hidden = part.Hidden\nfunction M.Own() end\nreturn M",
        ),
    ]);
    let plugin = desk.load("a.lua").unwrap();
    assert_eq!(
        exports(&plugin),
        [
            // A copy of a value says nothing of where it is from.
            "Count: number",
            "Go: (p: Point { x: int }) -> int",
            "Hidden: () -> string",
            "Own: (...) -> any",
        ]
    );
    let refused = plugin.func::<(String,), i64>("Go").unwrap_err().to_string();
    assert_eq!(
        refused,
        "plugin `a`: `Go` is `(p: Point { x: int }) -> int`: argument `p`: \
         expected Point { x: int }, got string"
    );
}

#[test]
fn a_module_that_is_the_plugins_exports_types_its_variables() {
    let desk = Desk::new(&[
        ("a/part.lua", TYPED),
        ("a.lua", "---@type string\nCount = 'not exported'\nreturn require 'part'"),
    ]);
    let plugin = desk.load("a.lua").unwrap();
    assert_eq!(
        exports(&plugin),
        [
            "Across: (p: Point { x: int }) -> int",
            "Count: int",
            "Free: number",
            "Hidden: () -> string",
        ]
    );
    let count = plugin.var::<Value>("Count").unwrap();
    count.set(Value::Float(5.0)).unwrap();
    assert_eq!(count.get().unwrap(), Value::Int(5));
}

#[test]
fn a_module_that_registers_functions_gives_them_their_types() {
    let desk = Desk::new(&[
        (
            "a/part.lua",
            "---@param x integer\n---@return integer\nlocal function twice(x) return x * 2 end\n\
             host.register { Twice = twice }",
        ),
        ("a.lua", "require 'part'\nreturn {}"),
    ]);
    assert_eq!(exports(&desk.load("a.lua").unwrap()), ["Twice: (x: int) -> int"]);
}
