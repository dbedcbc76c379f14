//! What is known of a VM's memory is known of that moment: what a quick use has found is nothing that
//! the next one may rest on, where something else has taken memory between them.

use twinplug::{Host, PluginRef, Value, data};

/// Loads a script, and calls it until its calls go the quick way.
fn warm(limit: usize, script: &str) -> (Host, PluginRef) {
    let host = Host::builder().memory_limit(limit).build().unwrap();
    let plugin = host.load_source("room", script).unwrap();
    call_often(&plugin);
    (host, plugin)
}

fn call_often(plugin: &PluginRef) {
    let nothing = plugin.func::<(), i64>("Nothing").unwrap();
    for _ in 0..50 {
        assert_eq!(nothing.call(()).unwrap(), 1);
    }
}

#[data]
#[derive(Debug)]
struct Named {
    some_name_of_its_own: i64,
}

/// A table with room for not one entry more grows to twice its size as a variable is set that it
/// has not; there was plenty for that before a text took most of it.
#[test]
fn a_variable_of_text_is_set_after_one_of_a_number() {
    const LIMIT: usize = 12 << 20;
    let script = "A = 1\n\
         X = 'x'\n\
         function Nothing() return 1 end\n\
         function Fill()\n\
           X = nil\n\
           local g, n = _G, 0\n\
           for _ in next, g do n = n + 1 end\n\
           for i = 1, 2^17 - n do g[i + 0.5] = true end\n\
         end";
    let (_host, plugin) = warm(LIMIT, script);
    let (number, text) = (plugin.var::<i64>("A").unwrap(), plugin.var::<String>("X").unwrap());
    plugin.func::<(), ()>("Fill").unwrap().call(()).unwrap();
    call_often(&plugin);
    // Larger and smaller ones, as flavours take more or less for the same.
    for kibibytes in (500..8000).rev().step_by(250) {
        number.set(2).unwrap();
        match text.set("a".repeat(kibibytes << 10)) {
            Ok(()) => plugin.func::<(), ()>("Fill").unwrap().call(()).unwrap(),
            Err(error) => assert!(error.to_string().contains("memory limit of 12 MiB"), "{error}"),
        }
        call_often(&plugin);
    }
    number.set(3).unwrap();
    assert_eq!(number.get().unwrap(), 3);
}

/// What is kept for the host takes memory that nobody has counted.
#[test]
fn a_long_text_is_set_after_functions_were_kept() {
    const LIMIT: usize = 16 << 20;
    let script = "V = { some_name_of_its_own = 1 }\n\
         F = { 1 }\n\
         T = 't'\n\
         function Nothing() F[1] = print return 1 end";
    let (_host, plugin) = warm(LIMIT, script);
    let functions = plugin.var::<Value>("F").unwrap();
    let text = plugin.var::<String>("T").unwrap();
    assert_eq!(plugin.var::<Named>("V").unwrap().get().unwrap().some_name_of_its_own, 1);
    // Their references alone take more than a MiB.
    let held: Vec<_> = (0..70_000).map(|_| functions.get().unwrap()).collect();
    let error = text.set("a".repeat(15 << 20)).unwrap_err().to_string();
    assert!(error.contains("memory limit of 16 MiB"), "{error}");
    drop(held);
    text.set("short".to_owned()).unwrap();
    assert_eq!(text.get().unwrap(), "short");
}

/// An error of a host function is text in a VM that has taken since what there was as the call began.
#[test]
fn a_host_functions_error_finds_no_room() {
    let script = "local kept = {}\n\
         function Nothing() return 1 end\n\
         function Use(text, length, fill)\n\
           for i = 1, fill do kept[i] = ('k'):rep(1000) .. i end\n\
           local ok, why = pcall(host.fails, length)\n\
           return #tostring(why) + #text\n\
         end";
    let fails = |length: i64| -> Result<i64, String> { Err("e".repeat(length as usize)) };
    let builder = || Host::builder().memory_limit(8 << 20).function("fails", fails);
    for fill in (5_000..8_000).step_by(250) {
        let host = builder().build().unwrap();
        let plugin = host.load_source("room", script).unwrap();
        call_often(&plugin);
        let used = plugin.func::<(&str, i64, i64), i64>("Use").unwrap();
        match used.call(("text", 1 << 20, fill)) {
            Ok(length) => assert!(length > 1 << 20),
            Err(error) => assert!(error.to_string().contains("memory limit of 8 MiB"), "{error}"),
        }
        call_often(&plugin);
    }
}
