//! The edit loop: `cargo run --example hot_edit`, then edit `lua-plugins/testplugin.lua` and look.
//!
//! It calls `Hello` once a second, and tells what becomes of edits in between. Save a mistake: the code before it goes on.

#![allow(clippy::print_stdout, reason = "a program, as its user writes it")]

use std::path::Path;
use std::time::{Duration, Instant};

use twinplug::Host;

fn main() -> twinplug::Result<()> {
    let plugins = Path::new("lua-plugins");
    let host = Host::builder().channel::<twinplug::Value>("data", 0).build()?;
    host.load_dir(plugins)?.all()?;
    host.watch(plugins)?;

    let hello = host.plugin("testplugin")?.func::<(), String>("Hello")?;
    let events = host.events();
    loop {
        match hello.call(()) {
            Ok(text) => println!("{text}"),
            Err(error) => println!("{error}"),
        }
        let next = Instant::now() + Duration::from_secs(1);
        while let Some(left) = next.checked_duration_since(Instant::now()) {
            let Some(event) = events.recv_timeout(left) else { break };
            println!("{} {} {}", event.kind, event.plugin, event.version);
            event.notes.iter().for_each(|note| println!("  {note}"));
            event.error.iter().for_each(|error| println!("  {error}"));
        }
    }
}
