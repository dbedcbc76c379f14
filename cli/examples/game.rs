//! A program with the whole command over its own functions, and a description of these for those who
//! write its plugins, and do not have the program.
//!
//! `cargo run -p twinplug-cli --example game -- call lua-plugins/testplugin.lua Hello` is this program's own
//! `twinplug call`; `.. -- describe > game.json` writes what `twinplug --host game.json` takes.

#![allow(clippy::print_stdout, reason = "a program may print")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, Ordering};

use twinplug::{Host, HostBuilder, data};

/// What plugins tell the game.
#[data]
#[derive(Clone)]
struct Event {
    name: String,
    points: i64,
}

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("describe") => describe(),
        _ => twinplug_cli::run(offer(), std::env::args_os()),
    }
}

/// What the game offers its plugins.
fn offer() -> HostBuilder {
    let spawned = AtomicI64::new(0);
    Host::builder()
        .function("scale", |x: f64, by: f64| x * by)
        .function("world.spawn", move |_: String| spawned.fetch_add(1, Ordering::Relaxed) + 1)
        .constant("world.WIDTH", 640)
        .channel::<Event>("events", 16)
}

fn describe() -> ExitCode {
    match offer().build() {
        Ok(host) => {
            print!("{}", host.describe().to_json());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
