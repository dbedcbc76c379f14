//! hot-lib-reloader: from a save to the first look that finds the new library. It watches a
//! folder, copies the library and loads the copy; whoever uses it calls `update`. The library is one
//! that both sides can load.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hot_lib_reloader::LibReloader;
use tempfile::TempDir;
use twinplug::{Host, PluginRef};

use crate::Rows;
use crate::measure::median;

/// Both sides are saved in turn, so often.
const SAVES: usize = 12;

/// What theirs waits for after a change; it is its own, unless set.
const ITS_OWN: Option<Duration> = None;

pub(crate) fn measure(rows: &mut Rows) {
    rows.row("native_edit", "hot-lib-reloader", |_| {
        let library = fs::read(crate::build("benches/plugins/counter")).unwrap();
        let (ours, mut theirs) = (Ours::new(&library), Theirs::new(&library));
        let content = |number: usize| [&library[..], &number.to_le_bytes()].concat();
        let pairs: Vec<_> = (1..=SAVES)
            .map(|number| (ours.save(&content(number)), theirs.save(&content(number))))
            .collect();
        let (ours, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        (median(ours), median(theirs))
    });
}

struct Ours {
    plugin: PluginRef,
    _host: Host,
    _folder: TempDir,
}

struct Theirs {
    reloader: LibReloader,
    path: PathBuf,
    _folder: TempDir,
}

impl Ours {
    fn new(library: &[u8]) -> Ours {
        let (folder, path) = shelf(library);
        let host = Host::builder().build().unwrap();
        let plugin = host.load(path).unwrap();
        host.watch(folder.path()).unwrap();
        Ours { plugin, _host: host, _folder: folder }
    }

    /// In nanoseconds.
    fn save(&self, content: &[u8]) -> f64 {
        let serving = self.plugin.status().generation;
        saved(&self.plugin.path(), content, || self.plugin.status().generation > serving)
    }
}

impl Theirs {
    fn new(library: &[u8]) -> Theirs {
        let (folder, path) = shelf(library);
        let reloader = LibReloader::new(folder.path(), "edited", ITS_OWN, None).unwrap();
        Theirs { reloader, path, _folder: folder }
    }

    fn save(&mut self, content: &[u8]) -> f64 {
        saved(&self.path, content, || self.reloader.update().unwrap())
    }
}

/// A folder with the library in it.
fn shelf(library: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!(
        "{}edited{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    ));
    fs::write(&path, library).unwrap();
    (folder, path)
}

fn saved(path: &Path, content: &[u8], mut is_live: impl FnMut() -> bool) -> f64 {
    let begun = Instant::now();
    fs::write(path, content).unwrap();
    while !is_live() {
        std::hint::spin_loop();
    }
    begun.elapsed().as_secs_f64() * 1e9
}
