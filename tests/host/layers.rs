//! Layers: scripts that lie over another plugin, function by function.

#[cfg(feature = "native")]
mod over_native;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;
use twinplug::{Error, ErrorKind, EventKind, Func, Host, PluginRef};

/// A host, a script `physics`, and what lies over it.
struct Bench {
    host: Host,
    physics: PluginRef,
    folder: TempDir,
}

const PHYSICS: &str = "---@plugin physics 1.0.0
Gravity = 10
---@param time integer
---@return integer
function Fall(time) return Gravity * time end
---@return string
function Name() return 'physics' end
function Both() return Name(), Fall(1) end";

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::builder().build().unwrap();
        let path = folder.path().join("physics.lua");
        std::fs::write(&path, PHYSICS).unwrap();
        let physics = host.load(path).unwrap();
        Bench { host, physics, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// Lays a script of that name over it.
    fn lay(&self, name: &str, text: &str) -> Result<PluginRef, Error> {
        let text = format!("---@over physics\n{text}");
        self.host.load(self.write(&format!("{name}.lua"), &text))
    }

    fn edit(&self, layer: &PluginRef, text: &str) -> Result<(), Error> {
        std::fs::write(layer.path(), format!("---@over physics\n{text}")).unwrap();
        self.host.reload(layer)
    }

    fn fall(&self) -> Func<(i64,), i64> {
        self.physics.func("Fall").unwrap()
    }

    fn name(&self) -> Func<(), String> {
        self.physics.func("Name").unwrap()
    }

    fn text(&self, error: &Error) -> String {
        error.to_string().replace(&self.folder.path().display().to_string(), "DIR")
    }
}

fn exports(plugin: &PluginRef) -> Vec<String> {
    let mut names: Vec<_> =
        plugin.descriptor().exports.iter().map(|export| export.name.clone()).collect();
    names.sort();
    names
}

#[test]
fn a_layer_serves_what_it_has_and_the_base_the_rest() {
    let bench = Bench::new();
    let (fall, name) = (bench.fall(), bench.name());
    assert_eq!((fall.call((2,)).unwrap(), name.call(()).unwrap()), (20, "physics".to_owned()));
    let layer = bench
        .lay(
            "moon",
            "function Fall(time) return host.base.Fall(time) / 5 end\nfunction Tide() return 3 end",
        )
        .unwrap();
    // Handles that were there before follow.
    assert_eq!((fall.call((2,)).unwrap(), name.call(()).unwrap()), (4, "physics".to_owned()));
    assert_eq!(bench.physics.call("Tide", ()).unwrap(), 3.into());
    assert_eq!(exports(&bench.physics), ["Both", "Fall", "Gravity", "Name", "Tide"]);
    assert_eq!(fall.signature().to_string(), "(time: int) -> int");
    // What the base calls of itself is its own.
    let both = bench.physics.func::<(), (String, i64)>("Both").unwrap().call(()).unwrap();
    assert_eq!(both, ("physics".to_owned(), 10));
    // It is no plugin of its own.
    assert_eq!((layer.over().as_ref(), bench.physics.over()), (Some(&bench.physics), None));
    assert_eq!(
        (bench.physics.layers(), bench.host.plugins()),
        (vec![layer.clone()], vec![bench.physics.clone()])
    );
    assert!(bench.host.plugin("moon").is_err());
    let server = |name: &str| bench.physics.server(name).unwrap();
    assert_eq!(
        [server("Fall"), server("Tide"), server("Name"), server("Gravity")],
        [layer.clone(), layer.clone(), bench.physics.clone(), bench.physics.clone()]
    );
    assert!(bench.physics.server("Mass").is_err());
    // Others see it so.
    let user =
        "function Use() return host.plugin('physics').Fall(3), host.plugin('physics').Gravity end";
    let user = bench.host.load_source("user", user).unwrap();
    let user = user.func::<(), (i64, i64)>("Use").unwrap();
    assert_eq!(user.call(()).unwrap(), (6, 10));
    bench.host.unload(layer).unwrap();
    assert_eq!((fall.call((2,)).unwrap(), user.call(()).unwrap()), (20, (30, 10)));
    assert!(bench.physics.layers().is_empty());
    assert!(bench.physics.lookup("Tide").is_err());
}

#[test]
fn an_edit_of_a_layer_changes_single_functions() {
    let bench = Bench::new();
    let (fall, name) = (bench.fall(), bench.name());
    let layer = bench.lay("moon", "function Fall(time) return 1 end").unwrap();
    let events = bench.host.events();
    assert_eq!((fall.call((2,)).unwrap(), name.call(()).unwrap()), (1, "physics".to_owned()));
    bench.edit(&layer, "function Name() return 'moon' end").unwrap();
    assert_eq!((fall.call((2,)).unwrap(), name.call(()).unwrap()), (20, "moon".to_owned()));
    // A broken one changes nothing.
    let error = bench.edit(&layer, "function Name( return 'broken' end").unwrap_err();
    assert!(error.to_string().contains("moon.lua:2: "), "{error}");
    assert_eq!(name.call(()).unwrap(), "moon");
    bench.edit(&layer, "function Name() return host.base.Name() .. '!' end Fall = nil").unwrap();
    assert_eq!((fall.call((2,)).unwrap(), name.call(()).unwrap()), (20, "physics!".to_owned()));
    let told: Vec<_> = std::iter::from_fn(|| events.try_recv())
        .filter(|event| event.kind != EventKind::Retired)
        .map(|event| (event.kind, event.plugin, event.generation))
        .collect();
    let of = |kind, generation| (kind, "moon".to_owned(), generation);
    assert_eq!(
        told,
        [of(EventKind::Reloaded, 2), of(EventKind::Rejected, 2), of(EventKind::Reloaded, 3)]
    );
    // So does one of the base, with the layer over it.
    bench.write("physics.lua", &PHYSICS.replace("'physics'", "'edited'"));
    bench.host.reload(&bench.physics).unwrap();
    assert_eq!((fall.call((3,)).unwrap(), name.call(()).unwrap()), (30, "edited!".to_owned()));
}

#[test]
fn two_layers_lie_over_one_another() {
    let bench = Bench::new();
    let name = bench.name();
    let text = |sign: &str| format!("function Name() return host.base.Name() .. '{sign}' end");
    let low = bench.lay("low", &text("-")).unwrap();
    let high = bench.lay("high", &text("+")).unwrap();
    assert_eq!(bench.physics.layers(), [low.clone(), high.clone()]);
    assert_eq!(name.call(()).unwrap(), "physics-+");
    bench.edit(&low, &text("=")).unwrap();
    assert_eq!(name.call(()).unwrap(), "physics=+");
    bench.edit(&low, "").unwrap();
    assert_eq!(name.call(()).unwrap(), "physics+");
    bench.edit(&low, &text("-")).unwrap();
    assert_eq!(name.call(()).unwrap(), "physics-+");
    bench.write("physics.lua", &PHYSICS.replace("'physics'", "'edited'"));
    bench.host.reload(&bench.physics).unwrap();
    assert_eq!(name.call(()).unwrap(), "edited-+");
    bench.host.unload(low).unwrap();
    assert_eq!(name.call(()).unwrap(), "edited+");
    bench.host.unload(high).unwrap();
    assert_eq!(name.call(()).unwrap(), "edited");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let bench = Bench::new();
    let name = bench.name();
    for (text, expected) in [
        (
            "---@param time string\nfunction Fall(time) end",
            "`Fall` is `(time: string) -> any` in the layer `bad`, and `(time: int) -> int` in `physics`: \
             argument `time`: expected string, got int",
        ),
        (
            "---@return string\nfunction Fall(time) return '' end",
            "`Fall` is `(time: any) -> string` in the layer `bad`, and `(time: int) -> int` in `physics`: ",
        ),
        (
            "Gravity = 3",
            "`Gravity` is a variable of the layer `bad`, and there is one of that name in `physics`: a \
             layer has functions of its own alone: give it another name",
        ),
        (
            "function Gravity() end",
            "`Gravity` is a function of the layer `bad`, and a variable of `physics`",
        ),
        (
            "Name = 'x'",
            "`Name` is a variable of the layer `bad`, and there is one of that name in `physics`: a \
             layer has functions of its own alone: give it another name",
        ),
        ("error('no')", "bad.lua:2: no"),
        ("function on_load() error('no') end", "its on_load failed: bad.lua:2: no"),
    ] {
        let error = bench.lay("bad", text).unwrap_err();
        let shown = bench.text(&error);
        assert!(shown.starts_with(&format!("cannot load `DIR/bad.lua`: {expected}")), "{shown}");
        assert_eq!((name.call(()).unwrap().as_str(), bench.physics.layers().len()), ("physics", 0));
    }
    let layer = bench.lay("good", "function Name() return 'good' end").unwrap();
    for (text, expected) in [
        ("---@return integer\nfunction Name() return 3 end", "`Name` is `() -> int` in the layer"),
        ("function Name() return 'x' end function on_load() error('no') end", "its on_load failed"),
    ] {
        let error = bench.edit(&layer, text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(name.call(()).unwrap(), "good");
    }
    // An edit of the base that does not go together with it.
    bench.edit(&layer, "---@return string\nfunction Name() return 'typed' end").unwrap();
    drop(name);
    bench.write("physics.lua", "---@plugin physics 1.0.0\nName = 3");
    let error = bench.host.reload(&bench.physics).unwrap_err().to_string();
    assert!(error.contains("`Name` is a function of the layer `good`, and a variable"), "{error}");
    assert_eq!(bench.physics.call("Name", ()).unwrap(), "typed".into());
    // What it is over, it stays over.
    for (text, expected) in [
        ("", "`good` is a layer no more: unload it, and load it again"),
        (
            "---@over chemistry",
            "`good` is a layer over `chemistry` now: unload it, and load it again",
        ),
    ] {
        std::fs::write(layer.path(), text).unwrap();
        let error = bench.host.reload(&layer).unwrap_err();
        assert!(bench.text(&error).ends_with(expected), "{error}");
    }
    let error = bench.host.load(bench.write("x.lua", "---@over chemistry")).unwrap_err();
    assert_eq!(
        bench.text(&error),
        "cannot load `DIR/x.lua`: it is a layer over `chemistry`, and no plugin `chemistry` is \
         loaded: load that first, or both with `Host::load_dir` (`--with` of the command)"
    );
    bench.write("z.toml", "on_fault = 'base'");
    let error = bench.host.load(bench.write("z.lua", "")).unwrap_err();
    assert_eq!(
        bench.text(&error),
        "cannot load `DIR/z.lua`: its manifest says `on_fault`, and it is a layer over nothing: say \
         `over` as well"
    );
    bench.write("z.toml", "over = 'physics'");
    let error = bench.host.load(bench.write("z.lua", "---@over chemistry")).unwrap_err();
    assert_eq!(
        bench.text(&error),
        "cannot load `DIR/z.lua`: its manifest says that it is over `physics`, and `---@over` in line \
         1 `chemistry`: let them agree, or leave one of them out"
    );
    let error = bench.host.load_source("y", "return host.base.Name()").unwrap_err().to_string();
    let expected = "`host.base` is of layers alone: `---@over NAME` in the first comments makes a \
                    script one";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_handle_on_what_a_layer_adds_is_held_by_an_edit() {
    let bench = Bench::new();
    let layer = bench.lay("moon", "function Tide() return 3 end").unwrap();
    let tide = bench.physics.func::<(), i64>("Tide").unwrap();
    let error = bench.edit(&layer, "").unwrap_err().to_string();
    assert!(error.ends_with("`Tide` is gone, and a handle on it is held, of `physics`: keep it as it was, or drop the handle"), "{error}");
    assert_eq!(tide.call(()).unwrap(), 3);
    bench.host.unload(layer).unwrap();
    let error = tide.call(()).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.kind()),
        ("plugin `physics`: `Tide`: the layer that had it is gone", ErrorKind::Stale)
    );
    // Another one that has it serves it.
    bench.lay("sun", "function Tide() return 4 end").unwrap();
    assert_eq!(tide.call(()).unwrap(), 4);
}

#[test]
fn a_function_that_fails_falls_back() {
    let bench = Bench::new();
    let events = bench.host.events();
    bench.write("moon.toml", "over = 'physics'\non_fault = 'base'");
    let text = "function Fall(time)
      if time == 1 then error('no moon') end
      if time == 2 then return 'text' end
      return time
    end
    function Tide() error('no sea') end";
    let layer = bench.host.load(bench.write("moon.lua", text)).unwrap();
    let fall = bench.fall();
    let falls = |time| fall.call((time,)).unwrap();
    assert_eq!([falls(1), falls(2), falls(3), falls(1)], [10, 20, 3, 10]);
    // There is nothing below that has it.
    let error = bench.physics.call("Tide", ()).unwrap_err();
    assert_eq!(error.to_string(), "plugin `physics`: `Tide`: moon.lua:6: no sea");
    let faults = || {
        std::iter::from_fn(|| events.try_recv())
            .filter(|event| event.kind == EventKind::Faulted)
            .map(|event| (event.plugin, event.error.unwrap().to_string()))
            .collect::<Vec<_>>()
    };
    let fault = ("moon".to_owned(), "plugin `moon`: `Fall`: moon.lua:2: no moon".to_owned());
    assert_eq!(faults(), vec![fault.clone()]);
    // Each load is told of once.
    bench.host.reload(&layer).unwrap();
    assert_eq!([falls(1), falls(1)], [10, 10]);
    assert_eq!(faults(), [fault]);
    // Without that line it fails.
    bench.write("moon.toml", "over = 'physics'");
    bench.host.reload(&layer).unwrap();
    let error = fall.call((1,)).unwrap_err();
    assert_eq!(error.to_string(), "plugin `physics`: `Fall`: moon.lua:2: no moon");
    assert_eq!(error.location().unwrap().1, 2);
    assert_eq!((falls(3), faults()), (3, vec![]));
}

/// The one below is asked once, and what it says is the answer.
#[test]
fn a_function_that_fails_falls_back_on_one_that_fails() {
    let bench = Bench::new();
    let events = bench.host.events();
    let base =
        format!("{PHYSICS}\nCalls = 0\nfunction Fall() Calls = Calls + 1 error('no earth') end");
    std::fs::write(bench.physics.path(), base).unwrap();
    bench.host.reload(&bench.physics).unwrap();
    bench.write("moon.toml", "over = 'physics'\non_fault = 'base'");
    bench.host.load(bench.write("moon.lua", "function Fall() error('no moon') end")).unwrap();
    let call = || bench.physics.call("Fall", (1,)).unwrap_err().to_string();
    let expected = "plugin `physics`: `Fall`: physics.lua:10: no earth";
    assert_eq!([call(), call()], [expected, expected]);
    assert_eq!(bench.physics.var::<i64>("Calls").unwrap().get().unwrap(), 2);
    let told = std::iter::from_fn(|| events.try_recv());
    let faults: Vec<_> = told.filter(|event| event.kind == EventKind::Faulted).collect();
    let texts: Vec<_> = faults.iter().map(|it| it.error.as_ref().unwrap().to_string()).collect();
    assert_eq!(texts, ["plugin `moon`: `Fall`: moon.lua:1: no moon"]);
}

#[test]
fn the_state_of_a_layer_is_its_own() {
    let bench = Bench::new();
    let text = "local S = host.state { calls = 0 } Moons = 1
      function Fall(time) S.calls = S.calls + 1 host.base.Gravity = 2 return S.calls end";
    let layer = bench.lay("moon", text).unwrap();
    let fall = bench.fall();
    assert_eq!([fall.call((1,)).unwrap(), fall.call((1,)).unwrap()], [1, 2]);
    assert_eq!(bench.physics.var::<i64>("Gravity").unwrap().get().unwrap(), 2);
    assert!(bench.physics.lookup("Moons").is_err());
    assert_eq!(layer.var::<i64>("Moons").unwrap().get().unwrap(), 1);
    bench.host.reload(&layer).unwrap();
    assert_eq!(fall.call((1,)).unwrap(), 3);
}

#[test]
fn what_lies_over_a_plugin_goes_with_it() {
    let bench = Bench::new();
    let events = bench.host.events();
    let layer = bench.lay("moon", "function Fall(time) return 1 end").unwrap();
    let fall = bench.fall();
    bench.host.unload(bench.physics.clone()).unwrap();
    assert_eq!(fall.call((1,)).unwrap_err().kind(), ErrorKind::Stale);
    assert_eq!(bench.host.unload(layer).unwrap_err().kind(), ErrorKind::Stale);
    let told: Vec<_> = std::iter::from_fn(|| events.try_recv())
        .map(|event| format!("{} {}", event.kind, event.plugin))
        .collect();
    assert_eq!(told, ["loaded moon", "unloaded moon", "unloaded physics"]);
}

#[test]
fn a_group_and_events_see_layers() {
    let bench = Bench::new();
    let group = bench.host.group::<(), String>("Name");
    let layer = bench
        .lay(
            "moon",
            "function Name() return 'moon' end host.on('tick', function() return 'tock' end)",
        )
        .unwrap();
    let called = |name: &str| {
        let results = group.call(());
        let [(plugin, Ok(result))] = &results[..] else { panic!("{results:?}") };
        assert_eq!((plugin, result.as_str()), (&bench.physics, name));
    };
    called("moon");
    let [(plugin, Ok(answer))] = &bench.host.emit("tick", ())[..] else { panic!("one answer") };
    assert_eq!((plugin, answer), (&layer, &"tock".into()));
    bench.host.unload(layer).unwrap();
    called("physics");
}

#[test]
fn a_folder_may_have_both() {
    let bench = Bench::new();
    bench.host.unload(bench.physics.clone()).unwrap();
    // By their names the layer comes first, and both are called `physics`.
    bench.write(
        "a.lua",
        "---@plugin physics 0.0.0\n---@over physics\nfunction Name() return 'a' end",
    );
    bench.host.load_dir(bench.folder.path()).unwrap().all().unwrap();
    let physics = bench.host.plugin("physics").unwrap();
    assert_eq!((physics.call("Name", ()).unwrap(), physics.version().major), ("a".into(), 1));
}

/// What nobody holds any more is no hindrance, neither to the layer's edits nor to the base's.
#[test]
fn what_only_a_layer_had_holds_nothing_up() {
    let bench = Bench::new();
    let layer =
        bench.lay("moon", "function Tide() return 3 end function Ebb(x) return x end").unwrap();
    assert_eq!(bench.physics.call("Tide", ()).unwrap(), 3.into());
    bench.edit(&layer, "---@param x integer\nfunction Ebb(x) return x end").unwrap();
    // One that is held has to fit.
    let ebb = bench.physics.func::<(i64,), i64>("Ebb").unwrap();
    let error = bench.edit(&layer, "---@param x string\nfunction Ebb(x) return 1 end").unwrap_err();
    assert!(error.to_string().contains("`Ebb` is `(x: string) -> any`"), "{error}");
    assert_eq!(ebb.call((7,)).unwrap(), 7);
    bench.host.unload(layer).unwrap();
    assert_eq!(ebb.call((7,)).unwrap_err().kind(), ErrorKind::Stale);
    bench.write("physics.lua", &PHYSICS.replace("'physics'", "'edited'"));
    bench.host.reload(&bench.physics).unwrap();
    assert_eq!(bench.name().call(()).unwrap(), "edited");
    assert!(bench.physics.lookup("Ebb").is_err());
    bench.lay("moon", "function Ebb(x) return x + 1 end").unwrap();
    assert_eq!(ebb.call((7,)).unwrap(), 8);
}

/// Calls without a pause, while a layer comes, is edited, and goes.
#[test]
fn no_call_is_lost_while_layers_come_and_go() {
    let bench = Bench::new();
    let fall = bench.fall();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut calls = 0;
                    while !done.load(Ordering::Relaxed) {
                        let result = fall.call((2,)).unwrap();
                        assert!([20, 7, 8].contains(&result), "{result}");
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        for round in 0..100 {
            let text = "function Fall(time) return host.base.Fall(time) - 13 end";
            let layer = bench.lay("moon", text).unwrap();
            assert_eq!(fall.call((2,)).unwrap(), 7);
            bench.edit(&layer, "").unwrap();
            assert_eq!(fall.call((2,)).unwrap(), 20);
            bench.edit(&layer, "function Fall(time) return host.base.Fall(time) - 12 end").unwrap();
            assert_eq!(fall.call((2,)).unwrap(), 8);
            if round % 10 == 0 {
                bench.host.reload(&bench.physics).unwrap();
            }
            bench.host.unload(layer).unwrap();
            assert_eq!(fall.call((2,)).unwrap(), 20);
        }
        done.store(true, Ordering::Relaxed);
        assert!(callers.into_iter().all(|caller| caller.join().unwrap() > 0));
    });
}
