//! `test`: runs tests of plugins, which are written in Lua, for plugins of either kind. Each runs in
//! a host of its own: with the plugin and the test's script loaded anew, functions that can be
//! mocked, and channels that hold what is sent.
//!
//! It runs one after the other, and stops at none.

mod find;
mod session;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use twinplug::{Error, HostBuilder};

use crate::colour;
use crate::company::Company;
use crate::excerpt;
use crate::failure::Failure;
use crate::granting::Granting;
use crate::locking::Locking;
use crate::output;
use crate::source;
use crate::witness::Witness;
use find::{Finder, TestFile};
use session::{Session, Setting};

/// A test that takes longer is told with its time.
const SLOW: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Plugins whose tests are run, source folders of native ones, folders of them, or `*_test.lua`
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run the tests for this plugin, and not for the one that lies beside them
    #[arg(long, value_name = "PATH")]
    plugin: Option<PathBuf>,
    /// Run the tests alone whose name has this in it
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    #[command(flatten)]
    company: Company,
    #[command(flatten)]
    granting: Granting,
}

impl Arguments {
    /// What is tested, and what is loaded with it.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        let tested = self.paths.iter().chain(&self.plugin).map(PathBuf::as_path);
        tested.chain(self.company.paths()).collect()
    }
}

/// How many tests there were.
#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    /// Left out by the filter.
    skipped: usize,
}

pub(crate) fn run(
    arguments: Arguments,
    builder: HostBuilder,
    locking: &Locking,
    deadline: Option<Duration>,
) -> Result<ExitCode, Failure> {
    let Arguments { paths, plugin, filter, company, granting } = arguments;
    let builder = granting.grant(builder);
    let mut files = Vec::new();
    let finder = Finder::new(&builder, locking, plugin.as_deref())?;
    for path in &paths {
        files.extend(finder.tests(path)?);
    }
    let company = company.ready(locking)?;
    let mut plugins = files.iter().flat_map(|file| &file.plugin);
    let mut witness = match company.has_native() || plugins.any(|plugin| source::is_native(plugin))
    {
        true => Witness::called(),
        false => Witness::Spared,
    };
    let permissions = granting.permissions();
    let setting = Setting { builder, company, permissions, deadline };
    let mut count = Count::default();
    for file in files {
        output::line(&file.path.display().to_string())?;
        test(&file, &setting, filter.as_deref(), (&mut count, &mut witness))?;
    }
    if let (0, 0, 1.., Some(filter)) = (count.passed, count.failed, count.skipped, &filter) {
        let message =
            format!("no test has `{filter}` in its name: all {} are left out", count.skipped);
        return Err(Failure::Unmet(message));
    }
    let style = if count.failed > 0 { colour::BAD } else { colour::GOOD };
    output::headed(style, &count.text(), "")?;
    Ok(ExitCode::from(u8::from(count.failed > 0)))
}

/// Runs the tests of a file.
fn test(
    file: &TestFile,
    setting: &Setting,
    filter: Option<&str>,
    (count, witness): (&mut Count, &mut Witness),
) -> Result<(), Failure> {
    let plugin = match &file.plugin {
        Ok(plugin) => plugin,
        Err(why) => {
            count.failed += 1;
            tell_failed("its plugin cannot be built")?;
            return Ok(output::line(&format!("    {why}"))?);
        }
    };
    let tested = Tested { file, plugin, setting };
    let names = match tested.names(witness) {
        Ok(names) if names.is_empty() => {
            count.failed += 1;
            return Ok(tell_failed("there is no function `test_..` in it")?);
        }
        Ok(names) => names,
        Err(failed) => {
            count.failed += 1;
            tell_failed("it cannot be loaded")?;
            return Ok(failed.tell(file, "")?);
        }
    };
    for name in names {
        match filter.is_some_and(|filter| !name.contains(filter)) {
            true => count.skipped += 1,
            false => tested.run(&name, count, witness)?,
        }
    }
    Ok(())
}

/// A file with tests, and the plugin that they are for.
struct Tested<'t> {
    file: &'t TestFile,
    plugin: &'t Path,
    setting: &'t Setting,
}

impl Tested<'_> {
    fn open(&self) -> Result<Session, Failed> {
        Session::open(self.file, self.plugin, self.setting)
    }

    fn names(&self, witness: &mut Witness) -> Result<Vec<String>, Failed> {
        let what = format!("`{}`, before its first test", self.file.path.display());
        witness.during(&what, || Ok(self.open()?.tests(self.file)))
    }

    /// Runs one test, and tells how it has ended.
    fn run(&self, name: &str, count: &mut Count, witness: &mut Witness) -> io::Result<()> {
        let begun = Instant::now();
        let what = format!("`{name}` of `{}`", self.file.path.display());
        let ran = witness.during(&what, || self.open()?.run(name));
        let time = begun.elapsed();
        let slow = (time > SLOW).then(|| format!(" ({} ms)", time.as_millis()));
        let slow = slow.unwrap_or_default();
        match ran {
            Ok(()) => {
                count.passed += 1;
                output::headed(colour::GOOD, "  ok", &format!("      {name}{slow}"))
            }
            Err(failed) => {
                count.failed += 1;
                tell_failed(&format!("{name}{slow}"))?;
                failed.tell(self.file, name)
            }
        }
    }
}

/// Tells that something has failed.
fn tell_failed(what: &str) -> io::Result<()> {
    output::headed(colour::BAD, "  FAILED", &format!("  {what}"))
}

/// A test that has failed, or a file that cannot be loaded.
struct Failed {
    error: Error,
    /// What plugins have printed by then.
    printed: String,
}

impl Failed {
    /// Tells what was wrong: where, and what the test and the plugins said.
    fn tell(&self, file: &TestFile, test: &str) -> io::Result<()> {
        let text = self.error.to_string();
        let plugin = self.error.plugin().unwrap_or_default();
        let before = format!("plugin `{plugin}`: `{test}`: ");
        let text = text.strip_prefix(&before).unwrap_or(&text);
        let text = text.replace(&file.in_session(), &file.path.display().to_string());
        // Those of the comparison itself say nothing.
        let is_own = |line: &&str| {
            !line.starts_with("[C]: in function 'error'")
                && !line.starts_with(&format!("{}.lua:", session::MODULE))
        };
        let traceback = self.error.traceback().unwrap_or_default();
        let traceback: Vec<&str> = traceback.lines().filter(is_own).collect();
        // One line says no more than the text does.
        let traceback = if traceback.len() > 1 { &traceback[..] } else { &[] };
        text.lines().try_for_each(|line| output::line(&format!("    {line}")))?;
        if let [line, marks] = &self.excerpt(file)[..] {
            output::line(&format!("    {line}"))?;
            output::headed(colour::BAD, &format!("    {marks}"), "")?;
        }
        traceback.iter().try_for_each(|line| output::line(&format!("    {line}")))?;
        self.printed.lines().try_for_each(|line| output::line(&format!("    | {line}")))
    }

    /// The line that it failed in: of the test, or of a plugin.
    fn excerpt(&self, file: &TestFile) -> Vec<String> {
        match self.error.location() {
            Some((path, line)) if path == Path::new(&file.in_session()) => {
                excerpt::excerpt_of(&file.path, line, &self.error.to_string())
            }
            _ => excerpt::excerpt(&self.error),
        }
    }
}

impl Count {
    fn text(&self) -> String {
        let Count { passed, failed, skipped } = self;
        let skipped = (*skipped > 0).then(|| format!(", {skipped} left out"));
        format!("{passed} passed, {failed} failed{}", skipped.unwrap_or_default())
    }
}
