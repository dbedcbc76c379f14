//! What plugins write to the host's log.

use crate::reports::{Report, Reports};
use crate::twins::{Stage, Twin};
#[cfg(feature = "_lua")]
use crate::{lua::Desk, twins::message};

macro_rules! on_twins {
    ($($feature:literal $name:ident $twin:ident;)*) => {$(
        #[cfg(feature = $feature)]
        #[test]
        fn $name() {
            a_message_is_an_event_with_the_plugins_name(&crate::twins::$twin);
        }
    )*};
}
on_twins! {
    "_lua" a_message_of_a_script LUA;
    "_lua" a_message_of_an_annotated_script ANNOTATED;
    "native" a_message_in_rust RUST;
    "native" a_message_in_c C;
}

fn a_message_is_an_event_with_the_plugins_name(twin: &Twin) {
    let stage = Stage::new();
    let probe = stage.host.load(&twin.probe).unwrap();
    let reports = Reports::default();
    for level in ["error", "warn", "info", "debug", "trace"] {
        tracing::subscriber::with_default(reports.clone(), || {
            probe.call("Log", (level, "a {door} is open")).unwrap();
        });
        let expected = Report {
            level: level.to_uppercase(),
            target: "twinplug::plugin::log".into(),
            plugin: "probe".into(),
            text: "a {door} is open".into(),
        };
        assert_eq!(reports.taken(), [expected]);
    }
    assert_eq!(stage.printed(), "");
}

#[cfg(feature = "_lua")]
#[test]
fn values_are_written_as_print_does() {
    let desk = Desk::new();
    let text = "function Go()\n\
                host.log('a', nil, true, setmetatable({}, { __tostring = function() return 'T' end }))\n\
                host.log()\nhost.log.warn(7, 'x\\ny')\nend";
    let plugin = desk.load("says.lua", text).unwrap();
    let reports = Reports::default();
    tracing::subscriber::with_default(reports.clone(), || plugin.call("Go", ()).unwrap());
    let lines: Vec<_> = reports.taken().iter().map(Report::to_string).collect();
    assert_eq!(lines, ["INFO: a\tnil\ttrue\tT", "INFO: ", "WARN: 7\tx\ny"]);
}

#[cfg(feature = "_lua")]
#[test]
fn a_script_is_told_of_levels_that_do_not_exist() {
    let desk = Desk::new();
    let text = "function Level() host.log.wran('x') end\n\
                function Set() host.log.info = print end\n\
                function Text() host.log(setmetatable({}, { __tostring = function() return {} end })) end\n\
                function Has() return host.has('log'), host.has('log.warn'), host.has('log.wran') end";
    let plugin = desk.load("levels.lua", text).unwrap();
    assert_eq!(
        message(plugin.call("Level", ())),
        "plugin `levels`: `Level`: levels.lua:1: `host.log` has no `wran`; near: `warn`"
    );
    assert_eq!(
        message(plugin.call("Set", ())),
        "plugin `levels`: `Set`: levels.lua:2: cannot set `host.log.info`: the host table is read-only"
    );
    assert_eq!(
        message(plugin.call("Text", ())),
        "plugin `levels`: `Text`: levels.lua:3: '__tostring' must return a string"
    );
    let has = plugin.func::<(), (bool, bool, bool)>("Has").unwrap();
    assert_eq!(has.call(()).unwrap(), (true, true, false));
}

#[cfg(feature = "_lua")]
#[test]
fn a_message_in_the_body_has_the_name_of_the_path() {
    let desk = Desk::new();
    let reports = Reports::default();
    tracing::subscriber::with_default(reports.clone(), || {
        desk.load("early.lua", "host.log('hello') return { _NAME = 'late' }").unwrap();
    });
    let reports = reports.taken();
    assert_eq!((reports[0].plugin.as_str(), reports[0].text.as_str()), ("early", "hello"));
}
