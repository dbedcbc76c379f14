//! Hooks of scripts, and what the `host` table says of the host.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use twinplug::{ErrorKind, Host, Value};

use crate::twins::{Stage, message};

const HOOKS: &str = "print('body')\n\
    function on_load(config) print('on_load', type(config), next(config)) end\n\
    function on_unload(...) print('on_unload', select('#', ...)) end\n\
    function Count() return 1 end";

#[test]
fn on_load_comes_after_the_body_and_on_unload_at_the_end() {
    let stage = Stage::new();
    let plugin = stage.host.load_source("hooks", HOOKS).unwrap();
    assert_eq!(stage.printed(), "[hooks] body\n[hooks] on_load\ttable\tnil\n");
    let names: Vec<_> = plugin.descriptor().exports.iter().map(|e| e.name.clone()).collect();
    assert_eq!(names, ["Count"]);
    stage.host.unload(plugin).unwrap();
    assert_eq!(stage.printed(), "[hooks] on_unload\t0\n");
    stage.host.load_source("hooks", HOOKS).unwrap();
    assert_eq!(stage.printed_when_dropped(), "[hooks] on_unload\t0\n", "with its host");
}

#[test]
fn a_failing_on_load_leaves_nothing_and_the_next_load_works() {
    let stage = Stage::new();
    let text = "local M = {}\nlocal function open() error { message = 'port 80 is taken', port = 80 } end\n\
                function M.on_load() open() end\nfunction M.on_unload() print('on_unload') end\nreturn M";
    let error = stage.host.load_source("hooks", text).unwrap_err();
    assert_eq!(error.to_string(), "cannot load `hooks`: its on_load failed: port 80 is taken");
    assert_eq!(error.kind(), ErrorKind::Load);
    assert_eq!(error.payload().unwrap().to::<twinplug::Map>().unwrap()[&"port".into()], 80.into());
    assert!(error.traceback().unwrap().contains("hooks:2: in"), "{error:?}");
    let error = stage.host.load_source("hooks", "function on_load() error('no') end").unwrap_err();
    assert_eq!(error.to_string(), "cannot load `hooks`: its on_load failed: hooks:1: no");
    assert_eq!(error.location(), Some(("hooks".as_ref(), 1)));
    let error = message(stage.host.load_source("hooks", "on_unload = 5"));
    assert_eq!(error, "cannot load `hooks`: `on_unload` is a number, and no function");
    assert!(stage.host.plugins().is_empty());
    assert_eq!(stage.printed(), "", "what has not begun does not end");
    stage.host.load_source("hooks", HOOKS).unwrap();
}

#[test]
fn on_load_may_wait_and_on_unload_may_not() {
    let stage = Stage::new();
    stage.host.channel::<i64>("numbers").unwrap().send(3).unwrap();
    let text = "function on_load() Got = host.channel('numbers'):recv() host.register { Late = function() return Got end } end\n\
                function on_unload() print(pcall(function() local it = host.channel('numbers'):recv() return it end)) error('after all') end";
    let plugin = stage.host.load_source("waits", text).unwrap();
    assert_eq!(plugin.call("Late", ()).unwrap(), Value::Int(3));
    stage.host.unload(plugin.clone()).unwrap();
    assert_eq!(
        stage.printed(),
        "[waits] false\twaits:2: cannot wait here: Lua cannot suspend a call inside of this function\n"
    );
    assert_eq!(message(plugin.call("Late", ())), "plugin `waits`: `Late`: the plugin was unloaded");
    assert!(stage.host.plugins().is_empty(), "its error is logged, and it is gone");
}

#[test]
fn a_plugin_that_is_refused_for_its_name_ends_what_it_began() {
    let stage = Stage::new();
    let plugin = stage.host.load_source("hooks", HOOKS).unwrap();
    stage.printed();
    stage.host.load_source("hooks", HOOKS).unwrap_err();
    assert_eq!(
        stage.printed(),
        "[hooks] body\n[hooks] on_load\ttable\tnil\n[hooks] on_unload\t0\n"
    );
    assert_eq!(plugin.call("Count", ()).unwrap(), Value::Int(1));
}

#[test]
fn host_any_makes_a_variable_of_any_type() {
    let stage = Stage::new();
    let plugin = stage
        .host
        .load_source(
            "any",
            "local M = { Any = host.any(5), Empty = host.any(nil), Table = host.any { a = 1 } }\n\
             function M.Type() return type(M.Any) end\nfunction M.Bad() host.any(print) end\n\
             host.register { Later = host.any('x') }\nreturn M",
        )
        .unwrap();
    let types = plugin
        .descriptor()
        .exports
        .iter()
        .map(|e| format!("{}: {}", e.name, e.ty))
        .collect::<Vec<_>>();
    assert_eq!(
        types,
        [
            "Later: any",
            "Any: any",
            "Bad: (...) -> any",
            "Empty: any",
            "Table: any",
            "Type: (...) -> any"
        ]
    );
    let any = plugin.var::<Value>("Any").unwrap();
    assert_eq!(any.get().unwrap(), Value::Int(5));
    assert_eq!(plugin.call("Type", ()).unwrap(), Value::Str("number".into()));
    any.set("text".into()).unwrap();
    assert_eq!(plugin.call("Type", ()).unwrap(), Value::Str("string".into()));
    assert_eq!(plugin.var::<Value>("Empty").unwrap().get().unwrap(), Value::Null);
    assert_eq!(plugin.var::<Value>("Later").unwrap().get().unwrap(), Value::Str("x".into()));
    assert_eq!(
        message(plugin.call("Bad", ())),
        "plugin `any`: `Bad`: any:3: `host.any` takes a value that can cross to the host, got function"
    );
}

#[test]
fn host_has_tells_what_can_be_read() {
    let stage = Stage::new();
    let text = "function Has(name) local has = host.has(name) return has end\nfunction Read() return host.scal end";
    let plugin = stage.host.load_source("has", text).unwrap();
    for (name, expected) in [
        ("scale", true),
        ("world", true),
        ("world.ask", true),
        ("channel", true),
        ("config", true),
        ("scal", false),
        ("world.aks", false),
        ("world.", false),
        ("ask", false),
        ("", false),
    ] {
        assert_eq!(plugin.call("Has", (name,)).unwrap(), Value::Bool(expected), "{name}");
    }
    assert_eq!(
        message(plugin.call("Has", (5,))),
        "plugin `has`: `Has`: has:1: `host.has` takes a name, got number"
    );
    assert_eq!(
        message(plugin.call("Read", ())),
        "plugin `has`: `Read`: has:2: `host` has no `scal`; near: `scale`"
    );
}

#[test]
fn on_unload_runs_inside_of_the_call_that_unloads() {
    let cell: Arc<OnceLock<Weak<Host>>> = Arc::default();
    let (here, output) = (Arc::clone(&cell), Arc::new(Mutex::new(String::new())));
    let kept = Arc::clone(&output);
    let go = move || -> twinplug::Result<()> {
        let host = here.get().and_then(Weak::upgrade).expect("set below");
        host.unload(host.plugin("leaves")?)
    };
    let host = Host::builder()
        .function("go", go)
        .output(move |_, text| kept.lock().unwrap().push_str(text))
        .build();
    let host = Arc::new(host.unwrap());
    cell.set(Arc::downgrade(&host)).unwrap();
    let text = "function on_unload() print('on_unload') end\n\
                function Go() host.go() print('after') return 5 end";
    let leave = host.load_source("leaves", text).unwrap().func::<(), i64>("Go").unwrap();
    assert_eq!(leave.call(()).unwrap(), 5);
    assert_eq!(*output.lock().unwrap(), "on_unload\nafter\n");
    assert_eq!(message(leave.call(())), "plugin `leaves`: `Go`: the plugin was unloaded");
}

#[test]
fn the_names_that_the_host_table_has_itself_are_no_host_functions() {
    let names =
        "any base buffer channel config has has_plugin list log mock null on plugin register state";
    for name in names.split(' ') {
        for function in [name.to_owned(), format!("{name}.more")] {
            let refused = message(Host::builder().function(&function, || ()).build());
            assert_eq!(refused, format!("function `{function}`: `host.{name}` is built in"));
        }
    }
}

#[test]
fn groups_are_read_only_all_the_way_and_say_what_is_near() {
    let stage = Stage::with(|builder| builder.function("world.map.tile.at", || 7));
    let text = "function At() local at = host.world.map.tile.at() return at end\n\
                function Near() return host.world.map.tlie end\n\
                function Set() host.world.map.tile.at = print end\n\
                function Call() host.world() end\n\
                function Has() return host.has('world'), host.has('world.map.tile.at'), host.has('world.map.at') end";
    let plugin = stage.host.load_source("deep", text).unwrap();
    assert_eq!(plugin.call("At", ()).unwrap(), Value::Int(7));
    assert_eq!(
        message(plugin.call("Near", ())),
        "plugin `deep`: `Near`: deep:2: `host.world.map` has no `tlie`; near: `tile`"
    );
    assert_eq!(
        message(plugin.call("Set", ())),
        "plugin `deep`: `Set`: deep:3: cannot set `host.world.map.tile.at`: the host table is read-only"
    );
    let called = message(plugin.call("Call", ()));
    assert!(called.starts_with("plugin `deep`: `Call`: deep:4: attempt to call"), "{called}");
    let has = plugin.func::<(), (bool, bool, bool)>("Has").unwrap();
    assert_eq!(has.call(()).unwrap(), (true, true, false));
}
