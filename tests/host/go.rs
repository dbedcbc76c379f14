//! A process holds one Go runtime, unless the host allows more. Each test runs alone, in a
//! process of its own.

use std::path::Path;

#[cfg(feature = "_lua")]
use twinplug::LimitSignal;
use twinplug::{ErrorKind, Host, HostBuilder, Value};

use crate::languages::{GO, alone, run};
use crate::shop::Shop;
use crate::twins::Twin;

/// Makes of each function a test that runs alone.
macro_rules! alone {
    ($($test:ident)*) => {
        mod process {$(
            #[test]
            fn $test() {
                run_alone(concat!(module_path!(), "::", stringify!($test)), super::$test);
            }
        )*
            use super::run_alone;
        }
    };
}

alone! {
    the_first_runtime_is_accepted_and_a_second_refused
    the_same_file_is_refused_after_it_was_unloaded
    another_host_of_the_process_is_refused
    a_host_may_allow_several
    a_load_that_maps_nothing_does_not_count
    a_runtime_that_a_needed_library_brings_counts
    scripts_are_stopped_beside_a_runtime
}

fn run_alone(name: &str, test: fn(&Twin)) {
    run(&GO, name, test);
}

/// A host as any program has it.
fn host() -> Host {
    builder().build().unwrap()
}

fn builder() -> HostBuilder {
    Host::builder().output(|_, _| {})
}

#[track_caller]
fn check_refused(host: &Host, path: &Path, first: (&str, &Path)) {
    let error = host.load(path).unwrap_err();
    let expected = format!(
        "cannot load `{}`: it brings a Go runtime, and this process holds one already, of `{}` \
         from `{}`: Go supports one in a process and unloads none; {}, or take the risk with \
         `HostBuilder::allow_several_go_runtimes`",
        path.display(),
        first.0,
        first.1.display(),
        if first.1 == path {
            "start the program anew to run what is there now (the command: end it, and run it again)"
        } else {
            "load it in a process of its own"
        }
    );
    assert_eq!((error.to_string(), error.kind()), (expected, ErrorKind::Refused));
}

fn the_first_runtime_is_accepted_and_a_second_refused(twin: &Twin) {
    let host = host();
    let first = host.load(&twin.probe).unwrap();
    check_refused(&host, &twin.testplugin, ("probe", &twin.probe));
    assert_eq!(first.call("Add", (2, 3)).unwrap(), Value::Int(5));
    // Others are none of Go's.
    host.load(&crate::twins::RUST.testplugin).unwrap();
    assert_eq!(host.plugins().len(), 2);
}

fn the_same_file_is_refused_after_it_was_unloaded(twin: &Twin) {
    let host = host();
    let plugin = host.load(&twin.probe).unwrap();
    host.unload(plugin).unwrap();
    check_refused(&host, &twin.probe, ("probe", &twin.probe));
}

fn another_host_of_the_process_is_refused(twin: &Twin) {
    host().load(&twin.probe).unwrap();
    check_refused(&host(), &twin.testplugin, ("probe", &twin.probe));
}

fn a_host_may_allow_several(twin: &Twin) {
    let host = builder().allow_several_go_runtimes().build().unwrap();
    let first = host.load(&twin.probe).unwrap();
    let second = host.load(&twin.testplugin).unwrap();
    assert_eq!(first.call("Add", (2, 3)).unwrap(), Value::Int(5));
    assert_eq!(second.call("Hello", ()).unwrap(), Value::from("Hello, number 0"));
    host.unload(first).unwrap();
    let again = host.load(&twin.probe).unwrap();
    assert_eq!(again.call("Add", (2, 4)).unwrap(), Value::Int(6));
    // What one host allows, it allows itself alone.
    check_refused(&self::host(), &twin.testplugin, ("probe", &twin.probe));
}

/// A plugin whose needed library brings the runtime; `undefined` also needs a symbol that
/// is nowhere, so that the system maps nothing.
fn needing(shop: &Shop, name: &str, more: &str) -> std::path::PathBuf {
    let text = format!(
        "#include \"twinplug.h\"\n{more}\n\
         static const tp_export exports[] = {{TP_EXPORT_FUNC(\"F\", \"()\", f)}};\n\
         TP_PLUGIN(\"{name}\", \"1.0.0\", exports, NULL);"
    );
    let folder = format!("-L{}", shop.folder.path().display());
    let flags = ["-shared", &folder, "-Wl,--no-as-needed", "-lruntime", "-Wl,-rpath,$ORIGIN"];
    // The linker takes libraries for what stands in front of them.
    shop.compile(&format!("lib{name}.so"), &text, &flags)
}

const FINE: &str = "static tp_status f(tp_call *call) { (void)call; return TP_OK; }";

fn a_load_that_maps_nothing_does_not_count(twin: &Twin) {
    let shop = Shop::new();
    std::fs::copy(&twin.testplugin, shop.folder.path().join("libruntime.so")).unwrap();
    let nowhere = "tp_status nowhere(tp_call *call);\n\
                   static tp_status f(tp_call *call) { return nowhere(call); }";
    let path = needing(&shop, "unbound", nowhere);
    let host = host();
    let error = host.load(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Load);
    assert!(
        error.to_string().contains("undefined symbol: nowhere: define it, or link the library"),
        "{error}"
    );
    host.load(&twin.probe).unwrap();
}

fn a_runtime_that_a_needed_library_brings_counts(twin: &Twin) {
    let shop = Shop::new();
    std::fs::copy(&twin.testplugin, shop.folder.path().join("libruntime.so")).unwrap();
    let (one, two) = (needing(&shop, "one", FINE), needing(&shop, "two", FINE));
    let host = host();
    host.load(&one).unwrap().call("F", ()).unwrap();
    // The same library is mapped once.
    host.load(&two).unwrap().call("F", ()).unwrap();
    check_refused(&host, &twin.probe, ("one", &one));
}

/// Also by the signal that the runtime uses itself.
fn scripts_are_stopped_beside_a_runtime(twin: &Twin) {
    #[cfg(feature = "_lua")]
    for signal in [LimitSignal::Automatic, LimitSignal::Number(libc::SIGURG)] {
        use crate::limits::{SPIN, call, check_time, load};
        let builder = crate::limits::builder().limit_signal(signal).allow_several_go_runtimes();
        let host = builder.build().unwrap();
        let spin = load(&host, "spin", SPIN);
        check_time(&call(&spin, "Spin"));
        let plugin = host.load(&twin.probe).unwrap();
        for _ in 0..3 {
            check_time(&call(&spin, "Spin"));
            assert_eq!(plugin.call("Add", (2, 3)).unwrap(), Value::Int(5));
        }
    }
    #[cfg(not(feature = "_lua"))]
    host().load(&twin.probe).unwrap();
}

#[test]
fn a_test_that_runs_alone_fails_with_what_it_said() {
    let name = concat!(module_path!(), "::a_test_that_runs_alone_fails_with_what_it_said");
    let failed = std::panic::catch_unwind(|| alone(name, || panic!("here it went wrong")));
    let text = failed.unwrap_err();
    // In the process of its own it is the panic itself.
    let text = text
        .downcast::<String>()
        .map_or_else(|other| std::panic::resume_unwind(other), |text| *text);
    assert!(text.contains("here it went wrong"), "{text}");
}
