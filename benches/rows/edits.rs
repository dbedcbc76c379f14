//! From a save to the first call that runs what was saved.

use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use twinplug::{EventKind, Host, PluginRef};

use crate::measure::Effort;
use crate::report::{Report, Row};

/// So often something is saved; in a quick look less.
const SAVES: usize = 300;
const QUICK_SAVES: usize = 60;

pub(crate) fn measure(report: &mut Report, effort: Effort) {
    let saves = if effort.is_full() { SAVES } else { QUICK_SAVES };
    #[cfg(feature = "_lua")]
    if report.wants("lua_edit") {
        row(report, "lua_edit", &scripts(saves), Duration::from_millis(1));
    }
    #[cfg(feature = "native")]
    if report.wants("native_edit") {
        row(report, "native_edit", &libraries(saves), Duration::from_millis(3));
    }
}

fn row(report: &mut Report, name: &'static str, times: &[Duration], limit: Duration) {
    let mut times = times.to_vec();
    times.sort();
    let at = |part: f64| times[(times.len() as f64 * part) as usize].as_secs_f64() * 1e9;
    report.add(Row::limit(name, at(0.5), limit.as_secs_f64() * 1e9));
    println!("{name}: the slowest of a hundred {:.2} ms", at(0.99) / 1e6);
}

/// A plugin's file in a folder that is watched.
struct Edited {
    host: Host,
    plugin: PluginRef,
    _folder: TempDir,
}

impl Edited {
    fn new(name: &str, content: &[u8]) -> Edited {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let host = Host::builder().kept_images(usize::MAX).build().unwrap();
        let plugin = host.load(&path).unwrap();
        host.watch(folder.path()).unwrap();
        Edited { host, plugin, _folder: folder }
    }

    /// Saves, and waits until that is so.
    fn save(&self, content: &[u8], is_live: impl Fn() -> bool) -> Duration {
        let path = self.plugin.path();
        let begun = Instant::now();
        fs::write(path, content).unwrap();
        while !is_live() {
            std::hint::spin_loop();
        }
        begun.elapsed()
    }
}

#[cfg(feature = "_lua")]
fn scripts(saves: usize) -> Vec<Duration> {
    let text = |load: usize| {
        format!(
            "local S = host.state {{ calls = 0 }}\nScore = 0\nfunction Load() return {load} end\n"
        )
    };
    let edited = Edited::new("edited.lua", text(0).as_bytes());
    let load = edited.plugin.func::<(), usize>("Load").unwrap();
    let save =
        |number: usize| edited.save(text(number).as_bytes(), || load.call(()).unwrap() == number);
    (1..=saves).map(save).collect()
}

/// The same library, with a byte behind it that makes it another file.
#[cfg(feature = "native")]
fn libraries(saves: usize) -> Vec<Duration> {
    let library = fs::read(crate::native::build("counter")).unwrap();
    let name = format!("{}edited{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let edited = Edited::new(&name, &library);
    let events = edited.host.events();
    let save = |number: usize| {
        let content = [&library[..], &number.to_le_bytes()].concat();
        let serving = edited.plugin.status().generation;
        let time = edited.save(&content, || edited.plugin.status().generation > serving);
        let told = [(); 2].map(|()| events.recv().unwrap().kind);
        assert_eq!(told, [EventKind::Reloaded, EventKind::Retired]);
        time
    };
    (1..=saves).map(save).collect()
}
