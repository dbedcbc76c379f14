//! The plugin by hand that the docs of `twinplug_sdk::export` show is the one that the
//! macro writes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[allow(unreachable_pub, reason = "in a plugin it is at the root")]
#[path = "by_hand/plugin.rs"]
mod by_hand;

use std::ffi::CStr;

use twinplug_abi::{Export, Plugin, SectionHead};
use twinplug_sdk::prelude::*;
use twinplug_sdk::testing::Host;

#[plugin(name = "counter", version = "1.2.0", unload = true)]
mod by_macro {
    use twinplug_sdk::prelude::*;

    #[var(name = "Count")]
    static COUNT: Var<i64> = Var::new(0);

    #[init]
    fn init() {
        COUNT.set(1);
    }

    #[func]
    fn add(by: i64) -> Result<i64> {
        if by < 0 {
            return Err(Error::new("cannot count down"));
        }
        Ok(COUNT.update(|count| *count += by))
    }

    #[func]
    fn tell(host: &HostRef, name: &str, times: Option<i64>) -> Result<String> {
        host.call("tell", (format!("{name}: {}", COUNT.get() * times.unwrap_or(1)),))
    }

    #[on_save]
    fn save() -> i64 {
        COUNT.get()
    }
}

/// All of a table that can be looked at, as text.
fn shown(table: &'static Plugin) -> String {
    let mut text =
        format!("{} {} {} {}\n", table.size, table.abi_major, table.abi_minor, table.export_size);
    let hooks = [
        table.init,
        table.on_load,
        table.on_save,
        table.on_restore,
        table.on_pause,
        table.on_resume,
        table.on_unload,
    ];
    text += &format!("{:?}\n", hooks.map(|hook| hook.is_some()));
    // SAFETY: the SDK made the table: texts are terminated, there are as many exports as
    // it says, and the section starts with its head, after which there is as much JSON.
    unsafe {
        let terminated = |text| CStr::from_ptr(text).to_str().unwrap();
        text += &format!("{} {}\n", terminated(table.name), terminated(table.version));
        for index in 0..table.export_count as usize {
            let Export { name, kind, symbol, flags, data, call, get, set, direct } =
                &*table.exports.add(index);
            let there = [call.is_some(), get.is_some(), set.is_some(), direct.is_some()];
            let (name, kind, data) = (terminated(*name), terminated(*kind), !data.is_null());
            text += &format!("{name} {kind} {symbol} {flags} {data} {there:?}\n");
        }
        let head = &*table.section.cast::<SectionHead>();
        let json = table.section.cast::<u8>().add(size_of::<SectionHead>());
        let json = std::slice::from_raw_parts(json, head.length as usize);
        text += std::str::from_utf8(json).unwrap();
    }
    text
}

#[test]
fn the_tables_are_the_same() {
    let by_hand = shown(by_hand::twinplug_plugin.as_raw());
    assert_eq!(by_hand, shown(by_macro::twinplug_plugin.as_raw()));
    assert!(by_hand.ends_with(concat!(
        r#"{"name":"counter","version":"1.2.0","exports":["#,
        r#"{"name":"Count","symbol":"var","type":"int"},"#,
        r#"{"name":"add","symbol":"func","type":"(by: int) -> int"},"#,
        r#"{"name":"tell","symbol":"func","type":"(name: string, times: int?) -> string"}"#,
        r#"],"unload":true}"#
    )));
}

#[test]
fn they_do_the_same() {
    for table in [&by_hand::twinplug_plugin, &by_macro::twinplug_plugin] {
        let host = Host::new().function("tell", |text: String| text.to_uppercase());
        let plugin = host.load(table).unwrap();
        assert_eq!(plugin.call_direct::<i64>("add", (2i64,)).unwrap(), 3);
        assert_eq!(plugin.call::<String>("tell", ("it is", 2)).unwrap(), "IT IS: 6");
        let error = plugin.call_both::<i64>("add", (-1i64,)).unwrap_err();
        assert_eq!(error.to_string(), "cannot count down");
        assert_eq!(plugin.on_save::<i64>().unwrap(), 3);
    }
}
