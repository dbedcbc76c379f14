//! `demo`: the tutorial's program on every sample twin, side by side. A twin whose
//! compiler is not installed is skipped, with a line that says so.
//!
//! After a plugin's file is there, no line asks which kind it is: that is what the
//! demo is for.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, iter, thread};

use twinplug::{Channel, Func, Host, HostBuilder, data};

use crate::failure::Failure;
use crate::locking::Locking;
use crate::source;

/// What the host and its plugins share, as the tutorial has it.
#[data]
#[derive(Clone, Debug, Default, PartialEq)]
struct PluginData {
    name: String,
    age: i64,
    tel: String,
}

pub(crate) fn run(builder: HostBuilder, locking: &Locking) -> Result<ExitCode, Failure> {
    if locking.is_on() {
        let message = "`--locked` with `demo`, which builds what it loads: no lock file pins that";
        return Err(Failure::Usage(message.to_owned()));
    }
    let host = builder
        .channel::<PluginData>("data", 0)
        .function("scale", |x: f64, by: f64| x * by)
        .build()?;
    for twin in twins()? {
        let built = source::loadable(&twin, locking);
        writeln!(io::stdout(), "== {} ==", twin.display())?;
        match built {
            Ok(path) => drive(&host, &path)?,
            Err(Failure::Build(_, error)) if error.is_missing_tool() => {
                writeln!(io::stdout(), "skipped: {error}")?;
            }
            Err(failure) => return Err(failure),
        }
        writeln!(io::stdout())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The tutorial's program.
fn drive(host: &Host, path: &Path) -> Result<(), Failure> {
    let plugin = host.load(path)?;
    let (name, version, kind) = (plugin.name(), plugin.version(), plugin.kind());
    writeln!(io::stdout(), "{name} {version}, {kind}, from {}", plugin.path().display())?;

    plugin.var::<i64>("Value")?.set(7)?;
    plugin.func::<(), ()>("Plugin_fun")?.call(())?;
    plugin.var("Pd")?.set(PluginData {
        name: "PluginTest".into(),
        age: 11,
        tel: "15396656998".into(),
    })?;

    let complex = plugin.func::<(), ()>("ComplexType")?;
    let received = receive(complex, host.channel("data")?)?;
    writeln!(io::stdout(), "{}", received.age)?; // 44

    let hello = plugin.func::<(), String>("Hello")?;
    writeln!(io::stdout(), "{}", hello.call(())?)?;
    Ok(host.unload(plugin)?)
}

/// Calls the function on a thread, and meanwhile receives what it sends.
fn receive(func: Func<(), ()>, data: Channel<PluginData>) -> twinplug::Result<PluginData> {
    let sender = data.clone();
    let worker = thread::spawn(move || {
        // A call that failed sends nothing: waiting for it would have no end.
        func.call(()).inspect_err(|_| sender.close())
    });
    let received = data.recv();
    worker.join().expect("a call does not panic")?;
    received
}

/// The sample plugins of the checkout that this folder is: the script, then the
/// source folders of its native twins, by name.
fn twins() -> Result<Vec<PathBuf>, Failure> {
    let mut natives: Vec<_> = fs::read_dir("native-plugins")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && is_named_as_twin(path))
        .collect();
    natives.sort();
    let script = PathBuf::from("lua-plugins/testplugin.lua");
    if natives.is_empty() || !script.is_file() {
        return Err(Failure::Unmet(
            "no sample plugins here: looked for `lua-plugins/testplugin.lua` and \
             `native-plugins/testplugin*`; run it at the root of a checkout"
                .to_owned(),
        ));
    }
    Ok(iter::once(script).chain(natives).collect())
}

fn is_named_as_twin(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("testplugin"))
}
