//! Threads that a native plugin has left running: they are told, and hold its code.

use std::fs;
use std::thread;

use twinplug::{EventKind, Events, Host, ImageState};

use crate::shop::Shop;

const RUNS: &str = "a thread that it began still runs";
const STAYS: &str = "the plugin does not say `unload`";

/// `Begin` begins a thread, which ends once there is a file, and then uses what the image has.
fn text(shop: &Shop, load: usize, flags: &str, begin: &str) -> String {
    let end = shop.folder.path().join("end");
    format!(
        r#"
        #include <pthread.h>
        #include <unistd.h>
        #include "twinplug.h"
        static volatile int used;
        static void work(void) {{
            while (access("{}", F_OK) != 0) usleep(1000);
            used = {load};
        }}
        {begin}
        static tp_status call(tp_call *call) {{ begin(); *call->result = tp_int({load}); return TP_OK; }}
        static const tp_export exports[] = {{TP_EXPORT_FUNC("Begin", "() -> int", call)}};
        TP_PLUGIN_WITH("p", "1.0.0", {flags}, exports, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        "#,
        end.display()
    )
}

const RETURNS: &str = "static void *run(void *it) { (void)it; work(); return NULL; }
    static void begin(void) { pthread_t it; pthread_create(&it, NULL, run, NULL); pthread_detach(it); }";

const EXITS: &str = "static void *run(void *it) { (void)it; work(); pthread_exit(NULL); }
    static void begin(void) { pthread_t it; pthread_create(&it, NULL, run, NULL); pthread_detach(it); }";

/// Its own key is cleared by code of the image, after the host's, and once more.
const HAS_A_KEY: &str = "static pthread_key_t key;
    static void cleared(void *it) { used = 7; if (it == &key) pthread_setspecific(key, (void *)&used); }
    static void *run(void *it) {
        pthread_key_create(&key, cleared);
        pthread_setspecific(key, &key);
        work();
        return it;
    }
    static void begin(void) { pthread_t it; pthread_create(&it, NULL, run, NULL); pthread_detach(it); }";

const STANDARD: &str = "#include <thread>
    static void begin() { std::thread(work).detach(); }";

const DESTROYS: &str = "#include <thread>
    namespace { struct Local { int it; ~Local() { used = it; } }; thread_local Local local; }
    static void begin() { std::thread([] { local.it = 8; work(); }).detach(); }";

fn notes(events: &Events, of: EventKind) -> Vec<String> {
    loop {
        let event = events.try_recv().unwrap();
        if event.kind == of {
            return event.notes;
        }
    }
}

/// What became of the load before while its thread ran, and what the last report said.
fn check(unload: bool, compile: impl Fn(&Shop, usize)) {
    let shop = Shop::new();
    let path = shop.folder.path().join("libp.so");
    compile(&shop, 1);
    let host = Host::builder().build().unwrap();
    let events = host.events();
    let plugin = host.load(&path).unwrap();
    let begin = || plugin.func::<(), i64>("Begin").unwrap().call(()).unwrap();
    let report = || -> Vec<(ImageState, usize)> {
        host.images().into_iter().map(|image| (image.state, image.threads)).collect()
    };
    assert_eq!(report(), [(ImageState::Serving, 0)]);
    assert_eq!(begin(), 1);
    assert_eq!(report(), [(ImageState::Serving, 1)]);
    compile(&shop, 2);
    host.reload(&plugin).unwrap();
    assert_eq!(notes(&events, EventKind::Retired), [RUNS]);
    let why = ImageState::Kept(if unload { RUNS } else { STAYS }.to_owned());
    assert_eq!(report(), [(why.clone(), 1), (ImageState::Serving, 0)]);
    assert_eq!((begin(), begin()), (2, 2));
    host.unload(plugin).unwrap();
    assert_eq!(notes(&events, EventKind::Unloaded), ["2 threads that it began still run"]);
    let both = match unload {
        true => ImageState::Kept("2 threads that it began still run".to_owned()),
        false => why.clone(),
    };
    assert_eq!(report(), [(why.clone(), 1), (both, 2)]);
    fs::write(shop.folder.path().join("end"), "").unwrap();
    while report().iter().any(|(_, threads)| *threads > 0) {
        thread::yield_now();
    }
    // The last one lets go of the image just after it has ceased to be counted.
    let rest = if unload { vec![] } else { vec![(why.clone(), 0), (why, 0)] };
    while report() != rest {
        assert!(unload, "{:?}", report());
        thread::yield_now();
    }
}

fn in_c(begin: &str, flags: &[&str]) {
    for (unload, says) in [(false, "\"\""), (true, "TP_UNLOAD")] {
        let flags = [&["-shared", "-D_GNU_SOURCE", "-pthread"], flags].concat();
        check(unload, |shop, load| {
            shop.compile("libp.so", &text(shop, load, says, begin), &flags);
        });
    }
}

#[test]
fn a_thread_that_returns() {
    in_c(RETURNS, &[]);
}

/// However the linker has the system's loader write to the image.
#[test]
fn a_thread_of_an_image_that_is_read_only_or_not() {
    in_c(RETURNS, &["-Wl,-z,now,-z,relro"]);
    in_c(RETURNS, &["-Wl,-z,lazy,-z,relro"]);
    in_c(RETURNS, &["-Wl,-z,norelro"]);
    in_c(RETURNS, &["-fno-plt"]);
}

#[test]
fn a_thread_that_exits() {
    in_c(EXITS, &["-fexceptions"]);
}

#[test]
fn a_thread_with_a_key_of_its_own() {
    in_c(HAS_A_KEY, &[]);
}

const OF_C11: &str = "#include <threads.h>
    static int run(void *it) { (void)it; work(); return 3; }
    static void begin(void) { thrd_t it; thrd_create(&it, run, NULL); thrd_detach(it); }";

#[test]
fn a_thread_of_c11() {
    in_c(OF_C11, &["-std=c11"]);
}

/// The pool's destructor waits for its thread when the process ends, in code of the image, which
/// nobody but that thread holds.
const POOL: &str = "#include <thread>
    namespace { struct Pool {
        std::thread one; volatile bool over = false;
        Pool() : one([this] { while (!over) usleep(1000); }) {}
        ~Pool() { over = true; one.join(); used = 9; }
    }; }
    static void begin() { static Pool pool; (void)pool; }";

const ENDS: &str = "TWINPLUG_POOL";

/// Not a test of its own: what the child process does, which ends with the pool in it.
#[test]
fn child() {
    let Some(path) = std::env::var_os(ENDS) else { return };
    let host = Host::builder().build().unwrap();
    let plugin = host.load(path).unwrap();
    plugin.call("Begin", ()).unwrap();
    host.unload(plugin).unwrap();
    assert_eq!(host.images()[0].state, ImageState::Kept(RUNS.to_owned()));
    drop(host);
    std::process::exit(0);
}

#[test]
fn a_thread_that_is_waited_for_when_the_process_ends() {
    let shop = Shop::new();
    let path = shop.compile_cpp("libp.so", &text(&shop, 1, "TP_UNLOAD", POOL));
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "reloads::threads::child"])
        .env(ENDS, path)
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
}

#[test]
fn a_standard_thread_of_cpp() {
    for (unload, says) in [(false, "\"\""), (true, "TP_UNLOAD")] {
        check(unload, |shop, load| {
            shop.compile_cpp("libp.so", &text(shop, load, says, STANDARD));
        });
    }
    // The system would keep it in any case.
    check(false, |shop, load| {
        shop.compile_cpp("libp.so", &text(shop, load, "\"\"", DESTROYS));
    });
}
