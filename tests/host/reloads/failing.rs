//! Reloads that fail: the load before serves as it did, and nothing is left of the other.

use std::time::Duration;

use twinplug::{ErrorKind, EventKind, Limit};

use super::Edited;

const GOOD: &str = "Calls = 0
function Call() Calls = Calls + 1 return Calls end
function on_save() return 'saved' end
function on_resume() host.note('resumed') end
function on_unload() host.note('unloaded') end";

/// An edit is rejected for that reason; `rest` of it comes behind what is good.
#[track_caller]
fn check(edit: &str, expected: &str) {
    let edited = Edited::with(GOOD, |builder| builder.time_limit(Duration::from_millis(200)));
    let call = edited.plugin.func::<(), i64>("Call").unwrap();
    assert_eq!(call.call(()).unwrap(), 1);
    let error = edited.edit(edit).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reload, "{error:?}");
    let text = edited.text(&error);
    let head = "plugin `p`: not reloaded, load 1 serves on: ";
    assert_eq!(text.strip_prefix(head).unwrap_or(&text), expected);
    // It serves on, with what it had.
    assert_eq!(call.call(()).unwrap(), 2);
    let event = edited.events.try_recv().unwrap();
    assert_eq!((event.kind, event.generation), (EventKind::Rejected, 1));
    assert_eq!(event.error.unwrap().to_string(), error.to_string());
    assert!(edited.events.try_recv().is_none(), "it is reported once");
    let status = edited.plugin.status();
    assert_eq!((status.generation, status.rejected.is_some()), (1, true));
    assert!(!edited.notes().contains(&"unloaded".to_owned()));
    // The next edit is live.
    edited.edit(&GOOD.replace("return Calls", "return -Calls")).unwrap();
    assert_eq!(call.call(()).unwrap(), -3);
    assert!(edited.plugin.status().rejected.is_none());
}

#[test]
fn its_text_is_none() {
    let why = match () {
        () if cfg!(feature = "luau") => "Expected identifier when parsing variable name, got <eof>",
        () if cfg!(feature = "luajit") => "<name> or '...' expected near '<eof>'",
        () => "<name> or '...' expected near <eof>",
    };
    check("function Call(", &format!("cannot load `DIR/p.lua`: p.lua:1: {why}"));
}

#[test]
fn its_body_fails() {
    let text = "function Call() end\nerror('not today')";
    check(text, "cannot load `DIR/p.lua`: p.lua:2: not today");
}

#[test]
fn its_body_never_ends() {
    let text = "function Call() end\nwhile true do end";
    check(text, "cannot load `DIR/p.lua`: p.lua:2: time limit of 200 ms");
}

#[test]
fn an_export_is_gone_that_is_held() {
    check(
        "function Other() end",
        "`Call` is gone, and a handle on it is held: keep it as it was, or drop the handle",
    );
}

#[test]
fn an_export_has_become_another() {
    let why = "is a variable, was a function, and a handle on it is held: keep it as it was, or drop the handle";
    check("Call = 1", &format!("`Call` {why}"));
    let text = "---@param a string\n---@return string\nfunction Call(a) return a end";
    let why = "is `(a: string) -> string`, was `(...) -> any`: expected 1 argument, got 0, and a \
        handle on it is held: keep it as it was, or drop the handle";
    check(text, &format!("`Call` {why}"));
}

#[test]
fn its_name_is_another() {
    let why =
        "`DIR/p.lua` says now that it is `q`: give it its name back, or load it as another plugin";
    check("---@plugin q 1.0.0\nfunction Call() end", why);
}

#[test]
fn a_hook_fails() {
    let text = format!("{GOOD}\nfunction on_load() error('no') end");
    check(&text, "its on_load failed: p.lua:6: no");
    let text = format!("{GOOD}\nfunction on_restore(value) error(value) end");
    check(&text, "its on_restore failed: p.lua:6: saved");
    let text = format!("{GOOD}\nfunction on_load() while true do end end");
    check(&text, "its on_load failed: p.lua:6: time limit of 200 ms");
    let text = format!("{GOOD}\non_load = 1");
    check(&text, "cannot load `DIR/p.lua`: `on_load` is a number, and no function");
}

#[test]
fn a_hook_of_the_load_before_fails() {
    let text = "function Call() return 1 end function on_save() error('cannot') end";
    let edited = Edited::new(text);
    let error = edited.edit(GOOD).unwrap_err();
    let expected =
        "plugin `p`: not reloaded, load 1 serves on: its on_save failed: p.lua:1: cannot";
    assert_eq!(error.to_string(), expected);
    assert_eq!(edited.plugin.call("Call", ()).unwrap(), twinplug::Value::Int(1));
    let (path, line) = error.location().unwrap();
    assert_eq!((path.file_name().unwrap().to_str().unwrap(), line), ("p.lua", 1));
    let traceback = error.traceback().unwrap();
    assert!(traceback.contains("p.lua:1"), "{traceback}");
}

/// A call that does not end in time holds it up.
#[test]
fn a_hook_that_waits_for_ever_has_a_deadline() {
    let edited =
        Edited::with("function F() return 1 end", |builder| builder.channel::<i64>("never", 0));
    let text = "function F() return 2 end function on_load() host.channel('never'):recv() end";
    let error = edited.edit(text).unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Deadline(Duration::from_secs(5))), "{error:?}");
    assert_eq!(edited.plugin.call("F", ()).unwrap(), twinplug::Value::Int(1));
}

#[test]
fn a_file_that_is_gone_or_no_file_at_all() {
    let edited = Edited::new(GOOD);
    std::fs::remove_file(edited.plugin.path()).unwrap();
    let error = edited.host.reload(&edited.plugin).unwrap_err();
    let expected =
        "plugin `p`: not reloaded, load 1 serves on: no plugin at `DIR/p.lua`: tried `DIR/p.lua`";
    assert_eq!(edited.text(&error), expected);
    let memory = edited.host.load_source("m", "function F() end").unwrap();
    let error = edited.host.reload(&memory).unwrap_err();
    let why = "it is from memory: there is no file to load it from anew";
    assert_eq!(error.to_string(), format!("plugin `m`: not reloaded, load 1 serves on: {why}"));
    edited.host.unload(memory.clone()).unwrap();
    assert_eq!(edited.host.reload(&memory).unwrap_err().kind(), ErrorKind::Stale);
}
