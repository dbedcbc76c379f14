//! Reloads of native plugins, and from one kind to the other.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use twinplug::{ErrorKind, EventKind, Host, HostBuilder, PluginRef};

use crate::offers::{of, reaching};
use crate::shop::Shop;

/// `LOAD` is its number, `START` what `Score` begins with; with `STATE` it has variables and hooks.
const TEXT: &str = r#"
    #include "twinplug.h"
    static tp_status load(tp_call *call) { *call->result = tp_int(LOAD); return TP_OK; }
    static tp_status load_direct(tp_fault *fault, int64_t *result) { (void)fault; *result = LOAD; return TP_OK; }
    static tp_status wait(tp_call *call) {
      tp_channel *channel;
      tp_status status = call->host->channel_open(call->context, "in", 2, "int", 3, call->arena, call->result, &channel);
      if (status != TP_OK) return status;
      status = tp_host_call(call, "waits", NULL, 0);
      if (status == TP_OK) status = call->host->channel_recv(channel, call->arena, call->result);
      call->host->channel_release(channel);
      return status;
    }
    static tp_status inside(tp_call *call) { return tp_host_call(call, "inside", NULL, 0); }
    static int64_t score = START;
    static int64_t secret = 0;
    static tp_status get_score(tp_call *call) { *call->result = tp_int(__atomic_load_n(&score, __ATOMIC_SEQ_CST)); return TP_OK; }
    static tp_status set_score(tp_call *call) { __atomic_store_n(&score, tp_to_int(&call->args[0]), __ATOMIC_SEQ_CST); return TP_OK; }
    static tp_status get_secret(tp_call *call) { *call->result = tp_int(secret); return TP_OK; }
    static tp_status set_secret(tp_call *call) { secret = tp_to_int(&call->args[0]); return TP_OK; }
    static tp_status play(tp_call *call) {
      __atomic_add_fetch(&score, 1, __ATOMIC_SEQ_CST);
      *call->result = tp_int(LOAD);
      return TP_OK;
    }
    static tp_status hide(tp_call *call) { secret = tp_to_int(&call->args[0]); return TP_OK; }
    static tp_status found(tp_call *call) { *call->result = tp_int(secret); return TP_OK; }
    static const tp_export exports[] = {
      TP_EXPORT_DIRECT("Load", "() -> int", load, load_direct),
      TP_EXPORT_FUNC("Wait", "() -> int", wait),
      TP_EXPORT_FUNC("Inside", "() -> int", inside),
    #ifdef STATE
      TP_EXPORT_VAR("Score", "int", NULL, get_score, set_score),
      {"Secret", "int", TP_SYMBOL_STATE, 0, NULL, NULL, get_secret, set_secret, NULL},
      TP_EXPORT_FUNC("Play", "() -> int", play),
      TP_EXPORT_FUNC("Hide", "(value: int)", hide),
      TP_EXPORT_FUNC("Found", "() -> int", found),
    #endif
    #ifdef MORE
      TP_EXPORT_FUNC("More", "() -> int", load),
    #endif
    };
    static tp_status noted(tp_call *call, const char *what) {
      tp_value text = tp_str(what), number = tp_int(LOAD);
      tp_value args[] = {text, number};
      return tp_host_call(call, "note", args, 2);
    }
    static tp_status on_load(tp_call *call) {
    #ifdef FAIL
      return tp_answer(call, TP_ERROR, "no port");
    #endif
      return noted(call, "load");
    }
    static tp_status on_save(tp_call *call) {
      tp_status status = noted(call, "save");
      *call->result = tp_int(LOAD * 100);
      return status;
    }
    static tp_status on_restore(tp_call *call) {
      tp_value args[] = {tp_str("restore"), call->args[0]};
      return tp_host_call(call, "note", args, 2);
    }
    static tp_status on_pause(tp_call *call) { return noted(call, "pause"); }
    static tp_status on_resume(tp_call *call) { return noted(call, "resume"); }
    static tp_status on_unload(tp_call *call) { return noted(call, "unload"); }
    #ifdef STATE
    TP_PLUGIN_WITH("p", "1.0.0", TP_UNLOAD, exports, NULL, on_load, on_save, on_restore, on_pause, on_resume, on_unload);
    #else
    TP_PLUGIN("p", "1.0.0", exports, NULL);
    #endif
"#;

struct Native {
    shop: Shop,
    host: Arc<Host>,
    plugin: PluginRef,
    notes: Arc<std::sync::Mutex<Vec<String>>>,
    waits: Arc<AtomicUsize>,
    /// What happens in a hook, besides its note.
    in_hook: Arc<std::sync::Mutex<Option<InHook>>>,
}

type InHook = Box<dyn Fn(&Host, &str) + Send>;

impl Native {
    fn new(flags: &[&str]) -> Native {
        let notes = Arc::<std::sync::Mutex<Vec<String>>>::default();
        let waits = Arc::<AtomicUsize>::default();
        let in_hook = Arc::<std::sync::Mutex<Option<InHook>>>::default();
        let shop = Shop::new();
        let host = reaching(|builder: HostBuilder, cell| {
            let (notes, waits) = (Arc::clone(&notes), Arc::clone(&waits));
            let (hooked, hook_cell) = (Arc::clone(&in_hook), Arc::clone(&cell));
            let note = move |what: String, number: i64| {
                notes.lock().unwrap().push(format!("{what} {number}"));
                if let Some(in_hook) = &*hooked.lock().unwrap() {
                    in_hook(&of(&hook_cell), &what);
                }
            };
            builder
                .channel::<i64>("in", 0)
                .function("note", note)
                .function("waits", move || _ = waits.fetch_add(1, Ordering::SeqCst))
                .function("inside", move || {
                    let host = of(&cell);
                    let plugin = host.plugin("p")?;
                    // The other thread's reload has begun once it has paused the plugin, or will.
                    let reloading = Arc::clone(&host);
                    let thread = thread::spawn(move || reloading.reload(&reloading.plugin("p")?));
                    let load = plugin.func::<(), i64>("Load")?;
                    for _ in 0..2000 {
                        load.call(())?;
                        thread::sleep(Duration::from_micros(20));
                    }
                    drop(thread);
                    load.call(())
                })
        });
        compile(&shop, 1, flags);
        let plugin = host.load(shop.folder.path().join("libp.so")).unwrap();
        notes.lock().unwrap().clear();
        Native { shop, host, plugin, notes, waits, in_hook }
    }

    fn in_hook(&self, does: impl Fn(&Host, &str) + Send + 'static) {
        *self.in_hook.lock().unwrap() = Some(Box::new(does));
    }

    fn edit(&self, load: usize, flags: &[&str]) -> twinplug::Result<()> {
        compile(&self.shop, load, flags);
        self.host.reload(&self.plugin)
    }

    fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }
}

fn compile(shop: &Shop, load: usize, flags: &[&str]) -> PathBuf {
    let mut all = vec!["-shared".to_owned(), format!("-DLOAD={load}")];
    if !flags.iter().any(|flag| flag.starts_with("-DSTART")) {
        all.push("-DSTART=0".to_owned());
    }
    all.extend(flags.iter().map(|flag| (*flag).to_owned()));
    let flags: Vec<&str> = all.iter().map(String::as_str).collect();
    shop.compile("libp.so", TEXT, &flags)
}

#[test]
fn handles_lead_to_the_new_code() {
    let native = Native::new(&[]);
    let load = native.plugin.func::<(), i64>("Load").unwrap();
    let dynamic = native.plugin.lookup("Load").unwrap().into_dynamic().unwrap();
    let current = native.plugin.current().lookup("Load").unwrap().into_func::<(), i64>().unwrap();
    assert_eq!(load.call(()).unwrap(), 1);
    native.edit(2, &["-DMORE"]).unwrap();
    assert_eq!(load.call(()).unwrap(), 2);
    assert_eq!(dynamic.call(&[]).unwrap(), twinplug::Value::Int(2));
    assert_eq!(native.plugin.call("More", ()).unwrap(), twinplug::Value::Int(2));
    let error = current.call(()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retired, "{error:?}");
    let more = native.plugin.func::<(), i64>("More").unwrap();
    let error = native.edit(3, &[]).unwrap_err();
    assert!(
        error.to_string().ends_with(
            "`More` is gone, and a handle on it is held: keep it as it was, or drop the handle"
        ),
        "{error}"
    );
    assert_eq!((more.call(()).unwrap(), load.call(()).unwrap()), (2, 2));
}

#[test]
fn values_hooks_and_private_state_are_carried() {
    let native = Native::new(&["-DSTATE"]);
    let play = native.plugin.func::<(), i64>("Play").unwrap();
    let score = native.plugin.var::<i64>("Score").unwrap();
    native.plugin.call("Hide", (7,)).unwrap();
    play.call(()).unwrap();
    native.edit(2, &["-DSTATE"]).unwrap();
    assert_eq!(native.notes(), ["pause 1", "save 1", "restore 100", "load 2", "unload 1"]);
    assert_eq!((play.call(()).unwrap(), score.get().unwrap()), (2, 2));
    assert_eq!(native.plugin.call("Found", ()).unwrap(), twinplug::Value::Int(7));
    assert_eq!(
        native.host.images().len(),
        1,
        "the one before is unmapped: {:?}",
        native.host.images()
    );
    // One that fails changes nothing.
    let error = native.edit(3, &["-DSTATE", "-DFAIL"]).unwrap_err();
    assert!(error.to_string().ends_with("its on_load failed: no port"), "{error}");
    assert_eq!(native.notes(), ["pause 2", "save 2", "restore 200", "resume 2"]);
    assert_eq!((play.call(()).unwrap(), score.get().unwrap()), (2, 3));
    // What the edit has changed holds, where the program has not.
    score.set(0).unwrap();
    native.edit(4, &["-DSTATE", "-DSTART=50"]).unwrap();
    assert_eq!(score.get().unwrap(), 50);
}

#[test]
fn no_call_is_lost_or_made_twice() {
    let reloads = if std::env::var_os("TWINPLUG_FULL").is_some() { 1000 } else { 30 };
    let native = Native::new(&["-DSTATE"]);
    let play = native.plugin.func::<(), i64>("Play").unwrap();
    let load = native.plugin.func::<(), i64>("Load").unwrap();
    let score = native.plugin.var::<i64>("Score").unwrap();
    let done = AtomicBool::new(false);
    let plays = thread::scope(|scope| {
        let players: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut plays, mut newest) = (0, 0);
                    while !done.load(Ordering::Relaxed) {
                        let played = play.call(()).unwrap();
                        let direct = load.call(()).unwrap();
                        assert!(newest <= played && played <= direct);
                        (newest, plays) = (direct, plays + 1);
                    }
                    plays
                })
            })
            .collect();
        for number in 2..reloads + 2 {
            native.edit(number, &["-DSTATE"]).unwrap();
            assert_eq!(play.call(()).unwrap(), number as i64);
        }
        done.store(true, Ordering::Relaxed);
        players.into_iter().map(|player| player.join().unwrap()).sum::<i64>()
    });
    assert_eq!(score.get().unwrap(), plays + reloads as i64);
    assert_eq!(native.host.images().len(), 1);
}

#[test]
fn a_call_that_waits_does_not_hold_it_up() {
    for flags in [&["-DSTATE"][..], &[]] {
        let native = Native::new(flags);
        let wait = native.plugin.func::<(), i64>("Wait").unwrap();
        let waits = wait.clone();
        let waiting = thread::spawn(move || waits.call(()));
        while native.waits.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        native.edit(2, flags).unwrap();
        let error = waiting.join().unwrap().unwrap_err();
        // The plugin passes its text on.
        assert_eq!(error.to_string(), "plugin `p`: `Wait`: the plugin was reloaded meanwhile");
        let waiting = thread::spawn(move || wait.call(()));
        native.host.channel::<i64>("in").unwrap().send(7).unwrap();
        assert_eq!(waiting.join().unwrap().unwrap(), 7);
    }
}

#[test]
fn a_call_from_inside_goes_to_the_load_that_it_is_in() {
    let native = Native::new(&["-DSTATE"]);
    compile(&native.shop, 2, &["-DSTATE"]);
    let events = native.host.events();
    assert_eq!(native.plugin.call("Inside", ()).unwrap(), twinplug::Value::Int(1));
    assert_eq!(events.recv_timeout(Duration::from_secs(20)).unwrap().kind, EventKind::Reloaded);
    assert_eq!(native.plugin.call("Load", ()).unwrap(), twinplug::Value::Int(2));
}

/// A script is written anew in C while the host runs, and keeps its state; and back.
#[cfg(feature = "_lua")]
#[test]
fn a_plugin_changes_its_kind() {
    let native = Native::new(&["-DSTATE"]);
    let folder = native.shop.folder.path();
    std::fs::remove_file(folder.join("libp.so")).unwrap();
    let text = "Score = 0 function Play() Score = Score + 1 return 0 end
        local S = host.state { Secret = 0 }
        function Hide(value) S.Secret = value end function Found() return S.Secret end";
    std::fs::write(folder.join("p.lua"), text).unwrap();
    let host = Host::builder()
        .function("note", |_: String, _: i64| ())
        .channel::<i64>("in", 0)
        .function("waits", || ())
        .function("inside", || 0)
        .build()
        .unwrap();
    let plugin = host.load(folder.join("p")).unwrap();
    let play = plugin.func::<(), i64>("Play").unwrap();
    let score = plugin.var::<i64>("Score").unwrap();
    assert_eq!((play.call(()).unwrap(), plugin.kind()), (0, twinplug::PluginKind::Lua));
    plugin.call("Hide", (9,)).unwrap();
    std::fs::remove_file(folder.join("p.lua")).unwrap();
    compile(&native.shop, 5, &["-DSTATE"]);
    host.reload(&plugin).unwrap();
    assert_eq!((play.call(()).unwrap(), plugin.kind()), (5, twinplug::PluginKind::Native));
    assert_eq!(score.get().unwrap(), 2);
    assert_eq!(plugin.call("Found", ()).unwrap(), twinplug::Value::Int(9));
    std::fs::write(folder.join("p.lua"), text).unwrap();
    std::fs::remove_file(folder.join("libp.so")).unwrap();
    host.reload(&plugin).unwrap();
    assert_eq!((play.call(()).unwrap(), score.get().unwrap()), (0, 3));
    assert_eq!(plugin.call("Found", ()).unwrap(), twinplug::Value::Int(9));
}

#[test]
fn what_is_looked_up_meanwhile_leads_to_one_of_the_loads() {
    let native = Native::new(&["-DSTATE"]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    native.plugin.call("Load", ()).unwrap();
                }
            });
        }
        for load in 2..22 {
            native.edit(load, &["-DSTATE"]).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Nobody holds `More`, however many look at the load that has it.
#[test]
fn what_nobody_holds_may_go_while_others_are_looked_up() {
    let native = Native::new(&["-DMORE"]);
    let done = AtomicBool::new(false);
    let edits: Vec<_> = thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    drop(native.plugin.func::<(), i64>("Load").unwrap());
                }
            });
        }
        let edits = (2..22).map(|load| {
            let more = native.plugin.func::<(), i64>("More").and_then(|more| more.call(()));
            // It goes on once before it goes.
            let flags: &[&str] = if load % 3 == 0 { &[] } else { &["-DMORE"] };
            (load, more.ok(), native.edit(load, flags).map_err(|error| error.to_string()))
        });
        let edits = edits.collect();
        done.store(true, Ordering::Relaxed);
        edits
    });
    for (load, more, edited) in edits {
        assert_eq!(edited, Ok(()), "load {load}");
        assert_eq!(more, (load % 3 != 1).then_some(load as i64 - 1));
    }
}

/// The load that is being made goes as well.
#[test]
fn an_unload_waits_for_a_reload() {
    let native = Native::new(&["-DSTATE"]);
    let load = native.plugin.func::<(), i64>("Load").unwrap();
    let (restores, restoring) = std::sync::mpsc::channel();
    native.in_hook(move |_, what| {
        if what == "restore" {
            restores.send(()).unwrap();
            thread::sleep(Duration::from_millis(50));
        }
    });
    compile(&native.shop, 2, &["-DSTATE"]);
    thread::scope(|scope| {
        let reloading = scope.spawn(|| native.host.reload(&native.plugin));
        restoring.recv().unwrap();
        native.host.unload(native.plugin.clone()).unwrap();
        reloading.join().unwrap().unwrap();
    });
    assert_eq!(load.call(()).unwrap_err().kind(), ErrorKind::Stale);
    assert_eq!(native.notes().last().unwrap(), "unload 2");
    assert!(native.host.images().is_empty(), "{:?}", native.host.images());
}

/// A hook is inside of the plugin: its calls of that go to the load that it is in.
#[test]
fn a_hook_uses_its_plugin() {
    let native = Native::new(&["-DSTATE"]);
    native.in_hook(|host, what| {
        let load = host.plugin("p").unwrap().call("Load", ()).unwrap();
        assert_eq!(load, twinplug::Value::Int(if what == "unload" { 2 } else { 1 }), "{what}");
    });
    native.edit(2, &["-DSTATE"]).unwrap();
    assert_eq!(native.notes().len(), 5);
}

/// What a call got while its plugin was paused goes to the next receiver.
#[test]
fn a_message_that_came_in_the_pause_is_given_back() {
    let native = Native::new(&["-DSTATE"]);
    let wait = native.plugin.func::<(), i64>("Wait").unwrap();
    let waits = wait.clone();
    let waiting = thread::spawn(move || waits.call(()));
    while native.waits.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    native.in_hook(|host, what| {
        if what == "save" {
            // It is received, as the call waits for it.
            host.channel::<i64>("in").unwrap().send(7).unwrap();
        }
    });
    native.edit(2, &["-DSTATE"]).unwrap();
    let error = waiting.join().unwrap().unwrap_err().to_string();
    assert_eq!(error, "plugin `p`: `Wait`: the plugin was reloaded meanwhile");
    assert_eq!(wait.call(()).unwrap(), 7);
}

#[test]
fn a_hook_that_never_returns_is_a_reload_that_fails() {
    let native = Native::new(&["-DSTATE"]);
    let load = native.plugin.func::<(), i64>("Load").unwrap();
    let (ends, end) = std::sync::mpsc::channel::<()>();
    let end = std::sync::Mutex::new(end);
    native.in_hook(move |_, what| {
        if what == "restore" {
            let _ = end.lock().unwrap().recv();
        }
    });
    let error = native.edit(2, &["-DSTATE"]).unwrap_err();
    assert!(error.to_string().ends_with("native code: deadline of 5 s"), "{error}");
    assert_eq!(load.call(()).unwrap(), 1);
    drop(ends);
}

/// A script that is inside of a native plugin, which asks for the script's reload.
#[cfg(feature = "_lua")]
#[test]
fn a_script_is_not_reloaded_under_its_own_call() {
    let shop = Shop::new();
    let host = reaching(|builder, cell| {
        builder.function("update", move || {
            let host = of(&cell);
            host.reload(&host.plugin("p")?)
        })
    });
    let text = r#"
        #include "twinplug.h"
        static tp_status ask(tp_call *call) { return tp_host_call(call, "update", NULL, 0); }
        static const tp_export exports[] = {TP_EXPORT_FUNC("Ask", "()", ask)};
        TP_PLUGIN("asks", "1.0.0", exports, NULL);
    "#;
    host.load(shop.compile("libasks.so", text, &["-shared"])).unwrap();
    let text = "function Ask() host.plugin('asks').Ask() return 'went on' end";
    let plugin = host.load(shop.write("p.lua", text)).unwrap();
    let events = host.events();
    let ask = plugin.func::<(), String>("Ask").unwrap();
    for load in 2..4 {
        assert_eq!(ask.call(()).unwrap(), "went on");
        let event = events.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!((event.kind, event.generation), (EventKind::Reloaded, load));
        assert_eq!(events.recv_timeout(Duration::from_secs(20)).unwrap().kind, EventKind::Retired);
    }
}
