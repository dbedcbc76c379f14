//! `--host` and `--mock`, and a program that has the command over its own functions.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use twinplug::Host;

use crate::ran::{Ran, command, folder, run, typed};

const SCRIPT: &str = "function Spawn() return { (host.world.spawn('fox')), host.world.WIDTH } end
function Grow(x) return host.scale(x, 2) end
function Tell(points) host.channel('events'):send({ name = 'fox', points = points }) end";

/// The program of the example.
fn game(args: &[&str], folder: &Path) -> Ran {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let lua = ["lua54", "lua55", "luajit", "luau-jit", "luau"];
    let features = [
        cfg!(feature = "lua54"),
        cfg!(feature = "lua55"),
        cfg!(feature = "luajit"),
        cfg!(feature = "luau-jit"),
        cfg!(feature = "luau"),
    ];
    let feature = lua.into_iter().zip(features).find(|(_, is_on)| *is_on).unwrap().0;
    let built = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--quiet", "-p", "twinplug-cli", "--example", "game"])
        .args(["--no-default-features", "--features", feature])
        .status()
        .unwrap();
    assert!(built.success());
    let bin = Path::new(env!("CARGO_BIN_EXE_twinplug"));
    let game = bin
        .with_file_name("examples")
        .join("game")
        .with_extension(bin.extension().unwrap_or_default());
    run(Command::new(game).args(args).current_dir(folder))
}

fn place(test: &str) -> PathBuf {
    let folder = folder(&format!("standing_{test}"));
    fs::write(folder.join("fox.lua"), SCRIPT).unwrap();
    let mocks = "host.mock('world.spawn', function(name) print('spawned') return #name end)";
    fs::write(folder.join("mocks.lua"), mocks).unwrap();
    folder
}

#[test]
fn a_program_has_the_command_and_others_stand_in_for_it() {
    let folder = place("game");
    game(&["call", "fox.lua", "Spawn"], &folder).gives("[1,640]");
    game(&["call", "fox.lua", "Grow", "4"], &folder).gives("8.0");
    game(&["check", "fox.lua"], &folder).gives("ok       fox.lua (lua, fox)");

    let described = game(&["describe"], &folder);
    fs::write(folder.join("game.json"), described.out).unwrap();
    let twinplug = |args: &[&str]| run(command(args).current_dir(&folder));
    let standing = ["--host", "game.json", "--mock", "mocks.lua"];
    let ran = twinplug(&[&standing[..], &["call", "fox.lua", "Spawn"]].concat());
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("[3,640]\n", "spawned\n"));
    twinplug(&[&["call", "fox.lua", "Spawn"], &standing[..]].concat()).gives("[3,640]");
    let ran = twinplug(&[&standing[..], &["call", "fox.lua", "Grow", "4"]].concat());
    let err = "error: plugin `fox`: `Grow`: fox.lua:2: host function `scale`: it is described, and nobody has said \
               what it does: give it a stand-in, with `--mock FILE` or, in a test, with `host.mock(\"scale\", \
               function(..) .. end)`";
    assert_eq!((ran.err.lines().next(), ran.code), (Some(err), Some(1)));
    // What is sent has the type that the program would take.
    let ran = twinplug(&["--host", "game.json", "call", "fox.lua", "Tell", "\"x\""]);
    let err = "error: plugin `fox`: `Tell`: fox.lua:3: channel `events`: `points`: expected int, got string";
    assert_eq!((ran.err.lines().next(), ran.code), (Some(err), Some(1)));

    let test = "function test_grow()
      host.mock('scale', function(x, by) return x + by end)
      assert_equal(plugin.Grow(4), 6)
      plugin.Tell(5)
      assert_equal(host.channel('events'):recv().points, 5)
      assert_equal(plugin.Spawn(), { 3, 640 })
    end";
    fs::write(folder.join("fox_test.lua"), test).unwrap();
    let ran = twinplug(&[&["test", "fox.lua"], &standing[..]].concat());
    assert_eq!(ran.out, "fox_test.lua\n  ok      test_grow\n1 passed, 0 failed\n");
}

#[test]
fn what_is_sent_over_the_channels_of_a_program_is_received() {
    let folder = place("channels");
    let received = r#"{"result":null,"vars":{},"messages":{"events":[{"name":"fox","points":5}]}}"#;
    let tell = ["call", "fox.lua", "Tell", "5", "--recv", "events"];
    // The program's own carries a type of its own.
    game(&tell, &folder).gives(received);
    game(&[&tell[..], &["--channel", "events:64"]].concat(), &folder).gives(received);

    let json = r#"{"twinplug": "0.1.0", "lua": null, "functions": [], "constants": [], "channels":
        [{"name": "events", "type": "Event { name: string, points: int }", "capacity": 0}]}"#;
    fs::write(folder.join("game.json"), json).unwrap();
    let twinplug = |args: &[&str]| {
        run(command(&[&["--host", "game.json"], args].concat()).current_dir(&folder))
    };
    twinplug(&tell).gives(received);
    // What it has no room for by itself waits for nobody where there is said to be some.
    let larger = ["--channel", "events:1"];
    twinplug(&[&["call", "fox.lua", "Tell", "5"], &larger[..]].concat()).gives("null");
    let err = "error: plugin `fox`: `Tell`: fox.lua:3: channel `events`: `points`: expected int, got string";
    let ran = twinplug(&[&["call", "fox.lua", "Tell", "\"x\""], &larger[..]].concat());
    assert_eq!((ran.err.lines().next(), ran.code), (Some(err), Some(1)));

    let lines = "fox.Tell(5)\nhost.channel('events'):recv().points\n";
    let repl = ["--host", "game.json", "repl", "fox.lua", "--channel", "events:1"];
    let ran = typed(command(&repl).current_dir(&folder), lines);
    assert_eq!((ran.out.as_str(), ran.code), ("5\n", Some(0)), "{}", ran.err);
    fs::write(folder.join("bad.lua"), format!("{SCRIPT}\nfunction Go() Tell('x') end")).unwrap();
    let ran = twinplug(&["run", "bad.lua", "--call", "Go", "--channel", "events"]);
    assert!(
        ran.err.contains("channel `events`: `points`: expected int, got string"),
        "{}",
        ran.err
    );
    assert_eq!(ran.code, Some(1));
}

/// Says that the test's process is the program.
const IS_PROGRAM: &str = "TWINPLUG_TEST_IS_PROGRAM";

#[test]
fn what_one_command_of_a_program_tells_by_itself_the_next_one_logs() {
    if env::var_os(IS_PROGRAM).is_some() {
        let builder = Host::builder().function("scale", |x: f64, by: f64| x * by);
        // A prompt tells what happens to plugins, and has nothing to log of it.
        for args in [&["repl"][..], &["call", "fox.lua", "Grow", "4", "--with", "layer.lua"]] {
            let code = twinplug_cli::run(builder.clone(), [&["game"], args].concat());
            assert_eq!(code, ExitCode::SUCCESS);
        }
        return;
    }
    let folder = place("twice");
    fs::write(folder.join("layer.lua"), "function Grow() error('small') end").unwrap();
    fs::write(folder.join("layer.toml"), "over = 'fox'\non_fault = 'base'").unwrap();
    let name = "standing::what_one_command_of_a_program_tells_by_itself_the_next_one_logs";
    let mut program = Command::new(env::current_exe().unwrap());
    let program = program.args(["--exact", name, "--nocapture"]).env(IS_PROGRAM, "1");
    let ran = run(program.current_dir(folder).stdin(Stdio::null()));
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let line = "warning: plugin `layer`: what lies below is called: `Grow`: layer.lua:1: small (function Grow)";
    assert!(ran.err.lines().any(|told| told == line), "{}", ran.err);
}

#[test]
fn stand_ins_need_no_description() {
    let folder = place("mocks");
    let mocks = "host.mock('scale', function(x, by) return x * by end)";
    fs::write(folder.join("mocks.lua"), mocks).unwrap();
    let ran =
        run(command(&["call", "fox.lua", "Grow", "4", "--mock", "mocks.lua"]).current_dir(&folder));
    ran.gives("8");
}

#[test]
fn what_is_wrong_with_them_is_said() {
    let folder = place("wrong");
    let json = r#"{"twinplug": "0.1.0", "lua": null, "functions": [{"name": "scale", "signature": "(float) -> float"}],
        "constants": [], "channels": []}"#;
    fs::write(folder.join("host.json"), json).unwrap();
    fs::write(folder.join("bad.json"), json.replace("(float)", "(flote)")).unwrap();
    fs::write(folder.join("fails.lua"), "error('no mocks')").unwrap();
    let fails = |args: &[&str], code: i32, first: &str| {
        let ran =
            run(command(&[&["call", "fox.lua", "Grow", "1"], args].concat()).current_dir(&folder));
        assert_eq!(
            (ran.err.lines().next(), ran.code, ran.out.as_str()),
            (Some(first), Some(code), "")
        );
    };
    fails(
        &["--host", "none.json"],
        1,
        "error: cannot read `none.json`: No such file or directory (os error 2)",
    );
    fails(
        &["--host", "mocks.lua"],
        1,
        "error: cannot read `mocks.lua`: it is no description of a host: expected value at line 1 column 1",
    );
    fails(
        &["--host", "bad.json"],
        2,
        "error: function `scale`: its signature: `(flote) -> float` is no type: expected a type (null, bool, \
         int, float, number, string, bytes, any, function, object, buffer<T>, list<T>, map<T>, (T, U), Name { field: \
         T }, Name(T | U), 'text', or the name of what is around it) at `flote) -> float`",
    );
    fails(
        &["--host", "host.json", "--mock", "mocks.lua"],
        1,
        "error: `mocks.lua`: the program has no function `world.spawn`: it has `scale`",
    );
    fails(
        &["--mock", "fox.lua"],
        1,
        "error: `fox.lua` gives no stand-in: say `host.mock(\"NAME\", function(..) .. end)` in it",
    );
    fails(&["--mock", "fails.lua"], 1, "error: cannot load `fails.lua`: fails.lua:1: no mocks");
}
