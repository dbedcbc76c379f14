//! The tutorial's program: the same lines drive a Lua plugin and a native one.
//!
//! Run it from the repository's root after `cargo run -- demo`, which builds the
//! native plugin.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program, as its user writes it")]

use twinplug::{Host, data};

#[data]
#[derive(Clone, Debug, Default, PartialEq)]
struct PluginData {
    name: String,
    age: i64,
    tel: String,
}

fn main() -> twinplug::Result<()> {
    let host = Host::builder()
        .channel::<PluginData>("data", 0) // capacity 0: send meets recv, as Go's make(chan T)
        .function("scale", |x: f64, by: f64| x * by) // plugins see host.scale(x, by)
        .build()?;

    for path in ["lua-plugins/testplugin.lua", "target/plugins/libtestplugin.so"] {
        let plugin = host.load(path)?;
        plugin.var::<i64>("Value")?.set(7)?;
        plugin.func::<(), ()>("Plugin_fun")?.call(())?;
        plugin.var("Pd")?.set(PluginData {
            name: "PluginTest".into(),
            age: 11,
            tel: "15396656998".into(),
        })?;

        let complex = plugin.func::<(), ()>("ComplexType")?;
        let worker = std::thread::spawn(move || complex.call(()));
        println!("{}", host.channel::<PluginData>("data")?.recv()?.age); // 44
        worker.join().unwrap()?;
        host.unload(plugin)?;
    }
    Ok(())
}
