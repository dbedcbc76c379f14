//! The programs that pages show a part of: that part stands here word for word.
//!
//! Each is run in a process of its own, in the page's folder: there its paths lead, and what it prints is
//! seen. `docs::scenes` says what has to come of it.

#![allow(clippy::print_stdout, dead_code, reason = "programs, as their users write them")]

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio, exit};
use std::time::Duration;

use twinplug::{Host, Limit, Result};

use crate::place::Place;

const SOURCE: &str = include_str!("programs.rs");

/// The variable that has the name of the program to run.
const PROGRAM: &str = "TWINPLUG_PROGRAM";

/// What the harness prints comes before.
const BEGIN: &str = "==== the program begins ====";

/// Whether one of them has these lines.
pub(crate) fn have(text: &str) -> bool {
    [4, 8].iter().any(|indent| {
        let indented = |line: &str| match line {
            "" => "\n".to_owned(),
            line => format!("{:indent$}{line}\n", ""),
        };
        SOURCE.contains(&text.lines().map(indented).collect::<String>())
    })
}

/// Begins a program in a page's folder.
pub(crate) fn begin(place: &Place, name: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["docs::programs::this_process_is_a_program", "--exact", "--nocapture"])
        .env(PROGRAM, name)
        .current_dir(&place.folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.ends_with(&format!("{BEGIN}\n")) {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "`{name}` does not begin");
    }
    (child, out)
}

/// The way into this binary for `begin`; nothing where nobody asks for a program.
#[test]
fn this_process_is_a_program() {
    let Ok(name) = env::var(PROGRAM) else { return };
    println!("{BEGIN}");
    let program = match name.as_str() {
        "drives_both" => drives_both,
        "greets" => greets,
        "tells_of_a_limit" => tells_of_a_limit,
        "emits" => emits,
        "watches" => watches,
        _ => panic!("no program `{name}`"),
    };
    if let Err(error) = program() {
        eprintln!("{error:?}");
        exit(1);
    }
    exit(0);
}

#[rustfmt::skip]
fn drives_both() -> Result<()> {
    use twinplug::{Host, data};

    #[data]
    #[derive(Clone)]
    struct PluginData { name: String, age: i64, tel: String }

    let host = Host::builder()
        .channel::<PluginData>("data", 0)               // capacity 0: send meets recv
        .function("scale", |x: f64, by: f64| x * by)    // plugins see host.scale(x, by)
        .build()?;

    for path in ["testplugin.lua", "target/plugins/libreadme.so"] {
        let plugin = host.load(path)?;                                      // either of the two
        plugin.var::<i64>("Value")?.set(7)?;
        plugin.func::<(), ()>("Plugin_fun")?.call(())?;                     // Value in plugin: 7
        plugin.var("Pd")?.set(PluginData { name: "PluginTest".into(), age: 11, tel: "1".into() })?;
        std::thread::spawn({ let plugin = plugin.clone(); move || plugin.call("ComplexType", ()) });
        println!("{}", host.channel::<PluginData>("data")?.recv()?.age);    // 44
        println!("{}", plugin.kind());
        host.unload(plugin)?;
    }
    Ok(())
}

#[rustfmt::skip]
fn greets() -> Result<()> {
    let host = Host::builder().build()?;
    let counter = host.load("counter")?;
    let hello = counter.func::<(&str,), String>("hello")?;       // types are checked here, once
    println!("{}", hello.call(("Ann",))?);                       // Hello, Ann!
    println!("{}", counter.var::<i64>("Count")?.get()?);         // 1
    Ok(())
}

#[rustfmt::skip]
fn tells_of_a_limit() -> Result<()> {
    let host = Host::builder().time_limit(Duration::from_millis(500)).memory_limit(64 << 20).build()?;
    let plugin = host.load("clock.lua")?;
    match plugin.call("Tick", ()) {
        Err(error) => match error.limit() {
            Some(Limit::Time(_)) => eprintln!("{error}\n{}", error.traceback().unwrap_or_default()),
            Some(Limit::Memory(_)) => host.unload(plugin)?,
            _ => return Err(error),
        },
        Ok(value) => println!("{value:?}"),
    }
    Ok(())
}

#[rustfmt::skip]
fn emits() -> Result<()> {
    let host = Host::builder().build()?;
    host.load("door.lua")?;
    for (plugin, answer) in host.emit("knock", ("Ann",)) {
        println!("{}: {}", plugin.name(), answer?.to::<String>()?);      // door: come in, Ann
    }
    // Who is nobody is not told any more.
    assert_eq!(host.emit("knock", ("nobody",)).len(), 1);
    assert!(host.emit("knock", ("Ann",)).is_empty());
    Ok(())
}

#[rustfmt::skip]
fn watches() -> Result<()> {
    let host = Host::builder().build()?;
    host.load_dir("plugins")?.all()?;
    host.watch("plugins")?;                                   // from here on edits are live
    for event in host.events() {
        println!("{} {}", event.kind, event.plugin);          // reloaded clock
    }
    Ok(())
}
