//! One test's host: the script with the test, the plugin that it tests, and what both print.

use std::error::Error as StdError;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use twinplug::{Error, Export, ExportType, Host, HostBuilder, PluginRef, Symbol};

use super::Failed;
use super::find::{TestFile, script};
use crate::company::{Company, Ready};
use crate::failure::Failure;
use crate::source::TESTS;

/// What scripts with tests have beside what others have.
const PRELUDE: &str = include_str!("prelude.lua");

/// The module that it is.
pub(super) const MODULE: &str = "twinplug_test";

/// The function of the host by which the prelude has the plugin loaded.
const LOAD: &str = "twinplug.plugin";

/// So many scripts beside a test are there for its `require`.
const MOST_MODULES: usize = 1000;

/// Folders of what builds leave.
const LEFT_BY_BUILDS: [&str; 2] = ["target", "zig-out"];

/// What holds for all tests.
pub(super) struct Setting {
    pub(super) builder: HostBuilder,
    pub(super) company: Ready,
    /// What the scripts with tests ask for.
    pub(super) permissions: Vec<String>,
    /// How long a test may take, waits included.
    pub(super) deadline: Option<Duration>,
}

pub(super) struct Session {
    host: Arc<Host>,
    script: PluginRef,
    printed: Printed,
    deadline: Option<Duration>,
}

/// The plugin that a session tests, and the host that it is loaded into.
#[derive(Default)]
struct Tested {
    host: OnceLock<Weak<Host>>,
    /// Once it is loaded.
    name: OnceLock<String>,
}

/// What plugins print.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<String>>);

impl Session {
    /// A host with the script loaded. The plugin is loaded once the script uses it, so that
    /// functions can be mocked before.
    pub(super) fn open(
        file: &TestFile,
        plugin: &Path,
        setting: &Setting,
    ) -> Result<Session, Failed> {
        let printed = Printed::default();
        let failed = |error: Error| Failed { error, printed: printed.take() };
        let host = host(plugin, setting, printed.clone()).map_err(failed)?;
        let script = load(file, setting, &host).map_err(failed)?;
        Ok(Session { host, script, printed, deadline: setting.deadline })
    }

    /// The names of the tests, in the order in which the script has them.
    pub(super) fn tests(&self, file: &TestFile) -> Vec<String> {
        let text = String::from_utf8_lossy(&file.text);
        let is_test = |export: &&Export| {
            export.name.starts_with("test_") && matches!(export.ty, ExportType::Func(_))
        };
        let exports = self.script.descriptor();
        let mut names: Vec<String> =
            exports.exports.iter().filter(is_test).map(|export| export.name.clone()).collect();
        names.sort_by_key(|name| place(&text, name));
        names
    }

    pub(super) fn run(self, test: &str) -> Result<(), Failed> {
        let function = self.script.lookup(test).and_then(Symbol::into_dynamic);
        let ran = function.and_then(|function| match self.deadline {
            Some(deadline) => function.call_within(deadline, &[]),
            None => function.call(&[]),
        });
        let left = Company::leave(&self.host);
        let failed = |error: Error| Failed { error, printed: self.printed.take() };
        ran.map_err(failed)?;
        match left {
            Err(Failure::Plugin(error)) => Err(failed(error)),
            _ => Ok(()),
        }
    }
}

/// Where a script says a name first.
fn place(text: &str, name: &str) -> usize {
    let ends = |at: &(usize, &str)| {
        let after = text[at.0 + name.len()..].chars().next();
        !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    };
    text.match_indices(name).find(ends).map_or(usize::MAX, |(at, _)| at)
}

fn host(plugin: &Path, setting: &Setting, printed: Printed) -> Result<Arc<Host>, Error> {
    let tested = Arc::<Tested>::default();
    let (reached, plugin, company) =
        (Arc::clone(&tested), plugin.to_owned(), setting.company.clone());
    let builder = setting.builder.clone().mockable().fake_channels();
    // Each test has the plugin anew, whatever it is made of.
    let builder = builder.allow_several_go_runtimes();
    let builder = builder.output(move |_, text| printed.add(text));
    let load = move || plugin_of(&reached, &company, &plugin);
    // Where it is called, in a metamethod, Luau cannot wait: what the plugin does as it is loaded
    // cannot either, then.
    let builder = match cfg!(any(feature = "luau", feature = "luau-jit")) {
        true => builder.function(LOAD, load),
        false => builder.blocking_function(LOAD, load),
    };
    let host = Arc::new(builder.build()?);
    // It was made just now.
    let _ = tested.host.set(Arc::downgrade(&host));
    Ok(host)
}

/// The plugin's name; it is loaded the first time.
fn plugin_of(
    tested: &Tested,
    company: &Ready,
    path: &Path,
) -> Result<String, Box<dyn StdError + Send + Sync>> {
    if let Some(name) = tested.name.get() {
        return Ok(name.clone());
    }
    let host = tested.host.get().and_then(Weak::upgrade).ok_or("the test is over")?;
    match company.load_around(&host, path) {
        Ok(plugin) => Ok(tested.name.get_or_init(|| plugin.name().to_owned()).clone()),
        Err(Failure::Plugin(error)) => Err(error.into()),
        Err(failure) => Err(failure.to_string().into()),
    }
}

/// Loads the script with what lies beside it, for its `require`.
fn load(file: &TestFile, setting: &Setting, host: &Host) -> Result<PluginRef, Error> {
    let name = file.name();
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let mut files = Vec::new();
    add_modules(folder, "", &mut files);
    files.push((format!("{MODULE}.lua"), PRELUDE.into()));
    // Before the script's own first line, and on it.
    let script = [format!("require '{MODULE}' ").as_bytes(), &file.text].concat();
    files.push((name.clone(), script));
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let permissions: Vec<String> = setting.permissions.iter().map(|it| quoted(it)).collect();
    let manifest =
        format!("entry = {}\npermissions = [{}]\n", quoted(&name), permissions.join(", "));
    files.push(("plugin.toml".to_owned(), manifest.into_bytes()));
    host.load_files(&file.stem(), files)
}

/// The scripts in a folder and those in it, by their paths, as the plugin itself would find them. One
/// that cannot be read is missing for whoever requires it.
fn add_modules(folder: &Path, before: &str, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{before}{name}");
        let is_module = name.ends_with(".lua") && !name.ends_with(TESTS);
        // No link: it may lead to a folder that it is in.
        let is_folder = entry.file_type().is_ok_and(|found| found.is_dir());
        if files.len() >= MOST_MODULES {
            return;
        }
        if is_module && let Ok(text) = script(&entry.path()) {
            files.push((path, text));
        } else if is_folder && !name.starts_with('.') && !LEFT_BY_BUILDS.contains(&&*name) {
            add_modules(&entry.path(), &format!("{path}/"), files);
        }
    }
}

impl Printed {
    fn add(&self, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
    }

    fn take(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
